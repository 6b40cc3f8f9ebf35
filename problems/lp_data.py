"""The classical sets of linear programs: Netlib, its infeasible companion, and Kennington.

The files are not part of the package: ``OPTLIB_DATA`` names a folder with ``netlib/``, ``infeas/``
and ``kennington/``, each with ``NAME.mps.gz`` files and a table ``optimal.csv``.
"""

from __future__ import annotations

import csv
import math
from functools import cache
from typing import NamedTuple

from optlib import LinearProgram

from .data import data_file

SETS = {
    "netlib": "https://www.netlib.org/lp/data",
    "infeas": "https://www.netlib.org/lp/infeas",
    "kennington": "https://www.netlib.org/lp/data/kennington",
}
"""The sets, and where they are published (as compressed MPS)."""


class Program(NamedTuple):
    """One row of a set's table; ``optimal`` is NaN for an infeasible program."""

    name: str
    rows: int
    columns: int
    nonzeros: int
    status: str
    optimal: float


@cache
def table(collection: str = "netlib") -> dict[str, Program]:
    """The programs of a set by name, with their optimal costs.

    Raises
    ------
    ValueError
        For an unknown set.
    DataNotFoundError
        When the set is not on this machine; says how to make it known.
    """
    path = data_file(collection, "optimal.csv", _home(collection))
    with path.open(newline="") as file:
        rows = [_program(row) for row in csv.DictReader(file)]
    return {row.name: row for row in rows}


def _program(row: dict[str, str]) -> Program:
    optimal = float(row["optimal"]) if row["status"] == "optimal" else math.nan
    rows, columns, nonzeros = (int(row[key]) for key in ("rows", "cols", "nonzeros"))
    return Program(row["name"], rows, columns, nonzeros, row["status"], optimal)


def netlib(name: str, collection: str = "netlib") -> LinearProgram:
    """A linear program of one of the sets, such as ``netlib("afiro")``.

    Parameters
    ----------
    name : str
        As in ``table(collection)``.
    collection : {"netlib", "infeas", "kennington"}

    Raises
    ------
    KeyError
        For an unknown name; lists the set's.
    ValueError, DataNotFoundError
        As :func:`table`.
    """
    known = table(collection)
    if name not in known:
        raise KeyError(f"{collection} has no program {name!r}; it has {', '.join(known)}")
    return LinearProgram.from_mps(data_file(collection, f"{name}.mps.gz", _home(collection)))


def _home(collection: str) -> str:
    if collection not in SETS:
        raise ValueError(f"collection: found {collection!r}, needed one of {', '.join(SETS)}")
    return SETS[collection]
