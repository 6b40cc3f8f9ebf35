"""Is this point a local minimum? First and second order conditions, from the problem alone.

At a point x with gradient g, Hessian H and bounds, the certificate has three residuals:

``stationarity``
    ``max_i |p_i| / (|H| v)_i`` with p the projected gradient and ``v_i = max(1, |x_i|)``. The scale
    is how much each slope changes when x changes in its leading digits, so units and scaling do
    not matter, and a slope that fades only because f flattens out toward infinity never passes.
``curvature``
    ``max(0, -λ_min) / ||H||`` on the free variables: a saddle or a maximum never passes.
``newton_step``
    ``(||H⁻¹ p|| / max(1, ||x||))²``: how far the local model would still go.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.certificate import Certificate
from ..core.ops import Ops
from ..core.status import Status

DENSE = 64
"""Up to this many variables the whole Hessian is formed; beyond, a Krylov space of it."""

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
    inside, p = _projected(g, x, oracle.lower, oracle.upper, xp)
    free = inside if free is None else free
    p = xp.where(free, p, 0.0) if free is not inside else p
    outside = _outside(x, oracle.lower, oracle.upper, xp)
    v = xp.maximum(1.0, xp.abs(x))
    if dense:
        both = free[:, None] & free[None, :]
        scale = xp.abs(hessian) @ v
        reduced, rhs = xp.where(both, hessian, 0.0), p
        norm = xp.sqrt(xp.sum(reduced * reduced))
        reduced = reduced + xp.diag(xp.where(free, 0.0, norm))
    else:
        reduced, rhs, scale = _krylov(oracle, x, p, free, v, ops)
        norm = xp.sqrt(xp.sum(reduced * reduced))
    length = xp.maximum(1.0, xp.sqrt(x @ x))
    lowest, step = _spectrum(reduced, rhs, norm, length, tol, ops)
    curvature = _relative(xp.maximum(0.0, -lowest), norm, free, xp)
    residuals = {
        "stationarity": xp.max(_ratio(xp.abs(p), scale, xp)),
        "curvature": curvature,
        "newton_step": (step / length) ** 2,
    }
    if oracle.lower is not None:
        residuals["feasibility"] = xp.max(outside / v)
    finite = xp.all(xp.isfinite(g))
    residuals["stationarity"] = xp.where(finite, residuals["stationarity"], xp.inf)
    details = {"gradient": xp.max(xp.abs(p)), "negative_curvature": xp.minimum(lowest, 0.0)}
    claim = "stationary, with no direction of negative curvature"
    certificate = Certificate(
        residuals, details, xp.asarray(tol, dtype=x.dtype), claim, Status.STATIONARY
    )
    return certificate, None if oracle.lower is None else xp.where(free, 0.0, g)


def _ratio(size: Any, scale: Any, xp: Any) -> Any:
    """``size / scale``, 0 where the size is 0 and infinite where only the scale is."""
    ratio = size / xp.where(scale > 0, scale, 1.0)
    return xp.where(size == 0, 0.0, xp.where(scale > 0, ratio, xp.inf))


def _relative(negative: Any, norm: Any, free: Any, xp: Any) -> Any:
    """Negative curvature against the Hessian's size; a Hessian of zero proves nothing."""
    flat = xp.where(xp.any(free), 1.0, 0.0)
    return xp.where(norm > 0, negative / xp.where(norm > 0, norm, 1.0) + 0.0, flat)


def _projected(g: Any, x: Any, lower: Any, upper: Any, xp: Any) -> tuple[Any, Any]:
    """The free variables, and the gradient less what the bounds hold back."""
    if lower is None:
        return xp.ones(x.shape, dtype=bool), g
    low, high = x <= lower, x >= upper
    p = xp.where(low, xp.minimum(g, 0.0), g)
    p = xp.where(high, xp.maximum(p, 0.0), p)
    return ~(low | high), p


def _outside(x: Any, lower: Any, upper: Any, xp: Any) -> Any:
    """How far each variable lies beyond its bounds."""
    if lower is None:
        return xp.zeros_like(x)
    return xp.maximum(0.0, xp.maximum(lower - x, x - upper))


def _spectrum(matrix: Any, rhs: Any, norm: Any, length: Any, tol: Any, ops: Ops) -> tuple[Any, Any]:
    """Smallest eigenvalue if negative (else 0), and the length of the Newton step.

    A Cholesky factorization settles the common case. When it fails, or the step is long, the
    eigenvalues decide; components of the gradient below its rounding error are then left out, so
    that a singular Hessian (many minimisers) is no objection.
    """
    xp = ops.xp
    eps = np.finfo(matrix.dtype).eps
    floor = 10.0 * eps * rhs.size * norm + np.finfo(matrix.dtype).tiny
    factor = ops.cholesky(matrix + floor * xp.eye(matrix.shape[0], dtype=matrix.dtype))
    half = ops.solve_triangular(factor, rhs)
    step = ops.solve_triangular(factor, half, transpose=True)
    size = xp.sqrt(step @ step)
    settled = xp.isfinite(factor[-1, -1]) & (size <= xp.sqrt(tol) * length)

    def by_eigenvalues() -> tuple[Any, Any]:
        finite = xp.all(xp.isfinite(matrix))
        values, vectors = xp.linalg.eigh(xp.where(finite, matrix, 0.0))
        c = vectors.T @ rhs
        c = xp.where(xp.abs(c) <= 10.0 * eps * norm * length, 0.0, c)
        part = c / xp.maximum(values, floor)
        lowest = xp.where(finite, xp.minimum(values[0], 0.0), -xp.inf)
        return lowest.astype(matrix.dtype), xp.sqrt(part @ part)

    return ops.cond(settled, lambda: (xp.zeros_like(size), size), by_eigenvalues)


def _krylov(oracle: Any, x: Any, p: Any, free: Any, v: Any, ops: Ops) -> tuple[Any, Any, Any]:
    """The Hessian on a Krylov space grown from the gradient and a fixed random vector.

    Lanczos with full reorthogonalisation; returns the tridiagonal matrix (as ``QᵀHQ``), ``Qᵀp``
    and the gradient's scale from a probe of random signs.
    """
    xp = ops.xp
    count = min(x.size, KRYLOV)
    random = np.random.default_rng(0)
    noise = xp.asarray(random.standard_normal(x.size), dtype=x.dtype)
    signs = xp.asarray(random.choice([-1.0, 1.0], x.size), dtype=x.dtype)
    scale = xp.abs(oracle.certificate_hvp(x, signs * v))

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
    return 0.5 * (small + small.T), basis @ p, scale
