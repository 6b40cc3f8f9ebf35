"""One conformance suite for every registered method.

A method is tested by being registered: the cases come from the registry. What a method cannot do
by its nature is listed by name, with the reason (``OPTIONS``, ``EXCEPTIONS``).

``python tests/test_conformance.py --write`` regenerates the table of evaluation counts.
"""

from __future__ import annotations

import functools
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optlib as ol
from optlib import problems
from optlib.core import engines
from optlib.core.iterative import Iterative
from optlib.core.method import problem_classes, registered
from optlib.descent import oracle
from optlib.minimize import applicable

# ------------------------------------------------------------------ known answers

BOUNDED = "newton_quadratic in a box"
PROBLEMS = (
    "newton_quadratic", "log_cosh", "two_minima", "log_det", "rosenbrock", BOUNDED,
    "two_minima_residuals", "line_fit", "minimum_norm", "lasso", "elastic_net",
)  # fmt: skip
"""Small catalogue problems of every class."""

ITERATIONS = 3000

CURVATURE = {
    "newton_quadratic": 5.0, "log_cosh": 1.0, "two_minima": 10.0, "log_det": 20.0,
    "two_minima_residuals": 40.0, "line_fit": 6.0, "minimum_norm": 20.0,
}  # fmt: skip
"""A bound on the Hessian's eigenvalues along the way, for the methods whose step size is fixed."""

LARGER_ELSEWHERE = ("log_cosh", "two_minima", "log_det")
"""Here the curvature at x0, from which heavy_ball and nesterov take constants, is no bound."""

DECAYING = ol.Exponential(0.5, 0.985)
OPTIONS: dict[str, dict[str, Any]] = {
    # steps of constant length end in a cycle of that length: let them shrink
    "rmsprop": {"step": DECAYING},
    "adam": {"step": DECAYING, "decay2": 0.9},
    "nadam": {"step": DECAYING, "decay2": 0.9},
    "adamax": {"step": DECAYING, "decay2": 0.9},
    "adamw": {"step": DECAYING, "decay2": 0.9, "weight_decay": 0.0},  # else the minimum moves
    # the default step size is right, but its 1e4 iterations are slow
    "adagrad": {"step": 0.5},
    "amsgrad": {"step": 0.1, "decay2": 0.9},
    "yogi": {"step": 0.1, "decay2": 0.9},
    "adadelta": {"eps": 1e-3},
}

_VALLEY = "the curved valley takes 1e4 short steps and more"
_SCALED = "the first step has length s in every coordinate, and leaves the domain"
_NO_STEP_SIZE = "its steps grow and shrink by their own history: it cycles, or hardly moves"
_FIXED_STEP = (
    "momentum", "look_ahead", "heavy_ball", "nesterov", "adagrad", "rmsprop", "adadelta", "adam",
    "adamw", "nadam", "adamax", "amsgrad", "yogi",
)  # fmt: skip
EXCEPTIONS: dict[str, dict[str, str]] = {
    "rosenbrock": dict.fromkeys(("gradient_descent", "coordinate_descent", *_FIXED_STEP), _VALLEY),
    "log_det": {
        **dict.fromkeys(("adagrad", "rmsprop", "adam", "adamw", "nadam", "adamax"), _SCALED),
        "adadelta": _NO_STEP_SIZE,
    },
    "two_minima": {"adadelta": _NO_STEP_SIZE},
    "two_minima_residuals": {"adadelta": _NO_STEP_SIZE},
}
"""Problem, method, and why it does not solve it in ``ITERATIONS`` steps (here run for a tenth)."""


def load(name: str) -> tuple[Any, problems.Answer]:
    """A problem and its known answer."""
    if name == BOUNDED:
        free = problems.load("newton_quadratic")
        bounds = {"lower": [0.2, -1.0], "upper": [2.0, 2.0]}
        answer = problems.Answer(fun=-0.66, x=[0.2, 0.6], tol=1e-12)
        return ol.Smooth(free.fun, [1.0, -1.0], args=free.args, **bounds), answer
    entry = problems.entry(name)
    return entry.load(), entry.known()


def options(problem: str, method: str) -> dict[str, Any]:
    """Options under which a method without a line search converges on this problem."""
    curvature = CURVATURE.get(problem)
    if curvature is not None and method in ("momentum", "look_ahead"):
        return {"step": 1.8 / curvature}
    if problem in LARGER_ELSEWHERE and method == "nesterov":
        return {"step": 1.0 / curvature}
    if problem in LARGER_ELSEWHERE and method == "heavy_ball":
        return {"step": 1.0 / curvature, "momentum": 0.5}
    return OPTIONS.get(method, {})


