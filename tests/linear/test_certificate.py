"""Certificates of linear programs: true claims hold, false ones are refuted, at every scale."""

from __future__ import annotations

import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optlib as ol
from optlib import problems
from optlib.linear import LinearDual
from optlib.problems import data

BOOKS = problems.catalog(tag="linear")
BOUNDED = [e for e in BOOKS if e.known().status is None]
seeds = st.integers(0, 10**6)
few = settings(max_examples=25, deadline=None, derandomize=True)
each_bounded = pytest.mark.parametrize("entry", BOUNDED, ids=lambda e: e.name)


def scaled(problem: ol.LinearProgram, x: float, cost: float, rows: float) -> ol.LinearProgram:
    """The same problem in other units of x, of the cost and of the rows."""
    return ol.LinearProgram(
        cost / x * problem.c, rows / x * problem.A_eq, rows * problem.b_eq,
        rows / x * problem.A_ub, rows * problem.b_ub, x * problem.lower, x * problem.upper,
    )  # fmt: skip


UNITS = [(1.0, 1.0, 1.0), (1e-9, 1.0, 1.0), (1e9, 1.0, 1.0), (1.0, 1e-9, 1.0), (1.0, 1e9, 1.0),
         (1.0, 1.0, 1e-9), (1e-6, 1e-6, 1e6), (1e6, 1e6, 1e-6)]  # fmt: skip


@pytest.mark.parametrize(("x", "cost", "rows"), UNITS)
@each_bounded
def test_the_right_answer_holds_and_a_wrong_one_is_refuted_in_all_units(
    entry: Any, x: float, cost: float, rows: float
) -> None:
    right = ol.minimize(entry.load())
    problem = scaled(entry.load(), x, cost, rows)
    eq, ub = (part * cost / rows for part in (right.dual.eq, right.dual.ub))
    point = x * right.x
    assert ol.certify(problem, point, LinearDual(eq, ub, None, None)).holds()
    if not problem.c.any():
        return  # every feasible point is optimal
    unit = 1e-4 * max(1.0, np.abs(right.x).max()) * x
    assert not ol.certify(problem, point + unit, LinearDual(eq, ub, None, None)).holds()
    assert not ol.certify(problem, point, LinearDual(1.001 * eq, 1.001 * ub, None, None)).holds()


@each_bounded
def test_a_point_alone_is_judged_by_its_best_multipliers(entry: Any) -> None:
    problem = entry.load()
    right = ol.minimize(problem)
    assert ol.certify(problem, right.x).holds()
    worse = ol.minimize(
        ol.LinearProgram(
            -problem.c, problem.A_eq, problem.b_eq, problem.A_ub, problem.b_ub,
            problem.lower, problem.upper,
        )
    )  # fmt: skip
    if worse.status is ol.Status.OPTIMAL and -worse.fun > right.fun + 1e-3:
        assert not ol.certify(problem, worse.x).holds()


def test_an_answer_wrong_in_the_seventh_digit_is_refuted() -> None:
    """A solver's "Optimal" that is 1e-7 off (HiGHS issue 3194) is not called a success."""
    problem = problems.load("student_engagement")
    right = ol.minimize(problem)
    for relative, holds in ((1e-7, False), (1e-12, True)):
        x = right.x * (1 + relative)
        assert ol.certify(problem, x, right.dual).holds() is holds


@pytest.mark.parametrize("large", [1.0, 1e6, 1e10, 1e14])
def test_large_multipliers_that_cancel_hide_nothing(large: float) -> None:
    """The same equation twice: multipliers of +-1e14 leave every digit of their sum intact."""
    twice = ol.LinearProgram([5.0, 3.0, 8.0], [[1.0, 1.0, 2.0]] * 2, [4.0, 4.0])
    wrong = ol.certify(twice, [0.0, 0.0, 2.0], {"eq": [4.0 + large, -large]})
    assert wrong.residuals["gap"] == wrong.residuals["rows"] == 0.0
    assert not wrong.holds()
    dear = ol.certify(twice, [4.0, 0.0, 0.0], {"eq": [3.0 + large, -large]})
    assert dear.residuals["dual"] == dear.residuals["rows"] == 0.0
    assert not dear.holds()
    if large <= 1e10:
        assert ol.certify(twice, [0.0, 4.0, 0.0], {"eq": [3.0 + large, -large]}).holds()


@pytest.mark.parametrize("large", [0.0, 1e6, 1e9, 1e16])
def test_large_entries_of_x_that_cancel_hide_nothing(large: float) -> None:
    """min x2 with x0 - x1 + x2 = 4 and x0 = x1: the cost is 4, whatever x0 is."""
    problem = ol.LinearProgram([0, 0, 1.0], [[1.0, -1, 1], [1, -1, 0]], [4.0, 0.0])
    assert ol.minimize(problem).fun == 4.0
    assert not ol.certify(problem, [large, large, 0.0], {"eq": [0.0, 0.0]}).holds()
    assert ol.certify(problem, [large, large, 4.0], {"eq": [1.0, -1.0]}).holds()


