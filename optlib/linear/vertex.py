"""The vertex that a set of active constraints defines: its exact point, and its derivative.

Where F are the variables off their bounds and R the rows that hold with equality, a solution is
``A_RF x_F = b_R - A_RN x_N`` with x_N at bounds, and its multipliers ``A_RFᵀ y_R = c_F``. At a
unique nondegenerate vertex ``A_RF`` is square and regular, and both systems may be differentiated
(Fiacco 1983, section 3.2). Elsewhere they are regularised: the derivative is then that of the
nearest point of least change.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

REFINEMENTS = 2


class Active(NamedTuple):
    """Which variables are off their bounds, which bound the others are at, which rows are tight."""

    free: Any
    at_upper: Any
    tight: Any


class System(NamedTuple):
    """``[0, A_RFᵀ; A_RF, 0]``, with ones for the variables and rows that do not take part."""

    matrix: Any
    factors: Any

    @classmethod
    def of(cls, A: Any, active: Active) -> System:
        m, n = A.shape
        A = jnp.where(active.tight[:, None] & active.free, A, 0.0)
        size = jnp.abs(A).max(initial=0.0) + 1.0
        idle = jnp.diag(jnp.concatenate([~active.free, ~active.tight]).astype(A.dtype))
        matrix = jnp.block([[jnp.zeros((n, n), A.dtype), A.T], [A, jnp.zeros((m, m), A.dtype)]])
        shift = size * jnp.finfo(A.dtype).eps ** 0.75
        signs = jnp.concatenate([jnp.full(n, -shift), jnp.full(m, shift)])
        matrix = matrix + idle
        return cls(matrix, jax.scipy.linalg.lu_factor(matrix + jnp.diag(signs)))

    def solve(self, right: Any) -> Any:
        """The solution, refined against the matrix without its regularisation."""
        found = jax.scipy.linalg.lu_solve(self.factors, right)
        for _ in range(REFINEMENTS):
            left = right - self.matrix @ found
            found = found + jax.scipy.linalg.lu_solve(self.factors, left)
        return found


def purified(lp: Any, x: Any, y: Any, active: Active) -> tuple[Any, Any]:
    """The vertex of the active constraints, reached by one correction from ``(x, y)``."""
    bound = jnp.where(active.at_upper, lp.upper, lp.lower)
    x = jnp.where(active.free, x, bound)
    y = jnp.where(active.tight, y, 0.0)
    stationarity = jnp.where(active.free, lp.c - lp.A.T @ y, 0.0)
    rows = jnp.where(active.tight, lp.b - lp.A @ x, 0.0)
    change = System.of(lp.A, active).solve(jnp.concatenate([stationarity, rows]))
    return x + change[: x.size], y + change[x.size :]


@jax.custom_jvp
def implicit_vertex(data: Any, x: Any, y: Any, active: Active) -> tuple[Any, Any]:
    """The solution as it is; see the rule for how it depends on ``c, A, b, lower, upper``."""
    return x, y


@implicit_vertex.defjvp
def _rule(primals: Any, tangents: Any) -> Any:
    (_, A, _, _, _), _, _, active = primals
    x, y = implicit_vertex(*primals)  # so that derivatives of this rule see both move
    dc, dA, db, dlower, dupper = tangents[0]
    at_bound = jnp.where(active.at_upper, dupper, dlower)
    dx = jnp.where(active.free, 0.0, at_bound)
    stationarity = jnp.where(active.free, dc - dA.T @ y, 0.0)
    rows = jnp.where(active.tight, db - dA @ x - A @ dx, 0.0)
    change = System.of(A, active).solve(jnp.concatenate([stationarity, rows]))
    return (x, y), (dx + change[: x.size], change[x.size :])
