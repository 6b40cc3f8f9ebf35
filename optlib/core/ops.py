"""The two engines' arithmetic: the same step text runs on NumPy and under JAX.

``HOST`` runs plain NumPy, and evaluates only the branch that is taken. ``COMPILED`` runs inside
an XLA program: a choice evaluates both sides and selects, so that a vmapped lane never waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


class HostOps:
    """NumPy; control flow is Python's."""

    xp: Any = np
    compiled = False

    def choose(self, condition: Any, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
        """``yes()`` where the condition holds, else ``no()``."""
        return yes() if condition else no()

    def cond(
        self, condition: Any, yes: Callable[..., Any], no: Callable[..., Any], *operands: Any
    ) -> Any:
        """``yes(*operands)`` where the condition holds, else ``no(*operands)``."""
        return yes(*operands) if condition else no(*operands)

    def repeat(self, count: int, body: Callable[[Any], Any], value: Any) -> Any:
        """``body`` applied a fixed number of times."""
        for _ in range(count):
            value = body(value)
        return value

    def put(self, array: Any, index: Any, value: Any) -> Any:
        """``array`` with ``array[index] = value``; in place here."""
        array[index] = value
        return array

    def cholesky(self, matrix: Any) -> Any:
        """Lower Cholesky factor; NaN where the matrix is not positive definite."""
        try:
            return np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            return np.full_like(matrix, np.nan)

    def solve_triangular(self, factor: Any, rhs: Any, *, transpose: bool = False) -> Any:
        """Solve ``L v = rhs`` (or ``Lᵀ v = rhs``) for lower triangular ``L``."""
        if factor.shape[0] <= 128:  # loading SciPy takes longer than the whole of a small solve
            return np.linalg.solve(factor.T if transpose else factor, rhs)
        from scipy.linalg import solve_triangular

        return solve_triangular(
            factor, rhs, lower=True, trans=1 if transpose else 0, check_finite=False
        )


class CompiledOps:
    """``jax.numpy``; control flow is selection."""

    xp: Any = jnp
    compiled = True

    def choose(self, condition: Any, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
        """Both sides, selected entry by entry."""
        return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes(), no())

    def cond(
        self, condition: Any, yes: Callable[..., Any], no: Callable[..., Any], *operands: Any
    ) -> Any:
        """Only the taken branch runs (both under vmap): for work that is worth skipping."""

        return jax.lax.cond(condition, lambda: yes(*operands), lambda: no(*operands))

    def repeat(self, count: int, body: Callable[[Any], Any], value: Any) -> Any:
        """``body`` applied a fixed number of times."""
        return jax.lax.fori_loop(0, count, lambda _, v: body(v), value)

    def put(self, array: Any, index: Any, value: Any) -> Any:
        """``array`` with ``array[index] = value``."""
        return array.at[index].set(value)

    def cholesky(self, matrix: Any) -> Any:
        """Lower Cholesky factor; NaN where the matrix is not positive definite."""
        return jnp.linalg.cholesky(matrix)

    def solve_triangular(self, factor: Any, rhs: Any, *, transpose: bool = False) -> Any:
        """Solve ``L v = rhs`` (or ``Lᵀ v = rhs``) for lower triangular ``L``."""
        return jax.scipy.linalg.solve_triangular(
            factor, rhs, lower=True, trans=1 if transpose else 0
        )


HOST = HostOps()
COMPILED = CompiledOps()
Ops = HostOps | CompiledOps
