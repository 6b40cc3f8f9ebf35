"""The interior point method against duality, HiGHS, and the public test sets."""

import csv
import os
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from optlib.core.status import Status
from optlib.linear.interior_point import History, solve, solve_many, solve_with_history
from optlib.linear.interior_point.embedding import FIELDS
from optlib.linear.range_form import RangeForm

INF = np.inf
DATA = os.environ.get("OPTLIB_DATA")


def form_of(c, A, row_lower, row_upper, lower, upper):
    A = sp.csc_array(np.atleast_2d(np.asarray(A, float)))
    A.eliminate_zeros()
    A.indices, A.indptr = A.indices.astype(np.int32), A.indptr.astype(np.int32)
    vectors = (np.asarray(v, float) for v in (row_lower, row_upper, lower, upper))
    return RangeForm(np.asarray(c, float), A, *vectors)


def check_optimal(form, x, y, tol=1e-6):
    """KKT and gap, computed here from the data alone."""
    z, r = form.c - form.A.T @ y, form.A @ x
    size = 1.0 + np.abs(form.A) @ np.abs(x)
    assert (r >= form.row_lower - tol * size).all() and (r <= form.row_upper + tol * size).all()
    assert (x >= form.lower).all() and (x <= form.upper).all()
    size = 1.0 + np.abs(form.c) + np.abs(form.A).T @ np.abs(y)
    assert (z[form.lower == -INF] <= tol * size[form.lower == -INF]).all()
    assert (z[form.upper == INF] >= -tol * size[form.upper == INF]).all()
    dual = support(y, form.row_lower, form.row_upper) + support(z, form.lower, form.upper)
    assert abs(form.c @ x - dual) <= tol * (1.0 + abs(form.c @ x))


def support(price, low, high):
    """The least of ``price · v`` within the bounds; a missing bound counts as zero."""
    low, high = np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)
    return np.where(price > 0, price * low, price * high).sum()


def check_farkas(form, w, tol=1e-8):
    """The largest wᵀr is below the least (Aᵀw)ᵀx, up to weights that no size of x bridges."""
    v = form.A.T @ w
    missing = np.where(v > 0, form.lower == -INF, form.upper == INF) & (np.abs(v) > 0)
    wrong = np.where(w > 0, form.row_upper == INF, form.row_lower == -INF) & (np.abs(w) > 0)
    margin = support(v, form.lower, form.upper) + support(-w, form.row_lower, form.row_upper)
    rounding = 4 * np.finfo(float).eps * (np.abs(form.A).T @ np.abs(w))
    assert margin > 0
    largest = abs(form.A).max(axis=1).toarray().ravel() if form.A.nnz else np.ones(form.shape[0])
    given = [b[np.isfinite(b)] for b in (form.lower, form.upper)]
    given += [b[np.isfinite(b)] / np.where(largest > 0, largest, INF)[np.isfinite(b)]
              for b in (form.row_lower, form.row_upper)]  # fmt: skip
    unit = np.abs(np.concatenate(given)).max(initial=0.0) or 1.0  # a typical size of x
    loose = unit * np.maximum(np.abs(v) - rounding, 0.0)[missing].sum()
    assert loose + np.abs(w[wrong]).sum() <= tol * margin


def check_recession(form, x, d, tol=1e-6):
    """A feasible x, and a direction of falling cost that nothing stops."""
    check_optimal(replace(form, c=0.0 * form.c), x, np.zeros(form.shape[0]))
    slope, moved = -(form.c @ d), form.A @ d
    assert slope > 0
    assert (d[form.lower > -INF] >= 0).all() and (d[form.upper < INF] <= 0).all()
    assert (moved[form.row_upper < INF] <= tol * slope).all()
    assert (moved[form.row_lower > -INF] >= -tol * slope).all()


def highs(form):
    eq = form.row_lower == form.row_upper
    up, low = ~eq & (form.row_upper < INF), ~eq & (form.row_lower > -INF)
    A = form.A.tocsr()
    return linprog(
        form.c, sp.vstack([A[up], -A[low]]), np.r_[form.row_upper[up], -form.row_lower[low]],
        A[eq], form.row_upper[eq], np.c_[form.lower, form.upper], method="highs",
    )  # fmt: skip


