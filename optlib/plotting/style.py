"""One look for all pictures: few inks, colours that colour-blind readers can tell apart."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

COLORS = ("#0072b2", "#d55e00", "#009e73", "#aa3377", "#e69f00", "#56b4e9", "#5b4a3f", "#8a8d00")
"""Okabe and Ito's palette (2008), its yellow and pale pink darkened to be read as thin lines."""

INK, MUTED, FAINT, PAPER = "#22303c", "#6b7885", "#dfe5ea", "#ffffff"
DASHES = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)))
"""Once the colours are used up the lines are dashed, then dotted."""

LEGENDS: dict[str, dict[str, Any]] = {
    "beside": {"loc": "upper left", "bbox_to_anchor": (1.02, 1.0)},
    "below": {"loc": "upper left", "bbox_to_anchor": (0.0, -0.15), "ncols": 3},
    "above": {"loc": "lower left", "bbox_to_anchor": (0.0, 1.02), "ncols": 4},
    "inside": {"loc": "best"},
    "none": {},
}

WIDTH = 9.0
"""Width in inches of a picture that fills a web page's column."""

STYLE = {
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "font.size": 10.0,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.titlepad": 8.0,
    "axes.labelsize": 10.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.minor.size": 0.0,
    "ytick.minor.size": 0.0,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "legend.labelcolor": INK,
    "legend.handlelength": 1.8,
    "savefig.facecolor": PAPER,
}


def require_matplotlib() -> Any:
    """The matplotlib package; an error that says how to get it where it is missing."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            'pictures need matplotlib, which is not installed: pip install "optlib[plot]"'
        ) from error
    return matplotlib


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Run a drawing function in the common look, leaving the user's settings as they were."""

    @functools.wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        with require_matplotlib().rc_context(STYLE):
            return draw(*args, **kwargs)

    return inside


def new_figure(
    height: float = 4.2,
    ratios: Sequence[float] = (1.0,),
    width: float = WIDTH,
    *,
    shown: bool = True,
) -> tuple[Any, list[Any]]:
    """A figure with one row of axes, and the list of them; ``shown`` leaves it to pyplot."""
    require_matplotlib()
    if shown:
        from matplotlib.pyplot import figure as make
    else:
        from matplotlib.figure import Figure as make
    figure = make(figsize=(width, height), layout="constrained")
    layout: Any = figure.get_layout_engine()
    layout.set(w_pad=0.12, h_pad=0.08)
    axes = figure.subplots(1, len(ratios), width_ratios=list(ratios), squeeze=False)
    return figure, list(axes[0])


def color(index: int) -> str:
    """The colour of the line with that number."""
    return COLORS[index % len(COLORS)]


def dash(index: int) -> Any:
    """Its dashes."""
    return DASHES[index // len(COLORS) % len(DASHES)]


_SPELLED = {
    "bfgs": "BFGS", "dfp": "DFP", "lbfgs": "L-BFGS", "lbfgsb": "L-BFGS-B", "qr": "QR", "svd": "SVD",
    "lsqr": "LSQR", "lsmr": "LSMR", "ista": "ISTA", "fista": "FISTA", "admm": "ADMM",
    "newton": "Newton", "newton_cg": "Newton-CG", "nesterov": "Nesterov", "adam": "Adam",
    "gauss_newton": "Gauss-Newton", "levenberg_marquardt": "Levenberg-Marquardt",
    "barzilai_borwein": "Barzilai-Borwein", "trust_region_cg": "trust region, CG",
}  # fmt: skip


def spelled(name: str) -> str:
    """A method's name as prose writes it.

    Examples
    --------
    >>> spelled("lbfgs"), spelled("heavy_ball")
    ('L-BFGS', 'heavy ball')
    """
    return _SPELLED.get(name, name.replace("_", " "))


def place_legend(ax: Any, where: str) -> None:
    """A legend where it covers no data: beside the axes, above or below them, or none.

    ``"inside"`` leaves the place to matplotlib, for pictures with few lines.
    """
    if where not in LEGENDS:
        raise ValueError(f"legend: found {where!r}, needed one of {', '.join(LEGENDS)}")
    handles, labels = ax.get_legend_handles_labels()
    if where != "none" and labels:
        ax.legend(handles, labels, borderaxespad=0.0, columnspacing=1.4, **LEGENDS[where])
