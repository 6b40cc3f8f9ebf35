"""Direction times distance: ``x_{k+1} = x_k - s_k D_k``.

A descent method is a direction rule (its two functions ``remember`` and ``direct``) and a step
rule, freely combined. This module is the flat step that runs any pair of them: it evaluates one
trial point, asks the step rule for a verdict, and turns to a new direction when the trial is
accepted.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, NamedTuple

from ..core.iterative import Iterative
from ..core.loop import Progress, scaled_residual
from ..core.ops import Ops
from ..core.status import Status
from ..core.tree import pytree
from .steps import Line, Search, StepRule, as_rule


class Move(NamedTuple):
    """An accepted step from ``x_old`` to ``x``, as a direction rule sees it.

    ``first`` is true at the start and after a restart: both points are then the same, and the
    rule must forget what it remembers. ``k`` is the number of steps made.
    """

    x: Any
    f: Any
    g: Any
    x_old: Any
    g_old: Any
    D_old: Any
    t: Any
    d0_old: Any
    k: Any
    first: Any

    @property
    def s(self) -> Any:
        """The change of x."""
        return self.x - self.x_old

    @property
    def y(self) -> Any:
        """The change of the gradient."""
        return self.g - self.g_old


class State(NamedTuple):
    """The memory of a descent run.

    ``fresh``: D is the plain gradient. ``anew``: the next evaluation is of x itself, at the start
    or after a line that led nowhere.
    """

    progress: Progress
    g: Any
    D: Any
    d0: Any
    search: Search
    memory: Any
    fresh: Any
    anew: Any
    scale: Any


@pytree
class _Options:
    """The options of every descent method; kept apart so that ``step`` can also be a function."""

    step: Any = dataclasses.field(default_factory=lambda: None)
    shrink: float | None = None
    sufficient_decrease: float | None = None
    curvature: float | None = None

    stored_as: ClassVar[dict[str, str]] = {"step": "rule"}
    default_step: ClassVar[Any] = "wolfe"

    def __post_init__(self) -> None:
        kept = self.__dict__
        step = kept.pop("step")
        rule = as_rule(self.default_step if step is None else step)
        for name in ("shrink", "sufficient_decrease", "curvature"):
            if kept[name] is not None:
                rule = _with_constant(rule, name, kept[name])
                kept[name] = None
        kept["rule"] = rule
        self.check()

    def check(self) -> None:
        """Refuse options that make no sense; for subclasses."""

    def default_of(self, field: dataclasses.Field[Any]) -> Any:
        return as_rule(self.default_step) if field.name == "step" else field.default


@pytree
class Descent(_Options, Iterative):
    """Base of the methods that are a direction and a step rule.

    Parameters
    ----------
    step : number, str or step object
        A number is a fixed step size; ``"exact"``, ``"backtracking"`` and ``"wolfe"`` are line
        searches; step objects set their constants.
    shrink, sufficient_decrease, curvature : float, optional
        Shorthands for the constants of the step rule.
    """

    scaled: ClassVar[bool] = False
    """Whether a step size of 1 is the natural one for this direction."""

    projects: ClassVar[bool] = False
    """Whether trial points are projected on the bounds."""

    hessian_calls: ClassVar[int] = 0
    """Hessians (or Hessian-vector products) that one new direction costs."""

    def start_calls(self, size: int) -> int:
        """Hessian-vector products spent at the start on the method's own constants."""
        return 0

    # -------------------------------------------------------------- the direction rule

    def remember(self, oracle: Any, x: Any, ops: Ops) -> Any:
        """The direction rule's memory before the first step."""
        return ()

    def direct(self, memory: Any, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        """``(D, guess, memory)`` after an accepted step; ``guess`` is a first step size to try."""
        raise NotImplementedError

    # A matrix in the memory would be copied by every branch that passes it on. A direction rule
    # with one holds it back, describes its change by a few vectors, and commits that at the end.

    def hold(self, memory: Any) -> tuple[Any, Any]:
        """``(what stays outside the branches, the rest)``."""
        return (), memory

    def rejoin(self, held: Any, memory: Any) -> Any:
        """The memory as ``direct`` sees it."""
        return memory

    def unchanged(self, memory: Any, ops: Ops) -> Any:
        """The rest of the memory after a rejected trial."""
        return memory

    def commit(self, held: Any, memory: Any, ops: Ops) -> Any:
        """The whole memory, with the change made."""
        return memory

    # -------------------------------------------------------------- the four functions

    def init(self, oracle: Any, x: Any, ops: Ops) -> State:
        xp = ops.xp
        zero = xp.zeros((), dtype=x.dtype)
        rule: StepRule = self.__dict__["rule"]
        return State(
            Progress.start(x, xp), xp.zeros_like(x), xp.zeros_like(x), zero,
            rule.empty(x, ops), self.remember(oracle, x, ops), xp.asarray(True),
            xp.asarray(True), zero + 1.0,
        )  # fmt: skip

    def step(self, oracle: Any, state: State, ops: Ops) -> State:  # type: ignore[override]
        xp = ops.xp
        rule: StepRule = self.__dict__["rule"]
        p, search = state.progress, state.search
        z = p.x - search.t * state.D
        bounded = self.projects and oracle.lower is not None
        if bounded:
            z = xp.clip(z, oracle.lower, oracle.upper)
        f, g = oracle.value_and_grad(z)
        d0, D = state.d0, state.D
        if bounded:
            D = (p.x - z) / xp.where(search.t > 0, search.t, 1.0)
            d0 = -(state.g @ D)
        gD = g @ D
        line = Line(p.nit + 1, p.fun, d0, search.t, search.t)
        accept = rule.accepts(search, line, f, -gD, ops)
        if rule.searches:
            accept = (accept & xp.any(z != p.x)) | state.anew
        held, memory = self.hold(state.memory)
        state = ops.cond(
            accept,
            lambda state: self._turn(oracle, state, held, z, f, g, ops),
            lambda state: self._retry(oracle, state, d0, z, f, gD, ops),
            state._replace(memory=memory),
        )
        return state._replace(memory=self.commit(held, state.memory, ops))

    def _retry(
        self, oracle: Any, state: State, d0: Any, z: Any, f: Any, gD: Any, ops: Ops
    ) -> State:
        """The next trial along the same line; when the line fails, start anew from the gradient."""
        xp = ops.xp
        rule: StepRule = self.__dict__["rule"]
        p = _counted(state.progress, oracle)
        line = Line(p.nit + 1, p.fun, d0, state.search.t, state.search.t)
        search, failed = rule.retry(state.search, line, f, -gD, ops)
        failed = failed | xp.all(z == p.x)
        code = xp.where(failed & state.fresh, Status.STALLED.value, p.code).astype(xp.int32)
        return state._replace(
            progress=p._replace(accepted=p.accepted & False, code=code),
            memory=self.unchanged(state.memory, ops),
            search=search._replace(t=xp.where(failed, 0.0, search.t)),
            anew=failed,
        )

    def _turn(
        self, oracle: Any, state: State, held: Any, z: Any, f: Any, g: Any, ops: Ops
    ) -> State:
        """Take the accepted point and choose the next direction."""
        xp = ops.xp
        rule: StepRule = self.__dict__["rule"]
        p = _counted(state.progress, oracle)
        anew, t = state.anew, state.search.t
        k = p.nit + 1 - (anew & (p.nit >= 0)).astype(xp.int32)
        move = Move(z, f, g, p.x, xp.where(anew, g, state.g), state.D, t, state.d0, k, anew)
        s = move.s
        memory = self.rejoin(held, state.memory)
        D, guess, memory = self.direct(memory, move, oracle, ops)
        d0 = -(g @ D)
        fresh = anew
        if rule.searches:
            uphill = ~(d0 < 0)
            D = xp.where(uphill, g, D)
            d0 = xp.where(uphill, -(g @ g), d0)
            guess = xp.where(uphill, plain_guess(g, xp), guess)
            fresh = fresh | uphill
        natural = guess if self.scaled else xp.ones_like(f)
        search = rule.begin(Line(k + 1, f, d0, guess, natural), state.search, ops)

        norm = _stationarity(g, z, oracle, self.projects, xp)
        scale = xp.where(k == 0, xp.minimum(1.0, norm), state.scale)
        started = xp.where(state.progress.nit < 0, self.start_calls(z.size), 0)
        progress = p._replace(
            x=z,
            fun=f,
            grad_norm=norm,
            residual=scaled_residual(norm, scale, k == 0, xp),
            step_size=t,
            step_norm=xp.sqrt(s @ s),
            decrease=p.fun - f,
            accepted=~anew | (state.progress.nit < 0),
            nit=k,
            nhev=(p.nhev + self.hessian_calls + started).astype(xp.int32),
        )
        return State(progress, g, D, d0, search, memory, fresh, ~(anew | ~anew), scale)

    @property
    def stalls(self) -> bool:
        return self.__dict__["rule"].searches

    def refusal(self, problem: Any) -> str | None:
        if problem.lower is not None and not self.projects:
            return "it does not handle bounds"
        return None


def _counted(p: Progress, oracle: Any) -> Progress:
    """One evaluation more."""
    return p._replace(nfev=p.nfev + oracle.fun_calls, njev=p.njev + oracle.grad_calls)


def _stationarity(g: Any, x: Any, oracle: Any, projects: bool, xp: Any) -> Any:
    """Largest entry of the gradient, less what the bounds hold back."""
    if not projects or oracle.lower is None:
        return xp.max(xp.abs(g))
    p = xp.where(x <= oracle.lower, xp.minimum(g, 0.0), g)
    return xp.max(xp.abs(xp.where(x >= oracle.upper, xp.maximum(p, 0.0), p)))


def plain_guess(g: Any, xp: Any) -> Any:
    """A first step along the gradient: of length at most 1, or 1 when the gradient is short."""
    norm = xp.sqrt(g @ g)
    return 1.0 / xp.maximum(1.0, norm)


def gradient_guess(move: Move, D: Any, xp: Any) -> Any:
    """A first step along an unscaled direction: the same first-order change as the last step.

    Nocedal & Wright (2006), eq. 3.60.
    """
    d0 = move.g @ D
    again = move.t * xp.abs(move.d0_old) / xp.where(d0 > 0, d0, 1.0)
    return xp.where(move.first | ~(again > 0), plain_guess(move.g, xp), again)


def _with_constant(rule: StepRule, name: str, value: float) -> StepRule:
    """The rule with one of its constants replaced."""
    known = [f.name for f in dataclasses.fields(rule)]  # type: ignore[arg-type]
    if name not in known:
        raise TypeError(
            f"{name}: the step rule {type(rule).__name__} has no such constant; it has "
            f"{', '.join(known) or 'none'}"
        )
    return dataclasses.replace(rule, **{name: value})  # type: ignore[type-var]
