"""Derivatives of a solution with respect to the problem's data, against central differences."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import optlib as ol

STEP = 1e-5
TOL = 1e-6

jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
"""Optimising code that runs once is the larger part of these tests' time."""


@pytest.fixture(autouse=True)
def _double_precision() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


_RNG = np.random.default_rng(0)
_X = _RNG.normal(size=(4, 2))
_Y = _RNG.normal(size=4)
_LABELS = (_X @ [1.0, -1.0] + 0.3 * _Y > 0).astype(float)
_T = np.linspace(0.0, 1.5, 4)


def ridge(w: Any, data: tuple[Any, Any, Any]) -> Any:
    X, y, weight = data
    return 0.5 * jnp.sum((X @ w - y) ** 2) + 0.5 * weight * jnp.sum(w**2)


def logistic(w: dict[str, Any], data: tuple[Any, Any, Any]) -> Any:
    X, labels, weight = data
    z = X @ w["slope"] + w["offset"]
    penalty = jnp.sum(w["slope"] ** 2) + w["offset"] ** 2
    return jnp.sum(jnp.logaddexp(0.0, z) - labels * z) + 0.5 * weight * penalty


def decay(x: Any, data: tuple[Any, Any, Any]) -> Any:
    t, y, offset = data
    return x[0] * jnp.exp(-x[1] * t) + offset - y


class Task(NamedTuple):
    """A problem in one ``args`` tree, and the method that solves it to the last digits."""

    build: Callable[[Any], Any]
    data: Any
    method: str


TASKS = {
    "ridge": Task(lambda d: ol.Smooth(ridge, np.zeros(2), args=(d,)), (_X, _Y, 0.7), "newton"),
    "logistic": Task(
        lambda d: ol.Smooth(logistic, {"slope": np.zeros(2), "offset": 0.0}, args=(d,)),
        (_X, _LABELS, 0.5),
        "newton",
    ),
    "decay": Task(
        lambda d: ol.NonlinearLeastSquares(decay, np.array([1.0, 1.0]), args=(d,)),
        (_T, 2.0 * np.exp(-0.7 * _T) + 0.1 * _Y, 0.05),
        "levenberg_marquardt",
    ),
}
each_task = pytest.mark.parametrize("name", TASKS)


def solution(name: str, data: Any) -> tuple[Any, Any]:
    """``(x, fun)`` with x as one vector; every tolerance far below the differences' own error."""
    task = TASKS[name]
    result = ol.minimize(task.build(data), task.method, tol=1e-12, engine="host")
    leaves = [jnp.ravel(leaf) for leaf in jax.tree.leaves(result.x)]
    return jnp.concatenate(leaves), result.fun


def outputs(name: str, data: Any) -> Any:
    """x and fun in one vector."""
    x, fun = solution(name, data)
    return jnp.append(x, fun)


def flat_data(name: str) -> tuple[Any, Callable[[Any], Any]]:
    return ravel_pytree(jax.tree.map(jnp.asarray, TASKS[name].data))


@functools.cache
def by_differences(name: str) -> np.ndarray:
    """Central differences of x and fun in every number of the data, by solving again."""
    theta, unravel = flat_data(name)
    columns = []
    for i in range(theta.size):
        shift = STEP * np.eye(theta.size)[i]
        data = [jax.tree.map(np.asarray, unravel(np.asarray(theta) + s)) for s in (shift, -shift)]
        ahead, behind = (np.asarray(outputs(name, d)) for d in data)
        columns.append((ahead - behind) / (2 * STEP))
    return np.stack(columns, axis=1)


@functools.cache
def by_reverse_mode(name: str) -> np.ndarray:
    theta, unravel = flat_data(name)
    return np.asarray(jit(jax.jacrev(lambda t: outputs(name, unravel(t))))(theta))


@each_task
def test_reverse_mode_agrees_with_central_differences(name: str) -> None:
    np.testing.assert_allclose(by_reverse_mode(name), by_differences(name), rtol=TOL, atol=TOL)


def test_forward_mode_is_the_same_matrix() -> None:
    theta, unravel = flat_data("decay")
    forward = jit(jax.jacfwd(lambda t: outputs("decay", unravel(t))))(theta)
    np.testing.assert_allclose(forward, by_reverse_mode("decay"), rtol=1e-9, atol=1e-10)


@each_task
def test_the_gradient_of_fun_is_the_partial_derivative_at_the_solution(name: str) -> None:
    theta, unravel = flat_data(name)
    problem = TASKS[name].build(TASKS[name].data)
    x = jnp.asarray(solution(name, TASKS[name].data)[0])
    # both structures list their variables in the order of the flat point
    envelope = jit(jax.grad(lambda t: TASKS[name].build(unravel(t)).flat_fun(x)))(theta)
    assert x.size == problem.layout.size
    np.testing.assert_allclose(by_reverse_mode(name)[-1], envelope, rtol=1e-8, atol=1e-9)


