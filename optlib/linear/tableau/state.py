"""The full tableau of a linear program in standard form: its entries, pivots, and what it says.

With basis B the tableau is ``B⁻¹[A | b]`` above the cost rows ``z = c_Bᵀ B⁻¹b + Σ d_j x_j`` of the
problem and ``w``, likewise, of phase 1 (the sum of the artificial variables). Every row of
``A x = b``, ``x >= 0`` has been turned so that ``b >= 0``; its slack variable is the first basic
variable where it fits, an artificial variable elsewhere.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..forms import RowMap
from ..problem import LinearProgram
from ..range_form import AT_LOWER, AT_UPPER, BASIC, FREE, Basis
from .history import Step, text
from .numbers import Numbers

COST, INFEASIBILITY = -2, -1
"""The rows of the problem's cost and of phase 1's, below all others."""

SMALL_PIVOT = 0.1
"""A pivot in float64 that is smaller than this part of another one spoils the tableau."""


class Layout:
    """Which column of the standard form means what; the artificial variables come last."""

    def __init__(self, problem: LinearProgram) -> None:
        low, high = np.isfinite(problem.lower), np.isfinite(problem.upper)
        self.n, self.equations = problem.n, problem.b_eq.size
        self.rows = problem.rows.b.size
        self.turned = ~low & high
        self.free = np.flatnonzero(~low & ~high)
        self.boxed = np.flatnonzero(low & high)
        self.first_slack = self.n + self.free.size
        self.height = self.rows + self.boxed.size
        self.width = self.first_slack + self.height - self.equations
        self.shifted = self.turned | (low & (problem.lower != 0.0))

    @property
    def size(self) -> int:
        """How many entries the tableau has without artificial variables."""
        return self.height * self.width

    def slack(self, row: int) -> int:
        """The column of the slack of a row that is no equation."""
        return self.first_slack + row - self.equations

    def names(self, problem: LinearProgram) -> list[str]:
        """A name for every column: primes on shifted or turned variables, slacks after the rest."""
        columns = problem.labels.columns
        free = set(self.free.tolist())
        names = [
            name + ("+" if j in free else "'" if self.shifted[j] else "")
            for j, name in enumerate(columns)
        ]
        names += [f"{columns[j]}-" for j in self.free]
        names += [f"s{i}" for i in range(self.rows - self.equations)]
        return names + [f"t{j}" for j in self.boxed]


class State:
    """The tableau at work.

    Attributes
    ----------
    entries : array (m + 2, N + k + 1)
        Rows of the basic variables, then the two cost rows (their last entry is minus the cost);
        columns of the standard form, of k artificial variables, and the right side.
    basis : int array (m,)
        The basic variable of every row.
    reference : int array (m,)
        The basis that the phase began with.
    """

    def __init__(self, problem: LinearProgram, numbers: Numbers) -> None:
        self.problem, self.numbers = problem, numbers
        self.layout = Layout(problem)
        self.form = problem.standard_form()
        self.phase = 2
        self._fill()

    def _fill(self) -> None:
        """The first tableau; its basis is the identity."""
        array, layout = self.numbers.array, self.layout
        m, width = layout.height, layout.width
        b = self._right_side()
        slack = np.arange(m) >= layout.equations
        negative = b < 0
        artificial = np.flatnonzero(negative | ~slack)
        self.sign = np.where(negative, -1, 1)
        entries = self.numbers.zeros(m + 2, width + artificial.size + 1)
        entries[:m, :width] = array(self.form.problem.A_eq) * self.sign[:, None]
        entries[artificial, width + np.arange(artificial.size)] += 1
        entries[:m, -1] = b * self.sign
        entries[COST, :width] = array(self.form.problem.c)
        entries[INFEASIBILITY, width:-1] += 1
        self.basis = layout.slack(0) + np.arange(m)
        self.basis[artificial] = width + np.arange(artificial.size)
        self.unit = self.basis.copy()
        self.start = entries
        self.entries = entries.copy()
        self.entries[INFEASIBILITY] -= self.entries[artificial].sum(axis=0)
        self.reference = self.basis.copy()

    def _right_side(self) -> np.ndarray:
        """The standard form's right side in these numbers: rows, then the widths of the boxes."""
        array, problem, boxed = self.numbers.array, self.problem, self.layout.boxed
        rows = array(problem.rows.b) - array(problem.rows.A) @ self.shift
        return np.concatenate([rows, array(problem.upper[boxed]) - array(problem.lower[boxed])])

    # -------------------------------------------------------------- parts

    @cached_property
    def shift(self) -> np.ndarray:
        """Where the standard form's origin lies."""
        return self.numbers.array(self.form.shift)

    @cached_property
    def back(self) -> np.ndarray:
        """The matrix from the standard form's variables to the problem's."""
        return self.numbers.array(self.form.S)

    @property
    def height(self) -> int:
        """How many rows have a basic variable."""
        return self.basis.size

    @property
    def body(self) -> np.ndarray:
        """``B⁻¹A`` with the artificial columns."""
        return self.entries[: self.height, :-1]

    @property
    def right(self) -> np.ndarray:
        """``B⁻¹b``, the values of the basic variables."""
        return self.entries[: self.height, -1]

    @property
    def costs(self) -> np.ndarray:
        """The reduced costs of the phase."""
        return self.entries[COST if self.phase == 2 else INFEASIBILITY, :-1]

    @property
    def artificial(self) -> np.ndarray:
        """The rows whose basic variable is artificial."""
        return self.basis >= self.layout.width

    # -------------------------------------------------------------- what the rules look at

    def candidates(self) -> np.ndarray:
        """The columns of negative reduced cost; an artificial variable never comes back."""
        costs, start = self.costs[: self.layout.width], self.start[COST, : self.layout.width]
        size = 1 if self.phase == 1 else 1 + abs(start).max(initial=0)
        return np.flatnonzero(costs < -self.numbers.tiny * size)

    def blocking(self, column: int) -> np.ndarray:
        """The rows that bound the entering variable: those with a positive entry.

        An artificial variable that phase 1 leaves in the basis belongs to a row of zeros.
        """
        entries = self.body[:, column]
        enough = self.numbers.tiny * max(1, abs(entries).max(initial=0))
        rows = entries > enough
        return np.flatnonzero(rows & ~self.artificial if self.phase == 2 else rows)

    def ratios(self, column: int) -> list[Any]:
        """The ratio test, row by row; ``None`` where the row does not bound."""
        found: list[Any] = [None] * self.height
        for row in self.blocking(column).tolist():
            found[row] = self.right[row] / self.body[row, column]
        return found

    def tied(self, column: int, ratios: list[Any]) -> np.ndarray:
        """The rows of the smallest ratio; in float64 those whose pivots are not much smaller."""
        rows = [row for row, ratio in enumerate(ratios) if ratio is not None]
        least = min(ratios[row] for row in rows)
        near = least + self.numbers.tie * (1 + abs(least))
        tied = np.array([row for row in rows if ratios[row] <= near])
        if self.numbers.exact:
            return tied
        pivots = self.body[tied, column]
        return tied[pivots >= SMALL_PIVOT * pivots.max()]

    # -------------------------------------------------------------- moves

    def pivot(self, row: int, column: int) -> None:
        """Gauss-Jordan: the column becomes a unit vector, its variable basic in the row."""
        T = self.entries
        T[row] = T[row] / T[row, column]
        factors = T[:, column].copy()
        factors[row] = factors[row] - factors[row]
        others, used = np.flatnonzero(factors), np.flatnonzero(T[row])
        T[np.ix_(others, used)] -= np.outer(factors[others], T[row, used])
        T[others, column] = factors[row]
        T[row, column] = factors[row] + 1
        self.basis[row] = column
        if not self.numbers.exact:
            self._round_off()

    def _round_off(self) -> None:
        """A basic variable below zero by rounding is zero."""
        right = self.right
        right[np.abs(right) <= self.numbers.tie * (1.0 + np.abs(right).max(initial=0.0))] = 0.0

    def refresh(self) -> None:
        """Float64: the tableau computed anew from its basis, without the pivots' rounding."""
        if self.numbers.exact or not self.height:
            return
        m, basis = self.height, self.basis
        try:
            body = np.linalg.solve(self.start[:m, basis], self.start[:m])
        except np.linalg.LinAlgError:
            return
        body[:, basis] = np.eye(m)
        self.entries[:m] = body
        self.entries[m:] = self.start[m:] - self.start[m:, basis] @ body
        self._round_off()

    def begin_phase(self, phase: int) -> None:
        """Another cost row counts, and the lexicographic order starts from the basis at hand."""
        self.phase, self.reference = phase, self.basis.copy()

    # -------------------------------------------------------------- what it says

    def infeasibility(self) -> Any:
        """The sum of the artificial variables."""
        return -self.entries[INFEASIBILITY, -1]

    def is_feasible(self) -> bool:
        """Whether that sum is zero."""
        size = 1 + abs(self.start[: self.height, -1]).max(initial=0)
        return bool(self.infeasibility() <= self.numbers.tiny * size)

    def cost(self) -> Any:
        """The problem's cost at the basic solution, constant included."""
        c, offset = self.numbers.array(self.problem.c), self.numbers.array(self.problem.offset)
        return offset[()] + c @ self.shift - self.entries[COST, -1]

    def point(self) -> np.ndarray:
        """The basic solution in the problem's variables."""
        real = ~self.artificial
        return self.back[:, self.basis[real]] @ self.right[real] + self.shift

    def direction(self, column: int) -> np.ndarray:
        """How the problem's variables move per unit of an entering variable."""
        real = ~self.artificial
        return self.back[:, column] - self.back[:, self.basis[real]] @ self.body[real, column]

    def multipliers(self) -> np.ndarray:
        """``y`` with ``d = c - Aᵀy`` of the phase's costs, for the problem's rows."""
        own = self.start[COST if self.phase == 2 else INFEASIBILITY, self.unit]
        return ((own - self.costs[self.unit]) * self.sign)[: self.layout.rows]

    def names(self) -> list[str]:
        """A name for every column, the artificial ones included."""
        names = self.layout.names(self.problem)
        return names + [f"a{k}" for k in range(self.entries.shape[1] - 1 - len(names))]

    def meanings(self) -> list[str]:
        """What the shifted, turned and split variables stand for."""
        layout, names, found = self.layout, self.problem.labels.columns, []
        for j, name in enumerate(names):
            size, sign = text(abs(self.shift[j])), "-" if self.shift[j] < 0 else "+"
            if j in layout.free:
                found.append(f"{name} = {name}+ - {name}-")
            elif layout.turned[j]:
                found.append(f"{name} = {sign.strip('+')}{size} - {name}'")
            elif layout.shifted[j]:
                found.append(f"{name} = {name}' {sign} {size}")
        return found

    def step(
        self,
        number: int,
        note: str,
        entering: str | None,
        leaving: str | None,
        pivot: Any,
        ratios: tuple[Any, ...],
        names: list[str],
    ) -> Step:
        """A copy for the history; phase 2 shows no artificial variables and their rows neither."""
        first = self.phase == 1
        rows = np.arange(self.height) if first else np.flatnonzero(~self.artificial)
        columns = slice(0, None if first else self.layout.width)
        return Step(
            number, self.phase, tuple(names[columns]), tuple(names[j] for j in self.basis[rows]),
            self.body[rows, columns], self.right[rows],
            self.entries[COST, :-1][columns].copy(), self.cost(),
            self.entries[INFEASIBILITY, :-1].copy() if first else None,
            self.infeasibility() if first else None,
            entering, leaving, pivot, tuple(ratios[i] for i in rows) if ratios else (),
            self.point().astype(float), note,
        )  # fmt: skip

    def range_basis(self, rows: RowMap) -> Basis:
        """The basis in the words of the two-sided form."""
        layout = self.layout
        basic = np.zeros(self.entries.shape[1] - 1, dtype=bool)
        basic[self.basis] = True
        columns = np.where(layout.turned, AT_UPPER, AT_LOWER)
        columns[basic[: layout.n]] = BASIC
        minus = basic[layout.n : layout.first_slack]
        columns[layout.free[~minus & ~basic[layout.free]]] = FREE
        columns[layout.free[minus]] = BASIC
        at_end = ~basic[layout.slack(layout.rows) : layout.width]
        columns[layout.boxed[at_end]] = AT_UPPER
        own = np.where(np.arange(layout.height) < layout.equations, self.unit, 0)
        inequalities = np.arange(layout.equations, layout.height)
        own[inequalities] = layout.slack(0) + inequalities
        loose = basic[own]
        other = (rows.second < 0) | loose[rows.second]
        status = np.where(loose[rows.first], np.where(other, BASIC, AT_LOWER), AT_UPPER)
        return Basis(columns, status)
