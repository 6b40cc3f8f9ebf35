"""Sparse systems of linear equations over the rationals."""

from __future__ import annotations

import heapq
from fractions import Fraction
from itertools import pairwise
from typing import Any

ZERO = Fraction(0)

RESIDUE = Fraction(1, 10**12)
"""What elimination leaves of an equation, below which the equation follows from the others.

Decimal data are not exact in binary: equations that depend on each other in the modeller's numbers
do so only to the last digit in float64. Such an equation is left out, and the check decides.
"""

Line = dict[int, Fraction]
"""An equation's coefficients by unknown."""


def fractions(values: Any) -> list[Fraction]:
    """Float64 numbers as the rationals that they are."""
    return [Fraction(float(value)) for value in values]


def lines_of(A: Any) -> list[Line]:
    """The rows of a CSR array, the columns of a CSC array."""
    start = A.indptr.tolist()
    entries = list(zip(A.indices.tolist(), map(Fraction, A.data.tolist())))
    return [dict(entries[a:b]) for a, b in pairwise(start)]


def products(lines: list[Line], vector: list[Fraction]) -> list[Fraction]:
    """The matrix of these lines times a vector."""
    return [sum((a * vector[k] for k, a in line.items() if vector[k]), ZERO) for line in lines]


def solved_near(
    lines: list[Line], right: list[Fraction], near: Any, unknowns: list[int]
) -> list[Fraction] | None:
    """The vector that solves the equations exactly; unknowns that they leave open stay near.

    Sparse elimination: the shortest equation next, its pivot in the rarest unknown (Markowitz
    1957), then back substitution.
    """
    solution = fractions(near)
    wanted = set(unknowns)
    system: list[Line] = []
    rest: list[Fraction] = []
    for line, value in zip(lines, right):
        known = sum((a * solution[k] for k, a in line.items() if k not in wanted), ZERO)
        system.append({k: a for k, a in line.items() if k in wanted})
        rest.append(value - known)
    pivots = _eliminate(system, rest)
    if pivots is None:
        return None
    for i, k in reversed(pivots):
        line = system[i]
        known = sum((a * solution[j] for j, a in line.items() if j != k), ZERO)
        solution[k] = (rest[i] - known) / line[k]
    return solution


def _eliminate(system: list[Line], rest: list[Fraction]) -> list[tuple[int, int]] | None:
    """Bring the equations to echelon form in place; ``None`` when they contradict each other."""
    using: dict[int, set[int]] = {}
    for i, line in enumerate(system):
        for k in line:
            using.setdefault(k, set()).add(i)
    queue = [(len(line), i) for i, line in enumerate(system)]
    heapq.heapify(queue)
    sizes = [max(map(abs, line.values()), default=ZERO) for line in system]
    done: set[int] = set()
    pivots: list[tuple[int, int]] = []
    while queue:
        length, i = heapq.heappop(queue)
        line = system[i]
        if i in done or length != len(line):
            continue
        done.add(i)
        for j in line:
            using[j].discard(i)
        if max(map(abs, line.values()), default=ZERO) <= RESIDUE * sizes[i]:
            if abs(rest[i]) > RESIDUE * sizes[i]:
                return None
            continue
        k = min(line, key=lambda j: len(using[j]))
        pivots.append((i, k))
        for other in list(using[k]):
            factor = system[other][k] / line[k]
            _subtract(system[other], line, factor, other, using)
            rest[other] -= factor * rest[i]
            heapq.heappush(queue, (len(system[other]), other))
    return pivots


def _subtract(
    line: Line, pivot: Line, factor: Fraction, i: int, using: dict[int, set[int]]
) -> None:
    """``line -= factor * pivot``, keeping count of which equations use which unknown."""
    for j, a in pivot.items():
        value = line.get(j, ZERO) - factor * a
        if value:
            line[j] = value
            using[j].add(i)
        elif j in line:
            del line[j]
            using[j].discard(i)
