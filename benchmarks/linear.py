"""Linear programs against the clock: ours and HiGHS, as SciPy calls it.

Sections: ``public`` solves the sets in ``OPTLIB_DATA``, ``infeasible`` those without a solution,
``small`` programs of ten variables, ``first`` the first answer of a process, compiled and from the
cache.

    python benchmarks/linear.py
    python benchmarks/linear.py small first
    python benchmarks/linear.py public --names afiro blend --methods simplex

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
from pathlib import Path
from typing import Any, NamedTuple

from timing import Sample, Wanted, alternate, console, machine, show, verdicts  # isort: skip

import numpy as np
import scipy.optimize
from rich.live import Live
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


# ------------------------------------------------------------------ the public sets


class Run(NamedTuple):
    """One problem by one method: ours with its verdict, and the peer's time."""

    cpu: float
    peer: float
    nit: int
    right: bool
    error: float
    worst: float


def public(options: argparse.Namespace) -> None:
    """Netlib and Kennington: every problem by every method, and HiGHS in turn with it."""
    methods, output = options.methods, options.output
    runs: dict[str, dict[str, Run]] = {}
    with Live(console=console, refresh_per_second=2) as live:
        for name, row in _programs(("netlib", "kennington"), options.names):
            if name[0] in options.skip:
                continue
            problem = lp_data.netlib(*name)
            data, optimal = arrays(problem), row.optimal - problem.offset
            jobs = {m: ours(data, m) for m in methods}
            jobs |= {PEERS[m]: highs(data, PEERS[m]) for m in methods}
            samples = alternate(jobs, options.rounds, per_turn=0.01, warm_up=1)
            runs[name[0]] = {m: _run(samples, m, optimal) for m in methods}
            live.update(_shown(runs, methods))
    left_out = f" Left out: {', '.join(options.skip)}." if options.skip else ""
    summary = Table(title="Shifted geometric mean (10 ms), CPU ms", title_justify="left", box=None)
    for column in ("method", "right", "ours", "peer", "HiGHS", "ratio", "wanted", "worst problem"):
        summary.add_column(column, justify="right")
    rows = [_summary(m, {name: run[m] for name, run in runs.items()}) for m in methods]
    for row in rows:
        summary.add_row(*row)
    console.print(summary, "")
    if output is not None:
        output.write_text(_page(runs, methods, rows, left_out), encoding="utf-8")


def _programs(sets: tuple[str, ...], names: list[str]) -> list[tuple[tuple[str, str], Any]]:
    """``((name, set), row)`` of the sets' tables, small ones first."""
    rows = [((n, s), row) for s in sets for n, row in lp_data.table(s).items()]
    wanted = [r for r in rows if not names or r[0][0] in names]
    return sorted(wanted, key=lambda r: r[1].nonzeros)


def _run(samples: dict[str, Sample], method: str, optimal: float) -> Run:
    result = samples[method].answer
    error = abs(result.fun - optimal) / max(1.0, abs(optimal))
    right = bool(result.success) and error <= ACCURACY[method]
    cpu, peer = samples[method].cpu_median, samples[PEERS[method]].cpu_median
    return Run(cpu, peer, result.nit, right, error, float(result.certificate.worst))


def _shown(runs: dict[str, dict[str, Run]], methods: list[str]) -> Table:
    """One row per problem; ``!`` where the known optimum is missed or no proof holds."""
    table = Table(title="CPU ms", title_justify="left", title_style="bold")
    table.add_column("problem")
    for m in methods:
        for column in (m, PEERS[m], "ratio", "iterations"):
            table.add_column(column, justify="right")
    for name, row in runs.items():
        table.add_row(name, *(cell for m in methods for cell in _cells(row[m])))
    return table


def _cells(run: Run) -> tuple[str, ...]:
    mark = "" if run.right else " !"
    return (
        f"{run.cpu * 1e3:.3g}{mark}", f"{run.peer * 1e3:.3g}", f"{run.cpu / run.peer:.2f}",
        str(run.nit),
    )  # fmt: skip


