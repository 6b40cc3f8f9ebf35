"""Integral points near the solution of a relaxation: rounding, diving, the feasibility pump.

Each heuristic is handed ``relax(lower, upper, basis, cost)``, which solves a relaxation in a box,
and proposes points; whether one is feasible is judged elsewhere.

References: Achterberg (2007), Constraint integer programming, chapter 9; Fischetti, Glover & Lodi
(2005), The feasibility pump.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...core.status import Status
from ..range_form import RangeForm, Solution

INTEGRAL = 1e-6
"""Values this near to a whole number count as whole in a relaxation."""

PUMPS = 20
"""Rounds of the feasibility pump."""

Relax = Callable[..., Solution]


def locks(form: RangeForm) -> np.ndarray:
    """How many rows can be violated by lowering each variable, and by raising it."""
    A = form.A
    column = np.repeat(np.arange(A.shape[1]), np.diff(A.indptr))
    above = np.isfinite(form.row_upper)[A.indices]
    below = np.isfinite(form.row_lower)[A.indices]
    lowering = np.where(A.data > 0, below, above)
    raising = np.where(A.data > 0, above, below)
    n = A.shape[1]
    return np.stack([np.bincount(column, lowering, n), np.bincount(column, raising, n)])


def roundings(x: np.ndarray, integer: np.ndarray, locked: np.ndarray) -> Iterator[np.ndarray]:
    """The point with its integer variables rounded: to the safer side, and to the nearest."""
    safe = np.where(locked[0] <= locked[1], np.floor(x + INTEGRAL), np.ceil(x - INTEGRAL))
    yield np.where(integer, safe, x)
    yield np.where(integer, np.rint(x), x)


def dive(
    relax: Relax, start: Solution, lower: np.ndarray, upper: np.ndarray, integer: np.ndarray,
    locked: np.ndarray,
) -> np.ndarray | None:  # fmt: skip
    """Fix what is nearly whole and round what is nearest to it, again and again.

    At least a tenth of what is fractional is rounded each time; when that is infeasible, the
    nearest variable alone goes to the other side, once.
    """
    lower, upper, now = lower.copy(), upper.copy(), start
    while now.status is Status.OPTIMAL:
        x = now.x
        away = np.where(integer, np.abs(x - np.rint(x)), 0.0)
        fractional = np.flatnonzero(away > INTEGRAL)
        if fractional.size == 0:
            return x
        side = np.rint(x[fractional])
        side = np.where(locked[0, fractional] == 0, np.floor(x[fractional]), side)
        side = np.where(locked[1, fractional] == 0, np.ceil(x[fractional]), side)
        order = np.argsort(np.abs(x[fractional] - side), kind="stable")
        chosen = order[: 1 + fractional.size // 10]
        before = lower.copy(), upper.copy()
        lower[fractional[chosen]] = upper[fractional[chosen]] = side[chosen]
        then = relax(lower, upper, now.basis)
        if then.status is Status.INFEASIBLE:
            lower, upper = before
            j, up = fractional[order[0]], side[order[0]] > x[fractional[order[0]]]
            if up:
                upper[j] = np.floor(x[j])
            else:
                lower[j] = np.ceil(x[j])
            then = relax(lower, upper, now.basis)
        now = then
    return None


def pump(
    relax: Relax, start: Solution, lower: np.ndarray, upper: np.ndarray, integer: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray | None:  # fmt: skip
    """Between the relaxation and whole numbers, each time to the nearest of the other.

    The distance of a variable strictly between its bounds is measured from the bound that its
    rounding is nearer to. A rounding that comes back is shaken.
    """
    x, basis, last = start.x, start.basis, None
    columns = np.flatnonzero(integer & (lower < upper))
    for _ in range(PUMPS):
        target = np.rint(x[columns])
        if np.abs(x[columns] - target).max(initial=0.0) <= INTEGRAL:
            return x
        if last is not None and (target == last).all():
            shaken = np.abs(x[columns] - target) + random.uniform(-0.3, 0.7, columns.size) > 0.5
            away = np.where(x[columns] > target, 1.0, -1.0)
            target = np.clip(target + shaken * away, lower[columns], upper[columns])
        last = target
        cost = np.zeros(x.size)
        cost[columns] = np.where(target <= lower[columns], 1.0, 0.0)
        cost[columns] -= np.where(target >= upper[columns], 1.0, 0.0)
        found = relax(lower, upper, basis, cost)
        if found.status is not Status.OPTIMAL:
            return None
        x, basis = found.x, found.basis
    return None


def fixed_box(x: Any, lower: Any, upper: Any, integer: Any) -> tuple[np.ndarray, np.ndarray]:
    """The box in which the integer variables stand at their rounded values."""
    whole = np.clip(np.rint(x), lower, upper)
    return np.where(integer, whole, lower), np.where(integer, whole, upper)
