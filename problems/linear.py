"""Linear programs of the books: the triangle, duals, flows, games, fits, transport, decisions."""

from __future__ import annotations

import numpy as np

from optlib import LinearProgram, Status

from .catalog import Answer, register

_ANY = ("highs",)


# ---- A 1.3.1: the triangle and the simplex method


def _triangle_answer(cost: tuple[float, float, float], weight: float) -> Answer:
    price = min(cost[0], cost[1], cost[2] / 2)
    corner = np.array([cost[0], cost[1], cost[2] / 2]) == price
    x = weight * corner / (1.0, 1.0, 2.0) if corner.sum() == 1 else None
    return Answer(fun=weight * price, x=x, dual={"eq": [price]}, tol=1e-12)


@register(
    "triangle",
    title="The cheapest corner of a triangle",
    source="A 1.3.1",
    answer=_triangle_answer,
    methods=_ANY,
    tags=("linear", "convex"),
    notes="The corners are (4,0,0), (0,4,0) [not in print] and (0,0,2). The cost is 4 times the "
    "price y = min(c1, c2, c3/2). With c = (3, 3, 6) every feasible point is optimal.",
)
def triangle(
    cost: tuple[float, float, float] = (5.0, 3.0, 8.0), weight: float = 4.0
) -> LinearProgram:
    return LinearProgram(cost, A_eq=[[1.0, 1.0, 2.0]], b_eq=[weight])


@register(
    "triangle_dual",
    title="The dual of the triangle: the highest price that no good undercuts",
    source="A 1.3.1 eq. (2)",
    answer=lambda cost, weight: Answer(
        fun=-weight * min(cost[0], cost[1], cost[2] / 2),
        x=[min(cost[0], cost[1], cost[2] / 2)],
        tol=1e-12,
    ),
    methods=_ANY,
    tags=("linear", "convex", "dual"),
    notes="max 4y with y <= c1, y <= c2, 2y <= c3; a maximum enters as its negative.",
)
def triangle_dual(
    cost: tuple[float, float, float] = (5.0, 3.0, 8.0), weight: float = 4.0
) -> LinearProgram:
    return LinearProgram([-weight], A_ub=[[1.0], [1.0], [2.0]], b_ub=cost, lower=None)


@register(
    "diet",
    title="The cheapest diet with enough of everything",
    source="A 1.3.1",
    answer=Answer(fun=1.6, x=[0.4, 1.2], dual={"ub": [-0.04, -0.1]}, tol=1e-12),
    methods=_ANY,
    tags=("linear", "convex"),
    notes="Two foods, two nutrients (our instance): x = (0.4, 1.2), prices 0.04 and 0.1 of a unit.",
)
def diet() -> LinearProgram:
    content = np.array([[20.0, 10.0], [2.0, 6.0]])
    return LinearProgram([1.0, 1.0], A_ub=-content, b_ub=[-20.0, -8.0])


@register(
    "klee_minty",
    title="A deformed cube whose 2^n corners a greedy simplex visits one by one",
    source="A 1.3.1",
    answer=lambda n: Answer(fun=-(5.0**n), x=np.append(np.zeros(n - 1), 5.0**n), tol=1e-12),
    methods=_ANY,
    tags=("linear", "convex"),
    notes="In theory exponential: the largest-coefficient rule takes 2^n - 1 pivots.",
)
def klee_minty(n: int = 6) -> LinearProgram:
    i, j = np.indices((n, n))
    A = np.where(j < i, 2.0 ** (i - j + 1), np.where(i == j, 1.0, 0.0))
    return LinearProgram(
        -(2.0 ** np.arange(n - 1, -1, -1)), A_ub=A, b_ub=5.0 ** np.arange(1, n + 1)
    )


@register(
    "half_strip",
    title="A cost that falls for ever along a strip",
    source="A 1.3.1",
    answer=Answer(status=Status.UNBOUNDED),
    methods=_ANY,
    tags=("linear", "convex", "unbounded"),
    notes="min -x1 with x1 - x2 <= 1: the direction (1, 1) leads down for ever.",
)
def half_strip() -> LinearProgram:
    return LinearProgram([-1.0, 0.0], A_ub=[[1.0, -1.0]], b_ub=[1.0])


