"""Dense interior point method in JAX, for linear programs inside ``jit``, ``vmap`` and ``grad``.

The homogeneous self-dual embedding with Mehrotra's predictor and corrector, on normal equations.
Its iterates tend to a solution, or to a ray that proves that there is none; it needs no feasible
start, and every lane of a batch runs the same text (Xu, Hung & Ye 1996; Andersen & Andersen 2000).
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..core.engines import Request
from ..core.result import Answer
from ..core.status import RUNNING, Status
from . import residuals
from .problem import LinearDual, LinearProgram
from .residuals import LaneCertificate, Measured
from .sparse import is_sparse
from .vertex import Active, implicit_vertex, purified

MAX_ITERATIONS = 100
SWEEPS = 3
STEP = 0.995
PATIENCE = 8
UNROLLED = 16
"""Normal equations of at most so many rows are factored by unrolled code across the lanes."""


def solve(problem: LinearProgram, request: Request) -> Answer:
    """The whole solve as a traced computation; the derivatives are those of the vertex.

    ``d fun / d c = x``, ``d fun / d b = y`` and ``d fun / d A = -y xᵀ``. The derivatives of x and
    of the multipliers are exact at a unique nondegenerate vertex, and regularised elsewhere.
    """
    refuse(problem, request)
    data = dense(problem)
    dtype = data[0].dtype
    tol = request.tol
    if tol is None:
        tol = 1e-8 if dtype == np.float64 else 1e-4
    limit = MAX_ITERATIONS if request.max_iterations is None else request.max_iterations
    equations = problem.b_eq.shape[0]
    end = _solved(*jax.lax.stop_gradient((data, tol)), limit, equations)
    x, y = implicit_vertex(data, end.x, end.y, end.active)
    proof = LaneCertificate(end.residuals, {}, jnp.asarray(tol, dtype), residuals.CLAIM, end.claim)
    return Answer(
        x=x,
        fun=_cost(data, end.x, end.y) + jnp.asarray(problem.offset, dtype),
        dual=_multipliers(data[1], y, data[0], equations),
        status=end.status,
        success=end.success,
        certificate=proof,
        nit=end.nit,
        engine="compiled",
        views={"farkas": _multipliers(data[1], end.farkas, 0.0, equations), "ray": end.ray},
    )


def refuse(problem: LinearProgram, request: Request) -> None:
    """Say what is not available inside a transformation."""
    if is_sparse(problem.A_eq) or is_sparse(problem.A_ub):
        raise ValueError(
            "A_eq, A_ub: found a sparse matrix inside jax.jit, vmap or grad, needed dense arrays"
        )
    asked = {
        "x0": request.x0, "start": request.start, "stop": request.stop,
        "callback": request.callback, "max_seconds": request.max_seconds,
        "trace": request.trace or None, "progress": request.progress or None,
    }  # fmt: skip
    for name, value in asked.items():
        if value is not None:
            raise ValueError(f"{name}: not available inside jax.jit, jax.vmap or jax.grad")


def dense(problem: LinearProgram) -> tuple[Any, Any, Any, Any, Any]:
    """``c, A, b, lower, upper`` in one dtype; equations come first in A."""
    parts = (problem.c, problem.A_eq, problem.b_eq, problem.A_ub, problem.b_ub,
             problem.lower, problem.upper)  # fmt: skip
    given = [part.dtype for part in parts if isinstance(part, jax.Array)]
    dtype = jnp.result_type(*given, jnp.float32)
    c, A_eq, b_eq, A_ub, b_ub, lower, upper = (jnp.asarray(part, dtype) for part in parts)
    A, b = jnp.concatenate([A_eq, A_ub]), jnp.concatenate([b_eq, b_ub])
    return c, A, b, lower, upper


def _multipliers(A: Any, y: Any, c: Any, equations: int) -> LinearDual:
    """The rows' multipliers with those of the bounds, ``z = c - Aᵀy``."""
    z = c - A.T @ y
    lower, upper = jnp.maximum(z, 0.0), jnp.minimum(z, 0.0)
    return LinearDual(y[:equations], y[equations:], lower, upper)


@jax.custom_jvp
def _cost(data: Any, x: Any, y: Any) -> Any:
    """``cᵀx``; by the envelope theorem its derivative is that of the Lagrangian."""
    return data[0] @ x


