"""Flat vectors in place of pytrees, and pytrees in two buffers."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from optlib.core.engines import Packed
from optlib.core.tree import Layout, is_traced, pytree, static

QUICK = settings(max_examples=40, deadline=None)

shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3)
numbers = st.floats(-1e6, 1e6, width=32)
floats = shapes.flatmap(lambda shape: hnp.arrays(np.float64, shape, elements=numbers))
integers = shapes.flatmap(lambda shape: hnp.arrays(np.int32, shape))
flags = shapes.flatmap(lambda shape: hnp.arrays(np.bool_, shape))


def trees(leaf: Any) -> Any:
    """Arrays nested in dictionaries, tuples and lists."""
    names = st.sampled_from("abcd")
    return st.recursive(
        leaf,
        lambda inner: (
            st.dictionaries(names, inner, min_size=1, max_size=3)
            | st.lists(inner, min_size=1, max_size=3)
            | st.tuples(inner, inner)
        ),
        max_leaves=5,
    )


def assert_same(found: Any, expected: Any) -> None:
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected)):
        assert (np.shape(a), np.asarray(a).dtype) == (np.shape(b), np.asarray(b).dtype)
        np.testing.assert_array_equal(a, b)


# ------------------------------------------------------------------ Layout


@QUICK
@given(trees(floats))
def test_unravel_undoes_ravel(tree: Any) -> None:
    layout = Layout.of(tree)
    vector = layout.ravel(tree, np, np.float64)
    assert vector.shape == (layout.size,) == (sum(map(np.size, jax.tree.leaves(tree))),)
    assert_same(layout.unravel(vector), tree)


@QUICK
@given(trees(floats), st.integers(1, 3))
def test_unravel_keeps_leading_axes(tree: Any, rows: int) -> None:
    layout = Layout.of(tree)
    vector = layout.ravel(tree, np, np.float64)
    many = layout.unravel(np.stack([k * vector for k in range(rows)]))
    for k in range(rows):
        each = jax.tree.map(lambda leaf, k=k: leaf[k], many)
        assert_same(each, jax.tree.map(lambda leaf, k=k: np.asarray(k * leaf), tree))


@QUICK
@given(trees(floats))
def test_there_is_one_layout_per_structure(tree: Any) -> None:
    assert Layout.of(tree) is Layout.of(jax.tree.map(lambda leaf: leaf + 1.0, tree))
    assert Layout.of(tree) is not Layout.of({"other": tree})


def test_shapes_of_the_same_size_are_different_layouts() -> None:
    assert Layout.of(np.ones((2, 3))) is not Layout.of(np.ones((3, 2)))


def test_ravel_follows_the_order_of_the_leaves_and_the_dtype_asked_for() -> None:
    tree = {"b": np.array([3.0, 4.0]), "a": 1.0}
    vector = Layout.of(tree).ravel(tree, np, np.float32)
    np.testing.assert_array_equal(vector, [1.0, 3.0, 4.0])
    assert vector.dtype == np.float32


# ------------------------------------------------------------------ a pytree in two buffers

mixed = trees(floats | integers | flags)


@QUICK
@given(st.tuples(floats, integers, mixed))
def test_packed_unpacks_to_the_same_tree(tree: Any) -> None:
    with jax.enable_x64(True):
        packed = Packed.of(tree, jnp)
        assert len(jax.tree.leaves(packed)) == 2
        assert_same(packed.unpack(np), tree)


LOOP = {
    "x": np.array([1.0, 2.0]), "f": np.array(3.0), "g": np.array(-4.0), "k": np.array(5, np.int32),
    "done": np.array(True), "code": np.array(-1, np.int32), "h": np.eye(2),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_packed_crosses_a_program_unchanged(dtype: Any) -> None:
    tree = {k: v.astype(dtype) if v.dtype.kind == "f" else v for k, v in LOOP.items()}
    with jax.enable_x64(dtype is np.float64):
        packed = jax.jit(lambda p: Packed.of(p.unpack(jnp), jnp))(Packed.of(tree, jnp))
        assert_same(packed.unpack(np), tree)


# ------------------------------------------------------------------ pytree


@pytree
class Disc:
    """A radius, which is a number, and a name, which is structure."""

    radius: float
    name: str = static(default="disc")


def test_numbers_are_leaves_and_static_fields_are_structure() -> None:
    assert jax.tree.leaves(Disc(2.0)) == [2.0]
    assert jax.tree.structure(Disc(2.0)) == jax.tree.structure(Disc(3.0))
    assert jax.tree.structure(Disc(2.0)) != jax.tree.structure(Disc(2.0, "ring"))


def test_a_new_number_traces_nothing_and_a_new_structure_does() -> None:
    traced = []

    @jax.jit
    def area(disc: Disc) -> Any:
        traced.append(disc.name)
        return 3.0 * disc.radius**2

    for disc in (Disc(1.0), Disc(2.0), Disc(2.0, "ring"), Disc(5.0, "ring")):
        assert float(area(disc)) == 3.0 * disc.radius**2
    assert traced == ["disc", "ring"]


def test_a_pytree_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Disc(1.0).radius = 2.0  # type: ignore[misc]


def test_is_traced_tells_tracers_from_numbers() -> None:
    seen = []
    jax.eval_shape(lambda x: seen.append(is_traced({"a": (1.0, x)})), 1.0)
    assert seen == [True]
    assert not is_traced({"a": (1.0, np.ones(2), jnp.ones(2))})
