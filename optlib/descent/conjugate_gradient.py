"""Nonlinear conjugate gradients."""

from __future__ import annotations

from typing import Any

from ..core.errors import did_you_mean
from ..core.method import register
from ..core.ops import Ops
from ..core.tree import pytree, static
from .descent import Descent, Move, gradient_guess
from .problem import Differentiable
from .steps import Wolfe

FORMULAS = (
    "hager_zhang", "polak_ribiere", "fletcher_reeves", "hestenes_stiefel", "dai_yuan",
)  # fmt: skip


@register("conjugate_gradient", Differentiable)
@pytree
class ConjugateGradient(Descent):
    """``D_{k+1} = ∇f(x_{k+1}) + β_k D_k``.

    Parameters
    ----------
    step : step object, optional
        Default strong Wolfe with curvature 0.1.
    beta : str
        With ``y = g_{k+1} - g_k`` and the search direction ``p = -D_k``:
        ``fletcher_reeves`` g⁺ᵀg⁺/gᵀg; ``polak_ribiere`` max(0, yᵀg⁺/gᵀg);
        ``hestenes_stiefel`` yᵀg⁺/yᵀp; ``dai_yuan`` g⁺ᵀg⁺/yᵀp;
        ``hager_zhang`` (y - 2p yᵀy/yᵀp)ᵀg⁺/yᵀp, bounded below (default).

    With an exact search on a quadratic all of them end in n steps (book D 4.47).
    """

    beta: str = static(default="hager_zhang")

    default_step = Wolfe(curvature=0.1)
    needs = "gradient"
    rate = "n steps on quadratics; linear, by √κ"
    reference = "Hager & Zhang 2006; Nocedal & Wright 2006, ch. 5"

    def check(self) -> None:
        if self.beta not in FORMULAS:
            raise ValueError(f"beta: found {self.beta!r}; {did_you_mean(self.beta, FORMULAS)}")

    def direct(self, memory: Any, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        xp = ops.xp
        g, y, p = move.g, move.y, -move.D_old
        gg, gg_old, yg, yp = g @ g, move.g_old @ move.g_old, y @ g, y @ p

        def over(numerator: Any, denominator: Any) -> Any:
            zero = denominator == 0
            return xp.where(zero, 0.0, numerator / xp.where(zero, 1.0, denominator))

        if self.beta == "fletcher_reeves":
            beta = over(gg, gg_old)
        elif self.beta == "polak_ribiere":
            beta = xp.maximum(0.0, over(yg, gg_old))
        elif self.beta == "hestenes_stiefel":
            beta = over(yg, yp)
        elif self.beta == "dai_yuan":
            beta = over(gg, yp)
        else:
            beta = over(yg - 2.0 * over(y @ y, yp) * (p @ g), yp)
            size = xp.sqrt(p @ p) * xp.minimum(0.01, xp.sqrt(gg_old))
            beta = xp.maximum(beta, -over(1.0, size))
        D = g - xp.where(move.first, 0.0, beta) * p
        return D, gradient_guess(move, D, xp), memory