@functools.cache
def solved(problem: str, method: str) -> ol.Result:
    """One solve on the host, shared by the tests that look at it."""
    limit = ITERATIONS // 10 if method in EXCEPTIONS.get(problem, {}) else ITERATIONS
    return ol.minimize(
        load(problem)[0], method, engine="host", max_iterations=limit, **options(problem, method)
    )


PAIRS = [(name, method.name) for name in PROBLEMS for method in applicable(load(name)[0])]


@pytest.mark.parametrize(("problem", "method"), PAIRS)
def test_a_method_finds_the_known_answer_and_proves_it(problem: str, method: str) -> None:
    result, answer = solved(problem, method), load(problem)[1]
    if method in EXCEPTIONS.get(problem, {}):
        assert not result.success, "the exception is no longer needed"
        return
    assert result.success, result
    assert result.status in (ol.Status.OPTIMAL, ol.Status.STATIONARY)
    assert result.certificate.holds(1e-8)
    assert answer.agrees(result.fun), f"found {result.fun}, known {answer.values}"
    again = ol.certify(load(problem)[0], result.x)
    assert again.holds(1e-8), "certify refuses the point that minimize proved"


@pytest.mark.parametrize("method", ["projected_gradient", "lbfgsb"])
def test_bounds_hold_along_the_way_and_the_dual_is_the_price_of_a_bound(method: str) -> None:
    problem, answer = load(BOUNDED)
    result = ol.minimize(problem, method, engine="host", trace=True)
    assert (result.trace.x >= [0.2, -1.0]).all() and (result.trace.x <= [2.0, 2.0]).all()
    np.testing.assert_allclose(result.x, answer.x, atol=1e-7)
    np.testing.assert_allclose(result.dual, [0.4, 0.0], atol=1e-7)  # dF*/d lower


# ------------------------------------------------------------------ evaluation counts

PINS = Path(__file__).with_name("pinned_counts.json")
PINNED = (
    "newton_quadratic", "log_cosh", "two_minima", "rosenbrock", "two_minima_residuals", "line_fit",
    "lasso",
)  # fmt: skip
COUNTS = ("nit", "nfev", "njev", "nhev")
MGH = tuple(entry.name for entry in problems.catalog(tag="mgh"))


@functools.cache
def pins() -> dict[str, dict[str, list[int]]]:
    return json.loads(PINS.read_text())


def counts(result: ol.Result) -> list[int]:
    return [int(getattr(result, name)) for name in COUNTS]


def check_pinned(problem: str, method: str, result: ol.Result) -> None:
    """Counts may not rise; when one falls, a warning asks for the table to be written anew."""
    found, pinned = counts(result), pins()[problem][method]
    risen = [f"{n} {p} -> {f}" for n, f, p in zip(COUNTS, found, pinned) if f > p]
    assert not risen, f"{method} on {problem}: {', '.join(risen)}"
    if found != pinned:
        warnings.warn(f"{method} on {problem}: {pinned} fell to {found}; --write", stacklevel=2)


@pytest.mark.parametrize(
    ("problem", "method"),
    [(p, m) for p, m in PAIRS if p in PINNED and m not in EXCEPTIONS.get(p, {})],
)
def test_evaluation_counts_do_not_rise(problem: str, method: str) -> None:
    check_pinned(problem, method, solved(problem, method))


@functools.cache
def solved_mgh(name: str) -> ol.Result:
    return ol.minimize(problems.load(name), engine="host")


@pytest.mark.parametrize("name", MGH)
def test_the_recommended_method_solves_more_garbow_hillstrom(name: str) -> None:
    result, answer = solved_mgh(name), problems.entry(name).known()
    assert result.success and result.certificate.holds(1e-8), result
    assert answer.agrees(result.fun), f"found {result.fun}, known {answer.values}"
    check_pinned(name, "recommended", result)


def test_a_large_residual_is_solved_by_the_program_too() -> None:
    name = "mgh_16_brown_dennis"  # 85822 is its sum of squares; LM converges linearly here
    result = ol.minimize(problems.load(name), engine="compiled")
    assert result.success and problems.entry(name).known().agrees(result.fun), result


def write_pins() -> None:
    """Measure every pinned pair that succeeds."""
    table: dict[str, dict[str, list[int]]] = {}
    for problem, method in PAIRS:
        if problem in PINNED and solved(problem, method).success:
            table.setdefault(problem, {})[method] = counts(solved(problem, method))
    for name in MGH:
        table[name] = {"recommended": counts(solved_mgh(name))}
    lines = (f" {json.dumps(problem)}: {_object(rows)}" for problem, rows in table.items())
    PINS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _object(rows: dict[str, list[int]]) -> str:
    return "{\n" + ",\n".join(f"  {json.dumps(k)}: {v}" for k, v in rows.items()) + "\n }"


