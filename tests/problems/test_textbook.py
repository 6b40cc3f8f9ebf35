"""The smooth textbook problems, judged by NumPy, SciPy and JAX: no solver of optlib is used."""

from __future__ import annotations

import math
import sys
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.optimize import brentq, linprog, minimize

from optlib import LeastSquares, NonlinearLeastSquares
from optlib.problems import book_a, book_b, book_c, book_d, book_e
from optlib.problems.catalog import catalog, entry

BOOKS = {book.__name__ for book in (book_a, book_b, book_c, book_d, book_e)}
ENTRIES = [e for e in catalog() if e.build.__module__ in BOOKS]
VARIANTS = {  # parameters other than the defaults that are checked too
    "sqrt_four": [{"a": 9.0}],
    "runge_polynomial": [{"degree": 3}, {"degree": 12}, {"degree": 60}],
    "kaczmarz_inconsistent": [{"normalized": True}],
    "scalar_lasso": [{"b": 0.3}, {"b": -1.0}],
    "almost_collinear": [{"degree": 2}, {"degree": 3}],
    "best_direction": [{"step": 0.5}, {"step": 1.0}],
    "weighted_points": [{"weight": 0.01}, {"weight": 10.0}],
    "orthogonal_lasso": [{"weight": 0.1}, {"weight": 5.0}],
    "standardised_regression": [{"standardise": False}],
    "breast_cancer_ridge": [{"ridge": 1e-3}, {"ridge": 1e-1}],
    "softmax_points": [{"ridge": 1e-1}, {"ridge": 1e-3}, {"ridge": 1e-4}, {"ridge": 0.0}],
    "spirals": [{"degree": 1}, {"degree": 2}, {"degree": 8}],
    "rosenbrock": [{"n": 3}, {"n": 4}, {"n": 12}, {"n": 30}],
    "rosenbrock_residuals": [{"n": 5}],
    "conjugate_directions": [{"n": 20}],
    "newton_quartic": [{"start": 1.7}],
    "sigmoid_chain": [{"layers": 2}],
    "dead_unit": [{"alive": True}],
}
INSTEAD = {  # smaller than the defaults, whose dense Hessians take too much memory or time
    "linear_autoencoder": [{"width": 1}],
    "digits_softmax": [],
    "polynomial_regression_outputs": [{"samples": 256, "outputs": 4}],
}
CASES = [
    pytest.param(e, parameters, id="-".join([e.name, *map(str, parameters.values())]))
    for e in ENTRIES
    for parameters in INSTEAD.get(e.name, [{}, *VARIANTS.get(e.name, [])])
]
on_every_case = pytest.mark.parametrize(("entry_", "parameters"), CASES)


def known(case):
    entry_, parameters = case.values
    return entry_.known(**parameters)


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def load(name, **parameters):
    if "data" in entry(name).tags:
        pytest.importorskip("sklearn")
    return entry(name).load(**parameters)


def flat(x):
    return np.array(ravel_pytree(jax.tree.map(np.asarray, x))[0])


@cache
def compiled(fun, half_squares):
    """Value, gradient and Hessian at a flat point, as one compiled function."""

    def value(x, template, args):
        result = fun(ravel_pytree(template)[1](x), *args)
        return 0.5 * jnp.sum(result**2) if half_squares else result

    def judge(x, template, args):
        gradient, push = jax.linearize(lambda y: jax.grad(value)(y, template, args), x)
        return value(x, template, args), gradient, jax.vmap(push)(jnp.eye(x.size))

    return jax.jit(judge, compiler_options={"xla_backend_optimization_level": 0})  # compile fast


class Judge:
    """The smooth part of a problem at flat points: ``judge(x)`` is value, gradient, Hessian."""

    def __init__(self, problem):
        self.problem = problem
        self.linear = isinstance(problem, LeastSquares)
        self.start = np.zeros(problem.A.shape[1]) if self.linear else flat(problem.x0)

    def __call__(self, x):
        x, problem = np.asarray(x, float), self.problem
        if self.linear:
            weights = np.ones(len(problem.b)) if problem.weights is None else problem.weights
            residual, shift = problem.A @ x - problem.b, problem.ridge
            value = 0.5 * (weights @ residual**2 + shift * x @ x)
            gradient = problem.A.T @ (weights * residual) + shift * x
            return value, gradient, (problem.A.T * weights) @ problem.A + shift * np.eye(x.size)
        squares = isinstance(problem, NonlinearLeastSquares)
        run = compiled(problem.residual if squares else problem.fun, squares)
        value, gradient, hessian = run(x, problem.x0, problem.args)
        return float(value), np.array(gradient), np.array(hessian)

    def value(self, x):
        return self(x)[0]

    def gradient(self, x):
        return self(x)[1]

    def hessian(self, x):
        return self(x)[2]


