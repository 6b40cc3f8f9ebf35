"""Columns whose value is known, or known to be had at the end.

Signs and undo as in :mod:`~optlib.linear.presolve.row_rules`. References: Andersen and Andersen
(1995); Gondzio (1997), INFORMS J. Computing 9; Achterberg et al. (2020), INFORMS J. Computing 32.
"""

from __future__ import annotations

import numpy as np

from ..range_form import AT_LOWER, AT_UPPER, BASIC, FREE
from .row_rules import drop_redundant_row, side_of
from .stack import (
    ESCAPING_COLUMN,
    FIXED_COLUMN,
    SLACK_COLUMN,
    UNUSED,
    push,
    push_column,
    reduced_cost,
    seal,
)
from .storage import (
    HUGE,
    NONE,
    detach,
    drop_column,
    inlined,
    lowest,
    wait_columns_of,
    wait_row,
)

EITHER = np.int8(4)
"""A fixed column stands at both bounds; the sign of its reduced cost says at which."""


@inlined
def fix_column(s, j, value, side):
    """``x_j`` is known: its terms move to the right sides and to the cost's constant.

    The bounds agree, or no feasible multipliers leave ``z_j`` another sign (a dominated column),
    or a forcing row says so, or the column is empty.
    """
    column = s.columns[j]
    size = push_column(s, j, NONE)
    numbers = (column.cost, value, 0.0, 0.0, 0.0, 0.0)
    seal(s, FIXED_COLUMN, j, side, UNUSED, size, UNUSED, numbers)
    s.tally[0].offset += column.cost * value
    e = column.head
    while e >= 0:
        element = s.elements[e]
        row = s.rows[element.row]
        row.lower -= element.value * value
        row.upper -= element.value * value
        e = element.below
    drop_column(s, j)


@inlined
def undo_fixed_column(p, j, side, rows, values, cost, value):
    """``z_j = c_j - Σ a_ij y_i``; nonbasic at its bound."""
    p.x[j] = value * p.constant
    for k in range(rows.size):
        p.activity[rows[k]] += values[k] * p.x[j]
    z = reduced_cost(p, cost, rows, values)
    p.z[j] = z
    p.columns[j] = side if side != EITHER else side_of(z >= 0)


@inlined
def release_column(s, j, towards):
    """A column without cost, unbounded on the side that helps all of its rows: they hold anyway.

    The rows leave with it, x_j goes as far as they need. Each keeps the bound that pushes x_j.
    """
    column, upwards = s.columns[j], towards == AT_UPPER
    first = push_column(s, j, NONE)
    e = column.head
    while e >= 0:
        element = s.elements[e]
        row = s.rows[element.row]
        push(s, element.row, row.lower if (element.value > 0) == upwards else row.upper)
        e = element.below
    stop = column.lower if upwards else column.upper
    numbers = (stop, 0.0, 0.0, 0.0, 0.0, 0.0)
    seal(s, ESCAPING_COLUMN, j, towards, UNUSED, first, first, numbers)
    e = column.head
    while e >= 0:
        i, following = s.elements[e].row, s.elements[e].below
        detach(s, e)
        drop_redundant_row(s, i)
        e = following
    drop_column(s, j)


@inlined
def undo_escaping_column(p, j, towards, rows, values, bounds, stop):
    """x_j stops at its own bound or where the first of the rows needs no more.

    There the row's multiplier is zero as before, but x_j is basic in place of the row: among the
    removed rows the basis is triangular.
    """
    upwards = towards == AT_UPPER
    sign = 1.0 if upwards else -1.0
    x = stop if p.constant > 0 else 0.0
    chosen = NONE
    for k in range(rows.size):
        limit = (bounds[k] * p.constant - p.activity[rows[k]]) / values[k]
        if sign * limit > sign * x:
            x, chosen = limit, k
    p.columns[j] = side_of(upwards)
    if chosen != NONE:
        p.columns[j] = BASIC
        p.rows[rows[chosen]] = side_of((values[chosen] > 0) == upwards)
    elif not np.isfinite(x):
        x, p.columns[j] = 0.0, FREE
    p.x[j], p.z[j] = x, 0.0
    for k in range(rows.size):
        p.activity[rows[k]] += values[k] * x


