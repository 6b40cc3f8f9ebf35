"""Pictures of linear programs show the feasible set, the least cost and the path."""

from __future__ import annotations

from itertools import pairwise

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import optlib as ol
from optlib.plotting import plot_linear_program
from optlib.plotting.polytope import around, polytope, slice_of
from optlib.problems.linear import half_strip, klee_minty, triangle

matplotlib.use("Agg")

WOOD = ol.LinearProgram([-3.0, -2.0], A_ub=[[2.0, 1.0], [1.0, 3.0]], b_ub=[4.0, 6.0])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def _solve(problem, **options):
    return ol.minimize(problem, "tableau", trace=True, **options)


def _solid(problem):
    return polytope(problem, np.zeros((0, problem.n)), [None] * problem.n)


def _line(figure, gid):
    found = [line for line in figure.axes[0].lines if line.get_gid() == gid]
    assert found, f"no line {gid}"
    if hasattr(found[0], "get_data_3d"):
        return np.array(found[0].get_data_3d()).T
    return np.asarray(found[0].get_xydata(), dtype=float)


def _legend(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


# ------------------------------------------------------------------ geometry


def test_corners_of_a_polygon():
    expected = [[0, 0], [0, 2], [1.2, 1.6], [2, 0]]
    np.testing.assert_allclose(_solid(WOOD).corners, expected, atol=1e-12)


def test_a_cube_has_eight_corners_and_six_squares():
    cube = _solid(ol.LinearProgram(np.ones(3), upper=1.0))
    assert len(cube.corners) == 8
    for k in range(6):
        face = cube.on(k)
        sides = [np.linalg.norm(b - a) for a, b in pairwise([*face, face[0]])]
        assert sides == pytest.approx([1.0] * 4)


@pytest.mark.parametrize("n", [2, 3])
def test_the_corners_hold_the_optimum_of_every_cost(n):
    rng = np.random.default_rng(n)
    A, b = rng.integers(-3, 5, (6, n)), rng.integers(1, 9, 6)
    for _ in range(5):
        problem = ol.LinearProgram(rng.integers(-4, 5, n), A_ub=A, b_ub=b, upper=4.0)
        solid = _solid(problem)
        assert (solid.corners @ problem.c).min() == pytest.approx(_solve(problem).fun)
        assert not solid.open.any()


def test_an_open_set_runs_through_the_window():
    solid = _solid(half_strip())
    assert solid.open.tolist() == [False, False, True, True]


def test_points_around_a_polygon_turn_one_way():
    points = around(np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]))
    edges = np.diff(np.vstack([points, points[:2]]), axis=0)
    turns = edges[:-1, 0] * edges[1:, 1] - edges[:-1, 1] * edges[1:, 0]
    assert (turns > 0).all() or (turns < 0).all()


def test_a_slice_has_its_level():
    square = around(np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]))
    c = np.array([2.0, 1.0])
    for level in (0.5, 1.0, 2.0, 2.9):
        cut = slice_of(square, c, level)
        assert cut.shape == (2, 2) and cut @ c == pytest.approx([level, level])
    assert not slice_of(square, c, 3.5).size


# ------------------------------------------------------------------ pictures


def test_the_path_and_the_least_cost_are_drawn():
    result = _solve(WOOD)
    figure = result.plot()
    np.testing.assert_array_equal(_line(figure, "path:tableau"), result.trace.x)
    np.testing.assert_allclose(_line(figure, "optimal"), [result.x], atol=1e-9)
    (patch,) = [p for p in figure.axes[0].patches if p.get_gid() == "feasible"]
    np.testing.assert_allclose(patch.get_xy()[:-1], around(_solid(WOOD).corners), atol=1e-9)
    assert "least cost \N{MINUS SIGN}6.8" in _legend(figure)
    ax = figure.axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x_{0}$", "$x_{1}$")
    assert ax.get_aspect() == 1.0 and ax.get_title(loc="left") == "tableau: optimal, 2 steps"


def test_level_lines_have_one_cost_each():
    figure = _solve(WOOD).plot()
    levels = [line.get_xydata() for line in figure.axes[0].lines if line.get_gid() == "level"]
    assert len(levels) > 3
    for chord in levels:
        first, second = chord @ WOOD.c
        assert first == pytest.approx(second)


