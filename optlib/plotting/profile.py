"""Performance profiles (Dolan and Moré 2002): many methods on many problems in one picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .style import FAINT, color, dash, new_figure, place_legend, styled


def performance_profile(
    counts: Mapping[str, ArrayLike],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The share of problems that each method solves within a factor τ of the cheapest method.

    Parameters
    ----------
    counts : dict of str to array
        The cost of each method on each problem, in the same order; ``inf`` (or NaN) where it was
        not solved.

    Returns
    -------
    dict of str to (array, array)
        The factors τ (from 1, rising) at which the share changes, and the share from there on.

    Examples
    --------
    >>> performance_profile({"a": [1.0, 4.0], "b": [2.0, 2.0]})["a"]
    (array([1., 2.]), array([0.5, 1. ]))
    """
    costs = np.array([np.asarray(c, dtype=float) for c in counts.values()])
    if costs.ndim != 2 or costs.shape[1] == 0:
        raise ValueError("counts: found no problems, needed the same number of costs per method")
    costs = np.where(np.isnan(costs), np.inf, costs)
    if (costs <= 0).any():
        raise ValueError(f"counts: found the cost {costs.min():g}, needed positive ones")
    best = costs.min(axis=0)
    solved = np.isfinite(best)
    ratios = np.full_like(costs, np.inf)
    ratios[:, solved] = costs[:, solved] / best[solved]
    profiles = {}
    for name, row in zip(counts, ratios):
        factors, hits = np.unique(row[np.isfinite(row)], return_counts=True)
        share = np.cumsum(hits) / costs.shape[1]
        if not factors.size or factors[0] > 1.0:
            factors, share = np.append(1.0, factors), np.append(0.0, share)
        profiles[name] = (factors, share)
    return profiles


@styled
def plot_profile(
    counts: Mapping[str, ArrayLike],
    ax: Any = None,
    *,
    limit: float | None = None,
    title: str | None = None,
    cost: str = "cost",
    legend: str = "beside",
) -> Any:
    """Draw the performance profile: the height at τ is the share solved within τ times the best.

    The left end says how often a method is the fastest, the right end how much it solves at all.

    Parameters
    ----------
    counts : dict of str to array
        As for :func:`performance_profile`.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.
    limit : float, optional
        The largest τ shown; by default where the last curve stops rising.
    cost : str
        What was counted, for the label.

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> from optlib.plotting import plot_profile
    >>> figure = plot_profile({"bfgs": [10, 20], "newton": [8, 30]})  # doctest: +SKIP
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, PercentFormatter

    profiles = performance_profile(counts)
    if ax is None:
        _, (ax,) = new_figure(4.2, width=8.0)
    far = limit or max(2.0, 1.15 * max(float(factors[-1]) for factors, _ in profiles.values()))
    order = sorted(profiles, key=lambda name: -_area(*profiles[name], far))
    for i, name in enumerate(order):
        factors, share = profiles[name]
        inside = factors <= far
        ax.plot(
            np.append(factors[inside], far),
            np.append(share[inside], share[inside][-1]),
            drawstyle="steps-post",
            color=color(i),
            linestyle=dash(i),
            label=name,
            gid=f"profile:{name}",
        )
    ax.set_xscale("log", base=2)
    powers = int(np.floor(np.log2(far)))
    ticks = 2.0 ** np.arange(0, powers + 1, max(1, -(-(powers + 1) // 8)))
    ax.xaxis.set_major_locator(FixedLocator(list(ticks)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set(xlim=(1.0, far), ylim=(0.0, 1.02), ylabel="problems solved")
    ax.set_xlabel(f"{cost}, as a multiple of the cheapest method's")
    ax.grid(True, color=FAINT)
    if title:
        ax.set_title(title)
    place_legend(ax, legend)
    return ax.figure


def _area(factors: np.ndarray, share: np.ndarray, far: float) -> float:
    """The area under a profile on the log axis: its rank in the legend."""
    edges = np.log(np.append(np.minimum(factors, far), far))
    return float(np.sum(np.diff(edges) * share))
