"""Many small dense linear programs in one call: the same iteration, all in one kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...core.errors import require
from ...core.status import Status
from ...linalg.cached import inner, kernel
from ...linalg.cholesky import FAST
from . import embedding as hsd
from .embedding import (
    BOXED,
    COST,
    CURVATURE,
    DV,
    DW,
    DX,
    DY,
    DZ,
    FIRM,
    FREE,
    KAPPA,
    MU,
    RD,
    RG,
    RP,
    RU,
    RWV,
    RXZ,
    SCALE,
    SLOPE,
    SOFT,
    SUMMANDS,
    TAU,
    TERMS,
    THETA,
    UNIT,
    UPPER,
    B,
    G,
    H,
    P,
    Q,
    T,
    V,
    W,
    X,
    Y,
    Z,
    measure,
    verdict,
    weigh,
)  # fmt: skip
from .standard import EQUAL, POSITIVE, SWEEPS

MOST_ROWS = 64
"""Largest number of rows of one program."""


class Solutions(NamedTuple):
    """What :func:`solve_many` found for k programs.

    Attributes
    ----------
    status : int array, shape (k,)
        Values of :class:`~optlib.Status`.
    x : array, shape (k, n)
    y : array, shape (k, m)
        Row duals, ``d cost / d b``.
    ray : array, shape (k, max(m, n))
        The first m numbers are the weights of the rows where the program is infeasible, the first
        n the direction where it is unbounded; zero elsewhere. As in ``Solution.ray``.
    nit : int array, shape (k,)
    """

    status: np.ndarray
    x: np.ndarray
    y: np.ndarray
    ray: np.ndarray
    nit: np.ndarray


def solve_many(
    c: np.ndarray,
    A: np.ndarray,
    row_lower: np.ndarray,
    row_upper: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    *,
    tol: float = 1e-8,
    max_iterations: int = 100,
) -> Solutions:
    """Solve k linear programs ``min cᵀx, row_lower <= A x <= row_upper, lower <= x <= upper``.

    Parameters
    ----------
    c : array, shape (k, n) or (n,)
    A : array, shape (k, m, n) or (m, n)
        Dense; ``m`` at most ``MOST_ROWS``.
    row_lower, row_upper : array, shape (k, m) or (m,)
    lower, upper : array, shape (k, n) or (n,)
        Any of the data may be shared: k is what broadcasting gives.
    tol, max_iterations
        As for :func:`~optlib.linear.interior_point.solve`.

    Returns
    -------
    Solutions

    Raises
    ------
    ValueError
        When shapes do not fit or m is too large.

    Examples
    --------
    Two right sides of one program:

    >>> answer = solve_many([-1.0, -1.0], [[1.0, 2.0], [3.0, 1.0]], np.full(2, -np.inf),
    ...                     [[4.0, 6.0], [4.0, 12.0]], np.zeros(2), np.full(2, np.inf))
    >>> answer.x.round(6)
    array([[1.6, 1.2],
           [4. , 0. ]])
    """
    A = np.asarray(A, np.float64)
    require(A.ndim in (2, 3), "A", f"{A.ndim} dimensions", "(m, n) or (k, m, n)")
    m, n = A.shape[-2:]
    require(m <= MOST_ROWS, "A", f"{m} rows", f"at most {MOST_ROWS}")
    given = {
        "c": (c, n), "row_lower": (row_lower, m), "row_upper": (row_upper, m),
        "lower": (lower, n), "upper": (upper, n),
    }  # fmt: skip
    arrays = {name: np.asarray(value, np.float64) for name, (value, _) in given.items()}
    for name, (_, size) in given.items():
        shape = arrays[name].shape
        require(
            len(shape) in (1, 2) and shape[-1] == size, name, f"shape {shape}",
            f"({size},) or (k, {size}), as A has shape {A.shape}",
        )  # fmt: skip
    counts = {a.shape[0] for a in arrays.values() if a.ndim == 2} | (
        {A.shape[0]} if A.ndim == 3 else set()
    )
    require(len(counts - {1}) <= 1, "c", f"batches of {sorted(counts)} programs", "one number k")
    k = max(counts, default=1)
    stacked = {
        name: np.array(np.broadcast_to(a, (k, a.shape[-1])), order="C")
        for name, a in arrays.items()
    }
    x, y, ray = np.zeros((k, n)), np.zeros((k, m)), np.zeros((k, max(m, n)))
    status, nit = np.empty(k, np.int64), np.empty(k, np.int64)
    matrices = np.array(np.broadcast_to(A, (k, m, n)), order="C")
    indptr, indices = m * np.arange(n + m + 1), np.tile(np.arange(m), n + m)
    _run(
        matrices, stacked["c"], stacked["row_lower"], stacked["row_upper"], stacked["lower"],
        stacked["upper"], tol, max_iterations, status, x, y, ray, nit, np.empty(n + m, np.int8),
        indptr, indices, np.empty(indices.size), np.zeros((hsd.COLUMN_VECTORS, n + m)),
        np.zeros((hsd.ROW_VECTORS, m)), np.zeros(hsd.NUMBERS), np.empty((m, m)),
    )  # fmt: skip
    return Solutions(status, x, y, ray, nit)


_OPTIMAL, _INFEASIBLE, _UNBOUNDED = (
    int(s) for s in (Status.OPTIMAL, Status.INFEASIBLE, Status.UNBOUNDED)
)
_LIMIT, _STALLED = int(Status.ITERATION_LIMIT), int(Status.STALLED)
_TINY = 1e-13  # a pivot this small against its diagonal is what rounding left of a dependent row
_ROUNDS = 5  # most refinements of a solve
_STEP = 0.9995  # share of the way to the boundary
# rows of the tables that the sparse method uses otherwise
_SIGN = hsd.BEST_DX
_SCALE, _INVERSE, _LEFT, _MORE = hsd.R0, hsd.R1, hsd.R2, hsd.R3


@kernel(fastmath=FAST, error_model="numpy")
def _run(
    A, c, row_lower, row_upper, lower, upper, tol, limit, status, x, y, ray, nit, kinds, indptr,
    indices, data, C, M, N, L,
):  # fmt: skip
    """Every program in turn; a second path without cost settles feasibility where it is open."""
    m, n = A.shape[1], A.shape[2]
    for p in range(c.shape[0]):
        columns, row, sign = _standardise(
            A, c, row_lower, row_upper, lower, upper, p, kinds, data, C, M, N
        )
        nit[p] = 0
        if sign != 0.0:
            status[p] = _INFEASIBLE
            if row >= 0:
                ray[p, row] = sign
            continue
        kind, first = kinds[:columns], hsd.RUNNING
        for path in range(3):
            if path > 0:
                for j in range(columns):
                    C[COST, j] = 0.0
            N[hsd.FIRMNESS] = SOFT if path == 1 else FIRM
            taken, found = _follow(kind, indptr, indices, data, C, M, N, L, tol, limit)
            nit[p] += taken
            if path == 0 or found == hsd.INFEASIBLE or found == hsd.CONVERGED:
                tau = N[hsd.BEST_TAU]
                for i in range(m):
                    y[p, i] = M[_SCALE, i] * M[hsd.BEST_Y, i] / tau
                for j in range(n):
                    low, high = lower[p, j], upper[p, j]
                    at = low if low > -np.inf else (high if high < np.inf else 0.0)
                    move = C[_SIGN, j] * C[SCALE, j] * C[hsd.BEST_X, j]
                    x[p, j] = min(max(at + move / tau, low), high)
                    if path == 0 and found == hsd.UNBOUNDED and kind[j] != BOXED:
                        ray[p, j] = move
            if path == 0:
                first = found
            if found == hsd.INFEASIBLE:
                for i in range(m):
                    ray[p, i] = -y[p, i]
                for j in range(m, n):
                    ray[p, j] = 0.0
            if (path == 0 and found != hsd.UNBOUNDED and found != hsd.STUCK) or (
                path == 1 and found != hsd.STUCK
            ):
                break
        status[p] = _STALLED
        if found == hsd.INFEASIBLE:
            status[p] = _INFEASIBLE
        elif first == hsd.CONVERGED:
            status[p] = _OPTIMAL
        elif first == hsd.RUNNING:
            status[p] = _LIMIT
        elif first == hsd.UNBOUNDED and found == hsd.CONVERGED:
            status[p] = _UNBOUNDED
        size = 0.0
        for j in range(ray.shape[1]):
            size = max(size, abs(ray[p, j]))
        for j in range(ray.shape[1]):
            if status[p] != _INFEASIBLE and status[p] != _UNBOUNDED:
                ray[p, j] = 0.0
            elif size > 0.0:
                ray[p, j] /= size


@inner
def _standardise(A, cost, row_lower, row_upper, lower, upper, p, kind, data, C, M, N):
    """Program ``p`` in the equality form: how many columns it has, and a row that contradicts it.

    Fixed variables and free rows stay, without entries. The sign of the row's weight in a Farkas
    ray is zero when there is none.
    """
    m, n = A.shape[1], A.shape[2]
    largest, scale, b = M[UNIT], M[_SCALE], M[B]
    for i in range(m):
        low, high = row_lower[p, i], row_upper[p, i]
        if low > high:
            return 0, i, 1.0
        b[i] = high if high < np.inf else (low if low > -np.inf else 0.0)
        M[SUMMANDS, i], largest[i], scale[i] = 0.0, 0.0, 1.0
    N[hsd.OFFSET], N[hsd.COST_SIZE], N[hsd.X_SIZE] = 0.0, 0.0, 0.0
    for j in range(n):
        low, high = lower[p, j], upper[p, j]
        if low > high:
            return 0, -1, 1.0
        below, above = low > -np.inf, high < np.inf
        at = low if below else (high if above else 0.0)
        N[hsd.OFFSET] += cost[p, j] * at
        N[hsd.COST_SIZE] = max(N[hsd.COST_SIZE], abs(cost[p, j]))
        N[hsd.X_SIZE] = max(N[hsd.X_SIZE], abs(at), abs(high) if above else 0.0)
        sign = 0.0 if low == high else (-1.0 if above and not below else 1.0)
        kind[j], C[UPPER, j] = POSITIVE, 0.0
        if sign == 0.0 or not (below or above):
            kind[j] = FREE
        elif below and above:
            kind[j], C[UPPER, j] = BOXED, high - low
        C[COST, j], C[_SIGN, j], C[SCALE, j] = sign * cost[p, j], sign, 1.0
        for i in range(m):
            entry = A[p, i, j]
            if row_lower[p, i] == -np.inf and row_upper[p, i] == np.inf:
                entry = 0.0
            b[i] -= entry * at
            M[SUMMANDS, i] += abs(entry * at)
            data[j * m + i] = sign * entry
            largest[i] = max(largest[i], abs(sign * entry))
    for i in range(m):
        if largest[i] > 0.0:
            N[hsd.X_SIZE] = max(N[hsd.X_SIZE], abs(b[i]) / largest[i])
        elif row_lower[p, i] == row_upper[p, i] and (
            abs(b[i]) > EQUAL * max(abs(row_lower[p, i]), M[SUMMANDS, i])
        ):
            return 0, i, -np.sign(b[i])
    N[hsd.COST_SIZE] = N[hsd.COST_SIZE] if N[hsd.COST_SIZE] > 0.0 else 1.0
    N[hsd.X_SIZE] = N[hsd.X_SIZE] if N[hsd.X_SIZE] > 0.0 else 1.0

    least, most = M[_LEFT], M[_MORE]
    for sweep in range(SWEEPS + 1):
        for i in range(m):
            least[i], most[i] = np.inf, 0.0
        for j in range(n):
            low, high = np.inf, 0.0
            for i in range(m):
                size = abs(data[j * m + i]) * scale[i]
                if size > 0.0:
                    low, high = min(low, size), max(high, size)
            if high > 0.0:
                C[SCALE, j] = 1.0 / (high if sweep == SWEEPS else np.sqrt(low * high))
            for i in range(m):
                size = abs(data[j * m + i]) * C[SCALE, j]
                if size > 0.0:
                    least[i], most[i] = min(least[i], size), max(most[i], size)
        for i in range(m):
            if most[i] > 0.0 and sweep < SWEEPS:
                scale[i] = 1.0 / np.sqrt(least[i] * most[i])
    columns = n
    for i in range(m):
        scale[i] = np.exp2(np.rint(np.log2(scale[i])))
        b[i] *= scale[i]
        M[SUMMANDS, i] *= scale[i]
        largest[i] = 1.0 / (largest[i] * scale[i]) if largest[i] > 0.0 else 0.0
        low, high = row_lower[p, i], row_upper[p, i]
        if low != high and (low > -np.inf or high < np.inf):
            for k in range(m):
                data[columns * m + k] = 0.0
            data[columns * m + i] = 1.0 if high < np.inf else -1.0
            C[COST, columns], C[SCALE, columns] = 0.0, 1.0 / scale[i]
            ranged = low > -np.inf and high < np.inf
            kind[columns] = BOXED if ranged else POSITIVE
            C[UPPER, columns] = (high - low) * scale[i] if ranged else 0.0
            columns += 1
    for j in range(n):
        factor = np.exp2(np.rint(np.log2(C[SCALE, j])))
        C[SCALE, j] = factor
        C[COST, j] *= factor
        C[UPPER, j] /= factor
        for i in range(m):
            data[j * m + i] *= scale[i] * factor
    return columns, -1, 0.0


@inner(fastmath=FAST)
def _factor(data, C, M, L, columns):
    """The Cholesky factor of ``A Θ Aᵀ``."""
    m, inverse = L.shape[0], M[_INVERSE]
    for i in range(m):
        for k in range(i + 1):
            L[i, k] = 0.0
    for j in range(columns):
        for i in range(m):
            weight = C[THETA, j] * data[j * m + i]
            if weight != 0.0:
                for k in range(i + 1):
                    L[i, k] += weight * data[j * m + k]
    for i in range(m):
        pivot = size = L[i, i]
        for j in range(i):
            total = L[i, j]
            for k in range(j):
                total -= L[i, k] * L[j, k]
            L[i, j] = total * inverse[j]
            pivot -= L[i, j] * L[i, j]
        if not pivot > _TINY * size:
            pivot = size if size > 0.0 else np.inf
        inverse[i] = 1.0 / np.sqrt(pivot)


@inner(fastmath=FAST)
def _solve(data, C, M, L, columns, accuracy):
    """``A Θ (Aᵀp - h) = r`` with refinement, r in M[DY] on entry; writes p and ``Aᵀp - h``."""
    m, t, p, left, more, inverse = L.shape[0], C[T], M[P], M[_LEFT], M[_MORE], M[_INVERSE]
    for j in range(columns):
        t[j] = -C[H, j]
    for i in range(m):
        p[i] = 0.0
    before = np.inf
    for _ in range(_ROUNDS):
        for i in range(m):
            left[i] = M[DY, i]
        for j in range(columns):
            weight = C[THETA, j] * t[j]
            for i in range(m):
                left[i] -= weight * data[j * m + i]
        worst = 0.0
        for i in range(m):
            worst = max(worst, abs(left[i]) / M[TERMS, i])
        if worst <= accuracy or not worst < 0.5 * before:
            break
        before = worst
        for i in range(m):
            total = left[i]
            for k in range(i):
                total -= L[i, k] * more[k]
            more[i] = total * inverse[i]
        for i in range(m - 1, -1, -1):
            more[i] *= inverse[i]
            p[i] += more[i]
            for k in range(i):
                more[k] -= L[i, k] * more[i]
        for j in range(columns):
            for i in range(m):
                t[j] += data[j * m + i] * more[i]


@inner(fastmath=FAST)
def _follow(kind, indptr, indices, data, C, M, N, L, tol, limit):
    """Follow one path to its end: the iterations and why it ended."""
    m, columns = L.shape[0], kind.size
    x, z, w, v = C[X], C[Z], C[W], C[V]
    dx, dz, dw, dv, rxz, rwv = C[DX], C[DZ], C[DW], C[DV], C[RXZ], C[RWV]
    theta, upper, h, p = C[THETA], C[UPPER], C[H], M[P]
    shift_x, shift_z, product, sum_x, sum_z = 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(columns):
        theta[j] = 0.5 if kind[j] == BOXED else 1.0
        dz[j] = dw[j] = dv[j] = z[j] = v[j] = w[j] = 0.0
    for i in range(m):
        M[TERMS, i] = 1.0 + abs(M[B, i])
    _factor(data, C, M, L, columns)
    for dual in range(2):
        for i in range(m):
            M[DY, i] = 0.0 if dual else M[B, i]
        for j in range(columns):
            h[j] = C[COST, j] if dual else -upper[j]
        _solve(data, C, M, L, columns, 1e-8)
        for j in range(columns):
            if dual == 0:
                x[j] = theta[j] * C[T, j]
                w[j] = upper[j] - x[j]
            elif kind[j] != FREE:
                z[j] = -C[T, j]
            if dual and kind[j] == BOXED:
                z[j], v[j] = max(z[j], 0.0), max(-z[j], 0.0)
                shift_x = max(shift_x, -1.5 * w[j])
            if dual and kind[j] != FREE:
                shift_x, shift_z = max(shift_x, -1.5 * x[j]), max(shift_z, -1.5 * z[j])
    for push in range(2):
        for j in range(columns):
            if kind[j] != FREE:
                x[j] += shift_x
                z[j] += shift_z
                product += x[j] * z[j]
                sum_x += x[j]
                sum_z += z[j]
            if kind[j] == BOXED:
                w[j] += shift_x
                v[j] += shift_z
                product += w[j] * v[j]
                sum_x += w[j]
                sum_z += v[j]
        if push == 0:
            N[hsd.PROXIMAL] = hsd.DAMPING * sum_z / sum_x if product > 0.0 else 0.0
            shift_x = 0.5 * product / sum_z if product > 0.0 else 1.0
            shift_z = 0.5 * product / sum_x if product > 0.0 else 1.0
    for i in range(m):
        M[Y, i] = p[i]
    N[TAU], N[KAPPA], N[hsd.BEST] = 1.0, 1.0, np.inf

    for iteration in range(limit + 1):
        measure(kind, indptr, indices, data, C, M, N)
        if iteration == 0:
            N[RG] += N[MU] - N[KAPPA]
            N[KAPPA] = N[MU]
        why = verdict(kind, C, M, N, iteration, tol)
        if why != hsd.RUNNING or iteration == limit:
            return iteration, why
        weigh(kind, C, N)
        _factor(data, C, M, L, columns)
        tau, kappa = N[TAU], N[KAPPA]
        eta, rtk, dtau, dkappa = 1.0, -tau * kappa, 0.0, 0.0
        primal, dual_step = 1.0, 1.0
        accuracy = 0.02 * max(N[hsd.PRIMAL], tol)
        for j in range(columns):
            rxz[j], rwv[j] = -x[j] * z[j], -w[j] * v[j]
        for trial in range(3):  # the answer to τ, predictor, corrector
            for i in range(m):
                M[DY, i] = eta * M[RP, i] if trial else M[B, i]
            if trial:
                for j in range(columns):
                    h[j] = eta * C[RD, j]
                    if kind[j] != FREE:
                        h[j] -= rxz[j] / x[j]
                    if kind[j] == BOXED:
                        h[j] += (rwv[j] - v[j] * eta * C[RU, j]) / w[j]
            _solve(data, C, M, L, columns, accuracy if trial else accuracy / tau)
            total = eta * N[RG] + rtk / tau
            if trial == 0:
                N[CURVATURE] = kappa / tau
            for i in range(m):
                if trial == 0:
                    M[Q, i] = p[i] + M[Y, i] / tau
                total += eta * M[RP, i] * M[Y, i] / tau - M[B, i] * p[i]
            for j in range(columns):
                dx[j] = theta[j] * C[T, j]
                if trial == 0:
                    C[G, j] = dx[j]
                    N[CURVATURE] += dx[j] * C[T, j]
                    if kind[j] == BOXED:
                        N[CURVATURE] += upper[j] * (v[j] / w[j] * upper[j])
                total += C[SLOPE, j] * dx[j]
                if kind[j] == BOXED:
                    total += upper[j] * (rwv[j] - v[j] * eta * C[RU, j]) / w[j]
            if trial == 0:
                continue
            dtau = total / N[CURVATURE]
            dkappa = (rtk - kappa * dtau) / tau
            primal = dual_step = min(dtau / tau, dkappa / kappa)
            for j in range(columns):
                dx[j] += dtau * C[G, j]
                if kind[j] != FREE:
                    dz[j] = (rxz[j] - z[j] * dx[j]) / x[j]
                    primal, dual_step = min(primal, dx[j] / x[j]), min(dual_step, dz[j] / z[j])
                if kind[j] == BOXED:
                    dw[j] = eta * C[RU, j] - dx[j] + upper[j] * dtau
                    dv[j] = (rwv[j] - v[j] * dw[j]) / w[j]
                    primal, dual_step = min(primal, dw[j] / w[j]), min(dual_step, dv[j] / v[j])
            primal = 1.0 / max(1.0, -primal)
            dual_step = 1.0 / max(1.0, -dual_step)
            if trial == 1:
                short = 1.0 - min(primal, dual_step)
                sigma = short * short * max(short, 0.05)
                eta = 1.0 - 0.5 * sigma
                rtk += sigma * N[MU] - dtau * dkappa
                for j in range(columns):
                    rxz[j] += sigma * N[MU] - dx[j] * dz[j]
                    rwv[j] += sigma * N[MU] - dw[j] * dv[j]

        primal, dual_step = _STEP * primal, _STEP * dual_step
        if dtau < 0.0:  # towards a ray, perhaps: one length, which keeps the pairs centred
            primal = dual_step = min(primal, dual_step)
        tau_p, tau_d = tau + primal * dtau, tau + dual_step * dtau
        N[TAU] = min(tau_p, tau_d)
        N[KAPPA] += min(primal, dual_step) * dkappa
        shrink_p, shrink_d = N[TAU] / tau_p, N[TAU] / tau_d
        for j in range(columns):
            x[j] = shrink_p * (x[j] + primal * dx[j])
            z[j] = shrink_d * (z[j] + dual_step * dz[j])
            w[j] = shrink_p * (w[j] + primal * dw[j])
            v[j] = shrink_d * (v[j] + dual_step * dv[j])
        for i in range(m):
            M[Y, i] = shrink_d * (M[Y, i] + dual_step * (p[i] + dtau * M[Q, i]))
    return limit, hsd.RUNNING
