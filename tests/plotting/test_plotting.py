"""Pictures show what was computed: paths, gaps, rates, trials and profiles."""

from __future__ import annotations

import subprocess
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import optlib as ol
from optlib.plotting import (
    known_rate,
    performance_profile,
    plot_convergence,
    plot_line_search,
    plot_paths,
    plot_profile,
)
from optlib.plotting.landscape import grid, objective_values, variable_names, window

matplotlib.use("Agg")

B = 0.1


def _bowl(x, b):
    return 0.5 * (x[0] ** 2 + b * x[1] ** 2)


def _quartic(x):
    return x**4 - 3 * x**2 + x


BOWL = ol.Smooth(_bowl, [B, 1.0], args=(B,))


@pytest.fixture(scope="module")
def steepest():
    return ol.minimize(BOWL, "gradient_descent", step="exact", trace=True, engine="host")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def _line(figure, gid):
    found = [line for ax in figure.axes for line in ax.lines if line.get_gid() == gid]
    assert found, f"no line {gid}"
    return np.asarray(found[0].get_xydata(), dtype=float)


def _labels(figure):
    return [(ax.get_xlabel(), ax.get_ylabel()) for ax in figure.axes]


def test_importing_optlib_or_its_plotting_does_not_import_matplotlib():
    code = "import sys, optlib, optlib.plotting; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_matplotlib_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "optlib\[plot\]"'):
        plot_profile({"a": [1.0]})


def test_path_is_the_trace(steepest):
    figure = steepest.plot()
    assert np.array_equal(_line(figure, "path:gradient descent"), steepest.trace.x)
    assert np.array_equal(_line(figure, "start")[0], [B, 1.0])
    assert all(x and y for x, y in _labels(figure))
    assert figure.axes[0].get_aspect() == 1.0


def test_path_of_a_pytree_has_its_keys_on_the_axes():
    problem = ol.Smooth(lambda x: x["a"] ** 2 + 2 * x["b"] ** 2, {"a": 1.0, "b": 2.0})
    result = ol.minimize(problem, "bfgs", trace=True, engine="host")
    figure = plot_paths(problem, result)
    expected = np.stack([result.trace.x["a"], result.trace.x["b"]], axis=1)
    assert np.array_equal(_line(figure, "path:BFGS"), expected)
    assert _labels(figure)[0] == ("a", "b")


def test_grid_holds_the_objective():
    data = grid(BOWL, window([np.array([[-1.0, -1.0], [1.0, 1.0]])], np.zeros(2)), 11)
    i, j = 3, 8
    assert data.values[i, j] == pytest.approx(_bowl([data.x[j], data.y[i]], B), abs=1e-15)


def test_objective_of_numpy_code_and_of_a_composite():
    loop = ol.Smooth(
        lambda x: float(np.sum(np.asarray(x) ** 2)), [1.0, 2.0], grad=lambda x: 2 * np.asarray(x)
    )
    points = np.array([[1.0, 2.0], [0.0, 3.0]])
    assert objective_values(loop, points).tolist() == [5.0, 9.0]
    lasso = ol.Composite(lambda x: (x - 2.0) ** 2, 0.0, ol.L1(0.5))
    assert objective_values(lasso, np.array([[-1.0]]))[0] == pytest.approx(9.5)


def test_variables_of_arrays_are_numbered():
    problem = ol.Smooth(lambda x: np.sum(x["w"]), {"w": np.zeros((1, 2)), "c": 0.0})
    assert variable_names(problem) == ["c", "w[1,1]", "w[1,2]"]


def test_far_excursions_do_not_set_the_window():
    path = np.array([[1.0, 0.0], [900.0, 5.0], [0.0, 0.0]])
    view = window([path], path[-1])
    assert view.xlim[0] <= 0.0 and 1.0 <= view.xlim[1] < 10.0


def test_without_a_trace_the_end_is_shown_in_its_surroundings():
    figure = ol.minimize(BOWL, "bfgs", engine="host").plot()
    (left, right), (low, high) = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    assert left < -0.5 and right > 0.5 and low < -0.5 and high > 0.5
    assert len(figure.axes) == 1


def test_one_variable_is_drawn_on_its_curve():
    problem = ol.Smooth(_quartic, 2.0)
    result = ol.minimize(problem, "newton", trace=True, engine="host")
    drawn = _line(result.plot(kind="path"), "path:Newton")
    assert np.array_equal(drawn[:, 0], result.trace.x)
    assert drawn[:, 1] == pytest.approx(result.trace.fun)


def test_gap_is_measured_from_the_optimum_and_the_rate_is_its_slope(steepest):
    rate = ((1 - B) / (1 + B)) ** 2
    figure = plot_convergence(steepest, optimum=0.0, rate=rate)
    gap, theory = _line(figure, "gap:gradient descent"), _line(figure, "rate")
    assert np.array_equal(gap[:, 1], steepest.trace.fun)
    assert np.diff(np.log(theory[:, 1])) == pytest.approx(np.log(rate))
    assert theory[0, 1] == steepest.trace.fun[0]
    assert np.log(gap[:30, 1]) == pytest.approx(np.log(theory[:30, 1]), rel=1e-6)
    assert figure.axes[0].get_yscale() == "log"
    assert all(_labels(figure)[0])


