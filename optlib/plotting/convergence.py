"""How fast: ``f(x_k) - f*`` on a log axis, beside the rate that theory promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from ..core.ops import HOST
from ..core.result import Result
from ..descent.gradient import GradientDescent
from ..descent.momentum import HeavyBall
from ..descent.steps import Exact, Fixed, Own
from .landscape import dimension, flat, labelled
from .style import COLORS, FAINT, INK, MUTED, PAPER, color, dash, new_figure, place_legend, styled

DEPTH, HEIGHT = 1e-20, 1e2
"""Gaps this much smaller or larger than the first are left off the picture."""

UNEQUAL = 12
"""Longest over shortest run from which on the horizontal axis is logarithmic, but for its start."""


@styled
def plot_convergence(
    results: Any,
    ax: Any = None,
    *,
    optimum: float | Mapping[str, float] | None = None,
    rate: float | Mapping[str, float] | None = None,
    against: str = "iterations",
    gradient: bool = False,
    title: str | None = None,
    legend: str = "beside",
) -> Any:
    """Draw the convergence curves of one or several results on a log axis.

    Parameters
    ----------
    results : Result, sequence of Result, or dict of str to Result
        Solved with ``trace=True``.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.
    optimum : float or dict of str to float, optional
        The optimal value f* (of each result, where they tend to different minima); by default the
        lowest value that any of the results found.
    rate : float or dict of str to float, optional
        The theoretical factor by which ``f - f*`` falls per step, drawn as a dashed line from the
        start of the (first, or named) curve.
    against : {"iterations", "evaluations"}
        The horizontal axis; evaluations of f are the fairer measure of cost.
    gradient : bool
        Draw the norm of the gradient too, as a thin line.
    legend : {"beside", "above", "below", "inside", "none"}
        Where the names go.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        For results without a trace.

    Examples
    --------
    >>> import optlib as ol
    >>> from optlib.plotting import plot_convergence
    >>> bowl = ol.Smooth(lambda x: x[0] ** 2 + 10 * x[1] ** 2, [10.0, 1.0])
    >>> runs = [ol.minimize(bowl, m, trace=True) for m in ("bfgs", "heavy_ball")]
    >>> figure = plot_convergence(runs, optimum=0.0)  # doctest: +SKIP
    """
    named = labelled(results)
    for label, result in named.items():
        if result.trace is None:
            raise ValueError(f"{label}: found no trace, needed one; solve with trace=True")
    if against not in ("iterations", "evaluations"):
        raise ValueError(f"against: found {against!r}, needed 'iterations' or 'evaluations'")
    if ax is None:
        _, (ax,) = new_figure(4.2, width=8.0)
    bases = optimum if isinstance(optimum, Mapping) else {}
    base = optimum if isinstance(optimum, (int, float)) else _lowest(named)
    curves = {}
    for i, (label, result) in enumerate(named.items()):
        x, gap = _counts(result, against), gap_of(result, bases.get(label, base))
        curves[label] = (x, gap)
        _draw_gap(ax, i, label, x, gap, optimum is not None)
        if gradient:
            ax.plot(
                x,
                _positive(np.asarray(result.trace.grad_norm, dtype=float)),
                color=COLORS[5] if len(named) == 1 else color(i),
                linewidth=1.1,
                gid=f"gradient:{label}",
                label="gradient norm" if len(named) == 1 else None,
            )
    rates = dict(rate) if isinstance(rate, Mapping) else {next(iter(named)): rate}
    drawn = [(label, r) for label, r in rates.items() if r is not None]
    for i, (label, factor) in enumerate(drawn):
        x, gap = curves[label]
        _draw_rate(ax, factor, x, gap, None if i else "theory, factor per step")
    _dress(ax, curves, optimum is not None, against)
    if title:
        ax.set_title(title)
    if len(named) > 1 or gradient or drawn:
        place_legend(ax, legend)
    return ax.figure


def _lowest(named: dict[str, Result]) -> float:
    values = np.concatenate([np.append(r.trace.fun, r.fun) for r in named.values()])
    return float(np.min(values[np.isfinite(values)]))


def gap_of(result: Result, optimum: float) -> np.ndarray:
    """``f(x_k) - f*`` at each step; NaN where it is zero or drowns in rounding."""
    gap = np.asarray(result.trace.fun, dtype=float) - optimum
    gap = np.where(np.isnan(gap), np.inf, gap)
    return np.where(gap > 4.0 * np.finfo(float).eps * abs(optimum), gap, np.nan)


def _positive(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def _counts(result: Result, against: str) -> np.ndarray:
    if against == "evaluations":
        return np.asarray(result.trace.nfev)
    return np.arange(len(result.trace))


def _draw_gap(ax: Any, i: int, label: str, x: np.ndarray, gap: np.ndarray, known: bool) -> None:
    """One curve. It falls out of the picture when the gap vanishes (f* being known)."""
    shown = np.isfinite(gap)
    last = int(np.flatnonzero(shown)[-1]) if shown.any() else -1
    fell = known and 0 <= last < len(gap) - 1 and bool(np.isnan(gap[last + 1]))
    if fell:
        gap, shown = gap.copy(), shown.copy()
        gap[last + 1], shown[last + 1] = 1e-300, True
    few = shown.sum() <= 40
    ax.plot(
        x[shown],
        gap[shown],
        color=color(i),
        linestyle=dash(i),
        marker="o" if few else "",
        markersize=3.2,
        markeredgewidth=0.0,
        label=label,
        gid=f"gap:{label}",
        zorder=4,
    )
    if shown.any() and not fell:
        ax.plot(x[shown][-1], gap[shown][-1], "o", ms=5.0, color=color(i), mew=0.0, zorder=5)


def _draw_rate(ax: Any, rate: float, x: np.ndarray, gap: np.ndarray, label: str | None) -> None:
    """``gap_0 · rate^k``, down to the lowest point of the measured curve, with the factor on it."""
    if not 0.0 < rate < 1.0:
        raise ValueError(f"rate: found {rate}, needed a factor between 0 and 1")
    known = np.flatnonzero(np.isfinite(gap))
    if known.size < 2:
        return
    steps = np.arange(known[0], len(gap))
    line = gap[known[0]] * rate ** (steps - float(known[0]))
    shown = line >= 0.3 * np.nanmin(gap)
    across, line = x[steps][shown], line[shown]
    ax.plot(
        across,
        line,
        color=INK,
        linestyle=(0, (4, 3)),
        linewidth=1.1,
        label=label,
        gid="rate",
        zorder=6,
    )
    at = int(0.62 * (len(line) - 1))
    ax.annotate(
        f"× {_three(rate)}", (across[at], line[at]), xytext=(7, 3), textcoords="offset points",
        fontsize=9, color=INK, zorder=7,
        bbox={"boxstyle": "round,pad=0.15", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.8},
    )  # fmt: skip


def _dress(ax: Any, curves: dict[str, Any], known: bool, against: str) -> None:
    from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

    gaps = np.concatenate([gap for _, gap in curves.values()])
    gaps = gaps[np.isfinite(gaps)]
    ax.set_yscale("log")
    if gaps.size:
        firsts = [gap[np.isfinite(gap)][:1] for _, gap in curves.values()]
        start = float(np.concatenate(firsts).max())
        low, high = max(gaps.min(), DEPTH * start), min(gaps.max(), HEIGHT * start)
        ax.set_ylim(0.3 * low, 4.0 * high)
    ends = [int(x[-1]) for x, _ in curves.values()]
    if max(ends) > UNEQUAL * min(ends):
        ax.set_xscale("asinh", linear_width=3.0)
        ax.set_xlim(left=0)
        ticks = [0] + [m * 10**k for k in range(7) for m in (1, 3) if m * 10**k <= max(ends)]
        ax.xaxis.set_major_locator(
            FixedLocator(ticks if max(ends) < 300 else ticks[:1] + ticks[1::2])
        )
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter("{x:g}")
    else:
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    star = "f^*" if known else r"f_{\mathrm{best}}"
    ax.set_ylabel(f"$f(x_k) - {star}$")
    ax.set_xlabel("iteration $k$" if against == "iterations" else "evaluations of $f$")
    ax.grid(True, color=FAINT)
    ax.tick_params(axis="both", which="both", color=MUTED)


def _three(value: float) -> str:
    """Three digits of what matters: of the factor, or of its distance to 1."""
    return f"{value:.3f}" if value < 0.99 else f"(1 − {1.0 - value:.2g})"


# ------------------------------------------------------------------ what theory promises


def known_rate(result: Result) -> float | None:
    """The factor by which ``f - f*`` falls per step near the minimum, where theory knows it.

    From the extreme eigenvalues m and M of the Hessian at the answer: gradient descent with exact
    line search ``((M-m)/(M+m))²`` and with a fixed step ``max(|1-s m|, |1-s M|)²``; the heavy ball
    with its default constants ``((√M-√m)/(√M+√m))²``. ``None`` for other methods, for a
    Hessian that is not positive definite, and beyond 200 variables.

    Examples
    --------
    >>> import optlib as ol
    >>> bowl = ol.Smooth(lambda x: (x[0] ** 2 + 0.1 * x[1] ** 2) / 2, [0.1, 1.0])
    >>> round(known_rate(ol.minimize(bowl, "gradient_descent", step="exact")), 6)
    0.669421
    """
    method, problem = result.method, result.problem
    if not isinstance(method, (GradientDescent, HeavyBall)) or dimension(problem) > 200:
        return None
    if not result.success or problem.lower is not None:
        return None
    with jax.enable_x64(problem.dtype == np.float64):
        point = flat(problem, result.x).astype(problem.dtype)
        values = np.linalg.eigvalsh(problem.oracle(HOST).hessian(point))
    low, high = float(values[0]), float(values[-1])
    if low <= 1e-12 * high:
        return None
    rate = _rate(method, low, high)
    return rate if rate is not None and 0.0 < rate < 1.0 else None


def _rate(method: Any, low: float, high: float) -> float | None:
    rule = method.__dict__["rule"]
    if isinstance(method, HeavyBall):
        if not isinstance(rule, Own) or method.momentum is not None:
            return None
        low, high = np.sqrt(low), np.sqrt(high)
        return ((high - low) / (high + low)) ** 2
    if isinstance(rule, Exact):
        return ((high - low) / (high + low)) ** 2
    if isinstance(rule, Fixed):
        return max(abs(1.0 - rule.value * low), abs(1.0 - rule.value * high)) ** 2
    return None