def test_the_cube_is_drawn_with_its_eight_corners_on_the_path():
    result = _solve(klee_minty(3))
    figure = result.plot()
    path = _line(figure, "path:tableau")
    assert len(path) == 8 and len(_solid(klee_minty(3)).corners) == 8
    np.testing.assert_array_equal(path, result.trace.x)
    (levels,) = [c for c in figure.axes[0].collections if c.get_gid() == "levels"]
    assert levels is not None and figure.axes[0].name == "3d"


def test_an_equation_is_a_face_and_a_repeated_point_is_drawn_once():
    figure = _solve(triangle()).plot()
    np.testing.assert_array_equal(_line(figure, "path:tableau"), [[0, 0, 0], [0, 0, 2], [0, 4, 0]])


def test_all_points_of_least_cost_are_marked():
    flat = ol.LinearProgram([-1.0, -1.0], A_ub=[[1.0, 1.0]], b_ub=[4.0], upper=3.0)
    edge = _line(_solve(flat).plot(), "optimal")
    np.testing.assert_allclose(np.sort(edge, axis=0), [[1, 1], [3, 3]], atol=1e-9)


def test_an_unbounded_program_shows_where_the_cost_falls():
    figure = _solve(half_strip()).plot()
    gids = [line.get_gid() for line in figure.axes[0].lines]
    arrows = [text for text in figure.axes[0].texts if text.get_gid() == "ray:tableau"]
    assert "optimal" not in gids and len(arrows) == 1
    there, here = np.array(arrows[0].xy), np.array(arrows[0].get_position())
    assert (there - here)[0] == pytest.approx((there - here)[1]) and (there > here).all()


def test_an_infeasible_program_shows_its_contradiction():
    problem = ol.LinearProgram([1.0, 1.0], A_ub=[[1.0, 1.0], [-1.0, -2.0]], b_ub=[1.0, -4.0])
    figure = _solve(problem).plot()
    assert not figure.axes[0].patches and "feasible set" not in _legend(figure)
    rows = [text.get_text() for text in figure.axes[0].texts if "q" in text.get_text()]
    assert rows == [r"$x_{0} + x_{1} \leq 1$", r"$x_{0} + 2\,x_{1} \geq 4$"]


def test_without_a_trace_the_end_is_shown_and_rules_can_be_compared():
    figure = ol.minimize(WOOD, "highs").plot()
    assert len(_line(figure, "path:highs")) == 1
    both = plot_linear_program(WOOD, {r: _solve(WOOD, rule=r) for r in ("dantzig", "bland")})
    assert {"dantzig", "bland"} <= set(_legend(both))


def test_nothing_is_cut_off():
    for problem in (WOOD, klee_minty(3), half_strip()):
        figure = _solve(problem).plot()
        figure.canvas.draw()
        page = figure.bbox
        ax = figure.axes[0]
        parts = [ax.xaxis.label, ax.yaxis.label, ax.get_legend()]
        for part in parts:
            box = part.get_window_extent()
            assert page.x0 <= box.x0 and box.x1 <= page.x1
            assert page.y0 <= box.y0 and box.y1 <= page.y1


def test_names_of_any_kind_are_drawn():
    odd = ol.LinearProgram(WOOD.c, None, None, WOOD.A_ub, WOOD.b_ub, names=["$ 5_%&{", "a^b\\c"])
    figure = _solve(odd).plot()
    figure.canvas.draw()
    assert "5" in figure.axes[0].get_xlabel()


def test_the_relaxation_of_an_integer_program_is_called_so():
    whole = ol.LinearProgram(WOOD.c, None, None, WOOD.A_ub, WOOD.b_ub, integer=True)
    figure = ol.minimize(whole, "highs").plot()
    assert any("without whole numbers" in words for words in _legend(figure))


def test_errors_say_what_was_needed():
    with pytest.raises(ValueError, match="found 4 variables, needed two or three"):
        _solve(klee_minty(4)).plot()
    with pytest.raises(ValueError, match=r"kind.*'path'"):
        _solve(WOOD).plot(kind="convergence")
    with pytest.raises(ValueError, match="ax: found a rectilinear one"):
        _solve(klee_minty(3)).plot(ax=plt.figure().subplots())
    many = ol.LinearProgram([1.0, 1.0], A_ub=np.ones((1000, 2)), b_ub=np.arange(1000.0))
    with pytest.raises(ValueError, match="1002 constraints"):
        plot_linear_program(many)
