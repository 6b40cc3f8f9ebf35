"""Presolve: a smaller linear program with the same answer, and the way back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core.status import Status
from ..range_form import AT_LOWER, AT_UPPER, FREE, Basis, RangeForm, Solution


@dataclass(frozen=True, eq=False)
class Presolved:
    """A reduced problem, or what was found without one.

    Attributes
    ----------
    original, form : RangeForm
        The problem given, and the one left to solve.
    solution : Solution or None
        The answer in the original form where nothing is left to solve: ``INFEASIBLE`` with a
        Farkas ray, ``UNBOUNDED`` with a feasible point and a direction, or ``OPTIMAL``.
    rows, columns : int32 arrays
        Which rows and columns of the original are left.
    ints, floats : arrays
        The stack of reductions.
    """

    original: RangeForm
    form: RangeForm
    solution: Solution | None
    rows: np.ndarray
    columns: np.ndarray
    ints: np.ndarray
    floats: np.ndarray

    @property
    def status(self) -> Status | None:
        """What presolve alone found; None when there is a problem left to solve."""
        return None if self.solution is None else self.solution.status

    def postsolve(self, solution: Solution) -> Solution:
        """The solution of the original problem that belongs to one of the reduced problem.

        Parameters
        ----------
        solution : Solution
            Of ``form``. A basis, when there is one, must be a basis: as many ``BASIC`` as rows.

        Returns
        -------
        Solution
            Point, multipliers and ray of the original; a basis when one was given. Optimal goes to
            optimal, a vertex to a vertex, a ray to a ray that proves the same.
        """
        if not self.ints.size:
            return solution
        form = self.form
        x, y, basis = self._restore(form.c, solution.x, solution.y, solution.basis)
        ray = solution.ray
        if ray is not None:
            zero = np.zeros(form.shape[1])
            if solution.status == Status.INFEASIBLE:
                ray = -self._restore(zero, zero, -ray, None, priced=0.0)[1]
            else:
                ray = self._restore(zero, ray, np.zeros(form.shape[0]), None, 0.0, 0.0)[0]
        return Solution(solution.status, x, y, basis, ray, solution.nit, solution.note)

    def _restore(
        self,
        c: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
        basis: Basis | None,
        constant: float = 1.0,
        priced: float = 1.0,
    ) -> tuple[np.ndarray, np.ndarray, Basis | None]:
        stack, A = (self.ints, self.floats, self.rows, self.columns), self.form.A
        matrix = (c, A.indptr, A.indices, A.data)
        return _restore(stack, matrix, x, y, basis, self.original.shape, constant, priced)


def _restore(
    stack: Any,
    matrix: Any,
    x: np.ndarray,
    y: np.ndarray,
    basis: Basis | None,
    shape: tuple[int, int],
    constant: float = 1.0,
    priced: float = 1.0,
) -> tuple[np.ndarray, np.ndarray, Basis | None]:
    """Point, multipliers and basis of the original; ``c = 0``, ``priced = 0`` for a Farkas ray."""
    from . import kernels

    known = basis is not None
    if basis is None:
        basis = Basis(np.zeros(x.size, np.int8), np.zeros(y.size, np.int8))
    m, n = shape
    given = (*stack, *matrix, x, y, basis.columns, basis.rows)
    found = (np.empty(n), np.empty(m), np.empty(n, np.int8), np.empty(m, np.int8))
    arguments: Any = (*given, *found, np.zeros(n + m), known, constant, priced)
    kernels.restore(*arguments)
    return found[0], found[1], Basis(found[2], found[3]) if known else None


def presolve(form: RangeForm) -> Presolved:
    """Reduce a linear program.

    Rows: empty, redundant by the bounds or by other rows, singleton, forcing, doubleton equations,
    duplicates. Columns: fixed, empty, dominated and weakly dominated, slacks, free and implied free
    ones in an equation, duplicates. Every reduction is undone exactly: point, multipliers, basis
    and rays come back.

    Parameters
    ----------
    form : RangeForm
        Its arrays are not changed.

    Returns
    -------
    Presolved

    References
    ----------
    Brearley, Mitra and Williams (1975), Math. Programming 8; Andersen and Andersen (1995), Math.
    Programming 71; Gondzio (1997), INFORMS J. Computing 9; Achterberg et al. (2020), INFORMS J.
    Computing 32.

    Examples
    --------
    ``min -x0 - x1`` with ``x0 + x1 <= 4``, ``2 x1 = 2`` and ``x >= 0`` needs no solver:

    >>> import numpy as np, scipy.sparse as sp
    >>> from optlib.linear.range_form import RangeForm
    >>> A = sp.csc_array(np.array([[1.0, 1.0], [0.0, 2.0]]))
    >>> A.indices, A.indptr = A.indices.astype(np.int32), A.indptr.astype(np.int32)
    >>> low, up = np.zeros(2), np.full(2, np.inf)
    >>> row_low, row_up = np.array([-np.inf, 2.0]), np.array([4.0, 2.0])
    >>> form = RangeForm(-np.ones(2), A, row_low, row_up, low, up)
    >>> answer = presolve(form).solution
    >>> answer.status.name, answer.x, answer.y
    ('OPTIMAL', array([3., 1.]), array([-1.,  0.]))
    """
    from . import kernels

    A = form.A
    verdict, offset, rows, columns, problem, ints, floats, y, z = kernels.reduce(
        form.c, A.indptr, A.indices, A.data, form.row_lower, form.row_upper, form.lower, form.upper
    )
    stack = (ints, floats, rows, columns)
    if verdict == Status.INFEASIBLE:
        return Presolved(form, form, _infeasible(form, stack, y, z), *stack[2:], *stack[:2])
    if not ints.size:
        return Presolved(form, form, None, rows, columns, ints, floats)
    c, indptr, indices, data, row_lower, row_upper, lower, upper = problem
    A = type(A)((data, indices, indptr), shape=(rows.size, columns.size))
    reduced = RangeForm(c, A, row_lower, row_upper, lower, upper, form.offset + offset)
    presolved = Presolved(form, reduced, None, rows, columns, ints, floats)
    if rows.size:
        return presolved
    return replace(presolved, solution=presolved.postsolve(_without_rows(reduced)))


def _infeasible(form: RangeForm, stack: Any, y: np.ndarray, z: np.ndarray) -> Solution:
    """The weights of the rows that contradict each other, carried back through the stack."""
    m, n = form.shape
    if not y.any():
        note = "a lower bound is above its upper bound"
        return Solution(Status.INFEASIBLE, np.zeros(n), np.zeros(m), ray=np.zeros(m), note=note)
    stack = (*stack[:2], np.arange(m, dtype=np.int32), np.arange(n, dtype=np.int32))
    matrix = (z, np.zeros(n + 1, np.int32), np.empty(0, np.int32), np.empty(0))
    x, y, _ = _restore(stack, matrix, np.zeros(n), y, None, (m, n), priced=0.0)
    return Solution(Status.INFEASIBLE, x, np.zeros(m), ray=-y, note="found in presolve")


def _without_rows(form: RangeForm) -> Solution:
    """What is left has no rows: it is optimal, or its columns fall without bound."""
    n = form.c.size
    x = np.clip(0.0, form.lower, form.upper)
    side = np.where(form.lower == x, AT_LOWER, np.where(form.upper == x, AT_UPPER, FREE))
    basis = Basis(side.astype(np.int8), np.zeros(0, np.int8))
    solution = Solution(Status.OPTIMAL, x, np.zeros(0), basis)
    if not n:
        return solution
    ray = np.where(np.arange(n) == 0, -np.sign(form.c), 0.0)
    return replace(solution, status=Status.UNBOUNDED, ray=ray)
