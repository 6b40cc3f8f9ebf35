"""Is this point a local minimum? First and second order conditions, from the problem alone.

At a point x with gradient g, Hessian H and bounds, the certificate has three residuals:

``stationarity``
    ``max_i |p_i| / (|H| v)_i`` with p the projected gradient and ``v_i = max(1, |x_i|)``. The scale
    is how much each slope changes when x changes in its leading digits, so units and scaling do
    not matter, and a slope that fades only because f flattens out toward infinity never passes.
``curvature``
    ``max(0, -λ_min) / max(1, λ_max)`` of the Hessian on the free variables, in units in which its
    diagonal is one, beyond its rounding: a saddle or a maximum never passes.
``newton_step``
    ``(||H⁻¹ p|| / max(1, ||x||))²``: how far the local model would still go.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.certificate import Certificate
from ..core.ops import Ops
from ..core.status import Status

DENSE = 500
"""Up to this many variables the whole Hessian is formed; beyond, a Krylov space of it.

A Krylov space can miss a negative eigenvalue below a wide spectrum; the claim then says so.
"""

KRYLOV = 40


def certify_minimum(
    oracle: Any, x: Any, tol: Any, ops: Ops, free: Any = None
) -> tuple[Certificate, Any]:
    """The certificate of a flat point, and the gradient's part carried by the bounds.

    ``free`` restricts the test of curvature to some of the variables.
    """
    xp = ops.xp
    dense = x.size <= DENSE
    g, hessian = oracle.certificate_derivatives(x) if dense else (oracle.gradient(x), None)
    v = xp.maximum(1.0, xp.abs(x))
    scale = xp.abs(hessian) @ v if dense else _probe(oracle, x, v, xp)
    p, held = _projected(g, x, oracle.lower, oracle.upper, tol * scale, xp)
    free = ~held if free is None else free
    rhs = xp.where(free, p, 0.0)
    length = xp.maximum(1.0, xp.sqrt(x @ x))
    rounding = 10.0 * np.finfo(x.dtype).eps
    if dense:
        reduced = xp.where(free[:, None] & free[None, :], hessian, 0.0)
        norm = xp.sqrt(xp.sum(reduced * reduced))
        reduced = reduced + xp.diag(xp.where(free, 0.0, norm))
        slack = rounding * xp.where(free, scale, 0.0)
    else:
        reduced, rhs = _krylov(oracle, x, rhs, free, ops)
        norm = xp.sqrt(xp.sum(reduced * reduced))
        v = xp.zeros_like(rhs) + length
        slack = rounding * norm * v
    negative, step = spectrum(reduced, rhs, slack, v, xp.sqrt(tol) * length, ops)
    flat = xp.where(xp.any(free), 1.0, 0.0)
    residuals = {
        "stationarity": xp.max(ratio_of(xp.abs(p), scale, xp)),
        "curvature": xp.where(norm > 0, negative, flat),
        "newton_step": (step / length) ** 2,
    }
    if oracle.lower is not None:
        beyond = xp.maximum(oracle.lower - x, x - oracle.upper)
        residuals["feasibility"] = xp.max(xp.maximum(0.0, beyond) / v)
    finite = xp.all(xp.isfinite(g))
    residuals["stationarity"] = xp.where(finite, residuals["stationarity"], xp.inf)
    details = {"gradient": xp.max(xp.abs(p)), "negative_curvature": -negative + 0.0}
    claim = "stationary, with no direction of negative curvature"
    if not dense:
        claim += f" in a Krylov space of {KRYLOV}"
    certificate = Certificate(
        residuals, details, xp.asarray(tol, dtype=x.dtype), claim, Status.STATIONARY
    )
    return certificate, None if oracle.lower is None else xp.where(held, g, 0.0)


def ratio_of(size: Any, scale: Any, xp: Any) -> Any:
    """``size / scale``, 0 where the size is 0 and infinite where only the scale is."""
    ratio = size / xp.where(scale > 0, scale, 1.0)
    return xp.where(size == 0, 0.0, xp.where(scale > 0, ratio, xp.inf))


def _projected(g: Any, x: Any, lower: Any, upper: Any, slack: Any, xp: Any) -> tuple[Any, Any]:
    """The gradient less what the bounds hold back, and the variables held with force to spare.

    A variable at a bound that exerts no force counts as free: f may fall away from the bound.
    """
    if lower is None:
        return g, xp.zeros(x.shape, dtype=bool)
    low, high = x <= lower, x >= upper
    p = xp.where(low, xp.minimum(g, 0.0), g)
    p = xp.where(high, xp.maximum(p, 0.0), p)
    return p, (low & high) | (low & (g > slack)) | (high & (g < -slack))


def _probe(oracle: Any, x: Any, v: Any, xp: Any) -> Any:
    """The gradient's scale ``(|H| v)`` from one product with random signs."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], x.size)
    return xp.abs(oracle.certificate_hvp(x, xp.asarray(signs, dtype=x.dtype) * v))


