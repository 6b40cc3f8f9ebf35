"""A problem written another way, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .sparse import is_sparse


@dataclass(frozen=True, eq=False)
class Rewritten:
    """A problem in another form, with the map ``x = S x' + shift`` back.

    The rows of the original are the first rows of the form, in order, so their multipliers are
    the first ones there.

    Attributes
    ----------
    problem : LinearProgram
        The same problem in x'; the costs are equal.
    S : array or SciPy sparse matrix (n, n')
    shift : array (n,)
    """

    problem: Any
    S: Any
    shift: np.ndarray

    def restore(self, x: Any) -> np.ndarray:
        """The point of the original problem."""
        return self.S @ np.asarray(x, dtype=float) + self.shift


@dataclass(frozen=True, eq=False)
class RowMap:
    """Which rows of a problem (equations, then inequalities) make each two-sided row.

    Attributes
    ----------
    first : int array (m,)
        The row that gives the coefficients and the upper end.
    second : int array (m,)
        Its opposite, which gives the lower end, or -1.
    size : int
        How many rows the problem has.
    """

    first: np.ndarray
    second: np.ndarray
    size: int

    @classmethod
    def of(cls, A_eq: Any, A_ub: Any, b_ub: np.ndarray, names: tuple[str, ...] = ()) -> RowMap:
        """Equations stay; neighbouring inequalities that are two ends of one row are paired.

        Inequalities with different ``names`` are different rows.
        """
        m_eq, m = A_eq.shape[0], A_eq.shape[0] + A_ub.shape[0]
        opposite = m_eq + _two_ends(A_ub, b_ub, names)
        first, second = np.arange(m), np.full(m, -1)
        if opposite.size:
            second[opposite] = opposite + 1
            first, second = np.delete(first, opposite + 1), np.delete(second, opposite + 1)
        return cls(first, second, m)

    def spread(self, y: np.ndarray) -> np.ndarray:
        """Multipliers of the two-sided rows as multipliers of the problem's rows.

        Of a pair, the row of the end that is active takes it: the upper one when ``y <= 0``.
        """
        out = np.zeros(self.size)
        paired = self.second >= 0
        out[self.first] = np.where(paired, np.minimum(y, 0.0), y)
        out[self.second[paired]] = np.minimum(-y[paired], 0.0)
        return out

    def gather(self, y: np.ndarray) -> np.ndarray:
        """Multipliers of the problem's rows as multipliers of the two-sided rows."""
        return np.where(self.second >= 0, y[self.first] - y[self.second], y[self.first])


def _two_ends(A: Any, b: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """The rows i with ``A[i + 1] == -A[i]`` and ``-b[i + 1] <= b[i]``, each row used once."""
    if A.shape[0] < 2:
        return np.zeros(0, dtype=int)
    opposite = _sparse_opposites(A) if is_sparse(A) else (A[:-1] == -A[1:]).all(axis=1)
    chosen: list[int] = []
    for i in np.flatnonzero(opposite & (-b[1:] <= b[:-1])).tolist():
        if (not chosen or i > chosen[-1] + 1) and (not names or names[i] == names[i + 1]):
            chosen.append(i)
    return np.array(chosen, dtype=int)


def _sparse_opposites(A: Any) -> np.ndarray:
    """Which rows of a CSR array are the negative of the next one."""
    start, length = A.indptr, np.diff(A.indptr)
    opposite = length[:-1] == length[1:]
    filled = np.flatnonzero(opposite & (length[:-1] > 0))
    opposite[filled] = A.data[start[filled]] == -A.data[start[filled + 1]]
    for i in np.flatnonzero(opposite):
        here, there = slice(start[i], start[i + 1]), slice(start[i + 1], start[i + 2])
        opposite[i] = np.array_equal(A.data[here], -A.data[there]) and np.array_equal(
            A.indices[here], A.indices[there]
        )
    return opposite
