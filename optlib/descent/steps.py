"""Step rules: how far to go along a direction, ``x_{k+1} = x_k - s_k D_k``.

A rule is a frozen pytree of numbers with three pure functions. ``begin`` proposes the first trial
of a new direction; ``accepts`` judges a trial, and ``retry`` proposes the next one when it is
refused. With ``φ(t) = f(x - t D)``, a trial brings ``φ(t)`` and ``φ'(t)``. The search state is the
same for all rules, so the loop that carries it is one loop.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.errors import UnknownNameError, did_you_mean
from ..core.ops import Ops
from ..core.tree import pytree, static


class Search(NamedTuple):
    """A line search in flight: the trial ``t`` and the bracket around a good step.

    ``lo`` satisfies the decrease condition and slopes down; ``hi`` lies beyond a minimum along the
    line (infinite while none is known). ``recent`` holds the last objective values.
    """

    t: Any
    lo: Any
    f_lo: Any
    d_lo: Any
    hi: Any
    f_hi: Any
    d_hi: Any
    tries: Any
    forced: Any
    recent: Any


class Line(NamedTuple):
    """Where the search starts: iteration (from 1), ``φ(0)``, ``φ'(0)``, and the first trials that
    the direction suggests: ``guess`` from its history, ``natural`` from its units."""

    k: Any
    f0: Any
    d0: Any
    guess: Any
    natural: Any


class StepRule:
    """Base of the step rules."""

    searches = True
    """Whether a trial may be rejected (then a direction that does not descend is replaced)."""

    window = 1

    def empty(self, x: Any, ops: Ops) -> Search:
        """The search before anything is known."""
        xp = ops.xp
        zero = xp.zeros((), dtype=x.dtype)
        return Search(
            zero, zero, zero, zero, zero, zero, zero, xp.asarray(0, dtype=xp.int32),
            xp.asarray(False), xp.full(self.window, -np.inf, dtype=x.dtype),
        )  # fmt: skip

    def first(self, line: Line, xp: Any) -> Any:
        """The first trial."""
        raise NotImplementedError

    def begin(self, line: Line, search: Search, ops: Ops) -> Search:
        """Start a search along a new direction."""
        xp = ops.xp
        zero = xp.zeros_like(line.f0)
        recent = search.recent
        if self.window > 1:
            recent = xp.concatenate([recent[1:], xp.reshape(line.f0, (1,))])
        return Search(
            xp.asarray(self.first(line, xp), dtype=line.f0.dtype) + zero,
            zero, line.f0, line.d0, zero + np.inf, zero, zero, search.tries * 0,
            xp.asarray(False), recent,
        )  # fmt: skip

    def accepts(self, search: Search, line: Line, f: Any, d: Any, ops: Ops) -> Any:
        """Whether the trial ``search.t`` with value f and slope d is good enough."""
        raise NotImplementedError

    def retry(self, search: Search, line: Line, f: Any, d: Any, ops: Ops) -> tuple[Search, Any]:
        """The next trial after a refused one, and whether the search has failed."""
        raise NotImplementedError


# ------------------------------------------------------------------ no search


class Schedule(StepRule):
    """A step size that depends on the iteration alone. Subclasses define ``size(k)``, k from 1."""

    searches = False

    def size(self, k: Any, xp: Any) -> Any:
        """The step size of iteration k = 1, 2, ..."""
        raise NotImplementedError

    def first(self, line: Line, xp: Any) -> Any:
        return self.size(line.k, xp)

    def accepts(self, search: Search, line: Line, f: Any, d: Any, ops: Ops) -> Any:
        return ops.xp.asarray(True)

    def retry(self, search: Search, line: Line, f: Any, d: Any, ops: Ops) -> tuple[Search, Any]:
        return search, ops.xp.asarray(True)


@pytree
class Fixed(Schedule):
    """The same step size at every iteration, in units of x per unit of the direction.

    Gradient descent on a quadratic converges for every start iff ``s < 2 / λ_max`` (book D 1.1).
    """

    value: float

    def __post_init__(self) -> None:
        _positive(self, "value")

    def size(self, k: Any, xp: Any) -> Any:
        return self.value


@pytree
class Own(Schedule):
    """The step size that the direction itself asks for (a full Newton step, 1/L, ...)."""

    def first(self, line: Line, xp: Any) -> Any:
        return line.guess


@pytree
class InverseTime(Schedule):
    """``s0 / k`` (book A 2.4.1; meets the Robbins-Monro conditions)."""

    initial: float

    def __post_init__(self) -> None:
        _positive(self, "initial")

    def size(self, k: Any, xp: Any) -> Any:
        return self.initial / k


@pytree
class InverseSqrt(Schedule):
    """``s0 / sqrt(k)`` (book A 1.5.8)."""

    initial: float

    def __post_init__(self) -> None:
        _positive(self, "initial")

    def size(self, k: Any, xp: Any) -> Any:
        return self.initial / xp.sqrt(k)


@pytree
class Exponential(Schedule):
    """``s0 · rate^(k-1)`` (book D eq. 4.2). It travels at most ``s0 / (1 - rate)`` in all."""

    initial: float
    rate: float = 0.99

    def __post_init__(self) -> None:
        _positive(self, "initial")
        _between(self, "rate", 0.0, 1.0)

    def size(self, k: Any, xp: Any) -> Any:
        return self.initial * self.rate ** (k - 1)


@pytree
class Cosine(Schedule):
    """``s0 (1 + cos(π min(k-1, T)/T))/2``: from s0 down to 0 over ``horizon`` T iterations."""

    initial: float
    horizon: float

    def __post_init__(self) -> None:
        _positive(self, "initial")
        _positive(self, "horizon")

    def size(self, k: Any, xp: Any) -> Any:
        done = xp.minimum(k - 1, self.horizon) / self.horizon
        return 0.5 * self.initial * (1.0 + xp.cos(np.pi * done))


@pytree
class Piecewise(Schedule):
    """``values[i]`` from iteration ``boundaries[i-1] + 1`` on; one value more than boundaries."""

    boundaries: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"values: found {len(self.values)}, needed {len(self.boundaries) + 1} "
                "(one more than boundaries)"
            )
        object.__setattr__(self, "boundaries", tuple(float(b) for b in self.boundaries))
        object.__setattr__(self, "values", tuple(float(v) for v in self.values))

    def size(self, k: Any, xp: Any) -> Any:
        size = self.values[0]
        for boundary, value in zip(self.boundaries, self.values[1:]):
            size = xp.where(k > boundary, value, size)
        return size


@pytree
class WarmUp(Schedule):
    """Grows linearly over ``length`` iterations to another schedule, then follows it."""

    schedule: Schedule
    length: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "schedule", as_rule(self.schedule))
        if not isinstance(self.schedule, Schedule):
            raise TypeError(f"schedule: found {self.schedule!r}, needed a number or a schedule")
        _positive(self, "length")

    def size(self, k: Any, xp: Any) -> Any:
        return self.schedule.size(k, xp) * xp.minimum(1.0, k / self.length)


# ------------------------------------------------------------------ searches


def _noise(f0: Any, xp: Any) -> Any:
    """Differences of f below this are rounding."""
    return 10.0 * np.finfo(f0.dtype).eps * xp.abs(f0)


@pytree
class Backtracking(StepRule):
    """Armijo: shrink t until ``φ(t) <= φ(0) + sufficient_decrease · t φ'(0)``.

    Parameters
    ----------
    initial : float
        First trial of every search (book A 1.1.4 and book D 4.48: 1).
    shrink : float
        Factor of each retreat, in (0, 1) (beta of book A).
    sufficient_decrease : float
        In (0, 1) (alpha of book A, which asks < 1/2). The printed closed interval of book D is
        wrong: with 1 the test can never hold for a strictly convex f.
    window : int
        The reference value is the largest of the last ``window`` accepted ones: 1 is Armijo, more
        is the nonmonotone rule of Grippo, Lampariello and Lucidi (1986).

    An infinite or NaN trial shrinks the step. When φ(t) and φ(0) differ only by rounding, the
    slope decides: ``φ'(t) <= (1 - 2 sufficient_decrease) |φ'(0)|`` (Hager & Zhang 2005, eq. 4.1).
    """

    initial: float = 1.0
    shrink: float = 0.5
    sufficient_decrease: float = 1e-4
    window: int = static(default=1)

    max_tries = 100

    def __post_init__(self) -> None:
        _positive(self, "initial")
        _between(self, "shrink", 0.0, 1.0)
        _between(self, "sufficient_decrease", 0.0, 1.0)

    def first(self, line: Line, xp: Any) -> Any:
        return self.initial * line.natural

    def accepts(self, search: Search, line: Line, f: Any, d: Any, ops: Ops) -> Any:
        xp = ops.xp
        c1 = self.sufficient_decrease
        reference = line.f0 if self.window == 1 else xp.maximum(line.f0, xp.max(search.recent))
        armijo = f <= reference + c1 * search.t * line.d0
        level = xp.abs(f - line.f0) <= _noise(line.f0, xp)
        flat = xp.abs(d) <= (1.0 - 2.0 * c1) * xp.abs(line.d0)
        decrease = xp.where(level, flat, armijo) if self.window == 1 else armijo | (level & flat)
        return xp.isfinite(f) & xp.isfinite(d) & decrease

    def retry(self, search: Search, line: Line, f: Any, d: Any, ops: Ops) -> tuple[Search, Any]:
        tries = search.tries + 1
        search = search._replace(t=search.t * self.shrink, tries=tries)
        return search, tries >= self.max_tries


@pytree
class Wolfe(StepRule):
    """Strong Wolfe conditions by bracketing and safeguarded cubic interpolation.

    ``φ(t) <= φ(0) + sufficient_decrease · t φ'(0)`` and ``|φ'(t)| <= curvature · |φ'(0)|``
    (``strong=False``: ``φ'(t) >= curvature · φ'(0)``).

    Parameters
    ----------
    sufficient_decrease, curvature : float
        ``0 < sufficient_decrease < curvature < 1`` (book D 4.48-4.50, corrected).
    strong : bool
        Bound the slope from both sides.

    Notes
    -----
    The bracket [lo, hi] keeps a decreasing slope at lo and, at hi, a rising slope or a failed
    decrease, so it contains acceptable points (Nocedal & Wright 2006, section 3.5). An infinite or
    NaN trial becomes hi. Near the minimum, where φ(t) - φ(0) drowns in rounding, the approximate
    conditions of Hager & Zhang (2005) take over.
    """

    sufficient_decrease: float = 1e-4
    curvature: float = 0.9
    strong: bool = static(default=True)

    max_tries = 30

    def __post_init__(self) -> None:
        _between(self, "sufficient_decrease", 0.0, 1.0)
        _between(self, "curvature", 0.0, 1.0)
        c1, c2 = self.sufficient_decrease, self.curvature
        if isinstance(c1, float) and isinstance(c2, float) and not c1 < c2:
            raise ValueError(
                f"curvature: found {c2} with sufficient_decrease {c1}, needed the larger of the two"
            )

    def first(self, line: Line, xp: Any) -> Any:
        return line.guess

    def accepts(self, search: Search, line: Line, f: Any, d: Any, ops: Ops) -> Any:
        xp = ops.xp
        finite = xp.isfinite(f) & xp.isfinite(d)
        steep = self.curvature * xp.abs(line.d0)
        flat = (xp.abs(d) <= steep) if self.strong else (d >= -steep)
        return finite & (search.forced | (flat & self._low(search, line, f, d, xp)))

    def _low(self, search: Search, line: Line, f: Any, d: Any, xp: Any) -> Any:
        """Sufficient decrease, by the slope where values differ by rounding only."""
        c1, slope = self.sufficient_decrease, xp.abs(line.d0)
        armijo = f <= line.f0 - c1 * search.t * slope
        level = xp.abs(f - line.f0) <= _noise(line.f0, xp)
        return xp.where(level, d <= (1.0 - 2.0 * c1) * slope, armijo)

    def retry(self, search: Search, line: Line, f: Any, d: Any, ops: Ops) -> tuple[Search, Any]:
        xp = ops.xp
        t, lo = search.t, search.lo
        low = self._low(search, line, f, d, xp) & xp.isfinite(f) & xp.isfinite(d)
        beyond = ~low | (f > search.f_lo + _noise(line.f0, xp)) | (d >= 0.0)
        grown = self._expand(search, t, d, xp)
        hi, f_hi, d_hi = ops.choose(
            beyond, lambda: (t, f, d), lambda: (search.hi, search.f_hi, search.d_hi)
        )
        lo, f_lo, d_lo = ops.choose(
            beyond, lambda: (search.lo, search.f_lo, search.d_lo), lambda: (t, f, d)
        )
        inside = self._inside(lo, f_lo, d_lo, hi, f_hi, d_hi, search.tries, xp)
        following = xp.where(xp.isfinite(hi), inside, grown)

        tries = search.tries + 1
        narrow = xp.abs(following - lo) <= 4.0 * np.finfo(f.dtype).eps * lo
        stuck = (tries >= self.max_tries) | narrow
        fallback = stuck & (lo > 0.0) & ~search.forced
        t = xp.where(fallback, lo, following)
        search = Search(t, lo, f_lo, d_lo, hi, f_hi, d_hi, tries, fallback, search.recent)
        return search, stuck & ~fallback

    def _expand(self, search: Search, t: Any, d: Any, xp: Any) -> Any:
        """Go further while the slope still descends: the secant's zero, at least twice as far."""
        secant = t - d * (t - search.lo) / (d - search.d_lo)
        return xp.where(d > search.d_lo, xp.clip(secant, 2.0 * t, 10.0 * t), 4.0 * t)

    def _inside(
        self, lo: Any, f_lo: Any, d_lo: Any, hi: Any, f_hi: Any, d_hi: Any, tries: Any, xp: Any
    ) -> Any:
        """The cubic's minimiser kept off the ends; a bisection every third try, or at infinity."""
        width = hi - lo
        steep = ~(d_hi <= 1e3 * xp.abs(d_lo)) | ~xp.isfinite(f_hi)
        middle = lo + xp.where(steep, 0.1 * width, 0.5 * width)
        a = d_lo + d_hi - 3.0 * (f_hi - f_lo) / width
        root = xp.sqrt(xp.maximum(a * a - d_lo * d_hi, 0.0))
        cubic = hi - width * (d_hi + root - a) / (d_hi - d_lo + 2.0 * root)
        secant = lo - d_lo * width / (d_hi - d_lo)
        drowned = xp.abs(f_hi - f_lo) <= _noise(f_lo, xp)
        t = xp.where(drowned & (d_hi > 0.0), secant, cubic)
        usable = xp.isfinite(t) & (tries % 3 != 2) & ~steep
        margin = self._margin() * width
        return xp.where(usable, xp.clip(t, lo + margin, hi - margin), middle)

    def _margin(self) -> float:
        return 0.05


