"""The basis, its factors and its point, and the phases that change them.

A phase runs a compiled kernel in chunks, from one factorisation to the next; between two chunks
the point is computed anew, limits are looked at and the trace is written.

**Why it ends.** A phase whose objective stands still for long (degeneracy) is continued with
Bland's rule, least index in and least index out, until the objective moves: with it no basis
occurs twice at one value, and a value once left does not return, so a finite number of bases
bounds the iterations (Bland 1977). Perturbed costs and bounds make that a rare event.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

import numpy as np

from ...core.status import Status
from ...linalg.lu import BasisFactors
from ..range_form import AT_LOWER, AT_UPPER, BASIC, FREE, Basis, RangeForm, Solution
from . import dual, primal
from .refresh import perturb, place, refresh
from .state import DOWN, FACTOR, FEASIBLE, NO_CANDIDATE, UNSTABLE, UP, Matrix, Point, work_for

STANDING = np.array([AT_LOWER, AT_LOWER, FREE, AT_UPPER])
"""What a result says of a nonbasic variable, by ``Point.move``."""


@dataclass(frozen=True)
class Step:
    """One record of the trace, written at a refactorisation.

    Attributes
    ----------
    iteration : int
    phase : str
    objective : float
        ``cᵀx`` in working units, with the true costs.
    infeasibility : float
        Sum of the violations of bounds, in working units.
    """

    iteration: int
    phase: str
    objective: float
    infeasibility: float


@dataclass(frozen=True)
class Limits:
    """When to stop early: iterations, ``time.perf_counter`` value, and a hook that may say so."""

    iterations: int
    deadline: float
    should_stop: Callable[[Step], bool] | None = None


class Totals(NamedTuple):
    """What a point comes to: ``cᵀx`` with the true and with the working costs, the sum of the
    violations, the largest wrong reduced cost (also without the boxed variables)."""

    objective: float
    working: float
    violations: float
    wrong_dual: float
    wrong_unboxed_dual: float


class Stop(Exception):
    """A limit was met."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


class Outcome(Enum):
    """How a phase ended: feasible (and so optimal); proved impossible, with ``ray``; given up."""

    DONE = auto()
    IMPOSSIBLE = auto()
    LOST = auto()


