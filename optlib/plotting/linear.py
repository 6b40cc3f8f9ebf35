"""Linear programs in two or three variables: the feasible set, the cost, and paths of methods."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np

from ..core.result import Result
from ..core.status import Status
from .landscape import Limits, labelled
from .polytope import NEAR, Polytope, around, polytope, slice_of
from .style import COLORS, FAINT, INK, MUTED, PAPER, color, new_figure, place_legend, styled

FILL = "#cfe3f1"
LEVEL = "#7d93a8"
OPTIMAL = COLORS[2]

LEVELS = 8
"""Level lines of the cost, about."""

NUMBERED = 12
"""Paths of more corners than this are drawn without their numbers."""

NAMED = 10
"""Rows are written along their lines when there are at most so many."""

ROOM = 0.25
"""Part of the window's size that an inequality takes."""

HALO = 2.5
"""Points of white around letters."""

ELEVATION, AZIMUTH = 22.0, 35.0
"""The eye of a picture in space, in degrees."""


@styled
def plot_linear_program(
    problem: Any,
    results: Any = (),
    ax: Any = None,
    *,
    xlim: Limits | None = None,
    ylim: Limits | None = None,
    zlim: Limits | None = None,
    title: str | None = None,
    legend: str = "beside",
) -> Any:
    """Draw a linear program of two or three variables, and the paths of methods through it.

    Shown are the feasible polygon or polytope, its constraints, level lines of the cost, the
    points of least cost, and for every result its path; where a program is unbounded, the
    direction in which the cost falls.

    Parameters
    ----------
    problem : LinearProgram
        With two or three variables.
    results : Result, sequence of Result, or dict of str to Result
        Solved with ``trace=True``; a result whose trace has no points is drawn as its end.
    ax : matplotlib Axes, optional
        Where to draw, with ``projection="3d"`` for three variables; by default a new figure.
    xlim, ylim, zlim : pair of float, optional
        The window; by default it holds all corners and paths.
    legend : {"beside", "above", "below", "inside", "none"}
        Where the explanations go.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        For other numbers of variables, or more than some hundred constraints.

    Examples
    --------
    >>> import optlib as ol
    >>> from optlib.plotting import plot_linear_program
    >>> wood = ol.LinearProgram([-3.0, -2.0], A_ub=[[2.0, 1.0], [1.0, 3.0]], b_ub=[4.0, 6.0])
    >>> result = ol.minimize(wood, "tableau", trace=True)
    >>> figure = plot_linear_program(wood, result)  # doctest: +SKIP
    """
    if problem.n not in (2, 3):
        raise ValueError(f"problem: found {problem.n} variables, needed two or three")
    found = labelled(results)
    paths = {label: _path(result) for label, result in found.items()}
    seen = np.concatenate([np.zeros((0, problem.n)), *paths.values()])
    solid = polytope(problem, seen, [xlim, ylim, zlim][: problem.n])
    if ax is not None and (ax.name == "3d") != (problem.n == 3):
        raise ValueError(f"ax: found a {ax.name} one, needed one of {problem.n} dimensions")
    picture = _Plane(problem, solid, ax) if problem.n == 2 else _Space(problem, solid, ax)
    picture.draw_program()
    for i, (label, result) in enumerate(found.items()):
        if len(paths[label]):
            picture.draw_path(label, paths[label], result, color(2 * i + 1))
    if title:
        picture.ax.set_title(title)
    place_legend(picture.ax, legend)
    return picture.ax.figure


def _path(result: Result) -> np.ndarray:
    """The distinct points of a run in order."""
    points = getattr(result.trace, "x", None)
    if points is None or not len(points):
        points = np.asarray(result.x, dtype=float)[None]
    points = np.asarray(points)[np.isfinite(points).all(axis=1)]
    if len(points) < 2:
        return points
    moved = np.abs(np.diff(points, axis=0)).max(axis=1) > NEAR * np.ptp(points)
    return points[np.append(True, moved)]


