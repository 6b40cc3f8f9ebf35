"""What the columns and rows of a linear program are called."""

from __future__ import annotations

from typing import NamedTuple


class Names(NamedTuple):
    """Names as in a file: of the columns, the equations, the inequalities, the cost, the whole."""

    columns: tuple[str, ...]
    eq: tuple[str, ...] = ()
    ub: tuple[str, ...] = ()
    objective: str = "cost"
    problem: str = ""
