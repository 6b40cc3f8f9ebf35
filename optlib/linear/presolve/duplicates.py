"""Rows that are multiples of one another, and columns likewise.

Candidates meet in a hash table whose key, ``|Σ a_j r_j| / Σ |a_j|`` with fixed pseudo-random r, is
the same for all multiples; entry by entry comparison decides. References: Tomlin and Welch
(1983), Operations Research Letters 5; Andersen and Andersen (1995), Math. Programming 71.
"""

from __future__ import annotations

import numpy as np

from ..range_form import AT_LOWER, AT_UPPER, BASIC, FREE
from .column_rules import fix_column
from .proof import contradict
from .row_rules import active_side, merge, side_of
from .stack import (
    DUPLICATE_COLUMN,
    DUPLICATE_ROW,
    FROM_LOWER,
    PINNED,
    UNUSED,
    seal,
)
from .storage import (
    APART,
    CLOSE,
    GONE,
    HUGE,
    NONE,
    drop_column,
    drop_row,
    inlined,
    wait_row,
    wait_rows_of,
)

SAME = 1e-13
"""Relative difference of entries under which rows are multiples."""

CHEAPER = 1e-9
"""Relative difference of costs over which one of two parallel columns is cheaper."""


@inlined
def random_weight(k):
    """A pseudo-random number in (1/2, 3/2) that depends on k only."""
    bits = (k + 1) * 2654435761 % 4294967296
    bits = (bits ^ (bits >> 15)) * 2246822519 % 4294967296
    return 0.5 + (bits ^ (bits >> 13)) / 4294967296


@inlined
def key_of(weighted, size):
    """The hash key of a row or column, cut so that rounding seldom splits multiples."""
    return np.int64(abs(weighted) / size * 2.0**36)


@inlined
def place(table, keys, slot, key):
    """The next slot from ``slot`` on that is empty or holds this key."""
    while table[slot] != NONE and keys[slot] != key:
        slot = (slot + 1) % table.size
    return slot


@inlined
def merge_duplicate_rows(s):
    """Find rows that are multiples of another; each gives its sides to that one and leaves."""
    m = s.rows.size
    table, keys = np.empty(2 * m + 1, np.int64), np.empty(2 * m + 1, np.int64)
    table[:] = NONE
    for k in range(m):
        if s.rows[k].size <= 1:
            continue
        weighted, size = 0.0, 0.0
        e = s.rows[k].head
        while e >= 0:
            element = s.elements[e]
            weighted += element.value * random_weight(element.column)
            size += abs(element.value)
            e = element.right
        key = key_of(weighted, size)
        slot = place(table, keys, key % table.size, key)
        while table[slot] != NONE:
            ratio = ratio_of_rows(s, table[slot], k)
            if ratio != 0:
                join_rows(s, table[slot], k, ratio)
                if s.tally[0].verdict:
                    return
                break
            slot = place(table, keys, (slot + 1) % table.size, key)
        if table[slot] == NONE:
            table[slot], keys[slot] = k, key


@inlined
def ratio_of_rows(s, i, k):
    """The factor for which ``a_k = factor * a_i``, or 0 where there is none."""
    if s.rows[i].size != s.rows[k].size:
        return 0.0
    e = s.rows[i].head
    while e >= 0:
        s.columns[s.elements[e].column].mark = e
        e = s.elements[e].right
    ratio = 0.0
    e = s.rows[k].head
    while e >= 0:
        at = s.columns[s.elements[e].column].mark
        if at < 0:
            ratio = 0.0
            break
        value, other = s.elements[e].value, s.elements[at].value
        if ratio == 0:
            ratio = value / other
        elif abs(value - ratio * other) > SAME * abs(value):
            ratio = 0.0
            break
        e = s.elements[e].right
    e = s.rows[i].head
    while e >= 0:
        s.columns[s.elements[e].column].mark = NONE
        e = s.elements[e].right
    return ratio


