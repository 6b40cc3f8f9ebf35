"""The proof of an integer program's answer: a tree of boxes, each leaf with multipliers.

Every inner node splits its box on an integer variable, ``x_j <= v`` or ``x_j >= v + 1``, so that
the leaves together hold every integral point. A leaf is closed by row multipliers y: with
``z = c - Aᵀy``, weak duality says that no feasible x in its box ``[l, u]`` costs less than

    bᵀy + Σ_j min(z_j l_j, z_j u_j),

or, with ``z = -Aᵀy`` (a Farkas ray), that none exists when this is positive. On the way down,
``z`` also excludes whole numbers that alone would cost more than the point to be proved. The rows
may include cutting planes, derived anew from their weights (:mod:`.cuts`). Nothing but the
problem's arrays, the splits, the multipliers and these weights enters.

References: Wolsey (2020), Integer Programming, sections 7.2 to 7.4; Cheung, Gleixner & Steffy
(2017), Verifying integer programming results.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ...core.status import Status
from ...core.tree import pytree
from ..certificate import (
    EPS,
    HEADROOM,
    LAST_DIGITS,
    ROUNDING,
    Evidence,
    LinearCertificate,
    largest_of,
)
from .cuts import Cuts, strengthened

OPTIMAL = "global minimum: feasible and integral, and every leaf of the tree has a bound no lower"
INFEASIBLE = "infeasible: in every leaf of the tree a combination of the constraints contradicts"
BOUNDED = "feasible and integral; the leaves of the tree bound the cost from below"
NOTHING = "no point: the leaves of the tree bound the cost from below"

WHOLE = 1e-6
"""Reduced costs must exclude a whole number by this share of a unit."""

NEAR = 1e-9
"""A bound of an integer variable this near to a whole number (relative) is that number."""


@dataclass(frozen=True, eq=False)
class Tree:
    """A tree of boxes, node 0 the whole program.

    Attributes
    ----------
    column : int array (nodes,)
        The variable that a node is split on; -1 at a leaf.
    value : float array (nodes,)
        Its first child has ``x_j <= value``, its second ``x_j >= value + 1``.
    children : int array (nodes, 2)
    weights : int array (nodes,)
        The row of ``y`` that bounds the cost in the node; -1 for none.
    y : float array (k, m)
        Multipliers of the problem's rows, equations first.
    ray : bool array (k,)
        Which of them are Farkas rays.
    cuts : Cuts
        How to derive inequalities that every integral point satisfies: further rows of ``y``.
    """

    column: np.ndarray
    value: np.ndarray
    children: np.ndarray
    weights: np.ndarray
    y: np.ndarray
    ray: np.ndarray
    cuts: Cuts = field(default_factory=Cuts)

    def __len__(self) -> int:
        return self.column.size

    @property
    def leaves(self) -> int:
        """How many leaves it has."""
        return int(np.sum(self.column < 0))

    def __repr__(self) -> str:
        return f"Tree({len(self)} nodes, {self.leaves} leaves)"


class Weights(NamedTuple):
    """Row multipliers with what they leave of the cost: ``bᵀy``, z, and the sizes of their terms.

    ``scale`` is what an entry of z is compared with where it has no bound to stand on.
    """

    base: float
    z: np.ndarray
    base_size: float
    size: np.ndarray
    scale: np.ndarray
    ray: bool


class Least(NamedTuple):
    """The least cost of a box (less its rounding), and what was left on missing bounds."""

    value: float
    loose: float


class Bounding:
    """Weak duality and reduced costs of one problem."""

    def __init__(self, problem: Any, tol: float) -> None:
        self.problem, self.tol, self.rows = problem, tol, problem.rows
        self.integer = problem.integer
        self.step = cost_step(problem)
        self.unit = min(1.0, self.rows.cost_size) * min(1.0, self.rows.x_size)

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """The problem's bounds, those of integer variables moved to whole numbers."""
        lower, upper = self.problem.lower, self.problem.upper
        low = np.ceil(lower - NEAR * np.maximum(1.0, np.abs(lower)))
        high = np.floor(upper + NEAR * np.maximum(1.0, np.abs(upper)))
        return np.where(self.integer, low, lower), np.where(self.integer, high, upper)

    def weigh(self, y: np.ndarray, ray: bool) -> Weights:
        """The multipliers with those of inequalities at most zero, whatever was given."""
        rows = self.rows
        y = y.copy()
        y[rows.equations :] = np.minimum(y[rows.equations :], 0.0)
        c = np.zeros(self.problem.n) if ray else self.problem.c
        size = np.abs(c) + rows.absolute.T @ np.abs(y)
        most = HEADROOM * (np.abs(c) + rows.cost_size)
        scale = np.abs(c) + min(1.0, rows.cost_size)
        scale = scale + np.minimum(ROUNDING / max(self.tol, EPS) * size, most)
        base, base_size = float(rows.b @ y), float(np.abs(rows.b) @ np.abs(y))
        return Weights(base, c - rows.A.T @ y, base_size, size, scale, ray)

    def least(self, weights: Weights, lower: np.ndarray, upper: np.ndarray) -> Least:
        """What weak duality says of a box; ``loose`` must be at most the tolerance to count."""
        z = weights.z
        at = np.where(z > 0, lower, np.where(z < 0, upper, 0.0))
        missing = np.isinf(at)
        at = np.where(missing, 0.0, at)
        value = weights.base + float(z @ at)
        value -= ROUNDING * (weights.base_size + float(weights.size @ np.abs(at)))
        if not missing.any():
            return Least(value, 0.0)
        if not weights.ray:
            return Least(value, largest_of(np.abs(z[missing]) / weights.scale[missing]))
        left = np.maximum(np.abs(z[missing]) - LAST_DIGITS * weights.size[missing], 0.0).sum()
        return Least(value, self.rows.x_size * left / value if value > 0.0 else np.inf)

    def rounded(self, bound: float, slack: float) -> float:
        """The least value that the cost of an integral point can have, from a bound below it."""
        if not self.step or not np.isfinite(bound):
            return bound
        return self.step * np.ceil((bound - slack) / self.step)

    def scale(self, cutoff: float) -> float:
        """What a gap below this cost is compared with."""
        return abs(cutoff) + self.unit

    def tightened(
        self, weights: Weights, least: float, lower: np.ndarray, upper: np.ndarray,
        cutoff: float, margin: float = WHOLE,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """The box without whole numbers whose reduced cost alone exceeds what may be spent."""
        spare = cutoff - least
        if not np.isfinite(spare):
            return lower, upper
        if self.step:
            spare -= self.step - self.tol * self.scale(cutoff)
        z = weights.z
        stands = np.isfinite(np.where(z > 0, lower, upper))
        moves = self.integer & stands & (np.abs(z) > self.tol * weights.scale)
        steps = np.floor(spare / np.where(moves, np.abs(z), 1.0) + margin)
        high = np.where(moves & (z > 0), np.minimum(upper, lower + steps), upper)
        low = np.where(moves & (z < 0), np.maximum(lower, upper - steps), lower)
        return low, high


def cost_step(problem: Any) -> float:
    """The number of which every integral point's cost is a multiple; 0 when none is known."""
    priced = problem.c != 0.0
    whole = np.rint(problem.c)
    if (priced & ~problem.integer).any() or (whole != problem.c).any():
        return 0.0
    if largest_of(np.abs(whole)) > 2.0**53:
        return 0.0
    return float(np.gcd.reduce(np.abs(whole).astype(np.int64), initial=0))


# ------------------------------------------------------------------ the certificate


@pytree
class TreeCertificate(LinearCertificate):
    """A certificate whose evidence is a :class:`Tree`.

    Residuals: ``rows``, ``bounds`` and ``integrality`` of the point; ``gap``, how far the lowest
    leaf lies below its cost; ``dual`` and ``rays``, what the multipliers of the leaves leave on
    variables without a bound. ``details`` has ``leaves``, ``nodes``, ``bound`` and ``gap``.
    """

    def verify(self, exact: bool = False) -> Any:
        """Whether the claim holds; there is no proof in rational arithmetic of a tree."""
        if exact:
            raise ValueError("exact: found a proof by a tree, needed one by duality alone")
        return self.holds()

    def explain(self) -> str:
        """The proof in words."""
        return (
            f"{self.details['leaves']:.0f} boxes hold every integral point; by weak duality no "
            f"feasible one in them costs less than {self.details['bound']:.10g}"
        )


class _Closed(NamedTuple):
    """The leaves of a tree: the lowest bound, and the residuals of those that bound and those
    that exclude."""

    bound: float
    loose: float
    rays: float
    leaves: int


def certify(problem: Any, x: Any, tree: Tree, tol: float) -> TreeCertificate:
    """Judge a point by a tree of bounds; with ``x=None``, that there is none.

    Parameters
    ----------
    problem : LinearProgram
        With integer variables.
    x : array (n,) or None
    tree : Tree
    tol : float

    Raises
    ------
    ValueError
        For a tree whose leaves do not hold every integral point.

    Examples
    --------
    >>> import optlib as ol
    >>> from optlib.linear.integer import tree
    >>> odd = ol.LinearProgram([1.0], A_eq=[[2.0]], b_eq=[3.0], upper=4.0, integer=True)
    >>> result = ol.minimize(odd, "branch_and_bound", cuts=0)
    >>> result.status.name, result.tree
    ('INFEASIBLE', Tree(3 nodes, 2 leaves))
    >>> tree.certify(odd, None, result.tree, 1e-8).holds()
    True
    """
    strong = strengthened(problem, tree.cuts, *Bounding(problem, tol).box())
    bounding = Bounding(strong, tol)
    cutoff = np.inf if x is None else float(problem.c @ x)
    slack = 0.0 if x is None else tol * bounding.scale(cutoff)
    found = _walk(bounding, tree, cutoff, slack)
    bound = min(bounding.rounded(found.bound, slack), cutoff)
    details = {"leaves": float(found.leaves), "nodes": float(len(tree))}
    details["bound"] = bound + problem.offset
    evidence = Evidence(problem, x=x)
    if x is None:
        residuals = {"rays": found.rays}
        if bound == np.inf:
            return TreeCertificate(residuals, details, tol, INFEASIBLE, Status.INFEASIBLE, evidence)
        return TreeCertificate({"rays": np.inf}, details, tol, NOTHING, Status.FINISHED, evidence)
    whole = x[problem.integer]
    residuals = problem.rows.feasibility(problem, x)
    residuals["integrality"] = largest_of(np.abs(whole - np.rint(whole)))
    gap = (cutoff - bound) / bounding.scale(cutoff) if bound < cutoff else 0.0
    details |= {"cost": cutoff + problem.offset, "gap": gap}
    proof = {"gap": gap, "dual": found.loose, "rays": found.rays}
    if max(proof.values()) <= tol:
        residuals |= proof
        return TreeCertificate(residuals, details, tol, OPTIMAL, Status.OPTIMAL, evidence)
    return TreeCertificate(residuals, details, tol, BOUNDED, Status.FINISHED, evidence)


def _walk(bounding: Bounding, tree: Tree, cutoff: float, slack: float) -> _Closed:
    """Every leaf's bound in its own box, from the root's box by the splits."""
    bound, loose, rays, leaves = np.inf, 0.0, 0.0, 0
    open_boxes, seen = [(0, *bounding.box())], 0
    while open_boxes:
        node, lower, upper = open_boxes.pop()
        seen += 1
        _require(0 <= node < len(tree) and seen <= len(tree), "a node with two parents, or none")
        k, j = int(tree.weights[node]), int(tree.column[node])
        least = Least(-np.inf, 0.0)
        if (lower > upper).any():
            leaves += 1
            continue
        if k >= 0:
            weights = bounding.weigh(tree.y[k], bool(tree.ray[k]))
            found = bounding.least(weights, lower, upper)
            if weights.ray and found.loose < np.inf and found.value > 0.0:
                rays, leaves = max(rays, found.loose), leaves + 1
                continue
            if not weights.ray and found.loose <= bounding.tol:
                least, loose = found, max(loose, found.loose)
                lower, upper = bounding.tightened(weights, found.value, lower, upper, cutoff)
        closed = bounding.rounded(least.value, slack) >= cutoff - slack
        if j < 0 or closed or (lower > upper).any():
            leaves += 1
            bound = min(bound, least.value if (lower <= upper).all() else np.inf)
            continue
        open_boxes += _split(bounding, tree, node, lower, upper)
    return _Closed(bound, loose, rays, leaves)


def _split(
    bounding: Bounding, tree: Tree, node: int, lower: np.ndarray, upper: np.ndarray
) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """The two boxes of an inner node; between them there is no whole number."""
    j, value = int(tree.column[node]), float(tree.value[node])
    _require(j < bounding.problem.n and bool(bounding.integer[j]), "a split of no integer variable")
    _require(value == np.floor(value), "a split between numbers that are not whole")
    down, up = upper.copy(), lower.copy()
    down[j], up[j] = min(upper[j], value), max(lower[j], value + 1.0)
    first, second = (int(child) for child in tree.children[node])
    return [(first, lower, down), (second, up, upper)]


def _require(fine: bool, found: str) -> None:
    if not fine:
        raise ValueError(f"tree: found {found}, needed boxes that hold every integral point")


# ------------------------------------------------------------------ growing one


class Growing:
    """A tree while it is searched; beyond ``limit`` numbers it is given up.

    Whatever Ctrl-C cuts short, the tree is one: what refers to a new entry is written last.
    """

    def __init__(self, rows: int, cuts: Cuts, limit: int) -> None:
        self.column, self.value, self.children, self.weights = [-1], [0.0], [(-1, -1)], [-1]
        self.y: list[np.ndarray] = []
        self.ray: list[bool] = []
        self.rows, self.cuts, self.room = rows, cuts, limit // (rows + 8)

    @property
    def kept(self) -> bool:
        """Whether every node is recorded."""
        return len(self.column) <= self.room

    def weigh(self, node: int, y: np.ndarray, ray: bool = False) -> None:
        """Multipliers for a node."""
        if self.kept:
            self.y.append(y)
            self.ray.append(ray)
            self.weights[node] = len(self.y) - 1

    def split(self, node: int, j: int, value: float) -> tuple[int, int]:
        """Two children, bounded by their parent's multipliers until they have their own."""
        if not self.kept:
            self.y.clear()
            return 0, 0
        first = len(self.column)
        self.weights += [self.weights[node]] * 2
        self.children += [(-1, -1)] * 2
        self.value += [0.0] * 2
        self.column += [-1] * 2
        self.children[node], self.value[node] = (first, first + 1), value
        self.column[node] = j
        return first, first + 1

    def tree(self) -> Tree:
        """As arrays."""
        y = np.array(self.y) if self.y else np.zeros((0, self.rows))
        return Tree(
            np.array(self.column), np.array(self.value), np.array(self.children),
            np.array(self.weights), y, np.array(self.ray, dtype=bool),
            self.cuts,
        )  # fmt: skip
