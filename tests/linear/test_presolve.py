"""Presolve keeps the answer: value, multipliers, basis, and the proofs that there is none.

HiGHS, without its own presolve, solves the problem and the reduced problem; what postsolve makes
of the second must solve the first.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import splu

from optlib.core.status import Status
from optlib.linear.presolve import presolve, reduce
from optlib.linear.range_form import AT_LOWER, AT_UPPER, BASIC, FREE, Basis, RangeForm, Solution

highspy = pytest.importorskip("highspy", reason="HiGHS is the reference")

INF = np.inf
MANY = None
TOL = 1e-9
DATA = os.environ.get("OPTLIB_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="OPTLIB_DATA names no folder of test sets")


def range_form(c, A, rows, bounds, offset=0.0):
    """A form from dense data; ``rows`` and ``bounds`` are lists of (lower, upper)."""
    A = sp.csc_array(np.array(A, dtype=float).reshape(len(rows), len(c)))
    A.indices, A.indptr = A.indices.astype(np.int32), A.indptr.astype(np.int32)
    (row_lower, row_upper), (lower, upper) = (
        np.array(pairs, dtype=float).reshape(-1, 2).T.copy() for pairs in (rows, bounds)
    )
    return RangeForm(np.array(c, dtype=float), A, row_lower, row_upper, lower, upper, offset)


def highs_model(form, presolve="off"):
    """HiGHS with the problem loaded."""
    model, lp = highspy.Highs(), highspy.HighsLp()
    model.setOptionValue("output_flag", False)
    lp.num_row_, lp.num_col_ = form.shape
    lp.col_cost_, lp.offset_ = form.c, form.offset
    lp.col_lower_, lp.col_upper_ = form.lower, form.upper
    lp.row_lower_, lp.row_upper_ = form.row_lower, form.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = form.A.indptr, form.A.indices
    lp.a_matrix_.value_ = form.A.data
    model.passModel(lp)
    model.setOptionValue("presolve", presolve)
    model.setOptionValue("primal_feasibility_tolerance", 1e-10)
    model.setOptionValue("dual_feasibility_tolerance", 1e-10)
    return model


SIDES = {
    highspy.HighsBasisStatus.kLower: AT_LOWER,
    highspy.HighsBasisStatus.kBasic: BASIC,
    highspy.HighsBasisStatus.kUpper: AT_UPPER,
    highspy.HighsBasisStatus.kZero: FREE,
}
ENDS = {
    highspy.HighsModelStatus.kOptimal: Status.OPTIMAL,
    highspy.HighsModelStatus.kInfeasible: Status.INFEASIBLE,
    highspy.HighsModelStatus.kUnbounded: Status.UNBOUNDED,
}


def solve(form):
    """HiGHS's solution with basis and ray; None where it does not decide."""
    model = highs_model(form)
    model.run()
    status = ENDS.get(model.getModelStatus())
    if status is None:
        return None
    point, basis, ray = model.getSolution(), model.getBasis(), None
    if status == Status.INFEASIBLE:
        _, found, ray = model.getDualRay()
        ray = -np.array(ray) if found else None
    elif status == Status.UNBOUNDED:
        _, found, ray = model.getPrimalRay()
        ray = np.array(ray) if found else None
    columns, rows = (
        np.array([SIDES[s] for s in part], dtype=np.int8)
        for part in (basis.col_status, basis.row_status)
    )
    x, y = np.array(point.col_value), np.array(point.row_dual)
    return Solution(status, x, y, Basis(columns, rows), ray)


def presolved_solution(form):
    """The solution by way of the reduced problem; None where HiGHS does not decide that one."""
    reduced = reduce(form)
    if reduced.solution is not None:
        assert reduced.status == reduced.solution.status
        return reduced.solution
    solution = solve(reduced.form)
    return None if solution is None else reduced.postsolve(solution)


def assert_feasible(form, x):
    activity = form.A @ x
    size = 1 + abs(form.A) @ np.abs(x)
    assert np.all(activity >= form.row_lower - TOL * size)
    assert np.all(activity <= form.row_upper + TOL * size)
    assert np.all(x >= form.lower - TOL * (1 + np.abs(x)))
    assert np.all(x <= form.upper + TOL * (1 + np.abs(x)))


def assert_complementary(value, multiplier, lower, upper, size):
    """A multiplier above zero needs the lower bound to be active, one below zero the upper one."""
    reach = TOL * (1 + np.abs(value))
    assert np.all((multiplier <= TOL * size) | (np.abs(value - lower) <= reach))
    assert np.all((multiplier >= -TOL * size) | (np.abs(value - upper) <= reach))


