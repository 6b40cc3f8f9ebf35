"""Smooth problems: ``Smooth``, ``NonlinearLeastSquares`` and ``LeastSquares``.

Each is a frozen pytree: its numbers (start, data, bounds) are leaves and its functions are
structure, so the same method on new numbers of the same shape compiles nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core.certificate import Certificate
from ..core.errors import require, require_finite
from ..core.ops import COMPILED, HOST, Ops
from ..core.tree import Layout, is_traced, pytree, static
from .certificate import certify_minimum
from .implicit import implicit_minimum
from .oracle import JittedOracle, NumpyOracle, TracedOracle, is_traceable

HOPELESS = 1e4
"""A slope this many tolerances long is not judged again with exact second derivatives."""


class FlatProblem:
    """A problem in ``x``, any pytree, seen by the methods as one flat vector."""

    x0: Any
    args: tuple[Any, ...]
    lower: Any
    upper: Any
    grad: Any
    hess: Any
    layout: Layout

    # -------------------------------------------------------------- construction

    def _freeze(self) -> None:
        """Validate the numbers and keep private copies of the arrays."""
        put = object.__setattr__
        put(self, "x0", as_start(self.x0))
        put(self, "layout", Layout.of(self.x0))
        require(self.layout.size > 0, "x0", "no numbers", "at least one variable")
        if not isinstance(self.args, tuple):
            raise TypeError(
                f"args: found {type(self.args).__name__}, needed a tuple (a single argument is "
                "written args=(value,))"
            )
        put(self, "args", jax.tree.map(_private_data, self.args))
        for name in ("lower", "upper"):
            put(self, name, self._bound(name, getattr(self, name)))
        if self.lower is not None and not is_traced((self.lower, self.upper)):
            bad = np.flatnonzero(~(self.lower <= self.upper))
            if bad.size:
                i = int(bad[0])
                raise ValueError(
                    f"lower, upper: found lower {self.lower[i]} > upper {self.upper[i]} at "
                    f"variable {i}, needed lower <= upper"
                )

    def _bound(self, name: str, bound: Any) -> Any:
        """A bound as a flat vector; ``None`` only when there is no bound at all."""
        if self.lower is None and self.upper is None:
            return None
        for leaf in jax.tree.leaves(bound):
            if not is_traced(leaf) and np.asarray(leaf).dtype.kind not in "fiu":
                raise TypeError(f"{name}: found {leaf!r}, needed real numbers")
        if bound is None:
            return np.full(self.layout.size, -np.inf if name == "lower" else np.inf)
        if isinstance(bound, np.ndarray) and bound.shape == (self.layout.size,):
            flat = bound.astype(float)
        elif np.ndim(bound) == 0 and not isinstance(bound, (dict, list, tuple)):
            xp = jnp if is_traced(bound) else np
            flat = xp.full(self.layout.size, bound)
        else:
            found = Layout.of(bound)
            if found.size != self.layout.size:
                raise ValueError(
                    f"{name}: found {found.size} numbers, needed {self.layout.size} (one for each "
                    "variable), or a single number"
                )
            xp = jnp if is_traced(bound) else np
            flat = found.ravel(bound, xp, self.dtype if xp is jnp else np.float64)
        if not is_traced(flat):
            require(not np.isnan(flat).any(), name, "NaN", "numbers (infinite means no bound)")
        return flat

    def starting_at(self, x0: Any) -> Any:
        """The same problem from another start."""
        x0 = as_start(x0)
        layout = Layout.of(x0)
        if layout is not self.layout:
            raise ValueError(
                f"x0: found shapes {list(layout.shapes)} in {layout.treedef}, needed "
                f"{list(self.layout.shapes)} in {self.layout.treedef}"
            )
        twin = copy.copy(self)
        for name in ("dtype", "_concrete", "_start"):
            twin.__dict__.pop(name, None)
        twin.__dict__["x0"] = x0
        if twin.dtype != self.dtype:
            twin.__dict__.pop("_resident", None)
        return twin

    # -------------------------------------------------------------- flat views

    @cached_property
    def dtype(self) -> Any:
        """float32 when every leaf of ``x0`` is; float64 otherwise, as far as JAX allows."""
        dtypes = {leaf.dtype for leaf in jax.tree.map(_array_like, jax.tree.leaves(self.x0))}
        single = all(d in (np.float32, np.float16, jnp.bfloat16) for d in dtypes)
        if single:
            return np.dtype(np.float32)
        if is_traced((self.x0, self.args, self.lower)):
            return np.dtype(jnp.zeros(0).dtype)
        return np.dtype(np.float64)

    @property
    def numbers(self) -> int:
        """How many numbers the problem holds, data included."""
        return self.layout.size + sum(int(np.size(a)) for a in jax.tree.leaves(self.args))

    def flat_start(self, xp: Any) -> Any:
        return self.layout.ravel(self.x0, xp, self.dtype)

    def resident_start(self) -> Any:
        """The flat start on the device; kept from call to call."""
        kept = self.__dict__.get("_start")
        if kept is None:
            kept = self.__dict__["_start"] = jnp.asarray(self.flat_start(np))
        return kept

    def flat_bounds(self, xp: Any) -> tuple[Any, Any]:
        if self.lower is None:
            return None, None
        dtype = jnp.zeros(0).dtype if is_traced(self.lower) else self.lower.dtype
        return xp.asarray(self.lower, dtype=dtype), xp.asarray(self.upper, dtype=dtype)

    def flat_fun(self, x: Any) -> Any:
        raise NotImplementedError

    def flat_grad(self, x: Any) -> Any:
        """The user's gradient, flat."""
        g = self.grad(self.layout.unravel(x), *self.args)
        size = sum(int(np.size(leaf)) for leaf in jax.tree.leaves(g))
        require(size == x.size, "grad", f"{size} numbers", f"{x.size}, one for each variable")
        return self.layout.ravel(g, jnp if is_traced((g, x)) else np, x.dtype)

    def flat_hess(self, x: Any) -> Any:
        """The user's Hessian as a matrix."""
        xp = jnp if is_traced(x) else np
        h = xp.asarray(self.hess(self.layout.unravel(x), *self.args), dtype=x.dtype)
        require(h.size == x.size**2, "hess", f"shape {h.shape}", f"shape {(x.size, x.size)}")
        return h.reshape(x.size, x.size)

    def restore(self, x: Any) -> Any:
        """A flat point (with leading axes kept) in the user's structure."""
        if isinstance(x, np.ndarray) and self.layout.is_array:
            return x.reshape(x.shape[:-1] + self.layout.shapes[0])[()]
        tree = self.layout.unravel(x)
        if isinstance(x, np.ndarray):
            return jax.tree.map(lambda leaf: leaf[()], tree)
        return tree

    def restore_dual(self, dual: Any) -> Any:
        """Multipliers of the bounds, ``dF*/d(bound)``: positive at lower, negative at upper."""
        return None if dual is None else self.restore(dual)

    # -------------------------------------------------------------- engines

    @cached_property
    def traceable(self) -> bool:
        """Whether JAX can run the objective."""
        return is_traceable(self)

    def key(self) -> Any:
        """What one compiled program serves."""
        return (type(self), jax.tree.structure(self.resident()))

    def oracle(self, ops: Ops) -> Any:
        """The evaluations available to a method on this engine."""
        if ops.compiled:
            return TracedOracle(self)
        return JittedOracle(self) if self.traceable else NumpyOracle(self)

    def resident(self) -> Any:
        """This problem without its start, its data on the device; kept from call to call."""
        kept = self.__dict__.get("_resident")
        if kept is None:
            with jax.enable_x64(self.dtype == np.float64):
                kept = copy.copy(self)
                for name in ("x0", "traceable"):
                    kept.__dict__.pop(name, None)
                kept.__dict__["x0"] = None
                for name in ("args", "lower", "upper"):
                    kept.__dict__[name] = jax.tree.map(jnp.asarray, getattr(self, name))
            self.__dict__["_resident"] = kept
        return kept

    # -------------------------------------------------------------- proof

    def judge(self, oracle: Any, x: Any, tol: Any, ops: Ops) -> tuple[Certificate, Any]:
        """The certificate of a flat point and the multipliers."""
        certificate, dual = certify_minimum(oracle, x, tol, ops)
        if ops.compiled or not self.traceable or certificate.holds():
            return certificate, dual
        slope = certificate.residuals["stationarity"]
        if np.isfinite(slope) and slope > HOPELESS * tol:
            return certificate, dual  # no accuracy of the Hessian would make this stationary
        return certify_minimum(_Exact(oracle), x, tol, ops)

    def certify(self, x: Any, dual: Any = None, tol: float | None = None) -> Certificate:
        """Judge a point in the user's structure: is it a local minimum?"""
        problem = self.starting_at(x)
        tol = (1e-8 if problem.dtype == np.float64 else 1e-4) if tol is None else tol
        if is_traced((problem, tol)):
            x = problem.flat_start(jnp)
            return problem.judge(problem.oracle(COMPILED), x, tol, COMPILED)[0]
        with jax.enable_x64(problem.dtype == np.float64), np.errstate(all="ignore"):
            x = np.array(problem.flat_start(np))
            return jax.tree.map(float, problem.judge(problem.oracle(HOST), x, tol, HOST)[0])

    def implicit(self, x: Any, fun: Any) -> tuple[Any, Any]:
        """``x`` and ``fun`` with their derivatives in ``args`` and the bounds."""
        return implicit_minimum(self, x, fun)

    def default_method(self) -> str:
        """BFGS while its n² numbers are few, limited memory beyond; with bounds, L-BFGS-B."""
        if self.lower is not None:
            return "lbfgsb"
        return "bfgs" if self.layout.size <= 500 else "lbfgs"


