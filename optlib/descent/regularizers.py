"""Regularizers: functions g with a proximal operator in closed form.

``prox(v, s) = argmin_x g(x) + ||x - v||²/(2s)``. Each works on flat vectors with NumPy or JAX
arrays; ``free`` marks the variables along which the curvature of f decides about a minimum: those
that g does not hold in place with a force to spare.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import require, require_number
from ..core.tree import is_traced, pytree, static

SLACK = 1e-6
"""Share of the holding force below which a variable counts as free."""


class Regularizer:
    """Base of the regularizers."""

    def value(self, x: Any, xp: Any) -> Any:
        """g(x); infinite outside a constraint set."""
        raise NotImplementedError

    def prox(self, v: Any, s: Any, xp: Any) -> Any:
        """``argmin_x g(x) + ||x - v||²/(2s)``."""
        raise NotImplementedError

    def free(self, x: Any, slope: Any, xp: Any) -> Any:
        """The variables not held in place by g, where f has this slope."""
        return xp.ones(x.shape, dtype=bool)

    def check(self, shapes: tuple[tuple[int, ...], ...]) -> Regularizer:
        """This regularizer for a problem of these shapes, or an error."""
        return self


def _weight(owner: Any, name: str, zero: bool = True) -> None:
    value = getattr(owner, name)
    require_number(f"{type(owner).__name__}.{name}", value, 0.0, closed=zero)
    if isinstance(value, (int, float, np.number)):
        object.__setattr__(owner, name, float(value))


@pytree
class L1(Regularizer):
    """``weight ||x||₁``; the prox is soft thresholding, ``sign(v) max(0, |v| - s weight)``.

    Examples
    --------
    >>> import numpy as np
    >>> L1(1.0).prox(np.array([3.0, -0.5]), 1.0, np) + 0.0
    array([2., 0.])
    """

    weight: float

    def __post_init__(self) -> None:
        _weight(self, "weight")

    def value(self, x: Any, xp: Any) -> Any:
        return self.weight * xp.sum(xp.abs(x))

    def prox(self, v: Any, s: Any, xp: Any) -> Any:
        return xp.sign(v) * xp.maximum(0.0, xp.abs(v) - s * self.weight)

    def free(self, x: Any, slope: Any, xp: Any) -> Any:
        return (x != 0) | (xp.abs(slope) >= self.weight * (1.0 - SLACK))


@pytree
class SquaredL2(Regularizer):
    """``½ weight ||x||²``; the prox is ``v / (1 + s weight)``."""

    weight: float

    def __post_init__(self) -> None:
        _weight(self, "weight")

    def value(self, x: Any, xp: Any) -> Any:
        return 0.5 * self.weight * (x @ x)

    def prox(self, v: Any, s: Any, xp: Any) -> Any:
        return v / (1.0 + s * self.weight)


@pytree
class ElasticNet(Regularizer):
    """``l1 ||x||₁ + ½ l2 ||x||²``."""

    l1: float
    l2: float

    def __post_init__(self) -> None:
        _weight(self, "l1")
        _weight(self, "l2")

    def value(self, x: Any, xp: Any) -> Any:
        return self.l1 * xp.sum(xp.abs(x)) + 0.5 * self.l2 * (x @ x)

    def prox(self, v: Any, s: Any, xp: Any) -> Any:
        return xp.sign(v) * xp.maximum(0.0, xp.abs(v) - s * self.l1) / (1.0 + s * self.l2)

    def free(self, x: Any, slope: Any, xp: Any) -> Any:
        return (x != 0) | (xp.abs(slope) >= self.l1 * (1.0 - SLACK))


class _Set(Regularizer):
    """The indicator of a closed convex set: 0 inside, infinite outside; the prox projects."""

    def value(self, x: Any, xp: Any) -> Any:
        away = xp.max(xp.abs(x - self.prox(x, 1.0, xp)))
        slack = 100.0 * np.finfo(x.dtype).eps * (1.0 + xp.max(xp.abs(x)))
        return xp.where(away <= slack, 0.0, xp.inf)


@pytree
class Box(_Set):
    """``lower <= x <= upper``, numbers or arrays of x's size."""

    lower: Any = -math.inf
    upper: Any = math.inf

    def __post_init__(self) -> None:
        if not is_traced((self.lower, self.upper)):
            lower, upper = np.asarray(self.lower, float), np.asarray(self.upper, float)
            require(bool((lower <= upper).all()), "Box", "lower > upper", "lower <= upper")
            object.__setattr__(self, "lower", lower.ravel() if lower.ndim else float(lower))
            object.__setattr__(self, "upper", upper.ravel() if upper.ndim else float(upper))

    def check(self, shapes: tuple[tuple[int, ...], ...]) -> Regularizer:
        size = sum(math.prod(shape) for shape in shapes)
        for name, bound in (("lower", self.lower), ("upper", self.upper)):
            require(
                np.ndim(bound) == 0 or np.size(bound) == size, f"Box.{name}",
                f"{np.size(bound)} numbers", f"{size}, one for each variable, or a single number",
            )  # fmt: skip
        return self

    def prox(self, v: Any, s: Any, xp: Any) -> Any:
        return xp.clip(v, self.lower, self.upper)

    def free(self, x: Any, slope: Any, xp: Any) -> Any:
        force = SLACK * xp.max(xp.abs(slope))
        held = ((x <= self.lower) & (slope > force)) | ((x >= self.upper) & (slope < -force))
        return ~held


