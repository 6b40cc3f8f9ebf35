"""Iterations of the primal simplex method.

One iteration: the variable with the largest ``d_j² / w_j`` of the wrong sign enters (devex
reference weights); its column ``α = B⁻¹ a_q`` and the ratio test give the leaving variable, or the
entering one goes to its other bound; the pivotal row updates reduced costs and weights,

    w_j ← max(w_j, (α_rj/α_rq)² w_q),     w_p ← max(w_q/α_rq², 1).

While basic variables violate their bounds (phase 1) the cost is the sum of the violations, whose
reduced costs ``d = -Nᵀ B⁻ᵀ σ``, σ = ±1 on the violated rows, are computed in each iteration.

References: Harris (1973); Forrest & Goldfarb (1992); Maros (2003), chapter 9.
"""

from __future__ import annotations

import numpy as np

from ...linalg.cached import inner, kernel
from ...linalg.lu import EMPTY, KEEP, N_ETA, SINGLE, UNLISTED, btran, ftran, update
from .dual import exchange
from .pricing import entering, pivotal_row, set_value
from .ratio import NOBODY, least_pivot, long_step, primal_candidates
from .state import (
    BUDGET,
    COLUMN,
    COSTS,
    FEASIBLE,
    NO_CANDIDATE,
    REFACTOR,
    ROW,
    UNSTABLE,
    accurate,
    clear,
    learn,
    load,
    nonbasic_at,
    refactor_due,
)


@kernel(error_model="numpy")
def iterate(matrix, point, lu, work, budget, max_updates, phase1, tolerance, bland, info):
    """Run up to ``budget`` iterations; returns how many were made and why they ended.

    ``FEASIBLE`` is the end of the phase: optimal in phase 2. ``NO_CANDIDATE``: in phase 1 the sum
    of violations is at its least, above zero, and ``work.rho`` has the multipliers; in phase 2 the
    cost is unbounded, and ``work.column`` is the column of the entering variable ``info[0]``.
    """
    rho, rho_index = work.rho, work.rho_index
    column, column_index = work.column, work.column_index
    alpha, alpha_index = work.alpha, work.alpha_index
    d = point.d
    for iteration in range(budget):
        updates = lu.count[N_ETA]
        if updates >= max_updates or refactor_due(lu, work):
            return iteration, REFACTOR
        rho_size = EMPTY
        if phase1:
            violated, rho_size = _violation_costs(matrix, point, lu, work)
            if violated == 0:
                return iteration, FEASIBLE
        q = np.int64(entering(point, tolerance, bland))
        if q < 0:
            return iteration, NO_CANDIDATE if phase1 else FEASIBLE
        clear(rho, rho_index, rho_size)
        info[0] = q
        direction = 1.0 if d[q] < 0.0 else -1.0
        size = EMPTY
        size = load(matrix, q, 1.0, column, column_index, size)
        size = ftran(lu, column, column_index, size, KEEP, work.density[COLUMN])
        learn(work, COLUMN, size)
        count = primal_candidates(
            point, work, size, q, direction, phase1, tolerance, least_pivot(updates)
        )
        chosen, _ = long_step(work, count, abs(d[q]), tolerance, bland)
        if chosen == NOBODY:
            return iteration, UNSTABLE if phase1 else NO_CANDIDATE
        item = np.int64(work.candidate[chosen])
        length = direction * max(work.distance[chosen], 0.0) / work.rate[chosen]
        if item == NOBODY:
            _step_values(point, work, size, length, tolerance)
            nonbasic_at(point, q, point.upper[q] if direction > 0 else point.lower[q])
            clear(column, column_index, size)
            continue
        r = item // 2
        rho[r] = 1.0
        rho_index[0] = r
        rho_size = SINGLE
        rho_size = btran(lu, rho, rho_index, rho_size, r, work.density[ROW])
        learn(work, ROW, rho_size)
        alpha_size = pivotal_row(matrix, point, rho, rho_index, rho_size, alpha, alpha_index)
        good = accurate(column[r], alpha[q], updates)
        room = True
        if good:
            _step_duals(point, work, alpha_size, q, r)
            bound = point.high[r] if item % 2 == 1 else point.low[r]
            _step_values(point, work, size, length, tolerance)
            exchange(matrix, point, q, r, bound, length, tolerance)
            room = update(lu, r, column[r])
        clear(alpha, alpha_index, alpha_size)
        clear(rho, rho_index, rho_size)
        clear(column, column_index, size)
        if not good:
            return iteration, UNSTABLE
        if not room:
            return iteration + 1, REFACTOR
    return np.int64(budget), BUDGET


@inner
def _violation_costs(matrix, point, lu, work):
    """Reduced costs of the sum of violations; ``work.rho`` keeps its multipliers y.

    Returns the number of violated rows and the length of y's list.
    """
    rho, rho_index = work.rho, work.rho_index
    size = EMPTY
    for i in range(rho.size):
        if point.infeasibility[i] > 0.0:
            rho[i] = 1.0 if point.value[i] > point.high[i] else -1.0
            rho_index[size] = i
            size += 1
    violated = size
    size = btran(lu, rho, rho_index, size, UNLISTED, work.density[COSTS])
    learn(work, COSTS, size)
    for j in range(point.d.size):
        point.d[j] = 0.0
    count = pivotal_row(matrix, point, rho, rho_index, size, work.alpha, work.alpha_index)
    for k in range(count):
        j = np.uint32(work.alpha_index[k])
        point.d[j] = -work.alpha[j]
        work.alpha[j] = 0.0
    return violated, size


@inner
def _step_values(point, work, size, length, tolerance):
    """Move along the entering column."""
    for k in range(size):
        i = np.uint64(work.column_index[k])
        set_value(point, i, point.value[i] - length * work.column[i], tolerance)


@inner
def _step_duals(point, work, alpha_size, q, r):
    """Update reduced costs and devex weights by the pivotal row."""
    d, devex, p = point.d, point.devex, point.head[r]
    pivot = work.column[r]
    step, own = d[q] / pivot, devex[q]
    for k in range(alpha_size):
        j = np.uint32(work.alpha_index[k])
        t = work.alpha[j] / pivot
        d[j] -= step * work.alpha[j]
        devex[j] = max(devex[j], t * t * own)
    d[q] = 0.0
    d[p] = -step
    devex[p] = max(own / (pivot * pivot), 1.0)
