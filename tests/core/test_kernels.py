"""A program in few kernels computes what the program computes, and is what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optlib.core.kernels import in_few_kernels

x, y = np.arange(1.0, 6.0) / 7.0, np.linspace(-0.3, 0.4, 5)
A = np.outer(x, y) + 2.0 * np.eye(5)
wide = np.linspace(-1.0, 1.0, 64)
W = np.cos(np.outer(wide, wide)) / 64.0


def _newton_root(a: Any, b: Any) -> Any:
    """A loop with a branch in it."""

    def body(state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        k, r, s = state
        return jax.lax.cond(
            jnp.sum(r * r) > k,
            lambda: (k + 1, 0.5 * (r + (1.0 + a * a) / r), s),
            lambda: (k + 1, r, s * 0.5 + b),
        )

    return jax.lax.while_loop(lambda state: state[0] < 10, body, (0, 1.0 + a, b))


def _power(a: Any, b: Any, W: Any) -> Any:
    """A loop with a large product in one branch, many small values, and a large one passed on."""

    def body(state: Any) -> Any:
        k, v, norm, flag, M = state
        v, norm = jax.lax.cond(
            flag, lambda: (M @ v / norm, norm), lambda: (v, jnp.sqrt(v @ v) + 0.0 * norm)
        )
        return k + 1, v, norm, ~flag, M * 1.01 + v[:, None] * v

    return jax.lax.while_loop(
        lambda s: s[0] < 7, body, (0, a, a[0] * a[0] + 1.0, b[0] > 2, jnp.asarray(W))
    )


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "sums": (lambda a, b: (jnp.sum(a * b), a + b), (x, y)),
    "a constant beside": (lambda a, b: (a * 0 + 1.0, jnp.zeros(3), b + 1), (x, y)),
    "only constants": (lambda a, b: ((a > 0).astype(jnp.int32) * 0,), (x, y)),
    "an ignored argument": (lambda a, b: (jnp.where(jnp.zeros(5) > 1, a, b), b[0]), (x, y)),
    "a folded argument": (lambda a, b: ((a[0] > 0).astype(jnp.int32) * 0, b + 1.0), (x, y)),
    "a choice": (lambda a, b: jax.lax.cond(a[0] > 0, lambda: (a, b), lambda: (b, a * 1.0)), (x, y)),
    "choose": (lambda a, b: (jnp.where(a > b, a, b), jnp.clip(a, 0, 0.5)), (x, y)),
    "moves": (lambda a, b: (jnp.stack([a, b])[:, 1:], jnp.pad(a, 1), jnp.roll(b, 2)), (x, y)),
    "norms": (lambda a, b: (jnp.max(jnp.abs(a)), jnp.linalg.norm(b), jnp.all(a == b)), (x, y)),
    "logic": (lambda a, b: (a > 0, (a > 0) & ~(b > 0), (a > 0).sum()), (x, y)),
    "functions": (lambda a, b: (a**2, a**b, jnp.logaddexp(a, b), jax.nn.sigmoid(b)), (x, y)),
    "products": (lambda a, b, A: (A @ a, a @ A, a @ b, A @ A, jnp.tensordot(A, A, 2)), (x, y, A)),
    "large products": (lambda a, b, W: (W @ a, (W @ (W @ b)) * a, W @ W), (wide, wide + 1, W)),
    "factorization": (
        lambda a, b, A: jnp.linalg.solve(A, a) + jnp.linalg.cholesky(A @ A.T) @ b, (x, y, A)
    ),
    "put": (lambda a, b: (a.at[1].set(b[0]), jnp.sort(b), b[jnp.argmax(a)]), (x, y)),
    "scan": (lambda a, b: jax.lax.scan(lambda c, e: (c + e, c * e), a[0], b), (x, y)),
    "gradient": (jax.value_and_grad(lambda a, b, A: jnp.sum(jnp.tanh(A @ a) * b)), (x, y, A)),
    "loop": (_newton_root, (x, y)),
    "loop with products": (_power, (wide, wide, W)),
    "integers": (lambda a, b: (jnp.arange(4) * 3 % 5, a.astype(jnp.int32)), (x, y)),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("x64", [True, False])
def test_the_same_numbers(name: str, x64: bool) -> None:
    fun, args = PROGRAMS[name]
    with jax.enable_x64(x64):
        args = jax.tree.map(lambda v: jnp.asarray(v), args)
        few = jax.jit(lambda *a: in_few_kernels(fun, *a))(*args)
        rtol = 1e-13 if x64 else 2e-5
        want = fun(*args)
        assert jax.tree.structure(few) == jax.tree.structure(want)
        for got, expected in zip(jax.tree.leaves(few), jax.tree.leaves(want)):
            assert got.dtype == jnp.asarray(expected).dtype
            np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol)


def test_nan_in_one_argument_stays_in_its_own_results() -> None:
    fun = jax.jit(lambda a, b: in_few_kernels(lambda a, b: (b + 1.0, a + 1.0), a, b))
    clean, dirty = fun(x * np.nan, y)
    np.testing.assert_array_equal(clean, (y + 1.0).astype(clean.dtype))
    assert np.isnan(dirty).all()


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="the mark is for XLA's CPU compiler")
def test_a_loop_of_small_operations_is_one_kernel() -> None:
    text = jax.jit(lambda a, b: in_few_kernels(_newton_root, a, b)).lower(x, y).compile().as_text()
    entry = text[text.index("ENTRY") :]
    assert entry.count(" call(") == 1
    assert " while(" not in entry


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="the mark is for XLA's CPU compiler")
def test_a_large_product_splits_the_kernels() -> None:
    fun = jax.jit(
        lambda a, W: in_few_kernels(lambda a, W: jnp.sin(W @ (jnp.cos(a) + 1.0)) - a, a, W)
    )
    text = fun.lower(wide, W).compile().as_text()
    entry = text[text.index("ENTRY") :]
    assert entry.count(" call(") == 2
