"""Nonlinear least squares: Levenberg-Marquardt and Gauss-Newton."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.iterative import Iterative
from ..core.loop import Progress, scaled_residual
from ..core.method import register
from ..core.ops import Ops
from ..core.status import Status
from ..core.tree import pytree
from .descent import Descent, Move
from .newton import absolute_newton
from .problem import NonlinearLeastSquares
from .trust_region import reduction


class State(NamedTuple):
    """The point's residual and Jacobian, the damping, the column scales, and the trial step.

    ``bend`` is the model's curvature along the step; ``slow`` counts steps that hardly reduced the
    gradient.
    """

    progress: Progress
    r: Any
    J: Any
    damping: Any
    growth: Any
    column: Any
    step: Any
    bend: Any
    slow: Any
    scale: Any


PATIENCE = 8
"""Short steps that leave more than half of the gradient before the full Hessian is used."""


@register("levenberg_marquardt", NonlinearLeastSquares, recommended=True)
@pytree
class LevenbergMarquardt(Iterative):
    """``(JᵀJ + μ D²) Δx = -Jᵀr``: between Gauss-Newton (μ = 0) and short gradient steps.

    Parameters
    ----------
    damping : float
        First μ, relative to the squared column norms of J.

    D holds the largest column norms of J so far, so the method does not depend on the units of x
    (Moré 1978); μ follows the ratio of actual to predicted reduction (Nielsen 1999). The step is
    solved by QR of ``[J; √μ D]``, never through ``JᵀJ``. Where residuals stay large the method is
    only linear; after ``PATIENCE`` slow short steps in a row the full Hessian takes the place of
    ``JᵀJ``, until a step is refused.

    Examples
    --------
    >>> import jax.numpy as jnp, optlib as ol
    >>> decay = lambda x, t, y: x[0] * jnp.exp(-x[1] * t) - y
    >>> data = ([0.0, 1.0, 2.0], [2.0, 1.0, 0.5])
    >>> problem = ol.NonlinearLeastSquares(decay, [1.0, 1.0], args=tuple(map(jnp.array, data)))
    >>> ol.minimize(problem, "levenberg_marquardt").x.round(4)
    array([2.    , 0.6931])
    """

    damping: float = 1e-3

    needs = "residuals and their Jacobian"
    rate = "quadratic when the residual vanishes at the solution, linear otherwise"
    reference = "Levenberg 1944; Marquardt 1963; Moré 1978; Nielsen 1999"

    def __post_init__(self) -> None:
        if isinstance(self.damping, (int, float)):
            if not self.damping > 0:
                raise ValueError(f"damping: found {self.damping}, needed a positive number")
            object.__setattr__(self, "damping", float(self.damping))

    def init(self, oracle: Any, x: Any, ops: Ops) -> State:
        xp = ops.xp
        zero = xp.zeros_like(x)
        r, J = oracle.residual_shapes(x)
        one = zero.sum() + 1.0
        return State(
            Progress.start(x, xp), xp.zeros(r, dtype=x.dtype), xp.zeros(J, dtype=x.dtype),
            one * self.damping, one * 2.0, zero, zero, one * 0.0,
            xp.asarray(0, dtype=xp.int32), one,
        )  # fmt: skip

    def step(self, oracle: Any, state: State, ops: Ops) -> State:
        xp, s = ops.xp, state
        p = s.progress
        eps = np.finfo(p.x.dtype).eps
        first = p.nit < 0
        z = p.x + s.step
        r, J = oracle.residual_and_jacobian(z)
        f, g = 0.5 * (r @ r), J.T @ r
        g_old = s.J.T @ s.r
        predicted = -(g_old @ s.step) - 0.5 * s.bend
        actual = reduction(p, f, g_old, g, s.step, xp)
        ratio = actual / xp.where(predicted > 0, predicted, 1.0)
        norm = xp.max(xp.abs(g))
        finite = xp.isfinite(f) & xp.all(xp.isfinite(J))
        accept = first | (finite & (ratio > 1e-4))
        still = xp.all(z == p.x)

        gentle = xp.maximum(1.0 / 3.0, 1.0 - (2.0 * ratio - 1.0) ** 3)
        damping = xp.where(accept, s.damping * gentle, s.damping * s.growth)
        damping = xp.where(first, s.damping, xp.maximum(damping, eps**2))
        growth = xp.where(accept, 2.0, 2.0 * s.growth)
        stuck = ~first & ~accept & (still | (damping > 1e30))
        r, J = xp.where(accept, r, s.r), xp.where(accept, J, s.J)
        column = xp.maximum(s.column, xp.sqrt(xp.sum(J * J, axis=0)))
        scale = xp.where(first, xp.minimum(1.0, norm), s.scale)
        local = xp.sum((column * s.step) ** 2) <= 1e-2 * xp.sum((column * z) ** 2)
        hardly = accept & ~first & local & (norm > 0.5 * p.grad_norm)
        fading = accept & (s.slow >= PATIENCE)
        slow = xp.where(hardly | fading, s.slow + 1, 0).astype(xp.int32)
        x = xp.where(accept, z, p.x)
        diagonal = xp.sqrt(damping) * xp.where(column > 0, column, 1.0)

        def full() -> tuple[Any, Any]:
            H = oracle.hessian(x)
            unit = 1.0 / xp.where(column > 0, column, 1.0)
            scaled = unit[:, None] * H * unit[None, :] + damping * xp.eye(x.size, dtype=x.dtype)
            step = -unit * absolute_newton(scaled, unit * (J.T @ r), ops)
            return step, step @ H @ step

        def gauss() -> tuple[Any, Any]:
            step = damped_step(J, r, diagonal, ops)
            change = J @ step
            return step, change @ change

        step, bend = ops.cond(slow >= PATIENCE, full, gauss)
        progress = p._replace(
            x=x,
            fun=xp.where(accept, f, p.fun),
            grad_norm=xp.where(accept, norm, p.grad_norm),
            residual=xp.where(accept, scaled_residual(norm, scale, first, xp), p.residual),
            step_size=xp.where(accept & ~first, 1.0, 0.0).astype(z.dtype),
            step_norm=xp.where(accept, xp.sqrt(s.step @ s.step), p.step_norm),
            decrease=xp.where(accept & ~first, actual, 0.0),
            accepted=accept,
            code=xp.where(stuck, Status.STALLED.value, p.code).astype(xp.int32),
            nit=p.nit + accept.astype(xp.int32),
            nfev=p.nfev + oracle.fun_calls,
            njev=p.njev + oracle.grad_calls,
            nhev=p.nhev + (slow >= PATIENCE).astype(xp.int32),
        )
        return State(progress, r, J, damping, growth, column, step, bend, slow, scale)

    def refusal(self, problem: Any) -> str | None:
        return "it does not handle bounds" if problem.lower is not None else None


def damped_step(J: Any, r: Any, diagonal: Any, ops: Ops) -> Any:
    """The minimiser of ``||J p + r||² + ||diagonal p||²``, by QR."""
    xp = ops.xp
    tall = xp.concatenate([J, xp.diag(diagonal)])
    Q, R = xp.linalg.qr(xp.where(xp.isfinite(tall), tall, 0.0))
    rhs = -(Q[: r.size].T @ r)
    return ops.solve_triangular(R.T, rhs, transpose=True)


@register("gauss_newton", NonlinearLeastSquares)
@pytree
class GaussNewton(Descent):
    """``JᵀJ Δx = -Jᵀr``, then a line search (book A, M-10 with μ = 0).

    A J of deficient rank is kept solvable by a damping of √eps relative to its column norms.
    """

    default_step = "backtracking"
    scaled = True
    hessian_calls = 1
    needs = "residuals and their Jacobian"
    rate = "quadratic when the residual vanishes at the solution, linear otherwise"
    reference = "Nocedal & Wright 2006, section 10.3"

    def direct(self, memory: Any, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        xp = ops.xp
        r, J = oracle.residual_and_jacobian(move.x)
        column = xp.sqrt(xp.sum(J * J, axis=0))
        small = np.finfo(r.dtype).eps ** 0.75 * xp.where(column > 0, column, 1.0)
        return -damped_step(J, r, small, ops), xp.ones_like(move.f), memory
