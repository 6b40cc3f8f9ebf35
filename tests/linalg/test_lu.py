"""Sparse LU factors of a basis: what they must satisfy, whatever the matrix."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from optlib.linalg.lu import EMPTY, KEEP, SINGLE, BasisFactors, btran, ftran, update


def sparse(m, n, density, seed):
    """A random sparse matrix with entries of size one, as the factors want it."""
    rng = np.random.default_rng(seed)
    A = np.where(rng.random((m, n)) < density, rng.standard_normal((m, n)), 0.0)
    A = sp.csc_array(A)
    A.sort_indices()
    return A


def factors_of(A, max_updates=100):
    start, index = A.indptr.astype(np.int32), A.indices.astype(np.int32)
    return BasisFactors(start, index, A.data, A.shape, max_updates)


def basis_matrix(A, head):
    return np.hstack([A.toarray(), -np.eye(A.shape[0])])[:, head]


def unit(m, r):
    e, index = np.zeros(m), np.zeros(m, np.int32)
    e[r], index[0] = 1.0, r
    return e, index


def listed(column):
    """A vector with the list of its nonzeros."""
    index = np.zeros(column.size, np.int32)
    nonzero = np.flatnonzero(column)
    index[: nonzero.size] = nonzero
    return column.copy(), index, EMPTY + nonzero.size


sizes = st.tuples(st.integers(1, 60), st.integers(1, 80), st.sampled_from([0.03, 0.1, 0.3, 1.0]))


@settings(max_examples=60, deadline=None)
@given(sizes, st.integers(0, 10**6))
def test_both_solves_invert_the_basis(size, seed):
    m, n, density = size
    A = sparse(m, n, density, seed)
    rng = np.random.default_rng(seed)
    head = rng.choice(n + m, m, replace=False).astype(np.int32)
    factors = factors_of(A)
    factors.factorize(head)
    B, b = basis_matrix(A, head), rng.standard_normal(m)
    scale = 1e-13 * max(1.0, np.linalg.cond(B))
    assert np.allclose(B @ factors.solve(b), b, atol=scale, rtol=0)
    assert np.allclose(B.T @ factors.solve_transposed(b), b, atol=scale, rtol=0)


@settings(max_examples=60, deadline=None)
@given(sizes, st.integers(0, 10**6))
def test_a_singular_basis_is_repaired_by_as_many_logicals_as_its_rank_lacks(size, seed):
    m, n, density = size
    A = sparse(m, n, density, seed)
    A.data = np.sign(A.data)
    head = np.random.default_rng(seed).choice(n + m, m, replace=False).astype(np.int32)
    before = set(head)
    rank = np.linalg.matrix_rank(basis_matrix(A, head))
    replaced = factors_of(A).factorize(head)
    assert replaced == m - rank
    assert len(set(head) - before) == replaced
    assert np.linalg.matrix_rank(basis_matrix(A, head)) == m


@pytest.mark.parametrize(("m", "n", "density"), [(30, 50, 0.1), (200, 300, 0.01), (60, 90, 0.5)])
def test_after_many_exchanges_the_factors_are_those_of_the_new_basis(m, n, density):
    A = sparse(m, n, density, seed=3)
    rng = np.random.default_rng(4)
    columns = np.hstack([A.toarray(), -np.eye(m)])
    factors, head = factors_of(A), np.arange(n, n + m, dtype=np.int32)
    factors.factorize(head)
    exchanged = 0
    for _ in range(80):
        r = int(rng.integers(m))
        rho, index = unit(m, r)
        size = btran(factors.lu, rho, index, SINGLE, r + EMPTY, 0.0)
        assert set(index[:size]) == set(np.flatnonzero(rho))
        alpha = rho @ columns
        alpha[head] = 0.0
        q = int(rng.choice(np.argsort(-np.abs(alpha))[:5]))
        if abs(alpha[q]) < 1e-2:
            continue
        column, index, size = listed(columns[:, q])
        size = ftran(factors.lu, column, index, size, KEEP, 0.0)
        assert set(index[:size]) == set(np.flatnonzero(column))
        assert column[r] == pytest.approx(alpha[q], rel=1e-8)
        head[r] = q
        exchanged += 1
        if not update(factors.lu, r, column[r]):
            factors.factorize(head)
    assert exchanged > 20
    B, b = columns[:, head], rng.standard_normal(m)
    tolerance = 1e-12 * np.linalg.cond(B)
    assert np.allclose(B @ factors.solve(b), b, atol=tolerance, rtol=0)
    assert np.allclose(B.T @ factors.solve_transposed(b), b, atol=tolerance, rtol=0)


def test_a_triangular_basis_causes_no_fill_in():
    m = 200
    A = sp.diags_array([np.ones(m), np.full(m - 1, 0.5)], offsets=[0, 1], format="csc")
    permuted = sp.csc_array(A[np.random.default_rng(0).permutation(m)])
    permuted.sort_indices()
    factors, head = factors_of(permuted), np.arange(m, dtype=np.int32)
    assert factors.factorize(head) == 0
    line = factors.lu.line
    entries = sum((line[2 * t + 1] - line[2 * t]).sum() for t in (0, 2))
    assert entries == m - 1


def test_storage_that_is_full_asks_for_a_new_factorisation():
    A = sparse(40, 60, 0.5, seed=0)
    factors, head = factors_of(A, max_updates=1), np.arange(40, dtype=np.int32)
    factors.factorize(head)
    answers = []
    for q in (40, 41):
        rho, index = unit(40, 0)
        btran(factors.lu, rho, index, SINGLE, EMPTY, 0.0)
        column, index, size = listed(A[:, [q]].toarray().ravel())
        ftran(factors.lu, column, index, size, KEEP, 0.0)
        answers.append(bool(update(factors.lu, 0, column[0])))
    assert answers == [True, False]
