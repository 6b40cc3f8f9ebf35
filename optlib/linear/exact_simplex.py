"""The last pivots of the simplex method in rational arithmetic.

The optimal basis that a float64 solver finds may miss exact optimality by a reduced cost of
``-1e-17``: decimal data tie, their binary images do not. A few exact pivots mend that. Costs are
shifted so that the basis is dual feasible, dual pivots make it primal feasible, and primal pivots
take the shift away again (Bland's rule, so both end).

References
----------
Koch 2004, The final Netlib-LP results; Gleixner, Steffy & Wolter 2016, Iterative refinement for
linear programming.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from .range_form import AT_LOWER, AT_UPPER, BASIC, FREE, Basis, RangeForm
from .rational import ZERO, Line, fractions, lines_of, products, solved_near

PIVOTS = 100
"""Exact pivots at most: from an optimal basis of float64, few are needed."""


def exact_optimum(form: RangeForm, basis: Basis) -> tuple[list[Fraction], list[Fraction]] | None:
    """The exact optimal point and row multipliers near a basis; ``None`` when none is reached."""
    tableau = _Tableau(form, basis)
    true_cost = tableau.cost
    tableau.cost = tableau.shifted()
    for _ in range(PIVOTS):
        v = tableau.point()
        if v is None:
            return None
        outside = tableau.outside(v)
        if outside is None:
            tableau.cost = true_cost
            entering = tableau.attractive()
            if entering is None:
                return v[: tableau.n], tableau.multipliers()
            moved = tableau.primal_pivot(v, entering)
        else:
            moved = tableau.dual_pivot(v, outside)
        if not moved:
            return None
    return None


class _Tableau:
    """``K v = 0`` with ``K = [A, -I]`` and ``v = (x, activity)``, over the rationals."""

    def __init__(self, form: RangeForm, basis: Basis) -> None:
        m, self.n = form.shape
        self.columns: list[Line] = [
            *lines_of(form.A),
            *({i: Fraction(-1)} for i in range(m)),
        ]
        self.rows: list[Line] = lines_of(form.A.tocsr())
        for i, row in enumerate(self.rows):
            row[self.n + i] = Fraction(-1)
        self.cost = fractions(form.c) + [ZERO] * m
        self.lower = np.concatenate([form.lower, form.row_lower])
        self.upper = np.concatenate([form.upper, form.row_upper])
        self.at = np.concatenate([basis.columns, basis.rows])

    @property
    def basic(self) -> list[int]:
        return np.flatnonzero(self.at == BASIC).tolist()

    def point(self) -> list[Fraction] | None:
        """All values, from the bounds at which the nonbasic ones stand."""
        start = np.where(self.at == AT_LOWER, self.lower, self.upper)
        start[(self.at == BASIC) | (self.at == FREE)] = 0.0
        return solved_near(self.rows, [ZERO] * len(self.rows), start, self.basic)

    def multipliers(self) -> list[Fraction]:
        """The row multipliers of the basis."""
        return self._transposed([self.cost[k] for k in self.basic])

    def _transposed(self, right: list[Fraction]) -> list[Fraction]:
        m = len(self.rows)
        lines = [self.columns[k] for k in self.basic]
        return solved_near(lines, right, np.zeros(m), list(range(m))) or [ZERO] * m

    def reduced_costs(self) -> list[Fraction]:
        moved = products(self.columns, self.multipliers())
        return [c - a for c, a in zip(self.cost, moved)]

    # -------------------------------------------------------------- what is wrong

    def outside(self, v: list[Fraction]) -> int | None:
        """The first basic variable outside its bounds."""
        return next((k for k in self.basic if not self.lower[k] <= v[k] <= self.upper[k]), None)

    def attractive(self) -> int | None:
        """The first nonbasic variable that lowers the cost."""
        z = self.reduced_costs()
        return next((k for k in range(len(z)) if self._pays(k, z[k])), None)

    def _pays(self, k: int, z: Fraction) -> bool:
        at = self.at[k]
        if at == BASIC or self.lower[k] == self.upper[k]:
            return False
        return (z < 0 and at != AT_UPPER) or (z > 0 and at != AT_LOWER)

    def shifted(self) -> list[Fraction]:
        """Costs for which no nonbasic variable lowers the cost."""
        z = self.reduced_costs()
        return [c - r if self._pays(k, r) else c for k, (c, r) in enumerate(zip(self.cost, z))]

    # -------------------------------------------------------------- pivots

    def dual_pivot(self, v: list[Fraction], leaving: int) -> bool:
        """Bring a variable to the bound that it violates; the least dual ratio enters."""
        rise = v[leaving] < self.lower[leaving]
        unit = [Fraction(int(k == leaving)) for k in self.basic]
        alpha = products(self.columns, self._transposed(unit))
        z = self.reduced_costs()
        able = [k for k, a in enumerate(alpha) if a and self._helps(k, a, rise)]
        if not able:
            return False
        entering = min(able, key=lambda k: (abs(z[k] / alpha[k]), k))
        self.at[leaving], self.at[entering] = AT_LOWER if rise else AT_UPPER, BASIC
        return True

    def _helps(self, k: int, alpha: Fraction, rise: bool) -> bool:
        """Whether moving k off its bound moves the leaving variable towards its own."""
        at = self.at[k]
        if at == BASIC or self.lower[k] == self.upper[k]:
            return False
        return at == FREE or (at == AT_LOWER) == ((alpha < 0) == rise)

    def primal_pivot(self, v: list[Fraction], entering: int) -> bool:
        """Move a variable that pays until one of the basic ones meets its bound."""
        z = self.cost[entering] - products([self.columns[entering]], self.multipliers())[0]
        sign = 1 if z < 0 else -1
        right = [self.columns[entering].get(i, ZERO) for i in range(len(self.rows))]
        d = solved_near(self.rows, right, np.zeros(len(self.at)), self.basic)
        if d is None:
            return False
        rates = {k: -sign * d[k] for k in self.basic if d[k]} | {entering: Fraction(sign)}
        rooms = {k: self._room(k, v[k], rate) for k, rate in rates.items()}
        stops = [(room, k) for k, room in rooms.items() if room is not None]
        if not stops:
            return False
        leaving = min(stops)[1]
        self.at[entering] = BASIC
        self.at[leaving] = AT_UPPER if rates[leaving] > 0 else AT_LOWER
        return True

    def _room(self, k: int, value: Fraction, rate: Fraction) -> Fraction | None:
        """How long a variable may move at this rate; ``None`` for ever."""
        end = float(self.upper[k] if rate > 0 else self.lower[k])
        return (Fraction(end) - value) / rate if np.isfinite(end) else None
