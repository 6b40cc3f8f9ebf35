"""What a claim of the simplex method must pass in the user's units before it is made.

The certificate of the result judges independently; these checks decide whether to go on working.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..range_form import RangeForm, Solution

PROOF = 1e-9
"""What a ray may leave on missing bounds, relative to what it proves."""


def residuals(form: RangeForm, solution: Solution) -> tuple[float, float]:
    """Largest violation of a bound or row, and of the sign of a dual, relative to their terms."""
    x, y = solution.x, solution.y
    activity, terms = _times(form.A, x)
    rows = _outside(activity, form.row_lower, form.row_upper) / (1.0 + terms)
    columns = _outside(x, form.lower, form.upper) / (1.0 + np.abs(x))
    priced, costs = _transposed_times(form.A, y)
    z, costs = form.c - priced, np.abs(form.c) + costs
    wrong = _wrong_sign(z, x, form.lower, form.upper) / (1.0 + costs)
    wrong_row = _wrong_sign(y, activity, form.row_lower, form.row_upper) / (1.0 + np.abs(y))
    primal = max(rows.max(initial=0.0), columns.max(initial=0.0))
    return float(primal), float(max(wrong.max(initial=0.0), wrong_row.max(initial=0.0)))


def _outside(value: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    return np.maximum(np.maximum(lower - value, value - upper), 0.0)


def _wrong_sign(
    d: np.ndarray, value: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> np.ndarray:
    """A positive d needs the variable at its lower bound, a negative one at its upper bound."""
    from_lower = np.minimum(value - lower, 1.0 + np.abs(value))
    from_upper = np.minimum(upper - value, 1.0 + np.abs(value))
    slack = np.maximum(np.where(d > 0, from_lower, from_upper), 0.0)
    return np.abs(d) * np.minimum(1.0, slack / (1.0 + np.abs(value)))


def farkas_holds(form: RangeForm, w: Any) -> bool:
    """Whether ``max wᵀr`` over the rows' bounds is below ``min (Aᵀw)ᵀx`` over the columns'."""
    v, size = _transposed_times(form.A, w)
    high = np.where(w > 0, form.row_upper, form.row_lower)
    low = np.where(v > 0, form.lower, form.upper)
    used, bounded = np.isfinite(high), np.isfinite(low)
    if np.any(w[~used] != 0.0) or np.any(np.abs(v[~bounded]) > PROOF * size[~bounded]):
        return False
    rows, columns = w[used] * high[used], v[bounded] * low[bounded]
    margin = columns.sum() - rows.sum()
    terms = np.abs(rows).sum() + (size[bounded] * np.abs(low[bounded])).sum()
    lengths = np.abs(high[used]) / _row_sizes(form)[used]
    reach = max(lengths.max(initial=0.0), np.abs(low[bounded]).max(initial=0.0), 1.0)
    loose = np.abs(v[~bounded]).sum() * reach
    return bool(margin > 1e-13 * terms and loose <= 10.0 * PROOF * margin)


def cleaned_ray(form: RangeForm, w: Any) -> np.ndarray:
    """The weights without rounding noise, which would lean on missing bounds."""
    size = np.abs(w) * _row_sizes(form)
    w = np.where(size <= 1e-12 * size.max(initial=0.0), 0.0, w)
    high = np.where(w > 0, form.row_upper, form.row_lower)
    return np.where(np.isfinite(high), w, 0.0)


def _row_sizes(form: RangeForm) -> np.ndarray:
    """Sum of the magnitudes in each row, one for an empty row."""
    sums = np.bincount(form.A.indices, np.abs(form.A.data), form.shape[0])
    return np.where(sums > 0.0, sums, 1.0)


def recedes(form: RangeForm, d: Any) -> bool:
    """Whether the cost falls along d and neither a bound nor a row ever stops it."""
    slope, terms = form.c @ d, np.abs(form.c) @ np.abs(d)
    moved, size = _times(form.A, d)
    noise = PROOF * np.abs(d).max(initial=0.0)
    return bool(
        slope < -PROOF * terms
        and not _stopped(d, noise, form.lower, form.upper)
        and not _stopped(moved, PROOF * size, form.row_lower, form.row_upper)
    )


def _stopped(d: np.ndarray, noise: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> bool:
    down, up = (d < -noise) & np.isfinite(lower), (d > noise) & np.isfinite(upper)
    return bool(np.any(down | up))


def _times(A: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``A x``, and ``|A| |x|``, which measures its rounding."""
    terms = A.data * np.repeat(x, np.diff(A.indptr))
    m = A.shape[0]
    return np.bincount(A.indices, terms, m), np.bincount(A.indices, np.abs(terms), m)


def _transposed_times(A: Any, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``Aᵀ y`` and ``|A|ᵀ |y|``."""
    terms = A.data * y[A.indices]
    n = A.shape[1]
    columns = np.repeat(np.arange(n), np.diff(A.indptr))
    return np.bincount(columns, terms, n), np.bincount(columns, np.abs(terms), n)
