"""SciPy's own HiGHS behind the same result, signs and certificate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..core.engines import Request
from ..core.method import register
from ..core.result import Answer
from ..core.status import Status
from ..core.tree import pytree, static
from .method import LinearMethod, conclude
from .problem import LinearProgram
from .range_form import RangeForm, Solution
from .sparse import scipy_optimize, scipy_sparse

SOLVERS = {"dual_simplex": "highs-ds", "interior_point": "highs-ipm", "auto": "highs"}


class _Run(NamedTuple):
    """What SciPy's ``linprog`` hands back, in two-sided rows."""

    status: int
    fun: float
    x: Any
    y: np.ndarray
    nit: int
    message: str


_OPTIMAL, _LIMIT, _INFEASIBLE = 0, 1, 2
"""Of SciPy's status codes: solved; stopped by a limit; infeasible."""

_ENDS = {_LIMIT: Status.TIME_LIMIT, _INFEASIBLE: Status.INFEASIBLE}


@register("highs", LinearProgram)
@pytree
class HiGHS(LinearMethod):
    """HiGHS, as SciPy ships it: dual simplex, interior point with crossover, branch and bound.

    Parameters
    ----------
    solver : {"dual_simplex", "interior_point", "auto"}
        What runs on the presolved problem; ``auto`` leaves the choice to HiGHS.
    presolve : bool
        Reduce the problem first.

    Notes
    -----
    HiGHS as SciPy ships it returns no rays. When it finds no optimum, the smallest violation of
    the rows and the steepest direction within a unit box are solved for: their multipliers and
    their solution are the Farkas ray and the recession ray that prove the status.

    An integer optimum is OPTIMAL when the relaxation's bound proves it. Otherwise the status is
    FINISHED: the point is proved feasible and integral, that none is better is HiGHS's word.

    Examples
    --------
    >>> import optlib as ol
    >>> strip = ol.LinearProgram([-1.0, 0.0], A_ub=[[1.0, -1.0]], b_ub=[1.0])
    >>> result = ol.minimize(strip, "highs")
    >>> result.status.name, result.success, result.ray
    ('UNBOUNDED', True, array([1., 1.]))
    """

    solver: str = static(default="dual_simplex")
    presolve: bool = static(default=True)

    needs = "c, A, b"
    rate = "finite (simplex)"
    reference = "Huangfu & Hall 2018, parallelizing the dual revised simplex method"

    def __post_init__(self) -> None:
        if self.solver not in SOLVERS:
            raise ValueError(f"solver: found {self.solver!r}, needed one of {', '.join(SOLVERS)}")

    def refusal(self, problem: Any) -> str | None:
        return None

    def solve(self, problem: LinearProgram, request: Request) -> Answer:
        if not problem.is_integer:
            return super().solve(problem, request)
        request = self.checked(problem, request)
        form, rows = problem.two_sided
        solution = self._branch_and_bound(form, problem.integer, request)
        return conclude(problem, rows, solution, request.tol)

    def checked(self, problem: LinearProgram, request: Request) -> Request:
        for name in ("callback", "stop"):
            if getattr(request, name) is not None:
                raise ValueError(f"{name}: found one, needed none (HiGHS in SciPy shows no steps)")
        return super().checked(problem, request)

    def propose(self, form: RangeForm, request: Request) -> Solution:
        run = self._linprog(form, request)
        if run.status == _OPTIMAL:
            return Solution(Status.OPTIMAL, run.x, run.y, nit=run.nit)
        if run.status == _LIMIT:
            over = "time" in run.message.lower()
            status = Status.TIME_LIMIT if over else Status.ITERATION_LIMIT
            x = np.full(form.c.size, np.nan) if run.x is None else run.x
            return Solution(status, x, run.y, nit=run.nit)
        return self._without_optimum(form, request, run)

    def _linprog(self, form: RangeForm, request: Request) -> _Run:
        """``linprog`` on the rows as equations and one-sided inequalities."""
        equal = form.row_lower == form.row_upper
        above = np.flatnonzero(~equal & np.isfinite(form.row_upper))
        below = np.flatnonzero(~equal & np.isfinite(form.row_lower))
        equal = np.flatnonzero(equal)
        A = form.A.tocsr()
        found = scipy_optimize().linprog(
            form.c,
            A_ub=scipy_sparse().vstack([A[above], -A[below]]),
            b_ub=np.concatenate([form.row_upper[above], -form.row_lower[below]]),
            A_eq=A[equal],
            b_eq=form.row_upper[equal],
            bounds=np.column_stack([form.lower, form.upper]),
            method=SOLVERS[self.solver],
            options=_options(request) | {"presolve": self.presolve},
        )
        y = np.zeros(form.shape[0])
        if found.x is not None and found.status == _OPTIMAL:
            y[equal] = found.eqlin.marginals
            y[above] = found.ineqlin.marginals[: above.size]
            y[below] -= found.ineqlin.marginals[above.size :]
        return _Run(found.status, found.fun, found.x, y, int(found.nit), found.message)

    def _branch_and_bound(self, form: RangeForm, integer: np.ndarray, request: Request) -> Solution:
        """``milp``; then the relaxation, whose multipliers bound the cost from below."""
        scipy = scipy_optimize()
        whole = replace(
            form,
            lower=np.where(integer, np.ceil(form.lower), form.lower),
            upper=np.where(integer, np.floor(form.upper), form.upper),
        )
        if np.any(whole.lower > whole.upper):
            nothing = np.zeros(form.c.size), np.zeros(form.shape[0])
            words = "no whole number lies between the bounds of an integer variable"
            return Solution(Status.STALLED, *nothing, note=words)
        options: dict[str, Any] = {"presolve": self.presolve, "mip_rel_gap": 0.0}
        if request.max_seconds is not None:
            options["time_limit"] = float(request.max_seconds)
        if request.max_iterations is not None:
            options["node_limit"] = int(request.max_iterations)
        found = scipy.milp(
            form.c,
            integrality=integer.astype(int),
            bounds=scipy.Bounds(whole.lower, whole.upper),
            constraints=scipy.LinearConstraint(form.A, form.row_lower, form.row_upper),
            options=options,
        )
        relaxed = self.propose(form, request)
        if found.x is None:
            if relaxed.status not in (Status.OPTIMAL, Status.UNBOUNDED):
                return relaxed
            words = f"HiGHS: {found.message}; the relaxation is feasible, so no ray proves it"
            status = _ENDS.get(found.status, Status.STALLED)
            return replace(relaxed, status=status, ray=None, note=words)
        fixed = np.where(integer, np.rint(found.x), 0.0)
        lower, upper = np.where(integer, fixed, form.lower), np.where(integer, fixed, form.upper)
        best = self._linprog(replace(form, lower=lower, upper=upper), request)
        x = found.x if best.status != _OPTIMAL else best.x
        nodes = int(found.mip_node_count or 0)
        note = f"HiGHS: {nodes} nodes, lower bound {found.mip_dual_bound + form.offset:.10g}"
        status = Status.OPTIMAL if found.status == _OPTIMAL else _ENDS[_LIMIT]
        return Solution(status, x, relaxed.y, nit=nodes, note=note)

    def _without_optimum(self, form: RangeForm, request: Request, run: _Run) -> Solution:
        """The ray that explains why there is no optimum."""
        n = form.c.size
        least = self._linprog(violation(form), request)
        nit = run.nit + least.nit
        if least.status != _OPTIMAL:
            return Solution(Status.STALLED, np.zeros(n), run.y, nit=nit, note=run.message)
        x = least.x[:n]
        if least.fun > request.tol:
            return Solution(Status.INFEASIBLE, x, run.y, ray=-least.y, nit=nit)
        steepest = self._linprog(recession(form), request)
        nit += steepest.nit
        if steepest.status == _OPTIMAL and steepest.fun < 0.0:
            return Solution(Status.UNBOUNDED, x, run.y, ray=steepest.x, nit=nit)
        return Solution(Status.STALLED, x, run.y, nit=nit, note=run.message)