def spectrum(matrix: Any, rhs: Any, slack: Any, v: Any, longest: Any, ops: Ops) -> tuple[Any, Any]:
    """Negative curvature beyond rounding (0 for none), and the length of the Newton step.

    Variables are measured in units in which each has curvature one, so that neither verdict
    depends on how they are scaled. ``slack`` is the rounding error of each slope, ``v`` the size
    of each variable: a curvature below ``slack / v`` is unknown, and a slope below ``slack`` is
    zero, so that a singular Hessian (many minimisers) is no objection. A Cholesky factorization
    settles the common case; when it fails, or the step exceeds ``longest``, eigenvalues decide.
    """
    xp = ops.xp
    error = slack / v
    units = 1.0 / xp.sqrt(
        xp.maximum(xp.abs(xp.diagonal(matrix)), 10.0 * error) + np.finfo(matrix.dtype).tiny
    )
    matrix, rhs = matrix * units[:, None] * units, rhs * units
    floor = 10.0 * np.finfo(matrix.dtype).eps * rhs.size
    factor = ops.cholesky(matrix + floor * xp.eye(rhs.size, dtype=matrix.dtype))
    half = ops.solve_triangular(factor, rhs)
    step = units * ops.solve_triangular(factor, half, transpose=True)
    size = xp.sqrt(step @ step)
    settled = xp.isfinite(factor[-1, -1]) & (size <= longest)

    def by_eigenvalues() -> tuple[Any, Any]:
        finite = xp.all(xp.isfinite(matrix))
        values, vectors = xp.linalg.eigh(xp.where(finite, matrix, 0.0))
        c = vectors.T @ rhs
        c = xp.where(xp.abs(c) <= xp.abs(vectors).T @ (units * slack), 0.0, c)
        step = units * (vectors @ (c / xp.maximum(values, floor)))
        lowest = vectors[:, 0] * units
        known = values[0] + (lowest * lowest) @ error
        negative = xp.maximum(0.0, -known) / xp.maximum(1.0, values[-1])
        return xp.where(finite, negative, xp.inf).astype(matrix.dtype), xp.sqrt(step @ step)

    return ops.cond(settled, lambda: (xp.zeros_like(size), size), by_eigenvalues)


def _krylov(oracle: Any, x: Any, p: Any, free: Any, ops: Ops) -> tuple[Any, Any]:
    """The Hessian on a Krylov space grown from the gradient and a fixed random vector.

    Lanczos with full reorthogonalisation; returns ``QᵀHQ`` and ``Qᵀp``.
    """
    xp = ops.xp
    count = min(x.size, KRYLOV)
    random = np.random.default_rng(1).standard_normal(x.size)
    noise = xp.asarray(random, dtype=x.dtype)

    def unit(vector: Any) -> Any:
        norm = xp.sqrt(xp.sum(vector * vector))
        return vector / xp.where(norm > 0, norm, 1.0)

    mask = free.astype(x.dtype)
    basis = xp.zeros((count, x.size), dtype=x.dtype)
    images = xp.zeros((count, x.size), dtype=x.dtype)
    start = unit(mask * (unit(p) + unit(noise)))

    def grow(state: Any) -> Any:
        k, q, basis, images = state
        basis = ops.put(basis, k, q)
        image = mask * oracle.certificate_hvp(x, q)
        images = ops.put(images, k, image)
        rest = image
        for _ in range(2):
            rest = rest - basis.T @ (basis @ rest)
        new = xp.sum(rest * rest) > 1e-20 * xp.sum(image * image)
        return k + 1, xp.where(new, unit(rest), 0.0), basis, images

    _, _, basis, images = ops.repeat(count, grow, (0, start, basis, images))
    small = basis @ images.T
    return 0.5 * (small + small.T), basis @ p
