"""Trust regions: the model is trusted within a radius that grows and shrinks with its success.

At each step p minimises ``m(p) = gᵀp + ½ pᵀHp`` over ``||p|| <= Δ``; the ratio of the actual to the
predicted reduction decides whether p is taken and how Δ changes (Conn, Gould & Toint 2000).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.iterative import Iterative
from ..core.loop import Progress, scaled_residual
from ..core.method import register
from ..core.ops import Ops
from ..core.status import RUNNING, Status
from ..core.tree import pytree
from .problem import Differentiable

SMALLEST_RADIUS = 1e-14


class Verdict(NamedTuple):
    """What the trial point says: take it, the new radius, and whether there is no way on."""

    accept: Any
    radius: Any
    stuck: Any


def reduction(p: Progress, f: Any, g_old: Any, g: Any, step: Any, xp: Any) -> Any:
    """``f(x) - f(x + step)``; from the slopes at both ends where the values differ by rounding."""
    actual = p.fun - f
    level = xp.abs(actual) <= 1e3 * np.finfo(step.dtype).eps * xp.abs(p.fun)
    return xp.where(level, -0.5 * ((g_old + g) @ step), actual)


def assess(
    p: Progress, f: Any, g_old: Any, g: Any, step: Any, predicted: Any, radius: Any, xp: Any
) -> Verdict:
    """Compare the actual with the predicted reduction."""
    length = xp.sqrt(step @ step)
    ratio = reduction(p, f, g_old, g, step, xp) / xp.where(predicted > 0, predicted, 1.0)
    finite = xp.isfinite(f) & xp.all(xp.isfinite(g))
    ratio = xp.where(finite, ratio, -1.0)
    accept = ratio > 1e-4
    shrunk = 0.25 * xp.minimum(length, radius)
    grown = xp.where((ratio > 0.75) & (length > 0.9 * radius), 2.0 * radius, radius)
    radius = xp.where(ratio < 0.25, shrunk, grown)
    stuck = ~accept & (radius < SMALLEST_RADIUS * (1.0 + xp.sqrt(p.x @ p.x)))
    return Verdict(accept, radius, stuck)


def advance_progress(
    p: Progress,
    first: Any,
    verdict: Verdict,
    z: Any,
    f: Any,
    g: Any,
    step: Any,
    scale: Any,
    oracle: Any,
    xp: Any,
) -> Progress:
    """The report after a trial, taken or not."""
    accept = verdict.accept | first
    norm = xp.max(xp.abs(g))
    return p._replace(
        x=xp.where(accept, z, p.x),
        fun=xp.where(accept, f, p.fun),
        grad_norm=xp.where(accept, norm, p.grad_norm),
        residual=xp.where(accept, scaled_residual(norm, scale, first, xp), p.residual),
        step_size=xp.where(accept & ~first, 1.0, 0.0).astype(z.dtype),
        step_norm=xp.where(accept, xp.sqrt(step @ step), p.step_norm),
        decrease=xp.where(accept & ~first, p.fun - f, 0.0),
        accepted=accept,
        code=xp.where(verdict.stuck & ~first, Status.STALLED.value, RUNNING).astype(xp.int32),
        nit=p.nit + accept.astype(xp.int32),
        nfev=p.nfev + oracle.fun_calls,
        njev=p.njev + oracle.grad_calls,
    )


@pytree
class TrustRegionMethod(Iterative):
    """Base of the trust-region methods.

    Parameters
    ----------
    radius : float
        First radius Δ, in the units of x.
    """

    radius: float = 1.0

    def __post_init__(self) -> None:
        value = self.radius
        if isinstance(value, (int, float)):
            if not value > 0:
                raise ValueError(f"radius: found {value}, needed a positive number")
            object.__setattr__(self, "radius", float(value))

    def refusal(self, problem: Any) -> str | None:
        return "it does not handle bounds" if problem.lower is not None else None


class ExactState(NamedTuple):
    """The point's gradient, the model's eigenvectors and eigenvalues, and the trial step."""

    progress: Progress
    g: Any
    vectors: Any
    values: Any
    step: Any
    predicted: Any
    radius: Any
    scale: Any


@register("trust_region", Differentiable)
@pytree
class TrustRegion(TrustRegionMethod):
    """Newton's model in a ball, the subproblem solved exactly (Moré & Sorensen 1983).

    The step is ``-(H + σI)⁻¹g`` with the σ >= max(0, -λ_min) that puts it on the sphere, or the
    Newton step when that lies inside; in the hard case an eigenvector of λ_min is added. Works from
    the eigenvalues of H: n³ per step. Leaves saddles and maxima where there is a slope at all.
    """

    needs = "gradient, Hessian, n³ work per step"
    rate = "quadratic"
    reference = "Moré & Sorensen 1983; Conn, Gould & Toint 2000"

    def init(self, oracle: Any, x: Any, ops: Ops) -> ExactState:
        xp = ops.xp
        zero = xp.zeros_like(x)
        return ExactState(
            Progress.start(x, xp), zero, xp.eye(x.size, dtype=x.dtype), zero, zero,
            zero.sum(), zero.sum() + self.radius, zero.sum() + 1.0,
        )  # fmt: skip

    def step(self, oracle: Any, state: ExactState, ops: Ops) -> ExactState:
        xp, s = ops.xp, state
        p = s.progress
        first = p.nit < 0
        z = p.x + s.step
        f, g = oracle.value_and_grad(z)
        verdict = assess(p, f, s.g, g, s.step, s.predicted, s.radius, xp)
        accept = verdict.accept | first
        radius = xp.where(first, s.radius, verdict.radius)
        vectors, values = ops.cond(
            accept, lambda: _eigen(oracle.hessian(z), ops), lambda: (s.vectors, s.values)
        )
        g = xp.where(accept, g, s.g)
        scale = xp.where(first, xp.minimum(1.0, xp.max(xp.abs(g))), s.scale)
        p = advance_progress(p, first, verdict, z, f, g, s.step, scale, oracle, xp)
        p = p._replace(nhev=p.nhev + accept.astype(xp.int32))
        step, predicted = ball_minimum(vectors, values, g, radius, ops)
        return ExactState(p, g, vectors, values, step, predicted, radius, scale)


def _eigen(H: Any, ops: Ops) -> tuple[Any, Any]:
    values, vectors = ops.xp.linalg.eigh(ops.xp.where(ops.xp.isfinite(H), H, 0.0))
    return vectors, values


def ball_minimum(vectors: Any, values: Any, g: Any, radius: Any, ops: Ops) -> tuple[Any, Any]:
    """The minimiser of ``gᵀp + ½pᵀHp`` on the ball, and the reduction it predicts.

    σ solves ``1/||p(σ)|| = 1/Δ`` by Newton's iteration kept inside a bracket.
    """
    xp = ops.xp
    c = vectors.T @ g
    low, size = values[0], xp.max(xp.abs(values))
    tiny = np.finfo(g.dtype).eps * xp.maximum(size, np.finfo(g.dtype).tiny ** 0.5)

    def along(sigma: Any) -> Any:
        return c / xp.maximum(values + sigma, tiny)

    floor = xp.maximum(0.0, -low)
    inside = (low > tiny) & (xp.sum(along(0.0) ** 2) <= radius**2)
    bottom = floor + xp.where(low > 0, 0.0, tiny)
    top = floor + tiny + xp.sqrt(c @ c) / radius

    def refine(state: Any) -> Any:
        sigma, lo, hi = state
        q = along(sigma)
        norm = xp.sqrt(q @ q)
        lo, hi = xp.where(norm > radius, sigma, lo), xp.where(norm > radius, hi, sigma)
        slope = xp.sum(q * q / xp.maximum(values + sigma, tiny))
        new = sigma + (norm - radius) / radius * norm**2 / xp.where(slope > 0, slope, 1.0)
        return xp.where((new > lo) & (new < hi), new, 0.5 * (lo + hi)), lo, hi

    sigma, _, _ = ops.repeat(40, refine, (bottom, bottom, top))
    q = along(xp.where(inside, 0.0, sigma))
    gap = xp.maximum(0.0, radius**2 - q @ q)
    hard = ~inside & (low < 0)
    lead = (xp.arange(q.size) == 0).astype(q.dtype)
    root = xp.sqrt(q[0] ** 2 + gap) - xp.abs(q[0])
    q = q + xp.where(hard, xp.where(q[0] < 0, -root, root), 0.0) * lead
    predicted = c @ q - 0.5 * (values * q) @ q
    return -(vectors @ q), predicted


class KrylovState(NamedTuple):
    """A conjugate gradient run inside the model: step s, residual r, direction d, ``H s``."""

    progress: Progress
    g: Any
    s: Any
    r: Any
    d: Any
    Hs: Any
    solving: Any
    inner: Any
    radius: Any
    scale: Any


@register("trust_region_cg", Differentiable)
@pytree
class TrustRegionCG(TrustRegionMethod):
    """Newton's model in a ball, the subproblem by truncated conjugate gradients (Steihaug 1983).

    Conjugate gradients run until ``||r|| <= min(½, √||g||) ||g||``, the sphere is crossed, or a
    direction of negative curvature leads to the sphere. Each of its iterations is one step of the
    flat loop and costs one Hessian-vector product; no matrix is formed, so n may be large.
    """

    needs = "gradient, Hessian-vector products"
    rate = "superlinear"
    reference = "Steihaug 1983; Conn, Gould & Toint 2000"

    def init(self, oracle: Any, x: Any, ops: Ops) -> KrylovState:
        xp = ops.xp
        zero = xp.zeros_like(x)
        return KrylovState(
            Progress.start(x, xp), zero, zero, zero, zero, zero, xp.asarray(False),
            xp.asarray(0, dtype=xp.int32), zero.sum() + self.radius, zero.sum() + 1.0,
        )  # fmt: skip

    def step(self, oracle: Any, state: KrylovState, ops: Ops) -> KrylovState:
        return ops.cond(
            state.solving,
            lambda: self._iterate(oracle, state, ops),
            lambda: self._trial(oracle, state, ops),
        )

    def _iterate(self, oracle: Any, k: KrylovState, ops: Ops) -> KrylovState:
        """One conjugate gradient iteration on ``H s = -g``."""
        xp = ops.xp
        p = k.progress
        Hd = oracle.hvp(p.x, k.d)
        curvature, rr = k.d @ Hd, k.r @ k.r
        positive = curvature > 0
        alpha = rr / xp.where(positive, curvature, 1.0)
        ahead = k.s + alpha * k.d
        out = ~positive | (ahead @ ahead >= k.radius**2)
        sd, dd = k.s @ k.d, k.d @ k.d
        room = xp.maximum(0.0, k.radius**2 - k.s @ k.s)
        to_sphere = room / (sd + xp.sqrt(sd * sd + dd * room) + np.finfo(rr.dtype).tiny)
        alpha = xp.where(out, to_sphere, alpha)
        s, r, Hs = k.s + alpha * k.d, k.r + alpha * Hd, k.Hs + alpha * Hd
        norm = xp.sqrt(k.g @ k.g)
        small = xp.sqrt(r @ r) <= xp.minimum(0.5, xp.sqrt(norm)) * norm
        inner = k.inner + 1
        ended = out | small | (inner >= 2 * s.size + 10)
        d = -r + (r @ r) / xp.where(rr > 0, rr, 1.0) * k.d
        return k._replace(
            progress=p._replace(nhev=p.nhev + 1, accepted=p.accepted & False),
            s=s, r=r, d=d, Hs=Hs, solving=~ended, inner=inner,
        )  # fmt: skip

    def _trial(self, oracle: Any, k: KrylovState, ops: Ops) -> KrylovState:
        """Evaluate the step found, then start on the next model."""
        xp = ops.xp
        p = k.progress
        first = p.nit < 0
        z = p.x + k.s
        f, g = oracle.value_and_grad(z)
        predicted = -(k.g @ k.s) - 0.5 * (k.s @ k.Hs)
        verdict = assess(p, f, k.g, g, k.s, predicted, k.radius, xp)
        accept = verdict.accept | first
        radius = xp.where(first, k.radius, verdict.radius)
        g = xp.where(accept, g, k.g)
        scale = xp.where(first, xp.minimum(1.0, xp.max(xp.abs(g))), k.scale)
        p = advance_progress(p, first, verdict, z, f, g, k.s, scale, oracle, xp)
        zero = xp.zeros_like(g)
        return KrylovState(p, g, zero, g, -g, zero, ~(first & ~first), k.inner * 0, radius, scale)
