"""Sparse Cholesky factorization ``P S Pᵀ = L Lᵀ``, analysed once and refilled often.

``analyse`` orders the pattern, finds the supernodes (runs of columns of L with one structure) and
cuts them into *panels* of at most ``PANEL`` columns. A panel is a dense row-major block, so that
the numeric factorization, left-looking over panels, spends its time in dense matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .cached import inner, kernel
from .ordering import minimum_degree

PANEL = 64
"""Most columns of a panel."""

_NONE = -1
FAST = {"reassoc", "contract", "nsz"}
"""Sums may be vectorised; NaN and infinity keep their meaning."""

_SMALL = 4000  # multiplications below which a plain loop beats a call of BLAS


class Pattern(NamedTuple):
    """The structure of L: what the numeric kernels read.

    Panel ``p`` holds the columns ``panels[p, 0] : panels[p + 1, 0]`` on the rows
    ``rows[panels[p, 1] : panels[p, 2]]`` (its own columns first), row by row, from ``panels[p, 3]``
    of the values of L. ``position`` is the place in L of every entry of the matrix.
    """

    order: np.ndarray
    rows: np.ndarray
    panels: np.ndarray
    panel_of: np.ndarray
    position: np.ndarray


@dataclass(frozen=True, eq=False)
class Symbolic:
    """The analysis of a symmetric pattern, good for any values on it.

    Attributes
    ----------
    n : int
        Order of the matrix.
    pattern : Pattern
        Ordering, panels and the place in L of each entry of the matrix.
    nnz : int
        Entries stored for L, explicit zeros of merged supernodes included.
    flops : int
        Multiply-adds of one factorization.
    """

    n: int
    pattern: Pattern
    nnz: int
    flops: int

    def factor(
        self, values: np.ndarray, *, tiny: float = 1e-14, replacement: float = np.inf
    ) -> Factor:
        """Factor the matrix with these values.

        Parameters
        ----------
        values : float64 array
            In the order of the analysed ``indices``.
        tiny : float
            A pivot at most ``tiny`` times the diagonal entry that it started from is replaced:
            what is left of it is rounding.
        replacement : float
            What takes its place, as a multiple of that entry. Infinity sets the unknown to zero in
            every solve: right for a singular consistent system.

        Raises
        ------
        ValueError
            When ``values`` has the wrong length.
        """
        values = np.ascontiguousarray(values, np.float64)
        if values.size != self.pattern.position.size:
            raise ValueError(
                f"values: found {values.size} numbers, needed {self.pattern.position.size}, "
                "one for each entry of the analysed pattern"
            )
        L, inverse = np.empty(self.nnz), np.empty(self.n)
        _, rows, panels, panel_of, position = self.pattern
        replaced = factorize(
            rows, panels, panel_of, position, values, L, inverse, tiny, replacement
        )
        return Factor(self, L, inverse, int(replaced))


@dataclass(frozen=True, eq=False)
class Factor:
    """``P S Pᵀ = L Lᵀ`` with the number of pivots that were ``replaced``."""

    symbolic: Symbolic
    values: np.ndarray
    inverse_diagonal: np.ndarray
    replaced: int

    def solve(self, b: np.ndarray) -> np.ndarray:
        """``S⁻¹ b`` for one right side, shape (n,). No refinement: that is the caller's."""
        order, rows, panels = self.symbolic.pattern[:3]
        work = np.asarray(b, np.float64)[order]
        substitute(panels, rows, self.values, self.inverse_diagonal, work)
        x = np.empty(work.size)
        x[order] = work
        return x


