"""The feasible set of a linear program in two or three variables: corners, edges, faces."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any, NamedTuple

import numpy as np

NEAR = 1e-9
"""Distance from a constraint, relative to the size of the picture, at which a point is on it."""

MOST = 200_000
"""Systems of n constraints that are solved for corners."""

MARGIN, OPEN_MARGIN = 0.12, 0.7
"""Space beside the corners, relative to their extent; the latter where the set goes on for ever."""


class HalfSpaces(NamedTuple):
    """``G x <= h`` with rows of length 1, an equation where ``equal``.

    ``row`` is the problem's row that it comes from, -1 for a bound and for a side of the window.
    """

    G: np.ndarray
    h: np.ndarray
    equal: np.ndarray
    row: np.ndarray

    @classmethod
    def of(cls, problem: Any) -> HalfSpaces:
        """Rows first, then lower and upper bounds; rows of zeros are left out."""
        A = problem.rows.A
        A = A.toarray() if hasattr(A, "toarray") else A
        eye, m = np.eye(problem.n), problem.rows.b.size
        low = np.flatnonzero(np.isfinite(problem.lower))
        high = np.flatnonzero(np.isfinite(problem.upper))
        G = np.concatenate([A, -eye[low], eye[high]])
        h = np.concatenate([problem.rows.b, -problem.lower[low], problem.upper[high]])
        equal = np.arange(h.size) < problem.rows.equations
        row = np.where(np.arange(h.size) < m, np.arange(h.size), -1)
        length = np.linalg.norm(G, axis=1)
        kept = length > 0
        return cls(G[kept] / length[kept, None], h[kept] / length[kept], equal[kept], row[kept])

    def within(self, low: np.ndarray, high: np.ndarray) -> HalfSpaces:
        """The same inside a box; its sides come last, the low ones first."""
        eye, sides = np.eye(low.size), 2 * low.size
        return HalfSpaces(
            np.concatenate([self.G, -eye, eye]),
            np.concatenate([self.h, -low, high]),
            np.append(self.equal, np.zeros(sides, dtype=bool)),
            np.append(self.row, np.full(sides, -1)),
        )

    def excess(self, points: np.ndarray) -> np.ndarray:
        """How far every point is outside of every constraint."""
        beyond = points @ self.G.T - self.h
        return np.where(self.equal, np.abs(beyond), beyond)


class Polytope(NamedTuple):
    """The part of a feasible set in a window.

    Attributes
    ----------
    spaces : HalfSpaces
        The constraints, then the window's sides.
    corners : array (k, n)
    low, high : array (n,)
        The window.
    open : bool array (2n,)
        Which sides of the window the set runs through: the low ones, then the high ones.
    """

    spaces: HalfSpaces
    corners: np.ndarray
    low: np.ndarray
    high: np.ndarray
    open: np.ndarray

    @property
    def reach(self) -> float:
        """The size of the window."""
        return float((self.high - self.low).max())

    def on(self, constraint: int) -> np.ndarray:
        """The corners on a constraint, in order around the face."""
        beyond = self.corners @ self.spaces.G[constraint] - self.spaces.h[constraint]
        return around(self.corners[np.abs(beyond) <= 10.0 * NEAR * self.reach])

    def lowest(self, c: np.ndarray) -> np.ndarray:
        """The corners of least cost, in order around the face."""
        cost = self.corners @ c
        near = 10.0 * NEAR * self.reach * float(np.abs(c).max(initial=0.0))
        return around(self.corners[cost <= cost.min() + near])


def polytope(
    problem: Any, points: np.ndarray, limits: list[tuple[float, float] | None]
) -> Polytope:
    """The feasible set in a window around its corners and further points, or in given limits."""
    spaces = HalfSpaces.of(problem)
    size = 1.0 + float(np.abs(spaces.h).max(initial=0.0))
    finite = corners(spaces, size)
    if not len(finite):
        finite = meetings(spaces)
    seen = np.concatenate([finite, points])
    seen = seen if len(seen) else np.zeros((1, problem.n))
    sides = np.zeros(2 * problem.n, dtype=bool)
    low, high = _window(seen, np.ones(2 * problem.n, dtype=bool), limits)
    found = corners(spaces.within(low, high), float((high - low).max()))
    if found.size:
        near = NEAR * (high - low).max()
        sides = np.append((found <= low + near).any(axis=0), (found >= high - near).any(axis=0))
    low, high = _window(seen, sides, limits)
    inside = spaces.within(low, high)
    return Polytope(inside, corners(inside, float((high - low).max())), low, high, sides)


def corners(spaces: HalfSpaces, size: float) -> np.ndarray:
    """All points where n independent constraints meet and none is violated.

    Examples
    --------
    >>> square = HalfSpaces(np.eye(2), np.ones(2), np.zeros(2, bool), np.arange(2))
    >>> corners(square.within(np.zeros(2), 2 * np.ones(2)), 1.0).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    points = meetings(spaces)
    feasible = (spaces.excess(points) <= NEAR * size).all(axis=1)
    return distinct(points[feasible], 10.0 * NEAR * size)


