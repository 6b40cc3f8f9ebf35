"""Gradient descent."""

from __future__ import annotations

from typing import Any

from ..core.method import register
from ..core.ops import Ops
from ..core.tree import pytree
from .descent import Descent, Move, gradient_guess
from .problem import Differentiable


@register("gradient_descent", Differentiable)
@pytree
class GradientDescent(Descent):
    """``x_{k+1} = x_k - s_k ∇f(x_k)`` (book A eq. 1.4-(1)).

    With ``step="exact"`` on a quadratic ``m I <= H <= M I``:
    ``f_{k+1} - f* <= ((M-m)/(M+m))² (f_k - f*)``, attained by the zig-zag.

    Parameters
    ----------
    step : number, str or step object
        Default ``"backtracking"``.

    Examples
    --------
    >>> import optlib as ol
    >>> bowl = ol.Smooth(lambda x: (x[0] ** 2 + 0.1 * x[1] ** 2) / 2, [0.1, 1.0])
    >>> result = ol.minimize(bowl, "gradient_descent", step="exact", max_iterations=1)
    >>> result.x.round(10)
    array([-0.08181818,  0.81818182])
    """

    default_step = "backtracking"
    max_iterations = 100_000
    needs = "gradient"
    rate = "linear, factor 1 - m/M in f; O(1/k) for convex f"
    reference = "book A 1.4; book B theorem 8.1.2"

    def direct(self, memory: Any, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        return move.g, gradient_guess(move, move.g, ops.xp), memory


@register("projected_gradient", Differentiable)
@pytree
class ProjectedGradient(Descent):
    """``x_{k+1} = P(x_k - s_k ∇f(x_k))``, P the projection on the bounds.

    Backtracking along the projection arc (Bertsekas 1976). Without bounds it is gradient descent
    with Barzilai-Borwein first trials.
    """

    default_step = "backtracking"
    scaled = True
    projects = True
    max_iterations = 100_000
    needs = "gradient"
    rate = "linear for strongly convex f"
    reference = "Bertsekas 1976; Barzilai & Borwein 1988"

    def direct(self, memory: Any, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        return move.g, spectral_step(move, ops.xp), memory


def spectral_step(move: Move, xp: Any) -> Any:
    """``sᵀs / sᵀy``, the inverse Rayleigh quotient of the Hessian along the last step."""
    s, y = move.s, move.y
    sy = s @ y
    long = (s @ s) / xp.where(sy > 0, sy, 1.0)
    fallback = 1.0 / xp.maximum(1e-10, xp.max(xp.abs(move.g)))
    return xp.where(move.first | ~(sy > 0), fallback, xp.clip(long, 1e-10, 1e10))
