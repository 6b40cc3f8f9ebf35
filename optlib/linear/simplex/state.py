"""What the simplex kernels work on: the matrix, the basis and its point, and work vectors.

Variable j < n is column j of A; variable n + i is the activity of row i, so that the equations
are ``[A, -I] x = 0``. A vector indexed by rows belongs to the basic variable ``head[i]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ...linalg.bundle import Bundle, Bytes, Flags, Floats, Ints, Longs
from ...linalg.cached import inner, kernel
from ...linalg.lu import N_ETA, N_WORK, TINY

UP, DOWN, STUCK, LOOSE = np.int8(1), np.int8(-1), np.int8(0), np.int8(2)
"""Where a nonbasic variable may move: off its lower bound, off its upper one, nowhere (fixed; also
every basic variable), anywhere (free)."""


FEASIBLE, NO_CANDIDATE, REFACTOR, UNSTABLE, BUDGET = range(5)
"""Why a chunk of iterations ended: nothing left to improve; a step without end; the factors are
old; a pivot was inaccurate (the basis is as before it); the budget is used up."""


@dataclass(eq=False)
class Matrix(Bundle):
    """A by columns and by rows; in front of each row the entries of variables that can move.

    ``place`` has the place by rows of each entry by columns, ``row_entry`` is its inverse, and
    ``row_end`` where the part in front ends.
    """

    start: Ints
    index: Ints
    value: Floats
    row_start: Ints
    row_index: Ints
    row_value: Floats
    row_end: Ints
    row_entry: Ints
    place: Ints

    @classmethod
    def of(cls, A: Any) -> Self:
        """The kernels' form of a matrix in compressed sparse columns."""
        m, n = A.shape
        k = A.nnz
        matrix = cls.zeros(n + 1, k, k, m + 1, k, k, m, k, k)
        matrix.start[:], matrix.index[:], matrix.value[:] = A.indptr, A.indices, A.data
        transpose(matrix)
        return matrix


@kernel(error_model="numpy")
def transpose(matrix):
    """Copy the matrix by columns into the one by rows."""
    start, index, row_start = matrix.start, matrix.index, matrix.row_start
    n, m = start.size - 1, row_start.size - 1
    for e in range(start[n]):
        row_start[index[e] + 1] += 1
    for i in range(m):
        row_start[i + 1] += row_start[i]
    for j in range(n):
        for e in range(start[j], start[j + 1]):
            k = row_start[index[e]]
            row_start[index[e]] += 1
            matrix.row_index[k] = j
            matrix.row_value[k] = matrix.value[e]
            matrix.row_entry[k] = e
            matrix.place[e] = k
    for i in range(m, 0, -1):
        row_start[i] = row_start[i - 1]
    row_start[0] = 0


BLOCK = 64
"""Rows are priced in blocks of so many."""


