"""The one flat loop behind every iterative method: its memory, and its step.

A method is four pure functions on a frozen dataclass of options::

    state = method.init(oracle, x, ops)        # no evaluation
    state = method.step(oracle, state, ops)    # one evaluation, of x0 the first time
    method.done(state)                         # has it ended?
    x = method.finish(state)                   # the point it stands for

A line-search trial is a step of this loop. There is no loop inside a step, so a thousand vmapped
solves do not wait on nested ones. This module says what surrounds a step; ``engines`` runs it.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .certificate import Certificate
from .ops import Ops
from .status import CONVERGED, RUNNING, STOPPED, Status
from .stopping import Criterion

UNBOUNDED_RATIO = 1e20
"""A cost this many times below its start is called unbounded."""

ASTRAY_RATIO = 1e8
"""A point this many times farther out than its start has left every region of interest: with
variables of that size, a slope that fades at infinity would look like rounding."""

IDLE_LIMIT = 10
"""Steps in a row that improve neither f nor the gradient before a searching method has stalled."""


class Progress(NamedTuple):
    """What every method reports after a step; the loop, the stops and the trace read only this.

    ``residual`` is the gradient measure that ``tol`` is compared with; ``nit`` is -1 before the
    first evaluation and 0 at ``x0``; ``accepted`` says whether this step moved the iterate.
    """

    x: Any
    fun: Any
    grad_norm: Any
    residual: Any
    step_size: Any
    step_norm: Any
    decrease: Any
    accepted: Any
    code: Any
    nit: Any
    nfev: Any
    njev: Any
    nhev: Any

    @classmethod
    def start(cls, x: Any, xp: Any) -> Progress:
        """Before the first evaluation."""
        real = partial(xp.asarray, dtype=x.dtype)
        far, zero = real(math.inf), real(0.0)
        count = xp.asarray(0, dtype=xp.int32)
        code = xp.asarray(RUNNING, dtype=xp.int32)
        return cls(
            x, far, far, far, zero, zero, zero, xp.asarray(False), code,
            count - 1, count, count, count,
        )  # fmt: skip


def scaled_residual(norm: Any, scale: Any, first: Any, xp: Any) -> Any:
    """The gradient measure that ``tol`` is compared with: relative to the start's when that is
    small, absolute at the start itself, where a minimum may have been handed in."""
    return norm / xp.where(first | (scale <= 0), 1.0, scale)


class Controls(NamedTuple):
    """The numbers of a run that the loop reads; all traced."""

    tol: Any
    loop_tol: Any
    max_iterations: Any
    until: Any
    seconds: Any
    base: Any
    fresh: Any


class Carry(NamedTuple):
    """The loop's whole memory."""

    state: Any
    best_x: Any
    best_fun: Any
    start_fun: Any
    start_size: Any
    fired: Any
    idle: Any
    best_norm: Any

    @property
    def progress(self) -> Progress:
        return self.state.progress

    def with_code(self, code: Any) -> Carry:
        """The same memory, ended (or set running again)."""
        p = self.progress
        code = p.code * 0 + int(code)
        state = self.state._replace(progress=p._replace(code=code))
        return self._replace(state=state, idle=self.idle * 0)


def begin(method: Any, oracle: Any, x0: Any, stop: Criterion | None, ops: Ops) -> Carry:
    """The loop's memory before the first evaluation."""
    xp = ops.xp
    infinity = xp.asarray(math.inf, dtype=x0.dtype)
    fired = xp.zeros(len(stop.leaves()) if stop is not None else 0, dtype=bool)
    idle = xp.asarray(0, dtype=xp.int32)
    zero = xp.zeros_like(infinity)
    size = xp.max(xp.abs(x0))
    return Carry(method.init(oracle, x0, ops), x0, infinity, zero, size, fired, idle, infinity)


def advance(
    method: Any, oracle: Any, carry: Carry, stop: Criterion | None, controls: Controls, ops: Ops
) -> Carry:
    """One step of the method, judged: converged, stopped, diverged; the best point is kept."""
    xp = ops.xp
    state = method.step(oracle, carry.state, ops)
    p = state.progress
    start_fun = xp.where(p.nit == 0, p.fun, carry.start_fun)
    falling = p.fun < -UNBOUNDED_RATIO * (1.0 + xp.abs(start_fun))
    broken = xp.where(falling, Status.UNBOUNDED.value, Status.DIVERGED.value)
    finite = xp.isfinite(p.fun) & xp.isfinite(p.grad_norm)
    finite = finite & (xp.max(xp.abs(p.x)) <= ASTRAY_RATIO * (1.0 + carry.start_size))

    code = xp.where(p.nit >= controls.max_iterations, Status.ITERATION_LIMIT.value, RUNNING)
    fired = carry.fired
    if stop is not None:
        code = xp.where(stop.met(p, controls.seconds, xp), STOPPED, code)
        fired = xp.stack([xp.asarray(f) for f in stop.fired(p, controls.seconds, xp)])
    code = xp.where(p.residual <= controls.loop_tol, CONVERGED, code)
    improved = (p.decrease > np.finfo(p.x.dtype).eps * xp.abs(p.fun)) | (p.nit == 0)
    improved = improved | (p.grad_norm < 0.99 * carry.best_norm)
    idle = xp.where(p.accepted, xp.where(improved, 0, carry.idle + 1), carry.idle)
    if method.stalls:
        code = xp.where((idle >= IDLE_LIMIT) & (code == RUNNING), Status.STALLED.value, code)
    code = xp.where(finite & ~falling, code, broken)
    code = xp.where(p.accepted & (p.code == RUNNING), code, p.code).astype(xp.int32)

    better = p.accepted & (p.fun < carry.best_fun)
    return Carry(
        state._replace(progress=p._replace(code=code)),
        xp.where(better, p.x, carry.best_x),
        xp.where(better, p.fun, carry.best_fun),
        start_fun,
        carry.start_size,
        fired,
        idle.astype(xp.int32),
        xp.where(p.accepted, xp.minimum(p.grad_norm, carry.best_norm), carry.best_norm),
    )


def outcome(method: Any, carry: Carry, ops: Ops) -> tuple[Any, Any]:
    """The point to return: the last one, or the best one of a run that was cut or went astray."""
    xp = ops.xp
    p = carry.progress
    astray = (p.code >= Status.TIME_LIMIT.value) & xp.isfinite(carry.best_fun)
    x = xp.where(astray, carry.best_x, method.finish(carry.state))
    return x, xp.where(astray, carry.best_fun, p.fun)


def final_status(code: Any, certificate: Certificate, ops: Ops) -> tuple[Any, Any]:
    """``(status, success)``: the solver proposes, the certificate disposes."""
    xp = ops.xp
    failed = xp.where(code == CONVERGED, Status.STALLED.value, code)
    failed = xp.where(code == STOPPED, Status.FINISHED.value, failed)
    entitled = certificate.holds() & (code != Status.UNBOUNDED.value)
    status = xp.where(entitled, certificate.status.value, failed)
    return status, entitled | (code == STOPPED)
