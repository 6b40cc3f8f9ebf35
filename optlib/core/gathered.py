"""Many scalars in few buffers: what keeps a compiled step to a handful of kernels."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .tree import pytree, static


def _row(scalars: list[Any]) -> Any:
    """The scalars as one vector, by selection: a single kernel, where ``stack`` makes one each."""
    if not scalars:
        return None
    index = jax.lax.iota(jnp.int32, len(scalars))
    row = jnp.broadcast_to(scalars[0], index.shape)
    for i, scalar in enumerate(scalars[1:], 1):
        row = jnp.where(index == i, scalar, row)
    return row


@pytree
class Gathered:
    """A pytree with its scalars gathered in two vectors, its arrays left as they are.

    XLA makes a kernel of every array that a loop's body writes; forty scalars would be forty.
    """

    reals: Any
    integers: Any
    arrays: tuple[Any, ...]
    structure: Any = static()

    @classmethod
    def of(cls, tree: Any) -> Gathered:
        leaves, treedef = jax.tree.flatten(tree)
        leaves = [jnp.asarray(leaf) for leaf in leaves]
        plan = tuple(leaf.dtype if leaf.ndim == 0 else None for leaf in leaves)
        reals = [leaf for leaf in leaves if leaf.ndim == 0 and leaf.dtype.kind == "f"]
        others = [leaf for leaf in leaves if leaf.ndim == 0 and leaf.dtype.kind != "f"]
        arrays = tuple(leaf for leaf in leaves if leaf.ndim)
        integers = [leaf.astype(jnp.int32) for leaf in others]
        return cls(_row(reals), _row(integers), arrays, (treedef, plan))

    def spread(self) -> Any:
        treedef, plan = self.structure
        at = {"real": 0, "integer": 0, "array": 0}
        leaves = []
        for dtype in plan:
            kind = "array" if dtype is None else "real" if dtype.kind == "f" else "integer"
            source = {"array": self.arrays, "real": self.reals, "integer": self.integers}[kind]
            leaf = source[at[kind]]
            at[kind] += 1
            leaves.append(leaf.astype(dtype) if kind == "integer" else leaf)
        return jax.tree.unflatten(treedef, leaves)
