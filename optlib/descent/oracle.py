"""What a method may ask of a smooth problem at a flat point: f, gradient, Hessian, products.

One class per way of computing: traced JAX inside a program, jitted JAX called from the host, and
plain NumPy with the user's gradient or finite differences. All take and return flat vectors, and
say what one gradient step costs (``fun_calls`` and ``grad_calls``), so that counts are honest; the
NumPy one counts every call it makes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


class TracedOracle:
    """JAX functions of the flat point, for use inside a program."""

    fun_calls = grad_calls = 1
    note = ""

    def __init__(self, problem: Any) -> None:
        self.problem = problem
        self.lower, self.upper = problem.flat_bounds(jnp)

    def value_and_grad(self, x: Any) -> tuple[Any, Any]:
        return _value_and_grad(self.problem, x)

    def hessian(self, x: Any) -> Any:
        return _hessian(self.problem, x)

    def hvp(self, x: Any, v: Any) -> Any:
        return _hvp(self.problem, x, v)

    def gradient(self, x: Any) -> Any:
        return _grad(self.problem, x)

    def certificate_derivatives(self, x: Any) -> tuple[Any, Any]:
        """Gradient and Hessian together."""
        return _grad_and_hessian(self.problem, x)

    certificate_hvp = hvp

    def residual_shapes(self, x: Any) -> tuple[Any, Any]:
        """Shapes of the residual vector and of its Jacobian, without computing them."""
        r = jax.eval_shape(self.problem.flat_residual, x)
        return r.shape, (*r.shape, x.size)

    def residual_and_jacobian(self, x: Any) -> tuple[Any, Any]:
        return _residual_and_jacobian(self.problem, x)


def _grad(problem: Any, x: Any) -> Any:
    return problem.flat_grad(x) if problem.grad is not None else jax.grad(problem.flat_fun)(x)


def _value_and_grad(problem: Any, x: Any) -> tuple[Any, Any]:
    if problem.grad is not None:
        return problem.flat_fun(x), problem.flat_grad(x)
    return jax.value_and_grad(problem.flat_fun)(x)


def _hvp(problem: Any, x: Any, v: Any) -> Any:
    return jax.jvp(lambda y: _grad(problem, y), (x,), (v,))[1]


def _hessian(problem: Any, x: Any) -> Any:
    return _grad_and_hessian(problem, x)[1]


def _grad_and_hessian(problem: Any, x: Any) -> tuple[Any, Any]:
    if problem.hess is not None:
        return _grad(problem, x), problem.flat_hess(x)
    g, push = jax.linearize(lambda y: _grad(problem, y), x)
    return g, jax.vmap(push)(jnp.eye(x.size, dtype=x.dtype))


def _residual_and_jacobian(problem: Any, x: Any) -> tuple[Any, Any]:
    r, push = jax.linearize(problem.flat_residual, x)
    if r.size < x.size:
        _, pull = jax.vjp(problem.flat_residual, x)
        return r, jax.vmap(lambda u: pull(u)[0])(jnp.eye(r.size, dtype=r.dtype))
    return r, jax.vmap(push, out_axes=1)(jnp.eye(x.size, dtype=x.dtype))


_jit_value_and_grad = jax.jit(_value_and_grad)
_jit_hessian = jax.jit(_hessian)
_jit_hvp = jax.jit(_hvp)
_jit_residual_and_jacobian = jax.jit(_residual_and_jacobian)

NOT_JAX = (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError)
"""What JAX raises when it meets code that only NumPy can run."""


def is_traceable(problem: Any) -> bool:
    """Whether JAX can trace the objective (and the gradient or Hessian that came with it)."""
    x = problem.flat_start(np)
    with jax.enable_x64(problem.dtype == np.float64):
        try:
            _jit_value_and_grad.eval_shape(problem.resident(), x)
            if problem.hess is not None:
                _jit_hessian.eval_shape(problem.resident(), x)
        except NOT_JAX:
            return False
    return True


class _HostOracle:
    """Shared by the two host oracles: second derivatives by differences of the gradient."""

    value_and_grad: Callable[[Any], tuple[Any, Any]]

    def __init__(self, problem: Any) -> None:
        self.problem = problem
        self.lower, self.upper = problem.flat_bounds(np)

    def hessian(self, x: Any) -> Any:
        """Central differences of the gradient, symmetrised."""
        steps = _difference_steps(x)
        columns = np.empty((x.size, x.size), x.dtype)
        for i, h in enumerate(steps):
            columns[i] = self._difference(x, i, h)
        return 0.5 * (columns + columns.T)

    def _difference(self, x: Any, i: int, h: float) -> Any:
        ahead, behind = x.copy(), x.copy()
        ahead[i] += h
        behind[i] -= h
        return (self.value_and_grad(ahead)[1] - self.value_and_grad(behind)[1]) / (
            ahead[i] - behind[i]
        )

    def hvp(self, x: Any, v: Any) -> Any:
        norm = np.linalg.norm(v)
        if norm == 0:
            return np.zeros_like(v)
        h = (np.finfo(x.dtype).eps * max(1.0, float(np.linalg.norm(x)))) ** (1 / 3) / norm
        up, down = self.value_and_grad(x + h * v)[1], self.value_and_grad(x - h * v)[1]
        return (up - down) / (2 * h)

    def gradient(self, x: Any) -> Any:
        return self.value_and_grad(x)[1]

    def certificate_derivatives(self, x: Any) -> tuple[Any, Any]:
        """Gradient, and Hessian by its differences; entries lost in their noise are 0."""
        return self.gradient(x), _without_noise(_HostOracle.hessian(self, x))

    def certificate_hvp(self, x: Any, v: Any) -> Any:
        return _without_noise(_HostOracle.hvp(self, x, v))


class JittedOracle(_HostOracle):
    """Jitted JAX functions called from Python, NumPy arrays in and out.

    The certificate takes second derivatives by differences of the compiled gradient, which saves
    compiling a Hessian for a small one-off solve; where differences lose an entry in the noise of
    larger ones, the Hessian is compiled.
    """

    fun_calls = grad_calls = 1
    note = ""

    def _call(self, function: Any, *points: Any) -> Any:
        """The function at these points, in the problem's precision wherever it is called from."""
        with jax.enable_x64(self.problem.dtype == np.float64):
            return function(self.problem.resident(), *points)

    def value_and_grad(self, x: Any) -> tuple[Any, Any]:
        f, g = self._call(_jit_value_and_grad, x)
        return np.asarray(f)[()], np.asarray(g)

    def hessian(self, x: Any) -> Any:
        return np.asarray(self._call(_jit_hessian, x))

    def certificate_derivatives(self, x: Any) -> tuple[Any, Any]:
        differences = _HostOracle.hessian(self, x)
        lost = np.any(_without_noise(differences) != differences)
        return self.gradient(x), self.hessian(x) if lost else differences

    def hvp(self, x: Any, v: Any) -> Any:
        return np.asarray(self._call(_jit_hvp, x, v))

    def residual_shapes(self, x: Any) -> tuple[Any, Any]:
        """Shapes of the residual vector and of its Jacobian, without computing them."""
        r, jacobian = self._call(_jit_residual_and_jacobian.eval_shape, x)
        return r.shape, jacobian.shape

    def residual_and_jacobian(self, x: Any) -> tuple[Any, Any]:
        r, jacobian = self._call(_jit_residual_and_jacobian, x)
        return np.asarray(r), np.asarray(jacobian)