class _Picture:
    """What both dimensions share: the levels, the names, the outcome."""

    def __init__(self, problem: Any, solid: Polytope, ax: Any) -> None:
        self.problem, self.solid = problem, solid
        self.ax = self.new_axes() if ax is None else ax
        names = [_formula(name) for name in problem.labels.columns]
        for name, setter in zip(names, ("set_xlabel", "set_ylabel", "set_zlabel")):
            getattr(self.ax, setter)(name)

    def new_axes(self) -> Any:
        raise NotImplementedError

    def levels(self) -> np.ndarray:
        """Round numbers between the least and the largest cost of the corners."""
        from matplotlib.ticker import MaxNLocator

        shown = self.solid.corners if len(self.solid.corners) else self._window_corners()
        cost = shown @ self.problem.c + self.problem.offset
        if np.ptp(cost) <= NEAR * max(1.0, np.abs(cost).max()):
            return cost[:0]
        return np.asarray(MaxNLocator(LEVELS).tick_values(cost.min(), cost.max()))

    def _window_corners(self) -> np.ndarray:
        ends = np.stack([self.solid.low, self.solid.high])
        return np.stack(np.meshgrid(*ends.T), axis=-1).reshape(-1, self.problem.n)

    @property
    def _middle(self) -> np.ndarray:
        """Numbers are written on the side of a corner that is away from here."""
        corners = self.solid.corners
        return corners.mean(axis=0) if len(corners) else (self.solid.low + self.solid.high) / 2

    def optimal_face(self) -> np.ndarray | None:
        """The corners of least cost, when the set does not run out of the window below them."""
        if not len(self.solid.corners):
            return None
        face = self.solid.lowest(self.problem.c)
        spaces, n = self.solid.spaces, self.problem.n
        at_side = np.abs(spaces.excess(face)[:, -2 * n :]) <= NEAR * self.solid.reach
        return None if (at_side & self.solid.open).any(axis=1).all() else face

    def least(self, face: np.ndarray) -> str:
        """The legend of the optimal face."""
        whole = " without whole numbers" if self.problem.is_integer else ""
        return f"least cost{whole} {_short(face[0] @ self.problem.c + self.problem.offset)}"


class _Plane(_Picture):
    """Two variables."""

    def new_axes(self) -> Any:
        wide, high = self.solid.high - self.solid.low
        shape = float(np.clip(wide / high, 0.7, 1.5)) if self.equal else 1.2
        return new_figure(4.8, width=4.6 * shape + 2.6)[1][0]

    @property
    def equal(self) -> bool:
        """Whether both axes have one scale: not when the window would be a thin strip."""
        wide, high = self.solid.high - self.solid.low
        return bool(0.3 <= wide / high <= 3.0)

    def draw_program(self) -> None:
        ax, solid = self.ax, self.solid
        ax.set(xlim=(solid.low[0], solid.high[0]), ylim=(solid.low[1], solid.high[1]))
        ax.set_aspect("equal" if self.equal else "auto")
        ax.spines[["top", "right"]].set(visible=True, color=MUTED)
        ax.locator_params(nbins=7)
        self._draw_levels()
        outline = around(solid.corners)
        if len(outline) > 2:
            ax.fill(*outline.T, color=FILL, zorder=1, gid="feasible", label="feasible set")
        elif len(outline):
            ax.plot(*outline.T, color=COLORS[0], lw=3, zorder=3, gid="feasible",
                    label="feasible set")  # fmt: skip
        self._draw_rows()
        face = self.optimal_face()
        if face is not None:
            ax.plot(*face.T, "o-", color=OPTIMAL, ms=13, mfc="none", mew=2.0, lw=4.0, zorder=5,
                    gid="optimal", label=self.least(face))  # fmt: skip

    def _draw_levels(self) -> None:
        """Parallel lines across the window, their costs written where they cross the set."""
        outline, c, offset = around(self.solid.corners), self.problem.c, self.problem.offset
        for level in self.levels():
            chord = slice_of(self._box, c, level - offset)
            if len(chord) < 2:
                continue
            self.ax.plot(*chord.T, "--", color=LEVEL, lw=0.9, zorder=2, gid="level")
            inside = slice_of(outline, c, level - offset)
            if len(inside) == 2 and len(outline) > 2:
                self._write(inside.mean(axis=0), _short(level), MUTED, 8.5, c, 0.0, "center")
        self.ax.plot([], [], "--", color=LEVEL, lw=0.9, label="cost levels")

    @property
    def _box(self) -> np.ndarray:
        (left, bottom), (right, top) = self.solid.low, self.solid.high
        return np.array([[left, bottom], [right, bottom], [right, top], [left, top]])

    def _write(
        self, at: np.ndarray, words: str, ink: str, size: float, g: np.ndarray, off: float, va: str
    ) -> Any:
        """Words along the line ``gᵀx = const``, so many points off it in the direction of g."""
        from matplotlib.transforms import offset_copy

        wide, high = self.solid.high - self.solid.low
        normal = g * (1.0, 1.0 if self.equal else high / wide)
        away = off * normal / np.linalg.norm(normal)
        along = np.array([g[1], -g[0]]) * (1.0 if _points_up(g) else -1.0)
        return self.ax.text(
            *at, words, color=ink, fontsize=size, ha="center", va=va, zorder=6, clip_on=True,
            transform=offset_copy(self.ax.transData, self.ax.figure, *away, units="points"),
            rotation=float(np.degrees(np.arctan2(along[1], along[0]))), rotation_mode="anchor",
            transform_rotates_text=True, path_effects=_halo(),
        )  # fmt: skip

    def _draw_rows(self) -> None:
        """Every constraint's line, and the inequality of each row beside it."""
        spaces = self.solid.spaces
        named = np.count_nonzero(spaces.row >= 0) <= NAMED
        for k in range(spaces.h.size - 4):
            chord = slice_of(self._box, spaces.G[k], spaces.h[k])
            if len(chord) < 2:
                continue
            bound = spaces.row[k] < 0
            self.ax.plot(*chord.T, color=MUTED if bound else INK, lw=0.8 if bound else 1.1,
                         zorder=3, gid=f"constraint:{k}")  # fmt: skip
            if named and not bound:
                self._write_row(k, chord)

    def _write_row(self, k: int, chord: np.ndarray) -> None:
        """The inequality along its line, on the side that it forbids."""
        g, middle = self.solid.spaces.G[k], self._room(self.solid.on(k), chord).mean(axis=0)
        words = _inequality(self.problem, int(self.solid.spaces.row[k]))
        self._write(middle, words, INK, 9.0, g, 4.0, "bottom" if _points_up(g) else "top")

    def _room(self, edge: np.ndarray, chord: np.ndarray) -> np.ndarray:
        """The edge, when it is long enough for words; else the longest part of the line."""
        if len(edge) < 2:
            return chord
        chord = chord if (chord[1] - chord[0]) @ (edge[1] - edge[0]) > 0 else chord[::-1]
        parts = [edge, np.stack([chord[0], edge[0]]), np.stack([edge[1], chord[1]])]
        length = [float(np.linalg.norm(part[1] - part[0])) for part in parts]
        return edge if length[0] > ROOM * self.solid.reach else parts[int(np.argmax(length))]

    def draw_path(self, label: str, path: np.ndarray, result: Result, ink: str) -> None:
        ax = self.ax
        for here, there in pairwise(path):
            ax.annotate(
                "", there, here, zorder=7,
                arrowprops={"arrowstyle": "-|>", "color": ink, "lw": 1.8, "shrinkA": 4,
                            "shrinkB": 4, "mutation_scale": 13},
            )  # fmt: skip
        ax.plot(*path.T, "o", ms=6, color=ink, mec=PAPER, mew=1.0, zorder=8, gid=f"path:{label}")
        ax.plot([], [], "o-", ms=6, color=ink, mec=PAPER, label=label)
        if 1 < len(path) <= NUMBERED:
            scale = (self.solid.high - self.solid.low) if not self.equal else np.ones(2)
            for k, point in enumerate(path):
                away = (point - self._middle) / scale
                away = 11.0 * away / (np.linalg.norm(away) or 1.0)
                ax.annotate(str(k), point, xytext=away, textcoords="offset points", color=ink,
                            fontsize=10, fontweight="bold", ha="center", va="center",
                            path_effects=_halo(), zorder=9)  # fmt: skip
        ray = _ray(result, path[-1], self.solid)
        if ray is not None:
            ax.annotate("", ray, path[-1], zorder=7, gid=f"ray:{label}",
                        arrowprops={"arrowstyle": "-|>", "color": ink, "lw": 1.8, "ls": "--",
                                    "mutation_scale": 16})  # fmt: skip


