"""Dense columns of A, brought into the factor of the others one by one in product form.

    L (D + θ p pᵀ) Lᵀ = L M D' Mᵀ Lᵀ,   M unit lower triangular with entries p_i β_j.

Row ``2k`` of the *border* holds p of the k-th column, row ``2k + 1`` its β, the last row the
diagonal D. Reference: Goldfarb & Scheinberg 2004, Math. Program. 99, 1-34.
"""

from __future__ import annotations

from ...linalg.cached import inner, kernel
from ...linalg.cholesky import forward


@kernel(error_model="numpy")
def append(indptr, indices, data, columns, theta, order, rows, panels, L, inverse, border, work):
    """Fill the border with the dense ``columns``, weighted by ``theta``."""
    D = border[border.shape[0] - 1]
    for i in range(D.size):
        D[i] = 1.0
    for k in range(columns.size):
        p, beta, j = border[2 * k], border[2 * k + 1], columns[k]
        for i in range(D.size):
            work[i] = 0.0
        for e in range(indptr[j], indptr[j + 1]):
            work[indices[e]] = data[e]
        for i in range(D.size):
            p[i] = work[order[i]]
        forward(panels, rows, L, inverse, p)
        for earlier in range(k):
            _eliminate(border[2 * earlier], border[2 * earlier + 1], p)
        before = 1.0 / theta[j]
        for i in range(D.size):
            after = before + p[i] * p[i] / D[i]
            beta[i] = p[i] / (D[i] * after)
            D[i] *= after / before
            before = after


@inner
def _eliminate(p, beta, x):
    """Overwrite ``x`` with ``M⁻¹ x``."""
    total = 0.0
    for i in range(x.size):
        x[i] -= p[i] * total
        total += beta[i] * x[i]


@inner
def forward_border(border, x):
    """Overwrite ``x`` with ``D⁻¹ M⁻¹ x``, all columns' M in turn."""
    for k in range(border.shape[0] // 2):
        _eliminate(border[2 * k], border[2 * k + 1], x)
    for i in range(x.size):
        x[i] /= border[border.shape[0] - 1, i]


@inner
def backward_border(border, x):
    """Overwrite ``x`` with ``M⁻ᵀ x``."""
    for k in range(border.shape[0] // 2 - 1, -1, -1):
        total = 0.0
        for i in range(x.size - 1, -1, -1):
            x[i] -= border[2 * k + 1, i] * total
            total += border[2 * k, i] * x[i]
