"""The tour: every bundled problem, every method that applies, every answer checked."""

from __future__ import annotations

import fnmatch
import importlib.util
import math
import multiprocessing
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from .core.ops import HOST
from .core.status import Status
from .minimize import applicable, certify, minimize, recommended

if TYPE_CHECKING:
    from rich.console import Console

    from .plotting.gallery import Picture

MAX_ITERATIONS = 800
MAX_SECONDS = 1.0
"""Limits of one run. The recommended method has its own iteration limit and half a minute."""

PATIENCE = 30.0

OK, HONEST, WRONG = "ok", "honest", "WRONG"
"""Verdicts: solved; not solved, and said so; claimed something that is not true (or crashed)."""

UNLISTED = "a local minimum that the catalogue does not list"

PICTURED = 5
"""Methods in the picture of a problem, at most."""

STAND_INS = ("gradient_descent", "conjugate_gradient", "bfgs")
"""Drawn where the source names direct methods only."""


class Row(NamedTuple):
    """One method on one problem."""

    problem: str
    method: str
    status: str
    found: float
    known: float
    error: float
    nit: int
    nfev: int
    njev: int
    holds: bool
    residual: float
    seconds: float
    verdict: str
    recommended: bool
    note: str = ""


@dataclass(frozen=True)
class Stop:
    """One problem of the tour, with its rows and its picture."""

    name: str
    title: str
    source: str
    chapter: str
    notes: str
    kind: str
    size: int
    known: tuple[float, ...]
    attained: bool
    rows: tuple[Row, ...]
    picture: Picture | None = None
    trouble: str = ""

    @property
    def solved(self) -> bool:
        """Whether the recommended method solved it (nothing can be asked without a minimum)."""
        return not self.attained or any(r.recommended and r.verdict == OK for r in self.rows)

    def count(self, verdict: str) -> int:
        """Rows with that verdict."""
        return sum(row.verdict == verdict for row in self.rows)


@dataclass
class Tour:
    """What a tour found."""

    stops: list[Stop] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    seconds: float = 0.0
    page: Path | None = None

    limits = f"{MAX_ITERATIONS} iterations or {MAX_SECONDS:g} s"
    """What ends a run of a method that is not the recommended one."""

    @property
    def rows(self) -> list[Row]:
        """All rows."""
        return [row for stop in self.stops for row in stop.rows]

    @property
    def wrong(self) -> list[Row]:
        """The rows that claim something untrue."""
        return [row for row in self.rows if row.verdict == WRONG]

    @property
    def unsolved(self) -> list[Stop]:
        """The problems that their recommended method did not solve."""
        return [stop for stop in self.stops if not stop.solved]

    @property
    def passed(self) -> bool:
        """Nothing wrong, nothing unsolved."""
        return not self.wrong and not self.unsolved

    def chapters(self) -> Iterator[tuple[str, list[Stop]]]:
        """The stops by chapter, in order."""
        found: dict[str, list[Stop]] = {}
        for stop in self.stops:
            found.setdefault(stop.chapter, []).append(stop)
        return iter(found.items())


# ------------------------------------------------------------------ judging


def verdict(answer: Any, status: Status, holds: bool, fun: float, tol: float = 1e-8) -> str:
    """Whether a claim agrees with what is known, to the coarser of the two tolerances.

    (The tour also accepts a point called stationary that is a local minimum which the catalogue
    does not list: see :func:`is_strict_minimum`.)

    Examples
    --------
    >>> from optlib.problems import Answer
    >>> verdict(Answer(fun=0.0), Status.STATIONARY, True, 1e-12)
    'ok'
    >>> verdict(Answer(fun=0.0), Status.STATIONARY, True, 0.5)
    'WRONG'
    >>> verdict(Answer(fun=0.0), Status.ITERATION_LIMIT, False, 0.5)
    'honest'
    >>> verdict(Answer(fun=0.0, attained=False), Status.STATIONARY, True, 1e-12)
    'WRONG'
    """
    if answer.status is not None and status is answer.status:
        return OK if holds else HONEST
    if status in (Status.INFEASIBLE, Status.UNBOUNDED) and holds:
        return WRONG
    if status not in (Status.OPTIMAL, Status.STATIONARY):
        return HONEST
    if answer.status is not None:
        return WRONG
    if not holds or not answer.attained:
        return WRONG
    agrees = answer.agrees(fun) or answer.error(fun) <= tol
    return OK if not answer.values or agrees else WRONG