def violation(form: RangeForm) -> RangeForm:
    """The least sum of violations of the rows: two further columns for each end of a row.

    Its optimum is positive exactly when the form is infeasible, and then its row duals are,
    negated, a Farkas ray.
    """
    m, n = form.shape
    short, over = np.isfinite(form.row_lower), np.isfinite(form.row_upper)
    eye = scipy_sparse().eye_array(m, format="csc")
    A = scipy_sparse().hstack([form.A, eye[:, short], -eye[:, over]], format="csc")
    added = A.shape[1] - n
    return RangeForm(
        np.concatenate([np.zeros(n), np.ones(added)]), A, form.row_lower, form.row_upper,
        np.concatenate([form.lower, np.zeros(added)]),
        np.concatenate([form.upper, np.full(added, np.inf)]),
    )  # fmt: skip


def recession(form: RangeForm) -> RangeForm:
    """The steepest descent within the box of size 1 along which no row and no bound stops.

    Its optimum is negative exactly when some direction leads to ever lower cost.
    """

    def ends(lower: np.ndarray, upper: np.ndarray, far: float) -> tuple[np.ndarray, np.ndarray]:
        return np.where(np.isfinite(lower), 0.0, -far), np.where(np.isfinite(upper), 0.0, far)

    rows, columns = ends(form.row_lower, form.row_upper, np.inf), ends(form.lower, form.upper, 1.0)
    return RangeForm(form.c, form.A, *rows, *columns)


def _options(request: Request) -> dict[str, Any]:
    """The request in HiGHS's words; its tolerances are absolute, so a tenth is asked for."""
    feasibility = min(1e-7, max(1e-10, 0.1 * request.tol))
    options: dict[str, Any] = {
        "primal_feasibility_tolerance": feasibility,
        "dual_feasibility_tolerance": feasibility,
    }
    if request.max_iterations is not None:
        options["maxiter"] = int(request.max_iterations)
    if request.max_seconds is not None:
        options["time_limit"] = float(request.max_seconds)
    return options
