"""Every error names the argument, what was found and what was needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optlib as ol

NAN = float("nan")
A, B = np.eye(2), np.ones(2)


def bowl(x: Any) -> Any:
    return jnp.sum(x**2)


def shifted(x: Any, a: Any) -> Any:
    return jnp.sum((x - a) ** 2)


def on_numpy(x: Any) -> Any:
    return np.sum(np.asarray(x) ** 2)


def refuses(*cases: Any) -> Any:
    return pytest.mark.parametrize(
        ("act", "error", "words"),
        [pytest.param(act, error, words, id=name) for name, act, error, *words in cases],
    )


def check(act: Callable[[], Any], error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        act()
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in {str(caught.value)!r}"


def smooth(x0: Any = (1.0, 2.0), **data: Any) -> Callable[[], Any]:
    return lambda: ol.Smooth(bowl, x0, **data)


def least_squares(A: Any = A, b: Any = B, **data: Any) -> Callable[[], Any]:
    return lambda: ol.LeastSquares(A, b, **data)


@refuses(
    ("NaN in x0", smooth([1.0, NAN]), ValueError, "x0", "nan", "(1,)", "finite"),
    ("infinite x0", smooth({"a": np.inf}), ValueError, "x0", "inf", "finite"),
    ("complex x0", smooth([1j, 2.0]), TypeError, "x0", "complex128", "real"),
    ("complex JAX x0", lambda: smooth(jnp.array([1j]))(), TypeError, "x0", "complex", "real"),
    ("text x0", smooth("start"), TypeError, "x0", "real numbers"),
    ("object x0", smooth(np.array([1, None])), TypeError, "x0", "object"),
    ("empty x0", smooth([]), ValueError, "x0", "no numbers", "at least one"),
    ("empty array x0", smooth(np.zeros(0)), ValueError, "x0", "at least one"),
    ("empty tree x0", smooth({}), ValueError, "x0", "at least one"),
    ("no x0", smooth(None), ValueError, "x0", "no numbers"),
    ("args not a tuple", smooth(args=[1.0]), TypeError, "args", "list", "tuple"),
    ("args a number", smooth(args=3.0), TypeError, "args", "float", "(value,)"),
    ("NaN in args", smooth(args=(NAN,)), ValueError, "args", "NaN"),
    ("NaN in an array of args", smooth(args=(np.array([1, NAN]),)), ValueError, "args", "(1,)"),
    ("NaN in a tree of args", smooth(args=({"w": np.array([NAN])},)), ValueError, "args", "NaN"),
    ("NaN in lower", smooth(lower=NAN), ValueError, "lower", "NaN"),
    ("NaN in upper", smooth(upper=[1.0, NAN]), ValueError, "upper", "NaN"),
    ("crossing bounds", smooth(lower=[0, 3.0], upper=[1, 2.0]), ValueError, "lower", "3.0", "2.0"),
    ("lower of wrong size", smooth(lower=[0.0] * 3), ValueError, "lower", "3", "needed 2"),
    ("upper of wrong size", smooth(upper=[0.0]), ValueError, "upper", "1", "needed 2"),
    ("lower not a number", smooth(lower="zero"), TypeError, "lower", "numbers"),
    ("fun not a function", lambda: ol.Smooth(3, [1.0]), TypeError, "fun", "int", "function"),
    ("grad not a function", smooth(grad=3), TypeError, "grad", "int", "function"),
    ("hess not a function", smooth(hess=A), TypeError, "hess", "ndarray", "function"),
    (
        "residual not a function", lambda: ol.NonlinearLeastSquares(3, [1.0]), TypeError,
        "residual", "int", "function",
    ),
)  # fmt: skip
def test_a_smooth_problem_refuses(act: Any, error: Any, words: Any) -> None:
    check(act, error, words)


@refuses(
    ("NaN in A", least_squares([[1.0, NAN]], [1.0]), ValueError, "A", "nan", "(0, 1)"),
    ("NaN in b", least_squares(b=[1.0, NAN]), ValueError, "b", "nan", "(1,)"),
    ("A is a vector", least_squares([1.0, 2.0]), ValueError, "A", "(2,)", "2 dimensions"),
    ("b of another length", least_squares(b=[1.0]), ValueError, "b", "(1,)", "(2,)", "rows"),
    ("complex A", least_squares(1j * A), TypeError, "A", "complex128", "real"),
    ("A of text", least_squares([["a", "b"]]), TypeError, "A", "real"),
    ("weights of another length", least_squares(weights=[1.0]), ValueError, "weights", "(1,)"),
    ("negative weights", least_squares(weights=[1, -1.0]), ValueError, "weights", "negative"),
    ("NaN in weights", least_squares(weights=[1, NAN]), ValueError, "weights", "nan"),
    ("negative ridge", least_squares(ridge=-1.0), ValueError, "ridge", "-1.0", "negative"),
    ("NaN ridge", least_squares(ridge=NAN), ValueError, "ridge", "nan"),
    ("x0 of another size", least_squares(x0=np.zeros(3)), ValueError, "x0", "3", "2"),
    ("no variables", least_squares(np.zeros((2, 0))), ValueError, "at least one variable"),
)
def test_least_squares_refuses(act: Any, error: Any, words: Any) -> None:
    check(act, error, words)


@refuses(
    (
        "a number for a regularizer", lambda: ol.Composite(bowl, [1.0], 0.1), TypeError,
        "regularizer", "L1",
    ),
    ("a negative weight", lambda: ol.L1(-1.0), ValueError, "L1.weight", "-1.0"),
    ("a NaN weight", lambda: ol.ElasticNet(NAN, 1.0), ValueError, "ElasticNet.l1", "nan"),
    ("a weight of text", lambda: ol.L1("much"), TypeError, "L1.weight", "number"),
    ("a negative radius", lambda: ol.Simplex(-1.0), ValueError, "Simplex.radius", "positive"),
    ("a crossing box", lambda: ol.Box(2.0, 1.0), ValueError, "Box", "lower <= upper"),
    (
        "a box of another size", lambda: ol.Composite(bowl, [1.0, 2.0], ol.Box([0.0] * 3)),
        ValueError, "Box", "3", "2",
    ),
    (
        "a vector for the nuclear norm", lambda: ol.Composite(bowl, [1.0], ol.NuclearNorm(1.0)),
        ValueError, "x0", "matrix",
    ),
)  # fmt: skip
def test_a_composite_problem_refuses(act: Any, error: Any, words: Any) -> None:
    check(act, error, words)


def solve(method: Any = None, problem: Any = bowl, **request: Any) -> Callable[[], Any]:
    request.setdefault("x0", np.ones(2))
    return lambda: ol.minimize(problem, method, **request)


def solve_class(fun: Any, method: Any = None, **data: Any) -> Callable[[], Any]:
    return lambda: ol.minimize(ol.Smooth(fun, [1.0, 2.0], **data), method)


@refuses(
    ("a vector", solve_class(lambda x: x), ValueError, "fun", "(2,)", "scalar"),
    ("a vector of length 1", solve_class(lambda x: x[:1]), ValueError, "fun", "(1,)", "scalar"),
    ("a NumPy vector", solve_class(np.asarray), ValueError, "fun", "(2,)", "scalar"),
    ("a complex number", solve_class(lambda x: 1j * jnp.sum(x)), TypeError, "fun", "real"),
    ("nothing", solve_class(lambda x: None), TypeError, "fun:", "None"),
    ("text", solve_class(lambda x: "cost"), TypeError, "fun:", "str"),
    ("NaN at x0", solve_class(lambda x: jnp.log(-x[0])), ValueError, "fun", "nan", "x0", "finite"),
    ("infinity at x0", solve_class(lambda x: 1 / (x[0] - 1)), ValueError, "fun", "inf", "x0"),
    (
        "a slope that is infinite at x0", solve_class(lambda x: jnp.sqrt(x[0] - 1)), ValueError,
        "fun", "gradient", "x0",
    ),
    (
        "a gradient of another size", solve_class(bowl, grad=lambda x: x[:1]), ValueError,
        "grad", "1", "2",
    ),
    (
        "a NumPy gradient of another size", solve_class(on_numpy, grad=lambda x: np.asarray(x)[:1]),
        ValueError, "grad", "1", "2",
    ),
    (
        "a Hessian of another shape", solve_class(bowl, "newton", hess=lambda x: jnp.eye(3)),
        ValueError, "hess", "(3, 3)", "(2, 2)",
    ),
)  # fmt: skip
def test_an_objective_may_not_return(act: Any, error: Any, words: Any) -> None:
    check(act, error, words)


def test_a_compiled_run_refuses_an_objective_that_is_nan_at_x0() -> None:
    act = solve(problem=lambda x: jnp.log(-x[0]), engine="compiled")
    check(act, ValueError, ["fun", "nan", "x0", "finite"])


SOLVES_ELSEWHERE = ("NonlinearLeastSquares", "Smooth", "bfgs")


@refuses(
    ("a typing error", solve("newtn"), ol.UnknownNameError, "newtn", "did you mean", "'newton'"),
    ("an unknown method", solve("oracle"), ol.UnknownNameError, "oracle", "known", "bfgs"),
    (
        "a method of another class", solve("levenberg_marquardt"), ol.NotSupportedError,
        "levenberg_marquardt", *SOLVES_ELSEWHERE,
    ),
    (
        "a method object of another class", solve(ol.LevenbergMarquardt()), ol.NotSupportedError,
        "LevenbergMarquardt", "Smooth", "bfgs",
    ),
    (
        "a method class of another class", solve(ol.FISTA), ol.NotSupportedError,
        "FISTA", "Smooth", "bfgs",
    ),
    (
        "a method that ignores the bounds", solve_class(bowl, "newton", lower=0.0),
        ol.NotSupportedError, "newton", "bounds", "lbfgsb",
    ),
    (
        "a method that ignores the regularizer",
        lambda: ol.minimize(ol.Composite(bowl, [1.0], ol.L1(1.0)), "newton"),
        ol.NotSupportedError, "newton", "Composite", "fista",
    ),
    ("a number for a method", solve(3), TypeError, "method", "3", "newton"),
    ("an unknown option", solve("newton", shrnk=0.3), TypeError, "shrnk", "did you mean", "shrink"),
    (
        "an option of a method without any",
        lambda: ol.minimize(ol.LeastSquares(A, B), "qr", shrink=0.3), TypeError,
        "qr", "shrink", "none",
    ),
    (
        "options beside a method object", solve(ol.Newton(), shrink=0.3), TypeError,
        "shrink", "ol.Newton(shrink=...)",
    ),
    (
        "an option of another step rule", solve("gradient_descent", step=0.1, shrink=0.3),
        TypeError, "shrink", "Fixed",
    ),
    (
        "an option of a search for a schedule", solve("adam", curvature=0.3), TypeError,
        "curvature", "Fixed",
    ),
    (
        "an unknown step rule", solve("newton", step="wolf"), ol.UnknownNameError,
        "step", "wolf", "did you mean", "wolfe",
    ),
    ("a list for a step", solve("newton", step=[1.0]), TypeError, "step", "[1.0]", "backtracking"),
    ("a negative step", solve("newton", step=-1.0), ValueError, "Fixed.value", "-1.0"),
    ("a NaN step", solve("newton", step=NAN), ValueError, "Fixed.value", "nan"),
    ("a shrink above 1", solve("newton", shrink=1.5), ValueError, "shrink", "1.5", "(0, 1)"),
    ("a decay above 1", solve("adam", decay1=1.5), ValueError, "decay1", "1.5"),
    ("a momentum above 1", solve("heavy_ball", momentum=1.5), ValueError, "momentum", "1.5"),
    ("no memory", solve("lbfgs", memory=0), ValueError, "memory", "0", "at least 1"),
    ("half a memory", solve("lbfgs", memory=2.5), ValueError, "memory", "2.5", "whole"),
    (
        "an unknown formula", solve("conjugate_gradient", beta="polak"), ValueError,
        "beta", "polak_ribiere",
    ),
    (
        "curvature below the decrease", lambda: ol.Wolfe(sufficient_decrease=0.5, curvature=0.1),
        ValueError, "curvature", "0.1", "0.5",
    ),
)  # fmt: skip
def test_a_method_is_refused(act: Any, error: Any, words: Any) -> None:
    check(act, error, words)


@refuses(
    ("no problem", solve(problem=3), TypeError, "problem", "int", "optlib.Smooth"),
    ("no start", solve(x0=None), TypeError, "x0", "start"),
    ("an unknown engine", solve(engine="gpu"), ValueError, "engine", "gpu", "compiled"),
    ("a negative tol", solve(tol=-1e-3), ValueError, "tol", "-0.001", "negative"),
    ("a NaN tol", solve(tol=NAN), ValueError, "tol", "nan"),
    ("a tol of text", solve(tol="tight"), TypeError, "tol", "tight", "number"),
    ("a negative limit", solve(max_iterations=-1), ValueError, "max_iterations", "-1"),
    ("half an iteration", solve(max_iterations=2.5), ValueError, "max_iterations", "2.5", "whole"),
    ("a limit of text", solve(max_iterations="many"), TypeError, "max_iterations", "many"),
    ("negative time", solve(max_seconds=-1.0), ValueError, "max_seconds", "-1.0"),
    ("a number for stop", solve(stop=1e-3), TypeError, "stop", "0.001", "GradNorm"),
    ("a class for stop", solve(stop=ol.GradNorm), TypeError, "stop", "GradNorm"),
    ("a number for a callback", solve(callback=3), TypeError, "callback", "int", "function"),
    ("a point for start", solve(start=[1.0, 2.0]), TypeError, "start", "list", "Result"),
    (
        "x0 of another shape", solve(problem=ol.Smooth(bowl, np.ones(3))), ValueError,
        "x0", "(2,)", "(3,)",
    ),
    (
        "x0 of another structure", solve(problem=ol.Smooth(bowl, np.ones(2)), x0={"a": 1.0}),
        ValueError, "x0", "'a'",
    ),
    ("NaN in another x0", solve(problem=ol.Smooth(bowl, 1.0), x0=NAN), ValueError, "x0", "nan"),
)  # fmt: skip
def test_a_request_is_refused(act: Any, error: Any, words: Any) -> None:
    check(act, error, words)


@refuses(
    ("negative", lambda: ol.GradNorm(-1.0), ValueError, "GradNorm", "-1.0", "negative"),
    ("NaN", lambda: ol.RelativeStep(NAN), ValueError, "RelativeStep", "nan"),
    ("text", lambda: ol.StepNorm("short"), TypeError, "StepNorm", "short", "number"),
    ("joined with a number", lambda: ol.GradNorm(1.0) | 3, TypeError),
    ("joined with nothing", lambda: ol.GradNorm(1.0) & None, TypeError),
)
def test_a_criterion_may_not_be(act: Any, error: Any, words: Any) -> None:
    check(act, error, words)


@refuses(
    ("another shape", lambda: ol.certify(ol.Smooth(bowl, B), [1.0] * 3), ValueError, "x", "(3,)"),
    ("NaN", lambda: ol.certify(ol.Smooth(bowl, B), [NAN, 1.0]), ValueError, "x", "nan"),
    ("no problem", lambda: ol.certify(3, [1.0]), TypeError, "problem", "int"),
)
def test_certify_refuses(act: Any, error: Any, words: Any) -> None:
    check(act, error, words)


def traced(**request: Any) -> Callable[[], Any]:
    def solved(x0: Any) -> Any:
        return ol.minimize(bowl, x0=x0, **request).x

    return lambda: jax.eval_shape(solved, jnp.ones(2))


@refuses(
    ("callback", traced(callback=print), ValueError, "callback", "jax.jit"),
    ("progress", traced(progress=True), ValueError, "progress", "jax.jit"),
    ("max_seconds", traced(max_seconds=1.0), ValueError, "max_seconds", "jax.jit"),
    ("max_seconds of zero", traced(max_seconds=0.0), ValueError, "max_seconds", "jax.jit"),
    ("MaxSeconds", traced(stop=ol.MaxSeconds(1.0)), ValueError, "MaxSeconds", "jax.jit"),
    (
        "MaxSeconds in a pair", traced(stop=ol.GradNorm(1e-3) | ol.MaxSeconds(1.0)), ValueError,
        "MaxSeconds", "jax.jit",
    ),
)  # fmt: skip
def test_inside_jit_there_is_no(act: Any, error: Any, words: Any) -> None:
    check(act, error, words)


def test_an_error_raised_by_the_objective_arrives_as_it_is() -> None:
    def broken(x: Any) -> Any:
        raise ZeroDivisionError("mine")

    check(lambda: ol.minimize(broken, x0=1.0), ZeroDivisionError, ["mine"])


def test_a_refused_option_changes_nothing() -> None:
    with pytest.raises(TypeError):
        ol.minimize(bowl, "newton", x0=B, nonsense=1)
    assert ol.minimize(bowl, "newton", x0=B).success


def test_the_data_of_a_problem_cannot_be_changed_from_outside() -> None:
    start, data = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    problem = ol.Smooth(shifted, start, args=(data,))
    start[0] = data[0] = NAN
    result = ol.minimize(problem, "newton")
    np.testing.assert_allclose(result.x, [3.0, 4.0])
    with pytest.raises((ValueError, TypeError)):
        problem.x0[0] = 5.0
