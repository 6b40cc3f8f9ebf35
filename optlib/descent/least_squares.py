"""Linear least squares, solved directly: QR, SVD, LSQR, LSMR."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from ..core.certificate import Certificate
from ..core.engines import Request
from ..core.errors import require, require_finite
from ..core.method import Method, register
from ..core.ops import COMPILED, HOST, Ops
from ..core.result import Answer
from ..core.status import Status
from ..core.tree import Layout, is_traced, pytree, static
from .certificate import DENSE, ratio_of, spectrum
from .problem import Differentiable


def _scipy() -> tuple[Any, Any, Any]:
    """``scipy.linalg``, ``scipy.sparse`` and ``scipy.sparse.linalg``, loaded when first needed."""
    import scipy.linalg
    import scipy.sparse
    import scipy.sparse.linalg

    return scipy.linalg, scipy.sparse, scipy.sparse.linalg


def _is_sparse(A: Any) -> bool:
    return hasattr(A, "tocsr")


def _is_operator(A: Any) -> bool:
    return hasattr(A, "matvec") and hasattr(A, "rmatvec")


@pytree
class LeastSquares(Differentiable):
    """``min ½ ||A x - b||²``, weighted ``½ Σ w_i (a_iᵀx - b_i)²``, plus ``½ ridge ||x||²``.

    Parameters
    ----------
    A : array (m, n), SciPy sparse matrix or LinearOperator
    b : array (m,)
    weights : array (m,), optional
        Not negative; the inverse variances of book A 1.2.3.
    ridge : float
        Not negative. (Book A 2.4.7 writes ``||b - Ax||² + λ||x||²``: ridge = λ.)
    x0 : array (n,), optional
        Start of the iterative methods; zero.

    Notes
    -----
    When A is rank deficient and ridge is 0, the direct methods return the solution of least norm.
    Every descent method applies too, when A is dense. Being convex, a point with vanishing
    gradient is a global minimum: the status is OPTIMAL.

    Examples
    --------
    >>> import optlib as ol
    >>> line = ol.LeastSquares([[-2.0, 1.0], [0.0, 1.0], [1.0, 1.0]], [1.0, 2.0, -1.0])
    >>> ol.minimize(line).x.round(12)
    array([-0.5,  0.5])
    """

    A: Any
    b: Any
    weights: Any = None
    ridge: Any = 0.0
    x0: Any = None
    operator: Any = static(default=None)
    layout: Layout = static(default=None)  # type: ignore[assignment]

    args: ClassVar = ()
    lower: ClassVar = None
    upper: ClassVar = None
    grad: ClassVar = None
    hess: ClassVar = None

    def __init__(
        self, A: Any, b: Any, *, weights: Any = None, ridge: Any = 0.0, x0: Any = None
    ) -> None:
        operator = None
        if _is_sparse(A) or _is_operator(A):
            A, operator = None, A
        else:
            A = _array("A", A, 2)
        shape = A.shape if operator is None else operator.shape
        b = _array("b", b, 1)
        require(b.shape == shape[:1], "b", f"shape {b.shape}", f"shape {shape[:1]}, as A's rows")
        if weights is not None:
            weights = _array("weights", weights, 1)
            require(
                weights.shape == b.shape, "weights", f"shape {weights.shape}", f"shape {b.shape}"
            )
            if not is_traced(weights):
                require(bool((weights >= 0).all()), "weights", "a negative one", "none negative")
        if not is_traced(ridge):
            ridge = float(ridge)
            require(ridge >= 0, "ridge", ridge, "a number that is not negative")
        x0 = np.zeros(shape[1]) if x0 is None else x0
        self.__dict__.update(
            A=A, b=b, weights=weights, ridge=ridge, x0=x0, operator=operator, layout=None
        )
        self._freeze()
        require(self.layout.size == shape[1], "x0", f"{self.layout.size} numbers", f"{shape[1]}")

    @property
    def numbers(self) -> int:
        size = self.b.size * self.layout.size if self.operator is None else self.operator.shape[0]
        return size + self.layout.size

    @property
    def matrix(self) -> Any:
        """A, in whichever form it was given."""
        return self.A if self.operator is None else self.operator

    def flat_residual(self, x: Any) -> Any:
        r = self.matrix @ x - self.b
        if self.weights is None:
            return r
        return r * (jnp if is_traced((r, x)) else np).sqrt(self.weights)

    def flat_fun(self, x: Any) -> Any:
        r = self.flat_residual(x)
        return 0.5 * (r @ r) + 0.5 * self.ridge * (x @ x)

    def flat_grad(self, x: Any) -> Any:
        """``Aᵀ W (A x - b) + ridge x``."""
        r = self.matrix @ x - self.b
        if self.weights is not None:
            r = r * self.weights
        return self.matrix.T @ r + self.ridge * x

    def resident(self) -> Any:
        kept = self.__dict__.get("_resident")
        if kept is None:
            with jax.enable_x64(self.dtype == np.float64):
                kept = object.__new__(LeastSquares)
                kept.__dict__.update(self.__dict__, x0=None)
                for name in ("A", "b", "weights"):
                    value = getattr(self, name)
                    kept.__dict__[name] = None if value is None else jnp.asarray(value)
                kept.__dict__["ridge"] = jnp.asarray(self.ridge, dtype=self.dtype)
            self.__dict__["_resident"] = kept
        return kept

    @property
    def traceable(self) -> bool:  # type: ignore[override]
        """Whether JAX can run it: yes for a dense A."""
        return self.operator is None

    @property
    def dtype(self) -> Any:  # type: ignore[override]
        if is_traced((self.A, self.b, self.weights, self.ridge, self.x0)):
            return np.dtype(jnp.zeros(0).dtype)
        dtypes = {v.dtype for v in (self.A, self.b) if v is not None}
        return np.dtype(np.float32 if dtypes == {np.dtype(np.float32)} else np.float64)

    def oracle(self, ops: Ops) -> Any:
        if ops.compiled or self.operator is None:
            return super().oracle(ops)
        return _SparseOracle(self)

    def judge(self, oracle: Any, x: Any, tol: Any, ops: Ops) -> tuple[Certificate, Any]:
        """Normal equations, slope by slope, and the length of the step that would solve them."""
        xp = ops.xp
        eps = np.finfo(x.dtype).eps
        r = xp.abs(self.flat_residual(x))
        g, v = self.flat_grad(x), xp.maximum(1.0, xp.abs(x))
        if self.operator is None:
            root = 1.0 if self.weights is None else xp.sqrt(self.weights)[:, None]
            A = self.A * root
            scale = xp.abs(A).T @ (xp.abs(A) @ v + 1e3 * eps / tol * r) + self.ridge * v
        else:
            size = _operator_norm(self.operator)
            weight = 1.0 if self.weights is None else np.sqrt(np.max(self.weights))
            length = np.sqrt(v @ v)
            scale = np.full(x.size, weight * size * (weight * size * length + np.sqrt(r @ r)))
            scale = scale + self.ridge * v
        residuals = {"normal_equations": xp.max(ratio_of(xp.abs(g), scale, xp))}
        if self.operator is None and x.size <= DENSE:
            H = A.T @ A + self.ridge * xp.eye(x.size, dtype=x.dtype)
            length = xp.maximum(1.0, xp.sqrt(x @ x))
            slack = 10.0 * eps * (xp.abs(A).T @ (xp.abs(A) @ v + r) + self.ridge * v)
            _, step = spectrum(H, g, slack, v, xp.sqrt(tol) * length, ops)
            residuals["newton_step"] = (step / length) ** 2
        certificate = Certificate(
            residuals,
            {"gradient": xp.max(xp.abs(g))},
            xp.asarray(tol, dtype=x.dtype),
            "global minimum: convex, and the normal equations hold",
            Status.OPTIMAL,
        )
        return certificate, None

    def default_method(self) -> str:
        """Pivoted QR for a dense A, LSMR for a sparse one or an operator."""
        return "qr" if self.operator is None else "lsmr"

    def __repr__(self) -> str:
        shape = (self.b.size, self.layout.size)
        return f"LeastSquares(A {shape[0]}x{shape[1]}, ridge={self.ridge})"


def _operator_norm(operator: Any) -> Any:
    """Frobenius norm of a sparse matrix; the spectral norm of an operator, by power iteration."""
    if _is_sparse(operator):
        return _scipy()[2].norm(operator)
    v = np.random.default_rng(0).standard_normal(operator.shape[1])
    norm = 0.0
    for _ in range(20):
        v = operator.rmatvec(operator.matvec(v / np.linalg.norm(v)))
        norm = np.sqrt(np.linalg.norm(v))
    return norm


def _array(name: str, value: Any, ndim: int) -> Any:
    if is_traced(value):
        require(value.ndim == ndim, name, f"shape {value.shape}", f"{ndim} dimensions")
        return value
    array = np.array(value, dtype=None)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: found dtype {array.dtype}, needed real numbers")
    require(array.ndim == ndim, name, f"shape {array.shape}", f"{ndim} dimensions")
    array = array if array.dtype.kind == "f" else array.astype(float)
    require_finite(name, array)
    array.flags.writeable = False
    return array


class _SparseOracle:
    """Evaluations with a sparse A, in SciPy."""

    fun_calls = grad_calls = 1
    note = "sparse A: host engine"
    lower = upper = None

    def __init__(self, problem: LeastSquares) -> None:
        self.problem = problem

    def value_and_grad(self, x: Any) -> tuple[Any, Any]:
        return self.problem.flat_fun(x), self.problem.flat_grad(x)

    def hvp(self, x: Any, v: Any) -> Any:
        weighted = self.problem.matrix @ v
        if self.problem.weights is not None:
            weighted = weighted * self.problem.weights
        return self.problem.matrix.T @ weighted + self.problem.ridge * v

    def hessian(self, x: Any) -> Any:
        return np.stack([self.hvp(x, e) for e in np.eye(x.size)])


@pytree
class DirectMethod(Method):
    """Base of the methods that solve in one go."""

    needs = "A"
    rate = "direct"

    def solution(self, A: Any, b: Any) -> tuple[Any, int]:
        """``(x, iterations)`` with least ``||A x - b||``, of least norm among those."""
        raise NotImplementedError

    def solve(self, problem: LeastSquares, request: Request) -> Answer:
        traced = is_traced(problem)
        ops = COMPILED if traced else HOST
        tol = request.tol if request.tol is not None else (
            1e-8 if problem.dtype == np.float64 else 1e-4
        )  # fmt: skip
        if traced:
            return self._traced(problem, tol)
        A, b = _augmented(problem)
        b = b.astype(float)
        x, iterations = self.solution(A, b)
        x = np.asarray(x, dtype=problem.dtype)
        with np.errstate(all="ignore"):
            certificate, _ = problem.judge(None, x, tol, ops)
        holds = bool(certificate.holds())
        return Answer(
            x=problem.restore(x),
            fun=float(problem.flat_fun(x)),
            dual=None,
            status=Status.OPTIMAL if holds else Status.STALLED,
            success=holds,
            certificate=jax.tree.map(float, certificate),
            nit=iterations,
        )

    def _traced(self, problem: LeastSquares, tol: Any) -> Answer:
        """Inside a transformation: JAX's own SVD solution, with the implicit derivative."""
        fixed = jax.tree.map(jax.lax.stop_gradient, problem)
        A, b = fixed.A, fixed.b
        if fixed.weights is not None:
            root = jnp.sqrt(fixed.weights)
            A, b = A * root[:, None], b * root
        left, values, right = jnp.linalg.svd(A, full_matrices=False)
        cut = jnp.finfo(A.dtype).eps * max(A.shape) * values[0]
        keep = (values > cut) | (fixed.ridge > 0)
        filtered = jnp.where(keep, values, 0.0) / jnp.where(
            keep, values * values + fixed.ridge, 1.0
        )
        x = right.T @ (filtered * (left.T @ b))
        certificate, _ = fixed.judge(None, x, tol, COMPILED)
        holds = certificate.holds()
        x, fun = problem.implicit(x, fixed.flat_fun(x))
        return Answer(
            x=problem.restore(x), fun=fun, dual=None,
            status=jnp.where(holds, Status.OPTIMAL.value, Status.STALLED.value),
            success=holds, certificate=certificate, nit=jnp.asarray(1), engine="compiled",
        )  # fmt: skip


