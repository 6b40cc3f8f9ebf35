"""The command line, and how the tour judges."""

from __future__ import annotations

import re

import numpy as np
import pytest
from typer.testing import CliRunner

import optlib as ol
from optlib.cli import app
from optlib.core.status import Status
from optlib.problems import Answer, catalog, load
from optlib.tour import Row, Stop, Tour, is_strict_minimum, selected, verdict


def _run(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery")
    result = _run("tour", "--only", "zig_zag", "--output", str(folder))
    return result, folder


def test_tour_prints_a_table_and_passes(tour):
    result, _ = tour
    assert result.exit_code == 0, result.output
    assert "bfgs *" in result.output
    assert "gradient_descent" in result.output
    assert re.search(r"1 problems, \d+ runs in", result.output)
    assert "0 wrong" in result.output


def test_gallery_needs_nothing_from_elsewhere(tour):
    _, folder = tour
    page = (folder / "gallery.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r"(src|href)=['\"]https?:", page)
    assert "Steepest descent zig-zags" in page


def test_quick_tour_draws_nothing(tmp_path):
    result = _run("tour", "--only", "newton_quadratic", "--quick", "--output", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "data:image" not in (tmp_path / "gallery.html").read_text(encoding="utf-8")


def test_tour_of_nothing_is_an_error(tmp_path):
    result = _run("tour", "--only", "no_such_problem", "--output", str(tmp_path))
    assert result.exit_code == 2
    assert "no_such_problem" in result.output


def test_problems_lists_by_tag():
    result = _run("problems", "--tag", "composite")
    assert result.exit_code == 0
    assert "lasso" in result.output and "rosenbrock" not in result.output
    assert _run("problems", "--tag", "nonsense").exit_code == 2


def test_problems_without_a_minimum_say_so():
    result = _run("problems", "--tag", "infeasible")
    assert "xor_separation" in result.output and "infeasible" in result.output
    solved = _run("solve", "half_strip")
    assert solved.exit_code == 0 and "known: UNBOUNDED" in solved.output


def test_methods_of_a_class():
    result = _run("methods", "LeastSquares")
    assert result.exit_code == 0
    assert "lsqr" in result.output and "FlatProblem" not in result.output
    wrong = _run("methods", "Foo")
    assert wrong.exit_code == 2 and "Smooth" in wrong.output


def test_solve_prints_the_answer_and_its_proof(tmp_path):
    picture = tmp_path / "run.png"
    result = _run("solve", "newton_quadratic", "--method", "newton", "--plot", str(picture))
    assert result.exit_code == 0, result.output
    assert "-0.6818181818" in result.output
    assert "holds at tol" in result.output
    assert picture.stat().st_size > 1000


def test_solve_says_when_it_failed():
    result = _run("solve", "slow_escape", "--method", "gradient_descent", "--max-seconds", "0.2")
    assert result.exit_code == 1
    assert "no success" in result.output and "not attained" in result.output


@pytest.mark.parametrize("name", ["b.qps.gz", "c.dat-s", "d.max", "e.min", "f.nfg"])
def test_solve_of_a_file_says_that_the_reader_is_missing(name):
    result = _run("solve", name)
    assert result.exit_code == 2
    assert "cannot read" in result.output


def test_solve_of_a_linear_program_in_a_file(tmp_path):
    path = tmp_path / "triangle.mps.gz"
    load("triangle").to_mps(path)
    result = _run("solve", str(path))
    assert result.exit_code == 0, result.output
    assert "OPTIMAL" in result.output and "fun: 12" in result.output
    missing = _run("solve", str(tmp_path / "missing.mps"))
    assert missing.exit_code == 2 and "missing.mps" in missing.output


def test_solve_of_a_broken_file_names_the_line(tmp_path):
    path = tmp_path / "broken.mps"
    path.write_text("NAME\nROWS\n N cost\n X row\n")
    result = _run("solve", str(path))
    assert result.exit_code == 2 and "line 4" in result.output


def test_solve_of_an_unknown_name_or_method_suggests():
    assert "zig_zag" in _run("solve", "zigzag").output
    assert "newton" in _run("solve", "zig_zag", "--method", "newtn").output


def test_selection_by_name_part_pattern_and_chapter():
    assert [entry.name for entry in selected("rosenbrock_res")] == ["rosenbrock_residuals"]
    assert len(selected("mgh_*")) == 35
    assert {entry.chapter for entry in selected("A 1.4")} == {"A 1.4"}
    assert len(selected(None)) == len(catalog())


@pytest.mark.parametrize(
    ("answer", "status", "holds", "fun", "expected"),
    [
        (Answer(fun=1.0), Status.OPTIMAL, True, 1.0 + 1e-9, "ok"),
        (Answer(fun=1.0), Status.OPTIMAL, True, 1.1, "WRONG"),
        (Answer(fun=1.0), Status.STATIONARY, False, 1.0, "WRONG"),
        (Answer(fun=(1.0, 2.0)), Status.STATIONARY, True, 2.0, "ok"),
        (Answer(fun=0.0, attained=False), Status.STATIONARY, True, 0.0, "WRONG"),
        (Answer(fun=0.0, attained=False), Status.DIVERGED, False, 0.0, "honest"),
        (Answer(fun=1.0), Status.TIME_LIMIT, False, 1.0, "honest"),
        (Answer(), Status.STATIONARY, True, 7.0, "ok"),
        (Answer(status=Status.INFEASIBLE), Status.INFEASIBLE, True, 0.0, "ok"),
        (Answer(status=Status.INFEASIBLE), Status.STALLED, False, 0.0, "honest"),
        (Answer(status=Status.INFEASIBLE), Status.OPTIMAL, True, 0.0, "WRONG"),
        (Answer(status=Status.UNBOUNDED), Status.INFEASIBLE, True, 0.0, "WRONG"),
        (Answer(fun=1.0), Status.INFEASIBLE, True, 1.0, "WRONG"),
    ],
)
def test_verdicts(answer, status, holds, fun, expected):
    assert verdict(answer, status, holds, fun) == expected


def test_an_unlisted_minimum_is_told_from_a_point_that_is_none():
    quartic = ol.Smooth(lambda x: x**4 / 4 - x**2 / 2 + x / 10, 0.0)
    minimum, maximum = np.roots([1.0, 0.0, -1.0, 0.1]).real[[1, 2]]
    assert is_strict_minimum(quartic, minimum)
    assert not is_strict_minimum(quartic, maximum)
    assert not is_strict_minimum(quartic, minimum + 1e-3)


def _tour_of(verdict_of_best: str, other: str, attained: bool = True) -> Tour:
    nan = float("nan")
    rows = tuple(
        Row("p", name, "X", nan, nan, nan, 0, 0, 0, False, nan, nan, word, name == "best")
        for name, word in (("best", verdict_of_best), ("other", other))
    )
    return Tour([Stop("p", "t", "A 1", "A 1", "", "Smooth", 1, (), attained, rows)])


def test_tour_fails_on_a_wrong_claim_and_on_an_unsolved_problem():
    assert _tour_of("ok", "honest").passed
    assert not _tour_of("ok", "WRONG").passed
    assert not _tour_of("honest", "ok").passed
    assert _tour_of("honest", "honest", attained=False).passed


def test_bench_without_scripts_says_where_they_are(monkeypatch):
    monkeypatch.setattr("optlib.cli.BENCHMARK", "no_such_benchmark.py")
    result = _run("bench")
    assert result.exit_code == 2
    assert "source checkout" in result.output