@_cost.defjvp
def _cost_rule(primals: Any, tangents: Any) -> Any:
    data, x, y = primals
    (c, A, *_), (dc, dA, db, dlower, dupper) = data, tangents[0]
    z = c - A.T @ y
    slope = dc @ x + y @ (db - dA @ x) + jnp.maximum(z, 0.0) @ dlower + jnp.minimum(z, 0.0) @ dupper
    return _cost(*primals), slope


# ------------------------------------------------------------------ the embedding


class Embedding(NamedTuple):
    """``min cᵀx``, ``A x + s = b``, x >= 0 or free, ``x + v = width``; s only of inequalities.

    Vectors of ``columns`` hold x and behind it s. What a variable does not have (a sign, a width)
    is masked, so that programs with different bounds run together.
    """

    A: Any
    b: Any
    c: Any
    width: Any
    signed: Any
    boxed: Any

    def times(self, x: Any) -> Any:
        """``A x + s``."""
        m, n = self.A.shape
        equations = m - (x.size - n)
        return self.A @ x[:n] + jnp.pad(x[n:], (equations, 0))

    def adjoint(self, y: Any) -> Any:
        """``(Aᵀy, y of the inequalities)``."""
        m, n = self.A.shape
        return jnp.concatenate([self.A.T @ y, y[m - (self.c.size - n) :]])

    @property
    def pairs(self) -> Any:
        """The number of complementary pairs, that of τ and κ included."""
        return self.signed.sum() + self.boxed.sum() + 1


class Point(NamedTuple):
    """An iterate of the embedding; ``v, q`` are the slacks and multipliers of the widths."""

    x: Any
    z: Any
    v: Any
    q: Any
    y: Any
    tau: Any
    kappa: Any

    def moved(self, step: Any, direction: Point) -> Point:
        return Point(*(a + step * d for a, d in zip(self, direction)))

    @property
    def products(self) -> Any:
        return self.x * self.z, self.v * self.q, self.tau * self.kappa


class Gaps(NamedTuple):
    """What is left of the embedding's equations: rows, reduced costs, widths, cost."""

    rows: Any
    costs: Any
    widths: Any
    cost: Any


def start(lp: Embedding) -> Point:
    """All ones."""
    one = jnp.ones((), lp.c.dtype)
    x = jnp.where(lp.signed, one, 0.0)
    v = jnp.where(lp.boxed, one, 0.0)
    return Point(x, x, v, v, jnp.zeros_like(lp.b), one, one)


def gaps(lp: Embedding, p: Point) -> Gaps:
    return Gaps(
        lp.b * p.tau - lp.times(p.x),
        lp.c * p.tau - lp.adjoint(p.y) - p.z + p.q,
        jnp.where(lp.boxed, lp.width * p.tau - p.x - p.v, 0.0),
        p.kappa + lp.c @ p.x - lp.b @ p.y + lp.width @ p.q,
    )


