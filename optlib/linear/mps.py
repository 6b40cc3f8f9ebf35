"""MPS files: the exchange format of linear programs, free and fixed, plain or gzipped.

Understood: ``NAME``, ``OBJSENSE``, ``OBJSENSE MAX`` on one line, ``ROWS``, ``COLUMNS`` with integer
markers, ``RHS`` (on the objective row: minus the constant of the cost), ``RANGES``, ``BOUNDS``
(``LO UP FX FR MI PL BV LI UI``), ``ENDATA``, comments (``*``). Of several right-hand-side, range or
bound vectors the first counts, and of several ``N`` rows the first is the cost. A number of size
1e20 or more is infinite. As in CPLEX and Gurobi, a negative ``UP`` bound of a variable whose lower
bound was not given makes that one ``-inf``, and an integer variable without any bound is 0 or 1.

References
----------
IBM, MPS format; Nazareth 1987, Computer Solution of Linear Programs, chapter 5.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from .names import Names
from .sparse import scipy_sparse

FORMATS = ("free", "fixed")

FIELDS = ((1, 3), (4, 12), (14, 22), (24, 36), (39, 47), (49, 61))
"""Columns of the six fields of a fixed-format line."""

INFINITE = 1e20
"""From this size on a number means no bound."""


class _FormatError(ValueError):
    """A line that does not say what its section needs."""

    line = 0


def read(source: Any, format: str | None = None) -> dict[str, Any]:
    """The arguments of ``LinearProgram`` from an MPS file.

    Parameters
    ----------
    source : str, Path or file object
        Gzipped files are recognised by their first bytes.
    format : {None, "free", "fixed"}
        Free format parts fields at blanks; fixed format cuts them at given columns, so names may
        contain blanks. ``None`` tries free, then fixed.

    Returns
    -------
    dict
        Equations in the order of the file, then inequalities ``A_ub x <= b_ub``; a ``G`` row
        enters negated, and a row with two ends as two neighbouring rows of the same name. A
        maximisation (``OBJSENSE MAX``) enters as its negative.

    Raises
    ------
    ValueError
        With the line number, what was found there and what was needed.
    """
    if format not in (None, *FORMATS):
        raise ValueError(f"format: found {format!r}, needed 'free', 'fixed' or None")
    name, lines = _lines(source)
    splits = {"free": [_free], "fixed": [_fixed], None: [_free, _fixed]}[format]
    errors: list[_FormatError] = []
    for split in splits:
        try:
            return _Reader(lines, split).arguments()
        except _FormatError as error:
            errors.append(error)
    farthest = max(errors, key=lambda error: error.line)
    raise ValueError(f"{name}line {farthest.line}: {farthest}")


def _lines(source: Any) -> tuple[str, list[str]]:
    """The name of a file and its lines."""
    if hasattr(source, "read"):
        data, name = source.read(), getattr(source, "name", "")
        data = data.encode() if isinstance(data, str) else data
    else:
        data, name = Path(source).read_bytes(), str(source)
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return f"{name}, " if name else "", data.decode("utf-8", errors="replace").splitlines()


def _free(line: str) -> list[str]:
    return line.split()


def _fixed(line: str) -> list[str]:
    """The fields by position, empty ones at the end dropped; field 1 is empty if it is blank."""
    fields = [line[start:stop].strip() for start, stop in FIELDS]
    while fields and not fields[-1]:
        fields.pop()
    return fields


class _Reader:
    """The state of reading one file: a method for each section, a row or column per name."""

    def __init__(self, lines: list[str], split: Callable[[str], list[str]]) -> None:
        self.split, self.fixed = split, split is _fixed
        self.problem = self.objective = ""
        self.maximise = self.in_integers = False
        self.sections: set[str] = set()
        self.kinds: dict[str, str] = {}
        self.ignored: set[str] = set()
        self.columns: dict[str, int] = {}
        self.entries: dict[str, list[Any]] = {"row": [], "column": [], "value": []}
        self.cost: dict[int, float] = {}
        self.whole: set[int] = set()
        self.vectors: dict[str, str] = {}
        self.right: dict[str, float] = {}
        self.ranges: dict[str, float] = {}
        self.lower: dict[int, float] = {}
        self.upper: dict[int, float] = {}
        self.seen: set[tuple[int, str]] = set()
        self._read(lines)

    # -------------------------------------------------------------- lines

    def _read(self, lines: list[str]) -> None:
        section, number = "", 0
        for number, line in enumerate(lines, 1):
            if not line.strip() or line[0] == "*":
                continue
            try:
                if line[0] not in " \t":
                    section = self._header(line.split(), section)
                    if section == "ENDATA":
                        return
                else:
                    self._data(section, line)
            except _FormatError as error:
                error.line = number
                raise
        error = _FormatError("found the end of the file, needed ENDATA")
        error.line = number
        raise error

    def _header(self, words: list[str], before: str) -> str:
        section = words[0].upper()
        if section not in _SECTIONS:
            known = ", ".join(_SECTIONS)
            raise _FormatError(f"found section {words[0]!r}, needed one of {known}")
        if section == "NAME":
            self.problem = " ".join(words[1:])
        elif section == "OBJSENSE" and len(words) > 1:
            self._objsense(words[1:])
        elif section in ("COLUMNS", "RHS", "RANGES", "BOUNDS") and "ROWS" not in self.sections:
            raise _FormatError(f"found {section}, needed ROWS before it")
        self.sections.add(section)
        return section

    def _data(self, section: str, line: str) -> None:
        if not section or section in ("NAME", "ENDATA"):
            raise _FormatError(f"found {line.strip()!r}, needed a section such as ROWS before it")
        getattr(self, f"_{section.lower()}")(self.split(line))

    # -------------------------------------------------------------- sections

    def _objsense(self, words: list[str]) -> None:
        sense = "".join(words).upper()
        if sense not in ("MAX", "MAXIMIZE", "MAXIMISE", "MIN", "MINIMIZE", "MINIMISE"):
            raise _FormatError(f"found objective sense {' '.join(words)!r}, needed MAX or MIN")
        self.maximise = sense.startswith("MAX")

    def _rows(self, fields: list[str]) -> None:
        if len(fields) != 2 or fields[0].upper() not in ("N", "E", "L", "G"):
            raise _FormatError(f"found {_shown(fields)}, needed N, E, L or G and a name")
        kind, name = fields[0].upper(), fields[1]
        if name in self.kinds or name in self.ignored or name == self.objective:
            raise _FormatError(f"found row {name!r} again, needed a new name")
        if kind != "N":
            self.kinds[name] = kind
        elif not self.objective:
            self.objective = name
        else:
            self.ignored.add(name)

    def _columns(self, fields: list[str]) -> None:
        fields = fields[1:] if self.fixed else fields
        if len(fields) >= 3 and fields[1] == "'MARKER'":
            self.in_integers = self._marker(fields[-1])
            return
        if len(fields) not in (3, 5):
            raise _FormatError(f"found {_shown(fields)}, needed a column and one or two entries")
        name = fields[0]
        column = self.columns.get(name)
        if column is None:
            column = self.columns[name] = len(self.columns)
            if self.in_integers:
                self.whole.add(column)
        elif column != len(self.columns) - 1:
            raise _FormatError(f"found column {name!r} again, needed its entries together")
        for row, value in _pairs(fields[1:]):
            if row == self.objective:
                self.cost[column] = self.cost.get(column, 0.0) + value
            elif self._known(row):
                for key, item in (("row", row), ("column", column), ("value", value)):
                    self.entries[key].append(item)

    def _marker(self, word: str) -> bool:
        if word not in ("'INTORG'", "'INTEND'"):
            raise _FormatError(f"found marker {word}, needed 'INTORG' or 'INTEND'")
        return word == "'INTORG'"

    def _rhs(self, fields: list[str]) -> None:
        for row, value in self._vector("RHS", fields):
            if row == self.objective or self._known(row):
                self.right[row] = value

    def _ranges(self, fields: list[str]) -> None:
        for row, value in self._vector("RANGES", fields):
            if row == self.objective:
                raise _FormatError(f"found a range of the cost row {row!r}, needed another row")
            if self._known(row):
                self.ranges[row] = value

    def _vector(self, section: str, fields: list[str]) -> Iterable[tuple[str, float]]:
        """The entries of a line of the first vector; a vector without a name is one too."""
        fields = fields[1:] if self.fixed else fields
        if len(fields) not in (2, 3, 4, 5):
            raise _FormatError(f"found {_shown(fields)}, needed a vector and one or two entries")
        vector = fields.pop(0) if len(fields) % 2 else ""
        return _pairs(fields) if self.vectors.setdefault(section, vector) == vector else ()

    def _bounds(self, fields: list[str]) -> None:
        kind = fields[0].upper() if fields else ""
        if kind not in _BOUNDS:
            known = ", ".join(_BOUNDS)
            raise _FormatError(f"found bound {_shown(fields[:1])}, needed one of {known}")
        fields = fields[1:]
        least = 2 if kind in _WITH_VALUE else 1
        if self.fixed or len(fields) == 3 or len(fields) > least:
            vector, *fields = fields
            if self.vectors.setdefault("BOUNDS", vector) != vector:
                return
        if len(fields) < least or len(fields) > 2:
            raise _FormatError(f"found {_shown([kind, *fields])}, needed a column and its bound")
        if fields[0] not in self.columns:
            raise _FormatError(f"found column {fields[0]!r}, needed one of COLUMNS")
        value = _number(fields[1]) if kind in _WITH_VALUE else 0.0
        self._set_bound(kind, self.columns[fields[0]], value, fields[0])

    def _set_bound(self, kind: str, column: int, value: float, name: str) -> None:
        lower, upper = _BOUNDS[kind](value)
        for side, bound in (("lower", lower), ("upper", upper)):
            if bound is None:
                continue
            if (column, side) in self.seen:
                raise _FormatError(f"found another {side} bound of {name!r}, needed one")
            self.seen.add((column, side))
            getattr(self, side)[column] = bound
        if kind in ("BV", "LI", "UI"):
            self.whole.add(column)
        if kind in ("UP", "UI") and value < 0 and column not in self.lower:
            self.lower[column] = -np.inf
        if kind == "MI":
            self.lower[column] = -np.inf

    def _known(self, row: str) -> bool:
        """Whether the row is a constraint; False for a free row, which is ignored."""
        if row in self.kinds:
            return True
        if row not in self.ignored:
            raise _FormatError(f"found row {row!r}, needed one of ROWS")
        return False

    # -------------------------------------------------------------- the whole

    def arguments(self) -> dict[str, Any]:
        """What ``LinearProgram`` is called with."""
        if not self.columns:
            raise _FormatError("found no columns, needed at least one")
        n, sign = len(self.columns), -1.0 if self.maximise else 1.0
        c, lower, upper = np.zeros(n), np.zeros(n), np.full(n, np.inf)
        for target, values in ((c, self.cost), (lower, self.lower), (upper, self.upper)):
            target[list(values)] = list(values.values())
        for column in self.whole - self.lower.keys() - self.upper.keys():
            upper[column] = 1.0
        A_eq, b_eq, A_ub, b_ub, eq, ub = self._blocks(n)
        whole = np.zeros(n, dtype=bool)
        whole[list(self.whole)] = True
        names = Names(tuple(self.columns), eq, ub, self.objective or "cost", self.problem)
        return {
            "c": sign * c, "A_eq": A_eq, "b_eq": b_eq, "A_ub": A_ub, "b_ub": b_ub, "lower": lower,
            "upper": upper, "integer": whole if whole.any() else None,
            "offset": 0.0 - sign * self.right.get(self.objective, 0.0), "names": names,
        }  # fmt: skip

    def _blocks(self, n: int) -> tuple[Any, ...]:
        """Equations, and one inequality for each end of the other rows."""
        b_eq: list[float] = []
        b_ub: list[float] = []
        copies: list[tuple[str, float]] = []
        eq: list[str] = []
        for row in self.kinds:
            low, high = self._ends(row)
            if low == high:
                eq.append(row)
                b_eq.append(high)
                continue
            for sign, end in ((1.0, high), (-1.0, low)):
                if np.isfinite(end):
                    copies.append((row, sign))
                    b_ub.append(sign * end)
        return self._matrices(n, eq, b_eq, copies, b_ub)

    def _matrices(
        self, n: int, eq: list[str], b_eq: list[float], copies: list[tuple[str, float]],
        b_ub: list[float],
    ) -> tuple[Any, ...]:  # fmt: skip
        order = {row: i for i, row in enumerate(self.kinds)}
        rows = np.array([order[row] for row in self.entries["row"]], dtype=int)
        entries = (self.entries["value"], (rows, self.entries["column"]))
        A = scipy_sparse().coo_array(entries, shape=(len(order), n)).tocsr()
        ub = [row for row, _ in copies]
        sign = np.array([side for _, side in copies]).reshape(-1, 1)
        A_ub = A[[order[row] for row in ub]].multiply(sign).tocsr() if ub else None
        A_eq = A[[order[row] for row in eq]] if eq else None
        ends = [np.array(b) if b else None for b in (b_eq, b_ub)]
        return A_eq, ends[0], A_ub, ends[1], tuple(eq), tuple(ub)

    def _ends(self, row: str) -> tuple[float, float]:
        """The interval of a row from its kind, right side and range."""
        kind, b, span = self.kinds[row], _end(self.right.get(row, 0.0)), self.ranges.get(row)
        low, high = -np.inf if kind == "L" else b, np.inf if kind == "G" else b
        if span is None:
            return low, high
        if kind == "E":
            return (b, b + span) if span >= 0 else (b + span, b)
        return (b - abs(span), b) if kind == "L" else (b, b + abs(span))


_SECTIONS = ("NAME", "OBJSENSE", "ROWS", "COLUMNS", "RHS", "RANGES", "BOUNDS", "ENDATA")
_WITH_VALUE = ("LO", "UP", "FX", "LI", "UI")
_BOUNDS: dict[str, Callable[[float], tuple[float | None, float | None]]] = {
    "LO": lambda value: (_end(value), None),
    "UP": lambda value: (None, _end(value)),
    "FX": lambda value: (value, value),
    "FR": lambda value: (-np.inf, np.inf),
    "MI": lambda value: (-np.inf, None),
    "PL": lambda value: (None, np.inf),
    "BV": lambda value: (0.0, 1.0),
    "LI": lambda value: (_end(value), None),
    "UI": lambda value: (None, _end(value)),
}
"""The bounds that each kind sets, ``None`` where it sets none."""


def _end(value: float) -> float:
    return value if abs(value) < INFINITE else float(np.copysign(np.inf, value))


def _pairs(fields: list[str]) -> Iterator[tuple[str, float]]:
    for name, number in zip(fields[::2], fields[1::2]):
        yield name, _number(number)


def _number(text: str) -> float:
    try:
        value = float(text.replace("D", "E").replace("d", "e"))
    except ValueError:
        value = np.nan
    if np.isnan(value):
        raise _FormatError(f"found {text!r}, needed a number")
    return value


def _shown(fields: list[str]) -> str:
    return repr(" ".join(fields)) if fields else "nothing"


# ------------------------------------------------------------------ writing


def write(problem: Any, target: Any) -> None:
    """Write a linear program as a free-format MPS file.

    Parameters
    ----------
    problem : LinearProgram
    target : str, Path or file object
        A path that ends in ``.gz`` is compressed.

    Notes
    -----
    Numbers are written with all their digits, so reading the file gives the same problem back
    (but bounds and right sides of size 1e20 or more, which are infinite there).
    Two neighbouring inequalities that are the two ends of one row are written as one, with a
    range. Blanks in names become underscores.
    """
    with _opened(target) as file:
        file.writelines(f"{line}\n" for line in _written(problem))


@contextmanager
def _opened(target: Any) -> Iterator[IO[str]]:
    if hasattr(target, "write"):
        yield target
        return
    path = Path(target)
    if path.suffix == ".gz":
        with io.TextIOWrapper(gzip.GzipFile(path, "wb", mtime=0)) as file:
            yield file
    else:
        with path.open("w") as file:
            yield file


def _written(problem: Any) -> Iterator[str]:
    form, row_map = problem.two_sided
    names = problem.labels
    columns, cost = [_word(name) for name in names.columns], _word(names.objective)
    every = [_word(name) for name in (*names.eq, *names.ub)]
    rows = [every[i] for i in row_map.first]
    kinds = [_kind(low, high) for low, high in zip(form.row_lower, form.row_upper)]
    yield f"NAME {names.problem}".rstrip()
    yield "ROWS"
    yield f" N {cost}"
    yield from (f" {kind} {row}" for kind, row in zip(kinds, rows))
    yield "COLUMNS"
    yield from _written_columns(problem, form, columns, rows, cost)
    yield "RHS"
    if problem.offset:
        yield f" RHS {cost} {-problem.offset!r}"
    ends = zip(rows, kinds, form.row_lower.tolist(), form.row_upper.tolist())
    for row, kind, low, high in ends:
        right = low if kind == "G" else high
        if right:
            yield f" RHS {row} {right!r}"
    yield from _written_ranges(form, rows)
    yield from _written_bounds(problem, columns)
    yield "ENDATA"


def _word(name: str) -> str:
    return "_".join(name.split())


def _kind(low: float, high: float) -> str:
    return "E" if low == high else "L" if np.isfinite(high) else "G"


def _written_columns(
    problem: Any, form: Any, columns: list[str], rows: list[str], cost: str
) -> Iterator[str]:
    A, whole = form.A, problem.integer
    inside = False
    for j, name in enumerate(columns):
        if whole is not None and whole[j] != inside:
            inside = bool(whole[j])
            yield " MARKER 'MARKER' 'INTORG'" if inside else " MARKER 'MARKER' 'INTEND'"
        here = slice(A.indptr[j], A.indptr[j + 1])
        if problem.c[j] or here.start == here.stop:
            yield f" {name} {cost} {float(problem.c[j])!r}"
        for i, value in zip(A.indices[here].tolist(), A.data[here].tolist()):
            yield f" {name} {rows[i]} {value!r}"
    if inside:
        yield " MARKER 'MARKER' 'INTEND'"


def _written_ranges(form: Any, rows: list[str]) -> Iterator[str]:
    ranged = np.flatnonzero(
        np.isfinite(form.row_lower) & np.isfinite(form.row_upper)
        & (form.row_lower < form.row_upper)
    )  # fmt: skip
    if ranged.size:
        yield "RANGES"
    for i in ranged:
        yield f" RANGE {rows[i]} {float(form.row_upper[i] - form.row_lower[i])!r}"


def _written_bounds(problem: Any, columns: list[str]) -> Iterator[str]:
    whole = problem.integer if problem.is_integer else np.zeros(problem.n, dtype=bool)
    lines: list[str] = []
    bounds = zip(columns, problem.lower.tolist(), problem.upper.tolist(), whole.tolist())
    for name, low, high, integer in bounds:
        if low == high:
            lines.append(f" FX BOUND {name} {low!r}")
            continue
        if low == -np.inf:
            lines.append(f" {'FR' if high == np.inf else 'MI'} BOUND {name}")
        elif low or integer:
            lines.append(f" LO BOUND {name} {low!r}")
        if np.isfinite(high):
            lines.append(f" UP BOUND {name} {high!r}")
    if lines:
        yield "BOUNDS"
        yield from lines
