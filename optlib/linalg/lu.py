"""Sparse LU factors of a simplex basis, and their update when one column is exchanged.

A basis ``B`` (m columns of ``[A, -I]``) is factorised as ``B = L R⁻¹ U``:

* *Triangular part.* Logical columns, then columns and rows with one entry left are pivots that
  cause no fill-in (they are most of a typical basis).
* *Nucleus.* Gaussian elimination on what is left; the pivot has the least Markowitz count
  ``(r_i - 1)(c_j - 1)`` among a few short columns and rows, subject to
  ``|a_ij| >= threshold max_k |a_kj|`` (Markowitz 1957; Suhl & Suhl 1990).
* *Update.* When column r is exchanged, its column in U becomes the spike ``R L⁻¹ a``, row r of
  U is eliminated by one row transformation of R, and r goes to the end of the pivotal order
  (Forrest & Tomlin 1972). Both the spike and the row transformation are by-products of the
  iteration's own solves: with ``Uᵀ y = e_r`` the transformation is ``μ_i = -y_i u_rr``.

The basic variable pivoted on row i is kept at position i of the basis, so that no permutation is
ever applied: every vector is indexed by row. A triangular solve follows the nonzeros alone, by
depth-first search, when the right side is sparse (Gilbert & Peierls 1988; Hall & McKinnon 2005),
and runs through the pivots otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .bundle import Bundle, Flags, FloatRows, Floats, IntRows, Ints, Longs
from .cached import inner, kernel

DROP = 1e-14
"""Numbers below this in a solve are rounding noise and become zero."""

TINY = 1e-100
"""Stands for a cancelled entry of an indexed vector, so that no index is listed twice."""

PIVOT_TOLERANCE = 1e-9
"""A pivot below this (the matrix is scaled) makes the basis singular."""

SPARE = np.int64(4)
"""Room for new entries in each row of U."""

HYPERSPARSE = 0.10
"""Follow the nonzeros when fewer than this share of the entries are nonzero."""


@dataclass(eq=False)
class Entries(Bundle):
    """Entries in the order of their elimination: of L with the pivot's row as line, of U with the
    basis column as line."""

    line: Ints
    index: Ints
    value: Floats


@dataclass(eq=False)
class LU(Bundle):
    """The factors; each triangle is kept by columns (for ``B x = a``) and by rows (``Bᵀ y = c``).

    Attributes
    ----------
    index, value : int32 and float64 array
        One pool for the off-diagonal entries of all triangles; updates append to it.
    line : int32 array, shape (10, m)
        Where the line of a pivot row begins and ends: rows ``2 t`` and ``2 t + 1`` for triangle t
        (``L_COLUMNS`` ...); then the room of each row of U, and each pivot's place in the order.
    order : int32 array, shape (3, m + updates)
        Pivots in whose column of L, in whose row of L, there is something, as their solves need
        them; pivots of U in elimination order, -1 where an update has moved one away.
    pivot : float64 array, shape (m,)
        Diagonal of U.
    eta : int32 array, shape (3, updates)
        The row transformations: the row changed, begin and end in the pool.
    kept_index, kept_value : int32 and float64 array, shape (2, m)
        The spike and the row transformation that the last solves left for the update.
    mark, stack : bool array, shape (m,), and int32 array, shape (3, m)
        Of the depth-first search.
    count : int64 array
        Lengths of the lists above, see the constants ``N_...``.
    """

    index: Ints
    value: Floats
    line: IntRows
    order: IntRows
    pivot: Floats
    eta: IntRows
    kept_index: IntRows
    kept_value: FloatRows
    mark: Flags
    stack: IntRows
    count: Longs


MOVED = np.uint32(2**32 - 1)
"""-1 as an unsigned number: where an update has moved a pivot away from in the order."""

L_COLUMNS, L_ROWS, U_COLUMNS, U_ROWS = np.arange(4)
"""The triangles. (Numba compiles a function anew for every literal it is called with, not so for
constants of NumPy's types.)"""

UNLISTED, EMPTY, SINGLE = np.arange(-1, 2)
"""Sizes of a list of nonzeros: of a vector without list (also "no row"), of zero, of a multiple of
a unit vector."""

KEEP, PASS = np.bool_(True), np.bool_(False)
"""Whether ``ftran`` keeps the spike."""

ROOM, PLACE = 8, 9
"""Further rows of ``LU.line``."""

SPIKE, TRANSFORM = range(2)
"""Rows of ``LU.kept_index`` and ``LU.kept_value``."""

N_L, N_LT, N_U, N_ETA, N_SPIKE, N_TRANSFORM, N_POOL, N_WORK, N_FULL = range(9)
"""Places in ``LU.count``; ``N_WORK`` counts the steps of all solves since the factorisation,
``N_FULL`` the updates that found no room."""


@inner
def subtract(x, index, value, begin, end, t):
    """``x[index] -= t value`` over part of a list.

    (Unsigned indices spare Numba the question whether they count from the end: twice as fast.)
    """
    for e in range(np.uint64(begin), np.uint64(end)):
        x[np.uint32(index[e])] -= t * value[e]


@inner
def dot(x, index, value, begin, end):
    """``value · x[index]`` over part of a list."""
    t = 0.0
    for e in range(np.uint64(begin), np.uint64(end)):
        t += value[e] * x[np.uint32(index[e])]
    return t


@inner
def solve_triangle(lu, t, x, index, size, expected):
    """Solve with triangle t in place; returns the number of nonzeros listed, -1 if unknown.

    ``index[:size]`` lists the nonzeros of x, or size is -1; ``expected`` is the share of nonzeros
    in recent results.
    """
    m = x.size
    unit = t < U_COLUMNS
    length = lu.count[min(t, N_U)]
    if unit and length == 0:
        return size
    start, end = lu.line[2 * t], lu.line[2 * t + 1]
    hyper = 0 <= size < HYPERSPARSE * m and expected < HYPERSPARSE
    order, backward = lu.order[min(t, N_U)], t == U_COLUMNS
    if hyper:
        order, backward = lu.stack[2], True
        length = _reach(lu, start, end, index, size)
    work = count = 0
    for k in range(length):
        p = np.uint32(order[length - 1 - k] if backward else order[k])
        if p == MOVED:
            continue
        if hyper:
            lu.mark[p] = False
        v = x[p]
        if v == 0.0:
            continue
        if abs(v) < DROP:
            x[p] = 0.0
            continue
        if not unit:
            v /= lu.pivot[p]
            x[p] = v
        index[count] = p
        count += 1
        work += np.int64(end[p]) - np.int64(start[p])
        subtract(x, lu.index, lu.value, start[p], end[p], v)
    lu.count[N_WORK] += 4 * work + length
    return count if hyper or not unit else -1


@inner
def _reach(lu, start, end, index, size):
    """Where a solve with these nonzeros can lead, in ``lu.stack[2]``; the last comes first."""
    stack, edge, reach = lu.stack[0], lu.stack[1], lu.stack[2]
    top = 0
    for s in range(size):
        if lu.mark[index[s]]:
            continue
        depth = 0
        stack[0] = index[s]
        edge[0] = start[index[s]]
        lu.mark[index[s]] = True
        while depth >= 0:
            p = stack[depth]
            e = edge[depth]
            while e < end[p] and lu.mark[lu.index[e]]:
                e += 1
            if e < end[p]:
                q = lu.index[e]
                lu.mark[q] = True
                edge[depth] = e + 1
                depth += 1
                stack[depth] = q
                edge[depth] = start[q]
            else:
                reach[top] = p
                top += 1
                depth -= 1
    return top


@kernel(error_model="numpy")
def ftran(lu, x, index, size, keep, expected):
    """Solve ``B x = a`` in place; returns the number of nonzeros listed in index.

    ``keep`` saves the spike for the update that brings this column into the basis.
    """
    count, eta = lu.count, lu.eta
    size = solve_triangle(lu, L_COLUMNS, x, index, size, expected)
    for k in range(count[N_ETA]):
        t = dot(x, lu.index, lu.value, eta[1, k], eta[2, k])
        if t != 0.0:
            r = eta[0, k]
            if x[r] == 0.0 and size >= 0:
                index[size] = r
                size += 1
            x[r] -= t
            if x[r] == 0.0:
                x[r] = TINY
    if keep:
        kept = 0
        for k in range(size if size >= 0 else x.size):
            i = index[k] if size >= 0 else k
            if abs(x[i]) > DROP:
                lu.kept_index[SPIKE, kept] = i
                lu.kept_value[SPIKE, kept] = x[i]
                kept += 1
        count[N_SPIKE] = kept
    return solve_triangle(lu, U_COLUMNS, x, index, size, expected)


@kernel(error_model="numpy")
def btran(lu, y, index, size, row, expected):
    """Solve ``Bᵀ y = c`` in place; returns the number of nonzeros listed in index.

    With ``c = e_row`` (``row >= 0``) the row transformation of a later update is saved.
    """
    count, eta = lu.count, lu.eta
    size = solve_triangle(lu, U_ROWS, y, index, size, expected)
    if row >= 0:
        kept = 0
        for k in range(size):
            i = index[k]
            if i != row:
                lu.kept_index[TRANSFORM, kept] = i
                lu.kept_value[TRANSFORM, kept] = -y[i] * lu.pivot[row]
                kept += 1
        count[N_TRANSFORM] = kept
    for k in range(count[N_ETA] - 1, -1, -1):
        t = y[eta[0, k]]
        if t != 0.0:
            for e in range(np.uint64(eta[1, k]), np.uint64(eta[2, k])):
                i = np.uint32(lu.index[e])
                v = y[i]
                if v == 0.0:
                    index[size] = i
                    size += 1
                v -= lu.value[e] * t
                y[i] = v if v != 0.0 else TINY
    size = solve_triangle(lu, L_ROWS, y, index, size, expected)
    if size < 0:
        size = 0
        for i in range(y.size):
            if y[i] != 0.0:
                index[size] = i
                size += 1
    return size


@inner
def _delete(lu, t, line, key):
    """Take the entry with index key out of a line of triangle t."""
    last = lu.line[2 * t + 1, line] - 1
    for e in range(lu.line[2 * t, line], last):
        if lu.index[e] == key:
            lu.index[e] = lu.index[last]
            lu.value[e] = lu.value[last]
            break
    lu.line[2 * t + 1, line] = last


@kernel(error_model="numpy")
def update(lu, r, alpha):
    """Exchange the column at position r for the one whose spike was kept (Forrest-Tomlin).

    ``alpha`` is entry r of that column's ``ftran``; the last ``btran`` must have been that of
    ``e_r``. Returns False, with the factors untouched, when the storage is full: time to
    factorise anew.
    """
    count, eta = lu.count, lu.eta
    begin, end = lu.line[2 * U_ROWS], lu.line[2 * U_ROWS + 1]
    k, top = count[N_ETA], count[N_POOL]
    needed = top + count[N_SPIKE] + count[N_TRANSFORM]
    for s in range(count[N_SPIKE]):
        i = lu.kept_index[SPIKE, s]
        if end[i] - begin[i] == lu.line[ROOM, i]:
            needed += 2 * lu.line[ROOM, i] + 4
    if k == eta.shape[1] or needed > lu.index.size:
        count[N_FULL] += 1
        return False
    for e in range(begin[r], end[r]):
        _delete(lu, U_COLUMNS, lu.index[e], r)
    end[r] = begin[r]
    for e in range(lu.line[2 * U_COLUMNS, r], lu.line[2 * U_COLUMNS + 1, r]):
        _delete(lu, U_ROWS, lu.index[e], r)
    lu.line[2 * U_COLUMNS, r] = top
    for s in range(count[N_SPIKE]):
        if lu.kept_index[SPIKE, s] != r:
            lu.index[top] = lu.kept_index[SPIKE, s]
            lu.value[top] = lu.kept_value[SPIKE, s]
            top += 1
    lu.line[2 * U_COLUMNS + 1, r] = top
    for e in range(lu.line[2 * U_COLUMNS, r], lu.line[2 * U_COLUMNS + 1, r]):
        i = lu.index[e]
        room = lu.line[ROOM, i]
        if end[i] - begin[i] == room:
            for f in range(room):
                lu.index[top + f] = lu.index[begin[i] + f]
                lu.value[top + f] = lu.value[begin[i] + f]
            begin[i] = top
            end[i] = top + room
            lu.line[ROOM, i] = 2 * room + 4
            top += 2 * room + 4
        lu.index[end[i]] = r
        lu.value[end[i]] = lu.value[e]
        end[i] += 1
    lu.pivot[r] *= alpha
    eta[0, k] = r
    eta[1, k] = top
    for s in range(count[N_TRANSFORM]):
        if abs(lu.kept_value[TRANSFORM, s]) > DROP:
            lu.index[top] = lu.kept_index[TRANSFORM, s]
            lu.value[top] = lu.kept_value[TRANSFORM, s]
            top += 1
    eta[2, k] = top
    count[N_ETA] = k + 1
    count[N_POOL] = top
    lu.order[N_U, lu.line[PLACE, r]] = -1
    lu.line[PLACE, r] = count[N_U]
    lu.order[N_U, count[N_U]] = r
    count[N_U] += 1
    return True


@kernel(error_model="numpy")
def _peel(start, index, value, head, n, L, U, pivot, order, row_of, space, row_columns):
    """Pivots without fill-in: logicals, then singleton columns and rows, as long as there are any.

    L and U receive the entries, ``row_of`` the pivot row of each column of the
    basis, -1 for the nucleus. Returns how many pivots (-1 for want of room), entries of L and of
    U there are.
    """
    m = head.size
    entries = pivots = n_l = n_u = 0
    for c in range(m):
        if head[c] < n:
            entries += start[head[c] + 1] - start[head[c]]
    if entries + m > min(L.line.size, row_columns.size):
        return -1, 0, 0
    done, queue, row_start, place = space[0], space[1], space[2], space[3]
    column_count, row_count = space[4], space[5]
    for c in range(m):
        row_of[c] = -1
        r = head[c] - n
        if r >= 0 and not done[r]:
            done[r] = 1
            row_of[c] = r
            pivot[r] = -1.0
            order[pivots] = r
            pivots += 1
    for c in range(m):
        if row_of[c] < 0 and head[c] < n:
            for e in range(start[head[c]], start[head[c] + 1]):
                if not done[index[e]]:
                    column_count[c] += 1
                    row_count[index[e]] += 1
    for i in range(m):
        row_start[i + 1] = row_start[i] + row_count[i]
        place[i] = row_start[i]
    waiting = 0
    for c in range(m):
        if row_of[c] < 0 and head[c] < n:
            for e in range(start[head[c]], start[head[c] + 1]):
                i = index[e]
                if not done[i]:
                    row_columns[place[i]] = c
                    place[i] += 1
            if column_count[c] == 1:
                queue[waiting] = c
                waiting += 1
    for i in range(m):
        if row_count[i] == 1:
            queue[waiting] = m + i
            waiting += 1
    while waiting > 0:
        waiting -= 1
        r = c = -1
        by_row = queue[waiting] >= m
        if by_row:
            i = queue[waiting] - m
            if not done[i] and row_count[i] == 1:
                for e in range(row_start[i], row_start[i + 1]):
                    if row_of[row_columns[e]] < 0:
                        r, c = i, row_columns[e]
        else:
            j = queue[waiting]
            if row_of[j] < 0 and column_count[j] == 1:
                for e in range(start[head[j]], start[head[j] + 1]):
                    if not done[index[e]]:
                        r, c = index[e], j
        if r < 0:
            continue
        a = largest = 0.0
        for e in range(start[head[c]], start[head[c] + 1]):
            if index[e] == r:
                a = value[e]
            if not done[index[e]]:
                largest = max(largest, abs(value[e]))
        if abs(a) < max(PIVOT_TOLERANCE, 1e-3 * largest):
            continue
        done[r] = 1
        row_of[c] = r
        pivot[r] = a
        order[pivots] = r
        pivots += 1
        for e in range(start[head[c]], start[head[c] + 1]):
            i = index[e]
            if i == r:
                continue
            if done[i]:
                U.line[n_u] = c
                U.index[n_u] = i
                U.value[n_u] = value[e]
                n_u += 1
            else:
                L.line[n_l] = r
                L.index[n_l] = i
                L.value[n_l] = value[e] / a
                n_l += 1
                row_count[i] -= 1
                if row_count[i] == 1:
                    queue[waiting] = m + i
                    waiting += 1
        if not by_row:
            for e in range(row_start[r], row_start[r + 1]):
                j = row_columns[e]
                column_count[j] -= 1
                if row_of[j] < 0 and column_count[j] == 1:
                    queue[waiting] = j
                    waiting += 1
    return pivots, n_l, n_u


@dataclass(eq=False)
class Nucleus(Bundle):
    """The active submatrix of the elimination, by columns with values, by rows without.

    Attributes
    ----------
    start, length, room : int64 array, shape (2 m,)
        Where line k is in the pool: column k below m, row k - m from there on.
    first, after, before, bucket : int64 array
        Lists of the lines of equal length; those of rows begin at m + 1.
    done, stamp : int64 array, shape (m,)
        Rows pivoted on; rows met in the column at work.
    largest, multiplier : float64 array, shape (m,)
        Largest entry of each column; the column of L at work.
    index, value, columns : int32, float64 and int32 array
        The pool: rows and values of columns, columns of rows.
    size : int64 array, shape (8,)
        How far the arrays are filled, see the constants ``PIVOTS`` ...
    """

    start: Longs
    length: Longs
    room: Longs
    first: Longs
    after: Longs
    before: Longs
    bucket: Longs
    done: Longs
    stamp: Longs
    largest: Floats
    multiplier: Floats
    index: Ints
    value: Floats
    columns: Ints
    size: Longs


PIVOTS, IN_L, IN_U, COLUMN_POOL, ROW_POOL, ACTIVE, STAMPS, STEPS = range(8)
"""Places in ``Nucleus.size``: pivots made, entries of L and U, of the pools, active ones,
columns worked on, and the entries looked at for it."""

SEARCH = 4
"""Columns and rows looked at for a pivot of least Markowitz count."""

SMALL = 24
"""A nucleus of so many rows is eliminated as a dense matrix from the start."""

DENSE = 0.5
"""From this share of nonzeros on, the rest of the nucleus is eliminated as a dense matrix."""


@kernel(error_model="numpy")
def _eliminate(start, index, value, head, n, threshold, L, U, pivot, order, row_of, z):
    """Markowitz elimination of the nucleus, until it is dense or nothing is left.

    Returns False when an array is too short.
    """
    m = head.size
    if not _load(start, index, value, head, n, U, order, row_of, z):
        return False
    columns = np.int64(0)
    for c in range(m):
        columns += z.length[c] > 0
    while z.size[ACTIVE] < DENSE * columns * columns or columns < 4:
        r, c = _best_pivot(z, threshold, m)
        if r < 0:
            break
        order[z.size[PIVOTS]] = r
        row_of[c] = r
        z.size[PIVOTS] += 1
        columns -= 1
        if not _pivot_on(z, m, r, c, L, U, pivot):
            return False
    return True


@inner
def _load(start, index, value, head, n, U, order, row_of, z):
    """Copy the nucleus into the pool; what its columns have in pivoted rows belongs to U."""
    m = head.size
    z.first[:] = -1
    for k in range(z.size[PIVOTS]):
        z.done[order[k]] = 1
    n_u = z.size[IN_U]
    top = 0
    for c in range(m):
        if row_of[c] >= 0 or head[c] >= n:
            continue
        length = start[head[c] + 1] - start[head[c]]
        z.start[c], z.room[c] = top, 2 * length + 4
        top += z.room[c]
        if top > z.index.size:
            return False
        f = z.start[c]
        for e in range(start[head[c]], start[head[c] + 1]):
            i = index[e]
            if z.done[i]:
                U.line[n_u] = c
                U.index[n_u] = i
                U.value[n_u] = value[e]
                n_u += 1
            else:
                z.index[f] = i
                z.value[f] = value[e]
                z.largest[c] = max(z.largest[c], abs(value[e]))
                f += 1
        if z.largest[c] >= PIVOT_TOLERANCE:
            z.length[c] = f - z.start[c]
        for f in range(z.start[c], z.start[c] + z.length[c]):
            z.room[m + z.index[f]] += 1
        z.size[ACTIVE] += z.length[c]
    z.size[IN_U] = n_u
    z.size[COLUMN_POOL] = top
    top = 0
    for i in range(m, 2 * m):
        if z.room[i] > 0:
            z.room[i] = 2 * z.room[i] + 4
            z.start[i] = top
            top += z.room[i]
    z.size[ROW_POOL] = top
    if top > z.columns.size:
        return False
    for c in range(m):
        for f in range(z.start[c], z.start[c] + z.length[c]):
            i = m + z.index[f]
            z.columns[z.start[i] + z.length[i]] = c
            z.length[i] += 1
    for k in range(2 * m):
        if z.length[k] > 0:
            _link(z, m, k)
    return True


@inner
def _best_pivot(z, threshold, m):
    """The least ``(r_i - 1)(c_j - 1)`` in some shortest columns and rows; -1 if nothing is left."""
    r = c = -1
    merit, size, tries = 1 << 60, 0.0, 0
    for k in range(1, m + 1):
        j = z.first[k]
        while j >= 0 and merit > (k - 1) * (k - 1) and (tries < SEARCH or r < 0):
            floor = threshold * z.largest[j]
            for e in range(z.start[j], z.start[j] + k):
                a = abs(z.value[e])
                if a >= floor:
                    cost = (k - 1) * (z.length[m + z.index[e]] - 1)
                    if cost < merit or (cost == merit and a > size):
                        merit, size, r, c = cost, a, z.index[e], j
            tries += 1
            j = z.after[j]
        i = z.first[m + 1 + k]
        while i >= 0 and merit > k * (k - 1) and (tries < SEARCH or r < 0):
            for e in range(z.start[i], z.start[i] + k):
                j = z.columns[e]
                cost = (k - 1) * (z.length[j] - 1)
                if cost < merit:
                    f = _find(z.index, z.start[j], i - m)
                    if abs(z.value[f]) >= threshold * z.largest[j]:
                        merit, size, r, c = cost, abs(z.value[f]), i - m, j
            tries += 1
            i = z.after[i]
        if merit <= k * (k - 1) or (tries >= SEARCH and r >= 0):
            break
    return r, c


@inner
def _pivot_on(z, m, r, c, L, U, pivot):
    """Eliminate column c with row r; returns False when an array is too short."""
    n_l, n_u = z.size[IN_L], z.size[IN_U]
    if n_l + z.length[c] > L.line.size or n_u + z.length[m + r] > U.line.size:
        return False
    z.size[ACTIVE] -= z.length[c] + z.length[m + r] - 1
    _unlink(z, c)
    _unlink(z, m + r)
    z.done[r] = 1
    a = z.value[_find(z.index, z.start[c], r)]
    pivot[r] = a
    begin = n_l
    for e in range(z.start[c], z.start[c] + z.length[c]):
        i = np.int64(z.index[e])
        if i != r:
            L.line[n_l] = r
            L.index[n_l] = i
            L.value[n_l] = z.multiplier[i] = z.value[e] / a
            n_l += 1
            _unlink(z, m + i)
            _drop_column(z, m + i, c)
    for g in range(z.start[m + r], z.start[m + r] + z.length[m + r]):
        j = np.int64(z.columns[g])
        if j == c:
            continue
        _unlink(z, j)
        e = _find(z.index, z.start[j], r)
        t = z.value[e]
        U.line[n_u] = j
        U.index[n_u] = r
        U.value[n_u] = t
        n_u += 1
        _drop_entry(z, j, e)
        if not _subtract(z, m, j, t, L, begin, n_l):
            return False
        if z.largest[j] >= PIVOT_TOLERANCE:
            _link(z, m, j)
            continue
        for e in range(z.start[j], z.start[j] + z.length[j]):
            i = m + z.index[e]
            _drop_column(z, i, j)
            if z.bucket[i] >= 0:
                _unlink(z, i)
                _link(z, m, i)
        z.size[ACTIVE] -= z.length[j]
        z.length[j] = 0
    for f in range(begin, n_l):
        i = np.int64(L.index[f])
        z.multiplier[i] = 0.0
        _link(z, m, m + i)
    z.length[c] = z.length[m + r] = 0
    z.size[IN_L], z.size[IN_U] = n_l, n_u
    return True


@inner
def _subtract(z, m, j, t, L, begin, end):
    """Column j minus t times the column of L at work, ``L[begin:end]``."""
    z.size[STAMPS] += 1
    z.size[STEPS] += z.length[j]
    stamp = z.size[STAMPS]
    fill = end - begin
    largest = 0.0
    e, last = np.uint64(z.start[j]), np.uint64(z.start[j] + z.length[j])
    while e < last:
        i = np.uint32(z.index[e])
        v = z.value[e]
        if z.multiplier[i] != 0.0:
            v -= z.multiplier[i] * t
            z.value[e] = v
            z.stamp[i] = stamp
            fill -= 1
            if abs(v) < DROP:
                _drop_entry(z, j, np.int64(e))
                _drop_column(z, m + np.int64(i), j)
                z.size[ACTIVE] -= 1
                last -= np.uint64(1)
                continue
        largest = max(largest, abs(v))
        e += np.uint64(1)
    if fill > 0:
        top = z.size[COLUMN_POOL]
        if z.length[j] + fill > z.room[j]:
            z.room[j] = 2 * (z.length[j] + fill) + 4
            if top + z.room[j] > z.index.size:
                return False
            for e in range(z.length[j]):
                z.index[top + e] = z.index[z.start[j] + e]
                z.value[top + e] = z.value[z.start[j] + e]
            z.start[j] = top
            z.size[COLUMN_POOL] = top + z.room[j]
        for f in range(begin, end):
            i = np.int64(L.index[f])
            v = -L.value[f] * t
            if z.stamp[i] == stamp or abs(v) < DROP:
                continue
            e = z.start[j] + z.length[j]
            z.index[e] = i
            z.value[e] = v
            z.length[j] += 1
            largest = max(largest, abs(v))
            z.size[ACTIVE] += 1
            if not _append_column(z, m + i, j):
                return False
    z.largest[j] = largest
    return True


@inner
def _append_column(z, i, j):
    """Row line i has an entry in column j now."""
    if z.length[i] == z.room[i]:
        top = z.size[ROW_POOL]
        z.room[i] = 2 * z.room[i] + 4
        if top + z.room[i] > z.columns.size:
            return False
        for e in range(z.length[i]):
            z.columns[top + e] = z.columns[z.start[i] + e]
        z.start[i] = top
        z.size[ROW_POOL] = top + z.room[i]
    z.columns[z.start[i] + z.length[i]] = j
    z.length[i] += 1
    return True


@inner
def _drop_column(z, i, j):
    """Row line i has no entry in column j any more."""
    e, last = _find(z.columns, z.start[i], j), z.start[i] + z.length[i] - 1
    z.columns[e] = z.columns[last]
    z.length[i] -= 1


@inner
def _drop_entry(z, j, e):
    """Take entry e out of column j."""
    last = z.start[j] + z.length[j] - 1
    z.index[e] = z.index[last]
    z.value[e] = z.value[last]
    z.length[j] -= 1


@inner
def _find(index, start, key):
    """The place of a key that is known to be there."""
    e = np.uint64(start)
    while index[e] != key:
        e += np.uint64(1)
    return np.int64(e)


@inner
def _link(z, m, k):
    """Put line k into the list of its length."""
    count = z.length[k] if k < m else z.length[k] + m + 1
    head = z.first[count]
    z.after[k] = head
    z.before[k] = -1
    if head >= 0:
        z.before[head] = k
    z.first[count] = k
    z.bucket[k] = count


@inner
def _unlink(z, k):
    """Take it out again."""
    after, before = z.after[k], z.before[k]
    if before >= 0:
        z.after[before] = after
    else:
        z.first[z.bucket[k]] = after
    if after >= 0:
        z.before[after] = before
    z.bucket[k] = -1


@kernel(error_model="numpy")
def _gather(start, index, value, head, U, size, place, block, columns):
    """The nucleus as a dense block; what its columns have in pivoted rows belongs to U.

    ``place`` has the row of the block, -1 for pivoted rows.
    """
    n_u = size[IN_U]
    for k in range(columns.size):
        c = columns[k]
        for e in range(start[head[c]], start[head[c] + 1]):
            i = index[e]
            if place[i] >= 0:
                block[k, place[i]] = value[e]
            else:
                U.line[n_u] = c
                U.index[n_u] = i
                U.value[n_u] = value[e]
                n_u += 1
    size[IN_U] = n_u


@kernel(error_model="numpy")
def _gather_rest(z, place, block, columns):
    """What the elimination has left of the nucleus as a dense block."""
    for k in range(columns.size):
        c = columns[k]
        for e in range(z.start[c], z.start[c] + z.length[c]):
            block[k, place[z.index[e]]] = z.value[e]


@kernel(error_model="numpy")
def _finish(head, n, L, U, pivot, order, row_of, done, size, block, rows, columns):
    """Eliminate what is left as a dense block, with partial pivoting; make up for what is singular.

    ``block[k, i]`` is the entry of column ``columns[k]`` in row ``rows[i]``. Dependent columns are
    replaced by the logicals of the rows left over. Returns the number of replaced columns, or -1
    when an array is too short.
    """
    m = head.size
    n_l, n_u = size[IN_L], size[IN_U]
    height, width = rows.size, columns.size
    if n_l + height * width > L.line.size or n_u + height * width > U.line.size:
        return -1
    s = 0
    for k in range(width):
        best = s
        for i in range(s, height):
            if abs(block[k, i]) > abs(block[k, best]):
                best = i
        if s == height or abs(block[k, best]) < PIVOT_TOLERANCE:
            continue
        for j in range(k, width):
            block[j, s], block[j, best] = block[j, best], block[j, s]
        rows[s], rows[best] = rows[best], rows[s]
        r = rows[s]
        pivot[r] = block[k, s]
        order[size[PIVOTS]] = r
        row_of[columns[k]] = r
        done[r] = 1
        size[PIVOTS] += 1
        for i in range(s + 1, height):
            block[k, i] /= pivot[r]
            if abs(block[k, i]) > DROP:
                L.line[n_l] = r
                L.index[n_l] = rows[i]
                L.value[n_l] = block[k, i]
                n_l += 1
        for j in range(k + 1, width):
            t = block[j, s]
            if abs(t) > DROP:
                U.line[n_u] = columns[j]
                U.index[n_u] = r
                U.value[n_u] = t
                n_u += 1
                for i in range(s + 1, height):
                    block[j, i] -= t * block[k, i]
        s += 1
    size[IN_L], size[IN_U] = n_l, n_u
    missing = m - size[PIVOTS]
    if missing == 0:
        return 0
    for k in range(n_u):
        if row_of[U.line[k]] < 0:
            U.line[k] = -1
    c = 0
    for i in range(m):
        if not done[i]:
            while row_of[c] >= 0:
                c += 1
            row_of[c] = i
            head[c] = n + i
            pivot[i] = -1.0
            order[size[PIVOTS]] = i
            size[PIVOTS] += 1
    return missing


@kernel(error_model="numpy")
def _assemble(lu, L, n_l, U, n_u, order, row_of):
    """Sort the entries into the four triangles of the pool."""
    m = order.size
    lu.line[:] = 0
    for k in range(n_u):
        if U.line[k] >= 0:
            U.line[k] = row_of[U.line[k]]
    top = _sort(lu, L_COLUMNS, L.line, L.index, L.value, n_l, EMPTY, EMPTY)
    top = _sort(lu, L_ROWS, L.index, L.line, L.value, n_l, top, EMPTY)
    top = _sort(lu, U_COLUMNS, U.line, U.index, U.value, n_u, top, EMPTY)
    top = _sort(lu, U_ROWS, U.index, U.line, U.value, n_u, top, SPARE)
    lu.count[:] = 0
    lu.count[N_POOL] = top
    for k in range(m):
        p, q = order[k], order[m - 1 - k]
        lu.order[N_U, k] = p
        lu.line[PLACE, p] = k
        lu.line[ROOM, p] = lu.line[2 * U_ROWS + 1, p] - lu.line[2 * U_ROWS, p] + SPARE
        if lu.line[2 * L_COLUMNS + 1, p] > lu.line[2 * L_COLUMNS, p]:
            lu.order[N_L, lu.count[N_L]] = p
            lu.count[N_L] += 1
        if lu.line[2 * L_ROWS + 1, q] > lu.line[2 * L_ROWS, q]:
            lu.order[N_LT, lu.count[N_LT]] = q
            lu.count[N_LT] += 1
    lu.count[N_U] = m


@inner
def _sort(lu, t, line, index, value, size, top, spare):
    """Counting sort of entries by their line into triangle t, which begins at ``top``."""
    start, end = lu.line[2 * t], lu.line[2 * t + 1]
    for k in range(size):
        if line[k] >= 0 and index[k] >= 0:
            end[line[k]] += 1
    for i in range(end.size):
        start[i] = top
        top += end[i] + spare
        end[i] = start[i]
    for k in range(size):
        if line[k] >= 0 and index[k] >= 0:
            e = end[line[k]]
            lu.index[e] = index[k]
            lu.value[e] = value[k]
            end[line[k]] = e + 1
    return top


class BasisFactors:
    """The factors of a basis of ``[A, -I]``, with the storage that they and their updates need.

    Parameters
    ----------
    start, index, value : arrays
        A by columns (compressed sparse columns, int32 and float64).
    shape : tuple of int
        Rows and columns of A.
    max_updates : int
        Exchanges between two factorisations.

    Attributes
    ----------
    lu : LU
    steps : int
        What the last factorisation cost, in the unit of ``N_WORK``.

    Examples
    --------
    >>> A = np.array([[2.0, 1.0], [4.0, 1.0]])
    >>> factors = BasisFactors(
    ...     np.array([0, 2, 4], np.int32), np.array([0, 1, 0, 1], np.int32),
    ...     np.array([2.0, 4.0, 1.0, 1.0]), (2, 2))
    >>> head = np.array([1, 0], np.int32)
    >>> factors.factorize(head), head
    (0, array([1, 0], dtype=int32))
    >>> factors.solve(np.array([3.0, 5.0]))
    array([1., 1.])
    """

    def __init__(
        self,
        start: np.ndarray,
        index: np.ndarray,
        value: np.ndarray,
        shape: tuple[int, int],
        max_updates: int = 100,
    ) -> None:
        self._matrix = (start, index, value)
        self._m, self._n = shape
        self._max_updates = max_updates
        self._order = np.empty(self._m, np.int32)
        self._row_of = np.empty(self._m, np.int32)
        self._make_room(5 * self._m + 2 * SMALL * min(SMALL, self._m))
        self.steps = 0
        self._spare = max_updates * min(2 * self._m, 60 + self._m // 4)
        self.lu = _allocate(self._m, self._spare + 8 * self._m, max_updates)

    def _make_room(self, entries: int) -> None:
        """Room for so many entries of L and of U."""
        self._L, self._U = Entries.zeros(*3 * [entries]), Entries.zeros(*3 * [entries])
        self._row_columns = np.empty(entries, np.int32)
        self._pool: Entries | None = None

    def factorize(self, head: np.ndarray, threshold: float = 0.1) -> int:
        """Factorise the basis with variables ``head``, reordered so that row i pivots on head[i].

        Returns the number of dependent columns, replaced in ``head`` by logicals.
        """
        replaced = self._attempt(head, threshold)
        while replaced < 0:
            self._make_room(2 * self._L.line.size)
            replaced = self._attempt(head, threshold)
        m, n_l, n_u = self._m, self._n_l, self._n_u
        room = 2 * (n_l + n_u) + 4 * m
        if self.lu.count[N_FULL] > 0:
            self._spare *= 2
        if room + self._spare > self.lu.index.size:
            room += room // 2 + self._spare
            self.lu = _allocate(m, room, self._max_updates, self.lu.pivot)
        self.steps += 60 * (n_l + n_u)
        _assemble(self.lu, self._L, n_l, self._U, n_u, self._order, self._row_of)
        head[self._row_of] = head.copy()
        return replaced

    def _attempt(self, head: np.ndarray, threshold: float) -> int:
        """Pivots, entries of L and of U; returns the replaced columns, -1 for want of room."""
        start, index, value = self._matrix
        m, n = self._m, self._n
        parts = self._L, self._U, self.lu.pivot, self._order, self._row_of
        space = np.zeros((9, 2 * m + 2), np.int64)
        self.steps = 60 * m + 20 * value.size
        pivots, n_l, n_u = _peel(start, index, value, head, n, *parts, space, self._row_columns)
        self._n_l, self._n_u = n_l, n_u
        if pivots < 0:
            return -1
        if pivots == m:
            return 0
        done, size = space[0], np.array([pivots, n_l, n_u, 0, 0, 0, 0, 0])
        place = np.full(m, -1)
        if m - pivots <= SMALL:
            columns = np.flatnonzero((self._row_of < 0) & (head < n))
            rows = np.flatnonzero(done[:m] == 0)
            block = np.zeros((columns.size, rows.size))
            place[rows] = np.arange(rows.size)
            _gather(start, index, value, head, self._U, size, place, block, columns)
        else:
            space[:] = 0
            if self._pool is None:
                self._pool = Entries.zeros(*3 * [4 * self._L.line.size])
            pool, numbers = self._pool, np.zeros((2, m))
            z = Nucleus(
                start=space[1], length=space[2], room=space[3], first=space[4], after=space[5],
                before=space[6], bucket=space[7], done=done, stamp=space[8], largest=numbers[0],
                multiplier=numbers[1], index=pool.index, value=pool.value, columns=pool.line,
                size=size,
            )  # fmt: skip
            if not _eliminate(start, index, value, head, n, threshold, *parts, z):
                return -1
            columns = np.flatnonzero((z.length[:m] > 0) & (self._row_of < 0))
            rows = np.flatnonzero((z.length[m : 2 * m] > 0) & (done[:m] == 0))
            block = np.zeros((columns.size, rows.size))
            place[rows] = np.arange(rows.size)
            _gather_rest(z, place, block, columns)
        replaced = _finish(head, n, *parts, done, size, block, rows, columns)
        self._n_l, self._n_u = int(size[IN_L]), int(size[IN_U])
        self.steps += 60 * int(size[STEPS]) + 2 * block.size * min(block.shape)
        return replaced

    def solve(self, b: np.ndarray) -> np.ndarray:
        """``x`` with ``B x = b``."""
        x = b.astype(np.float64)
        ftran(self.lu, x, np.empty(self._m, np.int32), UNLISTED, PASS, 1.0)
        return x

    def solve_transposed(self, c: np.ndarray) -> np.ndarray:
        """``y`` with ``Bᵀ y = c``."""
        y = c.astype(np.float64)
        btran(self.lu, y, np.empty(self._m, np.int32), UNLISTED, UNLISTED, 1.0)
        return y


def _allocate(m: int, room: int, updates: int, pivot: Any = None) -> LU:
    """Room for so many entries and for ``updates`` exchanges."""
    lines, kept = (10, m), (2, m)
    lu = LU.zeros(room, room, lines, (3, m + updates), m, (3, updates), kept, kept, m, (3, m), 9)
    lu.pivot[:] = 1.0 if pivot is None else pivot
    return lu
