"""Errors that say which argument, what was found, and what was needed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np


class UnknownNameError(ValueError):
    """A method, problem or option name that does not exist; lists what does."""


class NotSupportedError(ValueError):
    """A method asked to solve a problem outside its class; lists the methods that can."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint such as ``did you mean 'newton'?``, or the whole list when nothing is near."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=2, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(repr(name) for name in near) + "?"
    return "known: " + ", ".join(known)


def require(condition: bool, argument: str, found: Any, needed: str) -> None:
    """Raise ``ValueError`` naming the argument, what was found and what was needed."""
    if not condition:
        raise ValueError(f"{argument}: found {found}, needed {needed}")


def require_finite(argument: str, value: np.ndarray) -> None:
    """Refuse NaN and infinite entries, naming the first one."""
    finite = np.isfinite(value)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(
            f"{argument}: found {value[where]} at index {where} of an array of shape "
            f"{value.shape}, needed finite numbers"
        )


def require_number(
    argument: str, value: Any, low: float = -np.inf, high: float = np.inf, *, closed: bool = False
) -> None:
    """Refuse what is no number, or lies outside ``(low, high)``; ``closed`` admits ``low``."""
    if hasattr(value, "dtype") and np.ndim(value) == 0 and not isinstance(value, np.number):
        return  # a traced or device number: its value is not known here
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{argument}: found {value!r}, needed a number")
    if not (low < value < high or (closed and value == low)):
        if low == 0.0 and high == np.inf:
            needed = "a number that is not negative" if closed else "a positive number"
        else:
            needed = f"a number in {'[' if closed else '('}{low:g}, {high:g})"
        raise ValueError(f"{argument}: found {value}, needed {needed}")
