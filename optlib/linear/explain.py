"""A certificate in the words of the problem: which rows and bounds, with which weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.status import Status

SHOWN = 12
"""Lines of a combination that are written out."""

Term = tuple[float, str]


def explained(certificate: Any) -> str:
    """What the certificate of a linear program says, line by line."""
    evidence = certificate.evidence
    if certificate.status is Status.INFEASIBLE:
        return _contradiction(evidence.problem, evidence.ray, certificate.details["margin"])
    if certificate.status is Status.UNBOUNDED:
        return _direction(evidence.problem, evidence.ray, certificate.details["slope"])
    return _active(evidence.problem, evidence.dual)


def _contradiction(problem: Any, ray: Any, margin: float) -> str:
    terms = list(_weights(problem, ray))
    unit = max(weight for weight, _ in terms) if terms else 1.0
    head = "no point is feasible: add up, with these weights,"
    return "\n".join([head, *_lines(terms, unit), f"and find 0 <= {-margin / unit:.6g}"])


def _active(problem: Any, dual: Any) -> str:
    head = "no point costs less: the cost is at least the sum of these, with these weights,"
    return "\n".join([head, *_lines(list(_weights(problem, dual)), 1.0)])


def _direction(problem: Any, ray: np.ndarray, slope: float) -> str:
    names, unit = problem.labels.columns, float(np.max(np.abs(ray))) or 1.0
    terms = [(float(ray[j]), names[j]) for j in np.flatnonzero(ray)]
    head = "the cost falls for ever: from a feasible point, move in proportion to"
    return "\n".join([head, *_lines(terms, unit), f"and the cost changes by {-slope / unit:.6g}"])


def _weights(problem: Any, y: Any) -> Iterator[Term]:
    """Every row and bound with a multiplier; of an equation, the side that is used."""
    names = problem.labels
    for name, value, right in zip(names.eq, y.eq, problem.b_eq):
        if value:
            yield abs(value), f"{name}: {'row >=' if value > 0 else 'row <='} {right:.6g}"
    for name, value, right in zip(names.ub, y.ub, problem.b_ub):
        if value:
            yield -value, f"{name}: row <= {right:.6g}"
    for j in np.flatnonzero(y.lower):
        yield float(y.lower[j]), f"{names.columns[j]} >= {problem.lower[j]:.6g}"
    for j in np.flatnonzero(y.upper):
        yield -float(y.upper[j]), f"{names.columns[j]} <= {problem.upper[j]:.6g}"


def _lines(terms: list[Term], unit: float) -> list[str]:
    """The largest terms, in the order given."""
    kept = sorted(range(len(terms)), key=lambda k: -abs(terms[k][0]))[:SHOWN]
    lines = [f"{terms[k][0] / unit:>12.6g}  {terms[k][1]}" for k in sorted(kept)]
    if len(terms) > SHOWN:
        lines.append(f"{'':>12}  and {len(terms) - SHOWN} smaller ones")
    return lines
