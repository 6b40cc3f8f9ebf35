"""Pictures of results: paths, convergence, line searches and performance profiles.

Needs matplotlib (``pip install "optlib[plot]"``), which is imported when the first picture is
drawn and not before.
"""

from .convergence import known_rate, plot_convergence
from .line_search import plot_line_search
from .linear import plot_linear_program
from .paths import plot_paths
from .profile import performance_profile, plot_profile
from .result import plot_result

__all__ = [
    "known_rate",
    "performance_profile",
    "plot_convergence",
    "plot_line_search",
    "plot_linear_program",
    "plot_paths",
    "plot_profile",
    "plot_result",
]
