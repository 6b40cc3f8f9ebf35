"""Ranging: inside an interval the basis stays optimal, just outside it does not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import optlib as ol
from optlib import problems

BLOCKS = ("c", "A_eq", "b_eq", "A_ub", "b_ub", "lower", "upper")


def random_program(seed: int) -> ol.LinearProgram:
    """Feasible and bounded, without ties: its optimal vertex is not degenerate."""
    rng = np.random.default_rng(seed)
    n, x = 8, rng.random(8)
    A_ub, A_eq = rng.standard_normal((5, n)), rng.standard_normal((2, n))
    return ol.LinearProgram(
        rng.standard_normal(n) + 0.5, A_eq, A_eq @ x, A_ub, A_ub @ x + rng.random(5),
        upper=1.0 + 3.0 * rng.random(n),
    )  # fmt: skip


def moved(problem: ol.LinearProgram, name: str, index: int, value: float) -> ol.Result:
    data = {key: getattr(problem, key) for key in BLOCKS}
    data[name] = np.where(np.arange(data[name].size) == index, value, data[name])
    return ol.minimize(ol.LinearProgram(**data))


def inside_and_outside(value: float, ends: np.ndarray) -> list[tuple[float, bool]]:
    """Values just inside and just outside the ends of an interval."""
    out: list[tuple[float, bool]] = []
    for end, sign in zip(ends, (-1.0, 1.0)):
        far = 1e3 if np.isinf(end) else abs(end - value)
        out.append((value + sign * far * (1 - 1e-6), True))
        if np.isfinite(end):
            out.append((value + sign * (far * (1 + 1e-4) + 1e-6), False))
    return out


@pytest.mark.parametrize("seed", range(6))
def test_a_cost_may_move_within_its_interval_and_x_stays(seed: int) -> None:
    problem = random_program(seed)
    result = ol.minimize(problem)
    ranges = result.sensitivity()
    assert ranges.unique_x and ranges.unique_dual
    for j in range(problem.n):
        for value, same in inside_and_outside(problem.c[j], ranges.cost[j]):
            x = moved(problem, "c", j, value).x
            assert np.allclose(x, result.x, atol=1e-9) is same, (j, value)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("name", "part"), [("b_eq", "eq"), ("b_ub", "ub")])
def test_a_right_side_may_move_within_its_interval_and_its_price_stays(
    seed: int, name: str, part: str
) -> None:
    problem = random_program(seed)
    result = ol.minimize(problem)
    ranges, prices = getattr(result.sensitivity(), part), getattr(result.dual, part)
    for i, (value, ends) in enumerate(zip(getattr(problem, name), ranges)):
        assert ends[0] <= value <= ends[1]
        for tried, same in inside_and_outside(value, ends):
            there = moved(problem, name, i, tried)
            if there.status is not ol.Status.OPTIMAL:
                assert not same
                continue
            price = getattr(there.dual, part)[i]
            assert bool(np.isclose(price, prices[i], atol=1e-9)) is same, (i, tried)
            if same:
                cost = result.fun + prices[i] * (tried - value)
                assert there.fun == pytest.approx(cost, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["lower", "upper"])
def test_a_bound_may_move_within_its_interval_and_its_price_stays(seed: int, name: str) -> None:
    problem = random_program(seed)
    result = ol.minimize(problem)
    ranges, prices = getattr(result.sensitivity(), name), getattr(result.dual, name)
    for j in np.flatnonzero(prices):
        value = getattr(problem, name)[j]
        for tried, same in inside_and_outside(value, ranges[j]):
            if same and problem.lower[j] <= problem.upper[j]:
                there = moved(problem, name, j, tried)
                cost = result.fun + prices[j] * (tried - value)
                assert there.fun == pytest.approx(cost, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_the_intervals_are_those_of_highs(seed: int, tmp_path: Path) -> None:
    highspy: Any = pytest.importorskip("highspy")
    problem = random_program(seed)
    result = ol.minimize(problem)
    ranges = result.sensitivity()
    problem.to_mps(tmp_path / "program.mps")
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.readModel(str(tmp_path / "program.mps"))
    solver.run()
    _, theirs = solver.getRanging()

    def column(record: Any) -> np.ndarray:
        return np.clip(record.value_, -1e20, 1e20)

    n, cost = problem.n, np.clip(ranges.cost, -1e20, 1e20)
    np.testing.assert_allclose(cost[:, 0], column(theirs.col_cost_dn)[:n], rtol=1e-7)
    np.testing.assert_allclose(cost[:, 1], column(theirs.col_cost_up)[:n], rtol=1e-7)
    rows = np.clip(np.vstack([ranges.eq, ranges.ub]), -1e20, 1e20)
    active = np.concatenate([result.dual.eq, result.dual.ub]) != 0.0
    m = active.size
    np.testing.assert_allclose(rows[active, 0], column(theirs.row_bound_dn)[-m:][active], rtol=1e-7)
    np.testing.assert_allclose(rows[active, 1], column(theirs.row_bound_up)[-m:][active], rtol=1e-7)


def test_the_triangle() -> None:
    ranges = ol.minimize(problems.load("triangle")).sensitivity()
    np.testing.assert_array_equal(ranges.cost, [[3, np.inf], [-np.inf, 4], [6, np.inf]])
    np.testing.assert_array_equal(ranges.eq, [[0, np.inf]])
    assert ranges.unique_x and ranges.unique_dual
    assert "c[x1] = 3" in repr(ranges) and "(-inf, 4]" in repr(ranges)


def test_degenerate_answers_are_flagged() -> None:
    ties = ol.minimize(problems.load("triangle", cost=(3.0, 3.0, 6.0))).sensitivity()
    assert not ties.unique_x and "other points may be optimal" in repr(ties)
    kink = ol.LinearProgram([-1.0, -1.0], A_ub=[[1, 0], [0, 1], [1, 1]], b_ub=[1, 1, 2])
    flat = ol.minimize(kink).sensitivity()
    assert not flat.unique_dual and "other multipliers may be optimal" in repr(flat)


def test_a_range_row_is_reported_at_both_ends() -> None:
    rows, ends = [[1.0, 1.0], [-1.0, -1.0]], [4.0, -1.0]
    problem = ol.LinearProgram([1.0, 2.0], A_ub=rows, b_ub=ends, upper=3.0)
    ranges = ol.minimize(problem).sensitivity()
    # 1 <= x_0 + x_1 <= 4 with the lower end active at x = (1, 0)
    np.testing.assert_array_equal(ranges.ub, [[1.0, np.inf], [-3.0, 0.0]])


def test_no_ranging_without_a_vertex_or_with_whole_numbers() -> None:
    whole = ol.LinearProgram([-1.0], A_ub=[[1.0]], b_ub=[2.0], integer=True)
    with pytest.raises(ValueError, match="integer"):
        ol.minimize(whole).sensitivity()
    infeasible = ol.minimize(problems.load("xor_separation"))
    with pytest.raises(AttributeError, match="sensitivity"):
        infeasible.sensitivity()


def test_names_are_used() -> None:
    text = "NAME\nROWS\n N cost\n E weight\nCOLUMNS\n oak cost 5 weight 1\n ash cost 3 weight 1\n"
    problem = ol.LinearProgram.from_mps(io.StringIO(text + "RHS\n R weight 4\nENDATA\n"))
    shown = repr(ol.minimize(problem).sensitivity())
    assert "c[ash]" in shown and "b_eq[weight]" in shown
