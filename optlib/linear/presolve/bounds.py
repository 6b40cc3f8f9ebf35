"""Bounds that follow from others: they show what is redundant, and are not kept.

A bound kept without its reason would stop solutions at points that are no vertices of the
problem and leave a multiplier that no row can take. So rows lend bounds to one another here only
to be recognised as redundant, and multipliers get bounds only to fix columns.

References: Andersen and Andersen (1995), Math. Programming 71; Gondzio (1997), INFORMS J. Computing
9. Dual constraints that others imply: Achterberg et al. (2020), INFORMS J. Computing 32.
"""

from __future__ import annotations

import numpy as np

from ..range_form import AT_LOWER, AT_UPPER
from .column_rules import fix_column
from .row_rules import drop_redundant_row, equate
from .stack import INDICES, room
from .storage import HUGE, NONE, close, inlined, lowest, measure


@inlined
def drop_implied_rows(s):
    """Remove the rows that the others and the bounds imply.

    Every row implies bounds of its columns, by the bounds of its other columns. A row is
    redundant when its activity stays within its sides over the bounds that the *other* rows
    imply. Those bounds leave with the row that implied them.
    """
    n = s.columns.size
    lower, upper = np.empty(n), np.empty(n)
    above, below = np.empty(n, np.int64), np.empty(n, np.int64)
    above[:], below[:] = NONE, NONE
    for j in range(n):
        lower[j], upper[j] = s.columns[j].lower, s.columns[j].upper
    for i in range(s.rows.size):
        if s.rows[i].size > 1:
            measure(s, i)
            lend_bounds(s, i, lower, upper, below, above)
    for i in range(s.rows.size):
        if s.rows[i].size > 1 and holds_within(s, i, lower, upper, below, above):
            if not room(s, s.rows[i].size):
                return
            e = s.rows[i].head
            while e >= 0:
                j = s.elements[e].column
                if below[j] == i:
                    lower[j], below[j] = s.columns[j].lower, NONE
                if above[j] == i:
                    upper[j], above[j] = s.columns[j].upper, NONE
                e = s.elements[e].right
            drop_redundant_row(s, i)


@inlined
def lend_bounds(s, i, lower, upper, below, above):
    """Tighten the lent bounds by row i; ``below`` and ``above`` note which row each is from."""
    row = s.rows[i]
    least, most, open_least, open_most = 0.0, 0.0, 0, 0
    e = row.head
    while e >= 0:
        element = s.elements[e]
        column = s.columns[element.column]
        low = lowest(element.value, column.lower, column.upper)
        high = -lowest(-element.value, column.lower, column.upper)
        if low == -np.inf:
            open_least += 1
        else:
            least += low
        if high == np.inf:
            open_most += 1
        else:
            most += high
        e = element.right
    if (open_least > 1 or row.upper == np.inf) and (open_most > 1 or row.lower == -np.inf):
        return
    if max(abs(least), abs(most)) > HUGE:
        return
    e = row.head
    while e >= 0:
        element = s.elements[e]
        j, a = element.column, element.value
        column = s.columns[j]
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
        if up < upper[j] - close(up):
            upper[j], above[j] = up, i
        if down > lower[j] + close(down):
            lower[j], below[j] = down, i
        e = element.right


@inlined
def holds_within(s, i, lower, upper, below, above):
    """Whether row i holds over the bounds that do not come from itself."""
    row = s.rows[i]
    if row.lower == row.upper:
        return False
    least, most = 0.0, 0.0
    e = row.head
    while e >= 0:
        element = s.elements[e]
        j = element.column
        low = s.columns[j].lower if below[j] == i else lower[j]
        high = s.columns[j].upper if above[j] == i else upper[j]
        least += lowest(element.value, low, high)
        most -= lowest(-element.value, low, high)
        if least < row.lower - close(row.lower) or most > row.upper + close(row.upper):
            return False
        e = element.right
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
    m = s.rows.size
    low, high = np.empty(m), np.empty(m)
    below, above = np.empty(m, np.int64), np.empty(m, np.int64)
    for i in range(m):
        forget_price(s, i, low, high, below, above)
    for j in range(s.columns.size):
        if s.columns[j].size > 0:
            lend_prices(s, j, low, high, below, above)
    for i in range(m):
        if low[i] > high[i]:
            return
    for j in range(s.columns.size):
        size = s.columns[j].size
        if size > 0 and room(s, size) and fix_dominated(s, j, low, high, below, above):
            for k in range(s.tally[0].ints - INDICES - size, s.tally[0].ints - INDICES):
                i = s.ints[k]
                if below[i] == j or above[i] == j:
                    forget_price(s, i, low, high, below, above)
    for i in range(m):
        row = s.rows[i]
        if row.size > 0 and row.lower < row.upper and room(s, row.size):
            if low[i] >= 0 and below[i] != NONE and row.lower > -np.inf:
                equate(s, i, AT_LOWER)
                forget_prices_around(s, i, low, high, below, above)
            elif high[i] <= 0 and above[i] != NONE and row.upper < np.inf:
                equate(s, i, AT_UPPER)
                forget_prices_around(s, i, low, high, below, above)


