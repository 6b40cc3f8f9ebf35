"""Methods and their registry.

A method is a frozen dataclass of options. It enters the registry once per problem class with
:func:`register`, and is found along the class's ancestors, so that one name may mean different
things for different classes.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, NamedTuple, TypeVar

from .errors import NotSupportedError, UnknownNameError, did_you_mean

M = TypeVar("M", bound=type)


class Method:
    """How to solve. Subclasses are frozen dataclasses whose fields are the options.

    Class attributes
    ----------------
    needs : str
        What the problem must provide, in words (``gradient``, ``Hessian`` ...).
    rate : str
        The proven rate of convergence, in words.
    reference : str
        Paper or book section.
    """

    name: ClassVar[str] = ""
    needs: ClassVar[str] = ""
    rate: ClassVar[str] = ""
    reference: ClassVar[str] = ""

    def solve(self, problem: Any, request: Any) -> Any:
        """Run on a problem; return an ``Answer`` that the door turns into a ``Result``."""
        raise NotImplementedError

    def refusal(self, problem: Any) -> str | None:
        """Why this method cannot solve this instance, or ``None`` when it can."""
        return None

    def default_of(self, field: dataclasses.Field[Any]) -> Any:
        """What an option is when it is not given."""
        return field.default

    def __repr__(self) -> str:
        shown = []
        stored: dict[str, str] = getattr(self, "stored_as", {})
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            value = self.__dict__[stored.get(f.name, f.name)]
            default = self.default_of(f)
            if value is not default and repr(value) != repr(default):
                shown.append(f"{f.name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(frozen=True)
class Registration:
    """A method under a name for one problem class."""

    name: str
    problem_class: type
    method_class: type[Method]
    recommended: bool


class MethodRow(NamedTuple):
    """One row of :func:`methods`."""

    name: str
    problem_class: str
    needs: str
    rate: str
    reference: str


_REGISTRY: dict[type, dict[str, Registration]] = {}


def register(name: str, *problem_classes: type, recommended: bool = False) -> Callable[[M], M]:
    """Enter the decorated method class under ``name`` for the given problem classes."""

    def enter(cls: M) -> M:
        cls.name = name  # type: ignore[attr-defined]
        for problem_class in problem_classes:
            table = _REGISTRY.setdefault(problem_class, {})
            if name in table:
                raise ValueError(f"method {name!r} is registered twice for {problem_class}")
            table[name] = Registration(name, problem_class, cls, recommended)
        return cls

    return enter


@cache
def registered(problem_class: type) -> dict[str, Registration]:
    """Every method for a class, its own first, then its ancestors'."""
    found: dict[str, Registration] = {}
    for ancestor in problem_class.__mro__:
        for name, registration in _REGISTRY.get(ancestor, {}).items():
            found.setdefault(name, registration)
    return found


def problem_classes() -> Iterator[type]:
    """The classes that have methods of their own."""
    return iter(_REGISTRY)


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


def find(problem: Any, name: str) -> type[Method]:
    """The method class of that name for this problem; an error lists what would work."""
    table = registered(type(problem))
    if name in table:
        return table[name].method_class
    for known, registration in table.items():
        if _plain(known) == _plain(name):
            return registration.method_class
    elsewhere = sorted(
        cls.__name__ for cls, entries in _REGISTRY.items() if _plain(name) in map(_plain, entries)
    )
    kind = type(problem).__name__
    if elsewhere:
        raise NotSupportedError(
            f"method {name!r} solves {', '.join(elsewhere)}, not {kind}; "
            f"for {kind}: {', '.join(sorted(table))}"
        )
    raise UnknownNameError(
        f"no method is called {name!r}; {did_you_mean(name, table)} (methods for {kind})"
    )


def build(cls: type[Method], options: dict[str, Any]) -> Method:
    """Construct a method from keyword options; an unknown option lists the known ones."""
    known = [p for p in inspect.signature(cls).parameters]
    for option in options:
        if option not in known:
            hint = did_you_mean(option, known) if known else "it takes none"
            raise TypeError(f"method {cls.name!r} has no option {option!r}; {hint}")
    return cls(**options)


def methods(problem: Any = None) -> list[MethodRow]:
    """The methods that apply, each with what it needs, its rate and its reference.

    Parameters
    ----------
    problem : problem object or class, optional
        Without it, every registered method of every class.

    Examples
    --------
    >>> import optlib as ol
    >>> [row.name for row in ol.methods(ol.LeastSquares)][:2]
    ['qr', 'svd']
    """
    if problem is None:
        rows = [r for table in _REGISTRY.values() for r in table.values()]
    elif isinstance(problem, type):
        rows = list(registered(problem).values())
    else:
        rows = [
            r
            for r in registered(type(problem)).values()
            if build_default(r.method_class).refusal(problem) is None
        ]
    return [
        MethodRow(
            r.name,
            r.problem_class.__name__,
            r.method_class.needs,
            r.method_class.rate,
            r.method_class.reference,
        )
        for r in rows
    ]


@cache
def build_default(cls: type[Method]) -> Method:
    """The method with its default options (one shared instance: it is frozen)."""
    return cls()
