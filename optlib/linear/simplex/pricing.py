"""Pricing: which row leaves, which column enters, and the pivotal row.

* *Dual steepest edge.* The leaving row has the largest ``violation² / γ_i``, where
  ``γ_i = ||B⁻ᵀ e_i||²`` is updated from iteration to iteration (Forrest & Goldfarb 1992). Rows are
  kept in blocks with the best of each; a change marks its block, and only marked blocks are looked
  through again.
* *Devex.* The entering column has the largest ``d_j² / w_j`` (Harris 1973).
* *Pivotal row.* ``α = ρᵀ N`` is the sum of the rows of N where ρ is not zero. The copy of A by rows
  holds, in each row, the entries of the variables that can move in front: basic and fixed ones
  cost nothing (Hall & McKinnon 2005).
"""

from __future__ import annotations

import numpy as np

from ...linalg.cached import inner
from ...linalg.lu import TINY, dot
from .state import BLOCK, DOWN, LOOSE, STUCK, UP

DENSE_ROW = 0.4
"""From this share of nonzeros in ρ on, α is computed by columns."""


@inner
def partition(matrix, point):
    """Bring the entries of variables that can move to the front of each row."""
    m = point.head.size
    for i in range(m):
        matrix.row_end[i] = matrix.row_start[i]
        for k in range(matrix.row_start[i], matrix.row_start[i + 1]):
            if point.move[matrix.row_index[k]] != STUCK:
                _exchange(matrix, k, matrix.row_end[i])
                matrix.row_end[i] += 1


@inner
def _exchange(matrix, a, b):
    """Swap two entries of a row."""
    j, v, e = matrix.row_index[a], matrix.row_value[a], matrix.row_entry[a]
    f = matrix.row_entry[b]
    matrix.row_index[a] = matrix.row_index[b]
    matrix.row_value[a] = matrix.row_value[b]
    matrix.row_entry[a] = f
    matrix.row_index[b] = j
    matrix.row_value[b] = v
    matrix.row_entry[b] = e
    matrix.place[f] = a
    matrix.place[e] = b


@inner
def set_active(matrix, j, active):
    """Variable j can move from now on, or cannot any more."""
    if j >= matrix.start.size - 1:
        return
    for e in range(matrix.start[j], matrix.start[j + 1]):
        i, k = matrix.index[e], matrix.place[e]
        if active and k >= matrix.row_end[i]:
            _exchange(matrix, k, matrix.row_end[i])
            matrix.row_end[i] += 1
        elif not active and k < matrix.row_end[i]:
            matrix.row_end[i] -= 1
            _exchange(matrix, k, matrix.row_end[i])


@inner
def pivotal_row(matrix, point, rho, rho_index, size, alpha, index):
    """``α_j = ρᵀ a_j`` of the variables that can move; returns how many are listed."""
    m, n = rho.size, matrix.start.size - 1
    move = point.move
    count = 0
    for k in range(size):
        i = rho_index[k]
        if move[n + i] != STUCK:
            alpha[n + i] = -rho[i]
            index[count] = n + i
            count += 1
    if size < DENSE_ROW * m:
        for k in range(size):
            i = np.uint32(rho_index[k])
            v = rho[i]
            for e in range(np.uint64(matrix.row_start[i]), np.uint64(matrix.row_end[i])):
                j = np.uint32(matrix.row_index[e])
                t = alpha[j]
                if t == 0.0:
                    index[np.uint64(count)] = j
                    count += 1
                t += v * matrix.row_value[e]
                alpha[j] = t if t != 0.0 else TINY
        return count
    for j in range(n):
        if move[j] != STUCK:
            t = dot(rho, matrix.index, matrix.value, matrix.start[j], matrix.start[j + 1])
            if abs(t) > 1e-14:
                alpha[j] = t
                index[count] = j
                count += 1
    return count


@inner
def leaving(point, bland):
    """The row that violates its bounds most in the steepest edge norm, -1 if none does."""
    infeasibility, weight = point.infeasibility, point.weight
    m = weight.size
    row, best = -1, 0.0
    if bland:
        for i in range(m):
            if infeasibility[i] > 0.0 and (row < 0 or point.head[i] < point.head[row]):
                row = i
        return row
    for b in range(point.block_row.size):
        if point.block_row[b] == MARKED:
            first, merit = -1, 0.0
            for i in range(b * BLOCK, min(m, (b + 1) * BLOCK)):
                if infeasibility[i] > merit * weight[i]:
                    first, merit = i, infeasibility[i] / weight[i]
            point.block_row[b] = first
            point.block_merit[b] = merit
        if point.block_row[b] >= 0 and point.block_merit[b] > best:
            row, best = point.block_row[b], point.block_merit[b]
    return row


MARKED = -2
"""In ``Point.block_row``: the block must be looked through."""


@inner
def set_value(point, i, value, tolerance):
    """Give the basic variable of row i a value."""
    point.value[i] = value
    outside = 0.0
    if value < point.low[i] - tolerance:
        outside = value - point.low[i]
    elif value > point.high[i] + tolerance:
        outside = value - point.high[i]
    point.infeasibility[i] = outside * outside
    point.block_row[i // BLOCK] = MARKED


@inner
def entering(point, tolerance, bland):
    """The nonbasic variable whose reduced cost promises most, -1 if none has the wrong sign."""
    d, move, devex = point.d, point.move, point.devex
    q, best = -1, 0.0
    for j in range(d.size):
        if (
            (move[j] == UP and d[j] < -tolerance)
            or (move[j] == DOWN and d[j] > tolerance)
            or (move[j] == LOOSE and abs(d[j]) > tolerance)
        ):
            if bland:
                return j
            merit = d[j] * d[j] * (1e6 if move[j] == LOOSE else 1.0)
            if merit > best * devex[j]:
                q, best = j, merit / devex[j]
    return q
