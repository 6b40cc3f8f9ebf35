"""The other libraries behind one call, for the scripts that count solved problems.

A peer gets an :class:`Objective`, and says where it ended and whether it claims success.
Evaluations are counted here for SciPy, and are the library's own counts for the compiled ones.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize

GRADIENT = 1e-8
"""Everybody is asked for this gradient, or for what comes nearest to it among their options."""


class Found(NamedTuple):
    """Where a solver ended, what it claims, and what it cost."""

    x: np.ndarray
    claims: bool
    nfev: int
    nhev: int = 0
    says: str = ""


class OutOfTimeError(Exception):
    """The time for one problem is spent."""


class Objective:
    """A JAX function of a flat vector, jitted once for all, counted, and with a time limit."""

    def __init__(
        self,
        fun: Callable[[Any], Any],
        x0: Any,
        *,
        residual: Callable[[Any], Any] | None = None,
        seconds: float = 10.0,
    ) -> None:
        self.fun, self.residual_fun, self.seconds = fun, residual, seconds
        self.x0 = np.array(x0, dtype=float)
        self._value_and_grad = jax.jit(jax.value_and_grad(fun))
        self.reset()

    def reset(self) -> None:
        """Before each solver: counts at zero, the clock started, no best point yet."""
        self.nfev = self.nhev = 0
        self.deadline = time.perf_counter() + self.seconds
        self.best_x, self.best_f = self.x0, np.inf

    def _tick(self) -> None:
        if time.perf_counter() > self.deadline:
            raise OutOfTimeError

    def value_and_grad(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        self._tick()
        self.nfev += 1
        f, g = self._value_and_grad(x)
        if float(f) < self.best_f:
            self.best_x, self.best_f = np.array(x), float(f)
        return float(f), np.asarray(g)

    @cached_property
    def _hessian(self) -> Callable[[Any], Any]:
        return jax.jit(jax.hessian(self.fun))

    def hessian(self, x: np.ndarray) -> np.ndarray:
        self._tick()
        self.nhev += 1
        return np.asarray(self._hessian(x))

    @cached_property
    def _product(self) -> Callable[[Any, Any], Any]:
        return jax.jit(lambda x, v: jax.jvp(jax.grad(self.fun), (x,), (v,))[1])

    def product(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        self._tick()
        self.nhev += 1
        return np.asarray(self._product(x, np.asarray(v, dtype=float)))

    @cached_property
    def _residual(self) -> Callable[[Any], Any]:
        assert self.residual_fun is not None
        return jax.jit(self.residual_fun)

    @cached_property
    def _jacobian(self) -> Callable[[Any], Any]:
        assert self.residual_fun is not None
        return jax.jit(jax.jacfwd(self.residual_fun))

    def residual(self, x: np.ndarray) -> np.ndarray:
        self._tick()
        self.nfev += 1
        return np.asarray(self._residual(x))

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        self._tick()
        return np.asarray(self._jacobian(x))


class Peer(NamedTuple):
    """A solver of another library."""

    name: str
    solve: Callable[[Objective], Found]
    least_squares: bool = False

    def run(self, objective: Objective) -> Found:
        """Solve from the start; whatever goes wrong is an answer without a claim."""
        objective.reset()
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                return self.solve(objective)
        except OutOfTimeError:
            said = f"stopped after {objective.seconds:g} s"
        except Exception as error:  # a solver that raises has not solved, and says why
            said = f"{type(error).__name__}: {error}"[:200]
        return Found(objective.best_x, False, objective.nfev, objective.nhev, said)


# ------------------------------------------------------------------ SciPy

_SCIPY = {
    "BFGS": {"gtol": GRADIENT, "maxiter": 5000},
    "L-BFGS-B": {"gtol": GRADIENT, "ftol": 1e-15, "maxiter": 5000, "maxfun": 20_000},
    "CG": {"gtol": GRADIENT, "maxiter": 5000},
    "Newton-CG": {"xtol": 1e-10, "maxiter": 2000},
    "trust-ncg": {"gtol": GRADIENT, "maxiter": 2000},
    "trust-exact": {"gtol": GRADIENT, "maxiter": 2000},
}


def _scipy_minimize(method: str) -> Callable[[Objective], Found]:
    def solve(objective: Objective) -> Found:
        more: dict[str, Any] = {}
        if method in ("Newton-CG", "trust-ncg"):
            more["hessp"] = objective.product
        if method == "trust-exact":
            more["hess"] = objective.hessian
        found = scipy.optimize.minimize(
            objective.value_and_grad,
            objective.x0,
            method=method,
            jac=True,
            options=_SCIPY[method],
            **more,
        )
        counts = objective.nfev, objective.nhev
        return Found(found.x, bool(found.success), *counts, str(found.message))

    return solve


def _scipy_least_squares(method: str) -> Callable[[Objective], Found]:
    def solve(objective: Objective) -> Found:
        found = scipy.optimize.least_squares(
            objective.residual,
            objective.x0,
            objective.jacobian,
            method=method,
            gtol=GRADIENT,
            ftol=1e-15,
            xtol=1e-12,
            max_nfev=5000,
        )
        return Found(found.x, bool(found.success), objective.nfev, 0, str(found.message))

    return solve


def scipy_peers() -> list[Peer]:
    """The gradient methods and those with second derivatives, then least squares."""
    smooth = [Peer(f"scipy {method}", _scipy_minimize(method)) for method in _SCIPY]
    squares = [Peer(f"scipy {m}", _scipy_least_squares(m), True) for m in ("lm", "trf")]
    return smooth + squares


# ------------------------------------------------------------------ JAX libraries


def optimistix_peers() -> list[Peer]:
    """BFGS, L-BFGS and Levenberg-Marquardt at a tolerance of 1e-10."""
    import optimistix as optx

    def minimise(solver: Any) -> Callable[[Objective], Found]:
        def solve(objective: Objective) -> Found:
            fun = lambda x, args: objective.fun(x)
            x0 = jnp.asarray(objective.x0)
            return found(optx.minimise(fun, solver, x0, max_steps=5000, throw=False))

        return solve

    def least_squares(solver: Any) -> Callable[[Objective], Found]:
        def solve(objective: Objective) -> Found:
            fun = lambda x, args: objective.residual_fun(x)  # type: ignore[misc]
            x0 = jnp.asarray(objective.x0)
            return found(optx.least_squares(fun, solver, x0, max_steps=5000, throw=False))

        return solve

    def found(solution: Any) -> Found:
        claims = bool(solution.result == optx.RESULTS.successful)
        steps = int(solution.stats["num_steps"])
        return Found(
            np.asarray(solution.value), claims, steps, 0, str(optx.RESULTS[solution.result])
        )

    tolerance = {"rtol": 1e-10, "atol": 1e-10}
    return [
        Peer("optimistix BFGS", minimise(optx.BFGS(**tolerance))),
        Peer("optimistix LBFGS", minimise(optx.LBFGS(**tolerance))),
        Peer("optimistix LM", least_squares(optx.LevenbergMarquardt(**tolerance)), True),
    ]


def jaxopt_peers() -> list[Peer]:
    """BFGS and L-BFGS."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jaxopt

    def peer(name: str, solver: type, limit: int) -> Peer:
        def solve(objective: Objective) -> Found:
            x, state = solver(objective.fun, tol=GRADIENT, maxiter=limit).run(
                jnp.asarray(objective.x0)
            )
            claims = bool(state.error <= GRADIENT)
            return Found(np.asarray(x), claims, int(state.num_fun_eval))

        return Peer(name, solve)

    return [peer("jaxopt BFGS", jaxopt.BFGS, 1000), peer("jaxopt LBFGS", jaxopt.LBFGS, 2000)]


# ------------------------------------------------------------------ what is kept of a run


class Records:
    """Rows in a JSON file, one per solver and problem; a later run replaces its own rows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, dict[str, dict[str, Any]]] = {}
        if path.exists():
            self.rows = json.loads(path.read_text())["rows"]

    def put(self, solver: str, problem: str, row: dict[str, Any]) -> None:
        self.rows.setdefault(solver, {})[problem] = row

    def save(self, **about: Any) -> None:
        """Write everything, with what the run was made of."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps({**about, "rows": self.rows}, indent=1))


def selected(names: Iterable[str], wanted: list[str] | None) -> list[str]:
    """The names that contain one of the words, all when there are none."""
    return [n for n in names if not wanted or any(word.lower() in n.lower() for word in wanted)]
