"""The two compiled kernels: reduce a problem, and restore a solution.

Numba keeps both on disk; everything else in this folder is a part of them.
"""

from __future__ import annotations

import numpy as np

from ...linalg.cached import kernel
from .column_rules import undo_escaping_column, undo_fixed_column, undo_slack_column
from .duplicates import undo_duplicate_column, undo_duplicate_row
from .engine import bounds_cross, sweep, visit_column, visit_row
from .proof import INFEASIBLE, contradict
from .row_rules import (
    undo_forcing_row,
    undo_redundant_row,
    undo_singleton_row,
    undo_tight_row,
)
from .stack import (
    DOUBLETON,
    DUPLICATE_COLUMN,
    DUPLICATE_ROW,
    ESCAPING_COLUMN,
    FIXED_COLUMN,
    FORCING_ROW,
    FREE_COLUMN,
    INDICES,
    NUMBERS,
    REDUNDANT_ROW,
    ROUNDING,
    SINGLETON_ROW,
    SLACK_COLUMN,
    TIGHT_ROW,
    Restored,
)
from .storage import (
    NONE,
    inlined,
    load,
    take,
)
from .substitution import undo_doubleton, undo_free_column

ROUNDS, WORTH = 12, 200
"""Sweeps over the whole problem, at most; the last one must have removed one part in ``WORTH``."""


@kernel(error_model="numpy")
def reduce(c, indptr, indices, data, row_lower, row_upper, lower, upper):
    """Apply the rules until none applies, or the problem is seen to be infeasible.

    Rows and columns that changed are visited first, then come the sweeps over the whole problem.

    Returns
    -------
    verdict : int
        0, or ``Status.INFEASIBLE``.
    offset : float
        What the cost's constant grew by.
    rows, columns : int32 arrays
        Which ones are left.
    c, indptr, indices, data, row_lower, row_upper, lower, upper
        The problem that is left.
    ints, floats : arrays
        The stack.
    y, z : arrays, shapes (m,) and (n,)
        With ``INFEASIBLE``, minus the Farkas ray of what is left, and ``-Aᵀy``.
    """
    s = load(c, indptr, indices, data, row_lower, row_upper, lower, upper)
    if bounds_cross(s):
        contradict(s, NONE, 0.0, NONE, 0.0)
    m, tally, rounds, before = s.rows.size, s.tally[0], 0, s.rows.size + s.columns.size
    while tally.verdict == 0:
        if tally.first != NONE:
            item = take(s)
            if item >= m:
                visit_column(s, item - m)
            else:
                visit_row(s, item)
            continue
        left = tally.rows_left + tally.columns_left
        if rounds == ROUNDS or (rounds > 0 and WORTH * (before - left) < before):
            break
        rounds, before = rounds + 1, left
        sweep(s)
    rows, columns, problem = compact(s)
    ints, floats = s.ints[: s.tally[0].ints].copy(), s.floats[: s.tally[0].floats].copy()
    y, z = farkas(s)
    return s.tally[0].verdict, s.tally[0].offset, rows, columns, problem, ints, floats, y, z


@inlined
def compact(s):
    """The rows and columns that are left, and their problem as a CSC matrix with bounds."""
    m, n = s.tally[0].rows_left, s.tally[0].columns_left
    rows, columns = np.empty(m, np.int32), np.empty(n, np.int32)
    row_lower, row_upper = np.empty(m), np.empty(m)
    c, lower, upper = np.empty(n), np.empty(n), np.empty(n)
    indptr = np.empty(n + 1, np.int32)
    left, indptr[0] = 0, 0
    for j in range(s.columns.size):
        column = s.columns[j]
        if column.size >= 0:
            columns[left] = j
            c[left], lower[left], upper[left] = column.cost, column.lower, column.upper
            indptr[left + 1] = indptr[left] + column.size
            column.mark, column.next = left, 0
            left += 1
    indices, data = np.empty(indptr[n], np.int32), np.empty(indptr[n])
    left = 0
    for i in range(s.rows.size):
        row = s.rows[i]
        if row.size >= 0:
            rows[left], row_lower[left], row_upper[left] = i, row.lower, row.upper
            e = row.head
            while e >= 0:
                element = s.elements[e]
                column = s.columns[element.column]
                at = indptr[column.mark] + column.next
                indices[at], data[at] = left, element.value
                column.next += 1
                e = element.right
            left += 1
    return rows, columns, (c, indptr, indices, data, row_lower, row_upper, lower, upper)