# ---- A 1.3.2: flows and matchings

_EDGES = (
    "sa 7, sb 2, sc 8, cb 3, ad 6, be 4, cf 5, dg 3, dh 2, eh 4, fh 3, fi 2, gt 10, ht 20, it 10"
)


def _network() -> tuple[np.ndarray, np.ndarray]:
    """Incidence (inner nodes, then s and t, by edges) and capacities."""
    edges = [edge.split() for edge in _EDGES.split(", ")]
    nodes = "abcdefghist"
    incidence = np.zeros((len(nodes), len(edges)))
    for k, (ends, _) in enumerate(edges):
        incidence[nodes.index(ends[0]), k] -= 1.0
        incidence[nodes.index(ends[1]), k] += 1.0
    return incidence, np.array([float(capacity) for _, capacity in edges])


@register(
    "max_flow_program",
    title="A maximum flow as a linear program",
    source="A 1.3.2",
    answer=Answer(fun=-14.0, tol=1e-12),
    methods=_ANY,
    tags=("linear", "convex", "flow", "nonunique"),
    notes="The cuts of Figure 1.6 are 17, 15 and 14 (the graph itself is our reconstruction). "
    "The last variable is the return edge.",
)
def max_flow_program() -> LinearProgram:
    incidence, capacity = _network()
    back = np.zeros((len(incidence), 1))
    back[-2], back[-1] = 1.0, -1.0
    return LinearProgram(
        np.append(np.zeros(capacity.size), -1.0), A_eq=np.hstack([incidence, back]),
        b_eq=np.zeros(len(incidence)), upper=np.append(capacity, np.inf),
    )  # fmt: skip


@register(
    "min_cut_program",
    title="A minimum cut as an l1 problem",
    source="A 1.3.2",
    answer=Answer(fun=14.0, tol=1e-12),
    methods=_ANY,
    tags=("linear", "convex", "flow", "dual", "nonunique"),
    notes="min sum M_j |u_i - u_k| with u_t - u_s = 1 is the dual of the maximum flow: 14 again, "
    "and potentials 0 and 1 at the corners. Variables: u, then |Au|.",
)
def min_cut_program() -> LinearProgram:
    incidence, capacity = _network()
    nodes, edges = incidence.shape
    drop, size = incidence.T, np.eye(edges)
    rise = np.zeros((1, nodes + edges))
    rise[0, nodes - 2], rise[0, nodes - 1] = -1.0, 1.0
    return LinearProgram(
        np.append(np.zeros(nodes), capacity), A_eq=rise, b_eq=[1.0],
        A_ub=np.block([[drop, -size], [-drop, -size]]), b_ub=np.zeros(2 * edges),
        lower=np.append(np.full(nodes, -np.inf), np.zeros(edges)),
    )  # fmt: skip


_WILLING = {
    "blocked": ("00", "10", "21", "22"),
    "perfect": ("00", "01", "11", "22", "12"),
}


@register(
    "matching_program",
    title="People and jobs: a largest matching",
    source="A 1.3.2",
    answer=lambda case: Answer(fun=-2.0 if case == "blocked" else -3.0, tol=1e-12),
    methods=_ANY,
    tags=("linear", "convex", "flow", "nonunique"),
    notes="Whole numbers at every corner, although none is asked for. Hall's condition fails for "
    "persons 0 and 1, who want the same job.",
)
def matching_program(case: str = "blocked") -> LinearProgram:
    pairs = np.array([[int(person), int(job)] for person, job in _WILLING[case]])
    once = np.vstack([pairs[:, 0] == np.arange(3)[:, None], pairs[:, 1] == np.arange(3)[:, None]])
    return LinearProgram(-np.ones(len(pairs)), A_ub=once.astype(float), b_ub=np.ones(6))


# ---- A 1.3.3: two-person games


def _row_player(payoff: np.ndarray) -> LinearProgram:
    """``min v`` with ``Aᵀx <= v``, x a mixed strategy over the rows."""
    rows, columns = payoff.shape
    return LinearProgram(
        np.append(np.zeros(rows), 1.0), A_eq=[np.append(np.ones(rows), 0.0)], b_eq=[1.0],
        A_ub=np.hstack([payoff.T, -np.ones((columns, 1))]), b_ub=np.zeros(columns),
        lower=np.append(np.zeros(rows), -np.inf),
    )  # fmt: skip


