"""Cutting planes by mixed-integer rounding, each with the row weights that it follows from.

Rows with weights add up to ``αᵀx + Σ λ_i s_i = β``, with the slack ``s_i >= 0`` of inequality i.
Measured from their bounds, ``x_j = l_j + t_j`` or ``x_j = u_j - t_j``, the variables satisfy
``Σ α'_j t_j + Σ λ_i s_i <= β'``. With f the fraction of β', no integral point violates

    Σ G(α'_j) t_j + Σ G(λ_i) s_i <= floor(β'),

where ``G(a) = floor(a) + max(0, frac(a) - f) / (1 - f)`` for whole t and s, and
``min(0, a) / (1 - f)`` for the others. A row of the simplex tableau gives Gomory's mixed-integer
cut, a single row divided by a coefficient a cover or lifted flow inequality.

References: Gomory (1960); Nemhauser & Wolsey (1990); Marchand & Wolsey (2001), Aggregation and
mixed integer rounding; Cornuéjols (2008).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...core.status import Status
from ..certificate import ROUNDING
from ..forms import RowMap
from ..range_form import AT_LOWER, AT_UPPER, BASIC, Basis, RangeForm, Solution
from ..sparse import as_csr, is_sparse, scipy_linalg, scipy_sparse, stack

FRACTION = 0.02
"""Right sides nearer to a whole number than this make no cut."""

TINY = 1e-10
"""Coefficients this small beside the largest are replaced by what their bounds allow."""

RANGE = 1e6
"""Largest over smallest coefficient of a cut that is used."""

EFFICACY = 1e-3
"""Distance of the point to a cut that is used, relative to the size of the point."""

PARALLEL = 0.8
"""Cosine above which a cut is taken for a copy of a better one."""

DENSE = 2_000_000
"""Numbers up to which a copy of the rows with all their zeros saves time."""

PER_ROUND = 40
"""Cuts taken in a round."""

DIVISORS = 8
"""Coefficients of a row, the largest first, that it is divided by."""

GAIN = 1e-4
"""Relative gain of the bound below which a round counts as idle; two end the rounds."""


class Derivation(NamedTuple):
    """What a cut follows from: rows with weights, and the variables measured from above.

    Rows count the problem's, equations first, then the cuts before this one.
    """

    rows: np.ndarray
    weights: np.ndarray
    at_upper: np.ndarray


@dataclass(frozen=True, eq=False)
class Cuts:
    """Derivations in order; those whose cut is in the program, the others only serve these."""

    derived: tuple[Derivation, ...] = ()
    used: tuple[int, ...] = ()


class Inequality(NamedTuple):
    """``aᵀx <= b``."""

    a: np.ndarray
    b: float


class System:
    """The rows of a problem and its cuts, with what rounding needs to know of them."""

    def __init__(self, problem: Any, lower: np.ndarray, upper: np.ndarray) -> None:
        rows = problem.rows
        self.integer, self.lower, self.upper = problem.integer, lower, upper
        self.equations = rows.equations
        self.A = as_csr(rows.A)
        self.dense = self.A.toarray() if self.A.shape[0] * problem.n <= DENSE else None
        self.b = rows.b
        self.whole = _whole_rows(self.A, rows.b, problem.integer)
        self.cuts: list[Inequality] = []

    def add(self, cut: Inequality) -> int:
        """Append a cut as a row; returns its row."""
        self.cuts.append(cut)
        return self.b.size + len(self.cuts) - 1

    def gather(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients and right sides of some rows."""
        m = self.b.size
        A = np.zeros((rows.size, self.lower.size))
        first = rows < m
        known = rows[first]
        A[first] = self.A[known].toarray() if self.dense is None else self.dense[known]
        for k in np.flatnonzero(~first):
            A[k] = self.cuts[rows[k] - m].a
        b = np.array([self.b[i] if i < m else self.cuts[i - m].b for i in rows])
        return A, b

    def round(self, derivation: Derivation) -> Inequality | None:
        """The cut of a derivation; ``None`` where it does not give one."""
        rows, weights, at_upper = derivation
        A, b = self.gather(rows)
        alpha, beta = weights @ A, float(weights @ b)
        size = np.abs(weights) @ np.abs(A)
        alpha, beta = self._without_tiny(alpha, beta, 1e-12 * size)
        at = np.where(at_upper, self.upper, self.lower)
        if not np.isfinite(at[alpha != 0.0]).all():
            return None
        at = np.where(alpha != 0.0, at, 0.0)
        sign = np.where(at_upper, -1.0, 1.0)
        terms = np.abs(weights) @ np.abs(b) + size @ np.abs(at)
        shifted = beta - float(alpha @ at)
        f = shifted - np.floor(shifted)
        if not FRACTION <= f <= 1.0 - FRACTION or terms * ROUNDING > 1e-9:
            return None
        g = _rounded(sign * alpha, self.integer, f) * sign
        inequality = rows >= self.equations
        whole = np.array([i < self.b.size and self.whole[i] for i in rows])
        slack = np.where(inequality, _rounded(weights, whole, f), 0.0)
        a = g - slack @ A
        right = np.floor(shifted) + float(g @ at) - float(slack @ b)
        terms += np.abs(g) @ np.abs(at) + np.abs(slack) @ np.abs(b)
        right += ROUNDING / (1.0 - f) * float(terms)
        a, right = self._without_tiny(a, right, TINY * np.abs(a).max(initial=0.0))
        return Inequality(a, right) if np.isfinite(right) and a.any() else None

    def _without_tiny(self, a: np.ndarray, b: float, tiny: Any) -> tuple[np.ndarray, float]:
        """``aᵀx <= b`` without its smallest coefficients, weakened by what these may add."""
        small = (np.abs(a) <= tiny) & (a != 0.0)
        if not small.any():
            return a, b
        at = np.where(a[small] > 0, self.lower[small], self.upper[small])
        low = np.abs(at) < np.inf
        dropped = np.flatnonzero(small)[low]
        b -= float(a[dropped] @ at[low])
        a = a.copy()
        a[dropped] = 0.0
        return a, b