@dataclass(eq=False)
class Point(Bundle):
    """The working bounds and costs, the basis, and its primal and dual point.

    Attributes
    ----------
    lower, upper, cost, x, d : float64 array, shape (n + m,)
        ``x`` is current for nonbasic variables alone, ``d`` for those that can move.
    move : int8 array, shape (n + m,)
    basic : bool array, shape (n + m,)
    head : int32 array, shape (m,)
        Basic variable of each row.
    low, high, value : float64 array, shape (m,)
        Bounds and value of the basic variables.
    infeasibility : float64 array, shape (m,)
        Square of the violation of a bound, zero within the tolerance.
    weight : float64 array, shape (m,)
        Dual steepest edge: ``||B⁻ᵀ e_i||²``.
    devex : float64 array, shape (n + m,)
        Reference weights of the primal pricing.
    block_row, block_merit : int64 and float64 array
        The best row of each block of rows, see ``pricing.leaving``.
    """

    lower: Floats
    upper: Floats
    cost: Floats
    x: Floats
    d: Floats
    move: Bytes
    basic: Flags
    head: Ints
    low: Floats
    high: Floats
    value: Floats
    infeasibility: Floats
    weight: Floats
    devex: Floats
    block_row: Longs
    block_merit: Floats

    @classmethod
    def of(cls, lower: np.ndarray, upper: np.ndarray, cost: np.ndarray, m: int) -> Self:
        """Nothing basic yet."""
        N, blocks = cost.size, -(-m // BLOCK)
        point = cls.zeros(N, N, N, N, N, N, N, m, m, m, m, m, m, N, blocks, blocks)
        point.lower[:], point.upper[:], point.cost[:] = lower, upper, cost
        point.weight[:] = 1.0
        return point


@dataclass(eq=False)
class Work(Bundle):
    """Work vectors of the kernels.

    Attributes
    ----------
    rho, column, tau, alpha : float64 array
        ``B⁻ᵀ e_r``, the entering column, a further column, the pivotal row; each zero between uses
        and with a list of its nonzeros.
    candidate, variable, rate, distance, price, group : arrays
        Of the ratio test, see ``ratio``.
    density : float64 array, shape (5,)
        Recent share of nonzeros in the results of each kind of solve (``ROW`` ...).
    clock : float64 array, shape (3,)
        When to factorise, see ``refactor_due``.
    """

    rho: Floats
    rho_index: Ints
    column: Floats
    column_index: Ints
    tau: Floats
    tau_index: Ints
    alpha: Floats
    alpha_index: Ints
    candidate: Ints
    variable: Ints
    rate: Floats
    distance: Floats
    price: Floats
    group: Ints
    density: Floats
    clock: Floats


def work_for(m: int, n: int) -> Work:
    """Work vectors for m rows and n columns."""
    N, most = n + m, 2 * (n + m) + 2
    return Work.zeros(m, m, m, m, m, m, N, N, most, most, most, most, most, most, 5, 3)


@inner
def load(matrix, j, scale, x, index, size):
    """Add ``scale`` times column j of ``[A, -I]`` to x; returns the length of its index list."""
    n = matrix.start.size - 1
    if j >= n:
        i = j - n
        if x[i] == 0.0:
            index[size] = i
            size += 1
        x[i] -= scale
        if x[i] == 0.0:
            x[i] = TINY
        return size
    for e in range(matrix.start[j], matrix.start[j + 1]):
        i = matrix.index[e]
        if x[i] == 0.0:
            index[size] = i
            size += 1
        x[i] += scale * matrix.value[e]
        if x[i] == 0.0:
            x[i] = TINY
    return size


@inner
def clear(x, index, size):
    """Zero again."""
    for k in range(size):
        x[np.uint32(index[k])] = 0.0


ROW, COLUMN, FLIPS, EDGE, COSTS = np.arange(5)
"""Kinds of solves, each with a density of its own: ``B⁻ᵀ e_r``, entering column, columns of the
flips, steepest edge, multipliers of the sum of violations."""


@inner
def learn(work, operation, size):
    """Remember how dense the results of a kind of solve are of late."""
    work.density[operation] += 0.05 * (size / work.rho.size - work.density[operation])


@inner
def accurate(by_column, by_row, updates):
    """Whether the pivot is the same from its column and from its row."""
    gap, size = abs(by_column - by_row), min(abs(by_column), abs(by_row))
    return gap <= (1e-7 if updates > 0 else 1e-3) * size


@inner
def refactor_due(lu, work):
    """Whether the next iteration would cost more than the average since the factorisation.

    The factorisation counts: waiting longer than that only raises the average.
    """
    updates, spent = lu.count[N_ETA], lu.count[N_WORK]
    clock = work.clock
    if updates == 0:
        clock[LAST] = clock[AVERAGE] = 0.0
        return False
    clock[AVERAGE] += max(0.1, 1.0 / updates) * (spent - clock[LAST] - clock[AVERAGE])
    clock[LAST] = spent
    return updates > 20 and clock[AVERAGE] * updates > clock[FACTOR] + spent


LAST, AVERAGE, FACTOR = range(3)
"""Places in ``Work.clock``: work at the last look, moving average of an iteration, factorising."""


@inner
def nonbasic_at(point, j, value):
    """Record that variable j stands nonbasic at this value."""
    low, high = point.lower[j], point.upper[j]
    point.x[j] = value
    if low == high:
        point.move[j] = STUCK
    elif value == low:
        point.move[j] = UP
    elif value == high:
        point.move[j] = DOWN
    else:
        point.move[j] = LOOSE
