"""The books' errata on the smooth methods: the printed form fails, the right one holds.

Names such as A E-16 give the book and the number in the textbook's list of errata.
"""

import math

import jax.numpy as jnp
import numpy as np
import pytest

import optlib as ol
from optlib.descent.lbfgs import two_loop


def run(problem, method, **options):
    """Solve on the host engine with the history kept."""
    return ol.minimize(problem, method, **{"engine": "host", "trace": True, **options})


# ------------------------------------------------------------------ book A


def root4(x):
    return x**3 / 3 - 4 * x


def model(step, half):
    """The Taylor model of ``root4`` at 2.5, its second-order term times ``half``."""
    return (2.5**2 - 4) * step + half * 2 * 2.5 * step**2


def test_a_e01_the_quadratic_model_needs_its_half_to_give_newtons_step():
    newton = run(ol.Smooth(root4, 2.5), "newton", step=1, max_iterations=1).x - 2.5
    right = run(ol.Smooth(model, 0.0, args=(0.5,)), "bfgs").x
    printed = run(ol.Smooth(model, 0.0, args=(1.0,)), "bfgs").x
    assert newton == pytest.approx(-0.45, abs=1e-15)
    assert right == pytest.approx(newton, abs=1e-9)
    assert printed == pytest.approx(-0.225, abs=1e-9)


def test_a_e02_e03_third_newton_iterate_and_the_error_constant():
    x = run(ol.Smooth(root4, 2.5), "newton", step=1).trace.x
    assert x[3] == pytest.approx(2.0000000929222947, abs=5e-16)
    assert abs(x[3] - 2.000000009) > 8e-8
    ratios = (x[1:4] - 2) / (x[:3] - 2) ** 2
    assert ratios[0] == pytest.approx(0.2, abs=1e-12)  # printed: about 1/4 everywhere
    assert ratios[2] == pytest.approx(0.249924, abs=1e-6)


def log_det(S, sign):
    """``±(log det S - tr S)`` of the symmetric part, stationary at the identity."""
    S = 0.5 * (S + S.T)
    return sign * (jnp.linalg.slogdet(S)[1] - jnp.trace(S))


def test_a_e12_minus_log_det_is_the_convex_one():
    identity = np.eye(3)
    convex = ol.Smooth(log_det, identity, args=(-1.0,))
    printed = ol.Smooth(log_det, identity, args=(1.0,))
    rng = np.random.default_rng(0)
    for _ in range(20):
        M, N = rng.normal(size=(2, 3, 3))
        P, Q = M @ M.T + 0.1 * identity, N @ N.T + 0.1 * identity
        value = lambda S: float(np.linalg.slogdet(S)[1])
        assert -value((P + Q) / 2) <= -(value(P) + value(Q)) / 2
        assert value((P + Q) / 2) > (value(P) + value(Q)) / 2
    # x is the whole matrix, so only directions of skew matrices are flat
    assert ol.certify(convex, identity).holds()
    verdict = ol.certify(printed, identity)
    assert not verdict.holds()
    assert verdict.residuals["stationarity"] < 1e-12
    start = identity + 0.3 * np.ones((3, 3))
    result = run(convex, "newton", x0=start)
    assert result.success
    np.testing.assert_allclose(0.5 * (result.x + result.x.T), identity, atol=1e-7)


def quadratic(x, A):
    return 0.5 * x @ (A @ x)


@pytest.mark.parametrize("seed", range(5))
def test_a_e13_e15_decrease_of_a_gradient_step(seed):
    """``f_{k+1} <= f_k - ||g||²/(2M)`` at s = 1/M; the printed m in place of M is violated."""
    rng = np.random.default_rng(seed)
    V = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    m, M = 1.0, 30.0
    A = V @ np.diag([m, 3.0, 9.0, M]) @ V.T
    problem = ol.Smooth(quadratic, rng.normal(size=4), args=(A,))
    path = run(problem, "gradient_descent", step=1 / M, max_iterations=1).trace
    g = A @ path.x[0]
    assert path.fun[1] <= path.fun[0] - g @ g / (2 * M) + 1e-14
    assert path.fun[1] > path.fun[0] - g @ g / (2 * m)
    assert path.fun[0] - g @ g / (2 * m) <= 0
    # E-15: the height is multiplied by at most 1 - m/M; the exact step does at least as well
    exact = run(problem, "gradient_descent", step="exact", max_iterations=1).fun
    assert exact <= path.fun[1] <= (1 - m / M) * path.fun[0]


