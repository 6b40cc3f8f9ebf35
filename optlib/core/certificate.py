"""The proof that comes with an answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from .status import Status
from .tree import pytree, static


@pytree
class Certificate:
    """What is claimed of a point, and every residual that must vanish for the claim to hold.

    Computed from the problem's own data at the point alone; no solver state enters.

    Attributes
    ----------
    residuals : dict of str to float
        Each residual divided by its scale, so all are compared with one tolerance.
    details : dict of str to float
        The same facts in their own units (gradient norm, smallest eigenvalue, scales).
    tol : float
        The tolerance of the solve that made it; the default of :meth:`holds`.
    claim : str
        The claim in words.
    status : Status
        What a solve may call itself when the certificate holds.

    Examples
    --------
    >>> import optlib as ol
    >>> proof = ol.certify(ol.Smooth(lambda x: (x - 3.0) ** 2, 0.0), 3.0)
    >>> proof.holds(), proof.claim
    (True, 'stationary, with no direction of negative curvature')
    """

    residuals: dict[str, Any]
    details: dict[str, Any]
    tol: Any
    claim: str = static()
    status: Status = static()

    @property
    def worst(self) -> Any:
        """The largest scaled residual."""
        values = list(self.residuals.values())
        worst = values[0]
        for value in values[1:]:
            worst = _maximum(worst, value)
        return worst

    def holds(self, tol: Any = None) -> Any:
        """Whether every scaled residual is at most ``tol`` (NaN never is)."""
        met = self.worst <= (self.tol if tol is None else tol)
        return bool(met) if isinstance(met, (bool, np.bool_)) else met

    def __repr__(self) -> str:
        try:
            rows = ", ".join(f"{name} {float(v):.1e}" for name, v in self.residuals.items())
            verdict = "holds" if self.holds() else "does not hold"
            return f"{self.claim}: {verdict} at tol {float(self.tol):.0e} ({rows})"
        except TypeError:
            return f"Certificate({self.claim})"


def _maximum(a: Any, b: Any) -> Any:
    """The larger of two, NaN if either is; on NumPy numbers without leaving NumPy."""
    if isinstance(a, (float, np.ndarray)) and isinstance(b, (float, np.ndarray)):
        return np.maximum(a, b)
    import jax.numpy as jnp

    return jnp.maximum(a, b)