def test_nan_proves_nothing() -> None:
    problem = problems.load("triangle")
    for x in ([np.nan, 4.0, 0.0], [0.0, np.inf, 0.0]):
        with pytest.raises(ValueError, match="finite"):
            ol.certify(problem, x)
    with pytest.raises(ValueError, match="shape"):
        ol.certify(problem, [1.0, 2.0])
    with pytest.raises(ValueError, match=r"dual\.eq"):
        ol.certify(problem, [0.0, 4.0, 0.0], {"eq": [1.0, 2.0]})
    with pytest.raises(TypeError, match="eq="):
        ol.certify(problem, [0.0, 4.0, 0.0], 3.0)


@pytest.mark.parametrize(
    "dual", [{"eq": [3.0]}, LinearDual([3.0], [], [2, 0, 2], [0, 0, 0]), ([3.0], [])]
)
def test_multipliers_come_in_several_forms(dual: Any) -> None:
    assert ol.certify(problems.load("triangle"), [0.0, 4.0, 0.0], dual).holds()


def test_the_multipliers_of_the_bounds_are_judged_too() -> None:
    triangle, x = problems.load("triangle"), [0.0, 4.0, 0.0]
    for lower, upper in (([2, 0, 1], [0, 0, 1]), ([3, 1, 2], [-1, -1, 0]), ([1, 0, 2], [0, 0, 0])):
        assert not ol.certify(triangle, x, LinearDual([3.0], [], lower, upper)).holds()


# ------------------------------------------------------------------ rays


def feasible_program(seed: int) -> tuple[ol.LinearProgram, np.ndarray]:
    """A random program with a known feasible point."""
    rng = np.random.default_rng(seed)
    n, m_eq, m_ub = (int(rng.integers(low, 6)) for low in (1, 0, 0))
    x = rng.standard_normal(n)
    A_eq, A_ub = rng.standard_normal((m_eq, n)), rng.standard_normal((m_ub, n))
    low = np.where(rng.random(n) < 0.5, x - rng.random(n), -np.inf)
    high = np.where(rng.random(n) < 0.5, x + rng.random(n), np.inf)
    c = rng.standard_normal(n)
    b_ub = A_ub @ x + rng.random(m_ub) * rng.integers(0, 2, m_ub)
    return ol.LinearProgram(c, A_eq, A_eq @ x, A_ub, b_ub, low, high), x


@given(seeds)
@few
def test_no_ray_proves_a_feasible_program_infeasible(seed: int) -> None:
    problem, _ = feasible_program(seed)
    rng = np.random.default_rng(seed + 1)
    found = ol.minimize(problem)
    rays = [
        rng.standard_normal(problem.rows.b.size) * 10.0 ** rng.integers(-6, 6) for _ in range(5)
    ]
    if found.dual is not None:
        rays.append(np.concatenate([found.dual.eq, found.dual.ub]))
    for ray in rays:
        eq, ub = np.split(ray, [problem.b_eq.size])
        assert not problem.certify_infeasible({"eq": eq, "ub": ub}).holds(1e-6)


@given(seeds)
@few
def test_no_ray_proves_a_bounded_program_unbounded(seed: int) -> None:
    problem, x = feasible_program(seed)
    found = ol.minimize(problem)
    assert found.success
    rng = np.random.default_rng(seed + 1)
    rays = [rng.standard_normal(problem.n), -problem.c]
    proofs = [problem.certify_unbounded(x, ray) for ray in rays]
    if found.status is ol.Status.OPTIMAL:
        assert not any(proof.holds(1e-6) for proof in proofs)
    else:
        assert found.status is ol.Status.UNBOUNDED
        assert problem.certify_unbounded(found.x, found.ray).holds()
        assert not problem.certify_unbounded(found.x, -found.ray).holds()


@pytest.mark.parametrize("large", [1.0, 1e8, 1e16])
def test_large_rays_that_cancel_prove_nothing(large: float) -> None:
    """min -x2 with x0 - x1 + x2 <= 0 and x0 = x1: bounded, and feasible too."""
    problem = ol.LinearProgram(
        [0.0, 0.0, -1.0], A_eq=[[1.0, -1.0, 0.0]], b_eq=[0.0],
        A_ub=[[1.0, -1.0, 1.0]], b_ub=[0.0], lower=[0.0, 0.0, -np.inf],
    )  # fmt: skip
    assert ol.minimize(problem).status is ol.Status.OPTIMAL
    assert not problem.certify_unbounded([0.0, 0.0, 0.0], [large, large, 1.0]).holds()
    twice = ol.LinearProgram([0.0], [[1.0], [1.0]], [4.0, 4.0], lower=None)
    assert not twice.certify_infeasible({"eq": [large + 2.0, -large]}).holds()


def test_a_farkas_ray_combines_the_rows_into_a_contradiction() -> None:
    problem = problems.load("xor_separation")
    result = ol.minimize(problem)
    assert (result.status, result.success) == (ol.Status.INFEASIBLE, True)
    y = -result.ray.ub / -result.ray.ub.sum()
    np.testing.assert_allclose(problem.A_ub.T @ y, 0.0, atol=1e-12)
    assert problem.b_ub @ y < 0
    assert not problem.certify_infeasible({"ub": -result.ray.ub}).holds()