# ------------------------------------------------------------------ one small problem per class


def hill(x: dict[str, Any], a: Any) -> Any:
    """Strictly convex, well conditioned, not quadratic; runs on NumPy and on JAX."""
    total = x["u"] + x["v"][0] + x["v"][1]
    return a[0] * (x["u"] - a[1]) ** 2 + a[2] * (x["v"] @ x["v"]) + (1.0 + total**2) ** 0.5


def hill_grad(x: dict[str, Any], a: Any) -> dict[str, Any]:
    total = x["u"] + x["v"][0] + x["v"][1]
    slope = total / (1.0 + total**2) ** 0.5
    return {"u": 2.0 * a[0] * (x["u"] - a[1]) + slope, "v": 2.0 * a[2] * x["v"] + slope}


def hill_hess(x: dict[str, Any], a: Any) -> np.ndarray:
    total = x["u"] + x["v"][0] + x["v"][1]
    return np.diag([2.0 * a[0], 2.0 * a[2], 2.0 * a[2]]) + (1.0 + total**2) ** -1.5


def residual(x: dict[str, Any], a: Any) -> Any:
    xp = np if isinstance(x["u"], (np.ndarray, np.floating)) else jnp
    total = x["u"] + x["v"][0] + x["v"][1]
    bent = total + 0.2 * total**3 - a[2]
    return xp.stack([a[0] * (x["u"] - a[1]), a[0] * x["v"][0], x["v"][1] - a[1], bent])


_A = np.array([[2.0, 0.5, 0.0], [0.0, 1.5, 0.5], [0.5, 0.0, 1.0], [1.0, 1.0, 0.0]])
_B = np.array([1.0, -2.0, 0.5, 1.5])


class Case(NamedTuple):
    """How to build a class's small problem from a start and three numbers."""

    build: Callable[[Any, Any], Any]
    start: Any
    fun: Callable[..., Any] | None = None


TREE = {"u": np.array(1.0), "v": np.array([-1.0, 0.5])}
NUMBERS = np.array([1.0, 0.5, 0.75])
CASES: dict[type, Case] = {
    ol.Smooth: Case(lambda x, a: ol.Smooth(hill, x, args=(a,)), TREE, hill),
    ol.NonlinearLeastSquares: Case(
        lambda x, a: ol.NonlinearLeastSquares(residual, x, args=(a,)), TREE, residual
    ),
    ol.LeastSquares: Case(
        lambda x, a: ol.LeastSquares(_A.astype(a.dtype) * a[0], _B.astype(a.dtype) + a[1], x0=x),
        np.array([1.0, 0.5, -1.0]),
    ),
    ol.Composite: Case(
        lambda x, a: ol.Composite(hill, x, ol.L1(0.2), args=(a,)), TREE, hill
    ),
}  # fmt: skip

LIMIT = 40


def _members() -> dict[str, tuple[type, str, bool]]:
    """Every registration, with the first class that has a case for it."""
    found: dict[tuple[type, str], tuple[type, str, bool]] = {}
    for kind in CASES:
        for name, entry in registered(kind).items():
            flat = issubclass(entry.method_class, Iterative)
            found.setdefault((entry.problem_class, name), (kind, name, flat))
    return {f"{kind.__name__}-{name}": (kind, name, flat) for kind, name, flat in found.values()}


MEMBERS = _members()


def every(*, flat: bool, only: Callable[[type, str], bool] = lambda kind, name: True) -> Any:
    """Parametrise over the methods of the flat loop, or over those that solve in one go."""
    rows = {
        key: (kind, name)
        for key, (kind, name, loops) in MEMBERS.items()
        if loops == flat and only(kind, name)
    }
    return pytest.mark.parametrize(("kind", "name"), rows.values(), ids=rows.keys())


each_method = every(flat=True)
each_direct_method = every(flat=False)
each_engine = pytest.mark.parametrize("engine", ["host", "compiled"])


@functools.cache
def problem_of(kind: type) -> Any:
    return CASES[kind].build(CASES[kind].start, NUMBERS)


@functools.cache
def run(kind: type, name: str, engine: str) -> ol.Result:
    """The run that several tests look at; with a trace, so that there is one program per method."""
    return go(kind, name, engine)


def go(kind: type, method: Any, engine: str, **request: Any) -> ol.Result:
    request = {"trace": True, "max_iterations": LIMIT, **request}
    return ol.minimize(problem_of(kind), method, engine=engine, **request)


