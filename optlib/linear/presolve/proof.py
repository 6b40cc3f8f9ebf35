"""What shows that a problem has no feasible point."""

from __future__ import annotations

import numpy as np

from ...core.status import Status
from .storage import (
    APART,
    inlined,
)

INFEASIBLE = int(Status.INFEASIBLE)


@inlined
def contradict(s, i, weight, k, witness_weight):
    """Two rows whose weighted sum cannot be; one suffices where the second weight is zero.

    The weights are a Farkas ray of the current problem; undoing the stack makes them one of the
    original.
    """
    s.tally[0].verdict = INFEASIBLE
    s.tally[0].proof, s.tally[0].witness = i, k
    s.tally[0].proof_weight, s.tally[0].witness_weight = weight, witness_weight


@inlined
def contradicts(s, i, gap, bound):
    """Whether the activity of row i misses a bound by more than rounding can explain."""
    size = max(1.0, abs(bound))
    e = s.rows[i].head
    while e >= 0:
        element = s.elements[e]
        column = s.columns[element.column]
        for end in (column.lower, column.upper):
            if abs(end) < np.inf:
                size = max(size, 1e-4 * abs(element.value * end))
        e = element.right
    return gap > APART * size