def judge(name, **parameters):
    return Judge(load(name, **parameters))


def recorded_points(answer):
    if answer.x is None:
        return []
    return [flat(x) for x in (answer.x if isinstance(answer.x, tuple) else (answer.x,))]


def damped_newton(judge, x, iterations=60):
    """A plain minimiser: Newton on the absolute eigenvalues, halving until f decreases enough."""
    value, gradient, hessian = judge(x)
    for _ in range(iterations):
        eigenvalues, vectors = np.linalg.eigh(hessian)
        size = np.abs(eigenvalues)
        inverse = np.where(size > 1e-12 * size.max(), 1 / np.maximum(size, 1e-300), 0.0)
        step = -vectors @ (inverse * (vectors.T @ gradient))
        slope, scale = gradient @ step, 1.0
        if slope > -1e-20:
            break
        while not (new := judge(x + scale * step))[0] <= value + 1e-4 * scale * slope:
            scale /= 2
            if scale < 1e-9:
                return x
        x, (value, gradient, hessian) = x + scale * step, new
    return x


# ---- every entry


def test_the_catalogue_is_complete_and_plain():
    assert len(ENTRIES) == len({e.name for e in ENTRIES}) >= 80
    for e in ENTRIES:
        assert e.title and e.notes and e.methods and e.tags, e.name
        assert e.source[:2] == f"{e.build.__module__[-1].upper()} ", e.name


SMOOTH = [case for case in CASES if "composite" not in case.values[0].tags]


@pytest.mark.parametrize(("entry_", "parameters"), [c for c in SMOOTH if known(c).x is not None])
def test_recorded_points_are_minima_with_the_recorded_value(entry_, parameters):
    problem, answer = load(entry_.name, **parameters), entry_.known(**parameters)
    for x in recorded_points(answer):
        value, gradient, hessian = Judge(problem)(x)
        eigenvalues = np.linalg.eigvalsh(hessian)
        assert answer.agrees(value)
        assert np.abs(gradient).max() <= 1e-10 * max(1.0, eigenvalues[-1] * np.abs(x).max())
        assert eigenvalues[0] >= -1e-12 * eigenvalues[-1]
        if not {"nonunique", "degenerate"} & set(entry_.tags):
            assert eigenvalues[0] > 0


BY_VALUE = [
    case
    for case in SMOOTH
    if known(case).attained
    and known(case).x is None
    and case.values[0].name != "runge_polynomial"  # degree 60 is beyond float64 in this basis
]


@pytest.mark.parametrize(("entry_", "parameters"), BY_VALUE)
def test_values_without_a_point_are_reached_by_another_solver(entry_, parameters):
    problem, answer = load(entry_.name, **parameters), entry_.known(**parameters)
    judge = Judge(problem)
    if isinstance(problem, LeastSquares):
        x = np.linalg.lstsq(problem.A, problem.b, rcond=1e-12)[0]
    else:
        x = damped_newton(judge, judge.start)
    assert answer.agrees(judge.value(x))


@on_every_case
def test_starts_are_not_solutions(entry_, parameters):
    judge = Judge(load(entry_.name, **parameters))
    stationary = entry_.name == "dead_unit" and not parameters
    assert (np.abs(judge.gradient(judge.start)).max() < 1e-6) == stationary


CONVEX = [
    c for c in CASES if "convex" in (tags := c.values[0].tags) and "least_squares" not in tags
]


@pytest.mark.parametrize(("entry_", "parameters"), CONVEX)
def test_convex_problems_have_no_negative_curvature(entry_, parameters):
    judge = Judge(load(entry_.name, **parameters))
    spread = 0.1 if "domain" in entry_.tags else 1.0
    rng = np.random.default_rng(1)
    for _ in range(3):
        hessian = judge.hessian(judge.start + spread * rng.normal(size=judge.start.shape))
        eigenvalues = np.linalg.eigvalsh(hessian)
        assert eigenvalues[0] >= -1e-12 * max(1.0, eigenvalues[-1])


