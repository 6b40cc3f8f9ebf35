"""The proof of a linear program's answer, from the problem's own arrays alone.

Three claims can be proved: a point with multipliers is a global minimum (KKT); a Farkas ray shows
that no point is feasible; a feasible point with a recession ray shows that the cost has no bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..core.certificate import Certificate
from ..core.status import Status
from ..core.tree import pytree, static
from .exact import prove
from .explain import explained
from .sparse import is_sparse, row_largest, scipy_optimize, stack

EPS = float(np.finfo(float).eps)
ROUNDING = 64.0 * EPS
"""Rounding of a long sum, relative to the sum of its terms' sizes."""

LAST_DIGITS = 4.0 * EPS
"""No vector of float64 numbers makes a sum vanish to less than this, relative to its terms."""

HEADROOM = 1e4
"""Large terms that cancel may widen what is allowed of a row, a reduced cost or the gap by this
factor at most: they may not hide a wrong answer."""

SEARCHED = 4_000_000
"""Multipliers are sought for a point when the active constraints have at most so many numbers."""

OPTIMAL = "global minimum: feasible on both sides, without a gap"
INTEGRAL = "global minimum: feasible and integral, and the relaxation has no lower value"
ONLY_INTEGRAL = "feasible and integral; the relaxation's bound does not exclude a lower value"
INFEASIBLE = "infeasible: a combination of the constraints contradicts itself"
UNBOUNDED = "unbounded: feasible, with a direction of ever falling cost"


