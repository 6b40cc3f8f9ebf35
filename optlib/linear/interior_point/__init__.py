"""Interior point method for sparse linear programs, and for many small dense ones."""

from .dense import solve_many
from .solver import History, solve, solve_with_history

__all__ = ["History", "solve", "solve_many", "solve_with_history"]
