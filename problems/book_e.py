"""Smooth problems of book E: small networks whose loss is not convex, and interpolation."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from optlib import LeastSquares, NonlinearLeastSquares, Smooth

from .catalog import Answer, register


@register(
    "one_point_parabola",
    title="A parabola through one point: infinitely many fit",
    source="E 1.3",
    answer=Answer(fun=0.0, x=[4 / 7, 2 / 7, 1 / 7], tol=1e-12),
    methods=("svd", "lsqr"),
    tags=("convex", "least_squares", "underdetermined", "nonunique"),
    notes="Through (2,3), highest power first; the shortest coefficient vector is recorded.",
)
def one_point_parabola() -> LeastSquares:
    return LeastSquares(np.vander([2.0], 3), np.array([3.0]))


def _cosine_well(x: Array) -> Array:
    return 1 - jnp.cos(x)


@register(
    "cosine_well",
    title="A bounded loss with a bounded, Lipschitz gradient",
    source="E 2 thm. 2.3",
    answer=Answer(fun=0.0, tol=1e-12),
    methods=("gradient_descent",),
    tags=("nonconvex", "one_variable", "periodic", "nonunique"),
    notes="Starts at 2, where the curvature is negative: pure Newton runs to the maximum at pi.",
)
def cosine_well() -> Smooth:
    return Smooth(_cosine_well, 2.0)


def _tanh_unit(x: dict[str, Array], target: Array) -> Array:
    return (target - x["outer"] * jnp.tanh(x["inner"])) ** 2


@register(
    "tanh_unit",
    title="One hidden unit, one sample: already not convex",
    source="E 3 ex. 3.1",
    answer=Answer(fun=0.0, tol=1e-10),
    methods=("gradient_descent", "bfgs"),
    tags=("nonconvex", "network", "pytree", "nonunique"),
    notes="Zero at (1,1) and at (-1,-1) but .58 halfway between; the minima form two curves.",
)
def tanh_unit() -> Smooth:
    start = {"inner": np.array(0.5), "outer": np.array(0.5)}
    return Smooth(_tanh_unit, start, args=(math.tanh(1.0),))


def _relu_unit(x: dict[str, Array], inputs: Array, targets: Array) -> Array:
    hidden = jax.nn.relu(x["inner"] * inputs + x["inner_bias"])
    return jnp.mean((x["outer"] * hidden + x["outer_bias"] - targets) ** 2)


_RELU_NAMES = ("outer", "inner", "inner_bias", "outer_bias")
_DEAD, _ALIVE = (1.5, 2.0, -3.0, 2.0), (1.0, 1.0, 0.5, 0.0)


@register(
    "dead_unit",
    title="A dead ReLU unit sits in a local minimum that is not global",
    source="E 3 ex. 3.2",
    answer=Answer(fun=(1.0, 0.0), tol=1e-10),
    methods=("gradient_descent",),
    tags=("nonconvex", "network", "pytree", "several_minima", "nonunique", "kinks"),
    notes="The gradient at the start is exactly zero, and nothing nearby is lower than 1; "
    "alive=True starts where the unit works and 0 is reached.",
)
def dead_unit(alive: bool = False) -> Smooth:
    start = dict(zip(_RELU_NAMES, map(np.array, _ALIVE if alive else _DEAD), strict=True))
    return Smooth(_relu_unit, start, args=(np.array([0.0, 1.0]), np.array([1.0, 3.0])))


def _chain_residual(x: dict[str, Array], target: Array) -> Array:
    signal = 1.0
    for weight in x["hidden"]:
        signal = jax.nn.sigmoid(weight * signal)
    return jnp.atleast_1d(target - x["output"] * signal)


def _chain(x: dict[str, Array], target: Array) -> Array:
    return jnp.sum(_chain_residual(x, target) ** 2)


@register(
    "sigmoid_chain",
    title="Gradients vanish along a chain of sigmoid units",
    source="E 4 ex. 4.1",
    answer=Answer(fun=0.0, tol=1e-10),
    methods=("gradient_descent", "adam"),
    tags=("nonconvex", "network", "pytree", "nonunique"),
    notes="From weights 1/2 each layer back has a gradient about 8.16 times smaller (bound: 2).",
)
def sigmoid_chain(layers: int = 5) -> Smooth:
    start = {"hidden": np.full(layers, 0.5), "output": np.array(0.5)}
    return Smooth(_chain, start, args=(1.0,))


@register(
    "sigmoid_chain_residual",
    title="The chain of sigmoid units as one nonlinear equation",
    source="E 4 ex. 4.1",
    answer=Answer(fun=0.0, tol=1e-10),
    methods=("gauss_newton", "levenberg_marquardt"),
    tags=(
        "nonconvex",
        "nonlinear_least_squares",
        "network",
        "pytree",
        "underdetermined",
        "nonunique",
    ),
    notes="One residual, many unknowns: the Gauss-Newton matrix has rank one.",
)
def sigmoid_chain_residual(layers: int = 5) -> NonlinearLeastSquares:
    start = {"hidden": np.full(layers, 0.5), "output": np.array(0.5)}
    return NonlinearLeastSquares(_chain_residual, start, args=(1.0,))
