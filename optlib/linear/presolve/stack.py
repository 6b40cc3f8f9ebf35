"""The stack of reductions, and the solution that is restored while it is popped.

A record is two lists of (index, number) pairs, three indices and six numbers. It lies flat in an
integer and in a float buffer, its sizes and its kind last, so that it is read backwards:

    ints    first list, second list, a, b, c, size of the first, size of the second, kind
    floats  first list, second list, six numbers
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .storage import inlined

(
    REDUNDANT_ROW,
    SINGLETON_ROW,
    FORCING_ROW,
    TIGHT_ROW,
    FIXED_COLUMN,
    ESCAPING_COLUMN,
    SLACK_COLUMN,
    FREE_COLUMN,
    DOUBLETON,
    DUPLICATE_ROW,
    DUPLICATE_COLUMN,
) = np.arange(11)
"""The kinds of reductions."""

UNUSED = np.int64(0)
"""An index or a list that a record has no use for. (A typed number: kernels compile once.)"""

NO_NUMBERS = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

INDICES, NUMBERS = 6, 6
"""How many integers and floats follow a record's lists."""

NEITHER, FROM_LOWER, FROM_UPPER, _, PINNED = np.arange(5)
"""Which bounds a row or column inherited from the one that was removed; and whether the two are
now equal, so that only the sign of the multiplier tells which one holds."""


ROUNDING = 1e-13
"""Relative size of what is left when a sum cancels."""


class Restored(NamedTuple):
    """A solution of the current problem: point, multipliers and basis.

    ``activity`` is each row's, ``z`` the reduced costs. ``known`` tells whether there is a basis.
    ``constant`` is 1 for a point and 0 for a direction, ``priced`` is 1 for multipliers and 0 for
    a Farkas ray: bounds and right sides vanish in the one, costs in the other.
    """

    x: Any
    y: Any
    z: Any
    activity: Any
    columns: Any
    rows: Any
    known: Any
    constant: Any
    priced: Any


@inlined
def room(s, entries):
    """Whether a record with so many pairs fits."""
    fits = s.tally[0].ints + entries + INDICES <= s.ints.size
    return fits and s.tally[0].floats + entries + NUMBERS <= s.floats.size


@inlined
def push(s, index, number):
    """One pair of a record's list."""
    s.ints[s.tally[0].ints] = index
    s.floats[s.tally[0].floats] = number
    s.tally[0].ints += 1
    s.tally[0].floats += 1


@inlined
def push_row(s, i, skip):
    """The elements of row i, but for column ``skip``, as a list; returns its size."""
    size = 0
    e = s.rows[i].head
    while e >= 0:
        element = s.elements[e]
        if element.column != skip:
            push(s, element.column, element.value)
            size += 1
        e = element.right
    return size


@inlined
def push_column(s, j, skip):
    """The elements of column j, but for row ``skip``, as a list; returns its size."""
    size = 0
    e = s.columns[j].head
    while e >= 0:
        element = s.elements[e]
        if element.row != skip:
            push(s, element.row, element.value)
            size += 1
        e = element.below
    return size


@inlined
def seal(s, kind, a, b, c, first, second, numbers):
    """Finish a record: three indices, the sizes of its two lists, six numbers, its kind."""
    at = s.tally[0].ints
    s.ints[at], s.ints[at + 1], s.ints[at + 2] = a, b, c
    s.ints[at + 3], s.ints[at + 4] = first, second
    s.ints[at + 5] = kind
    s.tally[0].ints = at + INDICES
    at = s.tally[0].floats
    for k in range(NUMBERS):
        s.floats[at + k] = numbers[k]
    s.tally[0].floats = at + NUMBERS


@inlined
def reduced_cost(p, cost, rows, values):
    """``c_j - Σ a_ij y_i`` of a stored column; what cancels to rounding in a ray is zero."""
    z, size = cost * p.priced, 0.0
    for k in range(rows.size):
        term = values[k] * p.y[rows[k]]
        z -= term
        size += abs(term)
    return 0.0 if p.priced == 0 and abs(z) <= ROUNDING * size else z
