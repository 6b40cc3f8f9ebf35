"""The 35 functions of Moré, Garbow and Hillstrom for testing unconstrained optimization.

Reference: J. J. Moré, B. S. Garbow, K. E. Hillstrom, "Testing unconstrained optimization
software", ACM Transactions on Mathematical Software 7(1), 1981, 17-41,
doi:10.1145/355934.355936. Its numbering 1 to 35 is the one used here (``source="MGH 7"``).

Each function is a residual vector ``r(x)`` with n variables and m components, and a standard
starting point. Every builder takes ``form``: ``"residuals"`` gives a `NonlinearLeastSquares`,
``"smooth"`` the same objective as a `Smooth`. Both minimise HALF the sum of squares, so a minimum
``f`` in the paper is ``f / 2`` here. Data tables and abscissae are arguments of the residual, and
a number of residuals m that may be chosen is the length of one of them.

Where the paper leaves the dimensions open, the defaults are customary ones, mostly those of
MINPACK's test drivers: n = 6 for Watson, n = 8 for Chebyquad, n = 12 for the extended Powell
function, n = 5 and m = 10 for the linear ones, n = 10 otherwise; m = 99 for the Gulf function.

Minima other than zero were recomputed in 90-digit arithmetic by an independent program; they agree
with every digit in the paper. The answers also hold further minima close to the standard start,
marked in the notes; functions 8, 15, 19, 27, 30 and 31 have still others, far away or behind poles.
Where a function is flat, ``x_tol`` is what its curvature makes of ``tol``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import permutations
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from optlib import NonlinearLeastSquares, Smooth
from optlib.core.errors import require

from .catalog import Answer, register

Form = Literal["residuals", "smooth"]
Problem = NonlinearLeastSquares | Smooth
Residual = Callable[..., jax.Array]
Builder = Callable[..., Problem]


def _enter(
    name: str, title: str, answer: Answer | Callable[..., Answer], notes: str = ""
) -> Callable[[Builder], Builder]:
    """Register a builder under ``mgh_NN_...`` with the paper's number NN as its source."""
    source = f"MGH {int(name.split('_')[1])}"
    return register(name, title=title, source=source, answer=answer, tags=("mgh",), notes=notes)


@cache
def _half_sum_of_squares(residual: Residual) -> Residual:
    """The objective of a residual; one function per residual, so that compiled code is reused."""

    def fun(x: jax.Array, *args: Any) -> jax.Array:
        return 0.5 * jnp.sum(residual(x, *args) ** 2)

    fun.__name__ = residual.__name__
    fun.__doc__ = residual.__doc__
    return fun


def _problem(form: Form, residual: Residual, x0: Any, *data: np.ndarray) -> Problem:
    """Half the sum of squares of ``residual(x, *data)`` in the form asked for."""
    x0 = np.asarray(x0, dtype=float)
    require(form in ("residuals", "smooth"), "form", repr(form), "'residuals' or 'smooth'")
    if form == "residuals":
        return NonlinearLeastSquares(residual, x0, args=data)
    return Smooth(_half_sum_of_squares(residual), x0, args=data)


def _only(size: str, known: dict[int, Answer]) -> Callable[..., Answer]:
    """The answers recorded for some values of one dimension; nothing is claimed for the others."""
    return lambda **parameters: known.get(parameters[size], Answer())


def _from_one(count: int, like: jax.Array) -> jax.Array:
    """The numbers 1, 2, ..., count in the floating-point type of ``like``."""
    return jnp.arange(1, count + 1, dtype=jnp.result_type(like))


def _grid(count: int) -> np.ndarray:
    """The numbers 1, 2, ..., count, as data."""
    return np.arange(1.0, count + 1.0)


# --- 1 to 6: two variables -----------------------------------------------------------------------


def _rosenbrock(x: jax.Array) -> jax.Array:
    """MGH 1: r = (10 (x2 - x1^2), 1 - x1)."""
    x1, x2 = x
    return jnp.stack([10.0 * (x2 - x1**2), 1.0 - x1])


@_enter("mgh_01_rosenbrock", "Rosenbrock", Answer(fun=0.0, x=[1.0, 1.0], x_tol=1e-3))
def rosenbrock(form: Form = "residuals") -> Problem:
    """Rosenbrock's curved valley (MGH 1): n = 2, m = 2."""
    return _problem(form, _rosenbrock, [-1.2, 1.0])


def _freudenstein_roth(x: jax.Array) -> jax.Array:
    """MGH 2: r = (-13 + x1 + ((5 - x2) x2 - 2) x2, -29 + x1 + ((x2 + 1) x2 - 14) x2)."""
    x1, x2 = x
    return jnp.stack(
        [
            -13.0 + x1 + ((5.0 - x2) * x2 - 2.0) * x2,
            -29.0 + x1 + ((x2 + 1.0) * x2 - 14.0) * x2,
        ]
    )


@_enter(
    "mgh_02_freudenstein_roth",
    "Freudenstein and Roth",
    Answer(
        fun=(0.0, 24.49212683962001),
        x=([5.0, 4.0], [11.412778986902094, -0.8968052532744765]),
    ),
)
def freudenstein_roth(form: Form = "residuals") -> Problem:
    """Freudenstein and Roth (MGH 2): n = 2, m = 2; a local minimum beside the root."""
    return _problem(form, _freudenstein_roth, [0.5, -2.0])


def _powell_badly_scaled(x: jax.Array) -> jax.Array:
    """MGH 3: r = (10^4 x1 x2 - 1, exp(-x1) + exp(-x2) - 1.0001)."""
    x1, x2 = x
    return jnp.stack([1e4 * x1 * x2 - 1.0, jnp.exp(-x1) + jnp.exp(-x2) - 1.0001])


