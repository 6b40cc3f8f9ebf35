"""Branch and bound for integer programs, on the warm-started dual simplex method."""

from __future__ import annotations

import heapq
import math
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...core.engines import ProgressInfo, Request
from ...core.errors import require_number
from ...core.method import register
from ...core.result import Answer
from ...core.status import Status
from ...core.tree import pytree, static
from ..certificate import largest_of
from ..method import LinearMethod, conclude, multipliers
from ..methods import Simplex
from ..problem import LinearProgram
from ..range_form import Basis, RangeForm, Solution
from . import rounding
from . import tree as proofs
from .branching import UP, PseudoCosts
from .cuts import Cuts, separate
from .rounding import INTEGRAL

NODES = 200_000
"""The limit of nodes when none is given."""

PROVED = 20_000_000
"""Numbers in the largest tree that is kept as a proof."""

LOOKAHEAD = 12
"""Dual simplex iterations for each child in strong branching."""

PLUNGE = 0.2
"""A dive goes on while its bound is within this share of the gap above the best bound."""

DIVES = 50
"""Nodes from one diving heuristic to the next."""

ACCURACY = 1e-9
"""Tolerance of the relaxations, in scaled units."""

SLACK = 0.5
"""Share of the tolerance by which a pruned bound may lie below the incumbent."""


class SearchTrace(NamedTuple):
    """The course of a search, one entry for each node.

    Attributes
    ----------
    node : int array
        How many nodes had been solved.
    incumbent, bound : float array
        Cost of the best point known (infinite before there is one) and the best bound.
    depth : int array
        How many branchings above the node.
    """

    node: np.ndarray
    incumbent: np.ndarray
    bound: np.ndarray
    depth: np.ndarray

    def __len__(self) -> int:  # type: ignore[override]
        return self.node.size


@register("branch_and_bound", LinearProgram)
@pytree
class BranchAndBound(LinearMethod):
    """Branch and bound: relaxations by the dual simplex method, and a tree that proves the answer.

    Each node is a box; its relaxation, solved from its parent's basis, bounds the cost there. A
    box that may hold a better point is split on a fractional variable, chosen by pseudo-costs that
    strong branching makes reliable. The search dives until it has a point, then takes the node of
    the best bound and goes on diving while that stays promising. Points also come from rounding,
    diving, the feasibility pump, and an earlier result given as ``start=``. Cutting planes raise
    the bound of the root, reduced costs tighten each box, and where all costs are whole numbers
    bounds are rounded up.

    Parameters
    ----------
    gap : float
        Stop when the incumbent is within this share of the best bound; 0 for an optimum.
    cuts : int
        Rounds of cutting planes at the root (mixed-integer rounding of rows and of the tableau).

    Notes
    -----
    **The proof.** OPTIMAL and INFEASIBLE come with the tree itself, ``result.tree``: every leaf
    has multipliers whose bound, by weak duality in the leaf's own box, is no lower than the cost
    found, and the certificate recomputes each from the problem's arrays. A tree of more than 20
    million numbers is not kept, and the status is then FINISHED: the point is proved feasible and
    integral, that none is better is the method's word. ``gap > 0`` ends FINISHED too, with the
    proved gap in ``certificate.details``. A program whose relaxation is unbounded is UNBOUNDED
    when it has an integral point.

    **Limits.** Made for programs of some hundred integer variables; some thousand small
    relaxations are solved in a second. There is no presolve beyond rounding bounds, and cutting
    planes come at the root alone. ``highs`` solves far larger programs and is the default. With
    integer variables that have no bounds the search need not end before ``max_iterations``, the
    limit of nodes (200,000).

    ``dual`` are the multipliers of the relaxation. ``callback`` is called at each node with
    ``nit`` (nodes), ``fun`` (the incumbent's cost), ``grad_norm`` (the relative gap) and ``x``
    (the incumbent, or ``None``). ``trace=True`` keeps a :class:`SearchTrace`. Without integer
    variables the program is its own relaxation, solved by ``simplex``.

    References
    ----------
    Land & Doig 1960; Achterberg 2007; Wolsey 2020, chapter 7.

    Examples
    --------
    >>> import optlib as ol
    >>> weight, value = [12.0, 2.0, 1.0, 4.0, 1.0], [-4.0, -2.0, -1.0, -10.0, -2.0]
    >>> knapsack = ol.LinearProgram(value, A_ub=[weight], b_ub=[15.0], upper=1.0, integer=True)
    >>> result = ol.minimize(knapsack, "branch_and_bound")
    >>> result.status.name, result.x, result.fun
    ('OPTIMAL', array([0., 1., 1., 1., 1.]), -15.0)
    >>> result.certificate.claim
    'global minimum: feasible and integral, and every leaf of the tree has a bound no lower'
    """

    gap: float = static(default=0.0)
    cuts: int = static(default=8)

    needs = "c, A, b, integer"
    rate = "finite with bounds (exponential at worst)"
    reference = "Land & Doig 1960; Achterberg, Koch & Martin 2005; Achterberg 2007"

    def __post_init__(self) -> None:
        require_number("gap", self.gap, 0.0, closed=True)
        require_number("cuts", self.cuts, 0.0, closed=True)

    def refusal(self, problem: Any) -> str | None:
        return None

    def solve(self, problem: LinearProgram, request: Request) -> Answer:
        if not problem.is_integer:
            return Simplex().solve(problem, request)
        request = self.checked(problem, request)
        search = Search(problem, request, self.gap, self.cuts)
        return search.answer(search.run())

    def checked(self, problem: LinearProgram, request: Request) -> Request:
        if request.stop is not None:
            raise ValueError(
                "stop: found one, needed none (gap=, max_iterations, max_seconds and callback "
                "stop it)"
            )
        return super().checked(problem, request)