@inlined
def forget_price(s, i, low, high, below, above):
    """Of the multiplier of row i only the sign is known."""
    row = s.rows[i]
    low[i] = 0.0 if row.upper == np.inf else -np.inf
    high[i] = 0.0 if row.lower == -np.inf else np.inf
    below[i], above[i] = NONE, NONE


@inlined
def forget_prices_around(s, i, low, high, below, above):
    """The sign of y_i is no longer its row's own: forget what it gave the rows that it meets."""
    e = s.rows[i].head
    while e >= 0:
        j = s.elements[e].column
        other = s.columns[j].head
        while other >= 0:
            p = s.elements[other].row
            if below[p] == j or above[p] == j:
                forget_price(s, p, low, high, below, above)
            other = s.elements[other].below
        e = s.elements[e].right


@inlined
def lend_prices(s, j, low, high, below, above):
    """Tighten the multipliers' bounds by the sign of z_j; note which column each is from.

    With the other multipliers' signs only, ``Σ a_k y_k`` over them is at least 0 or has no bound,
    so ``Σ a_k y_k <= c_j`` gives ``a_i y_i <= c_j`` or nothing; and ``>=`` likewise.
    """
    column = s.columns[j]
    open_least, open_most = 0, 0
    e = column.head
    while e >= 0:
        can_fall, can_grow = price_range(s, e)
        open_least += can_fall
        open_most += can_grow
        e = s.elements[e].below
    at_most = column.upper == np.inf and open_least <= 1
    at_least = column.lower == -np.inf and open_most <= 1
    if not at_most and not at_least:
        return
    e = column.head
    while e >= 0:
        i, a = s.elements[e].row, s.elements[e].value
        can_fall, can_grow = price_range(s, e)
        price = column.cost / a
        caps = at_most and open_least == can_fall
        lifts = at_least and open_most == can_grow
        if (caps if a > 0 else lifts) and price <= high[i]:
            high[i], above[i] = price, j
        if (lifts if a > 0 else caps) and price >= low[i]:
            low[i], below[i] = price, j
        e = s.elements[e].below


@inlined
def price_range(s, e):
    """Whether ``a_ij y_i`` can be below zero, and above it, by the sign of y_i."""
    element = s.elements[e]
    row = s.rows[element.row]
    positive, negative = row.lower > -np.inf, row.upper < np.inf
    if element.value > 0:
        return negative, positive
    return positive, negative


@inlined
def fix_dominated(s, j, low, high, below, above):
    """Fix column j if the other columns' bounds of y imply the sign of its reduced cost."""
    column = s.columns[j]
    least, most = column.cost, column.cost
    e = column.head
    while e >= 0:
        element = s.elements[e]
        i, row = element.row, s.rows[element.row]
        down, up = low[i], high[i]
        if below[i] == j:
            down = 0.0 if row.upper == np.inf else -np.inf
        if above[i] == j:
            up = 0.0 if row.lower == -np.inf else np.inf
        least += lowest(-element.value, down, up)
        most -= lowest(element.value, down, up)
        if least == -np.inf and most == np.inf:
            return False
        e = element.below
    if least >= 0 and column.lower > -np.inf:
        fix_column(s, j, column.lower, AT_LOWER)
        return True
    if most <= 0 and column.upper < np.inf:
        fix_column(s, j, column.upper, AT_UPPER)
        return True
    return False