def _augmented(problem: LeastSquares) -> tuple[Any, Any]:
    """``(A, b)`` with weights multiplied in and the ridge as further rows."""
    A, b = problem.matrix, np.asarray(problem.b)
    n = problem.layout.size
    if problem.weights is not None:
        root = np.sqrt(np.asarray(problem.weights))
        b = b * root
        A = A * root[:, None] if problem.operator is None else _scaled(A, root)
    if problem.ridge:
        b = np.concatenate([b, np.zeros(n)])
        bottom = np.sqrt(problem.ridge)
        if problem.operator is None:
            A = np.vstack([A, bottom * np.eye(n)])
        elif _is_sparse(A):
            A = _scipy()[1].vstack([A, bottom * _scipy()[1].eye_array(n)]).tocsr()
        else:
            A = _stacked(A, bottom)
    return A, b


def _scaled(A: Any, root: Any) -> Any:
    if _is_sparse(A):
        return _scipy()[1].diags_array(root) @ A
    return _scipy()[2].LinearOperator(
        A.shape,
        matvec=lambda x: root * np.ravel(A.matvec(x)),
        rmatvec=lambda y: A.rmatvec(root * np.ravel(y)),
        dtype=float,
    )


def _stacked(A: Any, bottom: float) -> Any:
    m, n = A.shape
    return _scipy()[2].LinearOperator(
        (m + n, n),
        matvec=lambda x: np.concatenate([np.ravel(A.matvec(x)), bottom * np.ravel(x)]),
        rmatvec=lambda y: np.ravel(A.rmatvec(np.ravel(y)[:m])) + bottom * np.ravel(y)[m:],
        dtype=float,
    )


