"""The stack of reductions, and the solution that is restored while it is popped.

A record is two lists of (index, number) pairs and six pairs more, so that it is read backwards:

    indices  first list, second list, a, b, c, size of the first, size of the second, kind
    numbers  first list, second list, six numbers
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import range_form
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

AT_LOWER, BASIC = np.int64(range_form.AT_LOWER), np.int64(range_form.BASIC)
AT_UPPER, FREE = np.int64(range_form.AT_UPPER), np.int64(range_form.FREE)
"""Where a line stands, as numbers of the one type for which kernels are compiled."""

UNUSED = np.int64(0)
"""An index or a list that a record has no use for."""

NO_NUMBERS = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

TAIL = 6
"""How many pairs follow a record's lists."""

NEITHER, FROM_LOWER, FROM_UPPER, _, PINNED = np.arange(5)
"""Which bounds a row or column inherited from the one that was removed; and whether the two are
now equal, so that only the sign of the multiplier tells which one holds."""


ROUNDING = 1e-13
"""Relative size of what is left when a sum cancels."""


class Restored(NamedTuple):
    """A solution of the current problem: point, multipliers and basis; and the stack.

    ``known`` tells whether there is a basis. ``constant`` is 1 for a point and 0 for a direction,
    ``priced`` is 1 for multipliers and 0 for a Farkas ray: bounds and right sides vanish in the
    one, costs in the other.
    """

    lines: Any
    stack: Any
    known: Any
    constant: Any
    priced: Any


@inlined
def room(s, entries):
    """Whether a record with so many pairs fits."""
    return s.tally.top + entries + TAIL <= s.stack.size


@inlined
def push(s, line, skip):
    """The nonzeros of a line, but for that in line ``skip``, as a list; returns its size."""
    top = s.tally.top
    e = s.lines[line].head
    while e >= 0:
        end = s.ends[e]
        if end.across != skip:
            s.stack[top].index, s.stack[top].number = end.across, end.value
            top += 1
        e = end.after
    size = top - s.tally.top
    s.tally.top = top
    return size


@inlined
def seal(s, kind, a, b, c, first, second, numbers):
    """Finish a record: three indices, the sizes of its two lists, six numbers, its kind."""
    at = s.tally.top
    s.stack[at].index, s.stack[at].number = a, numbers[0]
    s.stack[at + 1].index, s.stack[at + 1].number = b, numbers[1]
    s.stack[at + 2].index, s.stack[at + 2].number = c, numbers[2]
    s.stack[at + 3].index, s.stack[at + 3].number = first, numbers[3]
    s.stack[at + 4].index, s.stack[at + 4].number = second, numbers[4]
    s.stack[at + 5].index, s.stack[at + 5].number = kind, numbers[5]
    s.tally.top = at + TAIL


@inlined
def side_of(lower):
    """The status of a variable at its lower bound, or else at its upper one."""
    return AT_LOWER if lower else AT_UPPER


@inlined
def active_side(p, line, origin):
    """Which inherited bound holds: ``FROM_LOWER``, ``FROM_UPPER`` or neither, 0.

    The basis tells; where the two bounds are equal, or without a basis, the multiplier's sign.
    """
    status, price = p.lines[line].status, p.lines[line].price
    side = NEITHER
    if p.known and status == BASIC:
        return side
    if p.known and origin & PINNED == 0:
        if status == AT_LOWER:
            side = FROM_LOWER
        elif status == AT_UPPER:
            side = FROM_UPPER
    elif price > 0:
        side = FROM_LOWER
    elif price < 0:
        side = FROM_UPPER
    elif p.known:
        side = FROM_LOWER if status == AT_LOWER else FROM_UPPER
    return side


@inlined
def activity_of(p, start, stop):
    """``Σ a_j x_j`` of a row stored on the stack."""
    total = 0.0
    for k in range(start, stop):
        total += p.stack[k].number * p.lines[p.stack[k].index].value
    return total


@inlined
def reduced_cost(p, cost, start, stop):
    """``c_j - Σ a_ij y_i`` of a column stored on the stack; what cancels in a ray is 0."""
    z, size = cost * p.priced, 0.0
    for k in range(start, stop):
        term = p.stack[k].number * p.lines[p.stack[k].index].price
        z -= term
        size += abs(term)
    return 0.0 if p.priced == 0 and abs(z) <= ROUNDING * size else z
