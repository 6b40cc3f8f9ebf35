"""The simplex and the interior point method, behind the one door."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

from ..core.engines import ProgressInfo, Request
from ..core.method import register
from ..core.result import Answer
from ..core.status import Status
from ..core.tree import is_traced, pytree, static
from . import batched
from .crossover import likely_basis
from .method import CLAIMS, LinearMethod, conclude
from .problem import LinearProgram
from .range_form import Basis, RangeForm, Solution

ALGORITHMS = ("dual", "primal")

Run = Callable[[RangeForm, Request], Solution]


class SparseMethod(LinearMethod):
    """A compiled solver for sparse programs, behind presolve."""

    presolve: bool

    needs = "c, A, b"
    worth_presolve: ClassVar[int] = 0
    """From so many entries of A on; with fewer the solver takes no longer than presolve."""

    def solve(self, problem: LinearProgram, request: Request) -> Answer:
        request = self.checked(problem, request)
        form, rows = problem.two_sided
        presolve = self.presolve and form.A.nnz >= self.worth_presolve
        presolve = presolve and self.earlier_basis(form, request) is None
        began = time.perf_counter()
        answer: Any = None
        for run in self.runs(presolve):
            solution = run(form, _left(request, began))
            trace = solution.trace if request.trace else None
            answer = conclude(problem, rows, solution, request.tol, trace=trace)
            if answer.success or solution.status not in (*CLAIMS, Status.STALLED):
                return answer
        return answer

    def runs(self, presolve: bool) -> Iterator[Run]:
        """What is tried in turn, until a proof comes of it."""
        if presolve:
            yield self.presolved
        yield self.propose

    def checked(self, problem: LinearProgram, request: Request) -> Request:
        if request.stop is not None:
            raise ValueError(
                f"stop: found one, needed none (method {self.name!r} ends with a proof, "
                "max_iterations=, max_seconds= or a callback)"
            )
        return super().checked(problem, request)


def _left(request: Request, began: float) -> Request:
    """The request with the time that is left."""
    if request.max_seconds is None:
        return request
    return request._replace(max_seconds=max(0.0, request.max_seconds - time.perf_counter() + began))


def _watch(request: Request, began: float, nit: int, fun: float, residual: float) -> bool:
    """Show an iterate to the callback; whether it asks to stop."""
    if request.callback is None:
        return False
    seconds = time.perf_counter() - began
    return bool(request.callback(ProgressInfo(nit, fun, residual, math.nan, None, seconds)))


@register("simplex", LinearProgram, recommended=True)
@pytree
class Simplex(SparseMethod):
    """The revised simplex method with bounds on all variables, for sparse programs.

    It walks from vertex to vertex of ``{x : row_lower <= A x <= row_upper, lower <= x <= upper}``
    and ends at an optimal basis, or at a ray that shows why there is none. The dual method prices
    rows by dual steepest edge and passes bounds by flips; the primal one prices columns by devex.
    The basis is factored by Markowitz pivoting and updated by Forrest and Tomlin.

    Parameters
    ----------
    algorithm : {"dual", "primal"}
        Dual by default: it is the faster one, and goes on from a basis when bounds or right-hand
        sides change; the primal one goes on from a basis when costs change.
    presolve : bool
        Reduce the program first; passed over when a basis is given with ``start=``, and for tiny
        programs.

    Notes
    -----
    ``callback`` is called at each factorisation with ``nit``, ``fun`` (the cost) and
    ``grad_norm`` (the sum of violations of the bounds), in the units of the scaled, presolved
    program; ``x`` is ``None``. ``trace=True`` keeps the same.

    Examples
    --------
    >>> import optlib as ol
    >>> diet = ol.LinearProgram([2.0, 3.0], A_ub=[[-1.0, -1.0], [-1.0, -3.0]], b_ub=[-4.0, -6.0])
    >>> result = ol.minimize(diet, "simplex")
    >>> result.x, result.dual.ub, result.status.name
    (array([3., 1.]), array([-1.5, -0.5]), 'OPTIMAL')
    """

    algorithm: str = static(default="dual")
    presolve: bool = static(default=True)

    worth_presolve = 500
    rate = "finite"
    reference = "Forrest & Goldfarb 1992; Koberstein 2005; Huangfu & Hall 2018"

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            found = f"algorithm: found {self.algorithm!r}"
            raise ValueError(f"{found}, needed one of {', '.join(ALGORITHMS)}")

    def propose(self, form: RangeForm, request: Request) -> Solution:
        return self.vertex(form, request, self.earlier_basis(form, request))

    def vertex(self, form: RangeForm, request: Request, start: Basis | None) -> Solution:
        """Run from a basis."""
        from .simplex import Step, solve

        began, steps = time.perf_counter(), []

        def stops(step: Step) -> bool:
            return _watch(request, began, step.iteration, step.objective, step.infeasibility)

        solution = solve(
            form,
            algorithm=self.algorithm,
            basis=start,
            tol=min(1e-9, max(1e-12, request.tol)),
            max_iterations=request.max_iterations,
            max_seconds=request.max_seconds,
            should_stop=stops,
            trace=steps,
        )
        return replace(solution, trace=tuple(steps))


@register("interior_point", LinearProgram)
@pytree
class InteriorPoint(SparseMethod):
    """A primal-dual interior point method on the homogeneous self-dual embedding.

    Each iteration solves the Newton equations of ``A x = b``, ``Aᵀy + z = c``, ``x_i z_i = mu``
    twice with one Cholesky factorization of ``A Θ Aᵀ`` (Mehrotra's predictor and corrector, then
    Gondzio's further corrections), and mu falls to zero along the central path. The answer lies in
    the middle of the optimal face: a vertex only where that is one point.

    Parameters
    ----------
    presolve : bool
        Reduce the program first.
    crossover : bool
        End at a vertex, with a basis: the simplex method goes on from the basis that the interior
        point suggests. Where the path ends without a proof that is done in any case.

    Notes
    -----
    ``callback`` is called after each iteration with ``nit``, ``fun`` (the cost) and ``grad_norm``
    (the largest of the residuals and the gap); ``x`` is ``None``. ``trace=True`` keeps the
    central path, see :class:`optlib.linear.interior_point.History`.

    Inside ``jax.jit``, ``jax.vmap`` and ``jax.grad`` a dense program is solved by a dense interior
    point method in JAX, with the derivatives of the optimal cost and of the vertex.

    Examples
    --------
    >>> import optlib as ol
    >>> face = ol.LinearProgram([1.0, 1.0], A_eq=[[1.0, 1.0]], b_eq=[2.0])
    >>> ol.minimize(face, "interior_point", presolve=False).x.round(6)
    array([1., 1.])
    """

    presolve: bool = static(default=True)
    crossover: bool = static(default=False)

    rate = "polynomial: O(sqrt(n) log(1/tol)) iterations"
    reference = "Mehrotra 1992; Xu, Hung & Ye 1996; Gondzio 1996; Andersen & Andersen 2000"

    def solve(self, problem: LinearProgram, request: Request) -> Answer:
        if is_traced(problem):
            return batched.solve(problem, request)
        return super().solve(problem, request)

    def runs(self, presolve: bool) -> Iterator[Run]:
        run = self.presolved if presolve else self.propose
        for share in (0.1, 1e-4):
            yield lambda form, request, s=share: run(form, request._replace(tol=s * request.tol))
        yield replace(self, crossover=True).propose

    def propose(self, form: RangeForm, request: Request) -> Solution:
        began = time.perf_counter()
        solution = self._path(form, request)
        if not self.crossover or solution.status not in (Status.OPTIMAL, Status.STALLED):
            return solution
        start = likely_basis(form, solution)
        vertex = Simplex().vertex(form, _left(request, began), start)
        words = f"crossover: {vertex.nit} pivots after {solution.nit} iterations"
        return replace(vertex, nit=solution.nit + vertex.nit, note=words, trace=solution.trace)

    def _path(self, form: RangeForm, request: Request) -> Solution:
        """The central path to its end."""
        from .interior_point import History, solve_with_history

        began = time.perf_counter()

        def stops(path: History) -> bool:
            worst = max(path.primal[-1], path.dual[-1], path.gap[-1])
            return _watch(request, began, len(path) - 1, float(path.objective[-1]), float(worst))

        solution, path = solve_with_history(
            form,
            tol=request.tol,
            max_iterations=200 if request.max_iterations is None else int(request.max_iterations),
            max_seconds=request.max_seconds,
            callback=None if request.callback is None else stops,
        )
        return replace(solution, trace=path)