_SADDLE = np.array([[1.0, 0.0, 2.0], [3.0, -1.0, 4.0]])
_MIXED = np.array([[1.0, 0.0, 4.0], [3.0, -1.0, 2.0]])


@register(
    "saddle_game_program",
    title="A game with a pure saddle point, as a linear program",
    source="A 1.3.3",
    answer=Answer(
        fun=2.0, x=[1.0, 0.0, 2.0], dual={"eq": [2.0], "ub": [0.0, 0.0, -1.0]}, tol=1e-12
    ),
    methods=_ANY,
    tags=("linear", "convex", "game"),
    notes="Row 1, column 3: the smallest of its column and the largest of its row. Minus the "
    "multipliers of the inequalities are the other player's strategy.",
)
def saddle_game_program() -> LinearProgram:
    return _row_player(_SADDLE)


@register(
    "mixed_game_program",
    title="A game without a saddle point: the minimiser's mixed strategy",
    source="A 1.3.3",
    answer=Answer(
        fun=2.5, x=[0.25, 0.75, 2.5], dual={"eq": [2.5], "ub": [-0.5, 0.0, -0.5]}, tol=1e-12
    ),
    methods=_ANY,
    tags=("linear", "convex", "game"),
    notes="The column player mixes columns 1 and 3 (in print: 1 and 2); column 2 is never used.",
)
def mixed_game_program() -> LinearProgram:
    return _row_player(_MIXED)


@register(
    "mixed_game_dual",
    title="The same game seen by the maximiser",
    source="A 1.3.3",
    answer=Answer(fun=-2.5, x=[0.5, 0.0, 0.5, -2.5], tol=1e-12),
    methods=_ANY,
    tags=("linear", "convex", "game", "dual"),
    notes="max u with A y >= u, written as the row player's program of -A'.",
)
def mixed_game_dual() -> LinearProgram:
    return _row_player(-_MIXED.T)


@register(
    "rock_paper_scissors",
    title="Rock, paper, scissors: value 0, each a third of the time",
    source="A 1.3.3",
    answer=Answer(fun=0.0, x=[1 / 3, 1 / 3, 1 / 3, 0.0], tol=1e-12),
    methods=_ANY,
    tags=("linear", "convex", "game"),
    notes="A symmetric game (A' = -A) has value 0.",
)
def rock_paper_scissors() -> LinearProgram:
    return _row_player(np.array([[0.0, 1.0, -1.0], [-1.0, 0.0, 1.0], [1.0, -1.0, 0.0]]))


# ---- Separation


def _separation(points: np.ndarray, signs: np.ndarray) -> LinearProgram:
    """Find w, b with ``y_i (wᵀx_i - b) >= 1``."""
    A = -signs[:, None] * np.column_stack([points, -np.ones(len(points))])
    return LinearProgram(np.zeros(3), A_ub=A, b_ub=-np.ones(len(points)), lower=None)


@register(
    "xor_separation",
    title="No line separates the corners of a square by their diagonals",
    source="A 2.1",
    answer=Answer(status=Status.INFEASIBLE),
    methods=_ANY,
    tags=("linear", "convex", "infeasible"),
    notes="(0,0) and (1,1) against (0,1) and (1,0): the Farkas ray is the common point (1/2, 1/2).",
)
def xor_separation() -> LinearProgram:
    points = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    return _separation(points, np.array([-1.0, -1.0, 1.0, 1.0]))


_FOUR = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [2.0, 1.0]])


def _signs(labels: str) -> np.ndarray:
    return np.array([1.0 if label == "+" else -1.0 for label in labels])


@register(
    "four_labels",
    title="Which labelings of four points a line can separate",
    source="B 7.5.3",
    answer=lambda labels: (
        Answer(status=Status.INFEASIBLE) if labels in ("+--+", "-++-") else Answer(fun=0.0)
    ),
    methods=_ANY,
    tags=("linear", "convex", "infeasible"),
    notes="All but two of the sixteen: for + - - + the hulls of the two sides meet at (1, 1/2).",
)
def four_labels(labels: str = "+--+") -> LinearProgram:
    return _separation(_FOUR, _signs(labels))


