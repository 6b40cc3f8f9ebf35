"""Smooth problems of book A: Newton, steepest descent, momentum, least squares, penalties."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import logsumexp

from optlib import L1, Composite, LeastSquares, Smooth

from .catalog import Answer, register

_LINEAR_SOLVERS = ("qr", "svd", "lsqr", "lsmr")


# ---- 1.0 and 1.1: stationary points and Newton's method


def _parabola(x: Array, center: Array) -> Array:
    return (x - center) ** 2


@register(
    "parabola",
    title="One unknown, one minimum",
    source="A 1.0.1",
    answer=lambda center: Answer(fun=0.0, x=center, tol=1e-12),
    methods=("gradient_descent", "newton"),
    tags=("convex", "quadratic", "one_variable"),
    notes="The minimum is 0 and the argmin is the centre: two different things.",
)
def parabola(center: float = 1.0) -> Smooth:
    return Smooth(_parabola, 0.0, args=(center,))


def _quadratic(x: Array, S: Array, a: Array) -> Array:
    return 0.5 * x @ S @ x - a @ x


@register(
    "newton_quadratic",
    title="A positive definite quadratic, which Newton's method solves in one step",
    source="A 1.1.1",
    answer=Answer(fun=-15 / 22, x=[1 / 11, 7 / 11], tol=1e-12),
    methods=("newton", "gradient_descent", "conjugate_gradient"),
    tags=("convex", "quadratic"),
    notes="The minimiser is S^-1 a and the minimum -a'S^-1 a / 2, whatever the start.",
)
def newton_quadratic() -> Smooth:
    S, a = np.array([[4.0, 1.0], [1.0, 3.0]]), np.array([1.0, 2.0])
    return Smooth(_quadratic, np.array([5.0, -3.0]), args=(S, a))


def _square_root(x: Array, a: Array) -> Array:
    return x**3 / 3 - a * x


@register(
    "sqrt_four",
    title="Newton's method for a square root, as a minimisation",
    source="A 1.1.4",
    answer=lambda a, start: Answer(fun=-2 / 3 * a**1.5, x=a**0.5),
    methods=("newton",),
    tags=("nonconvex", "one_variable", "unbounded_below"),
    notes="From 2.5 the third Newton iterate is 2.0000000929 (one zero too many in print); pure "
    "Newton from a negative start ends at -2, the maximum.",
)
def sqrt_four(a: float = 4.0, start: float = 2.5) -> Smooth:
    return Smooth(_square_root, start, args=(a,))


# ---- 1.2: weighted least squares and circuits


@register(
    "weighted_least_squares",
    title="Three measurements of one number, weighted by their reliability",
    source="A 1.2.3",
    answer=Answer(fun=5.0, x=[3.0], tol=1e-12),
    methods=_LINEAR_SOLVERS,
    tags=("convex", "least_squares"),
    notes="The weights are the inverse variances (in print: the variances).",
)
def weighted_least_squares() -> LeastSquares:
    variances = np.array([1.0, 0.5, 0.25])
    return LeastSquares(np.ones((3, 1)), np.array([1.0, 2.0, 4.0]), weights=1 / variances)


def _network(potentials: Array, incidence: Array, conductance: Array, current: Array) -> Array:
    drops = incidence @ potentials
    return 0.5 * conductance @ drops**2 - current @ potentials


@register(
    "resistor_network",
    title="The node potentials of a resistor triangle",
    source="A 1.2.3",
    answer=Answer(fun=-2 / 3, x=[4 / 3, 1.0], tol=1e-12),
    methods=("newton", "conjugate_gradient"),
    tags=("convex", "quadratic"),
    notes="The Hessian is the conductance matrix A'CA; one ampere meets a resistance of 4/3.",
)
def resistor_network() -> Smooth:
    incidence = np.array([[-1.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])  # edges 1-2, 1-3, 2-3; 3 grounded
    resistance, current = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0])
    return Smooth(_network, np.zeros(2), args=(incidence, 1 / resistance, current))


# ---- 1.4: gradients, steepest descent, momentum


def _log_det(x: dict[str, Array], C: Array) -> Array:
    lower = jnp.zeros_like(C).at[jnp.tril_indices(len(C), -1)].set(x["below"])
    S = lower + lower.T + jnp.diag(x["diagonal"])
    value = jnp.sum(C * S) - 2 * jnp.sum(jnp.log(jnp.diag(jnp.linalg.cholesky(S))))
    return jnp.where(jnp.isnan(value), jnp.inf, value)  # NaN: S is outside the cone


@register(
    "log_det",
    title="The log-determinant barrier: minimise tr(CS) - log det S over positive definite S",
    source="A 1.4.1 ex. 5",
    answer=Answer(
        fun=3 + math.log(4.0), x={"diagonal": [0.75, 1.0, 0.75], "below": [-0.5, 0.25, -0.5]}
    ),
    methods=("newton", "bfgs"),
    tags=("convex", "domain", "pytree"),
    notes="grad log det S = S^-1, so S = C^-1; it is -log det that is convex (in print: log det).",
)
def log_det() -> Smooth:
    C = np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 2.0]])
    return Smooth(_log_det, {"diagonal": np.ones(3), "below": np.zeros(3)}, args=(C,))


def _bowl(x: Array, b: Array) -> Array:
    return 0.5 * (x[0] ** 2 + b * x[1] ** 2)


@register(
    "zig_zag",
    title="Steepest descent zig-zags down a narrow bowl",
    source="A 1.4.3 eq. (4)",
    answer=Answer(fun=0.0, x=[0.0, 0.0], tol=1e-12),
    methods=("gradient_descent", "heavy_ball", "nesterov"),
    tags=("convex", "quadratic"),
    notes="With exact line search f falls by ((1-b)/(1+b))^2 at every step, each of size 2/(1+b).",
)
def zig_zag(b: float = 0.1) -> Smooth:
    return Smooth(_bowl, np.array([b, 1.0]), args=(b,))


@register(
    "heavy_ball_bowl",
    title="Momentum replaces b by its square root in the rate",
    source="A 1.4.5 eq. (15)",
    answer=Answer(fun=0.0, x=[0.0, 0.0], tol=1e-12),
    methods=("heavy_ball", "gradient_descent", "nesterov"),
    tags=("convex", "quadratic", "ill_conditioned"),
    notes="The factor ((1-sqrt b)/(1+sqrt b))^2 is asymptotic: ten steps at b=1/100 give f10 = "
    ".208 f0, not the printed .018.",
)
def heavy_ball_bowl(b: float = 0.01) -> Smooth:
    return Smooth(_bowl, np.array([b, 1.0]), args=(b,))


@register(
    "minimum_norm",
    title="Three equations in six unknowns: the shortest solution",
    source="A 1.4.6",
    answer=Answer(fun=0.0, x=np.array([20, 39, 32, 20, -21, 20]) / 46, tol=1e-12),
    methods=("svd", "lsqr", "lsmr", "gradient_descent", "heavy_ball"),
    tags=("convex", "least_squares", "underdetermined", "nonunique"),
    notes="Gradient descent and heavy ball from 0 find it; the adaptive methods find a longer one.",
)
def minimum_norm() -> LeastSquares:
    A = np.array([[1.0, 2, 0, 1, 0, 1], [0, 1, 1, 0, -1, 0], [1, 0, 1, 1, 0, 1]])
    return LeastSquares(A, np.array([3.0, 2.0, 2.0]))


# ---- 1.5: finite sums of squares, taken whole


def _runge(degree: int, samples: int = 61) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    nodes = np.linspace(-1.0, 1.0, samples)
    return nodes, np.vander(nodes, degree + 1, increasing=True), 1 / (1 + 25 * nodes**2)


def _runge_answer(degree: int) -> Answer:
    nodes, _, values = _runge(degree)
    if degree >= len(nodes) - 1:
        return Answer(fun=0.0)
    basis = np.polynomial.legendre.legvander(nodes, degree)
    coefficients = np.linalg.lstsq(basis, values, rcond=None)[0]
    return Answer(
        fun=0.5 * float(np.sum((basis @ coefficients - values) ** 2)),
        x=np.polynomial.legendre.leg2poly(coefficients) if degree <= 12 else None,
    )


@register(
    "runge_polynomial",
    title="A polynomial through 61 equally spaced points of Runge's function",
    source="A 1.5",
    answer=_runge_answer,
    methods=_LINEAR_SOLVERS,
    tags=("convex", "least_squares", "ill_conditioned"),
    notes="Degree 60 interpolates, and misses by 2.3e8 between the points; a low degree smooths.",
)
def runge_polynomial(degree: int = 6) -> LeastSquares:
    _, powers, values = _runge(degree)
    return LeastSquares(powers, values)


@register(
    "one_unknown",
    title="Least squares in one unknown: the answer lies between the smallest and largest ratio",
    source="A 1.5.3 eq. (1)",
    answer=Answer(fun=40 / 7, x=[11 / 7], tol=1e-12),
    methods=("qr", "gradient_descent"),
    tags=("convex", "least_squares"),
    notes="x = sum(ab)/sum(aa); the printed equation lost the factor a and would give 5/3.",
)
def one_unknown() -> LeastSquares:
    return LeastSquares(np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 6.0, 3.0]))


_LINES = np.array([[1.0, 0.0], [3.0, 1.0], [0.0, 2.0], [1.0, 1.0]])
_LEVELS = np.array([1.0, 2.0, -1.0, 3.0])


@register(
    "kaczmarz_inconsistent",
    title="Four lines without a common point",
    source="A 1.5.5",
    answer=lambda normalized: (
        Answer(fun=1.0625, x=[1.25, 0.125], tol=1e-12)
        if normalized
        else Answer(fun=2.91, x=[0.96, -0.14], tol=1e-12)
    ),
    methods=_LINEAR_SOLVERS,
    tags=("convex", "least_squares"),
    notes="Averaged Kaczmarz tends to this point with norm-squared sampling, and to the answer "
    "with normalized rows when it samples uniformly.",
)
def kaczmarz_inconsistent(normalized: bool = False) -> LeastSquares:
    weights = 1 / np.sum(_LINES**2, axis=1) if normalized else None
    return LeastSquares(_LINES, _LEVELS, weights=weights)


# ---- 2: approximation, entropy, penalties


def _hats(cells: int, per_cell: int = 20) -> tuple[np.ndarray, np.ndarray]:
    nodes = np.linspace(0.0, np.pi, cells + 1)
    points = np.linspace(0.0, np.pi, per_cell * cells + 1)
    return np.stack([np.interp(points, nodes, hat) for hat in np.eye(cells + 1)], 1), np.sin(points)


def _hats_answer(cells: int) -> Answer:
    basis, values = _hats(cells)
    heights = np.linalg.solve(basis.T @ basis, basis.T @ values)
    return Answer(fun=0.5 * float(np.sum((basis @ heights - values) ** 2)), x=heights, tol=1e-10)


@register(
    "piecewise_linear_sine",
    title="The best piecewise linear function for a sine arch",
    source="A 2.1",
    answer=_hats_answer,
    methods=_LINEAR_SOLVERS,
    tags=("convex", "least_squares"),
    notes="Hat functions on a grid: the error falls with the square of the cell.",
)
def piecewise_linear_sine(cells: int = 10) -> LeastSquares:
    return LeastSquares(*_hats(cells))


def _cross_entropy(z: Array, p: Array) -> Array:
    return logsumexp(z) - p @ z


_PROBABILITIES = np.array([0.2, 0.3, 0.5])


@register(
    "cross_entropy",
    title="The distribution with the least cross-entropy to p is p itself",
    source="A 2.4.6 eq. (3)",
    answer=Answer(
        fun=-float(_PROBABILITIES @ np.log(_PROBABILITIES)),
        x=np.log(_PROBABILITIES) - np.mean(np.log(_PROBABILITIES)),
        tol=1e-12,
    ),
    methods=("gradient_descent", "bfgs"),
    tags=("convex", "softmax", "nonunique"),
    notes="Over softmax scores: a common shift changes nothing; the minimum is the entropy.",
)
def cross_entropy() -> Smooth:
    return Smooth(_cross_entropy, np.zeros(3), args=(_PROBABILITIES,))


def _ridge_answer(ridge: float) -> Answer:
    gram = _LINES.T @ _LINES + ridge * np.eye(2)
    x = np.linalg.solve(gram, _LINES.T @ _LEVELS)
    residual = _LINES @ x - _LEVELS
    return Answer(fun=0.5 * float(residual @ residual + ridge * x @ x), x=x, tol=1e-12)


@register(
    "ridge_regression",
    title="Ridge regression on the four lines",
    source="A 2.4.7",
    answer=_ridge_answer,
    methods=_LINEAR_SOLVERS,
    tags=("convex", "least_squares", "regularized"),
    notes="Equal to ordinary least squares with rows sqrt(ridge) I added.",
)
def ridge_regression(ridge: float = 0.5) -> LeastSquares:
    return LeastSquares(_LINES, _LEVELS, ridge=ridge)


def _scalar_lasso_answer(b: float, weight: float) -> Answer:
    x = float(np.sign(b) * max(abs(b) - weight / 2, 0.0))
    return Answer(fun=(b - x) ** 2 + weight * abs(x), x=x, tol=1e-12)


@register(
    "scalar_lasso",
    title="LASSO in one unknown is soft thresholding",
    source="A 2.4.7",
    answer=_scalar_lasso_answer,
    methods=("ista", "fista"),
    tags=("convex", "composite", "one_variable"),
    notes="The threshold is half the weight, because the square has no factor 1/2.",
)
def scalar_lasso(b: float = 2.0, weight: float = 0.7) -> Composite:
    return Composite(_parabola, 0.0, L1(weight), args=(b,))


def _squared_error(x: Array, A: Array, b: Array) -> Array:
    return jnp.sum((A @ x - b) ** 2)


@register(
    "lasso",
    title="LASSO on the four lines: one coefficient is exactly zero",
    source="A 2.4.7",
    answer=Answer(fun=84 / 11, x=[9 / 11, 0.0], tol=1e-12),
    methods=("ista", "fista", "admm"),
    tags=("convex", "composite"),
    notes="From weight 20 = 2 max|A'b| on, the solution is 0.",
)
def lasso() -> Composite:
    return Composite(_squared_error, np.zeros(2), L1(2.0), args=(_LINES, _LEVELS))
