"""The residuals of :mod:`.certificate` in JAX, for the programs of a batch.

The same formulas on traced arrays, number for number. Inside ``vmap`` every lane has a status of
its own, so one set of residuals serves all three claims: those that a lane's claim does not need
are zero.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ..core.certificate import Certificate
from ..core.tree import pytree
from .certificate import HEADROOM

CLAIM = "each lane is what its status says: optimal, infeasible or unbounded"


@pytree
class LaneCertificate(Certificate):
    """The certificate of a program inside a transformation; ``status`` is what it would prove.

    Residuals as in :class:`~optlib.linear.certificate.LinearCertificate`; the parts that a lane's
    claim does not need are zero.
    """

    status: Any  # type: ignore[assignment]


class Measured(NamedTuple):
    """A dense program with its rows under each other, and the sizes that it is measured by."""

    c: Any
    A: Any
    b: Any
    lower: Any
    upper: Any
    equations: int
    largest: Any
    total: Any
    x_size: Any
    cost_size: Any

    @classmethod
    def of(cls, c: Any, A: Any, b: Any, lower: Any, upper: Any, equations: int) -> Measured:
        """``min cᵀx``, ``A x = b`` in the first ``equations`` rows, ``<= b`` in the others."""
        absolute = jnp.abs(A)
        largest = absolute.max(axis=1, initial=0.0)
        reach = jnp.abs(b) / jnp.where(largest > 0, largest, jnp.inf)
        ends = jnp.abs(jnp.concatenate([reach, _finite(lower), _finite(upper)]))
        return cls(
            c, A, b, lower, upper, equations, largest, absolute.sum(axis=1),
            _or_one(ends.max()), _or_one(jnp.abs(c).max()),
        )  # fmt: skip

    @property
    def is_equation(self) -> Any:
        return np.arange(self.b.size) < self.equations

    @property
    def x_unit(self) -> Any:
        return jnp.minimum(1.0, self.x_size)

    @property
    def cost_unit(self) -> Any:
        return jnp.minimum(1.0, self.cost_size)

    @property
    def rounding(self) -> Any:
        """Rounding of a long sum, relative to the sum of its terms' sizes."""
        return 64.0 * jnp.finfo(self.c.dtype).eps

    def bounds_duals(self, y: Any) -> tuple[Any, Any]:
        """The multipliers of the bounds, from the rows' by ``z = c - Aᵀy``."""
        z = self.c - self.A.T @ y
        return jnp.maximum(z, 0.0), jnp.minimum(z, 0.0)


def feasibility(lp: Measured, x: Any) -> tuple[Any, Any]:
    """``rows`` and ``bounds``: how far x is outside, relative to what was summed."""
    size = jnp.abs(x)
    outside = lp.A @ x - lp.b
    most = HEADROOM * (jnp.abs(lp.b) + lp.largest * lp.x_size)
    scale = jnp.abs(lp.b) + lp.largest * lp.x_unit + jnp.minimum(jnp.abs(lp.A) @ size, most)
    violated = jnp.where(lp.is_equation, jnp.abs(outside), jnp.maximum(outside, 0.0))
    below = jnp.maximum(lp.lower - x, 0.0) / (size + jnp.abs(_finite(lp.lower)) + lp.x_unit)
    above = jnp.maximum(x - lp.upper, 0.0) / (size + jnp.abs(_finite(lp.upper)) + lp.x_unit)
    rows = violated / jnp.where(scale > 0, scale, 1.0)
    return rows.max(initial=0.0), jnp.maximum(below, above).max()


def optimal(lp: Measured, x: Any, y: Any, tol: Any) -> dict[str, Any]:
    """KKT conditions and gap of a point with its multipliers."""
    z_low, z_high = lp.bounds_duals(y)
    low, high = _finite(lp.lower), _finite(lp.upper)
    terms = jnp.abs(lp.c) + jnp.abs(lp.A).T @ jnp.abs(y)
    rows, bounds = feasibility(lp, x)
    products = (
        jnp.where(lp.is_equation, 0.0, jnp.abs((lp.b - lp.A @ x) * y)).sum()
        + jnp.where(jnp.isfinite(lp.lower), jnp.abs((x - low) * z_low), 0.0).sum()
        + jnp.where(jnp.isfinite(lp.upper), jnp.abs((x - high) * z_high), 0.0).sum()
    )
    cost, dual_cost = lp.c @ x, lp.b @ y + low @ z_low + high @ z_high
    summed = terms @ jnp.abs(x) + jnp.abs(lp.b) @ jnp.abs(y)
    summed += jnp.abs(low) @ z_low - jnp.abs(high) @ z_high
    scale = jnp.abs(cost) + jnp.abs(dual_cost) + lp.cost_unit * lp.x_unit
    rounding = jnp.minimum(lp.rounding * summed, HEADROOM * tol * scale)
    return {
        "rows": rows,
        "bounds": bounds,
        "dual": _dual(lp, y, z_low, z_high, terms, tol),
        "complementarity": _above(products, rounding) / scale,
        "gap": _above(jnp.abs(cost - dual_cost), rounding) / scale,
    }