@inlined
def join_rows(s, i, k, ratio):
    """``a_k = s a_i``: row i keeps the intersection of ``[L_i, U_i]`` and ``[L_k, U_k] / s``."""
    row, twin = s.rows[i], s.rows[k]
    low, high = twin.lower / ratio, twin.upper / ratio
    if ratio < 0:
        low, high = high, low
    if low > row.upper + CLOSE * max(1.0, abs(low)):
        if low > row.upper + APART * max(1.0, abs(low)):
            contradict(s, i, 1.0, k, -1.0 / ratio)
        return
    if row.lower > high + CLOSE * max(1.0, abs(high)):
        if row.lower > high + APART * max(1.0, abs(high)):
            contradict(s, i, -1.0, k, 1.0 / ratio)
        return
    lower, upper, origin = merge(row.lower, row.upper, low, high)
    row.lower, row.upper = lower, upper
    numbers = (ratio, 0.0, 0.0, 0.0, 0.0, 0.0)
    seal(s, DUPLICATE_ROW, i, k, origin, UNUSED, UNUSED, numbers)
    drop_row(s, k)
    wait_row(s, i)


@inlined
def undo_duplicate_row(p, i, k, origin, ratio):
    """Where row i stands at a side that came from row k, that one takes the multiplier.

    ``y_k = y_i / s`` and row i is basic; else ``y_k = 0`` and row k is basic.
    """
    p.activity[k] = ratio * p.activity[i]
    side = active_side(p.rows[i], p.known, origin, p.y[i])
    if side & origin:
        p.y[k], p.y[i] = p.y[i] / ratio, 0.0
        p.rows[i] = BASIC
        p.rows[k] = side_of((side == FROM_LOWER) == (ratio > 0))
        return
    p.y[k] = 0.0
    p.rows[k] = BASIC
    if origin & PINNED and side:
        p.rows[i] = side_of(side == FROM_LOWER)


@inlined
def merge_duplicate_columns(s):
    """Find columns that are multiples of another; join the two, or fix the dearer one."""
    n = s.columns.size
    table, keys = np.empty(2 * n + 1, np.int64), np.empty(2 * n + 1, np.int64)
    table[:] = NONE
    for k in range(n):
        if s.columns[k].size <= 0:
            continue
        weighted, size = 0.0, 0.0
        e = s.columns[k].head
        while e >= 0:
            element = s.elements[e]
            weighted += element.value * random_weight(element.row)
            size += abs(element.value)
            e = element.below
        key = key_of(weighted, size)
        slot = place(table, keys, key % table.size, key)
        while table[slot] != NONE:
            j = table[slot]
            if s.columns[j].size != GONE:
                ratio = ratio_of_columns(s, j, k)
                if ratio != 0:
                    join_columns(s, j, k, ratio)
                    if s.columns[j].size == GONE:
                        table[slot] = k
                    break
            slot = place(table, keys, (slot + 1) % table.size, key)
        if table[slot] == NONE:
            table[slot], keys[slot] = k, key


@inlined
def ratio_of_columns(s, j, k):
    """The factor for which ``a_k = factor * a_j``, or 0 where there is none."""
    if s.columns[j].size != s.columns[k].size:
        return 0.0
    e = s.columns[j].head
    while e >= 0:
        s.rows[s.elements[e].row].mark = e
        e = s.elements[e].below
    ratio = 0.0
    e = s.columns[k].head
    while e >= 0:
        at = s.rows[s.elements[e].row].mark
        if at < 0:
            ratio = 0.0
            break
        value, other = s.elements[e].value, s.elements[at].value
        if ratio == 0:
            ratio = value / other
        elif abs(value - ratio * other) > SAME * abs(value):
            ratio = 0.0
            break
        e = s.elements[e].below
    e = s.columns[j].head
    while e >= 0:
        s.rows[s.elements[e].row].mark = NONE
        e = s.elements[e].below
    return ratio


