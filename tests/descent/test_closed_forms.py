"""The smooth methods against closed forms, proved bounds and the textbook's golden numbers.

Letters and numbers such as A P-10 or D 2.13 point to the textbook's books and items.
"""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optlib as ol
from optlib.core.ops import HOST
from optlib.descent.lbfgs import Pairs, product, push, two_loop

few = settings(deadline=None, max_examples=10, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


def run(problem, method, **options):
    """Solve on the host engine with the history kept."""
    return ol.minimize(problem, method, **{"engine": "host", "trace": True, **options})


def drive(problem, method, steps):
    """The states of a method driven by hand: at x0, then after each step."""
    with jax.enable_x64(True), np.errstate(all="ignore"):
        oracle, states = problem.oracle(HOST), []
        state = method.init(oracle, np.ravel(problem.x0).astype(float), HOST)
        for _ in range(steps + 1):
            state = method.step(oracle, state, HOST)
            states.append(state)
    return states


def first(condition):
    """Index of the first true entry."""
    return int(np.flatnonzero(condition)[0])


def norms(gradients):
    return np.linalg.norm(gradients, axis=-1)


def quadratic(x, A, b):
    return 0.5 * x @ (A @ x) - b @ x


def random_quadratic(seed, n, condition=100.0, start=True):
    """A strictly convex quadratic with eigenvalues in [1, condition], and its data."""
    rng = np.random.default_rng(seed)
    V = np.linalg.qr(rng.normal(size=(n, n)))[0]
    values = np.concatenate([[1.0, condition], rng.uniform(1.0, condition, n - 2)])
    A, b = V @ np.diag(values) @ V.T, rng.normal(size=n)
    A = 0.5 * (A + A.T)
    x0 = 3.0 * rng.normal(size=n) if start else np.zeros(n)
    return ol.Smooth(quadratic, x0, args=(A, b)), A, b, np.linalg.solve(A, b)


# ------------------------------------------------------------------ zig-zag (A P-10)


def bowl(x, b):
    return 0.5 * (x[0] ** 2 + b * x[1] ** 2)


def zigzag(b):
    return ol.Smooth(bowl, [b, 1.0], args=(b,))


STEPS_TO_1E10 = {0.5: 11, 0.1: 58, 0.01: 576, 0.001: 5757}


def zigzag_run(b, step):
    stop = ol.TargetValue(1e-10 * (b * b + b) / 2)
    return run(zigzag(b), "gradient_descent", step=step, stop=stop, tol=0.0, engine="compiled")


@pytest.fixture(
    scope="module",
    params=itertools.product(STEPS_TO_1E10, ["exact", "constant"]),
    ids=lambda p: f"b={p[0]}-{p[1]}",
)
def zigzag_path(request):
    b, rule = request.param
    return b, zigzag_run(b, "exact" if rule == "exact" else 2 / (1 + b))


def test_zigzag_iterates_have_the_closed_form(zigzag_path):
    b, result = zigzag_path
    k = np.arange(result.nit + 1)
    ratio = (b - 1) / (b + 1)
    np.testing.assert_allclose(
        result.trace.x, np.c_[b * ratio**k, (-ratio) ** k], rtol=0, atol=1e-12
    )
    f = ratio ** (2 * k) * (b * b + b) / 2
    np.testing.assert_allclose(result.trace.fun, f, rtol=1e-9)


def test_zigzag_needs_the_counted_steps(zigzag_path):
    b, result = zigzag_path
    assert result.nit == STEPS_TO_1E10[b]


def test_exact_steps_of_the_zigzag_are_all_2_over_1_plus_b_and_gradients_orthogonal():
    b = 0.01
    path = zigzag_run(b, "exact").trace
    np.testing.assert_allclose(path.step_size[1:], 2 / (1 + b), rtol=1e-7)
    g = path.x * [1.0, b]
    cosines = np.sum(g[1:] * g[:-1], axis=1) / (norms(g[1:]) * norms(g[:-1]))
    assert np.abs(cosines).max() < 1e-7


def test_zigzag_ratio_and_table_of_the_book():
    path = run(zigzag(0.1), "gradient_descent", step="exact", max_iterations=10, tol=0.0).trace
    np.testing.assert_allclose(path.x[1:4, 0] / path.x[:3, 0], -9 / 11, rtol=1e-12)
    np.testing.assert_allclose(path.x[5], [-0.0366647832, 0.3666478332], atol=6e-11)
    np.testing.assert_allclose(path.x[10], [0.0134430633, 0.1344306327], atol=6e-11)
    assert path.fun[10] / path.fun[0] == pytest.approx(0.0180715950, abs=6e-11)


def test_a_round_bowl_takes_one_exact_step():
    result = run(zigzag(1.0), "gradient_descent", step="exact")
    assert result.nit == 1
    assert np.abs(result.x).max() < 1e-15


# ------------------------------------------------------------------ heavy ball (A P-11)


def heavy_ball_constants(b):
    root = math.sqrt(b)
    return (2 / (1 + root)) ** 2, ((1 - root) / (1 + root)) ** 2


def heavy_ball_form(b, k):
    rho = math.sqrt(heavy_ball_constants(b)[1])
    return np.c_[b * (-rho) ** k * (1 + k * (1 + rho)), rho**k * (1 + k * (1 - rho))]


@pytest.mark.parametrize("given_constants", [True, False], ids=["given", "estimated"])
@pytest.mark.parametrize(
    ("b", "count", "tenth"), [(0.1, 22, 1.116e-4), (0.01, 73, 0.2079)], ids=["b=.1", "b=.01"]
)
def test_heavy_ball_iterates_have_the_closed_form(b, count, tenth, given_constants):
    step, momentum = heavy_ball_constants(b)
    options = {"step": step, "momentum": momentum} if given_constants else {}
    path = run(zigzag(b), "heavy_ball", max_iterations=80, tol=0.0, **options).trace
    form = heavy_ball_form(b, np.arange(81))
    np.testing.assert_allclose(path.x, form, rtol=0, atol=1e-12)
    np.testing.assert_allclose(path.step_size[1:], step, rtol=1e-12)
    assert first(path.fun <= 1e-10 * path.fun[0]) == count
    assert path.fun[10] / path.fun[0] == pytest.approx(tenth, rel=5e-4)


def test_heavy_ball_falls_by_its_momentum_only_asymptotically():
    path = run(zigzag(0.01), "heavy_ball", max_iterations=300, tol=0.0).trace
    late = (path.fun[300] / path.fun[200]) ** 0.01
    assert late == pytest.approx(0.6748, abs=5e-5)
    assert late == pytest.approx(heavy_ball_constants(0.01)[1], rel=0.02)
    assert first(path.fun <= 0.018 * path.fun[0]) == 19


def test_heavy_ball_without_momentum_is_gradient_descent():
    ball = run(zigzag(0.1), ol.HeavyBall(step=0.7, momentum=0.0), max_iterations=30)
    plain = run(zigzag(0.1), "gradient_descent", step=0.7, max_iterations=30)
    np.testing.assert_array_equal(ball.trace.x, plain.trace.x)


def test_averaged_momentum_is_the_heavy_ball_with_a_shorter_step():
    averaged = run(zigzag(0.1), "momentum", step=0.7, momentum=0.6, max_iterations=40)
    ball = run(zigzag(0.1), "heavy_ball", step=0.7 * 0.4, momentum=0.6, max_iterations=40)
    np.testing.assert_allclose(averaged.trace.x, ball.trace.x, rtol=0, atol=1e-15)


@pytest.mark.parametrize("mu", [0.0, 0.5, 0.9])
def test_stability_bounds_of_gradient_heavy_ball_and_nesterov_are_sharp(mu):
    """C T2-7: curvature times step below 2(1+μ), and below 2(1+μ)/(1+2μ) for Nesterov."""
    curvature = 3.0
    problem = ol.Smooth(bowl, [0.0, 1.0], args=(curvature,))
    edges = {
        ol.HeavyBall: 2 * (1 + mu) / curvature,
        ol.Nesterov: 2 * (1 + mu) / (1 + 2 * mu) / curvature,
    }
    for method, edge in edges.items():
        sizes = []
        for factor in (0.96, 1.04):
            chosen = method(step=factor * edge, momentum=mu)
            sizes.append(run(problem, chosen, max_iterations=200, tol=0.0).trace.fun[-1])
        assert sizes[0] < 1e-6 < 1e6 < sizes[1]


def valley(x):
    """C P2-2: minima at (1, 2) and (-1, 0), both 0, and no other stationary point."""
    return (x[0] ** 2 - 1) ** 2 + (x[0] ** 2 * x[1] - x[0] - 1) ** 2


def valley_gradient(x):
    u, v = np.moveaxis(x, -1, 0)
    r = u * u * v - u - 1
    return np.stack([4 * u * (u * u - 1) + 2 * (2 * u * v - 1) * r, 2 * u * u * r], -1)


@pytest.mark.parametrize(
    ("method", "momentum", "start", "count", "limit"),
    [
        ("gradient_descent", None, [0.0, 0.0], 1123, [-1, 0]),
        ("heavy_ball", 0.9, [0.0, 0.0], 354, [-1, 0]),
        ("heavy_ball", 0.9, [2.0, 0.0], 598, [-1, 0]),
        ("heavy_ball", 0.9, [-1.5, 1.5], 377, [1, 2]),
    ],
)
def test_momentum_counts_and_limits_in_the_two_minimum_valley(
    method, momentum, start, count, limit
):
    options = {} if momentum is None else {"momentum": momentum}
    path = run(ol.Smooth(valley, start), method, step=0.01, tol=0.0,
               max_iterations=count + 1, **options).trace  # fmt: skip
    assert first(norms(valley_gradient(path.x)) < 1e-8) == count
    np.testing.assert_allclose(path.x[count], limit, atol=1e-7)


def test_nesterov_counts_in_the_two_minimum_valley():
    problem = ol.Smooth(valley, [0.0, 0.0])
    states = drive(problem, ol.Nesterov(step=0.01, momentum=0.9), 266)
    x = np.array([s.memory.x for s in states])
    # memory.x after the gradient at y_k is x_{k+1}
    assert 1 + first(norms(valley_gradient(x)) < 1e-8) == 265


@pytest.mark.parametrize("method", ["heavy_ball", "nesterov"])
def test_momentum_diverges_where_gradient_descent_converges(method):
    problem = ol.Smooth(valley, [2.0, 0.0])
    plain = ol.minimize(problem, "gradient_descent", step=0.05, engine="host")
    assert plain.success
    astray = ol.minimize(problem, method, step=0.05, momentum=0.9, engine="host")
    assert astray.status is ol.Status.DIVERGED
    assert not astray.success


# ------------------------------------------------------------------ Newton (A P-02, D 2.12)


def root4(x):
    """Stationary where x² = 4: minimum -16/3 at 2, maximum 16/3 at -2."""
    return x**3 / 3 - 4 * x


def test_newton_square_root_table():
    x = run(ol.Smooth(root4, 2.5), "newton", step=1, tol=1e-15).trace.x
    expected = [2.5, 2.05, 2.000609756097561, 2.0000000929222947, 2.0000000000000022]
    np.testing.assert_allclose(x[:5], expected, rtol=0, atol=5e-16)
    errors = x[:4] - 2
    np.testing.assert_allclose(errors[1:] / errors[:-1] ** 2, 1 / (2 * x[:3]), rtol=1e-8)


def test_damped_newton_iterates_from_a_tenth():
    path = run(ol.Smooth(root4, 0.1), "newton", sufficient_decrease=0.3, shrink=0.5).trace
    np.testing.assert_array_equal(path.step_size[:4], [0, 1 / 8, 1, 1])
    np.testing.assert_allclose(
        path.x[1:6],
        [2.59375, 2.0679593373, 2.0011166737, 2.0000003116, 2.0000000000000244],
        atol=6e-11,
    )
    assert abs(path.x[5] - 2.0000000000000244) < 1e-15


def test_damping_accepts_full_steps_where_newton_is_good():
    damped = run(ol.Smooth(root4, 2.5), "newton", sufficient_decrease=0.3, shrink=0.5)
    pure = run(ol.Smooth(root4, 2.5), "newton", step=1)
    np.testing.assert_array_equal(damped.trace.x, pure.trace.x)


@given(seed=seeds)
@few
def test_newton_solves_a_quadratic_in_one_step(seed):
    problem, _, b, solution = random_quadratic(seed, 4)
    result = run(problem, "newton")
    assert result.nit == 1
    np.testing.assert_allclose(result.x, solution, rtol=0, atol=1e-12)
    assert result.fun == pytest.approx(-0.5 * b @ solution, abs=1e-12)


def test_newton_does_not_depend_on_the_units_of_x():
    rosenbrock_in = lambda y, T: rosenbrock(T @ y)
    T = np.array([[2.0, 0.5], [-0.3, 4.0]])
    plain = run(ol.Smooth(rosenbrock_in, [-1.2, 1.0], args=(np.eye(2),)), "newton")
    start = np.linalg.solve(T, [-1.2, 1.0])
    other = run(ol.Smooth(rosenbrock_in, start, args=(T,)), "newton")
    shared = min(plain.nit, other.nit)
    np.testing.assert_allclose(
        other.trace.x[:shared] @ T.T, plain.trace.x[:shared], rtol=0, atol=1e-9
    )


def test_newton_on_a_quartic_shrinks_by_two_thirds():
    """A minimum whose second derivative vanishes: linear convergence only (D E15)."""
    x = run(ol.Smooth(lambda x: x**4, 1.0), "newton", step=1, tol=0.0, max_iterations=20).trace.x
    np.testing.assert_allclose(x, (2 / 3) ** np.arange(21), rtol=1e-12)


def test_safeguarded_newton_steps_by_the_absolute_hessian():
    """Eigenvalues of H by absolute value where H is indefinite, here diag(-398, 200)."""
    path = run(ol.Smooth(rosenbrock, [0.0, 1.0]), "newton", max_iterations=1).trace
    step = (path.x[1] - path.x[0]) / path.step_size[1]
    np.testing.assert_allclose(step, [2 / 398, -200 / 200], rtol=1e-12)


def cubic(t):
    """Minimum at 3, maximum at -1, inflection at 1."""
    return (t - 3) ** 2 * (t + 3)


def quartic(t):
    """Minima near -0.934 and 3.060, maximum near 0.875."""
    return t**4 - 4 * t**3 - 2 * t**2 + 10 * t + 15


def two_cycle(t):
    """Minimum 0 at 0 between two maxima at ±√5, where Newton from 1 swings 1, -1, 1, ..."""
    return -(t**4) / 4 + 5 * t**2 / 2


def test_newton_overshoots_then_converges_with_doubling_digits():
    path = run(ol.Smooth(cubic, 1.5), "newton", step=1, safeguard=False).trace
    np.testing.assert_allclose(path.x[1:3], [5.25, 3.5955882353], atol=6e-11)
    np.testing.assert_allclose(path.fun[:2], [10.125, 41.765625], rtol=1e-15)
    errors = path.x - 3
    assert abs(errors[6]) < 1e-13
    law = 1 / (2 * (path.x[3:5] - 1))
    np.testing.assert_allclose(errors[4:6] / errors[3:5] ** 2, law, rtol=1e-6)


@pytest.mark.parametrize(
    ("fun", "start", "maximum"),
    [(cubic, 0.9, -1.0), (quartic, 1.7, 0.87450591), (root4, -1.0, -2.0)],
)
def test_unguarded_newton_walks_to_the_maximum_and_is_refused(fun, start, maximum):
    result = run(ol.Smooth(fun, start), "newton", step=1, safeguard=False)
    assert result.x == pytest.approx(maximum, abs=1e-8)
    assert not result.success
    assert result.certificate.residuals["curvature"] > 0.5


def test_unguarded_newton_on_the_quartic_has_the_listed_iterates():
    up = run(ol.Smooth(quartic, 1.7), "newton", step=1, safeguard=False).trace.x
    np.testing.assert_allclose(up[1:4], [0.53122530, 0.91200368, 0.87461250], atol=6e-9)
    down = run(ol.Smooth(quartic, 2.5), "newton", step=1, safeguard=False).trace.x
    np.testing.assert_allclose(
        down[1:5], [3.63636364, 3.20444514, 3.07258690, 3.05990628], atol=6e-9
    )


def test_unguarded_newton_swings_for_ever_between_one_and_minus_one():
    result = run(ol.Smooth(two_cycle, 1.0), "newton", step=1, safeguard=False, max_iterations=50)
    np.testing.assert_array_equal(result.trace.x, (-1.0) ** np.arange(51))
    assert result.status is ol.Status.ITERATION_LIMIT
    assert not result.success


@pytest.mark.parametrize(
    ("fun", "starts", "minima"),
    [
        (cubic, [0.9, 1.5, 1.0, -0.5, 2.0], [3.0]),
        (quartic, np.linspace(-3, 5, 41), [-0.93429788, 3.05979197]),
        (two_cycle, np.linspace(-1.1, 1.1, 12), [0.0]),
        (root4, [-1.9, -1.0, 0.1, 2.5], [2.0]),
    ],
    ids=["cubic", "quartic", "two_cycle", "root4"],
)
def test_safeguarded_newton_never_ends_at_a_maximum(fun, starts, minima):
    for start in starts:
        result = run(ol.Smooth(fun, float(start)), "newton")
        assert result.success
        assert np.abs(np.subtract(minima, result.x)).min() < 1e-7


# ------------------------------------------------------------------ golden first steps (D 2.13)


def stretched(x):
    return 0.5 * (x[0] ** 2 + 10 * x[1] ** 2)


GOLDEN = {
    "gradient_descent": ({}, [(0.9, 0.0), (0.81, 0.0), (0.729, 0.0)]),
    "momentum": ({}, [(0.99, 0.9), (0.9711, 0.72), (0.944379, 0.486)]),
    "heavy_ball": ({"momentum": 0.9}, [(0.9, 0.0), (0.72, -0.9), (0.486, -0.81)]),
    "look_ahead": ({}, [(0.981, 0.81), (0.954261, 0.5751), (0.920893941, 0.327321)]),
    "adagrad": ({}, [(0.900000001, 0.9000000001), (0.8331035283, 0.8331035270),
                     (0.7804561831, 0.7804561815)]),
    "rmsprop": ({"decay": 0.999}, [(-2.1622766602, -2.1622775602), (0.7081713491, 0.7081710024),
                                   (-0.1933709794, -0.1933707398)]),
    "adam": ({}, [(0.900000001, 0.9000000001), (0.8004122297, 0.8004122279),
                  (0.7015862745, 0.7015862717)]),
    "nadam": ({}, [(0.8526315804, 0.8526315791), (0.7416971612, 0.7416971589),
                   (0.6406112831, 0.6406112798)]),
    "adamax": ({}, [(0.900000001, 0.9000000001), (0.8051683281, 0.8051683264),
                    (0.7154994747, 0.7154994723)]),
    "adadelta": ({"step": 1.0, "decay": 0.95, "eps": 1e-6},
                 [(0.9955279088, 0.9955278645), (0.9910087481, 0.9910086586),
                  (0.9864645649, 0.9864644295)]),
}  # fmt: skip


@pytest.mark.parametrize("method", GOLDEN)
def test_golden_first_steps(method):
    options, expected = GOLDEN[method]
    options = {"step": 0.1, **options}
    path = run(ol.Smooth(stretched, [1.0, 1.0]), method, max_iterations=3, tol=0.0, **options).trace
    np.testing.assert_allclose(path.x[1:], expected, rtol=0, atol=0.51e-10)


def test_golden_first_steps_of_the_printed_adadelta():
    path = run(ol.Smooth(stretched, [1.0, 1.0]), "adadelta", form="book_d_printed", eps=1e-8,
               max_iterations=3, tol=0.0).trace  # fmt: skip
    expected = [0.9999999553, 0.9999998912, 0.9999998189]
    np.testing.assert_allclose(path.x[1:, 0], expected, rtol=0, atol=0.51e-10)


def test_golden_first_steps_of_nesterov_driven_by_hand():
    method = ol.Nesterov(step=0.1, averaged=True, momentum=0.9, restart=False)
    states = drive(ol.Smooth(stretched, [1.0, 1.0]), method, 2)
    theta = np.array([s.memory.x for s in states])
    expected = [(0.99, 0.9), (0.97119, 0.729), (0.94471839, 0.51759)]
    np.testing.assert_allclose(theta, expected, rtol=0, atol=1e-14)
    assert not method.done(states[-1])


def test_driving_the_four_functions_by_hand_is_minimize():
    problem, method = ol.Smooth(stretched, [1.0, 1.0]), ol.BFGS()
    result = run(problem, method)
    states = [s for s in drive(problem, method, result.nfev - 1) if s.progress.accepted]
    np.testing.assert_array_equal([s.progress.x for s in states], result.trace.x)
    np.testing.assert_array_equal(method.finish(states[-1]), result.x)


def test_driving_by_hand_keeps_double_precision():
    """The same loop as a user writes it, without touching JAX's settings."""
    problem, method = ol.Smooth(stretched, [1.0, 0.7]), ol.GradientDescent(step=0.01)
    oracle = problem.oracle(HOST)
    state = method.init(oracle, np.array([1.0, 0.7]), HOST)
    for _ in range(3):
        state = method.step(oracle, state, HOST)
    np.testing.assert_allclose(state.progress.x, [0.99**2, 0.7 * 0.9**2], rtol=1e-14)


# ------------------------------------------------------------------ gradient descent


def square(x, scale):
    return scale * x**2


@pytest.mark.parametrize(
    ("tau", "count"),
    [(0.001, 3451), (0.01, 342), (0.1, 31), (0.5, 1), (0.25, 10), (0.75, 10), (0.9, 31),
     (0.99, 342), (1.0, None)],
)  # fmt: skip
def test_table_of_step_sizes_on_x_squared(tau, count):
    """B table 8.1: the first n with |x_n| < 0.001, and x_n = (1 - 2τ)ⁿ."""
    problem = ol.Smooth(square, 1.0, args=(1.0,))
    result = run(problem, "gradient_descent", step=tau, tol=0.0, max_iterations=3500,
                 engine="compiled")  # fmt: skip
    x = result.trace.x
    np.testing.assert_allclose(x, (1 - 2 * tau) ** np.arange(x.size), rtol=0, atol=1e-12)
    near = np.abs(x) < 1e-3
    assert (first(near) if near.any() else None) == count
    if count is None:
        np.testing.assert_array_equal(np.abs(x), 1.0)
        assert result.status is ol.Status.ITERATION_LIMIT
        assert not result.success


def test_a_step_beyond_two_over_curvature_diverges():
    problem = ol.Smooth(square, 1.0, args=(1.0,))
    result = run(problem, "gradient_descent", step=1.01, engine="compiled")
    assert result.status is ol.Status.DIVERGED
    assert not result.success


def sine_wells(x):
    return jnp.sin(10 * x) ** 2


@pytest.mark.parametrize(
    ("tau", "amplitude", "steps"),
    [(0.0099, 0.0, 1000), (0.0101, 0.012205, 1500), (0.012, 0.051337, 200), (0.015, 0.074789, 200)],
)
def test_squared_sine_has_its_threshold_at_one_hundredth(tau, amplitude, steps):
    """B P1-4: f'' = 200 at 0; beyond 2/200 a two-cycle x = 5τ sin 20x takes over."""
    problem = ol.Smooth(sine_wells, 0.01)
    result = run(problem, "gradient_descent", step=tau, max_iterations=steps)
    assert result.success == (amplitude == 0.0)
    np.testing.assert_allclose(np.abs(result.trace.x[-2:]), amplitude, atol=6e-7)
    assert result.trace.x[-1] * result.trace.x[-2] < 0


def test_at_the_threshold_squared_sine_converges_like_one_over_root_n():
    x = run(ol.Smooth(sine_wells, 0.01), "gradient_descent", step=0.01, max_iterations=1000).trace.x
    predicted = 1 / np.sqrt(2 * 400 / 3 * 1000 + 1 / 0.01**2)
    assert abs(x[-1]) == pytest.approx(predicted, rel=0.01)


EXAM_HOURS = np.array([.5, .75, 1, 1.25, 1.5, 1.75, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 4,
                       4.25, 4.5, 4.75, 5, 5.5])  # fmt: skip
EXAM_PASS = np.array([0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1.0])


def exam(w, hours, passed):
    z = w[0] * hours + w[1]
    return jnp.sum(jnp.logaddexp(0.0, z) - passed * z)


def log_cosh(x):
    return jnp.sum(jnp.logaddexp(x, -x) - jnp.log(2.0))


CONVEX = {
    # name: problem, Lipschitz constant of the gradient, minimiser, minimum
    "square": (ol.Smooth(square, 1.0, args=(1.0,)), 2.0, 0.0, 0.0),
    "log_cosh": (ol.Smooth(log_cosh, 5.0), 1.0, 0.0, 0.0),
    "exam": (
        ol.Smooth(exam, [0.0, 0.0], args=(EXAM_HOURS, EXAM_PASS)),
        53.635, np.array([1.50464543, -4.07771343]), 8.02987846,
    ),
}  # fmt: skip


@pytest.mark.parametrize("part", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("name", CONVEX)
def test_gradient_descent_obeys_the_bound_of_theorem_8_1_2(name, part):
    problem, lipschitz, minimiser, minimum = CONVEX[name]
    tau = part / lipschitz
    fun = run(problem, "gradient_descent", step=tau, max_iterations=150, tol=0.0).trace.fun
    distance = np.sum((np.asarray(problem.x0) - minimiser) ** 2)
    k = np.arange(1, fun.size)
    assert np.all(fun[1:] - minimum <= distance / (2 * tau * k) + 1e-8)
    assert np.all(np.diff(fun) <= 1e-14 * fun[0])


def test_logistic_regression_on_the_exam_data():
    result = run(CONVEX["exam"][0], "newton")
    np.testing.assert_allclose(result.x, [1.50464543, -4.07771343], atol=6e-9)
    assert result.fun == pytest.approx(8.02987846, abs=6e-9)


@pytest.mark.parametrize("tau", [0.001, 0.003, 0.005])
@pytest.mark.parametrize("start", [0.02, 0.07, 0.1, 0.15])
def test_corrected_descent_lemma_holds_on_a_nonconvex_function(tau, start):
    """``f_{k+1} <= f_k - (τ/2) |f'_k|²`` for τ <= 1/L, here L = 200 (B E1-14)."""
    path = run(ol.Smooth(sine_wells, start), "gradient_descent", step=tau, max_iterations=60).trace
    assert np.all(path.fun[1:] <= path.fun[:-1] - tau / 2 * path.grad_norm[:-1] ** 2 + 1e-15)


@given(seed=seeds, part=st.floats(0.05, 1.0))
@few
def test_constant_step_gradient_descent_contracts_linearly(seed, part):
    """A 1.4-(9): ``f_{k+1} - f* <= (1 - m s)(f_k - f*)`` for s <= 1/M, here m = 1, M = 100."""
    problem, _, b, solution = random_quadratic(seed, 4)
    step = part / 100.0
    path = run(problem, "gradient_descent", step=step, max_iterations=40, tol=0.0).trace
    excess = path.fun + 0.5 * b @ solution
    assert np.all(excess[1:] <= (1 - step) * excess[:-1] + 1e-11)
    distance = norms(path.x - solution)
    assert np.all(distance[1:] <= (1 - step) * distance[:-1] + 1e-12)


@given(seed=seeds, condition=st.floats(2.0, 1e3))
@few
def test_exact_line_search_obeys_kantorovich(seed, condition):
    """``f_{k+1} - f* <= ((κ-1)/(κ+1))² (f_k - f*)``, and gradients in a row are orthogonal."""
    problem, A, b, solution = random_quadratic(seed, 4, condition)
    path = run(problem, "gradient_descent", step="exact", max_iterations=25, tol=0.0).trace
    excess = path.fun + 0.5 * b @ solution
    live = excess[:-1] > 1e-9 * max(1.0, abs(path.fun[0]))
    factor = ((condition - 1) / (condition + 1)) ** 2
    assert np.all(excess[1:][live] <= factor * excess[:-1][live] * (1 + 1e-9) + 1e-12)
    g = path.x @ A - b
    inner = np.abs(np.sum(g[1:] * g[:-1], axis=1)) / norms(g[:-1]) ** 2
    assert inner[live].max() < 1e-7


@given(seed=seeds, alpha=st.floats(0.01, 0.45), shrink=st.floats(0.2, 0.9))
@few
def test_backtracking_gradient_descent_obeys_its_rate(seed, alpha, shrink):
    """Boyd & Vandenberghe 9.3: factor ``1 - min(2mα, 2αβ m/M)``, here m = 1, M = 100."""
    problem, _, b, solution = random_quadratic(seed, 4)
    rule = ol.Backtracking(shrink=shrink, sufficient_decrease=alpha)
    path = run(problem, "gradient_descent", step=rule, max_iterations=25, tol=0.0).trace
    excess = path.fun + 0.5 * b @ solution
    live = excess[:-1] > 1e-9 * max(1.0, abs(path.fun[0]))
    factor = 1 - min(2 * alpha, 2 * alpha * shrink / 100)
    assert np.all(excess[1:][live] <= factor * excess[:-1][live] * (1 + 1e-9))


def accelerated_values(problem, method, steps):
    states = drive(problem, method, steps)
    with jax.enable_x64(True):
        return np.array([float(problem.fun(s.memory.x, *problem.args)) for s in states])


@given(seed=seeds)
@few
def test_nesterov_obeys_both_of_its_bounds(seed):
    """``2L||x0-x*||²/(k+1)²``, and ``(1-√(m/L))ᵏ (f0-f* + m/2 ||x0-x*||²)``, m = 1, L = 100."""
    problem, _, b, solution = random_quadratic(seed, 4)
    distance = np.sum((problem.x0 - solution) ** 2)
    minimum = -0.5 * b @ solution
    k = np.arange(1, 42)
    convex = accelerated_values(problem, ol.Nesterov(step=0.01, restart=False), 40) - minimum
    assert np.all(convex <= 200 * distance / (k + 1) ** 2 + 1e-9)
    constant = ol.Nesterov(step=0.01, momentum=9 / 11, restart=False)
    strong = accelerated_values(problem, constant, 40) - minimum
    start = float(run(problem, "gradient_descent", max_iterations=0).fun) - minimum
    assert np.all(strong <= 0.9**k * (start + 0.5 * distance) + 1e-9)


@pytest.mark.parametrize("restart", [False, True])
def test_nesterov_follows_the_sequence_of_its_moments(restart):
    """``γ_k = (t_k - 1)/t_{k+1}``, ``t_{k+1} = (1 + √(1 + 4t_k²))/2``, s = 1/L measured at x0."""
    problem, A, b, _ = random_quadratic(8, 4)
    path = run(problem, ol.Nesterov(restart=restart), max_iterations=80, tol=0.0).trace
    np.testing.assert_allclose(path.step_size[1:], 0.01, rtol=1e-9)
    x, y, t, restarts = problem.x0, problem.x0, 1.0, 0
    for k in range(81):
        np.testing.assert_allclose(path.x[k], y, rtol=0, atol=1e-10)
        g = A @ y - b
        x_new = y - 0.01 * g
        t_new = (1 + math.sqrt(1 + 4 * t * t)) / 2
        gamma = (t - 1) / t_new
        if restart and g @ (x_new - x) > 0:
            gamma, t_new, restarts = 0.0, 1.0, restarts + 1
        x, y, t = x_new, x_new + gamma * (x_new - x), t_new
    assert (restarts > 0) == restart


@pytest.mark.parametrize(
    ("alpha", "count", "end"),
    [(0.01, 3108, (-30.44502456, 8.3096164)), (0.0235, 1445, (-30.44697218, 8.30989676))],
)
def test_least_squares_line_takes_the_books_number_of_updates(alpha, count, end):
    result = ol.minimize(line_problem(), "gradient_descent", step=alpha, tol=0.0,
                         stop=ol.StepNorm(1e-5), engine="compiled")  # fmt: skip
    assert result.nit == count
    assert result.status is ol.Status.FINISHED
    np.testing.assert_allclose(result.x, end, atol=6e-9)


def test_least_squares_line_diverges_beyond_its_bound():
    result = ol.minimize(line_problem(), "gradient_descent", step=0.024, tol=0.0,
                         stop=ol.StepNorm(1e-5), engine="compiled")  # fmt: skip
    assert result.status is ol.Status.DIVERGED
    assert not result.success
    below = ol.minimize(line_problem(), "gradient_descent", step=0.0237, tol=0.0,
                        stop=ol.StepNorm(1e-5), engine="compiled")  # fmt: skip
    assert below.nit == 29336


def line_fit(theta, x, y):
    return jnp.mean((theta[0] + theta[1] * x - y) ** 2)


def line_problem():
    """D 2.1: 490 points, eigenvalues of XᵀX 71.85 and 20670.33, so the bound is 0.0237055."""
    stream = np.random.RandomState(0)  # the book's data are this legacy stream
    x = stream.normal(6, 2.5, 490)
    y = -30.005120145375855 + 8.268557322426984 * x + stream.normal(0, 3, 490)
    return ol.Smooth(line_fit, [0.0, 0.0], args=(x, y))


def test_standardised_line_fit_takes_one_step_of_a_half():
    x, y = line_problem().args
    problem = ol.Smooth(line_fit, [0.0, 0.0], args=((x - x.mean()) / x.std(), y))
    result = run(problem, "gradient_descent", step=0.5, max_iterations=1)
    assert result.fun == pytest.approx(8.822762442604, abs=1e-11)
    assert result.certificate.holds()


def mean_cross_entropy(theta, A, y):
    z = A @ theta
    return jnp.mean(jnp.logaddexp(0.0, z) - y * z)


@pytest.fixture(scope="module")
def cancer():
    """D 2.3: ten standardised features of the breast cancer data, intercept first."""
    data = pytest.importorskip("sklearn.datasets").load_breast_cancer()
    names = list(data.feature_names)
    wanted = ["mean radius", "mean texture", "mean smoothness", "mean compactness",
              "mean symmetry", "mean fractal dimension", "radius error", "texture error",
              "smoothness error", "compactness error"]  # fmt: skip
    X = data.data[:, [names.index(name) for name in wanted]]
    A = np.c_[np.ones(len(X)), (X - X.mean(0)) / X.std(0)]
    return ol.Smooth(mean_cross_entropy, np.full(11, 0.1), args=(A, 1.0 - data.target))


@pytest.mark.parametrize(("alpha", "count"), [(14, 582), (14.6, None)])
def test_logistic_regression_has_its_stability_edge_at_two_over_curvature(cancer, alpha, count):
    """The Hessian's largest eigenvalue at the minimum gives the edge 14.53."""
    limit = 2500 if count is None else count
    result = run(cancer, "gradient_descent", step=alpha, tol=0.0, max_iterations=limit,
                 engine="compiled")  # fmt: skip
    A, y = cancer.args
    theta = result.trace.x
    residuals = 1 / (1 + np.exp(-theta @ A.T)) - y
    sizes = norms(residuals @ A / len(y))
    if count is None:
        assert sizes[-500:].min() > 5e-3
        assert not result.success
    else:
        assert first(sizes < 1e-8) == count
        assert result.fun == pytest.approx(0.1400080064298973, abs=1e-12)


# ------------------------------------------------------------------ Rosenbrock (D 2.10)


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def rosenbrock_gradient(x):
    u, v = np.moveaxis(x, -1, 0)
    return np.stack([-2 * (1 - u) - 400 * u * (v - u * u), 200 * (v - u * u)], -1)


@pytest.mark.parametrize(
    ("beta", "count", "point", "value"),
    [
        (0.9, 1933, (0.99513803, 0.99028019), 2.367680e-05),
        (0.5, 9956, (0.83385528, 0.69458124), 0.0276578),
        (0.0, 19915, (0.7044089, 0.49479485), 0.0875693),
    ],
)
def test_momentum_on_rosenbrock(beta, count, point, value):
    result = run(ol.Smooth(rosenbrock, [0.4, -0.2]), "momentum", step=0.001 / (1 - beta),
                 momentum=beta, stop=ol.TargetValue(1e-8), tol=0.0, engine="compiled")  # fmt: skip
    assert result.nit == count
    np.testing.assert_allclose(result.trace.x[1000], point, atol=6e-9)
    assert result.trace.fun[1000] == pytest.approx(value, rel=1e-5)


def test_averaged_nesterov_on_rosenbrock():
    method = ol.Nesterov(step=0.01, momentum=0.9, averaged=True, restart=False)
    states = drive(ol.Smooth(rosenbrock, [0.4, -0.2]), method, 1940)
    values = rosenbrock(np.array([s.memory.x for s in states]).T)
    assert 1 + first(values < 1e-8) == 1935


@pytest.mark.parametrize(
    ("step", "point"),
    [
        (ol.Exponential(0.005, 0.99), (0.53590921, 0.28487846)),
        (ol.Exponential(0.0025, 0.99), (0.40043888, 0.1574186)),
    ],
)
def test_a_decaying_step_stalls_on_rosenbrock(step, point):
    result = ol.minimize(ol.Smooth(rosenbrock, [0.2, -0.2]), "gradient_descent", step=step,
                         max_iterations=4000, engine="compiled")  # fmt: skip
    np.testing.assert_allclose(result.x, point, atol=6e-9)
    assert not result.success


@pytest.mark.parametrize(("step", "converges"), [(0.001, True), (0.002, False)])
def test_fixed_step_threshold_on_rosenbrock(step, converges):
    """The Hessian at (1, 1) has the eigenvalue 1001.60064, so the edge is 0.0019968."""
    result = ol.minimize(ol.Smooth(rosenbrock, [0.2, -0.2]), "gradient_descent", step=step,
                         tol=0.0, max_iterations=100_000, engine="compiled")  # fmt: skip
    assert (result.fun < 1e-25) == converges
    if not converges:
        assert result.fun > 1e-4


@pytest.mark.parametrize(
    ("start", "values"),
    [
        ((0.4, -0.2), (13.32, 0.35020, 11.6234, 6.04e-5, 3.65e-7, 5.8e-20)),
        ((-1.2, 1.0), (24.2, 4.7319, 1411.845, 0.055966, 0.31319, 1.85e-11, 3e-20)),
    ],
)
def test_pure_newton_on_rosenbrock_climbs_before_it_converges(start, values):
    fun = run(ol.Smooth(rosenbrock, start), "newton", step=1, safeguard=False).trace.fun
    np.testing.assert_allclose(fun[: len(values) - 1], values[:-1], rtol=2e-3)
    assert fun[len(values) - 1] < 1e-18


@pytest.mark.parametrize(
    ("start", "count", "backtracks"),
    [((-1.2, 1), 21, 13), ((0.4, -0.2), 11, 4), ((0.2, -0.2), 12, 5), ((0.8, 0), 7, 1)],
)
def test_damped_newton_counts_on_rosenbrock(start, count, backtracks):
    path = run(ol.Smooth(rosenbrock, start), "newton", shrink=2 / 3, sufficient_decrease=1e-4,
               tol=1e-10).trace  # fmt: skip
    assert first(norms(rosenbrock_gradient(path.x)) < 1e-10) == count
    tries = np.log(path.step_size[1 : count + 1]) / np.log(2 / 3)
    assert round(tries.sum()) == backtracks


def test_one_exact_line_search_on_rosenbrock_takes_the_first_minimum():
    result = run(ol.Smooth(rosenbrock, [0.8, 0.0]), "gradient_descent", step="exact",
                 max_iterations=1)  # fmt: skip
    assert result.trace.step_size[1] == pytest.approx(0.00164832822, rel=1e-7)
    np.testing.assert_allclose(result.x, [0.46308171, 0.21098601], atol=6e-9)
    np.testing.assert_allclose(result.trace.fun, [41, 0.28947748], atol=6e-9)


def test_exact_line_search_zigzags_on_rosenbrock():
    path = run(ol.Smooth(rosenbrock, [0.4, -0.2]), "gradient_descent", step="exact",
               max_iterations=500).trace  # fmt: skip
    listed = [(0.21181871, 0.04023144), (0.58726804, 0.33433342), (0.58365347, 0.33894776)]
    np.testing.assert_allclose(path.x[1:4], listed, atol=6e-9)
    np.testing.assert_allclose(path.fun[[10, 100, 500]], [0.1374, 0.0440, 0.0059], atol=6e-5)
    g = rosenbrock_gradient(path.x)
    cosines = np.sum(g[1:] * g[:-1], axis=1) / (norms(g[1:]) * norms(g[:-1]))
    assert np.abs(cosines).max() < 1e-7


@pytest.mark.parametrize(("alpha", "count"), [(0.001, 9603), (0.01, 3143)])
def test_adam_counts_on_rosenbrock(alpha, count):
    result = ol.minimize(ol.Smooth(rosenbrock, [0.2, -0.2]), "adam", step=alpha, tol=0.0,
                         stop=ol.TargetValue(1e-8), engine="compiled")  # fmt: skip
    assert result.nit == count


# ------------------------------------------------------------------ conjugate gradients


@pytest.mark.parametrize("n", [2, 5])
@pytest.mark.parametrize(
    "beta",
    ["hager_zhang", "polak_ribiere", "fletcher_reeves", "hestenes_stiefel", "dai_yuan"],
)
def test_conjugate_gradients_end_in_n_steps(beta, n):
    """D 4.47: directions A-conjugate, gradients orthogonal, the solution after n steps."""
    problem, A, b, solution = random_quadratic(n, n, 50.0)
    result = run(problem, "conjugate_gradient", beta=beta, step="exact")
    assert result.nit == n
    np.testing.assert_allclose(result.x, solution, atol=1e-9)
    steps = np.diff(result.trace.x, axis=0)
    gram = steps @ A @ steps.T
    size = np.sqrt(np.diag(gram))
    np.testing.assert_allclose(gram / np.outer(size, size), np.eye(n), atol=1e-6)
    g = (result.trace.x @ A - b)[:-1]
    np.testing.assert_allclose(g @ g.T / np.outer(norms(g), norms(g)), np.eye(n), atol=1e-6)


def hager_zhang(g, g_old, y, p):
    beta = (y - 2 * p * (y @ y) / (y @ p)) @ g / (y @ p)
    return max(beta, -1 / (np.linalg.norm(p) * min(0.01, np.linalg.norm(g_old))))


CG_FORMULAS = {
    "fletcher_reeves": lambda g, g_old, y, p: g @ g / (g_old @ g_old),
    "polak_ribiere": lambda g, g_old, y, p: max(0.0, y @ g / (g_old @ g_old)),
    "hestenes_stiefel": lambda g, g_old, y, p: y @ g / (y @ p),
    "dai_yuan": lambda g, g_old, y, p: g @ g / (y @ p),
    "hager_zhang": hager_zhang,
}


@pytest.mark.parametrize("beta", CG_FORMULAS)
@given(seed=seeds)
@few
def test_conjugate_directions_follow_their_formula_off_quadratics(beta, seed):
    """With ``y = g⁺ - g`` and the search direction p: ``p⁺ = -g⁺ + β p``."""
    problem = wavy_problem(seed)
    path = run(problem, "conjugate_gradient", beta=beta, max_iterations=12).trace
    g = np.array([wavy_numpy(x, *problem.args)[1] for x in path.x])
    p = np.diff(path.x, axis=0) / path.step_size[1:, None]
    np.testing.assert_allclose(p[0], -g[0], rtol=1e-9)
    for k in range(1, len(p)):
        factor = CG_FORMULAS[beta](g[k], g[k - 1], g[k] - g[k - 1], p[k - 1])
        expected = -g[k] + factor * p[k - 1]
        if expected @ g[k] >= 0:
            expected = -g[k]
        assert np.linalg.norm(p[k] - expected) <= 1e-5 * np.linalg.norm(expected) + 1e-10


@pytest.mark.parametrize("method", ["bfgs", "dfp", "lbfgs"])
def test_quasi_newton_with_exact_search_makes_the_conjugate_gradient_path(method):
    """Dixon (1972): with exact searches the Broyden class gives the same points."""
    problem, *_ = random_quadratic(7, 5, 50.0)
    reference = run(problem, "conjugate_gradient", step="exact").trace.x
    path = run(problem, method, step="exact").trace.x
    np.testing.assert_allclose(path[:6], reference[:6], atol=1e-7)


# ------------------------------------------------------------------ quasi-Newton


def bfgs_update(H, s, y):
    """D 4.67: ``VᵀHV + ρ ssᵀ`` with ``V = I - ρ y sᵀ``."""
    rho = 1 / (y @ s)
    V = np.eye(s.size) - rho * np.outer(y, s)
    return V.T @ H @ V + rho * np.outer(s, s)


def replay(result, gradients, name):
    """Every ``(step, t H g)`` of a run, H updated by the textbook, and the last H.

    DFP is written as its dual: BFGS on the Hessian's estimate, s and y exchanged.
    """
    x, t = result.trace.x, result.trace.step_size
    H, untouched, steps = np.eye(x.shape[1]), True, []
    for k in range(len(x) - 1):
        steps.append((x[k + 1] - x[k], -t[k + 1] * H @ gradients[k]))
        s, y = x[k + 1] - x[k], gradients[k + 1] - gradients[k]
        if s @ y <= 0:
            continue
        if untouched:
            H, untouched = H * (s @ y) / (y @ y), False
        dual = name == "dfp"
        H = np.linalg.inv(bfgs_update(np.linalg.inv(H), y, s)) if dual else bfgs_update(H, s, y)
        assert np.linalg.norm(H @ y - s) <= 1e-8 * np.linalg.norm(H) * np.linalg.norm(y)
        assert np.linalg.eigvalsh(0.5 * (H + H.T))[0] > 0
    return steps, H


@pytest.mark.parametrize("method", ["bfgs", "dfp"])
@given(seed=seeds)
@few
def test_quasi_newton_steps_follow_the_printed_update_and_its_dual(method, seed):
    """D 4.66-4.67; DFP is the dual of BFGS; both meet the secant equation."""
    problem = wavy_problem(seed)
    result = run(problem, method, max_iterations=12)
    gradients = np.array([wavy_numpy(x, *problem.args)[1] for x in result.trace.x])
    for made, expected in replay(result, gradients, method)[0]:
        assert np.linalg.norm(made - expected) <= 1e-6 * np.linalg.norm(made) + 1e-12


def test_pairs_without_curvature_leave_the_matrix_as_it_is():
    """Short fixed steps on a concave slope: the first pairs have ``sᵀy < 0``."""
    problem = ol.Smooth(two_cycle, 1.5)
    result = run(problem, "bfgs", step=0.01, max_iterations=4)
    x = result.trace.x
    gradients = (-(x**3) + 5 * x)[:, None]
    assert np.all(np.diff(x) * np.diff(gradients[:, 0]) < 0)
    np.testing.assert_allclose(np.diff(x), -0.01 * gradients[:-1, 0], rtol=1e-12)


@pytest.mark.parametrize("method", ["bfgs", "dfp"])
def test_after_n_exact_steps_the_matrix_is_the_inverse_hessian(method):
    problem, A, b, _ = random_quadratic(11, 4, 20.0)
    result = run(problem, method, step="exact", max_iterations=4)
    _, H = replay(result, result.trace.x @ A - b, method)
    np.testing.assert_allclose(H, np.linalg.inv(A), atol=1e-6)


def filled_pairs(seed, n, memory, count):
    rng = np.random.default_rng(seed)
    pairs, kept = Pairs.empty(np.zeros(n), memory, np), []
    for _ in range(count):
        s, y = rng.normal(size=(2, n))
        y *= np.sign(s @ y)
        y += 0.3 * s * (np.linalg.norm(y) / np.linalg.norm(s))
        pairs = push(pairs, s, y, np.asarray(False), np)
        kept.append((s, y))
    return pairs, kept[-memory:], rng.normal(size=n)


@given(seed=seeds, memory=st.integers(1, 6), count=st.integers(1, 12))
@few
def test_compact_lbfgs_product_is_the_two_loop_recursion(seed, memory, count):
    pairs, kept, g = filled_pairs(seed, 8, memory, count)
    S, Y = map(np.array, zip(*kept))
    expected = two_loop(S, Y, g, np)
    error = np.linalg.norm(product(pairs, g, np) - expected)
    assert error <= 1e-12 * np.linalg.norm(expected)


@given(seed=seeds, count=st.integers(1, 6))
@few
def test_two_loop_recursion_is_the_unrolled_bfgs_product(seed, count):
    _, kept, g = filled_pairs(seed, 6, count, count)
    s, y = kept[-1]
    B = np.eye(6) * (s @ y) / (y @ y)
    for s, y in kept:
        B = bfgs_update(B, s, y)
    S, Y = map(np.array, zip(*kept))
    np.testing.assert_allclose(
        two_loop(S, Y, g, np), B @ g, rtol=0, atol=1e-11 * np.linalg.norm(B) * np.linalg.norm(g)
    )


def test_lbfgs_forgets_pairs_without_curvature_and_everything_on_request():
    pairs, _, g = filled_pairs(0, 6, 3, 3)
    s = np.ones(6)
    bad = push(pairs, s, -s, np.asarray(False), np)
    np.testing.assert_array_equal(product(bad, g, np), product(pairs, g, np))
    np.testing.assert_array_equal(product(push(pairs, s, s, np.asarray(True), np), g, np), g)


# ------------------------------------------------------------------ adaptive steps


def scaled_bowl(x, c):
    return c * stretched(x)


@pytest.mark.parametrize("c", [1e-6, 1e6])
@pytest.mark.parametrize("method", ["adam", "nadam", "adamax", "amsgrad", "adagrad", "rmsprop"])
def test_adaptive_methods_do_not_depend_on_the_scale_of_f(method, c):
    paths = []
    for scale in (1.0, c):
        problem = ol.Smooth(scaled_bowl, [1.0, 0.7], args=(scale,))
        options = {"step": 0.1, "eps": 0.0, "max_iterations": 50, "tol": 0.0}
        paths.append(run(problem, method, **options).trace.x)
    np.testing.assert_allclose(paths[0], paths[1], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("method", "options", "length"),
    [
        ("adam", {}, 1.0),
        ("amsgrad", {}, 1.0),
        ("adamax", {}, 1.0),
        ("adagrad", {}, 1.0),
        ("rmsprop", {"decay": 0.999}, 1 / math.sqrt(0.001)),
        ("nadam", {}, 0.9 * 0.1 / (1 - 0.9**2) + 1.0),
        ("adam", {"form": "book_a"}, 0.1 / math.sqrt(0.001)),
    ],
)
def test_length_of_the_first_adaptive_step(method, options, length):
    """In every coordinate, whatever the size of the gradient there."""
    problem = ol.Smooth(stretched, [3.0, -0.02])
    x = run(problem, method, step=0.1, eps=0.0, max_iterations=1, **options).trace.x
    np.testing.assert_allclose(x[1] - x[0], [-0.1 * length, 0.1 * length], rtol=1e-12)


def adaptive_gradients(method, steps=8, **options):
    problem = ol.Smooth(stretched, [1.0, 1.0])
    x = run(problem, method, step=0.1, max_iterations=steps, tol=0.0, eps=0.0, **options).trace.x
    return x, x[:-1] * [1.0, 10.0]


def test_adam_recursion_equals_the_explicit_sums():
    x, g = adaptive_gradients("adam", decay1=0.8, decay2=0.95)
    for k in range(1, len(g) + 1):
        i = np.arange(k)[:, None]
        m = np.sum(0.8 ** (k - 1 - i) * g[:k], axis=0) * 0.2 / (1 - 0.8**k)
        v = np.sum(0.95 ** (k - 1 - i) * g[:k] ** 2, axis=0) * 0.05 / (1 - 0.95**k)
        np.testing.assert_allclose(x[k] - x[k - 1], -0.1 * m / np.sqrt(v), rtol=0, atol=1e-14)


def test_adam_without_memory_takes_sign_steps():
    x, g = adaptive_gradients("adam", decay1=0.0, decay2=0.0)
    np.testing.assert_allclose(np.diff(x, axis=0), -0.1 * np.sign(g), rtol=0, atol=1e-15)
    x, g = adaptive_gradients("adam", decay1=0.0, decay2=0.0, form="book_a")
    k = np.arange(1, len(g) + 1)[:, None]
    np.testing.assert_allclose(np.diff(x, axis=0), -0.1 / np.sqrt(k) * np.sign(g), atol=1e-15)


def test_adagrad_step_is_over_the_root_of_all_squares():
    """A C-084: the corrected ``(α/√k) (mean g²)^-½`` is ``α / √(Σ g²)``."""
    x, g = adaptive_gradients("adagrad")
    k = np.arange(1, len(g) + 1)[:, None]
    mean = np.cumsum(g**2, axis=0) / k
    np.testing.assert_allclose(np.diff(x, axis=0), -0.1 / np.sqrt(k) * mean**-0.5 * g, atol=1e-14)


def test_adamax_divides_by_the_largest_decayed_gradient():
    x, g = adaptive_gradients("adamax", decay2=0.9)
    m, largest = np.zeros(2), np.zeros(2)
    for k in range(1, len(g) + 1):
        m = 0.9 * m + 0.1 * g[k - 1]
        largest = np.max([0.9 ** (k - i) * np.abs(g[i - 1]) for i in range(1, k + 1)], axis=0)
        step = -0.1 * m / (1 - 0.9**k) / largest
        np.testing.assert_allclose(x[k] - x[k - 1], step, rtol=0, atol=1e-14)


def test_amsgrad_divides_by_the_largest_second_moment_so_far():
    x, g = adaptive_gradients("amsgrad", decay2=0.5)
    m, v, largest, fell = np.zeros(2), np.zeros(2), np.zeros(2), False
    for k in range(1, len(g) + 1):
        m, v = 0.9 * m + 0.1 * g[k - 1], 0.5 * v + 0.5 * g[k - 1] ** 2
        fell |= bool(np.any(v < largest))
        largest = np.maximum(largest, v)
        step = -0.1 * m / (1 - 0.9**k) / np.sqrt(largest / (1 - 0.5**k))
        np.testing.assert_allclose(x[k] - x[k - 1], step, rtol=0, atol=1e-14)
    assert fell


def test_yogi_changes_its_second_moment_by_a_part_of_the_square_only():
    x, g = adaptive_gradients("yogi", decay2=0.9)
    m, v = np.zeros(2), np.zeros(2)
    for k in range(1, len(g) + 1):
        m = 0.9 * m + 0.1 * g[k - 1]
        v = v - 0.1 * np.sign(v - g[k - 1] ** 2) * g[k - 1] ** 2
        step = -0.1 * m / (1 - 0.9**k) / np.sqrt(v / (1 - 0.9**k))
        np.testing.assert_allclose(x[k] - x[k - 1], step, rtol=0, atol=1e-13)


def test_adamw_is_adam_when_nothing_decays_and_pulls_to_zero_otherwise():
    problem = ol.Smooth(stretched, [1.0, 1.0])
    adam = run(problem, "adam", step=0.1, max_iterations=30)
    same = run(problem, "adamw", step=0.1, weight_decay=0.0, max_iterations=30)
    np.testing.assert_array_equal(adam.trace.x, same.trace.x)
    decayed = run(problem, "adamw", step=0.1, weight_decay=0.5, max_iterations=1).trace.x
    np.testing.assert_allclose(decayed[1], adam.trace.x[1] - 0.1 * 0.5 * np.ones(2), atol=1e-15)


# ------------------------------------------------------------------ least norm (A P-33)


@pytest.mark.parametrize(
    ("method", "least"),
    [("gradient_descent", True), ("heavy_ball", True), ("nesterov", True),
     ("conjugate_gradient", True), ("lbfgs", True), ("adagrad", False), ("adam", False)],
)  # fmt: skip
def test_only_steps_in_the_row_space_find_the_least_norm(method, least):
    rng = np.random.default_rng(1)
    A, b = rng.normal(size=(3, 6)), rng.normal(size=3)
    expected = np.linalg.pinv(A) @ b
    options = {"step": 0.05} if method == "adam" else {}
    result = run(ol.LeastSquares(A, b), method, tol=1e-11, max_iterations=3000, **options)
    np.testing.assert_allclose(A @ result.x, b, atol=1e-9)
    distance = np.linalg.norm(result.x - expected)
    assert distance < 1e-9 if least else distance > 1e-2
    assert np.linalg.norm(result.x) >= np.linalg.norm(expected) - 1e-9


# ------------------------------------------------------------------ schedules and searches


def slope(x):
    return 1.0 * x


K = np.arange(1, 13)


SCHEDULES = [
    (ol.Fixed(0.3), np.full(12, 0.3)),
    (ol.InverseTime(0.3), 0.3 / K),
    (ol.InverseSqrt(0.3), 0.3 / np.sqrt(K)),
    (ol.Exponential(0.3, 0.8), 0.3 * 0.8 ** (K - 1)),
    (ol.Cosine(0.3, 8), 0.15 * (1 + np.cos(np.pi * np.minimum(K - 1, 8) / 8))),
    (ol.Piecewise((3, 7), (0.3, 0.2, 0.1)), np.repeat([0.3, 0.2, 0.1], [3, 4, 5])),
    (ol.WarmUp(ol.Fixed(0.3), 5), 0.3 * np.minimum(1, K / 5)),
    (ol.WarmUp(ol.InverseSqrt(0.3), 4), 0.3 / np.sqrt(K) * np.minimum(1, K / 4)),
]


@pytest.mark.parametrize(("rule", "values"), SCHEDULES, ids=lambda p: type(p).__name__)
def test_schedules_make_the_steps_that_they_name(rule, values):
    """On f(x) = x the path is minus the sum of the step sizes."""
    path = run(ol.Smooth(slope, 0.0), "gradient_descent", step=rule, max_iterations=12).trace
    np.testing.assert_allclose(path.step_size[1:], values, rtol=1e-14, atol=1e-17)
    np.testing.assert_allclose(path.x[1:], -np.cumsum(values), rtol=1e-14)


def test_inverse_time_steps_on_a_parabola_give_the_central_binomial_coefficients():
    """``x_n = Π (1 - 1/(2k)) = C(2n, n)/4ⁿ``: the steps sum to infinity, so it tends to 0."""
    problem = ol.Smooth(square, 1.0, args=(0.5,))
    x = run(problem, "gradient_descent", step=ol.InverseTime(0.5), max_iterations=50).trace.x
    expected = [math.comb(2 * n, n) / 4**n for n in range(51)]
    np.testing.assert_allclose(x, expected, rtol=1e-13)


def test_an_exponential_schedule_cannot_travel_beyond_its_sum():
    problem = ol.Smooth(slope, 0.0)
    step = ol.Exponential(0.2, 0.9)
    x = run(problem, "gradient_descent", step=step, max_iterations=200).trace.x
    assert -2.0 - 1e-12 <= x[-1] < -1.999999


def wavy(x, A, b):
    """Not convex, bounded below."""
    return jnp.sum(jnp.logaddexp(A @ x - b, b - A @ x)) + jnp.sum((x**2 - 1) ** 2) / 4


def wavy_numpy(x, A, b):
    r = A @ x - b
    fun = np.sum(np.logaddexp(r, -r)) + np.sum((x**2 - 1) ** 2) / 4
    return fun, A.T @ np.tanh(r) + x * (x**2 - 1)


def wavy_problem(seed):
    rng = np.random.default_rng(seed)
    A, b = 2 * rng.normal(size=(6, 3)), 3 * rng.normal(size=6)
    return ol.Smooth(wavy, 3 * rng.normal(size=3), args=(A, b))


def search_steps(problem, result):
    """Value and slope at both ends of every step that changed f beyond rounding."""
    A, b = problem.args
    points = [(x, *wavy_numpy(x, A, b)) for x in result.trace.x]
    for k, ((x, f, g), (z, f_new, g_new)) in enumerate(itertools.pairwise(points)):
        if f - f_new > 1e-10 * abs(f):
            t = result.trace.step_size[k + 1]
            D = (x - z) / t
            yield t, x, D, f, -(g @ D), f_new, -(g_new @ D)


@pytest.mark.parametrize("method", ["bfgs", "lbfgs", "gradient_descent", "conjugate_gradient"])
@given(seed=seeds)
@few
def test_strong_wolfe_steps_meet_both_conditions(method, seed):
    problem = wavy_problem(seed)
    rule = ol.Wolfe(sufficient_decrease=1e-3, curvature=0.4)
    steps = list(search_steps(problem, run(problem, method, step=rule, max_iterations=40)))
    assert steps
    for t, _, _, f, d0, f_new, d in steps:
        assert d0 < 0
        assert f_new <= f + 1e-3 * t * d0 + 1e-12 * abs(f)
        assert abs(d) <= 0.4 * abs(d0) * (1 + 1e-6)


@given(seed=seeds)
@few
def test_weak_wolfe_steps_meet_both_conditions_and_make_positive_curvature(seed):
    problem = wavy_problem(seed)
    rule = ol.Wolfe(sufficient_decrease=1e-3, curvature=0.4, strong=False)
    for t, _, _, f, d0, f_new, d in search_steps(problem, run(problem, "bfgs", step=rule)):
        assert f_new <= f + 1e-3 * t * d0 + 1e-12 * abs(f)
        assert d >= 0.4 * d0 * (1 + 1e-6)
        assert (d - d0) * t > 0


@pytest.mark.parametrize("method", ["gradient_descent", "newton", "lbfgs"])
@given(seed=seeds, alpha=st.sampled_from([1e-4, 0.1, 0.4]), shrink=st.sampled_from([0.5, 2 / 3]))
@few
def test_backtracking_takes_the_first_trial_that_decreases_enough(method, seed, alpha, shrink):
    """A C-014: the accepted t meets Armijo's condition; t over the shrink factor did not."""
    problem = wavy_problem(seed)
    rule = ol.Backtracking(initial=2.0, shrink=shrink, sufficient_decrease=alpha)
    result = run(problem, method, step=rule, max_iterations=40)
    natural = result.trace.step_size[1] if method == "lbfgs" else 2.0
    for k, (t, x, D, f, d0, f_new, _) in enumerate(search_steps(problem, result)):
        assert f_new <= f + alpha * t * d0 + 1e-12 * abs(f)
        longest = natural if k == 0 else 2.0
        tries = math.log(t / longest) / math.log(shrink)
        assert abs(tries - round(tries)) < 1e-9
        if tries > 0.5:
            longer = t / shrink
            refused, _ = wavy_numpy(x - longer * D, *problem.args)
            assert refused > f + alpha * longer * d0 - 1e-12 * abs(f)


@given(seed=seeds)
@few
def test_exact_search_makes_the_slope_vanish(seed):
    problem = wavy_problem(seed)
    result = run(problem, "gradient_descent", step="exact", max_iterations=15)
    for *_, f, d0, f_new, d in search_steps(problem, result):
        if f - f_new > 1e-6:
            assert abs(d) <= 1e-6 * abs(d0)


@given(seed=seeds)
@few
def test_nonmonotone_backtracking_compares_with_the_last_ten_values(seed):
    problem = wavy_problem(seed)
    result = run(problem, "barzilai_borwein", max_iterations=60)
    A, b = problem.args
    fun, x = result.trace.fun, result.trace.x
    for k in range(result.nit):
        s = x[k + 1] - x[k]
        ceiling = fun[max(0, k - 9) : k + 1].max()
        assert fun[k + 1] <= ceiling + 1e-4 * wavy_numpy(x[k], A, b)[1] @ s + 1e-12 * abs(fun[k])


BARRIERS = {
    # NaN beyond the edge, infinite beyond the edge, overflow to infinity; all with minimum at 1
    "nan": (lambda x: jnp.sum(x - jnp.log(x)), [3.0, 0.1]),
    "inf": (
        lambda x: jnp.where(jnp.all(x > 0), jnp.sum(x + 1 / jnp.abs(x)), jnp.inf), [3.0, 0.1],
    ),
    "overflow": (lambda x: jnp.sum(jnp.exp(20 * (x - 1)) / 20 - x), [0.0, -2.0]),
}  # fmt: skip


@pytest.mark.parametrize("step", ["backtracking", "wolfe", "exact"])
@pytest.mark.parametrize("method", ["gradient_descent", "newton", "bfgs", "conjugate_gradient"])
@pytest.mark.parametrize("name", BARRIERS)
def test_trials_outside_the_domain_shorten_the_step(name, method, step):
    fun, start = BARRIERS[name]
    result = run(ol.Smooth(fun, start), method, step=step, max_iterations=3000)
    assert np.all(np.isfinite(result.trace.fun))
    assert np.all(np.diff(result.trace.fun) <= 1e-12)
    assert result.success
    np.testing.assert_allclose(result.x, 1.0, atol=1e-6)


def test_a_full_newton_step_out_of_the_domain_diverges():
    fun, start = BARRIERS["nan"]
    result = run(ol.Smooth(fun, start), "newton", step=1)
    assert result.status is ol.Status.DIVERGED
    assert not result.success


# ------------------------------------------------------------------ other directions


def soft(v, threshold):
    return np.sign(v) * np.maximum(0.0, np.abs(v) - threshold)


@pytest.mark.parametrize("method", ["ista", "fista"])
def test_proximal_gradient_follows_its_sequence(method):
    """``x⁺ = S(y - ∇f(y)/L)``; FISTA extrapolates by ``(θ-1)/θ⁺`` and restarts uphill."""
    _, A, b, _ = random_quadratic(8, 4)
    problem = ol.Composite(quadratic, np.full(4, 3.0), ol.L1(0.2), args=(A, b))
    path = run(problem, method, step_size=0.01, max_iterations=60, tol=0.0).trace
    x, y, theta, restarts = problem.x0, problem.x0, 1.0, 0
    for k in range(61):
        np.testing.assert_allclose(path.x[k], x, rtol=0, atol=1e-12)
        x_new = soft(y - 0.01 * (A @ y - b), 0.01 * 0.2)
        theta_new = (1 + math.sqrt(1 + 4 * theta**2)) / 2
        gamma = (theta - 1) / theta_new if method == "fista" else 0.0
        if method == "fista" and (y - x_new) @ (x_new - x) > 0:
            gamma, theta_new, restarts = 0.0, 1.0, restarts + 1
        x, y, theta = x_new, x_new + gamma * (x_new - x), theta_new
    assert (restarts > 0) == (method == "fista")


def test_coordinate_descent_on_a_quadratic_is_gauss_seidel():
    problem, A, b, _ = random_quadratic(5, 4, 20.0)
    x = run(problem, "coordinate_descent", max_iterations=40, tol=0.0).trace.x
    lower = np.tril(A)
    expected = problem.x0
    for sweep in range(1, 11):
        expected = np.linalg.solve(lower, b - (A - lower) @ expected)
        np.testing.assert_allclose(x[4 * sweep], expected, rtol=0, atol=1e-10)


@given(seed=seeds)
@few
def test_greedy_coordinate_descent_obeys_its_rate(seed):
    """``f_{k+1} - f* <= (1 - m/(n max H_ii)) (f_k - f*)``, m = 1."""
    problem, A, b, solution = random_quadratic(seed, 4, 30.0)
    path = run(problem, "coordinate_descent", order="greedy", max_iterations=30, tol=0.0).trace
    excess = path.fun + 0.5 * b @ solution
    factor = 1 - 1 / (4 * np.diag(A).max())
    assert np.all(excess[1:] <= factor * excess[:-1] + 1e-10)
    assert np.all((np.abs(np.diff(path.x, axis=0)) > 0).sum(axis=1) <= 1)


@given(seed=seeds)
@few
def test_barzilai_borwein_steps_are_inverse_rayleigh_quotients(seed):
    problem, A, b, solution = random_quadratic(seed, 4, 30.0)
    result = run(problem, "barzilai_borwein", max_iterations=200)
    x, t = result.trace.x, result.trace.step_size[1:]
    g = x @ A - b
    sizes = norms(np.diff(x, axis=0)) / norms(g[:-1]) / t
    live = norms(g[:-1]) > 1e-6
    assert np.all((sizes[1:] >= 1 / 30 - 1e-7) & (sizes[1:] <= 1 + 1e-7) | ~live[1:])
    np.testing.assert_allclose(result.x, solution, atol=1e-6)


@pytest.mark.parametrize("method", ["trust_region", "trust_region_cg"])
def test_trust_region_takes_the_newton_step_when_it_fits(method):
    problem, *_, solution = random_quadratic(2, 4)
    if method == "trust_region":
        result = run(problem, method, radius=1e3)
        assert result.nit == 1
        np.testing.assert_allclose(result.x, solution, atol=1e-12)
    short = run(problem, method, radius=1e-2, max_iterations=1)
    assert norms(short.x - problem.x0) == pytest.approx(1e-2, rel=1e-9)


def test_exact_trust_region_step_is_the_minimiser_on_the_sphere():
    """``(H + σI) p = -g`` with σ >= max(0, -λ_min) and ``||p|| = Δ`` (Moré & Sorensen 1983)."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        M = rng.normal(size=(4, 4))
        H, b, radius = M + M.T, rng.normal(size=4), rng.uniform(0.05, 2.0)
        problem = ol.Smooth(quadratic, np.zeros(4), args=(H, b))
        p = run(problem, "trust_region", radius=radius, max_iterations=1).x
        sigma = (b - H @ p) @ p / (p @ p)
        assert norms(p) == pytest.approx(radius, rel=1e-9)
        np.testing.assert_allclose(H @ p + sigma * p, b, atol=1e-7)
        assert sigma >= -np.linalg.eigvalsh(H)[0] - 1e-7


def affine(x, A, b):
    return A @ x - b


def test_gauss_newton_solves_a_linear_problem_in_one_step():
    rng = np.random.default_rng(4)
    A, b = rng.normal(size=(7, 3)), rng.normal(size=7)
    problem = ol.NonlinearLeastSquares(affine, np.ones(3), args=(A, b))
    result = run(problem, "gauss_newton")
    assert result.nit == 1
    np.testing.assert_allclose(result.x, np.linalg.lstsq(A, b)[0], atol=1e-10)


def test_levenberg_marquardt_does_not_depend_on_the_units_of_x():
    rng = np.random.default_rng(4)
    A, b = rng.normal(size=(7, 3)), rng.normal(size=7)
    units = np.array([1e-3, 1.0, 1e4])
    paths = []
    for scale in (np.ones(3), units):
        problem = ol.NonlinearLeastSquares(affine, np.ones(3) / scale, args=(A * scale, b))
        paths.append(run(problem, "levenberg_marquardt").trace.x * scale)
    shared = min(map(len, paths))
    np.testing.assert_allclose(paths[0][:shared], paths[1][:shared], rtol=1e-8, atol=1e-10)
