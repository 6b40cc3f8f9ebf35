"""The registry: one name may mean different methods for different classes."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

import optlib as ol
from optlib.core import method as registry
from optlib.core.errors import did_you_mean
from optlib.core.method import Method, build, find, register, registered
from optlib.core.tree import pytree
from optlib.minimize import applicable, recommended

CLASSES = (ol.Smooth, ol.NonlinearLeastSquares, ol.LeastSquares, ol.Composite)
ENTRIES = {
    entry.method_class: entry for kind in CLASSES for entry in registered(kind).values()
}.values()  # fmt: skip
each_method = pytest.mark.parametrize(
    "cls", [entry.method_class for entry in ENTRIES], ids=lambda cls: cls.__name__
)


class Base:
    """A problem class, and a derived one below."""


class Derived(Base):
    pass


@pytest.fixture
def empty_registry(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A registry of its own for a test; the true one is back afterwards."""
    monkeypatch.setattr(registry, "_REGISTRY", {})
    registered.cache_clear()
    yield
    registered.cache_clear()


@pytree
class First(Method):
    """One method."""

    size: float = 1.0


@pytree
class Second(Method):
    """Another method, without options."""


@pytest.mark.usefixtures("empty_registry")
def test_one_name_means_different_methods_for_different_classes() -> None:
    register("auction", Base)(First)
    register("auction", Derived)(Second)
    assert find(Base(), "auction") is First
    assert find(Derived(), "auction") is Second


@pytest.mark.usefixtures("empty_registry")
def test_a_class_inherits_the_methods_of_its_ancestors_after_its_own() -> None:
    register("general", Base)(First)
    register("special", Derived)(Second)
    assert list(registered(Derived)) == ["special", "general"]
    assert list(registered(Base)) == ["general"]


@pytest.mark.usefixtures("empty_registry")
def test_a_name_is_registered_once_per_class() -> None:
    register("auction", Base)(First)
    with pytest.raises(ValueError, match=r"'auction' is registered twice for .*Base"):
        register("auction", Base)(Second)


@pytest.mark.usefixtures("empty_registry")
def test_a_method_of_another_class_is_refused_by_naming_that_class() -> None:
    register("general", Base)(First)
    register("special", Derived)(Second)
    with pytest.raises(ol.NotSupportedError, match=r"'special' solves Derived, not Base.*general"):
        find(Base(), "special")


@pytest.mark.parametrize("spelling", ["newton_cg", "Newton-CG", "NEWTON CG", "NewtonCG"])
def test_a_name_is_found_in_any_spelling(spelling: str) -> None:
    assert find(ol.Smooth(np.sum, 1.0), spelling) is ol.NewtonCG


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("bfsg", "did you mean 'bfgs'"),
        ("lbfg", "'lbfgs'"),
        ("gradient", "'gradient_descent'"),
        ("zzz", "known: bfgs, gradient_descent, lbfgs"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest_ones_or_with_all(word: str, hint: str) -> None:
    assert hint in did_you_mean(word, ["lbfgs", "bfgs", "gradient_descent"])


def test_an_unknown_option_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(TypeError, match="no option 'stepp'; did you mean 'step'"):
        build(ol.GradientDescent, {"stepp": 1.0})


def test_direct_methods_solve_linear_least_squares_only() -> None:
    direct = {"qr", "svd", "lsqr", "lsmr"}
    assert direct <= set(registered(ol.LeastSquares))
    assert not direct & set(registered(ol.Smooth))
    assert not direct & set(registered(ol.NonlinearLeastSquares))


def test_no_method_that_ignores_the_regularizer_claims_a_composite_problem() -> None:
    problem = ol.Composite(np.sum, np.ones(2), ol.L1(1.0))
    assert {method.name for method in applicable(problem)} == {"ista", "fista", "admm"}
    assert {row.name for row in ol.methods(problem)} == {"ista", "fista", "admm"}


def test_no_method_that_ignores_bounds_claims_a_bounded_problem() -> None:
    problem = ol.Smooth(np.sum, np.ones(2), lower=0.0)
    assert {method.name for method in applicable(problem)} == {"projected_gradient", "lbfgsb"}


@pytest.mark.parametrize(
    ("problem", "name"),
    [
        (ol.Smooth(np.sum, np.ones(2)), "bfgs"),
        (ol.Smooth(np.sum, np.ones(501)), "lbfgs"),
        (ol.Smooth(np.sum, np.ones(2), upper=3.0), "lbfgsb"),
        (ol.NonlinearLeastSquares(np.sum, np.ones(2)), "levenberg_marquardt"),
        (ol.NonlinearLeastSquares(np.sum, np.ones(2), lower=0.0), "lbfgsb"),
        (ol.LeastSquares(np.eye(2), np.ones(2)), "qr"),
        (ol.Composite(np.sum, np.ones(2), ol.L1(1.0)), "fista"),
    ],
)
def test_the_recommended_method_depends_on_the_instance_and_solves_it(
    problem: Any, name: str
) -> None:
    assert recommended(problem).name == name
    assert name in {method.name for method in applicable(problem)}


# ------------------------------------------------------------------ every registered method


@each_method
def test_a_method_says_what_it_needs_its_rate_and_its_reference(cls: type[Method]) -> None:
    for fact in (cls.needs, cls.rate, cls.reference, cls.__doc__):
        assert fact and fact.strip()


@each_method
def test_a_method_is_public_under_its_class_name(cls: type[Method]) -> None:
    assert getattr(ol, cls.__name__) is cls
    assert cls.__name__ in ol.__all__


@each_method
def test_default_options_print_as_nothing(cls: type[Method]) -> None:
    assert repr(cls()) == f"{cls.__name__}()"


@pytest.mark.parametrize(
    "method",
    [
        ol.Newton(step=0.5),
        ol.Newton(shrink=0.25, safeguard=False),
        ol.GradientDescent(step="exact"),
        ol.HeavyBall(step=0.1, momentum=0.5),
        ol.Adam(step=ol.Exponential(0.1, 0.9), decay1=0.5),
        ol.LBFGS(memory=3),
        ol.LevenbergMarquardt(damping=1.0),
        ol.FISTA(shrink=0.25),
    ],
    ids=lambda method: type(method).__name__,
)
def test_what_a_method_prints_builds_it_again(method: Method) -> None:
    again = eval(repr(method), vars(ol))
    assert jax.tree.structure(again) == jax.tree.structure(method)
    assert jax.tree.leaves(again) == jax.tree.leaves(method)


@each_method
def test_a_method_is_frozen(cls: type[Method]) -> None:
    method = cls()
    fields = [f.name for f in dataclasses.fields(method)] or ["name"]  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(method, fields[0], 1.0)