@pytree
class NonNegative(_Set):
    """``x >= 0``."""

    def prox(self, v: Any, s: Any, xp: Any) -> Any:
        return xp.maximum(v, 0.0)

    def free(self, x: Any, slope: Any, xp: Any) -> Any:
        return (x > 0) | (slope <= SLACK * xp.max(xp.abs(slope)))


@pytree
class Simplex(_Set):
    """``x >= 0, Σ x_i = radius``; projection by sorting (Held, Wolfe & Crowder 1974)."""

    radius: float = 1.0

    def __post_init__(self) -> None:
        _weight(self, "radius", zero=False)

    def prox(self, v: Any, s: Any, xp: Any) -> Any:
        u = xp.sort(v)[::-1]
        count = xp.arange(1, v.size + 1)
        excess = (xp.cumsum(u) - self.radius) / count
        last = xp.sum(u > excess) - 1
        return xp.maximum(v - excess[last], 0.0)

    def free(self, x: Any, slope: Any, xp: Any) -> Any:
        level = xp.min(xp.where(x > 0, slope, xp.inf))
        free = (x > 0) | (slope <= level + SLACK * xp.max(xp.abs(slope)))
        return free & (xp.sum(free) > 1)  # a single variable cannot move: the sum is fixed


@pytree
class L2Ball(_Set):
    """``||x||₂ <= radius``."""

    radius: float

    def __post_init__(self) -> None:
        _weight(self, "radius")

    def prox(self, v: Any, s: Any, xp: Any) -> Any:
        norm = xp.sqrt(v @ v)
        return v * xp.minimum(1.0, self.radius / xp.where(norm > 0, norm, 1.0))


@pytree
class NuclearNorm(Regularizer):
    """``weight Σ σ_i(X)`` of a matrix X; the prox soft-thresholds the singular values.

    The shape is read off the problem's ``x0``, which must be one matrix.
    """

    weight: float
    shape: tuple[int, int] | None = static(default=None)

    def __post_init__(self) -> None:
        _weight(self, "weight")

    def check(self, shapes: tuple[tuple[int, ...], ...]) -> Regularizer:
        require(
            len(shapes) == 1 and len(shapes[0]) == 2, "x0", f"shapes {list(shapes)}",
            "one matrix, for NuclearNorm",
        )  # fmt: skip
        return NuclearNorm(self.weight, (shapes[0][0], shapes[0][1]))

    def value(self, x: Any, xp: Any) -> Any:
        return self.weight * xp.sum(xp.linalg.svd(x.reshape(self.shape), compute_uv=False))

    def prox(self, v: Any, s: Any, xp: Any) -> Any:
        left, values, right = xp.linalg.svd(v.reshape(self.shape), full_matrices=False)
        return xp.ravel((left * xp.maximum(0.0, values - s * self.weight)) @ right)
