"""The revised simplex method on sparse data: scaling, the phases, and the checks of the answer.

The program is scaled by powers of two; then, for the dual simplex method,

1. *phase 1*, when a free or one-sided variable has a reduced cost of the wrong sign: the dual
   simplex on the same costs with artificial bounds ([-1000, 1000] free, [0, 1] and [-1, 0]
   one-sided, [0, 0] boxed), whose optimum is zero exactly if a dual feasible basis exists;
2. *phase 2* with perturbed costs; what is still dual infeasible has its cost shifted;
3. with the true costs, the *primal simplex* does what they leave to do (with its own phase 1,
   should a bound be violated), and finds rays of unbounded programs.

The primal simplex method runs with slightly widened bounds, and the dual one does what the true
bounds leave to do. The answer is checked in the user's units; if it fails there, the same steps
go on without scaling from the basis found.

References: Maros (2003); Koberstein (2005); Huangfu & Hall (2018).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from ...core.status import Status
from ..range_form import Basis, RangeForm, Solution
from ..scaling import Scaling, scaling_of
from .claims import cleaned_ray, farkas_holds, recedes, residuals
from .phases import Limits, Outcome, Simplex, Step, Stop


def solve(
    form: RangeForm,
    *,
    algorithm: str = "dual",
    basis: Basis | None = None,
    tol: float = 1e-9,
    max_iterations: int | None = None,
    max_seconds: float | None = None,
    should_stop: Callable[[Step], bool] | None = None,
    trace: list[Step] | None = None,
) -> Solution:
    """Solve a linear program by the revised simplex method.

    Parameters
    ----------
    form : RangeForm
    algorithm : {"dual", "primal"}
    basis : Basis, optional
        Where to start; by default all rows' activities are basic. A singular or incomplete basis
        is repaired.
    tol : float
        Largest violation of a bound, and of the sign of a reduced cost, in scaled units.
    max_iterations : int, optional
        By default ``100 (m + n) + 10000``.
    max_seconds : float, optional
        Wall time, looked at between factorisations.
    should_stop : callable, optional
        Called with a :class:`Step` at each factorisation; returning True interrupts.
    trace : list, optional
        Receives the steps.

    Returns
    -------
    Solution
        With the basis reached. ``STALLED`` when no claim could be checked to ``tol``.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> A = sp.csc_array([[1.0, 2.0], [3.0, 1.0]])
    >>> inf = np.full(2, np.inf)
    >>> form = RangeForm(np.array([-1.0, -1.0]), A, -inf, np.array([4.0, 6.0]), np.zeros(2), inf)
    >>> solution = solve(form)
    >>> solution.status.name, solution.x, solution.y
    ('OPTIMAL', array([1.6, 1.2]), array([-0.4, -0.2]))
    """
    m, n = form.shape
    if (form.row_lower > form.row_upper).any() or (form.lower > form.upper).any():
        nothing = np.zeros(n), np.zeros(m)
        return Solution(Status.INFEASIBLE, *nothing, note="a lower bound exceeds the upper one")
    started = time.perf_counter()
    limits = Limits(
        100 * (m + n) + 10_000 if max_iterations is None else max_iterations,
        np.inf if max_seconds is None else started + max_seconds,
        should_stop,
    )
    steps: list[Step] = [] if trace is None else trace
    scale = scaling_of(form)
    solution = _attempt(form, scale, algorithm, basis, tol, limits, steps)
    if solution.status is Status.STALLED:
        unscaled = Scaling(np.ones(form.shape[0]), np.ones(form.shape[1]))
        rest = replace(limits, iterations=limits.iterations - solution.nit)
        again = _attempt(form, unscaled, algorithm, solution.basis, tol, rest, steps)
        if again.status is not Status.STALLED or _badness(form, again) < _badness(form, solution):
            solution = replace(again, nit=solution.nit + again.nit)
    return solution


def _attempt(
    form: RangeForm,
    scale: Scaling,
    algorithm: str,
    basis: Basis | None,
    tol: float,
    limits: Limits,
    trace: list[Step],
) -> Solution:
    """Solve in the units of a scaling; ``STALLED`` if the answer does not pass in the user's."""
    working = scale.apply(form)
    proves = partial(_proves, form, scale)
    simplex = Simplex(working, tol, limits, proves)
    simplex.trace = trace
    simplex.start_from(basis)
    try:
        run = simplex.run_dual if algorithm == "dual" else simplex.run_primal
        outcome = run(warm=basis is not None)
        rounds = 0
        while True:
            solution = _claim(form, scale, simplex, outcome, tol)
            rounds += 1
            if solution.status is not Status.STALLED or rounds == MAX_ROUNDS:
                return solution
            simplex.threshold, simplex.stale = 0.5, True
            outcome = simplex.finish()
    except Stop as stop:
        return scale.undo(simplex.solution(stop.status))
    except KeyboardInterrupt:
        return scale.undo(simplex.solution(Status.INTERRUPTED))


MAX_ROUNDS = 4
"""How often a doubtful end is worked on in one scaling."""


def _claim(
    form: RangeForm, scale: Scaling, simplex: Simplex, outcome: Outcome, tol: float
) -> Solution:
    """The answer in the user's units under the status that it passes for."""
    if outcome is not Outcome.IMPOSSIBLE:
        solution = scale.undo(simplex.solution(Status.OPTIMAL))
        passed = max(residuals(form, solution)) <= tol
    elif simplex.totals.violations > 0.0:
        solution = scale.undo(simplex.solution(Status.INFEASIBLE))
        solution = replace(solution, ray=cleaned_ray(form, solution.ray))
        passed = farkas_holds(form, solution.ray)
    else:
        solution = scale.undo(simplex.solution(Status.UNBOUNDED))
        passed = residuals(form, solution)[0] <= tol and recedes(form, solution.ray)
    return solution if passed else replace(solution, status=Status.STALLED, ray=None)


def _proves(form: RangeForm, scale: Scaling, ray: np.ndarray) -> bool:
    return farkas_holds(form, cleaned_ray(form, ray * scale.row))


def _badness(form: RangeForm, solution: Solution) -> float:
    return max(residuals(form, solution))
