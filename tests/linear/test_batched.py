"""Linear programs inside jax.jit, jax.vmap and jax.grad."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optlib as ol

COUNT, M, N = 200, 5, 10


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def programs(seed: int, count: int = COUNT) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Feasible and bounded: a positive point meets the rows, a positive price the columns."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((count, M, N))
    b = np.einsum("kij,kj->ki", A, rng.uniform(0.5, 1.5, (count, N)))
    price = np.einsum("kij,ki->kj", A, rng.standard_normal((count, M)))
    return price + rng.uniform(0.1, 1.0, (count, N)), A, b


def solved(c: Any, A: Any, b: Any) -> ol.Result:
    return ol.minimize(ol.LinearProgram(c, A_eq=A, b_eq=b))


def test_a_batch_has_the_answers_of_single_solves() -> None:
    c, A, b = programs(0)
    batch = jax.jit(jax.vmap(solved))(c, A, b)
    assert np.asarray(batch.success).all()
    assert (np.asarray(batch.status) == ol.Status.OPTIMAL).all()
    for i in range(COUNT):
        single = solved(c[i], A[i], b[i])
        np.testing.assert_allclose(batch.fun[i], single.fun, rtol=1e-7)
        np.testing.assert_allclose(batch.x[i], single.x, atol=1e-6)
        np.testing.assert_allclose(batch.dual.eq[i], single.dual.eq, atol=1e-6)


@pytest.mark.parametrize("argument", [0, 1, 2], ids=["c", "A", "b"])
def test_the_gradient_of_the_cost_is_that_of_differences(argument: int) -> None:
    data = [v[0] for v in programs(1, 1)]
    exact = jax.grad(lambda *d: solved(*d).fun, argument)(*data)

    def cost(value: np.ndarray) -> float:
        return solved(*(value if i == argument else d for i, d in enumerate(data))).fun

    np.testing.assert_allclose(exact, differences(cost, data[argument]), atol=1e-6)


@pytest.mark.parametrize("argument", [1, 2], ids=["A", "b"])
def test_the_gradient_of_the_solution_is_that_of_differences(argument: int) -> None:
    data = [v[0] for v in programs(2, 1)]
    weights = np.arange(1.0, N + 1.0)
    exact = jax.grad(lambda *d: weights @ solved(*d).x, argument)(*data)

    def weighed(value: np.ndarray) -> float:
        given = (value if i == argument else d for i, d in enumerate(data))
        return float(weights @ solved(*given).x)

    np.testing.assert_allclose(exact, differences(weighed, data[argument]), rtol=1e-5, atol=1e-5)


def differences(fun: Any, at: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """Central differences of a function of an array."""
    slopes = np.empty(at.size)
    for i in range(at.size):
        step = np.zeros(at.size)
        step[i] = h
        step = step.reshape(at.shape)
        slopes[i] = (fun(at + step) - fun(at - step)) / (2.0 * h)
    return slopes.reshape(at.shape)


def test_each_lane_has_its_own_status() -> None:
    c = np.array([[1.0, 1.0], [-1.0, 0.0], [1.0, 1.0]])
    b = np.array([[2.0], [2.0], [-1.0]])
    A = np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])[:, None, :]
    status = np.asarray(jax.vmap(solved)(c, A, b).status)
    assert list(status) == [ol.Status.OPTIMAL, ol.Status.UNBOUNDED, ol.Status.INFEASIBLE]


def test_bounds_and_inequalities() -> None:
    rng = np.random.default_rng(3)
    A, c = rng.standard_normal((50, 4, 6)), rng.standard_normal((50, 6))
    b = rng.uniform(0.5, 2.0, (50, 4))

    def boxed(c: Any, A: Any, b: Any) -> ol.Result:
        return ol.minimize(ol.LinearProgram(c, A_ub=A, b_ub=b, lower=-1.0, upper=2.0))

    batch = jax.vmap(boxed)(c, A, b)
    assert np.asarray(batch.success).all()
    single = [boxed(c[i], A[i], b[i]).fun for i in range(50)]
    np.testing.assert_allclose(batch.fun, single, rtol=1e-7, atol=1e-9)


def test_single_precision_is_proved_to_its_own_tolerance() -> None:
    c, A, b = (v.astype(np.float32) for v in programs(4, 20))
    with jax.enable_x64(False):
        batch = jax.vmap(solved)(jnp.asarray(c), jnp.asarray(A), jnp.asarray(b))
        assert batch.x.dtype == jnp.float32
        assert np.asarray(batch.success).sum() >= 18