@inlined
def farkas(s):
    """Multipliers ``y = -w`` and ``z = -Aᵀy`` of the rows that contradict each other."""
    if s.tally[0].verdict != INFEASIBLE:
        return np.empty(0), np.empty(0)
    y, z = np.empty(s.rows.size), np.empty(s.columns.size)
    y[:], z[:] = 0.0, 0.0
    for which in range(2):
        i = s.tally[0].witness if which else s.tally[0].proof
        weight = s.tally[0].witness_weight if which else s.tally[0].proof_weight
        if weight == 0:
            continue
        y[i] -= weight
        e = s.rows[i].head
        while e >= 0:
            z[s.elements[e].column] += weight * s.elements[e].value
            e = s.elements[e].right
    return y, z


@kernel(error_model="numpy")
def restore(
    ints, floats, rows, columns, c, indptr, indices, data, x, y, column_status, row_status,
    full_x, full_y, full_columns, full_rows, work, known, constant, priced,
):  # fmt: skip
    """Undo the stack: read the records backwards and hand each to the undo of its rule.

    Writes x, y and the statuses of columns and rows of the original problem into the ``full``
    arrays; ``work`` is zero, of shape (n + m,).
    """
    n = full_x.size
    p = Restored(
        full_x, full_y, work[:n], work[n:], full_columns, full_rows, known, constant, priced
    )
    for i in range(rows.size):
        p.y[rows[i]] = y[i]
        p.rows[rows[i]] = row_status[i]
    for j in range(columns.size):
        k = columns[j]
        p.x[k] = x[j]
        p.columns[k] = column_status[j]
        z, size = c[j], 0.0
        for e in range(indptr[j], indptr[j + 1]):
            term = data[e] * y[indices[e]]
            z -= term
            size += abs(term)
            p.activity[rows[indices[e]]] += data[e] * x[j]
        p.z[k] = 0.0 if priced == 0 and abs(z) <= ROUNDING * size else z
    at, at_float = ints.size, floats.size
    while at > 0:
        at -= INDICES
        at_float -= NUMBERS
        a, b, c = ints[at], ints[at + 1], ints[at + 2]
        first, second, kind = ints[at + 3], ints[at + 4], ints[at + 5]
        numbers = floats[at_float : at_float + NUMBERS]
        at -= first + second
        at_float -= first + second
        indices, values = ints[at : at + first], floats[at_float : at_float + first]
        others = ints[at + first : at + first + second]
        other_values = floats[at_float + first : at_float + first + second]
        if kind == REDUNDANT_ROW:
            undo_redundant_row(p, a, indices, values)
        elif kind == SINGLETON_ROW:
            undo_singleton_row(p, a, b, c, numbers[0])
        elif kind == FORCING_ROW:
            undo_forcing_row(p, a, b, indices, values)
        elif kind == TIGHT_ROW:
            undo_tight_row(p, a, b)
        elif kind == FIXED_COLUMN:
            undo_fixed_column(p, a, b, indices, values, numbers[0], numbers[1])
        elif kind == ESCAPING_COLUMN:
            undo_escaping_column(p, a, b, indices, values, other_values, numbers[0])
        elif kind == SLACK_COLUMN:
            undo_slack_column(p, a, b, numbers)
        elif kind == FREE_COLUMN:
            undo_free_column(p, a, b, indices, values, others, other_values, numbers)
        elif kind == DOUBLETON:
            undo_doubleton(p, a, b, c, others, other_values, numbers)
        elif kind == DUPLICATE_ROW:
            undo_duplicate_row(p, a, b, c, numbers[0])
        elif kind == DUPLICATE_COLUMN:
            undo_duplicate_column(p, a, b, numbers)
