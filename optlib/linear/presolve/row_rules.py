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

from .layout import NONE
from .stack import (
    AT_LOWER,
    AT_UPPER,
    BASIC,
    FROM_LOWER,
    FROM_UPPER,
    NEITHER,
    NO_NUMBERS,
    PINNED,
    SINGLETON_ROW,
    TIGHT_ROW,
    UNUSED,
    active_side,
    activity_of,
    push,
    seal,
    side_of,
)
from .storage import drop, inlined, wait, wait_across


@inlined
def drop_row(s, i, kind, side):
    """Store a row that is redundant or forcing, and remove it.

    Redundant: it holds wherever the rest does, ``min Σ a_j x_j >= L`` and ``max Σ a_j x_j <= U``.
    Forcing: ``min Σ a_j x_j = U``, so every column stands at the bound where the minimum is (or
    ``max Σ a_j x_j = L``, mirrored); the caller fixes them.
    """
    size = push(s, i, NONE)
    seal(s, kind, i, side, UNUSED, size, UNUSED, NO_NUMBERS)
    drop(s, i)


@inlined
def undo_redundant_row(p, i, start, stop):
    """The multiplier is zero and the activity basic: the basis grows by a unit column."""
    row = p.lines[i]
    row.value, row.price, row.status = activity_of(p, start, stop), 0.0, BASIC


@inlined
def undo_forcing_row(p, i, side, start, stop):
    """The least multiplier for which every column's reduced cost has the sign of its bound.

    At the upper side ``y_i = -max(0, max_j -z_j / a_j)``, and ``z_j`` becomes ``z_j - a_j y_i``.
    The column where the maximum is becomes basic, the row not; with ``y_i = 0`` the row is basic.
    All columns of the row are nonbasic before, so the basis has one number in the new row.
    """
    sign = -1.0 if side == AT_UPPER else 1.0
    largest, chosen = 0.0, NONE
    for k in range(start, stop):
        ratio = sign * p.lines[p.stack[k].index].price / p.stack[k].number
        if ratio > largest:
            largest, chosen = ratio, p.stack[k].index
    row = p.lines[i]
    row.value, row.price, row.status = activity_of(p, start, stop), sign * largest, BASIC
    if chosen == NONE:
        return
    for k in range(start, stop):
        p.lines[p.stack[k].index].price -= p.stack[k].number * row.price
    p.lines[chosen].price, p.lines[chosen].status = 0.0, BASIC
    row.status = side


@inlined
def turn_singleton_row(s, i):
    """``L <= a x_j <= U`` becomes bounds of the column, where they are tighter than its own."""
    row = s.lines[i]
    a, j = s.ends[row.head].value, s.ends[row.head].across
    low, high = row.lower / a, row.upper / a
    if a < 0:
        low, high = high, low
    origin = tighten(s, j, low, high)
    seal(s, SINGLETON_ROW, i, j, origin, UNUSED, UNUSED, (a, 0.0, 0.0, 0.0, 0.0, 0.0))
    drop(s, i)
    wait(s, j)
    wait_across(s, j)


@inlined
def tighten(s, line, low, high):
    """Intersect the bounds of a line with others; tells which of them were inherited.

    Ends that cross by rounding become equal.
    """
    this, origin = s.lines[line], NEITHER
    lower, upper = this.lower, this.upper
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
    this.lower, this.upper = lower, upper
    return origin


@inlined
def undo_singleton_row(p, i, j, origin, a):
    """Where the column stands at a bound that the row gave, the row takes the multiplier.

    Then ``y_i = z_j / a`` and ``z_j = 0``, the column is basic and the row is not: in the new row
    the basis has just ``a``. Else ``y_i = 0`` and the row is basic.
    """
    row, column = p.lines[i], p.lines[j]
    row.value = a * column.value
    side = active_side(p, j, origin)
    if side & origin:
        row.price, column.price = column.price / a, 0.0
        column.status = BASIC
        row.status = side_of((side == FROM_LOWER) == (a > 0))
        return
    row.price, row.status = 0.0, BASIC
    if origin & PINNED and side:
        column.status = side_of(side == FROM_LOWER)


@inlined
def drop_side(s, i, lower, upper):
    """No point can pass one side: without it, the sign of ``y_i`` is known."""
    s.lines[i].lower, s.lines[i].upper = lower, upper
    wait_across(s, i)


@inlined
def equate(s, i, side):
    """The columns imply the sign of ``y_i``: the inequality may be an equation."""
    row = s.lines[i]
    if side == AT_LOWER:
        row.upper = row.lower
    else:
        row.lower = row.upper
    seal(s, TIGHT_ROW, i, side, UNUSED, UNUSED, UNUSED, NO_NUMBERS)
    wait(s, i)
    wait_across(s, i)


@inlined
def undo_tight_row(p, i, side):
    """The columns give ``y_i`` its sign; only the side is set."""
    if p.lines[i].status != BASIC:
        p.lines[i].status = side