def flat(x: Any) -> np.ndarray:
    """A point (or a trace of points) as an array, variables last."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(x)]
    if len(leaves) == 1:
        return leaves[0]
    depth = min(leaf.ndim for leaf in leaves)
    return np.concatenate([leaf.reshape(*leaf.shape[:depth], -1) for leaf in leaves], axis=-1)


def best(trace: ol.Trace) -> float:
    return float(np.min(trace.fun))


ELSEWHERE = {ol.LinearProgram: "tests/linear/test_methods.py"}
"""Families whose methods take no steps of the flat loop have a suite of their own."""


def test_every_problem_class_with_methods_has_a_case() -> None:
    for problem_class in problem_classes():
        has_case = any(issubclass(kind, problem_class) for kind in CASES)
        assert has_case or problem_class in ELSEWHERE, problem_class


# ------------------------------------------------------------------ two engines, one text


@each_method
def test_host_and_compiled_agree_to_rounding(kind: type, name: str) -> None:
    host, compiled = run(kind, name, "host"), run(kind, name, "compiled")
    # later differences of gradients are rounding, and a direction made of them is too
    far = host.trace.grad_norm[:11] > 1e-4 * host.trace.grad_norm[0]
    rows = int(np.argmin([*far, False]))
    for field in ("fun", "grad_norm", "step_size", "x"):
        a, b = (flat(getattr(result.trace, field))[:rows] for result in (host, compiled))
        np.testing.assert_allclose(b, a, rtol=1e-8, atol=1e-10, err_msg=field)
    np.testing.assert_array_equal(compiled.trace.nfev, host.trace.nfev)
    assert (compiled.status, counts(compiled)) == (host.status, counts(host))
    assert (host.engine, compiled.engine) == ("host", "compiled")


def programs() -> int:
    """How many programs of the compiled engine JAX holds."""
    return sum(engines._compiled_chunk(few)._cache_size() for few in (True, False))


@each_method
def test_new_numbers_compile_nothing(kind: type, name: str) -> None:
    run(kind, name, "compiled")
    built = programs()
    start = jax.tree.map(lambda leaf: 0.9 * leaf, CASES[kind].start)
    problem = CASES[kind].build(start, 1.1 * NUMBERS)
    method = jax.tree.map(lambda number: 0.9 * number, run(kind, name, "host").method)
    result = ol.minimize(
        problem, method, engine="compiled", trace=True, tol=1e-6, max_iterations=LIMIT - 5
    )
    assert programs() == built > 0
    assert result.compile_seconds == 0.0


@each_method
def test_new_numbers_compile_nothing_on_the_host(kind: type, name: str) -> None:
    run(kind, name, "host")
    # the exact Hessian is left out: a certificate may ask for it the first time it is in doubt
    names = ("_jit_value_and_grad", "_jit_hvp", "_jit_residual_and_jacobian")
    kernels = [getattr(oracle, name) for name in names]
    built = [kernel._cache_size() for kernel in kernels]
    start = jax.tree.map(lambda leaf: 0.9 * leaf, CASES[kind].start)
    problem = CASES[kind].build(start, 1.1 * NUMBERS)
    ol.minimize(problem, name, engine="host", tol=1e-6, max_iterations=5)
    assert [kernel._cache_size() for kernel in kernels] == built


@each_method
def test_moving_from_the_host_into_the_program_changes_nothing(
    kind: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "SWITCH_SECONDS", 1e-9)
    monkeypatch.setattr(engines, "_HOST_SECONDS", {})
    host, moved = run(kind, name, "host"), go(kind, name, "auto")
    assert moved.engine == "host+compiled"
    assert (moved.status, counts(moved)) == (host.status, counts(host))
    assert len(moved.trace) == moved.nit + 1
    np.testing.assert_allclose(moved.trace.fun[:11], host.trace.fun[:11], rtol=1e-9)


# ------------------------------------------------------------------ vmap

LANES = 3
FASTER_TO_COMPILE = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_parallel_codegen_split_count": 1,
}


def lanes_of(tree: Any, seed: int) -> Any:
    """Copies of a tree, each a little different."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: leaf * rng.uniform(0.8, 1.2, (LANES, *leaf.shape)), tree
    )  # fmt: skip


def lane(tree: Any, i: int) -> Any:
    return jax.tree.map(lambda leaf: np.asarray(leaf[i]), tree)


def solve_lanes(kind: type, name: str) -> tuple[ol.Result, list[ol.Result]]:
    """The same solves in one vmapped program and one by one."""
    build, starts, numbers = CASES[kind].build, lanes_of(CASES[kind].start, 1), lanes_of(NUMBERS, 2)

    def solve(x0: Any, a: Any) -> ol.Result:
        return ol.minimize(build(x0, a), name, max_iterations=LIMIT)

    with jax.enable_x64(True):
        program = jax.jit(jax.vmap(solve), compiler_options=FASTER_TO_COMPILE)
        together = program(jax.tree.map(jnp.asarray, starts), jnp.asarray(numbers))
    alone = [
        ol.minimize(
            build(lane(starts, i), numbers[i]), name, engine="host", max_iterations=LIMIT
        )
        for i in range(LANES)
    ]  # fmt: skip
    return together, alone


