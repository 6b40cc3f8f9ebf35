"""Smooth problems of book D, chapters 2 to 6: regression, classification, and test functions.

The breast cancer and digits data come from scikit-learn, which is imported only when such a problem
is built.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import logsumexp

from optlib import Composite, ElasticNet, LeastSquares, NonlinearLeastSquares, Smooth

from .catalog import Answer, register

_LINEAR_SOLVERS = ("qr", "svd", "lsqr", "lsmr")


def _sklearn(loader: str) -> tuple[np.ndarray, np.ndarray]:
    """The arrays of one of scikit-learn's bundled data sets."""
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError(
            'this problem uses data from scikit-learn: pip install "optlib[data]"'
        ) from error
    return getattr(datasets, loader)(return_X_y=True)


def _standardised(features: np.ndarray) -> np.ndarray:
    return (features - features.mean(axis=0)) / features.std(axis=0)


def _with_ones(features: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(features)), features])


# ---- 2.3, 2.4: linear regression


def _mean_squares(theta: Array, design: Array, targets: Array) -> Array:
    return jnp.mean((design @ theta - targets) ** 2)


@register(
    "learning_rate_line",
    title="A line fitted by gradient descent: why the learning rate matters",
    source="D 2.4 fig. 2.7",
    answer=Answer(fun=8.822762442604, x=[-30.448388600049, 8.310100644524], tol=1e-10),
    methods=("gradient_descent", "conjugate_gradient", "newton"),
    tags=("convex", "quadratic", "ill_conditioned", "generated"),
    notes="Converges for steps below n/lambda_max = .0237055; from 0 to a step shorter than 1e-5 "
    "in 3108 (size .01) and 1445 (.0235) updates, each one less than printed.",
)
def learning_rate_line() -> Smooth:
    rng = np.random.RandomState(0)
    x = rng.normal(6, 2.5, 490)
    y = -30.005120145375855 + 8.268557322426984 * x + rng.normal(0, 3, 490)
    return Smooth(_mean_squares, np.zeros(2), args=(_with_ones(x), y))


