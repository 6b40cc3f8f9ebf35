"""``LinearProgram``: the problem, its dual, and the forms that it can be written in."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import require, require_finite
from ..core.tree import Layout, is_traced, pytree, static
from . import certificate, modelling, mps
from .forms import Rewritten, RowMap
from .names import Names
from .range_form import RangeForm
from .sparse import as_csc, as_csr, beside, identity, is_sparse, stack, zeros


class LinearDual(NamedTuple):
    """Multipliers of a linear program, each ``d(optimal cost) / d(right side)``.

    ``eq`` of ``A_eq x = b_eq``; ``ub <= 0`` of ``A_ub x <= b_ub``; ``lower >= 0`` and
    ``upper <= 0`` of the bounds. Together ``c = A_eqᵀ eq + A_ubᵀ ub + lower + upper``.
    """

    eq: Any
    ub: Any
    lower: Any
    upper: Any


@pytree
class LinearProgram:
    """``min cᵀx + offset`` with ``A_eq x = b_eq``, ``A_ub x <= b_ub``, ``lower <= x <= upper``.

    **Variables are not negative unless you say otherwise**: ``lower`` is 0 by default, as in
    ``scipy.optimize.linprog``; a free variable is ``lower=None`` (or ``-inf`` in an array).

    Parameters
    ----------
    c : array (n,)
        Cost.
    A_eq : array or SciPy sparse matrix (m_eq, n), optional
    b_eq : array (m_eq,), optional
    A_ub : array or SciPy sparse matrix (m_ub, n), optional
    b_ub : array (m_ub,), optional
    lower, upper : number, array (n,) or None
        Bounds; ``None`` and infinite entries mean no bound. Equal bounds fix a variable.
    integer : bool or array of bool (n,), optional
        Which variables must be whole numbers.
    offset : float
        A constant added to the cost.
    names : Names or sequence of n str, optional
        Names of the columns (and rows), kept by the readers and writers.

    Notes
    -----
    Numbers are float64 throughout. Every result has ``dual``, a :class:`LinearDual`, in the sign
    ``dF*/db``: at least zero where a larger right side costs more. A maximisation enters as its
    negative.

    Raises
    ------
    ValueError, TypeError
        For NaN, shapes that do not fit, and bounds that cross; each names the argument, what was
        found and what was needed.

    References
    ----------
    Book A, section 1.3.1.

    Examples
    --------
    >>> import optlib as ol
    >>> triangle = ol.LinearProgram([5.0, 3.0, 8.0], A_eq=[[1.0, 1.0, 2.0]], b_eq=[4.0])
    >>> result = ol.minimize(triangle)
    >>> result.x, result.fun, result.dual.eq
    (array([0., 4., 0.]), 12.0, array([3.]))
    """

    c: Any
    A_eq: Any = None
    b_eq: Any = None
    A_ub: Any = None
    b_ub: Any = None
    lower: Any = 0.0
    upper: Any = None
    integer: Any = None
    offset: Any = 0.0
    names: Names | None = static(default=None)

    def __init__(
        self,
        c: Any,
        A_eq: Any = None,
        b_eq: Any = None,
        A_ub: Any = None,
        b_ub: Any = None,
        lower: Any = 0.0,
        upper: Any = None,
        integer: Any = None,
        *,
        offset: Any = 0.0,
        names: Any = None,
    ) -> None:
        c = _vector("c", c)
        n = c.shape[0]
        require(n > 0, "c", "no numbers", "at least one variable")
        A_eq, b_eq = _rows("A_eq", A_eq, "b_eq", b_eq, n)
        A_ub, b_ub = _rows("A_ub", A_ub, "b_ub", b_ub, n)
        lower, upper = _bound("lower", lower, n), _bound("upper", upper, n)
        if not is_traced((lower, upper)):
            _require_order(lower, upper)
        if not is_traced(offset):
            offset = float(offset)
            require(np.isfinite(offset), "offset", offset, "a finite number")
        self.__dict__.update(
            c=c, A_eq=A_eq, b_eq=b_eq, A_ub=A_ub, b_ub=b_ub, lower=lower, upper=upper,
            integer=_mask(integer, n), offset=offset,
            names=_names(names, n, A_eq.shape[0], A_ub.shape[0]),
        )  # fmt: skip

    # -------------------------------------------------------------- views

    @property
    def n(self) -> int:
        """The number of variables."""
        return self.c.shape[0]

    @property
    def is_integer(self) -> bool:
        """Whether some variable must be a whole number."""
        return self.integer is not None

    @property
    def layout(self) -> Layout:
        """How x lies in one vector: as it is."""
        return Layout.of(self.c)

    @cached_property
    def rows(self) -> certificate.Rows:
        """The rows of both kinds under each other, and the sizes that residuals are measured by."""
        return certificate.Rows.of(self)

    @property
    def labels(self) -> Names:
        """A name for every column and row: the given ones, or ``x0``, ``eq0``, ``ub0`` ..."""
        names = self.names or Names(tuple(f"x{j}" for j in range(self.n)))
        return names._replace(
            eq=names.eq or tuple(f"eq{i}" for i in range(self.b_eq.size)),
            ub=names.ub or tuple(f"ub{i}" for i in range(self.b_ub.size)),
        )

    def cost(self, x: Any) -> float:
        """``cᵀx + offset``."""
        return float(self.c @ x) + self.offset

    def reduced_costs(self, eq: Any, ub: Any) -> LinearDual:
        """All multipliers, those of the bounds from the rows' by ``z = c - Aᵀy``."""
        z = self.c - self.rows.A.T @ np.concatenate([eq, ub])
        return LinearDual(eq, ub, np.maximum(z, 0.0), np.minimum(z, 0.0))

    def __repr__(self) -> str:
        name = f"{self.names.problem}: " if self.names and self.names.problem else ""
        whole = f", {int(np.sum(self.integer))} integer" if self.is_integer else ""
        shape = f"{self.n} variables, {self.A_eq.shape[0]} equations, {self.A_ub.shape[0]} "
        return f"LinearProgram({name}{shape}inequalities{whole})"

    # -------------------------------------------------------------- proof

    def certify(self, x: Any, dual: Any = None, tol: float | None = None) -> Any:
        """Judge a point and its multipliers: is it a global minimum?

        Parameters
        ----------
        x : array (n,)
        dual : LinearDual, or anything with ``eq`` and ``ub``, optional
            Without ``lower`` and ``upper`` these follow from the rows' multipliers. Without any
            multipliers, the best ones for x are sought by nonnegative least squares on the
            constraints that are active at x.
        tol : float, optional
            Default 1e-8.
        """
        tol = TOLERANCE if tol is None else tol
        x = self._point("x", x)
        dual = LinearDual(*certificate.best_multipliers(self, x, tol)) if dual is None else dual
        return certificate.optimal(self, x, self._multipliers("dual", dual), tol)

    def certify_infeasible(self, ray: Any, tol: float | None = None) -> Any:
        """Judge a Farkas ray: multipliers, with zero cost, of positive dual cost."""
        ray = self._multipliers("ray", ray)
        return certificate.infeasible(self, ray, TOLERANCE if tol is None else tol)

    def certify_unbounded(self, x: Any, ray: Any, tol: float | None = None) -> Any:
        """Judge a feasible point with a direction along which the cost falls for ever."""
        x, ray = self._point("x", x), self._point("ray", ray)
        return certificate.unbounded(self, x, ray, TOLERANCE if tol is None else tol)

    def _point(self, name: str, x: Any) -> np.ndarray:
        x = _vector(name, x)
        require(x.shape == (self.n,), name, f"shape {x.shape}", f"shape ({self.n},)")
        return x

    def _multipliers(self, name: str, dual: Any) -> LinearDual:
        """Anything with ``eq`` and ``ub`` as multipliers; the bounds' follow where not given."""
        parts = dual if isinstance(dual, dict) else _fields(name, dual)
        found: list[Any] = []
        for part, size in zip(LinearDual._fields, (*self._sizes, self.n, self.n)):
            value = parts.get(part)
            if value is None and part in ("lower", "upper"):
                found.append(None)
                continue
            value = np.zeros(0) if value is None else _vector(f"{name}.{part}", value)
            require(value.shape == (size,), f"{name}.{part}", f"shape {value.shape}", f"({size},)")
            found.append(value)
        eq, ub, lower, upper = found
        if lower is None or upper is None:
            return self.reduced_costs(eq, ub)
        return LinearDual(eq, ub, lower, upper)

    @property
    def _sizes(self) -> tuple[int, int]:
        return self.b_eq.size, self.b_ub.size

    def default_method(self) -> str:
        """Simplex; HiGHS where variables are integer; interior point inside ``jax.jit``."""
        if is_traced(self):
            return "interior_point"
        return "highs" if self.is_integer else RECOMMENDED

    # -------------------------------------------------------------- other forms

    @cached_property
    def two_sided(self) -> tuple[RangeForm, RowMap]:
        """The form that solvers work on, and how its rows lie in this problem's."""
        names = self.names.ub if self.names else ()
        row_map = RowMap.of(self.A_eq, self.A_ub, self.b_ub, names)
        b, keep = self.rows.b, row_map.first
        A = self.rows.A if keep.size == b.size else self.rows.A[keep]
        row_lower = np.where(keep < self.b_eq.size, b[keep], -np.inf)
        paired = row_map.second >= 0
        row_lower[paired] = -b[row_map.second[paired]]
        form = RangeForm(
            self.c, as_csc(A), row_lower, b[keep], self.lower, self.upper, float(self.offset)
        )
        return form, row_map

    def to_range_form(self) -> RangeForm:
        """``row_lower <= A x <= row_upper``, the form of the solvers.

        The equations come first, then the inequalities in order; two neighbouring inequalities
        ``aᵀx <= u`` and ``-aᵀx <= -l`` (of the same name, if they have names) become one row.
        """
        return self.two_sided[0]

    def standard_form(self) -> Rewritten:
        """``min cᵀx'``, ``A x' = b``, ``x' >= 0``, with the map back.

        Bounds are shifted to 0, free variables split in two, an upper bound of a variable with a
        lower one becomes a row, and every inequality gets a slack.

        Examples
        --------
        >>> import optlib as ol
        >>> box = ol.LinearProgram([1.0, -1.0], lower=[-1.0, -1.0], upper=[1.0, 2.0])
        >>> standard = box.standard_form()
        >>> standard.problem
        LinearProgram(4 variables, 2 equations, 0 inequalities)
        >>> standard.restore([0.0, 3.0, 2.0, 0.0])
        array([-1.,  2.])
        """
        self._refuse_integers("a standard form")
        n, low, high = self.n, np.isfinite(self.lower), np.isfinite(self.upper)
        free, boxed = np.flatnonzero(~low & ~high), np.flatnonzero(low & high)
        shift = np.where(low, self.lower, np.where(high, self.upper, 0.0))
        turn = np.where(~low & high, -1.0, 1.0)
        A = beside([self.rows.A * turn, -self.rows.A[:, free]])
        box = identity(n + free.size, boxed, A).T
        slacks = np.arange(self.b_eq.size, self.rows.b.size + boxed.size)
        A = stack([A, box])
        A = beside([A, identity(A.shape[0], slacks, A)])
        b = np.concatenate([self.rows.b - self.rows.A @ shift, (self.upper - self.lower)[boxed]])
        c = np.concatenate([self.c * turn, -self.c[free], np.zeros(slacks.size)])
        problem = LinearProgram(c, A, b, offset=self.offset + float(self.c @ shift))
        S = identity(n, np.arange(n), A) * turn
        S = beside([S, -identity(n, free, A), zeros((n, slacks.size), A)])
        return Rewritten(problem, S, shift)

    def bounds_as_rows(self) -> Rewritten:
        """The same problem with free variables first, then ``x >= 0``; other bounds are rows.

        This is what :meth:`dual` dualises: the dual of the dual is this problem, number by number.
        """
        n, low, high = self.n, np.isfinite(self.lower), np.isfinite(self.upper)
        positive = low & (self.lower == 0.0)
        order = np.concatenate([np.flatnonzero(~positive), np.flatnonzero(positive)])
        below, above = np.flatnonzero(low & ~positive), np.flatnonzero(high)
        A_ub = stack([self.A_ub, -identity(n, below, self.A_ub).T, identity(n, above, self.A_ub).T])
        b_ub = np.concatenate([self.b_ub, -self.lower[below], self.upper[above]])
        problem = LinearProgram(
            self.c[order], self.A_eq[:, order], self.b_eq, A_ub[:, order], b_ub,
            lower=np.where(positive, 0.0, -np.inf)[order], offset=self.offset,
        )  # fmt: skip
        return Rewritten(problem, identity(n, order, self.rows.A), np.zeros(n))

    def dual(self) -> LinearProgram:
        """The dual, as a minimisation; its optimal cost is the negative of this problem's.

        With every bound other than ``x >= 0`` written as a row (:meth:`bounds_as_rows`), the
        problem is ``min cᵀx, A_eq x = b_eq, A_ub x <= b_ub, x_N >= 0, x_F free`` and its dual
        ``min b_eqᵀu + b_ubᵀv, -A_Fᵀ(u, v) = c_F, -A_Nᵀ(u, v) <= c_N, v >= 0``: matrices are
        transposed and negated, costs and right sides trade places, equations and free variables
        too. Hence ``p.dual().dual()`` is ``p.bounds_as_rows().problem`` exactly. In the signs of
        the results, the dual's solution is minus the rows' multipliers here, and its rows'
        multipliers are minus x.

        Examples
        --------
        >>> import optlib as ol
        >>> triangle = ol.LinearProgram([5.0, 3.0, 8.0], A_eq=[[1.0, 1.0, 2.0]], b_eq=[4.0])
        >>> result = ol.minimize(triangle.dual())
        >>> result.x, result.fun
        (array([-3.]), -12.0)
        """
        self._refuse_integers("a dual")
        problem = self.bounds_as_rows().problem
        free = int(np.sum(np.isneginf(problem.lower)))
        A = -problem.rows.A.T
        sign = np.where(np.arange(problem.rows.b.size) < problem.b_eq.size, -np.inf, 0.0)
        if not problem.rows.b.size:
            raise ValueError("dual: found a problem without rows and bounds, needed at least one")
        return LinearProgram(
            problem.rows.b, A[:free], problem.c[:free], A[free:], problem.c[free:], lower=sign,
            offset=-problem.offset,
        )  # fmt: skip

    def _refuse_integers(self, what: str) -> None:
        if self.is_integer:
            raise ValueError(f"integer: found integer variables, needed none for {what}")

    # -------------------------------------------------------------- files and other libraries

    @classmethod
    def from_mps(cls, source: Any, *, format: str | None = None) -> LinearProgram:
        """Read an MPS file, free or fixed, plain or gzipped, from a path or a file object.

        A maximisation (``OBJSENSE MAX``) enters as its negative. See :func:`optlib.linear.mps.read`
        for all that is understood.

        Examples
        --------
        >>> import io, optlib as ol
        >>> rows = "ROWS\\n N cost\\n G need\\n"
        >>> columns = "COLUMNS\\n oak cost 5 need 1\\n ash cost 3 need 2\\n"
        >>> file = io.StringIO(f"NAME wood\\n{rows}{columns}RHS\\n rhs need 4\\nENDATA\\n")
        >>> wood = ol.LinearProgram.from_mps(file)
        >>> wood, wood.names.columns, ol.minimize(wood).fun
        (LinearProgram(wood: 2 variables, 0 equations, 1 inequalities), ('oak', 'ash'), 6.0)
        """
        return cls(**mps.read(source, format))

    @classmethod
    def from_cvxpy(cls, problem: Any) -> LinearProgram:
        """Take over a CVXPY problem; see :func:`optlib.linear.modelling.from_cvxpy`."""
        return cls(**modelling.from_cvxpy(problem))

    def to_mps(self, target: Any) -> None:
        """Write a free-format MPS file to a path or a file object; ``.gz`` is compressed."""
        mps.write(self, target)