def scaled_bowl(x, b, half):
    return half * (x[0] ** 2 + b * x[1] ** 2)


def test_a_e14_the_missing_half_does_not_change_the_path():
    paths = [
        run(ol.Smooth(scaled_bowl, [0.1, 1.0], args=(0.1, half)), "gradient_descent",
            step="exact", max_iterations=10).trace.x
        for half in (0.5, 1.0)
    ]  # fmt: skip
    np.testing.assert_allclose(paths[0], paths[1], rtol=0, atol=1e-12)


def test_a_e16_ten_momentum_steps_do_not_multiply_by_a_fiftieth():
    problem = ol.Smooth(scaled_bowl, [0.01, 1.0], args=(0.01, 0.5))
    fun = run(problem, "heavy_ball", max_iterations=10).trace.fun
    printed = ((1 - 0.1) / (1 + 0.1)) ** 20
    assert printed == pytest.approx(0.018, abs=1e-4)
    assert fun[10] / fun[0] == pytest.approx(0.2079, abs=5e-5)
    assert fun[1] / fun[0] == pytest.approx(0.9784, abs=5e-5)


def test_a_e19_gradient_of_least_squares_in_one_unknown_carries_its_factor():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([1.0, 6.0, 3.0])
    result = ol.minimize(ol.LeastSquares(a[:, None], b))
    printed = b.sum() / a.sum()
    assert result.x[0] == pytest.approx(22 / 14, abs=1e-14)
    assert printed == pytest.approx(1.6667, abs=1e-4)
    assert not ol.certify(ol.LeastSquares(a[:, None], b), [printed]).holds()


def parabola(x, c):
    return 0.5 * c * jnp.sum(x**2)


@pytest.mark.parametrize(
    ("method", "right", "printed"),
    [("adagrad", "standard", "book_a_printed"), ("adam", "book_a", "book_a_printed")],
)
def test_a_e22_e23_the_exponent_of_the_squares_is_minus_one_half(method, right, printed):
    """With +1/2 the step grows with the gradient's square in place of forgetting its size."""

    def first_step(form, c):
        problem = ol.Smooth(parabola, [1.0], args=(c,))
        path = run(problem, method, form=form, step=0.1, eps=0.0, max_iterations=1).trace.x
        return float(path[0, 0] - path[1, 0])

    assert first_step(right, 1e3) == pytest.approx(first_step(right, 1.0), rel=1e-9)
    assert first_step(printed, 1e3) == pytest.approx(1e6 * first_step(printed, 1.0), rel=1e-9)
    steep = ol.Smooth(parabola, [1.0], args=(1e3,))
    assert abs(run(steep, method, form=right, step=0.1, max_iterations=500).x[0]) < 1.0
    astray = run(steep, method, form=printed, step=0.1, max_iterations=500)
    assert astray.status is ol.Status.DIVERGED
    assert not astray.success
    flat = ol.Smooth(parabola, [1.0], args=(1e-3,))
    assert abs(run(flat, method, form=right, step=0.1, max_iterations=500).x[0]) < 0.1
    assert run(flat, method, form=printed, step=0.1, max_iterations=500).x[0] > 0.999


def test_a_e24_the_recursion_of_adam_carries_the_second_moment_not_the_step():
    """``s_k = α/(√k √V_k)``: the effective step does not obey the recursion of V itself."""
    problem = ol.Smooth(parabola, [1.0], args=(1.0,))
    x = run(problem, "adam", form="book_a", step=0.1, max_iterations=5, tol=0.0).trace.x[:, 0]
    D, V, as_printed = 0.0, 0.0, 0.0
    for k in range(1, 6):
        g = x[k - 1]
        D, V = 0.9 * D + 0.1 * g, 0.999 * V + 0.001 * g * g
        as_printed = 0.999 * as_printed + 0.001 * g * g
        assert x[k] == pytest.approx(x[k - 1] - 0.1 / math.sqrt(k) * D / math.sqrt(V), abs=1e-14)
        assert abs(x[k] - (x[k - 1] - math.sqrt(as_printed) * D)) > 1e-2


# ------------------------------------------------------------------ book B


def square(x, scale):
    return scale * x**2