@inlined
def absorbs(s, i, j, a):
    """Whether the row can take the singleton column's bounds into its own."""
    row, column = s.rows[i], s.columns[j]
    if abs(a) < 1e-3 or (column.cost != 0 and row.lower < row.upper):
        return False
    low, high = abs(a * column.lower), abs(a * column.upper)
    return (low <= HUGE or low == np.inf) and (high <= HUGE or high == np.inf)


@inlined
def absorb_slack(s, i, j, a):
    """A singleton column is the slack of its row: ``L - max a x_j <= Σ a_k x_k <= U - min a x_j``.

    In an equation it may have a cost: ``c_j x_j = c_j (b - Σ a_k x_k) / a`` goes to the others.
    """
    row, column = s.rows[i], s.columns[j]
    numbers = (a, column.cost, row.lower, row.upper, column.lower, column.upper)
    seal(s, SLACK_COLUMN, i, j, UNUSED, UNUSED, UNUSED, numbers)
    if column.cost != 0:
        spread_cost(s, i, column.cost / a, j)
    least, most = lowest(a, column.lower, column.upper), -lowest(-a, column.lower, column.upper)
    row.lower -= most
    row.upper -= least
    drop_column(s, j)
    wait_row(s, i)
    wait_columns_of(s, i)


@inlined
def spread_cost(s, i, price, skip):
    """Subtract ``price`` times the equation i from the cost, but for column ``skip``.

    What cancels to rounding is zero: its sign would be taken for a reason.
    """
    s.tally[0].offset += price * s.rows[i].lower
    e = s.rows[i].head
    while e >= 0:
        element = s.elements[e]
        if element.column != skip:
            column = s.columns[element.column]
            change = element.value * price
            cost = column.cost - change
            column.cost = cost if abs(cost) > 1e-13 * abs(change) else 0.0
        e = element.right


@inlined
def undo_slack_column(p, i, j, numbers):
    """The row's multiplier gains ``c_j / a``; ``z_j = -a y_i`` of before; one of the two is basic.

    At a side of the shortened row, both x_j and the row's activity stand at their bounds. Else,
    in an equation x_j is basic; in a range, the one of x_j and the activity that has room left.
    """
    a, cost, lower, upper = numbers[0], numbers[1], numbers[2], numbers[3]
    low, high = numbers[4], numbers[5]
    shadow = p.y[i]
    p.y[i] = shadow + p.priced * cost / a
    p.z[j] = -a * shadow
    rest = p.activity[i]
    if p.constant == 0:
        p.x[j] = 0.0
        if (rest > 0 and upper < np.inf) or (rest < 0 and lower > -np.inf):
            p.x[j] = -rest / a
        p.activity[i] = rest + a * p.x[j]
        return
    at_lower, at_upper = shadow > 0, shadow < 0
    if p.known:
        at_lower, at_upper = p.rows[i] == AT_LOWER, p.rows[i] == AT_UPPER
    if at_lower or at_upper:
        # the shortened row's lower side is where a x_j is largest
        upwards = at_lower == (a > 0)
        p.x[j] = high if upwards else low
        p.columns[j] = side_of(not upwards)
    else:
        p.x[j] = low if low > -np.inf else high
        p.columns[j] = side_of(low > -np.inf)
        if not np.isfinite(p.x[j]):
            p.x[j] = 0.0
            p.columns[j] = FREE
    reached = rest + a * p.x[j]
    if not (p.known and (at_lower or at_upper)):
        if reached < lower or lower == upper:
            p.x[j], reached = (lower - rest) / a, lower
            p.columns[j], p.rows[i] = BASIC, AT_LOWER
        elif reached > upper:
            p.x[j], reached = (upper - rest) / a, upper
            p.columns[j], p.rows[i] = BASIC, AT_UPPER
    p.activity[i] = reached
