"""Newton's method for many variables: the equations by truncated conjugate gradients."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from ..core.iterative import Iterative
from ..core.loop import Progress, scaled_residual
from ..core.method import register
from ..core.ops import Ops
from ..core.status import Status
from ..core.tree import pytree
from .problem import Differentiable
from .steps import Line, Search, StepRule, as_rule


class State(NamedTuple):
    """A conjugate gradient run on ``H s = -g``, then a line search along s."""

    progress: Progress
    g: Any
    s: Any
    r: Any
    d: Any
    slope: Any
    search: Search
    solving: Any
    inner: Any
    scale: Any


@pytree
class _Options:
    step: Any = dataclasses.field(default_factory=lambda: None)

    stored_as = {"step": "rule"}  # noqa: RUF012

    def __post_init__(self) -> None:
        step = self.__dict__.pop("step")
        self.__dict__["rule"] = as_rule("backtracking" if step is None else step)

    def default_of(self, field: dataclasses.Field[Any]) -> Any:
        return as_rule("backtracking") if field.name == "step" else field.default


@register("newton_cg", Differentiable)
@pytree
class NewtonCG(_Options, Iterative):
    """``H s = -g`` by conjugate gradients to ``min(½, √||g||)`` relative accuracy, then a search.

    Parameters
    ----------
    step : step object, optional
        Default backtracking from 1.

    Negative curvature ends the inner run with the descent direction found so far, so the method
    never walks to a maximum. Each inner iteration is one step of the flat loop and costs one
    Hessian-vector product.
    """

    needs = "gradient, Hessian-vector products"
    rate = "superlinear"
    reference = "Dembo & Steihaug 1983; Nocedal & Wright 2006, section 7.1"

    def init(self, oracle: Any, x: Any, ops: Ops) -> State:
        xp = ops.xp
        zero = xp.zeros_like(x)
        rule: StepRule = self.__dict__["rule"]
        return State(
            Progress.start(x, xp), zero, zero, zero, zero, zero.sum(), rule.empty(x, ops),
            xp.asarray(False), xp.asarray(0, dtype=xp.int32), zero.sum() + 1.0,
        )  # fmt: skip

    def step(self, oracle: Any, state: State, ops: Ops) -> State:  # type: ignore[override]
        return ops.cond(
            state.solving,
            lambda: self._iterate(oracle, state, ops),
            lambda: self._trial(oracle, state, ops),
        )

    def _iterate(self, oracle: Any, k: State, ops: Ops) -> State:
        """One conjugate gradient iteration; when it ends, the line search begins."""
        xp = ops.xp
        rule: StepRule = self.__dict__["rule"]
        p = k.progress
        Hd = oracle.hvp(p.x, k.d)
        curvature, rr, dd = k.d @ Hd, k.r @ k.r, k.d @ k.d
        positive = curvature > 1e-14 * dd
        alpha = rr / xp.where(positive, curvature, 1.0)
        at_start = k.inner == 0
        s = xp.where(positive, k.s + alpha * k.d, xp.where(at_start, k.d, k.s))
        r = k.r + alpha * Hd
        norm = xp.sqrt(k.g @ k.g)
        small = xp.sqrt(r @ r) <= xp.minimum(0.5, xp.sqrt(norm)) * norm
        inner = k.inner + 1
        ended = ~positive | small | (inner >= 2 * s.size + 10)
        d = -r + (r @ r) / xp.where(rr > 0, rr, 1.0) * k.d
        slope = k.g @ s
        one = xp.ones_like(slope)
        search = rule.begin(Line(p.nit + 1, p.fun, slope, one, one), k.search, ops)
        return k._replace(
            progress=p._replace(nhev=p.nhev + 1, accepted=p.accepted & False),
            s=s, r=r, d=d, slope=slope, search=search, solving=~ended, inner=inner,
        )  # fmt: skip

    def _trial(self, oracle: Any, k: State, ops: Ops) -> State:
        """One trial of the line search along s."""
        xp = ops.xp
        rule: StepRule = self.__dict__["rule"]
        p = k.progress
        first = p.nit < 0
        t = k.search.t
        z = p.x + t * k.s
        f, g = oracle.value_and_grad(z)
        d = g @ k.s
        one = xp.ones_like(f)
        line = Line(p.nit + 1, p.fun, k.slope, one, one)
        moves = xp.any(z != p.x)
        accept = first | (rule.accepts(k.search, line, f, d, ops) & moves)
        search, failed = rule.retry(k.search, line, f, d, ops)
        stuck = ~accept & (failed | ~moves)
        norm = xp.max(xp.abs(g))
        scale = xp.where(first, xp.minimum(1.0, norm), k.scale)
        step = z - p.x
        progress = p._replace(
            x=xp.where(accept, z, p.x),
            fun=xp.where(accept, f, p.fun),
            grad_norm=xp.where(accept, norm, p.grad_norm),
            residual=xp.where(accept, scaled_residual(norm, scale, first, xp), p.residual),
            step_size=xp.where(accept & ~first, t, 0.0),
            step_norm=xp.where(accept, xp.sqrt(step @ step), p.step_norm),
            decrease=xp.where(accept & ~first, p.fun - f, 0.0),
            accepted=accept,
            code=xp.where(stuck, Status.STALLED.value, p.code).astype(xp.int32),
            nit=p.nit + accept.astype(xp.int32),
            nfev=p.nfev + oracle.fun_calls,
            njev=p.njev + oracle.grad_calls,
        )
        fresh_g = xp.where(accept, g, k.g)
        zero = xp.zeros_like(g)
        return State(
            progress,
            fresh_g,
            xp.where(accept, zero, k.s),
            fresh_g,
            -fresh_g,
            k.slope,
            ops.choose(accept, lambda: k.search, lambda: search),
            accept,
            k.inner * 0,
            scale,
        )

    def refusal(self, problem: Any) -> str | None:
        return "it does not handle bounds" if problem.lower is not None else None
