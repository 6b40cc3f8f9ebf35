"""Per-coordinate step sizes from the history of the gradient: AdaGrad, RMSprop, Adam and kin.

Each keeps running moments of the gradient g and divides by a root of the second one. Powers,
roots and products are entry by entry; ``eps`` stands outside the root unless said otherwise.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..core.method import register
from ..core.ops import Ops
from ..core.tree import pytree, static
from .descent import Descent, Move
from .problem import Differentiable


class Moments(NamedTuple):
    """Running first and second moments of the gradient, and a third vector for variants."""

    first: Any
    second: Any
    third: Any


@pytree
class Adaptive(Descent):
    """Base: moments of the gradient, no line search."""

    default_step = 0.01
    max_iterations = 100_000
    needs = "gradient"
    rate = "sublinear; no guarantee for a constant step size"

    def remember(self, oracle: Any, x: Any, ops: Ops) -> Moments:
        zero = ops.xp.zeros_like(x)
        return Moments(zero, zero, zero)

    def direct(self, memory: Moments, move: Move, oracle: Any, ops: Ops) -> tuple[Any, Any, Any]:
        k = (move.k + 1).astype(move.g.dtype)
        D, memory = self.precondition(memory, move.g, move.x, k, ops.xp)
        return D, ops.xp.ones_like(move.f), memory

    def precondition(self, m: Moments, g: Any, x: Any, k: Any, xp: Any) -> tuple[Any, Moments]:
        """The direction and the new moments at iteration k = 1, 2, ..."""
        raise NotImplementedError

    def check(self) -> None:
        for name in ("decay", "decay1", "decay2"):
            value = self.__dict__.get(name)
            if isinstance(value, (int, float)):
                if not 0.0 <= value < 1.0:
                    raise ValueError(f"{name}: found {value}, needed a number in [0, 1)")
                object.__setattr__(self, name, float(value))
        eps = self.__dict__.get("eps")
        if isinstance(eps, (int, float)) and not eps >= 0:
            raise ValueError(f"eps: found {eps}, needed a number that is not negative")
        form, forms = self.__dict__.get("form"), getattr(self, "forms", ())
        if form is not None and form not in forms:
            raise ValueError(f"form: found {form!r}, needed one of {', '.join(forms)}")


@register("adagrad", Differentiable)
@pytree
class Adagrad(Adaptive):
    """``v ← v + g²``, ``x ← x - s g / (√v + eps)`` (Duchi, Hazan, Singer 2011; book A 1.5-(12)).

    Parameters
    ----------
    step : number or schedule
        s, default 0.1.
    form : {"standard", "book_a_printed"}
        Book A prints the exponent +½ on the accumulated squares, ``s_k = (s/√k) (mean g²)^{+½}``
        (erratum E-22): it multiplies where it should divide. Kept to show that it fails.
    """

    eps: float = 1e-8
    form: str = static(default="standard")

    forms = ("standard", "book_a_printed")
    default_step = 0.1
    rate = "O(1/√k) regret for convex f"
    reference = "Duchi, Hazan & Singer 2011; book D 4.3"

    def precondition(self, m: Moments, g: Any, x: Any, k: Any, xp: Any) -> tuple[Any, Moments]:
        second = m.second + g * g
        if self.form == "book_a_printed":
            return g * xp.sqrt(second / k) / xp.sqrt(k), m._replace(second=second)
        return g / (xp.sqrt(second) + self.eps), m._replace(second=second)


@register("rmsprop", Differentiable)
@pytree
class RMSprop(Adaptive):
    """``v ← decay v + (1 - decay) g²``, ``x ← x - s g / (√v + eps)`` (Hinton 2012; book D 4.21).

    There is no bias correction: with decay 0.999 the first step has length 31.6 s.
    """

    decay: float = 0.9
    eps: float = 1e-8

    reference = "Hinton 2012; book D 4.3"

    def precondition(self, m: Moments, g: Any, x: Any, k: Any, xp: Any) -> tuple[Any, Moments]:
        second = self.decay * m.second + (1.0 - self.decay) * g * g
        return g / (xp.sqrt(second) + self.eps), m._replace(second=second)


@register("adadelta", Differentiable)
@pytree
class Adadelta(Adaptive):
    """``D = √(u + eps)/√(v + eps) g`` with averages v of g² and u of D² (Zeiler 2012).

    Parameters
    ----------
    step : number
        Multiplies D; 1 in the paper.
    form : {"zeiler", "book_d_printed"}
        Book D (4.38) prints eps outside both roots; with u = 0 at the start it hardly moves
        (erratum E19).
    """

    decay: float = 0.95
    eps: float = 1e-6
    form: str = static(default="zeiler")

    forms = ("zeiler", "book_d_printed")
    default_step = 1.0
    reference = "Zeiler 2012; book D 4.5"

    def precondition(self, m: Moments, g: Any, x: Any, k: Any, xp: Any) -> tuple[Any, Moments]:
        second = self.decay * m.second + (1.0 - self.decay) * g * g
        if self.form == "zeiler":
            D = xp.sqrt(m.third + self.eps) / xp.sqrt(second + self.eps) * g
        else:
            D = (xp.sqrt(m.third) + self.eps) / (xp.sqrt(second) + self.eps) * g
        third = self.decay * m.third + (1.0 - self.decay) * D * D
        return D, Moments(m.first, second, third)


@register("adam", Differentiable)
@pytree
class Adam(Adaptive):
    """Adam: ``m ← β₁ m + (1-β₁) g``, ``v ← β₂ v + (1-β₂) g²``, ``x ← x - s m̂ / (√v̂ + eps)``.

    The hats divide by ``1 - β₁ᵏ`` and ``1 - β₂ᵏ`` (Kingma & Ba 2015; book D algorithm 4.2). The
    first step has length s in every coordinate.

    Parameters
    ----------
    step : number or schedule
        s, default 0.001.
    decay1, decay2 : float
        β₁ and β₂ (δ and β in book A).
    form : {"standard", "book_a", "book_a_printed"}
        ``book_a``: no bias correction, no eps, step size s/√k (corrected 1.5-(13)).
        ``book_a_printed``: the same with the printed exponent +½ on v (erratum E-23), which
        multiplies by √v where it should divide.

    Examples
    --------
    >>> import optlib as ol
    >>> bowl = ol.Smooth(lambda x: 0.5 * (x[0] ** 2 + 10 * x[1] ** 2), [1.0, 1.0])
    >>> result = ol.minimize(bowl, "adam", step=0.1, max_iterations=2)
    >>> result.x.round(10)
    array([0.80041223, 0.80041223])
    """

    decay1: float = 0.9
    decay2: float = 0.999
    eps: float = 1e-8
    form: str = static(default="standard")

    forms = ("standard", "book_a", "book_a_printed")
    default_step = 1e-3
    reference = "Kingma & Ba 2015; book A 1.5.8; book D 4.3"

    def moments(self, m: Moments, g: Any) -> Moments:
        """Both running moments."""
        return m._replace(
            first=self.decay1 * m.first + (1.0 - self.decay1) * g,
            second=self.decay2 * m.second + (1.0 - self.decay2) * g * g,
        )

    def precondition(self, m: Moments, g: Any, x: Any, k: Any, xp: Any) -> tuple[Any, Moments]:
        m = self.moments(m, g)
        if self.form == "book_a":
            return m.first / xp.sqrt(m.second * k), m
        if self.form == "book_a_printed":
            return m.first * xp.sqrt(m.second / k), m
        first = m.first / (1.0 - self.decay1**k)
        second = m.second / (1.0 - self.decay2**k)
        return first / (xp.sqrt(second) + self.eps), m


@register("adamw", Differentiable)
@pytree
class AdamW(Adam):
    """Adam with decoupled weight decay: ``x ← x - s (Adam's direction + weight_decay x)``.

    It minimises f plus a pull to zero, so for ``weight_decay > 0`` its limit is not the minimiser
    of f, and the certificate says so.
    """

    weight_decay: float = 0.01

    reference = "Loshchilov & Hutter 2019"

    def precondition(self, m: Moments, g: Any, x: Any, k: Any, xp: Any) -> tuple[Any, Moments]:
        D, m = super().precondition(m, g, x, k, xp)
        return D + self.weight_decay * x, m


@register("nadam", Differentiable)
@pytree
class Nadam(Adam):
    """Adam with Nesterov's look-ahead: ``m̂ = β₁ m/(1-β₁^{k+1}) + (1-β₁) g/(1-β₁ᵏ)``."""

    reference = "Dozat 2016; book D 4.5"

    def precondition(self, m: Moments, g: Any, x: Any, k: Any, xp: Any) -> tuple[Any, Moments]:
        m = self.moments(m, g)
        b = self.decay1
        first = b * m.first / (1.0 - b ** (k + 1)) + (1.0 - b) * g / (1.0 - b**k)
        second = m.second / (1.0 - self.decay2**k)
        return first / (xp.sqrt(second) + self.eps), m


@register("adamax", Differentiable)
@pytree
class Adamax(Adam):
    """Adam with the largest past gradient: ``u ← max(β₂ u, |g|)``, ``x ← x - s m̂/(u + eps)``."""

    reference = "Kingma & Ba 2015, section 7; book D 4.5"

    def precondition(self, m: Moments, g: Any, x: Any, k: Any, xp: Any) -> tuple[Any, Moments]:
        first = self.decay1 * m.first + (1.0 - self.decay1) * g
        largest = xp.maximum(self.decay2 * m.second, xp.abs(g))
        D = first / (1.0 - self.decay1**k) / (largest + self.eps)
        return D, m._replace(first=first, second=largest)


@register("amsgrad", Differentiable)
@pytree
class AMSGrad(Adam):
    """Adam with the largest second moment so far: ``x ← x - s m / (√max(v) + eps)``.

    Cures the divergence example of Reddi, Kale and Kumar (book A 1.5.8); bias is corrected as in
    Adam.
    """

    reference = "Reddi, Kale & Kumar 2018"

    def precondition(self, m: Moments, g: Any, x: Any, k: Any, xp: Any) -> tuple[Any, Moments]:
        m = self.moments(m, g)
        largest = xp.maximum(m.third, m.second)
        first = m.first / (1.0 - self.decay1**k)
        second = largest / (1.0 - self.decay2**k)
        return first / (xp.sqrt(second) + self.eps), m._replace(third=largest)


@register("yogi", Differentiable)
@pytree
class Yogi(Adam):
    """Adam with an additive second moment: ``v ← v - (1-β₂) sign(v - g²) g²``."""

    eps: float = 1e-3

    default_step = 0.01
    reference = "Zaheer et al. 2018"

    def precondition(self, m: Moments, g: Any, x: Any, k: Any, xp: Any) -> tuple[Any, Moments]:
        first = self.decay1 * m.first + (1.0 - self.decay1) * g
        square = g * g
        second = m.second - (1.0 - self.decay2) * xp.sign(m.second - square) * square
        D = first / (1.0 - self.decay1**k)
        D = D / (xp.sqrt(second / (1.0 - self.decay2**k)) + self.eps)
        return D, m._replace(first=first, second=second)