def test_known_rates_are_the_measured_ones(steepest):
    assert known_rate(steepest) == pytest.approx(((1 - B) / (1 + B)) ** 2)
    fixed = ol.minimize(BOWL, "gradient_descent", step=0.5, trace=True, engine="host")
    f = fixed.trace.fun
    assert known_rate(fixed) == pytest.approx(f[80] / f[79], rel=1e-6)
    ball = ol.minimize(BOWL, "heavy_ball", engine="host")
    assert known_rate(ball) == pytest.approx(((1 - B**0.5) / (1 + B**0.5)) ** 2, rel=1e-4)
    assert known_rate(ol.minimize(BOWL, "bfgs", engine="host")) is None


def test_convergence_against_evaluations(steepest):
    newton = ol.minimize(BOWL, "newton", trace=True, engine="host")
    figure = plot_convergence([steepest, newton], optimum=0.0, against="evaluations")
    gap = _line(figure, "gap:gradient descent")
    assert np.array_equal(gap[:, 0], steepest.trace.nfev)
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ["gradient descent", "Newton"]


def test_line_search_shows_the_cut_the_line_and_the_accepted_step():
    rule = ol.Backtracking(initial=8.0, sufficient_decrease=0.3)
    figure = plot_line_search(BOWL, [1.0, 1.0], step=rule)
    cut, armijo = _line(figure, "cut"), _line(figure, "armijo")
    x, g = np.array([1.0, 1.0]), np.array([1.0, B])
    values = [_bowl(x - t * g, B) for t in cut[:, 0]]
    assert cut[:, 1] == pytest.approx(values)
    slope = (armijo[-1, 1] - armijo[0, 1]) / armijo[-1, 0]
    assert slope == pytest.approx(-0.3 * (g @ g))
    accepted = _line(figure, "accepted")[0]
    step = next(
        t for t in (8.0, 4.0, 2.0, 1.0) if _bowl(x - t * g, B) <= values[0] - 0.3 * t * (g @ g)
    )
    assert accepted == pytest.approx([step, _bowl(x - step * g, B)])


def test_line_search_wolfe_accepts_a_step_in_the_strip():
    figure = plot_line_search(BOWL, [1.0, 1.0], step=ol.Wolfe(curvature=0.1))
    (strip,) = figure.axes[0].collections
    low, high = strip.get_paths()[0].get_extents().intervalx
    assert low <= _line(figure, "accepted")[0, 0] <= high


def test_line_search_refuses_a_direction_that_does_not_ascend():
    with pytest.raises(ValueError, match="found slope 1"):
        plot_line_search(BOWL, [1.0, 0.0], [-1.0, 0.0])
    with pytest.raises(ValueError, match="rule that searches"):
        plot_line_search(BOWL, [1.0, 0.0], step=0.1)


def test_profile_by_hand():
    # ratios a: 1, 2, inf; b: 2, 1, 1; the third problem is solved by b alone
    profile = performance_profile({"a": [1, 4, np.inf], "b": [2, 2, 7]})
    assert profile["a"][0].tolist() == [1, 2]
    assert profile["a"][1] == pytest.approx([1 / 3, 2 / 3])
    assert profile["b"][0].tolist() == [1, 2]
    assert profile["b"][1] == pytest.approx([2 / 3, 1])
    drawn = _line(plot_profile({"a": [1, 4, np.inf], "b": [2, 2, 7]}), "profile:a")
    assert drawn[:, 1] == pytest.approx([1 / 3, 2 / 3, 2 / 3])


def test_profile_starts_at_zero_for_a_method_that_is_never_best():
    profile = performance_profile({"fast": [1.0, 1.0], "slow": [3.0, np.nan]})
    assert profile["slow"][0].tolist() == [1, 3]
    assert profile["slow"][1].tolist() == [0, 0.5]


def test_errors_say_what_was_needed(steepest):
    many = ol.Smooth(lambda x: x @ x, np.ones(3))
    result = ol.minimize(many, "bfgs", engine="host")
    with pytest.raises(ValueError, match="trace=True"):
        result.plot()
    with pytest.raises(ValueError, match="one or two"):
        plot_paths(many, result)
    with pytest.raises(ValueError, match="kind"):
        steepest.plot(kind="surface")
    with pytest.raises(ValueError, match="needed a factor"):
        plot_convergence(steepest, rate=1.5)


def test_drawing_leaves_the_users_settings_alone(steepest):
    before = dict(matplotlib.rcParams)
    ax = plt.figure().subplots()
    assert plot_convergence(steepest, ax) is ax.figure
    assert dict(matplotlib.rcParams) == before
