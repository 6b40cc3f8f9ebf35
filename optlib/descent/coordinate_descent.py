"""Coordinate descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.method import register
from ..core.ops import Ops
from ..core.tree import pytree, static
from .descent import Descent, Move
from .problem import Differentiable


@register("coordinate_descent", Differentiable)
@pytree
class CoordinateDescent(Descent):
    """One variable at a time: ``D = e_i g_i / |H_ii|``, a Newton step along coordinate i.

    Parameters
    ----------
    order : {"cyclic", "greedy"}
        Next coordinate in turn (those with zero slope are passed over), or the one with the
        steepest slope (Gauss-Southwell).
    """

    order: str = static(default="cyclic")

    default_step = "backtracking"
    scaled = True
    hessian_calls = 1
    max_iterations = 100_000
    needs = "gradient, Hessian-vector products"
    rate = "linear for strongly convex f"
    reference = "Wright 2015"

    def check(self) -> None:
        if self.order not in ("cyclic", "greedy"):
            raise ValueError(f"order: found {self.order!r}, needed 'cyclic' or 'greedy'")

    def remember(self, oracle: Any, x: Any, ops: Ops) -> Any:
        return ops.xp.asarray(x.size - 1, dtype=ops.xp.int32)

    def direct(self, memory: Any, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        xp = ops.xp
        g, n = move.g, move.g.size
        size = xp.abs(g)
        if self.order == "greedy":
            i = xp.argmax(size)
        else:
            wait = (xp.arange(n) - memory - 1) % n
            steep = size > np.finfo(g.dtype).eps * xp.max(size)
            i = xp.argmin(xp.where(steep, wait, n))
        unit = (xp.arange(n) == i).astype(g.dtype)
        curvature = xp.abs(unit @ oracle.hvp(move.x, unit))
        slope = unit @ g
        usable = curvature > np.finfo(g.dtype).eps * xp.abs(slope)
        D = unit * slope / xp.where(usable, curvature, 1.0)
        return D, xp.ones_like(move.f), i.astype(xp.int32)
