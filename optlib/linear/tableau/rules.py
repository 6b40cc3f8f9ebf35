"""Which column enters the basis and which row leaves it: the rules of the textbook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Rule(NamedTuple):
    """A pair of choices, each made on a :class:`~optlib.linear.tableau.state.State`.

    ``entering(state, columns)`` picks one of the columns of negative reduced cost;
    ``leaving(state, entering, rows)`` one of the rows that tie in the ratio test.
    """

    entering: Callable[[Any, np.ndarray], int]
    leaving: Callable[[Any, int, np.ndarray], int]


# ------------------------------------------------------------------ the entering column


def _most_negative(state: Any, columns: np.ndarray) -> int:
    """The steepest fall of the cost per unit of the entering variable (Dantzig)."""
    return int(columns[state.numbers.first_least(state.costs[columns])])


def _first(state: Any, columns: np.ndarray) -> int:
    """The lowest index (Bland)."""
    return int(columns[0])


def _steepest(state: Any, columns: np.ndarray) -> int:
    """The steepest fall per unit of length of the edge, ``d_j / sqrt(1 + |B⁻¹a_j|²)``."""
    body, costs = state.body[:, columns], state.costs[columns]
    falls = costs * costs / (1 + (body * body).sum(axis=0))
    return int(columns[state.numbers.first_least(-falls)])


def _greatest(state: Any, columns: np.ndarray) -> int:
    """The largest fall of the cost, slope times step; a column without end falls for ever."""
    falls = []
    for column in columns.tolist():
        ratios = [ratio for ratio in state.ratios(column) if ratio is not None]
        if not ratios:
            return column
        falls.append(state.costs[column] * min(ratios))
    return int(columns[state.numbers.first_least(np.array(falls))])


# ------------------------------------------------------------------ the leaving row


def _lowest(state: Any, entering: int, rows: np.ndarray) -> int:
    """The row whose basic variable has the lowest index."""
    return int(rows[np.argmin(state.basis[rows])])


def _lexicographic(state: Any, entering: int, rows: np.ndarray) -> int:
    """The lexicographically smallest row of ``B⁻¹B_0``, divided by its pivot.

    ``B_0`` is the basis that the phase began with, so the rows ``(b, B⁻¹B_0)`` are
    lexicographically positive at the start, and these pivots keep them so.
    """
    for column in state.reference:
        if rows.size == 1:
            break
        values = state.body[rows, column] / state.body[rows, entering]
        least = values.min()
        rows = rows[values <= least + state.numbers.tiny * (1 + abs(least))]
    return int(rows[0])


RULES = {
    "dantzig": Rule(_most_negative, _lowest),
    "bland": Rule(_first, _lowest),
    "steepest_edge": Rule(_steepest, _lowest),
    "greatest_improvement": Rule(_greatest, _lowest),
    "lexicographic": Rule(_most_negative, _lexicographic),
}
