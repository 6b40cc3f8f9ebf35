"""Iterations of the dual simplex method.

One iteration: the row with the largest ``violation² / weight`` leaves (dual steepest edge);
``ρ = B⁻ᵀ e_r`` and the pivotal row ``α = ρᵀ N`` are computed; the ratio test picks the entering
variable and the bounds that flip; the entering column ``B⁻¹ a_q``, the flips and
``τ = B⁻¹ ρ`` are solved for; then primal values, reduced costs, weights and factors are updated:

    γ_i ← γ_i - 2 (α_iq/α_rq) τ_i + (α_iq/α_rq)² γ_r,     γ_r ← γ_r / α_rq².

References: Forrest & Goldfarb (1992); Maros (2003); Koberstein (2005).
"""

from __future__ import annotations

import numpy as np

from ...linalg.cached import inner, kernel
from ...linalg.lu import EMPTY, KEEP, N_ETA, PASS, SINGLE, btran, ftran, update
from .pricing import leaving, pivotal_row, set_active, set_value
from .ratio import NOBODY, dual_candidates, least_pivot, long_step
from .state import (
    BUDGET,
    COLUMN,
    DOWN,
    EDGE,
    FEASIBLE,
    FLIPS,
    NO_CANDIDATE,
    REFACTOR,
    ROW,
    STUCK,
    UNSTABLE,
    UP,
    accurate,
    clear,
    learn,
    load,
    nonbasic_at,
    refactor_due,
)


@kernel(error_model="numpy")
def iterate(matrix, point, lu, work, budget, max_updates, tolerance, bland, info):
    """Run up to ``budget`` iterations; returns how many were made and why they ended.

    ``info[0]`` is the leaving row of the last iteration. ``NO_CANDIDATE`` leaves ``B⁻ᵀ e_r`` in
    ``work.rho``.
    """
    rho, rho_index = work.rho, work.rho_index
    column, column_index = work.column, work.column_index
    alpha, alpha_index = work.alpha, work.alpha_index
    for iteration in range(budget):
        updates = lu.count[N_ETA]
        if updates >= max_updates or refactor_due(lu, work):
            return iteration, REFACTOR
        r, rho_size = EMPTY, EMPTY
        while True:
            r = leaving(point, bland)
            if r < 0:
                return iteration, FEASIBLE
            rho[r] = 1.0
            rho_index[0] = r
            rho_size = SINGLE
            rho_size = btran(lu, rho, rho_index, rho_size, r, work.density[ROW])
            learn(work, ROW, rho_size)
            trusted = point.weight[r]
            point.weight[r] = 0.0
            for k in range(rho_size):
                point.weight[r] += rho[rho_index[k]] ** 2
            if trusted >= 0.25 * point.weight[r] or bland:
                break
            set_value(point, np.uint64(r), point.value[r], tolerance)
            clear(rho, rho_index, rho_size)
        info[0] = r
        outside = point.value[r] - (
            point.low[r] if point.value[r] < point.low[r] else point.high[r]
        )
        sign = -1.0 if outside < 0 else 1.0
        alpha_size = pivotal_row(matrix, point, rho, rho_index, rho_size, alpha, alpha_index)
        count = dual_candidates(point, work, alpha_size, sign, least_pivot(updates))
        chosen, flips = long_step(work, count, abs(outside), tolerance, bland)
        if chosen == NOBODY:
            clear(alpha, alpha_index, alpha_size)
            return iteration, NO_CANDIDATE
        q = np.int64(work.candidate[chosen])
        size = EMPTY
        size = load(matrix, q, 1.0, column, column_index, size)
        size = ftran(lu, column, column_index, size, KEEP, work.density[COLUMN])
        learn(work, COLUMN, size)
        good = accurate(column[r], alpha[q], updates)
        room = True
        if good:
            if flips > 0:
                _flip(matrix, point, lu, work, flips, tolerance)
            _step_duals(point, work, alpha_size, q, r, sign, tolerance)
            _step_weights(point, lu, work, rho_size, size, r)
            _step_values(matrix, point, work, size, q, r, sign, tolerance)
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
def _flip(matrix, point, lu, work, flips, tolerance):
    """Send the candidates that the step has passed to their other bounds."""
    tau, tau_index = work.tau, work.tau_index
    size = EMPTY
    for k in range(flips):
        j = np.int64(work.candidate[k])
        other = point.upper[j] if point.move[j] == UP else point.lower[j]
        size = load(matrix, j, other - point.x[j], tau, tau_index, size)
        nonbasic_at(point, j, other)
    size = ftran(lu, tau, tau_index, size, PASS, work.density[FLIPS])
    learn(work, FLIPS, size)
    for k in range(size):
        i = np.uint64(tau_index[k])
        set_value(point, i, point.value[i] - tau[i], tolerance)
        tau[i] = 0.0


@inner
def _step_duals(point, work, alpha_size, q, r, sign, tolerance):
    """Move the reduced costs to where d_q is zero; costs are shifted where one would overshoot."""
    d, move = point.d, point.move
    pivot = work.alpha[q]
    if d[q] * sign * pivot < 0.0:
        point.cost[q] -= d[q]
        d[q] = 0.0
    step = d[q] / pivot
    for k in range(alpha_size if step != 0.0 else 0):
        j = np.uint32(work.alpha_index[k])
        d[j] -= step * work.alpha[j]
        if (move[j] == UP and d[j] < -tolerance) or (move[j] == DOWN and d[j] > tolerance):
            shift = (tolerance if move[j] == UP else -tolerance) - d[j]
            point.cost[j] += shift
            d[j] += shift
    d[q] = 0.0
    d[point.head[r]] = -step


@inner
def _step_weights(point, lu, work, rho_size, size, r):
    """Update the steepest edge weights."""
    tau, tau_index, column, weight = work.tau, work.tau_index, work.column, point.weight
    for k in range(rho_size):
        i = np.uint32(work.rho_index[k])
        tau[i] = work.rho[i]
        tau_index[k] = i
    tau_size = ftran(lu, tau, tau_index, rho_size, PASS, work.density[EDGE])
    learn(work, EDGE, tau_size)
    own, pivot = weight[r], column[r]
    for k in range(size):
        i = np.uint64(work.column_index[k])
        t = column[i] / pivot
        weight[i] = max(weight[i] + t * (t * own - 2.0 * tau[i]), 1e-4 + t * t)
    weight[r] = max(own / (pivot * pivot), 1e-4)
    clear(tau, tau_index, tau_size)


@inner
def _step_values(matrix, point, work, size, q, r, sign, tolerance):
    """Move the leaving variable to its bound; q takes its place in the basis."""
    column, pivot = work.column, work.column[r]
    bound = point.low[r] if sign < 0 else point.high[r]
    length = (point.value[r] - bound) / pivot
    for k in range(size):
        i = np.uint64(work.column_index[k])
        set_value(point, i, point.value[i] - length * column[i], tolerance)
    exchange(matrix, point, q, r, bound, length, tolerance)


@inner
def exchange(matrix, point, q, r, bound, length, tolerance):
    """The basic variable of row r leaves at a bound, q enters at ``length`` from where it was."""
    p = np.int64(point.head[r])
    point.basic[p] = False
    nonbasic_at(point, p, bound)
    set_active(matrix, p, point.move[p] != STUCK)
    point.basic[q] = True
    point.move[q] = STUCK
    set_active(matrix, q, point.move[q] != STUCK)
    point.head[r] = q
    point.low[r] = point.lower[q]
    point.high[r] = point.upper[q]
    set_value(point, np.uint64(r), point.x[q] + length, tolerance)