@dataclass(frozen=True, eq=False)
class Node:
    """An open box: its place in the tree, its parent's basis and bound, how it was split off."""

    index: int
    lower: np.ndarray
    upper: np.ndarray
    basis: Basis | None = None
    bound: float = -np.inf
    depth: int = 0
    branched: tuple[int, int, float] | None = None


class Stop(Exception):
    """The search ends early."""

    def __init__(self, status: Status, note: str = "") -> None:
        super().__init__(note)
        self.status, self.note = status, note


class Search:
    """One run: the open nodes, the incumbent, the tree."""

    def __init__(
        self, problem: LinearProgram, request: Request, gap: float = 0.0, rounds: int = 0
    ) -> None:
        self.problem, self.request, self.gap, self.rounds = problem, request, gap, rounds
        self.integer: np.ndarray = problem.integer
        self.work_on(problem, Cuts())
        self.costs = PseudoCosts(problem.n)
        self.locks = rounding.locks(self.form)
        self.random = np.random.default_rng(request.seed)
        self.began = time.perf_counter()
        limit = request.max_iterations
        self.limit = NODES if limit is None else int(limit)
        self.x: np.ndarray | None = None
        self.cutoff = math.inf
        self.open: list[tuple[float, int, Node]] = []
        self.favourite: Node | None = None
        self.relaxed: Solution | None = None
        self.nodes, self.pushed, self.unresolved = 0, 0, 0
        self.steps: list[tuple[int, float, float, int]] = []

    def work_on(self, strong: LinearProgram, cuts: Cuts) -> None:
        """Take the program whose relaxations are solved: the problem, perhaps with cuts."""
        self.form, self.row_map = strong.two_sided
        self.bounding = proofs.Bounding(strong, self.request.tol)
        self.growing = proofs.Growing(strong.rows.b.size, cuts, PROVED)

    # -------------------------------------------------------------- the loop

    def run(self) -> Solution:
        """Search until nothing is open; the status is what the search believes."""
        lower, upper = self.bounding.box()
        note = ""
        try:
            self.take_start()
            if (lower <= upper).all():
                self.favourite = Node(0, lower, upper)
            while (node := self.next()) is not None:
                self.watch(node)
                self.process(node)
            status = Status.OPTIMAL if self.x is not None else Status.INFEASIBLE
            if self.unresolved:
                status, note = Status.STALLED, f"{self.unresolved} boxes could not be closed"
        except Stop as stop:
            status, note = stop.status, stop.note
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        return self.solution(status, note)

    def next(self) -> Node | None:
        """The child to dive into, as long as that is promising; else the node of best bound."""
        node, self.favourite = self.favourite, None
        if node is not None and self.open and self.x is not None:
            best = self.open[0][0]
            if node.bound > best + PLUNGE * (self.cutoff - best):
                self.push(node)
                node = None
        while node is None or self.closes(node.bound):
            if not self.open:
                return None
            node = heapq.heappop(self.open)[2]
        return node

    def push(self, node: Node) -> None:
        self.pushed += 1
        heapq.heappush(self.open, (node.bound, self.pushed, node))

    def watch(self, node: Node) -> None:
        """Look at the limits, write the trace and call back."""
        bound = min(node.bound, self.open[0][0] if self.open else np.inf)
        bound = min(self.bounding.rounded(bound, self.slack), self.cutoff)
        self.steps.append((self.nodes, self.cutoff, bound, node.depth))
        seconds = time.perf_counter() - self.began
        callback = self.request.callback
        fun, offset = self.cutoff, self.problem.offset
        gap = (fun - bound) / self.bounding.scale(fun) if np.isfinite(fun) else math.inf
        info = ProgressInfo(self.nodes, fun + offset, gap, math.nan, self.x, seconds)
        stopped: Status | None = None
        if self.nodes >= self.limit:
            stopped = Status.ITERATION_LIMIT
        elif self.request.max_seconds is not None and seconds > self.request.max_seconds:
            stopped = Status.TIME_LIMIT
        elif callback is not None and callback(info):
            stopped = Status.INTERRUPTED
        if stopped is not None:
            self.push(node)
            raise Stop(stopped)

    # -------------------------------------------------------------- one node

    def process(self, node: Node) -> None:
        """Solve a node's relaxation; close it, or split it."""
        self.nodes += 1
        solution = self.relax(node.lower, node.upper, node.basis)
        if self.relaxed is None:
            self.relaxed = solution
            if solution.status is Status.UNBOUNDED:
                raise Stop(Status.UNBOUNDED)
            solution = self.cut(node, solution)
        if solution.status is Status.INFEASIBLE and solution.ray is not None:
            self.growing.weigh(node.index, self.row_map.spread(-solution.ray), ray=True)
            return
        lower, upper, bound = self.bounded(node, solution)
        if self.closes(bound):
            return
        if solution.status is Status.OPTIMAL:
            self.look_for_points(solution, lower, upper)
        if self.closes(bound) or (lower > upper).any():
            return
        self.split(replace(node, lower=lower, upper=upper, bound=bound), solution)

    def cut(self, root: Node, solution: Solution) -> Solution:
        """The root's relaxation with cutting planes, which the whole search then works with."""
        x = solution.x[self.integer]
        if solution.status is not Status.OPTIMAL or np.abs(x - np.rint(x)).max() <= INTEGRAL:
            return solution
        self.growing.weigh(root.index, self.row_map.spread(solution.y))
        strong, cuts, solution = separate(
            self.problem, root.lower, root.upper, solution, self.rounds, self.solve
        )
        self.work_on(strong, cuts)
        return self.relax(root.lower, root.upper, solution.basis)

    def bounded(self, node: Node, solution: Solution) -> tuple[np.ndarray, np.ndarray, float]:
        """The bound of a relaxation's multipliers, and the box that their reduced costs leave."""
        y = self.row_map.spread(solution.y)
        weights = self.bounding.weigh(y, ray=False)
        least = self.bounding.least(weights, node.lower, node.upper)
        solved = solution.status is Status.OPTIMAL
        if not (least.loose <= self.bounding.tol and (solved or least.value > node.bound)):
            return node.lower, node.upper, node.bound
        self.growing.weigh(node.index, y)
        if node.branched is not None and solved:
            j, direction, distance = node.branched
            self.costs.learn(j, direction, distance, least.value - node.bound)
        box = self.bounding.tightened(
            weights, least.value, node.lower, node.upper, self.cutoff, 2.0 * proofs.WHOLE
        )
        return *box, max(least.value, node.bound)

    def split(self, node: Node, solution: Solution) -> None:
        """Two children on a fractional variable; where none is, on the widest box."""
        x = np.clip(solution.x, node.lower, node.upper)
        away = np.where(self.integer, np.abs(x - np.rint(x)), 0.0)
        columns = np.flatnonzero(away > INTEGRAL)
        if columns.size:
            attempt = partial(self.attempt, node, solution, x)
            j, first = self.costs.choose(columns, x, attempt)
            value = float(np.floor(x[j]))
        else:
            width = np.where(self.integer, node.upper - node.lower, 0.0)
            j, first = int(np.argmax(np.where(away > 0.0, 1e9 + away, width))), 0
            if width[j] < 1.0:
                self.unresolved += 1
                return
            value = float(np.floor(min(max(x[j], node.lower[j]), node.upper[j] - 1.0)))
        indices = self.growing.split(node.index, j, value)
        children = []
        for direction, index in enumerate(indices):
            lower, upper = halves(node, j, value, direction)
            distance = value + 1.0 - x[j] if direction == UP else x[j] - value
            branched = (j, direction, float(distance)) if distance > INTEGRAL else None
            depth = node.depth + 1
            children.append(Node(index, lower, upper, solution.basis, node.bound, depth, branched))
        self.favourite = children[first]
        self.push(children[1 - first])

    def attempt(
        self, node: Node, solution: Solution, x: np.ndarray, j: int, direction: int
    ) -> float:
        """The gain of the bound from a few iterations on one child; infinite when it closes."""
        lower, upper = halves(node, j, float(np.floor(x[j])), direction)
        child = self.relax(lower, upper, solution.basis, iterations=LOOKAHEAD)
        if child.status is Status.INFEASIBLE:
            return np.inf
        weights = self.bounding.weigh(self.row_map.spread(child.y), ray=False)
        least = self.bounding.least(weights, lower, upper)
        if not least.loose <= self.bounding.tol:
            return 0.0
        return np.inf if self.closes(least.value) else max(0.0, least.value - node.bound)

    # -------------------------------------------------------------- relaxations

    def relax(
        self, lower: np.ndarray, upper: np.ndarray, basis: Basis | None,
        cost: np.ndarray | None = None, iterations: int | None = None,
    ) -> Solution:  # fmt: skip
        """Solve the relaxation in a box, by the primal method when the cost is another."""
        form = replace(self.form, lower=lower, upper=upper)
        if cost is None:
            return self.solve(form, basis, iterations)
        return self.solve(replace(form, c=cost), basis, algorithm="primal")

    def solve(
        self, form: RangeForm, basis: Basis | None, iterations: int | None = None,
        algorithm: str = "dual",
    ) -> Solution:  # fmt: skip
        """The simplex method; a doubtful end from a basis is done again without."""
        from ..simplex import solve

        run = partial(
            solve, form, algorithm=algorithm, tol=ACCURACY, max_iterations=iterations,
            max_seconds=self.seconds_left(),
        )  # fmt: skip
        solution = run(basis=basis)
        if solution.status is Status.STALLED and basis is not None and iterations is None:
            solution = run()
        if solution.status in (Status.INTERRUPTED, Status.TIME_LIMIT):
            raise Stop(solution.status)
        return solution

    def seconds_left(self) -> float | None:
        limit = self.request.max_seconds
        return None if limit is None else limit - (time.perf_counter() - self.began)

    # -------------------------------------------------------------- incumbent

    @property
    def slack(self) -> float:
        """By how much a pruned bound may lie below the incumbent."""
        if self.x is None:
            return 0.0
        return max(SLACK * self.request.tol, self.gap) * self.bounding.scale(self.cutoff)

    def closes(self, bound: float) -> bool:
        """Whether a box of this bound can hold no point that matters."""
        if self.x is None:
            return False
        slack = SLACK * self.request.tol * self.bounding.scale(self.cutoff)
        return self.bounding.rounded(bound, slack) >= self.cutoff - self.slack

    def offer(self, x: np.ndarray) -> bool:
        """Take a point as the incumbent if it is feasible, integral and better."""
        x = np.where(self.integer, np.rint(x), x)
        cost = float(self.problem.c @ x)
        if not cost < self.cutoff:
            return False
        if max(self.problem.rows.feasibility(self.problem, x).values()) > SLACK * self.request.tol:
            return False
        self.x, self.cutoff = x, cost
        return True

    def take_start(self) -> None:
        """Offer the point of the earlier result, if it fits."""
        start = None if self.request.start is None else np.asarray(self.request.start.x)
        if start is not None and start.shape == (self.problem.n,) and np.isfinite(start).all():
            self.offer(start)

    def complete(self, x: np.ndarray, lower: np.ndarray, upper: np.ndarray, basis: Any) -> bool:
        """Offer the best point with the integer variables of x, rounded."""
        if self.integer.all():
            return self.offer(x)
        low, high = rounding.fixed_box(x, lower, upper, self.integer)
        solution = self.relax(low, high, basis)
        return solution.status is Status.OPTIMAL and self.offer(solution.x)

    def look_for_points(self, solution: Solution, lower: np.ndarray, upper: np.ndarray) -> None:
        """The node's own solution where it is integral; roundings; sometimes a dive, a pump."""
        away = np.abs(solution.x - np.rint(solution.x))[self.integer]
        if away.max() <= INTEGRAL:
            self.complete(solution.x, lower, upper, solution.basis)
            return
        for x in rounding.roundings(solution.x, self.integer, self.locks):
            self.offer(x)
        if (self.nodes - 1) % DIVES or (lower > upper).any():
            return
        x = rounding.dive(self.relax, solution, lower, upper, self.integer, self.locks)
        if x is not None:
            self.complete(x, lower, upper, solution.basis)
        if self.x is None:
            x = rounding.pump(self.relax, solution, lower, upper, self.integer, self.random)
            if x is not None:
                self.complete(x, lower, upper, solution.basis)

    # -------------------------------------------------------------- the answer

    def solution(self, status: Status, note: str) -> Solution:
        """What the search found; before there is a point, where the relaxation ended."""
        relaxed, x = self.relaxed, self.x
        y = np.zeros(self.problem.two_sided[0].shape[0]) if relaxed is None else relaxed.y
        if x is None:
            x = np.full(self.problem.n, np.nan)
            if relaxed is not None and status is Status.INFEASIBLE:
                x = relaxed.x
        return Solution(status, x, y, nit=self.nodes, note=note)

    def answer(self, solution: Solution) -> Answer:
        """The proposal judged: by a ray of the relaxation where there is one, or by the tree."""
        trace = self.trace() if self.request.trace else None
        tol = self.request.tol
        if solution.status is Status.UNBOUNDED:
            return self.unbounded(trace)
        relaxed = self.relaxed
        if self.nodes == 1 and relaxed is not None and relaxed.status is Status.INFEASIBLE:
            answer = conclude(self.problem, self.problem.two_sided[1], relaxed, tol, trace)
            if answer.success:
                return answer._replace(nit=1)
        if not self.growing.kept:
            note = f"{self.nodes} nodes, too many to be kept as a proof"
            return conclude(
                self.problem, self.problem.two_sided[1], replace(solution, note=note), tol, trace
            )
        tree = self.growing.tree()
        return self.judged(solution, tree, trace)

    def judged(self, solution: Solution, tree: proofs.Tree, trace: Any = None) -> Answer:
        """Success when the tree proves what was asked for."""
        proof = proofs.certify(self.problem, self.x, tree, self.request.tol)
        holds = bool(proof.holds())
        if proof.status is Status.FINISHED:
            asked = max(self.gap, self.request.tol)
            holds &= solution.status is Status.OPTIMAL and proof.details["gap"] <= asked
        words = f"{self.nodes} nodes, {tree.leaves} leaves"
        if np.isfinite(proof.details["bound"]):
            words += f", lower bound {proof.details['bound']:.10g}"
        if "gap" in proof.details:
            words += f", gap {proof.details['gap']:.2g}"
        if not holds and solution.status in (Status.OPTIMAL, Status.INFEASIBLE):
            words += f"; the search says {solution.status.name}, which its tree does not prove"
            solution = replace(solution, status=Status.STALLED)
        return Answer(
            x=solution.x,
            fun=self.problem.cost(solution.x),
            dual=multipliers(self.problem, self.problem.two_sided[1], solution.y),
            status=proof.status if holds else solution.status,
            success=holds,
            certificate=proof,
            nit=self.nodes,
            trace=trace,
            note="; ".join(part for part in (words, solution.note) if part),
            views={"tree": tree, "basis": None, "ray": None},
        )

    def unbounded(self, trace: Any) -> Answer:
        """The relaxation has a ray: the program is unbounded if it has an integral point.

        With rational data some multiple of the ray is integral, and leads from that point to
        ever lower cost (Meyer 1974).
        """
        relaxed, tol = self.relaxed, self.request.tol
        assert relaxed is not None
        left = self.request._replace(
            max_iterations=self.limit - self.nodes, max_seconds=self.seconds_left()
        )
        feasible = Search(replace(self.problem, c=np.zeros(self.problem.n)), left)
        solution = feasible.run()
        self.nodes += feasible.nodes
        if feasible.x is None:
            tree = feasible.growing.tree()
            return self.judged(solution, tree, trace)
        found = replace(relaxed, x=feasible.x, nit=self.nodes)
        answer = conclude(self.problem, self.problem.two_sided[1], found, tol, trace)
        whole = feasible.x[self.integer]
        proof = answer.certificate
        residuals = {**proof.residuals, "integrality": largest_of(np.abs(whole - np.rint(whole)))}
        return answer._replace(certificate=replace(proof, residuals=residuals))

    def trace(self) -> SearchTrace:
        """The course of the search as arrays."""
        node, incumbent, bound, depth = np.array(self.steps).reshape(-1, 4).T
        offset = self.problem.offset
        return SearchTrace(node.astype(int), incumbent + offset, bound + offset, depth.astype(int))


def halves(node: Node, j: int, value: float, direction: int) -> tuple[np.ndarray, np.ndarray]:
    """The box of a child."""
    if direction == UP:
        lower = node.lower.copy()
        lower[j] = max(lower[j], value + 1.0)
        return lower, node.upper
    upper = node.upper.copy()
    upper[j] = min(upper[j], value)
    return node.lower, upper
