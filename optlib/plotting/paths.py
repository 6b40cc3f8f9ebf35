"""Paths of methods on the level lines of the objective, and iterates on a curve."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .landscape import (
    Limits,
    Window,
    best_end,
    dimension,
    draw_landscape,
    interval,
    labelled,
    objective_values,
    path_of,
    variable_names,
    window,
)
from .style import (
    FAINT,
    INK,
    MUTED,
    PAPER,
    color,
    dash,
    new_figure,
    place_legend,
    styled,
)

MARKED = 120
"""Paths of more points than this are drawn without a mark at each iterate."""


@styled
def plot_paths(
    problem: Any,
    results: Any,
    ax: Any = None,
    *,
    optimum: Any = None,
    xlim: Limits | None = None,
    ylim: Limits | None = None,
    spacing: str = "auto",
    title: str | None = None,
    legend: str = "beside",
) -> Any:
    """Draw the paths of several methods on one landscape (two variables) or curve (one).

    Parameters
    ----------
    problem : problem object
        With one or two variables.
    results : Result, sequence of Result, or dict of str to Result
        Solved with ``trace=True``; a result without a trace is drawn as its end point.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.
    optimum : pytree or tuple of pytrees, optional
        Known minimisers, marked with a cross.
    xlim, ylim : pair of float, optional
        The window; by default it holds all paths.
    spacing : {"auto", "log", "root", "even"}
        Heights of the level lines: geometric, squares as for a round bowl, or evenly spaced.
    legend : {"beside", "above", "below", "inside", "none"}
        Where the names go.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        For a problem of more than two variables.

    Examples
    --------
    >>> import optlib as ol
    >>> from optlib.plotting import plot_paths
    >>> bowl = ol.Smooth(lambda x: x[0] ** 2 + 10 * x[1] ** 2, [10.0, 1.0])
    >>> steepest = ol.minimize(bowl, "gradient_descent", step="exact", trace=True)
    >>> figure = plot_paths(bowl, {"steepest descent": steepest})  # doctest: +SKIP
    """
    count = dimension(problem)
    if count > 2:
        raise ValueError(
            f"problem: found {count} variables, needed one or two; try kind='convergence'"
        )
    paths = {label: path_of(result) for label, result in labelled(results).items()}
    known = _known_points(problem, optimum)
    if count == 2:
        view = view_of(problem, paths.values(), known, xlim, ylim)
        if ax is None:
            height = 4.4 if view.shape >= 0.7 else 5.4
            _, (ax,) = new_figure(
                height, width=height * view.shape + (2.6 if legend == "beside" else 1)
            )
        _draw_plane(ax, problem, paths, known, view, spacing)
    else:
        if ax is None:
            _, (ax,) = new_figure(4.2, width=8.0)
        _draw_curve(ax, problem, paths, known, xlim, ylim)
    if title:
        ax.set_title(title)
    place_legend(ax, legend)
    return ax.figure


def _known_points(problem: Any, optimum: Any) -> list[np.ndarray]:
    if optimum is None:
        return []
    points = optimum if isinstance(optimum, tuple) else (optimum,)
    return [problem.layout.ravel(point, np, np.float64) for point in _as_trees(problem, points)]


def _as_trees(problem: Any, points: tuple[Any, ...]) -> list[Any]:
    """Lists as arrays, so that a point written as a list has the structure of x0."""
    return [np.asarray(p, dtype=float) if isinstance(p, list) else p for p in points]


def view_of(
    problem: Any,
    paths: Iterable[np.ndarray],
    known: list[np.ndarray],
    xlim: Limits | None = None,
    ylim: Limits | None = None,
) -> Window:
    """The window that holds the paths, and the minimiser when there is one only."""
    paths = list(paths)
    best, _ = best_end(paths, problem)
    alone = [point[None] for point in known if len(known) == 1]
    return window([*paths, *alone], best, xlim, ylim)


def _draw_plane(
    ax: Any,
    problem: Any,
    paths: dict[str, np.ndarray],
    known: list[np.ndarray],
    view: Window,
    spacing: str,
) -> None:
    _, lowest = best_end([*paths.values(), *(point[None] for point in known)], problem)
    draw_landscape(ax, problem, view, lowest=lowest, spacing=spacing)
    paths = {label: _drawable(path, view) for label, path in paths.items()}
    for i, (label, path) in enumerate(paths.items()):
        marked = len(path) <= MARKED
        ax.plot(
            path[:, 0],
            path[:, 1],
            color=color(i),
            linestyle=dash(i),
            linewidth=1.6,
            marker="o" if marked else "",
            markersize=3.2,
            markeredgewidth=0.0,
            label=label,
            gid=f"path:{label}",
            zorder=4,
        )
    for path in {tuple(path[0]): path for path in paths.values()}.values():
        ax.plot(*path[0], "o", ms=8, mfc=PAPER, mec=INK, mew=1.4, gid="start", zorder=6)
    for i, path in enumerate(paths.values()):
        ax.plot(*path[-1], "o", ms=7.5, mfc=color(i), mec=PAPER, mew=1.4, gid="end", zorder=7)
    for point in known:
        ax.plot(*point, "x", ms=7, color=INK, mew=1.6, gid="optimum", zorder=8)


def _drawable(path: np.ndarray, view: Window) -> np.ndarray:
    """The path up to where it leaves the picture for good, by a hundred times its size."""
    middle = np.array([sum(view.xlim), sum(view.ylim)]) / 2
    size = np.array([np.ptp(view.xlim), np.ptp(view.ylim)])
    lost = ~(np.abs(path - middle) <= 100.0 * size).all(axis=1)
    return path[: int(np.argmax(lost))] if lost.any() else path


def _draw_curve(
    ax: Any,
    problem: Any,
    paths: dict[str, np.ndarray],
    known: list[np.ndarray],
    xlim: Limits | None,
    ylim: Limits | None,
) -> None:
    if xlim is None:
        xlim = interval([*paths.values(), *(point[None] for point in known)], problem)
    line = np.linspace(*xlim, 600)
    values = objective_values(problem, line[:, None])
    ax.plot(line, values, color=MUTED, linewidth=1.4, zorder=2, gid="curve")
    visited = {label: objective_values(problem, path) for label, path in paths.items()}
    for i, (label, path) in enumerate(paths.items()):
        heights = visited[label]
        ax.plot(
            path[:, 0],
            heights,
            color=color(i),
            linestyle=dash(i),
            linewidth=0.9,
            marker="o",
            markersize=4.0 if len(path) <= MARKED else 2.5,
            markeredgewidth=0.0,
            label=label,
            gid=f"path:{label}",
            zorder=4,
        )
        ax.plot(path[0, 0], heights[0], "o", ms=8, mfc=PAPER, mec=INK, mew=1.4, zorder=5)
        ax.plot(path[-1, 0], heights[-1], "o", ms=7.5, mfc=color(i), mec=PAPER, mew=1.4, zorder=6)
    for point in known:
        height = objective_values(problem, point[None])
        ax.plot(point, height, "x", ms=7, color=INK, mew=1.6, zorder=8, gid="optimum")
    name = variable_names(problem)[0]
    ax.set(xlim=xlim, xlabel=name, ylabel=f"f({name.strip('$')})" if len(name) < 4 else "f")
    ax.set(ylim=ylim or _range(values, np.concatenate(list(visited.values()))))
    ax.locator_params(axis="x", nbins=7)
    ax.ticklabel_format(style="sci", scilimits=(-3, 4), useMathText=True)
    ax.grid(True, axis="y", color=FAINT)


def _range(curve: np.ndarray, visited: np.ndarray) -> Limits:
    """What the iterates saw with half as much above, where the curve goes so high."""
    curve, visited = curve[np.isfinite(curve)], visited[np.isfinite(visited)]
    low = float(min(curve.min(), visited.min()))
    seen = (float(visited.max()) - low) or float(curve.max()) - low or 1.0
    high = min(float(curve.max()), low + 1.5 * seen)
    return low - 0.08 * (high - low), high + 0.08 * (high - low)
