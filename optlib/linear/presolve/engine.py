"""Which rule applies to a row or a column, and the order in which they are tried."""

from __future__ import annotations

import numpy as np

from ..range_form import AT_LOWER, AT_UPPER, FREE
from .bounds import drop_implied_rows, fix_dominated_columns
from .column_rules import EITHER, absorb_slack, absorbs, fix_column, release_column
from .duplicates import merge_duplicate_columns, merge_duplicate_rows
from .proof import contradict, contradicts
from .row_rules import (
    drop_lower,
    drop_redundant_row,
    drop_upper,
    push_forcing_row,
    turn_singleton_row,
)
from .stack import INDICES, UNUSED, room
from .storage import (
    GONE,
    NONE,
    close,
    implies,
    inlined,
    measure,
)
from .substitution import holes, substitute_doubleton, substitute_free_column

STABLE = 1e-3
"""A pivot must have this part of the largest entry beside it."""

LONGEST, WIDEST, FILL = 10, 64, 6
"""The longest column that is substituted and the longest equation that gives it, and how many
elements more that may leave."""


@inlined
def sweep(s):
    """Look for what no change of a single row or column points at."""
    merge_duplicate_rows(s)
    if s.tally[0].verdict == 0:
        merge_duplicate_columns(s)
        fix_dominated_columns(s)
        drop_implied_rows(s)
        substitute_implied_free_columns(s)


@inlined
def bounds_cross(s):
    """Whether a lower bound is above its upper one."""
    crossed = False
    for i in range(s.rows.size):
        crossed |= s.rows[i].lower > s.rows[i].upper
    for j in range(s.columns.size):
        crossed |= s.columns[j].lower > s.columns[j].upper
    return crossed


@inlined
def visit_row(s, i):
    """Compare what the row's activity can be with what it may be."""
    row = s.rows[i]
    if row.size == GONE:
        return
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
        drop_redundant_row(s, i)
    elif row.size == 1:
        turn_singleton_row(s, i)
    elif row.least >= row.upper - close(row.upper):
        force_columns(s, i, AT_UPPER)
    elif row.most <= row.lower + close(row.lower):
        force_columns(s, i, AT_LOWER)
    elif row.size == 2 and row.lower == row.upper:
        try_doubleton(s, i)
    elif row.most <= row.upper < np.inf:
        drop_upper(s, i)
    elif row.least >= row.lower > -np.inf:
        drop_lower(s, i)


@inlined
def force_columns(s, i, side):
    """Fix every column of a forcing row where the row's extreme activity has it."""
    entries = UNUSED
    e = s.rows[i].head
    while e >= 0:
        entries += s.columns[s.elements[e].column].size + INDICES + 1
        e = s.elements[e].right
    if not room(s, entries):
        return
    size = push_forcing_row(s, i, side)
    at_int, at_float = s.tally[0].ints - INDICES - size, s.tally[0].floats - INDICES - size
    for k in range(size):
        j = s.ints[at_int + k]
        if (s.floats[at_float + k] > 0) == (side == AT_UPPER):
            fix_column(s, j, s.columns[j].lower, AT_LOWER)
        else:
            fix_column(s, j, s.columns[j].upper, AT_UPPER)


@inlined
def try_doubleton(s, i):
    """Solve an equation in two columns for the shorter one, if its entry is not too small."""
    first = s.elements[s.rows[i].head]
    second = s.elements[first.right]
    j, kept, k, pivot = first.column, first.value, second.column, second.value
    shorter = s.columns[k].size <= s.columns[j].size
    if (not shorter and abs(kept) >= STABLE * abs(pivot)) or abs(pivot) < STABLE * abs(kept):
        j, kept, k, pivot = k, pivot, j, kept
    if room(s, s.columns[k].size) and holes(s, s.columns[k].size):
        substitute_doubleton(s, i, j, k, kept, pivot)


@inlined
def visit_column(s, j):
    """Fix the column, or let it go, if where it stands is known; else look at a singleton."""
    column = s.columns[j]
    if column.size == GONE or not room(s, column.size):
        return
    if column.lower == column.upper:
        fix_column(s, j, column.lower, EITHER)
    elif column.size == 0:
        fix_empty_column(s, j)
    elif (column.cost >= 0 and helps(s, j, -1.0) and leave_below(s, j)) or (
        column.cost <= 0 and helps(s, j, 1.0) and leave_above(s, j)
    ):
        return
    elif column.size == 1:
        visit_singleton(s, j)


@inlined
def helps(s, j, direction):
    """Whether moving x_j in a direction can break no row."""
    e = s.columns[j].head
    while e >= 0:
        element = s.elements[e]
        row = s.rows[element.row]
        if (row.upper < np.inf) if element.value * direction > 0 else (row.lower > -np.inf):
            return False
        e = element.below
    return True


@inlined
def leave_below(s, j):
    """A column that would rather be small stands at its lower bound.

    Without one, and without a cost, it frees its rows. (With a cost the problem is unbounded or
    infeasible, which the solver finds out.)
    """
    column = s.columns[j]
    if column.lower > -np.inf:
        fix_column(s, j, column.lower, AT_LOWER)
        return True
    if column.cost == 0 and room(s, entries_around(s, j)):
        release_column(s, j, AT_LOWER)
        return True
    return False


