"""Rows that are multiples of one another, and columns likewise.

Candidates meet in a hash table whose key, ``|Σ a_j r_j| / Σ |a_j|`` with fixed pseudo-random r, is
the same for all multiples; entry by entry comparison decides. References: Tomlin and Welch
(1983), Operations Research Letters 5; Andersen and Andersen (1995), Math. Programming 71.
"""

from __future__ import annotations

import numpy as np

from .column_rules import fix_column
from .layout import GONE, NONE
from .proof import contradict
from .row_rules import tighten
from .stack import (
    AT_LOWER,
    AT_UPPER,
    BASIC,
    DUPLICATE_COLUMN,
    DUPLICATE_ROW,
    FREE,
    FROM_LOWER,
    PINNED,
    UNUSED,
    active_side,
    seal,
    side_of,
)
from .storage import APART, CLOSE, HUGE, drop, inlined, wait, wait_across
from .substitution import mark_across, unmark_across

SAME = 1e-13
"""Relative difference of entries under which rows are multiples."""

CHEAPER = 1e-9
"""Relative difference of costs over which one of two parallel columns is cheaper."""


@inlined
def key_of(s, line, origin):
    """The hash key of a row or column, cut so that rounding seldom splits multiples.

    The weights are pseudo-random numbers in (1/2, 3/2) that depend only on the place of the line
    across after ``origin``, the first of its kind.
    """
    weighted, size = 0.0, 0.0
    e = s.lines[line].head
    while e >= 0:
        end = s.ends[e]
        bits = (end.across - origin + 1) * 2654435761 % 4294967296
        bits = (bits ^ (bits >> 15)) * 2246822519 % 4294967296
        weighted += end.value * (0.5 + (bits ^ (bits >> 13)) / 4294967296)
        size += abs(end.value)
        e = end.after
    return np.int64(abs(weighted) / size * 2.0**36)


@inlined
def merge_duplicates(s, first, last):
    """Find multiples among the rows or the columns, which are the lines from first to last.

    A row gives its sides to its multiple and leaves. Two columns join, or the dearer one is fixed.
    """
    m = s.tally.rows
    for k in range(first, last):
        s.lines[k].above = NONE
    for k in range(first, last):
        this = s.lines[k]
        if this.size <= (k < m):
            continue
        # candidates hang on the line whose number is their key's: the first above, the next below
        this.key, this.below = key_of(s, k, 0 if k >= m else m), NONE
        bucket = s.lines[first + this.key % (last - first)]
        i, tail, ratio = bucket.above, NONE, 0.0
        while i != NONE:
            if s.lines[i].key == this.key and s.lines[i].size != GONE:
                ratio = ratio_of(s, i, k)
                if ratio != 0:
                    break
            i, tail = s.lines[i].below, i
        if i == NONE:
            if tail == NONE:
                bucket.above = k
            else:
                s.lines[tail].below = k
        elif k < m:
            join_rows(s, i, k, ratio)
            if s.tally.verdict:
                return
        else:
            join_columns(s, i, k, ratio)
            if s.lines[i].size == GONE:
                this.below, s.lines[i].below = s.lines[i].below, k


@inlined
def ratio_of(s, i, k):
    """The factor for which ``a_k = factor * a_i``, or 0 where there is none."""
    if s.lines[i].size != s.lines[k].size:
        return 0.0
    mark_across(s, i)
    ratio = 0.0
    e = s.lines[k].head
    while e >= 0:
        end = s.ends[e]
        at = s.lines[end.across].mark
        if at < 0:
            ratio = 0.0
            break
        value, other = end.value, s.ends[at].value
        if ratio == 0:
            ratio = value / other
        elif abs(value - ratio * other) > SAME * abs(value):
            ratio = 0.0
            break
        e = end.after
    unmark_across(s, i)
    return ratio


@inlined
def join_rows(s, i, k, ratio):
    """``a_k = s a_i``: row i keeps the intersection of ``[L_i, U_i]`` and ``[L_k, U_k] / s``."""
    row, twin = s.lines[i], s.lines[k]
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
    origin = tighten(s, i, low, high)
    seal(s, DUPLICATE_ROW, i, k, origin, UNUSED, UNUSED, (ratio, 0.0, 0.0, 0.0, 0.0, 0.0))
    drop(s, k)
    wait(s, i)


