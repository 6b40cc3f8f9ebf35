"""``x_{k+1} = x_k - s_k D_k``: unconstrained and bounded smooth minimisation.

Importing this package registers its methods.
"""

# The order is the order in which `optlib methods` lists them.
from . import gradient  # noqa: I001
from . import momentum
from . import adaptive
from . import newton
from . import newton_cg
from . import trust_region
from . import quasi_newton
from . import lbfgs
from . import conjugate_gradient
from . import barzilai_borwein
from . import coordinate_descent
from . import levenberg_marquardt
from . import least_squares
from . import composite

__all__ = [
    "adaptive",
    "barzilai_borwein",
    "composite",
    "conjugate_gradient",
    "coordinate_descent",
    "gradient",
    "lbfgs",
    "least_squares",
    "levenberg_marquardt",
    "momentum",
    "newton",
    "newton_cg",
    "quasi_newton",
    "trust_region",
]
