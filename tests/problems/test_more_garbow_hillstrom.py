"""The Moré-Garbow-Hillstrom functions against the paper, MINPACK's printed results and NumPy."""

from __future__ import annotations

import inspect
import math
from functools import cache

import jax
import numpy as np
import pytest
from numpy.polynomial import Chebyshev
from scipy.optimize import least_squares

from optlib.problems import more_garbow_hillstrom
from optlib.problems.catalog import catalog

ENTRIES = {int(e.name.split("_")[1]): e for e in catalog(tag="mgh")}

# (n, m) of the functions 1 to 35 in the paper; where it leaves them open, the defaults.
DIMENSIONS = [
    *[(2, 2), (2, 2), (2, 2), (2, 3), (2, 3), (2, 10), (3, 3), (3, 15), (3, 15), (3, 16), (3, 99)],
    *[(3, 10), (4, 4), (4, 6), (4, 11), (4, 20), (5, 33), (6, 13), (11, 65), (6, 31), (10, 10)],
    *[(12, 12), (10, 11), (10, 20), (10, 12), (10, 10), (10, 10), (10, 10), (10, 10), (10, 10)],
    *[(10, 10), (5, 10), (5, 10), (5, 10), (8, 8)],
]

# |r| at multiples of the standard start, as the test program of MINPACK's lmder prints it. (Where
# the standard start is 0, the program takes the constant vectors 10 and 100 for the multiples.)
START_NORMS = [
    (1, {}, (4.9193496e0, 1.3400631e3, 1.4300005e5)),
    (2, {}, (2.0012496e1, 1.2432834e4, 1.1426455e7)),
    (6, {}, (6.4585650e1,)),
    (7, {}, (5.0000000e1, 1.0295630e2, 9.9126182e2)),
    (8, {}, (6.4561363e0, 3.6141853e1, 3.8411468e2)),
    (10, {}, (4.1153467e4, 4.1682169e6)),
    (12, {}, (3.2111584e1,)),
    (13, {}, (1.4662878e1, 1.2709839e3, 1.2688790e5)),
    (15, {}, (7.2891510e-2, 2.9793701e0, 2.9959062e1)),
    (16, {}, (2.8154384e3, 5.5507335e5, 6.1211252e7)),
    (17, {}, (9.3756402e-1,)),
    (19, {}, (1.4468654e0,)),
    (20, {}, (5.4772256e0, 6.4331258e3, 6.7425604e5)),
    (20, {"n": 9}, (5.4772256e0, 1.2088127e4, 1.2691093e6)),
    (20, {"n": 12}, (5.4772256e0, 1.9220759e4, 2.0189180e6)),
    (27, {}, (1.6530216e1, 9.7656240e6, 9.7656250e16)),
    (27, {"n": 30}, (8.3476044e1,)),
    (27, {"n": 40}, (1.2802636e2,)),
    (32, {}, (5.0000000e0,)),
    (32, {"m": 50}, (8.0622577e0,)),
    (33, {}, (2.9152187e2,)),
    (33, {"m": 50}, (3.1016004e3,)),
    (34, {}, (1.2603968e2,)),
    (34, {"m": 50}, (1.7489500e3,)),
    (35, {"n": 1, "m": 8}, (1.8862380e0, 5.3833444e9, 1.1808873e18)),
    (35, {}, (1.9651386e-1,)),
    (35, {"n": 9}, (1.6994993e-1,)),
    (35, {"n": 10}, (1.8374783e-1,)),
]

# The sum of squares at the standard start, to the three digits that Toms566.jl prints.
START_SUMS = [
    (7, {}, 2.50e3),
    (18, {}, 7.79e-1),
    (9, {}, 3.89e-6),
    (3, {}, 1.14e0),
    (25, {"n": 40}, 9.39e10),
    (23, {"n": 60}, 5.45e9),
    (24, {"n": 65}, 2.87e5),
    (4, {}, 1.00e12),
    (11, {}, 1.21e1),
    (26, {"n": 40}, 2.01e-3),
    (21, {"n": 40}, 4.84e2),
    (22, {"n": 60}, 3.23e3),
    (5, {}, 1.42e1),
    (14, {}, 1.92e4),
    (35, {"n": 50}, 1.39e-2),
]