@pytree
class LinearCertificate(Certificate):
    """A certificate of a linear program: :class:`~optlib.Certificate` with an exact check.

    For a **minimum**: ``rows`` (``A x`` against ``b``, relative to the terms of the row) and
    ``bounds``; ``dual`` (``c - Aᵀy`` against the bounds' multipliers, and every multiplier's sign,
    relative to the cost of the column); ``complementarity`` (the products of slack and multiplier)
    and ``gap`` (cost minus dual cost), relative to the cost. Rounding is allowed for, within a
    limit: answers so large that they cancel prove nothing.

    For **infeasible**: ``size``, which is ``1 / (the size that a feasible point would need)``: the
    ray's value above what the bounds allow, over the weight that it leaves on unbounded variables.
    For **unbounded**: ``rows`` and ``bounds`` of the point, and ``size``, the same for the
    multipliers that a dual feasible point would need.
    """

    evidence: Any = static(default=None, repr=False)

    def verify(self, exact: bool = False) -> Any:
        """Whether the claim holds; ``exact=True`` proves it in rational arithmetic.

        Returns
        -------
        bool, or ExactProof
            See :class:`optlib.linear.exact.ExactProof`; it is true when the claim is.
        """
        if not exact:
            return self.holds()
        return prove(self)

    def explain(self) -> str:
        """The proof in words: the rows and bounds that it combines, with their weights.

        Examples
        --------
        >>> import optlib as ol
        >>> pair = ol.LinearProgram([1.0], A_ub=[[1.0], [-2.0]], b_ub=[1.0, -6.0], names=["x"])
        >>> print(ol.minimize(pair).certificate.explain())
        no point is feasible: add up, with these weights,
                   1  ub0: row <= 1
                 0.5  ub1: row <= -6
        and find 0 <= -2
        """
        return explained(self)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What an exact proof starts from."""

    problem: Any
    x: Any = None
    dual: Any = None
    ray: Any = None
    basis: Any = None


class Rows(NamedTuple):
    """The rows of a problem, equations first, and the sizes that residuals are measured by."""

    A: Any
    b: np.ndarray
    equations: int
    absolute: Any
    largest: np.ndarray
    total: np.ndarray
    low: np.ndarray
    high: np.ndarray
    x_size: float
    cost_size: float

    @classmethod
    def of(cls, problem: Any) -> Rows:
        A = stack([problem.A_eq, problem.A_ub])
        b = np.concatenate([problem.b_eq, problem.b_ub])
        absolute = abs(A)
        largest = row_largest(absolute)
        low = np.where(np.isfinite(problem.lower), problem.lower, 0.0)
        high = np.where(np.isfinite(problem.upper), problem.upper, 0.0)
        reach = np.abs(b) / np.where(largest > 0, largest, np.inf)
        x_size = max(largest_of(np.abs(v)) for v in (reach, low, high)) or 1.0
        cost_size = largest_of(np.abs(problem.c)) or 1.0
        total = absolute @ np.ones(problem.n)
        return cls(
            A, b, problem.b_eq.size, absolute, largest, total, low, high, float(x_size),
            float(cost_size),
        )  # fmt: skip

    def feasibility(self, problem: Any, x: np.ndarray) -> dict[str, Any]:
        """How far x is outside the rows and the bounds, each relative to what was summed."""
        unit = min(1.0, self.x_size)
        size = np.abs(x)
        outside = self.A @ x - self.b
        terms = self.absolute @ size
        most = HEADROOM * (np.abs(self.b) + self.largest * self.x_size)
        scale = np.abs(self.b) + self.largest * unit + np.minimum(terms, most)
        violated = np.abs(outside)
        violated[self.equations :] = np.maximum(outside[self.equations :], 0.0)
        below = np.maximum(problem.lower - x, 0.0) / (size + np.abs(self.low) + unit)
        above = np.maximum(x - problem.upper, 0.0) / (size + np.abs(self.high) + unit)
        return {
            "rows": largest_of(violated / np.where(scale > 0, scale, 1.0)),
            "bounds": largest_of(np.maximum(below, above)),
        }


def largest_of(values: np.ndarray) -> float:
    """The largest entry, NaN if there is one, 0 if there is none."""
    return float(values.max(initial=0.0))


def optimal(problem: Any, x: Any, dual: Any, tol: float, basis: Any = None) -> LinearCertificate:
    """KKT conditions and gap of a point with its multipliers.

    With ``z = c - Aᵀy`` split into the bounds' multipliers, ``cᵀx - (bᵀy + lᵀz_l + uᵀz_u)`` is
    the gap: for feasible x and multipliers it bounds how far x is from optimal.
    """
    rows, unit = problem.rows, min(1.0, problem.rows.cost_size)
    y = np.concatenate([dual.eq, dual.ub])
    terms = np.abs(problem.c) + rows.absolute.T @ np.abs(y)
    residuals = rows.feasibility(problem, x)
    residuals["dual"] = _dual_residual(problem, rows, dual, y, terms, unit, tol)

    slack = rows.b - rows.A @ x
    from_low, from_high = x - rows.low, x - rows.high
    products = (
        np.abs(slack[rows.equations :] * dual.ub).sum()
        + np.abs(np.where(np.isfinite(problem.lower), from_low * dual.lower, 0.0)).sum()
        + np.abs(np.where(np.isfinite(problem.upper), from_high * dual.upper, 0.0)).sum()
    )
    cost = float(problem.c @ x)
    dual_cost = float(rows.b @ y + rows.low @ dual.lower + rows.high @ dual.upper)
    summed = terms @ np.abs(x) + np.abs(rows.b) @ np.abs(y)
    summed += np.abs(rows.low) @ np.abs(dual.lower) + np.abs(rows.high) @ np.abs(dual.upper)
    scale = abs(cost) + abs(dual_cost) + unit * min(1.0, rows.x_size)
    rounding = min(ROUNDING * float(summed), HEADROOM * tol * scale)
    residuals["complementarity"] = _above(float(products), rounding) / scale
    residuals["gap"] = _above(abs(cost - dual_cost), rounding) / scale
    details = {"cost": cost + problem.offset, "dual_cost": dual_cost + problem.offset}
    evidence = Evidence(problem, x=x, dual=dual, basis=basis)
    if problem.is_integer:
        return _integral(residuals, details, tol, evidence, scale)
    return LinearCertificate(residuals, details, tol, OPTIMAL, Status.OPTIMAL, evidence)


def _above(value: float, rounding: float) -> float:
    """What of a value is no rounding (NaN stays)."""
    return 0.0 if value <= rounding else value - rounding


def _dual_residual(
    problem: Any,
    rows: Rows,
    dual: Any,
    y: np.ndarray,
    terms: np.ndarray,
    unit: float,
    tol: float,
) -> float:
    """``c - Aᵀy`` against the bounds' multipliers; and the sign of every multiplier."""
    most = HEADROOM * (np.abs(problem.c) + rows.cost_size)
    scale = np.abs(problem.c) + unit + np.minimum(ROUNDING / max(tol, EPS) * terms, most)
    z = problem.c - rows.A.T @ y
    unexplained = np.abs(z - dual.lower - dual.upper) / scale
    low, high = np.isfinite(problem.lower), np.isfinite(problem.upper)
    wrong_low = np.where(low, np.maximum(-dual.lower, 0.0), np.abs(dual.lower)) / scale
    wrong_high = np.where(high, np.maximum(dual.upper, 0.0), np.abs(dual.upper)) / scale
    ub = slice(rows.equations, None)
    # a row's price is measured by the costs of the columns that it meets
    typical = (rows.absolute[ub] @ scale) / np.maximum(rows.total[ub], np.finfo(float).tiny)
    wrong_row = np.maximum(y[ub], 0.0) * rows.largest[ub] / np.maximum(typical, unit)
    return largest_of(np.concatenate([unexplained, wrong_low, wrong_high, wrong_row]))


