"""Branch and bound: known answers, agreement with HiGHS, and trees that prove or do not."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

import optlib as ol
from optlib.linear.integer import cuts
from optlib.linear.integer import tree as trees

peer: Any = scipy.optimize
seeds = st.integers(0, 10**6)
Status = ol.Status


def solve(problem: ol.LinearProgram, **options: Any) -> ol.Result:
    return ol.minimize(problem, "branch_and_bound", **options)


def proved(result: ol.Result, problem: ol.LinearProgram) -> bool:
    """Whether the result's tree, judged anew, proves its status."""
    x = None if result.status is Status.INFEASIBLE else result.x
    proof = trees.certify(problem, x, result.tree, 1e-8)
    return proof.holds() and proof.status is result.status


def knapsack(seed: int, rows: int = 2, n: int = 15) -> ol.LinearProgram:
    rng = np.random.default_rng(seed)
    A = rng.integers(5, 60, (rows, n)).astype(float)
    value = A.mean(axis=0).round() + rng.integers(0, 20, n)
    return ol.LinearProgram(-value, A_ub=A, b_ub=A.sum(axis=1) // 2, upper=1.0, integer=True)


def covering(seed: int, rows: int = 30, n: int = 50) -> ol.LinearProgram:
    rng = np.random.default_rng(seed)
    A = (rng.random((rows, n)) < 0.08).astype(float)
    A[np.arange(rows), rng.integers(0, n, rows)] = 1.0
    cost = rng.integers(1, 20, n).astype(float)
    return ol.LinearProgram(
        cost, A_ub=-sp.csr_array(A), b_ub=-np.ones(rows), upper=1.0, integer=True
    )


def fixed_charge(seed: int, plants: int = 4, customers: int = 6) -> ol.LinearProgram:
    """Plants with opening costs and capacities; the flows are continuous."""
    rng = np.random.default_rng(seed)
    demand = rng.integers(5, 20, customers).astype(float)
    capacity = rng.integers(30, 70, plants).astype(float)
    opening, carrying = rng.integers(50, 200, plants), rng.uniform(1, 9, (plants, customers))
    serve = np.kron(np.ones(plants), np.eye(customers))
    leave = np.kron(np.eye(plants), np.ones(customers))
    return ol.LinearProgram(
        np.concatenate([opening, carrying.ravel()]),
        A_eq=np.hstack([np.zeros((customers, plants)), serve]), b_eq=demand,
        A_ub=np.hstack([-np.diag(capacity), leave]), b_ub=np.zeros(plants),
        upper=np.concatenate([np.ones(plants), np.full(plants * customers, np.inf)]),
        integer=np.arange(plants * (1 + customers)) < plants,
    )  # fmt: skip


def of_highs(problem: ol.LinearProgram) -> Any:
    """SciPy's ``milp``; it wants whole bounds for whole variables."""
    form, whole = problem.to_range_form(), problem.integer
    lower = np.where(whole, np.ceil(form.lower), form.lower)
    upper = np.where(whole, np.floor(form.upper), form.upper)
    rows = peer.LinearConstraint(form.A, form.row_lower, form.row_upper) if form.shape[0] else ()
    return peer.milp(
        form.c, integrality=whole.astype(int), bounds=peer.Bounds(lower, upper), constraints=rows,
        options={"mip_rel_gap": 0.0},
    )  # fmt: skip


# ------------------------------------------------------------------ known answers


def test_a_knapsack_is_what_dynamic_programming_says() -> None:
    for seed in range(4):
        problem = knapsack(seed, rows=1)
        best = np.zeros(int(problem.b_ub[0]) + 1)
        for weight, cost in zip(problem.A_ub[0].astype(int), problem.c):
            best[weight:] = np.maximum(best[weight:], best[:-weight] - cost)
        result = solve(problem)
        assert result.status is Status.OPTIMAL and result.fun == -best.max()
        assert proved(result, problem)


def test_an_assignment_is_what_the_hungarian_method_says() -> None:
    cost = np.random.default_rng(1).integers(1, 50, (6, 6)).astype(float)
    once = np.vstack([np.kron(np.eye(6), np.ones(6)), np.kron(np.ones(6), np.eye(6))])
    problem = ol.LinearProgram(cost.ravel(), once, np.ones(12), upper=1.0, integer=True)
    result = solve(problem)
    assert result.success and result.fun == cost[linear_sum_assignment(cost)].sum()
    assert result.nit == 1, "the relaxation of an assignment is integral"


@pytest.mark.parametrize("make", [knapsack, covering, fixed_charge])
def test_random_instances_have_the_value_of_highs(make: Any) -> None:
    for seed in range(6):
        problem = make(seed)
        result = solve(problem)
        assert result.status is Status.OPTIMAL and result.success
        assert result.fun == pytest.approx(of_highs(problem).fun, rel=1e-8)
        assert proved(result, problem)
        assert (result.x[problem.integer] == np.rint(result.x[problem.integer])).all()


def test_an_equality_knapsack() -> None:
    """Jeroslow's program, an odd sum of even weights: 2^(n/2) boxes, or one cut."""
    n = 9
    even = ol.LinearProgram(np.ones(n), A_eq=[np.full(n, 2.0)], b_eq=[n], upper=1.0, integer=True)
    for rounds in (0, 1):
        result = solve(even, cuts=rounds)
        assert (result.status, result.success) == (Status.INFEASIBLE, True)
        assert proved(result, even)
        leaves = result.certificate.details["leaves"]
        assert leaves == 1 if rounds else leaves > 2 ** (n // 2)
    coins = ol.LinearProgram(
        np.ones(4), A_eq=[[3.0, 7.0, 13.0, 29.0]], b_eq=[97.0], upper=40.0, integer=True
    )
    found = solve(coins)
    counts = itertools.product(range(33), range(14), range(8), range(4))
    least = min(sum(k) for k in counts if np.dot(k, [3, 7, 13, 29]) == 97)
    assert found.status is Status.OPTIMAL and found.fun == least


def test_bounds_between_whole_numbers() -> None:
    problem = ol.LinearProgram([1.0], lower=0.3, upper=5.0, integer=True)
    assert solve(problem).x == 1.0
    nothing = ol.LinearProgram([1.0], lower=0.3, upper=0.7, integer=True)
    result = solve(nothing)
    assert (result.status, result.success) == (Status.INFEASIBLE, True)
    nearly = ol.LinearProgram([1.0], lower=1.0 + 1e-12, upper=5.0, integer=True)
    assert solve(nearly).x == 1.0


def test_an_infeasible_relaxation_has_its_ray() -> None:
    problem = ol.LinearProgram([1.0], A_ub=[[1.0], [-1.0]], b_ub=[1.0, -2.0], integer=True)
    result = solve(problem)
    assert (result.status, result.success) == (Status.INFEASIBLE, True)
    assert problem.certify_infeasible(result.ray).holds()


def test_an_unbounded_relaxation_is_unbounded_only_with_an_integral_point() -> None:
    falls = ol.LinearProgram([0.0, -1.0], A_eq=[[2.0, 0.0]], b_eq=[4.0], integer=True)
    result = solve(falls)
    assert (result.status, result.success) == (Status.UNBOUNDED, True)
    assert falls.certify_unbounded(result.x, result.ray).holds() and result.x[0] == 2.0
    empty = ol.LinearProgram([0.0, -1.0], A_eq=[[2.0, 0.0]], b_eq=[3.0], integer=True)
    result = solve(empty)
    assert (result.status, result.success) == (Status.INFEASIBLE, True)
    assert proved(result, empty)


def test_without_integer_variables_it_is_the_simplex_method() -> None:
    diet = ol.LinearProgram([2.0, 3.0], A_ub=[[-1.0, -1.0], [-1.0, -3.0]], b_ub=[-4.0, -6.0])
    assert solve(diet).fun == ol.minimize(diet, "simplex").fun == 9.0


# ------------------------------------------------------------------ random programs


def random_program(seed: int) -> ol.LinearProgram:
    """Small numbers, some variables whole, bounds anywhere; often infeasible, some unbounded."""
    rng = np.random.default_rng(seed)
    n, m_eq, m_ub = (int(rng.integers(low, high)) for low, high in ((1, 8), (0, 3), (0, 6)))
    A_eq, A_ub = (rng.integers(-3, 6, (m, n)) * rng.integers(0, 2, (m, n)) for m in (m_eq, m_ub))
    inside = rng.integers(-2, 4, n)
    b_eq = A_eq @ inside if rng.random() < 0.7 else rng.integers(-3, 8, m_eq)
    b_ub = A_ub @ inside + rng.integers(0, 3, m_ub)
    lower = rng.choice([-3.0, 0.0, 0.0, -0.5], n)
    upper = np.maximum(lower, rng.choice([1.0, 3.0, 7.5], n))
    upper = np.where(rng.random(n) < rng.choice([0.0, 0.3]), np.inf, upper)
    c = rng.integers(-5, 6, n) / rng.choice([1.0, 3.0])
    integer = rng.random(n) < rng.choice([0.5, 1.0])
    integer[0] = True
    return ol.LinearProgram(c, A_eq, b_eq, A_ub, b_ub, lower, upper, integer)


@given(seeds)
@settings(max_examples=250, deadline=None, derandomize=True)
def test_every_random_program_gets_a_proof_and_the_value_of_highs(seed: int) -> None:
    problem = random_program(seed)
    result, theirs = solve(problem, max_iterations=5000), of_highs(problem)
    assert result.success, result
    allowed = {
        0: {Status.OPTIMAL}, 2: {Status.INFEASIBLE}, 3: {Status.UNBOUNDED},
        4: {Status.INFEASIBLE, Status.UNBOUNDED},
    }  # fmt: skip
    assert result.status in allowed[theirs.status]
    if result.status is Status.OPTIMAL:
        assert result.fun == pytest.approx(theirs.fun, rel=1e-7, abs=1e-7)


@given(seeds)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_no_point_of_the_box_is_better(seed: int) -> None:
    """By trying them all: nothing but arithmetic judges the proof."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(2, 6)), int(rng.integers(1, 4))
    A, c = rng.integers(-4, 8, (m, n)), rng.integers(-6, 7, n)
    b = rng.integers(-4, 15, m)
    problem = ol.LinearProgram(c, A_ub=A, b_ub=b, upper=3.0, integer=True)
    points = np.array(list(itertools.product(range(4), repeat=n)))
    costs = (points @ c)[(points @ A.T <= b).all(axis=1)]
    result = solve(problem)
    if costs.size:
        assert result.status is Status.OPTIMAL and result.fun == costs.min()
    else:
        assert (result.status, result.success) == (Status.INFEASIBLE, True)
    assert result.nit == 1 or proved(result, problem)


# ------------------------------------------------------------------ proofs


def grown() -> tuple[ol.LinearProgram, ol.Result]:
    problem = knapsack(3, rows=3)
    result = solve(problem)
    assert len(result.tree) > 5 and result.tree.leaves > 3
    return problem, result


def test_a_tree_proves_no_worse_point() -> None:
    problem, result = grown()
    worse = result.x.copy()
    worse[np.flatnonzero(worse)[0]] = 0.0
    proof = trees.certify(problem, worse, result.tree, 1e-8)
    assert proof.status is Status.FINISHED and proof.details["gap"] > 1e-8


def test_a_forged_leaf_proves_nothing() -> None:
    problem, result = grown()
    tree = result.tree
    leaf = int(np.flatnonzero((tree.column < 0) & (tree.weights >= 0))[-1])
    y = tree.y.copy()
    y[tree.weights[leaf]] = 0.0
    forged = trees.certify(problem, result.x, replace(tree, y=y), 1e-8)
    assert forged.status is not Status.OPTIMAL
    ray = np.ones_like(tree.ray)
    assert trees.certify(problem, result.x, replace(tree, ray=ray), 1e-8).status is Status.FINISHED


def test_multipliers_of_the_wrong_sign_do_not_help() -> None:
    problem, result = grown()
    large = replace(result.tree, y=np.abs(result.tree.y) * 1e3)
    assert trees.certify(problem, result.x, large, 1e-8).status is not Status.OPTIMAL


def test_a_tree_that_misses_points_is_refused() -> None:
    problem, result = grown()
    tree = result.tree
    children = tree.children.copy()
    inner = int(np.flatnonzero(tree.column >= 0)[0])
    children[inner] = children[inner][0]
    with pytest.raises(ValueError, match="hold every integral point"):
        trees.certify(problem, result.x, replace(tree, children=children), 1e-8)
    with pytest.raises(ValueError, match="not whole"):
        trees.certify(problem, result.x, replace(tree, value=tree.value + 0.5), 1e-8)
    part = ol.LinearProgram(
        problem.c, A_ub=problem.A_ub, b_ub=problem.b_ub, upper=1.0,
        integer=np.arange(problem.n) != tree.column[inner],
    )  # fmt: skip
    with pytest.raises(ValueError, match="no integer variable"):
        trees.certify(part, result.x, tree, 1e-8)


def test_a_feasible_program_has_no_proof_that_it_is_not() -> None:
    problem, result = grown()
    proof = trees.certify(problem, None, result.tree, 1e-8)
    assert not proof.holds()


def test_the_certificate_explains_itself() -> None:
    proof: Any = grown()[1].certificate
    assert "no feasible one" in proof.explain()
    assert proof.verify() and proof.details["leaves"] > 2
    with pytest.raises(ValueError, match="exact"):
        proof.verify(exact=True)


# ------------------------------------------------------------------ cutting planes


def lot_sizing(seed: int, periods: int = 12) -> ol.LinearProgram:
    """Produce or store: its relaxation is weak, and cuts make it strong."""
    rng = np.random.default_rng(seed)
    demand, eye = rng.integers(0, 60, periods).astype(float), np.eye(periods)
    none = np.zeros((periods, periods))
    return ol.LinearProgram(
        np.concatenate([rng.integers(1, 5, periods), np.ones(periods),
                        rng.integers(50, 200, periods)]),
        np.hstack([eye, np.eye(periods, k=-1) - eye, none]), demand,
        np.hstack([eye, none, -120.0 * eye]), np.zeros(periods),
        upper=np.concatenate([np.full(2 * periods, np.inf), np.ones(periods)]),
        integer=np.arange(3 * periods) >= 2 * periods,
    )  # fmt: skip


@pytest.mark.parametrize("make", [knapsack, covering, fixed_charge, lot_sizing])
def test_cuts_change_the_work_and_not_the_answer(make: Any) -> None:
    for seed in range(3):
        problem = make(seed)
        with_cuts, without = solve(problem), solve(problem, cuts=0)
        assert with_cuts.success and without.success
        assert with_cuts.fun == pytest.approx(without.fun, rel=1e-8)
        assert not without.tree.cuts.used
    problem = lot_sizing(2)
    assert solve(problem).nit < solve(problem, cuts=0).nit / 3


@given(seeds)
@settings(max_examples=80, deadline=None, derandomize=True)
def test_no_cut_excludes_an_integral_point(seed: int) -> None:
    """From any weights of the rows, and from cuts of cuts."""
    rng = np.random.default_rng(seed)
    n, m_eq, m_ub = int(rng.integers(2, 5)), int(rng.integers(0, 2)), int(rng.integers(1, 4))
    A_eq, A_ub = rng.integers(-5, 9, (m_eq, n)), rng.integers(-5, 9, (m_ub, n))
    inside = rng.integers(0, 4, n)
    b_eq, b_ub = A_eq @ inside, A_ub @ inside + rng.integers(0, 3, m_ub)
    lower, upper = rng.integers(-2, 1, n).astype(float), rng.integers(3, 5, n).astype(float)
    integer = np.arange(n) < rng.choice([n, n - 1])
    problem = ol.LinearProgram(np.ones(n), A_eq, b_eq, A_ub, b_ub, lower, upper, integer=integer)
    grids = [np.arange(low, high + 1) for low, high in zip(lower, upper)]
    if not integer.all():
        grids[-1] = np.linspace(lower[-1], upper[-1], 41)
    points = np.array(list(itertools.product(*grids)))
    fits = (np.abs(points @ A_eq.T - b_eq) < 1e-9).all(axis=1)
    points = points[fits & (points @ A_ub.T <= b_ub).all(axis=1)]
    system = cuts.System(problem, lower, upper)
    for _ in range(30):
        known = problem.rows.b.size + len(system.cuts)
        rows = np.flatnonzero(rng.random(known) < 0.7)
        weights = rng.choice([-1.0, 1.0, 0.5, 1 / 3, -0.2], rows.size) / rng.integers(1, 9)
        cut = system.round(cuts.Derivation(rows, weights, rng.random(n) < 0.5))
        if cut is not None:
            system.add(cut)
            assert (points @ cut.a <= cut.b + 1e-9 * np.abs(cut.a).max()).all()


def test_a_forged_cut_is_refused() -> None:
    problem = lot_sizing(0)
    tree = solve(problem).tree
    first, *others = tree.cuts.derived
    beyond = first._replace(rows=first.rows + 1000)
    forged = replace(tree, cuts=replace(tree.cuts, derived=(beyond, *others)))
    with pytest.raises(ValueError, match="earlier row"):
        trees.certify(problem, None, forged, 1e-8)
    nothing = first._replace(weights=0.0 * first.weights)
    forged = replace(tree, cuts=replace(tree.cuts, derived=(nothing, *others)))
    with pytest.raises(ValueError, match="gives no cut"):
        trees.certify(problem, None, forged, 1e-8)


# ------------------------------------------------------------------ limits


def test_a_limit_of_nodes_leaves_the_incumbent_and_a_proved_bound() -> None:
    problem = knapsack(5, rows=5, n=40)
    result = solve(problem, max_iterations=20)
    assert (result.status, result.success, result.nit) == (Status.ITERATION_LIMIT, False, 20)
    best = of_highs(problem).fun
    details = result.certificate.details
    assert details["bound"] <= best <= result.fun
    gap = (result.fun - details["bound"]) / (abs(result.fun) + 1.0)
    assert details["gap"] == pytest.approx(gap) and gap > 0.0
    assert result.certificate.holds(), "the point is feasible and integral"
    assert "gap" in result.message


def test_a_callback_interrupts() -> None:
    problem, seen = knapsack(5, rows=5, n=40), []

    def stop(info: Any) -> bool:
        seen.append(info)
        return info.nit == 30

    result = solve(problem, callback=stop)
    assert (result.status, result.success) == (Status.INTERRUPTED, False)
    assert [info.nit for info in seen] == list(range(31))
    assert seen[-1].fun == result.fun and seen[-1].x is not None


def test_ctrl_c_returns_the_incumbent() -> None:
    problem = knapsack(5, rows=5, n=40)

    def press(info: Any) -> None:
        if info.nit == 30:
            raise KeyboardInterrupt

    result = solve(problem, callback=press)
    assert result.status is Status.INTERRUPTED
    assert problem.rows.feasibility(problem, result.x)["rows"] <= 1e-9


def test_an_earlier_point_is_taken_over() -> None:
    problem = knapsack(5, rows=4, n=25)
    best = solve(problem)
    again = solve(problem, start=best, trace=True)
    assert again.trace.incumbent[0] == best.fun == again.fun and again.nit <= best.nit


def test_no_time_and_no_nodes_find_nothing() -> None:
    for limit in ({"max_seconds": 0.0}, {"max_iterations": 0}):
        result = solve(knapsack(0), **limit)
        assert not result.success and np.isnan(result.x).all()


def test_the_trace_closes_the_gap() -> None:
    result = solve(knapsack(5, rows=4, n=25), trace=True)
    trace = result.trace
    assert len(trace) == result.nit and trace.depth[0] == 0
    assert (np.diff(trace.incumbent[np.isfinite(trace.incumbent)]) <= 0).all()
    assert (trace.bound <= result.fun + 1e-9).all() and (np.diff(trace.node) == 1).all()


def test_a_gap_that_was_asked_for_is_proved() -> None:
    problem = knapsack(5, rows=5, n=40)
    result = solve(problem, gap=0.02)
    assert result.status in (Status.FINISHED, Status.OPTIMAL) and result.success
    assert result.certificate.details["gap"] <= 0.02
    assert result.nit < 100
    with pytest.raises(ValueError, match="gap"):
        solve(problem, gap=-1.0)


def test_a_tree_too_large_to_keep_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optlib.linear.integer.branch_and_bound.PROVED", 300)
    problem = knapsack(3, rows=3)
    result = solve(problem)
    assert result.status is Status.FINISHED and "too many" in result.message
    assert result.fun == pytest.approx(of_highs(problem).fun)


def test_the_cost_of_whole_numbers_is_a_multiple_of_their_divisor() -> None:
    assert trees.cost_step(ol.LinearProgram([4.0, 6.0, 0.0], integer=[True, True, False])) == 2.0
    assert trees.cost_step(ol.LinearProgram([4.0, 6.0], integer=[True, False])) == 0.0
    assert trees.cost_step(ol.LinearProgram([0.5, 6.0], integer=True)) == 0.0


def test_an_unbounded_relaxation_proves_nothing_of_whole_numbers() -> None:
    odd = ol.LinearProgram([0.0, -1.0], A_eq=[[2.0, 0.0]], b_eq=[3.0], integer=True)
    assert not ol.minimize(odd, "highs").success
    proved = ol.minimize(odd, "branch_and_bound")
    assert proved.status is ol.Status.INFEASIBLE and proved.success


@pytest.mark.parametrize("method", ["highs", "branch_and_bound"])
def test_fractional_bounds_of_whole_variables_are_rounded(method: str) -> None:
    result = ol.minimize(ol.LinearProgram([-1.0], lower=[-0.5], upper=[3.5], integer=True), method)
    assert result.success and result.x == [3.0]
