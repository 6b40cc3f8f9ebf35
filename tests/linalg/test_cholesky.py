"""Sparse Cholesky: the factor solves the system, the ordering is one, singular systems say so."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from optlib.linalg.cholesky import PANEL, analyse
from optlib.linalg.ordering import minimum_degree


def lower(S):
    return sp.tril(S, format="csc")


def neighbours(S):
    pattern = sp.csc_array(S - sp.diags_array(S.diagonal()))
    pattern.eliminate_zeros()
    return pattern.indptr.astype(np.int64), pattern.indices.astype(np.int32)


def random_spd(n, density, seed):
    rng = np.random.default_rng(seed)
    A = sp.random_array((n, 2 * n), density=density, rng=rng, data_sampler=rng.standard_normal)
    return sp.csc_array(A @ A.T + sp.eye_array(n))


def grid(k):
    """The five-point Laplacian on a k by k grid."""
    T = sp.diags_array([-np.ones(k - 1), 2 * np.ones(k), -np.ones(k - 1)], offsets=[-1, 0, 1])
    return sp.csc_array(sp.kron(T, sp.eye_array(k)) + sp.kron(sp.eye_array(k), T))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.floats(0.0, 0.3), st.integers(0, 10**6))
def test_solves_random_systems(n, density, seed):
    S = random_spd(n, density, seed)
    triangle = lower(S)
    factor = analyse(triangle.indptr, triangle.indices).factor(triangle.data)
    x = np.random.default_rng(seed).standard_normal(n)
    assert np.allclose(factor.solve(S @ x), x, atol=1e-7)
    assert factor.replaced == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 80), st.floats(0.0, 0.2), st.integers(0, 10**6))
def test_ordering_is_a_permutation(n, density, seed):
    order = minimum_degree(*neighbours(random_spd(n, density, seed)))
    assert sorted(order) == list(range(n))


def test_minimum_degree_saves_fill_on_a_grid():
    S = lower(grid(30))
    natural = analyse(S.indptr, S.indices, order=np.arange(900))
    ordered = analyse(S.indptr, S.indices)
    assert ordered.nnz < 0.7 * natural.nnz
    assert ordered.flops < 0.5 * natural.flops


def test_a_tree_has_no_fill():
    n = 200
    parent = np.random.default_rng(3).integers(0, np.arange(1, n))
    S = sp.csc_array((np.ones(n - 1), (np.arange(1, n), parent)), shape=(n, n))
    order = minimum_degree(*neighbours(S + S.T))
    rank = np.argsort(order)
    # without fill, every vertex has at most one neighbour among the later pivots
    later = np.zeros(n, int)
    for child, above in zip(range(1, n), parent, strict=True):
        later[child if rank[child] < rank[above] else above] += 1
    assert later.max() <= 1


@pytest.mark.parametrize("n", [PANEL - 1, PANEL, PANEL + 1, 3 * PANEL + 7])
def test_dense_matrices_are_cut_into_panels(n):
    rng = np.random.default_rng(n)
    G = rng.standard_normal((n, n))
    S = sp.csc_array(G @ G.T + n * np.eye(n))
    triangle = lower(S)
    factor = analyse(triangle.indptr, triangle.indices).factor(triangle.data)
    x = rng.standard_normal(n)
    assert np.allclose(factor.solve(S @ x), x, rtol=1e-9, atol=1e-9)


def test_refilling_keeps_the_analysis():
    S = grid(12)
    triangle = lower(S)
    symbolic = analyse(triangle.indptr, triangle.indices)
    b = np.arange(144.0)
    first = symbolic.factor(triangle.data).solve(b)
    assert np.allclose(symbolic.factor(4.0 * triangle.data).solve(b), first / 4.0)


def test_upper_triangle_serves_as_well():
    S = random_spd(30, 0.1, 5)
    upper = sp.triu(S, format="csc")
    b = np.ones(30)
    x = analyse(upper.indptr, upper.indices).factor(upper.data).solve(b)
    assert np.allclose(S @ x, b)


def test_singular_consistent_system_is_solved_with_the_dependent_unknown_at_zero():
    B = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 2.0]])
    S = sp.csc_array(B @ B.T)
    triangle = lower(S)
    factor = analyse(triangle.indptr, triangle.indices).factor(triangle.data)
    b = S @ np.array([1.0, -1.0, 2.0])
    x = factor.solve(b)
    assert factor.replaced == 1
    assert np.allclose(S @ x, b)
    assert np.count_nonzero(np.abs(x) < 1e-14) == 1


def test_wrong_number_of_values_is_named():
    symbolic = analyse(np.array([0, 1]), np.array([0]))
    with pytest.raises(ValueError, match="values: found 2 numbers, needed 1"):
        symbolic.factor(np.ones(2))


def test_empty_matrix():
    factor = analyse(np.array([0]), np.array([], dtype=int)).factor(np.empty(0))
    assert factor.solve(np.empty(0)).size == 0
