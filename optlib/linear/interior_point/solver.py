"""The sparse interior point method: analysis, iteration, and what its end proves."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...core.status import Status
from ...linalg.cholesky import analyse, factorize
from ..range_form import RangeForm, Solution
from . import embedding as hsd
from .standard import Standard, contradiction, direction, recover, standardise

_DENSE_LIMIT = 100
"""Most columns that are treated as dense."""

_TINY = 1e-13
"""A pivot this small against its diagonal is what rounding left of a dependent row."""


@dataclass(frozen=True, eq=False)
class History:
    """The path that a solve took; arrays with one entry for each iterate, the start included.

    Attributes
    ----------
    mu : array
        Mean complementarity product, in units of the cost (scaled columns).
    primal, dual : array
        Largest residual of a row and of a column, relative to the terms summed in it.
    gap : array
        Difference of cost and dual cost, relative to the cost.
    objective : array
        Cost of the iterate.
    tau, kappa : array
        The two numbers of the embedding; ``tau`` tends to zero when there is no solution.
    sigma : array
        Centring of the step that led here.
    step_primal, step_dual : array
        Its lengths.
    solves : array
        Solves with the factor on the way.
    x : array, shape (nit + 1, n), or None
        The iterates, where asked for.
    """

    mu: np.ndarray
    primal: np.ndarray
    dual: np.ndarray
    gap: np.ndarray
    objective: np.ndarray
    tau: np.ndarray
    kappa: np.ndarray
    sigma: np.ndarray
    step_primal: np.ndarray
    step_dual: np.ndarray
    solves: np.ndarray
    x: np.ndarray | None = None

    def __len__(self) -> int:
        return self.mu.size


def solve(
    form: RangeForm,
    *,
    tol: float = 1e-8,
    max_iterations: int = 200,
    max_seconds: float | None = None,
    callback: Callable[[History], object] | None = None,
) -> Solution:
    """Solve a linear program by a homogeneous interior point method.

    Mehrotra's predictor-corrector with Gondzio's corrections on the homogeneous self-dual
    embedding; each iteration factors ``A Θ Aᵀ`` once. The answer is a point in the middle of the
    optimal face, not a vertex.

    Parameters
    ----------
    form : RangeForm
    tol : float
        OPTIMAL means: the residual of every row and column is at most ``tol`` times the terms
        summed in it, and the gap at most ``tol`` times the cost. INFEASIBLE and UNBOUNDED mean:
        no point (no multipliers) smaller than ``1 / tol`` times the data exists.
    max_iterations : int
    max_seconds : float, optional
        Wall time.
    callback : callable, optional
        Called with the :class:`History` so far after every iteration; stops when it returns true.

    Returns
    -------
    Solution
        Without a basis. At a limit, the best iterate.

    References
    ----------
    Andersen & Andersen 2000, *The MOSEK interior point optimizer*; Mehrotra 1992; Gondzio 1996.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> A, inf = sp.csc_array(np.array([[1.0, 2.0], [3.0, 1.0]])), np.inf
    >>> form = RangeForm(np.array([-1.0, -1.0]), A, np.full(2, -inf), np.array([4.0, 6.0]),
    ...                  np.zeros(2), np.full(2, inf))
    >>> solution = solve(form)
    >>> solution.x.round(6), solution.y.round(6)
    (array([1.6, 1.2]), array([-0.4, -0.2]))
    """
    return solve_with_history(
        form, tol=tol, max_iterations=max_iterations, max_seconds=max_seconds, callback=callback
    )[0]


def solve_with_history(
    form: RangeForm,
    *,
    tol: float = 1e-8,
    max_iterations: int = 200,
    max_seconds: float | None = None,
    callback: Callable[[History], object] | None = None,
    points: bool = False,
) -> tuple[Solution, History]:
    """As :func:`solve`, with the path; ``points=True`` keeps every iterate's x as well.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> A, inf = sp.csc_array(np.ones((1, 2))), np.inf
    >>> form = RangeForm(np.array([1.0, 2.0]), A, np.ones(1), np.ones(1), np.zeros(2),
    ...                  np.full(2, inf))
    >>> solution, history = solve_with_history(form, points=True)
    >>> history.x.shape == (solution.nit + 1, 2), bool(history.gap[-1] <= 1e-8)
    (True, True)
    """
    clock = _Clock(max_seconds, callback)
    lp = standardise(form)
    empty = contradiction(form, lp)
    if empty is not None:
        x = np.clip(0.0, form.lower, form.upper)
        nothing = History(*np.zeros((len(hsd.FIELDS), 0)))
        solution = Solution(Status.INFEASIBLE, x, np.zeros(form.shape[0]), ray=empty)
        return solution, nothing
    path = _Path(form, lp, _System(lp), tol, max_iterations, points)
    why = path.follow(clock)
    return _conclude(path, why, clock), path.history()


def _conclude(path: _Path, why: int, clock: _Clock) -> Solution:
    """What the end of the path means; a second path settles feasibility where that is open."""
    x, y = path.point()
    note = "" if why == hsd.CONVERGED else f"relative error {path.error:.0e}"
    if why == hsd.INFEASIBLE:
        return Solution(Status.INFEASIBLE, x, y, ray=_scaled(-y), nit=path.reached)
    if why == hsd.RUNNING:
        return Solution(clock.status, x, y, nit=path.reached, note=note)
    if why == hsd.CONVERGED:
        return Solution(Status.OPTIMAL, x, y, nit=path.reached)
    if why == hsd.STUCK and path.feasibility_error <= np.sqrt(path.tol):
        return Solution(Status.STALLED, x, y, nit=path.reached, note=note)

    second, nit, found = path, path.reached, hsd.STUCK
    for firmness in (hsd.SOFT, hsd.FIRM):
        if found == hsd.STUCK:
            second = path.without_cost(firmness)
            found = second.follow(clock)
            nit += second.reached
    if found == hsd.INFEASIBLE:
        _, y = second.point()
        return Solution(Status.INFEASIBLE, x, y, ray=_scaled(-y), nit=nit)
    if why == hsd.UNBOUNDED and found == hsd.CONVERGED:
        x, _ = second.point()
        return Solution(Status.UNBOUNDED, x, y, ray=_scaled(path.direction()), nit=nit)
    status = clock.status if found == hsd.RUNNING else Status.STALLED
    return Solution(status, x, y, nit=nit, note=note)


def _scaled(ray: np.ndarray) -> np.ndarray:
    return ray / (np.abs(ray).max(initial=0.0) or 1.0)


class _Clock:
    """Wall time and the caller's wish to stop."""

    def __init__(self, max_seconds: float | None, callback: Callable[[History], object] | None):
        self.callback = callback
        self.deadline = np.inf if max_seconds is None else time.perf_counter() + max_seconds
        self.status = Status.ITERATION_LIMIT

    def stops(self, path: _Path) -> bool:
        if self.callback is not None and self.callback(path.history()):
            self.status = Status.INTERRUPTED
        elif time.perf_counter() > self.deadline:
            self.status = Status.TIME_LIMIT
        return self.status is not Status.ITERATION_LIMIT