# ------------------------------------------------------------------ a scalar weight, in closed form


def shifted(x: Any, a: Any) -> Any:
    """Its minimum, in closed form, is ``optimum``."""
    return 0.5 * (1.0 + a) * x**2 - a * x


def optimum(a: Any) -> tuple[Any, Any]:
    return a / (1.0 + a), -0.5 * a**2 / (1.0 + a)


def solved(a: Any) -> Any:
    return ol.minimize(ol.Smooth(shifted, 0.3, args=(a,)), "newton")


A = 1.7


def test_grad_outside_jit() -> None:
    def x(a: Any) -> Any:
        return ol.minimize(ol.Smooth(shifted, 0.3, args=(a,)), ol.GradientDescent(step=0.3)).x

    np.testing.assert_allclose(jax.grad(x)(A), 1.0 / (1.0 + A) ** 2, rtol=1e-7)


def test_value_and_grad_of_the_result_under_jit() -> None:
    value, slope = jit(jax.value_and_grad(lambda a: solved(a).fun))(A)
    np.testing.assert_allclose(value, optimum(A)[1], rtol=1e-12)
    np.testing.assert_allclose(slope, jax.grad(lambda a: optimum(a)[1])(A), rtol=1e-10)


def test_vmap_of_grad_is_the_gradient_of_each() -> None:
    many = jnp.array([0.5, 1.0, A])
    slopes = jit(jax.vmap(jax.grad(lambda a: solved(a).x)))(many)
    np.testing.assert_allclose(slopes, 1.0 / (1.0 + many) ** 2, rtol=1e-10)


def test_the_second_derivative_of_fun() -> None:
    curvature = jit(jax.hessian(lambda a: solved(a).fun))(A)
    expected = jax.hessian(lambda a: optimum(a)[1])(A)
    np.testing.assert_allclose(curvature, expected, rtol=1e-9)


def test_the_second_derivative_of_x() -> None:
    curvature = jit(jax.hessian(lambda a: solved(a).x))(A)
    np.testing.assert_allclose(curvature, -2.0 / (1.0 + A) ** 3, rtol=1e-9)


def test_the_start_and_the_options_have_no_derivative() -> None:
    def at(x0: Any, tol: Any) -> Any:
        return ol.minimize(ol.Smooth(shifted, x0, args=(A,)), "newton", tol=tol).x

    slopes = jit(jax.grad(at, argnums=(0, 1)))(0.3, 1e-9)
    np.testing.assert_array_equal(slopes, (0.0, 0.0))


def test_the_derivative_does_not_depend_on_the_method() -> None:
    def x(a: Any) -> Any:
        return ol.minimize(ol.Smooth(shifted, 0.3, args=(a,)), "bfgs", tol=1e-12).x

    np.testing.assert_allclose(jit(jax.grad(x))(A), 1.0 / (1.0 + A) ** 2, rtol=1e-9)


# ------------------------------------------------------------------ bounds


def coupled(x: Any, p: Any) -> Any:
    """Without bounds the minimum moves with p in all three variables."""
    H = jnp.array([[3.0, 1.0, 0.5], [1.0, 4.0, 1.0], [0.5, 1.0, 2.0]])
    return 0.5 * x @ H @ x - p @ x


P = np.array([1.0, 2.0, 3.0])


def bounded(p: Any, lower: Any, upper: Any) -> Any:
    problem = ol.Smooth(coupled, np.zeros(3), args=(p,), lower=lower, upper=upper)
    return ol.minimize(problem, "projected_gradient", tol=1e-12)


@jit
def _solution_and_jacobians(*data: Any) -> Any:
    def x_and_fun(*data: Any) -> Any:
        result = bounded(*data)
        out = jnp.append(result.x, result.fun)
        return out, out

    jacobians, out = jax.jacrev(x_and_fun, argnums=(0, 1, 2), has_aux=True)(*data)
    return out, jacobians


@functools.cache
def sensitivities(low: float, high: float) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """``(x, fun)`` and its Jacobians in p and both bounds; those of variable 1 are low and high."""
    data = map(jnp.asarray, (P, *limits(low, high)))
    out, jacobians = _solution_and_jacobians(*data)
    return np.asarray(out), tuple(map(np.asarray, jacobians))


