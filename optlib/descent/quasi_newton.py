"""BFGS and DFP: the inverse Hessian, built from differences of the gradient."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..core.method import register
from ..core.ops import Ops
from ..core.tree import pytree
from .descent import Descent, Move, plain_guess
from .problem import FlatProblem


class Memory(NamedTuple):
    """The inverse Hessian's estimate, and whether it is still the identity."""

    H: Any
    untouched: Any


@pytree
class QuasiNewton(Descent):
    """The Broyden class of updates of H, an estimate of the inverse Hessian.

    With ``s = x_{k+1} - x_k`` and ``y = g_{k+1} - g_k``,

        ``H⁺ = H - Hy yᵀH/(yᵀHy) + s sᵀ/(sᵀy) + φ (yᵀHy) w wᵀ``,
        ``w = s/(sᵀy) - Hy/(yᵀHy)``,

    satisfies the secant equation ``H⁺ y = s``. φ = 1 is BFGS, φ = 0 is DFP. Before the first
    update H is scaled by ``sᵀy / yᵀy`` (Nocedal & Wright 2006, eq. 6.20). An update without
    positive curvature ``sᵀy`` is skipped.
    """

    blend: ClassVar[float] = 1.0
    scaled = True
    needs = "gradient, n² numbers"
    rate = "superlinear"

    def remember(self, oracle: Any, x: Any, ops: Ops) -> Memory:
        return Memory(ops.xp.eye(x.size, dtype=x.dtype), ops.xp.asarray(True))

    def direct(self, memory: Memory, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        xp = ops.xp
        s, y, g = move.s, move.y, move.g
        vectors = xp.stack([s, y, g])
        gram = vectors @ vectors.T
        ss, sy, yy, sg = gram[0, 0], gram[0, 1], gram[1, 1], gram[0, 2]
        update = sy > np.finfo(s.dtype).eps * xp.sqrt(ss * yy)
        first_pair = update & memory.untouched
        gamma = xp.where(first_pair, sy / xp.where(yy > 0, yy, 1.0), 1.0)
        Hy, Hg = gamma * (memory.H @ y), gamma * (memory.H @ g)
        yHy, yHg = Hy @ y, Hy @ g

        safe = xp.where(update, sy, 1.0)
        safe_yHy = xp.where(update, yHy, 1.0)
        on = update.astype(s.dtype)
        a = on * (1.0 + self.blend * yHy / safe) / safe
        b = -on * self.blend / safe
        c = on * (self.blend - 1.0) / safe_yHy
        row, column = a * s + b * Hy, b * s + c * Hy
        H = gamma * memory.H + s[:, None] * row[None, :] + Hy[:, None] * column[None, :]
        D = Hg + s * (a * sg + b * yHg) + Hy * (b * sg + c * yHg)
        eye = xp.eye(g.size, dtype=g.dtype)
        guess = xp.where(move.first, plain_guess(g, xp), 1.0)
        return (
            xp.where(move.first, g, D),
            guess,
            Memory(xp.where(move.first, eye, H), move.first | (memory.untouched & ~update)),
        )


@register("bfgs", FlatProblem, recommended=True)
@pytree
class BFGS(QuasiNewton):
    """Broyden-Fletcher-Goldfarb-Shanno with a strong Wolfe search (book D eqs. 4.66-4.67).

    Examples
    --------
    >>> import optlib as ol
    >>> rosenbrock = lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    >>> ol.minimize(ol.Smooth(rosenbrock, [-1.2, 1.0]), "bfgs").x.round(6)
    array([1., 1.])
    """

    blend = 1.0
    reference = "book D 4.6; Nocedal & Wright 2006, ch. 6"


@register("dfp", FlatProblem)
@pytree
class DFP(QuasiNewton):
    """Davidon-Fletcher-Powell, the dual of BFGS; wants a more exact line search."""

    blend = 0.0
    default_step = "wolfe"
    reference = "Davidon 1959; Fletcher & Powell 1963"
