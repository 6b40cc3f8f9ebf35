"""Three ways to run the flat loop: on NumPy, compiled in chunks, and inside a transformation.

``host`` runs the steps from Python on NumPy arrays. ``compiled`` runs the same text inside one
XLA program, in chunks between which Python looks at the clock, the callback and Ctrl-C. The two
share the loop's memory, so ``auto`` starts on the host and moves into XLA once the host has run
for as long as compiling costs. Inside ``jit``, ``vmap`` and ``grad`` the loop is traced whole.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from functools import cache, cached_property, lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .certificate import Certificate
from .kernels import in_few_kernels
from .loop import Carry, Controls, advance, begin, final_status, outcome
from .ops import COMPILED, HOST
from .result import Answer
from .status import CONVERGED, RUNNING, STOPPED, Status
from .stopping import Criterion
from .trace import MAX_WIDTH, Trace
from .tree import pytree, static

CHUNK_SECONDS = 0.1
"""How long a compiled chunk should take: the delay of Ctrl-C and of ``max_seconds``."""

SWITCH_SECONDS = 0.75
"""Processor time of host steps after which compiling would have paid for itself."""

LARGE = 50_000
"""Problems of more numbers than this (variables and data) are compiled at once."""

TRACE_ROWS = 1024
POLISH = 1e-2
DEEPEST_POLISH = 1e-24


class Request(NamedTuple):
    """How the door asks for a run."""

    x0: Any = None
    start: Any = None
    tol: Any = None
    max_iterations: Any = None
    max_seconds: float | None = None
    stop: Criterion | None = None
    trace: bool = False
    progress: bool = False
    callback: Callable[[ProgressInfo], Any] | None = None
    seed: int = 0
    engine: str = "auto"


class ProgressInfo(NamedTuple):
    """What a callback sees after each accepted step; returning True stops the run."""

    nit: int
    fun: float
    grad_norm: float
    step_size: float
    x: Any
    seconds: float


# ------------------------------------------------------------------ inside a transformation


def traced(method: Any, problem: Any, request: Request, tol: Any, limit: Any) -> Answer:
    """The whole run as one traced computation, with implicit derivatives of its solution."""
    watched = {
        "callback": request.callback is not None,
        "progress": request.progress,
        "max_seconds": request.max_seconds is not None,
        "MaxSeconds": request.stop is not None
        and any(leaf.ends_as_time_limit for leaf in request.stop.leaves()),
    }
    for name, asked in watched.items():
        if asked:
            raise ValueError(f"{name}: not available inside jax.jit, jax.vmap or jax.grad")
    fixed = jax.tree.map(jax.lax.stop_gradient, problem)
    oracle = fixed.oracle(COMPILED)
    x0 = fixed.flat_start(jnp)
    capacity = int(limit) + 1 if request.trace else 0
    controls = Controls(tol, tol, limit, math.inf, 0.0, jnp.asarray(0), 1)
    carry = begin(method, oracle, x0, request.stop, COMPILED)
    carry, rows = _while(method, oracle, request.stop, controls, carry, _rows(x0, capacity))
    x, fun = outcome(method, carry, COMPILED)
    certificate, dual = fixed.judge(oracle, x, tol, COMPILED)
    p = carry.progress
    status, success = final_status(p.code, certificate, COMPILED)
    x, fun = problem.implicit(x, fun)
    return Answer(
        x=problem.restore(x),
        fun=fun,
        dual=problem.restore_dual(dual),
        status=status,
        success=success,
        certificate=certificate,
        nit=p.nit,
        nfev=p.nfev,
        njev=p.njev,
        nhev=p.nhev,
        trace=_as_trace(rows, problem) if request.trace else None,
        engine="compiled",
    )


# ------------------------------------------------------------------ compiled chunks


@pytree
class Packed:
    """A pytree as two flat vectors: two buffers cross into a program in place of forty."""

    reals: Any
    integers: Any
    structure: Any = static()

    @classmethod
    def of(cls, tree: Any, xp: Any) -> Packed:
        leaves, treedef = jax.tree.flatten(tree)
        leaves = [xp.asarray(leaf) for leaf in leaves]
        reals = [xp.ravel(leaf) for leaf in leaves if leaf.dtype.kind == "f"]
        others = [xp.ravel(leaf).astype(xp.int32) for leaf in leaves if leaf.dtype.kind != "f"]
        plan = tuple((leaf.dtype, leaf.shape) for leaf in leaves)
        return cls(xp.concatenate(reals), xp.concatenate(others), (treedef, plan))

    def on_host(self) -> Any:
        """The tree with NumPy arrays, and Python numbers for its scalars."""
        treedef, plan = self.structure
        reals, others = np.asarray(self.reals), np.asarray(self.integers)
        at_real = at_other = 0
        leaves: list[Any] = []
        for dtype, shape in plan:
            real = dtype.kind == "f"
            source, at = (reals, at_real) if real else (others, at_other)
            size = math.prod(shape)
            if shape:
                leaves.append(source[at : at + size].reshape(shape).astype(dtype, copy=False))
            else:
                leaves.append(bool(source.item(at)) if dtype.kind == "b" else source.item(at))
            at_real, at_other = at_real + size * real, at_other + size * (not real)
        return jax.tree.unflatten(treedef, leaves)

    def unpack(self, xp: Any) -> Any:
        treedef, plan = self.structure
        reals, others = xp.asarray(self.reals), xp.asarray(self.integers)
        at_real = at_other = 0
        leaves = []
        for dtype, shape in plan:
            size = math.prod(shape)
            if dtype.kind == "f":
                leaves.append(reals[at_real : at_real + size].reshape(shape))
                at_real += size
            else:
                leaves.append(others[at_other : at_other + size].reshape(shape).astype(dtype))
                at_other += size
        return jax.tree.unflatten(treedef, leaves)


def _rows(x: Any, capacity: int) -> dict[str, Any]:
    """Empty history arrays; none for capacity 0."""
    if not capacity:
        return {}
    names = ("fun", "grad_norm", "step_size")
    rows = {name: jnp.full(capacity, jnp.nan, x.dtype) for name in names}
    rows["nfev"] = jnp.full(capacity, -1, jnp.int32)
    if x.size <= MAX_WIDTH:
        rows["x"] = jnp.full((capacity, x.size), jnp.nan, x.dtype)
    return rows


def _while(
    method: Any,
    oracle: Any,
    stop: Criterion | None,
    controls: Controls,
    carry: Carry,
    rows: dict[str, Any],
) -> tuple[Carry, dict[str, Any]]:
    """Steps until something ends the run or ``until`` accepted steps are made."""

    def going(loop: tuple[Carry, dict[str, Any]]) -> Any:
        p = loop[0].progress
        return (p.code == RUNNING) & (p.nit < controls.until)

    def body(loop: tuple[Carry, dict[str, Any]]) -> tuple[Carry, dict[str, Any]]:
        carry, rows = loop
        carry = advance(method, oracle, carry, stop, controls, COMPILED)
        if rows:
            p = carry.progress
            at = jnp.where(p.accepted, p.nit - controls.base.astype(jnp.int32), rows["fun"].size)
            rows = {k: a.at[at].set(getattr(p, k), mode="drop") for k, a in rows.items()}
        return carry, rows

    return jax.lax.while_loop(going, body, (carry, rows))


def _chunk(
    method: Any,
    problem: Any,
    stop: Criterion | None,
    numbers: Any,
    x0: Any,
    memory: Packed,
    capacity: int,
) -> tuple[Packed, Packed, dict[str, Any]]:
    """One chunk of a run: the loop's memory, the answer with its certificate, and the history."""
    _BUILT.append(
        type(method).__name__
    )  # this line runs when a program is traced, not when it runs
    controls = Controls(*numbers)
    oracle = problem.oracle(COMPILED)
    carry = begin(method, oracle, x0, stop, COMPILED)
    carry = jax.tree.map(
        lambda new, kept: jnp.where(controls.fresh > 0, new, kept), carry, memory.unpack(jnp)
    )
    carry, rows = _while(method, oracle, stop, controls, carry, _rows(x0, capacity))
    x, fun = outcome(method, carry, COMPILED)
    certificate, dual = problem.judge(oracle, x, controls.tol, COMPILED)
    p = carry.progress
    status, success = final_status(p.code, certificate, COMPILED)
    counts = (p.nit, p.nfev, p.njev, p.nhev)
    end = _End(x, fun, dual, status, success, certificate, p.code, counts, carry.fired)
    return Packed.of(carry, jnp), Packed.of(end, jnp), rows


