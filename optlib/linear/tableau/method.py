"""The simplex method on the full tableau, for small programs and for people who learn it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ...core.engines import ProgressInfo, Request
from ...core.errors import did_you_mean
from ...core.method import register
from ...core.result import Answer
from ...core.status import Status
from ...core.tree import is_traced, pytree, static
from ..exact import ExactProof
from ..forms import RowMap
from ..method import LinearMethod, conclude
from ..problem import LinearProgram
from ..range_form import Solution
from .history import History, Step, text
from .numbers import FLOATS, RATIONALS
from .proof import proved
from .rules import RULES
from .state import Layout, State

LARGEST = 1_000_000
"""Entries of the largest tableau in float64 (rows times columns, slacks included)."""

LARGEST_EXACT = 20_000
"""The same in rationals, whose operations take a thousand times longer."""

RECORDED = 20_000
"""Tableaux of more entries than this are not kept in the trace."""

PIVOTS = 50_000
"""The limit of pivots when none is given."""

REFRESHED = 100
"""Pivots in float64 until the tableau is computed anew from its basis."""

CYCLING = ("bland", "stop")


@register("tableau", LinearProgram)
@pytree
class Tableau(LinearMethod):
    r"""The two-phase simplex method on the full tableau, with every tableau in the trace.

    The program is brought to standard form (:meth:`LinearProgram.standard_form`), its rows to
    ``b >= 0``. Phase 1 minimises the sum w of artificial variables, phase 2 the cost z. Each pivot
    brings in a column of negative reduced cost ``d_j = c_j - c_Bᵀ B⁻¹ a_j`` and takes out the row
    of the smallest ratio ``(B⁻¹b)_i / (B⁻¹a_j)_i`` over the positive entries.

    Parameters
    ----------
    rule : {"dantzig", "bland", "steepest_edge", "greatest_improvement", "lexicographic"}
        What enters, and what leaves among equal ratios:

        - ``dantzig``: the most negative reduced cost; the lowest index leaves;
        - ``bland``: the lowest index enters and leaves (cannot cycle);
        - ``steepest_edge``: the most negative ``d_j / sqrt(1 + |B⁻¹a_j|²)``; the lowest index;
        - ``greatest_improvement``: the largest fall of the cost; the lowest index;
        - ``lexicographic``: the most negative reduced cost; the lexicographically smallest row of
          ``B⁻¹B_0``, divided by its pivot (cannot cycle).
    exact : bool
        Compute in rationals, without any rounding; ``result.exact``, an
        :class:`~optlib.linear.exact.ExactProof`, has the answer as ``fractions.Fraction`` and its
        proof. Data are read as the simple fractions that they are the nearest float64 of: 0.1 is
        1/10. (``result.certificate.verify(exact=True)`` takes the float64 numbers as they are.)
    cycling : {"bland", "stop"}
        What to do when a basis comes back: go on with Bland's rule until the cost falls, so that
        every rule ends, or stop and say so (``STALLED``), to watch a rule cycle.

    Notes
    -----
    With ``trace=True`` the result's ``trace`` is a sequence of
    :class:`~optlib.linear.tableau.history.Step`: the tableau with its pivot, ratios and objective.
    It prints as text, shows itself as HTML in notebooks, and has ``to_latex()``. ``trace.x`` is
    the path in the problem's variables, which ``result.plot()`` draws for two or three variables.
    Tableaux of more than 20,000 entries are not kept.

    **Why it ends.** While the cost stands still no basis occurs twice under Bland's rule (Bland
    1977) or the lexicographic one (Dantzig, Orden & Wolfe 1955), and a cost once left does not
    return. The other rules are handed to Bland's when a basis comes back.

    Rounding voids such proofs: in float64 an equal ratio whose pivot is ten times smaller than the
    largest one's is passed over, and the tableau is computed anew from its basis every 100 pivots
    and before the end of a phase.

    Programs of more than a million entries (20,000 in rationals) are refused: ``simplex`` and
    ``highs`` are made for those.

    Examples
    --------
    >>> import optlib as ol
    >>> wood = ol.LinearProgram([-3.0, -2.0], A_ub=[[2.0, 1.0], [1.0, 3.0]], b_ub=[4.0, 6.0])
    >>> result = ol.minimize(wood, "tableau", exact=True, trace=True)
    >>> print(*result.exact.x, result.exact.fun)
    6/5 8/5 -34/5
    >>> print(result.trace[1])
    Tableau 1, phase 2: x1 enters, s1 leaves, z falls by 4/5
       | x0     x1    s0  s1 |  b | ratio
    ---+---------------------+----+------
    x0 |  1    1/2   1/2   0 |  2 |     4
    s1 |  0  [5/2]  -1/2   1 |  4 |   8/5
    ---+---------------------+----+------
     z |  0   -1/2   3/2   0 | -6 |
    """

    rule: str = static(default="dantzig")
    exact: bool = static(default=False)
    cycling: str = static(default="bland")

    needs = "c, A, b"
    rate = "finite (simplex)"
    reference = "Dantzig 1951; Bland 1977; Bertsimas & Tsitsiklis 1997, sections 3.2 to 3.5"

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"rule: found {self.rule!r}; {did_you_mean(self.rule, RULES)}")
        if self.cycling not in CYCLING:
            raise ValueError(f"cycling: found {self.cycling!r}, needed one of {', '.join(CYCLING)}")

    def refusal(self, problem: Any) -> str | None:
        refused = super().refusal(problem)
        if refused is not None or is_traced(problem):
            return refused
        size, most = Layout(problem).size, LARGEST_EXACT if self.exact else LARGEST
        if size <= most:
            return None
        kind = "rational" if self.exact else "float64"
        return f"its tableau has {size:,} entries, more than {most:,} {kind} ones"

    def solve(self, problem: LinearProgram, request: Request) -> Answer:
        request = self.checked(problem, request)
        rows = problem.two_sided[1]
        run = _Run(self, problem, request)
        solution = run.solution(rows)
        trace = run.history() if request.trace else None
        answer = conclude(problem, rows, solution, request.tol, trace)
        if not self.exact:
            return answer
        return answer._replace(views={**answer.views, "exact": run.proof(solution.status)})

    def checked(self, problem: LinearProgram, request: Request) -> Request:
        if request.stop is not None:
            raise ValueError(
                "stop: found one, needed none (max_iterations, max_seconds and callback stop it)"
            )
        return super().checked(problem, request)


class _Stopped(Exception):
    """The run ends before its time."""

    def __init__(self, status: Status, note: str = "") -> None:
        super().__init__(note)
        self.status, self.note = status, note


class _Run:
    """One run: the state, the limits, the memory of bases, and the history."""

    def __init__(self, method: Tableau, problem: LinearProgram, request: Request) -> None:
        self.method, self.problem, self.request = method, problem, request
        self.began = time.perf_counter()
        self.state = State(problem, RATIONALS if method.exact else FLOATS)
        limit = request.max_iterations
        self.limit = PIVOTS if limit is None else limit
        self.nit = 0
        self.notes: list[str] = []
        self.steps: list[Step] = []
        self.seen: dict[bytes, int] = {}
        self.rule = RULES[method.rule]
        self.endless: int | None = None
        self.fresh, self.handed_over = True, False
        self.names = self.state.names()
        self.kept = request.trace and self.state.entries.size <= RECORDED
        if request.trace and not self.kept:
            self.notes.append(f"tableaux of more than {RECORDED:,} entries are not kept")

    # -------------------------------------------------------------- the two phases

    def solution(self, rows: RowMap) -> Solution:
        """Run, and put the outcome in the words of the two-sided form."""
        try:
            status = self._phases()
        except _Stopped as stop:
            status = stop.status
            self._end(stop.note or "stopped")
            self.notes += [stop.note] if stop.note else []
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        state = self.state
        x, y = state.point().astype(float), rows.gather(state.multipliers().astype(float))
        basis = state.range_basis(rows) if state.phase == 2 else None
        ray = -y if status is Status.INFEASIBLE else self._direction()
        ray = None if ray is None else ray.astype(float)
        return Solution(status, x, y, basis, ray, self.nit, "; ".join(self.notes))

    def proof(self, status: Status) -> ExactProof:
        """The last tableau's answer, unrounded, and whether it is one."""
        state = self.state
        return proved(self.problem, status, state.point(), state.multipliers(), self._direction())

    def history(self) -> History:
        """The tableaux that were kept."""
        return History.of(self.steps, self.problem.n, self.state.meanings())

    def _direction(self) -> np.ndarray | None:
        """Where the cost falls for ever."""
        return None if self.endless is None else self.state.direction(self.endless)

    def _phases(self) -> Status:
        state = self.state
        if state.artificial.any():
            state.begin_phase(1)
            self._descend()
            if not state.is_feasible():
                self._end("w > 0, no point is feasible")
                return Status.INFEASIBLE
            self._drive_out()
            self._end("w = 0, feasible")
            state.begin_phase(2)
        self.endless = self._descend()
        if self.endless is None:
            self._end("optimal")
            return Status.OPTIMAL
        self._end("z falls for ever", self.endless)
        return Status.UNBOUNDED

    def _descend(self) -> int | None:
        """Pivot until no reduced cost is negative, or return a column that no row bounds."""
        state = self.state
        self._forget()
        while True:
            columns = state.candidates()
            column = self.rule.entering(state, columns) if columns.size else None
            ratios = [] if column is None else state.ratios(column)
            if column is None or all(ratio is None for ratio in ratios):
                if self.fresh:
                    return column
                self._refresh()
                continue
            row = self.rule.leaving(state, column, state.tied(column, ratios))
            self._pivot(row, column, ratios)
            if self.nit % REFRESHED == 0:
                self._refresh()

    def _drive_out(self) -> None:
        """Artificial variables at zero leave for any column; where none can, the row says 0 = 0."""
        state = self.state
        for row in np.flatnonzero(state.artificial).tolist():
            entries = abs(state.body[row, : state.layout.width])
            column = int(np.argmax(entries))
            if entries[column] > state.numbers.tiny:
                self._pivot(row, column, [])
            else:
                equation = int(np.flatnonzero(state.unit == state.basis[row])[0])
                self.notes.append(f"{self.problem.labels.eq[equation]} follows from other rows")

    def _pivot(self, row: int, column: int, ratios: list[Any]) -> None:
        """One step, with everything that watches it."""
        state = self.state
        self._check_limits()
        step = ratios[row] if ratios else 0 * state.right[row]
        self._record(column, row, ratios, step)
        state.pivot(row, column)
        self.nit += 1
        self.fresh = state.numbers.exact
        if step > state.numbers.tie:
            self._forget()
        self._remember()
        self._call_back(step)

    def _refresh(self) -> None:
        self.state.refresh()
        self.fresh = True

    # -------------------------------------------------------------- cycling

    def _forget(self) -> None:
        """The objective fell, so that no earlier basis can come back."""
        self.rule = RULES[self.method.rule]
        self.seen = {np.sort(self.state.basis).tobytes(): self.nit}

    def _remember(self) -> None:
        """Note the basis; when it was there before, hand over to Bland's rule or stop."""
        key = np.sort(self.state.basis).tobytes()
        before = self.seen.setdefault(key, self.nit)
        if before == self.nit or self.rule is RULES["bland"]:
            return
        cycle = f"the basis of tableau {before} came back after {self.nit - before} pivots"
        if self.method.cycling == "stop":
            raise _Stopped(Status.STALLED, f"the method cycles: {cycle}")
        if not self.handed_over:
            self.notes.append(f"{cycle}, Bland's rule took over")
        self.handed_over = True
        self.rule = RULES["bland"]

    # -------------------------------------------------------------- limits, callback, history

    def _check_limits(self) -> None:
        if self.nit >= self.limit:
            raise _Stopped(Status.ITERATION_LIMIT)
        limit = self.request.max_seconds
        if limit is not None and time.perf_counter() - self.began >= limit:
            raise _Stopped(Status.TIME_LIMIT)

    def _call_back(self, step: Any) -> None:
        if self.request.callback is None:
            return
        state = self.state
        slope = float(-state.costs[: state.layout.width].min(initial=0))
        seconds = time.perf_counter() - self.began
        x = state.point().astype(float)
        info = ProgressInfo(self.nit, float(state.cost()), slope, float(step), x, seconds)
        if self.request.callback(info):
            raise _Stopped(Status.INTERRUPTED)

    def _record(self, column: int, row: int, ratios: list[Any], step: Any) -> None:
        """The tableau at hand with the pivot chosen on it."""
        if not self.kept:
            return
        state, cost = self.state, "w" if self.state.phase == 1 else "z"
        fall = -state.costs[column] * step
        change = f"falls by {text(fall)}" if fall > state.numbers.tie else "stays"
        entering, leaving = self.names[column], self.names[state.basis[row]]
        note = f"{entering} enters, {leaving} leaves, {cost} {change}"
        pivot = state.body[row, column]
        self.steps.append(
            state.step(self.nit, note, entering, leaving, pivot, tuple(ratios), self.names)
        )

    def _end(self, note: str, column: int | None = None) -> None:
        """The last tableau of a phase."""
        if self.kept:
            name = None if column is None else self.names[column]
            note = note if name is None else f"{name} enters, no row bounds it, {note}"
            self.steps.append(self.state.step(self.nit, note, name, None, None, (), self.names))
