"""Newton's method with a safeguard."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.method import register
from ..core.ops import Ops
from ..core.tree import pytree, static
from .descent import Descent, Move
from .problem import Differentiable


@register("newton", Differentiable)
@pytree
class Newton(Descent):
    """``H(x_k) Δx = -∇f(x_k)``, then a step along Δx (book A eqs. 1.1-(3) to (7)).

    Parameters
    ----------
    step : number, str or step object
        Default backtracking from 1; ``step=1`` is the pure iteration.
    shrink, sufficient_decrease : float
        β and α of book A 1.1.4.
    safeguard : bool
        Where H is not positive definite, use |H|: its eigenvalues by absolute value, those below
        1e-8 of the largest raised. The direction then descends, and the method never walks to
        a maximum. ``False`` gives the textbook iteration, which does.

    Near a minimum with H positive definite, ``||x_{k+1} - x*|| <= C ||x_k - x*||²``; a quadratic
    takes one step.

    Examples
    --------
    >>> import optlib as ol
    >>> sqrt4 = ol.Smooth(lambda x: x**3 / 3 - 4 * x, 2.5)
    >>> result = ol.minimize(sqrt4, "newton", step=1, trace=True)
    >>> [f"{x:.10f}" for x in result.trace.x[:4]]
    ['2.5000000000', '2.0500000000', '2.0006097561', '2.0000000929']
    """

    safeguard: bool = static(default=True)

    default_step = "backtracking"
    scaled = True
    hessian_calls = 1
    needs = "gradient, Hessian, n³ work per step"
    rate = "quadratic"
    reference = "book A 1.1.4; Nocedal & Wright 2006, ch. 3"

    def direct(self, memory: Any, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        xp = ops.xp
        H, g = oracle.hessian(move.x), move.g
        if not self.safeguard:
            return _solve(H, g, ops), xp.ones_like(move.f), memory
        factor = ops.cholesky(H)
        definite = xp.isfinite(factor[-1, -1])

        def newton() -> Any:
            half = ops.solve_triangular(factor, g)
            return ops.solve_triangular(factor, half, transpose=True)

        D = ops.cond(definite, newton, lambda: absolute_newton(H, g, ops))
        return D, xp.ones_like(move.f), memory


def absolute_newton(H: Any, g: Any, ops: Ops, floor: float = 1e-8) -> Any:
    """``|H|⁻¹ g``, the eigenvalues of |H| at least ``floor`` times the largest."""
    xp = ops.xp
    values, vectors = xp.linalg.eigh(xp.where(xp.isfinite(H), H, 0.0))
    size = xp.abs(values)
    size = xp.maximum(size, floor * xp.max(size))
    return vectors @ ((vectors.T @ g) / xp.where(size > 0, size, 1.0))


def _solve(H: Any, g: Any, ops: Ops) -> Any:
    """``H⁻¹ g`` for any nonsingular H; NaN when it is singular."""
    try:
        return ops.xp.linalg.solve(H, g)
    except np.linalg.LinAlgError:
        return g * np.nan
