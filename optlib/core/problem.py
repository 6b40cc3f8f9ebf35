"""What a problem object owes the rest of the library."""

from __future__ import annotations

from typing import Any, Protocol

from .certificate import Certificate


class Problem(Protocol):
    """A frozen, validated statement of what is asked.

    A class adds its natural constructor, its dual where it has one, and its readers.
    """

    def default_method(self) -> str:
        """Name of the method recommended for this instance."""
        ...

    def certify(self, x: Any, dual: Any = None, tol: float | None = None) -> Certificate:
        """Judge a point in the user's own structure, from the problem's data alone."""
        ...
