"""Stopping criteria that combine with ``|`` and ``&`` and say which one fired.

``GradNorm(1e-6) | MaxSeconds(2.0)`` stops at the first; ``RelativeDecrease(1e-9) &
RelativeStep(1e-9)`` when both hold at the same iterate. The numbers are traced: changing one
compiles nothing. The same object serves every iterative method.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import require_number
from .tree import pytree


class Criterion:
    """A condition on the progress of a solve. Subclasses define ``met``."""

    ends_as_time_limit = False

    def met(self, progress: Any, seconds: Any, xp: Any) -> Any:
        """Whether the condition holds at this iterate."""
        raise NotImplementedError

    def fired(self, progress: Any, seconds: Any, xp: Any) -> list[Any]:
        """One truth value per leaf criterion, in the order they are written."""
        return [self.met(progress, seconds, xp)]

    def leaves(self) -> list[Criterion]:
        """The simple criteria it is made of."""
        return [self]

    def __or__(self, other: Criterion) -> Criterion:
        return Any_(self, other) if isinstance(other, Criterion) else NotImplemented

    def __and__(self, other: Criterion) -> Criterion:
        return All_(self, other) if isinstance(other, Criterion) else NotImplemented


class _Pair(Criterion):
    first: Criterion
    second: Criterion

    def fired(self, progress: Any, seconds: Any, xp: Any) -> list[Any]:
        return self.first.fired(progress, seconds, xp) + self.second.fired(progress, seconds, xp)

    def leaves(self) -> list[Criterion]:
        return self.first.leaves() + self.second.leaves()


@pytree
class Any_(_Pair):
    """Stops when either part does."""

    first: Criterion
    second: Criterion

    def met(self, progress: Any, seconds: Any, xp: Any) -> Any:
        return self.first.met(progress, seconds, xp) | self.second.met(progress, seconds, xp)

    def __repr__(self) -> str:
        return f"{self.first!r} | {self.second!r}"


@pytree
class All_(_Pair):
    """Stops when both parts hold at the same iterate."""

    first: Criterion
    second: Criterion

    def met(self, progress: Any, seconds: Any, xp: Any) -> Any:
        return self.first.met(progress, seconds, xp) & self.second.met(progress, seconds, xp)

    def __repr__(self) -> str:
        first, second = (
            f"({part!r})" if isinstance(part, Any_) else repr(part)
            for part in (self.first, self.second)
        )
        return f"({first} & {second})"


@pytree
class _Threshold(Criterion):
    value: float

    def __post_init__(self) -> None:
        require_number(type(self).__name__, self.value, 0.0, closed=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_short(self.value)})"


@pytree
class GradNorm(_Threshold):
    """Largest entry of the gradient at most ``value`` (units of f per unit of x).

    Examples
    --------
    >>> import optlib as ol
    >>> stop = ol.GradNorm(1e-3) | ol.MaxIterations(500)
    >>> stop
    GradNorm(0.001) | MaxIterations(500)
    """

    value: float

    def met(self, progress: Any, seconds: Any, xp: Any) -> Any:
        return progress.grad_norm <= self.value


@pytree
class RelativeDecrease(_Threshold):
    """``|f_k - f_{k+1}| <= value |f_{k+1}|`` (book D 4.2, criterion 4)."""

    value: float

    def met(self, progress: Any, seconds: Any, xp: Any) -> Any:
        later = progress.nit > 0
        return later & (xp.abs(progress.decrease) <= self.value * xp.abs(progress.fun))


@pytree
class AbsoluteDecrease(_Threshold):
    """``|f_k - f_{k+1}| <= value`` in the units of f (book D 4.2, criterion 2)."""

    value: float

    def met(self, progress: Any, seconds: Any, xp: Any) -> Any:
        return (progress.nit > 0) & (xp.abs(progress.decrease) <= self.value)


@pytree
class StepNorm(_Threshold):
    """``||x_{k+1} - x_k||_2 <= value`` in the units of x (book D eq. 2.22)."""

    value: float

    def met(self, progress: Any, seconds: Any, xp: Any) -> Any:
        return (progress.nit > 0) & (progress.step_norm <= self.value)


@pytree
class RelativeStep(_Threshold):
    """``||x_{k+1} - x_k||_2 <= value ||x_{k+1}||_2``."""

    value: float

    def met(self, progress: Any, seconds: Any, xp: Any) -> Any:
        norm = xp.sqrt(xp.sum(progress.x * progress.x))
        return (progress.nit > 0) & (progress.step_norm <= self.value * norm)


@pytree
class TargetValue(_Threshold):
    """``f(x_k) <= value``: stop as soon as the cost is good enough (any real number)."""

    value: float

    def __post_init__(self) -> None:
        require_number(type(self).__name__, self.value)

    def met(self, progress: Any, seconds: Any, xp: Any) -> Any:
        return progress.fun <= self.value


@pytree
class MaxIterations(_Threshold):
    """At most ``value`` accepted steps."""

    value: float

    def met(self, progress: Any, seconds: Any, xp: Any) -> Any:
        return progress.nit >= self.value


@pytree
class MaxSeconds(_Threshold):
    """Wall-clock limit in seconds; a compiled loop looks at the clock between its chunks."""

    value: float
    ends_as_time_limit = True

    def met(self, progress: Any, seconds: Any, xp: Any) -> Any:
        return (seconds >= self.value) & (progress.nit >= 0)


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float, np.floating)) else repr(value)
