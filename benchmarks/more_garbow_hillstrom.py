"""Every method on the 35 problems of Moré, Garbow and Hillstrom, and every peer, by one judge.

    python benchmarks/more_garbow_hillstrom.py --output out
    python benchmarks/more_garbow_hillstrom.py --output out --solvers ours --problems meyer wood

A problem counts as solved when ``optlib.certify`` holds at the point found and the value there is a
known minimum; the judge sees only the point. Everybody is asked for a gradient of 1e-8 (or what
comes nearest to it), and the certificate must hold at ``--tol``. Solvers that are not selected keep
the rows of the last run in the same folder.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from timing import console, machine  # isort: skip

import jax
import numpy as np
from peers import (
    Found,
    Objective,
    Peer,
    Records,
    jaxopt_peers,
    optimistix_peers,
    scipy_peers,
    selected,
)
from rich.progress import track
from rich.table import Table

import optlib as ol
from optlib import problems

SECOND_ORDER = ("newton", "newton_cg", "trust_region", "trust_region_cg")
LIMITS = {
    "quasi-Newton and conjugate gradients": (
        ("bfgs", "dfp", "lbfgs", "lbfgsb", "conjugate_gradient"),
        5000,
    ),
    "second order and least squares": (
        (*SECOND_ORDER, "levenberg_marquardt", "gauss_newton"),
        1000,
    ),
    "first order": ((), 1000),
}
SECONDS = 10.0
STRONG = 0.8
"""The share of the problems that a solver has to solve for its evaluations to be compared."""


def limit_of(method: str) -> int:
    """Accepted steps granted to one of our methods."""
    for names, limit in LIMITS.values():
        if method in names or not names:
            return limit
    raise AssertionError


def our_solvers() -> dict[str, tuple[str, str]]:
    """Our methods by the name in the table: method, and the form in which it takes the problem."""
    smooth = ol.methods(entries()[0].load(form="smooth"))
    squares = ol.methods(ol.NonlinearLeastSquares)
    own = [row.name for row in squares if row.problem_class == "NonlinearLeastSquares"]
    return {
        **{f"ours {name}": (name, "residuals") for name in own},
        **{f"ours {row.name}": (row.name, "smooth") for row in smooth},
    }


def entries() -> list[problems.Entry]:
    return list(problems.catalog(tag="mgh"))


def ours(entry: problems.Entry, method: str, form: str) -> Found:
    """One of our methods on the host engine."""
    result = ol.minimize(
        entry.load(form=form),
        method,
        engine="host",
        max_iterations=limit_of(method),
        max_seconds=SECONDS,
    )
    says = f"{result.status.name}: {result.certificate!r}"
    return Found(np.asarray(result.x), result.success, result.nfev, result.nhev, says)


def judged(entry: problems.Entry, found: Found, seconds: float, tol: float) -> dict[str, Any]:
    """The row of one run."""
    problem = entry.load(form="smooth")
    row: dict[str, Any] = {"solved": False, "claims": found.claims, "fun": None, "residuals": {}}
    if np.isfinite(found.x).all():
        with jax.enable_x64(True):
            fun = float(problem.fun(found.x, *problem.args))
        proof = ol.certify(problem, found.x, tol=tol)
        row["fun"] = fun
        row["residuals"] = {name: float(value) for name, value in proof.residuals.items()}
        row["proved"] = proof.holds()
        row["known"] = entry.known(**entry.parameters).agrees(fun)
        row["solved"] = row["proved"] and row["known"]
        row["x"] = found.x.tolist()
    return {
        **row,
        "nfev": found.nfev,
        "nhev": found.nhev,
        "seconds": seconds,
        "says": found.says,
    }


def objective_of(entry: problems.Entry) -> Objective:
    """The problem as the peers take it."""
    smooth, squares = entry.load(form="smooth"), entry.load(form="residuals")
    return Objective(
        lambda x: smooth.fun(x, *smooth.args),
        smooth.x0,
        residual=lambda x: squares.flat_residual(x),
        seconds=SECONDS,
    )


def run(solvers: list[str], names: list[str], records: Records, tol: float) -> None:
    """Every selected solver on every selected problem."""
    mine = our_solvers()
    peers = {p.name: p for p in all_peers()}
    for entry in track(entries(), "problems", console=console):
        if entry.name not in names:
            continue
        objective = objective_of(entry)
        for solver in solvers:
            began = time.perf_counter()
            if solver in mine:
                found = ours(entry, *mine[solver])
            else:
                with jax.enable_x64(True):
                    found = peers[solver].run(objective)
            seconds = time.perf_counter() - began
            records.put(solver, entry.name, judged(entry, found, seconds, tol))
        jax.clear_caches()
        records.save(machine=machine("optimistix", "jaxopt"), tol=tol)


def all_peers() -> list[Peer]:
    return [*scipy_peers(), *optimistix_peers(), *jaxopt_peers()]


# ------------------------------------------------------------------ report


def report(records: Records, order: list[str]) -> None:
    """The table of all solvers in the file, ours and theirs, then what needs a look."""
    rows = records.rows
    names = [entry.name for entry in entries()]
    solved = {s: {p for p in names if rows[s].get(p, {}).get("solved")} for s in order}
    strong = [s for s in order if len(solved[s]) >= STRONG * len(names)]
    common = set(names).intersection(*(solved[s] for s in strong)) if strong else set()
    table = Table(title=f"Moré, Garbow and Hillstrom: solved of {len(names)}", title_justify="left")
    table.add_column("solver")
    for column in ("solved", "false", f"Σ f on {len(common)}", "Σ H", "seconds"):
        table.add_column(column, justify="right")
    table.add_column("not solved (numbers; * claims success)", overflow="fold")
    mine = our_solvers()
    for solver in sorted(order, key=lambda s: -len(solved[s])):
        runs = rows[solver]
        missing = [p for p in names if p in runs and p not in solved[solver]]
        false = [p for p in missing if runs[p]["claims"]]
        of = "" if len(runs) == len(names) else f"/{len(runs)}"
        sums = [sum(runs[p][key] for p in common) for key in ("nfev", "nhev")]
        table.add_row(
            solver,
            f"{len(solved[solver])}{of}",
            str(len(false)),
            *(str(s) if solver in strong else "-" for s in sums),
            f"{sum(row['seconds'] for row in runs.values()):.0f}",
            " ".join(number(p) + ("*" if p in false else "") for p in missing),
            style="bold" if solver in mine else None,
        )
    console.print(table)
    console.print(
        f"Σ f: evaluations of f, each with its gradient, on the {len(common)} problems that all "
        f"solvers with at least {STRONG * len(names):.0f} have in common; Σ H: Hessians and "
        "Hessian-vector products there. A point is solved when its certificate holds and its "
        "value is a known minimum; false: claims success, not solved.",
        style="dim",
    )
    console.print("Numbers:", ", ".join(f"{number(p)} {p.split('_', 2)[2]}" for p in names))
    disputed(records, order)


def number(name: str) -> str:
    """The paper's number of a problem."""
    return name.split("_")[1]