class _System:
    """The normal equations of a program: pattern, analysis, factor; common to all its paths."""

    def __init__(self, lp: Standard) -> None:
        self.lp = lp
        self.is_dense = _dense_columns(np.diff(lp.indptr))
        self.start, self.index = hsd.normal_pattern(
            lp.indptr, lp.indices, lp.row_start, lp.row_column, lp.row_entry, self.is_dense
        )
        self.symbolic = analyse(self.start, self.index)
        self.values, self.L = np.empty(self.index.size), np.empty(self.symbolic.nnz)
        self.inverse = np.empty(lp.b.size)
        self.dense = np.flatnonzero(self.is_dense)
        self.border = np.empty((2 * self.dense.size + 1, lp.b.size)) if self.dense.size else None

    def factor(self, C: np.ndarray, M: np.ndarray) -> None:
        """Factor ``A Θ Aᵀ`` with the Θ in the tables."""
        A, rows = self.lp[:3], self.lp[3:6]
        order, places, panels, panel_of, position = self.symbolic.pattern
        hsd.form(*A, *rows, self.is_dense, self.start, self.index, C, M, self.values)
        factorize(places, panels, panel_of, position, self.values, self.L, self.inverse, _TINY, 1.0)
        if self.border is not None:
            from .dense_columns import append

            theta, work = C[hsd.THETA], M[hsd.R0]
            append(
                *A, self.dense, theta, order, places, panels, self.L, self.inverse, self.border,
                work,
            )  # fmt: skip