def meetings(spaces: HalfSpaces) -> np.ndarray:
    """All points where n independent constraints meet."""
    m, n = spaces.G.shape
    if comb(m, n) > MOST:
        raise ValueError(
            f"problem: found {m} constraints, needed fewer for a picture in {n} dimensions"
        )
    chosen = np.array(list(combinations(range(m), n)), dtype=int).reshape(-1, n)
    systems = spaces.G[chosen]
    independent = np.abs(np.linalg.det(systems)) > 1e-10
    right = spaces.h[chosen[independent]][:, :, None]
    return np.linalg.solve(systems[independent], right)[:, :, 0]


def distinct(points: np.ndarray, near: float) -> np.ndarray:
    """The points without repetitions, sorted."""
    points = points[np.lexsort(points.T[::-1])] + 0.0
    kept: list[np.ndarray] = []
    for point in points:
        if not any(np.abs(point - other).max() <= near for other in kept):
            kept.append(point)
    return np.array(kept).reshape(len(kept), points.shape[1])


def around(points: np.ndarray) -> np.ndarray:
    """Corners of a plane convex set, in order around it."""
    if len(points) < 3:
        return points
    away = points - points.mean(axis=0)
    plane = np.linalg.svd(away, full_matrices=False)[2][:2]
    flat = away @ plane.T
    return points[np.argsort(np.arctan2(flat[:, 1], flat[:, 0]))]


def slice_of(face: np.ndarray, c: np.ndarray, level: float) -> np.ndarray:
    """The two points of a face's outline where the cost has that level, or none.

    Examples
    --------
    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> slice_of(square, np.array([1.0, 1.0]), 1.0).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    cost = face @ c - level
    ends: list[np.ndarray] = []
    for i in range(len(face)):
        here, there = cost[i - 1], cost[i]
        if (here < 0.0) != (there < 0.0):
            ends.append(face[i - 1] + here / (here - there) * (face[i] - face[i - 1]))
    return np.array(ends).reshape(-1, c.size)


def _window(
    points: np.ndarray, sides: np.ndarray, limits: list[tuple[float, float] | None]
) -> tuple[np.ndarray, np.ndarray]:
    """A box around the points, wider on the sides where the set goes on."""
    n = points.shape[1]
    low, high = points.min(axis=0), points.max(axis=0)
    size = high - low
    size = np.where(size > 1e-6 * size.max(), size, max(size.max(), 1.0))
    most = np.full(n, size.max() if size.max() <= 5.0 * size.min() else 0.0)
    margin = np.where(
        sides, OPEN_MARGIN * np.tile(np.maximum(size, most), 2), MARGIN * np.tile(size, 2)
    )
    low, high = low - margin[:n], high + margin[n:]
    for i, given in enumerate(limits):
        if given is not None:
            low[i], high[i] = given
    return low, high
