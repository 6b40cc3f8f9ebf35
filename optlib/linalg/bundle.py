"""Arrays that compiled functions receive together, as one pointer.

Numba passes every array of a tuple as seven numbers, at each call from one compiled function to
another; with a few workspaces of many arrays most of what it compiles is the passing of them. A
:class:`Bundle` is passed as the address of a table of its arrays, from which a kernel loads what
it uses. The table never changes, and the code says so: a load moves out of every loop.
"""

from __future__ import annotations

from itertools import accumulate
from math import prod
from typing import Annotated, Any, ClassVar, Self, get_args, get_type_hints

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_getattr_generic,
    models,
    register_model,
    unbox,
)
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import as_dtype

Floats = Annotated[np.ndarray, types.float64[::1]]
FloatRows = Annotated[np.ndarray, types.float64[:, ::1]]
Ints = Annotated[np.ndarray, types.int32[::1]]
IntRows = Annotated[np.ndarray, types.int32[:, ::1]]
Longs = Annotated[np.ndarray, types.int64[::1]]
Bytes = Annotated[np.ndarray, types.int8[::1]]
Flags = Annotated[np.ndarray, types.boolean[::1]]
"""What a field may be: an array in C order, of one or two dimensions."""

WORD = 8
"""Bytes of an entry of the table: for each array its address and its shape."""


class BundleType(types.Type):
    """Numba's type of a :class:`Bundle`: its name, its fields and where the table has them."""

    def __init__(self, name: str, fields: tuple[tuple[str, Any], ...]) -> None:
        starts = accumulate((1 + array.ndim for _, array in fields), initial=0)
        self.place = {name: (array, at) for (name, array), at in zip(fields, starts)}
        super().__init__(name)

    @property
    def key(self) -> str:
        """Types are compared all the time while Numba compiles: by name alone."""
        return self.name


class Bundle:
    """Base of dataclasses whose fields are arrays, annotated ``Floats``, ``Ints`` ...

    A field is not replaced once the bundle is made: kernels go on working on the first one. They
    borrow the arrays, and so return none of them.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from numba import njit
    >>> @dataclass(eq=False)
    ... class Pair(Bundle):
    ...     left: Annotated[np.ndarray, types.float64[::1]]
    ...     right: Annotated[np.ndarray, types.float64[::1]]
    >>> @njit
    ... def product(pair):
    ...     return (pair.left * pair.right).sum()
    >>> product(Pair(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    11.0
    """

    _numba_type_: ClassVar[Any]
    _layout: ClassVar[list[tuple[str, np.dtype, int]]]
    _addresses: ClassVar[list[int]]

    def __init_subclass__(cls) -> None:
        hints = get_type_hints(cls, include_extras=True)
        own = {name: get_args(hints[name])[1] for name in cls.__annotations__}
        cls._numba_type_ = BundleType(f"{cls.__module__}.{cls.__name__}", tuple(own.items()))
        cls._layout = [(name, as_dtype(kind.dtype), kind.ndim) for name, kind in own.items()]
        cls._addresses = [at for _, at in cls._numba_type_.place.values()]

    @classmethod
    def zeros(cls, *shapes: int | tuple[int, int]) -> Self:
        """All fields zero, of these lengths or shapes, in one block of memory."""
        places, words, size = [], [], 0
        for (_, dtype, _), shape in zip(cls._layout, shapes, strict=True):
            places.append(size)
            sides = (shape,) if isinstance(shape, int) else shape
            words += size, *sides
            size += -(-prod(sides) * dtype.itemsize // WORD) * WORD
        block = np.zeros(size, np.uint8)
        table = np.array(words, np.int64)
        table[cls._addresses] += block.ctypes.data
        made = cls.__new__(cls)
        made.__dict__ = {
            name: np.ndarray(shape, dtype, block, place)
            for (name, dtype, _), shape, place in zip(cls._layout, shapes, places)
        }
        made._keep(table)
        return made

    def __post_init__(self) -> None:
        words: list[int] = []
        for name, dtype, ndim in self._layout:
            array = getattr(self, name)
            if array.dtype != dtype or array.ndim != ndim or not array.flags.c_contiguous:
                found = f"{array.dtype} of {array.ndim} dimensions"
                raise TypeError(f"{name}: found {found}, needed {dtype} of {ndim} in C order")
            words.append(array.ctypes.data)
            words.extend(array.shape)
        self._keep(np.array(words, np.int64))

    def _keep(self, table: np.ndarray) -> None:
        self._table = table
        self._address = self._table.ctypes.data


@register_model(BundleType)
class _Pointer(models.OpaqueModel):
    """A pointer to the table."""


@unbox(BundleType)
def _unbox(typ: Any, obj: Any, c: Any) -> NativeValue:
    address = c.pyapi.object_getattr_string(obj, "_address")
    pointer = c.pyapi.long_as_voidptr(address)
    c.pyapi.decref(address)
    return NativeValue(pointer)


@infer_getattr
class _Fields(AttributeTemplate):
    key = BundleType

    def generic_resolve(self, value: Any, attr: str) -> Any:
        return value.place[attr][0] if attr in value.place else None


@lower_getattr_generic(BundleType)
def _load(context: Any, builder: Any, typ: Any, value: Any, attr: str) -> Any:
    """The array, borrowed from Python (nothing counts its references here)."""
    array, at = typ.place[attr]
    constant = builder.module.add_metadata([])

    def word(k: int, kind: Any) -> Any:
        pointer = cgutils.pointer_add(builder, value, WORD * (at + k), kind.as_pointer())
        loaded = builder.load(pointer)
        loaded.set_metadata("invariant.load", constant)
        return loaded

    shape = [word(1 + k, ir.IntType(64)) for k in range(array.ndim)]
    itemsize = as_dtype(array.dtype).itemsize
    strides = [ir.IntType(64)(itemsize)]
    for extent in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], extent))
    made = context.make_array(array)(context, builder)
    data = word(0, made.data.type)
    populate_array(made, data, shape, strides, itemsize, meminfo=None)
    return made._getvalue()
