"""Rows that say nothing, one thing, or everything about their columns.

Each rule is followed by its undo, which restores point, multipliers and basis. Signs: the cost's
gradient is ``c = Aᵀy + z``; ``y_i >= 0`` where a row is at its lower bound and ``<= 0`` at its
upper one, and so ``z_j`` for columns. A Farkas ray w is undone as the multipliers ``y = -w`` of
the problem without costs.

References: Brearley, Mitra and Williams (1975), Math. Programming 8; Andersen and Andersen (1995),
Math. Programming 71.
"""

from __future__ import annotations

import numpy as np

from ..range_form import AT_LOWER, AT_UPPER, BASIC
from .stack import (
    FORCING_ROW,
    FROM_LOWER,
    FROM_UPPER,
    NEITHER,
    NO_NUMBERS,
    PINNED,
    REDUNDANT_ROW,
    SINGLETON_ROW,
    TIGHT_ROW,
    UNUSED,
    push_row,
    seal,
)
from .storage import (
    NONE,
    drop_row,
    inlined,
    wait_columns_of,
    wait_row,
    wait_rows_of,
)


@inlined
def drop_redundant_row(s, i):
    """The row holds wherever the rest does: ``min Σ a_j x_j >= L`` and ``max Σ a_j x_j <= U``."""
    size = push_row(s, i, NONE)
    seal(s, REDUNDANT_ROW, i, UNUSED, UNUSED, size, UNUSED, NO_NUMBERS)
    drop_row(s, i)


@inlined
def undo_redundant_row(p, i, columns, values):
    """The multiplier is zero and the activity basic: the basis grows by a unit column."""
    p.activity[i] = activity_of(p, columns, values)
    p.y[i] = 0.0
    p.rows[i] = BASIC


@inlined
def activity_of(p, columns, values):
    """``Σ a_j x_j`` of a stored row."""
    total = 0.0
    for k in range(columns.size):
        total += values[k] * p.x[columns[k]]
    return total


@inlined
def turn_singleton_row(s, i):
    """``L <= a x_j <= U`` becomes bounds of the column, where they are tighter than its own."""
    element = s.elements[s.rows[i].head]
    a, j = element.value, element.column
    low, high = s.rows[i].lower / a, s.rows[i].upper / a
    if a < 0:
        low, high = high, low
    origin = tighten(s, j, low, high)
    numbers = (a, 0.0, 0.0, 0.0, 0.0, 0.0)
    seal(s, SINGLETON_ROW, i, j, origin, UNUSED, UNUSED, numbers)
    drop_row(s, i)
    wait_rows_of(s, j)


@inlined
def tighten(s, j, low, high):
    """Intersect the bounds of column j with others; tells which of them were inherited."""
    column = s.columns[j]
    lower, upper, origin = merge(column.lower, column.upper, low, high)
    column.lower, column.upper = lower, upper
    return origin


@inlined
def merge(lower, upper, low, high):
    """The intersection of two intervals, and which ends come from the second one.

    Ends that cross by rounding become equal.
    """
    origin = NEITHER
    if low > lower + 1e-13 * abs(low):
        lower, origin = low, FROM_LOWER
    if high < upper - 1e-13 * abs(high):
        upper, origin = high, origin | FROM_UPPER
    if lower > -np.inf and upper - lower <= 1e-13 * abs(lower):
        if origin & FROM_UPPER:
            upper = lower
        else:
            lower = upper
        origin |= PINNED
    return lower, upper, origin


@inlined
def active_side(status, known, origin, multiplier):
    """Which inherited bound holds: ``FROM_LOWER``, ``FROM_UPPER`` or neither, 0.

    The basis tells; where the two bounds are equal, or without a basis, the multiplier's sign.
    """
    side = NEITHER
    if known and status == BASIC:
        return side
    if known and origin & PINNED == 0:
        if status == AT_LOWER:
            side = FROM_LOWER
        elif status == AT_UPPER:
            side = FROM_UPPER
    elif multiplier > 0:
        side = FROM_LOWER
    elif multiplier < 0:
        side = FROM_UPPER
    elif known:
        side = FROM_LOWER if status == AT_LOWER else FROM_UPPER
    return side


@inlined
def side_of(lower):
    """The status of a variable at its lower bound, or else at its upper one."""
    return AT_LOWER if lower else AT_UPPER


@inlined
def undo_singleton_row(p, i, j, origin, a):
    """Where the column stands at a bound that the row gave, the row takes the multiplier.

    Then ``y_i = z_j / a`` and ``z_j = 0``, the column is basic and the row is not: in the new row
    the basis has just ``a``. Else ``y_i = 0`` and the row is basic.
    """
    p.activity[i] = a * p.x[j]
    side = active_side(p.columns[j], p.known, origin, p.z[j])
    if side & origin:
        p.y[i], p.z[j] = p.z[j] / a, 0.0
        p.columns[j] = BASIC
        p.rows[i] = side_of((side == FROM_LOWER) == (a > 0))
        return
    p.y[i] = 0.0
    p.rows[i] = BASIC
    if origin & PINNED and side:
        p.columns[j] = side_of(side == FROM_LOWER)


@inlined
def push_forcing_row(s, i, side):
    """``min Σ a_j x_j = U``: every column stands at the bound where the minimum is.

    (Or ``max Σ a_j x_j = L``, mirrored.) Returns the start of the list of columns on the stack,
    and its size; the caller fixes them.
    """
    size = push_row(s, i, NONE)
    seal(s, FORCING_ROW, i, side, UNUSED, size, UNUSED, NO_NUMBERS)
    drop_row(s, i)
    return size


@inlined
def undo_forcing_row(p, i, side, columns, values):
    """The least multiplier for which every column's reduced cost has the sign of its bound.

    At the upper side ``y_i = -max(0, max_j -z_j / a_j)``, and ``z_j`` becomes ``z_j - a_j y_i``.
    The column where the maximum is becomes basic, the row not; with ``y_i = 0`` the row is basic.
    All columns of the row are nonbasic before, so the basis has one number in the new row.
    """
    p.activity[i] = activity_of(p, columns, values)
    sign = -1.0 if side == AT_UPPER else 1.0
    largest, chosen = 0.0, NONE
    for k in range(columns.size):
        ratio = sign * p.z[columns[k]] / values[k]
        if ratio > largest:
            largest, chosen = ratio, columns[k]
    p.y[i] = sign * largest
    p.rows[i] = BASIC
    if chosen == NONE:
        return
    for k in range(columns.size):
        p.z[columns[k]] -= values[k] * p.y[i]
    p.z[chosen] = 0.0
    p.columns[chosen] = BASIC
    p.rows[i] = side


@inlined
def drop_upper(s, i):
    """No point can pass the upper side: without it, ``y_i >= 0``."""
    s.rows[i].upper = np.inf
    wait_columns_of(s, i)


@inlined
def drop_lower(s, i):
    """No point can pass the lower side: without it, ``y_i <= 0``."""
    s.rows[i].lower = -np.inf
    wait_columns_of(s, i)


@inlined
def equate(s, i, side):
    """The columns imply the sign of ``y_i``: the inequality may be an equation."""
    row = s.rows[i]
    if side == AT_LOWER:
        row.upper = row.lower
    else:
        row.lower = row.upper
    seal(s, TIGHT_ROW, i, side, UNUSED, UNUSED, UNUSED, NO_NUMBERS)
    wait_row(s, i)
    wait_columns_of(s, i)


@inlined
def undo_tight_row(p, i, side):
    """The columns give ``y_i`` its sign; only the side is set."""
    if p.rows[i] != BASIC:
        p.rows[i] = side