def _rounded(a: np.ndarray, whole: np.ndarray, f: float) -> np.ndarray:
    """G of the module's formula."""
    below = np.floor(a)
    stepped = below + np.maximum(a - below - f, 0.0) / (1.0 - f)
    return np.where(whole, stepped, np.minimum(a, 0.0) / (1.0 - f))


def _whole_rows(A: Any, b: np.ndarray, integer: np.ndarray) -> np.ndarray:
    """The rows whose activity and right side are whole at every integral point."""
    row = np.repeat(np.arange(A.shape[0]), np.diff(A.indptr))
    broken = (A.data != np.rint(A.data)) | ~integer[A.indices]
    return (np.bincount(row, broken, A.shape[0]) == 0) & (b == np.rint(b))


def strengthened(problem: Any, cuts: Cuts, lower: np.ndarray, upper: np.ndarray) -> Any:
    """The problem with the cuts as further inequalities, computed anew from their derivations.

    Raises
    ------
    ValueError
        For a derivation that gives no cut.
    """
    system = System(problem, lower, upper)
    for derivation in cuts.derived:
        known = len(system.cuts) + system.b.size
        if not ((derivation.rows >= 0) & (derivation.rows < known)).all():
            raise ValueError("cuts: found one derived from no earlier row, needed earlier rows")
        cut = system.round(derivation)
        if cut is None:
            raise ValueError("cuts: found a derivation that gives no cut")
        system.add(cut)
    return with_rows(problem, [system.cuts[k] for k in cuts.used])