def analyse(indptr: np.ndarray, indices: np.ndarray, order: np.ndarray | None = None) -> Symbolic:
    """Analyse the pattern of a symmetric positive definite matrix.

    Parameters
    ----------
    indptr, indices : integer arrays
        One triangle of the matrix by columns (or rows), each entry once, the diagonal included.
    order : integer array, shape (n,), optional
        Pivot order; approximate minimum degree when missing. It is refined to a postorder of the
        elimination tree, which leaves the fill as it is.

    Returns
    -------
    Symbolic

    References
    ----------
    Liu 1990 (elimination tree); Ng & Peyton 1993 (block left-looking Cholesky); Davis 2006,
    *Direct Methods for Sparse Linear Systems*, chapter 4.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> S = sp.csc_array(np.array([[4.0, 2.0, 0.0], [2.0, 5.0, 1.0], [0.0, 1.0, 3.0]]))
    >>> lower = sp.tril(S, format="csc")
    >>> factor = analyse(lower.indptr, lower.indices).factor(lower.data)
    >>> factor.solve(np.array([6.0, 8.0, 4.0])).round(12)
    array([1., 1., 1.])
    """
    indptr, indices = np.asarray(indptr, np.int64), np.asarray(indices, np.int32)
    n = indptr.size - 1
    adjacent, neighbours = symmetric(indptr, indices)
    if order is None:
        order = minimum_degree(adjacent, neighbours)
    order = np.asarray(order, np.int32)
    parent = _elimination_tree(adjacent, neighbours, order)
    pivots, rank, parent = _compose(order, _postorder(parent), parent)
    first = _supernodes(parent, _column_counts(adjacent, neighbours, pivots, rank, parent))
    row_start, rows = _supernode_rows(adjacent, neighbours, pivots, rank, parent, first)
    rows = _sorted_lists(row_start, rows, n)
    panels = _panels(first, row_start)
    panel_of = np.repeat(np.arange(panels.shape[0] - 1, dtype=np.int32), np.diff(panels[:, 0]))
    position = _positions(indptr, indices, rank, rows, panels, panel_of)
    tall, wide = panels[:-1, 2] - panels[:-1, 1], np.diff(panels[:, 0])
    flops = (tall * tall * wide // 2).sum()
    pattern = Pattern(pivots, rows, panels, panel_of, position)
    return Symbolic(n, pattern, int(panels[-1, 3]), int(flops))


@kernel()
def symmetric(indptr, indices):
    """Both triangles without the diagonal, from one triangle."""
    n = indptr.size - 1
    start = np.zeros(n + 1, np.int64)
    for j in range(n):
        for p in range(indptr[j], indptr[j + 1]):
            i = indices[p]
            if i != j:
                start[i + 1] += 1
                start[j + 1] += 1
    for j in range(n):
        start[j + 1] += start[j]
    neighbours, put = np.empty(start[n], np.int32), start[:-1].copy()
    for j in range(n):
        for p in range(indptr[j], indptr[j + 1]):
            i = indices[p]
            if i != j:
                neighbours[put[i]] = j
                neighbours[put[j]] = i
                put[i] += 1
                put[j] += 1
    return start, neighbours


@kernel()
def _compose(order, post, parent):
    """The pivot order after the postorder: order, its inverse, and the relabelled tree."""
    n = order.size
    composed, rank = np.empty(n, np.int32), np.empty(n, np.int32)
    inverse, relabelled = np.empty(n, np.int32), np.empty(n, np.int32)
    for k in range(n):
        composed[k] = order[post[k]]
        rank[composed[k]] = k
        inverse[post[k]] = k
    for k in range(n):
        above = parent[post[k]]
        relabelled[k] = inverse[above] if above != _NONE else _NONE
    return composed, rank, relabelled


@kernel()
def _elimination_tree(adjacent, neighbours, order):
    """Liu's algorithm with path compression."""
    n = order.size
    parent, ancestor = np.full(n, _NONE, np.int32), np.full(n, _NONE, np.int32)
    rank = np.empty(n, np.int32)
    for k in range(n):
        rank[order[k]] = k
    for k in range(n):
        for p in range(adjacent[order[k]], adjacent[order[k] + 1]):
            i = rank[neighbours[p]]
            while i != _NONE and i < k:
                above = ancestor[i]
                ancestor[i] = k
                if above == _NONE:
                    parent[i] = k
                i = above
    return parent


@kernel()
def _postorder(parent):
    """Children before parents, each subtree in one piece."""
    n = parent.size
    child, sibling = np.full(n, _NONE, np.int32), np.full(n, _NONE, np.int32)
    for k in range(n - 1, -1, -1):
        if parent[k] != _NONE:
            sibling[k] = child[parent[k]]
            child[parent[k]] = k
    post, stack, done = np.empty(n, np.int32), np.empty(n, np.int32), 0
    for root in range(n):
        if parent[root] != _NONE:
            continue
        stack[0], depth = root, 1
        while depth:
            k = stack[depth - 1]
            if child[k] != _NONE:
                stack[depth] = child[k]
                child[k] = sibling[child[k]]
                depth += 1
            else:
                post[done] = k
                done += 1
                depth -= 1
    return post


@kernel()
def _column_counts(adjacent, neighbours, order, rank, parent):
    """Entries of each column of L, the diagonal included, from the row subtrees."""
    n = order.size
    count, seen = np.ones(n, np.int64), np.full(n, _NONE, np.int32)
    for k in range(n):
        seen[k] = k
        for p in range(adjacent[order[k]], adjacent[order[k] + 1]):
            j = rank[neighbours[p]]
            while j < k and seen[j] != k:
                count[j] += 1
                seen[j] = k
                j = parent[j]
    return count


@kernel()
def _supernodes(parent, count):
    """First columns of the supernodes, small ones merged where that adds few zeros."""
    n = parent.size
    first, height, zeros = np.empty(n + 1, np.int32), np.empty(n, np.int64), np.zeros(n)
    top = 0
    for j in range(n):
        # a supernode on the stack: columns first[top] .. , height rows, explicit zeros
        if top and parent[j - 1] == j and count[j] == count[j - 1] - 1:
            continue
        first[top], height[top], zeros[top] = j, count[j], 0.0
        top += 1
    first[top] = n
    merged = 0
    for s in range(top):
        begin, tall, waste = first[s], height[s], zeros[s]
        wide = first[s + 1] - begin
        while merged:
            below = merged - 1
            if parent[begin - 1] < begin or parent[begin - 1] >= begin + wide:
                break
            extra = begin - first[below]
            rows = tall + extra
            fill = zeros[below] + waste + float(extra) * (rows - height[below])
            total = (wide + extra) * (rows - 0.5 * (wide + extra - 1))
            share, width = fill / total, wide + extra
            if not (
                share < 0.02
                or (width <= 4 and share < 0.8)
                or (width <= 16 and share < 0.2)
                or (width <= 48 and share < 0.06)
            ):
                break
            begin, wide, tall, waste = first[below], width, rows, fill
            merged -= 1
        first[merged], height[merged], zeros[merged] = begin, tall, waste
        merged += 1
    first[merged] = n
    return first[: merged + 1].copy()


@kernel()
def _supernode_rows(adjacent, neighbours, order, rank, parent, first):
    """Row structure of every supernode, its own columns first."""
    n, many = order.size, first.size - 1
    node_of = np.empty(n, np.int32)
    for s in range(many):
        for j in range(first[s], first[s + 1]):
            node_of[j] = s
    start = np.zeros(many + 1, np.int64)
    child, sibling = np.full(many, _NONE, np.int32), np.full(many, _NONE, np.int32)
    seen, rows = np.full(n, _NONE, np.int32), np.empty(4 * n + 16, np.int32)
    put = np.int64(0)
    for s in range(many):
        start[s] = put
        last = first[s + 1] - 1
        if put + n > rows.size:
            grown = np.empty(2 * rows.size + n, np.int32)
            for p in range(put):
                grown[p] = rows[p]
            rows = grown
        for j in range(first[s], last + 1):
            seen[j] = s
            rows[put] = j
            put += 1
        for j in range(first[s], last + 1):
            for p in range(adjacent[order[j]], adjacent[order[j] + 1]):
                i = rank[neighbours[p]]
                if i > last and seen[i] != s:
                    seen[i] = s
                    rows[put] = i
                    put += 1
        c = child[s]
        while c != _NONE:
            for p in range(start[c], start[c + 1]):
                i = rows[p]
                if i > last and seen[i] != s:
                    seen[i] = s
                    rows[put] = i
                    put += 1
            c = sibling[c]
        start[s + 1] = put
        if parent[last] != _NONE:
            above = node_of[parent[last]]
            sibling[s] = child[above]
            child[above] = s
    return start, rows


@kernel()
def _sorted_lists(start, rows, n):
    """Each list ascending: two passes of bucketing, as a matrix is transposed twice."""
    many, total = start.size - 1, start[start.size - 1]
    begin, owner = np.zeros(n + 1, np.int64), np.empty(total, np.int32)
    for p in range(total):
        begin[rows[p] + 1] += 1
    for i in range(n):
        begin[i + 1] += begin[i]
    put = begin[:-1].copy()
    for s in range(many):
        for p in range(start[s], start[s + 1]):
            owner[put[rows[p]]] = s
            put[rows[p]] += 1
    sorted_rows, put = np.empty(total, np.int32), start[:-1].copy()
    for i in range(n):
        for p in range(begin[i], begin[i + 1]):
            sorted_rows[put[owner[p]]] = i
            put[owner[p]] += 1
    return sorted_rows


def _panels(first, row_start):
    """Supernodes cut into panels of nearly equal width."""
    width = np.diff(first)
    pieces = (width + PANEL - 1) // PANEL
    node = np.repeat(np.arange(width.size), pieces)
    piece = np.arange(node.size) - (np.cumsum(pieces) - pieces)[node]
    low = width[node] * piece // pieces[node]
    panels = np.zeros((node.size + 1, 4), np.int64)
    panels[:-1, 0], panels[-1, 0] = first[node] + low, first[-1]
    panels[:-1, 1], panels[:-1, 2] = row_start[node] + low, row_start[node + 1]
    sizes = (panels[:-1, 2] - panels[:-1, 1]) * np.diff(panels[:, 0])
    np.cumsum(sizes, out=panels[1:, 3])
    return panels


@kernel()
def _positions(indptr, indices, rank, rows, panels, panel_of):
    """The place in L of every entry of the matrix."""
    position = np.empty(indices.size, np.int64)
    for j in range(rank.size):
        for p in range(indptr[j], indptr[j + 1]):
            row, column = max(rank[indices[p]], rank[j]), min(rank[indices[p]], rank[j])
            panel = panel_of[column]
            begin, width = panels[panel, 1], panels[panel + 1, 0] - panels[panel, 0]
            low, high = begin, panels[panel, 2]
            while high - low > 1:
                middle = (low + high) // 2
                if rows[middle] <= row:
                    low = middle
                else:
                    high = middle
            position[p] = panels[panel, 3] + (low - begin) * width + column - panels[panel, 0]
    return position


@kernel(error_model="numpy")
def factorize(rows, panels, panel_of, position, values, L, inverse, tiny, replacement):
    """Fill L and the reciprocals of its diagonal; the number of pivots replaced."""
    n, many = panel_of.size, panels.shape[0] - 1
    for p in range(L.size):
        L[p] = 0.0
    for p in range(position.size):
        L[position[p]] = values[p]
    replaced = 0
    head, following = np.full(many, _NONE), np.empty(many, np.int64)
    reached, place = np.empty(many, np.int64), np.empty(n, np.int64)
    tallest = 0
    for J in range(many):
        width = panels[J + 1, 0] - panels[J, 0]
        for k in range(width):
            inverse[panels[J, 0] + k] = L[panels[J, 3] + k * (width + 1)]
        tallest = max(tallest, panels[J, 2] - panels[J, 1])
    buffer, corner = np.empty(tallest * PANEL), np.empty(PANEL * PANEL)

    for J in range(many):
        column, top, base = panels[J, 0], panels[J, 1], panels[J, 3]
        width, tall = panels[J + 1, 0] - column, panels[J, 2] - top
        for t in range(tall):
            place[rows[top + t]] = t
        K = head[J]
        while K != _NONE:
            low, depth = reached[K], panels[K + 1, 0] - panels[K, 0]
            high = low
            while high < panels[K, 2] and rows[high] < column + width:
                high += 1
            _update(
                L, base, width, column, place, rows, low, high, panels[K, 2],
                panels[K, 3] + (low - panels[K, 1]) * depth, depth, tall, buffer,
            )  # fmt: skip
            next_K = following[K]
            if high < panels[K, 2]:
                reached[K] = high
                target = panel_of[rows[high]]
                following[K] = head[target]
                head[target] = K
            K = next_K
        replaced += _dense_panel(
            L, base, width, tall, inverse, column, tiny, replacement, buffer, corner
        )
        if tall > width:
            reached[J] = top + width
            target = panel_of[rows[top + width]]
            following[J] = head[target]
            head[target] = J
    return replaced


@inner(fastmath=FAST)
def _update(L, base, width, column, place, rows, low, high, end, source, depth, tall, buffer):
    """Subtract from a panel the product of an earlier one's rows ``low:end`` with ``low:high``."""
    across, down = high - low, end - low
    if across * down * depth < _SMALL or depth < 8:
        for i in range(down):
            target = base + place[rows[low + i]] * width - column
            left = source + i * depth
            for j in range(min(i + 1, across)):
                right = source + j * depth
                total = 0.0
                for k in range(depth):
                    total += L[left + k] * L[right + k]
                L[target + rows[low + j]] -= total
        return
    block = L[source : source + down * depth].reshape(down, depth)
    product = buffer[: down * across].reshape(down, across)
    np.dot(block, block[:across].T, product)
    if tall - place[rows[low]] == down:  # the remaining rows of both panels are the same
        start = base + place[rows[low]] * width + rows[low] - column
        if rows[high - 1] - rows[low] == across - 1:
            for i in range(down):
                for j in range(across):
                    L[start + i * width + j] -= product[i, j]
            return
    for i in range(down):
        target = base + place[rows[low + i]] * width - column
        for j in range(min(i + 1, across)):
            L[target + rows[low + j]] -= product[i, j]


@inner(fastmath=FAST)
def _dense_panel(L, base, width, tall, inverse, column, tiny, replacement, buffer, corner):
    """Factor the square on top of a panel and solve for the rows under it.

    ``inverse`` comes in with the diagonal of the matrix, goes out with the reciprocals of L's.
    """
    replaced = 0
    for i in range(width):
        row = base + i * width
        for j in range(i):
            other, total = base + j * width, L[row + j]
            for k in range(j):
                total -= L[row + k] * L[other + k]
            L[row + j] = total * inverse[column + j]
        pivot = L[row + i]
        for k in range(i):
            pivot -= L[row + k] * L[row + k]
        if not pivot > tiny * inverse[column + i]:
            pivot = replacement * inverse[column + i] if inverse[column + i] > 0.0 else np.inf
            replaced += 1
        L[row + i] = np.sqrt(pivot)
        inverse[column + i] = 1.0 / L[row + i]
        for k in range(i + 1, width):
            L[row + k] = 0.0
    below = tall - width
    if below * width * width < 4 * _SMALL or width < 8:
        for i in range(width, tall):
            row = base + i * width
            for j in range(width):
                other, total = base + j * width, L[row + j]
                for k in range(j):
                    total -= L[row + k] * L[other + k]
                L[row + j] = total * inverse[column + j]
        return replaced
    for j in range(width):  # corner = L11⁻¹, so that the rows below are one matrix product
        for i in range(width):
            corner[j * width + i] = 0.0
        corner[j * width + j] = inverse[column + j]
        for k in range(j):
            factor = -L[base + j * width + k] * inverse[column + j]
            if factor != 0.0:
                for i in range(k + 1):
                    corner[j * width + i] += factor * corner[k * width + i]
    block = L[base + width * width : base + tall * width].reshape(below, width)
    product = buffer[: below * width].reshape(below, width)
    np.dot(block, corner[: width * width].reshape(width, width).T, product)
    for i in range(below):
        for j in range(width):
            block[i, j] = product[i, j]
    return replaced


@kernel(error_model="numpy")
def substitute(panels, rows, L, inverse, x):
    """Overwrite ``x``, in pivot order, with ``L⁻ᵀ L⁻¹ x``."""
    forward(panels, rows, L, inverse, x)
    backward(panels, rows, L, inverse, x)


@inner(fastmath=FAST)
def forward(panels, rows, L, inverse, x):
    """Overwrite ``x``, in pivot order, with ``L⁻¹ x``."""
    for J in range(panels.shape[0] - 1):
        column, top, base = panels[J, 0], panels[J, 1], panels[J, 3]
        width, tall = panels[J + 1, 0] - column, panels[J, 2] - top
        for i in range(width):
            total, row = x[column + i], base + i * width
            for k in range(i):
                total -= L[row + k] * x[column + k]
            x[column + i] = total * inverse[column + i]
        for i in range(width, tall):
            total, row = 0.0, base + i * width
            for k in range(width):
                total += L[row + k] * x[column + k]
            x[rows[top + i]] -= total


@inner(fastmath=FAST)
def backward(panels, rows, L, inverse, x):
    """Overwrite ``x``, in pivot order, with ``L⁻ᵀ x``."""
    for J in range(panels.shape[0] - 2, -1, -1):
        column, top, base = panels[J, 0], panels[J, 1], panels[J, 3]
        width, tall = panels[J + 1, 0] - column, panels[J, 2] - top
        for i in range(tall - 1, -1, -1):
            row = base + i * width
            if i < width:
                x[column + i] *= inverse[column + i]
            value = x[rows[top + i]]
            for k in range(min(i, width)):
                x[column + k] -= L[row + k] * value
