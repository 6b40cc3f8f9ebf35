"""Reductions of a linear program, each undone exactly: point, multipliers, basis and rays."""

from .driver import Presolved, presolve, reduce

__all__ = ["Presolved", "presolve", "reduce"]