class _End(NamedTuple):
    """How a chunk left the run."""

    x: Any
    fun: Any
    dual: Any
    status: Any
    success: Any
    certificate: Certificate
    code: Any
    counts: Any
    fired: Any


def _program(*args: Any) -> tuple[Packed, Packed, dict[str, Any]]:
    *rest, capacity = args
    chunk = partial(_chunk, capacity=capacity)
    return in_few_kernels(chunk, *rest) if jax.default_backend() == "cpu" else chunk(*rest)


_FEW_VARIABLES = 32


@cache
def _compiled_chunk(few: bool) -> Any:
    """The jitted chunk, with compiler choices measured on CPU (other platforms ignore them).

    One codegen unit compiles few kernels fastest. For few variables XLA's older emitters compile in
    less time; for many, the newer ones make faster kernels.
    """
    choices: dict[str, Any] = {"xla_cpu_parallel_codegen_split_count": 1}
    if few:
        choices["xla_cpu_use_fusion_emitters"] = False
    known = {name: value for name, value in choices.items() if _is_known(name, value)}
    return jax.jit(_program, static_argnums=6, compiler_options=known)


@cache
def _is_known(name: str, value: Any) -> bool:
    """Whether this version of XLA has the option; they come and go."""
    try:
        jax.jit(lambda: 0, compiler_options={name: value}).lower().compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


