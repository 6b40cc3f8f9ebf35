"""The revised simplex engine: known answers, certificates, agreement with HiGHS."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog

import optlib as ol
from optlib import Status
from optlib.linear.range_form import AT_LOWER, AT_UPPER, BASIC, FREE, Basis, RangeForm
from optlib.linear.simplex import phases
from optlib.linear.simplex.engine import solve

INF = np.inf
DATA = Path(os.environ.get("OPTLIB_DATA", ""))
needs_data = pytest.mark.skipif(
    not (DATA / "netlib").is_dir(), reason="OPTLIB_DATA names no folder with the Netlib set"
)
both = pytest.mark.parametrize("algorithm", ["dual", "primal"])


def program(c, A, row_lower, row_upper, lower=0.0, upper=INF):
    c = np.asarray(c, float)
    A = sp.csc_array(np.asarray(A, float))
    A.sort_indices()
    A = sp.csc_array((A.data, A.indices.astype(np.int32), A.indptr.astype(np.int32)), A.shape)
    rows = [np.broadcast_to(np.asarray(v, float), A.shape[0]) for v in (row_lower, row_upper)]
    columns = [np.broadcast_to(np.asarray(v, float), c.size) for v in (lower, upper)]
    return RangeForm(c, A, *rows, *columns)


def outside(value, lower, upper):
    return max(np.max(lower - value, initial=0.0), np.max(value - upper, initial=0.0))


def assert_optimal(form, solution, tol=1e-9):
    """Feasible on both sides and complementary, each relative to the terms summed."""
    assert solution.status is Status.OPTIMAL
    x, y, A = solution.x, solution.y, form.A
    activity, z = A @ x, form.c - A.T @ y
    size = 1.0 + np.max(abs(A) @ np.abs(x), initial=0.0)
    costs = 1.0 + np.max(np.abs(form.c) + abs(A).T @ np.abs(y), initial=0.0)
    assert outside(activity, form.row_lower, form.row_upper) <= tol * size
    assert outside(x, form.lower, form.upper) <= tol * (1.0 + np.abs(x).max(initial=0.0))
    for d, value, lower, upper in (
        (z, x, form.lower, form.upper),
        (y, activity, form.row_lower, form.row_upper),
    ):
        assert np.all((d <= tol * costs) | (value - lower <= 10 * tol * size))
        assert np.all((d >= -tol * costs) | (upper - value <= 10 * tol * size))


def assert_farkas(form, w):
    """``max wᵀr`` over the rows' bounds is below ``min (Aᵀw)ᵀx`` over the columns'."""
    v = form.A.T @ w
    v[np.abs(v) <= 1e-9 * (abs(form.A).T @ np.abs(w))] = 0.0
    high = np.where(w > 0, form.row_upper, form.row_lower)
    low = np.where(v > 0, form.lower, form.upper)
    assert w[w != 0] @ high[w != 0] < v[v != 0] @ low[v != 0]


def assert_recedes(form, solution):
    """A feasible point, and a direction along which the cost falls for ever."""
    d, x = solution.ray, solution.x
    assert form.c @ d < 0
    for moved, value, lower, upper in (
        (d, x, form.lower, form.upper),
        (form.A @ d, form.A @ x, form.row_lower, form.row_upper),
    ):
        noise = 1e-9 * np.abs(moved).max(initial=1.0)
        assert np.all((moved >= -noise) | np.isneginf(lower))
        assert np.all((moved <= noise) | np.isposinf(upper))
        assert outside(value, lower, upper) <= 1e-8 * (1.0 + np.abs(value).max(initial=0.0))


def assert_basic(form, basis, x):
    """As many basic variables as rows, the others where the basis says."""
    standing = np.concatenate([basis.columns, basis.rows])
    assert np.sum(standing == BASIC) == form.shape[0]
    value = np.concatenate([x, form.A @ x])
    lower = np.concatenate([form.lower, form.row_lower])
    upper = np.concatenate([form.upper, form.row_upper])
    scale = 1e-9 * (1.0 + np.abs(value))
    assert np.all((standing != AT_LOWER) | (np.abs(value - lower) <= scale))
    assert np.all((standing != AT_UPPER) | (np.abs(value - upper) <= scale))
    assert np.all((standing != FREE) | (np.abs(value) <= scale))


# ---------------------------------------------------------------------- known answers


@both
def test_a_vertex_with_its_prices(algorithm):
    form = program([-1, -1], [[1, 2], [3, 1]], -INF, [4, 6])
    solution = solve(form, algorithm=algorithm)
    assert_optimal(form, solution)
    assert solution.x == pytest.approx([1.6, 1.2])
    assert solution.y == pytest.approx([-0.4, -0.2])


@both
def test_beale_cycles_under_dantzig_but_not_here(algorithm):
    """Beale (1955): the textbook rule returns to its first basis after six pivots."""
    A = [[0.25, -60, -1 / 25, 9], [0.5, -90, -1 / 50, 3], [0, 0, 1, 0]]
    form = program([-0.75, 150, -0.02, 6], A, -INF, [0, 0, 1])
    solution = solve(form, algorithm=algorithm)
    assert_optimal(form, solution)
    assert form.c @ solution.x == pytest.approx(-0.05)


@both
@pytest.mark.parametrize("seed", range(5))
def test_least_index_rule_alone_ends_at_the_optimum(algorithm, seed, monkeypatch):
    """Bland (1977), here on assignment problems, whose bases are nearly all degenerate."""
    monkeypatch.setattr(phases.Stall, "watch", lambda *_: True)
    n = 5
    rows = np.vstack([np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))])
    cost = np.random.default_rng(seed).integers(0, 10, (n, n)).astype(float)
    form = program(cost.ravel(), rows, 1.0, 1.0)
    solution = solve(form, algorithm=algorithm)
    assert_optimal(form, solution)
    assert form.c @ solution.x == pytest.approx(cost[linear_sum_assignment(cost)].sum())


@both
def test_klee_minty_cube(algorithm):
    n = 12
    A = np.eye(n) + 2.0 * np.tril([[2.0 ** (i - j) for j in range(n)] for i in range(n)], -1)
    form = program(-(2.0 ** np.arange(n - 1, -1, -1)), A, -INF, 5.0 ** np.arange(1, n + 1))
    solution = solve(form, algorithm=algorithm)
    assert_optimal(form, solution)
    assert form.c @ solution.x == pytest.approx(-(5.0**n))
    assert solution.nit < 100


@both
def test_a_sum_of_boxes_is_solved_by_flips(algorithm):
    """A knapsack: the best ratios are full, one is broken, the rest are empty."""
    form = program([-5, -4, -3, -2], [[1, 1, 1, 1]], -INF, 2.5, 0.0, 1.0)
    solution = solve(form, algorithm=algorithm)
    assert_optimal(form, solution)
    assert solution.x == pytest.approx([1, 1, 0.5, 0])
    assert solution.y == pytest.approx([-3])


@both
def test_free_variables_and_equations(algorithm):
    """The line through (0, 1), (1, 3) minimises the largest residual of three points."""
    A = [[0, 1, -1], [0, 1, 1], [1, 1, -1], [1, 1, 1], [2, 1, -1], [2, 1, 1]]
    lower, upper = [-INF, 1, -INF, 3, -INF, 4], [1, INF, 3, INF, 4, INF]
    form = program([0, 0, 1], A, lower, upper, [-INF, -INF, 0])
    solution = solve(form, algorithm=algorithm)
    assert_optimal(form, solution)
    assert solution.x == pytest.approx([1.5, 1.25, 0.25])


@both
def test_infeasible_rows_are_refuted_by_their_combination(algorithm):
    form = program([1, 1], [[1, 1], [1, -1], [1, 0]], [4, 0, -INF], [INF, 0, 1])
    solution = solve(form, algorithm=algorithm)
    assert solution.status is Status.INFEASIBLE
    assert_farkas(form, solution.ray)


@both
def test_an_unbounded_cost_comes_with_a_point_and_a_ray(algorithm):
    form = program([-1, -2, 1], [[1, -1, 0], [-2, 1, 1]], [-INF, -INF], [3, 2])
    solution = solve(form, algorithm=algorithm)
    assert solution.status is Status.UNBOUNDED
    assert_recedes(form, solution)


@both
@pytest.mark.parametrize(
    ("form", "status"),
    [
        (program([1, -1], np.zeros((0, 2)), 0, 0, 0, [1, 2]), Status.OPTIMAL),
        (program([1, -1], np.zeros((0, 2)), 0, 0), Status.UNBOUNDED),
        (program([], np.zeros((2, 0)), [0, -1], 1), Status.OPTIMAL),
        (program([], np.zeros((2, 0)), [1, -1], 1), Status.INFEASIBLE),
        (program([1, 1], np.zeros((2, 2)), [0, -1], 1), Status.OPTIMAL),
        (program([1], [[1]], 1, 0), Status.INFEASIBLE),
        (program([1], [[1]], 0, 1, 3, 2), Status.INFEASIBLE),
    ],
    ids=["no rows", "no rows, unbounded", "no columns", "no columns, infeasible", "zero rows",
         "contradictory row", "contradictory column"],
)  # fmt: skip
def test_degenerate_shapes(form, status, algorithm):
    assert solve(form, algorithm=algorithm).status is status


# ---------------------------------------------------------------------- random programs


@st.composite
def programs(draw):
    """Small programs: degenerate, redundant, free, fixed, boxed, badly scaled, infeasible."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    m, n = draw(st.integers(1, 10)), draw(st.integers(1, 12))
    A = rng.integers(-3, 4, (m, n)) * (rng.random((m, n)) < draw(st.sampled_from([0.3, 0.6, 1.0])))
    A = A.astype(float)
    if draw(st.booleans()):
        A[rng.integers(m)] = A[rng.integers(m)] - 2.0 * A[rng.integers(m)]
    if draw(st.booleans()):
        A *= 10.0 ** rng.integers(-2, 3, (m, 1)) * 10.0 ** rng.integers(-2, 3, n)
    x = rng.integers(-2, 3, n).astype(float)
    kind = rng.integers(0, 4, n)
    lower = np.where(kind == 0, -INF, x - rng.integers(0, 2, n))
    upper = np.where(kind <= 1, INF, np.where(kind == 2, x + 1, lower))
    kind, r = rng.integers(0, 4, m), A @ x
    size = np.maximum(np.abs(A).max(axis=1, initial=0.0), 1e-6)
    row_lower = np.where(kind == 0, -INF, r - size * rng.integers(0, 2, m))
    row_upper = np.where(kind == 1, INF, np.where(kind == 2, row_lower, r + size))
    if draw(st.integers(0, 3)) == 0:
        row_lower, row_upper = row_lower + size, row_upper + size
    return program(rng.integers(-3, 4, n), A, row_lower, row_upper, lower, upper)