def _summary(method: str, runs: dict[str, Run]) -> tuple[str, ...]:
    mine = shifted_mean([run.cpu for run in runs.values()])
    theirs = shifted_mean([run.peer for run in runs.values()])
    worst = max(runs, key=lambda name: runs[name].cpu / runs[name].peer)
    share = runs[worst].cpu / runs[worst].peer
    right = sum(run.right for run in runs.values())
    return (
        method, f"{right} of {len(runs)}", f"{mine * 1e3:.3g}", PEERS[method],
        f"{theirs * 1e3:.3g}", f"{mine / theirs:.2f}", f"<= {WANTED[method]}",
        f"{share:.1f}x {worst}",
    )  # fmt: skip


def _page(
    runs: dict[str, dict[str, Run]], methods: list[str], rows: list[tuple[str, ...]], more: str
) -> str:
    """The tables as a page of the documentation."""
    lines = [
        "# Linear programs: the public test sets", "",
        "Made by `python benchmarks/linear.py public --output docs/linear-test-sets.md`"
        f" ({machine('numba')}).", "",
        "Netlib and Kennington, each problem from the arrays to the answer with its certificate;"
        " beside it HiGHS as SciPy calls it, in turn with ours in one process. CPU milliseconds of"
        " the second call. Error: relative to the listed optimum. Residual: the largest of the"
        f" certificate.{more}", "",
        "| method | right | ours, SGM ms | peer | HiGHS, SGM ms | ratio | wanted | worst problem |",
        "|---|---|---|---|---|---|---|---|",
        *("| " + " | ".join(row) + " |" for row in rows), "",
    ]  # fmt: skip
    for m in methods:
        lines += [
            f"## {m}", "",
            f"| problem | ours | {PEERS[m]} | ratio | iterations | error | residual |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]  # fmt: skip
        for name, row in runs.items():
            end = f"{row[m].error:.0e} | {row[m].worst:.0e}"
            lines.append(f"| {name} | {' | '.join(_cells(row[m]))} | {end} |")
        lines.append("")
    return "\n".join(lines)


def infeasible(names: list[str], methods: list[str]) -> None:
    """The infeasible set: the status, and whether the Farkas ray proves it."""
    table = Table(title="Infeasible programs, CPU ms", title_justify="left", title_style="bold")
    for column in ("problem", *methods):
        table.add_column(column, justify="left" if column == "problem" else "right")
    proved = dict.fromkeys(methods, 0)
    programs = _programs(("infeas",), names)
    for name, _ in programs:
        problem, row = lp_data.netlib(*name), [name[0]]
        for m in methods:
            began = time.process_time()
            result = ol.minimize(problem, m, max_seconds=LIMIT)
            seconds = time.process_time() - began
            proof = result.status is ol.Status.INFEASIBLE and result.success
            proved[m] += proof
            row.append(f"{seconds * 1e3:.3g}{'' if proof else ' ! ' + result.status.name}")
        table.add_row(*row)
    console.print(table)
    found = ", ".join(f"{m} {count} of {len(programs)}" for m, count in proved.items())
    console.print(f"proved infeasible: {found}", "")


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
    parser.add_argument("sections", nargs="*", default=["public", "infeasible", "small", "first"])
    parser.add_argument("--names", nargs="*", default=[], help="problems of the set; default all")
    parser.add_argument("--skip", nargs="*", default=[], help="problems left out")
    parser.add_argument("--methods", nargs="*", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--output", type=Path, help="write the tables of `public` to this page")
    options = parser.parse_args()
    console.print(machine("numba"), "")
    if "public" in options.sections:
        public(options)
    if "infeasible" in options.sections:
        infeasible(options.names, options.methods)
    if "small" in options.sections:
        small(10 * options.rounds)
    if "first" in options.sections:
        first()


if __name__ == "__main__":
    main()
