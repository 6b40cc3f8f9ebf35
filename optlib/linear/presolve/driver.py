"""Presolve: a smaller linear program with the same answer, and the way back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core.status import Status
from ..range_form import AT_LOWER, AT_UPPER, FREE, Basis, RangeForm, Solution
from .layout import PAIR, POINT, State, load

TINY, SMALL = 100, 500
"""Up to so many entries, zeros included, a program is left as it is; below so many nonzeros it is
spared the sweeps."""

ROUNDS, WORTH = 12, 200
"""Sweeps over the whole problem, at most; each must have removed one part in ``WORTH``."""


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
    stack : array of records
        The reductions, as :mod:`~optlib.linear.presolve.stack` lays them out.
    """

    original: RangeForm
    form: RangeForm
    solution: Solution | None
    rows: np.ndarray
    columns: np.ndarray
    stack: np.ndarray

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
        if not self.stack.size:
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
        """Point, multipliers and basis; ``c = 0``, ``priced = 0`` for a Farkas ray."""
        from . import kernels

        A, (m, n) = self.form.A, self.original.shape
        left = np.concatenate((self.rows, m + self.columns), dtype=np.int64)
        lines = np.zeros(m + n, POINT)
        lines["price"][left] = np.concatenate((y, c))
        lines["value"][left[y.size :]] = x
        if basis is not None:
            lines["status"][left] = np.concatenate((basis.rows, basis.columns))
        known, matrix = basis is not None, (A.indptr, A.indices, A.data)
        kernels.restore(lines, self.stack, left, *matrix, known, constant, priced)
        x, y = lines["value"][m:].copy(), lines["price"][:m].copy()
        if not known:
            return x, y, None
        status = lines["status"].astype(np.int8)
        return x, y, Basis(status[m:], status[:m])


def presolve(form: RangeForm) -> Presolved:
    """Reduce a linear program.

    Rows: empty, redundant by the bounds or by other rows, singleton, forcing, doubleton equations,
    duplicates. Columns: fixed, empty, dominated and weakly dominated, slacks, free and implied free
    ones in an equation, duplicates. Every reduction is undone exactly: point, multipliers, basis
    and rays come back.

    A tiny program comes back as it is: any solver is done with it before presolve is. A small one
    is spared the rules that compare rows or columns with each other, and the time to compile them.

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
    >>> import numpy as np, scipy.sparse as sp
    >>> from optlib.linear.range_form import RangeForm
    >>> A = sp.eye_array(50, format="csc")
    >>> bounds = np.zeros(50), np.full(50, 2.0)
    >>> answer = presolve(RangeForm(-np.ones(50), A, *bounds, *bounds)).solution
    >>> answer.status.name, answer.x.sum().item(), answer.y.sum().item()
    ('OPTIMAL', 100.0, 0.0)
    """
    m, n = form.shape
    if m * n <= TINY:
        return _unchanged(form)
    return reduce(form, thorough=form.A.data.size >= SMALL)


def reduce(form: RangeForm, *, thorough: bool = True) -> Presolved:
    """:func:`presolve` of a program of any size; ``thorough`` with the sweeps over the whole of it.

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
    >>> answer = reduce(form).solution
    >>> answer.status.name, answer.x, answer.y
    ('OPTIMAL', array([3., 1.]), array([-1.,  0.]))
    """
    from . import kernels

    state, matrix = load(form), (form.A.indptr, form.A.indices, form.A.data)
    if (state.lines["lower"] > state.lines["upper"]).any():
        m, n = form.shape
        note = "a lower bound is above its upper bound"
        solution = Solution(Status.INFEASIBLE, np.zeros(n), np.zeros(m), ray=np.zeros(m), note=note)
        return replace(_unchanged(form), solution=solution)
    kernels.link(state.lines, state.ends, form.shape[0], *matrix)
    _apply_rules(state, ROUNDS if thorough else 0)
    tally = state.tally[0]
    if not tally["verdict"] and not tally["top"]:
        return _unchanged(form)
    presolved = _left(form, state)
    if tally["verdict"]:
        return replace(presolved, solution=_infeasible(presolved, tally))
    if presolved.rows.size:
        return presolved
    return replace(presolved, solution=presolved.postsolve(_without_rows(presolved.form)))


def _unchanged(form: RangeForm) -> Presolved:
    m, n = form.shape
    return Presolved(form, form, None, np.arange(m), np.arange(n), np.empty(0, PAIR))


def _apply_rules(state: State, rounds: int) -> None:
    """Apply the rules until none applies, or the problem is seen to be infeasible.

    Rows and columns that changed are visited first, then come the sweeps over the whole problem.
    """
    from . import kernels

    tally = state.tally[0]
    kernels.settle(*state)
    for _ in range(rounds):
        left = tally["left"]
        if tally["verdict"]:
            return
        kernels.sweep(*state)
        kernels.settle(*state)
        if WORTH * (left - tally["left"]) < left:
            return


def _left(form: RangeForm, state: State) -> Presolved:
    """The reduced problem, and what it takes to undo the reductions."""
    from . import kernels

    m, (tally, lines, ends, stack) = form.shape[0], state
    alive = lines["size"] >= 0
    rows, columns = np.flatnonzero(alive[:m]), m + np.flatnonzero(alive[m:])
    indptr = np.zeros(columns.size + 1, np.int32)
    np.cumsum(lines["size"][columns], out=indptr[1:])
    matrix = (np.empty(indptr[-1]), np.empty(indptr[-1], np.int32), indptr)
    kernels.collect(lines, ends, rows, columns, *matrix)
    A = type(form.A)(matrix, shape=(rows.size, columns.size))
    lower, upper, offset = lines["lower"], lines["upper"], form.offset + tally["offset"][0]
    sides, bounds = (lower[rows], upper[rows]), (lower[columns], upper[columns])
    reduced = RangeForm(lines["cost"][columns], A, *sides, *bounds, offset=offset)
    return Presolved(form, reduced, None, rows, columns - m, stack[: tally["top"][0]].copy())


def _infeasible(presolved: Presolved, tally: Any) -> Solution:
    """The weights of the rows that contradict each other, carried back through the stack."""
    zero, y = np.zeros(presolved.columns.size), np.zeros(presolved.rows.size)
    proof, witness = np.searchsorted(presolved.rows, (tally["proof"], tally["witness"]))
    y[proof] -= tally["weight"]
    y[witness] -= tally["witness_weight"]
    x, y, _ = presolved._restore(zero, zero, y, None, priced=0.0)
    note = "found in presolve"
    return Solution(Status.INFEASIBLE, x, np.zeros_like(y), ray=-y, note=note)


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