def with_highs(form):
    equal = form.row_lower == form.row_upper
    A, up, low = form.A.tocsr(), np.isfinite(form.row_upper), np.isfinite(form.row_lower)
    A_ub = sp.vstack([A[up & ~equal], -A[low & ~equal]])
    b_ub = np.concatenate([form.row_upper[up & ~equal], -form.row_lower[low & ~equal]])
    result = linprog(
        form.c, A_ub, b_ub, A[equal], form.row_lower[equal], np.c_[form.lower, form.upper],
        method="highs-ds",
    )  # fmt: skip
    return result.status, result.fun


@both
@settings(max_examples=150, deadline=None)
@given(form=programs())
def test_status_and_value_are_those_of_highs(form, algorithm):
    solution = solve(form, algorithm=algorithm)
    if solution.status is Status.INFEASIBLE:
        assert_farkas(form, solution.ray)
    elif solution.status is Status.UNBOUNDED:
        assert_recedes(form, solution)
    else:
        assert_optimal(form, solution)
        assert_basic(form, solution.basis, solution.x)
    status, value = with_highs(form)
    if status in (0, 2, 3):  # which of 2 and 3 the ray has proved; HiGHS's presolve may not know
        assert (status == 0) == (solution.status is Status.OPTIMAL)
    if status == 0:
        assert form.c @ solution.x == pytest.approx(value, rel=1e-6, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(form=programs(), seed=st.integers(0, 10**6))
def test_any_basis_is_a_start(form, seed):
    """Singular, incomplete or overfull bases are repaired; the answer does not depend on them."""
    m, n = form.shape
    standing = np.random.default_rng(seed).integers(0, 4, n + m).astype(np.int8)
    cold = solve(form)
    warm = solve(form, basis=Basis(standing[:n], standing[n:]))
    assert warm.status is cold.status
    if cold.status is Status.OPTIMAL:
        assert form.c @ warm.x == pytest.approx(form.c @ cold.x, rel=1e-9, abs=1e-9)


@both
@settings(max_examples=40, deadline=None)
@given(form=programs())
def test_an_optimal_basis_needs_no_iteration(form, algorithm):
    first = solve(form)
    if first.status is Status.OPTIMAL:
        again = solve(form, basis=first.basis, algorithm=algorithm)
        assert again.nit == 0
        assert again.x == pytest.approx(first.x, rel=1e-9, abs=1e-9)


# ---------------------------------------------------------------------- limits and trace


def transport(size=30):
    """A transport problem; its costs are drawn at random."""
    rng = np.random.default_rng(0)
    rows = np.kron(np.eye(size), np.ones(size)), np.kron(np.ones(size), np.eye(size))
    return program(rng.random(size * size), np.vstack(rows), 1.0, 1.0)


def test_limits_end_a_run_with_a_basis_to_go_on_from():
    form = transport()
    full = solve(form)
    part = solve(form, max_iterations=full.nit // 2)
    assert part.status is Status.ITERATION_LIMIT
    assert part.nit == full.nit // 2
    assert_optimal(form, solve(form, basis=part.basis))
    assert solve(form, max_seconds=0.0).status is Status.TIME_LIMIT


def test_a_hook_may_interrupt_and_the_trace_tells_the_phases():
    form, trace = transport(), []
    stopped = solve(form, should_stop=lambda step: step.iteration > 0)
    assert stopped.status is Status.INTERRUPTED
    solution = solve(form, trace=trace)
    assert [step.iteration for step in trace] == sorted(step.iteration for step in trace)
    assert trace[-1].infeasibility == 0.0
    assert trace[-1].iteration == solution.nit


def test_scaling_the_program_leaves_the_answer():
    form = transport(8)
    m, n = form.shape
    rng = np.random.default_rng(1)
    R, C = 10.0 ** rng.integers(-3, 4, m), 10.0 ** rng.integers(-3, 4, n)
    A = sp.csc_array(sp.diags_array(R) @ form.A @ sp.diags_array(C))
    A = sp.csc_array((A.data, form.A.indices, form.A.indptr), A.shape)
    scaled = replace(
        form, c=form.c * C, A=A, row_lower=form.row_lower * R, row_upper=form.row_upper * R
    )
    assert scaled.c @ solve(scaled).x == pytest.approx(form.c @ solve(form).x, rel=1e-9)


# ---------------------------------------------------------------------- test sets

NETLIB = [
    "afiro", "blend", "share2b", "sc205", "vtp-base", "brandy", "israel", "scsd1", "agg", "e226",
    "grow7", "boeing1", "degen2", "seba", "pilotnov", "cycle",
]  # fmt: skip
INFEASIBLE = ["bgprtr", "box1", "ex73a", "galenet", "klein2", "qual", "woodinfe", "forest6"]


def from_file(folder, name):
    return ol.LinearProgram.from_mps(DATA / folder / f"{name}.mps.gz").to_range_form()


def listed_optimum(name):
    rows = (DATA / "netlib" / "optimal.csv").read_text().splitlines()
    return float(next(row for row in rows if row.startswith(name + ",")).split(",")[-1])


@needs_data
@pytest.mark.parametrize("name", NETLIB)
def test_netlib_by_the_dual_method(name):
    form = from_file("netlib", name)
    solution = solve(form)
    assert_optimal(form, solution)
    assert form.c @ solution.x + form.offset == pytest.approx(listed_optimum(name), rel=1e-9)


@needs_data
@pytest.mark.parametrize("name", NETLIB[:12])
def test_netlib_by_the_primal_method(name):
    form = from_file("netlib", name)
    solution = solve(form, algorithm="primal")
    assert_optimal(form, solution)
    assert form.c @ solution.x + form.offset == pytest.approx(listed_optimum(name), rel=1e-9)


@both
@needs_data
@pytest.mark.parametrize("name", INFEASIBLE)
def test_infeasible_programs_are_refuted(name, algorithm):
    form = from_file("infeas", name)
    solution = solve(form, algorithm=algorithm)
    assert solution.status is Status.INFEASIBLE
    assert_farkas(form, solution.ray)
