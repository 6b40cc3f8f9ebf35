"""Derivatives of a solution with respect to the problem's data, by the implicit function theorem.

At a minimum the free part of the gradient vanishes for every value of the data θ, so

    ``H dx_free = -(∂g/∂θ dθ)_free - H_fa dx_active``,  ``dx_active = d(bound)``,

and by the envelope theorem ``df* = ∂f/∂θ dθ + g·dx``. The rule is a linear solve, so it serves
forward and reverse mode, and its own derivatives (Griewank & Walther 2008, section 15).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


@jax.custom_jvp
def implicit_minimum(problem: Any, x: Any, fun: Any) -> tuple[Any, Any]:
    """The solution as it is; see the rule for how it depends on the problem's data."""
    return x, fun


@implicit_minimum.defjvp
def _rule(primals: Any, tangents: Any) -> Any:
    problem = primals[0]
    x, fun = implicit_minimum(*primals)  # so that derivatives of this rule see x move too
    direction = tangents[0]

    def value_and_grad(p: Any) -> Any:
        f = lambda y: p.flat_fun(y)
        return jax.value_and_grad(f)(x)

    (_, g), (df, dg) = jax.jvp(value_and_grad, (problem,), (direction,))
    hessian = jax.jacfwd(jax.grad(problem.flat_fun))(x)
    if problem.lower is None:
        dx = -jnp.linalg.solve(hessian, dg)
        return (x, fun), (dx, df + g @ dx)
    low, high = x <= problem.lower, x >= problem.upper
    fixed = low | high
    on_bound = jnp.where(
        low, _tangent(direction.lower, x), jnp.where(high, _tangent(direction.upper, x), 0.0)
    )
    free = ~fixed
    both = free[:, None] & free[None, :]
    system = jnp.where(both, hessian, 0.0) + jnp.diag(jnp.where(fixed, 1.0, 0.0))
    rhs = jnp.where(fixed, on_bound, -dg - jnp.where(free[:, None], hessian, 0.0) @ on_bound)
    dx = jnp.linalg.solve(system, rhs)
    return (x, fun), (dx, df + g @ dx)


def _tangent(tangent: Any, x: Any) -> Any:
    """A bound's tangent as an array of the point's type."""
    if getattr(tangent, "dtype", None) == jax.dtypes.float0:
        return jnp.zeros_like(x)
    return jnp.asarray(tangent, dtype=x.dtype)