@inlined
def leave_above(s, j):
    """A column that would rather be large, likewise."""
    column = s.columns[j]
    if column.upper < np.inf:
        fix_column(s, j, column.upper, AT_UPPER)
        return True
    if column.cost == 0 and room(s, entries_around(s, j)):
        release_column(s, j, AT_UPPER)
        return True
    return False


@inlined
def entries_around(s, j):
    """How much of the stack it takes to store column j with all of its rows."""
    entries = UNUSED
    e = s.columns[j].head
    while e >= 0:
        entries += s.rows[s.elements[e].row].size + INDICES + 2
        e = s.elements[e].below
    return entries


@inlined
def fix_empty_column(s, j):
    """A column without rows stands at its better bound; one that has none there is kept."""
    column = s.columns[j]
    if column.cost > 0 and column.lower > -np.inf:
        fix_column(s, j, column.lower, AT_LOWER)
    elif column.cost < 0 and column.upper < np.inf:
        fix_column(s, j, column.upper, AT_UPPER)
    elif column.cost == 0:
        if column.lower == -np.inf and column.upper == np.inf:
            fix_column(s, j, 0.0, FREE)
        elif abs(column.lower) <= abs(column.upper):
            fix_column(s, j, column.lower, AT_LOWER)
        else:
            fix_column(s, j, column.upper, AT_UPPER)


@inlined
def visit_singleton(s, j):
    """Substitute a column singleton if its row implies its bounds, or make it the row's slack."""
    column = s.columns[j]
    element = s.elements[column.head]
    i, a = element.row, element.value
    row = s.rows[i]
    if not room(s, row.size) or row.size < 2:
        return
    price = column.cost / a
    tight = row.lower == row.upper or price == 0
    tight = tight or (row.lower > -np.inf if price > 0 else row.upper < np.inf)
    if tight:
        below, above = implies(s, i, j, a)
        if below and above and abs(a) >= STABLE * largest_of_row(s, i):
            substitute_free_column(s, i, j, a)
            return
    if absorbs(s, i, j, a):
        absorb_slack(s, i, j, a)


@inlined
def largest_of_row(s, i):
    """The largest absolute value in a row."""
    largest = 0.0
    e = s.rows[i].head
    while e >= 0:
        largest = max(largest, abs(s.elements[e].value))
        e = s.elements[e].right
    return largest


@inlined
def substitute_implied_free_columns(s):
    """Solve an equation for each short column whose bounds the rows imply."""
    for j in range(s.columns.size):
        column = s.columns[j]
        if 2 <= column.size <= LONGEST and column.lower < column.upper:
            e = best_equation(s, j)
            if e == NONE or not is_implied_free(s, j):
                continue
            i, pivot = s.elements[e].row, s.elements[e].value
            entries = s.rows[i].size + column.size
            if added_elements(s, i, j) > FILL or not room(s, entries):
                continue
            if holes(s, s.rows[i].size * column.size):
                substitute_free_column(s, i, j, pivot)


@inlined
def best_equation(s, j):
    """The element of the column in the shortest equation that is a stable pivot, or NONE."""
    largest, shortest, best = 0.0, 0, NONE
    e = s.columns[j].head
    while e >= 0:
        largest = max(largest, abs(s.elements[e].value))
        e = s.elements[e].below
    e = s.columns[j].head
    while e >= 0:
        element = s.elements[e]
        row = s.rows[element.row]
        stable = abs(element.value) >= 0.1 * largest and row.lower == row.upper
        if stable and row.size >= 2 and (best == NONE or row.size < shortest):
            best, shortest = e, row.size
        e = element.below
    if best != NONE and shortest <= WIDEST:
        element = s.elements[best]
        if abs(element.value) >= STABLE * largest_of_row(s, element.row):
            return best
    return NONE


@inlined
def added_elements(s, i, j):
    """How many elements more there are when row i is solved for column j."""
    others = s.columns[j].size - 1
    added = -s.rows[i].size - others
    if others * (s.rows[i].size - 1) + added <= FILL:
        return added
    e = s.columns[j].head
    while e >= 0:
        s.rows[s.elements[e].row].mark = e
        e = s.elements[e].below
    e = s.rows[i].head
    while e >= 0:
        k = s.elements[e].column
        if k != j:
            added += others + 1
            at = s.columns[k].head
            while at >= 0:
                added -= s.rows[s.elements[at].row].mark >= 0
                at = s.elements[at].below
        e = s.elements[e].right
    e = s.columns[j].head
    while e >= 0:
        s.rows[s.elements[e].row].mark = NONE
        e = s.elements[e].below
    return added


@inlined
def is_implied_free(s, j):
    """Whether the rows imply both bounds of the column."""
    below, above = s.columns[j].lower == -np.inf, s.columns[j].upper == np.inf
    e = s.columns[j].head
    while e >= 0 and not (below and above):
        element = s.elements[e]
        lower, upper = implies(s, element.row, j, element.value)
        below, above = below or lower, above or upper
        e = element.below
    return below and above
