"""Several methods on one problem, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .core.method import Method
from .core.result import Result
from .minimize import _as_problem, applicable, minimize


class Comparison:
    """What :func:`compare` returns: a sequence of results that prints as a table.

    Attributes
    ----------
    results : list of Result
        In the order of the methods, each with its history.
    """

    def __init__(self, problem: Any, results: list[Result]) -> None:
        self.problem, self.results = problem, results

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __getitem__(self, name: str | int) -> Result:
        """By position, or by the method's name."""
        if isinstance(name, int):
            return self.results[name]
        for result in self.results:
            if result.method.name == name:
                return result
        raise KeyError(f"no result of {name!r}; there are {[r.method.name for r in self]}")

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary per method: name, status, success, fun, worst residual, counts, time."""
        return [
            {
                "method": r.method.name,
                "status": r.status.name,
                "success": r.success,
                "fun": r.fun,
                "residual": float(r.certificate.worst),
                "nit": r.nit,
                "nfev": r.nfev,
                "njev": r.njev,
                "nhev": r.nhev,
                "seconds": r.seconds,
            }
            for r in self
        ]

    def __repr__(self) -> str:
        head = f"{'method':<20}{'status':<17}{'fun':>17}{'residual':>11}{'nit':>7}{'nfev':>7}"
        head += f"{'nhev':>6}{'ms':>9}"
        lines = [
            f"{row['method']:<20}{row['status']:<17}{row['fun']:>17.9g}{row['residual']:>11.1e}"
            f"{row['nit']:>7}{row['nfev']:>7}{row['nhev']:>6}{row['seconds'] * 1e3:>9.3g}"
            for row in self.rows()
        ]
        return "\n".join([head, *lines])

    def plot(self, **options: Any) -> Any:
        """Convergence curves of all methods in one picture (needs the ``plot`` extra)."""
        from .plotting import plot_convergence

        return plot_convergence(self.results, **options)


def compare(
    problem: Any, methods: Iterable[str | Method] | None = None, **request: Any
) -> Comparison:
    """Solve a problem with every method that applies: answer, proof and cost of each.

    Parameters
    ----------
    problem : problem object or callable (with ``x0=``)
    methods : names or method objects, optional
        Default: all that can solve this instance.
    **request
        Passed to :func:`minimize` (``tol``, ``max_iterations``, ``max_seconds``, ...).

    Examples
    --------
    >>> import optlib as ol
    >>> bowl = ol.Smooth(lambda x: x[0] ** 2 + 9 * x[1] ** 2, [1.0, 1.0])
    >>> table = ol.compare(bowl, ["newton", "bfgs"])
    >>> table["newton"].nit
    1
    """
    problem, x0 = _as_problem(problem, request.pop("x0", None))
    if x0 is not None:
        problem = problem.starting_at(x0)
    request.setdefault("trace", True)
    chosen = applicable(problem) if methods is None else list(methods)
    return Comparison(problem, [minimize(problem, method, **request) for method in chosen])