def with_rows(problem: Any, added: list[Inequality]) -> Any:
    """The problem with further inequalities, each under its own name and so a row of its own."""
    if not added:
        return problem
    A = np.array([cut.a for cut in added])
    labels, given = problem.labels, problem.names
    ends = given.ub if given and given.ub else ("",) * problem.b_ub.size
    names = labels._replace(ub=(*ends, *(f"cut{k}" for k in range(len(added)))))
    if is_sparse(problem.A_ub) or is_sparse(problem.A_eq):
        A = scipy_sparse().csr_array(A)
    return type(problem)(
        problem.c, problem.A_eq, problem.b_eq, stack([problem.A_ub, A]),
        np.concatenate([problem.b_ub, [cut.b for cut in added]]), problem.lower, problem.upper,
        problem.integer, offset=problem.offset, names=names,
    )  # fmt: skip


# ------------------------------------------------------------------ separation


def separate(
    problem: Any, lower: np.ndarray, upper: np.ndarray, start: Solution, rounds: int,
    solve: Callable[[RangeForm, Basis | None], Solution],
) -> tuple[Any, Cuts, Solution]:  # fmt: skip
    """Rounds of cuts at the root: the strengthened problem, its cuts and its relaxation.

    Parameters
    ----------
    lower, upper : array (n,)
        The box of the root, whole where variables are.
    start : Solution
        Of the problem's relaxation there.
    solve : callable
        Solves a form from a basis.
    """
    system = System(problem, lower, upper)
    derived: list[Derivation] = []
    used: list[int] = []
    strong, best, idle = problem, start, 0
    for _ in range(rounds):
        found = _violated(system, strong, used, best)
        if not found:
            break
        for derivation, cut in found:
            system.add(cut)
            derived.append(derivation)
        used += range(len(derived) - len(found), len(derived))
        strong = with_rows(problem, [system.cuts[k] for k in used])
        basis = _extended(best.basis, len(found))
        then = solve(strong.to_range_form(), basis)
        if then.status is Status.INFEASIBLE:
            return _kept(problem, system, derived, used, then)
        if then.status is not Status.OPTIMAL or then.basis is None:
            return _kept(problem, system, derived, used[: -len(found)], best)
        before, after = problem.c @ best.x, problem.c @ then.x
        idle = idle + 1 if after - before <= GAIN * max(1.0, abs(before)) else 0
        best, used = _without_slack(then, used, start.y.size)
        strong = with_rows(problem, [system.cuts[k] for k in used])
        whole = problem.integer
        if idle == 2 or np.abs(best.x[whole] - np.rint(best.x[whole])).max() <= 1e-6:
            break
    return _kept(problem, system, derived, used, best)


def _kept(
    problem: Any, system: System, derived: list[Derivation], used: list[int], best: Solution
) -> tuple[Any, Cuts, Solution]:
    strong = with_rows(problem, [system.cuts[k] for k in used])
    return strong, Cuts(tuple(derived), tuple(used)), best


def _extended(basis: Basis | None, added: int) -> Basis | None:
    if basis is None:
        return None
    return Basis(basis.columns, np.concatenate([basis.rows, np.full(added, BASIC)]))


def _without_slack(solution: Solution, used: list[int], first: int) -> tuple[Solution, list[int]]:
    """Drop the cuts that the solution does not touch; its basis goes on without them."""
    basis = solution.basis
    assert basis is not None
    tight = basis.rows[first:] != BASIC
    keep = np.concatenate([np.ones(first, bool), tight])
    thinner = Solution(
        solution.status, solution.x, solution.y[keep], Basis(basis.columns, basis.rows[keep])
    )
    return thinner, [k for k, stays in zip(used, tight) if stays]