# The minima that the paper gives, in its scale (the sum of squares) and with its digits.
PAPER_MINIMA = [
    (2, {}, 48.9842),
    (6, {}, 124.362),
    (8, {}, 8.21487e-3),
    (9, {}, 1.12793e-8),
    (10, {}, 87.9458),
    (15, {}, 3.07505e-4),
    (16, {}, 85822.2),
    (17, {}, 5.46489e-5),
    (18, {}, 5.65565e-3),
    (19, {}, 4.01377e-2),
    (20, {}, 2.28767e-3),
    (20, {"n": 9}, 1.39976e-6),
    (20, {"n": 12}, 4.72238e-10),
    (23, {"n": 4}, 2.24997e-5),
    (23, {}, 7.08765e-5),
    (24, {"n": 4}, 9.37629e-6),
    (24, {}, 2.93660e-4),
    (26, {}, 2.79506e-5),
    (27, {}, 1.0),
    (32, {}, 5.0),
    (33, {}, 45 / 21),
    (34, {}, 124 / 34),
    (35, {}, 3.51687e-3),
    (35, {"n": 10}, 6.50395e-3),
]
ZERO_MINIMA = sorted({*range(1, 32), 35} - {6, 8, 9, 10, 15, 16, 17, 19, 20, 23, 24, 35})

# Points near recorded minima that are neither isolated nor reached from the standard start.
NEAR = [
    (18, {}, [1.711, 17.68, 2.562, 5.187, 1.711, -0.236], 0.0028278249627499655),
    (18, {}, [1.228, 1.228, 1.339, -0.177, 1.228, 0.150], 0.1531833863123949),
    (26, {}, [0.052, 0.053, 0.055, 0.057, 0.059, 0.062, 0.218, 0.07, 0.144, 0.093], 2.2367829e-7),
    (26, {}, [0.054, 0.055, 0.057, 0.059, 0.062, 0.258, 0.068, 0.073, 0.078, 0.084], 2.1093169e-5),
    (26, {}, [0.062, 0.064, 0.067, 0.069, 0.275, 0.075, 0.079, 0.082, 0.084, 0.082], 4.3941126e-4),
    (35, {"n": 10}, [0.03, 0.16, 0.2, 0.38, 0.38, 0.53, 0.71, 0.64, 0.93, 0.83], 0.00238635684),
]

SIZES = [(20, {"n": 9}), (20, {"n": 12}), (23, {"n": 4}), (24, {"n": 4}), (27, {"n": 5})]
SIZES += [(35, {"n": n}) for n in (3, 9, 10)]
CASES = [(number, {}) for number in range(1, 36)] + SIZES


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def case_id(value):
    if isinstance(value, dict):
        return "-".join(f"{k}{v}" for k, v in value.items()) or "default"
    return ENTRIES[value].name if isinstance(value, int) else ""


on_every_case = pytest.mark.parametrize(("number", "parameters"), CASES, ids=case_id)