class Simplex:
    """A program in working units with a basis.

    Parameters
    ----------
    form : RangeForm
        Scaled.
    tol : float
        Largest violation of a bound and of the sign of a reduced cost.
    limits : Limits
    proves : callable
        Whether a Farkas ray in working units proves infeasibility in the user's.
    """

    def __init__(
        self, form: RangeForm, tol: float, limits: Limits, proves: Callable[[np.ndarray], bool]
    ) -> None:
        m, n = self.shape = form.shape
        self.matrix = matrix = Matrix.of(form.A)
        self.tol, self.limits, self.proves = tol, limits, proves
        self.lower = np.concatenate([form.lower, form.row_lower])
        self.upper = np.concatenate([form.upper, form.row_upper])
        self.cost = np.concatenate([form.c, np.zeros(m)])
        self.max_updates = min(100 + m // 100, 1000)
        columns = matrix.start, matrix.index, matrix.value
        self.factors = BasisFactors(*columns, (m, n), self.max_updates)
        self.work = work_for(m, n)
        self.point = Point.of(self.lower, self.upper, self.cost, m)
        self.info = np.zeros(2)
        self.iterations = 0
        self.threshold = 0.1
        self.stale = True
        self.current = False
        self.ray: np.ndarray | None = None
        self.trace: list[Step] = []
        self.totals = Totals(0.0, 0.0, 0.0, 0.0, 0.0)

    # ------------------------------------------------------------------ basis and point

    def start_from(self, basis: Basis | None) -> None:
        """Take a basis, completed or thinned to m variables where it has not as many."""
        m, n = self.shape
        standing = np.full(n + m, AT_LOWER)
        standing[n:] = BASIC
        if basis is not None:
            standing = np.concatenate([basis.columns, basis.rows])
        head = np.flatnonzero(standing == BASIC)[:m]
        if head.size < m:
            spare = n + np.flatnonzero(standing[n:] != BASIC)
            head = np.concatenate([head, spare[: m - head.size]])
        point = self.point
        point.head[:] = head
        point.basic[:] = False
        point.basic[head] = True
        point.move[:] = UP
        point.move[standing == AT_UPPER] = DOWN
        self.set_bounds(self.lower, self.upper)

    def set_bounds(self, lower: np.ndarray, upper: np.ndarray, *, by_duals: bool = False) -> None:
        """Change the working bounds; nonbasic variables stay on theirs, or follow their d."""
        place(self.point, lower, upper, by_duals)
        self.current = False

    def rebuild(self, *, mend: bool = False) -> None:
        """Fresh factors and, from them, the primal and the dual point, where they are not.

        ``stale`` says that the basis changed since the factorisation, ``current`` that the point
        is that of the factors; ``mend`` makes it dual feasible.
        """
        if self.stale:
            self.factorize()
        elif self.current and not mend:
            return
        self.current = True
        self.totals = Totals._make(
            refresh(self.matrix, self.point, self.factors.lu, self.work, self.cost, self.tol, mend)
        )

    def factorize(self) -> None:
        """Fresh factors; of a singular basis some variables are replaced by logicals."""
        point = self.point
        weights = np.ones(point.x.size)
        weights[point.head] = point.weight
        before = point.head.copy()
        if self.factors.factorize(point.head, self.threshold) > 0:
            point.basic[:] = False
            point.basic[point.head] = True
            dropped = before[~point.basic[before]]
            above, below = point.upper[dropped], point.lower[dropped]
            nearer = np.abs(point.x[dropped] - above) < np.abs(point.x[dropped] - below)
            point.move[dropped] = np.where(nearer, DOWN, UP)
            self.set_bounds(point.lower.copy(), point.upper.copy())
            weights[:] = 1.0
        point.weight[:] = weights[point.head]
        self.work.clock[FACTOR] = self.factors.steps
        self.stale = False

    def full_x(self) -> np.ndarray:
        """All n + m values."""
        x = self.point.x.copy()
        x[self.point.head] = self.point.value
        return x

    def solution(self, status: Status) -> Solution:
        """The basis and its point in working units."""
        n = self.shape[1]
        standing = STANDING[self.point.move]
        standing[self.point.basic] = BASIC
        basis = Basis(standing[:n], standing[n:])
        ray = self.ray if status in (Status.INFEASIBLE, Status.UNBOUNDED) else None
        return Solution(
            status, self.full_x()[:n], self.point.d[n:].copy(), basis, ray, self.iterations
        )

    # ------------------------------------------------------------------ phases

    def dual_phase(self, name: str) -> Outcome:
        """Dual simplex with the working bounds and costs, from any basis.

        Reduced costs of the wrong sign are mended first, by moving boxed variables to their other
        bound and by shifting costs. ``IMPOSSIBLE`` leaves a verified Farkas ray in ``ray``.
        """
        point, stall = self.point, Stall(self.shape)
        banned: list[int] = []
        for _ in range(MAX_CHUNKS):
            self.rebuild(mend=True)
            self.record(name)
            if self.totals.violations == 0.0:
                return Outcome.DONE
            bland = stall.watch(self.iterations, self.totals.working)
            if banned:
                point.infeasibility[np.isin(point.head, banned)] = 0.0
            made, code = dual.iterate(
                self.matrix, point, self.factors.lu, self.work, self.budget, self.max_updates,
                self.tol, bland, self.info,
            )  # fmt: skip
            self.iterations += int(made)
            self.stale |= made > 0
            ray = self.work.rho.copy() if code == NO_CANDIDATE else None
            self.work.rho[:] = 0.0
            if made > 0:
                banned.clear()
                continue
            if code == FEASIBLE:
                return Outcome.LOST if banned else Outcome.DONE
            if ray is not None and self.is_proof(ray):
                return Outcome.IMPOSSIBLE
            if code in (NO_CANDIDATE, UNSTABLE):
                banned.append(int(point.head[int(self.info[0])]))
                self.threshold, self.stale = min(0.9, 2.0 * self.threshold), True
        return Outcome.LOST

    def primal_phase(self) -> Outcome:
        """Primal simplex with the working bounds and costs, from any basis.

        ``IMPOSSIBLE`` leaves a Farkas ray, or a direction of unbounded descent if the point is
        feasible.
        """
        point, stall = self.point, Stall(self.shape)
        point.devex[:] = 1.0
        trouble = 0
        while trouble < MAX_TROUBLE:
            self.rebuild()
            phase1 = self.totals.violations > 0.0
            self.record("primal phase 1" if phase1 else "primal")
            if not phase1 and self.totals.wrong_dual == 0.0:
                return Outcome.DONE
            value = self.totals.violations if phase1 else self.totals.working
            bland = stall.watch(self.iterations, -value, phase1)
            made, code = primal.iterate(
                self.matrix, point, self.factors.lu, self.work, self.budget, self.max_updates,
                phase1, self.tol, bland, self.info,
            )  # fmt: skip
            self.iterations += int(made)
            self.stale |= made > 0
            ray = self.work.rho.copy()
            column = self.work.column.copy()
            self.work.rho[:] = 0.0
            self.work.column[:] = 0.0
            if made > 0:
                continue
            if code == FEASIBLE:
                return Outcome.DONE
            if code == NO_CANDIDATE and phase1 and self.is_proof(ray):
                return Outcome.IMPOSSIBLE
            if code == NO_CANDIDATE and not phase1:
                self.ray = self.direction(int(self.info[0]), column)
                return Outcome.IMPOSSIBLE
            trouble += 1
            self.threshold, self.stale = min(0.9, 2.0 * self.threshold), True
        return Outcome.LOST

    def is_proof(self, ray: np.ndarray) -> bool:
        """Keep the ray, with the right sign, if it proves that the program is infeasible."""
        for candidate in (ray, -ray):
            if self.proves(candidate):
                self.ray = candidate
                return True
        return False

    def direction(self, q: int, column: np.ndarray) -> np.ndarray:
        """Where x goes when variable q enters and nothing stops it."""
        ray = np.zeros(self.point.x.size)
        sign = -np.sign(self.point.d[q])
        ray[q] = sign
        ray[self.point.head] = -sign * column
        return ray[: self.shape[1]]

    @property
    def budget(self) -> int:
        """Iterations that may still be made."""
        return max(0, self.limits.iterations - self.iterations)

    def record(self, phase: str) -> None:
        """Write the trace; stop when a limit is met."""
        totals = self.totals
        step = Step(self.iterations, phase, totals.objective, totals.violations)
        self.trace.append(step)
        if self.budget == 0:
            raise Stop(Status.ITERATION_LIMIT)
        if time.perf_counter() > self.limits.deadline:
            raise Stop(Status.TIME_LIMIT)
        if self.limits.should_stop is not None and self.limits.should_stop(step):
            raise Stop(Status.INTERRUPTED)

    # ------------------------------------------------------------------ perturbation, phase 1

    def perturb_costs(self) -> None:
        """Move the costs a little, see :func:`~.refresh.perturb`."""
        perturb(self.point, self.cost, self.shape[1])
        self.current = False

    def restore(self) -> None:
        """The true costs and bounds, and the point that belongs to them."""
        self.point.cost[:] = self.cost
        self.set_bounds(self.lower, self.upper)
        self.rebuild()

    def perturb_bounds(self) -> None:
        """Widen the bounds a little, at random, against degenerate steps of the primal simplex."""
        wide = 5e-7 * (1.0 + np.random.default_rng(0).random((2, self.cost.size)))
        lower = self.lower - wide[0] * (1.0 + np.abs(self.lower))
        upper = self.upper + wide[1] * (1.0 + np.abs(self.upper))
        self.set_bounds(lower, upper)

    def dual_phase_1(self) -> None:
        """Look for a dual feasible basis by the subproblem with artificial bounds."""
        has_lower, has_upper = np.isfinite(self.lower), np.isfinite(self.upper)
        lower = np.where(has_lower, 0.0, np.where(has_upper, -1.0, -1000.0))
        upper = np.where(has_upper, 0.0, np.where(has_lower, 1.0, 1000.0))
        self.set_bounds(lower, upper, by_duals=True)
        self.dual_phase("dual phase 1")
        self.set_bounds(self.lower, self.upper, by_duals=True)

    # ------------------------------------------------------------------ the whole method

    def run_dual(self, warm: bool) -> Outcome:
        """Dual simplex, then the primal simplex for what the perturbation leaves to do.

        From a warm start that is feasible on one side the costs are left as they are, and the
        method of the other side goes on from there.
        """
        if warm:
            self.rebuild()
            if self.totals.wrong_unboxed_dual == 0.0:
                if self.dual_phase("dual") is Outcome.IMPOSSIBLE:
                    return Outcome.IMPOSSIBLE
                return self.finish()
            if self.totals.violations == 0.0:
                return self.primal_phase()
        self.perturb_costs()
        self.rebuild()
        if self.totals.wrong_unboxed_dual > 0.0:
            self.dual_phase_1()
        else:
            self.set_bounds(self.lower, self.upper, by_duals=True)
        if self.dual_phase("dual") is Outcome.IMPOSSIBLE:
            return Outcome.IMPOSSIBLE
        self.restore()
        return self.primal_phase()

    def run_primal(self, warm: bool) -> Outcome:
        """Primal simplex, then the dual simplex for what the perturbation leaves to do.

        From a feasible warm start the bounds are left as they are.
        """
        if warm:
            self.rebuild()
        if not warm or self.totals.violations > 0.0:
            self.perturb_bounds()
        if self.primal_phase() is Outcome.IMPOSSIBLE and self.totals.violations > 0.0:
            return Outcome.IMPOSSIBLE
        return self.finish()

    def finish(self) -> Outcome:
        """From a nearly optimal basis, with the true costs and bounds."""
        self.restore()
        if self.totals.violations > 0.0:
            if self.dual_phase("dual") is Outcome.IMPOSSIBLE:
                return Outcome.IMPOSSIBLE
            self.restore()
        return self.primal_phase()


class Stall:
    """Watches whether a phase's objective rises; after many steps without, Bland's rule is due."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.patience = 1000 + 5 * sum(shape)
        self.best, self.since, self.key = -np.inf, 0, None

    def watch(self, iteration: int, value: float, key: object = None) -> bool:
        """Whether to use Bland's rule for the next chunk."""
        if key != self.key or value > self.best + 1e-13 * abs(self.best):
            self.best, self.since, self.key = value, iteration, key
        return iteration - self.since > self.patience


MAX_CHUNKS = 100_000
"""Factorisations in one phase, far beyond what occurs."""

MAX_TROUBLE = 20
"""Chunks of the primal simplex without a step that is accurate enough."""