@pytree
class Exact(Wolfe):
    """The first minimiser along the line: ``φ'(t) = 0`` to ``curvature`` relative accuracy.

    On a quadratic φ' is linear, so the secant through the slopes of one trial is the closed form
    ``t = gᵀD / DᵀHD`` (book A 1.4.3). Otherwise a bracket with cubic interpolation, secant steps
    and bisection, the safeguards of Brent (1973).

    Parameters
    ----------
    curvature : float
        Accepted ratio ``|φ'(t)| / |φ'(0)|``.
    """

    sufficient_decrease: float = 1e-4
    curvature: float = 1e-9
    strong: bool = static(default=True)

    max_tries = 100

    def __post_init__(self) -> None:
        _between(self, "curvature", 0.0, 1.0)

    def _expand(self, search: Search, t: Any, d: Any, xp: Any) -> Any:
        secant = t - d * (t - search.lo) / (d - search.d_lo)
        return xp.where(d > search.d_lo, xp.clip(secant, 1.0001 * t, 10.0 * t), 4.0 * t)

    def _inside(
        self, lo: Any, f_lo: Any, d_lo: Any, hi: Any, f_hi: Any, d_hi: Any, tries: Any, xp: Any
    ) -> Any:
        width = hi - lo
        secant = lo - d_lo * width / (d_hi - d_lo)
        linear = xp.isfinite(secant) & (d_hi > 0.0) & (d_hi <= 1e3 * xp.abs(d_lo)) & (tries < 3)
        return xp.where(linear, secant, super()._inside(lo, f_lo, d_lo, hi, f_hi, d_hi, tries, xp))

    def _margin(self) -> float:
        return 1e-3


