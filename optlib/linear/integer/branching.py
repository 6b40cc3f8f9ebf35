"""Which variable to branch on: pseudo-costs, made reliable by a few dual simplex iterations.

The pseudo-cost of a variable is by how much the bound has risen, per unit of what was cut off,
each time that it was rounded down or up. Until both have been seen often enough the two children
are solved for a few iterations (strong branching).

References: Achterberg, Koch & Martin (2005), Branching rules revisited; Linderoth & Savelsbergh
(1999).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

RELIABLE = 4
"""Gains in each direction after which a pseudo-cost is believed."""

CANDIDATES = 8
"""Variables of a node that are tried by strong branching."""

PATIENCE = 4
"""Candidates without a better one after which no more are tried."""

LEAST = 1e-6
"""A gain counts as this at least, so that products of gains compare."""

DOWN, UP = 0, 1


class Choice(NamedTuple):
    """A variable to branch on, and the direction in which the bound is expected to rise less."""

    column: int
    first: int


class PseudoCosts:
    """Gains of the bound per unit, for each variable and direction."""

    def __init__(self, n: int) -> None:
        self.total = np.zeros((2, n))
        self.count = np.zeros((2, n), dtype=int)

    def learn(self, j: int, direction: int, distance: float, gain: float) -> None:
        """Record a gain of the bound."""
        if np.isfinite(gain):
            self.total[direction, j] += max(gain, 0.0) / distance
            self.count[direction, j] += 1

    def rates(self) -> np.ndarray:
        """Gain per unit; variables never branched on have the average of the others."""
        seen = self.count > 0
        rate = self.total / np.maximum(self.count, 1)
        average = rate.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
        return np.where(seen, rate, np.where(average > 0, average, 1.0)[:, None])

    def choose(
        self,
        columns: np.ndarray,
        x: np.ndarray,
        attempt: Callable[[int, int], float],
    ) -> Choice:
        """The fractional variable with the largest product of gains.

        ``attempt(j, direction)`` is the gain of the bound from some dual simplex iterations,
        infinite when the child is closed.
        """
        down = x[columns] - np.floor(x[columns])
        distance = np.stack([down, 1.0 - down])
        gains = self.rates()[:, columns] * distance
        best, top, without = -1, -1.0, 0
        tried = 0
        for k in np.argsort(-_score(gains), kind="stable"):
            j = int(columns[k])
            if self.count[:, j].min() < RELIABLE and tried < CANDIDATES and without < PATIENCE:
                tried += 1
                for direction in (DOWN, UP):
                    gains[direction, k] = attempt(j, direction)
                    self.learn(j, direction, distance[direction, k], gains[direction, k])
            score = float(_score(gains[:, k]))
            without += 1
            if score > top:
                best, top, without = int(k), score, 0
            if top == np.inf:
                break
        return Choice(int(columns[best]), DOWN if gains[DOWN, best] <= gains[UP, best] else UP)


def _score(gains: np.ndarray) -> np.ndarray:
    return np.maximum(gains[DOWN], LEAST) * np.maximum(gains[UP], LEAST)
