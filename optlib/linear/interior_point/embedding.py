"""The homogeneous self-dual embedding and its predictor-corrector iteration, in Numba.

With ``w`` the slack of the upper bounds and ``z, v`` the multipliers of the two kinds of bound,
the embedding asks for

    A x = b τ,   x + w = u τ,   Aᵀy + z - v = c τ,   bᵀy - uᵀv - cᵀx = κ,
    x, z, w, v, τ, κ >= 0,   x z = w v = τ κ = 0.

It always has a solution. One with ``τ > 0`` is an optimal pair, ``(x, y) / τ``; one with ``κ > 0``
proves that the program is infeasible (``bᵀy > uᵀv``) or unbounded (``cᵀx < 0``).
References: Ye, Todd & Mizuno 1994; Xu, Hung & Ye 1996; Andersen & Andersen 2000 (implementation);
Mehrotra 1992 (predictor-corrector); Gondzio 1996 (multiple centrality corrections).

All vectors of one length are the rows of one table: ``C`` for columns, ``M`` for rows, and ``N``
holds single numbers. Few arguments keep the kernels quick to compile.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...linalg.cached import inner, kernel
from ...linalg.cholesky import FAST, backward, forward
from .dense_columns import backward_border, forward_border
from .standard import BOXED, FREE, Standard

DAMPING = 1e-12  # least weight of a column, in typical z / x: x may not run off on a free face
_TRACE = 1e-14  # of a dense column's share of the diagonal
_STEP = 0.9995  # share of the way to the boundary
_NEAR = 0.1  # complementarity products should lie within this factor of their target
_REACH = 0.3  # a centrality correction aims at a step longer by this
_GAIN = 0.02  # and is kept when the two steps grow by this in sum
_CORRECTIONS = 2
_LAST_DIGITS = 4.0 * np.finfo(np.float64).eps
_ROUNDING = 64.0 * np.finfo(np.float64).eps

# rows of C: the program, the iterate, its direction (the latest, and the best so far), the rest
COST, UPPER, SCALE, X, Z, W, V, DX, DZ, DW, DV, BEST_DX, BEST_DZ, BEST_DW, BEST_DV = range(15)
THETA, RD, RU, RXZ, RWV, SLOPE, G, H, T, S, BEST_X = range(15, 26)
COLUMN_VECTORS = 26
# rows of M; UNIT is the size of an activity, SUMMANDS what a right side was summed from
B, UNIT, SUMMANDS, Y, DY, BEST_DY, RP, Q, P, BEST_Y, TERMS, R0, R1, R2, R3 = range(15)
ROW_VECTORS = 15
# entries of N
OFFSET, COST_SIZE, X_SIZE, TAU, KAPPA, DTAU, DKAPPA, BEST_DTAU, BEST_DKAPPA = range(9)
MU, RG, CURVATURE, PRIMAL, DUAL, GAP, OBJECTIVE, FARKAS, RECESSION = range(9, 18)
BEST, BEST_TAU, BEST_AT, PROXIMAL, TYPICAL, FIRMNESS, LIMIT, SOLVES = range(18, 26)
NUMBERS = 26

FIELDS = ("mu", "primal", "dual", "gap", "objective", "tau", "kappa", "sigma", "step_primal",
          "step_dual", "solves")  # fmt: skip
"""Columns of the history."""
WIDTH = len(FIELDS)

FIRM, SOFT = 1e-8, 1e-11
"""Weight of a free column's proximal term, relative to that of a typical column."""

RUNNING, CONVERGED, INFEASIBLE, UNBOUNDED, STUCK = range(5)
"""What an iterate proves."""

_PATIENCE = 15  # iterations without a better iterate before the method gives up


