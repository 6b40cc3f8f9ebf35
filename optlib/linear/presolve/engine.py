"""Which rule applies to a row or a column, and the order in which they are tried."""

from __future__ import annotations

import numpy as np

from .column_rules import EITHER, absorb_slack, absorbs, fix_column, release_column
from .layout import NONE
from .proof import contradict, contradicts
from .row_rules import drop_row, drop_side, turn_singleton_row
from .stack import (
    AT_LOWER,
    AT_UPPER,
    FORCING_ROW,
    FREE,
    REDUNDANT_ROW,
    TAIL,
    UNUSED,
    room,
    side_of,
)
from .storage import close, implies, inlined, measure
from .substitution import (
    holes,
    mark_across,
    substitute_doubleton,
    substitute_free_column,
    unmark_across,
)

STABLE = 1e-3
"""A pivot must have this part of the largest entry beside it."""

LONGEST, WIDEST, FILL = 10, 64, 6
"""The longest column that is substituted and the longest equation that gives it, and how many
elements more that may leave."""


@inlined
def visit_row(s, i):
    """Compare what the row's activity can be with what it may be."""
    row = s.lines[i]
    measure(s, i)
    over, under = row.least - row.upper, row.lower - row.most
    if over > close(row.upper) or under > close(row.lower):
        if contradicts(s, i, over, row.upper):
            contradict(s, i, 1.0, i, 0.0)
        elif contradicts(s, i, under, row.lower):
            contradict(s, i, -1.0, i, 0.0)
        return
    if not room(s, row.size):
        return
    holds_above = row.most <= row.upper + close(row.upper)
    holds_below = row.least >= row.lower - close(row.lower)
    if holds_above and holds_below:
        drop_row(s, i, REDUNDANT_ROW, UNUSED)
    elif row.size == 1:
        turn_singleton_row(s, i)
    elif row.least >= row.upper - close(row.upper):
        force_columns(s, i, AT_UPPER)
    elif row.most <= row.lower + close(row.lower):
        force_columns(s, i, AT_LOWER)
    elif row.size == 2 and row.lower == row.upper:
        try_doubleton(s, i)
    elif row.most <= row.upper < np.inf:
        drop_side(s, i, row.lower, np.inf)
    elif row.least >= row.lower > -np.inf:
        drop_side(s, i, -np.inf, row.upper)


@inlined
def force_columns(s, i, side):
    """Fix every column of a forcing row where the row's extreme activity has it."""
    size = s.lines[i].size
    if not room(s, entries_around(s, i, np.int64(1))):
        return
    drop_row(s, i, FORCING_ROW, side)
    start = s.tally.top - TAIL - size
    for k in range(start, start + size):
        j = s.stack[k].index
        at_lower = (s.stack[k].number > 0) == (side == AT_UPPER)
        fix_column(s, j, s.lines[j].lower if at_lower else s.lines[j].upper, side_of(at_lower))


@inlined
def entries_around(s, line, each):
    """How much of the stack it takes to store the lines that this one meets, and ``each`` more."""
    entries = UNUSED
    e = s.lines[line].head
    while e >= 0:
        entries += s.lines[s.ends[e].across].size + TAIL + each
        e = s.ends[e].after
    return entries


@inlined
def try_doubleton(s, i):
    """Solve an equation in two columns for the shorter one, if its entry is not too small."""
    first = s.ends[s.lines[i].head]
    second = s.ends[first.after]
    j, kept, k, pivot = first.across, first.value, second.across, second.value
    shorter = s.lines[k].size <= s.lines[j].size
    if (not shorter and abs(kept) >= STABLE * abs(pivot)) or abs(pivot) < STABLE * abs(kept):
        j, kept, k, pivot = k, pivot, j, kept
    if room(s, s.lines[k].size) and holes(s, s.lines[k].size):
        substitute_doubleton(s, i, j, k, kept, pivot)


@inlined
def visit_column(s, j):
    """Fix the column, or let it go, if where it stands is known; else look at a singleton."""
    column = s.lines[j]
    if not room(s, column.size):
        return
    if column.lower == column.upper:
        fix_column(s, j, column.lower, EITHER)
    elif column.size == 0:
        fix_empty_column(s, j)
    elif (column.cost >= 0 and leaves(s, j, AT_LOWER)) or (
        column.cost <= 0 and leaves(s, j, AT_UPPER)
    ):
        return
    elif column.size == 1:
        visit_singleton(s, j)