def disputed(records: Records, order: list[str]) -> None:
    """Points that the certificate accepts although the value is no known minimum."""
    found: dict[tuple[str, str], list[str]] = {}
    for solver in order:
        for name, row in records.rows[solver].items():
            if row.get("proved") and not row["known"]:
                key = (name, f"{row['fun']:.6g}")
                found.setdefault(key, []).append(solver + ("*" if row["claims"] else ""))
    if not found:
        return
    table = Table(title="The certificate holds at another value (* claims success)")
    table.title_justify = "left"
    for column in ("problem", "f there", "f known", "found by"):
        table.add_column(column, overflow="fold")
    known = {e.name: e.known(**e.parameters).values for e in entries()}
    for (name, fun), solvers in sorted(found.items()):
        values = " ".join(f"{v:.6g}" for v in known[name])
        table.add_row(name[4:], fun, values, ", ".join(solvers))
    console.print(table)


def picture(records: Records, order: list[str], path: Path, count: int = 5) -> None:
    """The performance profile in evaluations, of the solvers that solve most."""
    from optlib.plotting import plot_profile

    names = [entry.name for entry in entries()]
    costs = {
        solver: [_cost(records.rows[solver].get(name, {"solved": False})) for name in names]
        for solver in order
    }
    best = sorted(order, key=lambda s: -np.isfinite(costs[s]).sum())
    mine = [s for s in best if s in our_solvers()][:count]
    theirs = [s for s in best if s not in our_solvers()][:count]
    figure = plot_profile(
        {s: costs[s] for s in [*mine, *theirs]},
        limit=32.0,
        title="35 problems of Moré, Garbow and Hillstrom",
        cost="evaluations of f, gradient and Hessian",
    )
    for suffix in (".svg", ".png"):
        figure.savefig(path.with_suffix(suffix), bbox_inches="tight", dpi=150)


def _cost(row: dict[str, Any]) -> float:
    """Evaluations of f with its gradient, and of second derivatives; none when not solved."""
    return row["nfev"] + row["nhev"] if row["solved"] else np.inf


def main() -> None:
    """Run what was asked for, then report on everything in the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("benchmark-results"))
    parser.add_argument("--solvers", nargs="*", help="words in their names; none: only report")
    parser.add_argument("--problems", nargs="*", help="words in their names")
    parser.add_argument("--tol", type=float, default=1e-6, help="for the certificate")
    asked = parser.parse_args()
    everyone = [*our_solvers(), *(p.name for p in all_peers())]
    records = Records(asked.output / "more_garbow_hillstrom.json")
    console.print(machine("optimistix", "jaxopt"), highlight=False)
    if asked.solvers != []:
        names = selected([entry.name for entry in entries()], asked.problems)
        run(selected(everyone, asked.solvers), names, records, asked.tol)
        console.print(f"written: {records.path}", highlight=False)
    order = [solver for solver in everyone if solver in records.rows]
    report(records, order)
    picture(records, order, asked.output / "more_garbow_hillstrom")


if __name__ == "__main__":
    main()
