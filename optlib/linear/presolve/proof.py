"""What shows that a problem has no feasible point."""

from __future__ import annotations

import numpy as np

from ...core.status import Status
from .storage import APART, inlined

INFEASIBLE = int(Status.INFEASIBLE)


@inlined
def contradict(s, i, weight, k, witness_weight):
    """Two rows whose weighted sum cannot be; one suffices where the second weight is zero.

    The weights are a Farkas ray of the current problem; undoing the stack makes them one of the
    original.
    """
    tally = s.tally
    tally.verdict, tally.proof, tally.witness = INFEASIBLE, i, k
    tally.weight, tally.witness_weight = weight, witness_weight


@inlined
def contradicts(s, i, gap, bound):
    """Whether the activity of row i misses a bound by more than rounding can explain."""
    size = max(1.0, abs(bound))
    e = s.lines[i].head
    while e >= 0:
        end = s.ends[e]
        column = s.lines[end.across]
        if abs(column.lower) < np.inf:
            size = max(size, 1e-4 * abs(end.value * column.lower))
        if abs(column.upper) < np.inf:
            size = max(size, 1e-4 * abs(end.value * column.upper))
        e = end.after
    return gap > APART * size
