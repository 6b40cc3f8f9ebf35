"""The tableaux of a run, each with the pivot chosen on it, as text, LaTeX and HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from typing import Any, overload

import numpy as np


@dataclass(frozen=True, eq=False)
class Step:
    """One tableau, and the pivot that was chosen on it.

    Numbers are float64, or ``fractions.Fraction`` when the run is exact. A cost row reads
    ``z = value + Σ d_j x_j``: ``costs`` holds the reduced costs d, ``cost`` the value.

    Attributes
    ----------
    number, phase : int
        Pivots made before; 1 while artificial variables (``a0``, ``a1`` ...) are being driven out.
    columns, basis : tuple of str
        Names of the columns shown and of the basic variable of every row. ``x0'`` is a variable
        shifted to a lower bound 0 or turned round at an upper one, ``x0+ - x0-`` a free one,
        ``s0`` the slack of an inequality, ``t0`` that of the upper bound of ``x0``.
    body : array (rows, columns)
        ``B⁻¹A``.
    right : array (rows,)
        ``B⁻¹b``, the values of the basic variables.
    costs : array (columns,)
        Reduced costs of the problem's cost z.
    cost : number
        z at this basic solution.
    infeasibilities, infeasibility : array (columns,) and number, or None
        The same for phase 1's cost w, the sum of the artificial variables.
    entering, leaving : str or None
        ``None`` at the end of a phase; ``leaving`` is ``None``, too, on an unbounded column.
    pivot : number or None
    ratios : tuple of number or None
        The ratio test, row by row, ``None`` where the row does not bound; empty without one.
    x : float array (n,)
        The basic solution in the problem's variables.
    note : str
        What happens here, in words.
    """

    number: int
    phase: int
    columns: tuple[str, ...]
    basis: tuple[str, ...]
    body: np.ndarray
    right: np.ndarray
    costs: np.ndarray
    cost: Any
    infeasibilities: np.ndarray | None
    infeasibility: Any
    entering: str | None
    leaving: str | None
    pivot: Any
    ratios: tuple[Any, ...]
    x: np.ndarray
    note: str

    @property
    def title(self) -> str:
        """Number, phase, and what happens."""
        return f"Tableau {self.number}, phase {self.phase}: {self.note}"

    @property
    def pivot_at(self) -> tuple[int, int] | None:
        """Row and column of the pivot."""
        if self.entering is None or self.leaving is None:
            return None
        return self.basis.index(self.leaving), self.columns.index(self.entering)

    def __str__(self) -> str:
        """A table in plain text; the pivot stands in brackets."""
        table = [["", *self.columns, "b", *(["ratio"] if self.ratios else [])]]
        for i, (name, cells) in enumerate(self._rows(text)):
            at = self.pivot_at
            if at is not None and at[0] == i:
                cells[at[1]] = f"[{cells[at[1]]}]"
            table.append([name, *cells])
        widths = [max(map(len, column)) for column in zip(*table)]
        lines = [_line(row, widths, len(self.columns)) for row in table]
        rule = "-+-".join("-" * len(part) for part in lines[0].split(" | "))
        body = 1 + len(self.basis)
        return "\n".join([self.title, lines[0], rule, *lines[1:body], rule, *lines[body:]])

    def to_latex(self) -> str:
        r"""An ``array`` for a formula; the pivot stands in a ``\boxed``."""
        heads = [*map(_symbol, self.columns), "b", *([r"\text{ratio}"] if self.ratios else [])]
        lines = [" & ".join(["", *heads]) + r" \\ \hline"]
        for i, (name, cells) in enumerate(self._rows(_latex)):
            at = self.pivot_at
            if at is not None and at[0] == i:
                cells[at[1]] = rf"\boxed{{{cells[at[1]]}}}"
            end = r" \\ \hline" if i == len(self.basis) - 1 else r" \\"
            lines.append(" & ".join([_symbol(name), *cells]) + end)
        shape = f"r|{'r' * len(self.columns)}|r{'|r' if self.ratios else ''}"
        return "\n".join([rf"\begin{{array}}{{{shape}}}", *lines, r"\end{array}"])

    def _repr_html_(self) -> str:
        heads = "".join(map(_head, [*self.columns, "b", *(["ratio"] if self.ratios else [])]))
        lines = [f"<tr style='border-bottom:1px solid'><th></th>{heads}</tr>"]
        for i, (name, cells) in enumerate(self._rows(text)):
            chosen = self.pivot_at if self.pivot_at and self.pivot_at[0] == i else (i, -1)
            row = "".join(_cell(cell, k == chosen[1]) for k, cell in enumerate(cells))
            first_cost = " style='border-top:1px solid'" if i == len(self.basis) else ""
            lines.append(f"<tr{first_cost}>{_head(name)}{row}</tr>")
        caption = (
            f"<caption style='text-align:left;white-space:nowrap'>{escape(self.title)}</caption>"
        )
        return f"<table style='border-collapse:collapse'>{caption}{''.join(lines)}</table>"

    def _rows(self, write: Any) -> list[tuple[str, list[str]]]:
        """Every row's name and its cells as text: entries, right side, ratio."""
        ratios = self.ratios or (None,) * len(self.basis)
        extra = bool(self.ratios)
        rows = [
            (name, [*map(write, entries), write(b), *([_given(ratio, write)] if extra else [])])
            for name, entries, b, ratio in zip(self.basis, self.body, self.right, ratios)
        ]
        costs = [("z", self.costs, self.cost)]
        if self.infeasibilities is not None:
            costs.append(("w", self.infeasibilities, self.infeasibility))
        return rows + [
            (name, [*map(write, values), write(value), *([""] if extra else [])])
            for name, values, value in costs
        ]


