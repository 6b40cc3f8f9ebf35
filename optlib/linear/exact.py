"""Proofs in rational arithmetic: every float64 number is a rational, so nothing is rounded.

A claim is proved from the solver's evidence in two steps. First, the equations that the exact
vector must satisfy (the rows and bounds that hold with equality, or columns whose reduced cost
vanishes) are solved over the rationals, starting from the float vector: with a basis they determine
the vector, without one what they leave open keeps its float value. Then every equation and
inequality of the claim is checked exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from ..core.status import Status
from .exact_simplex import exact_optimum
from .range_form import BASIC, RangeForm
from .rational import ZERO, Line, fractions, lines_of, products, solved_near
from .sensitivity import vertex_basis
from .sparse import row_largest

NEAR = (1e-9, 1e-12, 1e-15)
"""What is nearer to vanishing than this (relative) is taken to vanish; each is tried in turn."""


@dataclass(frozen=True)
class ExactProof:
    """What rational arithmetic says of a claim; true when the claim is.

    Attributes
    ----------
    holds : bool
        Whether the claim is true, without any tolerance.
    claim : str
        What was to be proved.
    fun : Fraction or None
        The exact optimal cost.
    x, y : tuple of Fraction
        The exact point, and the exact multipliers of the rows (equations, then inequalities).
    ray : tuple of Fraction
        The exact weights of the rows (infeasible), or the exact direction (unbounded).
    violations : dict of str to Fraction
        What speaks against the claim: the largest exact violation of each of its parts.
    """

    holds: bool
    claim: str
    fun: Fraction | None = None
    x: tuple[Fraction, ...] = ()
    y: tuple[Fraction, ...] = ()
    ray: tuple[Fraction, ...] = ()
    violations: dict[str, Fraction] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.holds


def prove(certificate: Any) -> ExactProof:
    """Prove the claim of a linear program's certificate over the rationals.

    Works on problems of some hundred rows in seconds, of a thousand in minutes: the time is that of
    sparse eliminations with numbers of growing length. An optimum is proved when the float64 basis
    is optimal exactly or a few exact pivots away from one. A ray is proved when the equations that
    it must satisfy are exact in float64; where they hold to the last digit only, no ray near the
    given one may exist, and the proof says so by its ``violations``.

    Raises
    ------
    ValueError
        For an integer program, whose proof is a tree and no vector.
    """
    evidence = certificate.evidence
    problem = evidence.problem
    if problem.is_integer:
        raise ValueError("exact: found integer variables, needed none for a proof by duality")
    proofs: list[ExactProof] = []
    for proof in _attempts(certificate, problem, evidence):
        if proof:
            return proof
        proofs.append(proof)
    return min(proofs, key=lambda proof: max(proof.violations.values()))


def _attempts(certificate: Any, problem: Any, evidence: Any) -> Iterator[ExactProof]:
    """Proofs tried one after the other, the cheapest first."""
    provers = {Status.INFEASIBLE: _infeasible, Status.UNBOUNDED: _unbounded}
    attempt = provers.get(certificate.status, _optimal)
    first, *others = NEAR
    yield attempt(problem, evidence, certificate.claim, first)
    if attempt is _optimal and certificate.holds():
        pivoted = _after_pivots(problem, evidence, certificate.claim)
        if pivoted is not None:
            yield pivoted
    for near in others:
        yield attempt(problem, evidence, certificate.claim, near)


# ------------------------------------------------------------------ the three claims


def _optimal(problem: Any, evidence: Any, claim: str, tiny: float) -> ExactProof:
    form, row_map = problem.two_sided
    y_near = row_map.gather(np.concatenate([evidence.dual.eq, evidence.dual.ub]))
    columns, rows = _standing(form, evidence, tiny)
    x = _point_at(form, evidence.x, columns, rows)
    y = _duals_at(form, y_near, columns, rows, tiny)
    if x is None or y is None:
        return ExactProof(False, claim, violations={"the active equations": Fraction(1)})
    return _judged(form, row_map, x, y, claim)


def _after_pivots(problem: Any, evidence: Any, claim: str) -> ExactProof | None:
    """The claim from the exact optimal basis that a few pivots lead to from the float one."""
    form, row_map = problem.two_sided
    y = row_map.gather(np.concatenate([evidence.dual.eq, evidence.dual.ub]))
    found = _vertex_near(form, evidence, y)
    return None if found is None else _judged(form, row_map, *found, claim)


def _vertex_near(
    form: RangeForm, evidence: Any, y: np.ndarray
) -> tuple[list[Fraction], list[Fraction]] | None:
    """The exact optimal vertex and multipliers near a float vertex."""
    basis = evidence.basis
    if basis is None:
        try:
            basis = vertex_basis(form, evidence.x, y)
        except ValueError:
            return None
    return exact_optimum(form, basis)


def _feasible_near(form: RangeForm, evidence: Any, tiny: float) -> list[Fraction] | None:
    """An exactly feasible point near a float one."""
    x = _point_at(form, evidence.x, *_standing(form, evidence, tiny))
    if x is not None and not any(_infeasibility(form, x, products(_rows(form), x)).values()):
        return x
    free = replace(form, c=np.zeros(form.c.size))
    found = _vertex_near(free, evidence, np.zeros(form.shape[0]))
    return x if found is None else found[0]


def _judged(
    form: RangeForm, row_map: Any, x: list[Fraction], y: list[Fraction], claim: str
) -> ExactProof:
    """Every condition of optimality, checked exactly."""
    z = [c - s for c, s in zip(fractions(form.c), products(_columns(form), y))]
    activity = products(_rows(form), x)
    violations = _infeasibility(form, x, activity)
    wrong = [_wrong_sign(*ends) for ends in zip(y, form.row_lower, form.row_upper)]
    wrong += [_wrong_sign(*ends) for ends in zip(z, form.lower, form.upper)]
    violations["multipliers"] = max(wrong, default=ZERO)
    cost = sum((a * b for a, b in zip(fractions(form.c), x)), ZERO)
    dual_cost = sum((_at_end(*e) for e in zip(y, form.row_lower, form.row_upper)), ZERO)
    dual_cost += sum((_at_end(*e) for e in zip(z, form.lower, form.upper)), ZERO)
    violations["gap"] = abs(cost - dual_cost)
    holds = not any(violations.values())
    fun = cost + Fraction(float(form.offset))
    return ExactProof(holds, claim, fun, tuple(x), _spread(row_map, y), (), violations)


def _infeasible(problem: Any, evidence: Any, claim: str, tiny: float) -> ExactProof:
    """``bᵀy`` above the largest ``(Aᵀy)ᵀx`` within the bounds."""
    form, row_map = problem.two_sided
    near = row_map.gather(np.concatenate([evidence.ray.eq, evidence.ray.ub]))
    silent = _vanishing(-form.A.T @ near, abs(form.A).T @ np.abs(near), form, tiny)
    near = np.where(np.abs(near) > tiny * np.max(np.abs(near)), near, 0.0)
    silent &= ~(np.isfinite(form.lower) & np.isfinite(form.upper))
    y = _kernel_near(_columns(form), silent, near)
    if y is None:
        return ExactProof(False, claim, violations={"the columns without a bound": Fraction(1)})
    z = [-s for s in products(_columns(form), y)]
    wrong = [_wrong_sign(*ends) for ends in zip(y, form.row_lower, form.row_upper)]
    wrong += [_wrong_sign(*ends) for ends in zip(z, form.lower, form.upper)]
    margin = sum((_at_end(*e) for e in zip(y, form.row_lower, form.row_upper)), ZERO)
    margin += sum((_at_end(*e) for e in zip(z, form.lower, form.upper)), ZERO)
    violations = {"multipliers": max(wrong, default=ZERO), "margin": _short(margin)}
    ray = _spread(row_map, y)
    return ExactProof(not any(violations.values()), claim, ray=ray, violations=violations)


def _unbounded(problem: Any, evidence: Any, claim: str, tiny: float) -> ExactProof:
    """A feasible point, and a direction of negative cost that nothing stops."""
    form, _ = problem.two_sided
    x = _feasible_near(form, evidence, tiny)
    near = evidence.ray
    still = np.abs(form.A @ near) <= tiny * (abs(form.A) @ np.abs(near))
    d = _kernel_near(_rows(form), still, near)
    if x is None or d is None:
        return ExactProof(False, claim, violations={"the active equations": Fraction(1)})
    violations = _infeasibility(form, x, products(_rows(form), x))
    stopped = [_stopped(*e) for e in zip(d, form.lower, form.upper)]
    moved = products(_rows(form), d)
    stopped += [_stopped(*e) for e in zip(moved, form.row_lower, form.row_upper)]
    slope = -sum((a * b for a, b in zip(fractions(form.c), d)), ZERO)
    violations |= {"direction": max(stopped, default=ZERO), "slope": _short(slope)}
    holds = not any(violations.values())
    return ExactProof(holds, claim, x=tuple(x), ray=tuple(d), violations=violations)


def _short(value: Fraction) -> Fraction:
    """What a number that must be positive lacks of 1 when it is not."""
    return ZERO if value > 0 else 1 - value


# ------------------------------------------------------------------ what is active


def _standing(form: RangeForm, evidence: Any, tiny: float) -> tuple[np.ndarray, np.ndarray]:
    """The value that each column and each row's activity is to have, NaN where it is open."""
    if evidence.basis is not None:
        basis = evidence.basis
        columns = _at_bound(evidence.x, form.lower, form.upper)
        rows = _at_bound(form.A @ evidence.x, form.row_lower, form.row_upper)
        columns[basis.columns == BASIC], rows[basis.rows == BASIC] = np.nan, np.nan
        return columns, rows
    size = abs(form.A) @ np.abs(evidence.x) + 1.0
    columns = _tight(evidence.x, form.lower, form.upper, np.abs(evidence.x) + 1.0, tiny)
    return columns, _tight(form.A @ evidence.x, form.row_lower, form.row_upper, size, tiny)