class _Exact:
    """A host oracle whose certificate uses exact second derivatives."""

    def __init__(self, oracle: Any) -> None:
        self._oracle = oracle
        self.certificate_hvp = oracle.hvp

    def certificate_derivatives(self, x: Any) -> tuple[Any, Any]:
        return self._oracle.gradient(x), self._oracle.hessian(x)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._oracle, name)


def as_start(x0: Any) -> Any:
    """A start as a validated pytree of read-only arrays; a list of numbers is one vector."""
    if isinstance(x0, (list, tuple)) and _only_numbers(x0):
        xp = jnp if is_traced(x0) else np
        x0 = xp.asarray(x0)
    if is_traced(x0):
        return x0
    return jax.tree.map(lambda leaf: _private("x0", leaf), x0)


def _only_numbers(x0: Any) -> bool:
    if isinstance(x0, (list, tuple)):
        return len(x0) > 0 and all(map(_only_numbers, x0))
    return np.ndim(x0) == 0 and not isinstance(x0, dict)


def _array_like(leaf: Any) -> Any:
    """Something with a dtype."""
    return leaf if hasattr(leaf, "dtype") else np.asarray(leaf)


def _private(name: str, leaf: Any) -> Any:
    """A read-only copy of a numeric leaf, as floating point; JAX arrays are kept."""
    if isinstance(leaf, jax.Array):
        if leaf.dtype.kind not in "fV":
            leaf = np.asarray(leaf)
        else:
            require_finite(name, np.asarray(leaf, dtype=float))
            return leaf
    array = np.asarray(leaf)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name}: found {type(leaf).__name__} of dtype {array.dtype}, needed real numbers"
        )
    array = np.array(array, dtype=array.dtype if array.dtype.kind == "f" else float)
    require_finite(name, array)
    array.flags.writeable = False
    return array