def limits(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    return np.array([-10.0, low, -10.0]), np.array([10.0, high, 10.0])


H = np.asarray([[3.0, 1.0, 0.5], [1.0, 4.0, 1.0], [0.5, 1.0, 2.0]])
OTHERS = [0, 2]


def test_inactive_bounds_change_no_derivative() -> None:
    out, (dp, dlower, dupper) = sensitivities(-10.0, 10.0)
    np.testing.assert_allclose(out[:3], np.linalg.solve(H, P), atol=1e-10)
    np.testing.assert_allclose(dp[:3], np.linalg.inv(H), atol=1e-8)
    np.testing.assert_allclose(dp[3], -out[:3], atol=1e-8)
    np.testing.assert_array_equal(dlower, 0.0)
    np.testing.assert_array_equal(dupper, 0.0)


@pytest.mark.parametrize("side", ["lower", "upper"])
def test_at_an_active_bound_the_variable_follows_the_bound_alone(side: str) -> None:
    low, high = (0.5, 10.0) if side == "lower" else (-10.0, -0.5)
    out, (dp, dlower, dupper) = sensitivities(low, high)
    held, idle = (dlower, dupper) if side == "lower" else (dupper, dlower)
    assert out[1] == (low if side == "lower" else high)
    np.testing.assert_array_equal(dp[1], 0.0)  # d x* / d p = 0 at an active bound
    np.testing.assert_array_equal(held[1], [0.0, 1.0, 0.0])  # d x* / d bound = 1
    np.testing.assert_array_equal(idle, 0.0)
    # the free variables solve their own equations, with x_1 given
    free = np.linalg.inv(H[np.ix_(OTHERS, OTHERS)])
    np.testing.assert_allclose(dp[np.ix_(OTHERS, OTHERS)], free, atol=1e-8)
    np.testing.assert_allclose(held[OTHERS, 1], -free @ H[OTHERS, 1], atol=1e-8)


@pytest.mark.parametrize("side", ["lower", "upper"])
def test_the_derivative_of_fun_in_a_bound_is_the_dual(side: str) -> None:
    low, high = (0.5, 10.0) if side == "lower" else (-10.0, -0.5)
    _, (_, dlower, dupper) = sensitivities(low, high)
    dual = bounded(P, *limits(low, high)).dual
    assert dual[1] > 0.1 if side == "lower" else dual[1] < -0.1
    np.testing.assert_allclose((dlower if side == "lower" else dupper)[3], dual, atol=1e-8)


# ------------------------------------------------------------------ classes with other rules


def test_linear_least_squares_in_all_its_data() -> None:
    def total(A: Any, b: Any, weights: Any, ridge: Any) -> Any:
        result = ol.minimize(ol.LeastSquares(A, b, weights=weights, ridge=ridge))
        return jnp.array([1.0, -2.0]) @ result.x + result.fun

    def in_closed_form(A: Any, b: Any, weights: Any, ridge: Any) -> Any:
        WA = weights[:, None] * A
        x = jnp.linalg.solve(A.T @ WA + ridge * jnp.eye(2), WA.T @ b)
        r = A @ x - b
        fun = 0.5 * weights @ r**2 + 0.5 * ridge * x @ x
        return jnp.array([1.0, -2.0]) @ x + fun

    data = tuple(map(jnp.asarray, (_X, _Y, 1.0 + _T, 0.3)))
    ours, theirs = (jit(jax.grad(f, (0, 1, 2, 3)))(*data) for f in (total, in_closed_form))
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


def squares(x: Any, b: Any) -> Any:
    return 0.5 * jnp.sum((jnp.asarray(_X) @ x - b) ** 2)


def lasso_value(weight: Any, b: Any) -> Any:
    problem = ol.Composite(squares, np.zeros(2), ol.L1(weight), args=(b,))
    return ol.minimize(problem, tol=1e-12).fun


def test_the_value_of_the_lasso_obeys_the_envelope_theorem() -> None:
    weight, b = 0.4, jnp.asarray(_Y)
    x = ol.minimize(ol.Composite(squares, np.zeros(2), ol.L1(weight), args=(_Y,)), tol=1e-12).x
    in_weight, in_b = jit(jax.grad(lasso_value, (0, 1)))(weight, b)
    np.testing.assert_allclose(in_weight, np.abs(x).sum(), rtol=1e-8)  # dF*/d weight = ||x||_1
    np.testing.assert_allclose(in_b, _Y - _X @ x, rtol=1e-8, atol=1e-9)
    ahead, behind = (float(lasso_value(weight + h, _Y)) for h in (STEP, -STEP))
    np.testing.assert_allclose(in_weight, (ahead - behind) / (2 * STEP), rtol=TOL)