@pytest.mark.parametrize(("tau", "last_above"), [(0.001, 3450), (0.01, 341), (0.1, 30), (0.5, 0)])
def test_b_e1_11_the_table_counts_one_more_than_its_header_defines(tau, last_above):
    """The smallest N with |x_n| < 0.001 for every n > N; printed 3451, 342, 31, 1."""
    problem = ol.Smooth(square, 1.0, args=(1.0,))
    x = run(problem, "gradient_descent", step=tau, tol=0.0, max_iterations=3500,
            engine="compiled").trace.x  # fmt: skip
    above = np.flatnonzero(np.abs(x) >= 1e-3)
    assert above[-1] == last_above
    assert np.all(np.abs(x[last_above + 1 :]) < 1e-3)


def unit_step(angle, x, tau):
    y = jnp.stack([jnp.cos(angle), jnp.sin(angle)])
    return (x[0] - tau * y[0]) ** 2 + 2 * (x[1] - tau * y[1]) ** 2


@pytest.mark.parametrize(
    ("tau", "best", "value", "along_gradient"),
    [
        (0.1, (0.463565, 0.886063), 2.5707129, 2.5707864),
        (0.5, (0.535349, 0.844631), 1.2037395, 1.2139320),
        (1.0, (0.632302, 0.774722), 0.2367022, 0.3278640),
    ],
)
def test_b_e1_12_the_best_direction_is_not_the_gradient(tau, best, value, along_gradient):
    gradient = math.atan2(4, 2)
    problem = ol.Smooth(unit_step, gradient, args=(np.ones(2), tau))
    result = ol.minimize(problem, "newton", engine="host")
    y = np.array([math.cos(result.x), math.sin(result.x)])
    np.testing.assert_allclose(y, best, atol=1e-5)
    assert y[0] == pytest.approx(y[1] / (2 - tau * y[1]), abs=1e-8)
    assert result.fun == pytest.approx(value, abs=6e-8)
    assert float(unit_step(gradient, np.ones(2), tau)) == pytest.approx(along_gradient, abs=2e-6)


@pytest.mark.parametrize(("x", "angle"), [((1.0, 0.0), 0.0), ((0.0, 1.0), math.pi / 2)])
def test_b_e1_12_on_an_axis_the_best_direction_is_the_gradient_after_all(x, angle):
    problem = ol.Smooth(unit_step, angle, args=(np.array(x), 0.1))
    assert ol.certify(problem, angle).holds()


@pytest.mark.parametrize("tau", [0.0105, 0.012, 0.05])
def test_b_e1_13_squared_sine_fails_long_before_one_nineteenth(tau):
    """Printed: no convergence for τ > 1/19 = 0.0526. Sharp: 2/f''(0) = 1/100."""
    problem = ol.Smooth(lambda x: jnp.sin(10 * x) ** 2, 0.003)
    assert not run(problem, "gradient_descent", step=tau, max_iterations=400).success


@pytest.mark.parametrize("kappa", [0.5, 2.0, 30.0])
def test_b_e1_14_the_descent_lemma_has_the_factor_one_half(kappa):
    """On κx² with τ = 1/(2κ) one step reaches 0, and half of ``τ f'²`` is the whole of f."""
    problem = ol.Smooth(square, 0.7, args=(kappa,))
    tau = 1 / (2 * kappa)
    path = run(problem, "gradient_descent", step=tau, max_iterations=1).trace
    assert path.x[1] == pytest.approx(0.0, abs=1e-15)
    assert path.fun[1] == pytest.approx(path.fun[0] - tau / 2 * path.grad_norm[0] ** 2, abs=1e-12)
    assert path.fun[0] - tau * path.grad_norm[0] ** 2 == pytest.approx(-kappa * 0.49)


def test_b_e1_15_a_vanishing_gradient_does_not_bound_the_iterates():
    """On 1/(1+x²) from 0.1 with τ = ½ the iterates grow like (8τk)^¼."""
    problem = ol.Smooth(lambda x: 1 / (1 + x * x), 0.1)
    result = run(problem, "gradient_descent", step=0.5, tol=0.0, max_iterations=10_000,
                 engine="compiled")  # fmt: skip
    assert result.x == pytest.approx(14.0709, abs=5e-5)
    assert result.x == pytest.approx((4 * 10_000) ** 0.25, rel=0.01)
    assert result.trace.grad_norm[-1] < 1e-3
    assert not ol.certify(problem, result.x, tol=1e-3).holds()


# ------------------------------------------------------------------ book C


