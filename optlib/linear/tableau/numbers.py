"""The two kinds of numbers that a tableau is computed in: float64 and rationals."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..rational import ZERO


@dataclass(frozen=True)
class Numbers:
    """How numbers become entries, and how near to zero counts as zero.

    Attributes
    ----------
    exact : bool
        Entries are ``fractions.Fraction`` in arrays of objects; otherwise float64.
    tiny : float or Fraction
        An entry of at most this size is zero, relative to what it is compared with.
    tie : float or Fraction
        Values that differ by at most this are equal, relative to their size.
    """

    exact: bool
    tiny: Any
    tie: Any

    def array(self, values: Any) -> np.ndarray:
        """Float64 numbers as entries, dense."""
        values = values.toarray() if hasattr(values, "toarray") else np.asarray(values, dtype=float)
        if not self.exact:
            return values.astype(float)
        entries = np.empty(values.shape, dtype=object)
        entries.ravel()[:] = [rational(value) for value in values.ravel().tolist()]
        return entries

    def zeros(self, *shape: int) -> np.ndarray:
        """Zeros."""
        return np.full(shape, ZERO, dtype=object) if self.exact else np.zeros(shape)

    def first_least(self, values: np.ndarray) -> int:
        """The first of the smallest values; near ties count as ties."""
        least = values.min()
        return int(np.argmax(values <= least + self.tie * abs(least)))


FLOATS = Numbers(exact=False, tiny=1e-9, tie=1e-12)
RATIONALS = Numbers(exact=True, tiny=ZERO, tie=ZERO)


def rational(value: float) -> Fraction:
    """The first convergent of a float64 number's continued fraction that rounds to it.

    Examples
    --------
    >>> rational(0.1), rational(1 / 3), rational(-2.0)
    (Fraction(1, 10), Fraction(1, 3), Fraction(-2, 1))
    """
    rest, of = Fraction(value).as_integer_ratio()
    before, numerator, below, denominator = 0, 1, 1, 0
    while of:
        whole, remainder = divmod(rest, of)
        before, numerator = numerator, whole * numerator + before
        below, denominator = denominator, whole * denominator + below
        if numerator / denominator == value:
            break
        rest, of = of, remainder
    return Fraction(numerator, denominator)
