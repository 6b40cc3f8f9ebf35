"""Stopping criteria on given numbers: when each is met, and how they combine."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optlib as ol
from optlib.core.loop import Progress

BOTH = pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])


def progress(xp: Any = np, x: Any = (3.0, 4.0), **values: Any) -> Progress:
    """Iterate 5 with f = -2, after a decrease of 0.02 by a step of length 0.01."""
    numbers = {"fun": -2.0, "grad_norm": 1e-3, "step_norm": 0.01, "decrease": 0.02, **values}
    nit = xp.asarray(numbers.pop("nit", 5))
    x = xp.asarray(x, dtype=xp.float32 if xp is jnp else xp.float64)
    reals = {name: xp.asarray(value, dtype=x.dtype) for name, value in numbers.items()}
    return Progress.start(x, xp)._replace(nit=nit, **reals)


def met(stop: ol.Criterion, at: Progress, seconds: float = 1.0, xp: Any = np) -> bool:
    return bool(stop.met(at, seconds, xp))


@BOTH
@pytest.mark.parametrize(
    ("at_the_limit", "below_it"),
    [
        (ol.GradNorm(1.001e-3), ol.GradNorm(0.999e-3)),
        (ol.AbsoluteDecrease(0.0201), ol.AbsoluteDecrease(0.0199)),
        (ol.RelativeDecrease(0.01001), ol.RelativeDecrease(0.00999)),  # 0.02 / |-2|
        (ol.StepNorm(0.0101), ol.StepNorm(0.0099)),
        (ol.RelativeStep(0.00201), ol.RelativeStep(0.00199)),  # 0.01 / ||(3, 4)||
        (ol.TargetValue(-1.99), ol.TargetValue(-2.01)),
        (ol.MaxIterations(5), ol.MaxIterations(6)),
        (ol.MaxSeconds(0.99), ol.MaxSeconds(1.01)),
    ],
    ids=lambda stop: type(stop).__name__,
)
def test_a_criterion_is_met_from_its_threshold_on(
    at_the_limit: ol.Criterion, below_it: ol.Criterion, xp: Any
) -> None:
    assert met(at_the_limit, progress(xp), xp=xp)
    assert not met(below_it, progress(xp), xp=xp)


@pytest.mark.parametrize(
    "stop",
    [ol.RelativeDecrease(1.0), ol.AbsoluteDecrease(1.0), ol.StepNorm(1.0), ol.RelativeStep(1.0)],
    ids=lambda stop: type(stop).__name__,
)
def test_a_change_is_not_judged_before_there_was_a_step(stop: ol.Criterion) -> None:
    assert met(stop, progress(nit=1))
    assert not met(stop, progress(nit=0, step_norm=0.0, decrease=0.0))


@pytest.mark.parametrize(
    "stop",
    [
        ol.GradNorm(1.0), ol.RelativeDecrease(1.0), ol.AbsoluteDecrease(1.0), ol.StepNorm(1.0),
        ol.RelativeStep(1.0), ol.TargetValue(1.0),
    ],
    ids=lambda stop: type(stop).__name__,
)  # fmt: skip
def test_nan_meets_no_criterion(stop: ol.Criterion) -> None:
    nan = dict.fromkeys(("fun", "grad_norm", "step_norm", "decrease"), np.nan)
    assert not met(stop, progress(**nan))


def test_an_increase_counts_by_its_size() -> None:
    assert not met(ol.AbsoluteDecrease(0.01), progress(decrease=-0.02))
    assert met(ol.AbsoluteDecrease(0.03), progress(decrease=-0.02))


# ------------------------------------------------------------------ combinations

YES, NO = ol.MaxIterations(1), ol.MaxIterations(99)
pairs = st.recursive(
    st.booleans(),
    lambda inner: st.tuples(st.sampled_from("&|"), inner, inner),
    max_leaves=8,
)


def as_criterion(formula: Any) -> ol.Criterion:
    if isinstance(formula, bool):
        return YES if formula else NO
    sign, a, b = formula
    a, b = as_criterion(a), as_criterion(b)
    return a & b if sign == "&" else a | b


def truth(formula: Any) -> bool:
    if isinstance(formula, bool):
        return formula
    sign, a, b = formula
    return (truth(a) and truth(b)) if sign == "&" else (truth(a) or truth(b))


def atoms(formula: Any) -> list[bool]:
    return [formula] if isinstance(formula, bool) else atoms(formula[1]) + atoms(formula[2])


@given(pairs)
def test_and_and_or_are_those_of_logic(formula: Any) -> None:
    stop, at = as_criterion(formula), progress()
    assert met(stop, at) == truth(formula)
    assert [bool(hit) for hit in stop.fired(at, 1.0, np)] == atoms(formula)
    assert len(stop.leaves()) == len(atoms(formula))


def test_and_binds_more_than_or_in_what_is_printed_too() -> None:
    stop = ol.GradNorm(1e-6) | ol.RelativeDecrease(1e-9) & ol.RelativeStep(1e-9)
    assert repr(stop) == "GradNorm(1e-06) | (RelativeDecrease(1e-09) & RelativeStep(1e-09))"


@given(pairs)
def test_what_is_printed_is_the_same_criterion(formula: Any) -> None:
    stop = as_criterion(formula)
    again = eval(repr(stop), vars(ol))
    assert met(again, progress()) == truth(formula)


def test_the_numbers_are_traced_and_the_form_is_structure() -> None:
    form = jax.tree.structure(ol.GradNorm(1e-6) | ol.MaxSeconds(2.0))
    assert jax.tree.structure(ol.GradNorm(1e-3) | ol.MaxSeconds(5.0)) == form
    assert jax.tree.structure(ol.GradNorm(1e-6) & ol.MaxSeconds(2.0)) != form
    assert jax.tree.leaves(ol.GradNorm(1e-6) | ol.MaxSeconds(2.0)) == [1e-6, 2.0]


def test_only_time_is_a_time_limit() -> None:
    timed = [s for s in (YES, ol.GradNorm(1.0), ol.MaxSeconds(1.0)) if s.ends_as_time_limit]
    assert [type(s) for s in timed] == [ol.MaxSeconds]


@pytest.mark.parametrize("kind", [ol.GradNorm, ol.StepNorm, ol.MaxSeconds, ol.MaxIterations])
@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_a_threshold_is_not_negative(kind: Any, value: float) -> None:
    with pytest.raises(ValueError, match=f"{kind.__name__}: found {value}"):
        kind(value)


def test_a_target_may_be_any_number() -> None:
    assert met(ol.TargetValue(-1.0), progress())