def test_a_missing_scikit_learn_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"optlib\[data\]"):
        entry("breast_cancer_ridge").load()


# ---- Composite: zero is a subgradient


@pytest.mark.parametrize(
    ("name", "parameters", "l1", "l2"),
    [
        ("scalar_lasso", {}, 0.7, 0.0),
        ("scalar_lasso", {"b": 0.3}, 0.7, 0.0),
        ("scalar_lasso", {"b": -1.0}, 0.7, 0.0),
        ("lasso", {}, 2.0, 0.0),
        ("orthogonal_lasso", {}, 1.0, 0.0),
        ("orthogonal_lasso", {"weight": 0.1}, 0.1, 0.0),
        ("orthogonal_lasso", {"weight": 5.0}, 5.0, 0.0),
        ("elastic_net", {}, 2.0, 2.0),
    ],
)
def test_penalised_minima_have_a_zero_subgradient(name, parameters, l1, l2):
    answer = entry(name).known(**parameters)
    (x,) = recorded_points(answer)
    value, gradient, _ = judge(name, **parameters)(x)
    pull = -gradient - l2 * x
    assert value + l1 * np.abs(x).sum() + l2 / 2 * x @ x == pytest.approx(answer.fun, abs=1e-13)
    np.testing.assert_allclose(pull[x != 0], l1 * np.sign(x[x != 0]), atol=1e-12)
    assert np.all(np.abs(pull) <= l1 + 1e-12)


def test_soft_thresholds():
    thresholds = [entry("scalar_lasso").known(b=b, weight=0.7).x for b in (2.0, 0.3, -1.0)]
    np.testing.assert_allclose(thresholds, [1.65, 0.0, -0.65], atol=1e-15)
    A, b = load("lasso").args
    assert 2 * np.abs(A.T @ b).max() == 20
    np.testing.assert_allclose(entry("orthogonal_lasso").known().x, [1.5, 1.0, 0.0])


# ---- problems without a minimum


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("separable_logistic", lambda t: [t, -t / 2]),
        ("slow_escape", lambda t: [t]),
        ("exponential", lambda t: [-t]),
        ("six_points_chain", lambda t: [-t, -math.log(2)]),
    ],
)
def test_values_approach_the_infimum_from_above(name, path):
    answer, at = entry(name).known(), judge(name)
    values = [at.value(path(t)) for t in (1.0, 3.0, 9.0, 1e5)]
    assert not answer.attained
    assert np.all(np.diff(values) < 0)
    assert values[2] > answer.fun > values[3] - 1e-9


def test_the_infimum_of_the_chain_of_two_sigmoids():
    infimum, at = entry("six_points_chain").known().fun, judge("six_points_chain")
    entropy = -(math.log(1 / 3) + 2 * math.log(2 / 3)) / 3
    assert infimum == pytest.approx((entropy + math.log(2)) / 2, abs=1e-9)
    assert at.value([3.0, 0.0]) == pytest.approx(math.log(2))
    scattered = np.random.default_rng(0).uniform(-20, 20, (100, 2))
    assert min(map(at.value, scattered)) > infimum


def test_thirty_features_separate_the_breast_cancer_data():
    design, labels = load("breast_cancer_separable").args
    signed = (2 * labels - 1)[:, None] * design
    result = linprog(np.zeros(31), A_ub=-signed, b_ub=-np.ones(569), bounds=(None, None))
    assert result.status == 0  # a plane with margin 1 at every sample


def test_seventeen_points_are_separated_in_part():
    points, one_hot, _ = load("softmax_points", ridge=0.0).args
    margins = np.array(
        [
            np.kron(label - other, [1.0, *point])
            for point, label in zip(points, one_hot, strict=True)
            for other in np.eye(4)
            if other @ label == 0
        ]
    )
    result = linprog(
        -margins.sum(axis=0),
        A_ub=np.vstack([-margins, margins]),
        b_ub=np.repeat([0.0, 1.0], len(margins)),
        bounds=(None, None),
    )
    assert -result.fun >= 1  # no margin is negative and some are positive: the loss has no minimum
    assert not entry("softmax_points").known(ridge=0.0).attained


# ---- book A


