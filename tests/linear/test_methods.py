"""Every method for linear programs on every textbook program, by being registered."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import optlib as ol
from optlib import problems
from optlib.core.method import registered
from optlib.minimize import applicable
from optlib.problems import data

BOOKS = {entry.name: entry for entry in problems.catalog(tag="linear")}
METHODS = list(registered(ol.LinearProgram))
WHOLE = [method.name for method in applicable(ol.LinearProgram([1.0], integer=True))]
each_method = pytest.mark.parametrize("method", METHODS)
seeds = st.integers(0, 10**6)


@functools.cache
def solved(name: str, method: str) -> ol.Result:
    return ol.minimize(BOOKS[name].load(), method)


# ------------------------------------------------------------------ known answers


@each_method
@pytest.mark.parametrize("name", BOOKS)
def test_a_method_finds_the_known_answer_and_proves_it(name: str, method: str) -> None:
    result, answer = solved(name, method), BOOKS[name].known()
    assert result.success, result
    assert result.status is (answer.status or ol.Status.OPTIMAL)
    assert result.certificate.holds(1e-8)
    if answer.status is not None:
        return
    assert answer.error(result.fun) <= max(answer.tol, 1e-8), f"{result.fun}, {answer.values}"
    assert ol.certify(result.problem, result.x, result.dual).holds(1e-8)
    if answer.x is not None:
        size = max(1.0, np.abs(answer.x).max())
        np.testing.assert_allclose(result.x, answer.x, rtol=0, atol=1e-6 * size)
    for part, values in (answer.dual or {}).items():
        size = max(1.0, np.abs(values).max())
        np.testing.assert_allclose(getattr(result.dual, part), values, rtol=0, atol=1e-6 * size)


VARIANTS = {
    "triangle": [{"cost": c} for c in ((1.0, 2.0, 1.0), (4.0, 5.0, 6.0), (3.0, 3.0, 6.0))],
    "triangle_dual": [{"cost": (1.0, 2.0, 1.0)}],
    "klee_minty": [{"n": 3}, {"n": 8}],
    "matching_program": [{"case": "perfect"}],
    "four_labels": [{"labels": labels} for labels in ("-++-", "--++", "-+--", "++++")],
    "hulls_of_four_points": [{"labels": labels} for labels in ("-++-", "--++", "-+--")],
    "chebyshev_cosine": [{"degree": degree} for degree in (5, 7, 9, 10)],
    "wasserstein": [{"case": case} for case in ("step", "points", "inwards")],
    "wasserstein_dual": [{"case": case} for case in ("step", "points", "inwards")],
    "student_engagement": [{"discount": 0.9}],
}


@pytest.mark.parametrize(("name", "given_"), [(n, g) for n, gs in VARIANTS.items() for g in gs])
def test_the_variants_have_the_recorded_answers(name: str, given_: dict[str, Any]) -> None:
    answer = BOOKS[name].known(**given_)
    result = ol.minimize(BOOKS[name].load(**given_))
    assert result.success and result.status is (answer.status or ol.Status.OPTIMAL)
    if answer.values:
        assert answer.agrees(result.fun)
    if answer.x is not None:
        np.testing.assert_allclose(result.x, answer.x, rtol=1e-9, atol=1e-9)


def test_exactly_one_of_two_alternatives_is_feasible_for_every_labeling() -> None:
    """A theorem of the alternative: a separating line, or a point in both hulls (B 7.5.3)."""
    for k in range(1, 15):
        labels = "".join("+" if k >> i & 1 else "-" for i in range(4))
        found = [
            ol.minimize(BOOKS[name].load(labels=labels))
            for name in ("four_labels", "hulls_of_four_points")
        ]
        assert all(result.success for result in found)
        assert {result.status for result in found} == {ol.Status.OPTIMAL, ol.Status.INFEASIBLE}


def test_a_game_has_one_value_for_both_players() -> None:
    rng = np.random.default_rng(3)
    for shape in ((2, 3), (4, 4), (5, 2)):
        payoff = rng.standard_normal(shape)
        value = ol.minimize(problems.linear._row_player(payoff)).fun
        assert ol.minimize(problems.linear._row_player(-payoff.T)).fun == pytest.approx(-value)
        assert ol.minimize(problems.linear._row_player(2 * payoff + 3)).fun == pytest.approx(
            2 * value + 3
        )


# ------------------------------------------------------------------ random programs


def random_program(seed: int) -> ol.LinearProgram:
    """Small whole numbers: degenerate, redundant, often infeasible or unbounded."""
    rng = np.random.default_rng(seed)
    n, m_eq, m_ub = (int(rng.integers(low, high)) for low, high in ((1, 8), (0, 3), (0, 7)))
    A_eq, A_ub = (rng.integers(-2, 3, (m, n)) * rng.integers(0, 2, (m, n)) for m in (m_eq, m_ub))
    if m_eq == 2 and rng.random() < 0.3:
        A_eq[1] = A_eq[0]
    b_eq, b_ub = rng.integers(-2, 4, m_eq), rng.integers(-2, 6, m_ub)
    low = rng.choice([-np.inf, -1.0, 0.0, 0.0, 1.0], n)
    high = np.maximum(low, rng.choice([np.inf, np.inf, 1.0, 3.0], n))
    units = 10.0 ** rng.integers(-4, 5, n) if rng.random() < 0.2 else np.ones(n)
    c = rng.integers(-3, 4, n) / units
    return ol.LinearProgram(c, A_eq / units, b_eq, A_ub / units, b_ub, low * units, high * units)


@each_method
@given(seeds)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_random_program_gets_a_proof_and_the_value_of_highs(method: str, seed: int) -> None:
    problem = random_program(seed)
    found, reference = ol.minimize(problem, method), ol.minimize(problem, "highs")
    assert found.success and reference.success, (found, reference)
    if found.status is not reference.status:
        # both claims are proved, so the program has no point and a falling direction
        assert {found.status, reference.status} <= {ol.Status.INFEASIBLE, ol.Status.UNBOUNDED}
        pytest.fail(f"{found.status} and {reference.status} cannot both be true")
    if found.status is ol.Status.OPTIMAL:
        assert found.fun == pytest.approx(reference.fun, rel=1e-7, abs=1e-7)


# ------------------------------------------------------------------ the request


@each_method
def test_the_result_has_every_part(method: str) -> None:
    result = solved("mixed_game_program", method)
    assert result.method.name == method and result.seconds > 0
    assert "OPTIMAL (success)" in repr(result) and "holds" in repr(result)
    assert {"basis", "ray", "sensitivity"} <= set(dir(result))
    with pytest.raises(AttributeError, match=r"no 'flow'.*basis"):
        _ = result.flow
    assert solved("half_strip", method).ray is not None
    assert solved("xor_separation", method).ray is not None


@each_method
def test_an_unreachable_tolerance_is_no_success(method: str) -> None:
    result = ol.minimize(BOOKS["chebyshev_cosine"].load(degree=9), method, tol=1e-30)
    if not result.success:
        assert result.status is ol.Status.STALLED and "is" in result.message


@each_method
def test_no_time_is_no_success(method: str) -> None:
    result = ol.minimize(BOOKS["chebyshev_cosine"].load(degree=9), method, max_seconds=0.0)
    if not result.success:
        assert result.status is ol.Status.TIME_LIMIT


@each_method
def test_a_point_to_start_from_is_refused_and_a_result_is_not(method: str) -> None:
    problem = BOOKS["diet"].load()
    with pytest.raises(ValueError, match=r"x0.*start="):
        ol.minimize(problem, method, x0=[1.0, 1.0])
    earlier = ol.minimize(problem, method)
    assert ol.minimize(problem, method, start=earlier).fun == pytest.approx(earlier.fun)


@pytest.mark.parametrize("solver", ["dual_simplex", "interior_point", "auto"])
@pytest.mark.parametrize("presolve", [True, False])
def test_the_solvers_of_highs_agree(solver: str, presolve: bool) -> None:
    problem, answer = BOOKS["student_engagement"].load(), BOOKS["student_engagement"].known()
    result = ol.minimize(problem, "highs", solver=solver, presolve=presolve)
    assert result.success and answer.agrees(result.fun)


def test_what_highs_cannot_do_is_refused() -> None:
    problem = BOOKS["diet"].load()
    with pytest.raises(ValueError, match=r"solver.*'tableau'.*dual_simplex"):
        ol.minimize(problem, "highs", solver="tableau")
    with pytest.raises(ValueError, match="callback"):
        ol.minimize(problem, "highs", callback=print)
    with pytest.raises(ValueError, match="stop"):
        ol.minimize(problem, "highs", stop=ol.MaxIterations(3))


def test_the_multipliers_of_scipy_are_taken_as_they_are() -> None:
    problem = BOOKS["diet"].load()
    theirs = linprog(problem.c, A_ub=problem.A_ub, b_ub=problem.b_ub)
    assert ol.certify(problem, theirs.x, {"ub": theirs.ineqlin.marginals}).holds()


@each_method
def test_no_iterations_are_no_success(method: str) -> None:
    result = ol.minimize(BOOKS["student_engagement"].load(), method, max_iterations=0)
    if not result.success:
        assert result.status is ol.Status.ITERATION_LIMIT
        assert "max_iterations" in result.message


def test_inside_a_transformation_there_is_no_sparse_solver() -> None:
    def cost(c: Any) -> Any:
        return ol.minimize(ol.LinearProgram(c, A_eq=[[1.0, 1.0]], b_eq=[4.0]), "highs").fun

    with pytest.raises(ValueError, match=r"'highs'.*jax\.jit"):
        jax.eval_shape(cost, jnp.ones(2))


def test_a_linear_program_is_a_pytree() -> None:
    problem = BOOKS["diet"].load()
    again = jax.tree.map(lambda leaf: leaf, problem)
    assert ol.minimize(again).fun == pytest.approx(1.6)
    built = jax.vmap(lambda c: ol.LinearProgram(c, A_eq=[[1.0, 1.0]], b_eq=[4.0]))(jnp.ones((3, 2)))
    assert built.c.shape == (3, 2)


def test_every_method_side_by_side() -> None:
    table = ol.compare(BOOKS["student_engagement"].load())
    assert [r.method.name for r in table] == METHODS
    assert all(r.success for r in table)


def test_the_recommended_method_is_registered() -> None:
    assert ol.LinearProgram([1.0]).default_method() in METHODS


# ------------------------------------------------------------------ whole numbers


def knapsack() -> ol.LinearProgram:
    weight, value = np.array([12.0, 2, 1, 4, 1]), np.array([4.0, 2, 1, 10, 2])
    return ol.LinearProgram(-value, A_ub=[weight], b_ub=[15.0], upper=1.0, integer=True)


@pytest.mark.parametrize("method", WHOLE)
def test_a_knapsack(method: str) -> None:
    result = ol.minimize(knapsack(), method)
    assert result.success and result.fun == -15.0
    np.testing.assert_allclose(result.x, [0, 1, 1, 1, 1], atol=1e-9)
    assert result.certificate.residuals["integrality"] <= 1e-9


@pytest.mark.parametrize("method", WHOLE)
def test_some_variables_whole(method: str) -> None:
    problem = ol.LinearProgram(
        [-1.0, -1.0], A_ub=[[2.0, 2.0]], b_ub=[7.0], upper=3.0, integer=[True, False]
    )
    result = ol.minimize(problem, method)
    assert result.success and result.fun == pytest.approx(-3.5)
    assert result.x[0] == round(result.x[0])


@pytest.mark.parametrize("method", WHOLE)
def test_whole_numbers_may_be_infeasible(method: str) -> None:
    relaxed = ol.LinearProgram([1.0], A_ub=[[1.0], [-1.0]], b_ub=[1.0, -2.0], integer=True)
    result = ol.minimize(relaxed, method)
    assert (result.status, result.success) == (ol.Status.INFEASIBLE, True)
    gap = ol.LinearProgram([1.0], A_eq=[[2.0]], b_eq=[3.0], integer=True)
    assert ol.minimize(gap, method).status is not ol.Status.OPTIMAL


def test_a_method_that_ignores_integers_refuses_them() -> None:
    for method in set(METHODS) - set(WHOLE):
        with pytest.raises(ol.NotSupportedError, match=r"integer.*highs"):
            ol.minimize(knapsack(), method)


def test_the_relaxation_is_no_proof_for_a_point_between_whole_numbers() -> None:
    problem = knapsack()
    relaxed = ol.minimize(
        ol.LinearProgram(problem.c, A_ub=problem.A_ub, b_ub=problem.b_ub, upper=1.0)
    )
    assert not ol.certify(problem, relaxed.x, relaxed.dual).holds()


# ------------------------------------------------------------------ collections

NETLIB = ("afiro", "sc50a", "sc105", "share2b", "blend", "israel", "e226", "boeing1", "grow7",
          "vtp-base", "lotfi", "seba", "scagr25", "brandy", "stocfor1")  # fmt: skip
TOO_LARGE = {("seba", "tableau"): "1.6 million entries are more than a full tableau may have"}
INFEASIBLE = ("galenet", "itest6", "klein1", "bgprtr", "forest6", "woodinfe", "box1")


def needs(collection: str) -> None:
    if not data.available(collection):
        pytest.skip(f"{data.FOLDER} names no folder with {collection}/")


@each_method
@pytest.mark.parametrize("name", NETLIB)
def test_netlib(name: str, method: str) -> None:
    needs("netlib")
    if (name, method) in TOO_LARGE:
        pytest.skip(TOO_LARGE[name, method])
    result = ol.minimize(problems.netlib(name), method)
    assert result.success, result
    optimal = problems.lp_data.table("netlib")[name].optimal
    assert result.fun == pytest.approx(optimal, rel=1e-7)


@each_method
@pytest.mark.parametrize("name", INFEASIBLE)
def test_infeasible_programs_are_proved_so(name: str, method: str) -> None:
    needs("infeas")
    result = ol.minimize(problems.netlib(name, "infeas"), method)
    assert (result.status, result.success) == (ol.Status.INFEASIBLE, True), result