def assert_optimal(form, solution):
    """The KKT conditions of the original problem."""
    x, y = solution.x, solution.y
    assert_feasible(form, x)
    size = 1 + np.abs(form.c) + abs(form.A).T @ np.abs(y)
    assert_complementary(x, form.c - form.A.T @ y, form.lower, form.upper, size)
    scale = 1 + np.max(np.abs(y), initial=0.0)
    assert_complementary(form.A @ x, y, form.row_lower, form.row_upper, scale)


def assert_basic(form, solution):
    """As many basic as rows, a factorizable matrix, and x and y are what the basis gives."""
    basis, (m, _) = solution.basis, form.shape
    x = np.choose(basis.columns, [form.lower, 0.0, form.upper, 0.0])
    r = np.choose(basis.rows, [form.row_lower, 0.0, form.row_upper, 0.0])
    columns, rows = np.flatnonzero(basis.columns == BASIC), np.flatnonzero(basis.rows == BASIC)
    assert columns.size + rows.size == m
    assert np.isfinite(x).all() and np.isfinite(r).all()
    if m:
        B = sp.hstack([form.A[:, columns], -sp.eye_array(m, format="csc")[:, rows]], format="csc")
        factors = splu(B)
        x[columns] = factors.solve(r - form.A @ x)[: columns.size]
        cost = np.concatenate([form.c[columns], np.zeros(rows.size)])
        y = factors.solve(cost, trans="T")
        np.testing.assert_allclose(solution.y, y, rtol=0, atol=TOL * (1 + np.abs(y).max()))
    np.testing.assert_allclose(solution.x, x, rtol=0, atol=TOL * (1 + np.abs(x).max(initial=0)))


def assert_farkas(form, w):
    """The largest value of wᵀr over the rows' bounds is below the least of (Aᵀw)ᵀx."""
    v, size = form.A.T @ w, abs(form.A).T @ np.abs(w)
    v[np.abs(v) <= 1e-12 * size] = 0.0
    w = np.where(np.abs(w) <= 1e-12 * np.abs(w).max(), 0.0, w)
    most = sum(a * (h if a > 0 else l) for a, l, h in zip(w, form.row_lower, form.row_upper) if a)
    least = sum(a * (l if a > 0 else h) for a, l, h in zip(v, form.lower, form.upper) if a)
    assert least - most > TOL * (1 + abs(most))


def assert_recession(form, x, d):
    """x is feasible, the cost falls along d, and nothing stops it."""
    assert_feasible(form, x)
    d = d / np.abs(d).max()
    moved, size = form.A @ d, TOL * (1 + abs(form.A) @ np.abs(d))
    assert form.c @ d < 0
    assert np.all(d[np.isfinite(form.upper)] <= TOL) and np.all(d[np.isfinite(form.lower)] >= -TOL)
    assert np.all((moved <= size) | np.isinf(form.row_upper))
    assert np.all((moved >= -size) | np.isinf(form.row_lower))


def assert_proved(form, solution):
    """Whatever the solution claims about the original problem is true."""
    if solution.status == Status.OPTIMAL:
        assert_optimal(form, solution)
        assert_basic(form, solution)
    elif solution.ray is not None and solution.status == Status.INFEASIBLE:
        assert_farkas(form, solution.ray)
    elif solution.ray is not None:
        assert_recession(form, solution.x, solution.ray)


def value(form, solution):
    return form.c @ solution.x + form.offset


POSITIVE, FREE_RANGE = (0, INF), (-INF, INF)

