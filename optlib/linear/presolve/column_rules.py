"""Columns whose value is known, or known to be had at the end.

Signs and undo as in :mod:`~optlib.linear.presolve.row_rules`. References: Andersen and Andersen
(1995); Gondzio (1997), INFORMS J. Computing 9; Achterberg et al. (2020), INFORMS J. Computing 32.
"""

from __future__ import annotations

import numpy as np

from .layout import NONE
from .row_rules import drop_row
from .stack import (
    AT_LOWER,
    AT_UPPER,
    BASIC,
    ESCAPING_COLUMN,
    FIXED_COLUMN,
    FREE,
    REDUNDANT_ROW,
    SLACK_COLUMN,
    UNUSED,
    push,
    reduced_cost,
    seal,
    side_of,
)
from .storage import HUGE, detach, drop, inlined, lowest, wait, wait_across

EITHER = np.int64(4)
"""A fixed column stands at both bounds; the sign of its reduced cost says at which."""


@inlined
def fix_column(s, j, value, side):
    """``x_j`` is known: its terms move to the right sides and to the cost's constant.

    The bounds agree, or no feasible multipliers leave ``z_j`` another sign (a dominated column),
    or a forcing row says so, or the column is empty.
    """
    column = s.lines[j]
    size = push(s, j, NONE)
    numbers = (column.cost, value, 0.0, 0.0, 0.0, 0.0)
    seal(s, FIXED_COLUMN, j, side, UNUSED, size, UNUSED, numbers)
    s.tally.offset += column.cost * value
    e = column.head
    while e >= 0:
        end = s.ends[e]
        row = s.lines[end.across]
        row.lower -= end.value * value
        row.upper -= end.value * value
        e = end.after
    drop(s, j)


@inlined
def undo_fixed_column(p, j, side, start, stop, cost, value):
    """``z_j = c_j - Σ a_ij y_i``; nonbasic at its bound."""
    x, z = value * p.constant, reduced_cost(p, cost, start, stop)
    for k in range(start, stop):
        p.lines[p.stack[k].index].value += p.stack[k].number * x
    column = p.lines[j]
    column.value, column.price = x, z
    column.status = side if side != EITHER else side_of(z >= 0)


@inlined
def release_column(s, j, towards):
    """A column without cost, unbounded on the side that helps all of its rows: they hold anyway.

    The rows leave with it, x_j goes as far as they need. Each keeps the bound that pushes x_j.
    """
    column, upwards = s.lines[j], towards == AT_UPPER
    first = push(s, j, NONE)
    second = push(s, j, NONE)
    for k in range(s.tally.top - second, s.tally.top):
        pair = s.stack[k]
        row = s.lines[pair.index]
        pair.number = row.lower if (pair.number > 0) == upwards else row.upper
    stop = column.lower if upwards else column.upper
    numbers = (stop, 0.0, 0.0, 0.0, 0.0, 0.0)
    seal(s, ESCAPING_COLUMN, j, towards, UNUSED, first, second, numbers)
    e = column.head
    while e >= 0:
        i, following = s.ends[e].across, s.ends[e].after
        detach(s, e)
        drop_row(s, i, REDUNDANT_ROW, UNUSED)
        e = following
    drop(s, j)


@inlined
def undo_escaping_column(p, j, towards, start, middle, bound):
    """x_j stops at its own bound or where the first of the rows needs no more.

    There the row's multiplier is zero as before, but x_j is basic in place of the row: among the
    removed rows the basis is triangular.
    """
    size = middle - start
    upwards = towards == AT_UPPER
    sign = 1.0 if upwards else -1.0
    x = bound if p.constant > 0 else 0.0
    chosen = NONE
    for k in range(start, middle):
        row = p.lines[p.stack[k].index]
        limit = (p.stack[k + size].number * p.constant - row.value) / p.stack[k].number
        if sign * limit > sign * x:
            x, chosen = limit, k
    status = side_of(upwards)
    if chosen != NONE:
        status = BASIC
        pair = p.stack[chosen]
        p.lines[pair.index].status = side_of((pair.number > 0) == upwards)
    elif abs(x) == np.inf:
        x, status = 0.0, FREE
    column = p.lines[j]
    column.value, column.price, column.status = x, 0.0, status
    for k in range(start, middle):
        p.lines[p.stack[k].index].value += p.stack[k].number * x