def _dual(lp: Measured, y: Any, z_low: Any, z_high: Any, terms: Any, tol: Any) -> Any:
    """The sign of every multiplier; ``c = Aᵀy + z_low + z_high`` holds by construction."""
    eps = jnp.finfo(lp.c.dtype).eps
    most = HEADROOM * (jnp.abs(lp.c) + lp.cost_size)
    noise = lp.rounding / jnp.maximum(tol, eps) * terms
    scale = jnp.abs(lp.c) + lp.cost_unit + jnp.minimum(noise, most)
    wrong = jnp.where(jnp.isfinite(lp.lower), 0.0, z_low) / scale
    wrong = jnp.maximum(wrong, jnp.where(jnp.isfinite(lp.upper), 0.0, -z_high) / scale)
    typical = jnp.abs(lp.A) @ scale / jnp.maximum(lp.total, jnp.finfo(lp.c.dtype).tiny)
    price = jnp.maximum(y, 0.0) * lp.largest / jnp.maximum(typical, lp.cost_unit)
    return jnp.maximum(wrong.max(), jnp.where(lp.is_equation, 0.0, price).max(initial=0.0))


def admissible_weights(lp: Measured, y: Any) -> Any:
    """Row weights with those of inequalities at most zero."""
    return jnp.where(lp.is_equation, y, jnp.minimum(y, 0.0))


def admissible_direction(lp: Measured, d: Any) -> Any:
    """A direction without the parts that a bound stops."""
    d = jnp.where(jnp.isfinite(lp.lower), jnp.maximum(d, 0.0), d)
    return jnp.where(jnp.isfinite(lp.upper), jnp.minimum(d, 0.0), d)


def farkas(lp: Measured, y: Any, tol: Any) -> Any:
    """``size`` of a Farkas ray, whose weights of inequalities are at most zero."""
    v, size = lp.A.T @ y, jnp.abs(lp.A).T @ jnp.abs(y)
    missing = jnp.where(v > 0, jnp.isposinf(lp.upper), jnp.isneginf(lp.lower))
    at = jnp.where(v > 0, _finite(lp.upper), _finite(lp.lower))
    rounding = lp.rounding * (jnp.abs(lp.b) @ jnp.abs(y) + size @ jnp.abs(at))
    left = lp.x_size * jnp.where(missing, jnp.abs(v), 0.0)
    noise = lp.x_size * jnp.where(missing, _last_digits(lp) * size, 0.0)
    return _size(left, noise, lp.b @ y - v @ at - rounding, tol)


def recession(lp: Measured, d: Any, tol: Any) -> Any:
    """``size`` of a direction of falling cost that no bound stops."""
    slope = -(lp.c @ d)
    rounding = lp.rounding * (jnp.abs(lp.c) @ jnp.abs(d))
    moved = lp.A @ d
    moved = jnp.where(lp.is_equation, jnp.abs(moved), jnp.maximum(moved, 0.0))
    unit = lp.cost_size / jnp.where(lp.largest > 0, lp.largest, 1.0)
    noise = _last_digits(lp) * (jnp.abs(lp.A) @ jnp.abs(d))
    return _size(unit * moved, unit * noise, slope - rounding, tol)


def _size(left: Any, noise: Any, excess: Any, tol: Any) -> Any:
    """What is left over, relative to the excess that it would have to make up for."""
    beyond = jnp.maximum(left - noise, 0.0).sum()
    forgiven = jnp.minimum(left.sum() - beyond, HEADROOM * tol * excess)
    return jnp.where(
        excess > 0, (left.sum() - forgiven) / jnp.where(excess > 0, excess, 1), jnp.inf
    )


def _last_digits(lp: Measured) -> Any:
    return 4.0 * jnp.finfo(lp.c.dtype).eps


def _finite(bound: Any) -> Any:
    return jnp.where(jnp.isfinite(bound), bound, 0.0)


def _or_one(size: Any) -> Any:
    return jnp.where(size == 0, 1.0, size)  # NaN stays


def _above(value: Any, rounding: Any) -> Any:
    """What of a value is no rounding (NaN stays)."""
    return jnp.where(value <= rounding, 0.0, value - rounding)
