"""Linear programs against the clock: ours and HiGHS, as SciPy calls it.

Sections: ``netlib`` solves the public test set (``OPTLIB_DATA``), ``small`` programs of ten
variables, ``first`` the first answer of a process, compiled and from the cache.

    python benchmarks/linear.py
    python benchmarks/linear.py small first
    python benchmarks/linear.py netlib --names afiro adlittle --methods simplex

A job is the whole call, from the arrays to the answer; ours with its certificate. The summary is
the shifted geometric mean (shift 10 ms) of CPU seconds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from timing import Sample, Wanted, alternate, console, machine, show, verdicts  # isort: skip

import numpy as np
import scipy.optimize
from rich.table import Table

import optlib as ol
from optlib.problems import lp_data

SHIFT = 0.010
PEERS = {"simplex": "highs-ds", "interior_point": "highs-ipm"}
WANTED = {"simplex": 1.5, "interior_point": 1.0}
ACCURACY = {"simplex": 1e-8, "interior_point": 1e-7}
LIMIT = 300.0

Job = Callable[[], Any]


def arrays(problem: ol.LinearProgram) -> tuple[Any, ...]:
    """A problem as the arguments of ours and of linprog."""
    return (
        problem.c,
        problem.A_eq,
        problem.b_eq,
        problem.A_ub,
        problem.b_ub,
        problem.lower,
        problem.upper,
    )


def ours(data: tuple[Any, ...], method: str) -> Job:
    def job() -> Any:
        c, A_eq, b_eq, A_ub, b_ub, lower, upper = data
        problem = ol.LinearProgram(c, A_eq, b_eq, A_ub, b_ub, lower, upper)
        return ol.minimize(problem, method, max_seconds=LIMIT)

    return job


def highs(data: tuple[Any, ...], method: str) -> Job:
    c, A_eq, b_eq, A_ub, b_ub, lower, upper = data
    bounds = np.stack([lower, upper], axis=1)
    options = {"time_limit": LIMIT}

    def job() -> Any:
        return scipy.optimize.linprog(c, A_ub, b_ub, A_eq, b_eq, bounds, method, options=options)

    return job


def shifted_mean(seconds: list[float]) -> float:
    """The shifted geometric mean."""
    return float(np.exp(np.mean(np.log(np.array(seconds) + SHIFT))) - SHIFT)


# ------------------------------------------------------------------ the public set


def netlib(names: list[str], methods: list[str], rounds: int) -> None:
    """One row per problem; ``!`` where the known optimum is missed or no proof holds."""
    table = Table(title="Netlib, CPU ms", title_justify="left", title_style="bold")
    columns = [*methods, *(PEERS[m] for m in methods)]
    for column in ("problem", *columns, *(f"{m} / {PEERS[m]}" for m in methods), "iterations"):
        table.add_column(column, justify="left" if column == "problem" else "right")
    spent: dict[str, list[float]] = {column: [] for column in columns}
    worst = dict.fromkeys(methods, (0.0, ""))
    solved = dict.fromkeys(methods, 0)
    known = lp_data.table("netlib")
    for name in names or sorted(known, key=lambda n: known[n].nonzeros):
        problem = lp_data.netlib(name)
        data = arrays(problem)
        jobs = {m: ours(data, m) for m in methods} | {
            PEERS[m]: highs(data, PEERS[m]) for m in methods
        }
        samples = alternate(jobs, rounds, per_turn=0.01, warm_up=1)
        row = [name]
        for column in columns:
            seconds = samples[column].cpu_median
            spent[column].append(seconds)
            mark = ""
            if column in methods:
                right = _right(samples[column].answer, known[name].optimal - problem.offset, column)
                solved[column] += right
                mark = "" if right else " !"
            row.append(f"{seconds * 1e3:.3g}{mark}")
        for m in methods:
            share = samples[m].cpu_median / samples[PEERS[m]].cpu_median
            worst[m] = max(worst[m], (share, name))
            row.append(f"{share:.2f}")
        row.append(" ".join(str(samples[m].answer.nit) for m in methods))
        table.add_row(*row)
    console.print(table)
    summary = Table(title="Shifted geometric mean (10 ms), CPU ms", title_justify="left", box=None)
    for column in ("method", "right", "ours", "peer", "HiGHS", "ratio", "wanted", "worst problem"):
        summary.add_column(column, justify="right")
    for m in methods:
        mine, theirs = shifted_mean(spent[m]), shifted_mean(spent[PEERS[m]])
        summary.add_row(
            m, f"{solved[m]} of {len(spent[m])}", f"{mine * 1e3:.3g}", PEERS[m],
            f"{theirs * 1e3:.3g}", f"{mine / theirs:.2f}", f"<= {WANTED[m]}",
            f"{worst[m][0]:.1f}x {worst[m][1]}",
        )  # fmt: skip
    console.print(summary, "")


def _right(result: Any, optimal: float, method: str) -> bool:
    return bool(result.success) and abs(result.fun - optimal) <= ACCURACY[method] * max(
        1, abs(optimal)
    )


# ------------------------------------------------------------------ small programs


def random_program(rng: np.random.Generator, m: int = 5, n: int = 10) -> tuple[Any, ...]:
    """Feasible and bounded: a positive point meets the rows, a positive price the columns."""
    A = rng.standard_normal((m, n))
    b = A @ rng.uniform(0.5, 1.5, n)
    c = A.T @ rng.standard_normal(m) + rng.uniform(0.1, 1.0, n)
    return c, A, b, None, None, np.zeros(n), np.full(n, np.inf)


def small(rounds: int) -> None:
    """One program of ten variables, and a thousand of them."""
    rng = np.random.default_rng(0)
    data = random_program(rng)
    jobs: dict[str, Job] = {m: ours(data, m) for m in PEERS} | {
        p: highs(data, p) for p in PEERS.values()
    }
    samples = alternate(jobs, rounds)
    show(
        "One program, n = 10, m = 5", samples, {}, "simplex",
        [Wanted(m, PEERS[m], 1 / 3) for m in PEERS],
    )  # fmt: skip
    many = [random_program(rng) for _ in range(1000)]
    from optlib.linear.interior_point import solve_many

    c, A, b = (np.stack([data[i] for data in many]) for i in range(3))
    lower, upper = np.zeros(c.shape), np.full(c.shape, np.inf)

    def loop() -> list[Any]:
        return [highs(data, "highs-ds")() for data in many]

    batch = alternate(
        {"solve_many": lambda: solve_many(c, A, b, b, lower, upper), "linprog loop": loop},
        max(1, rounds // 5), warm_up=1,
    )  # fmt: skip
    show(
        "A thousand programs, n = 10, m = 5", batch, {}, "solve_many",
        [Wanted("solve_many", None, 0.015), Wanted("solve_many", "linprog loop", 1 / 20)],
    )  # fmt: skip


# ------------------------------------------------------------------ the first answer

_FIRST = """
import time, numpy as np
import optlib as ol
problem = ol.LinearProgram([-1.0, -2.0, 0.5], A_ub=np.eye(3) + 1.0, b_ub=[4.0, 5.0, 6.0])
began = time.process_time()
assert ol.minimize(problem, {method!r}).success
print(time.process_time() - began)
"""


def first() -> None:
    """CPU seconds of the first solve in a fresh process: nothing compiled, and from the cache."""
    samples: dict[str, Sample] = {}
    for method in PEERS:
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
            for state in ("compiled now", "from the cache"):
                began = time.perf_counter()
                code = _FIRST.format(method=method)
                out = subprocess.run(
                    [sys.executable, "-c", code], env=environment, capture_output=True, text=True,
                    check=True,
                )  # fmt: skip
                wall = time.perf_counter() - began
                samples[f"{method}, {state}"] = Sample([float(out.stdout)], [wall])
    show("The first answer of a process", samples, {}, next(iter(samples)), [])
    verdicts(
        samples,
        [Wanted(f"{m}, compiled now", None, 15.0) for m in PEERS]
        + [Wanted(f"{m}, from the cache", None, 1.0) for m in PEERS],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", default=["netlib", "small", "first"])
    parser.add_argument("--names", nargs="*", default=[], help="problems of the set; default all")
    parser.add_argument("--methods", nargs="*", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    console.print(machine("numba"), "")
    if "netlib" in options.sections:
        netlib(options.names, options.methods, options.rounds)
    if "small" in options.sections:
        small(10 * options.rounds)
    if "first" in options.sections:
        first()


if __name__ == "__main__":
    main()
