"""``min f(x) + g(x)``, f smooth, g with a proximal operator: ISTA, FISTA, ADMM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..core.certificate import Certificate
from ..core.iterative import Iterative
from ..core.loop import Progress, scaled_residual
from ..core.method import register
from ..core.ops import Ops
from ..core.status import Status
from ..core.tree import Layout, pytree, static
from .certificate import certify_minimum
from .problem import FlatProblem, _as_hashable, _require_callable, _scalar
from .regularizers import Regularizer


@pytree
class Composite(FlatProblem):
    """``min f(x) + g(x)``: LASSO, elastic net, projections, low rank.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)``, the smooth part f (a JAX function).
    x0 : pytree of arrays
        The start.
    regularizer : Regularizer
        g, such as ``ol.L1(0.1)`` or ``ol.Simplex()``; acts on all variables as one flat vector.
    args : tuple
        Data of f, traced.

    ``result.fun`` is f + g. The certificate asks that x be a fixed point of the proximal gradient
    step, which is ``0 ∈ ∇f(x) + ∂g(x)``, and that f curve upward along
    the variables that g does not hold in place.

    Examples
    --------
    >>> import optlib as ol
    >>> lasso = ol.Composite(lambda x: (x - 2.0) ** 2, 0.0, ol.L1(0.7))
    >>> round(float(ol.minimize(lasso).x), 8)
    1.65
    """

    fun: Callable[..., Any] = static()
    x0: Any
    regularizer: Regularizer
    args: tuple[Any, ...] = ()
    layout: Layout = static(default=None, init=False, repr=False)  # type: ignore[assignment]

    lower: ClassVar = None
    upper: ClassVar = None
    grad: ClassVar = None
    hess: ClassVar = None

    def __init__(
        self,
        fun: Callable[..., Any],
        x0: Any,
        regularizer: Regularizer,
        *,
        args: tuple[Any, ...] = (),
    ) -> None:
        _require_callable("fun", fun)
        if not isinstance(regularizer, Regularizer):
            raise TypeError(
                f"regularizer: found {regularizer!r}, needed one such as optlib.L1(0.1)"
            )
        self.__dict__.update(fun=_as_hashable(fun), x0=x0, regularizer=regularizer, args=args)
        self._freeze()
        self.__dict__["regularizer"] = regularizer.check(self.layout.shapes)

    def flat_fun(self, x: Any) -> Any:
        """The smooth part."""
        return _scalar(self.fun(self.layout.unravel(x), *self.args))

    def oracle(self, ops: Ops) -> Any:
        oracle = super().oracle(ops)
        oracle.regularizer = self.regularizer
        return oracle

    def judge(self, oracle: Any, x: Any, tol: Any, ops: Ops) -> tuple[Certificate, Any]:
        xp = ops.xp
        g = self.regularizer
        _, slope = oracle.value_and_grad(x)
        size = xp.maximum(1.0, xp.max(xp.abs(x)))
        scale = xp.maximum(1.0, xp.max(xp.abs(slope)))
        gap = xp.max(xp.abs(x - g.prox(x - slope / scale, 1.0 / scale, xp)))
        inner, _ = certify_minimum(oracle, x, tol, ops, free=g.free(x, slope, xp))
        residuals = {
            "fixed_point": gap / size,
            "curvature": inner.residuals["curvature"],
            "infeasibility": xp.where(xp.isfinite(g.value(x, xp)), 0.0, 1.0).astype(x.dtype),
        }
        details = {"prox_gradient": gap * scale, **inner.details}
        claim = "0 is in ∇f + ∂g, and f curves upward where g does not hold x"
        certificate = Certificate(residuals, details, inner.tol, claim, Status.STATIONARY)
        return certificate, None

    def implicit(self, x: Any, fun: Any) -> tuple[Any, Any]:
        """Only the value is differentiated, by the envelope theorem; x is taken as constant."""
        held = jax.lax.stop_gradient(x)
        change = self.flat_fun(held) + self.regularizer.value(held, jnp)
        return x, fun + (change - jax.lax.stop_gradient(change))

    def default_method(self) -> str:
        """FISTA with restart."""
        return "fista"

    def __repr__(self) -> str:
        name = getattr(self.fun, "__name__", self.fun)
        return f"Composite({name} + {type(self.regularizer).__name__}, n={self.layout.size})"


class State(NamedTuple):
    """Proximal gradient: the point y of the gradient, the step size s, and the momentum θ.

    ``trying``: the next evaluation is of the trial ``prox(y - s ∇f(y))``; else it is of y.
    """

    progress: Progress
    y: Any
    f: Any
    g: Any
    s: Any
    theta: Any
    trying: Any
    scale: Any


@pytree
class ProximalGradient(Iterative):
    """``x⁺ = prox_{s g}(y - s ∇f(y))`` with backtracking on the quadratic upper bound.

    A trial with ``f(x⁺) <= f(y) + ∇f(y)·(x⁺ - y) + ||x⁺ - y||²/(2s)`` is accepted, else s shrinks.

    Parameters
    ----------
    step_size : float
        First s; an upper bound of 1/L is never needed.
    shrink : float
        Factor of each retreat.
    """

    step_size: float = 1.0
    shrink: float = 0.5

    accelerated: ClassVar[bool] = False
    max_iterations = 100_000
    needs = "gradient of f, prox of g"

    def __post_init__(self) -> None:
        for name, low, high in (("step_size", 0.0, np.inf), ("shrink", 0.0, 1.0)):
            value = getattr(self, name)
            if isinstance(value, (int, float)):
                if not low < value < high:
                    raise ValueError(f"{name}: found {value}, needed a number in ({low}, {high})")
                object.__setattr__(self, name, float(value))

    def init(self, oracle: Any, x: Any, ops: Ops) -> State:
        xp = ops.xp
        zero, one = xp.zeros_like(x), xp.ones((), dtype=x.dtype)
        return State(
            Progress.start(x, xp), x, one * 0.0, zero, one * self.step_size, one,
            xp.asarray(False), one,
        )  # fmt: skip

    def step(self, oracle: Any, state: State, ops: Ops) -> State:
        xp, k = ops.xp, state
        reg = oracle.regularizer
        trial = reg.prox(k.y - k.s * k.g, k.s, xp)
        z = xp.where(k.trying, trial, k.y)
        f, g = oracle.value_and_grad(z)
        p = k.progress._replace(
            nfev=k.progress.nfev + oracle.fun_calls, njev=k.progress.njev + oracle.grad_calls
        )
        return ops.cond(
            k.trying,
            lambda: self._judge(k, p, z, f, g, reg, xp),
            lambda: self._gradient(k, p, z, f, g, reg, xp),
        )

    def _judge(self, k: State, p: Progress, z: Any, f: Any, g: Any, reg: Any, xp: Any) -> State:
        """Take the trial, or shorten the step."""
        d = z - k.y
        dd = d @ d
        eps = np.finfo(z.dtype).eps
        bound = k.f + k.g @ d + dd / (2.0 * k.s) + 10.0 * eps * xp.abs(k.f)
        level = (xp.abs(f - k.f) <= 100.0 * eps * xp.abs(k.f)) & ((g - k.g) @ d <= dd / k.s)
        accept = xp.isfinite(f) & ((f <= bound) | level)
        x, theta = xp.where(accept, z, p.x), k.theta
        ahead = z
        if self.accelerated:
            theta = 0.5 * (1.0 + xp.sqrt(1.0 + 4.0 * k.theta**2))
            momentum = (k.theta - 1.0) / theta
            uphill = (k.y - z) @ (z - p.x) > 0
            momentum, theta = xp.where(uphill, 0.0, momentum), xp.where(uphill, 1.0, theta)
            ahead = z + momentum * (z - p.x)
        total = f + reg.value(z, xp)
        gap = xp.max(xp.abs(d)) / k.s
        moved = z - p.x
        stuck = ~accept & (k.s < eps**2)
        p = p._replace(
            x=x,
            fun=xp.where(accept, total, p.fun),
            grad_norm=xp.where(accept, gap, p.grad_norm),
            residual=xp.where(accept, scaled_residual(gap, k.scale, p.nit < 0, xp), p.residual),
            step_size=xp.where(accept, k.s, p.step_size),
            step_norm=xp.where(accept, xp.sqrt(moved @ moved), p.step_norm),
            decrease=xp.where(accept, p.fun - total, p.decrease),
            accepted=accept,
            nit=p.nit + accept.astype(xp.int32),
            code=xp.where(stuck, Status.STALLED.value, p.code).astype(xp.int32),
        )
        reuse = accept & xp.all(ahead == z)
        return State(
            p,
            xp.where(accept, ahead, k.y),
            xp.where(reuse, f, k.f),
            xp.where(reuse, g, k.g),
            xp.where(accept, k.s, self.shrink * k.s),
            xp.where(accept, theta, k.theta),
            ~accept | reuse,
            k.scale,
        )

    def _gradient(self, k: State, p: Progress, z: Any, f: Any, g: Any, reg: Any, xp: Any) -> State:
        """The gradient at y; at the start this is x0, and counts as iterate 0."""
        first = p.nit < 0
        total = f + reg.value(z, xp)
        gap = xp.max(xp.abs(z - reg.prox(z - k.s * g, k.s, xp))) / k.s
        scale = xp.where(first, xp.minimum(1.0, gap), k.scale)
        p = p._replace(
            x=xp.where(first, z, p.x),
            fun=xp.where(first, xp.where(xp.isfinite(total), total, f), p.fun),
            grad_norm=xp.where(first, gap, p.grad_norm),
            residual=xp.where(first, scaled_residual(gap, scale, first, xp), p.residual),
            accepted=first | (p.accepted & False),
            nit=xp.where(first, 0, p.nit).astype(xp.int32),
        )
        return State(p, z, f, g, k.s, k.theta, first | ~first, scale)


@register("ista", Composite)
@pytree
class ISTA(ProximalGradient):
    """The proximal gradient method: y is the last iterate."""

    rate = "O(1/k) for convex f"
    reference = "Daubechies, Defrise & De Mol 2004; Beck & Teboulle 2009"


@register("fista", Composite, recommended=True)
@pytree
class FISTA(ProximalGradient):
    """Accelerated: ``y = x⁺ + (θ - 1)/θ⁺ (x⁺ - x)``, restarted when the momentum points uphill."""

    accelerated = True
    rate = "O(1/k²) for convex f; linear when strongly convex, by the restart"
    reference = "Beck & Teboulle 2009; O'Donoghue & Candès 2015"


class Split(NamedTuple):
    """ADMM: z of the regularizer, the scaled multiplier u."""

    progress: Progress
    x: Any
    z: Any
    u: Any
    scale: Any


@register("admm", Composite)
@pytree
class ADMM(Iterative):
    """Splitting ``f(x) + g(z)``, ``x = z``: alternating directions with penalty ρ.

    ``x ← argmin f(x) + ρ/2 ||x - z + u||²`` by one Newton step (exact for quadratic f),
    ``z ← prox_{g/ρ}(x + u)``, ``u ← u + x - z``.

    Parameters
    ----------
    penalty : float
        ρ; by default the mean curvature of f at the start (trace(H)/n).
    """

    penalty: float | None = None

    needs = "gradient and Hessian of f, prox of g"
    rate = "O(1/k) for convex f; linear when strongly convex"
    reference = "Gabay & Mercier 1976; Boyd et al. 2011"
    max_iterations = 100_000

    def __post_init__(self) -> None:
        if isinstance(self.penalty, (int, float)):
            if not self.penalty > 0:
                raise ValueError(f"penalty: found {self.penalty}, needed a positive number")
            object.__setattr__(self, "penalty", float(self.penalty))

    def init(self, oracle: Any, x: Any, ops: Ops) -> Split:
        xp = ops.xp
        zero = xp.zeros_like(x)
        return Split(Progress.start(x, xp), x, x, zero, zero.sum() + 1.0)

    def step(self, oracle: Any, state: Split, ops: Ops) -> Split:
        xp, k = ops.xp, state
        reg, p = oracle.regularizer, k.progress
        first = p.nit < 0
        f, g = oracle.value_and_grad(k.z)
        H = oracle.hessian(k.z)
        n = k.z.size
        rho = self.penalty
        if rho is None:
            rho = xp.maximum(xp.trace(H) / n, np.finfo(k.z.dtype).eps)
        total = f + reg.value(k.z, xp)
        gap = xp.max(xp.abs(k.z - reg.prox(k.z - g, 1.0, xp)))
        scale = xp.where(first, xp.minimum(1.0, gap), k.scale)
        moved = k.z - p.x
        p = p._replace(
            x=k.z,
            fun=xp.where(xp.isfinite(total), total, f),
            grad_norm=gap,
            residual=scaled_residual(gap, scale, first, xp),
            step_size=xp.where(first, 0.0, 1.0 / rho) * xp.ones_like(f),
            step_norm=xp.sqrt(moved @ moved),
            decrease=xp.where(first, 0.0, p.fun - total),
            accepted=first | ~first,
            nit=p.nit + 1,
            nfev=p.nfev + oracle.fun_calls,
            njev=p.njev + oracle.grad_calls,
            nhev=p.nhev + 1,
        )
        x = k.z - xp.linalg.solve(H + rho * xp.eye(n, dtype=g.dtype), g + rho * k.u)
        z = reg.prox(x + k.u, 1.0 / rho, xp)
        return Split(p, x, z, k.u + x - z, scale)