@inlined
def join_columns(s, j, k, ratio):
    """``a_k = s a_j``, so ``z_k = c_k - s c_j + s z_j``.

    With equal costs the two are one column ``x_j + s x_k``. Else a bound that is missing fixes
    the sign of ``z_j``, so perhaps that of ``z_k``, and x_k stands at its bound; or x_j.
    """
    first, second = s.columns[j], s.columns[k]
    difference = second.cost - ratio * first.cost
    size = abs(second.cost) + abs(ratio * first.cost)
    if abs(difference) <= SAME * size:
        unite_columns(s, j, k, ratio)
    elif abs(difference) > CHEAPER * size and not fix_dearer(s, j, k, ratio, difference):
        fix_dearer(s, k, j, 1.0 / ratio, -difference / ratio)


@inlined
def fix_dearer(s, j, k, ratio, difference):
    """Fix x_k where a missing bound of x_j shows the sign of ``z_k = difference + ratio z_j``."""
    first, second = s.columns[j], s.columns[k]
    above, below = first.upper == np.inf, first.lower == -np.inf
    if ratio < 0:
        above, below = below, above
    if difference > 0 and above and second.lower > -np.inf:
        fix_column(s, k, second.lower, AT_LOWER)
        return True
    if difference < 0 and below and second.upper < np.inf:
        fix_column(s, k, second.upper, AT_UPPER)
        return True
    return False


@inlined
def unite_columns(s, j, k, ratio):
    """``x_j + s x_k`` is the new x_j; its bounds are the sums."""
    first, second = s.columns[j], s.columns[k]
    low, high = ratio * second.lower, ratio * second.upper
    if ratio < 0:
        low, high = high, low
    lower, upper = first.lower + low, first.upper + high
    free = first.lower == -np.inf and first.upper == np.inf and low == -np.inf and high == np.inf
    if lower == -np.inf and upper == np.inf and not free:
        return
    for bound in (first.lower, first.upper, low, high):
        if HUGE < abs(bound) < np.inf:
            return
    numbers = (ratio, first.lower, first.upper, second.lower, second.upper, 0.0)
    seal(s, DUPLICATE_COLUMN, j, k, UNUSED, UNUSED, UNUSED, numbers)
    first.lower, first.upper = lower, upper
    drop_column(s, k)
    wait_rows_of(s, j)


@inlined
def undo_duplicate_column(p, j, k, numbers):
    """Split ``x' = x_j + s x_k``; ``z_k = s z_j``.

    At a bound of x' both stand at theirs. A basic x' leaves x_k at the end of what it can be, so
    that one of the two is at a bound, and the other one is basic.
    """
    ratio, low, high = numbers[0], numbers[1], numbers[2]
    twin_low, twin_high = numbers[3], numbers[4]
    total = p.x[j]
    p.z[k] = ratio * p.z[j]
    if p.constant == 0:
        split = high == np.inf if total > 0 else low == -np.inf
        p.x[k] = 0.0 if split else total / ratio
        p.x[j] = total - ratio * p.x[k]
        return
    if p.known and p.columns[j] != BASIC:
        status = p.columns[j]
        p.columns[k] = status
        if status != FREE:
            p.columns[k] = side_of((status == AT_LOWER) == (ratio > 0))
            p.x[j] = low if status == AT_LOWER else high
            p.x[k] = twin_low if p.columns[k] == AT_LOWER else twin_high
        else:
            p.x[k] = 0.0
        return
    least, most = (total - high) / ratio, (total - low) / ratio
    if ratio < 0:
        least, most = most, least
    # x_k must lie within its own bounds and within what x_j's bounds leave
    p.columns[j] = BASIC
    if max(least, twin_low) > -np.inf:
        p.x[k] = max(least, twin_low)
        own, p.columns[k] = twin_low >= least, AT_LOWER
        other = side_of(ratio < 0)
    elif min(most, twin_high) < np.inf:
        p.x[k] = min(most, twin_high)
        own, p.columns[k] = twin_high <= most, AT_UPPER
        other = side_of(ratio > 0)
    else:
        p.x[k], own, p.columns[k], other = 0.0, True, FREE, FREE
    p.x[j] = total - ratio * p.x[k]
    if not own:
        p.x[j] = low if other == AT_LOWER else high
        p.columns[j], p.columns[k] = other, BASIC
