"""The catalogue of bundled problems: where each comes from, and what its answer is.

An entry is a function that builds the problem, decorated with what the source says about it::

    @register(
        "zig_zag",
        title="Steepest descent zig-zags down a narrow bowl",
        source="A 1.4.3 eq. (4)",
        answer=Answer(fun=0.0, x=[0.0, 0.0], tol=1e-12),
        methods=("gradient_descent", "heavy_ball"),
    )
    def zig_zag(b=0.1):
        return Smooth(_bowl, [b, 1.0], args=(b,))

``load("zig_zag", b=0.01)`` calls the function.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optlib.core.status import Status


@dataclass(frozen=True)
class Answer:
    """What is known about a problem's solution.

    Parameters
    ----------
    fun : float or tuple of float, optional
        The optimal value. Several values mean several local minima, each a right answer.
    x : array or tuple of arrays, optional
        The minimiser, in the structure of the problem's ``x0``; a tuple lists the alternatives.
    tol : float
        The absolute-plus-relative tolerance at which ``fun`` was verified.
    x_tol : float, optional
        The same for ``x``; default ``sqrt(tol)``, what a verified value says about the point.
    attained : bool
        False when the infimum is not attained (no method may claim success).
    dual : dict of str to array, optional
        The multipliers by name, where they are unique.
    status : Status, optional
        ``INFEASIBLE`` or ``UNBOUNDED``, when that is the answer.
    """

    fun: float | tuple[float, ...] | None = None
    x: Any = None
    tol: float = 1e-8
    x_tol: float | None = None
    attained: bool = True
    dual: Mapping[str, Any] | None = None
    status: Status | None = None

    @property
    def values(self) -> tuple[float, ...]:
        """The acceptable optimal values, as a tuple."""
        if self.fun is None:
            return ()
        return self.fun if isinstance(self.fun, tuple) else (self.fun,)

    def error(self, fun: float) -> float:
        """Distance of a value to the nearest known one, relative to ``max(1, |known|)``."""
        return min((abs(fun - v) / max(1.0, abs(v)) for v in self.values), default=float("nan"))

    def agrees(self, fun: float) -> bool:
        """Whether a value found is one of the known values within ``tol``."""
        return bool(np.isfinite(fun)) and self.error(fun) <= self.tol


@dataclass(frozen=True)
class Entry:
    """One bundled problem: its name, where it comes from, how to build it, and its answer."""

    name: str
    title: str
    source: str
    build: Callable[..., Any]
    answer: Answer | Callable[..., Answer]
    methods: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    notes: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def chapter(self) -> str:
        """The book and section, e.g. ``A 1.4``; entries are grouped by it."""
        book, _, section = self.source.partition(" ")
        return f"{book} {'.'.join(section.split()[0].split('.')[:2])}" if section else book

    def load(self, **parameters: Any) -> Any:
        """Build the problem, with the entry's parameters replaced where given."""
        unknown = sorted(set(parameters) - set(self.parameters))
        if unknown:
            raise TypeError(
                f"problem {self.name!r} has no parameter {unknown[0]!r}; "
                f"it has {sorted(self.parameters) or 'none'}"
            )
        return self.build(**parameters)

    def known(self, **parameters: Any) -> Answer:
        """The answer for these parameters (the entry's own when none are given)."""
        if isinstance(self.answer, Answer):
            return self.answer
        return self.answer(**{**self.parameters, **parameters})


_ENTRIES: dict[str, Entry] = {}


def register(
    name: str,
    *,
    title: str,
    source: str,
    answer: Answer | Callable[..., Answer],
    methods: tuple[str, ...] = (),
    tags: tuple[str, ...] = (),
    notes: str = "",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter the decorated builder into the catalogue. Its keyword defaults are the parameters."""

    def enter(build: Callable[..., Any]) -> Callable[..., Any]:
        if name in _ENTRIES:
            raise ValueError(f"problem {name!r} is registered twice")
        parameters = {p.name: p.default for p in inspect.signature(build).parameters.values()}
        _ENTRIES[name] = Entry(name, title, source, build, answer, methods, tags, notes, parameters)
        return build

    return enter


def catalog(*, tag: str | None = None, source: str | None = None) -> tuple[Entry, ...]:
    """All entries, in the order of registration; ``tag`` or the start of ``source`` selects.

    Examples
    --------
    >>> from optlib import problems
    >>> [entry.name for entry in problems.catalog(source="A 1.4.3")]
    ['zig_zag']
    """
    return tuple(
        entry
        for entry in _ENTRIES.values()
        if (tag is None or tag in entry.tags)
        and (source is None or entry.source.startswith(source))
    )


def entry(name: str) -> Entry:
    """The entry of that name; an unknown name is a ``KeyError`` with the nearest ones."""
    if name not in _ENTRIES:
        near = difflib.get_close_matches(name, _ENTRIES, n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise KeyError(f"no bundled problem is called {name!r}{hint} (see problems.catalog())")
    return _ENTRIES[name]


def load(name: str, **parameters: Any) -> Any:
    """Build a bundled problem by name.

    Examples
    --------
    >>> from optlib import problems
    >>> problems.load("zig_zag", b=0.01).x0
    array([0.01, 1.  ])
    """
    return entry(name).load(**parameters)