def _at_bound(value: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The nearer bound; 0 for a free nonbasic variable."""
    nearest = np.where(np.abs(value - lower) <= np.abs(value - upper), lower, upper)
    return np.where(np.isfinite(nearest), nearest, 0.0)


def _tight(
    value: np.ndarray, lower: np.ndarray, upper: np.ndarray, size: np.ndarray, tiny: float
) -> np.ndarray:
    at = np.full(value.size, np.nan)
    for end in (lower, upper):
        near = np.abs(value - end) <= tiny * size
        at[near] = end[near]
    return at


def _point_at(form: RangeForm, near: np.ndarray, columns: Any, rows: Any) -> list[Fraction] | None:
    """The point with the given values in columns and rows; the rest stays near."""
    start = np.where(np.isnan(columns), near, columns)
    tight = np.flatnonzero(~np.isnan(rows))
    every = _rows(form)
    equations, right = [every[i] for i in tight], fractions(rows[tight])
    return solved_near(equations, right, start, np.flatnonzero(np.isnan(columns)).tolist())


def _duals_at(
    form: RangeForm, near: np.ndarray, columns: Any, rows: Any, tiny: float
) -> list[Fraction] | None:
    """The multipliers of the tight rows for which open columns have no reduced cost.

    Columns at a bound whose reduced cost nearly vanishes are taken to have none either, and rows
    with hardly a multiplier none, when that is possible.
    """
    tight, open_columns = ~np.isnan(rows), np.isnan(columns)
    terms = np.abs(form.c) + abs(form.A).T @ np.abs(near)
    silent = _vanishing(form.c - form.A.T @ near, terms, form, tiny)
    loud = np.abs(near) * _largest(form) > tiny * np.max(terms, initial=0.0)
    every = _columns(form)
    for zero, support in ((open_columns | silent, tight & loud), (open_columns, tight)):
        start = np.where(support, near, 0.0)
        equations, right = [every[j] for j in np.flatnonzero(zero)], fractions(form.c[zero])
        y = solved_near(equations, right, start, np.flatnonzero(support).tolist())
        if y is not None:
            return y
    return None


def _vanishing(z: np.ndarray, terms: np.ndarray, form: RangeForm, tiny: float) -> np.ndarray:
    """Reduced costs that are to be nothing: tiny ones, and small ones that no bound allows."""
    barred = np.where(z > 0, np.isneginf(form.lower), np.isposinf(form.upper))
    return np.abs(z) <= np.where(barred, NEAR[0], tiny) * terms


def _largest(form: RangeForm) -> np.ndarray:
    return row_largest(abs(form.A).tocsr())


def _kernel_near(
    lines: list[Line], vanishing: np.ndarray, near: np.ndarray
) -> list[Fraction] | None:
    """The vector near a given one on which the chosen lines vanish exactly."""
    chosen = [lines[i] for i in np.flatnonzero(vanishing)]
    return solved_near(chosen, [ZERO] * len(chosen), near, np.flatnonzero(near).tolist())


# ------------------------------------------------------------------ checks


def _infeasibility(form: RangeForm, x: list[Fraction], activity: list[Fraction]) -> dict[str, Any]:
    rows = [_outside(*e) for e in zip(activity, form.row_lower, form.row_upper)]
    bounds = [_outside(*e) for e in zip(x, form.lower, form.upper)]
    return {"rows": max(rows, default=ZERO), "bounds": max(bounds, default=ZERO)}


def _outside(value: Fraction, lower: float, upper: float) -> Fraction:
    below = Fraction(lower) - value if np.isfinite(lower) else ZERO
    above = value - Fraction(upper) if np.isfinite(upper) else ZERO
    return max(ZERO, below, above)


def _wrong_sign(multiplier: Fraction, lower: float, upper: float) -> Fraction:
    """A positive multiplier needs a lower end, a negative one an upper end."""
    end = lower if multiplier > 0 else upper
    return abs(multiplier) if multiplier and not np.isfinite(end) else ZERO


def _at_end(multiplier: Fraction, lower: float, upper: float) -> Fraction:
    """The multiplier times the end that it belongs to."""
    end = lower if multiplier > 0 else upper
    return multiplier * Fraction(float(end)) if multiplier and np.isfinite(end) else ZERO


def _stopped(move: Fraction, lower: float, upper: float) -> Fraction:
    """How far a direction runs against an end."""
    end = upper if move > 0 else lower
    return abs(move) if move and np.isfinite(end) else ZERO


# ------------------------------------------------------------------ the problem's lines


def _rows(form: RangeForm) -> list[Line]:
    return lines_of(form.A.tocsr())


def _columns(form: RangeForm) -> list[Line]:
    return lines_of(form.A)


def _spread(row_map: Any, y: list[Fraction]) -> tuple[Fraction, ...]:
    """Multipliers of two-sided rows as those of the problem's rows."""
    out = [ZERO] * row_map.size
    for first, second, value in zip(row_map.first.tolist(), row_map.second.tolist(), y):
        if second >= 0 and value > 0:
            out[second] = -value
        else:
            out[first] = value
    return tuple(out)
