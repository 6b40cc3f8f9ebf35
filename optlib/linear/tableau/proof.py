"""The proof of a rational answer, from the program's own numbers read as simple fractions.

:mod:`optlib.linear.exact` proves claims about the float64 numbers as they are; here 0.1 is 1/10.
Nothing is taken over from the tableau but the vectors to judge.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.status import Status
from .. import certificate
from ..exact import ExactProof
from ..problem import LinearProgram
from ..rational import ZERO
from .numbers import RATIONALS


def proved(
    problem: LinearProgram, status: Status, x: np.ndarray, y: np.ndarray, ray: np.ndarray | None
) -> ExactProof:
    """Whether a claim holds without any tolerance.

    Parameters
    ----------
    problem : LinearProgram
    status : Status
        What is claimed.
    x : array of Fraction (n,)
    y : array of Fraction (m,)
        Multipliers of the rows, equations first; the Farkas ray of an infeasible program.
    ray : array of Fraction (n,), optional
        The direction in which the cost of an unbounded program falls.
    """
    facts = _Facts(problem)
    fun: Any = facts.offset + facts.c @ x
    if status is Status.INFEASIBLE:
        found = facts.contradiction(y)
        return ExactProof(
            not any(found.values()), certificate.INFEASIBLE, None, (), (), tuple(y), found
        )
    found = facts.outside(x)
    if status is Status.UNBOUNDED and ray is not None:
        found |= facts.stopped(ray)
        claim, y = certificate.UNBOUNDED, y[:0]
    elif status is Status.OPTIMAL:
        found |= facts.wrong_multipliers(x, y)
        claim = certificate.OPTIMAL
    else:
        found["claim"] = 1 + ZERO
        claim = f"nothing is claimed: {status.meaning}"
    d = () if ray is None else tuple(ray)
    return ExactProof(not any(found.values()), claim, fun, tuple(x), tuple(y), d, found)


class _Facts:
    """A program in rationals, and how much a vector violates of each condition."""

    def __init__(self, problem: LinearProgram) -> None:
        array = RATIONALS.array
        self.A, self.b, self.c = array(problem.rows.A), array(problem.rows.b), array(problem.c)
        self.offset = array(problem.offset)[()]
        self.equations = problem.b_eq.size
        self.has_low, self.has_high = np.isfinite(problem.lower), np.isfinite(problem.upper)
        self.low = array(np.where(self.has_low, problem.lower, 0.0))
        self.high = array(np.where(self.has_high, problem.upper, 0.0))

    def outside(self, x: np.ndarray) -> dict[str, Any]:
        """Rows and bounds."""
        low, high = (self.low - x)[self.has_low], (x - self.high)[self.has_high]
        return {"rows": self._above(self.A @ x - self.b), "bounds": _most(low, high)}

    def wrong_multipliers(self, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
        """Signs, and the gap."""
        z = self.c - self.A.T @ y
        return {
            "multipliers": self._wrong_sign(y, z),
            "gap": abs(self.c @ x - self._least(y, z)),
        }

    def contradiction(self, y: np.ndarray) -> dict[str, Any]:
        """Multipliers that prove, with no cost, a cost above zero."""
        z = -(self.A.T @ y)
        return {"multipliers": self._wrong_sign(y, z), "margin": _lacking(self._least(y, z))}

    def stopped(self, d: np.ndarray) -> dict[str, Any]:
        """Rows and bounds that stop a direction, and the fall of the cost."""
        against = _most(-d[self.has_low], d[self.has_high])
        direction = max(against, self._above(self.A @ d))
        return {"direction": direction, "slope": _lacking(-(self.c @ d))}

    def _above(self, excess: np.ndarray) -> Any:
        return _most(abs(excess[: self.equations]), excess[self.equations :])

    def _wrong_sign(self, y: np.ndarray, z: np.ndarray) -> Any:
        """``y <= 0`` of inequalities; a positive z needs a lower bound, a negative one an upper."""
        return _most(y[self.equations :], z[~self.has_low], -z[~self.has_high])

    def _least(self, y: np.ndarray, z: np.ndarray) -> Any:
        """The dual cost: ``bᵀy`` and every z times the bound that it belongs to."""
        return self.b @ y + z @ np.where(z > 0, self.low, self.high)


def _most(*violations: np.ndarray) -> Any:
    """The largest positive entry."""
    return max([ZERO, *np.concatenate(violations)])


def _lacking(value: Any) -> Any:
    """What a number that must be positive lacks of 1 when it is not."""
    return ZERO if value > 0 else 1 - value
