"""Bounds that follow from others: they show what is redundant, and are not kept.

A bound kept without its reason would stop solutions at points that are no vertices of the
problem and leave a multiplier that no row can take. So rows lend bounds to one another here only
to be recognised as redundant, and multipliers get bounds only to fix columns.

References: Andersen and Andersen (1995), Math. Programming 71; Gondzio (1997), INFORMS J. Computing
9. Dual constraints that others imply: Achterberg et al. (2020), INFORMS J. Computing 32.
"""

from __future__ import annotations

import numpy as np

from .column_rules import fix_column
from .layout import NONE
from .row_rules import drop_row, equate
from .stack import AT_LOWER, AT_UPPER, REDUNDANT_ROW, TAIL, UNUSED, room
from .storage import HUGE, close, inlined, lowest, measure


@inlined
def drop_implied_rows(s):
    """Remove the rows that the others and the bounds imply.

    Every row implies bounds of its columns, by the bounds of its other columns. A row is
    redundant when its activity stays within its sides over the bounds that the *other* rows
    imply. Those bounds leave with the row that implied them.
    """
    m = s.tally.rows
    for j in range(m, s.lines.size):
        column = s.lines[j]
        column.low, column.high, column.below, column.above = column.lower, column.upper, NONE, NONE
    for i in range(m):
        if s.lines[i].size > 1:
            measure(s, i)
            lend_bounds(s, i)
    for i in range(m):
        row = s.lines[i]
        if row.size > 1 and holds_within(s, i):
            if not room(s, row.size):
                return
            e = row.head
            while e >= 0:
                column = s.lines[s.ends[e].across]
                if column.below == i:
                    column.low, column.below = column.lower, NONE
                if column.above == i:
                    column.high, column.above = column.upper, NONE
                e = s.ends[e].after
            drop_row(s, i, REDUNDANT_ROW, UNUSED)


@inlined
def lend_bounds(s, i):
    """Tighten the lent bounds by row i; ``below`` and ``above`` note which row each is from."""
    row = s.lines[i]
    least, most, open_least, open_most = 0.0, 0.0, 0, 0
    e = row.head
    while e >= 0:
        end = s.ends[e]
        column = s.lines[end.across]
        low = lowest(end.value, column.lower, column.upper)
        high = -lowest(-end.value, column.lower, column.upper)
        if low == -np.inf:
            open_least += 1
        else:
            least += low
        if high == np.inf:
            open_most += 1
        else:
            most += high
        e = end.after
    if (open_least > 1 or row.upper == np.inf) and (open_most > 1 or row.lower == -np.inf):
        return
    if max(abs(least), abs(most)) > HUGE:
        return
    e = row.head
    while e >= 0:
        end = s.ends[e]
        column, a = s.lines[end.across], end.value
        low = lowest(a, column.lower, column.upper)
        high = -lowest(-a, column.lower, column.upper)
        up, down = np.inf, -np.inf
        if row.upper < np.inf and open_least == (low == -np.inf):
            up = row.upper - (least if low == -np.inf else least - low)
        if row.lower > -np.inf and open_most == (high == np.inf):
            down = row.lower - (most if high == np.inf else most - high)
        if a < 0:
            up, down = down, up
        up, down = up / a, down / a
        if up < column.high - close(up):
            column.high, column.above = up, i
        if down > column.low + close(down):
            column.low, column.below = down, i
        e = end.after


@inlined
def holds_within(s, i):
    """Whether row i holds over the bounds that do not come from itself."""
    row = s.lines[i]
    if row.lower == row.upper:
        return False
    least, most = 0.0, 0.0
    e = row.head
    while e >= 0:
        end = s.ends[e]
        column = s.lines[end.across]
        low = column.lower if column.below == i else column.low
        high = column.upper if column.above == i else column.high
        least += lowest(end.value, low, high)
        most -= lowest(-end.value, low, high)
        if least < row.lower - close(row.lower) or most > row.upper + close(row.upper):
            return False
        e = end.after
    return True


