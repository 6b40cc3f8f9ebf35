"""From the middle of the optimal face to a vertex."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optlib as ol
from optlib import problems
from optlib.linear.range_form import BASIC
from optlib.problems import data


def ends_at_a_vertex(problem: ol.LinearProgram) -> ol.Result:
    result = ol.minimize(problem, "interior_point", crossover=True)
    assert result.success and result.status is ol.Status.OPTIMAL
    basis = result.basis
    rows = problem.to_range_form().A.shape[0]
    assert np.sum(basis.rows == BASIC) + np.sum(basis.columns == BASIC) == rows
    assert result.certificate.verify(exact=True)
    return result


def test_a_whole_edge_is_optimal() -> None:
    face = ol.LinearProgram([1.0, 1.0, 2.0], A_eq=[[1.0, 1.0, 1.0]], b_eq=[2.0])
    middle = ol.minimize(face, "interior_point", presolve=False)
    vertex = ends_at_a_vertex(face)
    assert np.sum(middle.x > 0.1) == 2 and np.sum(vertex.x > 0.1) == 1
    assert vertex.fun == pytest.approx(middle.fun)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_random_degenerate_programs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    A = rng.integers(-2, 3, (4, 7)).astype(float)
    b = A @ rng.integers(0, 3, 7)
    c = A.T @ rng.integers(-2, 3, 4) + rng.integers(0, 3, 7)
    problem = ol.LinearProgram(c, A_eq=A, b_eq=b)
    vertex = ends_at_a_vertex(problem)
    assert vertex.fun == pytest.approx(ol.minimize(problem, "highs").fun, abs=1e-9)


@pytest.mark.skipif(not data.available("netlib"), reason="OPTLIB_DATA names no Netlib folder")
@pytest.mark.parametrize("name", ["afiro", "share2b", "scfxm1"])
def test_netlib(name: str) -> None:
    problem, known = problems.netlib(name), problems.lp_data.table()[name].optimal
    assert ends_at_a_vertex(problem).fun == pytest.approx(known, rel=1e-11)
