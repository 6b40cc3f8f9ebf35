"""Methods that the flat loop runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import engines
from .method import Method
from .ops import Ops
from .result import Answer
from .status import RUNNING
from .tree import is_concrete, is_traced


class Iterative(Method):
    """A method made of four pure functions: ``init``, ``step``, ``done``, ``finish``.

    A user may drive them by hand::

        state = method.init(oracle, x, ops)
        while not method.done(state):
            state = method.step(oracle, state, ops)
    """

    max_iterations = 10_000

    @property
    def stalls(self) -> bool:
        """Whether steps without progress end the run: yes for a method that judges its steps."""
        return True

    def init(self, oracle: Any, x: Any, ops: Ops) -> Any:
        """The state before the first evaluation; has a ``progress`` field."""
        raise NotImplementedError

    def step(self, oracle: Any, state: Any, ops: Ops) -> Any:
        """The state after one more evaluation."""
        raise NotImplementedError

    def done(self, state: Any) -> Any:
        """Whether the method itself has ended."""
        return state.progress.code != RUNNING

    def finish(self, state: Any) -> Any:
        """The flat point that the state stands for."""
        return state.progress.x

    def solve(self, problem: Any, request: engines.Request) -> Answer:
        """Run on the engine asked for, or inside the transformation that is tracing."""
        if request.start is not None:
            problem = problem.starting_at(request.start.x)
        if request.x0 is not None:
            problem = problem.starting_at(request.x0)
        limit = self.max_iterations if request.max_iterations is None else request.max_iterations
        tol = request.tol
        if tol is None:
            tol = 1e-8 if problem.dtype == np.float64 else 1e-4
        concrete = is_concrete(self) and is_concrete(problem)
        if not concrete or is_traced((request.stop, tol, limit)):
            return engines.traced(self, problem, request, tol, limit)
        return engines.Run(self, problem, request, tol, limit).answer(request.engine)
