"""Ratio tests: which variable enters (dual simplex), which leaves (primal simplex).

Both are the same search. Along the step t, candidate k reaches its limit at the breakpoint
``distance_k / rate_k``; passing it costs ``price_k`` of the slope of a concave function, and the
step goes on until the slope is used up.

* **Dual.** The distance is the reduced cost ``|d_j|``, the rate ``|α_j|``, the slope the violation
  of the leaving variable. A boxed variable flips to its other bound, at the price
  ``|α_j| (u_j - l_j)``; any other one stops the step (bound flipping, Maros 2003).
* **Primal.** The distance is that to a bound of a basic variable, the rate ``|α_i|``. In phase 2
  every bound stops the step; in phase 1 passing one costs ``|α_i|`` of the slope ``|d_q|`` of the
  sum of infeasibilities.

Breakpoints that a tolerance on the distances can not tell apart form a group, and of the last
group the largest rate is chosen (Harris 1973; Koberstein 2005, section 6.2.2).
"""

from __future__ import annotations

import numpy as np

from ...linalg.cached import inner
from ...linalg.lu import EMPTY
from .state import LOOSE, STUCK, UP

NOBODY = -1
"""No candidate stops the step."""


@inner
def least_pivot(updates):
    """Entries below this are no pivots; older factors are less accurate."""
    return 1e-9 if updates < 10 else (1e-8 if updates < 20 else 1e-7)


@inner
def dual_candidates(point, work, size, sign, least_pivot):
    """Collect the breakpoints of the dual step from the pivotal row; returns their number."""
    d, move, lower, upper = point.d, point.move, point.lower, point.upper
    count = 0
    for k in range(size):
        j = np.uint32(work.alpha_index[k])
        if move[j] == STUCK:
            continue
        rate = sign * work.alpha[j]
        distance = d[j]
        if move[j] == LOOSE:
            rate, distance = abs(rate), 0.0
        elif move[j] != UP:
            rate, distance = -rate, -distance
        if rate > least_pivot:
            work.candidate[count] = j
            work.variable[count] = j
            work.rate[count] = rate
            work.distance[count] = distance
            work.price[count] = rate * (upper[j] - lower[j])
            count += 1
    return count


@inner
def primal_candidates(point, work, size, q, direction, phase1, tolerance, least_pivot):
    """Collect the breakpoints of the primal step from the entering column; returns their number.

    Candidate ``2 i`` is the lower and ``2 i + 1`` the upper bound of the basic variable of row i,
    ``NOBODY`` the opposite bound of the entering variable q itself.
    """
    count = 0
    span = point.upper[q] - point.lower[q]
    if span < np.inf:
        work.candidate[0] = NOBODY
        work.variable[0] = q
        work.rate[0], work.distance[0], work.price[0] = 1.0, span, np.inf
        count = 1
    for k in range(size):
        i = np.uint32(work.column_index[k])
        rate = direction * work.column[i]
        if abs(rate) <= least_pivot:
            continue
        # value falls when the rate is positive: first the bound in front, then the one behind
        for upper_bound in range(2):
            bound = point.high[i] if upper_bound == 1 else point.low[i]
            distance = point.value[i] - bound if rate > 0 else bound - point.value[i]
            inside = distance >= -tolerance
            if not inside or abs(bound) == np.inf:
                continue
            meets = (rate > 0) == (upper_bound == 0)
            if not meets and distance <= tolerance:
                continue
            if not meets and not phase1:
                continue
            work.candidate[count] = 2 * np.int64(i) + upper_bound
            work.variable[count] = point.head[i]
            work.rate[count] = abs(rate)
            work.distance[count] = distance
            work.price[count] = abs(rate) if phase1 else np.inf
            count += 1
    return count


@inner
def _swap(work, a, b):
    for column in (work.rate, work.distance, work.price):
        t = column[a]
        column[a] = column[b]
        column[b] = t
    c = work.candidate[a]
    work.candidate[a] = work.candidate[b]
    work.candidate[b] = c


@inner
def long_step(work, count, slope, tolerance, bland):
    """The candidate at which the step ends, and how many are passed before it.

    Candidates are reordered; those passed come first. The place of the chosen one is returned, or
    ``NOBODY`` when the slope is never used up. ``bland`` stops at the first breakpoint, and of
    equal ones takes the least variable.
    """
    rate, distance, price, group = work.rate, work.distance, work.price, work.group
    if bland:
        chosen, least = NOBODY, np.inf
        for k in range(count):
            t = max(distance[k], 0.0) / rate[k]
            if t < least or (t == least and work.variable[k] < work.variable[chosen]):
                chosen, least = k, t
        return chosen, 0
    step = np.inf
    for k in range(count):
        step = min(step, (distance[k] + tolerance) / rate[k])
    step = 10.0 * step + 1e-7
    near, left = EMPTY, slope
    while near < count:
        for k in range(near, count):
            if distance[k] <= step * rate[k]:
                left -= price[k]
                _swap(work, near, k)
                near += 1
        if left < 0.0 or step == np.inf:
            break
        step *= 10.0
    groups, begin, left, largest = 0, EMPTY, slope, 0.0
    while begin < near and left >= 0.0:
        step, tightest = np.inf, begin
        for k in range(begin, near):
            t = (distance[k] + tolerance) / rate[k]
            if t < step:
                step, tightest = t, k
        group[groups] = begin
        groups += 1
        # the tightest belongs to its group whatever rounding says: each group has a member
        _swap(work, begin, tightest)
        left -= price[begin]
        largest = max(largest, rate[begin])
        begin += 1
        for k in range(begin, near):
            if distance[k] <= step * rate[k]:
                left -= price[k]
                largest = max(largest, rate[k])
                _swap(work, begin, k)
                begin += 1
    group[groups] = begin
    if left > tolerance:
        return NOBODY, 0
    for g in range(groups - 1, -1, -1):
        chosen = group[g]
        for k in range(group[g], group[g + 1]):
            if rate[k] > rate[chosen]:
                chosen = k
        if rate[chosen] >= min(0.1 * largest, 1.0):
            return chosen, group[g]
    return NOBODY, 0
