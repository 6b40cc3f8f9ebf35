"""How a solve ended: one vocabulary for every family."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """The end of a solve; inside ``jax.jit`` and ``jax.vmap`` the same numbers as an array.

    Examples
    --------
    >>> Status.STATIONARY.remedy
    'nothing to do'
    """

    OPTIMAL = 0
    STATIONARY = 1
    INFEASIBLE = 2
    UNBOUNDED = 3
    FINISHED = 4
    ITERATION_LIMIT = 5
    TIME_LIMIT = 6
    STALLED = 7
    DIVERGED = 8
    INTERRUPTED = 9

    @property
    def meaning(self) -> str:
        """What the status says, in one sentence."""
        return _MEANING[self][0]

    @property
    def remedy(self) -> str:
        """What a user can do about it."""
        return _MEANING[self][1]


_MEANING = {
    Status.OPTIMAL: ("a global minimum, proved", "nothing to do"),
    Status.STATIONARY: ("first and second order conditions hold: a local minimum", "nothing to do"),
    Status.INFEASIBLE: ("no point satisfies the constraints", "relax a constraint"),
    Status.UNBOUNDED: (
        "the cost falls without bound",
        "add bounds, or check the signs of the cost",
    ),
    Status.FINISHED: ("the work asked for was done; no claim of optimality", "nothing to do"),
    Status.ITERATION_LIMIT: (
        "max_iterations reached before the tolerance",
        "raise max_iterations, or try a faster method",
    ),
    Status.TIME_LIMIT: (
        "max_seconds reached before the tolerance",
        "raise max_seconds, or try a faster method",
    ),
    Status.STALLED: (
        "no further decrease in floating point, but the certificate does not hold",
        "scale the variables, loosen tol, or use float64",
    ),
    Status.DIVERGED: (
        "the iterates left the region where the objective is finite",
        "shorten the step, or use a method with a line search",
    ),
    Status.INTERRUPTED: ("stopped by the user; x is the best point so far", "resume with start="),
}

RUNNING = -1
"""Code inside a loop: go on."""

CONVERGED = -2
"""Code inside a loop: the method's own test holds; the certificate decides what to call it."""

STOPPED = -3
"""Code inside a loop: a criterion of the user's fired."""
