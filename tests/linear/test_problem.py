"""Linear programs: what they accept, and the forms that they are written in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import optlib as ol
from optlib import problems
from optlib.linear import LinearDual, Names

NAN, INF = float("nan"), float("inf")
BLOCKS = ("c", "A_eq", "b_eq", "A_ub", "b_ub", "lower", "upper")
BOOKS = [e for e in problems.catalog(tag="linear")]
BOUNDED = [e for e in BOOKS if e.known().status is None]


def program(c: Any = (1.0, 2.0), **data: Any) -> Callable[[], Any]:
    return lambda: ol.LinearProgram(c, **data)


A, B = np.eye(2), np.ones(2)
SPARSE_NAN = sp.csr_array(np.array([[1.0, 0.0], [0.0, NAN]]))


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (program([1.0, NAN]), ValueError, ("c", "nan", "(1,)", "finite")),
        (program([1.0, INF]), ValueError, ("c", "inf", "finite")),
        (program([]), ValueError, ("c", "at least one")),
        (program([[1.0]]), ValueError, ("c", "(1, 1)", "1 dimension")),
        (program(["a"]), TypeError, ("c", "real numbers")),
        (program([1j]), TypeError, ("c", "complex128")),
        (program(A_eq=A), ValueError, ("b_eq", "nothing")),
        (program(b_ub=B), ValueError, ("A_ub", "nothing")),
        (program(A_eq=A, b_eq=[1.0]), ValueError, ("b_eq", "(1,)", "(2,)", "A_eq")),
        (program(A_ub=np.eye(3), b_ub=np.ones(3)), ValueError, ("A_ub", "(3, 3)", "2 columns")),
        (program(A_ub=[1.0, 2.0], b_ub=[1.0]), ValueError, ("A_ub", "(2,)", "2 dimensions")),
        (program(A_eq=[[1.0, NAN]], b_eq=[1.0]), ValueError, ("A_eq", "nan", "(0, 1)")),
        (program(A_eq=SPARSE_NAN, b_eq=B), ValueError, ("A_eq", "nan", "(1, 1)")),
        (program(A_eq=A, b_eq=[1.0, NAN]), ValueError, ("b_eq", "nan", "(1,)")),
        (program(A_ub=A, b_ub=[1.0, INF]), ValueError, ("b_ub", "inf")),
        (program(A_ub=1j * A, b_ub=B), TypeError, ("A_ub", "complex128")),
        (program(lower=[0.0, NAN]), ValueError, ("lower", "NaN", "1")),
        (program(lower=[0.0] * 3), ValueError, ("lower", "(3,)", "(2,)")),
        (program(upper="high"), TypeError, ("upper", "real numbers")),
        (program(lower=[0, 3.0], upper=[1, 2.0]), ValueError, ("3.0", "2.0", "variable 1")),
        (program(lower=INF), ValueError, ("lower inf", "variable 0")),
        (program(upper=-INF), ValueError, ("upper -inf", "variable 0")),
        (program(upper=-1.0), ValueError, ("lower 0.0", "upper -1.0")),
        (program(integer=[1, 2]), TypeError, ("integer", "bool")),
        (program(integer=[True]), ValueError, ("integer", "(1,)", "(2,)")),
        (program(offset=NAN), ValueError, ("offset", "nan")),
        (program(names=["x"]), ValueError, ("names.columns", "1", "2")),
        (program(names=Names(("x", "y"), eq=("e",))), ValueError, ("names.eq", "1 names", "0")),
    ],
)
def test_a_linear_program_refuses(act: Any, error: Any, words: Any) -> None:
    with pytest.raises(error) as caught:
        act()
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in {str(caught.value)!r}"


def test_variables_are_not_negative_unless_said_otherwise() -> None:
    plain, free = ol.LinearProgram([1.0, 1.0]), ol.LinearProgram([1.0, 1.0], lower=None)
    assert (plain.lower == 0).all() and (plain.upper == INF).all()
    assert (free.lower == -INF).all()
    mixed = ol.LinearProgram([1.0, 1.0], lower=[None, -2], upper=[3, None])
    assert mixed.lower.tolist() == [-INF, -2.0] and mixed.upper.tolist() == [3.0, INF]


def test_data_cannot_be_changed_from_outside() -> None:
    c, matrix = np.array([1.0, 2.0]), np.eye(2)
    problem = ol.LinearProgram(c, A_ub=matrix, b_ub=B)
    c[0] = matrix[0, 0] = NAN
    assert problem.c[0] == 1.0 and problem.A_ub[0, 0] == 1.0
    with pytest.raises(ValueError):
        problem.c[0] = 5.0


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csc_matrix, sp.coo_array, sp.lil_matrix])
def test_dense_and_sparse_data_give_the_same_answer(kind: Any) -> None:
    dense = problems.load("student_engagement")
    sparse = ol.LinearProgram(dense.c, A_ub=kind(dense.A_ub), b_ub=dense.b_ub, lower=None)
    found, again = ol.minimize(dense), ol.minimize(sparse)
    assert again.success and again.fun == pytest.approx(found.fun, rel=1e-12)
    np.testing.assert_allclose(again.x, found.x, rtol=1e-10)


# ------------------------------------------------------------------ random programs


def random_program(seed: int, *, sparse: bool = False, feasible: bool = True) -> ol.LinearProgram:
    """Every kind of bound; a known feasible x and dual point, so that an optimum exists."""
    rng = np.random.default_rng(seed)
    n, m_eq, m_ub = int(rng.integers(1, 9)), int(rng.integers(0, 4)), int(rng.integers(0, 6))
    A_eq, A_ub = (rng.integers(-3, 4, (m, n)).astype(float) for m in (m_eq, m_ub))
    x = rng.integers(-3, 4, n).astype(float)
    kind = rng.integers(0, 6, n)
    gap_low, gap_high = rng.integers(0, 3, n), rng.integers(0, 3, n)
    lower = np.select([kind == 0, kind == 1, kind == 5], [-np.inf, -np.inf, x], x - gap_low)
    upper = np.select([kind == 0, kind == 2, kind == 5], [np.inf, np.inf, x], x + gap_high)
    slack = rng.integers(0, 3, m_ub).astype(float)
    b_ub = A_ub @ x + slack if feasible else A_ub @ x - slack
    y_eq, y_ub = rng.integers(-2, 3, m_eq), -rng.integers(0, 3, m_ub) * (slack == 0)
    price = rng.integers(0, 3, n).astype(float)
    z = np.where(lower == x, price, 0.0) - np.where(upper == x, price[::-1], 0.0)
    c = A_eq.T @ y_eq + A_ub.T @ y_ub + z
    if sparse:
        A_eq, A_ub = sp.csr_array(A_eq), sp.csr_array(A_ub)
    return ol.LinearProgram(
        c, A_eq, A_eq @ x, A_ub, b_ub, lower, upper, offset=float(rng.integers(3))
    )


seeds = st.integers(0, 10**6)
few = settings(max_examples=25, deadline=None, derandomize=True)


@given(seeds)
@few
def test_standard_form_has_the_same_optimum_and_maps_its_solution_back(seed: int) -> None:
    problem = random_program(seed, sparse=bool(seed % 2))
    form = problem.standard_form()
    standard = form.problem
    assert (
        standard.b_ub.size == 0 and (standard.lower == 0).all() and np.isinf(standard.upper).all()
    )
    here, there = ol.minimize(problem), ol.minimize(standard)
    assert here.success and there.success
    assert there.fun == pytest.approx(here.fun, rel=1e-9, abs=1e-9)
    x, m = form.restore(there.x), problem.b_eq.size
    dual = LinearDual(there.dual.eq[:m], there.dual.eq[m : m + problem.b_ub.size], None, None)
    assert ol.certify(problem, x, dual).holds()


@given(seeds)
@few
def test_the_dual_has_the_negative_optimum_and_its_solution_is_minus_the_multipliers(
    seed: int,
) -> None:
    problem = random_program(seed, sparse=bool(seed % 2))
    if not problem.bounds_as_rows().problem.rows.b.size:
        return
    primal, dual = ol.minimize(problem), ol.minimize(problem.dual())
    assert primal.success and dual.success
    assert dual.fun == pytest.approx(-primal.fun, rel=1e-9, abs=1e-9)
    m = problem.b_eq.size
    rows = LinearDual(-dual.x[:m], -dual.x[m : m + problem.b_ub.size], None, None)
    form = problem.bounds_as_rows()
    x = form.restore(-np.concatenate([dual.dual.eq, dual.dual.ub]))
    assert ol.certify(problem, x, rows).holds()


@given(seeds)
@few
def test_the_dual_of_the_dual_is_the_primal_number_by_number(seed: int) -> None:
    problem = random_program(seed, sparse=bool(seed % 2)).bounds_as_rows().problem
    if not problem.rows.b.size:
        return
    again = problem.dual().dual()
    for name in (*BLOCKS, "offset"):
        here, there = (getattr(p, name) for p in (problem, again))
        here, there = (v.toarray() if sp.issparse(v) else v for v in (here, there))
        np.testing.assert_array_equal(there, here, err_msg=name)


def test_the_dual_of_the_dual_of_a_program_in_standard_form_is_itself() -> None:
    triangle = problems.load("triangle")
    again = triangle.dual().dual()
    for name in BLOCKS:
        np.testing.assert_array_equal(getattr(again, name), getattr(triangle, name))


def test_two_ends_of_a_row_become_one_row() -> None:
    rows = np.array([[1.0, 2.0], [-1.0, -2.0], [3.0, 0.0], [-3.0, 0.0], [3.0, 0.0]])
    ends = np.array([5.0, -1.0, 1.0, -2.0, 4.0])
    for A_ub in (rows, sp.csr_array(rows)):
        form = ol.LinearProgram([1.0, 1.0], A_ub=A_ub, b_ub=ends).to_range_form()
        # 3 x_0 <= 1 and 3 x_0 >= 2 contradict each other and stay apart; 2 <= 3 x_0 <= 4 is a row
        assert form.row_lower.tolist() == [1.0, -INF, -4.0]
        assert form.row_upper.tolist() == [5.0, 1.0, -2.0]


@given(seeds)
@few
def test_strong_duality_and_the_signs_of_the_multipliers(seed: int) -> None:
    problem = random_program(seed)
    result = ol.minimize(problem)
    assert result.success and result.status is ol.Status.OPTIMAL
    d, rows = result.dual, problem.rows
    dual_cost = rows.b @ np.concatenate([d.eq, d.ub]) + rows.low @ d.lower + rows.high @ d.upper
    assert dual_cost + problem.offset == pytest.approx(result.fun, rel=1e-9, abs=1e-9)
    assert (d.ub <= 1e-9).all() and (d.lower >= -1e-9).all() and (d.upper <= 1e-9).all()


def shifted(problem: ol.LinearProgram, name: str, index: int, by: float) -> ol.LinearProgram:
    data = {key: getattr(problem, key) for key in (*BLOCKS, "offset")}
    data[name] = data[name] + by * (np.arange(data[name].size) == index)
    return ol.LinearProgram(**data)


def derivative(problem: ol.LinearProgram, name: str, index: int) -> tuple[float, float]:
    """The slopes of the optimal cost to the left and to the right."""
    step, here = 1e-5, ol.minimize(problem).fun
    left, right = (ol.minimize(shifted(problem, name, index, by)).fun for by in (-step, step))
    return (here - left) / step, (right - here) / step


@pytest.mark.parametrize("entry", BOUNDED, ids=lambda e: e.name)
def test_the_multipliers_of_the_textbook_programs_are_derivatives(entry: Any) -> None:
    """At a kink of the optimal cost the multiplier lies between the two slopes (it is convex)."""
    problem = entry.load()
    result = ol.minimize(problem)
    places = [("b_eq", i, result.dual.eq[i]) for i in range(problem.b_eq.size)]
    places += [("b_ub", i, result.dual.ub[i]) for i in range(problem.b_ub.size)]
    checked = 0
    for name, index, multiplier in places[:: max(1, len(places) // 4)]:
        moved = [ol.minimize(shifted(problem, name, index, by)) for by in (-1e-5, 1e-5)]
        if not all(r.status is ol.Status.OPTIMAL for r in moved):
            continue  # dependent equations: the right side may not move
        left, right = derivative(problem, name, index)
        assert left - 1e-6 <= multiplier <= right + 1e-6
        checked += 1
    dependent = {"max_flow_program", "wasserstein", "hulls_of_four_points"}
    assert checked or entry.name in dependent


def test_a_program_without_rows() -> None:
    result = ol.minimize(ol.LinearProgram([1.0, -2.0], lower=-1.0, upper=[None, 3.0], offset=0.5))
    assert result.success and result.fun == -6.5
    np.testing.assert_array_equal(result.x, [-1.0, 3.0])
    falling = ol.minimize(ol.LinearProgram([1.0, -2.0]))
    assert (falling.status, falling.success) == (ol.Status.UNBOUNDED, True)


def test_whole_numbers_have_no_dual_and_no_standard_form() -> None:
    whole = ol.LinearProgram([1.0], A_ub=[[1.0]], b_ub=[1.0], integer=True)
    for form in (whole.dual, whole.standard_form):
        with pytest.raises(ValueError, match="integer"):
            form()


def test_a_cvxpy_model_is_taken_over() -> None:
    cp = pytest.importorskip("cvxpy")
    x = cp.Variable(4, name="x")
    model = cp.Problem(
        cp.Maximize(3 * x[0] + x[1] - 2 * x[3] + 7),
        [x[0] + x[1] <= 4, x[2] - x[0] == 1, x >= -1, x <= 3, cp.norm1(x) <= 6],
    )
    problem = ol.LinearProgram.from_cvxpy(model)
    assert {"x[0]", "x[3]"} <= set(problem.names.columns)
    result = ol.minimize(problem)
    assert result.success and result.fun == pytest.approx(-model.solve(), rel=1e-7)
    with pytest.raises(ValueError, match="linear"):
        ol.LinearProgram.from_cvxpy(cp.Problem(cp.Minimize(cp.sum_squares(x))))
    with pytest.raises(TypeError, match=r"cvxpy\.Problem"):
        ol.LinearProgram.from_cvxpy(3)
