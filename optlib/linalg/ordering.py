"""Fill-reducing orderings of a symmetric sparse matrix, compiled by Numba.

The approximate minimum degree ordering works on the quotient graph: an eliminated pivot becomes
an *element*, the clique of the variables that it couples, stored once instead of edge by edge.
"""

from __future__ import annotations

import numpy as np

from .cached import kernel

_NONE = -1


def minimum_degree(indptr: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Approximate minimum degree ordering of a symmetric pattern.

    Parameters
    ----------
    indptr : int64 array, shape (n + 1,)
    indices : int32 array
        The neighbours of ``i`` are ``indices[indptr[i]:indptr[i + 1]]``: both triangles, without
        the diagonal, no duplicates.

    Returns
    -------
    int32 array, shape (n,)
        ``order[k]`` is the k-th pivot.

    Notes
    -----
    Rows with more than ``10 sqrt(n)`` neighbours (and more than 16) are set aside and ordered last.

    References
    ----------
    Amestoy, Davis & Duff 1996, SIAM J. Matrix Anal. Appl. 17, 886-905.

    Examples
    --------
    The hub of a star is eliminated last but one at the earliest:

    >>> hub, leaves = np.arange(1, 5), np.zeros(4)
    >>> indptr, indices = np.array([0, 4, 5, 6, 7, 8]), np.r_[hub, leaves].astype(np.int32)
    >>> int(np.flatnonzero(minimum_degree(indptr, indices) == 0)[0]) >= 3
    True
    """
    return _pivot_order(*_eliminate(np.asarray(indptr, np.int64), np.asarray(indices, np.int32)))


@kernel()
def _eliminate(indptr, indices):
    """The quotient graph: what absorbed each variable, and the pivots' numbers."""
    n = indptr.size - 1
    graph = np.empty(indices.size + indices.size // 2 + n + 16, np.int32)
    free = indices.size
    for p in range(free):
        graph[p] = indices[p]
    start, size = indptr[:-1].copy(), np.empty(n, np.int64)
    elements = np.zeros(n, np.int64)  # how many of the size[i] entries are elements; first in list
    weight = np.ones(n, np.int64)  # columns a variable stands for; < 0 inside the pivot, 0 absorbed
    degree = np.empty(n, np.int64)
    parent = np.full(n, _NONE, np.int32)  # where an absorbed variable or element went
    stage = np.full(n, _NONE, np.int32)  # pivot number of an element
    head, after, before = np.full(n + 1, _NONE), np.full(n, _NONE), np.full(n, _NONE)
    bucket, chained = np.full(n, _NONE), np.empty(n, np.int64)
    mark, clock = np.zeros(n, np.int64), np.int64(1)
    hashed = np.empty(n, np.int64)

    limit = max(16, int(10 * np.sqrt(n)))
    done, pivots = 0, 0
    for i in range(n):
        size[i] = degree[i] = indptr[i + 1] - indptr[i]
        if degree[i] > limit:
            weight[i] = 0
            done += 1
        else:
            after[i] = head[degree[i]]
            if head[degree[i]] != _NONE:
                before[head[degree[i]]] = i
            head[degree[i]] = i

    least = 0
    while done < n:
        while head[least] == _NONE:
            least += 1
        pivot = head[least]
        head[least] = after[pivot]
        if after[pivot] != _NONE:
            before[after[pivot]] = _NONE

        # the new element: the pivot's variables and those of its elements, which it absorbs
        room = size[pivot] - elements[pivot]
        for p in range(start[pivot], start[pivot] + elements[pivot]):
            room += size[graph[p]]
        if free + room > graph.size:
            grown = np.empty(2 * (free + room), np.int32)
            for p in range(free):
                grown[p] = graph[p]
            graph = grown
        columns, reach, begin = weight[pivot], 0, free
        weight[pivot] = -columns
        for source in range(elements[pivot] + 1):
            if source < elements[pivot]:
                e = graph[start[pivot] + source]
                first, last = start[e], start[e] + size[e]
                parent[e] = pivot
                mark[e] = 0
            else:
                first, last = start[pivot] + elements[pivot], start[pivot] + size[pivot]
            for p in range(first, last):
                i = graph[p]
                if weight[i] <= 0:
                    continue
                reach += weight[i]
                weight[i] = -weight[i]
                graph[free] = i
                free += 1
                if after[i] != _NONE:
                    before[after[i]] = before[i]
                if before[i] != _NONE:
                    after[before[i]] = after[i]
                else:
                    head[degree[i]] = after[i]
        start[pivot], size[pivot], elements[pivot] = begin, free - begin, 0
        stage[pivot] = pivots
        pivots += 1

        # |Le \ Lp| of every element e that meets the pivot's
        for q in range(begin, free):
            i = graph[q]
            for p in range(start[i], start[i] + elements[i]):
                e = graph[p]
                if mark[e] >= clock:
                    mark[e] += weight[i]
                elif mark[e] != 0:
                    mark[e] = degree[e] + clock + weight[i]

        # approximate degrees; elements inside the pivot's are absorbed
        for q in range(begin, free):
            i = graph[q]
            put, total, code = start[i], np.int64(0), np.int64(0)
            for p in range(start[i], start[i] + elements[i]):
                e = graph[p]
                if mark[e] == 0:
                    continue
                outside = mark[e] - clock
                if outside > 0:
                    total += outside
                    code += e
                    graph[put] = e
                    put += 1
                else:
                    parent[e] = pivot
                    mark[e] = 0
            kept = put - start[i]
            for p in range(start[i] + elements[i], start[i] + size[i]):
                j = graph[p]
                if weight[j] > 0:
                    total += weight[j]
                    code += j
                    graph[put] = j
                    put += 1
            if total == 0:  # nothing else couples it: eliminated with the pivot
                columns -= weight[i]
                reach += weight[i]
                weight[i] = 0
                parent[i] = pivot
                continue
            degree[i] = min(degree[i], total)
            graph[put] = graph[start[i] + kept]
            graph[start[i] + kept] = graph[start[i]]
            graph[start[i]] = pivot
            elements[i] = kept + 1
            size[i] = put + 1 - start[i]
            hashed[i] = code % n
            chained[i] = bucket[hashed[i]]
            bucket[hashed[i]] = i
        clock += n + 1

        # variables with the same neighbours become one
        for q in range(begin, free):
            if weight[graph[q]] == 0:
                continue
            chain = hashed[graph[q]]
            i = bucket[chain]
            bucket[chain] = _NONE
            while i != _NONE and chained[i] != _NONE:
                clock += 1
                for p in range(start[i] + 1, start[i] + size[i]):
                    mark[graph[p]] = clock
                previous, j = i, chained[i]
                while j != _NONE:
                    same = size[j] == size[i] and elements[j] == elements[i]
                    p = start[j] + 1
                    while same and p < start[j] + size[j]:
                        same = mark[graph[p]] == clock
                        p += 1
                    if same:
                        weight[i] += weight[j]
                        weight[j] = 0
                        parent[j] = i
                        chained[previous] = chained[j]
                    else:
                        previous = j
                    j = chained[j]
                i = chained[i]
        clock += 1

        # the live variables of the element go back to the degree lists
        put = begin
        done += columns
        for q in range(begin, free):
            i = graph[q]
            if weight[i] == 0:
                continue
            weight[i] = -weight[i]
            degree[i] = max(0, min(degree[i] + reach - weight[i], n - done - weight[i]))
            before[i], after[i] = _NONE, head[degree[i]]
            if after[i] != _NONE:
                before[after[i]] = i
            head[degree[i]] = i
            least = min(least, degree[i])
            graph[put] = i
            put += 1
        free = put
        size[pivot] = put - begin
        degree[pivot] = reach
        mark[pivot] = clock if put > begin else 0
        weight[pivot] = columns
        clock += 1

    return parent, stage, pivots


@kernel()
def _pivot_order(parent, stage, pivots):
    """Variables sorted by the pivot that they were eliminated with; those set aside last."""
    n = parent.size
    count = np.zeros(pivots + 2, np.int64)
    for i in range(n):
        root = i
        while stage[root] == _NONE and parent[root] != _NONE:
            root = parent[root]
        number = stage[root] if stage[root] != _NONE else pivots
        j = i
        while j != root:
            stage[j] = number
            j = parent[j]
        stage[root] = number
        count[number + 1] += 1
    for k in range(pivots + 1):
        count[k + 1] += count[k]
    order = np.empty(n, np.int32)
    for i in range(n):
        order[count[stage[i]]] = i
        count[stage[i]] += 1
    return order