@inlined
def leaves(s, j, towards):
    """A column that would rather be small stands at its lower bound, if no row objects.

    Without one, and without a cost, it frees its rows. (With a cost the problem is unbounded or
    infeasible, which the solver finds out.) Towards the upper bound, likewise.
    """
    column, upwards = s.lines[j], towards == AT_UPPER
    e = column.head
    while e >= 0:
        end = s.ends[e]
        row = s.lines[end.across]
        if (row.upper < np.inf) if (end.value > 0) == upwards else (row.lower > -np.inf):
            return False
        e = end.after
    bound = column.upper if upwards else column.lower
    if abs(bound) < np.inf:
        fix_column(s, j, bound, towards)
        return True
    if column.cost == 0 and room(s, entries_around(s, j, np.int64(2))):
        release_column(s, j, towards)
        return True
    return False


@inlined
def fix_empty_column(s, j):
    """A column without rows stands at its better bound; one that has none there is kept."""
    column = s.lines[j]
    value, side = column.lower, AT_LOWER
    if column.cost < 0 or (column.cost == 0 and abs(column.upper) < abs(column.lower)):
        value, side = column.upper, AT_UPPER
    if abs(value) == np.inf:
        if column.cost != 0:
            return
        value, side = 0.0, FREE
    fix_column(s, j, value, side)


@inlined
def visit_singleton(s, j):
    """Substitute a column singleton if its row implies its bounds, or make it the row's slack."""
    column = s.lines[j]
    i, a = s.ends[column.head].across, s.ends[column.head].value
    row = s.lines[i]
    if not room(s, row.size) or row.size < 2:
        return
    price = column.cost / a
    tight = row.lower == row.upper or price == 0
    tight = tight or (row.lower > -np.inf if price > 0 else row.upper < np.inf)
    if tight:
        below, above = implies(s, i, j, a)
        if below and above and abs(a) >= STABLE * largest_of(s, i):
            substitute_free_column(s, i, j, a)
            return
    if absorbs(s, i, j, a):
        absorb_slack(s, i, j, a)


@inlined
def largest_of(s, line):
    """The largest absolute value in a row or column."""
    largest = 0.0
    e = s.lines[line].head
    while e >= 0:
        largest = max(largest, abs(s.ends[e].value))
        e = s.ends[e].after
    return largest


@inlined
def substitute_implied_free_columns(s):
    """Solve an equation for each short column whose bounds the rows imply."""
    for j in range(s.tally.rows, s.lines.size):
        column = s.lines[j]
        if 2 <= column.size <= LONGEST and column.lower < column.upper:
            e = best_equation(s, j)
            if e == NONE or not is_implied_free(s, j):
                continue
            i, pivot = s.ends[e].across, s.ends[e].value
            size = s.lines[i].size
            if added_elements(s, i, j) > FILL or not room(s, size + column.size):
                continue
            if holes(s, size * column.size):
                substitute_free_column(s, i, j, pivot)


@inlined
def best_equation(s, j):
    """The end of the column in the shortest equation that is a stable pivot, or NONE."""
    largest, shortest, best = largest_of(s, j), 0, NONE
    e = s.lines[j].head
    while e >= 0:
        end = s.ends[e]
        row = s.lines[end.across]
        stable = abs(end.value) >= 0.1 * largest and row.lower == row.upper
        if stable and row.size >= 2 and (best == NONE or row.size < shortest):
            best, shortest = e, row.size
        e = end.after
    if best != NONE and shortest <= WIDEST:
        end = s.ends[best]
        if abs(end.value) >= STABLE * largest_of(s, end.across):
            return best
    return NONE


@inlined
def added_elements(s, i, j):
    """How many elements more there are when row i is solved for column j."""
    others = s.lines[j].size - 1
    added = -s.lines[i].size - others
    if others * (s.lines[i].size - 1) + added <= FILL:
        return added
    mark_across(s, j)
    e = s.lines[i].head
    while e >= 0:
        k = s.ends[e].across
        if k != j:
            added += others + 1
            at = s.lines[k].head
            while at >= 0:
                added -= s.lines[s.ends[at].across].mark >= 0
                at = s.ends[at].after
        e = s.ends[e].after
    unmark_across(s, j)
    return added


@inlined
def is_implied_free(s, j):
    """Whether the rows imply both bounds of the column."""
    below, above = s.lines[j].lower == -np.inf, s.lines[j].upper == np.inf
    e = s.lines[j].head
    while e >= 0 and not (below and above):
        end = s.ends[e]
        lower, upper = implies(s, end.across, j, end.value)
        below, above = below or lower, above or upper
        e = end.after
    return below and above