def compiled_programs() -> int:
    """How many programs the compiled engine has built in this process."""
    return len(_BUILT)


_BUILT: list[str] = []


def _memory_for(method: Any, problem: Any, stop: Any, x0: np.ndarray) -> Packed:
    """Zeros in the shape of the loop's memory, for a run that starts afresh.

    Kept with the problem for the objects at hand, and by structure for new objects alike.
    """
    kept = problem.__dict__.setdefault("_memory", {})
    memory = kept.get((method, stop))
    if memory is None:
        key = (_shape_key(method), _shape_key(problem), _shape_key(stop), x0.shape, x0.dtype)
        memory = kept[method, stop] = _MEMORY.get(key) or _empty(method, problem, stop, x0)
        _MEMORY[key] = memory
    return memory


def _empty(method: Any, problem: Any, stop: Any, x0: np.ndarray) -> Packed:
    shapes = jax.eval_shape(
        lambda m, p, s, x: Packed.of(begin(m, p.oracle(COMPILED), x, s, COMPILED), jnp),
        method, problem, stop, x0,
    )  # fmt: skip
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)


_MEMORY: dict[Any, Packed] = {}


def _shape_key(tree: Any) -> Any:
    leaves, treedef = jax.tree.flatten(tree)
    return treedef, tuple([np.shape(leaf) for leaf in leaves])


@lru_cache(maxsize=4096)
def _device_numbers(values: tuple[float, ...], dtype: Any) -> jax.Array:
    return jnp.asarray(values, dtype=dtype)


def _on_device(options: Any, dtype: Any) -> Any:
    """Options as device scalars, kept: a Python float costs ten times more to pass in."""
    if options is None:
        return None
    kept = options.__dict__.setdefault("_resident", {})
    if dtype not in kept:
        kept[dtype] = jax.tree.map(
            lambda v: jnp.asarray(v, dtype) if isinstance(v, (int, float)) else v, options
        )
    return kept[dtype]