@register(
    "hulls_of_four_points",
    title="The alternative: a point in both hulls",
    source="B 7.5.3",
    answer=lambda labels: (
        Answer(fun=0.0) if labels in ("+--+", "-++-") else Answer(status=Status.INFEASIBLE)
    ),
    methods=_ANY,
    tags=("linear", "convex", "dual"),
    notes="Exactly one of the two programs is feasible: a theorem of the alternative.",
)
def hulls_of_four_points(labels: str = "+--+") -> LinearProgram:
    signs = _signs(labels)
    A = np.vstack([_FOUR.T * signs, signs > 0, signs < 0])
    return LinearProgram(np.zeros(4), A_eq=A, b_eq=[0.0, 0.0, 1.0, 1.0])


# ---- Fits in the l1 and the l-infinity norm

_COSINE = {3: 1.0, 5: 0.593588, 7: 0.149397, 9: 0.020431, 10: 0.001773}


@register(
    "chebyshev_cosine",
    title="The best polynomial through two waves of the cosine, in the largest error",
    source="B 4.3",
    answer=lambda degree, samples: Answer(fun=_COSINE[degree], tol=1e-12 if degree == 3 else 2e-4),
    methods=_ANY,
    tags=("linear", "convex", "fit"),
    notes="A cubic does no better than 0: the error is exactly 1 at five alternating points (the "
    "text says: at least 1/2). Variables: coefficients in Chebyshev's basis, then the error.",
)
def chebyshev_cosine(degree: int = 3, samples: int = 401) -> LinearProgram:
    nodes = np.linspace(0.0, 4 * np.pi, samples)
    basis = np.polynomial.chebyshev.chebvander(nodes / (2 * np.pi) - 1.0, degree)
    error, target = np.ones((samples, 1)), np.cos(nodes)
    return LinearProgram(
        np.append(np.zeros(degree + 1), 1.0),
        A_ub=np.block([[basis, -error], [-basis, -error]]), b_ub=np.concatenate([target, -target]),
        lower=np.append(np.full(degree + 1, -np.inf), 0.0),
    )  # fmt: skip


@register(
    "least_absolute_line",
    title="A line that one wild measurement does not move",
    source="D1 2.3 eq. (2.18)",
    answer=Answer(fun=50.0, tol=1e-12),
    methods=_ANY,
    tags=("linear", "convex", "fit"),
    notes="y = 1 + 2x at 20 points, one of them raised by 50: the l1 fit is exactly (1, 2), least "
    "squares gives (8.14, -2.89). Variables: intercept, slope, then errors up and down.",
)
def least_absolute_line() -> LinearProgram:
    x = np.arange(20) / 10
    y = 1 + 2 * x
    y[3] += 50.0
    eye = np.eye(20)
    return LinearProgram(
        np.append(np.zeros(2), np.ones(40)),
        A_eq=np.hstack([np.ones((20, 1)), x[:, None], eye, -eye]), b_eq=y,
        lower=np.append([-np.inf, -np.inf], np.zeros(40)),
    )  # fmt: skip


# ---- Transport between two measures

_MEASURES = {
    "shift": ([0.5, 0.3, 0.2], [0.2, 0.3, 0.5], 0.6),
    "step": ([0.5, 0.5, 0.0], [0.0, 0.5, 0.5], 1.0),
    "points": ([1.0, 0.0, 0.0], [0.0, 0.0, 1.0], 2.0),
    "inwards": ([0.5, 0.0, 0.0, 0.5], [0.0, 0.5, 0.5, 0.0], 1.0),
}


@register(
    "wasserstein",
    title="The distance of two measures: the cheapest way to move one onto the other",
    source="D2 8.3 eq. (8.58)",
    answer=lambda case: Answer(fun=_MEASURES[case][2], tol=1e-12),
    methods=_ANY,
    tags=("linear", "convex", "transport", "nonunique"),
    notes="Plans are often not unique; the value is, and in one dimension it is the area between "
    "the distribution functions.",
)
def wasserstein(case: str = "shift") -> LinearProgram:
    p, q, _ = _MEASURES[case]
    k = len(p)
    place = np.arange(k)
    distance = np.abs(place[:, None] - place).astype(float)
    marginals = np.vstack([np.kron(np.eye(k), np.ones(k)), np.kron(np.ones(k), np.eye(k))])
    return LinearProgram(distance.ravel(), A_eq=marginals, b_eq=np.concatenate([p, q]))