class NumpyOracle(_HostOracle):
    """A NumPy objective, with the gradient given or central differences; counts its own calls."""

    fun_calls = grad_calls = 1

    def __init__(self, problem: Any) -> None:
        super().__init__(problem)
        self.calls = {"nfev": 0, "njev": 0, "nhev": 0}
        given = problem.grad is not None
        how = "the gradient given" if given else "a gradient by central finite differences"
        self.note = f"NumPy objective: host engine with {how}"

    def _fun(self, x: Any) -> Any:
        self.calls["nfev"] += 1
        return np.asarray(self.problem.flat_fun(x), dtype=x.dtype)[()]

    def _residual(self, x: Any) -> Any:
        self.calls["nfev"] += 1
        return self.problem.flat_residual(x)

    def value_and_grad(self, x: Any) -> tuple[Any, Any]:
        f = self._fun(x)
        if self.problem.grad is None:
            return f, central_differences(self._fun, x)
        self.calls["njev"] += 1
        return f, self.problem.flat_grad(x)

    def hessian(self, x: Any) -> Any:
        if self.problem.hess is None:
            return super().hessian(x)
        self.calls["nhev"] += 1
        return self.problem.flat_hess(x)

    def residual_shapes(self, x: Any) -> tuple[Any, Any]:
        """Shapes of the residual vector and of its Jacobian."""
        m = np.size(self._residual(x))
        return (m,), (m, x.size)

    def residual_and_jacobian(self, x: Any) -> tuple[Any, Any]:
        columns = []
        for i, h in enumerate(_difference_steps(x)):
            ahead, behind = x.copy(), x.copy()
            ahead[i] += h
            behind[i] -= h
            rise = self._residual(ahead) - self._residual(behind)
            columns.append(rise / (ahead[i] - behind[i]))
        return self._residual(x), np.stack(columns, axis=1)


def _without_noise(differences: Any) -> Any:
    """Central differences with what may be rounding error set to 0."""
    size = np.abs(differences)
    noise = 100.0 * np.finfo(differences.dtype).eps ** (2 / 3)
    return np.where(size > noise * size.max(initial=0.0), differences, 0.0)


def _difference_steps(x: Any) -> Any:
    """Steps that balance the rounding of x itself against curvature of the third order.

    A step in proportion to x would look across whole periods of a function such as cos(x) far
    from the origin.
    """
    return (np.finfo(x.dtype).eps * np.maximum(1.0, np.abs(x))) ** (1 / 3)


def central_differences(fun: Callable[[Any], Any], x: Any) -> Any:
    """``(f(x + h e_i) - f(x - h e_i)) / 2h``, error O(h²) (book A eq. 1.4-(2))."""
    gradient = np.empty_like(x)
    for i, h in enumerate(_difference_steps(x)):
        ahead, behind = x.copy(), x.copy()
        ahead[i] += h
        behind[i] -= h
        gradient[i] = (fun(ahead) - fun(behind)) / (ahead[i] - behind[i])
    return gradient