def _dense(A: Any) -> Any:
    """A as an array; an operator is applied to the identity."""
    if _is_sparse(A):
        return A.toarray()
    if _is_operator(A):
        return np.stack([np.ravel(A.matvec(e)) for e in np.eye(A.shape[1])], axis=1)
    return np.asarray(A)


@register("qr", LeastSquares, recommended=True)
@pytree
class QR(DirectMethod):
    """``A P = Q R`` with column pivoting; the rank is read off R's diagonal.

    When A is rank deficient, a second factorization of R's leading rows gives the solution of
    least norm (complete orthogonal decomposition). Cost 2mn² - 2n³/3.
    """

    reference = "Golub & Van Loan 2013, section 5.5"

    def solution(self, A: Any, b: Any) -> tuple[Any, int]:
        A = _dense(A)
        Q, R, pivots = _scipy()[0].qr(A, mode="economic", pivoting=True)
        size = np.abs(np.diag(R))
        cut = max(A.shape) * np.finfo(float).eps * (size[0] if size.size else 0.0)
        rank = int(np.sum(size > cut))
        c, z = Q.T[:rank] @ b, np.zeros(A.shape[1])
        if rank == A.shape[1]:
            z[pivots] = _scipy()[0].solve_triangular(R[:rank], c)
        elif rank:
            V, T = _scipy()[0].qr(R[:rank].T, mode="economic")
            z[pivots] = V @ _scipy()[0].solve_triangular(T, c, trans=1)
        return z, 1