def tables(lp: Standard, firmness: float, limit: float) -> tuple[np.ndarray, ...]:
    """C, M and N before the start; ``limit`` is that of conjugate gradient steps in one solve."""
    columns, rows = np.zeros((COLUMN_VECTORS, lp.c.size)), np.zeros((ROW_VECTORS, lp.b.size))
    numbers = np.zeros(NUMBERS)
    columns[COST], columns[UPPER], columns[SCALE] = lp.c, lp.upper, lp.column_scale
    columns[THETA] = np.where(lp.kind == BOXED, 0.5, 1.0)
    largest = lp.row_scale * lp.row_largest
    rows[B], rows[SUMMANDS], rows[TERMS] = lp.b, lp.terms * lp.row_scale, 1.0 + np.abs(lp.b)
    rows[UNIT, largest > 0.0] = 1.0 / largest[largest > 0.0]
    numbers[[OFFSET, COST_SIZE, X_SIZE]] = lp.offset, lp.cost_size, lp.x_size
    numbers[FIRMNESS], numbers[LIMIT] = firmness, limit
    return columns, rows, numbers


@kernel()
def normal_pattern(indptr, indices, row_start, row_column, row_entry, is_dense):
    """Pattern of the lower triangle of ``A Θ Aᵀ`` by columns, the diagonal first, unsorted."""
    m = row_start.size - 1
    seen, start = np.full(m, -1), np.zeros(m + 1, np.int64)
    index = np.empty(indices.size * 4 + m + 16, np.int32)
    put = np.int64(0)
    for i in range(m):
        if put + m > index.size:
            grown = np.empty(2 * index.size + m, np.int32)
            for p in range(put):
                grown[p] = index[p]
            index = grown
        seen[i] = i
        index[put] = i
        put += 1
        for e in range(row_start[i], row_start[i + 1]):
            j = row_column[e]
            if is_dense[j]:
                continue
            for p in range(row_entry[e] + 1, indptr[j + 1]):
                k = indices[p]
                if seen[k] != i:
                    seen[k] = i
                    index[put] = k
                    put += 1
        start[i + 1] = put
    return start, index[:put].copy()


@kernel(fastmath=FAST, error_model="numpy")
def form(
    indptr, indices, data, row_start, row_column, row_entry, dense, start, index, C, M, values
):  # fmt: skip
    """The lower triangle of ``A Θ Aᵀ`` on its pattern, without the ``dense`` columns."""
    theta, row = C[THETA], M[R0]
    for i in range(row.size):
        row[i] = 0.0
    for i in range(row.size):
        for e in range(row_start[i], row_start[i + 1]):
            j, entry = row_column[e], row_entry[e]
            weight = theta[j] * data[entry]
            if dense[j]:  # a trace of it, lest a row that has no other column vanish
                row[i] += _TRACE * weight * data[entry]
                continue
            for p in range(entry, indptr[j + 1]):
                row[indices[p]] += weight * data[p]
        for p in range(start[i], start[i + 1]):
            values[p] = row[index[p]]
            row[index[p]] = 0.0


@kernel(fastmath=FAST, error_model="numpy")
def solve(indptr, indices, data, C, M, N, order, rows, panels, L, inverse, border, accuracy):
    """``A Θ (Aᵀp - h) = r`` by conjugate gradients on the factor, with r in M[DY] on entry.

    Writes p and ``Aᵀp - h``. What is left of each row's equation is at most ``accuracy`` times the
    terms that make up its activity, so that the step reduces the primal residual as it should.
    """
    theta, t, s, rhs, p = C[THETA], C[T], C[S], M[DY], M[P]
    x, d, Kd, terms = M[R1], M[R2], M[R3], M[TERMS]
    m, n = rhs.size, indptr.size - 1
    for j in range(n):
        t[j] = -C[H, j]
        weight = theta[j] * C[H, j]
        for e in range(indptr[j], indptr[j + 1]):
            rhs[indices[e]] += data[e] * weight
    for i in range(m):
        p[i] = d[i] = 0.0
    previous, used = np.inf, 0.0
    while used < N[LIMIT]:
        for i in range(m):
            x[i] = rhs[order[i]]
        forward(panels, rows, L, inverse, x)
        if border is not None:
            forward_border(border, x)
            backward_border(border, x)
        backward(panels, rows, L, inverse, x)
        used += 1.0
        rho = 0.0
        for i in range(m):
            rho += rhs[order[i]] * x[i]
            Kd[i] = 0.0
        for i in range(m):
            d[order[i]] = x[i] + rho / previous * d[order[i]]
        previous = rho
        for j in range(n):
            total = 0.0
            for e in range(indptr[j], indptr[j + 1]):
                total += data[e] * d[indices[e]]
            s[j] = total
            total *= theta[j]
            for e in range(indptr[j], indptr[j + 1]):
                Kd[indices[e]] += data[e] * total
        curvature = 0.0
        for i in range(m):
            curvature += d[i] * Kd[i]
        if not (curvature > 0.0 and rho > 0.0):
            break
        alpha, left = rho / curvature, 0.0
        for i in range(m):
            p[i] += alpha * d[i]
            rhs[i] -= alpha * Kd[i]
            left = max(left, abs(rhs[i]) / terms[i])
        for j in range(n):
            t[j] += alpha * s[j]
        if left <= accuracy:
            break
    N[SOLVES] += used