def _private_data(leaf: Any) -> Any:
    """A read-only copy of a NumPy array in the data; anything else as it is. NaN is refused."""
    if is_traced(leaf) or not isinstance(leaf, (np.ndarray, jax.Array)):
        if isinstance(leaf, float) and leaf != leaf:
            raise ValueError("args: found NaN, needed finite data")
        return leaf
    host = np.asarray(leaf)
    if host.dtype.kind == "f" and np.isnan(host).any():
        where = tuple(int(i) for i in np.argwhere(np.isnan(host))[0])
        raise ValueError(f"args: found NaN in an array of shape {host.shape} at index {where}")
    if isinstance(leaf, np.ndarray):
        leaf = leaf.copy()
        leaf.flags.writeable = False
    return leaf


def _as_hashable(fun: Callable[..., Any]) -> Callable[..., Any]:
    """A callable usable as a compile key (callable pytrees with arrays inside are not)."""
    try:
        hash(fun)
    except TypeError:
        return lambda *args: fun(*args)
    return fun


def _require_callable(name: str, value: Any, optional: bool = False) -> None:
    if not (callable(value) or (optional and value is None)):
        raise TypeError(f"{name}: found {type(value).__name__}, needed a function")


def _scalar(value: Any) -> Any:
    if not (hasattr(value, "dtype") or isinstance(value, (int, float))):
        raise TypeError(f"fun: found output {value!r} ({type(value).__name__}), needed a number")
    shape = np.shape(value)
    if shape != ():
        raise ValueError(
            f"fun: found output of shape {shape}, needed a scalar (shape ()); sum the entries, or "
            "use NonlinearLeastSquares for a vector of residuals"
        )
    dtype = getattr(value, "dtype", None)
    if dtype is not None and dtype.kind not in "fiubV":
        raise TypeError(f"fun: found output of dtype {dtype}, needed a real number")
    return value


class Differentiable(FlatProblem):
    """A problem whose whole cost is differentiable: what the descent methods solve."""