def _integral(
    residuals: dict[str, float], details: dict[str, float], tol: float, evidence: Evidence,
    scale: float,
) -> LinearCertificate:  # fmt: skip
    """An integral point: a minimum when the relaxation's bound says so, feasible otherwise.

    Where every cost and every variable is a whole number, so is the optimal cost, and the bound is
    rounded up.
    """
    problem = evidence.problem
    bound = details["dual_cost"] - problem.offset
    if problem.integer.all() and (problem.c == np.rint(problem.c)).all():
        bound = np.ceil(bound - tol * scale)
    whole = evidence.x[problem.integer]
    kept = {name: residuals[name] for name in ("rows", "bounds")}
    kept["integrality"] = largest_of(np.abs(whole - np.rint(whole)))
    gap = max(0.0, float(details["cost"] - problem.offset - bound)) / scale
    details = {**details, "gap": gap}
    if gap <= tol and residuals["dual"] <= tol:
        kept |= {"dual": residuals["dual"], "gap": gap}
        return LinearCertificate(kept, details, tol, INTEGRAL, Status.OPTIMAL, evidence)
    return LinearCertificate(kept, details, tol, ONLY_INTEGRAL, Status.FINISHED, evidence)


def infeasible(problem: Any, ray: Any, tol: float, basis: Any = None) -> LinearCertificate:
    """A Farkas ray: weights y of the rows for which ``bᵀy`` exceeds ``(Aᵀy)ᵀx`` at every x.

    ``ub`` weights above zero count as zero. With ``v = Aᵀy``, the largest ``vᵀx`` within the
    bounds is a sum of finite terms, but for those ``v_j`` whose bound is missing; a feasible x
    would have to be at least ``margin / Σ|v_j|`` large there.
    """
    rows = problem.rows
    y = np.concatenate([ray.eq, np.minimum(ray.ub, 0.0)])
    v, size = rows.A.T @ y, rows.absolute.T @ np.abs(y)
    missing = np.where(v > 0, np.isposinf(problem.upper), np.isneginf(problem.lower))
    at = np.where(v > 0, rows.high, rows.low)
    margin = rows.b @ y - v @ at
    rounding = ROUNDING * (np.abs(rows.b) @ np.abs(y) + size @ np.abs(at))
    left = rows.x_size * np.abs(v[missing])
    residual = _size(left, rows.x_size * LAST_DIGITS * size[missing], margin - rounding, tol)
    details = {"margin": float(margin), "rounding": float(rounding)}
    z = -v
    ray = type(ray)(ray.eq, y[rows.equations :], np.maximum(z, 0.0), np.minimum(z, 0.0))
    evidence = Evidence(problem, ray=ray, basis=basis)
    return LinearCertificate(
        {"size": residual}, details, tol, INFEASIBLE, Status.INFEASIBLE, evidence
    )


