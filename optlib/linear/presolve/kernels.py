"""The compiled kernels: reduce a problem, and restore a solution.

Numba keeps them on disk; everything else in this folder is a part of them.
"""

from __future__ import annotations

import numpy as np

from ...linalg.cached import kernel
from .bounds import drop_implied_rows, fix_dominated_columns
from .column_rules import undo_escaping_column, undo_fixed_column, undo_slack_column
from .duplicates import merge_duplicates, undo_duplicate_column, undo_duplicate_row
from .engine import substitute_implied_free_columns, visit_column, visit_row
from .layout import GONE, IDLE, NONE, State
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
    REDUNDANT_ROW,
    ROUNDING,
    SINGLETON_ROW,
    SLACK_COLUMN,
    TAIL,
    TIGHT_ROW,
    Restored,
)
from .storage import attach
from .substitution import undo_doubleton, undo_free_column


@kernel(error_model="numpy")
def settle(tally, lines, ends, stack):
    """Visit rows and columns that changed until there are none, or the problem is infeasible."""
    s = State(tally[0], lines, ends, stack)
    tally, m = s.tally, s.tally.rows
    while tally.first != NONE and tally.verdict == 0:
        line = tally.first
        tally.first, lines[line].next = lines[line].next, IDLE
        if tally.first == NONE:
            tally.last = NONE
        if lines[line].size == GONE:
            continue
        if line < m:
            visit_row(s, line)
        else:
            visit_column(s, line)


@kernel(error_model="numpy")
def sweep(tally, lines, ends, stack):
    """Look for what no change of a single row or column points at."""
    s = State(tally[0], lines, ends, stack)
    m, n = s.tally.rows, lines.size
    merge_duplicates(s, np.int64(0), m)
    if s.tally.verdict == 0:
        merge_duplicates(s, m, n)
        fix_dominated_columns(s)
        drop_implied_rows(s)
        substitute_implied_free_columns(s)


@kernel(error_model="numpy")
def link(lines, ends, m, indptr, indices, data):
    """Attach the nonzeros, the last ones first; the other places are free."""
    capacity = ends.size
    for j in range(indptr.size - 2, -1, -1):
        for k in range(indptr[j + 1] - 1, indptr[j] - 1, -1):
            attach(lines, ends, 2 * k, np.int64(indices[k]), m + j, data[k])
    for e in range(2 * data.size, capacity, 2):
        ends[e].after = e + 2
    ends[capacity - 2].after = NONE


@kernel(error_model="numpy")
def collect(lines, ends, rows, columns, data, indices, indptr):
    """Write the matrix that is left in CSC form, row after row; needs the queue no more."""
    for j in range(columns.size):
        lines[columns[j]].next = indptr[j]
    for i in range(rows.size):
        e = lines[rows[i]].head
        while e >= 0:
            column = lines[ends[e].across]
            indices[column.next], data[column.next] = i, ends[e].value
            column.next += 1
            e = ends[e].after


@kernel(error_model="numpy")
def restore(lines, stack, left, indptr, indices, data, known, constant, priced):
    """Undo the stack: read the records backwards and hand each to the undo of its rule.

    ``lines`` has the solution of the reduced problem in the lines ``left``, and its costs in place
    of reduced costs; the solution of the original problem takes its place.
    """
    p = Restored(lines, stack, known, constant, priced)
    m = left.size - indptr.size + 1
    for j in range(indptr.size - 1):
        column = lines[left[m + j]]
        z, size = column.price, 0.0
        for e in range(indptr[j], indptr[j + 1]):
            row = lines[left[indices[e]]]
            term = data[e] * row.price
            z -= term
            size += abs(term)
            row.value += data[e] * column.value
        column.price = 0.0 if priced == 0 and abs(z) <= ROUNDING * size else z
    at = stack.size - TAIL
    while at >= 0:
        a, b, c = stack[at].index, stack[at + 1].index, stack[at + 2].index
        middle = at - stack[at + 4].index
        start, kind = middle - stack[at + 3].index, stack[at + 5].index
        first, second = stack[at].number, stack[at + 1].number
        if kind == REDUNDANT_ROW:
            undo_redundant_row(p, a, start, at)
        elif kind == SINGLETON_ROW:
            undo_singleton_row(p, a, b, c, first)
        elif kind == FORCING_ROW:
            undo_forcing_row(p, a, b, start, at)
        elif kind == TIGHT_ROW:
            undo_tight_row(p, a, b)
        elif kind == FIXED_COLUMN:
            undo_fixed_column(p, a, b, start, at, first, second)
        elif kind == ESCAPING_COLUMN:
            undo_escaping_column(p, a, b, start, middle, first)
        elif kind == SLACK_COLUMN:
            undo_slack_column(p, a, b, at)
        elif kind == FREE_COLUMN:
            undo_free_column(p, a, b, start, middle, at)
        elif kind == DOUBLETON:
            undo_doubleton(p, a, b, c, start, at)
        elif kind == DUPLICATE_ROW:
            undo_duplicate_row(p, a, b, c, first)
        elif kind == DUPLICATE_COLUMN:
            undo_duplicate_column(p, a, b, at)
        at = start - TAIL