def pure_newton(at, steps):
    x = at.start
    for _ in range(steps):
        _, gradient, hessian = at(x)
        x = x - np.linalg.solve(hessian, gradient)
        yield x


def descend(at, x, step, steps, momentum=0.0, until=0.0):
    """Gradient descent or heavy ball; the number of steps made and the last point."""
    run = compiled(at.problem.fun, False)
    previous = x
    for k in range(steps):
        gradient = np.asarray(run(x, at.problem.x0, at.problem.args)[1])
        if np.linalg.norm(gradient) < until or not np.all(np.isfinite(gradient)):
            return k, x
        x, previous = x - step * gradient + momentum * (x - previous), x
    return steps, x


def test_newton_for_a_square_root():
    at = judge("sqrt_four")
    iterates = np.concatenate(list(pure_newton(at, 3)))
    np.testing.assert_allclose(iterates, [2.05, 2.0006097560975609, 2.0000000929222947], rtol=1e-14)
    value, gradient, hessian = at([-2.0])
    assert value == pytest.approx(16 / 3) and gradient[0] == 0 and hessian[0, 0] < 0  # a maximum
    assert list(pure_newton(judge("sqrt_four", start=-1.0), 30))[-1] == pytest.approx(-2)


@pytest.mark.parametrize(("b", "ratio"), [(0.1, 0.0180715950), (0.01, 0.6703111080)])
def test_zig_zag_in_closed_form(b, ratio):
    at, k, r = judge("zig_zag", b=b), np.arange(11), (1 - b) / (1 + b)
    path = [descend(at, at.start, 2 / (1 + b), n)[1] for n in k]
    np.testing.assert_allclose(path, np.c_[b * (-r) ** k, r**k], atol=1e-14)
    assert at.value(path[-1]) / at.value(path[0]) == pytest.approx(ratio, abs=1e-10)


def test_heavy_ball_in_closed_form():
    at, b, k = judge("heavy_ball_bowl"), 0.01, np.arange(11)
    rho, step = (1 - math.sqrt(b)) / (1 + math.sqrt(b)), (2 / (1 + math.sqrt(b))) ** 2
    path = [descend(at, at.start, step, n, rho**2)[1] for n in k]
    exact = np.c_[b * (-rho) ** k * (1 + k * (1 + rho)), rho**k * (1 + k * (1 - rho))]
    np.testing.assert_allclose(path, exact, atol=1e-13)
    ratio = at.value(path[-1]) / at.value(path[0])
    assert ratio == pytest.approx(0.2079, abs=5e-5)  # in print .018


def test_the_hessian_of_the_network_is_its_conductance_matrix():
    hessian = judge("resistor_network").hessian([0.0, 0.0])
    np.testing.assert_allclose(hessian, [[1.5, -1.0], [-1.0, 4 / 3]], atol=1e-15)


def test_log_det_gradient_and_cone():
    at = judge("log_det")
    (C,) = at.problem.args
    S = np.array([[2.0, 0.3, -0.2], [0.3, 1.5, 0.1], [-0.2, 0.1, 1.0]])
    below, expected = np.tril_indices(3, -1), C - np.linalg.inv(S)
    gradient = at.gradient([*S[below], *np.diag(S)])
    np.testing.assert_allclose(gradient, [*(2 * expected[below]), *np.diag(expected)], atol=1e-14)
    assert at.value([0.3, -0.2, 0.1, 2.0, -1.5, 1.0]) == np.inf


@pytest.mark.parametrize("name", ["minimum_norm", "one_point_parabola"])
def test_recorded_solutions_are_the_shortest(name):
    problem = load(name)
    shortest = np.linalg.pinv(problem.A) @ problem.b
    np.testing.assert_allclose(shortest, entry(name).known().x, atol=1e-14)


def test_one_unknown_lies_between_the_ratios():
    at = judge("one_unknown")
    ratios = at.problem.b / at.problem.A[:, 0]
    assert ratios.min() < entry("one_unknown").known().x[0] < ratios.max()
    assert abs(at.gradient([5 / 3])[0]) > 1  # the root of the printed equation


def test_low_degrees_smooth_and_high_degrees_interpolate():
    values = [entry("runge_polynomial").known(degree=d).fun for d in (3, 6, 12, 60)]
    assert np.all(np.diff(values) < 0) and values[-1] == 0


