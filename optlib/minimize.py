"""The one door: find the method, run it, attach the proof."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from .core.certificate import Certificate
from .core.engines import Request
from .core.errors import NotSupportedError, require_number
from .core.method import Method, build, find, methods, registered
from .core.problem import Problem
from .core.result import Result
from .core.stopping import Criterion

ENGINES = ("auto", "host", "compiled")


def minimize(
    problem: Problem | Callable[..., Any],
    method: str | Method | type[Method] | None = None,
    *,
    x0: Any = None,
    start: Result | None = None,
    tol: float | None = None,
    max_iterations: int | None = None,
    max_seconds: float | None = None,
    stop: Criterion | None = None,
    trace: bool = False,
    progress: bool = False,
    callback: Callable[[Any], Any] | None = None,
    seed: int = 0,
    engine: str = "auto",
    **options: Any,
) -> Result:
    """Solve a problem.

    Parameters
    ----------
    problem : problem object or callable
        A problem class's object, or ``f(x)`` together with ``x0=``.
    method : str, method object or None
        A name (``"newton"``), an object (``ol.Newton(shrink=0.5)``), or ``None`` for the
        method recommended for this problem.
    x0 : pytree, optional
        Another start than the problem's.
    start : Result, optional
        An earlier result to start from.
    tol : float, optional
        Every scaled residual of the certificate is to be at most this; 1e-8 in float64, 1e-4
        in float32.
    max_iterations : int, optional
        Accepted steps; each method has a default.
    max_seconds : float, optional
        Wall-clock limit.
    stop : criterion, optional
        Further criteria, such as ``ol.GradNorm(1e-3) | ol.MaxSeconds(2.0)``.
    trace : bool
        Record the history in ``result.trace``.
    progress : bool
        Show a progress bar.
    callback : callable, optional
        ``callback(info)`` after each accepted step, with ``nit``, ``fun``, ``grad_norm``,
        ``step_size``, ``x`` and ``seconds``; returning True stops.
    seed : int
        For methods that draw random numbers.
    engine : {"auto", "host", "compiled"}
        ``host`` steps in Python on NumPy arrays, ``compiled`` runs the loop in one XLA program,
        ``auto`` starts on the host and compiles once that pays.
    **options
        Options of the method, when it is given by name.

    Returns
    -------
    Result
        The point, the proof and the cost. ``result.success`` is true only when the certificate
        holds (or a criterion of ``stop`` was met, which claims no optimality).

    Raises
    ------
    UnknownNameError, NotSupportedError, TypeError, ValueError
        For an unknown method, one that does not solve this class or instance, an unknown option,
        or bad data; each says what would work.

    Examples
    --------
    >>> import optlib as ol
    >>> result = ol.minimize(lambda x: (x[0] - 1) ** 2 + 4 * x[1] ** 2, x0=[0.0, 1.0])
    >>> result.status.name, result.x.round(6) + 0.0
    ('STATIONARY', array([1., 0.]))
    """
    began = time.perf_counter()
    if engine not in ENGINES:
        raise ValueError(f"engine: found {engine!r}, needed one of {', '.join(ENGINES)}")
    if max_iterations is not None:
        require_number("max_iterations", max_iterations, 0.0, closed=True)
        if isinstance(max_iterations, float) and max_iterations % 1:
            raise ValueError(f"max_iterations: found {max_iterations}, needed a whole number")
    if tol is not None:
        require_number("tol", tol, 0.0, closed=True)
    if max_seconds is not None:
        require_number("max_seconds", max_seconds, 0.0, closed=True)
    if not (callback is None or callable(callback)):
        raise TypeError(f"callback: found {type(callback).__name__}, needed a function")
    if not (start is None or isinstance(start, Result)):
        raise TypeError(f"start: found {type(start).__name__}, needed a Result (a point is x0=)")
    if stop is not None and not isinstance(stop, Criterion):
        raise TypeError(f"stop: found {stop!r}, needed a criterion such as ol.GradNorm(1e-6)")
    problem, x0 = _as_problem(problem, x0)
    chosen = _as_method(problem, method, options)
    refusal = chosen.refusal(problem)
    if refusal is not None:
        able = ", ".join(row.name for row in methods(problem))
        raise NotSupportedError(
            f"method {chosen.name!r} cannot solve this {type(problem).__name__}: {refusal}; "
            f"these can: {able}"
        )
    request = Request(
        x0, start, tol, max_iterations, max_seconds, stop, trace, progress, callback, seed, engine
    )
    answer = chosen.solve(problem, request)
    return Result(answer, time.perf_counter() - began, chosen, problem)


def certify(
    problem: Problem | Callable[..., Any], x: Any, dual: Any = None, *, tol: float | None = None
) -> Certificate:
    """Judge a point, whoever found it, from the problem's data alone.

    Parameters
    ----------
    problem : problem object or callable
        What was asked.
    x : pytree
        The point to judge, in the structure of the problem's ``x0``.
    dual : optional
        Multipliers that came with it, for the classes that need them.
    tol : float, optional
        Default of the certificate's ``holds``.

    Examples
    --------
    >>> import optlib as ol
    >>> saddle = ol.Smooth(lambda x: x[0] ** 2 - x[1] ** 2, [1.0, 1.0])
    >>> ol.certify(saddle, [0.0, 0.0]).holds()
    False
    """
    problem, _ = _as_problem(problem, x)
    return problem.certify(x, dual, tol)


def recommended(problem: Any) -> Method:
    """The method that ``minimize`` uses when none is named."""
    return _as_method(problem, None, {})


def applicable(problem: Any, names: Iterable[str] | None = None) -> list[Method]:
    """The methods (default options) that can solve this instance, in registry order."""
    wanted = [row.name for row in methods(problem)] if names is None else list(names)
    return [_as_method(problem, name, {}) for name in wanted]


def _as_problem(problem: Any, x0: Any) -> tuple[Any, Any]:
    """A problem object; a plain callable with ``x0`` becomes a ``Smooth``."""
    if hasattr(problem, "certify") and not isinstance(problem, type):
        return problem, x0
    if callable(problem):
        if x0 is None:
            raise TypeError("x0: found nothing, needed a start for the function to minimise")
        from .descent.problem import Smooth

        return Smooth(problem, x0), None
    raise TypeError(
        f"problem: found {type(problem).__name__}, needed a problem object "
        "(such as optlib.Smooth) or a function with x0="
    )


def _as_method(problem: Any, method: Any, options: dict[str, Any]) -> Method:
    """A method object for this problem; an error says what would work."""
    if method is None:
        method = problem.default_method()
    if isinstance(method, type) and issubclass(method, Method):
        method = build(method, options)
        options = {}
    if isinstance(method, str):
        cls = find(problem, method)
        try:
            return _built(cls, tuple(sorted(options.items())) if options else ())
        except TypeError:
            return build(cls, options)
    if options:
        raise TypeError(
            f"{', '.join(options)}: options go to the method's constructor when the method is an "
            f"object; write ol.{type(method).__name__}({', '.join(options)}=...)"
        )
    if not isinstance(method, Method):
        raise TypeError(
            f"method: found {method!r}, needed a name ({', '.join(registered(type(problem)))}) or "
            "a method object"
        )
    if not _solves(type(method), type(problem)):
        raise NotSupportedError(
            f"method {method!r} does not solve {type(problem).__name__}; these do: "
            + ", ".join(registered(type(problem)))
        )
    return method


@lru_cache(maxsize=512)
def _solves(method_class: type, problem_class: type) -> bool:
    """Whether a method of that class is registered for that class of problems."""
    table = registered(problem_class).values()
    return any(issubclass(method_class, entry.method_class) for entry in table)


@lru_cache(maxsize=512)
def _built(cls: type[Method], options: tuple[tuple[str, Any], ...]) -> Method:
    """A method with its options, shared: it is frozen, and its numbers stay on the device."""
    return build(cls, dict(options))