TOLERANCE = 1e-8
"""What every scaled residual of a certificate is to be at most, when nothing else is asked."""

RECOMMENDED = "simplex"
"""The method for a linear program when none is named."""


# ------------------------------------------------------------------ validation


def _fields(name: str, dual: Any) -> dict[str, Any]:
    """The multipliers in an object with ``eq`` and ``ub``, or in a sequence of four."""
    if isinstance(dual, (tuple, list)) and not hasattr(dual, "_fields"):
        return dict(zip(LinearDual._fields, dual))
    if not (hasattr(dual, "eq") or hasattr(dual, "ub")):
        raise TypeError(f"{name}: found {type(dual).__name__}, needed eq=, ub=, lower=, upper=")
    return {part: getattr(dual, part, None) for part in LinearDual._fields}


def _vector(name: str, value: Any) -> Any:
    if is_traced(value):
        require(value.ndim == 1, name, f"shape {value.shape}", "1 dimension")
        return value
    array = np.array(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: found dtype {array.dtype}, needed real numbers")
    require(array.ndim == 1, name, f"shape {array.shape}", "1 dimension")
    array = array.astype(float, copy=False)
    require_finite(name, array)
    array.flags.writeable = False
    return array


def _rows(A_name: str, A: Any, b_name: str, b: Any, n: int) -> tuple[Any, Any]:
    """One block of constraints; no rows when it is not given."""
    if A is None and b is None:
        return np.zeros((0, n)), np.zeros(0)
    missing = A_name if A is None else b_name
    require(A is not None and b is not None, missing, "nothing", "both or neither")
    A, b = _matrix(A_name, A), _vector(b_name, b)
    require(A.shape[1] == n, A_name, f"shape {A.shape}", f"{n} columns, one for each entry of c")
    require(
        b.shape[0] == A.shape[0],
        b_name,
        f"shape {b.shape}",
        f"shape ({A.shape[0]},), as {A_name}'s rows",
    )
    return A, b


def _matrix(name: str, A: Any) -> Any:
    if is_traced(A):
        require(A.ndim == 2, name, f"shape {A.shape}", "2 dimensions")
        return A
    if is_sparse(A):
        if A.dtype.kind not in "fiub":
            raise TypeError(f"{name}: found dtype {A.dtype}, needed real numbers")
        require(len(A.shape) == 2, name, f"shape {A.shape}", "2 dimensions")
        A = as_csr(A)
        if not np.isfinite(A.data).all():
            entry = int(np.flatnonzero(~np.isfinite(A.data))[0])
            row = int(np.searchsorted(A.indptr, entry, side="right")) - 1
            where = (row, int(A.indices[entry]))
            raise ValueError(
                f"{name}: found {A.data[entry]} at index {where}, needed finite numbers"
            )
        return A
    array = np.array(A)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: found dtype {array.dtype}, needed real numbers")
    require(array.ndim == 2, name, f"shape {array.shape}", "2 dimensions")
    array = array.astype(float, copy=False)
    require_finite(name, array)
    array.flags.writeable = False
    return array


def _bound(name: str, value: Any, n: int) -> Any:
    """A bound as an array; no bound is infinite."""
    none = -np.inf if name == "lower" else np.inf
    if is_traced(value):
        require(value.shape in ((), (n,)), name, f"shape {value.shape}", f"shape ({n},)")
        return value + np.zeros(n)
    if value is None:
        value = none
    elif isinstance(value, (list, tuple)):
        value = [none if entry is None else entry for entry in value]
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name}: found dtype {array.dtype}, needed real numbers")
    require(array.shape in ((), (n,)), name, f"shape {array.shape}", f"a number or shape ({n},)")
    array = np.full(n, array, dtype=float) if array.ndim == 0 else array.astype(float)
    if np.isnan(array).any():
        index = int(np.flatnonzero(np.isnan(array))[0])
        raise ValueError(
            f"{name}: found NaN at variable {index}, needed numbers (infinite: no bound)"
        )
    array.flags.writeable = False
    return array