@_enter(
    "mgh_03_powell_badly_scaled",
    "Powell badly scaled",
    Answer(
        fun=(0.0, 0.5201470019808197),
        x=(
            [1.0981593296998175e-5, 9.106146739866524],
            [9.106146739866524, 1.0981593296998175e-5],
            [-0.009948091925800945, -0.009948091925800945],
        ),
        x_tol=0.2,
    ),
    notes="The minimum where x1 = x2 < 0 is not in the paper.",
)
def powell_badly_scaled(form: Form = "residuals") -> Problem:
    """Powell, badly scaled (MGH 3): n = 2, m = 2; symmetric in x1 and x2."""
    return _problem(form, _powell_badly_scaled, [0.0, 1.0])


def _brown_badly_scaled(x: jax.Array) -> jax.Array:
    """MGH 4: r = (x1 - 10^6, x2 - 2 10^-6, x1 x2 - 2)."""
    x1, x2 = x
    return jnp.stack([x1 - 1e6, x2 - 2e-6, x1 * x2 - 2.0])


@_enter("mgh_04_brown_badly_scaled", "Brown badly scaled", Answer(fun=0.0, x=[1e6, 2e-6]))
def brown_badly_scaled(form: Form = "residuals") -> Problem:
    """Brown, badly scaled (MGH 4): n = 2, m = 3."""
    return _problem(form, _brown_badly_scaled, [1.0, 1.0])


def _beale(x: jax.Array, y: jax.Array) -> jax.Array:
    """MGH 5: r_i = y_i - x1 (1 - x2^i)."""
    x1, x2 = x
    return y - x1 * (1.0 - jnp.stack([x2, x2**2, x2**3]))


@_enter("mgh_05_beale", "Beale", Answer(fun=0.0, x=[3.0, 0.5], x_tol=1e-3))
def beale(form: Form = "residuals") -> Problem:
    """Beale (MGH 5): n = 2, m = 3."""
    return _problem(form, _beale, [1.0, 1.0], np.array([1.5, 2.25, 2.625]))


def _jennrich_sampson(x: jax.Array, i: jax.Array) -> jax.Array:
    """MGH 6: r_i = 2 + 2i - exp(i x1) - exp(i x2)."""
    x1, x2 = x
    return 2.0 + 2.0 * i - jnp.exp(i * x1) - jnp.exp(i * x2)


@_enter(
    "mgh_06_jennrich_sampson",
    "Jennrich and Sampson",
    _only("m", {10: Answer(fun=62.18109117780743, x=[0.2578252136703641, 0.2578252136703641])}),
)
def jennrich_sampson(form: Form = "residuals", m: int = 10) -> Problem:
    """Jennrich and Sampson (MGH 6): n = 2, m >= n."""
    require(m >= 2, "m", m, "at least 2")
    return _problem(form, _jennrich_sampson, [0.3, 0.4], _grid(m))


# --- 7 to 12: three variables --------------------------------------------------------------------


def _helical_valley(x: jax.Array) -> jax.Array:
    """MGH 7: r = (10 (x3 - 10 theta), 10 (|(x1, x2)| - 1), x3), 2 pi theta the angle of (x1, x2).

    The angle runs from -pi/2 to 3 pi/2: it jumps on the negative x2-axis, not at the start.
    """
    x1, x2, x3 = x
    theta = 0.25 + jnp.arctan2(-x1, x2) / (2.0 * math.pi)
    return jnp.stack([10.0 * (x3 - 10.0 * theta), 10.0 * (jnp.hypot(x1, x2) - 1.0), x3])


@_enter("mgh_07_helical_valley", "Helical valley", Answer(fun=0.0, x=[1.0, 0.0, 0.0], x_tol=1e-3))
def helical_valley(form: Form = "residuals") -> Problem:
    """Fletcher and Powell's helical valley (MGH 7): n = 3, m = 3."""
    return _problem(form, _helical_valley, [-1.0, 0.0, 0.0])


_BARD_Y = np.array(
    [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39]
)


def _bard(x: jax.Array, u: jax.Array, v: jax.Array, w: jax.Array, y: jax.Array) -> jax.Array:
    """MGH 8: r_i = y_i - (x1 + u_i / (v_i x2 + w_i x3)), u = i, v = 16 - i, w = min(u, v)."""
    x1, x2, x3 = x
    return y - (x1 + u / (v * x2 + w * x3))


@_enter(
    "mgh_08_bard",
    "Bard",
    Answer(
        fun=0.004107438653289488,
        x=[0.08241055974978893, 1.1330360920297216, 2.343695178642537],
        x_tol=2e-3,
    ),
    notes="Falls to 17.42869333 / 2 at x1 = 0.84066..., x2 and x3 -> -inf, which is not attained.",
)
def bard(form: Form = "residuals") -> Problem:
    """Bard (MGH 8): n = 3, m = 15."""
    u = _grid(15)
    v = 16.0 - u
    return _problem(form, _bard, [1.0, 1.0, 1.0], u, v, np.minimum(u, v), _BARD_Y)


_GAUSSIAN_Y = np.array(
    [0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989]
    + [0.3521, 0.2420, 0.1295, 0.0540, 0.0175, 0.0044, 0.0009]
)


def _gaussian(x: jax.Array, t: jax.Array, y: jax.Array) -> jax.Array:
    """MGH 9: r_i = x1 exp(-x2 (t_i - x3)^2 / 2) - y_i, t_i = (8 - i) / 2."""
    x1, x2, x3 = x
    return x1 * jnp.exp(-0.5 * x2 * (t - x3) ** 2) - y


