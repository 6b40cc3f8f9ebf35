"""The pictures of ``optlib tour``, as PNG bytes with a caption."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..core.result import Result
from ..descent.gradient import GradientDescent
from ..descent.momentum import HeavyBall, Nesterov
from ..descent.steps import Backtracking, Wolfe
from ..linear.problem import LinearProgram
from ..minimize import minimize
from .convergence import known_rate, plot_convergence
from .landscape import dimension, interval, path_of
from .line_search import plot_line_search
from .paths import plot_paths, view_of
from .profile import plot_profile
from .result import plot_result
from .style import new_figure, spelled, styled

DPI = 160


class Picture(NamedTuple):
    """A picture for a web page."""

    png: bytes
    title: str
    caption: str


def as_png(figure: Any) -> bytes:
    """The figure as a PNG file of at most 256 colours."""
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    image = Image.open(buffer).convert("RGB").quantize(192, dither=Image.Dither.NONE)
    small = io.BytesIO()
    image.save(small, format="PNG")
    return small.getvalue()


# ------------------------------------------------------------------ one problem, some methods


@styled
def draw_runs(
    problem: Any,
    runs: Mapping[str, Result],
    *,
    minima: Any = None,
    values: tuple[float, ...] = (),
    rates: bool = True,
    **view: Any,
) -> Any:
    """Paths (for one or two variables) beside the convergence curves of the same runs."""
    plane = dimension(problem) <= 2
    ratios = (_shape(problem, runs, minima, view), 1.3) if plane else (1.0,)
    figure, axes = new_figure(4.1 if plane else 3.4, ratios, shown=False)
    if plane:
        plot_paths(problem, runs, axes[0], optimum=minima, legend="none", **view)
    found = {label: known_rate(run) for label, run in runs.items()} if rates else {}
    plot_convergence(
        runs,
        axes[-1],
        optimum={label: _nearest(run.fun, values) for label, run in runs.items()}
        if values
        else None,
        rate={label: rate for label, rate in found.items() if rate is not None},
        legend="none",
    )
    handles, labels = axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=4)
    return figure


def _shape(problem: Any, runs: Mapping[str, Result], minima: Any, view: dict[str, Any]) -> float:
    """The width of the left panel over its height."""
    if dimension(problem) == 1:
        return 1.2
    limits = {name: view[name] for name in ("xlim", "ylim") if name in view}
    shape = view_of(problem, [path_of(run) for run in runs.values()], [], **limits).shape
    return float(np.clip(1.08 * shape, 0.6, 1.5))


def _nearest(fun: float, values: tuple[float, ...]) -> float:
    return min(values, key=lambda value: abs(value - fun))


def picture_of(entry: Any, problem: Any, runs: Mapping[str, Result]) -> Picture | None:
    """The picture of a catalogue entry, or nothing where no method made three steps."""
    if isinstance(problem, LinearProgram):
        return _walk(entry, problem, runs)
    runs = {
        spelled(label): run
        for label, run in runs.items()
        if run.trace is not None and len(run.trace) > 1
    }
    if not any(len(run.trace) > 3 for run in runs.values()):
        return None
    answer = entry.known()
    minima = answer.x if dimension(problem) <= 2 and answer.attained else None
    view = {} if answer.attained else _start_of(problem, next(iter(runs.values())))
    figure = draw_runs(problem, runs, minima=minima, values=answer.values, **view)
    return Picture(as_png(figure), entry.title, "")


def _walk(entry: Any, problem: Any, runs: Mapping[str, Result]) -> Picture | None:
    """The walk over the polygon or polytope of a linear program, where a run kept its points."""
    walks = [run for run in runs.values() if getattr(run.trace, "x", None) is not None]
    if not walks or problem.n not in (2, 3):
        return None
    return Picture(as_png(plot_result(walks[0])), entry.title, "")


def _start_of(problem: Any, run: Result) -> dict[str, Any]:
    """The window of one run: where no minimum exists, others may be on their way to infinity."""
    if dimension(problem) == 1:
        return {"xlim": interval([path_of(run)], problem)}
    if dimension(problem) > 2:
        return {}
    view = view_of(problem, [path_of(run)], [])
    return {"xlim": view.xlim, "ylim": view.ylim}


# ------------------------------------------------------------------ pictures made by hand


def _zig_zag(load: Callable[..., Any]) -> Picture:
    bowl = load("zig_zag")
    runs = {
        "steepest descent, exact line search": _run(bowl, GradientDescent(step="exact")),
        "heavy ball": _run(bowl, HeavyBall()),
    }
    return Picture(
        as_png(draw_runs(bowl, runs, minima=[0.0, 0.0], values=(0.0,))),
        "The zig-zag, and the heavy ball over it",
        "Every exact step ends where the level line is tangent to it, so the next one turns by a "
        "right angle. Momentum carries across the valley and replaces b = 1/10 by its square root "
        "in the rate. Dashed: what theory promises per step.",
    )


def _bowl(load: Callable[..., Any]) -> Picture:
    bowl = load("heavy_ball_bowl")
    runs = {
        "steepest descent, exact line search": _run(bowl, GradientDescent(step="exact")),
        "heavy ball": _run(bowl, HeavyBall()),
        "Nesterov": _run(bowl, Nesterov()),
    }
    return Picture(
        as_png(draw_runs(bowl, runs, minima=[0.0, 0.0], values=(0.0,))),
        "A bowl ten times narrower",
        "With b = 1/100 steepest descent needs hundreds of steps. The heavy ball's slope agrees "
        "with its theory only after a hump: the asymptotic factor hides a polynomial in k.",
    )


def _rosenbrock(load: Callable[..., Any]) -> Picture:
    valley = load("rosenbrock", start=(-1.2, 1.0))
    names = ("gradient_descent", "nesterov", "conjugate_gradient", "bfgs", "newton")
    runs = {spelled(name): _run(valley, name) for name in names}
    figure = draw_runs(
        valley, runs, minima=[1.0, 1.0], values=(0.0,), xlim=(-1.7, 1.7), ylim=(-1.0, 1.6)
    )
    return Picture(
        as_png(figure),
        "Rosenbrock's valley, five ways through it",
        "Level lines are spaced geometrically, so that the valley's floor shows. Methods that "
        "learn the curvature follow its bend in a few dozen steps.",
    )


def _peaks(load: Callable[..., Any]) -> Picture:
    starts = ((0.0, -1.0), (-0.5, 1.3), (0.6, 1.0), (0.9, 0.5), (-1.9, -0.7), (1.4, -1.1))
    runs = {}
    for start in starts:
        runs[f"from ({start[0]:g}, {start[1]:g})"] = _run(
            load("peaks", start=start), GradientDescent(step="exact")
        )
    values = (-6.551133332836, -3.049849402800, -0.064935868256)
    minima = ([0.228279, -1.625535], [-1.347396, 0.204519], [0.296446, 0.320196])
    figure = draw_runs(
        load("peaks"), runs, minima=tuple(minima), values=values, rates=False,
        xlim=(-3.0, 3.0), ylim=(-3.0, 3.0),
    )  # fmt: skip
    return Picture(
        as_png(figure),
        "Three valleys: where you start decides where you end",
        "Steepest descent from six starts. Each curve on the right is measured from the minimum "
        "that its run tends to; all are certified as local minima, none as global.",
    )


def _two_minima(load: Callable[..., Any]) -> Picture:
    land = load("two_minima", start=(2.0, 0.0))
    runs = {
        "gradient descent, step .01": _run(land, GradientDescent(step=0.01)),
        "heavy ball, step .01": _run(land, HeavyBall(step=0.01, momentum=0.9)),
        "BFGS": _run(land, "bfgs"),
    }
    minima = (np.array([1.0, 2.0]), np.array([-1.0, 0.0]))
    figure = draw_runs(land, runs, minima=minima, values=(0.0,), xlim=(-2.2, 2.4), ylim=(-1.4, 3.2))
    return Picture(
        as_png(figure),
        "Two minima, and no saddle between them",
        "The same start, the same step size: gradient descent rolls into one minimum, the heavy "
        "ball overshoots into the other.",
    )


@styled
def _line_searches(load: Callable[..., Any]) -> Picture:
    land = load("peaks", start=(-0.5, 1.3))
    figure, axes = new_figure(3.9, (1.0, 1.0), shown=False)
    left, right = axes
    rules = (Backtracking(sufficient_decrease=0.1), Wolfe(sufficient_decrease=0.1, curvature=0.3))
    for ax, rule, title in zip(axes, rules, ("Backtracking", "Wolfe")):
        plot_line_search(land, land.x0, step=rule, ax=ax, t_max=0.62, title=title, legend="none")
    right.set_ylabel("")
    seen: dict[str, Any] = {}
    for ax in (left, right):
        for handle, label in zip(*ax.get_legend_handles_labels()):
            seen.setdefault(label, handle)
    figure.legend(list(seen.values()), list(seen), loc="outside lower left", ncols=4)
    return Picture(
        as_png(figure),
        "Two line searches taken apart",
        "A cut of the landscape with three valleys, along the negative gradient from (-.5, 1.3). "
        "Backtracking takes the first step that lies below the dashed line, beyond the valley; the "
        "Wolfe search also asks that the slope has flattened, and settles on the valley's floor. "
        "Hollow: refused trials, in order. The green strip: steps that would do.",
    )


def _run(problem: Any, method: Any) -> Result:
    return minimize(problem, method, trace=True, engine="host", max_iterations=3000)


class Showpiece(NamedTuple):
    """A picture made by hand, and the problem that it is about."""

    problem: str
    draw: Callable[[Callable[..., Any]], Picture]


SHOWPIECES = {
    "zig-zag": Showpiece("zig_zag", _zig_zag),
    "narrow bowl": Showpiece("heavy_ball_bowl", _bowl),
    "curved valley": Showpiece("rosenbrock", _rosenbrock),
    "three valleys": Showpiece("peaks", _peaks),
    "two minima": Showpiece("two_minima", _two_minima),
    "line searches": Showpiece("peaks", _line_searches),
}
"""The head of the gallery."""


@styled
def picture_of_profile(counts: Mapping[str, Any], problems: str) -> Picture:
    """The performance profile of the tour."""
    figure, (ax,) = new_figure(4.6, shown=False)
    plot_profile(counts, ax, cost="gradient evaluations", limit=256.0)
    return Picture(
        as_png(figure),
        f"Performance profile on {problems}",
        "The height at τ is the share of problems that a method solves with at most τ times the "
        "gradients of the cheapest one (Dolan and Moré 2002). Unsolved within the tour's limits "
        "counts as infinitely dear.",
    )