def unbounded(problem: Any, x: Any, ray: Any, tol: float, basis: Any = None) -> LinearCertificate:
    """A feasible x and a direction d with ``cᵀd < 0`` that no row and no bound stops.

    Where a bound stops d it counts as zero. What is left of ``A d`` is compared with the slope
    ``-cᵀd``: multipliers of a finite optimum would have to be ``slope / Σ|A d|`` large.
    """
    rows = problem.rows
    residuals = rows.feasibility(problem, x)
    d = np.where(np.isfinite(problem.lower), np.maximum(ray, 0.0), ray)
    d = np.where(np.isfinite(problem.upper), np.minimum(d, 0.0), d)
    slope = -(problem.c @ d)
    rounding = ROUNDING * (np.abs(problem.c) @ np.abs(d))
    moved = rows.A @ d
    moved[rows.equations :] = np.maximum(moved[rows.equations :], 0.0)
    unit = rows.cost_size / np.where(rows.largest > 0, rows.largest, 1.0)
    noise = LAST_DIGITS * (rows.absolute @ np.abs(d))
    residuals["size"] = _size(unit * np.abs(moved), unit * noise, slope - rounding, tol)
    details = {"slope": float(slope), "rounding": float(rounding)}
    evidence = Evidence(problem, x=x, ray=d, basis=basis)
    return LinearCertificate(residuals, details, tol, UNBOUNDED, Status.UNBOUNDED, evidence)


def _size(left: np.ndarray, noise: np.ndarray, excess: float, tol: float) -> float:
    """What is left over, relative to the excess that it would have to make up for.

    The last digits of long sums are forgiven, but no more than ``HEADROOM`` tolerances of them.
    """
    if not excess > 0.0:
        return np.inf
    beyond = np.maximum(left - noise, 0.0).sum()
    forgiven = min(left.sum() - beyond, HEADROOM * tol * excess)
    return float((left.sum() - forgiven) / excess)


# ------------------------------------------------------------------ multipliers of a point


def best_multipliers(problem: Any, x: np.ndarray, tol: float) -> Any:
    """The multipliers that explain x best: ``min ||c - Aᵀy - z||`` over the active constraints.

    A point is optimal exactly when the cost lies in the cone of the constraints active there
    (Farkas); the nearest vector of that cone is a nonnegative least squares problem.
    """
    rows, unit = problem.rows, min(1.0, problem.rows.x_size)
    loose = 1e2 * tol
    near_row = loose * (rows.absolute @ np.abs(x) + np.abs(rows.b) + rows.largest * unit)
    tight = np.flatnonzero(np.abs(rows.A @ x - rows.b) <= near_row)
    tight = tight[tight >= rows.equations]
    near = loose * (np.abs(x) + unit)
    low = np.flatnonzero(x - problem.lower <= near)
    high = np.flatnonzero(problem.upper - x <= near)
    eq, ub, lower, upper = rows.equations, tight.size, low.size, high.size
    y, z_low, z_high = np.zeros(rows.b.size), np.zeros(problem.n), np.zeros(problem.n)
    if problem.n * (2 * eq + ub + lower + upper) <= SEARCHED:
        A = rows.A.toarray() if is_sparse(rows.A) else rows.A
        unit_vectors = np.eye(problem.n)
        columns = [A[:eq].T, -A[:eq].T, -A[tight].T, unit_vectors[:, low], -unit_vectors[:, high]]
        found = scipy_optimize().nnls(np.hstack(columns), problem.c)[0]
        plus, minus, price, at_low, at_high = np.split(found, np.cumsum([eq, eq, ub, lower]))
        y[:eq], y[tight] = plus - minus, -price
        z_low[low], z_high[high] = at_low, -at_high
    return y[:eq], y[eq:], z_low, z_high
