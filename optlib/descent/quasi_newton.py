"""BFGS and DFP: the inverse Hessian, built from differences of the gradient."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..core.method import register
from ..core.ops import Ops
from ..core.tree import pytree
from .descent import Descent, Move, plain_guess
from .problem import Differentiable


class Memory(NamedTuple):
    """The inverse Hessian's estimate H, whether it is still the identity, and its next change.

    The change is ``H ← scale H + s rowᵀ + w columnᵀ``, or a reset to the identity.
    """

    H: Any
    untouched: Any
    scale: Any
    s: Any
    row: Any
    w: Any
    column: Any
    reset: Any


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
        xp = ops.xp
        zero = xp.zeros_like(x)
        return Memory(
            xp.eye(x.size, dtype=x.dtype), xp.asarray(True), zero.sum() + 1.0, zero, zero, zero,
            zero, xp.asarray(False),
        )  # fmt: skip

    def hold(self, memory: Memory) -> tuple[Any, Memory]:
        return memory.H, memory._replace(H=())

    def rejoin(self, held: Any, memory: Memory) -> Memory:
        return memory._replace(H=held)

    def unchanged(self, memory: Memory, ops: Ops) -> Memory:
        zero = ops.xp.zeros_like(memory.s)
        return memory._replace(
            scale=memory.scale * 0.0 + 1.0, s=zero, row=zero, w=zero, column=zero,
            reset=memory.reset & False,
        )  # fmt: skip

    def commit(self, held: Any, memory: Memory, ops: Ops) -> Memory:
        m = memory
        xp = ops.xp
        change = m.s[:, None] * m.row + m.w[:, None] * m.column
        eye = xp.eye(m.s.size, dtype=m.s.dtype)
        return m._replace(H=xp.where(m.reset, eye, m.scale * held + change))

    def direct(self, memory: Memory, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        xp = ops.xp
        s, y, g = move.s, move.y, move.g
        ss, sy, yy, sg = s @ s, s @ y, y @ y, s @ g
        update = sy > np.finfo(s.dtype).eps * xp.sqrt(ss * yy)
        first_pair = update & memory.untouched
        gamma = xp.where(first_pair, sy / xp.where(yy > 0, yy, 1.0), 1.0)
        Hy, Hg = gamma * (y @ memory.H), gamma * (g @ memory.H)
        yHy, yHg = Hy @ y, Hy @ g

        rho = xp.where(update, 1.0 / xp.where(update, sy, 1.0), 0.0)
        a, b = rho * (1.0 + self.blend * yHy * rho), -self.blend * rho
        c = 0.0 * rho
        if self.blend != 1.0:
            c = (self.blend - 1.0) * xp.where(update, 1.0 / xp.where(update, yHy, 1.0), 0.0)
        D = Hg + s * (a * sg + b * yHg) + Hy * (b * sg + c * yHg)
        change = Memory(
            (), move.first | (memory.untouched & ~update), gamma, s, a * s + b * Hy, Hy,
            b * s + c * Hy, move.first,
        )  # fmt: skip
        guess = xp.where(move.first, plain_guess(g, xp), 1.0)
        return xp.where(move.first, g, D), guess, change


@register("bfgs", Differentiable, recommended=True)
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


@register("dfp", Differentiable)
@pytree
class DFP(QuasiNewton):
    """Davidon-Fletcher-Powell, the dual of BFGS; wants a more exact line search."""

    blend = 0.0
    default_step = "wolfe"
    reference = "Davidon 1959; Fletcher & Powell 1963"
