"""Timing that survives a noisy machine: candidates take turns, and only ratios are believed.

All candidates run in one process, one after the other, round after round; a slow moment of the
machine falls on all of them. A ratio of two candidates is the median of their ratios per round.
CPU time (of all threads) is the measure, wall time stands beside it.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # read when NumPy is loaded, so import this module first

from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

WIDTH = 132
LONG = 6.0
console = Console(width=WIDTH)


@dataclass
class Sample:
    """Seconds per call of one candidate, one number per round."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    answer: Any = None

    @property
    def cpu_median(self) -> float:
        return statistics.median(self.cpu)

    @property
    def wall_median(self) -> float:
        return statistics.median(self.wall)


def alternate(
    candidates: Mapping[str, Callable[[], Any]],
    rounds: int,
    *,
    per_turn: float = 0.02,
    warm_up: int = 3,
) -> dict[str, Sample]:
    """Run the candidates in turn, ``rounds`` times.

    Parameters
    ----------
    candidates : dict of str to callable
        Each does the whole job and returns its answer on the host.
    rounds : int
        Turns of each candidate that are measured.
    per_turn : float
        Seconds that one turn should last at least: a short job is repeated within its turn.
    warm_up : int
        Calls of each beforehand, which compile; the fastest of them says how often a job fits
        into a turn. Fewer when they take longer than LONG seconds. Must be positive.
    """
    samples, repeats = {}, {}
    for name, job in candidates.items():
        samples[name] = Sample()
        spent: list[float] = []
        while len(spent) < warm_up and sum(spent) < LONG:
            began = time.perf_counter()
            samples[name].answer = job()
            spent.append(time.perf_counter() - began)
        repeats[name] = max(1, round(per_turn / max(min(spent), 1e-6)))
    for _ in range(rounds):
        for name, job in candidates.items():
            began_cpu, began = time.process_time(), time.perf_counter()
            for _ in range(repeats[name]):
                job()
            samples[name].wall.append((time.perf_counter() - began) / repeats[name])
            samples[name].cpu.append((time.process_time() - began_cpu) / repeats[name])
    return samples


def ratio(ours: Sample, peer: Sample, clock: str = "cpu") -> float:
    """Our time over the peer's: the median of the ratios per round; below 1 we are faster."""
    pairs = zip(getattr(ours, clock), getattr(peer, clock))
    return statistics.median(a / b for a, b in pairs)


@dataclass(frozen=True)
class Wanted:
    """What ``ours`` should reach: this multiple of ``peer``'s time, or so many seconds, or less."""

    ours: str
    peer: str | None
    at_most: float

    def row(self, samples: Mapping[str, Sample]) -> tuple[str, ...]:
        """The comparison as a row of :func:`verdicts`."""
        mine = samples[self.ours]
        if self.peer is None:
            cpu, wall = mine.cpu_median, mine.wall_median
            shown = [f"{seconds * 1e3:.3g} ms" for seconds in (cpu, wall, self.at_most)]
            return (self.ours, "the clock", *shown[:2], f"<= {shown[2]}", self.verdict(cpu))
        cpu, wall = (ratio(mine, samples[self.peer], clock) for clock in ("cpu", "wall"))
        wanted = f"<= {self.at_most:.3g}"
        if self.at_most < 1:
            wanted = f">= {1 / self.at_most:.3g}x faster"
        shown = [f"{1 / r:.3g}x faster" if r < 1 else f"{r:.3g}x the time" for r in (cpu, wall)]
        return (self.ours, self.peer, *shown, wanted, self.verdict(cpu))

    def verdict(self, value: float) -> str:
        """Met or missed, and by how much; "even" leaves 5 % to the noise of the clock."""
        if value <= self.at_most:
            return "[green]met"
        if value <= 1.05 * self.at_most:
            return "[yellow]even"
        return f"[red]missed by {value / self.at_most:.2g}x"


def show(
    title: str,
    samples: Mapping[str, Sample],
    facts: Mapping[str, Mapping[str, str]],
    reference: str,
    wanted: list[Wanted],
) -> None:
    """Print the times, with whatever else is known of each candidate, and then the verdicts.

    Parameters
    ----------
    facts : dict of str to dict
        More columns per candidate, such as its final gradient.
    reference : str
        The candidate that the column of ratios is relative to (ours).
    """
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("candidate")
    columns = list(dict.fromkeys(column for row in facts.values() for column in row))
    for column in [*columns, "CPU ms", "wall ms", f"{reference} / this"]:
        table.add_column(column, justify="right")
    for name, sample in samples.items():
        times = f"{sample.cpu_median * 1e3:.3g}", f"{sample.wall_median * 1e3:.3g}"
        share = "1" if name == reference else f"{ratio(samples[reference], sample):.3g}"
        row = [facts.get(name, {}).get(column, "") for column in columns]
        table.add_row(name, *row, *times, share, style="bold" if name == reference else None)
    console.print(table)
    verdicts(samples, wanted)


def verdicts(samples: Mapping[str, Sample], wanted: list[Wanted]) -> None:
    """Print what is wanted beside what was measured; a candidate that did not run is left out."""
    table = Table(title_justify="left", box=None, pad_edge=False)
    for column in ("ours", "against", "CPU", "wall", "wanted", "verdict (CPU)"):
        table.add_column(column, justify="left" if column in ("ours", "against") else "right")
    for want in wanted:
        if {want.ours, want.peer or want.ours} <= samples.keys():
            table.add_row(*want.row(samples))
    console.print(table, "")


def machine(*packages: str) -> str:
    """What the figures were measured on, and with which versions, in one line."""
    names = ("jax", "numpy", "scipy", *packages)
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, load "
        f"{os.getloadavg()[0]:.1f}, one BLAS thread; Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in names)
    )