class Newton:
    """The linearised embedding at a point, factored once for several right sides.

    Eliminating z, q, v and x leaves ``A Θ Aᵀ dy``, with ``1/Θ = z/x + q/v``. A proximal term keeps
    free variables in it; being centred at the iterate it moves no solution.
    """

    def __init__(self, lp: Embedding, p: Point) -> None:
        eps = float(jnp.finfo(lp.c.dtype).eps)
        self.lp, self.p = lp, p
        self.safe_x = jnp.where(lp.signed, p.x, 1.0)
        self.safe_v = jnp.where(lp.boxed, p.v, 1.0)
        self.theta = 1.0 / (p.z / self.safe_x + p.q / self.safe_v + eps**0.6)
        m, n = lp.A.shape
        inequalities = self.theta[n:]
        self.M = (lp.A * self.theta[:n]) @ lp.A.T
        slack = jnp.pad(inequalities, (m - inequalities.size, 0))
        self.M = self.M + jnp.diag(slack)
        diagonal = jnp.diagonal(self.M)
        self.W = cholesky_inverse(self.M + jnp.diag(30.0 * eps * diagonal + eps**0.75))
        pull = p.q * lp.width / self.safe_v
        self.lean, self.push = lp.c - pull, lp.c + pull
        self.to_tau = self._solve(lp.b, self.lean)
        dx, dy = self.to_tau
        stiff = (lp.width * pull).sum() + p.kappa / p.tau
        self.pivot = lp.b @ dy - self.push @ dx + stiff

    def _solve(self, rows: Any, costs: Any) -> tuple[Any, Any]:
        """``A dx = rows``, ``Aᵀdy - dx/Θ = costs``."""
        right = rows + self.lp.times(self.theta * costs)
        dy = self.W.T @ (self.W @ right)
        dy = dy + self.W.T @ (self.W @ (right - self.M @ dy))
        return self.theta * (self.lp.adjoint(dy) - costs), dy

    def direction(self, gap: Gaps, share: Any, xz: Any, vq: Any, tk: Any) -> Point:
        """The step that closes ``share`` of the gaps and changes the products by xz, vq, tk."""
        lp, p = self.lp, self.p
        gap = Gaps(*(share * g for g in gap))
        xz, vq = xz / self.safe_x, (vq - p.q * gap.widths) / self.safe_v
        dx, dy = self._solve(gap.rows, gap.costs - xz + vq)
        right = gap.cost - lp.b @ dy + self.push @ dx
        right = right + lp.width @ vq + tk / p.tau
        dtau = right / self.pivot
        dx, dy = dx + dtau * self.to_tau[0], dy + dtau * self.to_tau[1]
        dv = jnp.where(lp.boxed, gap.widths - dx + lp.width * dtau, 0.0)
        dq = jnp.where(lp.boxed, vq + p.q * (dx - lp.width * dtau) / self.safe_v, 0.0)
        dz = jnp.where(lp.signed, xz - p.z * dx / self.safe_x, 0.0)
        return Point(dx, dz, dv, dq, dy, dtau, (tk - p.kappa * dtau) / p.tau)


def cholesky_inverse(M: Any) -> Any:
    """``W`` with ``M⁻¹ = WᵀW``: the inverse of M's lower Cholesky factor.

    Small ones are unrolled, so that each operation runs over all lanes of a batch; the library's
    factorizations work lane by lane.
    """
    m = M.shape[0]
    if m > UNROLLED:
        eye = jnp.eye(m, dtype=M.dtype)
        return jax.scipy.linalg.solve_triangular(jnp.linalg.cholesky(M), eye, lower=True)
    work = jnp.concatenate([M, jnp.eye(m, dtype=M.dtype)], axis=1)
    for j in range(m):
        row = work[j] / jnp.sqrt(work[j, j])
        below = jnp.where(np.arange(m) > j, row[:m], 0.0)
        work = jnp.where((np.arange(m) == j)[:, None], row, work - below[:, None] * row)
    return work[:, m:]


def longest(p: Point, d: Point, lp: Embedding) -> Any:
    """The largest step, at most 1, that keeps the iterate in the cone."""

    def ratio(value: Any, change: Any, mask: Any) -> Any:
        stops = mask & (change < 0)
        return jnp.where(stops, -value / jnp.where(stops, change, 1.0), jnp.inf).min(initial=1.0)

    ratios = (
        ratio(p.x, d.x, lp.signed), ratio(p.z, d.z, lp.signed), ratio(p.v, d.v, lp.boxed),
        ratio(p.q, d.q, lp.boxed), ratio(p.tau, d.tau, True), ratio(p.kappa, d.kappa, True),
    )  # fmt: skip
    return jnp.stack(ratios).min()


def step(lp: Embedding, p: Point) -> Point:
    """One predictor and corrector."""
    newton, gap = Newton(lp, p), gaps(lp, p)
    xz, vq, tk = p.products
    mu = (xz.sum() + vq.sum() + tk) / lp.pairs
    affine = newton.direction(gap, 1.0, -xz, -vq, -tk)
    centring = (1.0 - longest(p, affine, lp)) ** 3
    dxz, dvq, dtk = affine.products
    target = centring * mu
    combined = newton.direction(
        gap, 1.0 - centring, target - xz - dxz, target - vq - dvq, target - tk - dtk
    )
    return p.moved(STEP * longest(p, combined, lp), combined)


# ------------------------------------------------------------------ units and claims


class Units(NamedTuple):
    """How the embedding's columns, rows and cost stand to the program's.

    ``x = shift + turn · column · x'/τ`` and ``y = row · y'/τ``, in the program's own numbers.
    """

    shift: Any
    column: Any
    row: Any
    x_unit: Any
    cost_unit: Any

    def point(self, p: Point) -> tuple[Any, Any]:
        """The iterate as a point with multipliers."""
        n = self.column.size
        x = self.shift + self.column * p.x[:n] * (self.x_unit / p.tau)
        return x, self.row * p.y * (self.cost_unit / p.tau)

    def rays(self, p: Point) -> tuple[Any, Any]:
        """The iterate as a Farkas ray and as a direction, in units of their own."""
        return self.row * p.y, self.column * p.x[: self.column.size]