# ------------------------------------------------------------------ from what the user wrote

_NAMED = {"exact": Exact, "backtracking": Backtracking, "wolfe": Wolfe, "strong_wolfe": Wolfe}


def as_rule(step: Any) -> StepRule:
    """A step rule from a number (fixed), a name, or a rule object."""
    if isinstance(step, StepRule):
        return step
    if isinstance(step, str):
        if step not in _NAMED:
            raise UnknownNameError(
                f"step: no rule is called {step!r}; {did_you_mean(step, _NAMED)}, or a number"
            )
        return _NAMED[step]()
    if isinstance(step, bool) or not (np.ndim(step) == 0 and _is_number(step)):
        raise TypeError(
            f"step: found {step!r}, needed a number (fixed step size), a rule's name "
            f"({', '.join(_NAMED)}) or a step object"
        )
    return Fixed(float(step) if isinstance(step, (int, float, np.number)) else step)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) or hasattr(value, "dtype")


def _positive(rule: Any, name: str) -> None:
    _between(rule, name, 0.0, np.inf)


def _between(rule: Any, name: str, low: float, high: float) -> None:
    """Check a concrete number and store it as a float, so that 1 and 1.0 are one program."""
    value = getattr(rule, name)
    if isinstance(value, (int, float, np.number)):
        if not low < value < high:
            raise ValueError(
                f"{type(rule).__name__}.{name}: found {value}, needed a number in "
                f"({low:g}, {high:g})"
            )
        object.__setattr__(rule, name, float(value))
    elif not hasattr(value, "dtype"):
        raise TypeError(f"{type(rule).__name__}.{name}: found {value!r}, needed a number")