@inlined
def absorbs(s, i, j, a):
    """Whether the row can take the singleton column's bounds into its own."""
    row, column = s.lines[i], s.lines[j]
    if abs(a) < 1e-3 or (column.cost != 0 and row.lower < row.upper):
        return False
    low, high = abs(a * column.lower), abs(a * column.upper)
    return (low <= HUGE or low == np.inf) and (high <= HUGE or high == np.inf)


@inlined
def absorb_slack(s, i, j, a):
    """A singleton column is the slack of its row: ``L - max a x_j <= Σ a_k x_k <= U - min a x_j``.

    In an equation it may have a cost: ``c_j x_j = c_j (b - Σ a_k x_k) / a`` goes to the others.
    """
    row, column = s.lines[i], s.lines[j]
    numbers = (a, column.cost, row.lower, row.upper, column.lower, column.upper)
    seal(s, SLACK_COLUMN, i, j, UNUSED, UNUSED, UNUSED, numbers)
    if column.cost != 0:
        spread_cost(s, i, column.cost / a, j)
    least, most = lowest(a, column.lower, column.upper), -lowest(-a, column.lower, column.upper)
    row.lower -= most
    row.upper -= least
    drop(s, j)
    wait(s, i)
    wait_across(s, i)


@inlined
def spread_cost(s, i, price, skip):
    """Subtract ``price`` times the equation i from the cost, but for column ``skip``.

    What cancels to rounding is zero: its sign would be taken for a reason.
    """
    s.tally.offset += price * s.lines[i].lower
    e = s.lines[i].head
    while e >= 0:
        end = s.ends[e]
        if end.across != skip:
            column = s.lines[end.across]
            change = end.value * price
            cost = column.cost - change
            column.cost = cost if abs(cost) > 1e-13 * abs(change) else 0.0
        e = end.after


@inlined
def undo_slack_column(p, i, j, at):
    """The row's multiplier gains ``c_j / a``; ``z_j = -a y_i`` of before; one of the two is basic.

    At a side of the shortened row, both x_j and the row's activity stand at their bounds. Else,
    in an equation x_j is basic; in a range, the one of x_j and the activity that has room left.
    """
    a, cost = p.stack[at].number, p.stack[at + 1].number
    lower, upper = p.stack[at + 2].number, p.stack[at + 3].number
    low, high = p.stack[at + 4].number, p.stack[at + 5].number
    row, column = p.lines[i], p.lines[j]
    shadow, rest = row.price, row.value
    row.price = shadow + p.priced * cost / a
    column.price = -a * shadow
    if p.constant == 0:
        column.value = 0.0
        if (rest > 0 and upper < np.inf) or (rest < 0 and lower > -np.inf):
            column.value = -rest / a
        row.value = rest + a * column.value
        return
    at_lower, at_upper = shadow > 0, shadow < 0
    if p.known:
        at_lower, at_upper = row.status == AT_LOWER, row.status == AT_UPPER
    # the shortened row's lower side is where a x_j is largest
    upwards = at_lower == (a > 0) if at_lower or at_upper else low == -np.inf
    x, status = high if upwards else low, side_of(not upwards)
    if not at_lower and not at_upper and abs(x) == np.inf:
        x, status = 0.0, FREE
    reached = rest + a * x
    if not (p.known and (at_lower or at_upper)):
        if reached < lower or lower == upper:
            x, reached, status, row.status = (lower - rest) / a, lower, BASIC, AT_LOWER
        elif reached > upper:
            x, reached, status, row.status = (upper - rest) / a, upper, BASIC, AT_UPPER
    column.value, column.status, row.value = x, status, reached
