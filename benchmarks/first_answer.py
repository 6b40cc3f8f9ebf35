"""One first answer, timed: ``python first_answer.py CANDIDATE N`` prints one line of JSON.

``smooth.py first`` starts it again and again. Each candidate imports only what its user would; the
clock starts after the imports and stops at the answer, so it holds tracing and compiling.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
warnings.filterwarnings("ignore")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

TOL, LIMIT = 1e-6, 10_000


def rosenbrock(x: jax.Array) -> jax.Array:
    """The chained valley of scipy.optimize.rosen."""
    return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def ours(engine: str) -> Any:
    import optlib as ol

    def solve(x0: np.ndarray) -> Any:
        problem = ol.Smooth(rosenbrock, x0)
        return ol.minimize(problem, "bfgs", tol=TOL, max_iterations=LIMIT, engine=engine).x

    return solve


def scipy() -> Any:
    import scipy.optimize

    def solve(x0: np.ndarray) -> Any:
        both = jax.jit(jax.value_and_grad(rosenbrock))

        def value_and_grad(x: np.ndarray) -> tuple[float, np.ndarray]:
            f, g = both(x)
            return float(f), np.asarray(g)

        options = {"gtol": TOL, "maxiter": LIMIT}
        return scipy.optimize.minimize(
            value_and_grad, x0, method="BFGS", jac=True, options=options
        ).x

    return solve


def optimistix() -> Any:
    import optimistix as optx

    def solve(x0: np.ndarray) -> Any:
        solver = optx.BFGS(rtol=1e-8, atol=1e-8)
        fun = lambda x, args: rosenbrock(x)
        return optx.minimise(fun, solver, jnp.asarray(x0), max_steps=LIMIT, throw=False).value

    return solve


def jaxopt() -> Any:
    import jaxopt

    return lambda x0: jaxopt.BFGS(rosenbrock, tol=TOL, maxiter=LIMIT).run(x0).params


CANDIDATES = {
    "ours-host": lambda: ours("host"),
    "ours-compiled": lambda: ours("compiled"),
    "ours-auto": lambda: ours("auto"),
    "scipy": scipy,
    "optimistix": optimistix,
    "jaxopt": jaxopt,
}


def main() -> None:
    """Time one candidate and say what it found."""
    candidate, n = sys.argv[1], int(sys.argv[2])
    solve = CANDIDATES[candidate]()
    if not candidate.startswith("ours"):
        jax.config.update("jax_enable_x64", True)
    x0 = np.resize([-1.2, 1.0], n)
    began_cpu, began = time.process_time(), time.perf_counter()
    x = np.asarray(solve(x0))
    cpu, wall = time.process_time() - began_cpu, time.perf_counter() - began
    with jax.enable_x64(True):
        f, g = jax.value_and_grad(rosenbrock)(x)
    told = {"cpu": cpu, "wall": wall, "fun": float(f), "gradient": float(np.abs(g).max())}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
