"""The linear program while it shrinks: linked rows and columns, bounds, and a queue of changes.

Every nonzero is one element in two doubly linked lists, its row's and its column's, so that it
leaves both in constant time and fill-in takes a place that another one left. The lists start in
the order of the matrix, so walking them is walking memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...linalg.cached import inner as inlined

ROW = np.dtype(
    [
        ("lower", "f8"),
        ("upper", "f8"),
        ("least", "f8"),
        ("most", "f8"),
        ("head", "i8"),
        ("size", "i8"),
        ("stale", "i8"),
        ("mark", "i8"),
        ("next", "i8"),
    ],
    align=True,
)
"""A row: its bounds, the least and the most that its activity can be, and its elements."""

COLUMN = np.dtype(
    [
        ("cost", "f8"),
        ("lower", "f8"),
        ("upper", "f8"),
        ("head", "i8"),
        ("size", "i8"),
        ("mark", "i8"),
        ("next", "i8"),
    ],
    align=True,
)

ELEMENT = np.dtype(
    [
        ("value", "f8"),
        ("row", "i8"),
        ("column", "i8"),
        ("left", "i8"),
        ("right", "i8"),
        ("above", "i8"),
        ("below", "i8"),
    ],
    align=True,
)

TALLY = np.dtype(
    [
        ("offset", "f8"),
        ("proof_weight", "f8"),
        ("witness_weight", "f8"),
        ("rows_left", "i8"),
        ("columns_left", "i8"),
        ("first", "i8"),
        ("last", "i8"),
        ("hole", "i8"),
        ("ints", "i8"),
        ("floats", "i8"),
        ("verdict", "i8"),
        ("proof", "i8"),
        ("witness", "i8"),
    ],
    align=True,
)
"""The cost's constant; what is left; the ends of the queue; the first unused element; how full
the stack is; what was found, and the weights of the rows that prove it."""

GONE = -1
"""The size of a row or column that was removed."""

NONE = np.int64(-1)
"""The end of a list."""

IDLE = -2
"""What follows a row or column that is not in the queue."""

CLOSE = 1e-10
"""Relative distance under which two bounds are the same."""

APART = 1e-8
"""Relative distance over which bounds contradict; between the two, the solver decides."""

NEAR = 1e-6
"""Relative distance over which two bounds differ even if rounding made them up."""

HUGE = 1e9
"""Bounds beyond this are not added to others: the sum would lose the digits that matter."""


class State(NamedTuple):
    """Everything that the reductions read and write."""

    rows: Any
    columns: Any
    elements: Any
    tally: Any
    ints: Any
    floats: Any


@inlined
def load(c, indptr, indices, data, row_lower, row_upper, lower, upper):
    """The state of a whole problem; every row and column waits in the queue."""
    m, n, nonzeros = row_lower.size, c.size, data.size
    capacity = nonzeros + nonzeros // 4 + 64
    rows, columns = np.empty(m, ROW), np.empty(n, COLUMN)
    elements: Any = np.empty(capacity, ELEMENT)
    ints = np.empty(3 * capacity + 8 * (2 * m + n) + 64, np.int64)
    floats = np.empty(3 * capacity + 6 * (2 * m + n) + 64, np.float64)
    s = State(rows, columns, elements, np.empty(1, TALLY), ints, floats)
    tally = s.tally[0]
    tally.offset, tally.rows_left, tally.columns_left = 0.0, m, n
    tally.first, tally.last, tally.hole = NONE, NONE, nonzeros
    tally.ints, tally.floats, tally.verdict = 0, 0, 0
    for i in range(m):
        row = rows[i]
        row.lower, row.upper = row_lower[i], row_upper[i]
        row.head, row.size, row.stale, row.mark, row.next = NONE, 0, 1, NONE, IDLE
        wait_row(s, i)
    for e in range(nonzeros, capacity):
        elements[e].right = e + 1
    elements[capacity - 1].right = NONE
    for j in range(n - 1, -1, -1):
        column = columns[j]
        column.cost, column.lower, column.upper = c[j], lower[j], upper[j]
        column.head, column.size, column.mark, column.next = NONE, 0, NONE, IDLE
        for e in range(indptr[j + 1] - 1, indptr[j] - 1, -1):
            attach(s, e, np.int64(indices[e]), j, data[e])
    for j in range(n):
        wait_column(s, j)
    return s


@inlined
def attach(s, e, i, j, value):
    """Element e becomes the first of row i and of column j."""
    element, row, column = s.elements[e], s.rows[i], s.columns[j]
    element.value, element.row, element.column = value, i, j
    element.left, element.above = NONE, NONE
    element.right, element.below = row.head, column.head
    if row.head >= 0:
        s.elements[row.head].left = e
    if column.head >= 0:
        s.elements[column.head].above = e
    row.head, column.head = e, e
    row.size += 1
    column.size += 1


@inlined
def detach(s, e):
    """Element e leaves both of its lists."""
    element = s.elements[e]
    row, column = s.rows[element.row], s.columns[element.column]
    if element.left >= 0:
        s.elements[element.left].right = element.right
    else:
        row.head = element.right
    if element.right >= 0:
        s.elements[element.right].left = element.left
    if element.above >= 0:
        s.elements[element.above].below = element.below
    else:
        column.head = element.below
    if element.below >= 0:
        s.elements[element.below].above = element.above
    row.size -= 1
    column.size -= 1
    element.right = s.tally[0].hole
    s.tally[0].hole = e


@inlined
def wait(s, item):
    """Put an item at the end of the queue: a row by its number, a column after all rows."""
    tally = s.tally[0]
    if tally.last == NONE:
        tally.first = item
    elif tally.last < s.rows.size:
        s.rows[tally.last].next = item
    else:
        s.columns[tally.last - s.rows.size].next = item
    tally.last = item


@inlined
def take(s):
    """The first item of the queue, which leaves it."""
    tally = s.tally[0]
    item = tally.first
    if item < s.rows.size:
        row = s.rows[item]
        tally.first, row.next = row.next, IDLE
    else:
        column = s.columns[item - s.rows.size]
        tally.first, column.next = column.next, IDLE
    if tally.first == NONE:
        tally.last = NONE
    return item


@inlined
def wait_row(s, i):
    """A row has changed: look at it again."""
    row = s.rows[i]
    if row.next == IDLE and row.size != GONE:
        row.next = NONE
        wait(s, i)


@inlined
def wait_column(s, j):
    """A column has changed: look at it again."""
    column = s.columns[j]
    if column.next == IDLE and column.size != GONE:
        column.next = NONE
        wait(s, s.rows.size + j)


@inlined
def wait_columns_of(s, i):
    """The sides of row i have changed: its columns may be dominated now."""
    e = s.rows[i].head
    while e >= 0:
        wait_column(s, s.elements[e].column)
        e = s.elements[e].right


@inlined
def wait_rows_of(s, j):
    """The bounds of column j have changed: so has what its rows can be."""
    wait_column(s, j)
    e = s.columns[j].head
    while e >= 0:
        i = s.elements[e].row
        s.rows[i].stale = 1
        wait_row(s, i)
        e = s.elements[e].below


@inlined
def drop_row(s, i):
    """Row i leaves the problem."""
    row = s.rows[i]
    e = row.head
    while e >= 0:
        following = s.elements[e].right
        j = s.elements[e].column
        detach(s, e)
        wait_column(s, j)
        e = following
    row.size = GONE
    s.tally[0].rows_left -= 1


@inlined
def drop_column(s, j):
    """Column j leaves the problem."""
    column = s.columns[j]
    e = column.head
    while e >= 0:
        following = s.elements[e].below
        i = s.elements[e].row
        detach(s, e)
        s.rows[i].stale = 1
        wait_row(s, i)
        e = following
    column.size = GONE
    s.tally[0].columns_left -= 1


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
    row = s.rows[i]
    if row.stale == 0:
        return
    least, most = 0.0, 0.0
    e = row.head
    while e >= 0:
        element = s.elements[e]
        column = s.columns[element.column]
        least += lowest(element.value, column.lower, column.upper)
        most -= lowest(-element.value, column.lower, column.upper)
        e = element.right
    row.least, row.most, row.stale = least, most, 0


@inlined
def implies(s, i, j, value):
    """Whether row i and the bounds of its other columns imply the lower and the upper bound of j.

    ``L - max Σ a_k x_k <= a_j x_j <= U - min Σ a_k x_k`` over the others k.
    """
    row, column = s.rows[i], s.columns[j]
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
        element = s.elements[e]
        if element.column != j:
            other = s.columns[element.column]
            least += lowest(element.value, other.lower, other.upper)
            most -= lowest(-element.value, other.lower, other.upper)
        e = element.right
    if value > 0:
        low, high = (row.lower - most) / value, (row.upper - least) / value
    else:
        low, high = (row.upper - least) / value, (row.lower - most) / value
    return low >= column.lower - close(column.lower), high <= column.upper + close(column.upper)
