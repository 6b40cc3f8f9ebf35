"""Scaling of rows and columns by powers of two, so that no digit is lost.

Geometric sweeps bring every row and column to entries around one (the root of its least times its
largest magnitude is divided out); then each column is equilibrated to a largest entry in [1, 2).
The factors are rounded to powers of two: scaling and unscaling are exact in floating point, and
a solution of the scaled program is one of the original up to the units alone.

References: Curtis & Reid (1972); Fulkerson & Wolfe (1962); Tomlin (1975).
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.status import Status
from ..linalg.cached import kernel
from .range_form import RangeForm, Solution


@dataclass(frozen=True, eq=False)
class Scaling:
    """Row factors R, column factors C, cost factor κ: ``A' = R A C``, ``x = C x'``, ``y = κ R y'``.

    Attributes
    ----------
    row : float64 array, shape (m,)
    column : float64 array, shape (n,)
    cost : float
        κ, the unit of the cost: ``c' = C c / κ``.
    """

    row: np.ndarray
    column: np.ndarray
    cost: float = 1.0

    def apply(self, form: RangeForm) -> RangeForm:
        """The program in scaled units."""
        R, C = self.row, self.column
        A = copy(form.A)  # shares what it does not change
        A.data = A.data * R[A.indices] * np.repeat(C, A.indptr[1:] - A.indptr[:-1])
        return RangeForm(
            form.c * C / self.cost,
            A,
            form.row_lower * R,
            form.row_upper * R,
            form.lower / C,
            form.upper / C,
            form.offset / self.cost,
        )

    def undo(self, solution: Solution) -> Solution:
        """The same answer in the original units."""
        ray = solution.ray
        if ray is not None:
            ray = ray * (self.row if solution.status is Status.INFEASIBLE else self.column)
        return replace(
            solution, x=solution.x * self.column, y=solution.y * self.row * self.cost, ray=ray
        )


def scaling_of(form: RangeForm, sweeps: int = 4) -> Scaling:
    """Geometric sweeps, equilibration of the columns, then one unit for x and one for the cost.

    A matrix with all entries in [1/5, 5] is left as it is. Bounds and costs whose geometric mean
    is far from one get a unit of their own, so that tolerances mean the same in every program.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> A = sp.csc_array([[1e4, 2e4], [1e-3, 2e-3]])
    >>> b, inf = np.zeros(2), np.full(2, np.inf)
    >>> form = RangeForm(np.ones(2), A, b, b, -inf, inf)
    >>> scaling_of(form).apply(form).A.toarray().round(2)
    array([[1.22, 1.22],
           [1.02, 1.02]])
    """
    R, C = _matrix_scaling(form.A, sweeps)
    bounds = (form.row_lower * R, form.row_upper * R, form.lower / C, form.upper / C)
    size = _unit(np.concatenate(bounds))
    R, C = R / size, C * size
    return Scaling(R, C, _unit(form.c * C))


def _matrix_scaling(A: Any, sweeps: int) -> tuple[np.ndarray, np.ndarray]:
    m, n = A.shape
    R, C, entries = np.ones(m), np.ones(n), np.abs(A.data)
    if entries.size == 0 or (entries.min() >= 0.2 and entries.max() <= 5.0):
        return R, C
    _sweep(A.indptr, A.indices, entries, R, C, np.empty((2, m)), sweeps)
    return R, C


@kernel(error_model="numpy")
def _sweep(start, index, entries, R, C, extremes, sweeps):
    """Geometric sweeps; then powers of two, for C those that bring the largest into [1, 2)."""
    m, n = R.size, C.size
    least, largest = extremes[0], extremes[1]
    for _ in range(sweeps):
        for i in range(m):
            least[i] = np.inf
            largest[i] = 0.0
        for j in range(n):
            for e in range(start[j], start[j + 1]):
                i, v = index[e], entries[e] * C[j]
                least[i] = min(least[i], v)
                largest[i] = max(largest[i], v)
        for i in range(m):
            if largest[i] > 0.0:
                R[i] = 1.0 / np.sqrt(least[i] * largest[i])
        for j in range(n):
            low, high = np.inf, 0.0
            for e in range(start[j], start[j + 1]):
                v = entries[e] * R[index[e]]
                low = min(low, v)
                high = max(high, v)
            if high > 0.0:
                C[j] = 1.0 / np.sqrt(low * high)
    for i in range(m):
        R[i] = 2.0 ** np.rint(np.log2(R[i]))
    for j in range(n):
        high = 0.0
        for e in range(start[j], start[j + 1]):
            high = max(high, entries[e] * R[index[e]])
        C[j] = 2.0 ** -np.floor(np.log2(high)) if high > 0.0 else 1.0


def _unit(values: np.ndarray) -> float:
    """A power of two, one unless the magnitudes' geometric mean is outside [1/100, 100]."""
    size = np.abs(values)
    size = size[(size > 0.0) & (size < np.inf)]
    if size.size == 0:
        return 1.0
    mean = float(np.log2(size).sum()) / size.size
    return 2.0 ** round(mean) if abs(mean) > LOG_100 else 1.0


LOG_100 = math.log2(100.0)