def _violated(
    system: System, strong: Any, used: list[int], solution: Solution
) -> list[tuple[Derivation, Inequality]]:
    """The cuts that are furthest from the point, without near copies."""
    x = solution.x
    size = EFFICACY * max(1.0, float(np.abs(x).max())) ** 0.5
    found: list[tuple[float, Derivation, Inequality]] = []
    for derivation in _derivations(system, strong, used, solution):
        cut = system.round(derivation)
        if cut is None:
            continue
        entries = np.abs(cut.a[cut.a != 0.0])
        distance = float(cut.a @ x - cut.b) / float(np.linalg.norm(entries))
        if distance > size and entries.max() <= RANGE * entries.min():
            found.append((distance, derivation, cut))
    found.sort(key=lambda item: -item[0])
    chosen: list[tuple[Derivation, Inequality]] = []
    normals: list[np.ndarray] = []
    for _, derivation, cut in found:
        normal = cut.a / np.linalg.norm(cut.a)
        if not normals or np.max(np.array(normals) @ normal) <= PARALLEL:
            normals.append(normal)
            chosen.append((derivation, cut))
        if len(chosen) == PER_ROUND:
            break
    return chosen


def _derivations(
    system: System, strong: Any, used: list[int], solution: Solution
) -> Iterator[Derivation]:
    """Rows of the tableau of fractional variables; rows of the problem over their coefficients."""
    x = solution.x
    near_upper = system.upper - x < x - system.lower
    for weights in _tableau_rows(strong, solution, system.integer):
        rows = np.flatnonzero(weights)
        places = _places(rows, system.b.size, used)
        yield Derivation(places, weights[rows], near_upper)
    inside = system.integer & (x > system.lower + 1e-6) & (x < system.upper - 1e-6)
    A = system.A
    for i in range(system.b.size):
        entries = slice(A.indptr[i], A.indptr[i + 1])
        here = A.data[entries][inside[A.indices[entries]]]
        for divisor in np.unique(np.abs(here))[::-1][:DIVISORS]:
            signs = (1.0, -1.0) if i < system.equations else (1.0,)
            for sign in signs:
                yield Derivation(np.array([i]), np.array([sign / divisor]), near_upper)


def _places(rows: np.ndarray, m: int, used: list[int]) -> np.ndarray:
    """Rows of the strengthened problem as rows of the system, which has every cut ever found."""
    cut = np.array(used, dtype=int)
    places = rows.copy()
    beyond = rows >= m
    places[beyond] = m + cut[rows[beyond] - m]
    return places


def _tableau_rows(strong: Any, solution: Solution, integer: np.ndarray) -> Iterator[np.ndarray]:
    """Weights of the problem's rows that make the tableau row of each fractional variable.

    ``Bᵀλ = e`` with B the basic columns of ``[A, -I]``; only rows that are tight have a weight.
    """
    form, row_map = strong.two_sided
    basis = solution.basis
    if basis is None:
        return
    m, x = form.shape[0], solution.x
    columns = np.flatnonzero(basis.columns == BASIC)
    logical = np.flatnonzero(basis.rows == BASIC)
    away = np.abs(x[columns] - np.rint(x[columns]))
    wanted = np.flatnonzero(integer[columns] & (away > FRACTION))
    if columns.size + logical.size != m or wanted.size == 0:
        return
    sparse = scipy_sparse()
    eye = sparse.eye_array(m, format="csc")
    B = sparse.hstack([form.A[:, columns], -eye[:, logical]], format="csc")
    try:
        factors = scipy_linalg()[1].splu(B)
    except RuntimeError:
        return
    for k in wanted[np.argsort(-away[wanted], kind="stable")][: 2 * PER_ROUND]:
        unit = np.zeros(m)
        unit[k] = 1.0
        yield _spread(factors.solve(unit, trans="T"), basis.rows, row_map)


def _spread(weights: np.ndarray, standing: np.ndarray, row_map: RowMap) -> np.ndarray:
    """Weights of the two-sided rows as weights of the problem's, each at the end that is tight."""
    weights = np.where(np.abs(weights) <= 1e-12 * np.abs(weights).max(), 0.0, weights)
    weights[(standing != AT_LOWER) & (standing != AT_UPPER)] = 0.0
    out = np.zeros(row_map.size)
    second = (standing == AT_LOWER) & (row_map.second >= 0)
    out[row_map.first[~second]] = weights[~second]
    out[row_map.second[second]] = -weights[second]
    return out