@register("svd", LeastSquares)
@pytree
class SVD(DirectMethod):
    """``x = V Σ⁺ Uᵀ b``: the solution of least norm, always (book D eq. 2.17)."""

    reference = "book D 2.3; Golub & Van Loan 2013, section 5.5"

    def solution(self, A: Any, b: Any) -> tuple[Any, int]:
        return _scipy()[0].lstsq(_dense(A), b, lapack_driver="gelsd")[0], 1


@register("lsqr", LeastSquares)
@pytree
class LSQR(DirectMethod):
    """Golub-Kahan bidiagonalisation equal to CG on the normal equations (SciPy's LSQR)."""

    needs = "products with A and Aᵀ"
    rate = "linear, by the condition number of A"
    reference = "Paige & Saunders 1982"

    def solution(self, A: Any, b: Any) -> tuple[Any, int]:
        limit = 20 * max(A.shape)
        out = _scipy()[2].lsqr(A, b, atol=1e-14, btol=1e-14, conlim=0, iter_lim=limit)
        return out[0], int(out[2])


@register("lsmr", LeastSquares)
@pytree
class LSMR(DirectMethod):
    """As LSQR with a monotone ``||Aᵀ r||`` (SciPy's LSMR)."""

    needs = "products with A and Aᵀ"
    rate = "linear, by the condition number of A"
    reference = "Fong & Saunders 2011"

    def solution(self, A: Any, b: Any) -> tuple[Any, int]:
        limit = 20 * max(A.shape)
        out = _scipy()[2].lsmr(A, b, atol=1e-14, btol=1e-14, conlim=0, maxiter=limit)
        return out[0], int(out[2])