def test_nearly_infeasible_is_not_infeasible() -> None:
    """``x <= 0, x >= delta`` (OSQP issue 255) is infeasible for every delta > 0, and only then."""
    for delta, status in ((1e-4, ol.Status.INFEASIBLE), (0.0, ol.Status.OPTIMAL)):
        problem = ol.LinearProgram([1.0], A_ub=[[1.0], [-1.0]], b_ub=[0.0, -delta], lower=None)
        result = ol.minimize(problem)
        assert (result.status, result.success) == (status, True)


def test_infeasible_wins_over_an_unbounded_cost() -> None:
    """Infeasible with a direction of falling cost is not unbounded: no point is feasible."""
    problem = ol.LinearProgram([-1.0, 0.0], A_ub=[[0.0, 1.0], [0.0, -1.0]], b_ub=[1.0, -2.0])
    result = ol.minimize(problem)
    assert (result.status, result.success) == (ol.Status.INFEASIBLE, True)
    assert not problem.certify_unbounded([0.0, 1.0], [1.0, 0.0]).holds()


def test_a_proof_is_explained_in_the_problem_s_own_names() -> None:
    bounds = ol.LinearProgram(
        [1.0, 1.0], A_eq=[[1.0, 1.0]], b_eq=[9.0], upper=[3.0, 4.0], names=["oak", "ash"]
    )
    words = ol.minimize(bounds).certificate.explain()
    for part in ("no point is feasible", "eq0: row >= 9", "oak <= 3", "ash <= 4", "0 <= -2"):
        assert part in words, words
    falling = ol.minimize(problems.load("half_strip")).certificate.explain()
    assert "x0" in falling and "x1" in falling and "changes by -1" in falling
    dear = ol.minimize(problems.load("diet")).certificate.explain()
    assert "0.04  ub0: row <= -20" in dear and "0.1  ub1: row <= -8" in dear


# ------------------------------------------------------------------ rational arithmetic


@pytest.mark.parametrize("entry", BOOKS, ids=lambda e: e.name)
def test_the_textbook_answers_are_proved_over_the_rationals(entry: Any) -> None:
    result = ol.minimize(entry.load())
    proof = result.certificate.verify(exact=True)
    assert proof and not any(proof.violations.values())
    answer = entry.known()
    if answer.values:
        assert float(proof.fun) == pytest.approx(answer.values[0], rel=1e-13, abs=1e-15)


def test_exact_pivots_mend_a_basis_that_is_optimal_to_the_last_digit_only() -> None:
    """Tenths tie in decimal and not in binary: the float64 basis has a multiplier of -1e-17."""
    for name, given_ in (("least_absolute_line", {}), ("chebyshev_cosine", {"degree": 7})):
        result = ol.minimize(problems.load(name, **given_))
        proof = result.certificate.verify(exact=True)
        assert proof and float(proof.fun) == pytest.approx(result.fun, rel=1e-13)


def test_an_exact_answer_is_a_fraction() -> None:
    result = ol.minimize(problems.load("rock_paper_scissors"))
    proof = result.certificate.verify(exact=True)
    assert proof.x == (Fraction(1, 3), Fraction(1, 3), Fraction(1, 3), Fraction(0))
    assert proof.fun == 0


def test_a_false_claim_has_no_exact_proof() -> None:
    triangle = problems.load("triangle")
    wrong = ol.certify(triangle, [4.0, 0.0, 0.0], {"eq": [5.0]})
    proof = wrong.verify(exact=True)
    assert not proof and proof.violations["multipliers"] > 0
    false = problems.load("diet").certify_infeasible({"ub": [-1.0, -1.0]})
    assert not false.verify(exact=True)
    stopped = triangle.certify_unbounded([0.0, 4.0, 0.0], [-1.0, 0.0, 0.0])
    assert not stopped.verify(exact=True)


@pytest.mark.parametrize(
    ("collection", "name"),
    [("netlib", "afiro"), ("netlib", "sc105"), ("netlib", "share2b"), ("netlib", "boeing1"),
     ("infeas", "galenet"), ("infeas", "klein1"), ("infeas", "box1"), ("infeas", "reactor")],
)  # fmt: skip
def test_programs_of_the_collections_are_proved_over_the_rationals(
    collection: str, name: str
) -> None:
    if not data.available(collection):
        pytest.skip(f"{data.FOLDER} names no folder with {collection}/")
    result = ol.minimize(problems.netlib(name, collection))
    assert result.success and result.certificate.verify(exact=True)


def test_a_proof_and_a_result_can_be_stored() -> None:
    result = ol.minimize(problems.load("triangle"))
    again = pickle.loads(pickle.dumps(result))
    assert again.certificate.verify(exact=True) and again.fun == result.fun
    assert again.sensitivity().cost.shape == (3, 2)