@inlined
def fix_dominated_columns(s):
    """What the dual constraints imply: columns that stand at a bound, rows that are tight.

    ``y_i >= 0`` where the upper side is missing, ``<= 0`` where the lower one is. A column without
    an upper bound has ``z_j = c_j - Σ a_ij y_i >= 0``, which bounds each of its y_i by the others'
    signs; one without a lower bound ``z_j <= 0``. If over the bounds that *other* columns give
    ``c_j - max Σ a_ij y_i >= 0``, the sign of z_j is no constraint: x_j stands at its lower bound.
    If columns imply ``y_i >= 0``, the sign of y_i is none: row i may be an equation. What was
    concluded from a sign is forgotten when that sign is itself concluded.
    """
    m = s.tally.rows
    for i in range(m):
        forget_price(s, i)
    for j in range(m, s.lines.size):
        if s.lines[j].size > 0:
            lend_prices(s, j)
    for i in range(m):
        if s.lines[i].low > s.lines[i].high:
            return
    for j in range(m, s.lines.size):
        size = s.lines[j].size
        if size > 0 and room(s, size) and fix_dominated(s, j):
            for k in range(s.tally.top - TAIL - size, s.tally.top - TAIL):
                forget_price_from(s, s.stack[k].index, j)
    for i in range(m):
        row = s.lines[i]
        if row.size > 0 and row.lower < row.upper and room(s, row.size):
            at_lower = row.low >= 0 and row.below != NONE and row.lower > -np.inf
            if at_lower or (row.high <= 0 and row.above != NONE and row.upper < np.inf):
                equate(s, i, AT_LOWER if at_lower else AT_UPPER)
                e = row.head
                while e >= 0:
                    # the sign of y_i is no longer the row's own: neither is what follows from it
                    j = s.ends[e].across
                    other = s.lines[j].head
                    while other >= 0:
                        forget_price_from(s, s.ends[other].across, j)
                        other = s.ends[other].after
                    e = s.ends[e].after


@inlined
def forget_price(s, i):
    """Of the multiplier of row i only the sign is known."""
    row = s.lines[i]
    row.low = 0.0 if row.upper == np.inf else -np.inf
    row.high = 0.0 if row.lower == -np.inf else np.inf
    row.below, row.above = NONE, NONE


@inlined
def forget_price_from(s, i, j):
    """Forget what is known of the multiplier of row i if any of it is from column j."""
    if s.lines[i].below == j or s.lines[i].above == j:
        forget_price(s, i)


@inlined
def lend_prices(s, j):
    """Tighten the multipliers' bounds by the sign of z_j; note which column each is from.

    With the other multipliers' signs only, ``Σ a_k y_k`` over them is at least 0 or has no bound,
    so ``Σ a_k y_k <= c_j`` gives ``a_i y_i <= c_j`` or nothing; and ``>=`` likewise.
    """
    column = s.lines[j]
    open_least, open_most = 0, 0
    e = column.head
    while e >= 0:
        can_fall, can_grow = price_range(s, e)
        open_least += can_fall
        open_most += can_grow
        e = s.ends[e].after
    at_most = column.upper == np.inf and open_least <= 1
    at_least = column.lower == -np.inf and open_most <= 1
    if not at_most and not at_least:
        return
    e = column.head
    while e >= 0:
        row, a = s.lines[s.ends[e].across], s.ends[e].value
        can_fall, can_grow = price_range(s, e)
        price = column.cost / a
        caps = at_most and open_least == can_fall
        lifts = at_least and open_most == can_grow
        if (caps if a > 0 else lifts) and price <= row.high:
            row.high, row.above = price, j
        if (lifts if a > 0 else caps) and price >= row.low:
            row.low, row.below = price, j
        e = s.ends[e].after


@inlined
def price_range(s, e):
    """Whether ``a_ij y_i`` can be below zero, and above it, by the sign of y_i."""
    end = s.ends[e]
    row = s.lines[end.across]
    positive, negative = row.lower > -np.inf, row.upper < np.inf
    if end.value > 0:
        return negative, positive
    return positive, negative


@inlined
def fix_dominated(s, j):
    """Fix column j if the other columns' bounds of y imply the sign of its reduced cost."""
    column = s.lines[j]
    least, most = column.cost, column.cost
    e = column.head
    while e >= 0:
        end = s.ends[e]
        row = s.lines[end.across]
        down, up = row.low, row.high
        if row.below == j:
            down = 0.0 if row.upper == np.inf else -np.inf
        if row.above == j:
            up = 0.0 if row.lower == -np.inf else np.inf
        least += lowest(-end.value, down, up)
        most -= lowest(end.value, down, up)
        if least == -np.inf and most == np.inf:
            return False
        e = end.after
    at_lower = least >= 0 and column.lower > -np.inf
    if at_lower or (most <= 0 and column.upper < np.inf):
        bound = column.lower if at_lower else column.upper
        fix_column(s, j, bound, AT_LOWER if at_lower else AT_UPPER)
        return True
    return False
