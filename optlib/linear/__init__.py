"""Linear programs: problem, certificates, simplex, interior point, files.

Importing this package registers its methods.
"""

# The order is the order in which `optlib methods` lists them.
from . import methods  # noqa: I001
from . import highs, tableau, integer
from .names import Names
from .problem import LinearDual, LinearProgram

__all__ = [
    "LinearDual",
    "LinearProgram",
    "Names",
    "highs",
    "integer",
    "methods",
    "tableau",
]
