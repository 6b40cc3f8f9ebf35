"""The objective as a landscape: its values on a grid, and level lines that show the valleys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..core.result import Result
from .style import FAINT, MUTED, require_matplotlib, spelled

Limits = tuple[float, float]

LEVELS = 18
RESOLUTION = 240
GRID_WORK = 4e8
"""Grid points times numbers in the problem: beyond this the grid is made coarser."""

STEEP, MILD = 8.0, 2.6
"""Highest point over median height: log-spaced levels above the first, even ones below the last."""


# ------------------------------------------------------------------ problems and results


def dimension(problem: Any) -> int:
    """The number of variables."""
    return int(problem.layout.size)


def objective_values(problem: Any, points: np.ndarray) -> np.ndarray:
    """The objective at each row of ``points``, flat vectors of the problem's variables.

    One vectorised JAX call in the problem's precision; a loop for a NumPy objective.

    Examples
    --------
    >>> import optlib as ol
    >>> bowl = ol.Smooth(lambda x: x[0] ** 2 + 4 * x[1] ** 2, [1.0, 1.0])
    >>> objective_values(bowl, np.array([[1.0, 0.0], [0.0, 1.0]]))
    array([1., 4.])
    """
    points = np.asarray(points, dtype=problem.dtype)
    with jax.enable_x64(problem.dtype == np.float64), np.errstate(all="ignore"):
        if not problem.traceable:
            return np.array([float(_objective(problem, point)) for point in points])
        batch = int(np.clip(2e7 / problem.numbers, 1, max(1, len(points))))
        return np.asarray(_values(problem.resident(), points, batch), dtype=float)


def _objective(problem: Any, point: Any) -> Any:
    """f, and the regularizer of a composite problem."""
    value = problem.flat_fun(point)
    regularizer = getattr(problem, "regularizer", None)
    if regularizer is None:
        return value
    return value + regularizer.value(point, np if isinstance(point, np.ndarray) else jnp)


def _map_values(problem: Any, points: Any, batch: int) -> Any:
    return jax.lax.map(lambda point: _objective(problem, point), points, batch_size=batch)


_values = jax.jit(_map_values, static_argnames="batch")


def variable_names(problem: Any) -> list[str]:
    """What to call each number of x: the keys of a pytree, or x with its index.

    Examples
    --------
    >>> import optlib as ol
    >>> variable_names(ol.Smooth(lambda x: x["a"] ** 2 + x["b"] ** 2, {"a": 1.0, "b": 2.0}))
    ['a', 'b']
    """
    names = []
    for path, leaf in jax.tree_util.tree_flatten_with_path(problem.x0)[0]:
        stem = " ".join(str(getattr(key, "key", getattr(key, "idx", key))) for key in path)
        shape = np.shape(leaf)
        if not shape:
            names.append(stem or "x")
            continue
        for index in np.ndindex(shape):
            label = ",".join(str(i + 1) for i in index)
            names.append(f"{stem}[{label}]" if stem else f"$x_{{{label}}}$")
    return names


def path_of(result: Result) -> np.ndarray:
    """The finite iterates as rows of flat vectors; only the end where no trace was kept."""
    if result.trace is None or result.trace.x is None:
        return flat(result.problem, result.x)[None]
    leaves = jax.tree.leaves(result.trace.x)
    rows = [np.asarray(leaf, dtype=float).reshape(len(result.trace), -1) for leaf in leaves]
    path = np.concatenate(rows, axis=1)
    return path[np.isfinite(path).all(axis=1)]


def flat(problem: Any, x: Any) -> np.ndarray:
    """A point in the user's structure as one vector."""
    return np.asarray(problem.layout.ravel(x, np, np.float64))


def best_end(paths: Iterable[np.ndarray], problem: Any) -> tuple[np.ndarray, float]:
    """The end point with the lowest objective, and its value."""
    ends = np.stack([path[-1] for path in paths])
    values = objective_values(problem, ends)
    values = np.where(np.isfinite(values), values, np.inf)
    at = int(np.argmin(values))
    return ends[at], float(values[at])


def labelled(results: Any) -> dict[str, Result]:
    """Results with the names they are drawn under: those given, or their methods' names."""
    if isinstance(results, Result):
        results = [results]
    if isinstance(results, Mapping):
        return {str(label): result for label, result in results.items()}
    results = list(results)
    names = [spelled(result.method.name) for result in results]
    named: dict[str, Result] = {}
    for name, result in zip(names, results):
        label = name if names.count(name) == 1 else repr(result.method)
        while label in named:
            label += "'"
        named[label] = result
    return named


# ------------------------------------------------------------------ what part of the plane


class Window(NamedTuple):
    """The part of the plane that is shown, and whether both axes have one scale."""

    xlim: Limits
    ylim: Limits
    equal: bool

    @property
    def shape(self) -> float:
        """Width over height on paper."""
        wide, high = (b - a for a, b in (self.xlim, self.ylim))
        return wide / high if self.equal else 1.25


FAR = 2.0
"""Iterates this many times farther from the best point than the start are left off the picture."""


