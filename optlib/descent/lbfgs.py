"""Limited-memory BFGS, without and with bounds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.method import register
from ..core.ops import Ops
from ..core.tree import pytree, static
from .descent import Descent, Move, plain_guess
from .problem import Differentiable


class Pairs(NamedTuple):
    """The last m pairs as rows (newest last, unused rows zero) and products among them.

    ``R_inv`` is the inverse of the upper triangle of ``S Yᵀ``, ``gram`` is ``Y Yᵀ``, ``diagonal``
    holds ``s_i·y_i``; all are updated with the pairs.
    """

    S: Any
    Y: Any
    R_inv: Any
    gram: Any
    diagonal: Any
    gamma: Any

    @classmethod
    def empty(cls, x: Any, memory: int, xp: Any) -> Pairs:
        rows = xp.zeros((memory, x.size), dtype=x.dtype)
        square = xp.zeros((memory, memory), dtype=x.dtype)
        return cls(rows, rows + 0.0, square, square + 0.0, rows[:, 0] * 1.0, rows.sum() + 1.0)


def push(pairs: Pairs, s: Any, y: Any, forget: Any, xp: Any) -> Pairs:
    """The memory with a new pair in place of the oldest; a pair without curvature is left out."""
    sy, yy = s @ y, y @ y
    keep = sy > np.finfo(s.dtype).eps * xp.sqrt((s @ s) * yy)
    curvature = xp.where(keep, sy, 1.0)
    kept = xp.where(forget, 0.0, 1.0).astype(s.dtype)
    S_old, Y_old = pairs.S[1:], pairs.Y[1:]
    R_old = pairs.R_inv[1:, 1:]
    column = -(R_old @ (S_old @ y)) / curvature
    R_inv = _bordered(R_old, column, xp.zeros_like(column), 1.0 / curvature, xp)
    cross = Y_old @ y
    gram = _bordered(pairs.gram[1:, 1:], cross, cross, yy, xp)
    new = Pairs(
        xp.concatenate([S_old, s[None]]),
        xp.concatenate([Y_old, y[None]]),
        R_inv,
        gram,
        xp.concatenate([pairs.diagonal[1:], curvature[None]]),
        curvature / xp.where(yy > 0, yy, 1.0),
    )
    chosen = Pairs(*(xp.where(keep, a, b) for a, b in zip(new, pairs)))
    forgotten = Pairs(*(a * kept for a in chosen))
    return forgotten._replace(gamma=xp.where(forget, 1.0, chosen.gamma))


def _bordered(matrix: Any, column: Any, row: Any, corner: Any, xp: Any) -> Any:
    """``[[matrix, column], [row, corner]]``."""
    top = xp.concatenate([matrix, column[:, None]], axis=1)
    bottom = xp.concatenate([row, xp.reshape(corner, (1,))])
    return xp.concatenate([top, bottom[None, :]])


def product(pairs: Pairs, g: Any, xp: Any) -> Any:
    """``H g`` for the L-BFGS matrix of the pairs.

    The compact form of Byrd, Nocedal and Schnabel (1994, theorem 2.2): equal to the two-loop
    recursion, in a few matrix-vector products in place of 4m dependent ones.
    """
    gamma = pairs.gamma
    Sg, Yg = pairs.S @ g, gamma * (pairs.Y @ g)
    u = pairs.R_inv @ Sg
    top = pairs.R_inv.T @ (pairs.diagonal * u + gamma * (pairs.gram @ u) - Yg)
    return gamma * g + top @ pairs.S - gamma * (u @ pairs.Y)


def two_loop(S: Any, Y: Any, g: Any, xp: Any) -> Any:
    """The two-loop recursion on the pairs, oldest first (book D, L-BFGS): the definition."""
    q, a = g, [0.0] * len(S)
    for i in reversed(range(len(S))):
        a[i] = (S[i] @ q) / (S[i] @ Y[i])
        q = q - a[i] * Y[i]
    r = q * (S[-1] @ Y[-1]) / (Y[-1] @ Y[-1])
    for i in range(len(S)):
        r = r + S[i] * (a[i] - (Y[i] @ r) / (S[i] @ Y[i]))
    return r


def _check_memory(method: Any) -> None:
    if not (isinstance(method.memory, int) and method.memory >= 1):
        raise ValueError(f"memory: found {method.memory!r}, needed a whole number of at least 1")


@register("lbfgs", Differentiable)
@pytree
class LBFGS(Descent):
    """BFGS from the last ``memory`` pairs only: O(memory · n) numbers and work per step.

    Parameters
    ----------
    memory : int
        Pairs (s, y) kept; 10 by default.
    """

    memory: int = static(default=10)

    scaled = True
    needs = "gradient, 2·memory·n numbers"
    rate = "R-linear"
    reference = "Liu & Nocedal 1989; Byrd, Nocedal & Schnabel 1994; book D 4.69"

    def check(self) -> None:
        _check_memory(self)

    def remember(self, oracle: Any, x: Any, ops: Ops) -> Pairs:
        return Pairs.empty(x, self.memory, ops.xp)

    def direct(self, memory: Pairs, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        xp = ops.xp
        pairs = push(memory, move.s, move.y, move.first, xp)
        guess = xp.where(move.first, plain_guess(move.g, xp), 1.0)
        return product(pairs, move.g, xp), guess, pairs


class FreePairs(NamedTuple):
    """The last m pairs, as rows, newest last."""

    S: Any
    Y: Any


@register("lbfgsb", Differentiable)
@pytree
class LBFGSB(Descent):
    """L-BFGS under bounds ``lower <= x <= upper``.

    The two-metric projection of Bertsekas (1982): variables at a bound that the gradient pushes
    outward are held there, the others take the L-BFGS direction of the free subspace (the pairs
    restricted to it), and trial points are projected on the bounds with backtracking along the
    projected arc. The bounds are met by every iterate.
    """

    memory: int = static(default=10)

    default_step = "backtracking"
    scaled = True
    projects = True
    needs = "gradient, 2·memory·n numbers"
    rate = "R-linear once the active bounds are found"
    reference = "Bertsekas 1982; Byrd, Lu, Nocedal & Zhu 1995"

    def check(self) -> None:
        _check_memory(self)

    def remember(self, oracle: Any, x: Any, ops: Ops) -> FreePairs:
        rows = ops.xp.zeros((self.memory, x.size), dtype=x.dtype)
        return FreePairs(rows, rows + 0.0)

    def direct(self, memory: FreePairs, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        xp = ops.xp
        s, y, g, x = move.s, move.y, move.g, move.x
        keep = s @ y > np.finfo(s.dtype).eps * xp.sqrt((s @ s) * (y @ y))
        S, Y = (
            xp.where(keep, xp.concatenate([old[1:], new[None]]), old)
            for old, new in ((memory.S, s), (memory.Y, y))
        )
        alive = xp.where(move.first, 0.0, 1.0).astype(g.dtype)
        S, Y = S * alive, Y * alive
        free = xp.ones_like(g)
        if oracle.lower is not None:
            width = xp.minimum(
                1e-6, xp.sqrt(xp.sum((x - xp.clip(x - g, oracle.lower, oracle.upper)) ** 2))
            )
            held = ((x <= oracle.lower + width) & (g > 0)) | ((x >= oracle.upper - width) & (g < 0))
            free = xp.where(held, 0.0, 1.0).astype(g.dtype)
        D = _subspace_product(S * free, Y * free, g * free, ops)
        descends = D @ g > 0
        D = xp.where(descends, D, g * free) + (1.0 - free) * g
        guess = xp.where(move.first | ~descends, plain_guess(g, xp), 1.0)
        return D, guess, FreePairs(S, Y)


def _subspace_product(S: Any, Y: Any, g: Any, ops: Ops) -> Any:
    """``H g`` from pairs restricted to a subspace; pairs without curvature there are dropped."""
    xp = ops.xp
    SY = S @ Y.T
    diagonal = xp.sum(S * Y, axis=1)
    good = diagonal > 1e-10 * xp.sqrt(xp.sum(S * S, axis=1) * xp.sum(Y * Y, axis=1))
    weight = good.astype(g.dtype)
    both = weight[:, None] * weight[None, :]
    diagonal = xp.where(good, diagonal, 1.0)
    R = xp.triu(SY * both, 1) + xp.diag(diagonal)
    newest = xp.argmax(xp.where(good, xp.arange(good.size), -1))
    y = Y[newest]
    gamma = xp.where(xp.any(good), diagonal[newest] / xp.where(y @ y > 0, y @ y, 1.0), 1.0)
    S, Y = S * weight[:, None], Y * weight[:, None]
    Sg, Yg = S @ g, gamma * (Y @ g)
    u = ops.solve_triangular(R.T, Sg, transpose=True)
    rhs = xp.where(good, diagonal, 0.0) * u + gamma * ((Y @ Y.T) @ u) - Yg
    top = ops.solve_triangular(R.T, rhs)
    return gamma * g + top @ S - gamma * (u @ Y)