def embed(lp: Measured) -> tuple[Embedding, Units]:
    """Shift bounds to zero, equilibrate rows and columns, and bring b and c to size one."""
    (m, n), dtype = lp.A.shape, lp.c.dtype
    inequalities = m - lp.equations
    has_low, has_high = jnp.isfinite(lp.lower), jnp.isfinite(lp.upper)
    fixed = lp.lower == lp.upper
    signed, boxed = (has_low | has_high) & ~fixed, has_low & has_high & ~fixed
    shift = jnp.where(has_low, lp.lower, jnp.where(has_high, lp.upper, 0.0))
    row, column = jnp.ones(m, dtype), jnp.ones(n, dtype)
    for _ in range(SWEEPS):
        scaled = jnp.abs(lp.A) * row[:, None] * column
        row = row / _root(scaled.max(axis=1, initial=0.0))
        column = column / _root(scaled.max(axis=0, initial=0.0))
    turned = jnp.where(~has_low & has_high, -column, column)
    A = lp.A * row[:, None] * jnp.where(fixed, 0.0, turned)
    b, c = row * (lp.b - lp.A @ shift), jnp.where(fixed, 0.0, turned * lp.c)
    width = jnp.where(boxed, (lp.upper - lp.lower) / column, 0.0)
    x_unit = jnp.abs(b).max(initial=0.0)
    x_unit = jnp.where(x_unit > 0, x_unit, width.max())
    x_unit = jnp.where(x_unit > 0, x_unit, 1.0)
    cost_unit = jnp.abs(c).max()
    cost_unit = jnp.where(cost_unit > 0, cost_unit, 1.0)
    more = jnp.zeros(inequalities, dtype)
    embedding = Embedding(
        A, b / x_unit, jnp.concatenate([c / cost_unit, more]),
        jnp.concatenate([width / x_unit, more]),
        jnp.concatenate([signed, more == 0]), jnp.concatenate([boxed, more != 0]),
    )  # fmt: skip
    return embedding, Units(shift, turned, row, x_unit, cost_unit)


def _root(size: Any) -> Any:
    return jnp.sqrt(jnp.where(size > 0, size, 1.0))


# ------------------------------------------------------------------ the run


class Run(NamedTuple):
    """Where a run stands.

    ``phase`` is 1 once a direction of falling cost is proved: then the cost is dropped, and what
    is sought is a feasible point to start it from.
    """

    point: Point
    best: Point
    least: Any
    phase: Any
    ray: Any
    farkas: Any
    claim: Any
    merit: Any
    stale: Any
    nit: Any


class End(NamedTuple):
    """What a run found, in the program's own numbers."""

    x: Any
    y: Any
    active: Active
    ray: Any
    farkas: Any
    status: Any
    claim: Any
    success: Any
    residuals: dict[str, Any]
    nit: Any


@partial(jax.jit, static_argnums=3)
def _solved(data: Any, tol: Any, limit: Any, equations: int) -> End:
    c, A, b, lower, upper = data
    lp = Measured.of(c, A, b, lower, upper, equations)
    embedding, units = embed(lp)
    first = start(embedding)
    zero = jnp.zeros((), jnp.int32)
    far = jnp.full((), jnp.inf, lp.c.dtype)
    run = Run(
        first, first, far, zero, jnp.zeros_like(lp.c), jnp.zeros_like(lp.b), zero + RUNNING, far,
        zero, zero,
    )  # fmt: skip

    def going(run: Run) -> Any:
        return (run.claim == RUNNING) & (run.nit < limit) & (run.stale < PATIENCE)

    def body(run: Run) -> Run:
        priced = embedding._replace(c=jnp.where(run.phase == 0, embedding.c, 0.0))
        return _judged(lp, units, run, step(priced, run.point), first, tol)

    return _end(lp, units, jax.lax.while_loop(going, body, run), tol)


