"""Smooth problems against the clock: ours, SciPy, optimistix, jaxopt and optax.

Sections: ``rosenbrock2``, ``rosenbrock100`` and ``logistic`` time a further solve in a warm
process; ``batch`` solves a thousand starts at once; ``first`` is the first answer of a process.

    python benchmarks/smooth.py --quick
    python benchmarks/smooth.py logistic batch

Everybody is asked for ``max |gradient| <= 1e-6`` in float64. Optimistix cannot be asked for a
gradient; its relative and absolute tolerance is 1e-8, and the gradient it ends with is shown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from timing import Sample, Wanted, alternate, console, machine, show  # isort: skip

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optimistix as optx
import scipy.optimize

import optlib as ol

warnings.filterwarnings("ignore", category=DeprecationWarning)
import jaxopt  # noqa: E402

TOL = 1e-6
LIMIT = 10_000
STATIONARY = 1e-5

Job = Callable[[], Any]


class Case(NamedTuple):
    """A problem in the forms that the libraries ask for."""

    fun: Callable[..., Any]
    x0: np.ndarray
    args: tuple[Any, ...] = ()
    numpy: tuple[Callable[..., Any], Callable[..., Any]] | None = None


def rosenbrock(x: jax.Array) -> jax.Array:
    """The chained valley of scipy.optimize.rosen."""
    return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def logistic(x: jax.Array, features: jax.Array, labels: jax.Array, ridge: float) -> jax.Array:
    """Mean cross-entropy of a linear classifier, x[0] the bias, with a ridge on the weights."""
    scores = features @ x[1:] + x[0]
    loss = jnp.mean(jnp.logaddexp(0.0, scores) - labels * scores)
    return loss + 0.5 * ridge * jnp.sum(x[1:] ** 2)


def logistic_numpy(x: np.ndarray, features: Any, labels: Any, ridge: float) -> float:
    """The same in NumPy."""
    scores = features @ x[1:] + x[0]
    loss = np.mean(np.logaddexp(0.0, scores) - labels * scores)
    return loss + 0.5 * ridge * x[1:] @ x[1:]


def logistic_numpy_grad(x: np.ndarray, features: Any, labels: Any, ridge: float) -> np.ndarray:
    """Its gradient."""
    errors = (scipy.special.expit(features @ x[1:] + x[0]) - labels) / labels.size
    return np.append(errors.sum(), features.T @ errors + ridge * x[1:])


def rosenbrock_case(n: int) -> Case:
    """From (-1.2, 1, -1.2, 1, ...)."""
    numpy = scipy.optimize.rosen, scipy.optimize.rosen_der
    return Case(rosenbrock, np.resize([-1.2, 1.0], n), numpy=numpy)


def logistic_case() -> Case:
    """Breast cancer: 569 samples, 30 standardised features, ridge 1e-2 (the catalogue's data)."""
    features, labels, ridge = ol.problems.load("breast_cancer_ridge", ridge=1e-2).args
    data = np.array(features), np.array(labels), float(ridge)
    return Case(logistic, np.zeros(31), data, (logistic_numpy, logistic_numpy_grad))


# ------------------------------------------------------------------ the candidates


def ours(case: Case, method: str, engine: str) -> Job:
    """The whole call: the loop, the certificate and the Result."""
    problem = ol.Smooth(case.fun, case.x0, args=case.args)
    return lambda: ol.minimize(problem, method, tol=TOL, engine=engine, max_iterations=LIMIT).x


def scipy_options(method: str) -> dict[str, Any]:
    """A gradient of at most TOL, and no other reason to stop."""
    own = {"ftol": 0.0, "maxfun": 10 * LIMIT} if method == "L-BFGS-B" else {}
    return {"gtol": TOL, "maxiter": LIMIT, **own}


def scipy_numpy(case: Case, method: str) -> Job:
    """SciPy with a NumPy gradient."""
    assert case.numpy is not None
    fun, grad = case.numpy
    return lambda: (
        scipy.optimize.minimize(
            fun, case.x0, case.args, method, jac=grad, options=scipy_options(method)
        ).x
    )


def scipy_jax(case: Case, method: str) -> Job:
    """SciPy with a jitted JAX gradient, data on the device."""
    both = jax.jit(jax.value_and_grad(case.fun))
    data = jax.tree.map(jnp.asarray, case.args)

    def value_and_grad(x: np.ndarray) -> tuple[float, np.ndarray]:
        f, g = both(x, *data)
        return float(f), np.asarray(g)

    return lambda: (
        scipy.optimize.minimize(
            value_and_grad, case.x0, method=method, jac=True, options=scipy_options(method)
        ).x
    )


def optimistix_run(case: Case, solver: Any) -> Callable[[Any, Any], Any]:
    """``optimistix.minimise`` as a user calls it."""
    fun = lambda x, args: case.fun(x, *args)
    return lambda x, data: optx.minimise(
        fun, solver, x, data, max_steps=LIMIT, throw=False
    ).value  # fmt: skip


def jaxopt_run(case: Case, solver: type) -> Callable[[Any, Any], Any]:
    """``run`` of a jaxopt solver."""
    instance = solver(case.fun, tol=TOL, maxiter=LIMIT)
    return lambda x, data: instance.run(x, *data).params


def optax_run(case: Case) -> Callable[[Any, Any], Any]:
    """The loop of optax' own L-BFGS notebook, stopped by the largest entry of the gradient."""

    def run(x0: Any, data: Any) -> Any:
        fun = lambda x: case.fun(x, *data)
        optimizer = optax.lbfgs()
        value_and_grad = optax.value_and_grad_from_state(fun)

        def step(carry: Any) -> Any:
            x, state = carry
            value, grad = value_and_grad(x, state=state)
            updates, state = optimizer.update(
                grad, state, x, value=value, grad=grad, value_fn=fun
            )  # fmt: skip
            return optax.apply_updates(x, updates), state

        def going(carry: Any) -> Any:
            count = optax.tree.get(carry[1], "count")
            worst = jnp.max(jnp.abs(optax.tree.get(carry[1], "grad")))
            return (count == 0) | ((count < LIMIT) & (worst > TOL))

        return jax.lax.while_loop(going, step, (x0, optimizer.init(x0)))[0]

    return run


def jitted(run: Callable[[Any, Any], Any], case: Case) -> Job:
    """The whole solve in one program, start and answer on the host."""
    program = jax.jit(run)
    data = jax.tree.map(jnp.asarray, case.args)
    return lambda: np.asarray(program(case.x0, data))


def plain(run: Callable[[Any, Any], Any], case: Case) -> Job:
    """The same without a jit of the user's own."""
    data = jax.tree.map(jnp.asarray, case.args)
    return lambda: np.asarray(run(jnp.asarray(case.x0), data))


OPTX_BFGS = optx.BFGS(rtol=1e-8, atol=1e-8)
OPTX_LBFGS = optx.LBFGS(rtol=1e-8, atol=1e-8)


def warm_candidates(case: Case) -> dict[str, dict[str, Job]]:
    """Everybody, by the name that the tables show; ours first."""
    bfgs, lbfgs = optimistix_run(case, OPTX_BFGS), optimistix_run(case, OPTX_LBFGS)
    return {
        "BFGS": {
            OURS: ours(case, "bfgs", "compiled"),
            "ours, host": ours(case, "bfgs", "host"),
            "scipy, NumPy gradient": scipy_numpy(case, "BFGS"),
            "scipy, JAX gradient": scipy_jax(case, "BFGS"),
            "optimistix, jitted": jitted(bfgs, case),
            "optimistix, as called": plain(bfgs, case),
            "jaxopt, jitted": jitted(jaxopt_run(case, jaxopt.BFGS), case),
        },
        "L-BFGS": {
            OURS: ours(case, "lbfgs", "compiled"),
            "ours, host": ours(case, "lbfgs", "host"),
            "scipy, NumPy gradient": scipy_numpy(case, "L-BFGS-B"),
            "scipy, JAX gradient": scipy_jax(case, "L-BFGS-B"),
            "optimistix, jitted": jitted(lbfgs, case),
            "optimistix, as called": plain(lbfgs, case),
            "jaxopt, jitted": jitted(jaxopt_run(case, jaxopt.LBFGS), case),
            "optax, jitted": jitted(optax_run(case), case),
        },
    }


OURS = "ours, compiled"


def warm(title: str, case: Case, rounds: int, wanted: dict[str, list[Wanted]]) -> None:
    """A further solve in a process where everything is compiled."""
    value_and_grad = jax.jit(jax.value_and_grad(case.fun))
    for kind, candidates in warm_candidates(case).items():
        samples = alternate(candidates, rounds)
        facts = {}
        for name, sample in samples.items():
            f, g = value_and_grad(sample.answer, *case.args)
            facts[name] = {"f": f"{f:.8g}", "max |g|": f"{np.abs(g).max():.0e}"}
        not_slower = [Wanted(OURS, name, 1.0) for name in candidates if "jitted" in name]
        show(f"{title}, {kind}", samples, facts, OURS, [*wanted[kind], *not_slower])


# ------------------------------------------------------------------ a thousand starts


def batch(rounds: int, lanes: int = 1000, n: int = 10) -> None:
    """Rosenbrock n = 10 from starts uniform in [-2, 2]."""
    starts = np.random.default_rng(0).uniform(-2.0, 2.0, (lanes, n))
    case = rosenbrock_case(n)

    def ours_batch(method: str) -> Job:
        def solve(x0: jax.Array) -> Any:
            result = ol.minimize(ol.Smooth(case.fun, x0), method, tol=TOL, max_iterations=LIMIT)
            return result.x, result.status, result.success, result.nfev

        with jax.enable_x64(True):
            program = jax.jit(jax.vmap(solve))
        return lambda: jax.tree.map(np.asarray, program(starts))

    def scipy_loop(method: str) -> Job:
        fun, grad = scipy.optimize.rosen, scipy.optimize.rosen_der
        options = scipy_options(method)

        def loop() -> Any:
            found = [
                scipy.optimize.minimize(fun, x0, method=method, jac=grad, options=options)
                for x0 in starts
            ]
            x, success, nfev = zip(*((r.x, r.success, r.nfev) for r in found))
            return np.array(x), None, np.array(success), np.array(nfev)

        return loop

    def peer(run: Callable[[Any, Any], Any]) -> Job:
        program = jax.jit(jax.vmap(lambda x0: run(x0, ())))
        return lambda: (np.asarray(program(starts)), None, None, None)

    candidates = {
        "ours BFGS": ours_batch("bfgs"),
        "ours L-BFGS": ours_batch("lbfgs"),
        "scipy BFGS loop": scipy_loop("BFGS"),
        "scipy L-BFGS-B loop": scipy_loop("L-BFGS-B"),
        "optimistix BFGS": peer(optimistix_run(case, OPTX_BFGS)),
        "optimistix L-BFGS": peer(optimistix_run(case, OPTX_LBFGS)),
        "jaxopt L-BFGS": peer(jaxopt_run(case, jaxopt.LBFGS)),
        "optax L-BFGS": peer(optax_run(case)),
    }
    samples = alternate(candidates, rounds, per_turn=0.2, warm_up=2)
    facts = {name: _batch_facts(case, *sample.answer) for name, sample in samples.items()}
    wanted = [
        Wanted("ours BFGS", "scipy BFGS loop", 1 / 40),
        Wanted("ours L-BFGS", "scipy L-BFGS-B loop", 1 / 40),
        Wanted("ours BFGS", "optimistix BFGS", 1.0),
        Wanted("ours L-BFGS", "optimistix L-BFGS", 1.0),
        Wanted("ours L-BFGS", "optax L-BFGS", 1.0),
    ]
    title = f"{lanes} starts in [-2, 2]^{n}, Rosenbrock; all {lanes} wanted solved, "
    title += f"that is max |g| <= {STATIONARY:g}"
    show(title, samples, facts, "ours BFGS", wanted)


def _batch_facts(case: Case, x: Any, status: Any, success: Any, nfev: Any) -> dict[str, str]:
    """How many lanes are stationary, whether those that claim so are, and where they ended."""
    values, grads = jax.jit(jax.vmap(jax.value_and_grad(case.fun)))(x)
    worst = np.abs(grads).max(axis=1)
    solved = worst <= STATIONARY
    facts = {
        "solved": str(int(solved.sum())),
        "at 0": str(int((values < 1e-8).sum())),
        "worst |g|": f"{worst.max():.0e}",
    }
    if success is not None:
        facts["success"] = str(int(success.sum()))
        facts["false"] = str(int((success & ~solved).sum()))
        facts["mean nfev"] = f"{nfev.mean():.1f}"
    if status is not None and not success.all():
        codes, counts = np.unique(status[~success], return_counts=True)
        named = ", ".join(f"{ol.Status(int(c)).name} {k}" for c, k in zip(codes, counts))
        facts["unsuccessful"] = named
    return facts


# ------------------------------------------------------------------ the first answer

FIRST = {
    "ours BFGS host": "ours-host",
    "ours BFGS compiled": "ours-compiled",
    "ours BFGS auto": "ours-auto",
    "scipy BFGS, JAX gradient": "scipy",
    "optimistix BFGS": "optimistix",
    "jaxopt BFGS": "jaxopt",
}


def first(rounds: int, n: int) -> None:
    """From the end of the imports to the answer, in fresh processes that take turns."""
    script = Path(__file__).with_name("first_answer.py")
    samples = {name: Sample() for name in FIRST}
    facts: dict[str, dict[str, str]] = {}
    for _ in range(rounds):
        for name, candidate in FIRST.items():
            command = [sys.executable, str(script), candidate, str(n)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            told = json.loads(output.splitlines()[-1])
            samples[name].cpu.append(told["cpu"])
            samples[name].wall.append(told["wall"])
            facts[name] = {"f": f"{told['fun']:.1e}", "max |g|": f"{told['gradient']:.0e}"}
    for name, sample in samples.items():
        facts[name]["least CPU ms"] = f"{min(sample.cpu) * 1e3:.0f}"
        facts[name]["rounds"] = str(len(sample.cpu))
    wanted = [
        Wanted("ours BFGS host", "scipy BFGS, JAX gradient", 1.2),
        Wanted("ours BFGS compiled", "optimistix BFGS", 0.5),
        Wanted("ours BFGS compiled", "jaxopt BFGS", 0.5),
    ]
    title = f"First answer of a fresh process after the imports, Rosenbrock n = {n}"
    show(title, samples, facts, "ours BFGS host", wanted)


# ------------------------------------------------------------------ sections


def _than_scipy(times: float) -> list[Wanted]:
    return [
        Wanted(OURS, "scipy, NumPy gradient", 1 / times),
        Wanted(OURS, "scipy, JAX gradient", 1 / times),
    ]


def _rosenbrock2(rounds: int) -> None:
    wanted = {"BFGS": _than_scipy(30), "L-BFGS": []}
    warm("Rosenbrock n = 2, warm", rosenbrock_case(2), rounds, wanted)


def _rosenbrock100(rounds: int) -> None:
    wanted = {"BFGS": _than_scipy(10), "L-BFGS": [Wanted(OURS, None, 5e-3)]}
    warm("Rosenbrock n = 100, warm", rosenbrock_case(100), rounds, wanted)


def _logistic(rounds: int) -> None:
    wanted = [Wanted(OURS, "scipy, JAX gradient", 1 / 3)]
    title = "Logistic regression on breast cancer, ridge 1e-2, warm"
    warm(title, logistic_case(), rounds, {"BFGS": wanted, "L-BFGS": wanted})


def _first(rounds: int) -> None:
    for n in (2, 100):
        first(rounds, n)


SECTIONS: dict[str, tuple[Callable[[int], None], int, int]] = {
    "rosenbrock2": (_rosenbrock2, 5, 41),
    "rosenbrock100": (_rosenbrock100, 3, 21),
    "logistic": (_logistic, 5, 41),
    "batch": (batch, 1, 3),
    "first": (_first, 1, 5),
}
"""Each section with its rounds: quick, and full."""


def main() -> None:
    """Run the sections asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}; default all")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--rounds", type=int, help="instead of each section's own number")
    asked = parser.parse_args()
    unknown = sorted(set(asked.sections) - set(SECTIONS))
    if unknown:
        parser.error(f"no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    jax.config.update("jax_enable_x64", True)
    console.print(machine("optimistix", "optax", "jaxopt"), "", highlight=False)
    for name in asked.sections or SECTIONS:
        run, quick, full = SECTIONS[name]
        run(asked.rounds or (quick if asked.quick else full))


if __name__ == "__main__":
    main()