@inlined
def undo_duplicate_row(p, i, k, origin, ratio):
    """Where row i stands at a side that came from row k, that one takes the multiplier.

    ``y_k = y_i / s`` and row i is basic; else ``y_k = 0`` and row k is basic.
    """
    row, twin = p.lines[i], p.lines[k]
    twin.value = ratio * row.value
    side = active_side(p, i, origin)
    if side & origin:
        twin.price, row.price = row.price / ratio, 0.0
        row.status = BASIC
        twin.status = side_of((side == FROM_LOWER) == (ratio > 0))
        return
    twin.price, twin.status = 0.0, BASIC
    if origin & PINNED and side:
        row.status = side_of(side == FROM_LOWER)


@inlined
def join_columns(s, j, k, ratio):
    """``a_k = s a_j``, so ``z_k = c_k - s c_j + s z_j``.

    With equal costs the two are one column ``x_j + s x_k``. Else a bound that is missing fixes
    the sign of ``z_j``, so perhaps that of ``z_k``, and x_k stands at its bound; or x_j.
    """
    first, second = s.lines[j], s.lines[k]
    difference = second.cost - ratio * first.cost
    size = abs(second.cost) + abs(ratio * first.cost)
    if abs(difference) <= SAME * size:
        unite_columns(s, j, k, ratio)
    elif abs(difference) > CHEAPER * size and not fix_dearer(s, j, k, ratio, difference):
        fix_dearer(s, k, j, 1.0 / ratio, -difference / ratio)


@inlined
def fix_dearer(s, j, k, ratio, difference):
    """Fix x_k where a missing bound of x_j shows the sign of ``z_k = difference + ratio z_j``."""
    first, second = s.lines[j], s.lines[k]
    above, below = first.upper == np.inf, first.lower == -np.inf
    if ratio < 0:
        above, below = below, above
    at_lower = difference > 0 and above and second.lower > -np.inf
    if at_lower or (difference < 0 and below and second.upper < np.inf):
        fix_column(s, k, second.lower if at_lower else second.upper, side_of(at_lower))
        return True
    return False


@inlined
def unite_columns(s, j, k, ratio):
    """``x_j + s x_k`` is the new x_j; its bounds are the sums."""
    first, second = s.lines[j], s.lines[k]
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
    drop(s, k)
    wait(s, j)
    wait_across(s, j)


@inlined
def undo_duplicate_column(p, j, k, at):
    """Split ``x' = x_j + s x_k``; ``z_k = s z_j``.

    At a bound of x' both stand at theirs. A basic x' leaves x_k at the end of what it can be, so
    that one of the two is at a bound, and the other one is basic.
    """
    ratio, low, high = p.stack[at].number, p.stack[at + 1].number, p.stack[at + 2].number
    twin_low, twin_high = p.stack[at + 3].number, p.stack[at + 4].number
    column, twin = p.lines[j], p.lines[k]
    total = column.value
    twin.price = ratio * column.price
    if p.constant == 0:
        split = high == np.inf if total > 0 else low == -np.inf
        twin.value = 0.0 if split else total / ratio
        column.value = total - ratio * twin.value
        return
    if p.known and column.status == FREE:
        twin.value, twin.status = 0.0, FREE
        return
    if p.known and column.status != BASIC:
        at_lower = column.status == AT_LOWER
        twin.status = side_of(at_lower == (ratio > 0))
        column.value = low if at_lower else high
        twin.value = twin_low if twin.status == AT_LOWER else twin_high
        return
    least, most = (total - high) / ratio, (total - low) / ratio
    if ratio < 0:
        least, most = most, least
    # x_k must lie within its own bounds and within what x_j's bounds leave
    x, own, status, other = 0.0, True, FREE, FREE
    if max(least, twin_low) > -np.inf:
        x, own, status = max(least, twin_low), twin_low >= least, AT_LOWER
        other = side_of(ratio < 0)
    elif min(most, twin_high) < np.inf:
        x, own, status = min(most, twin_high), twin_high <= most, AT_UPPER
        other = side_of(ratio > 0)
    twin.value, twin.status = x, status
    column.value, column.status = total - ratio * x, BASIC
    if not own:
        column.value = low if other == AT_LOWER else high
        column.status, twin.status = other, BASIC
