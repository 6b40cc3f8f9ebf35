"""Small programs in few kernels.

On the CPU, XLA runs a program as a list of kernels, about one for each operation, and starting one
costs as much as a few hundred additions; it also spreads independent ones over threads. A step of
a method in a hundred variables is a hundred operations on short vectors, so nearly all of its time
goes there. :func:`in_few_kernels` rewrites a program so that whatever lies between two calls of a
library (a large matrix product, a factorization) is one kernel, and a whole loop is one where it
calls none.

The kernels are marked in the way in which XLA marks the tiniest loops for itself. A compiler that
does not know the mark inlines them; the numbers are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.extend.core as jex
import jax.numpy as jnp
import numpy as np
from jax.experimental.xla_metadata import set_xla_metadata

SMALL_ARRAY = 1024
"""Operations on arrays of more entries are left as they are."""

SMALL_PRODUCT = 256
"""So are matrix products of more multiplications."""

SHORT = 256
"""Arrays of at most this many entries travel together through loops and branches."""

_MARK = {"xla_cpu_small_call": "true", "inlineable": "false"}

_PLAIN = frozenset({
    "abs", "add", "add_any", "and", "atan2", "broadcast_in_dim", "ceil", "clamp",
    "concatenate", "convert_element_type", "copy", "cos", "cosh", "div", "dynamic_slice", "eq",
    "erf", "exp", "exp2", "expm1", "floor", "ge", "gt", "integer_pow", "iota", "is_finite",
    "le", "log", "log1p", "logistic", "lt", "max", "min", "mul", "ne", "neg", "not", "or",
    "pad", "pow", "reduce_and", "reduce_max", "reduce_min", "reduce_or", "reduce_prod",
    "reduce_sum", "rem", "reshape", "rev", "round", "rsqrt", "select_n", "sign", "sin", "sinh",
    "slice", "sqrt", "square", "squeeze", "stack", "stop_gradient", "sub", "tan", "tanh",
    "transpose", "xor",
})  # fmt: skip
"""What a kernel can hold: elementwise operations, reductions, and moving entries about."""

_DTYPES = frozenset(map(np.dtype, ("float32", "float64", "int32", "int64", "bool")))


def in_few_kernels(fun: Callable[..., Any], *args: Any) -> Any:
    """``fun(*args)``, inside a trace for the CPU, as a program of few kernels."""
    closed, shape = jax.make_jaxpr(fun, return_shape=True)(*args)
    program, arguments = _flat(closed), [*closed.consts, *jax.tree.leaves(args)]
    if any(op.eqn.primitive.name == "while" and not op.small for op in program.ops):
        closed = jax.make_jaxpr(lambda *a: _bundled(program, a))(*arguments)
        program, arguments = _flat(closed), [*closed.consts, *arguments]
    return jax.tree.unflatten(jax.tree.structure(shape), _staged(program, arguments))


# ------------------------------------------------------------------ a program without calls


class _Op(NamedTuple):
    """One operation on numbered values; an input that is no number is a literal."""

    eqn: Any
    inputs: tuple[Any, ...]
    outputs: tuple[int, ...]
    small: bool
    inner: tuple[_Program, ...]


class _Program(NamedTuple):
    """Operations in order; the values 0, 1, ... are the constants and arguments."""

    ops: list[_Op]
    outputs: tuple[Any, ...]
    small: bool


def _flat(closed: jex.ClosedJaxpr) -> _Program:
    """The program with every inner function written out, loops and branches apart."""
    ops: list[_Op] = []
    count = 0

    def number(variables: Sequence[Any], env: dict[Any, Any]) -> tuple[int, ...]:
        nonlocal count
        numbers = tuple(range(count, count + len(variables)))
        count += len(variables)
        env.update(zip(variables, numbers))
        return numbers

    def walk(jaxpr: Any, env: dict[Any, Any]) -> tuple[Any, ...]:
        def value(v: Any) -> Any:
            return v if isinstance(v, jex.Literal) else env[v]

        for eqn in jaxpr.eqns:
            inputs = tuple([value(v) for v in eqn.invars])
            called = _called(eqn)
            if called is None:
                inner = _inner(eqn)
                outputs = number(eqn.outvars, env)
                ops.append(_Op(eqn, inputs, outputs, _is_small(eqn, inner), inner))
            else:
                body, consts = called
                below = dict(zip((*body.constvars, *body.invars), (*consts, *inputs)))
                env.update(zip(eqn.outvars, walk(body, below)))
        return tuple([value(v) for v in jaxpr.outvars])

    env: dict[Any, Any] = {}
    number((*closed.jaxpr.constvars, *closed.jaxpr.invars), env)
    outputs = walk(closed.jaxpr, env)
    return _Program(ops, outputs, all(op.small for op in ops))


def _called(eqn: Any) -> tuple[Any, Sequence[Any]] | None:
    """``(body, constants)`` of an operation that only calls another function."""
    if eqn.primitive.name in ("while", "cond", "scan"):
        return None
    body = eqn.params.get("jaxpr", eqn.params.get("call_jaxpr"))
    if isinstance(body, jex.ClosedJaxpr):
        return body.jaxpr, [_Constant(c) for c in body.consts]
    return (body, ()) if isinstance(body, jex.Jaxpr) else None


class _Constant(NamedTuple):
    """An array that a called function closed over."""

    val: Any


def _inner(eqn: Any) -> tuple[_Program, ...]:
    """The programs of a loop or branch."""
    if eqn.primitive.name == "while":
        return _flat(eqn.params["cond_jaxpr"]), _flat(eqn.params["body_jaxpr"])
    if eqn.primitive.name == "cond":
        return tuple([_flat(branch) for branch in eqn.params["branches"]])
    return ()


def _is_small(eqn: Any, inner: tuple[_Program, ...]) -> bool:
    """Whether a kernel can hold it."""
    for v in (*eqn.invars, *eqn.outvars):
        aval = v.aval
        if getattr(aval, "dtype", None) not in _DTYPES or aval.size > SMALL_ARRAY:
            return False
    if inner:
        return all(program.small for program in inner)
    if eqn.primitive.name == "dot_general":
        (left, _), (batch, _) = eqn.params["dimension_numbers"]
        contracted = math.prod(eqn.invars[0].aval.shape[i] for i in left)
        return not batch and eqn.outvars[0].aval.size * contracted <= SMALL_PRODUCT
    return eqn.primitive.name in _PLAIN


# ------------------------------------------------------------------ fewer values in flight


class _Bundle:
    """Short arrays of one dtype as one: what a loop or branch hands on is copied array by array."""

    def __init__(self, like: Sequence[Any]) -> None:
        self.shapes = [jnp.shape(v) for v in like]
        self.sizes = [math.prod(shape) for shape in self.shapes]
        self.groups: dict[Any, list[int]] = {}
        for i, (v, size) in enumerate(zip(like, self.sizes)):
            key: Any = jnp.result_type(v) if size <= SHORT else i
            self.groups.setdefault(key, []).append(i)

    def pack(self, values: Sequence[Any]) -> list[Any]:
        """One array for each group."""
        return [
            values[group[0]]
            if self._alone(group)
            else jnp.concatenate([jnp.ravel(values[i]) for i in group])
            for group in self.groups.values()
        ]

    def unpack(self, arrays: Sequence[Any]) -> list[Any]:
        """The values again."""
        values: list[Any] = [None] * len(self.shapes)
        for group, array in zip(self.groups.values(), arrays):
            at = 0
            for i in group:
                part = array if self._alone(group) else array[at : at + self.sizes[i]]
                values[i] = part.reshape(self.shapes[i])
                at += self.sizes[i]
        return values

    def _alone(self, group: list[int]) -> bool:
        return len(group) == 1 and self.sizes[group[0]] > SHORT


def _bundled(program: _Program, arguments: Sequence[Any]) -> list[Any]:
    """Run the program with the states of its large loops and branches in bundles."""
    values = dict(enumerate(arguments))
    for op in program.ops:
        inputs = [_value(i, values) for i in op.inputs]
        name = op.eqn.primitive.name
        if name == "while" and not op.small:
            results = _bundled_loop(op, inputs)
        elif name == "cond" and not op.small:
            results = _bundled_branches(op, inputs)
        else:
            results = _apply(op, values, _plainly)
        values.update(zip(op.outputs, results))
    return [_value(i, values) for i in program.outputs]


def _bundled_loop(op: _Op, inputs: list[Any]) -> list[Any]:
    test, body, state = _split(op, inputs)
    bundle, read = _Bundle(state), _Bundle(body)
    outside = read.pack(body)
    result = jax.lax.while_loop(
        lambda state: _plainly(op.inner[0], [*test, *bundle.unpack(state)])[0],
        lambda state: bundle.pack(
            _bundled(op.inner[1], [*read.unpack(outside), *bundle.unpack(state)])
        ),
        bundle.pack(state),
    )
    return bundle.unpack(result)


def _bundled_branches(op: _Op, inputs: list[Any]) -> list[Any]:
    given = _Bundle(inputs[1:])
    made = _Bundle([v.aval for v in op.eqn.outvars])
    branches = [
        lambda *arrays, run=run: made.pack(run(*given.unpack(arrays)))
        for run in _branches(op, _bundled)
    ]
    return made.unpack(jax.lax.switch(inputs[0], branches, *given.pack(inputs[1:])))


# ------------------------------------------------------------------ running it


def _staged(program: _Program, arguments: Sequence[Any]) -> list[Any]:
    """Run the program stage by stage: one kernel, then the operations that no kernel holds.

    A small operation belongs to the first stage in which all its inputs are known, so there are
    as many kernels as library calls on the longest path through the program.
    """
    stage: dict[int, int] = {}
    held: set[int] = set()
    small: dict[int, list[_Op]] = {}
    large: dict[int, list[_Op]] = {}
    for op in program.ops:
        known = [i for i in op.inputs if isinstance(i, int)]
        wait = (stage.get(i, 0) + (op.small and i in stage and i not in held) for i in known)
        at = max(wait, default=0)
        (small if op.small else large).setdefault(at, []).append(op)
        stage.update(dict.fromkeys(op.outputs, at))
        if op.small:
            held.update(op.outputs)
    values = dict(enumerate(arguments))
    for at in range(max((*small, *large), default=-1) + 1):
        if at in small:
            _run_kernel(small[at], values, _used_elsewhere(program, stage, held, at))
        for op in large.get(at, ()):
            values.update(zip(op.outputs, _apply(op, values, _staged)))
    return [_value(i, values) for i in program.outputs]


def _used_elsewhere(program: _Program, stage: dict[int, int], held: set[int], at: int) -> set[int]:
    """The values that leave the kernel of a stage."""
    used = {i for i in program.outputs if isinstance(i, int)}
    for op in program.ops:
        if not (op.small and stage[op.outputs[0]] == at):
            used.update(i for i in op.inputs if isinstance(i, int))
    return {i for i in used if i in held and stage[i] == at}


def _run_kernel(ops: list[_Op], values: dict[int, Any], leaving: set[int]) -> None:
    """Compute the values that leave; the kernel takes those that it finds."""
    made = {i for op in ops for i in op.outputs}
    taken = sorted({i for op in ops for i in op.inputs if isinstance(i, int)} - made)
    left = sorted(leaving & made)
    if not left:
        return

    def kernel(*arguments: Any) -> list[Any]:
        inside = dict(zip(taken, arguments))
        for op in ops:
            inside.update(zip(op.outputs, _apply(op, inside, _plainly)))
        first, *rest = (inside[i] for i in left)
        return [_with_all(arguments, first), *rest]

    results = jax.jit(kernel)(*[values[i] for i in taken])
    results[0] = set_xla_metadata(results[0], **_MARK)
    values.update(zip(left, results))


def _with_all(arguments: Sequence[Any], value: Any) -> Any:
    """The value, made to depend on every argument: XLA aborts on a kernel that ignores one."""
    firsts = [jnp.ravel(a)[:1].astype(jnp.float32) for a in arguments if a.size]
    sample = jnp.concatenate([*firsts, jnp.arange(2, dtype=jnp.float32)])
    largest = jnp.max(sample)
    return jnp.where(largest < jnp.min(sample), largest.astype(value.dtype), value)


def _plainly(program: _Program, arguments: Sequence[Any]) -> list[Any]:
    """Run a program operation by operation, inside a kernel."""
    values = dict(enumerate(arguments))
    for op in program.ops:
        values.update(zip(op.outputs, _apply(op, values, _plainly)))
    return [_value(i, values) for i in program.outputs]


def _apply(op: _Op, values: dict[int, Any], run: Callable[..., list[Any]]) -> Sequence[Any]:
    """The results of one operation; ``run`` runs the programs of a loop or branch."""
    eqn, name = op.eqn, op.eqn.primitive.name
    inputs = [_value(i, values) for i in op.inputs]
    if name == "while":
        return _loop(op, inputs, run)
    if name == "cond":
        return jax.lax.switch(inputs[0], _branches(op, run), *inputs[1:])
    if name == "dot_general" and op.small:
        return [_product(inputs[0], inputs[1], eqn.params)]
    result = eqn.primitive.bind(*inputs, **eqn.primitive.get_bind_params(eqn.params))
    return result if eqn.primitive.multiple_results else [result]


def _loop(op: _Op, inputs: list[Any], run: Callable[..., list[Any]]) -> Sequence[Any]:
    """A ``while`` whose test and body are run by ``run``."""
    test, body, state = _split(op, inputs)
    return jax.lax.while_loop(
        lambda state: run(op.inner[0], [*test, *state])[0],
        lambda state: run(op.inner[1], [*body, *state]),
        state,
    )


def _branches(op: _Op, run: Callable[..., list[Any]]) -> list[Callable[..., list[Any]]]:
    """The branches of a ``cond``, run by ``run``."""
    consts = [branch.consts for branch in op.eqn.params["branches"]]
    return [lambda *given, p=p, c=c: run(p, [*c, *given]) for p, c in zip(op.inner, consts)]


def _split(op: _Op, inputs: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """What the test of a ``while`` reads, what its body reads, and the state."""
    params = op.eqn.params
    a = params["cond_nconsts"]
    b = a + params["body_nconsts"]
    test, body = params["cond_jaxpr"].consts, params["body_jaxpr"].consts
    return [*test, *inputs[:a]], [*body, *inputs[a:b]], inputs[b:]


def _product(a: Any, b: Any, params: dict[str, Any]) -> Any:
    """A small matrix product as multiplications and a sum, which a kernel can hold."""
    (left, right), _ = params["dimension_numbers"]
    a = jnp.moveaxis(a, left, range(-len(left), 0)) if left else a
    b = jnp.moveaxis(b, right, range(-len(right), 0)) if right else b
    rows, columns = a.shape[: a.ndim - len(left)], b.shape[: b.ndim - len(right)]
    a = a.reshape(*rows, *(1,) * len(columns), -1)
    product = jnp.sum(a * b.reshape(*columns, -1), axis=-1)
    return product.astype(params.get("preferred_element_type") or product.dtype)


def _value(i: Any, values: dict[int, Any]) -> Any:
    return values[i] if isinstance(i, int) else i.val
