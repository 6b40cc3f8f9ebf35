"""An equation solved for one of its columns, which then leaves the problem with the equation.

With ``x_j = (b - Σ a_ik x_k) / a_ij`` every other row p of the column becomes
``a_p - (a_pj / a_ij) a_i`` with right side ``b_p - (a_pj / a_ij) b``, and the cost likewise. The
column's bounds must not be lost: it has none, or the rest of the problem implies them, or the
equation has one more column and that one inherits them (a doubleton).
"""

from __future__ import annotations

import numpy as np

from .column_rules import spread_cost
from .layout import NONE
from .row_rules import tighten
from .stack import (
    BASIC,
    DOUBLETON,
    FREE_COLUMN,
    FROM_LOWER,
    PINNED,
    UNUSED,
    active_side,
    activity_of,
    push,
    reduced_cost,
    seal,
    side_of,
)
from .storage import attach, detach, drop, inlined, wait, wait_across


@inlined
def eliminate(s, i, j, pivot):
    """Put the equation i, solved for column j, into every other row of the column."""
    right = s.lines[i].lower
    e = s.lines[i].head
    while e >= 0:
        end = s.ends[e]
        if end.across != j:
            subtract_column(s, j, end.across, i, end.value / pivot)
            wait(s, end.across)
            wait_across(s, end.across)
        e = end.after
    spread_cost(s, i, s.lines[j].cost / pivot, j)
    e = s.lines[j].head
    while e >= 0:
        end = s.ends[e]
        if end.across != i:
            row, change = s.lines[end.across], end.value / pivot * right
            row.lower -= change
            row.upper -= change
        e = end.after
    drop(s, i)
    drop(s, j)


@inlined
def mark_across(s, line):
    """Every line that this one meets remembers where."""
    e = s.lines[line].head
    while e >= 0:
        s.lines[s.ends[e].across].mark = e
        e = s.ends[e].after


@inlined
def unmark_across(s, line):
    """Every line that this one meets forgets where."""
    e = s.lines[line].head
    while e >= 0:
        s.lines[s.ends[e].across].mark = NONE
        e = s.ends[e].after


@inlined
def subtract_column(s, j, k, skip, factor):
    """Subtract ``factor`` times column j from column k, but in row ``skip``."""
    mark_across(s, k)
    e = s.lines[j].head
    while e >= 0:
        end = s.ends[e]
        if end.across != skip:
            change, at = end.value * factor, s.lines[end.across].mark
            if at >= 0:
                value = s.ends[at].value - change
                if abs(value) <= 1e-13 * abs(change):
                    s.lines[end.across].mark = NONE
                    detach(s, at)
                else:
                    s.ends[at].value = value
                    s.ends[at ^ 1].value = value
            else:
                at = s.tally.hole
                s.tally.hole = s.ends[at].after
                attach(s.lines, s.ends, at, end.across, k, -change)
        e = end.after
    unmark_across(s, k)


@inlined
def holes(s, needed):
    """Whether so many nonzeros are unused."""
    e = s.tally.hole
    while needed > 0 and e >= 0:
        e = s.ends[e].after
        needed -= 1
    return needed <= 0


@inlined
def substitute_free_column(s, i, j, pivot):
    """A column without bounds, or with bounds that the rows imply, leaves with the row i.

    The row is an equation; or it is the column's only one, and then ``y_i = c_j / a_ij`` says at
    which side it is tight (with no cost it need not be: then it just bounds x_j).
    """
    row, column = s.lines[i], s.lines[j]
    numbers = (pivot, column.cost, row.lower, row.upper, 0.0, 0.0)
    first = push(s, i, j)
    second = push(s, j, i)
    seal(s, FREE_COLUMN, i, j, UNUSED, first, second, numbers)
    if row.lower < row.upper:
        if column.cost / pivot >= 0 and row.lower > -np.inf:
            row.upper = row.lower
        else:
            row.lower = row.upper
    eliminate(s, i, j, pivot)


@inlined
def undo_free_column(p, i, j, start, middle, at):
    """``z_j = 0`` gives ``y_i = (c_j - Σ a_pj y_p) / a_ij``; x_j solves the row and is basic.

    The row is nonbasic at the side of its multiplier; eliminating x_j from the basis leaves the
    basis that was found.
    """
    pivot, cost = p.stack[at].number, p.stack[at + 1].number
    lower, upper = p.stack[at + 2].number, p.stack[at + 3].number
    y = reduced_cost(p, cost, middle, at) / pivot
    at_lower = y >= 0 if lower == upper else (cost / pivot >= 0 and lower > -np.inf)
    right = 0.0
    if p.constant > 0:
        right = lower if at_lower else upper
    row, column = p.lines[i], p.lines[j]
    column.value, column.price = (right - activity_of(p, start, middle)) / pivot, 0.0
    row.value, row.price = right, y
    column.status, row.status = BASIC, side_of(at_lower)
    for k in range(middle, at):
        p.lines[p.stack[k].index].value += p.stack[k].number / pivot * right


@inlined
def substitute_doubleton(s, i, j, k, kept, pivot):
    """``a_j x_j + a_k x_k = b`` gives x_k; its bounds become bounds of x_j."""
    right, column = s.lines[i].lower, s.lines[k]
    low, high = (right - pivot * column.upper) / kept, (right - pivot * column.lower) / kept
    if (kept > 0) != (pivot > 0):
        low, high = high, low
    origin = tighten(s, j, low, high)
    second = push(s, k, i)
    numbers = (kept, pivot, right, column.cost, 1.0 * origin, 0.0)
    seal(s, DOUBLETON, i, j, k, UNUSED, second, numbers)
    eliminate(s, i, k, pivot)
    wait(s, j)


@inlined
def undo_doubleton(p, i, j, k, start, at):
    """At a bound that x_j inherited, x_k is the one that stands at its bound.

    With ``z_k = 0``: ``y_i = (c_k - Σ a_pk y_p) / a_k``, and z_j is what it was. With ``z_j = 0``
    instead: ``y_i`` is greater by ``z_j / a_j``, and ``z_k = -a_k z_j / a_j``; then x_j is basic
    and x_k nonbasic. Either way one of the two is basic and the row is not.
    """
    kept, pivot = p.stack[at].number, p.stack[at + 1].number
    right, cost = p.stack[at + 2].number * p.constant, p.stack[at + 3].number
    origin = np.int64(p.stack[at + 4].number)
    row, column, other = p.lines[i], p.lines[j], p.lines[k]
    other.value, row.value = (right - kept * column.value) / pivot, right
    y = reduced_cost(p, cost, start, at) / pivot
    for e in range(start, at):
        p.lines[p.stack[e].index].value += p.stack[e].number / pivot * right
    side = active_side(p, j, origin)
    if side & origin:
        ratio = column.price / kept
        column.price, other.price = 0.0, -pivot * ratio
        y += ratio
        column.status = BASIC
        other.status = side_of((side == FROM_LOWER) != ((kept > 0) == (pivot > 0)))
    else:
        other.price, other.status = 0.0, BASIC
        if origin & PINNED and side:
            column.status = side_of(side == FROM_LOWER)
    row.price, row.status = y, side_of(y >= 0)