def read(path):
    highspy = pytest.importorskip("highspy")
    model = highspy.Highs()
    model.silent()
    model.readModel(str(path))
    lp = model.getLp()
    a = lp.a_matrix_
    A = sp.csc_array((a.value_, a.index_, a.start_), shape=(lp.num_row_, lp.num_col_))
    return replace(
        form_of(lp.col_cost_, A.toarray(), lp.row_lower_, lp.row_upper_, lp.col_lower_,
                lp.col_upper_),
        offset=lp.offset_,
    )  # fmt: skip


def data_set(folder, limit):
    """Names and optima of a public set, the problems with at most so many entries."""
    if DATA is None:
        return []
    with open(Path(DATA) / folder / "optimal.csv") as table:
        return [
            pytest.param(row["name"], float(row["optimal"] or "nan"), id=row["name"])
            for row in csv.DictReader(table)
            if int(row["nonzeros"]) <= limit
        ]


needs_data = pytest.mark.skipif(DATA is None, reason="OPTLIB_DATA is not set")

# ------------------------------------------------------------------ known answers


def test_a_textbook_triangle():
    form = form_of([-1, -1], [[1, 2], [3, 1]], [-INF, -INF], [4, 6], [0, 0], [INF, INF])
    solution = solve(form)
    assert solution.status is Status.OPTIMAL
    assert np.allclose(solution.x, [1.6, 1.2], atol=1e-7)
    assert np.allclose(solution.y, [-0.4, -0.2], atol=1e-7)


def test_every_kind_of_bound_and_row():
    form = form_of(
        [1, -2, 3, 0.5, 1], [[1, 1, 1, 1, 0], [1, -1, 0, 2, 1], [0, 1, 1, 0, 3], [1, 0, 0, 0, 1]],
        [1, -4, -INF, -INF], [1, 4, 5, INF], [-INF, 0, -2, -1, 2], [INF, 3, INF, 1, 2],
    )  # fmt: skip
    solution = solve(form)
    assert solution.status is Status.OPTIMAL
    check_optimal(form, solution.x, solution.y)
    assert np.isclose(form.c @ solution.x, highs(form).fun, rtol=1e-7)


def test_redundant_rows_change_nothing():
    A = np.array([[1.0, 1, 1], [1, -1, 0]])
    twice = np.vstack([A, A.sum(0), A[0]])
    b = np.array([3.0, 1.0])
    form = form_of([1, 2, 0], twice, np.r_[b, b.sum(), b[0]], np.r_[b, b.sum(), b[0]],
                   np.zeros(3), np.full(3, INF))  # fmt: skip
    solution = solve(form)
    assert solution.status is Status.OPTIMAL
    assert np.isclose(form.c @ solution.x, 1.0, rtol=1e-7)


def test_without_rows_the_bounds_decide():
    form = form_of([1, -1], np.zeros((0, 2)), [], [], [2, -1], [INF, 5])
    assert np.allclose(solve(form).x, [2, 5], atol=1e-6)


def test_all_variables_fixed():
    form = form_of([1, 1], [[1, 1]], [3], [3], [1, 2], [1, 2])
    solution = solve(form)
    assert solution.status is Status.OPTIMAL and np.array_equal(solution.x, [1, 2])
    wrong = solve(replace(form, row_lower=np.array([4.0]), row_upper=np.array([4.0])))
    assert wrong.status is Status.INFEASIBLE
    assert wrong.ray[0] * 4 < wrong.ray[0] * 3


def test_a_dense_column_is_split_off():
    rng = np.random.default_rng(1)
    m = 300
    A = sp.hstack([np.ones((m, 1)), sp.eye_array(m), -sp.eye_array(m)]).toarray()
    c = np.r_[0.0, np.ones(2 * m)]
    b = rng.standard_normal(m)
    form = form_of(c, A, b, b, np.r_[-INF, np.zeros(2 * m)], np.full(2 * m + 1, INF))
    solution = solve(form)  # the median minimises the sum of distances
    assert np.isclose(form.c @ solution.x, np.abs(b - np.median(b)).sum(), rtol=1e-7)