def start(program: tuple[np.ndarray, ...], factor: tuple[Any, ...]) -> None:
    """Mehrotra's starting point: least squares solutions, pushed inside."""
    kind, C, M, N = program[0], *program[4:]
    positive, boxed = kind != FREE, kind == BOXED
    M[DY], C[H] = M[B], -C[UPPER]
    solve(*program[1:], *factor, 1e-8)
    C[X] = C[THETA] * C[T]
    C[W] = C[UPPER] - C[X]
    M[DY], C[H] = 0.0, C[COST]
    solve(*program[1:], *factor, 1e-8)
    C[Z], C[V, boxed], M[Y] = -C[T] * positive, np.maximum(C[T, boxed], 0.0), M[P]
    C[Z, boxed] = np.maximum(C[Z, boxed], 0.0)

    exists = np.concatenate((positive, boxed))
    x, z = C[X : W + 1 : W - X].reshape(-1)[exists], C[Z : V + 1 : V - Z].reshape(-1)[exists]
    x += 1.5 * max(-x.min(initial=0.0), 0.0)
    z += 1.5 * max(-z.min(initial=0.0), 0.0)
    product, sum_x, sum_z = float(x @ z), float(x.sum()), float(z.sum())
    N[PROXIMAL] = DAMPING * sum_z / sum_x if product > 0.0 else 0.0
    x += 0.5 * product / sum_z if product > 0.0 else 1.0
    z += 0.5 * product / sum_x if product > 0.0 else 1.0
    most = int(positive.sum())
    C[X, positive], C[W, boxed] = x[:most], x[most:]
    C[Z, positive], C[V, boxed] = z[:most], z[most:]
    N[TAU], N[KAPPA], N[BEST] = 1.0, 1.0, np.inf