class _Path:
    """One run of the embedding from its starting point."""

    def __init__(
        self,
        form: RangeForm,
        lp: Standard,
        system: _System,
        tol: float,
        limit: int,
        points: bool = False,
        firmness: float = hsd.FIRM,
    ) -> None:
        self.form, self.lp, self.system, self.tol, self.limit = form, lp, system, tol, limit
        self.C, self.M, self.N = hsd.tables(lp, firmness, 25.0 if system.dense.size else 5.0)
        self.table = np.zeros((limit + 1, hsd.WIDTH))
        self.points: list[np.ndarray] | None = [] if points else None
        self.reached = 0

    def without_cost(self, firmness: float) -> _Path:
        """The path that looks for any feasible point, free columns held so firmly."""
        lp = self.lp._replace(c=np.zeros_like(self.lp.c))
        return _Path(self.form, lp, self.system, self.tol, self.limit, firmness=firmness)

    def follow(self, clock: _Clock) -> int:
        """Iterate to an end or to a limit of the clock's."""
        system, C, M = self.system, self.C, self.M
        order, rows, panels = system.symbolic.pattern[:3]
        program = (self.lp.kind, *self.lp[:3], C, M, self.N)
        factor = (order, rows, panels, system.L, system.inverse, system.border)
        for k in range(self.limit + 1):
            system.factor(C, M)
            if k == 0:
                hsd.start(program, factor)
            else:
                hsd.search(*program, *factor, self.tol, self.table[k])
            why = hsd.assess(*program, k, self.tol, self.table[k])
            self.reached = k
            if self.points is not None:
                self.points.append(self._recovered(hsd.X, hsd.Y, hsd.TAU)[0])
            if why != hsd.RUNNING or clock.stops(self):
                return why
        return hsd.RUNNING

    def point(self) -> tuple[np.ndarray, np.ndarray]:
        """The user's x and y of the best iterate."""
        return self._recovered(hsd.BEST_X, hsd.BEST_Y, hsd.BEST_TAU)

    def _recovered(self, x: int, y: int, tau: int) -> tuple[np.ndarray, np.ndarray]:
        return recover(self.form, self.lp, self.C[x], self.M[y], float(self.N[tau]))

    def direction(self) -> np.ndarray:
        """The user's direction of recession."""
        return direction(self.form, self.lp, self.C[hsd.BEST_X])

    @property
    def error(self) -> float:
        """How far the best iterate is from a proof."""
        return float(self.N[hsd.BEST])

    @property
    def feasibility_error(self) -> float:
        """The least primal residual on the path."""
        return float(self.table[: self.reached + 1, hsd.FIELDS.index("primal")].min())

    def history(self) -> History:
        columns = self.table[: self.reached + 1].T
        x = None if self.points is None else np.array(self.points)
        return History(*columns, x=x)


def _dense_columns(count: np.ndarray) -> np.ndarray:
    """Columns so full that ``A Θ Aᵀ`` is better formed without them."""
    if count.size == 0:
        return np.zeros(0, np.bool_)
    full = count > max(40.0, 10.0 * count.mean())
    pairs = np.square(count, dtype=float)
    if full.sum() > _DENSE_LIMIT or pairs[full].sum() < 4.0 * pairs[~full].sum():
        return np.zeros(count.size, np.bool_)
    return full