def test_piecewise_linear_errors_fall_with_the_square_of_the_cell():
    cells = np.array([10, 20, 40])
    values = [entry("piecewise_linear_sine").known(cells=n).fun for n in cells]
    mean_squares = values / (20 * cells + 1)
    np.testing.assert_allclose(mean_squares[:-1] / mean_squares[1:], 16, rtol=0.1)


def test_cross_entropy_exceeds_entropy_by_the_divergence():
    at, other = judge("cross_entropy"), np.array([0.4, 0.4, 0.2])
    (p,), entropy = at.problem.args, entry("cross_entropy").known().fun
    assert entropy == pytest.approx(1.0297, abs=5e-5)
    assert at.value(np.log(other)) - entropy == pytest.approx(p @ np.log(p / other), abs=1e-14)


# ---- book B


@pytest.mark.parametrize(("step", "count"), [(0.001, 3451), (0.01, 342), (0.1, 31), (0.5, 1)])
def test_table_of_step_sizes(step, count):
    at = judge("scaled_square")
    before, after = (descend(at, at.start, step, k)[1][0] for k in (count - 1, count))
    assert abs(after) < 1e-3 <= abs(before)


def test_pure_newton_on_log_cosh_has_a_radius_of_convergence():
    radius = brentq(lambda x: math.sinh(x) * math.cosh(x) - 2 * x, 0.5, 2.0)
    assert radius == pytest.approx(1.0886, abs=1e-4)
    at = judge("log_cosh", start=radius)
    assert next(pure_newton(at, 1))[0] == pytest.approx(-radius, abs=1e-12)
    assert at.hessian([0.0])[0, 0] == pytest.approx(1.0)


def test_exam_data():
    at, (slope, intercept) = judge("exam_logistic"), entry("exam_logistic").known().x
    hours = at.problem.args[0][:, 0]
    chance = 1 / (1 + np.exp(-slope * hours - intercept))
    assert chance.sum() == pytest.approx(10) and chance @ hours == pytest.approx(38)
    eigenvalues = np.linalg.eigvalsh(at.hessian([slope, intercept]))
    np.testing.assert_allclose(eigenvalues, [0.28975, 22.1754], rtol=2e-5)
    bound = np.linalg.norm(np.column_stack([hours, np.ones(20)]), 2) ** 2 / 4
    assert bound == pytest.approx(53.635, abs=1e-3)
    assert -intercept / slope == pytest.approx(2.7100826, abs=5e-8)


@pytest.mark.parametrize(("steps", "value"), [(10, 0.5157), (100, 0.09394), (1000, 0.010033)])
def test_separable_loss_falls_like_ten_over_k(steps, value):
    at = judge("separable_logistic")
    assert at.value(descend(at, at.start, 0.5, steps)[1]) == pytest.approx(value, rel=2e-4)


def test_the_regression_experiment():
    powers, targets = load("polynomial_regression_outputs").args
    known = entry("polynomial_regression_outputs").known().fun
    assert known == pytest.approx(64.114, abs=1e-3)
    assert np.sum(targets**2) / 8192 / known - 1 == pytest.approx(1.542, abs=1e-3)
    eigenvalues = np.linalg.eigvalsh(2 / 8192 * powers.T @ powers)
    np.testing.assert_allclose(eigenvalues, [0.0331, 0.1580, 0.9230, 2.2437], atol=5e-5)


@pytest.mark.parametrize("step", [0.1, 0.5, 1.0])
def test_the_best_direction_beats_the_gradient(step):
    answer, at = entry("best_direction").known(step=step), judge("best_direction", step=step)
    first, second = math.cos(answer.x), math.sin(answer.x)
    assert first == pytest.approx(second / (2 - step * second), abs=1e-12)
    assert answer.fun < at.value(at.start) - 1e-5


def test_ripples_trap_long_steps():
    at = judge("sin_ten")
    assert abs(descend(at, at.start, 0.0099, 2000)[1][0]) < 1e-6
    assert abs(descend(at, at.start, 0.0101, 2000)[1][0]) == pytest.approx(0.012205, abs=1e-6)


def test_weights_move_the_fit():
    fits = [entry("weighted_points").known(weight=v).x for v in (0.01, 0.1, 1.0, 10.0)]
    np.testing.assert_allclose(fits, [0.00995025, 0.0523810, 0.3366667, 0.8341667], atol=5e-8)