def test_c_e2_7_a_stop_on_the_decrease_must_not_fire_when_f_rises():
    problem = ol.Smooth(square, 1.0, args=(1.0,))
    result = run(problem, "gradient_descent", step=1.01, stop=ol.AbsoluteDecrease(1e-6),
                 max_iterations=100)  # fmt: skip
    fun = result.trace.fun
    assert fun[0] - fun[1] < 1e-6  # the printed rule ends here, at the first step uphill
    assert result.nit == 100
    assert not result.success
    steady = run(problem, "gradient_descent", step=0.1, stop=ol.AbsoluteDecrease(1e-6), tol=0.0)
    assert steady.success
    assert abs(steady.trace.fun[-2] - steady.fun) <= 1e-6 < abs(np.diff(steady.trace.fun[-3:-1]))


# ------------------------------------------------------------------ book D


def line_fit(theta, x, y):
    return jnp.mean((theta[0] + theta[1] * x - y) ** 2)


def test_d_e3_the_printed_iteration_counts_include_the_start():
    stream = np.random.RandomState(0)  # the book's data are this legacy stream
    x = stream.normal(6, 2.5, 490)
    y = -30.005120145375855 + 8.268557322426984 * x + stream.normal(0, 3, 490)
    problem = ol.Smooth(line_fit, [0.0, 0.0], args=(x, y))
    result = run(problem, "gradient_descent", step=0.0235, tol=0.0, stop=ol.StepNorm(1e-5))
    assert len(result.trace) == 1446
    assert result.nit == 1445


def test_d_e15_a_strictly_convex_function_may_have_no_minimum():
    for method in ("newton", "bfgs", "gradient_descent", "trust_region"):
        assert not run(ol.Smooth(jnp.exp, 0.0), method, max_iterations=300).success


def test_d_e15_a_strict_minimum_may_have_a_singular_hessian():
    result = run(ol.Smooth(lambda x: x**4, 1.0), "newton")
    assert result.success
    assert abs(result.x) < 1e-3


def test_d_e15_a_minimum_need_not_be_convex_around():
    """θ1² θ2² is 0 on both axes; between them it is not convex, however near to the origin."""
    fun = lambda x: x[0] ** 2 * x[1] ** 2
    for size in (1.0, 1e-2):
        ends = fun(np.array([size, 0.0])) + fun(np.array([0.0, size]))
        assert fun(np.array([size, size]) / 2) > ends / 2
    result = run(ol.Smooth(fun, [0.5, 1.0]), "bfgs")
    assert result.success
    assert result.fun < 1e-12


def weighted(theta, a, u):
    return jnp.sum(a * (theta[0] - u[:, 0]) ** 2 + (theta[1] - u[:, 1]) ** 2)


def test_d_e16_the_minimum_of_a_sum_may_leave_the_hull_of_the_minima():
    a, u = np.array([1.0, 9.0, 1.0]), np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 0.1]])
    problem = ol.Smooth(weighted, [0.0, 0.0], args=(a, u))
    x = run(problem, "newton").x
    np.testing.assert_allclose(x, [9 / 11, 1.1 / 3], atol=1e-12)
    bottom, top = x[0], 0.1 + 0.9 * x[0]  # the hull above this x
    assert (round(bottom, 3), round(top, 3)) == (0.818, 0.836)
    assert x[1] < bottom
    equal = run(ol.Smooth(weighted, [0.0, 0.0], args=(np.ones(3), u)), "newton").x
    np.testing.assert_allclose(equal, u.mean(axis=0), atol=1e-12)


def test_d_e16_a_step_may_move_away_from_the_minima():
    problem = ol.Smooth(weighted, [0.5, 0.7], args=(np.array([9.0]), np.zeros((1, 2))))
    x = run(problem, "gradient_descent", step=0.01, max_iterations=1).trace.x
    distance = np.abs(x[:, 0] - x[:, 1]) / math.sqrt(2)  # to the segment from (0, 0) to (1, 1)
    assert distance[1] > distance[0] + 0.01


def stretched(x):
    return 0.5 * (x[0] ** 2 + 10 * x[1] ** 2)


def test_d_e19_adadelta_with_eps_outside_the_roots_hardly_moves():
    problem = ol.Smooth(stretched, [1.0, 1.0])
    printed = run(problem, "adadelta", form="book_d_printed", eps=1e-8, max_iterations=1000)
    assert printed.x[0] == pytest.approx(0.99965, abs=6e-6)
    assert not printed.success
    right = run(problem, "adadelta", max_iterations=1000)
    assert right.trace.x[1, 0] == pytest.approx(0.9955, abs=5e-5)
    assert np.abs(right.x).max() < 0.1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_d_e20_the_constant_of_sufficient_decrease_is_strictly_between_0_and_1(value):
    with pytest.raises(ValueError, match="sufficient_decrease"):
        ol.Backtracking(sufficient_decrease=value)


