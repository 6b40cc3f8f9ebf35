"""Ranging: how far a cost, right side or bound may move before the optimal basis changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .range_form import AT_LOWER, AT_UPPER, BASIC, FREE, Basis, RangeForm
from .sparse import as_csc, scipy_linalg, scipy_sparse

ZERO = 1e-9
"""Relative size below which a reduced cost, slack or pivot counts as zero."""

BLOCK = 64
"""Rows of the tableau held at a time."""

DENSE = 1500
"""Without a solver's basis, one is made of the point when there are at most so many rows."""


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Intervals in which each number may move alone while the basis stays optimal.

    Within its interval a cost changes the optimal cost by ``x_j`` per unit and leaves x as it is; a
    right side or bound changes it by its multiplier per unit and leaves the multipliers.

    Attributes
    ----------
    cost : array (n, 2)
        For each ``c_j``.
    eq, ub : array (m_eq, 2), (m_ub, 2)
        For each ``b_eq`` and ``b_ub``.
    lower, upper : array (n, 2)
        For each bound (a missing one may come from infinity up to x).
    unique_dual : bool
        False when a basic variable is at a bound: then other multipliers may be optimal too, and
        a multiplier may be the derivative to one side only.
    unique_x : bool
        False when a nonbasic variable has no reduced cost: then other points may be optimal too.
    """

    cost: np.ndarray
    eq: np.ndarray
    ub: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    unique_dual: bool
    unique_x: bool
    problem: Any

    def __repr__(self) -> str:
        lines = [f"{name:>12} = {value:<10.6g} in {_interval(ends)}" for name, value, ends in self]
        if len(lines) > 40:
            lines = [*lines[:20], f"{'...':>12}", *lines[-20:]]
        for unique, what in ((self.unique_dual, "multipliers"), (self.unique_x, "points")):
            if not unique:
                lines.append(f"degenerate: other {what} may be optimal too")
        return "\n".join(lines)

    def __iter__(self) -> Iterator[tuple[str, float, np.ndarray]]:
        """``(name, value, interval)`` of every cost and right side."""
        p, names = self.problem, self.problem.labels
        yield from _labelled("c", names.columns, p.c, self.cost)
        yield from _labelled("b_eq", names.eq, p.b_eq, self.eq)
        yield from _labelled("b_ub", names.ub, p.b_ub, self.ub)


def _labelled(what: str, names: Any, values: Any, ranges: Any) -> Iterator[tuple[str, float, Any]]:
    for name, value, ends in zip(names, values, ranges):
        yield f"{what}[{name}]", float(value), ends


def _interval(ends: Any) -> str:
    low, high = (float(end) for end in ends)
    left = "(-inf" if low == -np.inf else f"[{low:.6g}"
    return f"{left}, {'inf)' if high == np.inf else f'{high:.6g}]'}"


def sensitivity(problem: Any, x: np.ndarray, dual: Any, basis: Basis | None) -> Sensitivity:
    """The intervals in which the optimal basis stays optimal.

    Parameters
    ----------
    problem : LinearProgram
    x, dual
        The optimal point and its multipliers.
    basis : Basis or None
        Of the problem's range form; without one, a basis is made of the point.

    Raises
    ------
    ValueError
        When there is no basis: an integer program, or a point that is not a vertex.

    References
    ----------
    Chvátal 1983, Linear Programming, chapter 10.
    """
    if problem.is_integer:
        raise ValueError("sensitivity: found integer variables, needed none")
    form, row_map = problem.two_sided
    y = row_map.gather(np.concatenate([dual.eq, dual.ub]))
    tableau = _Tableau(form, basis or vertex_basis(form, x, y), x)
    low, high = tableau.ends()
    n, rows = form.c.size, slice(form.c.size, None)
    b = np.full((row_map.size, 2), np.nan)
    b[row_map.first] = high[rows]
    paired = row_map.second >= 0
    b[row_map.second[paired]] = -low[rows][paired][:, ::-1]
    m_eq = problem.b_eq.size
    return Sensitivity(
        tableau.costs(), b[:m_eq], b[m_eq:], low[:n], high[:n], tableau.unique_dual,
        tableau.unique_x, problem,
    )  # fmt: skip


class _Tableau:
    """``K v = 0`` with ``K = [A, -I]`` and ``v = (x, activity)``, at a basis."""

    def __init__(self, form: RangeForm, basis: Basis, x: np.ndarray) -> None:
        m, n = form.shape
        self.K = as_csc(scipy_sparse().hstack([form.A, -scipy_sparse().eye_array(m)], format="csc"))
        self.c = np.concatenate([form.c, np.zeros(m)])
        self.lower = np.concatenate([form.lower, form.row_lower])
        self.upper = np.concatenate([form.upper, form.row_upper])
        self.at = np.concatenate([basis.columns, basis.rows])
        self.n, self.basic = n, np.flatnonzero(self.at == BASIC)
        self.v = np.concatenate([x, form.A @ x])
        self.lu = scipy_linalg()[1].splu(self.K[:, self.basic]) if m else None
        y = self.solve(self.c[self.basic], "T")
        z = self.c - self.K.T @ y
        z[np.abs(z) <= ZERO * (np.abs(self.c) + abs(self.K).T @ np.abs(y))] = 0.0
        z[self.basic] = 0.0
        self.z = z

    def solve(self, right: np.ndarray, trans: str = "N") -> np.ndarray:
        return self.lu.solve(np.ascontiguousarray(right), trans) if self.lu else right

    @property
    def fixed(self) -> np.ndarray:
        return self.lower == self.upper

    @property
    def unique_dual(self) -> bool:
        v, size = self.v[self.basic], ZERO * (1.0 + np.abs(self.v[self.basic]))
        near = [np.abs(v - end[self.basic]) <= size for end in (self.lower, self.upper)]
        return not bool((near[0] | near[1]).any())

    @property
    def unique_x(self) -> bool:
        return not bool(((self.z == 0.0) & (self.at != BASIC) & ~self.fixed).any())

    def costs(self) -> np.ndarray:
        """A nonbasic column's up to its reduced cost; a basic one's by a ratio test on its row."""
        c, z, at = self.c[: self.n], self.z[: self.n], self.at[: self.n]
        low = np.where(at == AT_UPPER, -np.inf, c - z)
        high = np.where(at == AT_LOWER, np.inf, c - z)
        fixed = self.fixed[: self.n] & (at != BASIC)
        low[fixed], high[fixed] = -np.inf, np.inf
        places = np.flatnonzero(self.basic < self.n)
        for start in range(0, places.size, BLOCK):
            chosen = places[start : start + BLOCK]
            columns = self.basic[chosen]
            least, most = self._cost_steps(chosen)
            low[columns], high[columns] = c[columns] + least, c[columns] + most
        return np.column_stack([low, high])

    def _cost_steps(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far the costs of some basic columns may fall and rise."""
        units = np.zeros((self.basic.size, places.size))
        units[places, np.arange(places.size)] = 1.0
        alpha = (self.K.T @ self.solve(units, "T")).T
        alpha[np.abs(alpha) <= ZERO * np.max(np.abs(alpha), axis=1, keepdims=True)] = 0.0
        movable = (self.at != BASIC) & ~self.fixed
        alpha[:, ~movable] = 0.0
        free = movable & (self.at == FREE)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(alpha != 0.0, self.z / alpha, np.nan)
        ratio[:, free] = np.where(alpha[:, free] != 0.0, 0.0, np.nan)
        rises = (alpha > 0) == (self.at == AT_LOWER)
        most = np.where((rises | free) & (alpha != 0.0), ratio, np.inf).min(axis=1, initial=np.inf)
        least = np.where((~rises | free) & (alpha != 0.0), ratio, -np.inf)
        return least.max(axis=1, initial=-np.inf), most

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Intervals of the lower and of the upper end of every column and activity."""
        v = self.v
        low = np.column_stack([np.full(v.size, -np.inf), v])
        high = np.column_stack([v, np.full(v.size, np.inf)])
        fixed = self.fixed & (self.at == BASIC)
        low[fixed, 0], high[fixed, 1] = v[fixed], v[fixed]
        active = np.flatnonzero((self.at == AT_LOWER) | (self.at == AT_UPPER))
        for start in range(0, active.size, BLOCK):
            chosen = active[start : start + BLOCK]
            moved = self._moved(chosen)
            equal = self.fixed[chosen]
            for k, at, other in ((low, AT_LOWER, self.upper), (high, AT_UPPER, self.lower)):
                here = (self.at[chosen] == at) | equal
                k[chosen[here]] = v[chosen[here], None] + moved[here]
                side = other[chosen[here & ~equal]]
                clip = np.minimum if at == AT_LOWER else np.maximum
                at_end = 1 if at == AT_LOWER else 0
                k[chosen[here & ~equal], at_end] = clip(k[chosen[here & ~equal], at_end], side)
        return low, high

    def _moved(self, chosen: np.ndarray) -> np.ndarray:
        """How far some nonbasic variables may move until a basic one meets its bound."""
        step = -self.solve(self.K[:, chosen].toarray())
        step[np.abs(step) <= ZERO * np.max(np.abs(step), axis=0, initial=0.0)] = 0.0
        v = self.v[self.basic][:, None]
        room_down = np.minimum(self.lower[self.basic][:, None] - v, 0.0)
        room_up = np.maximum(self.upper[self.basic][:, None] - v, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ahead = np.where(step > 0, room_up, room_down) / step
            behind = np.where(step > 0, room_down, room_up) / step
        most = np.where(step != 0.0, ahead, np.inf).min(axis=0, initial=np.inf)
        least = np.where(step != 0.0, behind, -np.inf).max(axis=0, initial=-np.inf)
        return np.column_stack([least, most])


def vertex_basis(form: RangeForm, x: np.ndarray, y: np.ndarray) -> Basis:
    """A basis of an optimal vertex: what lies between its bounds, filled up with the rest.

    Those with the smallest reduced costs come first, so that the basis is dual feasible too.
    """
    m, n = form.shape
    if m > DENSE:
        raise ValueError(f"basis: found none and {m} rows, needed at most {DENSE} to make one")
    K = np.hstack([form.A.toarray(), -np.eye(m)])
    v = np.concatenate([x, form.A @ x])
    z = np.concatenate([form.c - form.A.T @ y, y])
    lower = np.concatenate([form.lower, form.row_lower])
    upper = np.concatenate([form.upper, form.row_upper])
    size = ZERO * (1.0 + np.abs(v))
    low, high = v - lower <= size, upper - v <= size
    terms = np.concatenate([np.abs(form.c) + abs(form.A).T @ np.abs(y), np.abs(y) + 1.0])
    silent = np.abs(z) <= ZERO * (terms + 1.0)
    inside = ~low & ~high
    at = np.where(low & (~high | (z >= 0)), AT_LOWER, np.where(high, AT_UPPER, FREE))
    basic: list[int] = []
    rest = K
    for group in (inside, ~inside & silent & (lower < upper), ~inside & silent, ~silent):
        members = np.flatnonzero(group)
        if len(basic) == m or not members.size:
            continue
        Q, R, order = scipy_linalg()[0].qr(rest[:, members], mode="economic", pivoting=True)
        diagonal = np.abs(np.diag(R))
        rank = int(np.sum(diagonal > ZERO * diagonal[0])) if diagonal[0] > ZERO else 0
        if group is inside and rank < members.size:
            raise ValueError(
                "basis: found a point that is not a vertex, needed one (a simplex method gives one)"
            )
        basic += members[order[:rank]].tolist()
        rest = rest - Q[:, :rank] @ (Q[:, :rank].T @ rest)
    at = at.astype(np.int8)
    at[basic] = BASIC
    return Basis(at[:n], at[n:])