RULES = {
    "empty row": (range_form([1], [[0], [1]], [(-1, 2), (3, INF)], [POSITIVE]), [3], [0, 1]),
    "empty column": (range_form([-2, 3], [[0, 0]], [(-1, 1)], [(1, 4), (2, INF)]), [4, 2], [0]),
    "row singleton gives the active bound": (
        range_form([2, 1], [[-2, 0], [1, 1]], [(-8, -6), (3.5, INF)], [POSITIVE, POSITIVE]),
        [3, 0.5],
        [-0.5, 1],
    ),
    "row singleton takes the multiplier": (
        range_form([3, 1], [[2, 0], [1, 1]], [(4, 10), (1, 9)], [POSITIVE, POSITIVE]),
        [2, 0],
        [1.5, 0],
    ),
    "two row singletons fix a column": (
        range_form([5], [[2], [3]], [(4, INF), (-INF, 6)], [POSITIVE]),
        [2],
        MANY,
    ),
    "fixed column": (
        range_form([1, 1], [[2, 1]], [(7, INF)], [(2, 2), (0, 9)], offset=1.0),
        [2, 3],
        [1],
    ),
    "redundant row": (
        range_form([-1, -1], [[1, 1], [1, 2]], [(-INF, 9), (-INF, 4)], [(0, 3), (0, 3)]),
        [3, 0.5],
        [0, -0.5],
    ),
    "forcing row": (
        range_form([-3, -1, 1], [[1, 1, 0], [1, -1, 1]], [(-INF, 0), (1, INF)], [POSITIVE] * 3),
        [0, 0, 1],
        MANY,
    ),
    "row redundant by other rows": (
        range_form(
            [-1, -2, -3],
            [[1, 1, 0], [0, 1, 1], [1, 2, 1]],
            [(-INF, 2), (0.5, 3), (-INF, 9)],
            [POSITIVE] * 3,
        ),
        [2, 0, 3],
        [-1, -3, 0],
    ),
    "inequality that the dual makes tight": (
        range_form(
            [-1, 0, 0],
            [[1, -1, 0], [0, 1, 1], [0, 1, -1]],
            [(-INF, 0), (-INF, 4), (-INF, 2)],
            [POSITIVE] * 3,
        ),
        [3, 3, 1],
        [-1, -0.5, -0.5],
    ),
    "dominated column": (
        range_form([1, 1], [[1, -1]], [(2, INF)], [POSITIVE, (1, 5)]),
        [3, 1],
        [1],
    ),
    "weakly dominated column frees its rows": (
        range_form([0, 1, 1], [[1, 1, -2], [2, -3, 1]], [(5, INF), (8, INF)], [(-1, INF)] * 3),
        MANY,
        [0, 0],
    ),
    "slack column": (
        range_form([-1, -2, 0], [[1, 1, 1]], [(4, 4)], [(0, 3), (0, 3), (0, 10)]),
        [1, 3, 0],
        [-1],
    ),
    "slack column with a cost in an equation": (
        range_form([1, 5, 2], [[1, 1, 2]], [(6, 6)], [(0, 1), POSITIVE, (0, 2)]),
        [1, 1, 2],
        [5],
    ),
    "free column singleton": (
        range_form([2, 3], [[1, 1], [1, 0]], [(4, 4), (-INF, 3)], [(1, INF), FREE_RANGE]),
        [3, 1],
        [3, -1],
    ),
    "implied free column singleton": (
        range_form([1, 2], [[1, -1]], [(-6, -2)], [(0, 8), (0, 100)]),
        [0, 2],
        [-2],
    ),
    "doubleton equation": (
        range_form(
            [1, 1, 2],
            [[1, 2, 0], [1, 0, 1], [0, 1, -1]],
            [(8, 8), (1, INF), (-INF, 5)],
            [(0, 10), (0, 3), (0, INF)],
        ),
        [2, 3, 0],
        [1, 0, 0],
    ),
    "duplicate rows": (
        range_form([1, 1], [[1, 2], [-2, -4]], [(3, INF), (-INF, -8)], [(0, 1), POSITIVE]),
        [0, 2],
        [0, -0.25],
    ),
    "duplicate columns": (
        range_form(
            [1, 2, 5], [[1, 2, 1], [2, 4, 1]], [(9, INF), (-INF, 90)], [(0, 4), (0, 1), (0, 9)]
        ),
        [4, 1, 3],
        [5, 0],
    ),
    "duplicate column that is dearer": (
        range_form([1, 3, 2], [[1, 2, 1], [1, 2, -1]], [(4, INF), (0, 3)], [POSITIVE] * 3),
        [3.5, 0, 0.5],
        [1.5, -0.5],
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_known_answers(rule):
    """The rule makes the problem smaller, and the point, the multipliers and a basis come back."""
    form, x, y = RULES[rule]
    assert reduce(form).form.A.nnz + reduce(form).form.c.size < form.A.nnz + form.c.size
    solution = presolved_solution(form)
    assert solution.status == Status.OPTIMAL
    assert_proved(form, solution)
    if x is not MANY:
        np.testing.assert_allclose(solution.x, x, atol=1e-12)
    if y is not MANY:
        np.testing.assert_allclose(solution.y, y, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_known_answers_are_unique(rule):
    """A strict multiplier for every tie makes x the only one, independent ties make y so."""
    form, x, y = RULES[rule]
    if x is MANY or y is MANY:
        return
    x, y = np.array(x, dtype=float), np.array(y, dtype=float)
    z, r = form.c - form.A.T @ y, form.A @ x
    at_bound = (x == form.lower) | (x == form.upper)
    at_side = (r == form.row_lower) | (r == form.row_upper)
    assert np.array_equal(at_bound, z != 0) and np.array_equal(at_side, y != 0)
    ties = np.vstack([np.eye(x.size)[at_bound], form.A.toarray()[at_side]])
    assert np.linalg.matrix_rank(ties) == len(ties) == x.size


def test_infeasible_rows_are_proved():
    """``x0 <= 1`` and ``x1 <= 1`` by rows, so ``x0 + x1 >= 3`` cannot be: w = (1, 1, -1)."""
    form = range_form(
        [1, 1],
        [[1, 0], [0, 2], [1, 1]],
        [(-INF, 1), (-INF, 2), (3, INF)],
        [POSITIVE, POSITIVE],
    )
    reduced = reduce(form)
    assert reduced.status == Status.INFEASIBLE
    assert_farkas(form, reduced.solution.ray)
    w = reduced.solution.ray
    np.testing.assert_allclose(w / w[0], [1, 0.5, -1])


def test_contradicting_parallel_rows_are_proved():
    form = range_form([1, 1], [[1, 2], [-2, -4]], [(-INF, 3), (-INF, -8)], [FREE_RANGE] * 2)
    reduced = reduce(form)
    assert reduced.status == Status.INFEASIBLE
    w = reduced.solution.ray
    np.testing.assert_allclose(w / w[0], [1, 0.5])


def test_crossing_bounds_are_infeasible():
    form = range_form([1], [[1]], [(0, 9)], [(2, 1)])
    assert reduce(form).status == Status.INFEASIBLE


def test_unbounded_is_proved():
    """``min -x0`` with ``x0 - x1 = 2``: both grow for ever."""
    form = range_form([-1, 0], [[1, -1]], [(2, 2)], [POSITIVE, POSITIVE])
    reduced = reduce(form)
    assert reduced.status == Status.UNBOUNDED
    assert_recession(form, reduced.solution.x, reduced.solution.ray)


def test_irreducible_problem_is_returned_as_it_is():
    form = range_form(
        [1, 2, 3], [[2, 1, 1], [1, 3, 1], [1, 1, 4]], [(3, 9), (4, 9), (5, 9)], [(0, 5)] * 3
    )
    reduced = reduce(form)
    assert reduced.form is form and reduced.status is None
    solution = solve(form)
    assert reduced.postsolve(solution) is solution


def test_tiny_problem_is_returned_as_it_is():
    form = RULES["doubleton equation"][0]
    left = presolve(form)
    assert left.form is form and left.status is None
    solution = solve(form)
    assert left.postsolve(solution) is solution


@pytest.mark.parametrize("seed", range(40))
def test_small_problems_agree_with_highs(seed):
    """Without the rules that compare rows or columns with each other."""
    form = random_form(np.random.default_rng(seed), 12, 15)
    left, direct = presolve(form), solve(form)
    if direct is None:
        return
    solution = left.solution
    if solution is None:
        solution = left.postsolve(solve(left.form))
    assert solution.status == direct.status
    assert_proved(form, solution)


def test_arguments_are_not_changed():
    form = RULES["doubleton equation"][0]
    before = [a.copy() for a in (form.c, form.row_lower, form.lower, form.upper, form.A.data)]
    reduce(form)
    after = (form.c, form.row_lower, form.lower, form.upper, form.A.data)
    assert all(np.array_equal(a, b) for a, b in zip(before, after))


def test_points_without_basis():
    """What comes without a basis, from an interior method, satisfies the KKT conditions too."""
    optimal = 0
    for seed in range(60):
        form = random_form(np.random.default_rng(seed), 9, 12)
        reduced = reduce(form)
        solution = None if reduced.solution is not None else solve(reduced.form)
        if solution is not None and solution.status == Status.OPTIMAL:
            bare = reduced.postsolve(Solution(solution.status, solution.x, solution.y))
            assert bare.basis is None
            assert_optimal(form, bare)
            optimal += 1
    assert optimal >= 10


def random_form(rng, rows, columns):
    """Small integers: degenerate, with duplicates, singletons, free and fixed variables."""
    m, n = rows, columns
    A = rng.integers(-3, 4, (m, n)) * (rng.random((m, n)) < rng.choice([0.15, 0.3, 0.5, 0.9]))
    A = A * (rng.choice([0.1, 1 / 3, 1.0, 7.0], size=(m, 1)) if rng.random() < 0.3 else 1.0)
    for _ in range(rng.integers(0, 3)):
        i, k = rng.integers(0, m, 2)
        A[i] = A[k] * rng.choice([-2.0, -1.0, 1.0, 0.5, 3.0])
    for _ in range(rng.integers(0, 3)):
        j, k = rng.integers(0, n, 2)
        A[:, j] = A[:, k] * rng.choice([-2.0, -1.0, 1.0, 0.5, 3.0])
    if m > 1 and rng.random() < 0.3:
        A[0] = A[1:].sum(axis=0)
    lower = np.where(rng.random(n) < 0.75, rng.integers(-2, 2, n), -INF)
    base = np.where(np.isfinite(lower), lower, 0.0)
    upper = np.where(rng.random(n) < 0.5, base + rng.integers(0, 5, n), INF)
    x = np.clip(base + rng.integers(0, 3, n) * (rng.random(n) < 0.5), lower, upper)
    right = A @ x + (rng.integers(-2, 3, m) if rng.random() < 0.15 else 0)
    kind, width = rng.integers(0, 5, m), rng.integers(0, 3, (2, m))
    row_lower = np.where(kind == 3, -INF, right - width[0] * (kind >= 2))
    row_upper = np.where(kind == 2, INF, right + width[1] * (kind >= 3))
    c = rng.integers(-3, 4, n) * (rng.random(n) < 0.8)
    if rng.random() < 0.5:
        y = np.abs(rng.integers(-2, 3, m)) * np.where(kind == 3, -1, 1)
        z = rng.integers(0, 3, n) * np.where(
            np.isfinite(lower), 1, np.where(np.isfinite(upper), -1, 0)
        )
        c = A.T @ y + z
    return range_form(c, A, np.c_[row_lower, row_upper], np.c_[lower, upper])


@settings(deadline=None, max_examples=400, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(1, 14), st.integers(1, 14))
def test_random_problems_agree_with_highs(seed, rows, columns):
    """The same status and value as without presolve, and every claim is proved."""
    form = random_form(np.random.default_rng(seed), rows, columns)
    direct, solution = solve(form), presolved_solution(form)
    if direct is None or solution is None:
        return
    assert solution.status == direct.status
    if direct.status == Status.OPTIMAL:
        assert value(form, solution) == pytest.approx(value(form, direct), rel=1e-9, abs=1e-9)
    assert_proved(form, solution)


def netlib(folder, name):
    """A problem of the test sets, read by HiGHS."""
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    model.readModel(str(Path(DATA) / folder / f"{name}.mps.gz"))
    lp = model.getLp()
    matrix = lp.a_matrix_
    entries = (np.array(matrix.value_), np.array(matrix.index_), np.array(matrix.start_))
    A = sp.csc_array(entries, shape=(lp.num_row_, lp.num_col_))
    A.eliminate_zeros()
    A.sort_indices()
    A.indices, A.indptr = A.indices.astype(np.int32), A.indptr.astype(np.int32)
    vectors = (lp.row_lower_, lp.row_upper_, lp.col_lower_, lp.col_upper_)
    return RangeForm(np.array(lp.col_cost_), A, *map(np.array, vectors), lp.offset_)


OPTIMA = {
    "afiro": -464.753142857143,
    "bnl2": 1811.23654035,
    "finnis": 172791.065595612,
    "ship04s": 1798714.70044539,
    "standata": 1257.6995,
    "shell": 1208825346.0,
    "sctap1": 1412.25,
    "stocfor1": -41131.9762194364,
}


@needs_data
@pytest.mark.parametrize("name", OPTIMA)
def test_netlib(name):
    """The known optimum by way of a smaller problem, with KKT residuals and a basis."""
    form = netlib("netlib", name)
    reduced = reduce(form)
    assert reduced.form.A.nnz < form.A.nnz
    solution = reduced.postsolve(solve(reduced.form))
    assert value(form, solution) == pytest.approx(OPTIMA[name], rel=1e-8)
    assert_proved(form, solution)


@needs_data
@pytest.mark.parametrize("name", ["ex72a", "galenet", "itest6", "reactor", "woodinfe", "box1"])
def test_infeasible_netlib(name):
    """Found by presolve or after it, the contradiction is one of the original rows."""
    form = netlib("infeas", name)
    solution = presolved_solution(form)
    assert solution.status == Status.INFEASIBLE
    assert_farkas(form, solution.ray)


@needs_data
def test_kennington():
    form = netlib("kennington", "ken-07")
    reduced = reduce(form)
    assert reduced.form.shape[0] < 0.5 * form.shape[0]
    solution = reduced.postsolve(solve(reduced.form))
    assert value(form, solution) == pytest.approx(-679520443.381687, rel=1e-9)
    assert_proved(form, solution)
