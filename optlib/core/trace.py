"""The history of a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from .tree import pytree


@pytree
class Trace:
    """What happened at each accepted step; entry 0 is the start.

    Attributes
    ----------
    fun, grad_norm, step_size : array, shape (nit + 1,)
        Objective, largest entry of the gradient, and the step size that led there (0 first).
    nfev : array of int, shape (nit + 1,)
        Evaluations of f made up to then.
    x : pytree, leading axis nit + 1
        The iterates (``None`` beyond ``MAX_WIDTH`` variables).

    Under ``jit`` and ``vmap`` the arrays have the fixed length ``max_iterations + 1``, and the
    entries after the last step repeat NaN (and -1 in ``nfev``).
    """

    fun: Any
    grad_norm: Any
    step_size: Any
    nfev: Any
    x: Any

    def __len__(self) -> int:
        return int(np.shape(self.fun)[-1])


MAX_WIDTH = 1000
"""Iterates of more variables than this are not recorded."""
