"""Many scalars in few buffers: what keeps a compiled step to a handful of kernels."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .tree import pytree, static


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
        """Gather a pytree of arrays."""
        leaves, treedef = jax.tree.flatten(tree)
        leaves = [leaf if isinstance(leaf, jax.Array) else jnp.asarray(leaf) for leaf in leaves]
        plan = tuple(leaf.dtype if leaf.ndim == 0 else None for leaf in leaves)
        reals = [leaf for leaf in leaves if leaf.ndim == 0 and leaf.dtype.kind == "f"]
        integers = [
            leaf if leaf.dtype == np.int32 else lax.convert_element_type(leaf, np.int32)
            for leaf in leaves
            if leaf.ndim == 0 and leaf.dtype.kind != "f"
        ]
        arrays = tuple(leaf for leaf in leaves if leaf.ndim)
        return cls(_row(reals), _row(integers), arrays, (treedef, plan))

    def spread(self) -> Any:
        """The pytree again."""
        treedef, plan = self.structure
        reals, integers = iter(_entries(self.reals)), iter(_entries(self.integers))
        arrays = iter(self.arrays)
        leaves = []
        for dtype in plan:
            if dtype is None:
                leaves.append(next(arrays))
            elif dtype.kind == "f":
                leaves.append(next(reals))
            else:
                leaf = next(integers)
                same = dtype == np.int32
                leaves.append(leaf if same else lax.convert_element_type(leaf, dtype))
        return jax.tree.unflatten(treedef, leaves)


def _row(scalars: list[Any]) -> Any:
    """The scalars as one vector, by selection: a single kernel, where ``stack`` makes one each."""
    if not scalars:
        return None
    size = len(scalars)
    row = lax.broadcast(scalars[0], (size,))
    for i, scalar in enumerate(scalars[1:], 1):
        row = lax.select(np.arange(size) == i, lax.broadcast(scalar, (size,)), row)
    return row


def _entries(row: Any) -> list[Any]:
    if row is None:
        return []
    return [lax.squeeze(part, (0,)) for part in lax.split(row, [1] * row.size)]


class Shared:
    """Scalars that a branch reads from their row, rather than each as an operand of its own.

    While a loop's body is traced, ``with Shared(gathered) as tree`` remembers which scalars of
    the tree came from which row; :func:`reread` takes them from the row again inside a branch.
    """

    _current: Shared | None = None

    def __init__(self, gathered: Gathered) -> None:
        self.gathered = gathered

    def __enter__(self) -> Any:
        self.tree = self.gathered.spread()
        self.places = {id(leaf): i for i, leaf in enumerate(jax.tree.leaves(self.tree))}
        self.outer, Shared._current = Shared._current, self
        return self.tree

    def __exit__(self, *_: Any) -> None:
        Shared._current = self.outer


def reread(tree: Any) -> Any:
    """The same tree, its shared scalars sliced from their row here."""
    shared = Shared._current
    if shared is None:
        return tree
    fresh = jax.tree.leaves(shared.gathered.spread())
    return jax.tree.map(
        lambda leaf: fresh[shared.places[id(leaf)]] if id(leaf) in shared.places else leaf, tree
    )
