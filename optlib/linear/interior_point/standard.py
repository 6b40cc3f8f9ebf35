"""From a ``RangeForm`` to the equality form that the interior point method works on, and back.

    minimise  cᵀx   subject to   A x = b,   x_j >= 0 (some with x_j <= u_j), or x_j free

Fixed variables and free rows drop out, a variable with only an upper bound is mirrored, every
other inequality row gets a slack column. Rows and columns are scaled by powers of two, so that
scaling adds no rounding.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...linalg.cached import kernel
from ..range_form import RangeForm

POSITIVE, BOXED, FREE = 0, 1, 2
"""Kinds of column."""

_NONE = -1
SWEEPS = 4
EQUAL = 1e-12  # two sides of an equation without variables differ by no more, relatively


class Standard(NamedTuple):
    """The scaled equality form.

    Attributes
    ----------
    indptr, indices, data
        A by columns.
    row_start, row_column, row_entry
        A by rows: the columns of the entries and their places in ``data``.
    b, c, upper, kind
        Data of the program; ``upper`` is zero but for boxed columns.
    row_scale, column_scale
        The scaled A is ``row_scale A column_scale``.
    sign, shift
        A variable of the user's is ``shift + sign * column_scale * x_j``; one entry for each of
        the first columns. The slacks come after them.
    column, row
        The user's numbers of the variables and rows that are left.
    row_largest
        The largest entry of each row before scaling.
    terms
        What each right side was summed from, in size and before scaling.
    offset
        The user's cost at ``x = 0``.
    cost_size, x_size
        The largest cost, and the largest number that bounds and right sides give a variable (both
        one if there is none).
    """

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    row_start: np.ndarray
    row_column: np.ndarray
    row_entry: np.ndarray
    b: np.ndarray
    c: np.ndarray
    upper: np.ndarray
    kind: np.ndarray
    row_scale: np.ndarray
    column_scale: np.ndarray
    sign: np.ndarray
    shift: np.ndarray
    column: np.ndarray
    row: np.ndarray
    row_largest: np.ndarray
    terms: np.ndarray
    offset: float
    cost_size: float
    x_size: float


def standardise(form: RangeForm) -> Standard:
    """The scaled equality form of ``form``."""
    lower, upper, A = form.lower, form.upper, form.A
    below, above = lower > -np.inf, upper < np.inf
    at = np.where(below, lower, np.where(above, upper, 0.0))
    column = np.flatnonzero(lower != upper).astype(np.int32)
    boxed, mirrored = (below & above)[column], (above & ~below)[column]
    sign = np.where(mirrored, -1.0, 1.0)
    low, high = form.row_lower > -np.inf, form.row_upper < np.inf
    row = np.flatnonzero(low | high).astype(np.int32)
    slack = np.flatnonzero((form.row_lower != form.row_upper)[row])
    ranged = (low & high)[row[slack]]

    b = np.where(high, form.row_upper, form.row_lower)[row]
    terms = np.zeros(b.size)
    new_row = np.full(low.size, _NONE, np.int32)
    new_row[row] = np.arange(row.size)
    slack_sign = np.where(high[row[slack]], 1.0, -1.0)
    indptr, indices, data, row_largest, row_scale, column_scale = _assemble(
        A.indptr, A.indices, A.data, column, sign, at, new_row, b, terms, slack, slack_sign
    )
    kind = np.empty(column.size + slack.size, np.int8)
    kind[: column.size] = np.where(boxed, BOXED, np.where((below | above)[column], POSITIVE, FREE))
    kind[column.size :] = np.where(ranged, BOXED, POSITIVE)
    box = np.zeros(kind.size)
    box[: column.size][boxed] = (upper - lower)[column[boxed]]
    box[column.size :][ranged] = (form.row_upper - form.row_lower)[row[slack[ranged]]]
    c = np.zeros(kind.size)
    c[: column.size] = sign * form.c[column] * column_scale[: column.size]
    largest = np.where(row_largest > 0.0, row_largest, np.inf)
    x_size = max(
        np.abs(lower[below]).max(initial=0.0), np.abs(upper[above]).max(initial=0.0),
        (np.abs(b) / largest).max(initial=0.0),
    )  # fmt: skip
    row_start, row_column, row_entry = _by_rows(indptr, indices, row.size)
    return Standard(
        indptr, indices, data, row_start, row_column, row_entry, b * row_scale, c,
        box / column_scale, kind, row_scale, column_scale, sign, at[column], column, row,
        row_largest, terms, float(form.c @ at), float(np.abs(form.c).max(initial=0.0)) or 1.0,
        float(x_size) or 1.0,
    )  # fmt: skip


@kernel(error_model="numpy")
def _assemble(
    indptr, indices, data, column, sign, at, new_row, b, terms, slack, slack_sign
):  # fmt: skip
    """Columns that are left, mirrored and scaled, then slacks; moves constants to ``b``.

    The scales are geometric means of each row's and column's extremes, then the largest entry of
    a column becomes one.
    """
    rows, columns = b.size, column.size
    start = np.empty(columns + slack.size + 1, np.int64)
    index, value = np.empty(data.size + slack.size, np.int32), np.empty(data.size + slack.size)
    largest, low, high = np.zeros(rows), np.empty(rows), np.empty(rows)
    k, put = np.int64(0), np.int64(0)
    for j in range(at.size):
        kept = k < columns and column[k] == j
        if kept:
            start[k] = put
        for p in range(indptr[j], indptr[j + 1]):
            i = new_row[indices[p]]
            if i == _NONE:
                continue
            b[i] -= data[p] * at[j]
            terms[i] += abs(data[p] * at[j])
            if kept:
                index[put], value[put] = i, sign[k] * data[p]
                largest[i] = max(largest[i], abs(data[p]))
                put += 1
        k += kept
    start[columns] = put

    row_scale, column_scale = np.ones(rows), np.ones(columns + slack.size)
    for sweep in range(SWEEPS + 1):
        for i in range(rows):
            low[i], high[i] = np.inf, 0.0
        for k in range(columns):
            least, most = np.inf, 0.0
            for p in range(start[k], start[k + 1]):
                size = abs(value[p]) * row_scale[index[p]]
                least, most = min(least, size), max(most, size)
            if most > 0.0:
                column_scale[k] = 1.0 / (most if sweep == SWEEPS else np.sqrt(least * most))
            for p in range(start[k], start[k + 1]):
                size = abs(value[p]) * column_scale[k]
                low[index[p]] = min(low[index[p]], size)
                high[index[p]] = max(high[index[p]], size)
        for i in range(rows):
            if high[i] > 0.0 and sweep < SWEEPS:
                row_scale[i] = 1.0 / np.sqrt(low[i] * high[i])
    for i in range(rows):
        row_scale[i] = np.exp2(np.rint(np.log2(row_scale[i])))
    for k in range(columns):
        column_scale[k] = np.exp2(np.rint(np.log2(column_scale[k])))
        for p in range(start[k], start[k + 1]):
            value[p] *= row_scale[index[p]] * column_scale[k]
    for s in range(slack.size):
        index[put], value[put] = slack[s], slack_sign[s]
        column_scale[columns + s] = 1.0 / row_scale[slack[s]]
        put += 1
        start[columns + s + 1] = put
    return start, index[:put], value[:put], largest, row_scale, column_scale


@kernel()
def _by_rows(indptr, indices, rows):
    """For each row its columns, ascending, and the places of its entries."""
    start = np.zeros(rows + 1, np.int64)
    for p in range(indices.size):
        start[indices[p] + 1] += 1
    for i in range(rows):
        start[i + 1] += start[i]
    column, entry = np.empty(indices.size, np.int32), np.empty(indices.size, np.int64)
    place = start.copy()
    for k in range(indptr.size - 1):
        for p in range(indptr[k], indptr[k + 1]):
            put = place[indices[p]]
            column[put], entry[put] = k, p
            place[indices[p]] = put + 1
    return start, column, entry


def recover(
    form: RangeForm, lp: Standard, x: np.ndarray, y: np.ndarray, tau: float
) -> tuple[np.ndarray, np.ndarray]:
    """The user's x and y of an iterate."""
    user_x, user_y, j = form.lower.copy(), np.zeros(form.row_lower.size), lp.column
    value = lp.shift + lp.sign * lp.column_scale[: j.size] * x[: j.size] / tau
    user_x[j] = np.minimum(np.maximum(value, form.lower[j]), form.upper[j])
    user_y[lp.row] = lp.row_scale * y / tau
    return user_x, user_y


def direction(form: RangeForm, lp: Standard, x: np.ndarray) -> np.ndarray:
    """The user's direction of a recession ray; boxed variables stay where they are."""
    ray, n = np.zeros(form.lower.size), lp.column.size
    moves = lp.kind[:n] != BOXED
    ray[lp.column] = np.where(moves, lp.sign * lp.column_scale[:n] * x[:n], 0.0)
    return ray


def contradiction(form: RangeForm, lp: Standard) -> np.ndarray | None:
    """A Farkas ray for what the iteration cannot see.

    That is crossing bounds, and equations in fixed variables alone.
    """
    ray = np.zeros(form.row_lower.size)
    crossing = np.flatnonzero(form.row_lower > form.row_upper)
    if crossing.size:
        ray[crossing[0]] = 1.0
        return ray
    if (form.lower > form.upper).any():
        return ray
    b = lp.b / lp.row_scale
    size = np.maximum(np.abs(form.row_lower[lp.row]), lp.terms)
    wrong = np.flatnonzero((np.diff(lp.row_start) == 0) & (np.abs(b) > EQUAL * size))
    if wrong.size:
        ray[lp.row[wrong[0]]] = -np.sign(b[wrong[0]])
        return ray
    return None
