"""What a solve returns, the same for every family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np

from .certificate import Certificate
from .status import Status


class Answer(NamedTuple):
    """What a method hands to the door: a point, how the run ended, and what it cost.

    ``views`` are the further attributes of the result that a family adds, by name: arrays, objects
    or functions (``ray``, ``flow``, ``sensitivity``); arrays only inside ``jit`` and ``vmap``.
    """

    x: Any
    fun: Any
    dual: Any
    status: Any
    success: Any
    certificate: Certificate
    nit: Any = 0
    nfev: Any = 0
    njev: Any = 0
    nhev: Any = 0
    trace: Any = None
    engine: str = "host"
    compile_seconds: float = 0.0
    note: str = ""
    views: Mapping[str, Any] = MappingProxyType({})


class Result:
    """The answer to a problem, with its proof and its cost.

    Attributes
    ----------
    x : pytree
        The point, in the structure of the problem's ``x0``.
    fun : float
        The objective there.
    dual : pytree or None
        Multipliers; each is the derivative of the optimal cost with respect to the right side
        of its constraint.
    status : Status
        How the run ended (an integer array inside ``jit`` and ``vmap``).
    success : bool
        The method ended as asked and everything its status claims is certified.
    message : str
        The status in words, what stopped the run and what could help.
    nit, nfev, njev, nhev : int
        Accepted steps; evaluations of f, of its gradient (or Jacobian), of its Hessian (a
        Hessian-vector product counts as one).
    seconds : float
        Wall-clock time of the whole call.
    certificate : Certificate
        The proof, recomputed from the problem at ``x``.
    trace : Trace or None
        The history, when asked for with ``trace=True``.
    engine, compile_seconds : str, float
        Which engine ran (``host``, ``compiled`` or ``host+compiled``), and what compiling cost.
    method, problem
        What was run on what (``None`` on a result that crossed ``jit`` or ``vmap``).

    Further attributes depend on the family: ``basis``, ``ray`` and ``sensitivity()`` of a linear
    program, for instance; ``dir(result)`` lists them.
    """

    painter: ClassVar[Callable[..., Any]]
    """What :meth:`plot` calls; the package sets it, so that nothing here knows of pictures."""

    __slots__ = (
        "certificate",
        "compile_seconds",
        "dual",
        "engine",
        "fun",
        "method",
        "nfev",
        "nhev",
        "nit",
        "njev",
        "note",
        "problem",
        "seconds",
        "status",
        "success",
        "trace",
        "views",
        "x",
    )  # fmt: skip

    def __init__(self, answer: Answer, seconds: Any, method: Any, problem: Any) -> None:
        (self.x, self.fun, self.dual, self.status, self.success, self.certificate, self.nit,
         self.nfev, self.njev, self.nhev, self.trace, self.engine, self.compile_seconds,
         self.note, views) = answer  # fmt: skip
        self.views = dict(views)
        self.seconds = seconds
        self.method = method
        self.problem = problem

    def __getattr__(self, name: str) -> Any:
        """What the method's family adds, see ``Answer.views``."""
        if name.startswith("_") or name in Result.__slots__:
            raise AttributeError(name)
        if name in self.views:
            return self.views[name]
        added = f" beside the common fields it has {', '.join(self.views)}" if self.views else ""
        raise AttributeError(
            f"the result of {self.method.name if self.method else 'a method'!r} has no {name!r};"
            f"{added or ' it has the common fields only'}"
        )

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.views]

    @property
    def message(self) -> str:
        """The end of the run in words."""
        if not isinstance(self.status, Status):
            return "batched: one status per lane"
        parts = [self.status.meaning]
        if self.note:
            parts.append(self.note)
        if not self.success:
            parts.append(f"remedy: {self.status.remedy}")
        return "; ".join(parts)

    def __repr__(self) -> str:
        return "\n".join(f"{name:>12}: {value}" for name, value in self._rows())

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><th style='text-align:right'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(str(value))}</td></tr>"
            for name, value in self._rows()
        )
        return f"<table>{rows}</table>"

    def _rows(self) -> list[tuple[str, Any]]:
        if not isinstance(self.status, Status):
            return [("status", self.status), ("success", self.success), ("fun", self.fun)]
        counts = {"f": self.nfev, "gradients": self.njev, "Hessians": self.nhev}
        cost = [f"{self.nit} iterations", *(f"{n} {what}" for what, n in counts.items() if n)]
        run = f"{self.seconds * 1e3:.3g} ms, {self.engine} engine"
        if self.compile_seconds:
            run += f" ({self.compile_seconds:.2g} s compiling)"
        return [
            ("method", self.method),
            ("status", f"{self.status.name} ({'success' if self.success else 'no success'})"),
            ("message", self.message),
            ("fun", f"{self.fun:.10g}"),
            ("x", _short(self.x)),
            ("certificate", self.certificate),
            ("cost", ", ".join(cost)),
            ("run", run),
        ]

    def plot(self, **options: Any) -> Any:
        """Draw the picture that fits the problem (needs the ``plot`` extra)."""
        return Result.painter(self, **options)


_CHILDREN = (
    "x", "fun", "dual", "status", "success", "certificate", "nit", "nfev", "njev", "nhev", "trace",
    "views",
)  # fmt: skip


def _flatten(result: Result) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return tuple(getattr(result, name) for name in _CHILDREN), (result.engine,)


def _unflatten(aux: tuple[Any, ...], children: Any) -> Result:
    result = object.__new__(Result)
    for name, value in zip(_CHILDREN, children):
        setattr(result, name, value)
    result.seconds, result.compile_seconds, result.note = None, 0.0, ""
    result.engine, result.method, result.problem = aux[0], None, None
    return result


jax.tree_util.register_pytree_node(Result, _flatten, _unflatten)


def _short(x: Any) -> str:
    """A point in at most two lines."""
    with np.printoptions(precision=8, threshold=8, edgeitems=3, linewidth=70):
        return str(jax.tree.map(np.asarray, x)).replace("array", "")