@each_method
def test_vmap_over_starts_and_args_is_the_same_as_single_solves(kind: type, name: str) -> None:
    together, alone = solve_lanes(kind, name)
    for i, single in enumerate(alone):
        assert int(together.status[i]) == single.status
        assert bool(together.success[i]) == single.success
        assert [int(getattr(together, c)[i]) for c in COUNTS] == counts(single)
        np.testing.assert_allclose(flat(lane(together.x, i)), flat(single.x), rtol=0, atol=1e-8)
        np.testing.assert_allclose(together.fun[i], single.fun, rtol=1e-10)


@each_direct_method
def test_vmap_of_a_direct_method_is_the_same_as_single_solves(kind: type, name: str) -> None:
    together, alone = solve_lanes(kind, name)
    for i, single in enumerate(alone):
        assert int(together.status[i]) == single.status
        assert bool(together.success[i]) and single.success
        np.testing.assert_allclose(together.x[i], single.x, rtol=0, atol=1e-12)
        np.testing.assert_allclose(together.fun[i], single.fun, rtol=1e-12)


# ------------------------------------------------------------------ dtype and structure


def in_single_precision(kind: type) -> Any:
    start = jax.tree.map(lambda leaf: leaf.astype(np.float32), CASES[kind].start)
    return CASES[kind].build(start, NUMBERS.astype(np.float32))


def check_kept(kind: type, result: ol.Result, dtype: Any) -> None:
    start = CASES[kind].start
    assert jax.tree.structure(result.x) == jax.tree.structure(start)
    assert [np.shape(a) for a in jax.tree.leaves(result.x)] == [
        a.shape for a in jax.tree.leaves(start)
    ]
    assert {np.asarray(leaf).dtype for leaf in jax.tree.leaves(result.x)} == {np.dtype(dtype)}


@each_method
def test_float64_and_the_structure_of_x0_are_kept(kind: type, name: str) -> None:
    for engine in ("host", "compiled"):
        check_kept(kind, run(kind, name, engine), np.float64)
        assert isinstance(run(kind, name, engine).fun, float)


@every(flat=True)
def test_float32_is_kept_and_solved_to_1e4(kind: type, name: str) -> None:
    check_single_precision(kind, name, "host")


@every(flat=False)
def test_a_direct_method_keeps_float32(kind: type, name: str) -> None:
    check_single_precision(kind, name, "host")


@every(flat=True, only=lambda kind, name: name in ("bfgs", "levenberg_marquardt", "fista"))
def test_float32_is_kept_by_the_compiled_engine(kind: type, name: str) -> None:
    check_single_precision(kind, name, "compiled")


def check_single_precision(kind: type, name: str, engine: str) -> None:
    double = ol.minimize(problem_of(kind), name, engine="host", max_iterations=LIMIT)
    single = ol.minimize(in_single_precision(kind), name, engine=engine, max_iterations=LIMIT)
    check_kept(kind, single, np.float32)
    if double.success:
        assert single.success and single.certificate.tol == pytest.approx(1e-4), single
        assert single.fun == pytest.approx(double.fun, rel=1e-4, abs=1e-5)


# ------------------------------------------------------------------ callback, time, interruption


@each_method
@each_engine
def test_the_callback_sees_every_accepted_step_once(kind: type, name: str, engine: str) -> None:
    seen: list[ol.ProgressInfo] = []
    result = go(kind, name, engine, max_iterations=4, callback=seen.append)
    assert [info.nit for info in seen] == list(range(result.nit + 1))
    np.testing.assert_array_equal([info.fun for info in seen], result.trace.fun)
    np.testing.assert_array_equal([info.step_size for info in seen], result.trace.step_size)
    np.testing.assert_array_equal([flat(info.x) for info in seen], flat(result.trace.x))
    assert jax.tree.structure(seen[-1].x) == jax.tree.structure(result.x)
    assert np.all(np.diff([info.seconds for info in seen]) > 0)


@each_method
@each_engine
def test_a_callback_that_returns_true_stops(kind: type, name: str, engine: str) -> None:
    seen: list[int] = []

    def enough(info: ol.ProgressInfo) -> bool:
        seen.append(info.nit)
        return info.nit == 2

    result = go(kind, name, engine, callback=enough)
    assert seen == [0, 1, 2]
    check_cut(result, ol.Status.INTERRUPTED, nit=2)


