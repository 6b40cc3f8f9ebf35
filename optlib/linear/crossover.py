"""From a point in the middle of a face to a basis."""

from __future__ import annotations

import numpy as np

from .range_form import AT_LOWER, AT_UPPER, BASIC, FREE, Basis, RangeForm, Solution


def likely_basis(form: RangeForm, solution: Solution) -> Basis:
    """The basis that a point and its multipliers suggest; the simplex method mends it.

    At an optimum a variable away from its bounds has no multiplier, and one with a multiplier is
    at a bound: those with the largest ``distance / (distance + |multiplier|)`` become basic, as
    many as there are rows. A row's activity counts as a variable.
    """
    m, n = form.shape
    x, y = np.nan_to_num(solution.x), np.nan_to_num(solution.y)
    x, z = np.concatenate([x, form.A @ x]), np.concatenate([form.c - form.A.T @ y, y])
    low, high = (
        np.concatenate([form.lower, form.row_lower]),
        np.concatenate([form.upper, form.row_upper]),
    )
    below, above = np.abs(x - low), np.abs(high - x)
    free = np.isinf(low) & np.isinf(high)
    distance = np.where(free, 1.0, np.minimum(below, above)) / (1.0 + np.abs(x))
    price = np.abs(z) / (1.0 + np.abs(z).max(initial=0.0))
    merit = np.where(free, np.inf, distance / (distance + price + np.finfo(float).tiny))
    side = np.where(below <= above, AT_LOWER, AT_UPPER)
    side = np.where(free, FREE, side)
    side[np.argsort(-merit, kind="stable")[:m]] = BASIC
    side = side.astype(np.int8)
    return Basis(side[:n], side[n:])
