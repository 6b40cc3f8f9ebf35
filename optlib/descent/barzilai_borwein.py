"""The spectral gradient method."""

from __future__ import annotations

from typing import Any

from ..core.method import register
from ..core.ops import Ops
from ..core.tree import pytree
from .descent import Descent, Move
from .problem import Differentiable
from .steps import Backtracking


@register("barzilai_borwein", Differentiable)
@pytree
class BarzilaiBorwein(Descent):
    """``D = s_bb ∇f`` with ``s_bb = sᵀs/sᵀy`` and ``sᵀy/yᵀy`` in turn (Barzilai & Borwein 1988).

    f need not fall at every step: the default search compares with the largest of the last ten
    values (Raydan 1997).
    """

    default_step = Backtracking(window=10)
    scaled = True
    max_iterations = 100_000
    needs = "gradient"
    rate = "R-linear on strongly convex quadratics"
    reference = "Barzilai & Borwein 1988; Raydan 1997"

    def direct(self, memory: Any, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        xp = ops.xp
        s, y, g = move.s, move.y, move.g
        ss, sy, yy = s @ s, s @ y, y @ y
        curved = sy > 0
        safe = xp.where(curved, sy, 1.0)
        long, short = ss / safe, safe / xp.where(yy > 0, yy, 1.0)
        plain = 1.0 / xp.maximum(1e-300 if g.dtype == "float64" else 1e-30, xp.max(xp.abs(g)))
        spectral = xp.clip(xp.where(move.k % 2 == 1, long, short), 1e-12, 1e12)
        return xp.where(move.first | ~curved, plain, spectral) * g, xp.ones_like(move.f), memory