@kernel(fastmath=FAST, error_model="numpy")
def search(
    kind, indptr, indices, data, C, M, N, order, rows, panels, L, inverse, border, tol, record
):  # fmt: skip
    """The next iterate: Mehrotra's predictor and corrector, then Gondzio's corrections.

    The first solve is for how the direction answers to τ. With ``q = y/τ + q'`` and
    ``c - Aᵀy/τ = (rd + z - v)/τ`` no large numbers cancel in the system for q', as they would in
    the one for q.
    """
    x, z, w, v = C[X], C[Z], C[W], C[V]
    dx, dz, dw, dv, rxz, rwv = C[DX], C[DZ], C[DW], C[DV], C[RXZ], C[RWV]
    upper, h, p = C[UPPER], C[H], M[P]
    tau, kappa = N[TAU], N[KAPPA]
    N[SOLVES] = 0.0
    accuracy = 0.02 * max(N[PRIMAL], tol)
    eta, target, rtk = 1.0, 0.0, -tau * kappa
    primal, dual = 0.0, 0.0
    for j in range(kind.size):
        rxz[j], rwv[j] = -x[j] * z[j], -w[j] * v[j]
    for trial in range(-1, _CORRECTIONS + 2):
        for i in range(p.size):
            M[DY, i] = eta * M[RP, i] if trial >= 0 else M[B, i]
        if trial >= 0:
            for j in range(kind.size):
                h[j] = eta * C[RD, j]
                if kind[j] != FREE:
                    h[j] -= rxz[j] / x[j]
                if kind[j] == BOXED:
                    h[j] += (rwv[j] - v[j] * eta * C[RU, j]) / w[j]
        solve(
            indptr, indices, data, C, M, N, order, rows, panels, L, inverse, border,
            accuracy if trial >= 0 else accuracy / tau,
        )  # fmt: skip
        if trial < 0:
            for i in range(p.size):
                M[Q, i] = p[i] + M[Y, i] / tau
            N[CURVATURE] = kappa / tau
            for j in range(kind.size):
                C[G, j] = C[THETA, j] * C[T, j]
                N[CURVATURE] += C[G, j] * C[T, j]
                if kind[j] == BOXED:
                    N[CURVATURE] += upper[j] * (v[j] / w[j] * upper[j])
            continue

        # the direction towards residuals (1 - eta) times today's and products as asked
        total = eta * N[RG] + rtk / tau
        for i in range(p.size):
            total += eta * M[RP, i] * M[Y, i] / tau - M[B, i] * p[i]
        for j in range(kind.size):
            dx[j] = C[THETA, j] * C[T, j]
            total += C[SLOPE, j] * dx[j]
            if kind[j] == BOXED:
                total += upper[j] * (rwv[j] - v[j] * eta * C[RU, j]) / w[j]
        dtau = total / N[CURVATURE]
        dkappa = (rtk - kappa * dtau) / tau
        for i in range(p.size):
            M[DY, i] = p[i] + dtau * M[Q, i]
        least_p = least_d = min(dtau / tau, dkappa / kappa)
        for j in range(kind.size):
            dx[j] += dtau * C[G, j]
            if kind[j] != FREE:
                dz[j] = (rxz[j] - z[j] * dx[j]) / x[j]
                least_p, least_d = min(least_p, dx[j] / x[j]), min(least_d, dz[j] / z[j])
            if kind[j] == BOXED:
                dw[j] = eta * C[RU, j] - dx[j] + upper[j] * dtau
                dv[j] = (rwv[j] - v[j] * dw[j]) / w[j]
                least_p, least_d = min(least_p, dw[j] / w[j]), min(least_d, dv[j] / v[j])
        new_primal = min(1.0, 1.0 / max(-least_p, 1e-10))
        new_dual = min(1.0, 1.0 / max(-least_d, 1e-10))

        if trial == 0:
            short = 1.0 - min(new_primal, new_dual)
            sigma = short * short * max(short, 0.05)
            eta, target = 1.0 - 0.5 * sigma, sigma * N[MU]
            record[7] = sigma
            rtk += target - dtau * dkappa
            for j in range(kind.size):
                rxz[j] += target - dx[j] * dz[j]
                rwv[j] += target - dw[j] * dv[j]
            continue
        if trial >= 2 and new_primal + new_dual < primal + dual + _GAIN:
            break
        primal, dual = new_primal, new_dual
        N[BEST_DTAU], N[BEST_DKAPPA] = dtau, dkappa
        for k in range(4):
            for j in range(kind.size):
                C[BEST_DX + k, j] = C[DX + k, j]
        for i in range(p.size):
            M[BEST_DY, i] = M[DY, i]
        if trial > _CORRECTIONS or min(primal, dual) > 0.95:
            break
        far_p, far_d = min(1.0, primal + _REACH), min(1.0, dual + _REACH)
        far = min(far_p, far_d)
        rtk += _pull((tau + far * dtau) * (kappa + far * dkappa), target)
        for j in range(kind.size):
            rxz[j] += _pull((x[j] + far_p * dx[j]) * (z[j] + far_d * dz[j]), target)
            rwv[j] += _pull((w[j] + far_p * dw[j]) * (v[j] + far_d * dv[j]), target)

    # steps of two lengths, each half rescaled to one common τ (Xu, Hung & Ye 1996)
    primal, dual = _STEP * primal, _STEP * dual
    record[8], record[9], record[10] = primal, dual, N[SOLVES]
    if N[BEST_DTAU] < 0.0:  # towards a ray, perhaps: one length, which keeps the pairs centred
        primal = dual = min(primal, dual)
    tau_p, tau_d = tau + primal * N[BEST_DTAU], tau + dual * N[BEST_DTAU]
    N[TAU] = min(tau_p, tau_d)
    N[KAPPA] += min(primal, dual) * N[BEST_DKAPPA]
    shrink_p, shrink_d = N[TAU] / tau_p, N[TAU] / tau_d
    for j in range(kind.size):
        x[j] = shrink_p * (x[j] + primal * C[BEST_DX, j])
        z[j] = shrink_d * (z[j] + dual * C[BEST_DZ, j])
        w[j] = shrink_p * (w[j] + primal * C[BEST_DW, j])
        v[j] = shrink_d * (v[j] + dual * C[BEST_DV, j])
    for i in range(p.size):
        M[Y, i] = shrink_d * (M[Y, i] + dual * M[BEST_DY, i])