@dataclass(frozen=True, eq=False)
class History(Sequence[Step]):
    """The tableaux of a run in order; ``history[k]`` is a :class:`Step`.

    There is one for the start, one after every pivot, and a further one where phase 2 begins (the
    same basis, without the artificial variables).

    Attributes
    ----------
    steps : tuple of Step
    fun : array (len(history),)
        The problem's cost.
    x : array (len(history), n)
        The path of basic solutions in the problem's variables; in phase 1 they are not feasible.
    phase : int array (len(history),)
    meanings : tuple of str
        What the shifted, turned and split variables stand for, such as ``x0 = x0' + 1``.
    """

    steps: tuple[Step, ...]
    fun: np.ndarray
    x: np.ndarray
    phase: np.ndarray
    meanings: tuple[str, ...]

    @classmethod
    def of(cls, steps: list[Step], n: int, meanings: list[str]) -> History:
        """The history of these steps."""
        return cls(
            tuple(steps),
            np.array([float(step.cost) for step in steps]),
            np.array([step.x for step in steps]).reshape(len(steps), n),
            np.array([step.phase for step in steps], dtype=int),
            tuple(meanings),
        )

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Step, ...]: ...
    def __getitem__(self, index: Any) -> Any:
        return self.steps[index]

    def __len__(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        return "\n\n".join([*self._legend(), *map(str, self.steps)])

    def __repr__(self) -> str:
        return f"History({len(self)} tableaux)"

    def to_latex(self) -> str:
        """All tableaux, each a displayed formula under its title."""
        tableaux = [f"{_prose(s.title)}\n\\[\n{s.to_latex()}\n\\]" for s in self.steps]
        return "\n\n".join([*map(_prose, self._legend()), *tableaux])

    def _repr_html_(self) -> str:
        legend = [f"<p>{escape(words)}</p>" for words in self._legend()]
        return "".join(legend) + "<br>".join(step._repr_html_() for step in self.steps)

    def _legend(self) -> list[str]:
        return [f"With {', '.join(self.meanings)}:"] if self.meanings else []


# ------------------------------------------------------------------ cells


def text(value: Any) -> str:
    """A number in at most five digits, or a fraction.

    Examples
    --------
    >>> text(Fraction(-3, 4)), text(2.0), text(1 / 3)
    ('-3/4', '2', '0.33333')
    """
    return str(value) if isinstance(value, Fraction) else f"{value + 0.0:.5g}"


def _given(value: Any, write: Any) -> str:
    return "" if value is None else write(value)


def _latex(value: Any) -> str:
    if isinstance(value, Fraction) and value.denominator > 1:
        sign = "-" if value < 0 else ""
        return rf"{sign}\tfrac{{{abs(value.numerator)}}}{{{value.denominator}}}"
    digits, _, power = text(value).partition("e")
    return rf"{digits} \cdot 10^{{{int(power)}}}" if power else digits


def _parts(name: str) -> tuple[str, str, str] | None:
    """Letter, index and mark of a name such as ``x0'``."""
    found = re.fullmatch(r"([A-Za-z])(\d*)(['+-]?)", name)
    return found and (found[1], found[2], found[3])  # type: ignore[return-value]


def _symbol(name: str) -> str:
    """A name in a formula."""
    parts = _parts(name)
    if parts is None:
        return rf"\text{{{_prose(name)}}}" if name else ""
    mark = {"'": r"\prime"}.get(parts[2], parts[2])
    return parts[0] + (f"_{{{parts[1]}}}" if parts[1] else "") + (f"^{{{mark}}}" if mark else "")


def _prose(words: str) -> str:
    r"""Words with LaTeX's own characters escaped."""
    return re.sub(r"([#$%&_{}])", r"\\\1", words).replace("^", r"\^{}")


def _head(name: str) -> str:
    parts = _parts(name)
    if parts is None:
        shown = escape(name)
    else:
        mark = "′" if parts[2] == "'" else f"<sup>{parts[2]}</sup>" if parts[2] else ""
        shown = f"<i>{parts[0]}</i>" + (f"<sub>{parts[1]}</sub>" if parts[1] else "") + mark
    return f"<th style='text-align:right;padding:2px 8px'>{shown}</th>"


def _cell(value: str, chosen: bool) -> str:
    mark = ";background:#ffe08a;font-weight:bold" if chosen else ""
    return f"<td style='text-align:right;padding:2px 8px{mark}'>{escape(value)}</td>"


def _line(row: list[str], widths: list[int], columns: int) -> str:
    """Cells flush right, with bars before the entries, the right side and the ratio."""
    cells = [cell.rjust(width) for cell, width in zip(row, widths)]
    parts = [cells[:1], cells[1 : columns + 1], *([cell] for cell in cells[columns + 1 :])]
    return " | ".join("  ".join(part) for part in parts).rstrip()