def test_duals_are_derivatives_of_the_cost():
    rng = np.random.default_rng(7)
    A, x = rng.standard_normal((4, 9)), np.r_[rng.uniform(1, 2, 4), np.zeros(5)]
    z = np.r_[np.zeros(4), rng.uniform(1, 2, 5)]
    c, b = A.T @ rng.standard_normal(4) + z, A @ x
    form = form_of(c, A, b, b, np.zeros(9), np.full(9, INF))
    y = solve(form).y
    for i in range(4):
        h = 1e-3 * np.eye(4)[i]
        ends = [form.c @ solve(replace(form, row_lower=b + s * h, row_upper=b + s * h)).x
                for s in (1, -1)]  # fmt: skip
        assert np.isclose((ends[0] - ends[1]) / 2e-3, y[i], rtol=1e-5, atol=1e-5)


# ------------------------------------------------------------------ no solution


def test_infeasible_with_a_farkas_ray():
    form = form_of([1, 1], [[1, 1], [1, -1]], [4, -INF], [INF, 1], [0, 0], [1, 2])
    solution = solve(form)
    assert solution.status is Status.INFEASIBLE
    check_farkas(form, solution.ray)


def test_unbounded_with_a_feasible_point_and_a_ray():
    form = form_of([-1, 0, 1], [[1, -1, 0], [0, 1, 1]], [-INF, 1], [2, INF], [0, 0, 0],
                   [INF, INF, 4])  # fmt: skip
    solution = solve(form)
    assert solution.status is Status.UNBOUNDED
    check_recession(form, solution.x, solution.ray)


def test_both_sides_infeasible_is_infeasible():
    form = form_of([-1, -1], [[1, -1], [-1, 1]], [1, 1], [INF, INF], [0, 0], [INF, INF])
    solution = solve(form)
    assert solution.status is Status.INFEASIBLE
    check_farkas(form, solution.ray)


# ------------------------------------------------------------------ agreement with HiGHS


def random_program(rng):
    """Small programs of every sort: redundant, degenerate, free, boxed, badly scaled."""
    m, n = rng.integers(1, 9), rng.integers(1, 11)
    A = rng.integers(-3, 4, (m, n)) * (rng.random((m, n)) < rng.uniform(0.3, 1.0))
    if rng.random() < 0.5:
        A = np.vstack([A, A[0] + A[-1]])
        m += 1
    x = np.where(rng.random(n) < 0.5, 0.0, rng.integers(0, 5, n))
    b = A @ x + (rng.integers(-2, 3, m) if rng.random() < 0.5 else 0)
    kind = rng.integers(0, 4, m)
    row_lower = np.where(kind == 1, -INF, np.where(kind == 3, b - 2.0, b))
    row_upper = np.where(kind == 2, INF, b)
    kind = rng.integers(0, 5, n)
    lower = np.where(kind == 1, -INF, np.where(kind == 3, -INF, 0.0))
    upper = np.where(kind == 2, 4.0, np.where(kind == 3, 6.0, INF))
    rows, columns = (10.0 ** rng.integers(-2, 3, k) if rng.random() < 0.5 else np.ones(k)
                     for k in (m, n))  # fmt: skip
    c = rng.integers(-2, 6, n) * columns
    return form_of(c, rows[:, None] * A * columns, rows * row_lower, rows * row_upper,
                   lower / columns, upper / columns)  # fmt: skip


def programs():
    return st.integers(0, 2**32 - 1).map(lambda seed: random_program(np.random.default_rng(seed)))


@settings(max_examples=200, deadline=None)
@given(programs())
def test_every_claim_is_proved_and_agrees_with_highs(form):
    solution, reference = solve(form), highs(form)
    if solution.status is Status.OPTIMAL:
        check_optimal(form, solution.x, solution.y)
        assert np.isclose(form.c @ solution.x, reference.fun, rtol=1e-6, atol=1e-6)
    elif solution.status is Status.INFEASIBLE:
        check_farkas(form, solution.ray)
    elif solution.status is Status.UNBOUNDED:
        check_recession(form, solution.x, solution.ray)  # HiGHS calls some of these infeasible
    else:  # no claim, so none is wrong; how rare that is, the next test says
        assert solution.status is Status.STALLED


def test_nearly_every_program_is_decided():
    decided = [solve(random_program(np.random.default_rng(seed))).status for seed in range(300)]
    assert sum(status is Status.STALLED for status in decided) <= 3


# ------------------------------------------------------------------ public sets


@needs_data
@pytest.mark.parametrize(("name", "optimal"), data_set("netlib", 3000))
def test_netlib(name, optimal):
    form = read(Path(DATA) / "netlib" / f"{name}.mps.gz")
    solution = solve(form)
    assert solution.status is Status.OPTIMAL
    assert form.c @ solution.x + form.offset == pytest.approx(optimal, rel=1e-7)
    check_optimal(form, solution.x, solution.y)