# ------------------------------------------------------------------ one run outside a trace


class Run:
    """One run: engines, clock, callback, history, and the answer."""

    def __init__(self, method: Any, problem: Any, request: Request, tol: float, limit: int):
        self.method, self.problem, self.request = method, problem, request
        self.tol, self.limit, self.stop = float(tol), limit, request.stop
        self.began = time.perf_counter()
        self.x64 = problem.dtype == np.float64
        self.history: list[dict[str, np.ndarray]] = []
        self.bar: Any = None
        self.engine = "host"
        self.compile_seconds = self.host_seconds = 0.0
        self.last_shown = -1
        self.polished: np.ndarray | None = None
        self.last_move = math.inf

    @cached_property
    def oracle(self) -> Any:
        """The evaluations on the host, made when first needed."""
        return self.problem.oracle(HOST)

    def answer(self, engine: str) -> Answer:
        """Run with ``host``, ``compiled`` or ``auto``, and gather the answer."""
        with jax.enable_x64(self.x64), np.errstate(all="ignore"), self._display():
            if engine == "host" or not self.problem.traceable:
                end = self._host(math.inf)
            elif engine == "compiled":
                end = self._compiled(None, self.tol)
            else:
                end = self._auto()
            return self._gather(end)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    @property
    def out_of_time(self) -> bool:
        limit = self.request.max_seconds
        return limit is not None and self.seconds >= limit

    # -------------------------------------------------------------- host

    def _auto(self) -> _End:
        key = (type(self.method), self.problem.key())
        spent = _HOST_SECONDS.get(key, 0.0)
        if spent >= SWITCH_SECONDS or self.problem.numbers > LARGE:
            return self._compiled(None, self.tol)
        end = self._host(SWITCH_SECONDS - spent)
        _HOST_SECONDS[key] = spent + self.host_seconds
        return end

    def _host(self, switch_after: float) -> _End:
        """Steps on NumPy; after ``switch_after`` seconds the compiled engine takes over."""
        x0 = np.array(self.problem.flat_start(np))
        carry = begin(self.method, self.oracle, x0, self.stop, HOST)
        loop_tol = self.tol
        started = math.inf
        try:
            while True:
                while carry.progress.code == RUNNING:
                    carry = self._host_step(carry, loop_tol)
                    if carry.progress.accepted and self._stopped_by_user(carry.progress):
                        carry = carry.with_code(Status.INTERRUPTED)
                    started = min(started, time.thread_time())  # the first step compiles f
                    self.host_seconds = time.thread_time() - started
                    if self.host_seconds > switch_after and carry.progress.code == RUNNING:
                        self.engine = "host+compiled"
                        return self._compiled(carry, loop_tol)
                end = self._end(carry)
                tighter = self._tighter(end, loop_tol)
                if tighter is None:
                    return end
                loop_tol, carry = tighter, carry.with_code(RUNNING)
        except KeyboardInterrupt:
            return self._end(carry.with_code(Status.INTERRUPTED))

    def _host_step(self, carry: Carry, loop_tol: float) -> Carry:
        controls = Controls(self.tol, loop_tol, self.limit, math.inf, self.seconds, 0, 1)
        carry = self._counted(advance(self.method, self.oracle, carry, self.stop, controls, HOST))
        if carry.progress.accepted and self.request.trace:
            self._keep_row(carry.progress)
        if self.out_of_time and carry.progress.code == RUNNING:
            return carry.with_code(Status.TIME_LIMIT)
        return carry

    def _counted(self, carry: Carry) -> Carry:
        """With the real calls of an objective that counts them itself."""
        calls = getattr(self.oracle, "calls", None)
        if calls is None:
            return carry
        counts = {name: np.int32(count) for name, count in calls.items()}
        progress = carry.progress._replace(**counts)
        return carry._replace(state=carry.state._replace(progress=progress))

    def _end(self, carry: Carry) -> _End:
        """Judge the point that the memory stands for."""
        p = carry.progress
        x, fun = outcome(self.method, carry, HOST)
        certificate, dual = self.problem.judge(self.oracle, x, self.tol, HOST)
        certificate = jax.tree.map(float, certificate)
        status, success = final_status(p.code, certificate, HOST)
        counts = (p.nit, p.nfev, p.njev, p.nhev)
        return _End(x, fun, dual, status, success, certificate, p.code, counts, carry.fired)

    def _tighter(self, end: _End, loop_tol: float) -> float | None:
        """A smaller tolerance to go on with, when the method is done but the proof fails.

        Toward a minimum each round moves less than the one before; where the function only
        flattens out toward infinity the moves do not shrink, and the run ends without success.
        """
        if end.code != CONVERGED or end.success or loop_tol < self.tol * DEEPEST_POLISH:
            return None
        move = math.inf if self.polished is None else float(np.linalg.norm(end.x - self.polished))
        runs_away = move > 0.6 * self.last_move and math.isfinite(self.last_move)
        self.polished, self.last_move = np.array(end.x), move
        return None if runs_away else loop_tol * POLISH

    def _stopped_by_user(self, p: Any) -> bool:
        """Show progress, call the callback; whether it asked to stop a run still going."""
        if self.bar is not None:
            self.bar.show(p)
        if self.request.callback is None or p.nit <= self.last_shown:
            return False
        self.last_shown = int(p.nit)
        x = self.problem.restore(np.array(p.x))
        info = ProgressInfo(
            int(p.nit), float(p.fun), float(p.grad_norm), float(p.step_size), x, self.seconds
        )
        return bool(self.request.callback(info)) and p.code == RUNNING

    # -------------------------------------------------------------- compiled

    def _compiled(self, carry: Carry | None, loop_tol: float) -> _End:
        """Chunks in XLA, with Python between them."""
        if carry is None:
            self.engine = "compiled"
        dtype = self.problem.dtype
        method, stop = _on_device(self.method, dtype), _on_device(self.stop, dtype)
        problem = self.problem.resident()
        x0 = self.problem.resident_start()
        memory = _memory_for(method, problem, stop, x0) if carry is None else Packed.of(carry, np)
        nit = -1 if carry is None else int(carry.progress.nit)
        watched = self.request.callback is not None
        capacity = TRACE_ROWS if self.request.trace else 0
        chunk = 1 if watched else self._first_chunk(capacity)
        fresh = carry is None
        try:
            while True:
                numbers = (self.tol, loop_tol, self.limit, nit + chunk,
                           0.0 if self.stop is None else self.seconds, nit + 1, fresh)  # fmt: skip
                if self.stop is None:
                    numbers = _device_numbers(numbers, dtype)
                began = time.perf_counter()
                memory, packed, rows = self._timed_chunk(
                    method, problem, stop, np.asarray(numbers, dtype) if self.stop else numbers,
                    x0, memory, capacity,
                )  # fmt: skip
                end: _End = packed.on_host()
                took, fresh = time.perf_counter() - began, False
                if rows:
                    self._keep_rows(rows, int(end.counts[0]) - nit)
                nit = int(end.counts[0])
                shown = watched or self.bar is not None
                if shown and self._stopped_by_user(memory.unpack(np).progress):
                    memory = self._recode(memory, Status.INTERRUPTED)
                    continue
                if end.code != RUNNING:
                    tighter = self._tighter(end, loop_tol)
                    if tighter is None:
                        return end
                    loop_tol, memory = tighter, self._recode(memory, RUNNING)
                elif self.out_of_time:
                    memory = self._recode(memory, Status.TIME_LIMIT)
                elif not watched:
                    chunk = self._next_chunk(chunk, took, capacity)
        except KeyboardInterrupt:
            return self._end(memory.unpack(np).with_code(Status.INTERRUPTED))

    def _timed_chunk(self, *args: Any) -> Any:
        """Call the program; a call that compiled is timed apart."""
        program = _compiled_chunk(self.problem.layout.size <= _FEW_VARIABLES)
        before, programs = time.perf_counter(), compiled_programs()
        result = program(*args)
        if compiled_programs() > programs:
            self.compile_seconds += time.perf_counter() - before
        return result

    def _recode(self, memory: Packed, code: int) -> Packed:
        return Packed.of(memory.unpack(np).with_code(code), np)

    def _first_chunk(self, capacity: int) -> int:
        """Iterations until Python looks first: fewer when each one is heavy."""
        by_work = int(min(1000, max(4, 2e7 / (1000 + self.problem.numbers))))
        return min(by_work, capacity) if capacity else by_work

    def _next_chunk(self, chunk: int, took: float, capacity: int) -> int:
        target = CHUNK_SECONDS
        if self.request.max_seconds is not None:
            target = min(target, max(1e-3, self.request.max_seconds - self.seconds))
        grown = int(chunk * min(10.0, max(0.1, target / max(took, 1e-6)))) or 1
        return min(grown, capacity) if capacity else grown

    # -------------------------------------------------------------- history and answer

    def _keep_row(self, p: Any) -> None:
        names = ("fun", "grad_norm", "step_size", "nfev", "x")
        row = {name: np.array(getattr(p, name))[None] for name in names}
        if p.x.size > MAX_WIDTH:
            del row["x"]
        self.history.append(row)

    def _keep_rows(self, rows: dict[str, Any], count: int) -> None:
        if count > 0:
            self.history.append({name: np.asarray(a)[:count] for name, a in rows.items()})

    def _display(self) -> Any:
        if not self.request.progress:
            return contextlib.nullcontext()
        from .progress import Bar

        self.bar = Bar(type(self.method).__name__, self.limit)
        return self.bar

    def _gather(self, end: _End) -> Answer:
        nit, nfev, njev, nhev = (max(0, int(count)) for count in end.counts)
        if nit == 0 and end.code == Status.DIVERGED:
            raise ValueError(
                f"fun: found the value {float(end.fun)}, or a gradient that is not finite, at x0; "
                "needed a finite objective and gradient at the start"
            )
        status, success = Status(int(end.status)), bool(end.success)
        notes = ["" if self.engine == "compiled" else self.oracle.note]
        if end.code == STOPPED and self.stop is not None:
            fired = [leaf for leaf, hit in zip(self.stop.leaves(), end.fired) if hit]
            notes.append("stopped by " + " and ".join(map(repr, fired)))
            if status is Status.FINISHED and any(leaf.ends_as_time_limit for leaf in fired):
                status, success = Status.TIME_LIMIT, False
        return Answer(
            x=self.problem.restore(np.array(end.x)),
            fun=float(end.fun),
            dual=self.problem.restore_dual(end.dual),
            status=status,
            success=success,
            certificate=end.certificate,
            nit=nit,
            nfev=nfev,
            njev=njev,
            nhev=nhev,
            trace=self._trace() if self.request.trace else None,
            engine=self.engine,
            compile_seconds=self.compile_seconds,
            note="; ".join(filter(None, notes)),
        )

    def _trace(self) -> Trace:
        if not self.history:
            return Trace(*(np.empty(0) for _ in range(4)), x=None)
        names = self.history[0]
        return _as_trace(
            {n: np.concatenate([rows[n] for rows in self.history]) for n in names}, self.problem
        )


_HOST_SECONDS: dict[Any, float] = {}


def _as_trace(rows: dict[str, Any], problem: Any) -> Trace:
    x = rows.get("x")
    return Trace(
        rows["fun"], rows["grad_norm"], rows["step_size"], rows["nfev"],
        None if x is None else problem.restore(x),
    )  # fmt: skip