def _judged(lp: Measured, units: Units, run: Run, point: Point, first: Point, tol: Any) -> Run:
    """The run after one more iterate: which claim holds there, and whether anything got better."""
    x, y = units.point(point)
    kkt = residuals.optimal(lp, x, y, tol)
    feasible = jnp.maximum(kkt["rows"], kkt["bounds"])
    worst = jnp.where(run.phase == 0, jnp.stack(list(kkt.values())).max(), feasible)
    y, d = units.rays(point)
    y, d = residuals.admissible_weights(lp, y), residuals.admissible_direction(lp, d)
    farkas = residuals.farkas(lp, y, tol)
    recession = jnp.where(run.phase == 0, residuals.recession(lp, d, tol), jnp.inf)
    claim = jnp.where(
        worst <= tol, jnp.where(run.phase == 0, OPTIMAL, UNBOUNDED),
        jnp.where(farkas <= tol, INFEASIBLE, RUNNING),
    )  # fmt: skip
    falls = (claim == RUNNING) & (recession <= tol)
    merit = jnp.fmin(worst, jnp.fmin(farkas, recession))
    better = (merit < MUST_FALL * run.merit) | falls
    nearer = (worst < run.least) | falls

    def choose(mask: Any, new: Any, old: Any) -> Any:
        return jax.tree.map(lambda a, b: jnp.where(mask, a, b), new, old)

    return Run(
        point=choose(falls, first, point),
        best=choose(nearer, point, run.best),
        least=jnp.where(falls, jnp.inf, jnp.where(nearer, worst, run.least)),
        phase=jnp.where(falls, 1, run.phase),
        ray=choose(falls, d, run.ray),
        farkas=choose(farkas <= tol, y, run.farkas),
        claim=claim.astype(jnp.int32),
        merit=jnp.where(falls, jnp.inf, jnp.fmin(merit, run.merit)),
        stale=jnp.where(better, 0, run.stale + 1),
        nit=run.nit + 1,
    )


def _end(lp: Measured, units: Units, run: Run, tol: Any) -> End:
    """The best point, purified at its vertex where that brings it nearer, with its residuals."""
    x, y = units.point(run.best)
    active = _active(lp, run.best)
    kkt = residuals.optimal(lp, x, y, tol)
    vertex = purified(lp, x, y, active)
    proof = residuals.optimal(lp, *vertex, tol)
    worst, at_vertex = (jnp.stack(list(r.values())).max() for r in (kkt, proof))
    pure = (at_vertex <= worst) & (run.claim != UNBOUNDED)
    x, y, kkt = jax.tree.map(lambda a, b: jnp.where(pure, a, b), (*vertex, proof), (x, y, kkt))
    infeasible, unbounded = run.claim == INFEASIBLE, run.claim == UNBOUNDED
    claim = jnp.where(run.claim == RUNNING, OPTIMAL, run.claim)
    size = jnp.where(infeasible, residuals.farkas(lp, run.farkas, tol), 0.0)
    size = jnp.where(unbounded, residuals.recession(lp, run.ray, tol), size)
    needed = {"rows": ~infeasible, "bounds": ~infeasible}
    found = {
        name: jnp.where(needed.get(name, claim == OPTIMAL), value, 0.0)
        for name, value in kkt.items()
    } | {"size": size}
    success = jnp.stack(list(found.values())).max() <= tol
    ended = jnp.where(run.stale < PATIENCE, LIMIT, STALLED)
    return End(
        x, y, active, jnp.where(unbounded, run.ray, 0.0), jnp.where(infeasible, run.farkas, 0.0),
        jnp.where(success, claim, ended), claim, success, found, run.nit,
    )  # fmt: skip


def _active(lp: Measured, p: Point) -> Active:
    """Of each complementary pair the smaller one vanishes at the vertex."""
    n = lp.c.size
    has_low, fixed = jnp.isfinite(lp.lower), lp.lower == lp.upper
    near, far = (p.x < p.z)[:n] | fixed, (p.v < p.q)[:n]
    tight = jnp.concatenate([jnp.ones(lp.equations, bool), (p.x < p.z)[n:]])
    return Active(~near & ~far, jnp.where(has_low, far & ~near, near), tight)


OPTIMAL, INFEASIBLE, UNBOUNDED = (
    int(s) for s in (Status.OPTIMAL, Status.INFEASIBLE, Status.UNBOUNDED)
)
LIMIT, STALLED = int(Status.ITERATION_LIMIT), int(Status.STALLED)
MUST_FALL = 0.9