@pytree
class Smooth(Differentiable):
    """``min f(x)`` for a differentiable f, optionally with bounds ``lower <= x <= upper``.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)`` returns a scalar. A JAX function is differentiated automatically; a
        NumPy function runs on the host with ``grad``, or with finite differences (said aloud in
        the result's message).
    x0 : pytree of arrays
        The start; its structure, shapes and precision are the answer's. Integers become float64.
    args : tuple
        Data handed to ``fun``. Numbers that change between solves belong here: they are traced,
        so new values compile nothing, and ``jax.grad`` of a solution in them is exact.
    grad, hess : callable, optional
        ``grad(x, *args)`` in the structure of ``x``; ``hess(x, *args)`` as an n by n matrix.
    lower, upper : pytree or number, optional
        Bounds; infinite entries mean none.

    Raises
    ------
    ValueError, TypeError
        For data that is not finite, bounds of the wrong size or crossing, or a start without
        numbers; each names the argument, what was found and what was needed.

    Examples
    --------
    >>> import optlib as ol
    >>> problem = ol.Smooth(lambda x, a: (x - a) ** 2, 0.0, args=(3.0,))
    >>> round(float(ol.minimize(problem, "newton").x), 12)
    3.0
    """

    fun: Callable[..., Any] = static()
    x0: Any
    args: tuple[Any, ...] = ()
    grad: Callable[..., Any] | None = static(default=None)
    hess: Callable[..., Any] | None = static(default=None)
    lower: Any = None
    upper: Any = None
    layout: Layout = static(default=None, init=False, repr=False)  # type: ignore[assignment]

    def __init__(
        self,
        fun: Callable[..., Any],
        x0: Any,
        *,
        args: tuple[Any, ...] = (),
        grad: Callable[..., Any] | None = None,
        hess: Callable[..., Any] | None = None,
        lower: Any = None,
        upper: Any = None,
    ) -> None:
        for name, value in (("fun", fun), ("grad", grad), ("hess", hess)):
            _require_callable(name, value, optional=name != "fun")
        self.__dict__.update(
            fun=_as_hashable(fun), x0=x0, args=args, grad=grad, hess=hess, lower=lower, upper=upper
        )
        self._freeze()

    def flat_fun(self, x: Any) -> Any:
        return _scalar(self.fun(self.layout.unravel(x), *self.args))

    def __repr__(self) -> str:
        return f"Smooth({getattr(self.fun, '__name__', self.fun)}, n={self.layout.size})"


@pytree
class NonlinearLeastSquares(Differentiable):
    """``min ½ ||r(x)||²`` for a differentiable residual vector r.

    Parameters
    ----------
    residual : callable
        ``residual(x, *args)`` returns an array (flattened to m residuals).
    x0, args, lower, upper
        As for :class:`Smooth`.

    Notes
    -----
    The factor ½ makes the gradient ``Jᵀr`` and the Gauss-Newton matrix ``JᵀJ``; ``result.fun`` is
    half the sum of squares. Levenberg-Marquardt is recommended (book A, M-10).

    Examples
    --------
    >>> import jax.numpy as jnp, optlib as ol
    >>> rosenbrock = lambda x: jnp.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])
    >>> result = ol.minimize(ol.NonlinearLeastSquares(rosenbrock, [-1.2, 1.0]))
    >>> bool(result.success), round(float(result.fun), 12)
    (True, 0.0)
    """

    residual: Callable[..., Any] = static()
    x0: Any
    args: tuple[Any, ...] = ()
    lower: Any = None
    upper: Any = None
    layout: Layout = static(default=None, init=False, repr=False)  # type: ignore[assignment]

    grad = None
    hess = None

    def __init__(
        self,
        residual: Callable[..., Any],
        x0: Any,
        *,
        args: tuple[Any, ...] = (),
        lower: Any = None,
        upper: Any = None,
    ) -> None:
        _require_callable("residual", residual)
        self.__dict__.update(
            residual=_as_hashable(residual), x0=x0, args=args, lower=lower, upper=upper
        )
        self._freeze()

    def flat_residual(self, x: Any) -> Any:
        r = self.residual(self.layout.unravel(x), *self.args)
        xp = jnp if is_traced((r, x)) else np
        return xp.ravel(xp.asarray(r))

    def flat_fun(self, x: Any) -> Any:
        r = self.flat_residual(x)
        return 0.5 * (r @ r)

    def default_method(self) -> str:
        """Levenberg-Marquardt; with bounds, L-BFGS-B."""
        return "levenberg_marquardt" if self.lower is None else "lbfgsb"

    def __repr__(self) -> str:
        name = getattr(self.residual, "__name__", self.residual)
        return f"NonlinearLeastSquares({name}, n={self.layout.size})"
