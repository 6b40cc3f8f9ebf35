"""One line search taken apart: the cut of the objective, the conditions, the trials."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from ..core.ops import HOST
from ..descent.steps import Backtracking, Exact, Line, StepRule, Wolfe, as_rule
from .landscape import flat
from .style import COLORS, FAINT, INK, MUTED, PAPER, new_figure, place_legend, styled


class Trial(NamedTuple):
    """One step size tried, with the value and slope of the cut there."""

    t: float
    fun: float
    slope: float
    accepted: bool


@styled
def plot_line_search(
    problem: Any,
    x: Any,
    direction: Any = None,
    *,
    step: Any = "wolfe",
    ax: Any = None,
    t_max: float | None = None,
    title: str | None = None,
    legend: str = "beside",
) -> Any:
    """Draw the cut ``φ(t) = f(x - t D)``, the conditions on t, and the trials of a step rule.

    Parameters
    ----------
    problem : problem object
        Any number of variables.
    x : pytree
        Where the search starts.
    direction : pytree, optional
        D in ``x - t D``, a direction of ascent; by default the gradient.
    step : str or step object
        The rule that searches: ``"wolfe"``, ``"backtracking"``, ``"exact"`` or an object.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.
    t_max : float, optional
        How far to draw; by default a little beyond the accepted step.
    legend : {"beside", "above", "below", "inside", "none"}
        Where the names go.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        When the direction does not ascend, or the rule does not search.

    Examples
    --------
    >>> import optlib as ol
    >>> from optlib.plotting import plot_line_search
    >>> bowl = ol.Smooth(lambda x: x[0] ** 2 + 10 * x[1] ** 2, [10.0, 1.0])
    >>> figure = plot_line_search(bowl, [10.0, 1.0], step="backtracking")  # doctest: +SKIP
    """
    rule = as_rule(step)
    if not isinstance(rule, (Backtracking, Wolfe)):
        raise ValueError(f"step: found {step!r}, needed a rule that searches, such as 'wolfe'")
    cut = Cut(problem, x, direction)
    trials = search(cut, rule)
    accepted = trials[-1].t
    far = t_max or 1.7 * max(s.t for s in trials if s.t <= 2.5 * accepted)
    if ax is None:
        _, (ax,) = new_figure(4.2, width=8.0)
    t = np.linspace(0.0, far, 401)
    values, slopes = (np.array(column) for column in zip(*map(cut, t)))
    ax.plot(t, values, color=COLORS[0], linewidth=2.0, label=r"$\varphi(t) = f(x - tD)$", gid="cut")
    c1 = rule.sufficient_decrease
    armijo = values[0] + c1 * t * slopes[0]
    ax.plot(
        t,
        armijo,
        color=COLORS[1],
        linewidth=1.3,
        linestyle=(0, (5, 2)),
        label=rf"sufficient decrease, $c_1 = {c1:g}$",
        gid="armijo",
    )
    _frame(ax, values, trials, far)
    _tangents(ax, rule, cut, trials[-1], far)
    _bands(ax, rule, t, values <= armijo, slopes)
    _mark(ax, trials, far)
    ax.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3), useMathText=True)
    ax.set(xlabel="step size $t$", ylabel=r"$\varphi(t)$", xlim=(-0.02 * far, far))
    if title:
        ax.set_title(title)
    place_legend(ax, legend)
    return ax.figure


class Cut:
    """The objective along a line: ``cut(t)`` is ``(φ(t), φ'(t))``."""

    def __init__(self, problem: Any, x: Any, direction: Any = None) -> None:
        self.problem = problem
        self.oracle = problem.oracle(HOST)
        self.x = _flat(problem, x).astype(problem.dtype)
        self.direction = self._gradient() if direction is None else _flat(problem, direction)
        slope = self(0.0)[1]
        if not slope < 0.0:
            raise ValueError(
                f"direction: found slope {slope:g} of f(x - t D) at t = 0, needed a negative one"
            )

    def _gradient(self) -> np.ndarray:
        with jax.enable_x64(self.problem.dtype == np.float64):
            return np.array(self.oracle.value_and_grad(self.x)[1])

    def __call__(self, t: float) -> tuple[float, float]:
        point = (self.x - t * self.direction).astype(self.problem.dtype)
        with jax.enable_x64(self.problem.dtype == np.float64), np.errstate(all="ignore"):
            value, gradient = self.oracle.value_and_grad(point)
        return float(value), -float(gradient @ self.direction)


def _flat(problem: Any, x: Any) -> np.ndarray:
    return flat(problem, np.asarray(x, dtype=float) if isinstance(x, (list, tuple)) else x)


def search(cut: Cut, rule: StepRule) -> list[Trial]:
    """The trials that the rule makes on the cut; the last one is accepted, if any is."""
    fun, slope = map(np.float64, cut(0.0))
    norm = float(np.linalg.norm(cut.direction))
    first = np.float64(1.0 / max(1.0, norm))
    line = Line(1, fun, slope, first, np.float64(1.0))
    state = rule.begin(line, rule.empty(np.zeros(1), HOST), HOST)
    trials: list[Trial] = []
    failed = False
    while not failed:
        value, slope = map(np.float64, cut(float(state.t)))
        with np.errstate(all="ignore"):
            accepted = bool(rule.accepts(state, line, value, slope, HOST))
            trials.append(Trial(float(state.t), float(value), float(slope), accepted))
            if accepted:
                break
            state, failed = rule.retry(state, line, value, slope, HOST)
    return trials


def _frame(ax: Any, values: np.ndarray, trials: list[Trial], far: float) -> None:
    """The vertical range: the cut near the trials, without its far walls."""
    shown = [values[0], values.min(), *(s.fun for s in trials if s.t <= far)]
    shown = [v for v in shown if np.isfinite(v)]
    low, high = min(shown), max(shown)
    room = (high - low) or 1.0
    ax.set_ylim(low - 0.28 * room, high + 0.12 * room)


def _tangents(ax: Any, rule: Any, cut: Cut, end: Trial, far: float) -> None:
    """The slope at the start, and at the accepted step with the steepest ones allowed there."""
    fun, slope = cut(0.0)
    room = float(np.ptp(ax.get_ylim()))
    width = min(0.16 * far, 0.35 * room / abs(slope))
    ax.plot(
        [0.0, width], [fun, fun + slope * width], color=MUTED, linewidth=1.2, gid="tangent",
        label=r"slope $\varphi'(0)$",
    )  # fmt: skip
    if not isinstance(rule, Wolfe) or isinstance(rule, Exact):
        return
    c2 = rule.curvature
    reach = 0.6 * width
    for sign in (-1.0, 1.0):
        rise = sign * c2 * abs(slope) * reach
        ax.plot(
            [end.t - reach, end.t + reach], [end.fun - rise, end.fun + rise],
            color=COLORS[2], linewidth=1.1, linestyle=(0, (2, 1.5)), gid="wolfe", zorder=3,
            label=rf"steepest slopes allowed, $c_2 = {c2:g}$" if sign > 0 else None,
        )  # fmt: skip


def _bands(ax: Any, rule: Any, t: np.ndarray, low: np.ndarray, slopes: np.ndarray) -> None:
    """A strip at the foot: the steps that satisfy every condition of the rule."""
    ax.grid(True, axis="y", color=FAINT)
    if isinstance(rule, Exact):
        return
    good = low & (t > 0)
    if isinstance(rule, Wolfe):
        steep = rule.curvature * abs(slopes[0])
        good &= (np.abs(slopes) <= steep) if rule.strong else (slopes >= -steep)
    ax.fill_between(
        t, 0.0, 0.045, where=good, transform=ax.get_xaxis_transform(), color=COLORS[2],
        alpha=0.45, linewidth=0.0, label="acceptable steps",
    )  # fmt: skip


def _mark(ax: Any, trials: list[Trial], far: float) -> None:
    """Refused trials hollow and numbered, the accepted one filled."""
    numbered = [trials[-1].t]
    for number, trial in enumerate(trials, 1):
        if trial.t > far or not np.isfinite(trial.fun):
            continue
        fill = COLORS[0] if trial.accepted else PAPER
        edge = PAPER if trial.accepted else COLORS[0]
        name = "accepted step" if trial.accepted else None
        ax.plot(
            trial.t, trial.fun, "o", ms=8, mfc=fill, mec=edge, mew=1.4, zorder=6,
            gid="accepted" if trial.accepted else "refused", label=name,
        )  # fmt: skip
        crowded = any(abs(trial.t - other) < 0.03 * far for other in numbered)
        if crowded and not trial.accepted:
            continue
        numbered.append(trial.t)
        text = f"{number}: t = {trial.t:.3g}" if trial.accepted else str(number)
        ax.annotate(
            text, (trial.t, trial.fun), xytext=(0, -19 if trial.accepted else 9),
            textcoords="offset points", ha="center", fontsize=8.5, color=INK, zorder=7,
        )  # fmt: skip
    beyond = sum(trial.t > far for trial in trials)
    if beyond:
        text = f"{beyond} longer {'trial' if beyond == 1 else 'trials'} →"
        ax.annotate(
            text, (1.0, 1.0), xycoords="axes fraction", ha="right", va="bottom",
            fontsize=8.5, color=MUTED,
        )  # fmt: skip