def test_the_escape_is_slow():
    at = judge("slow_escape")
    assert descend(at, at.start, 0.5, 10_000)[1][0] == pytest.approx(14.0709, abs=1e-4)


# ---- book C


def test_curvatures_at_the_two_minima():
    at = judge("two_minima")
    first, second = (np.linalg.eigvalsh(at.hessian(x)) for x in ([1.0, 2.0], [-1.0, 0.0]))
    np.testing.assert_allclose(first, [0.583592, 27.416408], atol=1e-6)
    np.testing.assert_allclose(second, [1.527864, 10.472136], atol=1e-6)


@pytest.mark.parametrize(
    ("start", "momentum", "count", "minimum"),
    [
        ((0.0, 0.0), 0.0, 1123, (-1, 0)),
        ((0.0, 0.0), 0.9, 354, (-1, 0)),
        ((2.0, 0.0), 0.0, 2910, (1, 2)),
        ((2.0, 0.0), 0.9, 598, (-1, 0)),
    ],
)
def test_momentum_is_faster_and_may_find_the_other_minimum(start, momentum, count, minimum):
    at = judge("two_minima", start=start)
    steps, x = descend(at, at.start, 0.01, 5000, momentum, until=1e-8)
    assert steps == count
    np.testing.assert_allclose(x, minimum, atol=1e-7)


def test_momentum_diverges_where_gradient_descent_converges():
    at = judge("two_minima", start=(2.0, 0.0))
    assert descend(at, at.start, 0.05, 1000, until=1e-8)[0] == 570
    with np.errstate(all="ignore"):
        assert not np.linalg.norm(descend(at, at.start, 0.05, 1000, 0.9)[1]) < 1e10


def test_mean_and_variance():
    (samples,), answer = load("mean_value").args, entry("mean_value").known()
    assert (answer.x, answer.fun) == (samples.mean(), samples.var())


# ---- book D


def test_learning_rate_limits():
    design, targets = load("learning_rate_line").args
    eigenvalues = np.linalg.eigvalsh(design.T @ design)
    np.testing.assert_allclose(eigenvalues, [71.8546671, 20670.3268006], rtol=1e-9)
    assert 490 / eigenvalues[-1] == pytest.approx(0.0237054791, abs=1e-10)
    for step, updates in [(0.01, 3108), (0.0235, 1445)]:
        theta, k, size = np.zeros(2), 0, 1.0
        while size >= 1e-5:
            move = -step * 2 / 490 * design.T @ (design @ theta - targets)
            theta, k, size = theta + move, k + 1, np.linalg.norm(move)
        assert k == updates


def test_standardising_rounds_the_bowl():
    raw, scaled = (load("standardised_regression", standardise=s).A for s in (False, True))
    rho = abs(np.corrcoef(raw.T)[0, 1])
    assert np.linalg.cond(scaled) ** 2 == pytest.approx((1 + rho) / (1 - rho))
    assert np.linalg.cond(raw) > 2 * np.linalg.cond(scaled)


@pytest.mark.parametrize(
    ("name", "accuracy"),
    [
        ("breast_cancer_area", 0.88401),
        ("breast_cancer_two", 0.89104),
        ("breast_cancer_smoothness", 0.71705),
        ("breast_cancer_ten", 0.94025),
        ("species_linear", 20 / 38),
        ("species_quadratic", 33 / 38),
    ],
)
def test_accuracy_at_the_optimum(name, accuracy):
    design, labels = load(name).args
    scores = design @ entry(name).known().x
    assert np.mean((scores > 0) == (labels == 1)) == pytest.approx(accuracy, abs=5e-6)


def test_ten_features_and_the_edge_of_stability():
    at, answer = judge("breast_cancer_ten"), entry("breast_cancer_ten").known()
    eigenvalues = np.linalg.eigvalsh(at.hessian(answer.x))
    np.testing.assert_allclose(eigenvalues[[0, -1]], [0.00120647, 0.13764737], atol=5e-9)
    design = at.problem.args[0]
    assert np.linalg.norm(design, 2) ** 2 / 4 / 569 == pytest.approx(0.9362020545)
    assert at.value(at.start) == pytest.approx(0.5927381645)
    for step, value in [(1.0, 0.1594507), (2.0, 0.1477279), (15.0, 0.1400726)]:
        assert at.value(descend(at, at.start, step, 40)[1]) == pytest.approx(value, abs=1e-7)
    assert descend(at, at.start, 14.0, 2000, until=1e-8)[0] == 582
    assert descend(at, at.start, 14.6, 2000, until=1e-8)[0] == 2000


