"""Frozen dataclasses that are pytrees, and flat vectors in place of pytrees.

A method's or problem's numbers are leaves, so they are traced and never baked into a compiled
program; its structure (functions, names, array lengths) is static and part of the compile key.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, dataclass_transform

import jax
import numpy as np
from jax.core import Tracer

T = TypeVar("T")


def static(**kwargs: Any) -> Any:
    """A dataclass field that is structure, not a number."""
    return dataclasses.field(metadata={"static": True}, **kwargs)


@dataclass_transform(frozen_default=True, field_specifiers=(static, dataclasses.field))
def pytree(cls: type[T]) -> type[T]:
    """Make a class a frozen dataclass and register it with JAX.

    Fields are children unless declared with :func:`static`. Unflattening skips ``__post_init__``,
    because a transformation may put any object in place of a leaf. A class attribute
    ``stored_as`` renames constructor arguments that are kept under another name.
    """
    plain = cls.__repr__ is object.__repr__ and not hasattr(cls, "stored_as")
    cls = dataclass(frozen=True, eq=False, repr=plain)(cls)
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    stored: dict[str, str] = getattr(cls, "stored_as", {})
    children = tuple(stored.get(f.name, f.name) for f in fields if not f.metadata.get("static"))
    structure = tuple(f.name for f in fields if f.metadata.get("static"))

    def flatten(node: T) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        values = node.__dict__
        return tuple([values[n] for n in children]), tuple([values[n] for n in structure])

    def flatten_with_keys(node: T) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        leaves, aux = flatten(node)
        return tuple((jax.tree_util.GetAttrKey(n), v) for n, v in zip(children, leaves)), aux

    def unflatten(aux: Any, leaves: Any) -> Any:
        node = object.__new__(cls)
        node.__dict__.update(zip(children, leaves))
        node.__dict__.update(zip(structure, aux))
        return node

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    return cls


def is_traced(tree: Any) -> bool:
    """Whether any leaf is being traced by jit, vmap or grad."""
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree))


def is_concrete(node: Any) -> bool:
    """Whether no leaf of a frozen object is being traced; looked up once for each object."""
    kept = node.__dict__
    if "_concrete" not in kept:
        kept["_concrete"] = not is_traced(node)
    return kept["_concrete"]


@dataclass(frozen=True, eq=False)
class Layout:
    """How a pytree of arrays lies in one flat vector.

    There is one object per structure, so layouts are compared by identity and serve as part of a
    compile key.
    """

    treedef: Any
    shapes: tuple[tuple[int, ...], ...]
    sizes: tuple[int, ...]
    size: int

    @classmethod
    def of(cls, tree: Any) -> Layout:
        leaves, treedef = jax.tree.flatten(tree)
        return _layout(treedef, tuple([np.shape(leaf) for leaf in leaves]))

    @property
    def is_array(self) -> bool:
        """Whether the tree is one array."""
        return self.treedef == _LEAF

    def ravel(self, tree: Any, xp: Any, dtype: Any) -> Any:
        """The tree as one vector of ``dtype``."""
        leaves = [xp.ravel(xp.asarray(leaf, dtype=dtype)) for leaf in jax.tree.leaves(tree)]
        return leaves[0] if len(leaves) == 1 else xp.concatenate(leaves)

    def unravel(self, vector: Any) -> Any:
        """The tree whose flat vector this is; leading axes of ``vector`` are kept."""
        lead, start, leaves = vector.shape[:-1], 0, []
        for shape, size in zip(self.shapes, self.sizes):
            leaves.append(vector[..., start : start + size].reshape(lead + shape))
            start += size
        return jax.tree.unflatten(self.treedef, leaves)


_LEAF = jax.tree.structure(0)


@cache
def _layout(treedef: Any, shapes: tuple[tuple[int, ...], ...]) -> Layout:
    sizes = tuple(int(np.prod(shape)) for shape in shapes)
    return Layout(treedef, shapes, sizes, sum(sizes))
