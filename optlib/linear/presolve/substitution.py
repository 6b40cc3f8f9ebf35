"""An equation solved for one of its columns, which then leaves the problem with the equation.

With ``x_j = (b - Σ a_ik x_k) / a_ij`` every other row p of the column becomes
``a_p - (a_pj / a_ij) a_i`` with right side ``b_p - (a_pj / a_ij) b``, and the cost likewise. The
column's bounds must not be lost: it has none, or the rest of the problem implies them, or the
equation has one more column and that one inherits them (a doubleton).
"""

from __future__ import annotations

import numpy as np

from ..range_form import AT_LOWER, AT_UPPER, BASIC
from .column_rules import spread_cost
from .row_rules import active_side, activity_of, side_of, tighten
from .stack import (
    DOUBLETON,
    FREE_COLUMN,
    FROM_LOWER,
    PINNED,
    UNUSED,
    push_column,
    push_row,
    reduced_cost,
    seal,
)
from .storage import (
    NONE,
    attach,
    detach,
    drop_column,
    drop_row,
    inlined,
    wait_column,
    wait_rows_of,
)


@inlined
def eliminate(s, i, j, pivot):
    """Put the equation i, solved for column j, into every other row of the column."""
    right = s.rows[i].lower
    e = s.rows[i].head
    while e >= 0:
        element = s.elements[e]
        if element.column != j:
            subtract_column(s, j, element.column, i, element.value / pivot)
            wait_rows_of(s, element.column)
        e = element.right
    spread_cost(s, i, s.columns[j].cost / pivot, j)
    e = s.columns[j].head
    while e >= 0:
        element = s.elements[e]
        if element.row != i:
            change = element.value / pivot * right
            s.rows[element.row].lower -= change
            s.rows[element.row].upper -= change
        e = element.below
    drop_row(s, i)
    drop_column(s, j)


@inlined
def subtract_column(s, j, k, skip, factor):
    """Subtract ``factor`` times column j from column k, but in row ``skip``."""
    e = s.columns[k].head
    while e >= 0:
        s.rows[s.elements[e].row].mark = e
        e = s.elements[e].below
    e = s.columns[j].head
    while e >= 0:
        element = s.elements[e]
        if element.row != skip:
            change, at = element.value * factor, s.rows[element.row].mark
            if at >= 0:
                value = s.elements[at].value - change
                if abs(value) <= 1e-13 * abs(change):
                    s.rows[element.row].mark = NONE
                    detach(s, at)
                else:
                    s.elements[at].value = value
            else:
                at = s.tally[0].hole
                s.tally[0].hole = s.elements[at].right
                attach(s, at, element.row, k, -change)
        e = element.below
    e = s.columns[k].head
    while e >= 0:
        s.rows[s.elements[e].row].mark = NONE
        e = s.elements[e].below


@inlined
def holes(s, needed):
    """Whether so many elements are unused."""
    e = s.tally[0].hole
    while needed > 0 and e >= 0:
        e = s.elements[e].right
        needed -= 1
    return needed <= 0


@inlined
def substitute_free_column(s, i, j, pivot):
    """A column without bounds, or with bounds that the rows imply, leaves with the row i.

    The row is an equation; or it is the column's only one, and then ``y_i = c_j / a_ij`` says at
    which side it is tight (with no cost it need not be: then it just bounds x_j).
    """
    row, column = s.rows[i], s.columns[j]
    numbers = (pivot, column.cost, row.lower, row.upper, 0.0, 0.0)
    first = push_row(s, i, j)
    second = push_column(s, j, i)
    seal(s, FREE_COLUMN, i, j, UNUSED, first, second, numbers)
    if row.lower < row.upper:
        if column.cost / pivot >= 0 and row.lower > -np.inf:
            row.upper = row.lower
        else:
            row.lower = row.upper
    eliminate(s, i, j, pivot)


@inlined
def undo_free_column(p, i, j, columns, row_values, rows, values, numbers):
    """``z_j = 0`` gives ``y_i = (c_j - Σ a_pj y_p) / a_ij``; x_j solves the row and is basic.

    The row is nonbasic at the side of its multiplier; eliminating x_j from the basis leaves the
    basis that was found.
    """
    pivot, cost, lower, upper = numbers[0], numbers[1], numbers[2], numbers[3]
    y = reduced_cost(p, cost, rows, values) / pivot
    at_lower = y >= 0 if lower == upper else (cost / pivot >= 0 and lower > -np.inf)
    right = 0.0
    if p.constant > 0:
        right = lower if at_lower else upper
    p.x[j] = (right - activity_of(p, columns, row_values)) / pivot
    p.y[i], p.z[j], p.activity[i] = y, 0.0, right
    p.columns[j] = BASIC
    p.rows[i] = side_of(at_lower)
    for k in range(rows.size):
        p.activity[rows[k]] += values[k] / pivot * right


@inlined
def substitute_doubleton(s, i, j, k, kept, pivot):
    """``a_j x_j + a_k x_k = b`` gives x_k; its bounds become bounds of x_j."""
    right, column = s.rows[i].lower, s.columns[k]
    low, high = (right - pivot * column.upper) / kept, (right - pivot * column.lower) / kept
    if (kept > 0) != (pivot > 0):
        low, high = (right - pivot * column.lower) / kept, (right - pivot * column.upper) / kept
    origin = tighten(s, j, low, high)
    second = push_column(s, k, i)
    numbers = (kept, pivot, right, column.cost, 1.0 * origin, 0.0)
    seal(s, DOUBLETON, i, j, k, UNUSED, second, numbers)
    eliminate(s, i, k, pivot)
    wait_column(s, j)


@inlined
def undo_doubleton(p, i, j, k, rows, values, numbers):
    """At a bound that x_j inherited, x_k is the one that stands at its bound.

    With ``z_k = 0``: ``y_i = (c_k - Σ a_pk y_p) / a_k``, and z_j is what it was. With ``z_j = 0``
    instead: ``y_i`` is greater by ``z_j / a_j``, and ``z_k = -a_k z_j / a_j``; then x_j is basic
    and x_k nonbasic. Either way one of the two is basic and the row is not.
    """
    kept, pivot, right, cost = numbers[0], numbers[1], numbers[2] * p.constant, numbers[3]
    origin = np.int64(numbers[4])
    p.x[k] = (right - kept * p.x[j]) / pivot
    p.activity[i] = right
    y = reduced_cost(p, cost, rows, values) / pivot
    for e in range(rows.size):
        p.activity[rows[e]] += values[e] / pivot * right
    p.z[k] = 0.0
    side = active_side(p.columns[j], p.known, origin, p.z[j])
    if side & origin:
        ratio = p.z[j] / kept
        p.z[j], p.z[k] = 0.0, -pivot * ratio
        y += ratio
        p.columns[j] = BASIC
        p.columns[k] = side_of((side == FROM_LOWER) != ((kept > 0) == (pivot > 0)))
    else:
        p.columns[k] = BASIC
        if origin & PINNED and side:
            p.columns[j] = side_of(side == FROM_LOWER)
    p.y[i] = y
    p.rows[i] = AT_LOWER if y >= 0 else AT_UPPER