def _two_features(standardise: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.RandomState(0)
    x = np.column_stack([rng.normal(2, 2, 1000), rng.normal(1, 1, 1000)])
    y = x @ [2.0, 0.5] + rng.normal(0, 0.1, 1000)
    return (_standardised(x), y - y.mean()) if standardise else (x, y)


def _two_features_answer(standardise: bool) -> Answer:
    A, b = _two_features(standardise)
    x = np.linalg.solve(A.T @ A, A.T @ b)
    return Answer(fun=0.5 * float(np.sum((A @ x - b) ** 2)), x=x, tol=1e-10)


@register(
    "standardised_regression",
    title="Standardising the features makes the bowl round",
    source="D 2.4 fig. 2.8",
    answer=_two_features_answer,
    methods=(*_LINEAR_SOLVERS, "gradient_descent"),
    tags=("convex", "least_squares", "generated"),
    notes="The Gram matrix's condition number falls to (1+|rho|)/(1-|rho|), rho the correlation.",
)
def standardised_regression(standardise: bool = True) -> LeastSquares:
    return LeastSquares(*_two_features(standardise))


def _outlier_data() -> tuple[np.ndarray, np.ndarray]:
    x = np.arange(20) / 10
    y = 1 + 2 * x
    y[3] += 50
    return _with_ones(x), y


@register(
    "outlier_line",
    title="One wild value bends the least squares line",
    source="D 2.3 eq. (2.18)",
    answer=Answer(fun=147375 / 133, x=[57 / 7, -384 / 133], tol=1e-12),
    methods=_LINEAR_SOLVERS,
    tags=("convex", "least_squares"),
    notes="Nineteen points lie on 1 + 2x; the absolute loss would find that line exactly.",
)
def outlier_line() -> LeastSquares:
    return LeastSquares(*_outlier_data())


def _huber(theta: Array, design: Array, targets: Array, delta: Array) -> Array:
    size = jnp.abs(design @ theta - targets)
    return jnp.sum(jnp.where(size < delta, size**2 / 2, delta * size - delta**2 / 2))


@register(
    "outlier_huber",
    title="The Huber loss all but ignores the wild value",
    source="D 2.3 eq. (2.19)",
    answer=Answer(fun=49.5 - 151 / 2358, x=[1 + 190 / 1179, 2 - 130 / 1179], tol=1e-12),
    methods=("gradient_descent", "bfgs"),
    tags=("convex", "robust"),
    notes="Quadratic up to delta = 1 and linear beyond: at the start the Hessian is zero.",
)
def outlier_huber() -> Smooth:
    return Smooth(_huber, np.zeros(2), args=(*_outlier_data(), 1.0))


# ---- 2.5: overfitting and penalties


def _wave(degree: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(0.0, 1.0, 10)
    noise = np.random.RandomState(0).normal(0, 0.2, 10)
    powers = np.vander(x, degree + 1, increasing=True)
    return powers, np.sin(2 * np.pi * x) - np.cos(2 * np.pi * x) + noise


def _wave_answer(degree: int) -> Answer:
    powers, values = _wave(degree)
    x = np.linalg.lstsq(powers, values, rcond=None)[0]
    return Answer(fun=0.5 * float(np.sum((powers @ x - values) ** 2)), x=x)


@register(
    "polynomial_overfit",
    title="Polynomials of degree 0 to 9 through ten noisy points of a wave",
    source="D 2.5 fig. 2.10",
    answer=_wave_answer,
    methods=_LINEAR_SOLVERS,
    tags=("convex", "least_squares", "ill_conditioned", "generated"),
    notes="Degree 9 fits every point; on unseen points degree 5 is best on average.",
)
def polynomial_overfit(degree: int = 3) -> LeastSquares:
    return LeastSquares(*_wave(degree))


def _squared_error(theta: Array, design: Array, targets: Array) -> Array:
    return jnp.sum((design @ theta - targets) ** 2)


@register(
    "elastic_net",
    title="The elastic net: some coefficients vanish, the others shrink",
    source="D 2.5 eq. (2.34)",
    answer=Answer(fun=8.25, x=[0.75, 0.0], tol=1e-12),
    methods=("ista", "fista", "admm"),
    tags=("convex", "composite"),
    notes="The book's penalty is l1 |x|_1 + l2 |x|^2 on the sum of squares, without factors 1/2.",
)
def elastic_net() -> Composite:
    design = np.array([[1.0, 0.0], [3.0, 1.0], [0.0, 2.0], [1.0, 1.0]])
    targets = np.array([1.0, 2.0, -1.0, 3.0])
    return Composite(_squared_error, np.zeros(2), ElasticNet(2.0, 2.0), args=(design, targets))


# ---- 3.1, 3.2: logistic regression


def _cross_entropy(theta: Array, design: Array, labels: Array) -> Array:
    """Mean of log(1 + e^z) - y z over the samples, where z = design . theta."""
    scores = design @ theta
    return jnp.mean(jnp.logaddexp(0.0, scores) - labels * scores)


def _breast_cancer(*columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (all 30 when no column is named by number) and labels, 1 = malignant."""
    features, benign = _sklearn("load_breast_cancer")
    return features[:, columns or slice(None)], 1.0 - benign


@register(
    "breast_cancer_area",
    title="Malignant or benign, from the mean area of the cell nuclei",
    source="D 3.1 fig. 3.1",
    answer=Answer(fun=0.286165651271, x=[-7.974093150196, 0.011767925040], tol=1e-10, x_tol=1e-3),
    methods=("newton", "bfgs", "trust_region"),
    tags=("convex", "logistic", "ill_conditioned", "data"),
    notes="In raw units (areas near 655) the Hessian's eigenvalues differ by a factor of 9e6.",
)
def breast_cancer_area() -> Smooth:
    features, labels = _breast_cancer(3)
    return Smooth(_cross_entropy, np.zeros(2), args=(_with_ones(features), labels))


@register(
    "breast_cancer_two",
    title="Malignant or benign, from mean area and mean texture",
    source="D 3.1 fig. 3.2",
    answer=Answer(
        fun=0.253932363469,
        x=[-12.243685838272, 0.011974235243, 0.211487731567],
        tol=1e-10,
        x_tol=1e-3,
    ),
    methods=("newton", "bfgs", "trust_region"),
    tags=("convex", "logistic", "ill_conditioned", "data"),
    notes="The boundary is a line in the plane of the two features.",
)
def breast_cancer_two() -> Smooth:
    features, labels = _breast_cancer(3, 1)
    return Smooth(_cross_entropy, np.zeros(3), args=(_with_ones(features), labels))


@register(
    "breast_cancer_smoothness",
    title="Malignant or benign, from the worst smoothness alone",
    source="D 2.3 fig. 2.4",
    answer=Answer(fun=0.563642314169, x=[-6.739476965843, 46.243957282871], tol=1e-10, x_tol=1e-3),
    methods=("newton", "bfgs"),
    tags=("convex", "logistic", "ill_conditioned", "data"),
    notes="A weak feature: accuracy .717 at the minimum.",
)
def breast_cancer_smoothness() -> Smooth:
    features, labels = _breast_cancer(24)
    return Smooth(_cross_entropy, np.zeros(2), args=(_with_ones(features), labels))


_TEN_FEATURES = (0, 1, 4, 5, 8, 9, 10, 11, 14, 15)


@register(
    "breast_cancer_ten",
    title="Malignant or benign, from ten standardised features",
    source="D 3.2 fig. 3.5",
    answer=Answer(
        fun=0.1400080064298973,
        x=[
            *(-0.841237469122, 3.644114156143, 1.903082839099, 1.046320456942),
            *(1.920695526053, 0.577519751320, -0.368576237936, 1.612510337230),
            *(-0.687111917329, -0.184420634986, -0.860157274343),
        ],
        tol=1e-10,
    ),
    methods=("gradient_descent", "newton", "lbfgs"),
    tags=("convex", "logistic", "data"),
    notes="Gradient descent is stable up to 2/lambda_max = 14.53 at the minimum: 14 converges, "
    "14.6 does not.",
)
def breast_cancer_ten() -> Smooth:
    features, labels = _breast_cancer(*_TEN_FEATURES)
    design = _with_ones(_standardised(features))
    return Smooth(_cross_entropy, np.full(11, 0.1), args=(design, labels))


def _ridge_logistic(theta: dict[str, Array], features: Array, labels: Array, ridge: Array) -> Array:
    scores = features @ theta["weights"] + theta["bias"]
    loss = jnp.mean(jnp.logaddexp(0.0, scores) - labels * scores)
    return loss + ridge / 2 * jnp.sum(theta["weights"] ** 2)


_CANCER_RIDGE = {1e-3: 0.059827937271, 1e-2: 0.099591375485, 1e-1: 0.196747777781}


@register(
    "breast_cancer_ridge",
    title="Malignant or benign, from all thirty features with a ridge penalty",
    source="D 2.5 eq. (2.35)",
    answer=lambda ridge: Answer(fun=_CANCER_RIDGE.get(ridge), tol=1e-10),
    methods=("lbfgs", "newton", "trust_region_cg"),
    tags=("convex", "logistic", "regularized", "pytree", "data"),
    notes="The penalty (on the weights, not the bias) makes the minimum exist.",
)
def breast_cancer_ridge(ridge: float = 1e-2) -> Smooth:
    features, labels = _breast_cancer()
    start = {"bias": np.array(0.0), "weights": np.zeros(30)}
    return Smooth(_ridge_logistic, start, args=(_standardised(features), labels, ridge))


@register(
    "breast_cancer_separable",
    title="All thirty features, no penalty: a hyperplane separates, and nothing is optimal",
    source="D 3.1",
    answer=Answer(fun=0.0, attained=False),
    methods=("gradient_descent",),
    tags=("convex", "logistic", "unattained", "data"),
    notes="The book's numbers for 30 features are those of an unconverged fit; the infimum is 0.",
)
def breast_cancer_separable() -> Smooth:
    features, labels = _breast_cancer()
    return Smooth(_cross_entropy, np.zeros(31), args=(_with_ones(_standardised(features)), labels))


_SIX_X, _SIX_Y = np.array([-3.0, -2, -1, 1, 2, 3]), np.array([1.0, 0, 0, 1, 1, 0])


@register(
    "six_points",
    title="Six points that a logistic model cannot tell apart",
    source="D 3.2 fig. 3.4",
    answer=Answer(fun=math.log(2.0), x=[0.0, 0.0], tol=1e-12),
    methods=("gradient_descent", "newton"),
    tags=("convex", "logistic"),
    notes="Cross-entropy: minimum exactly log 2 at the origin, Hessian diag(1/4, 7/6).",
)
def six_points() -> Smooth:
    return Smooth(_cross_entropy, np.array([5.0, -2.0]), args=(_with_ones(_SIX_X), _SIX_Y))


def _brier(theta: Array, design: Array, labels: Array) -> Array:
    return jnp.mean((jax.nn.sigmoid(design @ theta) - labels) ** 2)


@register(
    "six_points_squared",
    title="The same six points under the squared loss: no longer convex",
    source="D 3.2 fig. 3.4",
    answer=Answer(fun=0.25, x=[0.0, 0.0], tol=1e-12),
    methods=("gradient_descent", "bfgs"),
    tags=("nonconvex", "logistic"),
    notes="Far from the origin plateaus of height 1/3 hold many methods.",
)
def six_points_squared() -> Smooth:
    return Smooth(_brier, np.array([0.5, 0.5]), args=(_with_ones(_SIX_X), _SIX_Y))


def _two_sigmoids(theta: Array, x: Array, labels: Array) -> Array:
    scores = theta[1] * jax.nn.sigmoid(theta[0] * x)
    return jnp.mean(jnp.logaddexp(0.0, scores) - labels * scores)


@register(
    "six_points_chain",
    title="Two sigmoids in a row: the infimum lies at infinite weights",
    source="D 4 fig. 4.5",
    answer=Answer(fun=0.664830674427, attained=False),
    methods=("gradient_descent",),
    tags=("nonconvex", "network", "unattained", "plateau"),
    notes="Infimum (H(1/3) + log 2)/2 as the first weight tends to -infinity and the second to "
    "-log 2; flat at log 2 along a zero second weight.",
)
def six_points_chain() -> Smooth:
    return Smooth(_two_sigmoids, np.array([-1.0, -1.0]), args=(_SIX_X, _SIX_Y))


# ---- 3.3: softmax


def _softmax_loss(theta: dict[str, Array], features: Array, one_hot: Array, ridge: Array) -> Array:
    scores = features @ theta["weights"].T + theta["bias"]
    loss = jnp.mean(logsumexp(scores, axis=1) - jnp.sum(one_hot * scores, axis=1))
    return loss + ridge / 2 * jnp.sum(theta["weights"] ** 2)


def _softmax_start(classes: int, features: int) -> dict[str, np.ndarray]:
    return {"bias": np.zeros(classes), "weights": np.zeros((classes, features))}


_POINTS = np.array(
    [
        (0.40, 0.85), (0.55, 0.95), (0.65, 0.80), (0.90, 0.87), (0.10, 0.50), (0.35, 0.55),
        (0.50, 0.50), (0.15, 0.20), (0.20, 0.10), (0.85, 0.30), (0.20, 0.70), (0.70, 0.50),
        (0.30, 0.30), (0.50, 0.70), (0.60, 0.60), (0.55, 0.65), (0.40, 0.70),
    ]
)  # fmt: skip
_CLASSES = np.array([1, 2, 2, 2, 1, 0, 0, 1, 0, 0, 1, 2, 1, 3, 3, 3, 3])
_POINTS_RIDGE = {
    1e-1: 1.322983343692,
    1e-2: 1.098795476490,
    1e-3: 0.782572869842,
    1e-4: 0.555714578373,
}


def _softmax_points_answer(ridge: float) -> Answer:
    if ridge == 0:
        return Answer(attained=False)
    return Answer(fun=_POINTS_RIDGE.get(ridge), tol=1e-10)


@register(
    "softmax_points",
    title="Seventeen points in four classes, softmax regression",
    source="D 3.3 fig. 3.7",
    answer=_softmax_points_answer,
    methods=("gradient_descent", "bfgs", "lbfgs"),
    tags=("convex", "softmax", "regularized", "pytree", "nonunique"),
    notes="A common shift of the biases changes nothing; without the penalty (ridge=0) the weights "
    "run to infinity, the loss towards .3368.",
)
def softmax_points(ridge: float = 1e-2) -> Smooth:
    return Smooth(_softmax_loss, _softmax_start(4, 2), args=(_POINTS, np.eye(4)[_CLASSES], ridge))


_DIGITS_RIDGE = {1e-2: 0.711793831007, 1e-3: 0.235721491239, 1e-4: 0.070128236141}


@register(
    "digits_softmax",
    title="Handwritten digits, 8 by 8 pixels, softmax regression",
    source="D 3.3 table 3.1",
    answer=lambda ridge: Answer(fun=_DIGITS_RIDGE.get(ridge), tol=1e-9),
    methods=("lbfgs", "nesterov", "trust_region_cg"),
    tags=("convex", "softmax", "regularized", "pytree", "nonunique", "data"),
    notes="The first 1437 images; on the other 360 the accuracy is .883, .897, .908 for ridge "
    "1e-2, 1e-3, 1e-4.",
)
def digits_softmax(ridge: float = 1e-2) -> Smooth:
    pixels, digits = _sklearn("load_digits")
    data = pixels[:1437] / 16, np.eye(10)[digits[:1437]]
    return Smooth(_softmax_loss, _softmax_start(10, 64), args=(*data, ridge))


_ONE_VS_REST = (
    *(58.524381612093, 105.277121143062, 70.488937084602, 99.251560214086, 61.020062756471),
    *(74.009881797320, 71.244705607135, 64.074364319632, 118.534760156465, 114.604814063613),
)


@register(
    "digits_one_vs_rest",
    title="One digit against the rest by linear least squares",
    source="D 2.3 table 2.1",
    answer=lambda digit: Answer(fun=_ONE_VS_REST[digit], tol=1e-10),
    methods=("svd", "lsqr", "lsmr"),
    tags=("convex", "least_squares", "rank_deficient", "nonunique", "data"),
    notes="Three pixels are dark in every image, so the rank is 62 of 65: the pseudo-inverse must "
    "come from the SVD.",
)
def digits_one_vs_rest(digit: int = 3) -> LeastSquares:
    pixels, digits = _sklearn("load_digits")
    targets = np.where(digits[:1437] == digit, 1.0, -1.0)
    return LeastSquares(_with_ones(pixels[:1437] / 16), targets)


# ---- 3.4: polynomial features


_RAIN = np.array(
    [
        *(10, 14, 15, 17, 20, 21, 28, 30, 32, 33, 35, 38, 40, 41, 44, 47, 48, 49, 50, 51, 53, 54),
        *(55, 60, 61, 61, 63, 64, 68, 69, 70, 74, 79, 85, 86, 87, 88, 90),
    ],
    float,
)
_PRESENT = np.array([*"00000001001110111111111110111010000000"], float)


@register(
    "species_linear",
    title="Where a species lives, from rainfall: a straight logit sees almost nothing",
    source="D 3.4 fig. 3.8",
    answer=Answer(fun=0.692530727842, x=[-0.158701623637, 0.003124700326], tol=1e-10),
    methods=("newton", "bfgs"),
    tags=("convex", "logistic", "ill_conditioned"),
    notes="The species prefers the middle, so the slope is nearly zero.",
)
def species_linear() -> Smooth:
    return Smooth(_cross_entropy, np.zeros(2), args=(_with_ones(_RAIN), _PRESENT))


@register(
    "species_quadratic",
    title="Where a species lives, from rainfall and its square",
    source="D 3.4 fig. 3.8",
    answer=Answer(
        fun=0.295397654507,
        x=[-19.447718030255, 0.863414822696, -0.008382933338],
        tol=1e-10,
        x_tol=1e-3,
    ),
    methods=("newton", "trust_region"),
    tags=("convex", "logistic", "ill_conditioned"),
    notes="Most likely at -w1/(2 w2) = 51.5 mm; the printed -w1/w2 lies outside the data.",
)
def species_quadratic() -> Smooth:
    design = np.vander(_RAIN, 3, increasing=True)
    return Smooth(_cross_entropy, np.zeros(3), args=(design, _PRESENT))


def _spirals() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    radius, arms = np.linspace(0.05, 1.0, 400), []
    for arm in (1, 2):
        turn = np.linspace((arm - 1) * 4.7, arm * 4.7, 400) + 0.3 * rng.normal(size=400)
        arms.append(np.column_stack([radius * np.sin(turn), radius * np.cos(turn)]))
    return np.concatenate(arms), np.repeat([0.0, 1.0], 400)


def _monomials(points: np.ndarray, degree: int) -> np.ndarray:
    """All products of powers of the two coordinates of total degree 1 to ``degree``."""
    first, second = points.T
    powers = [(i - j, j) for i in range(1, degree + 1) for j in range(i + 1)]
    return np.stack([first**i * second**j for i, j in powers], axis=1)


_SPIRALS = {1: 0.597786661690, 2: 0.394163267791, 4: 0.083716997278, 8: 0.069502289767}


@register(
    "spirals",
    title="Two spiral arms told apart by polynomial features",
    source="D 3.4 fig. 3.9",
    answer=lambda degree: Answer(fun=_SPIRALS.get(degree), tol=1e-10),
    methods=("lbfgs", "newton", "trust_region_cg"),
    tags=("convex", "logistic", "regularized", "ill_conditioned", "pytree", "generated"),
    notes="Ridge 1e-4 on standardised monomials; training accuracy .56, .84, .986, .994 for "
    "degree 1, 2, 4, 8.",
)
def spirals(degree: int = 4) -> Smooth:
    points, labels = _spirals()
    features = _standardised(_monomials(points, degree))
    start = {"bias": np.array(0.0), "weights": np.zeros(features.shape[1])}
    return Smooth(_ridge_logistic, start, args=(features, labels, 1e-4))


# ---- 3.5: the linear autoencoder


def _reconstruction(theta: dict[str, Array], samples: Array) -> Array:
    codes = samples @ theta["encoder"].T
    return jnp.sum((samples - codes @ theta["decoder"].T) ** 2) / len(samples)


_AUTOENCODER = {1: 16.718392317742, 2: 11.027037704532, 5: 4.579717704958, 10: 1.452935569900}


@register(
    "linear_autoencoder",
    title="A linear autoencoder finds the principal components",
    source="D 3.5 eq. (3.42)",
    answer=lambda width: Answer(fun=_AUTOENCODER.get(width), tol=1e-8),
    methods=("lbfgs", "trust_region_cg"),
    tags=("nonconvex", "network", "pytree", "nonunique", "data"),
    notes="Not convex, yet its only local minima are global: the sum of the dropped eigenvalues of "
    "the covariance; the origin is a saddle.",
)
def linear_autoencoder(width: int = 2) -> Smooth:
    samples = _standardised(_breast_cancer()[0])
    rng = np.random.RandomState(0)
    start = {"encoder": rng.normal(0, 0.1, (width, 30)), "decoder": rng.normal(0, 0.1, (30, width))}
    return Smooth(_reconstruction, start, args=(samples,))


# ---- 4.1, 4.2: convexity, landscapes, finite sums


def _peaks(x: Array) -> Array:
    first, second = x
    return (
        3 * (1 - first) ** 2 * jnp.exp(-(first**2) - (second + 1) ** 2)
        - 10 * (first / 5 - first**3 - second**5) * jnp.exp(-(first**2) - second**2)
        - jnp.exp(-((first + 1) ** 2) - second**2) / 3
    )


@register(
    "peaks",
    title="Three valleys and three hills",
    source="D 4.1 fig. 4.1",
    answer=Answer(
        fun=(-6.551133332836, -3.049849402800, -0.064935868256),
        x=(
            [0.228278920556, -1.625534957500],
            [-1.347396244368, 0.204518866097],
            [0.296445553840, 0.320196247719],
        ),
        tol=1e-10,
    ),
    methods=("gradient_descent", "bfgs", "newton"),
    tags=("nonconvex", "several_minima"),
    notes="Three minima, three maxima and three saddles (the figure marks two); flat far away.",
)
def peaks(start: tuple[float, float] = (0.0, -1.0)) -> Smooth:
    return Smooth(_peaks, np.asarray(start, float))


def _fourth_power(x: Array) -> Array:
    return x**4


@register(
    "fourth_power",
    title="Strictly convex, and still no curvature at the minimum",
    source="D 4.1",
    answer=Answer(fun=0.0, x=0.0, x_tol=2e-2),
    methods=("newton", "bfgs"),
    tags=("convex", "one_variable", "degenerate"),
    notes="Newton's error only shrinks by 2/3 per step; positive definiteness is not necessary.",
)
def fourth_power() -> Smooth:
    return Smooth(_fourth_power, 1.0)


def _exponential(x: Array) -> Array:
    return jnp.exp(x)


@register(
    "exponential",
    title="Strictly convex, and still no minimum",
    source="D 4.1",
    answer=Answer(fun=0.0, attained=False),
    methods=("gradient_descent",),
    tags=("convex", "one_variable", "unattained"),
    notes="Strict convexity gives at most one minimiser, not at least one.",
)
def exponential() -> Smooth:
    return Smooth(_exponential, 0.0)


def _cross(x: Array) -> Array:
    return x[0] ** 2 * x[1] ** 2


@register(
    "valley_cross",
    title="Two crossing valleys: minima along both axes, convex near none of them",
    source="D 4.1",
    answer=Answer(fun=0.0),
    methods=("gradient_descent", "bfgs"),
    tags=("nonconvex", "degenerate", "nonunique"),
    notes="A local minimum need not have a convex neighbourhood.",
)
def valley_cross() -> Smooth:
    return Smooth(_cross, np.array([1.0, 0.5]))


def _rosenbrock_residuals(x: Array) -> Array:
    return jnp.concatenate([1 - x[:-1], 10 * (x[1:] - x[:-1] ** 2)])


def _rosenbrock(x: Array) -> Array:
    return jnp.sum(_rosenbrock_residuals(x) ** 2)


_SECOND_MINIMUM = (  # its value for n = 4, 5, ..., 18; constant from there on
    *(3.701428610430, 3.930839434133, 3.973940500930, 3.983600536425, 3.985887769599),
    *(3.986442823248, 3.986579112347, 3.986612769451, 3.986621104721, 3.986623171864),
    *(3.986623684872, 3.986623812231, 3.986623843854, 3.986623851707, 3.986623853657),
)


def _rosenbrock_answer(n: int, scale: float = 1.0) -> Answer:
    if n < 4:
        return Answer(fun=0.0, x=np.ones(n))
    return Answer(fun=(0.0, scale * _SECOND_MINIMUM[min(n, 18) - 4]), x=(np.ones(n),))


@register(
    "rosenbrock",
    title="Rosenbrock's curved valley",
    source="D 4 eq. (4.9)",
    answer=lambda n, start: _rosenbrock_answer(n),
    methods=("gradient_descent", "momentum", "adam", "newton", "bfgs", "lbfgs"),
    tags=("nonconvex", "ill_conditioned"),
    notes="Hessian eigenvalues .3994 and 1001.6 at the minimum: a fixed step must stay below "
    ".0019968. Chained for n > 2, with a second minimum, near (-1, 1, ..., 1), from n = 4 on.",
)
def rosenbrock(n: int = 2, start: tuple[float, ...] = (0.2, -0.2)) -> Smooth:
    return Smooth(_rosenbrock, np.resize(np.asarray(start, float), n))


@register(
    "rosenbrock_residuals",
    title="Rosenbrock's valley as a sum of squares",
    source="D 4 eq. (4.9)",
    answer=lambda n, start: _rosenbrock_answer(n, scale=0.5),
    methods=("gauss_newton", "levenberg_marquardt"),
    tags=("nonconvex", "nonlinear_least_squares"),
    notes="Gauss-Newton with full steps needs two of them when n = 2.",
)
def rosenbrock_residuals(
    n: int = 2, start: tuple[float, ...] = (-1.2, 1.0)
) -> NonlinearLeastSquares:
    return NonlinearLeastSquares(_rosenbrock_residuals, np.resize(np.asarray(start, float), n))


def _centres(x: Array, centres: Array, scale: Array) -> Array:
    offsets = x - centres
    return jnp.mean(scale * offsets[:, 0] ** 2 + offsets[:, 1] ** 2)


@register(
    "five_centres",
    title="Five bowls with different centres, averaged",
    source="D 4.2 fig. 4.3",
    answer=Answer(fun=193 / 75, x=[11 / 6, 1.4], tol=1e-12),
    methods=("gradient_descent",),
    tags=("convex", "quadratic"),
    notes="Hessian diag(4.8, 2); the minimum need not lie in the hull of the centres unless all "
    "bowls have the same shape.",
)
def five_centres() -> Smooth:
    centres = np.array([[1.0, 1], [2, 0], [3, 1], [2, 3], [1, 2]])
    scale = np.array([1.0, 2, 3, 2, 4])
    return Smooth(_centres, np.array([6.0, 6.0]), args=(centres, scale))


# ---- 4.3, 4.5: first-order methods, conjugate gradients


def _ten_to_one(x: Array) -> Array:
    return 0.5 * (x[0] ** 2 + 10 * x[1] ** 2)


@register(
    "first_steps",
    title="The small bowl on which every update rule is checked by hand",
    source="D 4.3",
    answer=Answer(fun=0.0, x=[0.0, 0.0], tol=1e-12),
    methods=("momentum", "nesterov", "look_ahead", "adagrad", "rmsprop", "adam", "adamax", "nadam"),
    tags=("convex", "quadratic"),
    notes="With step .1 gradient descent lands on (.9, 0), momentum .9 on (.99, .9), ADAM on "
    "(.9, .9).",
)
def first_steps() -> Smooth:
    return Smooth(_ten_to_one, np.array([1.0, 1.0]))


def _poisson(x: Array, A: Array, b: Array) -> Array:
    return 0.5 * x @ A @ x - b @ x


def _poisson_answer(n: int) -> Answer:
    i = np.arange(1, n + 1)
    return Answer(fun=-n * (n + 1) * (n + 2) / 24, x=i * (n + 1 - i) / 2, tol=1e-10)


@register(
    "conjugate_directions",
    title="A loaded string: conjugate gradients finish in n steps at most",
    source="D 4.5 eq. (4.47)",
    answer=_poisson_answer,
    methods=("conjugate_gradient", "bfgs", "newton"),
    tags=("convex", "quadratic"),
    notes="Second differences (-1, 2, -1) with unit load; the solution is a parabola.",
)
def conjugate_directions(n: int = 8) -> Smooth:
    A = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    return Smooth(_poisson, np.zeros(n), args=(A, np.ones(n)))


# ---- 4.6: Newton's method in one variable


def _cubic(x: Array) -> Array:
    return (x - 3) ** 2 * (x + 3)


@register(
    "newton_cubic",
    title="Newton overshoots uphill, then converges",
    source="D 4.6 eq. (4.52)",
    answer=Answer(fun=0.0, x=3.0, tol=1e-10),
    methods=("newton",),
    tags=("nonconvex", "one_variable", "unbounded_below"),
    notes="From 1.5 the first step goes to 5.25; from any start below 1 pure Newton ends at the "
    "maximum -1.",
)
def newton_cubic(start: float = 1.5) -> Smooth:
    return Smooth(_cubic, start)


def _cycle(x: Array) -> Array:
    return -(x**4) / 4 + 5 * x**2 / 2


@register(
    "newton_cycle",
    title="Newton jumps between 1 and -1 for ever",
    source="D 4.6",
    answer=Answer(fun=0.0, x=0.0, tol=1e-10),
    methods=("newton", "gradient_descent"),
    tags=("nonconvex", "one_variable", "unbounded_below"),
    notes="An exact cycle of length two around the local minimum 0; any line search breaks it.",
)
def newton_cycle() -> Smooth:
    return Smooth(_cycle, 1.0)


def _quartic(x: Array) -> Array:
    return x**4 - 4 * x**3 - 2 * x**2 + 10 * x + 15


@register(
    "newton_quartic",
    title="A quartic with two minima and a maximum between them",
    source="D 4.6 fig. 4.10",
    answer=Answer(
        fun=(-0.060659795527, 7.935413724877), x=(3.059791970101, -0.934297875766), tol=1e-10
    ),
    methods=("newton", "gradient_descent"),
    tags=("nonconvex", "one_variable", "several_minima"),
    notes="From 2.5 pure Newton finds the minimum 3.0598, from 1.7 the maximum .8745.",
)
def newton_quartic(start: float = 2.5) -> Smooth:
    return Smooth(_quartic, start)


# ---- 6.1, 6.2: filters


def _windows(image: np.ndarray) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(image, (3, 3)).reshape(-1, 9)


_SOBEL = np.array([-1.0, -2, -1, 0, 0, 0, 1, 2, 1])


@register(
    "learn_sobel",
    title="Learning an edge filter from its output",
    source="D 6.2",
    answer=Answer(fun=0.0, x=_SOBEL, tol=1e-12),
    methods=(*_LINEAR_SOLVERS, "gradient_descent"),
    tags=("convex", "least_squares", "generated"),
    notes="A 12 by 12 noise image and its filtered version determine the nine weights exactly.",
)
def learn_sobel() -> LeastSquares:
    windows = _windows(np.random.RandomState(0).normal(size=(12, 12)))
    return LeastSquares(windows, windows @ _SOBEL)


@register(
    "deconvolution",
    title="Recovering a polynomial from its product with a known one",
    source="D 6.2 eq. (6.3)",
    answer=Answer(fun=0.0, x=[2.0, 0.0, -1.0, 3.0, 1.0, -2.0], tol=1e-12),
    methods=_LINEAR_SOLVERS,
    tags=("convex", "least_squares"),
    notes="Multiplication by a polynomial is a Toeplitz matrix, here 8 by 6, of full column rank.",
)
def deconvolution() -> LeastSquares:
    known, hidden = np.array([1.0, -2.0, 3.0]), np.array([2.0, 0.0, -1.0, 3.0, 1.0, -2.0])
    toeplitz = np.stack([np.convolve(known, unit) for unit in np.eye(6)], axis=1)
    return LeastSquares(toeplitz, np.convolve(known, hidden))
