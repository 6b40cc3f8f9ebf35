"""Momentum: the heavy ball, Nesterov's acceleration, and their exponentially averaged forms."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.method import register
from ..core.ops import Ops
from ..core.tree import pytree, static
from .descent import Descent, Move
from .problem import Differentiable
from .steps import Own

LANCZOS = 60
"""Lanczos steps for the extreme eigenvalues; enough for six digits of both on most problems."""


class Velocity(NamedTuple):
    """The running direction, and the step size and momentum in use."""

    z: Any
    step_size: Any
    momentum: Any


def _check_momentum(method: Any) -> None:
    value = method.momentum
    if isinstance(value, (int, float)) and not 0.0 <= value < 1.0:
        raise ValueError(f"momentum: found {value}, needed a number in [0, 1)")
    if isinstance(value, int):
        object.__setattr__(method, "momentum", float(value))


@register("heavy_ball", Differentiable)
@pytree
class HeavyBall(Descent):
    """Polyak's heavy ball, ``z_k = ∇f(x_k) + β z_{k-1}``, ``x_{k+1} = x_k - s z_k``.

    Parameters
    ----------
    step : number or schedule, optional
        s. By default the best step size for a quadratic with the Hessian's extreme eigenvalues at
        ``x0``, ``(2 / (√λ_max + √λ_min))²``, estimated by Lanczos.
    momentum : float, optional
        β in [0, 1). By default ``((√λ_max - √λ_min) / (√λ_max + √λ_min))²``.

    Notes
    -----
    On a quadratic f falls by the factor β per step asymptotically (book A eqs. 1.4-(14) to (17)),
    with κ replaced by √κ; the first steps are slower because of a factor k² (erratum E-16).

    Examples
    --------
    >>> import optlib as ol
    >>> bowl = ol.Smooth(lambda x: (x[0] ** 2 + 0.01 * x[1] ** 2) / 2, [0.01, 1.0])
    >>> result = ol.minimize(bowl, "heavy_ball", max_iterations=2, trace=True)
    >>> result.trace.x[1].round(8)
    array([-0.02305785,  0.96694215])
    """

    momentum: float | None = None

    default_step = Own()
    max_iterations = 100_000
    needs = "gradient (and Hessian-vector products for the default constants)"
    rate = "linear on quadratics, factor ((√κ - 1)/(√κ + 1))² in f"
    reference = "Polyak 1964; book A 1.4.5"

    def check(self) -> None:
        _check_momentum(self)

    def start_calls(self, size: int) -> int:
        measures = self.momentum is None or isinstance(self.__dict__["rule"], Own)
        return min(size, LANCZOS) if measures else 0

    def remember(self, oracle: Any, x: Any, ops: Ops) -> Velocity:
        zero = ops.xp.zeros((), dtype=x.dtype)
        return Velocity(ops.xp.zeros_like(x), zero, zero)

    def direct(self, memory: Velocity, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        xp = ops.xp
        step_size, momentum = memory.step_size, memory.momentum
        if self.momentum is not None:
            momentum = xp.asarray(self.momentum, dtype=move.g.dtype)
        if self.momentum is None or isinstance(self.__dict__["rule"], Own):

            def measured() -> tuple[Any, Any]:
                low, high = extreme_eigenvalues(oracle, move.x, ops)
                root = xp.sqrt(high) + xp.sqrt(low)
                best = ((xp.sqrt(high) - xp.sqrt(low)) / root) ** 2
                return (2.0 / root) ** 2, best if self.momentum is None else momentum

            step_size, momentum = ops.cond(move.first, measured, lambda: (step_size, momentum))
        z = move.g + momentum * memory.z
        return z, step_size, Velocity(z, step_size, momentum)


@register("momentum", Differentiable)
@pytree
class Momentum(Descent):
    """Averaged momentum, ``v ← β v + (1-β) ∇f(x)``, ``x ← x - s v`` (book D eqs. 4.16-4.17).

    The same path as the heavy ball with step size ``s (1-β)``.
    """

    momentum: float = 0.9

    default_step = 0.01
    max_iterations = 100_000
    needs = "gradient"
    rate = "as the heavy ball"
    reference = "book D 4.3"

    def check(self) -> None:
        _check_momentum(self)

    def remember(self, oracle: Any, x: Any, ops: Ops) -> Any:
        return ops.xp.zeros_like(x)

    def direct(self, memory: Any, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        v = self.momentum * memory + (1.0 - self.momentum) * move.g
        return v, ops.xp.ones_like(move.f), v


@register("look_ahead", Differentiable)
@pytree
class LookAhead(Momentum):
    """Look-ahead momentum: ``v ← β v + (1-β) g``, ``x ← x - s (β v + (1-β) g)`` (eqs. 4.36-4.37).

    In the spirit of Nesterov with the gradient taken at x only; not the same sequence.
    """

    reference = "book D 4.5"

    def direct(self, memory: Any, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        v = self.momentum * memory + (1.0 - self.momentum) * move.g
        ahead = self.momentum * v + (1.0 - self.momentum) * move.g
        return ahead, ops.xp.ones_like(move.f), v


class Extrapolation(NamedTuple):
    """The last point x (before extrapolation), the step size, and the sequence t_k."""

    x: Any
    step_size: Any
    theta: Any


@register("nesterov", Differentiable)
@pytree
class Nesterov(Descent):
    """Nesterov's acceleration: ``x⁺ = y - s ∇f(y)``, ``y⁺ = x⁺ + γ_k (x⁺ - x)``.

    Parameters
    ----------
    step : number or schedule, optional
        s; by default 1/L with L the Hessian's largest eigenvalue at ``x0`` (Lanczos).
    momentum : float, optional
        A constant γ, best ``(√L - √μ)/(√L + √μ)`` for strongly convex f. By default the convex
        sequence ``γ_k = (t_k - 1)/t_{k+1}``, ``t_{k+1} = (1 + √(1 + 4 t_k²))/2``.
    restart : bool
        Forget the momentum when it points uphill, ``∇f(y)·(x_{k+1} - x_k) > 0`` (O'Donoghue and
        Candès 2015).
    averaged : bool
        Book D's form (4.33)-(4.34), ``v ← β v + (1-β) ∇f(x - s β v)``, ``x ← x - s v``; β is then
        0.9 unless given.

    The iterates reported are the points y where the gradient is taken; ``state.memory.x`` has x.
    """

    momentum: float | None = None
    restart: bool = static(default=True)
    averaged: bool = static(default=False)

    default_step = Own()
    max_iterations = 100_000
    needs = "gradient (and Hessian-vector products for the default step size)"
    rate = "O(1/k²) for convex f; linear, factor 1 - √(μ/L), when strongly convex"
    reference = "Nesterov 1983; book D 4.5; O'Donoghue & Candès 2015"

    def check(self) -> None:
        if self.averaged and self.momentum is None:
            object.__setattr__(self, "momentum", 0.9)
        _check_momentum(self)

    def start_calls(self, size: int) -> int:
        return min(size, LANCZOS) if isinstance(self.__dict__["rule"], Own) else 0

    def remember(self, oracle: Any, x: Any, ops: Ops) -> Extrapolation:
        one = ops.xp.ones((), dtype=x.dtype)
        return Extrapolation(x, one, one)

    def direct(
        self, memory: Extrapolation, move: Move, oracle: Any, ops: Ops
    ) -> tuple[Any, Any, Any]:
        xp = ops.xp
        rule: Any = self.__dict__["rule"]
        y, g = move.x, move.g
        if isinstance(rule, Own):
            step_size = ops.cond(
                move.first,
                lambda: 1.0 / extreme_eigenvalues(oracle, y, ops)[1],
                lambda: memory.step_size,
            )
        else:
            step_size = xp.asarray(rule.size(move.k + 1, xp), dtype=g.dtype)
        pull = 1.0 - self.momentum if self.averaged and self.momentum is not None else 1.0
        x = y - pull * step_size * g
        theta = 0.5 * (1.0 + xp.sqrt(1.0 + 4.0 * memory.theta**2))
        gamma = (memory.theta - 1.0) / theta if self.momentum is None else self.momentum
        last = xp.where(move.first, y, memory.x)
        if self.restart and self.momentum is None:
            uphill = g @ (x - last) > 0
            gamma, theta = xp.where(uphill, 0.0, gamma), xp.where(uphill, 1.0, theta)
        ahead = x + gamma * (x - last)
        return (y - ahead) / step_size, step_size, Extrapolation(x, step_size, theta)


def extreme_eigenvalues(oracle: Any, x: Any, ops: Ops, floor: float = 1e-8) -> tuple[Any, Any]:
    """Smallest and largest eigenvalue of the Hessian at x, by Lanczos from a fixed random vector.

    Full reorthogonalisation, at most ``LANCZOS`` Hessian-vector products. The smallest is kept at
    ``floor`` times the largest or more, so that an indefinite Hessian gives usable step sizes.
    """
    xp = ops.xp
    count = min(x.size, LANCZOS)
    start = xp.asarray(np.random.default_rng(0).standard_normal(x.size), dtype=x.dtype)

    def grow(state: Any) -> Any:
        k, q, basis, images = state
        basis = ops.put(basis, k, q)
        image = oracle.hvp(x, q)
        images = ops.put(images, k, image)
        rest = image
        for _ in range(2):
            rest = rest - basis.T @ (basis @ rest)
        size = xp.sqrt(rest @ rest)
        fresh = size > 1e-10 * xp.sqrt(image @ image)
        return k + 1, xp.where(fresh, rest / xp.where(fresh, size, 1.0), 0.0), basis, images

    empty = xp.zeros((count, x.size), dtype=x.dtype)
    q = start / xp.sqrt(start @ start)
    _, _, basis, images = ops.repeat(count, grow, (0, q, empty, empty + 0.0))
    small = basis @ images.T
    used = xp.sum(basis * basis, axis=1) > 0.5
    values = xp.linalg.eigvalsh(0.5 * (small + small.T))
    high = xp.max(xp.abs(values))
    lowest = xp.sum(used) < count
    padded = xp.where(lowest & (xp.abs(values) <= 1e-14 * high), high, values)
    return xp.maximum(xp.min(padded), floor * high), high