@_enter(
    "mgh_09_gaussian",
    "Gaussian",
    Answer(
        fun=5.63966384809324e-9,
        x=[0.39895613783875668, 1.0000190844878057, 0.0],
        tol=1e-12,
        x_tol=1e-5,
    ),
)
def gaussian(form: Form = "residuals") -> Problem:
    """A Gaussian curve fitted to its rounded values (MGH 9): n = 3, m = 15."""
    return _problem(form, _gaussian, [0.4, 1.0, 0.0], (8.0 - _grid(15)) / 2.0, _GAUSSIAN_Y)


_MEYER_Y = np.array(
    [34780.0, 28610.0, 23650.0, 19630.0, 16370.0, 13720.0, 11540.0, 9744.0]
    + [8261.0, 7030.0, 6005.0, 5147.0, 4427.0, 3820.0, 3307.0, 2872.0]
)


def _meyer(x: jax.Array, t: jax.Array, y: jax.Array) -> jax.Array:
    """MGH 10: r_i = x1 exp(x2 / (t_i + x3)) - y_i, t_i = 45 + 5i."""
    x1, x2, x3 = x
    return x1 * jnp.exp(x2 / (t + x3)) - y


@_enter(
    "mgh_10_meyer",
    "Meyer",
    Answer(
        fun=43.97292758542556,
        x=[0.0056096364710284157, 6181.346346286318, 345.2236346241347],
    ),
)
def meyer(form: Form = "residuals") -> Problem:
    """Meyer's thermistor (MGH 10): n = 3, m = 16; badly scaled."""
    return _problem(form, _meyer, [0.02, 4000.0, 250.0], 45.0 + 5.0 * _grid(16), _MEYER_Y)


def _gulf(x: jax.Array, t: jax.Array, y: jax.Array) -> jax.Array:
    """MGH 11: r_i = exp(-|y_i - x2|^x3 / x1) - t_i, t_i = i / 100, y_i = 25 + (-50 ln t_i)^(2/3).

    The paper prints "y_i m i x2" inside the bars; the authors' own code has the difference.
    """
    x1, x2, x3 = x
    return jnp.exp(-(jnp.abs(y - x2) ** x3) / x1) - t


@_enter(
    "mgh_11_gulf",
    "Gulf research and development",
    Answer(fun=0.0, x=[50.0, 25.0, 1.5], x_tol=1e-2),
    notes="Flat, with a vanishing gradient, where all the exponentials are 0 or all are 1.",
)
def gulf(form: Form = "residuals", m: int = 99) -> Problem:
    """Gulf research and development (MGH 11): n = 3, 3 <= m <= 100."""
    require(3 <= m <= 100, "m", m, "3 to 100")
    t = _grid(m) / 100.0
    return _problem(form, _gulf, [5.0, 2.5, 0.15], t, 25.0 + (-50.0 * np.log(t)) ** (2.0 / 3.0))


def _box_3d(x: jax.Array, t: jax.Array) -> jax.Array:
    """MGH 12: r_i = exp(-t_i x1) - exp(-t_i x2) - x3 (exp(-t_i) - exp(-10 t_i)), t_i = i / 10."""
    x1, x2, x3 = x
    return jnp.exp(-t * x1) - jnp.exp(-t * x2) - x3 * (jnp.exp(-t) - jnp.exp(-10.0 * t))


@_enter(
    "mgh_12_box_3d",
    "Box three-dimensional",
    Answer(fun=0.0),
    notes="Zero at (1, 10, 1), at (10, 1, -1) and wherever x1 = x2 and x3 = 0.",
)
def box_3d(form: Form = "residuals", m: int = 10) -> Problem:
    """Box, three-dimensional (MGH 12): n = 3, m >= n."""
    require(m >= 3, "m", m, "at least 3")
    return _problem(form, _box_3d, [0.0, 10.0, 20.0], _grid(m) / 10.0)


# --- 13 to 16: four variables --------------------------------------------------------------------


def _powell_singular(x: jax.Array) -> jax.Array:
    """MGH 13: r = (x1 + 10 x2, sqrt(5) (x3 - x4), (x2 - 2 x3)^2, sqrt(10) (x1 - x4)^2)."""
    x1, x2, x3, x4 = x
    return jnp.stack(
        [
            x1 + 10.0 * x2,
            math.sqrt(5.0) * (x3 - x4),
            (x2 - 2.0 * x3) ** 2,
            math.sqrt(10.0) * (x1 - x4) ** 2,
        ]
    )


@_enter(
    "mgh_13_powell_singular",
    "Powell singular",
    Answer(fun=0.0, x=[0.0, 0.0, 0.0, 0.0], x_tol=0.03),
)
def powell_singular(form: Form = "residuals") -> Problem:
    """Powell's singular function (MGH 13): n = 4, m = 4; the Jacobian has rank 2 at the root."""
    return _problem(form, _powell_singular, [3.0, -1.0, 0.0, 1.0])


def _wood(x: jax.Array) -> jax.Array:
    """MGH 14: two Rosenbrock valleys, weights 100 and 90, coupled through x2 and x4."""
    x1, x2, x3, x4 = x
    return jnp.stack(
        [
            10.0 * (x2 - x1**2),
            1.0 - x1,
            math.sqrt(90.0) * (x4 - x3**2),
            1.0 - x3,
            math.sqrt(10.0) * (x2 + x4 - 2.0),
            (x2 - x4) / math.sqrt(10.0),
        ]
    )


@_enter("mgh_14_wood", "Wood", Answer(fun=0.0, x=[1.0, 1.0, 1.0, 1.0], x_tol=1e-3))
def wood(form: Form = "residuals") -> Problem:
    """Wood (MGH 14): n = 4, m = 6."""
    return _problem(form, _wood, [-3.0, -1.0, -3.0, -1.0])


_KOWALIK_OSBORNE_Y = np.array(
    [0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246]
)
_KOWALIK_OSBORNE_U = np.array([4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])


