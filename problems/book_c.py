"""Smooth problems of book C: gradient flow, momentum, a landscape with two minima, penalties."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

from optlib import L1, Composite, LeastSquares, NonlinearLeastSquares, Smooth

from .catalog import Answer, register

# ---- Gradient flow and the narrow valley


def _valley(x: Array, a: Array, b: Array) -> Array:
    return a * x[0] ** 2 + b * x[1] ** 2


@register(
    "gradient_flow",
    title="Gradient descent as a slow-motion flow down an elliptic bowl",
    source="C 1 gradient flow eq. (3)",
    answer=Answer(fun=0.0, x=[0.0, 0.0], tol=1e-12),
    methods=("gradient_descent", "heavy_ball", "nesterov"),
    tags=("convex", "quadratic"),
    notes="Each coordinate shrinks by 1 - 2sa (or b) per step, so s < 1/max(a, b); the flow "
    "follows the curve y = x^(b/a).",
)
def gradient_flow(a: float = 1.0, b: float = 10.0) -> Smooth:
    return Smooth(_valley, np.array([1.0, 1.0]), args=(a, b))


# ---- A landscape with two minima


def _two_residuals(x: Array) -> Array:
    return jnp.stack([x[0] ** 2 - 1, x[0] ** 2 * x[1] - x[0] - 1])


def _two_minima(x: Array) -> Array:
    return jnp.sum(_two_residuals(x) ** 2)


_TWO_MINIMA = Answer(fun=0.0, x=([1.0, 2.0], [-1.0, 0.0]), tol=1e-12, x_tol=1e-5)


@register(
    "two_minima",
    title="Two minima joined by a curved valley, without a saddle between them",
    source="C 1 more interesting landscape",
    answer=_TWO_MINIMA,
    methods=("gradient_descent", "heavy_ball", "nesterov"),
    tags=("nonconvex", "several_minima"),
    notes="Both minima are global; which one is reached depends on the method: from (2,0) with "
    "step .01 gradient descent finds (1,2) and heavy ball (-1,0).",
)
def two_minima(start: tuple[float, float] = (0.0, 0.0)) -> Smooth:
    return Smooth(_two_minima, np.asarray(start, float))


@register(
    "two_minima_residuals",
    title="The landscape with two minima, as two equations to solve",
    source="C 1 more interesting landscape",
    answer=_TWO_MINIMA,
    methods=("gauss_newton", "levenberg_marquardt"),
    tags=("nonconvex", "nonlinear_least_squares", "several_minima"),
    notes="Starts at (2,0): at (0,0) the Jacobian is singular.",
)
def two_minima_residuals(start: tuple[float, float] = (2.0, 0.0)) -> NonlinearLeastSquares:
    return NonlinearLeastSquares(_two_residuals, np.asarray(start, float))


# ---- Objectives that stochastic descent is shown on, taken whole


def _spread(center: Array, samples: Array) -> Array:
    return jnp.mean((samples - center) ** 2)


@register(
    "mean_value",
    title="The mean minimises the mean squared distance",
    source="C 1 stochastic gradient descent",
    answer=Answer(fun=6.0, x=4.0, tol=1e-12),
    methods=("gradient_descent", "newton"),
    tags=("convex", "quadratic", "one_variable"),
    notes="The minimum is the variance; one pass of SGD with step 1/(2k) gives the running mean.",
)
def mean_value() -> Smooth:
    return Smooth(_spread, 0.0, args=(np.array([1.0, 2.0, 4.0, 5.0, 8.0]),))


def _cloud(samples: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.uniform(size=samples)
    return np.stack([np.ones(samples), x], axis=1), 1 + 2 * x + 0.5 * rng.normal(size=samples)


def _cloud_answer(samples: int) -> Answer:
    A, b = _cloud(samples)
    x = np.linalg.solve(A.T @ A, A.T @ b)
    return Answer(fun=0.5 * float(np.sum((A @ x - b) ** 2)), x=x, tol=1e-10)


@register(
    "line_cloud",
    title="A line through a cloud of a hundred thousand points",
    source="C 1 stochastic gradient descent",
    answer=_cloud_answer,
    methods=("qr", "lsqr"),
    tags=("convex", "least_squares", "generated"),
    notes="Drawn around 1 + 2x; with so many points the fit is within .01 of the truth.",
)
def line_cloud(samples: int = 100_000) -> LeastSquares:
    return LeastSquares(*_cloud(samples))


# ---- Penalties


_DESIGN = np.array([[1.0, 1, 1], [1, 1, -1], [1, -1, 1], [1, -1, -1]])  # X'X = 4 I
_TARGETS = np.array([4.0, 3.0, 0.5, 0.5])
_MOMENTS = _DESIGN.T @ _TARGETS / 4  # 2, 1.5, 0.25


def _mean_squares(x: Array, design: Array, targets: Array) -> Array:
    return jnp.mean((design @ x - targets) ** 2)


def _orthogonal_answer(penalty: float, x: np.ndarray) -> Answer:
    return Answer(fun=float(np.mean((_DESIGN @ x - _TARGETS) ** 2) + penalty), x=x, tol=1e-12)


def _lasso_answer(weight: float) -> Answer:
    x = np.sign(_MOMENTS) * np.maximum(np.abs(_MOMENTS) - weight / 2, 0.0)
    return _orthogonal_answer(weight * np.sum(np.abs(x)), x)


@register(
    "orthogonal_lasso",
    title="LASSO with orthogonal columns thresholds each coefficient by itself",
    source="C 1 linear examples",
    answer=_lasso_answer,
    methods=("ista", "fista", "admm"),
    tags=("convex", "composite"),
    notes="Coefficients below half the weight become exactly zero.",
)
def orthogonal_lasso(weight: float = 1.0) -> Composite:
    return Composite(_mean_squares, np.zeros(3), L1(weight), args=(_DESIGN, _TARGETS))


def _penalised(x: Array, design: Array, targets: Array, weight: Array) -> Array:
    return _mean_squares(x, design, targets) + weight * x @ x


def _shrunk_answer(weight: float) -> Answer:
    x = _MOMENTS / (1 + weight)
    return _orthogonal_answer(float(weight * x @ x), x)


@register(
    "orthogonal_ridge",
    title="Ridge regression with orthogonal columns shrinks all coefficients alike",
    source="C 1 linear examples",
    answer=_shrunk_answer,
    methods=("gradient_descent", "newton"),
    tags=("convex", "quadratic", "regularized"),
    notes="Every coefficient is divided by 1 + weight, and none becomes zero.",
)
def orthogonal_ridge(weight: float = 1.0) -> Smooth:
    return Smooth(_penalised, np.zeros(3), args=(_DESIGN, _TARGETS, weight))