@register(
    "wasserstein_dual",
    title="The same distance from a potential of slope at most 1",
    source="D2 8.3 eq. (8.59)",
    answer=lambda case: Answer(fun=-_MEASURES[case][2], tol=1e-12),
    methods=_ANY,
    tags=("linear", "convex", "transport", "dual", "nonunique"),
    notes="max sum h (p - q) with |h_i - h_j| <= |i - j| (Kantorovich and Rubinstein); h_0 = 0.",
)
def wasserstein_dual(case: str = "shift") -> LinearProgram:
    p, q, _ = _MEASURES[case]
    k = len(p)
    slope = np.diff(np.eye(k), axis=0)
    fixed = np.append(0.0, np.full(k - 1, np.inf))
    return LinearProgram(
        np.array(q) - p, A_ub=np.vstack([slope, -slope]), b_ub=np.ones(2 * (k - 1)),
        lower=-fixed, upper=fixed,
    )  # fmt: skip


# ---- A decision process


def _engagement(discount: float) -> tuple[np.ndarray, np.ndarray]:
    """``I - discount P`` and the rewards, one row for each state and action."""
    idle, push = np.zeros((10, 10)), np.zeros((10, 10))
    idle[0, :2], push[0, :2], idle[9, 8:], push[9, 8:] = (
        (0.6, 0.4),
        (0.2, 0.8),
        (0.6, 0.4),
        (0.2, 0.8),
    )
    for i in range(1, 9):
        idle[i, i - 1 : i + 2], push[i, i - 1 : i + 2] = (0.6, 0.2, 0.2), (0.1, 0.1, 0.8)
    states = np.arange(1.0, 11.0)
    eye = np.eye(10)
    A = np.vstack([eye - discount * idle, eye - discount * push])
    return A, np.concatenate([states, states - 1.5])


_PUSHED = {0.6: range(4, 9), 0.9: range(1, 10)}
"""The states in which pushing is optimal."""


def _engagement_answer(discount: float) -> Answer:
    A, reward = _engagement(discount)
    rows = [i + 10 * (i + 1 in _PUSHED[discount]) for i in range(10)]
    values = np.linalg.solve(A[rows], reward[rows])
    visits = np.zeros(20)
    visits[rows] = np.linalg.solve(A[rows].T, np.ones(10))
    return Answer(fun=float(values.sum()), x=values, dual={"ub": -visits}, tol=1e-12)


@register(
    "student_engagement",
    title="When to encourage a student: a Markov decision process",
    source="D2 8.4 eq. (8.72)",
    answer=_engagement_answer,
    methods=_ANY,
    tags=("linear", "convex", "decision_process"),
    notes="Encourage in states 4 to 8 (in print 3 to 7, which loses up to 0.1). Minus the "
    "multipliers are discounted visits; they sum to 10 / (1 - discount) = 25.",
)
def student_engagement(discount: float = 0.6) -> LinearProgram:
    A, reward = _engagement(discount)
    return LinearProgram(np.ones(10), A_ub=-A, b_ub=-reward, lower=None)


# ---- Degenerate and whole


@register(
    "beale_cycle",
    title="Beale's program, on which the simplex method of the first textbooks cycles",
    source="A 1.3.1",
    answer=Answer(fun=-0.05, x=[0.04, 0.0, 1.0, 0.0], tol=1e-12),
    methods=_ANY,
    tags=("linear", "convex", "degenerate"),
    notes="Beale 1955: the largest-coefficient rule returns to its first basis after six pivots.",
)
def beale_cycle() -> LinearProgram:
    A = [[0.25, -60.0, -1 / 25, 9.0], [0.5, -90.0, -1 / 50, 3.0], [0.0, 0.0, 1.0, 0.0]]
    return LinearProgram([-0.75, 150.0, -0.02, 6.0], A_ub=A, b_ub=[0.0, 0.0, 1.0])
