"""How a linear program lies in memory while it shrinks.

Rows and columns are *lines*: m rows come first, then n columns, so column j is line ``m + j``.
Every nonzero has two *ends*, one in the list of its row and one in that of its column; they are
neighbours, so the other end of e is ``e ^ 1``. The lists are doubly linked: a nonzero leaves both
in constant time, and fill-in takes a place that another one left. They start in the order of the
matrix, so walking them is walking memory.

Compiled functions pass few arrays of records, because each array costs compile time at every call.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


def _record(**fields: str) -> np.dtype:
    return np.dtype([(name, kind) for kind in ("f8", "i8") for name in fields[kind].split()])


LINE = _record(
    f8="lower upper cost least most low high", i8="size head next stale mark below above key"
)
"""A row or a column: its bounds, a column's cost, the least and the most that a row's activity can
be, and whether those are stale; the bounds that others imply, of x_j or y_i, and which line each is
from. ``size`` and ``head`` are of its list, ``next`` of the queue."""

END = _record(f8="value", i8="across before after")
"""One end of a nonzero: its value, the line at the other end, its neighbours in the list."""

PAIR = _record(f8="number", i8="index")
"""What the stack of reductions consists of."""

POINT = _record(f8="value price", i8="status")
"""Of a solution: a row's activity and multiplier, a column's value and reduced cost, and where it
stands."""

TALLY = _record(
    f8="offset weight witness_weight", i8="rows left first last hole top verdict proof witness"
)
"""The cost's constant; how many rows there were and how many lines are left; the ends of the queue;
the first unused nonzero; how full the stack is; what was found, and the rows that prove it."""

GONE = -1
"""The size of a line that was removed."""

NONE = np.int64(-1)
"""The end of a list."""

IDLE = -2
"""What follows a line that is not in the queue."""


class State(NamedTuple):
    """Everything that the reductions read and write."""

    tally: Any
    lines: Any
    ends: Any
    stack: Any


BLANK = np.zeros((), LINE)
BLANK["head"], BLANK["mark"], BLANK["stale"] = NONE, NONE, 1


def load(form: Any) -> State:
    """The state of a whole problem, but for its nonzeros; every line waits in the queue."""
    m, n = form.shape
    nonzeros = form.A.data.size
    capacity = nonzeros + nonzeros // 4 + 64
    tally = np.zeros(1, TALLY)
    first = 0 if m + n else NONE
    tally[0] = (0.0, 0.0, 0.0, m, m + n, first, m + n - 1, 2 * nonzeros, 0, 0, NONE, NONE)
    lines = BLANK.repeat(m + n)
    lines["lower"][:m], lines["lower"][m:] = form.row_lower, form.lower
    lines["upper"][:m], lines["upper"][m:] = form.row_upper, form.upper
    lines["cost"][m:] = form.c
    lines["next"] = np.arange(1, m + n + 1)
    lines["next"][-1:] = NONE
    stack = np.empty(3 * capacity + 6 * (2 * m + n) + 64, PAIR)
    return State(tally, lines, np.empty(2 * capacity, END), stack)