def is_strict_minimum(problem: Any, x: Any) -> bool:
    """Whether a point is a strict local minimum beyond doubt, by its exact Hessian.

    The smallest eigenvalue must be positive by far, and the decrease that Newton's model still
    promises must be lost in the digits of f.

    Examples
    --------
    >>> import optlib as ol
    >>> bend = ol.Smooth(lambda x: x[0] ** 2 + x[1] ** 4, [1.0, 1.0])
    >>> is_strict_minimum(bend, [0.0, 1.0]), is_strict_minimum(bend, [0.0, 0.0])
    (False, False)
    """
    if problem.lower is not None or getattr(problem, "regularizer", None) is not None:
        return False
    with jax.enable_x64(problem.dtype == np.float64):
        point = problem.starting_at(x).flat_start(np)
        oracle = problem.oracle(HOST)
        fun, gradient = oracle.value_and_grad(point)
        values, vectors = np.linalg.eigh(oracle.hessian(point))
    if not values[0] > 1e-10 * values[-1]:
        return False
    decrease = float(np.sum((vectors.T @ gradient) ** 2 / values))
    return decrease <= 1e-12 * max(1.0, abs(float(fun)))


def _row(entry: Any, problem: Any, method: Any, first: bool, trace: bool) -> tuple[Row, Any]:
    """Solve, have the proof checked again, and compare with the known answer."""
    answer = entry.known()
    limits: dict[str, Any] = {"max_seconds": PATIENCE}
    if not first:
        limits = {"max_iterations": MAX_ITERATIONS, "max_seconds": MAX_SECONDS}
    try:
        result = minimize(problem, method, engine="host", trace=trace, **limits)
        proof = result.certificate
        if result.success:
            proof = _proof_again(problem, result)
    except Exception as error:
        nan, note = math.nan, f"{type(error).__name__}: {error}"
        return (
            Row(
                entry.name, method.name, "ERROR", nan, nan, nan, 0, 0, 0, False, nan, nan, WRONG,
                first, note,
            ),
            None,
        )  # fmt: skip
    fun = float(result.fun)
    known = min(answer.values, key=lambda value: abs(value - fun), default=math.nan)
    holds = bool(proof.holds())
    word, note = verdict(answer, result.status, holds, fun, float(proof.tol)), ""
    local = result.status is Status.STATIONARY and holds and answer.attained
    if (
        word == WRONG
        and local
        and fun > min(answer.values)
        and is_strict_minimum(problem, result.x)
    ):
        word, note = OK, UNLISTED
    row = Row(
        entry.name, method.name, result.status.name, fun, known, answer.error(fun), result.nit,
        result.nfev, result.njev, holds, float(proof.worst), result.seconds, word, first, note,
    )  # fmt: skip
    return row, result


def _proof_again(problem: Any, result: Any) -> Any:
    """The claim of a result, judged anew from what it hands over."""
    tol = float(result.certificate.tol)
    if result.status is Status.INFEASIBLE:
        return problem.certify_infeasible(result.ray, tol)
    if result.status is Status.UNBOUNDED:
        return problem.certify_unbounded(result.x, result.ray, tol)
    return certify(problem, result.x, result.dual, tol=tol)


def visit(name: str, quick: bool = False, draw: bool = True) -> Stop:
    """Solve one bundled problem with every method that applies."""
    from .problems import entry as find

    entry = find(name)
    problem = entry.load()
    best = recommended(problem)
    methods = [best] + [m for m in applicable(problem) if m.name != best.name]
    if quick:
        methods = [best] + [m for m in methods[1:] if m.name in entry.methods]
    names = [method.name for method in methods]
    drawn = _pictured(entry, best.name, names) if draw else []
    rows, runs = [], {}
    for method in methods:
        row, result = _row(entry, problem, method, method is best, method.name in drawn)
        rows.append(row)
        if result is not None and result.trace is not None and method.name in drawn:
            runs[method.name] = result
    picture, trouble = _picture(entry, problem, {n: runs[n] for n in drawn if n in runs})
    answer = entry.known()
    return Stop(
        entry.name, entry.title, entry.source, _chapter(entry), entry.notes,
        type(problem).__name__, problem.layout.size, answer.values, answer.attained, tuple(rows),
        picture, trouble,
    )  # fmt: skip