def quickly(function):
    """``jax.jit`` that saves on compiling, for functions called a few times."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


@cache
def compiled(number, **parameters):
    """The problem, its residual and its Jacobian, compiled."""
    problem = ENTRIES[number].load(**parameters)
    residual = quickly(problem.residual)
    jacobian = quickly(jax.jacfwd(problem.residual))
    return (
        problem,
        lambda x: np.asarray(residual(x, *problem.args)),
        lambda x: np.asarray(jacobian(x, *problem.args)),
    )


def half_sum(residuals):
    return 0.5 * float(np.sum(residuals**2))


def recorded_points(answer):
    points = answer.x if isinstance(answer.x, tuple) else (answer.x,)
    return [np.asarray(x, dtype=float) for x in points if x is not None]


def is_recorded(value, answer, rtol=1e-9):
    return any(math.isclose(value, v, rel_tol=rtol, abs_tol=1e-18) for v in answer.values)


# ---- the collection


def test_all_35_are_registered_once_in_the_order_of_the_paper():
    assert [e.source for e in catalog(tag="mgh")] == [f"MGH {i}" for i in range(1, 36)]
    assert [e.source for e in catalog(source="MGH ")] == [f"MGH {i}" for i in range(1, 36)]
    for number, e in ENTRIES.items():
        assert e.build is getattr(more_garbow_hillstrom, e.name.removeprefix(f"mgh_{number:02d}_"))
        assert "form" in e.parameters and inspect.getdoc(e.build)


@pytest.mark.parametrize("number", range(1, 36), ids=case_id)
def test_dimensions_and_precision(number):
    n, m = DIMENSIONS[number - 1]
    problem = ENTRIES[number].load()
    numbers = (problem.x0, *problem.args)
    assert problem.x0.shape == (n,) and all(a.dtype == np.float64 for a in numbers)
    double = jax.eval_shape(problem.residual, *numbers)
    assert double.shape == (m,) and double.dtype == np.float64
    single = jax.eval_shape(problem.residual, *map(np.float32, numbers))
    assert single.shape == (m,) and single.dtype == np.float32


@pytest.mark.parametrize("number", [2, 19, 20, 35], ids=case_id)
def test_the_smooth_form_is_half_the_sum_of_squares(number):
    smooth, again = (ENTRIES[number].load(form="smooth") for _ in range(2))
    problem, residual, _ = compiled(number)
    np.testing.assert_array_equal(smooth.x0, problem.x0)
    value = float(quickly(smooth.fun)(smooth.x0, *smooth.args))
    assert value == pytest.approx(half_sum(residual(smooth.x0)), rel=1e-13)
    assert smooth.fun is again.fun  # so that compiled code is found again


@pytest.mark.parametrize(
    ("number", "parameters", "argument"),
    [
        (6, {"m": 1}, "m"),
        (11, {"m": 101}, "m"),
        (20, {"n": 32}, "n"),
        (21, {"n": 5}, "n"),
        (22, {"n": 6}, "n"),
        (34, {"n": 2}, "n"),
        (35, {"n": 5, "m": 4}, "m"),
        (1, {"form": "values"}, "form"),
    ],
    ids=case_id,
)
def test_impossible_dimensions_are_refused_by_name(number, parameters, argument):
    with pytest.raises(ValueError, match=rf"^{argument}: found .* needed "):
        ENTRIES[number].load(**parameters)


# ---- the standard starts


@pytest.mark.parametrize(("number", "parameters", "norms"), START_NORMS, ids=case_id)
def test_residual_norms_that_minpack_prints(number, parameters, norms):
    problem, residual, _ = compiled(number, **parameters)
    for factor, norm in zip((1.0, 10.0, 100.0), norms, strict=False):
        x = factor * problem.x0 if problem.x0.any() or factor == 1.0 else problem.x0 + factor
        assert np.linalg.norm(residual(x)) == pytest.approx(norm, rel=1e-7)


@pytest.mark.parametrize(("number", "parameters", "total"), START_SUMS, ids=case_id)
def test_sums_of_squares_at_the_start(number, parameters, total):
    problem, residual, _ = compiled(number, **parameters)
    assert 2.0 * half_sum(residual(problem.x0)) == pytest.approx(total, rel=5e-3)


# ---- the minima


@pytest.mark.parametrize(("number", "parameters", "total"), PAPER_MINIMA, ids=case_id)
def test_answers_hold_the_papers_minima(number, parameters, total):
    answer = ENTRIES[number].known(**parameters)
    assert min(abs(2.0 * value / total - 1.0) for value in answer.values) < 1e-5


@pytest.mark.parametrize("number", ZERO_MINIMA, ids=case_id)
def test_answers_hold_the_zeros(number):
    assert 0.0 in ENTRIES[number].known().values


@on_every_case
def test_recorded_points_are_local_minima_with_the_recorded_value(number, parameters):
    _, residual, jacobian = compiled(number, **parameters)
    answer = ENTRIES[number].known(**parameters)
    smooth = ENTRIES[number].load(form="smooth", **parameters)
    hessian = quickly(jax.hessian(smooth.fun))
    for x in recorded_points(answer):
        r, J, H = residual(x), jacobian(x), np.asarray(hessian(x, *smooth.args))
        assert is_recorded(half_sum(r), answer)
        rounding = np.abs(J).T @ (np.abs(r) + np.abs(J) @ np.abs(x))
        assert (np.abs(J.T @ r) <= 1e-13 * rounding + 1e-16 * np.sum(J**2)).all()
        curvature = np.linalg.eigvalsh(H)
        assert curvature[0] >= -1e-12 * curvature[-1]
        if curvature[0] > 1e-14 * curvature[-1]:  # then f within tol puts x within x_tol
            radius = math.sqrt(2.0 * answer.tol * max(1.0, half_sum(r)) / curvature[0])
            x_tol = math.sqrt(answer.tol) if answer.x_tol is None else answer.x_tol
            assert radius <= x_tol * max(1.0, np.abs(x).max())


@on_every_case
def test_levenberg_marquardt_from_the_start_ends_at_a_recorded_value(number, parameters):
    problem, residual, jacobian = compiled(number, **parameters)
    tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "max_nfev": 2000}
    found = least_squares(residual, problem.x0, jac=jacobian, method="lm", **tight)
    assert is_recorded(found.cost, ENTRIES[number].known(**parameters))


@pytest.mark.parametrize(("number", "parameters", "x", "value"), NEAR, ids=case_id)
def test_minima_that_are_not_isolated_or_far_from_the_start(number, parameters, x, value):
    _, residual, jacobian = compiled(number, **parameters)
    found = least_squares(residual, x, jac=jacobian, method="lm", xtol=1e-15, ftol=1e-15)
    assert found.cost == pytest.approx(value, rel=1e-7)
    assert is_recorded(found.cost, ENTRIES[number].known(**parameters))


@pytest.mark.parametrize(("n", "m"), [(5, 50), (3, 4)])
@pytest.mark.parametrize("number", [32, 33, 34], ids=case_id)
def test_linear_minima_for_other_dimensions(number, n, m):
    problem, residual, jacobian = compiled(number, n=n, m=m)
    step = np.linalg.lstsq(jacobian(problem.x0), -residual(problem.x0))[0]
    best = half_sum(residual(problem.x0 + step))
    assert best == pytest.approx(ENTRIES[number].known(n=n, m=m).fun, abs=1e-9)


def test_the_flat_point_of_brown_is_not_a_minimum():
    _, residual, _ = compiled(27)
    flat, down = np.append(np.zeros(9), 11.0), np.append(np.ones(9), -10.0)
    assert half_sum(residual(flat)) == 0.5
    assert half_sum(residual(flat + 0.1 * down)) < 0.5


def test_boundary_value_and_integral_equation_are_one_system():
    """A = tridiag(-1, 2, -1) turns the residual of MGH 29 into that of MGH 28."""
    x = np.random.default_rng(0).normal(size=10)
    A = 2.0 * np.eye(10) - np.eye(10, k=1) - np.eye(10, k=-1)
    np.testing.assert_allclose(A @ compiled(29)[1](x), compiled(28)[1](x), rtol=1e-11)


# ---- the formulas, written out once more with plain loops


def helical_valley(x):
    branch = 0.0 if x[0] > 0 else 0.5
    theta = math.atan(x[1] / x[0]) / (2 * math.pi) + branch
    return [10 * (x[2] - 10 * theta), 10 * (math.sqrt(x[0] ** 2 + x[1] ** 2) - 1), x[2]]


def gulf(x):
    t = [i / 100 for i in range(1, 100)]
    y = [25 + (-50 * math.log(ti)) ** (2 / 3) for ti in t]
    return [math.exp(-(abs(yi - x[1]) ** x[2]) / x[0]) - ti for ti, yi in zip(t, y, strict=True)]


def watson(x):
    n, r = len(x), []
    for i in range(1, 30):
        t = i / 29
        slope = sum((j - 1) * x[j - 1] * t ** (j - 2) for j in range(2, n + 1))
        r.append(slope - sum(x[j - 1] * t ** (j - 1) for j in range(1, n + 1)) ** 2 - 1)
    return [*r, x[0], x[1] - x[0] ** 2 - 1]


def penalty_2(x):
    n, root, e = len(x), math.sqrt(1e-5), math.exp
    r = [x[0] - 0.2]
    for i in range(2, n + 1):
        y = e(i / 10) + e((i - 1) / 10)
        r.append(root * (e(x[i - 1] / 10) + e(x[i - 2] / 10) - y))
    r += [root * (e(x[i - n] / 10) - e(-1 / 10)) for i in range(n + 1, 2 * n)]
    return [*r, sum((n - j + 1) * x[j - 1] ** 2 for j in range(1, n + 1)) - 1]


def trigonometric(x):
    n, total = len(x), sum(math.cos(v) for v in x)
    return [n - total + i * (1 - math.cos(v)) - math.sin(v) for i, v in enumerate(x, 1)]


def discrete_integral_equation(x):
    n = len(x)
    h = 1 / (n + 1)
    t = [i * h for i in range(1, n + 1)]
    c = [(x[j] + t[j] + 1) ** 3 for j in range(n)]
    return [
        x[i]
        + h / 2 * (1 - t[i]) * sum(t[j] * c[j] for j in range(i + 1))
        + h / 2 * t[i] * sum((1 - t[j]) * c[j] for j in range(i + 1, n))
        for i in range(n)
    ]


def broyden_tridiagonal(x):
    z = [0, *x, 0]
    return [(3 - 2 * z[i]) * z[i] - z[i - 1] - 2 * z[i + 1] + 1 for i in range(1, len(x) + 1)]


def broyden_banded(x):
    def others(i):
        return [j for j in range(max(0, i - 5), min(len(x), i + 2)) if j != i]

    return [
        v * (2 + 5 * v**2) + 1 - sum(x[j] * (1 + x[j]) for j in others(i)) for i, v in enumerate(x)
    ]


def chebyquad(x):
    shifted = [Chebyshev.basis(i, domain=[0, 1]) for i in range(1, len(x) + 1)]
    return [np.mean(T(np.asarray(x))) - (T.integ()(1) - T.integ()(0)) for T in shifted]


FORMULAS = {
    7: helical_valley,
    11: gulf,
    20: watson,
    24: penalty_2,
    26: trigonometric,
    29: discrete_integral_equation,
    30: broyden_tridiagonal,
    31: broyden_banded,
    35: chebyquad,
}


@pytest.mark.parametrize("number", FORMULAS, ids=case_id)
def test_residuals_equal_the_formula_written_with_loops(number):
    problem, residual, _ = compiled(number)
    rng = np.random.default_rng(number)
    for _ in range(5):
        x = problem.x0 + rng.normal(size=problem.x0.size) * (0.1 if number == 11 else 1.0)
        np.testing.assert_allclose(residual(x), FORMULAS[number](x), rtol=1e-11, atol=1e-12)
