"""The form that every sparse linear solver works on, and what each hands back.

    minimise   cᵀx   subject to   row_lower <= A x <= row_upper,   lower <= x <= upper

An equality is a row with equal bounds, a missing bound is infinite. Presolve, scaling, simplex and
interior point all speak this form, so each reduction maps a ``RangeForm`` to a ``RangeForm`` and a
``Solution`` back to a ``Solution``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.status import Status

AT_LOWER, BASIC, AT_UPPER, FREE = np.int8(0), np.int8(1), np.int8(2), np.int8(3)
"""Where a variable (or the activity of a row) stands; ``FREE`` is nonbasic at zero."""


@dataclass(frozen=True, eq=False)
class RangeForm:
    """A linear program with two-sided rows.

    Attributes
    ----------
    c : float64 array, shape (n,)
    A : scipy.sparse.csc_array of float64 with int32 indices, sorted, no stored zeros, shape (m, n)
    row_lower, row_upper : float64 array, shape (m,)
    lower, upper : float64 array, shape (n,)
    offset : float
        A constant added to the cost.
    """

    c: np.ndarray
    A: Any
    row_lower: np.ndarray
    row_upper: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    offset: float = 0.0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.A.shape


@dataclass(frozen=True, eq=False)
class Basis:
    """The status of every column and of every row's activity; as many ``BASIC`` as rows."""

    columns: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True, eq=False)
class Solution:
    """What a solver proposes for a ``RangeForm``; the certificate judges it.

    Attributes
    ----------
    status : Status
        ``OPTIMAL``, ``INFEASIBLE``, ``UNBOUNDED``, ``ITERATION_LIMIT``, ``TIME_LIMIT``,
        ``STALLED`` or ``INTERRUPTED``.
    x : array, shape (n,)
    y : array, shape (m,)
        Row duals, ``y_i = d cost / d b_i``; the reduced costs are ``z = c - Aᵀy``, at least zero
        at a lower bound and at most zero at an upper one.
    basis : Basis or None
    ray : array or None
        ``INFEASIBLE``: weights ``w`` of the rows, shape (m,), for which the largest value of
        ``wᵀr`` over ``row_lower <= r <= row_upper`` is below the least value of ``(Aᵀw)ᵀx`` over
        ``lower <= x <= upper``. ``UNBOUNDED``: a direction ``d``, shape (n,), with ``cᵀd < 0``
        that no bound stops; then ``x`` is feasible.
    nit : int
        Iterations.
    note : str
        What a reader should know.
    trace : object
        The history of the run, in the solver's own terms.
    """

    status: Status
    x: np.ndarray
    y: np.ndarray
    basis: Basis | None = None
    ray: np.ndarray | None = None
    nit: int = 0
    note: str = ""
    trace: Any = None