def test_six_points():
    hessian = judge("six_points").hessian([0.0, 0.0])
    np.testing.assert_allclose(hessian, np.diag([1 / 4, 7 / 6]), atol=1e-15)
    curvature = np.linalg.eigvalsh(judge("six_points_squared").hessian([-9.0, 3.625]))
    assert curvature[0] == pytest.approx(-0.301, abs=1e-3)


def test_species_peak():
    bias, first, second = entry("species_quadratic").known().x
    peak = -first / (2 * second)
    chance = 1 / (1 + math.exp(-(bias + first * peak + second * peak**2)))
    assert (peak, chance) == (pytest.approx(51.498, abs=1e-3), pytest.approx(0.9418, abs=5e-5))


def test_every_digit_against_the_rest():
    A, digits = load("digits_one_vs_rest").A, load("digits_softmax").args[1]
    assert A.shape == (1437, 65) and np.linalg.matrix_rank(A) == 62  # three pixels are dark
    residuals = A @ (np.linalg.pinv(A, rcond=1e-12) @ (2 * digits - 1)) - (2 * digits - 1)
    for digit, half_squares in enumerate(0.5 * np.sum(residuals**2, axis=0)):
        assert entry("digits_one_vs_rest").known(digit=digit).agrees(half_squares)


def test_digits_softmax():
    problem = load("digits_softmax")
    start, unflatten = ravel_pytree(problem.x0)
    run = jax.jit(jax.value_and_grad(lambda x: problem.fun(unflatten(x), *problem.args)))
    options = {"maxiter": 1000, "ftol": 0.0, "gtol": 1e-9}
    found = minimize(run, np.array(start), jac=True, method="L-BFGS-B", options=options)
    assert entry("digits_softmax").known().agrees(found.fun)


def test_spiral_accuracy():
    at = judge("spirals", degree=8)
    features, labels, _ = at.problem.args
    x = damped_newton(at, at.start)
    assert features.shape == (800, 44)
    accuracy = np.mean((features @ x[1:] + x[0] > 0) == (labels == 1))
    assert accuracy == pytest.approx(0.99375)


def test_the_linear_autoencoder_drops_the_smallest_eigenvalues():
    (samples,) = load("linear_autoencoder").args
    eigenvalues = np.linalg.eigvalsh(samples.T @ samples / len(samples))[::-1]
    for width in (1, 2, 5, 10):
        known = entry("linear_autoencoder").known(width=width).fun
        assert eigenvalues[width:].sum() == pytest.approx(known, abs=1e-11)


def test_outlier():
    at = judge("outlier_huber")
    design, targets, _ = at.problem.args
    assert np.abs(design @ [1.0, 2.0] - targets).sum() == pytest.approx(50)
    assert not at.hessian(at.start).any()


def test_peaks_has_three_maxima_and_three_saddles():
    at = judge("peaks")
    maxima = {
        8.106214: [-0.009318, 1.581368],
        3.776581: [-0.460025, -0.629197],
        3.592490: [1.285685, -0.004848],
    }
    saddles = {
        0.408548: [0.416323, -0.394145],
        0.788293: [-0.265938, 0.466740],
        2.249192: [1.098273, 0.854461],
    }
    for points, signs in [(maxima, [-1, -1]), (saddles, [-1, 1])]:
        for known, x in points.items():
            value, gradient, hessian = at(x)
            assert value == pytest.approx(known, abs=1e-6) and np.abs(gradient).max() < 1e-4
            assert list(np.sign(np.linalg.eigvalsh(hessian))) == signs


def test_rosenbrock_in_the_plane():
    at = judge("rosenbrock", start=(0.4, -0.2))
    hessian = at.hessian([1.0, 1.0])
    np.testing.assert_allclose(hessian, [[802, -400], [-400, 200]], rtol=1e-14)
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian), [0.39936, 1001.60064], atol=5e-6)
    np.testing.assert_allclose(at.gradient([0.8, 0.0]), [204.4, -128.0], rtol=1e-13)
    values = [at.value(x) for x in pure_newton(at, 4)]
    np.testing.assert_allclose(values, [0.3502, 11.6234, 6.04e-5, 3.65e-7], rtol=2e-3)


