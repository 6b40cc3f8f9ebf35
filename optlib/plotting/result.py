"""The picture that fits one result."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.result import Result
from ..core.status import Status
from ..linear.problem import LinearProgram
from .convergence import known_rate, plot_convergence
from .landscape import Limits, dimension, path_of, window
from .linear import plot_linear_program
from .paths import plot_paths
from .style import INK, new_figure, spelled, styled

KINDS = ("auto", "path", "convergence", "both")


@styled
def plot_result(
    result: Result,
    ax: Any = None,
    *,
    kind: str = "auto",
    rate: float | None = None,
    optimum: float | None = None,
    xlim: Limits | None = None,
    ylim: Limits | None = None,
    spacing: str = "auto",
    title: str | None = None,
) -> Any:
    """Draw a result: its path where the problem has one or two variables, and its convergence.

    Of a linear program in two or three variables, the feasible set and the path through it: see
    :func:`plot_linear_program`.

    Parameters
    ----------
    result : Result
        Solved with ``trace=True`` (without a trace only the end point can be shown).
    ax : matplotlib Axes or pair of them, optional
        Where to draw; by default a new figure. One pair of axes takes path and convergence.
    kind : {"auto", "path", "convergence", "both"}
        What to draw. ``auto``: both for one or two variables, otherwise the convergence; on a
        single ``ax``, the first that applies.
    rate : float, optional
        The theoretical factor by which ``f - f*`` falls per step; by default that of
        :func:`known_rate`, where theory knows one.
    optimum : float, optional
        The optimal value f*; by default the lowest value found.
    xlim, ylim, spacing
        The window and the level lines of the landscape, as for :func:`plot_paths`.
    title : str, optional
        By default the method's name and the outcome.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        When there is nothing to draw: many variables and no trace, or a batched result.

    Examples
    --------
    >>> import optlib as ol
    >>> bowl = ol.Smooth(lambda x: x[0] ** 2 + 10 * x[1] ** 2, [10.0, 1.0])
    >>> result = ol.minimize(bowl, "gradient_descent", step="exact", trace=True)
    >>> figure = result.plot()  # doctest: +SKIP
    """
    if kind not in KINDS:
        raise ValueError(f"kind: found {kind!r}, needed one of {', '.join(KINDS)}")
    if result.problem is None or not isinstance(result.status, Status):
        raise ValueError(
            "result: found one that crossed jit or vmap, needed that of a single solve"
        )
    if isinstance(result.problem, LinearProgram):
        if kind not in ("auto", "path"):
            raise ValueError(f"kind: found {kind!r}, needed 'path' for a linear program")
        heading = _heading(result) if title is None else title
        return plot_linear_program(result.problem, result, ax, xlim=xlim, ylim=ylim, title=heading)
    small = dimension(result.problem) <= 2
    moved = result.trace is not None and len(result.trace) > 1
    axes = [] if ax is None else list(np.ravel(np.asarray(ax, dtype=object)))
    if kind == "auto":
        both = small and moved and len(axes) != 1
        kind = "both" if both else "path" if small else "convergence"
    if kind != "path" and result.trace is None:
        raise ValueError("trace: found none, needed one; solve with trace=True")
    heading = _heading(result) if title is None else title
    if not axes:
        axes = _axes_for(result, kind, xlim, ylim)
        axes[0].figure.suptitle(
            heading, x=0.012, ha="left", fontsize=10.5, fontweight="bold", color=INK
        )
        heading = ""
    if len(axes) < (2 if kind == "both" else 1):
        raise ValueError("ax: found one Axes, needed two for kind='both'")

    if kind in ("path", "both"):
        plot_paths(
            result.problem, result, axes[0], xlim=xlim, ylim=ylim, spacing=spacing,
            title=heading, legend="none",
        )  # fmt: skip
    if kind in ("convergence", "both"):
        plot_convergence(
            result,
            axes[-1],
            optimum=optimum,
            rate=known_rate(result) if rate is None else rate,
            gradient=True,
            title="" if kind == "both" else heading,
            legend="inside" if heading else "above",
        )
    return axes[0].figure


def _axes_for(result: Result, kind: str, xlim: Limits | None, ylim: Limits | None) -> list[Any]:
    """A new figure whose panels suit the landscape's shape."""
    if kind == "convergence":
        return new_figure(4.2, width=8.0)[1]
    shape = 1.4
    if dimension(result.problem) == 2:
        path = path_of(result)
        shape = float(np.clip(window([path], path[-1], xlim, ylim).shape, 0.5, 1.6))
    if kind == "path":
        return new_figure(4.6, width=1.0 + 3.6 * shape)[1]
    return new_figure(4.2, ratios=(shape, 1.3), width=2.2 + 3.2 * (shape + 1.3))[1]


def _heading(result: Result) -> str:
    name = spelled(result.method.name)
    steps = "step" if result.nit == 1 else "steps"
    return f"{name}: {result.status.name.lower().replace('_', ' ')}, {result.nit} {steps}"