def _require_order(lower: np.ndarray, upper: np.ndarray) -> None:
    bad = ~(lower <= upper) | np.isposinf(lower) | np.isneginf(upper)
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"lower, upper: found lower {lower[i]} and upper {upper[i]} at variable {i}, needed "
            "lower <= upper, below inf and above -inf"
        )


def _mask(integer: Any, n: int) -> Any:
    """Which variables are whole numbers; ``None`` when none is."""
    if integer is None or integer is False:
        return None
    mask = np.asarray(integer)
    if mask.dtype.kind not in "biu" or not np.isin(mask, (0, 1)).all():
        raise TypeError(
            f"integer: found {integer!r}, needed True or an array of bool, one for each variable"
        )
    require(mask.shape in ((), (n,)), "integer", f"shape {mask.shape}", f"shape ({n},)")
    mask = np.full(n, mask) if mask.ndim == 0 else mask.astype(bool)
    mask.flags.writeable = False
    return mask if mask.any() else None


def _names(names: Any, n: int, m_eq: int, m_ub: int) -> Names | None:
    if names is None:
        return None
    if not isinstance(names, Names):
        names = Names(tuple(names))
    for what, found, needed in (
        ("columns", names.columns, n), ("eq", names.eq, m_eq), ("ub", names.ub, m_ub),
    ):  # fmt: skip
        if what == "columns" or found:
            require(len(found) == needed, f"names.{what}", f"{len(found)} names", f"{needed}")
    return names
