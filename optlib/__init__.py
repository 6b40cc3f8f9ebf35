"""optlib: one door to optimization, and a proof with every answer.

>>> import optlib as ol
>>> result = ol.minimize(lambda x: (x - 3.0) ** 2, x0=0.0)
>>> result.success, round(float(result.x), 6)
(True, 3.0)
"""

from typing import Any

from .compare import Comparison, compare
from .core.certificate import Certificate
from .core.engines import ProgressInfo
from .core.errors import NotSupportedError, UnknownNameError
from .core.method import Method, methods
from .core.result import Result
from .core.status import Status
from .core.stopping import (
    AbsoluteDecrease,
    Criterion,
    GradNorm,
    MaxIterations,
    MaxSeconds,
    RelativeDecrease,
    RelativeStep,
    StepNorm,
    TargetValue,
)
from .core.trace import Trace
from .descent.adaptive import (
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    Nadam,
    RMSprop,
    Yogi,
)
from .descent.barzilai_borwein import BarzilaiBorwein
from .descent.composite import ADMM, FISTA, ISTA, Composite
from .descent.conjugate_gradient import ConjugateGradient
from .descent.coordinate_descent import CoordinateDescent
from .descent.gradient import GradientDescent, ProjectedGradient
from .descent.lbfgs import LBFGS, LBFGSB
from .descent.least_squares import LSMR, LSQR, QR, SVD, LeastSquares
from .descent.levenberg_marquardt import GaussNewton, LevenbergMarquardt
from .descent.momentum import HeavyBall, LookAhead, Momentum, Nesterov
from .descent.newton import Newton
from .descent.newton_cg import NewtonCG
from .descent.problem import NonlinearLeastSquares, Smooth
from .descent.quasi_newton import BFGS, DFP
from .descent.regularizers import (
    L1,
    Box,
    ElasticNet,
    L2Ball,
    NonNegative,
    NuclearNorm,
    Regularizer,
    Simplex,
    SquaredL2,
)
from .descent.steps import (
    Backtracking,
    Cosine,
    Exact,
    Exponential,
    Fixed,
    InverseSqrt,
    InverseTime,
    Piecewise,
    WarmUp,
    Wolfe,
)
from .descent.trust_region import TrustRegion, TrustRegionCG
from .linear.highs import HiGHS
from .linear.integer import BranchAndBound
from .linear.problem import LinearProgram
from .linear.tableau import Tableau
from .minimize import certify, minimize

__version__ = "0.1.0"

__all__ = [
    # the door
    "minimize", "certify", "compare", "methods", "problems",
    # what comes back
    "Result", "Status", "Certificate", "Trace", "Comparison", "ProgressInfo",
    # problems
    "Smooth", "NonlinearLeastSquares", "LeastSquares", "Composite", "LinearProgram",
    # methods
    "Method", "GradientDescent", "ProjectedGradient", "HeavyBall", "Momentum", "LookAhead",
    "Nesterov", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW", "Nadam", "Adamax", "AMSGrad",
    "Yogi", "Newton", "NewtonCG", "TrustRegion", "TrustRegionCG", "BFGS", "DFP", "LBFGS",
    "LBFGSB", "ConjugateGradient", "BarzilaiBorwein", "CoordinateDescent", "GaussNewton",
    "LevenbergMarquardt", "QR", "SVD", "LSQR", "LSMR", "ISTA", "FISTA", "ADMM",
    "HiGHS", "Tableau", "BranchAndBound",
    # step rules
    "Fixed", "Backtracking", "Wolfe", "Exact", "InverseTime", "InverseSqrt", "Exponential",
    "Cosine", "Piecewise", "WarmUp",
    # regularizers
    "Regularizer", "L1", "SquaredL2", "ElasticNet", "Box", "NonNegative", "Simplex", "L2Ball",
    "NuclearNorm",
    # stopping
    "Criterion", "GradNorm", "RelativeDecrease", "AbsoluteDecrease", "StepNorm", "RelativeStep",
    "TargetValue", "MaxIterations", "MaxSeconds",
    # errors
    "UnknownNameError", "NotSupportedError",
]  # fmt: skip


def _paint(result: Result, **options: Any) -> Any:
    """The picture of a result; matplotlib is loaded only when one is drawn."""
    from .plotting import plot_result

    return plot_result(result, **options)


Result.painter = staticmethod(_paint)


def __getattr__(name: str) -> Any:
    """``optlib.problems`` is loaded when first used."""
    if name == "problems":
        import importlib

        return importlib.import_module("optlib.problems")
    raise AttributeError(f"module 'optlib' has no attribute {name!r}")
