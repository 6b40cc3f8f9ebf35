"""Linear programs from other libraries' models."""

from __future__ import annotations

from typing import Any

import numpy as np

from .names import Names


def from_cvxpy(problem: Any) -> dict[str, Any]:
    """The arguments of ``LinearProgram`` from a CVXPY problem.

    The columns are the entries of CVXPY's variables (its own helpers included) in column-major
    order, named ``name`` or ``name[k]``. A maximisation enters as its negative.

    Raises
    ------
    TypeError, ValueError
        For anything but a linear (or integer linear) problem.
    """
    if not hasattr(problem, "get_problem_data"):
        raise TypeError(f"problem: found {type(problem).__name__}, needed a cvxpy.Problem")
    from cvxpy.error import DCPError, SolverError

    try:
        data, _, _ = problem.get_problem_data("SCIPY")
    except (DCPError, SolverError) as error:
        raise ValueError(f"problem: found no linear program ({error})") from None
    program = data["param_prob"]
    n = data["c"].size
    lower = _bound(data.get("lower_bounds"), -np.inf, n)
    upper = _bound(data.get("upper_bounds"), np.inf, n)
    binary, whole = list(data["bool_vars_idx"]), list(data["int_vars_idx"])
    integer = np.zeros(n, dtype=bool)
    integer[binary + whole] = True
    lower[binary], upper[binary] = np.maximum(lower[binary], 0), np.minimum(upper[binary], 1)
    return {
        "c": data["c"], "A_eq": data.get("A"), "b_eq": data.get("b"), "A_ub": data.get("G"),
        "b_ub": data.get("h"), "lower": lower, "upper": upper,
        "integer": integer if integer.any() else None,
        "offset": float(program.apply_parameters()[1]), "names": Names(_columns(program, n)),
    }  # fmt: skip


def _bound(values: Any, none: float, n: int) -> np.ndarray:
    return np.full(n, none) if values is None else np.array(values, dtype=float)


def _columns(program: Any, n: int) -> tuple[str, ...]:
    names = [f"x{j}" for j in range(n)]
    for variable in program.variables:
        first, name = program.var_id_to_col[variable.id], variable.name()
        for k in range(variable.size):
            names[first + k] = name if variable.size == 1 else f"{name}[{k}]"
    return tuple(names)