@each_method
@each_engine
def test_ctrl_c_returns_the_best_point_so_far(kind: type, name: str, engine: str) -> None:
    def press(info: ol.ProgressInfo) -> None:
        if info.nit == 2:
            raise KeyboardInterrupt

    result = uninterrupted(
        problem_of(kind), name, engine=engine, trace=True, max_iterations=LIMIT, callback=press
    )
    check_cut(result, ol.Status.INTERRUPTED, nit=2)


def uninterrupted(problem: Any, method: str, **request: Any) -> ol.Result:
    """Minimise; a Ctrl-C that gets through is a failure of this test, not the end of all tests."""
    try:
        return ol.minimize(problem, method, **request)
    except KeyboardInterrupt:
        pytest.fail("KeyboardInterrupt reached the caller")


def check_cut(result: ol.Result, status: ol.Status, nit: int) -> None:
    """The run was cut short: no success, an honest status, and the best point of its history."""
    assert (result.status, result.success, result.nit) == (status, False, nit)
    assert len(result.trace) == nit + 1
    assert result.fun == best(result.trace)
    at = int(np.argmin(result.trace.fun))
    np.testing.assert_array_equal(flat(result.x), flat(result.trace.x)[at])


class OnNumPy:
    """The small problem of a class with a NumPy objective that counts, waits or interrupts."""

    def __init__(self, kind: type, wait: float = 0.0, interrupt_at: int = 0) -> None:
        self.kind, self.wait, self.interrupt_at = kind, wait, interrupt_at
        self.fun_calls = self.grad_calls = self.hess_calls = 0
        fun, start = CASES[kind].fun, CASES[kind].start
        assert fun is not None

        def counted(x: Any, a: Any) -> Any:
            np.asarray(x["u"])  # refuses JAX's tracers
            self.fun_calls += 1
            if self.fun_calls == self.interrupt_at:
                raise KeyboardInterrupt
            time.sleep(self.wait)
            return fun(x, np.asarray(a))

        def grad(x: Any, a: Any) -> Any:
            self.grad_calls += 1
            return hill_grad(x, np.asarray(a))

        def hess(x: Any, a: Any) -> Any:
            self.hess_calls += 1
            return hill_hess(x, np.asarray(a))

        if kind is ol.Smooth:
            self.problem = ol.Smooth(counted, start, args=(NUMBERS,), grad=grad, hess=hess)
        elif kind is ol.NonlinearLeastSquares:
            self.problem = ol.NonlinearLeastSquares(counted, start, args=(NUMBERS,))
        else:
            self.problem = ol.Composite(counted, start, ol.L1(0.2), args=(NUMBERS,))


@each_method
def test_a_slow_objective_meets_the_time_limit(kind: type, name: str) -> None:
    slow = OnNumPy(kind, wait=0.011)
    # Two evaluations fill the limit: no method ends that soon, however fast the machine.
    began = time.perf_counter()
    result = ol.minimize(slow.problem, name, trace=True, max_seconds=0.02)
    assert time.perf_counter() - began < 3.0
    assert slow.wait * slow.fun_calls > 0.02
    check_cut(result, ol.Status.TIME_LIMIT, nit=result.nit)


def _heavy(x: Any, a: Any) -> Any:
    """About a millisecond of work, then a quadratic."""
    noise = jax.lax.fori_loop(0, 20_000, lambda i, s: jnp.sin(s + i), a)
    return 0.5 * jnp.sum(jnp.arange(1.0, 4.0) * x**2) + 0.0 * jax.lax.stop_gradient(noise)


def test_the_compiled_engine_meets_the_time_limit() -> None:
    problem = ol.Smooth(_heavy, np.ones(3), args=(1.0,))
    request: dict[str, Any] = {"engine": "compiled", "step": 1e-6, "max_iterations": 10**9}
    ol.minimize(problem, "gradient_descent", max_seconds=1e-3, **request)  # compiles
    result = ol.minimize(problem, "gradient_descent", max_seconds=0.2, **request)
    assert result.status is ol.Status.TIME_LIMIT and not result.success
    assert 0.2 <= result.seconds < 3.0
    assert "max_seconds" in result.message


@each_method
def test_ctrl_c_inside_the_objective_returns_the_best_point_so_far(kind: type, name: str) -> None:
    made = OnNumPy(kind)

    def arm(info: ol.ProgressInfo) -> None:
        if info.nit == 2:
            made.interrupt_at = made.fun_calls + 1

    result = uninterrupted(made.problem, name, trace=True, callback=arm)
    check_cut(result, ol.Status.INTERRUPTED, nit=2)


