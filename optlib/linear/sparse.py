"""Dense and SciPy-sparse matrices behind one set of functions; SciPy loads when first needed."""

from __future__ import annotations

from typing import Any

import numpy as np


def scipy_sparse() -> Any:
    """``scipy.sparse``."""
    import scipy.sparse

    return scipy.sparse


def scipy_linalg() -> tuple[Any, Any]:
    """``scipy.linalg`` and ``scipy.sparse.linalg``."""
    import scipy.linalg
    import scipy.sparse.linalg

    return scipy.linalg, scipy.sparse.linalg


def scipy_optimize() -> Any:
    """``scipy.optimize``."""
    import scipy.optimize

    return scipy.optimize


def is_sparse(A: Any) -> bool:
    """Whether A is one of SciPy's sparse matrices or arrays."""
    return hasattr(A, "tocsr")


def as_csr(A: Any) -> Any:
    """A private CSR array of float64: sorted, duplicates summed, no stored zeros."""
    A = scipy_sparse().csr_array(A, dtype=float, copy=True)
    A.sum_duplicates()
    A.eliminate_zeros()
    return A


def as_csc(A: Any) -> Any:
    """A CSC array with int32 indices, as the solvers want it."""
    if is_sparse(A):
        A = scipy_sparse().csc_array(A)
        A.sort_indices()
        data, indices, indptr, shape = A.data, A.indices, A.indptr, A.shape
    else:
        columns, indices = np.nonzero(A.T)
        data, shape = A.T[columns, indices], A.shape
        indptr = np.zeros(shape[1] + 1, dtype=np.int32)
        np.cumsum(np.bincount(columns, minlength=shape[1]), out=indptr[1:])
    indices, indptr = indices.astype(np.int32, copy=False), indptr.astype(np.int32, copy=False)
    return scipy_sparse().csc_array((data, indices, indptr), shape=shape)


def stack(blocks: Any) -> Any:
    """Blocks of rows one under the other: dense when all are, CSR otherwise."""
    blocks = [block for block in blocks if block.shape[0]] or [blocks[0]]
    if len(blocks) == 1:
        return blocks[0]
    if any(is_sparse(block) for block in blocks):
        return scipy_sparse().vstack(blocks, format="csr")
    return np.vstack(blocks)


def beside(blocks: Any) -> Any:
    """Blocks of columns side by side: dense when all are, CSR otherwise."""
    blocks = [block for block in blocks if block.shape[1]] or [blocks[0]]
    if len(blocks) == 1:
        return blocks[0]
    if any(is_sparse(block) for block in blocks):
        return scipy_sparse().hstack(blocks, format="csr")
    return np.hstack(blocks)


def identity(n: int, columns: Any, like: Any) -> Any:
    """Columns of the identity of order n, dense or sparse ``like`` a matrix."""
    columns = np.asarray(columns, dtype=int)
    if is_sparse(like):
        entries = (np.ones(columns.size), (columns, np.arange(columns.size)))
        return scipy_sparse().csr_array(entries, shape=(n, columns.size))
    return np.eye(n)[:, columns]


def zeros(shape: tuple[int, int], like: Any) -> Any:
    """A matrix of zeros, dense or sparse ``like`` another."""
    return scipy_sparse().csr_array(shape) if is_sparse(like) else np.zeros(shape)


def row_largest(A: Any) -> np.ndarray:
    """The largest entry of every row of a matrix without negative entries."""
    if not A.shape[1]:
        return np.zeros(A.shape[0])
    return A.max(axis=1).toarray().ravel() if is_sparse(A) else A.max(axis=1)