@needs_data
@pytest.mark.parametrize(("name", "_"), data_set("infeas", 5000))
def test_infeasible_set(name, _):
    form = read(Path(DATA) / "infeas" / f"{name}.mps.gz")
    solution = solve(form)
    assert solution.status is Status.INFEASIBLE
    check_farkas(form, solution.ray)


# ------------------------------------------------------------------ the path


def small():
    rng = np.random.default_rng(2)
    A = rng.standard_normal((6, 14))
    b, c = A @ rng.uniform(0, 1, 14), A.T @ rng.standard_normal(6) + rng.uniform(0, 1, 14)
    return form_of(c, A, b, b, np.zeros(14), np.full(14, INF))


def test_the_path_is_recorded_and_leads_to_the_answer():
    form = small()
    solution, history = solve_with_history(form, points=True)
    assert len(history) == solution.nit + 1 == history.x.shape[0]
    assert np.allclose(history.x[-1], solution.x)
    assert max(history.primal[-1], history.dual[-1], history.gap[-1]) <= 1e-8
    assert history.objective[-1] == pytest.approx(form.c @ solution.x)
    assert (history.mu[1:] < history.mu[:-1]).all()
    assert (history.step_primal[1:] > 0).all() and (history.step_primal <= 1).all()


def test_the_history_has_one_array_for_each_recorded_number():
    _, history = solve_with_history(small())
    recorded = [getattr(history, name) for name in FIELDS]
    assert [f.name for f in fields(History)] == [*FIELDS, "x"]
    assert all(values.shape == (len(history),) for values in recorded)


def test_iterates_stay_strictly_inside():
    form = small()
    _, history = solve_with_history(form, points=True)
    assert (history.x > 0).all()


def test_limits_and_interruption():
    form = small()
    assert solve(form, max_iterations=2).status is Status.ITERATION_LIMIT
    assert solve(form, max_iterations=2).nit == 2
    seen = []
    stopped = solve(form, callback=lambda path: seen.append(len(path)) or len(path) == 3)
    assert stopped.status is Status.INTERRUPTED and seen == [1, 2, 3]
    late = solve(form, max_seconds=0.0, callback=lambda path: False)
    assert late.status is Status.TIME_LIMIT


# ------------------------------------------------------------------ many at once


@settings(max_examples=60, deadline=None)
@given(programs())
def test_many_agrees_with_one(form):
    one = solve(form)
    data = form.c, form.A.toarray(), form.row_lower, form.row_upper, form.lower, form.upper
    many = solve_many(*data)
    found = Status(int(many.status[0]))
    assert found is one.status or Status.STALLED in (found, one.status)
    if found is Status.OPTIMAL:
        check_optimal(form, many.x[0], many.y[0])
    elif found is Status.INFEASIBLE:
        check_farkas(form, many.ray[0, : form.shape[0]])
    elif found is Status.UNBOUNDED:
        check_recession(form, many.x[0], many.ray[0, : form.shape[1]])


def test_many_broadcasts_what_is_shared():
    form, k = small(), 20
    rng = np.random.default_rng(4)
    b = rng.uniform(0, 1, (k, 14)) @ form.A.T.toarray()
    many = solve_many(form.c, form.A.toarray(), b, b, form.lower, form.upper)
    assert (many.status == Status.OPTIMAL).all()
    for row, x, y in zip(b, many.x, many.y, strict=True):
        check_optimal(replace(form, row_lower=row, row_upper=row), x, y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"c": np.ones(3)}, r"c: found shape \(3,\), needed \(2,\)"),
        ({"lower": np.zeros((4, 2)), "c": np.zeros((3, 2))}, "batches of"),
        ({"A": np.ones(2)}, "A: found 1 dimensions"),
        ({"A": np.ones((65, 2))}, "A: found 65 rows, needed at most 64"),
    ],
)
def test_many_names_what_does_not_fit(change, message):
    data = {"c": np.ones(2), "A": np.ones((1, 2)), "row_lower": np.ones(1),
            "row_upper": np.ones(1), "lower": np.zeros(2), "upper": np.ones(2)}  # fmt: skip
    with pytest.raises(ValueError, match=message):
        solve_many(**{**data, **change})