def _kowalik_osborne(x: jax.Array, u: jax.Array, y: jax.Array) -> jax.Array:
    """MGH 15: r_i = y_i - x1 (u_i^2 + u_i x2) / (u_i^2 + u_i x3 + x4)."""
    x1, x2, x3, x4 = x
    return y - x1 * (u**2 + u * x2) / (u**2 + u * x3 + x4)


@_enter(
    "mgh_15_kowalik_osborne",
    "Kowalik and Osborne",
    Answer(
        fun=1.537528019246187e-4,
        x=[0.19280693457903785, 0.19128232873436696, 0.12305650692632065, 0.13606233068379484],
        tol=1e-10,
        x_tol=1e-3,
    ),
    notes="Falls to 1.02734305e-3 / 2 at (inf, -14.07..., -inf, -inf), which is not attained.",
)
def kowalik_osborne(form: Form = "residuals") -> Problem:
    """Kowalik and Osborne's enzyme reaction (MGH 15): n = 4, m = 11."""
    x0 = [0.25, 0.39, 0.415, 0.39]
    return _problem(form, _kowalik_osborne, x0, _KOWALIK_OSBORNE_U, _KOWALIK_OSBORNE_Y)


def _brown_dennis(x: jax.Array, t: jax.Array) -> jax.Array:
    """MGH 16: r_i = (x1 + t_i x2 - exp t_i)^2 + (x3 + x4 sin t_i - cos t_i)^2, t_i = i / 5."""
    x1, x2, x3, x4 = x
    return (x1 + t * x2 - jnp.exp(t)) ** 2 + (x3 + x4 * jnp.sin(t) - jnp.cos(t)) ** 2


_BROWN_DENNIS_20 = Answer(
    fun=42911.10081317817,
    x=[-11.594439904762165, 13.203630051207204, -0.4034394881768595, 0.2367787744557363],
)


@_enter(
    "mgh_16_brown_dennis",
    "Brown and Dennis",
    _only("m", {20: _BROWN_DENNIS_20}),
)
def brown_dennis(form: Form = "residuals", m: int = 20) -> Problem:
    """Brown and Dennis (MGH 16): n = 4, m >= n; large residuals."""
    require(m >= 4, "m", m, "at least 4")
    return _problem(form, _brown_dennis, [25.0, 5.0, -5.0, -1.0], _grid(m) / 5.0)


# --- 17 to 19: five, six and eleven variables ----------------------------------------------------

_OSBORNE_1_Y = np.array(
    [0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751]
    + [0.718, 0.685, 0.658, 0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490]
    + [0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406]
)


def _osborne_1(x: jax.Array, t: jax.Array, y: jax.Array) -> jax.Array:
    """MGH 17: r_i = y_i - (x1 + x2 exp(-t_i x4) + x3 exp(-t_i x5)), t_i = 10 (i - 1)."""
    x1, x2, x3, x4, x5 = x
    return y - (x1 + x2 * jnp.exp(-t * x4) + x3 * jnp.exp(-t * x5))


@_enter(
    "mgh_17_osborne_1",
    "Osborne 1",
    Answer(
        fun=2.732447348741453e-5,
        x=(
            [0.37541005210695204, 1.9358469127123674, -1.4646871366134231]
            + [0.012867534640057289, 0.022122699661672611],
            [0.37541005210695204, -1.4646871366134231, 1.9358469127123674]
            + [0.022122699661672611, 0.012867534640057289],
        ),
        tol=1e-10,
        x_tol=5e-3,
    ),
    notes="The two exponentials may change places.",
)
def osborne_1(form: Form = "residuals") -> Problem:
    """Osborne's two exponentials (MGH 17): n = 5, m = 33."""
    x0 = [0.5, 1.5, -1.0, 0.01, 0.02]
    return _problem(form, _osborne_1, x0, 10.0 * (_grid(33) - 1.0), _OSBORNE_1_Y)


def _biggs_exp6(x: jax.Array, t: jax.Array, y: jax.Array) -> jax.Array:
    """MGH 18: r_i = x3 exp(-t_i x1) - x4 exp(-t_i x2) + x6 exp(-t_i x5) - y_i, t_i = i / 10."""
    x1, x2, x3, x4, x5, x6 = x
    return x3 * jnp.exp(-t * x1) - x4 * jnp.exp(-t * x2) + x6 * jnp.exp(-t * x5) - y


_BIGGS_MINIMA = (0.0, 0.0028278249627499655, 0.1531833863123949)


@_enter(
    "mgh_18_biggs_exp6",
    "Biggs EXP6",
    lambda form, m: Answer(fun=_BIGGS_MINIMA if m == 13 else 0.0),
    notes="Zero at (1, 10, 1, 5, 4, 3) and where the three exponentials change places. At the flat "
    "local minima two rates (0.0028...) or all three (0.1531..., not in the paper) coincide.",
)
def biggs_exp6(form: Form = "residuals", m: int = 13) -> Problem:
    """Biggs' three exponentials (MGH 18): n = 6, m >= n, y_i from x = (1, 10, 1, 5, 4, 3)."""
    require(m >= 6, "m", m, "at least 6")
    t = _grid(m) / 10.0
    y = np.exp(-t) - 5.0 * np.exp(-10.0 * t) + 3.0 * np.exp(-4.0 * t)
    return _problem(form, _biggs_exp6, [1.0, 2.0, 1.0, 1.0, 1.0, 1.0], t, y)


_OSBORNE_2_Y = np.array(
    [1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608]
    + [0.655, 0.616, 0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661]
    + [0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428]
    + [0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559]
    + [0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098, 0.054]
)


