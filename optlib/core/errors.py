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
    bad = np.argwhere(~np.isfinite(value))
    if bad.size:
        where = tuple(int(i) for i in bad[0])
        raise ValueError(
            f"{argument}: found {value[where] if where else value} at index {where}, "
            "needed finite numbers"
        )
