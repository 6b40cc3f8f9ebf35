"""The teaching simplex: every tableau on the page, in floating point or in fractions."""

from .history import History, Step
from .method import Tableau

__all__ = ["History", "Step", "Tableau"]