def _osborne_2(x: jax.Array, t: jax.Array, y: jax.Array) -> jax.Array:
    """MGH 19: r_i = y_i - x1 exp(-t_i x5) - sum_k x_k exp(-x_{k+4} (t_i - x_{k+7})^2), k = 2, 3, 4.

    The abscissae are t_i = (i - 1) / 10.
    """
    height, rate, centre = x[1:4], x[5:8], x[8:11]
    bumps = height * jnp.exp(-rate * (t[:, None] - centre) ** 2)
    return y - (x[0] * jnp.exp(-t * x[4]) + bumps.sum(axis=1))


_OSBORNE_2_DECAY = (1.3099771546273005, 0.754183226328011)
_OSBORNE_2_PEAKS = [
    (0.4315537946029889, 0.9042885798596337, 2.3986848661317546),
    (0.633661698960724, 1.3658118352370285, 4.568874597667672),
    (0.5994305347859163, 4.823698817227156, 5.675341470580641),
]


def _osborne_2_minimisers() -> tuple[np.ndarray, ...]:
    """The minimiser of MGH 19 with its three peaks (height, rate, centre) in every order."""
    height, rate = _OSBORNE_2_DECAY
    orders = (np.transpose(order) for order in permutations(_OSBORNE_2_PEAKS))
    return tuple(
        np.array([height, *heights, rate, *rates, *centres]) for heights, rates, centres in orders
    )


@_enter(
    "mgh_19_osborne_2",
    "Osborne 2",
    Answer(fun=0.02006886814677387, x=_osborne_2_minimisers(), x_tol=1e-3),
    notes="The three peaks may change places.",
)
def osborne_2(form: Form = "residuals") -> Problem:
    """Osborne's exponential and three Gaussian peaks (MGH 19): n = 11, m = 65."""
    x0 = [1.3, 0.65, 0.65, 0.7, 0.6, 3.0, 5.0, 7.0, 2.0, 4.5, 5.5]
    return _problem(form, _osborne_2, x0, (_grid(65) - 1.0) / 10.0, _OSBORNE_2_Y)


# --- 20 to 35: any number of variables -----------------------------------------------------------


_WATSON = {
    6: Answer(
        fun=0.0011438350267762181,
        x=[-0.015725086401458457, 1.0124348693691099, -0.23299162595673768, 1.2604300877996083]
        + [-1.5137289227222797, 0.9929964324311345],
        tol=1e-10,
        x_tol=1e-3,
    ),
    9: Answer(
        fun=6.9988006904951e-7,
        x=[-1.5307036521394342e-5, 0.9997897039319484, 0.014763963693556959, 0.14634232829936223]
        + [1.0008211030047092, -2.617731140519015, 4.104403164478856, -3.143612278556442]
        + [1.052626408010167],
        tol=1e-9,
        x_tol=0.05,
    ),
    12: Answer(
        fun=2.361190552945879e-10,
        x=[-6.638060464520687e-9, 1.000001644117862, -0.00056393221034230585, 0.3478205405040424]
        + [-0.15673150409616512, 1.0528151772071778, -3.2472711534596677, 7.288434897938061]
        + [-10.271848241321724, 9.074113647075316, -4.541375466692512, 1.0120118885528104],
        tol=1e-12,
        x_tol=0.1,
    ),
}


def _watson(x: jax.Array, t: jax.Array) -> jax.Array:
    """MGH 20: r_i = p'(t_i) - p(t_i)^2 - 1, t_i = i / 29, for p(t) = x1 + x2 t + ... + xn t^(n-1).

    The last two residuals are x1 and x2 - x1^2 - 1.
    """
    powers = t[:, None] ** jnp.arange(x.size)
    slope = jnp.sum(powers[:, :-1] * (_from_one(x.size - 1, x) * x[1:]), axis=1)
    value = jnp.sum(powers * x, axis=1)
    ends = jnp.stack([x[0], x[1] - x[0] ** 2 - 1.0])
    return jnp.concatenate([slope - value**2 - 1.0, ends])


@_enter(
    "mgh_20_watson",
    "Watson",
    _only("n", _WATSON),
)
def watson(form: Form = "residuals", n: int = 6) -> Problem:
    """Watson, a polynomial for an initial value problem (MGH 20): 2 <= n <= 31, m = 31."""
    require(2 <= n <= 31, "n", n, "2 to 31")
    return _problem(form, _watson, np.zeros(n), _grid(29) / 29.0)


def _extended_rosenbrock(x: jax.Array) -> jax.Array:
    """MGH 21: r_{2i-1} = 10 (x_{2i} - x_{2i-1}^2), r_{2i} = 1 - x_{2i-1}."""
    odd, even = x[0::2], x[1::2]
    return jnp.stack([10.0 * (even - odd**2), 1.0 - odd], axis=1).ravel()