class _Space(_Picture):
    """Three variables."""

    def new_axes(self) -> Any:
        from matplotlib.pyplot import figure

        drawn = figure(figsize=(7.6, 5.4), layout="constrained")
        return drawn.add_subplot(projection="3d", computed_zorder=False)

    def draw_program(self) -> None:
        from mpl_toolkits.mplot3d.art3d import Poly3DCollection

        ax, solid = self.ax, self.solid
        ax.set(xlim=(solid.low[0], solid.high[0]), ylim=(solid.low[1], solid.high[1]),
               zlim=(solid.low[2], solid.high[2]))  # fmt: skip
        ax.set_box_aspect(self._aspect, zoom=1.0)
        ax.view_init(elev=ELEVATION, azim=AZIMUTH)
        for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
            axis.pane.set(facecolor=PAPER, edgecolor=FAINT)
            axis._axinfo["grid"].update(color=FAINT, linewidth=0.6)
        ax.locator_params(nbins=5)
        front, back = self._faces()
        look: dict[str, Any] = {"facecolor": FILL, "edgecolor": COLORS[0]}
        ax.add_collection3d(
            Poly3DCollection(back, **look, linewidth=0.7, linestyle=":", alpha=0.25, zorder=1)
        )
        ax.add_collection3d(
            Poly3DCollection(front, **look, linewidth=1.2, alpha=0.4, zorder=2, gid="feasible",
                             label="feasible set")
        )  # fmt: skip
        self._draw_levels(front)
        face = self.optimal_face()
        if face is not None:
            ax.plot(*face[[*range(len(face)), 0]].T, "o-", color=OPTIMAL, ms=13, mfc="none",
                    mew=2.0, lw=3.0, zorder=5, gid="optimal", label=self.least(face))  # fmt: skip

    @property
    def _aspect(self) -> np.ndarray:
        """One scale on all axes, unless the window would be a thin slab."""
        size = self.solid.high - self.solid.low
        return size if size.max() <= 3.0 * size.min() else np.array([4.0, 4.0, 3.5])

    def _faces(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The polygons that bound the set, those turned to the eye first."""
        spaces = self.solid.spaces
        up, turn = np.radians([ELEVATION, AZIMUTH])
        eye = np.array([np.cos(up) * np.cos(turn), np.cos(up) * np.sin(turn), np.sin(up)])
        towards = spaces.G * ((self.solid.high - self.solid.low) / self._aspect) @ eye > 0.0
        sides: tuple[list[np.ndarray], list[np.ndarray]] = [], []
        for k in range(spaces.h.size - 6):
            face = self.solid.on(k)
            if len(face) > 2:
                sides[0 if towards[k] or spaces.equal[k] else 1].append(face)
        return sides

    def _draw_levels(self, faces: list[np.ndarray]) -> None:
        from mpl_toolkits.mplot3d.art3d import Line3DCollection

        c, offset = self.problem.c, self.problem.offset
        cuts = [slice_of(face, c, level - offset) for level in self.levels() for face in faces]
        cuts = [cut for cut in cuts if len(cut) == 2]
        if cuts:
            self.ax.add_collection3d(
                Line3DCollection(cuts, colors=LEVEL, linewidths=0.9, linestyles="dashed", zorder=3,
                                 label="cost levels", gid="levels")
            )  # fmt: skip

    def draw_path(self, label: str, path: np.ndarray, result: Result, ink: str) -> None:
        ax = self.ax
        ax.plot(*path.T, "o-", ms=5.5, color=ink, mec=PAPER, mew=0.8, lw=2.2, zorder=8,
                label=label, gid=f"path:{label}")  # fmt: skip
        if 1 < len(path) <= NUMBERED:
            size = self.solid.high - self.solid.low
            for k, point in enumerate(path):
                away = (point - self._middle) / size
                at = point + 0.06 * size * away / (np.linalg.norm(away) or 1.0)
                ax.text(*at, str(k), color=ink, fontsize=10, fontweight="bold", ha="center",
                        va="center", path_effects=_halo(), zorder=9)  # fmt: skip
        ray = _ray(result, path[-1], self.solid)
        if ray is not None:
            ax.plot(*np.stack([path[-1], ray]).T, "--", color=ink, lw=2.2, zorder=8,
                    gid=f"ray:{label}")  # fmt: skip


# ------------------------------------------------------------------ parts


def _halo() -> list[Any]:
    """White around letters."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=HALO, foreground=PAPER)]


def _points_up(g: np.ndarray) -> bool:
    """Whether words read along ``gᵀx = const`` have the direction g above them."""
    return bool(g[1] > 0 or (g[1] == 0 and g[0] < 0))


def _ray(result: Result, start: np.ndarray, solid: Polytope) -> np.ndarray | None:
    """Where the direction of an unbounded program leaves the window."""
    if result.status is not Status.UNBOUNDED or result.ray is None:
        return None
    d = np.asarray(result.ray, dtype=float)
    room = np.where(d > 0, solid.high - start, solid.low - start)
    moving = d != 0.0
    return start + float((room[moving] / d[moving]).min()) * d


def _inequality(problem: Any, row: int) -> str:
    """A row as a formula."""
    A = problem.rows.A
    a = A[[row]].toarray().ravel() if hasattr(A, "toarray") else A[row]
    b, relation = problem.rows.b[row], "=" if row < problem.rows.equations else r"\leq"
    if (a <= 0.0).all():
        a, b, relation = -a, -b, relation.replace("leq", "geq")
    terms = [
        f"{'-' if value < 0 else '+'} {_times(abs(value))}{_formula(name)[1:-1]}"
        for value, name in zip(a.tolist(), problem.labels.columns)
        if value
    ]
    return f"${' '.join(terms).removeprefix('+ ')} {relation} {_short(b)}$"


def _times(factor: float) -> str:
    """A factor before a variable."""
    return "" if factor == 1.0 else rf"{_short(factor)}\,"


def _formula(name: str) -> str:
    """A variable's name in mathtext: its number as an index."""
    parts = re.fullmatch(r"([A-Za-z])(\d+)", name)
    words = re.sub(r"([$%{}_ ])", r"\\\1", re.sub(r'[\\^#"]', "", name))
    return rf"${parts[1]}_{{{parts[2]}}}$" if parts else rf"$\mathrm{{{words}}}$"


def _short(value: float) -> str:
    """A number in four digits, with a true minus sign."""
    return f"{value + 0.0:.4g}".replace("-", "\N{MINUS SIGN}")