def _picture(entry: Any, problem: Any, runs: dict[str, Any]) -> tuple[Picture | None, str]:
    """The picture of some runs, or why there is none: a picture must not end the tour."""
    if not runs:
        return None, ""
    from .plotting.gallery import picture_of

    try:
        return picture_of(entry, problem, runs), ""
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"


def _pictured(entry: Any, best: str, names: list[str]) -> list[str]:
    """The methods to draw: those that the source names, the recommended one, and stand-ins."""
    if "tableau" in names:
        return ["tableau"]
    direct = ("qr", "svd", "lsqr", "lsmr")
    chosen = [name for name in dict.fromkeys((*entry.methods, best)) if name not in direct]
    if len(chosen) < 3:
        chosen = list(dict.fromkeys((*chosen, *STAND_INS)))[:3]
    return [name for name in chosen if name in names][:PICTURED]


def showpiece(name: str) -> Picture:
    """A picture made by hand for the head of the gallery."""
    from .plotting.gallery import SHOWPIECES
    from .problems import load

    return SHOWPIECES[name].draw(load)


# ------------------------------------------------------------------ the tour


def run_tour(
    output: Path,
    console: Console,
    *,
    only: str | None = None,
    quick: bool = False,
    jobs: int | None = None,
) -> Tour:
    """Solve the bundled problems, print a table per chapter, write ``output/gallery.html``.

    Parameters
    ----------
    output : Path
        Folder of the gallery; made when missing.
    console : rich Console
        Where the tables go.
    only : str, optional
        A name, part of one, a pattern with ``*``, or a chapter such as ``A 1.4``.
    quick : bool
        Only the recommended method and those that the source names, and no pictures.
    jobs : int, optional
        Processes; by default one per processor.

    Returns
    -------
    Tour
        ``passed`` is False when a claim was wrong, or a recommended method failed.

    Raises
    ------
    ValueError
        When no problem matches ``only``.
    """
    from .plotting.page import write_page

    began = time.perf_counter()
    draw = not quick and importlib.util.find_spec("matplotlib") is not None
    if not quick and not draw:
        console.print('[yellow]no pictures: pip install "optlib\\[plot]"[/yellow]')
    names = [entry.name for entry in selected(only)]
    tour = Tour()
    for stop in _visits(names, quick, draw, jobs, console, tour):
        if tour.stops and tour.stops[-1].chapter != stop.chapter:
            _print_chapter(console, tour.stops)
        tour.stops.append(stop)
    _print_chapter(console, tour.stops)
    if draw:
        tour.pictures.extend(_profile(tour))
    tour.seconds = time.perf_counter() - began
    output.mkdir(parents=True, exist_ok=True)
    tour.page = output / "gallery.html"
    write_page(tour, tour.page)
    tour.seconds = time.perf_counter() - began
    _print_summary(console, tour)
    return tour


def selected(only: str | None) -> list[Any]:
    """The catalogue entries that match, in the order of the chapters."""
    from .problems import catalog

    entries = sorted(catalog(), key=lambda entry: _order(_chapter(entry)))
    if only is None:
        return entries
    chosen = [entry for entry in entries if _matches(entry, only)]
    if not chosen:
        raise ValueError(f"only: found no problem that matches {only!r} (see `optlib problems`)")
    return chosen


def _matches(entry: Any, only: str) -> bool:
    if any(sign in only for sign in "*?["):
        return fnmatch.fnmatch(entry.name, only)
    return only in entry.name or entry.chapter == only


def _chapter(entry: Any) -> str:
    """The chapter; a collection whose sections are single problems is one chapter."""
    return entry.source.split()[0] if "mgh" in entry.tags else entry.chapter


def _order(chapter: str) -> tuple[str, list[int]]:
    book, _, section = chapter.partition(" ")
    return book, [int(number) for number in re.findall(r"\d+", section)]


