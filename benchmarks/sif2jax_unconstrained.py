"""A second opinion: the unconstrained CUTEst problems of sif2jax with at most 100 variables.

    python -m venv sif && sif/bin/pip install -e . sif2jax
    sif/bin/python benchmarks/sif2jax_unconstrained.py --output out

Ours (the recommended method, and the trust region) against SciPy's methods with exact derivatives.
Solved means a gradient of at most ``1e-5 max(1, |f|)``, or the best value that anybody in the
folder found. Wanted: at least as many solved as the best method of SciPy, and no false claim.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import time
import types
from functools import cache
from pathlib import Path
from typing import Any

from timing import console, machine  # isort: skip

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from peers import Found, Objective, Records, scipy_peers, selected
from rich.progress import track
from rich.table import Table

import optlib as ol

MISSING = """[red]sif2jax is not installed here.[/]
It is no dependency of optlib; give it an environment of its own:

    python -m venv /tmp/sif
    /tmp/sif/bin/pip install -e . sif2jax
    /tmp/sif/bin/python benchmarks/sif2jax_unconstrained.py
"""
OURS = {"ours, recommended": None, "ours, trust_region": "trust_region"}
LARGEST = 100
STATIONARY, BEST = 1e-5, 1e-6


@cache
def collection() -> list[Any]:
    """The unconstrained problems of at most LARGEST variables.

    ``import sif2jax`` builds its 849 problems, half a minute of JAX operations; two empty parent
    packages let the one folder be imported alone.
    """
    spec = importlib.util.find_spec("sif2jax")
    if spec is None or spec.origin is None:
        console.print(MISSING)
        raise SystemExit(2)
    root = Path(spec.origin).parent
    for name, path in (("sif2jax", root), ("sif2jax.cutest", root / "cutest")):
        parent = types.ModuleType(name)
        parent.__path__ = [str(path)]
        sys.modules[name] = parent
    module = importlib.import_module("sif2jax.cutest._unconstrained_minimisation")
    found = module.unconstrained_minimisation_problems
    return [problem for problem in found if problem.num_variables() <= LARGEST]


def flat(problem: Any, seconds: float) -> Objective:
    """The problem as a function of one vector."""
    x0, unravel = ravel_pytree(problem.y0)
    return Objective(
        lambda x: jnp.asarray(problem.objective(unravel(x), problem.args)), x0, seconds=seconds
    )


def ours(objective: Objective, method: str | None, engine: str) -> Found:
    """One of ours, with its defaults."""
    problem = ol.Smooth(objective.fun, objective.x0)
    try:
        result = ol.minimize(problem, method, max_seconds=objective.seconds, engine=engine)
    except (ValueError, TypeError, FloatingPointError) as error:
        return Found(objective.x0, False, 0, 0, f"{type(error).__name__}: {error}"[:200])
    says = f"{result.status.name}: {result.certificate!r}"
    return Found(np.asarray(result.x), result.success, result.nfev, result.nhev, says)


def run(
    names: list[str], solvers: list[str], seconds: float, engine: str, records: Records
) -> None:
    """Every selected solver on every selected problem."""
    peers = {peer.name: peer for peer in scipy_peers() if not peer.least_squares}
    problems = {problem.name: problem for problem in collection()}
    for name in track(names, "problems", console=console):
        objective = flat(problems[name], seconds)
        value_and_grad = jax.jit(jax.value_and_grad(objective.fun))
        for solver in solvers:
            began = time.perf_counter()
            if solver in OURS:
                found = ours(objective, OURS[solver], engine)
            else:
                found = peers[solver].run(objective)
            took = time.perf_counter() - began
            f, g = value_and_grad(found.x)
            row = {
                "n": objective.x0.size,
                "fun": _number(f),
                "gradient": _number(np.abs(g).max()),
                "claims": found.claims,
                "nfev": found.nfev,
                "nhev": found.nhev,
                "seconds": took,
                "says": found.says,
                "x": np.asarray(found.x).tolist(),
            }
            records.put(solver, name, row)
        jax.clear_caches()
        records.save(machine=machine())


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def solved(row: dict[str, Any], best: float) -> bool:
    """A small gradient for the size of f, or the best value known."""
    if row["fun"] is None or row["gradient"] is None:
        return False
    small = row["gradient"] <= STATIONARY * max(1.0, abs(row["fun"]))
    return small or row["fun"] <= best + BEST * max(1.0, abs(best))


def report(records: Records) -> None:
    """Counts, false claims and names."""
    rows = records.rows
    names = sorted(set().union(*rows.values()))
    found = {p: [rows[s][p]["fun"] for s in rows if p in rows[s]] for p in names}
    best = {p: min((f for f in found[p] if f is not None), default=-np.inf) for p in names}
    table = Table(title=f"sif2jax, unconstrained, n <= {LARGEST}", title_justify="left")
    table.add_column("solver")
    for column in ("solved", "of", "false", "best f", "seconds"):
        table.add_column(column, justify="right")
    table.add_column("not solved (* claims success)", overflow="fold")
    counts = {}
    for solver, runs in rows.items():
        missing = [p for p in runs if not solved(runs[p], best[p])]
        false = [p for p in missing if runs[p]["claims"]]
        counts[solver] = len(runs) - len(missing)
        table.add_row(
            solver,
            str(counts[solver]),
            str(len(runs)),
            str(len(false)),
            str(sum(_is_best(runs[p]["fun"], best[p]) for p in runs)),
            f"{sum(row['seconds'] for row in runs.values()):.0f}",
            " ".join(p + ("*" if p in false else "") for p in missing),
            style="bold" if solver in OURS else None,
        )
    console.print(table)
    console.print(
        f"solved: max |g| <= {STATIONARY:g} max(1, |f|), or the best f of all (column best f); "
        "false: claims success, not solved; seconds: compiling included.",
        style="dim",
    )
    theirs = max((c for s, c in counts.items() if s not in OURS), default=0)
    for solver in OURS:
        if solver in counts:
            met = "[green]met" if counts[solver] >= theirs else "[red]missed"
            console.print(f"{solver}: {counts[solver]}, wanted >= {theirs} (best of SciPy): {met}")


def _is_best(fun: float | None, best: float) -> bool:
    return fun is not None and fun <= best + BEST * max(1.0, abs(best))


def main() -> None:
    """Run what was asked for, then report on everything in the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("benchmark-results"))
    parser.add_argument("--problems", nargs="*", help="words in their names")
    parser.add_argument("--solvers", nargs="*", help="words in their names; none: only report")
    parser.add_argument("--seconds", type=float, default=20.0, help="limit for one problem")
    parser.add_argument("--part", type=int, nargs=2, metavar=("FIRST", "END"), help="by position")
    parser.add_argument("--engine", default="host", help="ours: host, compiled or auto")
    parser.add_argument("--quick", action="store_true", help="every tenth problem")
    asked = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    console.print(machine(), highlight=False)
    records = Records(asked.output / "sif2jax_unconstrained.json")
    everyone = [*OURS, *(p.name for p in scipy_peers() if not p.least_squares)]
    if asked.solvers != []:
        names = selected([problem.name for problem in collection()], asked.problems)
        if asked.part:
            names = names[asked.part[0] : asked.part[1]]
        run(
            names[::10] if asked.quick else names,
            selected(everyone, asked.solvers),
            asked.seconds,
            asked.engine,
            records,
        )
        console.print(f"written: {records.path}", highlight=False)
    report(records)


if __name__ == "__main__":
    main()