@pytest.mark.parametrize("trace", [False, True])
def test_ctrl_c_before_anything_is_known_returns_the_start(trace: bool) -> None:
    problem = OnNumPy(ol.Smooth, interrupt_at=1).problem
    result = uninterrupted(problem, "bfgs", trace=trace)
    assert (result.status, result.nit, result.success) == (ol.Status.INTERRUPTED, 0, False)
    np.testing.assert_array_equal(flat(result.x), flat(TREE))


# ------------------------------------------------------------------ trace and limits


@each_method
@each_engine
def test_the_trace_is_consistent_with_the_result(kind: type, name: str, engine: str) -> None:
    result = run(kind, name, engine)
    trace = result.trace
    lengths = {len(getattr(trace, n)) for n in ("fun", "grad_norm", "step_size", "nfev")}
    assert lengths | {len(trace), len(flat(trace.x))} == {result.nit + 1}
    np.testing.assert_array_equal(flat(trace.x)[-1], flat(result.x))
    np.testing.assert_array_equal(flat(trace.x)[0], flat(CASES[kind].start))
    assert (trace.fun[-1], trace.nfev[-1]) == (result.fun, result.nfev)
    assert np.all(np.diff(trace.nfev) >= 1) and trace.nfev[0] >= 1
    assert trace.step_size[0] == 0 and np.all(trace.step_size[1:] > 0)
    assert np.isfinite(trace.fun).all() and np.isfinite(trace.grad_norm).all()
    if kind is ol.Smooth:
        gradient = result.certificate.details["gradient"]
        assert trace.grad_norm[-1] == pytest.approx(gradient, rel=1e-9, abs=1e-14)


@every(flat=True, only=lambda kind, name: kind is ol.Smooth)
def test_a_line_that_leads_nowhere_adds_no_row_to_the_trace(kind: type, name: str) -> None:
    seen: list[int] = []
    result = ol.minimize(
        ol.Smooth(_kinks, [1.0, 1.0]), name, engine="host", max_iterations=60, trace=True,
        callback=lambda info: seen.append(info.nit),
    )  # fmt: skip
    assert len(result.trace) == result.nit + 1
    assert seen == list(range(result.nit + 1))


def _kinks(x: Any) -> Any:
    return jnp.abs(x[0] - 0.3) + 3 * jnp.abs(x[1] + 0.7) + 0.01 * x[0] ** 2


@each_method
@each_engine
def test_no_iteration_returns_the_start(kind: type, name: str, engine: str) -> None:
    result = go(kind, name, engine, max_iterations=0)
    assert (result.status, result.nit) == (ol.Status.ITERATION_LIMIT, 0)
    assert not result.success and len(result.trace) == 1
    np.testing.assert_array_equal(flat(result.x), flat(CASES[kind].start))
    assert result.nfev == run(kind, name, engine).trace.nfev[0]


@each_method
@each_engine
@pytest.mark.parametrize("limit", [1, 2])
def test_a_run_cut_short_is_the_beginning_of_the_long_one(
    kind: type, name: str, engine: str, limit: int
) -> None:
    short, long = go(kind, name, engine, max_iterations=limit), run(kind, name, engine)
    assert (short.status, short.nit) == (ol.Status.ITERATION_LIMIT, limit)
    np.testing.assert_array_equal(short.trace.fun, long.trace.fun[: limit + 1])
    np.testing.assert_array_equal(flat(short.x), flat(long.trace.x)[limit])
    assert short.nfev == long.trace.nfev[limit]


@each_method
@each_engine
def test_a_run_may_start_from_an_earlier_result(kind: type, name: str, engine: str) -> None:
    earlier = go(kind, name, engine, max_iterations=3)
    later = go(kind, name, engine, max_iterations=1, start=earlier)
    np.testing.assert_array_equal(flat(later.trace.x)[0], flat(earlier.x))


@each_method
@each_engine
def test_a_proved_minimum_needs_no_iteration(kind: type, name: str, engine: str) -> None:
    done = ol.minimize(problem_of(kind), engine="host")
    again = go(kind, name, engine, start=done)
    assert (again.success, again.nit) == (True, 0), again


# ------------------------------------------------------------------ stopping criteria


@each_method
def test_a_criterion_ends_the_run_and_is_named(kind: type, name: str) -> None:
    check_named(kind, name, "host")


def test_a_criterion_ends_the_run_in_the_program() -> None:
    check_named(ol.Smooth, "newton", "compiled")


def check_named(kind: type, name: str, engine: str) -> None:
    """Of three criteria one is met, at the second step; the message names that one alone."""
    stop = ol.MaxIterations(2) | ol.TargetValue(-1e9) & ol.StepNorm(1e9)
    result = go(kind, name, engine, stop=stop)
    assert (result.status, result.success, result.nit) == (ol.Status.FINISHED, True, 2)
    assert "stopped by MaxIterations(2)" in result.message
    assert "TargetValue" not in result.message
    assert not result.certificate.holds()


