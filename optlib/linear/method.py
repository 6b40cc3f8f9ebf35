"""How every method for linear programs runs: problem, form, solver, certificate."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..core.engines import Request
from ..core.method import Method
from ..core.result import Answer
from ..core.status import Status
from ..core.tree import is_traced
from . import certificate
from .forms import RowMap
from .problem import TOLERANCE, LinearDual, LinearProgram
from .range_form import Basis, RangeForm, Solution
from .sensitivity import sensitivity


class LinearMethod(Method):
    """Base of the methods for linear programs: a subclass proposes, the certificate disposes.

    Beside the common fields the result has

    - ``basis``: the :class:`~optlib.linear.range_form.Basis` of ``problem.to_range_form()``, or
      ``None``;
    - ``ray``: of an infeasible program the Farkas ray, a :class:`LinearDual`; of an unbounded one
      the direction; else ``None``;
    - ``sensitivity()``: the intervals of :func:`~optlib.linear.sensitivity.sensitivity`.
    """

    def propose(self, form: RangeForm, request: Request) -> Solution:
        """What the solver finds; nothing of it is believed before the certificate holds."""
        raise NotImplementedError

    def solve(self, problem: LinearProgram, request: Request) -> Answer:
        request = self.checked(problem, request)
        form, rows = problem.two_sided
        return conclude(problem, rows, self.propose(form, request), request.tol)

    def presolved(self, form: RangeForm, request: Request) -> Solution:
        """:meth:`propose` on the reduced form, brought back to the form given."""
        from .presolve import presolve

        reduced = presolve(form)
        if reduced.solution is not None:
            return reduced.solution
        solution = self.propose(reduced.form, request)
        return replace(reduced.postsolve(solution), trace=solution.trace)

    def earlier_basis(self, form: RangeForm, request: Request) -> Basis | None:
        """The basis of the result to start from, when it fits this form."""
        basis = None if request.start is None else request.start.views.get("basis")
        if basis is None or (basis.rows.size, basis.columns.size) != form.shape:
            return None
        return basis

    def checked(self, problem: LinearProgram, request: Request) -> Request:
        """The request with its tolerance; refuses what no linear program can do."""
        if is_traced(problem):
            raise ValueError(
                f"method {self.name!r}: not available inside jax.jit, vmap or grad; "
                "'interior_point' is, for dense programs"
            )
        if request.x0 is not None:
            raise ValueError(
                "x0: found a point; a linear program starts from an earlier result, start="
            )
        return request._replace(tol=TOLERANCE if request.tol is None else request.tol)

    def refusal(self, problem: Any) -> str | None:
        if problem.is_integer:
            return "it would ignore that variables are integer"
        return None


def conclude(
    problem: LinearProgram, rows: RowMap, solution: Solution, tol: float, trace: Any = None
) -> Answer:
    """A solver's proposal judged on the problem itself; success only when the proof holds."""
    x, dual, ray = solution.x, None, None
    if solution.status is Status.INFEASIBLE and solution.ray is not None:
        ray = multipliers(problem, rows, -solution.ray, with_cost=False)
        proof = certificate.infeasible(problem, ray, tol, solution.basis)
    elif solution.status is Status.UNBOUNDED and solution.ray is not None:
        ray = solution.ray
        proof = certificate.unbounded(problem, x, ray, tol, solution.basis)
    else:
        dual = multipliers(problem, rows, solution.y)
        proof = certificate.optimal(problem, x, dual, tol, solution.basis)
    holds = bool(proof.holds())
    if proof.status is Status.FINISHED:  # feasible only: no more than what the solver says
        holds = holds and solution.status is Status.OPTIMAL
    return Answer(
        x=x,
        fun=problem.cost(x),
        dual=dual,
        status=proof.status if holds else _without_proof(solution.status),
        success=holds,
        certificate=proof,
        nit=solution.nit,
        trace=trace,
        note=solution.note if holds else _doubt(solution, proof),
        views=_views(problem, solution, dual, ray, holds),
    )


def multipliers(
    problem: LinearProgram, rows: RowMap, y: np.ndarray, *, with_cost: bool = True
) -> LinearDual:
    """Multipliers of the two-sided rows as multipliers of the problem."""
    spread = rows.spread(y)
    eq, ub = np.split(spread, [problem.b_eq.size])
    dual = problem.reduced_costs(eq, ub)
    if with_cost:
        return dual
    z = dual.lower + dual.upper - problem.c
    return LinearDual(eq, ub, np.maximum(z, 0.0), np.minimum(z, 0.0))


CLAIMS = (Status.OPTIMAL, Status.INFEASIBLE, Status.UNBOUNDED)


def _without_proof(status: Status) -> Status:
    """What a run may call itself when nothing is proved."""
    return Status.STALLED if status in CLAIMS else status


def _doubt(solution: Solution, proof: Any) -> str:
    """What the solver claims, and which residual speaks against it."""
    if solution.status not in CLAIMS:
        return solution.note
    name, value = max(proof.residuals.items(), key=lambda item: (item[1] != item[1], item[1]))
    words = f"the solver says {solution.status.name}, but {name} is {value:.1e}"
    return f"{solution.note}; {words}" if solution.note else words


def _views(
    problem: LinearProgram, solution: Solution, dual: Any, ray: Any, holds: bool
) -> dict[str, Any]:
    """What a result shows beside the common fields."""
    views: dict[str, Any] = {"basis": solution.basis, "ray": ray}
    if holds and dual is not None:
        views["sensitivity"] = partial(sensitivity, problem, solution.x, dual, solution.basis)
    return views