@pytest.mark.parametrize("n", [4, 5, 7, 11, 18, 25])
def test_the_chained_rosenbrock_has_a_second_minimum(n):
    at, known = judge("rosenbrock", n=n), entry("rosenbrock").known(n=n).fun[1]
    halved = entry("rosenbrock_residuals").known(n=n).fun[1]
    x = damped_newton(at, np.concatenate([[-0.9], 0.9 ** (2.0 ** np.arange(5 - n, 4))]))
    value, _, hessian = at(x)
    assert np.linalg.eigvalsh(hessian)[0] > 0.3 and x[0] < -0.7
    assert value == pytest.approx(known, abs=2e-9) and halved == known / 2


def test_five_centres():
    at = judge("five_centres")
    np.testing.assert_allclose(at.hessian(at.start), np.diag([4.8, 2.0]), atol=1e-14)
    np.testing.assert_allclose(descend(at, at.start, 0.01, 1000)[1], [11 / 6, 1.4], atol=1e-7)


@pytest.mark.parametrize(
    ("name", "parameters", "iterates"),
    [
        ("newton_cubic", {}, [5.25, 3.59558824, 3.06833236]),
        ("newton_cycle", {}, [-1.0, 1.0, -1.0]),
        ("newton_quartic", {}, [3.63636364, 3.20444514, 3.07258690, 3.05990628]),
        ("newton_quartic", {"start": 1.7}, [0.53122530, 0.91200368, 0.87461250]),
        ("fourth_power", {}, [2 / 3, 4 / 9, 8 / 27]),
    ],
)
def test_pure_newton_in_one_variable(name, parameters, iterates):
    path = np.concatenate(list(pure_newton(judge(name, **parameters), len(iterates))))
    np.testing.assert_allclose(path, iterates, atol=1e-8)


def test_pure_newton_climbs_to_a_maximum():
    assert list(pure_newton(judge("newton_cubic", start=0.9), 12))[-1] == pytest.approx(-1.0)


def test_conjugate_directions_end_in_n_steps():
    A, b = load("conjugate_directions", n=9).args
    x, residual, direction = np.zeros(9), b, b
    steps = 0
    while np.linalg.norm(residual) > 1e-12:
        size = residual @ direction / (direction @ A @ direction)
        x, residual, steps = x + size * direction, residual - size * A @ direction, steps + 1
        direction = residual - (residual @ A @ direction) / (direction @ A @ direction) * direction
    assert steps <= 9
    np.testing.assert_allclose(x, entry("conjugate_directions").known(n=9).x, rtol=1e-13)


# ---- book E


def test_one_hidden_unit_is_not_convex():
    at = judge("tanh_unit")
    assert at.value([1.0, 1.0]) == at.value([-1.0, -1.0]) == 0.0
    assert at.value([0.0, 0.0]) == pytest.approx(0.58003, abs=5e-6)


def test_the_dead_unit_is_a_local_minimum():
    problem = load("dead_unit")
    value = jax.jit(lambda x: problem.fun(x, *problem.args))
    assert value(problem.x0) == 1.0
    shifts = np.random.default_rng(0).uniform(-0.15, 0.15, (4, 20_000))
    names = ("outer", "inner", "inner_bias", "outer_bias")
    nearby = {name: problem.x0[name] + d for name, d in zip(names, shifts, strict=True)}
    assert np.min(jax.vmap(value)(nearby)) >= 1.0
    assert value({"outer": 2.0, "inner": 1.0, "inner_bias": 0.0, "outer_bias": 1.0}) == 0.0


@pytest.mark.parametrize(
    ("layers", "output", "first", "last"),
    [
        (2, 0.28859269, -0.02039992, -0.10806738),
        (5, 0.28544545, -3.763612e-5, -0.09994763),
        (10, 0.28543966, -1.037712e-9, -0.09993255),
    ],
)
def test_gradients_vanish_along_the_chain(layers, output, first, last):
    at = judge("sigmoid_chain", layers=layers)
    value, gradient, _ = at(at.start)
    assert 1 - math.sqrt(value) == pytest.approx(output, abs=1e-8)
    np.testing.assert_allclose(gradient[[0, layers - 1]], [first, last], rtol=1e-6)