def window(
    paths: Iterable[np.ndarray],
    best: np.ndarray,
    xlim: Limits | None = None,
    ylim: Limits | None = None,
) -> Window:
    """A window around the paths, without excursions far from the best point.

    Both axes have one scale unless the window would be a thin strip.
    """
    paths = [np.atleast_2d(path) for path in paths]
    reach = max(float(np.linalg.norm(path[0] - best)) for path in paths)
    points = np.concatenate([best[None], *paths])
    away = np.linalg.norm(points - best, axis=1)
    reach = reach or float(np.median(away[np.isfinite(away)]))
    points = points[away <= FAR * reach]
    low, high = points.min(axis=0), points.max(axis=0)
    size = high - low
    spare = 0.5 * size.max() if size.any() else np.maximum(1.0, np.abs(high))
    size = np.where(size > 0, size, spare)
    equal = bool(size.max() <= 7.0 * size.min()) or xlim is not None
    if equal:
        size = np.maximum(size, 0.5 * size.max())
    middle, half = 0.5 * (low + high), 0.62 * size
    starts, stops = (middle - half).tolist(), (middle + half).tolist()
    x_range = (starts[0], stops[0]) if xlim is None else xlim
    y_range = (starts[1], stops[1]) if ylim is None else ylim
    width, height = x_range[1] - x_range[0], y_range[1] - y_range[0]
    return Window(x_range, y_range, equal and 0.25 <= height / width <= 4.0)


def interval(paths: Iterable[np.ndarray], problem: Any) -> Limits:
    """The same on a line."""
    paths = list(paths)
    best, _ = best_end(paths, problem)
    low, high = window([np.hstack([path, 0.0 * path]) for path in paths], np.append(best, 0.0)).xlim
    margin = 0.25 * (high - low)
    return low - margin, high + margin


# ------------------------------------------------------------------ drawing


class Grid(NamedTuple):
    """Values of an objective of two variables, ``values[i, j]`` at ``(x[j], y[i])``."""

    x: np.ndarray
    y: np.ndarray
    values: np.ndarray


def grid(problem: Any, view: Window, resolution: int = RESOLUTION) -> Grid:
    """The objective on a grid over the window, coarser when one value costs much."""
    affordable = int(np.sqrt(GRID_WORK / max(1, problem.numbers)))
    count = int(np.clip(resolution, 2, max(40, affordable)))
    x, y = np.linspace(*view.xlim, count), np.linspace(*view.ylim, count)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return Grid(x, y, objective_values(problem, points).reshape(count, count))


def draw_landscape(
    ax: Any, problem: Any, view: Window, *, lowest: float = np.inf, spacing: str = "auto"
) -> Grid:
    """Fill the axes with level lines of the objective, white in the valleys.

    Parameters
    ----------
    lowest : float
        A value known to be reached (by a path or an answer), from which heights are measured.
    spacing : {"auto", "log", "root", "even"}
        Heights of the level lines: geometric, squares as for a round bowl, or evenly spaced;
        ``auto`` decides.
    """
    require_matplotlib()
    from matplotlib.colors import LinearSegmentedColormap

    if spacing not in ("auto", "log", "root", "even"):
        raise ValueError(f"spacing: found {spacing!r}, needed 'auto', 'log', 'root' or 'even'")
    data = grid(problem, view)
    heights = data.values - min(lowest, float(np.nanmin(_finite(data.values))))
    heights = np.where(np.isfinite(heights), np.maximum(heights, 0.0), np.nan)
    known = heights[np.isfinite(heights)]
    if spacing == "auto":
        relief = known.max() / max(float(np.median(known)), 1e-300)
        spacing = "log" if relief > STEEP else "root" if relief > MILD else "even"
    if spacing == "log":
        floor = max(float(np.quantile(known, 0.008)), 1e-9 * known.max(), 1e-300)
        scaled = np.log(np.maximum(heights, floor))
    else:
        scaled = np.sqrt(heights) if spacing == "root" else heights
    low, high = float(np.nanmin(scaled)), float(np.nanmax(scaled))
    levels = np.linspace(low, high if high > low else low + 1.0, LEVELS + 1)
    land = LinearSegmentedColormap.from_list("land", ["#ffffff", "#e6edf3", "#b7c6d4", "#8ea3b6"])
    ax.contourf(data.x, data.y, scaled, levels=levels, cmap=land, extend="max")
    lines = {"colors": "#7d93a8", "linewidths": 0.5, "linestyles": "solid"}
    ax.contour(data.x, data.y, scaled, levels=levels[1:], **lines)
    ax.set_facecolor(FAINT)
    ax.set(xlim=view.xlim, ylim=view.ylim)
    ax.set_aspect("equal" if view.equal else "auto")
    ax.spines[["top", "right"]].set(visible=True, color=MUTED)
    names = variable_names(problem)
    ax.set(xlabel=names[0], ylabel=names[1])
    ax.locator_params(axis="x", nbins=3 if view.shape < 0.7 else 6)
    ax.locator_params(axis="y", nbins=6)
    ax.ticklabel_format(style="sci", scilimits=(-3, 4), useMathText=True)
    return data


def _finite(values: np.ndarray) -> np.ndarray:
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise ValueError(
            "fun: found no finite value in the window, needed some; give xlim and ylim"
        )
    return finite