def test_both_criteria_joined_by_and_must_hold() -> None:
    early = ol.MaxIterations(2)
    full = run(ol.Smooth, "gradient_descent", "host")
    target = float(full.trace.fun[4])
    both = go(ol.Smooth, "gradient_descent", "host", stop=early & ol.TargetValue(target))
    assert both.nit == 4
    assert "MaxIterations(2) and TargetValue" in both.message


def test_a_time_criterion_is_no_success() -> None:
    stop = ol.MaxSeconds(0.0) | ol.GradNorm(1e-30)
    result = go(ol.Smooth, "gradient_descent", "host", stop=stop)
    assert (result.status, result.success) == (ol.Status.TIME_LIMIT, False)
    assert "MaxSeconds(0)" in result.message


def test_a_criterion_met_at_a_proved_minimum_does_not_hide_the_proof() -> None:
    result = go(ol.Smooth, "newton", "host", stop=ol.GradNorm(1e-9))
    assert (result.status, result.success) == (ol.Status.STATIONARY, True)


# ------------------------------------------------------------------ counts are calls


@each_method
def test_the_counts_of_a_numpy_objective_are_its_calls(kind: type, name: str) -> None:
    made = OnNumPy(kind)
    calls: list[tuple[int, int, int]] = []

    def look(info: ol.ProgressInfo) -> None:
        calls.append((made.fun_calls, made.grad_calls, made.hess_calls))

    result = ol.minimize(made.problem, name, trace=True, max_iterations=6, callback=look)
    np.testing.assert_array_equal([f for f, _, _ in calls], result.trace.nfev)
    fun_calls, grad_calls, hess_calls = calls[-1]
    assert result.nfev == fun_calls
    assert result.njev == grad_calls
    if "Hessian-vector" not in result.method.needs:
        assert result.nhev == hess_calls


class Counter:
    """Passes through a JAX function, wherever it runs: each f, gradient, Hessian and product."""

    def __init__(self) -> None:
        self.passes = 0

    def add(self) -> None:
        self.passes += 1

    def read(self) -> int:
        jax.effects_barrier()
        return self.passes


COUNTER = Counter()


def _watched(fun: Callable[..., Any]) -> Callable[..., Any]:
    def watched(x: Any, a: Any) -> Any:
        jax.debug.callback(COUNTER.add)
        return fun(x, a)

    return watched


WATCHED = {
    ol.Smooth: ol.Smooth(_watched(hill), TREE, args=(NUMBERS,)),
    ol.NonlinearLeastSquares: ol.NonlinearLeastSquares(_watched(residual), TREE, args=(NUMBERS,)),
    ol.Composite: ol.Composite(_watched(hill), TREE, ol.L1(0.2), args=(NUMBERS,)),
}


@each_method
def test_the_counts_of_a_jax_objective_are_its_passes_on_the_host(kind: type, name: str) -> None:
    before, passes = COUNTER.read(), []
    result = ol.minimize(
        WATCHED[kind], name, engine="host", max_iterations=6,
        callback=lambda info: passes.append(COUNTER.read() - before),
    )  # fmt: skip
    assert passes[-1] == result.nfev + result.nhev
    assert result.njev == result.nfev


@every(flat=True, only=lambda kind, name: name in ("gradient_descent", "newton_cg", "ista"))
def test_the_counts_of_a_jax_objective_are_its_passes_in_the_program(kind: type, name: str) -> None:
    def measured(limit: int) -> tuple[int, int]:
        before = COUNTER.read()
        result = ol.minimize(WATCHED[kind], name, engine="compiled", max_iterations=limit)
        return COUNTER.read() - before, result.nfev + result.nhev

    # the certificate's own passes are the same in both runs
    (few_passes, few_counted), (passes, counted) = measured(1), measured(5)
    assert passes - few_passes == counted - few_counted > 0


def test_a_numpy_objective_may_return_a_python_float() -> None:
    problem = ol.Smooth(lambda x: float(np.sum((x - 1.0) ** 2)), np.zeros(2))
    result = ol.minimize(problem, "gradient_descent")
    assert result.success
    np.testing.assert_allclose(result.x, 1.0, atol=1e-6)


def test_a_numpy_objective_says_so_and_finds_the_same_minimum() -> None:
    result = ol.minimize(OnNumPy(ol.Smooth).problem, "bfgs", engine="auto")
    assert result.engine == "host" and "NumPy objective" in result.message
    np.testing.assert_allclose(flat(result.x), flat(run(ol.Smooth, "bfgs", "host").x), atol=1e-8)


if __name__ == "__main__" and "--write" in sys.argv:
    write_pins()
    print(f"wrote {PINS}")
