"""The linear program while it shrinks: what all rules do with its lists, bounds and queue."""

from __future__ import annotations

import numpy as np

from ...linalg.cached import inner as inlined
from .layout import GONE, IDLE, NONE

CLOSE = 1e-10
"""Relative distance under which two bounds are the same."""

APART = 1e-8
"""Relative distance over which bounds contradict; between the two, the solver decides."""

NEAR = 1e-6
"""Relative distance over which two bounds differ even if rounding made them up."""

HUGE = 1e9
"""Bounds beyond this are not added to others: the sum would lose the digits that matter."""


@inlined
def attach(lines, ends, e, i, j, value):
    """The nonzero with ends e and e + 1 becomes the first of row i and of column j."""
    ends[e].across, ends[e + 1].across = j, i
    for side in range(2):
        end, line = ends[e + side], lines[j if side else i]
        end.value, end.before, end.after = value, NONE, line.head
        if line.head >= 0:
            ends[line.head].before = e + side
        line.head = e + side
        line.size += 1


@inlined
def detach(s, e):
    """The nonzero with the end e leaves both of its lists."""
    for side in range(2):
        end, line = s.ends[e ^ side], s.lines[s.ends[e ^ side ^ 1].across]
        if end.before >= 0:
            s.ends[end.before].after = end.after
        else:
            line.head = end.after
        if end.after >= 0:
            s.ends[end.after].before = end.before
        line.size -= 1
    e &= -2
    s.ends[e].after = s.tally.hole
    s.tally.hole = e


@inlined
def wait(s, line):
    """A line has changed: look at it again, after those that wait already."""
    this, tally = s.lines[line], s.tally
    if this.next != IDLE or this.size == GONE:
        return
    this.next = NONE
    if tally.last == NONE:
        tally.first = line
    else:
        s.lines[tally.last].next = line
    tally.last = line


@inlined
def wait_across(s, line):
    """The bounds of a line have changed: so has what the lines it meets can be."""
    e = s.lines[line].head
    while e >= 0:
        end = s.ends[e]
        s.lines[end.across].stale = 1
        wait(s, end.across)
        e = end.after


@inlined
def drop(s, line):
    """A row or column leaves the problem."""
    e = s.lines[line].head
    while e >= 0:
        across, following = s.ends[e].across, s.ends[e].after
        detach(s, e)
        s.lines[across].stale = 1
        wait(s, across)
        e = following
    s.lines[line].size = GONE
    s.tally.left -= 1


@inlined
def close(bound):
    """The distance under which an activity has reached a bound."""
    return CLOSE * max(1.0, abs(bound))


@inlined
def lowest(value, lower, upper):
    """The least of ``value * x`` over the bounds."""
    return value * lower if value > 0 else value * upper


@inlined
def measure(s, i):
    """Bring the least and the most that the activity of row i can be up to date."""
    row = s.lines[i]
    if row.stale == 0:
        return
    least, most = 0.0, 0.0
    e = row.head
    while e >= 0:
        end = s.ends[e]
        column = s.lines[end.across]
        least += lowest(end.value, column.lower, column.upper)
        most -= lowest(-end.value, column.lower, column.upper)
        e = end.after
    row.least, row.most, row.stale = least, most, 0


@inlined
def implies(s, i, j, value):
    """Whether row i and the bounds of its other columns imply the lower and the upper bound of j.

    ``L - max Σ a_k x_k <= a_j x_j <= U - min Σ a_k x_k`` over the others k.
    """
    row, column = s.lines[i], s.lines[j]
    bounded_below, bounded_above = column.lower > -np.inf, column.upper < np.inf
    if value < 0:
        bounded_below, bounded_above = bounded_above, bounded_below
    least = 0.0 if bounded_above and row.upper < np.inf else -np.inf
    most = 0.0 if bounded_below and row.lower > -np.inf else np.inf
    if row.stale == 0:
        # what is known of the whole row shows most failures without a walk
        low = lowest(value, column.lower, column.upper)
        high = -lowest(-value, column.lower, column.upper)
        if low > -np.inf and row.upper - row.least + low > high + NEAR * max(1.0, abs(high)):
            least = -np.inf
        if high < np.inf and row.lower - row.most + high < low - NEAR * max(1.0, abs(low)):
            most = np.inf
    e = row.head
    while e >= 0 and (least > -np.inf or most < np.inf):
        end = s.ends[e]
        if end.across != j:
            other = s.lines[end.across]
            least += lowest(end.value, other.lower, other.upper)
            most -= lowest(-end.value, other.lower, other.upper)
        e = end.after
    if value > 0:
        low, high = (row.lower - most) / value, (row.upper - least) / value
    else:
        low, high = (row.upper - least) / value, (row.lower - most) / value
    return low >= column.lower - close(column.lower), high <= column.upper + close(column.upper)