@inner
def _pull(product, target):
    """What moves a complementarity product back to the neighbourhood of its target."""
    if product < _NEAR * target:
        return _NEAR * target - product
    if product > target / _NEAR:
        return max(target / _NEAR - product, -target / _NEAR)
    return 0.0


@inner(fastmath=FAST)
def measure(kind, indptr, indices, data, C, M, N):
    """Residuals, μ, and how far the iterate is from each of the three proofs."""
    x, y, rp, terms = C[X], M[Y], M[RP], M[TERMS]
    tau, kappa, cost_size = N[TAU], N[KAPPA], N[COST_SIZE]
    unit = tau * min(1.0, cost_size)
    cost, dual_cost, products, typical, pairs = 0.0, 0.0, 0.0, 0.0, 1.0
    primal, dual, loose, lost, moved, slope = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    weighed, priced = 0.0, 0.0
    for i in range(y.size):
        b = M[B, i]
        rp[i] = b * tau
        terms[i] = abs(rp[i]) + tau
        dual_cost += b * y[i]
        weighed += (abs(b) + M[SUMMANDS, i]) * abs(y[i])
    margin = dual_cost
    for j in range(kind.size):
        c, upper, scale, z = C[COST, j], C[UPPER, j], C[SCALE, j], C[Z, j]
        gradient, size, activity = 0.0, 0.0, 0.0
        for e in range(indptr[j], indptr[j + 1]):
            i = indices[e]
            part, price = data[e] * x[j], data[e] * y[i]
            rp[i] -= part
            terms[i] += abs(part)
            activity += abs(part) * M[UNIT, i]
            gradient += price
            size += abs(price)
        rd, floor = c * tau - gradient, _LAST_DIGITS * size
        size += abs(c) * tau + unit * scale
        cost += c * x[j]
        if kind[j] == FREE:
            loose += max(abs(gradient) - floor, 0.0) / scale
        else:
            rd -= z
            size += z
            products += x[j] * z
            typical += x[j]
            pairs += 1.0
        if kind[j] == BOXED:  # a direction of recession leaves it alone
            moved += activity
            w, v = C[W, j], C[V, j]
            rd += v
            size += v
            ru = upper * tau - x[j] - w
            C[RU, j] = ru
            primal = max(primal, abs(ru) / (x[j] + w + upper * tau))
            dual_cost -= upper * v
            margin -= upper * max(gradient, 0.0)
            weighed += upper * size
            products += w * v
            lost += v * ru
            pairs += 1.0
        else:
            slope -= c * x[j]
            priced += abs(c * x[j])
            if kind[j] != FREE:
                loose += max(gradient - floor, 0.0) / scale
        C[RD, j] = rd
        lost += x[j] * rd
        dual = max(dual, abs(rd) / size)
    for i in range(y.size):
        primal = max(primal, abs(rp[i]) / terms[i])
        lost += y[i] * rp[i]
        summed = terms[i] - tau - abs(M[B, i]) * tau
        activity = abs(M[B, i] * tau - rp[i]) - _LAST_DIGITS * summed
        moved += max(activity, 0.0) * M[UNIT, i]
    N[RG] = kappa + cost - dual_cost
    N[MU] = (products + tau * kappa) / pairs
    N[TYPICAL] = typical / pairs
    N[PRIMAL], N[DUAL] = primal, dual
    N[OBJECTIVE] = cost / tau + N[OFFSET]
    worst = max(abs(cost - dual_cost), products / tau, abs(lost) / tau)
    N[GAP] = worst / tau / (abs(N[OBJECTIVE]) + min(1.0, cost_size))
    margin, slope = margin - _ROUNDING * weighed, slope - _ROUNDING * priced
    N[FARKAS] = loose * N[X_SIZE] / margin if margin > 0.0 else np.inf
    N[RECESSION] = moved * cost_size / slope if slope > 0.0 else np.inf
    if not abs(lost) + N[MU] < np.inf:  # the iterate overflowed: no error compares with NaN
        N[PRIMAL] = N[DUAL] = N[GAP] = N[FARKAS] = N[RECESSION] = np.inf