def test_d_e20_with_constant_one_armijo_never_holds_for_a_strictly_convex_function():
    """φ(t) > φ(0) + t φ'(0) for every t > 0; with a smaller constant some t satisfies it."""
    x, g = 1.0, 2.0
    tries = (2 / 3) ** np.arange(30)
    decreased = lambda c: (x - tries * g) ** 2 <= x**2 - c * tries * g**2
    assert not decreased(1.0).any()
    assert decreased(0.9).any()
    result = run(ol.Smooth(square, x, args=(1.0,)), "gradient_descent", shrink=2 / 3,
                 sufficient_decrease=0.9, max_iterations=1)  # fmt: skip
    assert result.trace.step_size[1] == pytest.approx(tries[decreased(0.9)][0])


def test_d_e20_the_curvature_constant_is_the_larger_one():
    with pytest.raises(ValueError, match="curvature"):
        ol.Wolfe(sufficient_decrease=0.5, curvature=0.4)


def test_d_e20_backtracking_alone_does_not_meet_the_second_wolfe_condition():
    """It only shortens: from a first trial that is too short it cannot come back."""
    problem = ol.Smooth(square, 1.0, args=(1.0,))
    slopes = {}
    for rule in (ol.Backtracking(initial=1e-3), ol.Wolfe(curvature=0.9)):
        path = run(problem, "gradient_descent", step=rule, max_iterations=1).trace
        slopes[type(rule)] = path.x[1] / path.x[0]  # φ'(t) / φ'(0)
    assert slopes[ol.Backtracking] > 0.9
    assert abs(slopes[ol.Wolfe]) <= 0.9


def test_d_e21_the_last_term_of_the_unrolled_lbfgs_stops_one_factor_earlier():
    """As printed the product contains ``V_0ᵀ s_0 = 0``, so the oldest pair would be lost."""
    rng = np.random.default_rng(0)
    S, Y = rng.normal(size=(2, 4, 6))
    Y *= np.sign(np.sum(S * Y, axis=1))[:, None]
    g = rng.normal(size=6)
    rho = 1 / np.sum(S * Y, axis=1)
    V = [np.eye(6) - r * np.outer(y, s) for r, s, y in zip(rho, S, Y)]
    np.testing.assert_allclose(V[0].T @ S[0], 0.0, atol=1e-12)

    def unrolled(extra):
        after = lambda i: np.linalg.multi_dot([np.eye(6), np.eye(6), *V[i:]])
        H = (S[-1] @ Y[-1]) / (Y[-1] @ Y[-1]) * after(0).T @ after(0)
        for i in range(4):
            w = after(i + 1 - (extra if i == 0 else 0)).T @ S[i]
            H = H + rho[i] * np.outer(w, w)
        return H @ g

    np.testing.assert_allclose(two_loop(S, Y, g, np), unrolled(extra=0), rtol=1e-10)
    assert np.linalg.norm(two_loop(S, Y, g, np) - unrolled(extra=1)) > 1e-2


def test_d_e22_the_second_wolfe_condition_alone_allows_an_increase():
    """Beyond the minimum the slope is positive, which ``φ'(t) >= γ φ'(0)`` welcomes."""
    x, scale = 0.02, 50.0
    g = 2 * scale * x
    far = x - 0.5 * g  # a whole unit: t = 1/|g|, the first trial of the search
    assert -(2 * scale * far) * g >= 0.9 * -(g * g)
    assert scale * far**2 > 1000 * scale * x**2
    rule = ol.Wolfe(curvature=0.9, strong=False)
    result = run(ol.Smooth(square, x, args=(scale,)), "bfgs", step=rule, max_iterations=1)
    assert result.fun < scale * x**2
    assert result.nfev > 2


# ------------------------------------------------------------------ book E


def test_e_e4_5_strong_convexity_alone_does_not_make_every_step_descend():
    problem = ol.Smooth(square, 1.0, args=(1.0,))
    path = run(problem, "gradient_descent", step=1.5, max_iterations=1).trace
    np.testing.assert_array_equal(path.fun, [1.0, 4.0])
    below = run(problem, "gradient_descent", step=0.999, max_iterations=50, tol=0.0).trace
    assert np.all(np.diff(below.fun) < 0)  # every α below 2/L = 1