@_enter(
    "mgh_21_extended_rosenbrock",
    "Extended Rosenbrock",
    lambda form, n: Answer(fun=0.0, x=np.ones(n), x_tol=1e-3),
)
def extended_rosenbrock(form: Form = "residuals", n: int = 10) -> Problem:
    """Extended Rosenbrock (MGH 21): n even, m = n; n/2 separate valleys."""
    require(n % 2 == 0, "n", n, "an even number")
    return _problem(form, _extended_rosenbrock, np.tile([-1.2, 1.0], n // 2))


def _extended_powell(x: jax.Array) -> jax.Array:
    """MGH 22: the four residuals of MGH 13 for each successive group of four variables."""
    return jax.vmap(_powell_singular)(x.reshape(-1, 4)).ravel()


@_enter(
    "mgh_22_extended_powell",
    "Extended Powell singular",
    lambda form, n: Answer(fun=0.0, x=np.zeros(n), x_tol=0.03),
)
def extended_powell(form: Form = "residuals", n: int = 12) -> Problem:
    """Extended Powell singular (MGH 22): n a multiple of 4, m = n."""
    require(n % 4 == 0, "n", n, "a multiple of 4")
    return _problem(form, _extended_powell, np.tile([3.0, -1.0, 0.0, 1.0], n // 4))


def _penalty_1(x: jax.Array) -> jax.Array:
    """MGH 23: r_i = sqrt(a) (x_i - 1), r_{n+1} = |x|^2 - 1/4, a = 10^-5."""
    return jnp.append(math.sqrt(1e-5) * (x - 1.0), jnp.sum(x**2) - 0.25)


def _penalty_1_answer(form: Form, n: int) -> Answer:
    """Every stationary point is t (1, ..., 1) with 2 n t^3 + (a - 1/2) t - a = 0; t > 0 is best."""
    a = 1e-5
    t = max(np.roots([2.0 * n, 0.0, a - 0.5, -a]).real)
    fun = 0.5 * (a * n * (t - 1.0) ** 2 + (n * t**2 - 0.25) ** 2)
    return Answer(fun=float(fun), x=np.full(n, t), tol=1e-10, x_tol=5e-3)


@_enter(
    "mgh_23_penalty_1",
    "Penalty I",
    _penalty_1_answer,
)
def penalty_1(form: Form = "residuals", n: int = 10) -> Problem:
    """Penalty function I (MGH 23): any n, m = n + 1."""
    return _problem(form, _penalty_1, _grid(n))


_PENALTY_2 = {
    4: Answer(
        fun=4.688146503677721e-6,
        x=[0.19999933335038038, 0.19131670099277245, 0.48010148533262317, 0.5188454043902006],
        tol=1e-9,
        x_tol=0.05,
    ),
    10: Answer(
        fun=1.4683026872837297e-4,
        x=[0.1999836051978236, 0.010350648471292298, 0.0196049344804384, 0.03208906722068565]
        + [0.0499326773996413, 0.07651399515399361, 0.11862407286950418, 0.19214487233557668]
        + [0.34732058694184363, 0.36916437415935083],
        tol=1e-9,
        x_tol=0.05,
    ),
}


def _penalty_2(x: jax.Array) -> jax.Array:
    """MGH 24: 2n residuals, with e_i = exp(x_i / 10), y_i = exp(i/10) + exp((i-1)/10), a = 10^-5.

    r_1 = x_1 - 1/5, r_i = sqrt(a) (e_i + e_{i-1} - y_i) and
    r_{n+i-1} = sqrt(a) (e_i - exp(-1/10)) for i = 2, ..., n, r_{2n} = sum_j (n - j + 1) x_j^2 - 1.
    """
    e = jnp.exp(x / 10.0)
    target = jnp.exp(_from_one(x.size, x) / 10.0)
    root = math.sqrt(1e-5)
    return jnp.concatenate(
        [
            x[:1] - 0.2,
            root * (e[1:] + e[:-1] - target[1:] - target[:-1]),
            root * (e[1:] - math.exp(-0.1)),
            jnp.sum(_from_one(x.size, x)[::-1] * x**2, keepdims=True) - 1.0,
        ]
    )


@_enter(
    "mgh_24_penalty_2",
    "Penalty II",
    _only("n", _PENALTY_2),
)
def penalty_2(form: Form = "residuals", n: int = 10) -> Problem:
    """Penalty function II (MGH 24): any n, m = 2n."""
    return _problem(form, _penalty_2, np.full(n, 0.5))


def _variably_dimensioned(x: jax.Array) -> jax.Array:
    """MGH 25: r_i = x_i - 1, r_{n+1} = s, r_{n+2} = s^2 for s = sum_j j (x_j - 1)."""
    s = jnp.sum(_from_one(x.size, x) * (x - 1.0))
    return jnp.append(x - 1.0, jnp.stack([s, s**2]))


@_enter(
    "mgh_25_variably_dimensioned",
    "Variably dimensioned",
    lambda form, n: Answer(fun=0.0, x=np.ones(n), x_tol=1e-3),
)
def variably_dimensioned(form: Form = "residuals", n: int = 10) -> Problem:
    """Variably dimensioned (MGH 25): any n, m = n + 2."""
    return _problem(form, _variably_dimensioned, 1.0 - _grid(n) / n)


def _trigonometric(x: jax.Array) -> jax.Array:
    """MGH 26: r_i = n - sum_j cos x_j + i (1 - cos x_i) - sin x_i.

    1 - cos x is computed as 2 sin^2(x/2), which keeps its digits near 0.
    """
    versine = 2.0 * jnp.sin(x / 2.0) ** 2
    return jnp.sum(versine) + _from_one(x.size, x) * versine - jnp.sin(x)


_TRIGONOMETRIC_MINIMA = (
    0.0,
    2.2367829064031473e-7,
    1.3975280609397281e-5,
    2.109316943961863e-5,
    4.3941126091094914e-4,
)


@_enter(
    "mgh_26_trigonometric",
    "Trigonometric",
    lambda form, n: Answer(fun=_TRIGONOMETRIC_MINIMA if n == 10 else 0.0, tol=1e-9),
    notes="Zero at multiples of 2 pi, and elsewhere. The values 2.2367...e-7, 2.1093...e-5 and "
    "4.3941...e-4 are not in the paper; more exist.",
)
def trigonometric(form: Form = "residuals", n: int = 10) -> Problem:
    """Trigonometric (MGH 26): any n, m = n."""
    return _problem(form, _trigonometric, np.full(n, 1.0 / n))


def _brown_almost_linear(x: jax.Array) -> jax.Array:
    """MGH 27: r_i = x_i + sum_j x_j - (n + 1) for i < n, r_n = prod_j x_j - 1."""
    return jnp.append(x[:-1] + jnp.sum(x) - (x.size + 1.0), jnp.prod(x) - 1.0)


def _brown_almost_linear_answer(form: Form, n: int) -> Answer:
    """The roots (t, ..., t, t^(1-n)), n t^n - (n+1) t^(n-1) + 1 = 0, and for n > 3 a flat point."""
    t = np.roots([n, -(n + 1.0), *np.zeros(n - 2), 1.0] if n > 1 else [1.0, -1.0])
    t = np.sort(t[abs(t.imag) < 1e-8].real)
    roots = tuple(np.append(np.full(n - 1, v), v ** (1 - n)) for v in t)
    if n < 4:
        return Answer(fun=0.0, x=roots, x_tol=1e-2)
    flat = np.append(np.zeros(n - 1), n + 1.0)
    return Answer(fun=(0.0, 0.5), x=(*roots, flat), x_tol=1e-2)


@_enter(
    "mgh_27_brown_almost_linear",
    "Brown almost-linear",
    _brown_almost_linear_answer,
    notes="The paper lists f = 1 at (0, ..., 0, n + 1) as a local minimum. It is a degenerate "
    "saddle: the Hessian is positive semidefinite, and f falls along (1, ..., 1, -n).",
)
def brown_almost_linear(form: Form = "residuals", n: int = 10) -> Problem:
    """Brown's almost-linear system (MGH 27): any n, m = n."""
    return _problem(form, _brown_almost_linear, np.full(n, 0.5))


_BOUNDARY_VALUE_ROOT = (
    [-0.04316498251876487, -0.08157715653538688, -0.11448571438052929, -0.14097357686259668]
    + [-0.15990869618198312, -0.16987720231277492, -0.16908998378120835, -0.15524953522183182]
    + [-0.125355891678935, -0.07541653368589209]
)


def _boundary_value_answer(form: Form, n: int) -> Answer:
    """One answer for MGH 28 and 29: they share their only stationary point, recorded for n = 10."""
    return Answer(fun=0.0, x=_BOUNDARY_VALUE_ROOT if n == 10 else None, x_tol=5e-3)


def _mesh(x: jax.Array) -> tuple[jax.Array, float]:
    """The interior mesh points t_i = i h of [0, 1] and h = 1 / (n + 1)."""
    h = 1.0 / (x.size + 1)
    return _from_one(x.size, x) * h, h


def _discrete_boundary_value(x: jax.Array) -> jax.Array:
    """MGH 28: r_i = 2 x_i - x_{i-1} - x_{i+1} + h^2 (x_i + t_i + 1)^3 / 2, x_0 = x_{n+1} = 0."""
    t, h = _mesh(x)
    padded = jnp.pad(x, 1)
    return 2.0 * x - padded[:-2] - padded[2:] + 0.5 * h**2 * (x + t + 1.0) ** 3


@_enter(
    "mgh_28_discrete_boundary_value",
    "Discrete boundary value",
    _boundary_value_answer,
)
def discrete_boundary_value(form: Form = "residuals", n: int = 10) -> Problem:
    """A two-point boundary value problem in differences (MGH 28): any n, m = n."""
    t = _grid(n) / (n + 1)
    return _problem(form, _discrete_boundary_value, t * (t - 1.0))


def _discrete_integral_equation(x: jax.Array) -> jax.Array:
    """MGH 29: the boundary value problem of MGH 28 through its Green's function.

    r_i = x_i + h/2 ((1 - t_i) sum_{j<=i} t_j c_j + t_i sum_{j>i} (1 - t_j) c_j) for
    c_j = (x_j + t_j + 1)^3.
    """
    t, h = _mesh(x)
    cube = (x + t + 1.0) ** 3
    right = (1.0 - t) * cube
    below = jnp.cumsum(t * cube)
    above = jnp.cumsum(right[::-1])[::-1] - right
    return x + 0.5 * h * ((1.0 - t) * below + t * above)


@_enter(
    "mgh_29_discrete_integral_equation",
    "Discrete integral equation",
    _boundary_value_answer,
)
def discrete_integral_equation(form: Form = "residuals", n: int = 10) -> Problem:
    """The same problem as an integral equation (MGH 29): any n, m = n; the same solution."""
    t = _grid(n) / (n + 1)
    return _problem(form, _discrete_integral_equation, t * (t - 1.0))


_BROYDEN_TRIDIAGONAL_ROOTS = (
    [-0.5707221320112248, -0.6818069499842751, -0.70221007601766, -0.7055106298950804]
    + [-0.7049061557287437, -0.7014966070298511, -0.6918893223547983, -0.6657965144058537]
    + [-0.5960351090263657, -0.41641225752869335],
    [1.8326004012611671, -0.10952362881084006, -0.5925810691147383, -0.6852621127398537]
    + [-0.7011867977090994, -0.7008120654752639, -0.6917622504740516, -0.66577235415437]
    + [-0.596030233550781, -0.4164112125555852],
)


def _broyden_tridiagonal(x: jax.Array) -> jax.Array:
    """MGH 30: r_i = (3 - 2 x_i) x_i - x_{i-1} - 2 x_{i+1} + 1, x_0 = x_{n+1} = 0."""
    padded = jnp.pad(x, 1)
    return (3.0 - 2.0 * x) * x - padded[:-2] - 2.0 * padded[2:] + 1.0


@_enter(
    "mgh_30_broyden_tridiagonal",
    "Broyden tridiagonal",
    lambda form, n: Answer(fun=0.0, x=_BROYDEN_TRIDIAGONAL_ROOTS if n == 10 else None),
    notes="For n = 10 there are exactly two real roots; the start leads to the first.",
)
def broyden_tridiagonal(form: Form = "residuals", n: int = 10) -> Problem:
    """Broyden, tridiagonal (MGH 30): any n, m = n."""
    return _problem(form, _broyden_tridiagonal, np.full(n, -1.0))


_BROYDEN_BANDED_MINIMA = (0.0, 1.3401099603630677, 1.528639216212909)


def _broyden_banded(x: jax.Array) -> jax.Array:
    """MGH 31: r_i = x_i (2 + 5 x_i^2) + 1 - sum_j x_j (1 + x_j), j != i from i - 5 to i + 1."""
    padded = jnp.pad(x * (1.0 + x), (5, 1))
    neighbours = sum(padded[k : k + x.size] for k in (0, 1, 2, 3, 4, 6))
    return x * (2.0 + 5.0 * x**2) + 1.0 - neighbours


@_enter(
    "mgh_31_broyden_banded",
    "Broyden banded",
    lambda form, n: Answer(fun=_BROYDEN_BANDED_MINIMA) if n == 10 else Answer(fun=0.0),
    notes="The two local minima for n = 10 are not in the paper.",
)
def broyden_banded(form: Form = "residuals", n: int = 10) -> Problem:
    """Broyden, banded (MGH 31): any n, m = n."""
    return _problem(form, _broyden_banded, np.full(n, -1.0))


def _linear_full_rank(x: jax.Array, b: jax.Array) -> jax.Array:
    """MGH 32: r_i = x_i - (2/m) sum_j x_j - b_i, b = (1, ..., 1), with x_i = 0 for i > n."""
    return jnp.pad(x, (0, b.size - x.size)) - 2.0 / b.size * jnp.sum(x) - b


@_enter(
    "mgh_32_linear_full_rank",
    "Linear, full rank",
    lambda form, n, m: Answer(fun=(m - n) / 2, x=-np.ones(n), x_tol=1e-3),
)
def linear_full_rank(form: Form = "residuals", n: int = 5, m: int = 10) -> Problem:
    """Linear of full rank (MGH 32): m >= n."""
    require(m >= n, "m", m, f"at least n = {n}")
    return _problem(form, _linear_full_rank, np.ones(n), np.ones(m))


def _linear_rank_1(x: jax.Array, row: jax.Array, column: jax.Array) -> jax.Array:
    """MGH 33: r_i = i sum_j j x_j - 1; row holds the i, column the j."""
    return row * jnp.sum(column * x) - 1.0


@_enter(
    "mgh_33_linear_rank_1",
    "Linear, rank 1",
    lambda form, n, m: Answer(fun=m * (m - 1) / (4 * (2 * m + 1))),
    notes="Minimal wherever sum_j j x_j = 3 / (2m + 1).",
)
def linear_rank_1(form: Form = "residuals", n: int = 5, m: int = 10) -> Problem:
    """Linear of rank one (MGH 33): m >= n."""
    require(m >= n, "m", m, f"at least n = {n}")
    return _problem(form, _linear_rank_1, np.ones(n), _grid(m), _grid(n))


@_enter(
    "mgh_34_linear_rank_1_zeros",
    "Linear, rank 1 with zero columns and rows",
    lambda form, n, m: Answer(fun=(m**2 + 3 * m - 6) / (4 * (2 * m - 3))),
    notes="Minimal wherever sum_j j x_j = 3 / (2m - 3), j from 2 to n - 1.",
)
def linear_rank_1_zeros(form: Form = "residuals", n: int = 5, m: int = 10) -> Problem:
    """Linear of rank one, the first and last column and row zero (MGH 34): m >= n >= 3.

    r_1 = r_m = -1, and r_i = (i - 1) sum_j j x_j - 1 with j from 2 to n - 1 for the others.
    """
    require(n >= 3, "n", n, "at least 3")
    require(m >= n, "m", m, f"at least n = {n}")
    row, column = _grid(m) - 1.0, _grid(n)
    row[-1] = column[0] = column[-1] = 0.0
    return _problem(form, _linear_rank_1, np.ones(n), row, column)


def _chebyquad(x: jax.Array, integral: jax.Array) -> jax.Array:
    """MGH 35: r_i = (1/n) sum_j T_i(x_j) - the integral of T_i, T_i Chebyshev's on [0, 1].

    T_{i+1} = 2 (2x - 1) T_i - T_{i-1}; it holds outside [0, 1] too, where arccos does not.
    """
    y = 2.0 * x - 1.0
    previous, current = jnp.ones_like(y), y
    means = []
    for _ in range(integral.size):
        means.append(jnp.mean(current))
        previous, current = current, 2.0 * y * current - previous
    return jnp.stack(means) - integral


_CHEBYQUAD_MINIMA = {8: 0.001758436862838966, 10: (0.0032519774004411531, 0.0023863568481876745)}


def _chebyquad_answer(form: Form, n: int, m: int | None) -> Answer:
    """Chebyshev's equal-weight rule has real nodes for n up to 7 and for 9, and then f = 0."""
    if m not in (None, n) or n > 10:
        return Answer()
    return Answer(fun=_CHEBYQUAD_MINIMA.get(n, 0.0), tol=1e-9)


@_enter(
    "mgh_35_chebyquad",
    "Chebyquad",
    _chebyquad_answer,
    notes="The variables may change places. Half of 4.7727...e-3 (n = 10) is not in the paper.",
)
def chebyquad(form: Form = "residuals", n: int = 8, m: int | None = None) -> Problem:
    """Chebyshev quadrature with n equal weights (MGH 35): m >= n, by default m = n."""
    m = n if m is None else m
    require(m >= n, "m", m, f"at least n = {n}")
    i = _grid(m)
    integral = np.where(i % 2 == 0, -1.0 / np.maximum(i**2 - 1.0, 1.0), 0.0)
    return _problem(form, _chebyquad, _grid(n) / (n + 1), integral)