@inner(fastmath=FAST)
def weigh(kind, C, N):
    """Θ at the iterate, and the slope of the reduced cost in τ."""
    tau = N[TAU]
    for j in range(kind.size):
        slope = (C[RD, j] + C[Z, j] - C[V, j]) / tau
        if kind[j] == FREE:  # a proximal term that fades with μ stands in for z / x
            weight = N[FIRMNESS] * N[MU] / max(tau, N[TYPICAL], abs(C[X, j])) ** 2
        else:
            weight = C[Z, j] / C[X, j]
        if kind[j] == BOXED:
            weight += C[V, j] / C[W, j]
            slope -= C[V, j] / C[W, j] * C[UPPER, j]
        C[THETA, j] = 1.0 / (weight + N[PROXIMAL])
        C[SLOPE, j] = C[H, j] = slope


@inner
def verdict(kind, C, M, N, k, tol):
    """Remember the best iterate; whether it is good enough, or no better one may be hoped for."""
    optimal = max(N[PRIMAL], N[DUAL], N[GAP])
    error = min(optimal, N[FARKAS], N[RECESSION])
    if error < N[BEST]:
        N[BEST], N[BEST_TAU], N[BEST_AT] = error, N[TAU], k
        for j in range(kind.size):
            C[BEST_X, j] = C[X, j]
        for i in range(M.shape[1]):
            M[BEST_Y, i] = M[Y, i]
    if optimal <= tol:
        return CONVERGED
    if N[FARKAS] <= 0.1 * tol:
        return INFEASIBLE
    if N[RECESSION] <= 0.1 * tol:
        return UNBOUNDED
    return STUCK if k > N[BEST_AT] + _PATIENCE or not error < np.inf else RUNNING


@kernel(error_model="numpy")
def assess(kind, indptr, indices, data, C, M, N, k, tol, record):
    """Judge iterate ``k``: what it proves; and weigh the columns for the next factor."""
    if k == 0:
        measure(kind, indptr, indices, data, C, M, N)
        N[KAPPA] = N[MU]
    measure(kind, indptr, indices, data, C, M, N)
    record[0], record[1], record[2] = N[MU] / N[TAU] ** 2, N[PRIMAL], N[DUAL]
    record[3], record[4], record[5], record[6] = N[GAP], N[OBJECTIVE], N[TAU], N[KAPPA]
    why = verdict(kind, C, M, N, k, tol)
    weigh(kind, C, N)
    return why