def _visits(
    names: list[str], quick: bool, draw: bool, jobs: int | None, console: Console, tour: Tour
) -> Iterator[Stop]:
    """The stops in order, computed by several processes; the showpieces come first."""
    from rich.progress import track

    pieces: Iterable[str] = []
    if draw:
        from .plotting.gallery import SHOWPIECES

        pieces = [name for name, piece in SHOWPIECES.items() if piece.problem in names]
    workers = min(jobs or os.cpu_count() or 1, len(names))
    show: dict[str, Any] = {"console": console, "transient": True, "description": "touring"}
    if workers == 1:
        tour.pictures.extend(map(showpiece, pieces))
        for name in track(names, **show):
            yield visit(name, quick, draw)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        shown = [pool.submit(showpiece, name) for name in pieces]
        visits = [pool.submit(visit, name, quick, draw) for name in names]
        try:
            tour.pictures.extend(future.result() for future in shown)
            for future in track(visits, **show):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _profile(tour: Tour) -> list[Picture]:
    """The performance profile on the collection of Moré, Garbow and Hillstrom, if it was run."""
    stops = [stop for stop in tour.stops if stop.chapter == "MGH"]
    if len(stops) < 10:
        return []
    from .plotting.gallery import picture_of_profile
    from .plotting.style import spelled

    shared = [r.method for r in stops[0].rows]
    names = [name for name in shared if all(any(r.method == name for r in s.rows) for s in stops)]
    costs = {
        name: [
            next(
                float(max(1, r.njev)) if r.verdict == OK else math.inf
                for r in stop.rows
                if r.method == name
            )
            for stop in stops
        ]
        for name in names
    }
    ranked = sorted(costs, key=lambda name: -sum(map(math.isfinite, costs[name])))
    best = {spelled(name): costs[name] for name in ranked[:8]}
    return [picture_of_profile(best, f"{len(stops)} problems of Moré, Garbow and Hillstrom")]


# ------------------------------------------------------------------ printing

COLOURS = {OK: "green", HONEST: "yellow", WRONG: "bold red"}


def _print_chapter(console: Console, stops: list[Stop]) -> None:
    """The table of the last chapter in the list."""
    from rich.table import Table

    chapter = stops[-1].chapter
    table = Table(title=chapter, title_justify="left", title_style="bold")
    table.add_column("problem", no_wrap=True)
    table.add_column("method", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for name in ("f found", "f known", "error", "iterations", "f evals"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("proof", no_wrap=True)
    table.add_column("", no_wrap=True)
    for stop in (stop for stop in stops if stop.chapter == chapter):
        for i, row in enumerate(stop.rows):
            colour = COLOURS[row.verdict]
            table.add_row(
                stop.name if i == 0 else "",
                row.method + (" *" if row.recommended else ""),
                row.status,
                f"{row.found:.10g}",
                _known(stop, row),
                f"{row.error:.1e}" if math.isfinite(row.error) else "",
                str(row.nit),
                str(row.nfev),
                "holds" if row.holds else f"{row.residual:.0e}",
                f"[{colour}]{row.verdict}[/{colour}]",
                end_section=i == len(stop.rows) - 1,
            )
    console.print(table)


def _known(stop: Stop, row: Row) -> str:
    if not stop.attained:
        return "not attained"
    return f"{row.known:.10g}" if math.isfinite(row.known) else "unknown"


def _print_summary(console: Console, tour: Tour) -> None:
    counts = Counter(row.verdict for row in tour.rows)
    for row in (row for row in tour.rows if row.verdict == WRONG):
        console.print(
            f"[bold red]WRONG[/bold red] {row.problem} by {row.method}: {row.status}, "
            f"f = {row.found:.10g}, known {row.known:.10g} {row.note}"
        )
    for row in (row for row in tour.rows if row.note == UNLISTED):
        console.print(
            f"[yellow]{row.problem}[/yellow] by {row.method}: f = {row.found:.12g} is {row.note}"
        )
    for stop in tour.unsolved:
        best = next(row for row in stop.rows if row.recommended)
        console.print(
            f"[bold red]UNSOLVED[/bold red] {stop.name}: its recommended method {best.method} "
            f"ended {best.status} at f = {best.found:.10g}, known {_known(stop, best)}"
        )
    for stop in (stop for stop in tour.stops if stop.trouble):
        console.print(f"[yellow]no picture[/yellow] of {stop.name}: {stop.trouble}")
    console.print(
        f"[bold]{len(tour.stops)} problems, {len(tour.rows)} runs in {tour.seconds:.0f} s[/bold]: "
        f"[green]{counts[OK]} ok[/green], [yellow]{counts[HONEST]} honest[/yellow], "
        f"[red]{counts[WRONG]} wrong[/red]; "
        f"{len(tour.stops) - len(tour.unsolved)} solved by the recommended method (*)"
    )
    console.print(f"gallery: {tour.page}", soft_wrap=True)
