"""The simplex method on the tableau: rules, pivots, cycling, rationals, and what it shows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optlib as ol
from optlib import problems
from optlib.linear.range_form import BASIC
from optlib.linear.tableau.numbers import rational
from optlib.linear.tableau.rules import RULES
from optlib.problems.linear import beale_cycle, klee_minty

BOOKS = {entry.name: entry for entry in problems.catalog(tag="linear")}
SMALL = [name for name in BOOKS if name != "chebyshev_cosine"]
"""The programs that are small enough for rationals."""

each_rule = pytest.mark.parametrize("rule", RULES)
both = pytest.mark.parametrize("exact", [False, True], ids=["float", "exact"])

WOOD = ol.LinearProgram([-3.0, -2.0], A_ub=[[2.0, 1.0], [1.0, 3.0]], b_ub=[4.0, 6.0])
TWO_PHASES = ol.LinearProgram([5.0, 3.0, 8.0], A_eq=[[1.0, 1.0, 2.0]], b_eq=[4.0])


def solve(problem: ol.LinearProgram, **options: Any) -> Any:
    return ol.minimize(problem, "tableau", **options)


# ------------------------------------------------------------------ known answers


@each_rule
@pytest.mark.parametrize("name", SMALL)
def test_every_rule_finds_the_known_answers_of_the_books(name: str, rule: str) -> None:
    result, answer = solve(BOOKS[name].load(), rule=rule), BOOKS[name].known()
    assert result.success, result
    assert result.status is (answer.status or ol.Status.OPTIMAL)
    if answer.values:
        assert answer.error(result.fun) <= 1e-9


@pytest.mark.parametrize("name", SMALL)
def test_rationals_prove_the_books_answers_without_tolerance(name: str) -> None:
    problem, answer = BOOKS[name].load(), BOOKS[name].known()
    result = solve(problem, exact=True)
    assert result.success and result.exact, result.exact
    assert result.status is (answer.status or ol.Status.OPTIMAL)
    if answer.values:
        assert answer.error(float(result.exact.fun)) <= 1e-14 * max(1.0, abs(answer.values[0]))


KNOWN = {
    "diet": ("8/5", "2/5 6/5"),
    "mixed_game_program": ("5/2", "1/4 3/4 5/2"),
    "rock_paper_scissors": ("0", "1/3 1/3 1/3 0"),
    "beale_cycle": ("-1/20", "1/25 0 1 0"),
    "wasserstein": ("3/5", None),
    "least_absolute_line": ("50", None),
    "triangle": ("12", "0 4 0"),
}


@pytest.mark.parametrize("name", KNOWN)
def test_exact_answers_are_the_rationals_of_the_books(name: str) -> None:
    exact = solve(BOOKS[name].load(), exact=True).exact
    fun, x = KNOWN[name]
    assert exact.fun == Fraction(fun)
    if x is not None:
        assert exact.x == tuple(map(Fraction, x.split()))


def test_multipliers_are_rationals_too() -> None:
    exact = solve(BOOKS["diet"].load(), exact=True).exact
    assert exact.y == (Fraction(-1, 25), Fraction(-1, 10))


@given(st.integers(-999, 999), st.integers(1, 999))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_float_is_read_as_the_fraction_that_it_stands_for(p: int, q: int) -> None:
    assert rational(p / q) == Fraction(p, q)


# ------------------------------------------------------------------ how many pivots


@both
@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_dantzigs_rule_visits_every_corner_of_klee_and_mintys_cube(n: int, exact: bool) -> None:
    result = solve(klee_minty(n), exact=exact, trace=True)
    assert result.nit == 2**n - 1
    assert len(np.unique(result.trace.x, axis=0)) == 2**n
    assert (np.diff(result.trace.fun) < 0).all()


@pytest.mark.parametrize("rule", ["bland", "steepest_edge", "greatest_improvement"])
@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_other_rules_need_fewer_pivots_there(n: int, rule: str) -> None:
    result = solve(klee_minty(n), rule=rule)
    assert result.success and result.nit < 2**n - 1


def test_the_greatest_improvement_goes_straight_to_the_best_corner_of_the_cube() -> None:
    assert solve(klee_minty(6), rule="greatest_improvement").nit == 1


# ------------------------------------------------------------------ cycling


@both
def test_beales_program_returns_to_its_first_basis_after_six_pivots(exact: bool) -> None:
    result = solve(beale_cycle(), cycling="stop", exact=exact, trace=True)
    assert (result.status, result.success) == (ol.Status.STALLED, False)
    assert "the basis of tableau 0 came back after 6 pivots" in result.message
    assert result.nit == 6
    assert result.trace[0].basis == result.trace[6].basis
    if exact:
        assert (result.trace[0].body == result.trace[6].body).all()
    assert (result.trace.fun == 0.0).all()


@both
@each_rule
def test_every_rule_ends_on_beales_program(rule: str, exact: bool) -> None:
    result = solve(beale_cycle(), rule=rule, exact=exact)
    assert result.success and result.fun == pytest.approx(-0.05, abs=1e-15)


@pytest.mark.parametrize("rule", ["bland", "lexicographic"])
def test_blands_rule_and_the_lexicographic_one_need_no_help(rule: str) -> None:
    result = solve(beale_cycle(), rule=rule, cycling="stop", exact=True)
    assert result.success and "came back" not in result.message


def test_a_hand_over_is_told() -> None:
    assert "Bland's rule took over" in solve(beale_cycle()).message


@given(st.integers(0, 10**6))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_no_basis_repeats_under_the_lexicographic_rule(seed: int) -> None:
    """Cones: every corner sits at the origin, all ratios tie."""
    rng = np.random.default_rng(seed)
    A, c = rng.integers(-2, 3, (5, 5)), rng.integers(-3, 4, 5)
    cone = ol.LinearProgram(c, A_ub=A, b_ub=np.zeros(5), upper=1.0)
    result = solve(cone, rule="lexicographic", cycling="stop", exact=True, trace=True)
    assert result.success and result.exact
    bases = [tuple(sorted(step.basis)) for step in result.trace]
    assert len(set(bases)) == len(bases)


# ------------------------------------------------------------------ random programs


@st.composite
def programs(draw: st.DrawFn) -> ol.LinearProgram:
    """Small whole numbers: degenerate, redundant, often infeasible or unbounded."""
    n, m_eq, m_ub = draw(st.integers(1, 5)), draw(st.integers(0, 3)), draw(st.integers(0, 5))
    entry = st.integers(-2, 2)

    def matrix(m: int) -> np.ndarray:
        rows = draw(st.lists(st.lists(entry, min_size=n, max_size=n), min_size=m, max_size=m))
        return np.array(rows).reshape(m, n)

    def vector(m: int, low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=m, max_size=m))

    bounds = [(0, None), (None, None), (-1, None), (None, 2), (0, 3), (1, 1), (-2, 0)]
    chosen = draw(st.lists(st.sampled_from(bounds), min_size=n, max_size=n))
    lower, upper = ([end[k] for end in chosen] for k in (0, 1))
    return ol.LinearProgram(
        vector(n, -3, 3), matrix(m_eq), vector(m_eq, -2, 3), matrix(m_ub), vector(m_ub, -1, 5),
        lower, upper,
    )  # fmt: skip


@given(programs(), st.sampled_from(list(RULES)))
@settings(max_examples=250, deadline=None, derandomize=True)
def test_floats_rationals_and_highs_agree(problem: ol.LinearProgram, rule: str) -> None:
    reference = ol.minimize(problem, "highs")
    result, exact = solve(problem, rule=rule), solve(problem, rule=rule, exact=True)
    assert result.success and exact.success and exact.exact, (result, exact.exact)
    assert result.status is exact.status is reference.status
    proof = exact.certificate.verify(exact=True)
    assert proof, proof
    if result.status is ol.Status.OPTIMAL:
        assert result.fun == pytest.approx(reference.fun, rel=1e-9, abs=1e-9)
        assert float(exact.exact.fun) == pytest.approx(result.fun, rel=1e-12, abs=1e-12)
        assert (exact.exact.fun, exact.exact.x) == (proof.fun, proof.x)
        basics = np.sum(result.basis.columns == BASIC) + np.sum(result.basis.rows == BASIC)
        assert basics == problem.to_range_form().shape[0]


@given(programs())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_dual_has_minus_the_same_value_exactly(problem: ol.LinearProgram) -> None:
    primal = solve(problem, exact=True)
    if primal.status is not ol.Status.OPTIMAL or not problem.bounds_as_rows().problem.rows.b.size:
        return
    assert solve(problem.dual(), exact=True).exact.fun == -primal.exact.fun


# ------------------------------------------------------------------ what an exact proof says


def test_an_infeasible_program_has_a_rational_contradiction() -> None:
    problem = BOOKS["xor_separation"].load()
    y = np.array(solve(problem, exact=True).exact.ray)
    assert all(y <= 0) and not any(problem.A_ub.astype(int).T @ y)
    assert problem.b_ub.astype(int) @ y > 0


def test_an_unbounded_program_has_a_rational_direction() -> None:
    proof = solve(BOOKS["half_strip"].load(), exact=True).exact
    assert proof and proof.ray == (1, 1) and proof.x == (1, 0)


def test_a_run_cut_short_proves_nothing() -> None:
    result = solve(klee_minty(4), exact=True, max_iterations=3)
    assert result.status is ol.Status.ITERATION_LIMIT and not result.exact
    assert result.nit == 3


def test_decimals_that_do_not_add_up_in_binary_do_so_in_rationals() -> None:
    sums = ol.LinearProgram([1.0], A_eq=[[1.0], [1.0]], b_eq=[0.3, 0.1 + 0.2])
    tenths = ol.LinearProgram([1.0, 1.0], A_eq=[[0.1, 0.2], [0.3, 0.6]], b_eq=[0.3, 0.9])
    assert solve(sums).success
    result = solve(tenths, exact=True)
    assert result.exact and result.exact.fun == Fraction(3, 2)
    assert "eq1 follows from other rows" in result.message


# ------------------------------------------------------------------ the history


@both
@each_rule
def test_every_tableau_is_its_basis_applied_to_the_standard_form(rule: str, exact: bool) -> None:
    problem = BOOKS["mixed_game_program"].load()
    trace = solve(problem, rule=rule, exact=exact, trace=True).trace
    standard = problem.standard_form().problem
    for step in trace:
        if step.phase == 1:
            continue
        basis = [step.columns.index(name) for name in step.basis]
        B = standard.A_eq[:, basis]
        np.testing.assert_allclose(B @ step.body.astype(float), standard.A_eq, atol=1e-12)
        np.testing.assert_allclose(B @ step.right.astype(float), standard.b_eq, atol=1e-12)
        y = np.linalg.solve(B.T, standard.c[basis])
        reduced = standard.c - standard.A_eq.T @ y
        np.testing.assert_allclose(step.costs.astype(float), reduced, atol=1e-12)


@both
def test_the_trace_tells_the_pivots(exact: bool) -> None:
    result = solve(TWO_PHASES, exact=exact, trace=True)
    trace = result.trace
    assert [step.phase for step in trace] == [1, 1, 2, 2]
    assert len(trace) == result.nit + 2
    first, *_, last = trace
    assert (first.entering, first.leaving, first.pivot, first.ratios) == ("x2", "a0", 2, (2,))
    assert (first.infeasibility, trace[1].infeasibility) == (4, 0)
    assert (last.entering, last.note, last.cost) == (None, "optimal", 12)
    np.testing.assert_array_equal(trace.x, [[0, 0, 0], [0, 0, 2], [0, 0, 2], [0, 4, 0]])
    np.testing.assert_array_equal(trace.x[-1], result.x)
    assert trace.fun.tolist() == [0, 16, 16, 12]


@given(programs())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_in_phase_two_every_point_is_feasible_and_the_cost_does_not_rise(
    problem: ol.LinearProgram,
) -> None:
    result = solve(problem, trace=True)
    trace = result.trace
    second = trace.phase == 2
    for x in trace.x[second]:
        assert max(problem.rows.feasibility(problem, x).values()) <= 1e-9
    assert (np.diff(trace.fun[second]) <= 1e-9).all()
    np.testing.assert_allclose(trace.fun, trace.x @ problem.c + problem.offset, atol=1e-9)
    assert len(trace) == result.nit + len(set(trace.phase))
    np.testing.assert_allclose(trace.x[-1], result.x, atol=1e-9)


def test_no_trace_unless_asked_for_and_none_of_large_tableaux() -> None:
    assert solve(WOOD).trace is None
    large = ol.LinearProgram(-np.ones(100), A_ub=np.ones((110, 100)), b_ub=np.ones(110))
    result = solve(large, trace=True)
    assert result.success and not len(result.trace)
    assert "not kept" in result.message


def test_a_tableau_as_text() -> None:
    step = solve(WOOD, exact=True, trace=True).trace[1]
    assert str(step).splitlines() == [
        "Tableau 1, phase 2: x1 enters, s1 leaves, z falls by 4/5",
        "   | x0     x1    s0  s1 |  b | ratio",
        "---+---------------------+----+------",
        "x0 |  1    1/2   1/2   0 |  2 |     4",
        "s1 |  0  [5/2]  -1/2   1 |  4 |   8/5",
        "---+---------------------+----+------",
        " z |  0   -1/2   3/2   0 | -6 |",
    ]


def test_a_tableau_in_latex() -> None:
    step = solve(WOOD, exact=True, trace=True).trace[1]
    assert step.to_latex().splitlines() == [
        r"\begin{array}{r|rrrr|r|r}",
        r" & x_{0} & x_{1} & s_{0} & s_{1} & b & \text{ratio} \\ \hline",
        r"x_{0} & 1 & \tfrac{1}{2} & \tfrac{1}{2} & 0 & 2 & 4 \\",
        r"s_{1} & 0 & \boxed{\tfrac{5}{2}} & -\tfrac{1}{2} & 1 & 4 & \tfrac{8}{5} \\ \hline",
        r"z & 0 & -\tfrac{1}{2} & \tfrac{3}{2} & 0 & -6 &  \\",
        r"\end{array}",
    ]


def test_the_history_says_what_its_variables_stand_for() -> None:
    problem = ol.LinearProgram(
        [1.0, 2.0, 3.0, 4.0], A_ub=[[-1.0, -1.0, 1.0, -1.0]], b_ub=[0.0],
        lower=[-0.5, None, None, 0.0], upper=[None, 7.0, None, None],
    )  # fmt: skip
    trace = solve(problem, exact=True, trace=True).trace
    assert trace.meanings == ("x0 = x0' - 1/2", "x1 = 7 - x1'", "x2 = x2+ - x2-")
    assert str(trace).startswith("With x0 = x0' - 1/2, x1 = 7 - x1', x2 = x2+ - x2-:\n\n")
    assert solve(WOOD, trace=True).trace.meanings == ()


def test_names_survive_every_rendering() -> None:
    problem = ol.LinearProgram(
        [-1e9, 1.0, 1.0], A_ub=[[1.0, 2.0, 1.0]], b_ub=[9.0], lower=[1.0, None, None],
        upper=[3.0, None, 5.0], names=["oak_&_ash", "y7", "z"],
    )  # fmt: skip
    trace = solve(problem, trace=True).trace
    assert trace[0].columns == ("oak_&_ash'", "y7+", "z'", "y7-", "s0", "t0")
    latex, html = trace.to_latex(), trace._repr_html_()
    assert r"\text{oak\_\&\_ash'}" in latex and r"y_{7}^{+}" in latex and r"z^{\prime}" in latex
    assert r"-1 \cdot 10^{9}" in latex
    assert "oak_&amp;_ash" in html and "<i>y</i><sub>7</sub><sup>+</sup>" in html
    assert html.count("<table") == len(trace) and "background" in html
    assert str(trace).count("Tableau") == len(trace) and repr(trace).startswith("History(")
    for step in trace:
        body = step.to_latex().splitlines()[1:-1]
        assert len({line.count(" & ") for line in body}) == 1


def test_every_row_of_a_text_is_as_wide_as_its_rule() -> None:
    for step in solve(BOOKS["wasserstein"].load(), trace=True).trace:
        _, head, rule, *rows = str(step).splitlines()
        assert all(len(row) <= len(rule) for row in [head, *rows])


# ------------------------------------------------------------------ the request


def test_a_large_program_is_refused_with_what_can_do_it() -> None:
    large = ol.LinearProgram(np.ones(1001), A_eq=np.ones((1000, 1001)), b_eq=np.ones(1000))
    with pytest.raises(ol.NotSupportedError, match=r"1,001,000 entries.*1,000,000.*simplex.*highs"):
        solve(large)
    small = ol.LinearProgram(np.ones(201), A_eq=np.ones((100, 201)), b_eq=np.ones(100))
    assert solve(small).success
    with pytest.raises(ol.NotSupportedError, match=r"20,100 entries.*20,000 rational"):
        solve(small, exact=True)


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match=r"rule.*'dantsig'.*'dantzig'"):
        solve(WOOD, rule="dantsig")
    with pytest.raises(ValueError, match=r"cycling.*bland, stop"):
        solve(WOOD, cycling="never")
    with pytest.raises(ValueError, match=r"stop.*max_iterations"):
        solve(WOOD, stop=ol.MaxIterations(3))


def test_a_callback_sees_every_pivot_and_may_stop() -> None:
    seen: list[ol.ProgressInfo] = []
    result = solve(klee_minty(4), callback=seen.append, trace=True)
    assert [info.nit for info in seen] == list(range(1, 16))
    np.testing.assert_array_equal([info.fun for info in seen], result.trace.fun[1:])
    np.testing.assert_array_equal([info.x for info in seen], result.trace.x[1:])
    stopped = solve(klee_minty(4), callback=lambda info: info.nit == 5)
    assert (stopped.status, stopped.nit) == (ol.Status.INTERRUPTED, 5)


def test_a_program_without_rows() -> None:
    corner = ol.LinearProgram([1.0, -1.0], lower=[2.0, None], upper=[None, 3.0], offset=5.0)
    result = solve(corner, exact=True, trace=True)
    assert result.success and result.exact.fun == 4 and result.exact.x == (2, 3)
    assert str(result.trace) and result.trace.to_latex() and result.trace._repr_html_()
    assert solve(ol.LinearProgram([-1.0])).status is ol.Status.UNBOUNDED
