"""The point of a basis: nonbasic variables on their bounds, the rest from fresh factors."""

from __future__ import annotations

import numpy as np

from ...linalg.cached import inner, kernel
from ...linalg.lu import PASS, UNLISTED, btran, dot, ftran, subtract
from .pricing import MARKED, partition
from .state import BLOCK, DOWN, LOOSE, STUCK, UP, nonbasic_at


@kernel(error_model="numpy")
def place(point, lower, upper, by_duals):
    """Take these working bounds, and put every nonbasic variable on one of them.

    On the upper bound, if there is one, goes what stood on it, or with ``by_duals`` what the sign
    of its reduced cost sends there.
    """
    for j in range(lower.size):
        low, high = lower[j], upper[j]
        point.lower[j], point.upper[j] = low, high
        if point.basic[j]:
            point.move[j] = STUCK
            continue
        at_upper = point.move[j] == DOWN
        if by_duals and point.d[j] != 0.0:
            at_upper = point.d[j] < 0.0
        has_lower = low > -np.inf
        if high < np.inf and (at_upper or not has_lower):
            point.x[j], point.move[j] = high, DOWN
        elif has_lower:
            point.x[j], point.move[j] = low, UP
        else:
            point.x[j], point.move[j] = 0.0, LOOSE
        if low == high:
            point.move[j] = STUCK


@kernel(error_model="numpy")
def perturb(point, cost, n):
    """Move the costs a little, at random, to the side that keeps a reduced cost feasible.

    Ties of the dual ratio test disappear, and with them most degenerate steps (Koberstein 2005,
    section 6.3).
    """
    largest, boxed = 0.0, 0
    for j in range(n):
        largest = max(largest, abs(cost[j]))
        boxed += point.lower[j] > -np.inf and point.upper[j] < np.inf
    size = min(largest, 100.0) if largest <= 100.0 else largest**0.25
    if boxed < 0.01 * n:
        size = min(size, 1.0)
    size = 5e-7 * max(size, 1e-3)
    state = np.uint64(1)
    for j in range(n):
        state = state * MULTIPLIER + INCREMENT
        amount = size * (1.0 + abs(cost[j])) * (1.0 + np.float64(state >> HIGH_BITS) * 2.0**-32)
        has_lower, has_upper = point.lower[j] > -np.inf, point.upper[j] < np.inf
        if point.lower[j] == point.upper[j] or not (has_lower or has_upper):
            amount = 0.0
        elif not has_lower or (has_upper and cost[j] < 0.0):
            amount = -amount
        point.cost[j] = cost[j] + amount


MULTIPLIER, INCREMENT = np.uint64(6364136223846793005), np.uint64(1442695040888963407)
HIGH_BITS = np.uint64(32)
"""Knuth's linear congruential generator modulo 2⁶⁴; its high bits are the random ones."""


@kernel(error_model="numpy")
def refresh(matrix, point, lu, work, cost, tolerance, mend):
    """Primal and dual point of the basis from fresh factors; what they come to.

    ``mend`` moves boxed variables to the bound that fits their reduced cost, and shifts the other
    costs. Returns ``costᵀx``, the same with the working costs, the sum of the violations, and the
    largest wrong reduced cost, of all variables and of those that are not boxed.
    """
    partition(matrix, point)
    _primal_point(matrix, point, lu, work)
    _dual_point(matrix, point, lu, work)
    if mend and _make_dual_feasible(point, tolerance) > 0:
        _primal_point(matrix, point, lu, work)
    violations = 0.0
    for i in range(point.head.size):
        v = max(point.low[i] - point.value[i], point.value[i] - point.high[i], 0.0)
        point.infeasibility[i] = v * v if v > tolerance else 0.0
        violations += v if v > tolerance else 0.0
        point.block_row[i // BLOCK] = MARKED
    true = working = wrong = wrong_unboxed = 0.0
    for j in range(cost.size):
        true += cost[j] * point.x[j]
        working += point.cost[j] * point.x[j]
        amount = _wrong_dual(point, j)
        if amount > tolerance:
            wrong = max(wrong, amount)
            if not (point.lower[j] > -np.inf and point.upper[j] < np.inf):
                wrong_unboxed = max(wrong_unboxed, amount)
    return true, working, violations, wrong, wrong_unboxed


@inner
def _primal_point(matrix, point, lu, work):
    """``B x_B = -N x_N``, refined once."""
    m, n = point.head.size, matrix.start.size - 1
    head, x, value = point.head, point.x, point.value
    residual, index = work.tau, work.tau_index
    for i in range(m):
        point.low[i] = point.lower[head[i]]
        point.high[i] = point.upper[head[i]]
        x[head[i]] = 0.0
        value[i] = 0.0
    for _ in range(2):
        for i in range(m):
            residual[i] = x[n + i]
        for j in range(n):
            if x[j] != 0.0:
                begin, end = matrix.start[j], matrix.start[j + 1]
                subtract(residual, matrix.index, matrix.value, begin, end, x[j])
        ftran(lu, residual, index, UNLISTED, PASS, 1.0)
        for i in range(m):
            value[i] += residual[i]
            x[head[i]] = value[i]
            residual[i] = 0.0


@inner
def _dual_point(matrix, point, lu, work):
    """``Bᵀ y = c_B``, refined once, and ``d = c - [A, -I]ᵀ y``."""
    m, n = point.head.size, matrix.start.size - 1
    cost, residual, index, y = point.cost, work.tau, work.tau_index, work.rho
    for i in range(m):
        y[i] = 0.0
    for _ in range(2):
        for i in range(m):
            residual[i] = _reduced_cost(matrix, cost, y, np.int64(point.head[i]))
        btran(lu, residual, index, UNLISTED, UNLISTED, 1.0)
        for i in range(m):
            y[i] += residual[i]
            residual[i] = 0.0
    for j in range(n + m):
        point.d[j] = 0.0 if point.basic[j] else _reduced_cost(matrix, cost, y, j)
    for i in range(m):
        y[i] = 0.0


@inner
def _reduced_cost(matrix, cost, y, j):
    """``c_j - a_jᵀ y``; of the activity of row i, ``c + y_i``."""
    n = matrix.start.size - 1
    t = cost[j]
    if j >= n:
        return t + y[j - n]
    return t - dot(y, matrix.index, matrix.value, matrix.start[j], matrix.start[j + 1])


@inner
def _wrong_dual(point, j):
    """By how much the reduced cost of variable j has the wrong sign."""
    d, move = point.d[j], point.move[j]
    if move == UP:
        return -d
    if move == DOWN:
        return d
    return abs(d) if move == LOOSE else 0.0


@inner
def _make_dual_feasible(point, tolerance):
    """Move boxed variables to the bound that fits their reduced cost, shift other costs.

    Returns the number of variables that moved.
    """
    moved = 0
    for j in range(point.d.size):
        if _wrong_dual(point, j) <= tolerance:
            continue
        move = point.move[j]
        other = point.upper[j] if move == UP else point.lower[j]
        if move != LOOSE and abs(other) < np.inf:
            nonbasic_at(point, j, other)
            moved += 1
        else:
            point.cost[j] -= point.d[j]
            point.d[j] = 0.0
    return moved
