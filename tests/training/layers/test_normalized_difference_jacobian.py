"""The Jacobian of the Normalized Difference Layer, and that the backends agree on it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from tests.training.layers.differences import BANDS, PAIRS, Array, applied, jacobian, made, sample
from tests.training.layers.precision import DOUBLE, within
from training.layers.gradients import value_and_gradient
from training.layers.normalized_difference import Classical

ROOT = Path(__file__).parents[3]


# The Jacobian


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("epsilon", [0.0, 1e-6, 0.3])
def test_the_formulas_are_the_derivatives(signed: bool, epsilon: float) -> None:
    """Against central differences, in double precision."""
    x = sample(signed=signed)
    a, g = np.random.default_rng(4).uniform(0.3, 3.0, (2, len(PAIRS)))
    y, to_x, to_a, to_g = jacobian(x, a, g, epsilon, signed=signed)
    h = 1e-6

    def value(x: Array, a: Array, g: Array) -> Array:
        return jacobian(x, a, g, epsilon, signed=signed)[0]

    for band, step in enumerate(h * np.eye(BANDS)):
        slope = (value(x + step, a, g) - value(x - step, a, g)) / (2 * h)
        np.testing.assert_allclose(to_x[..., band], slope, rtol=1e-5, atol=1e-6)
    slope = (value(x, a + h, g) - value(x, a - h, g)) / (2 * h)
    np.testing.assert_allclose(to_a, slope, rtol=1e-5, atol=1e-7)
    slope = (value(x, a, g + h) - value(x, a, g - h)) / (2 * h)
    np.testing.assert_allclose(to_g, slope, rtol=1e-5, atol=1e-7)
    size = np.abs(x) if signed else x
    first, second = np.array(PAIRS).T
    euler = epsilon * y / (a * size[:, first] + g * size[:, second] + epsilon)
    np.testing.assert_allclose((to_x * x[:, None]).sum(-1), euler, atol=1e-12)
    np.testing.assert_allclose(a * to_a + g * to_g, euler, atol=1e-12)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("epsilon", [0.0, 1e-6, 0.3])
def test_the_layer_has_this_jacobian(signed: bool, epsilon: float) -> None:
    """Against automatic differentiation, ε and the raw weights included."""
    x, draw = sample(signed=signed), np.random.default_rng(5)
    raw = draw.normal(0.5, 1.0, (2, len(PAIRS)))
    layer = made(raw, signed=signed, epsilon=epsilon, dtype=DOUBLE)
    a, g = np.log1p(np.exp(raw))
    y, to_x, to_a, to_g = jacobian(x, a, g, epsilon, signed=signed)
    np.testing.assert_allclose(layer(ops.convert_to_tensor(x, DOUBLE)), y, atol=within(1e-14))
    weights = draw.normal(size=y.shape)
    _, found = value_and_gradient(
        lambda v: ops.sum(layer(v) * weights), [x], layer.trainable_variables, DOUBLE
    )
    slopes = 1 / (1 + np.exp(-raw))
    expected = [
        np.einsum("bp,bpn->bn", weights, to_x),
        slopes[0] * (weights * to_a).sum(0),
        slopes[1] * (weights * to_g).sum(0),
    ]
    for got, wanted in zip(found, expected, strict=True):
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(got / scale, wanted / scale, atol=within(1e-12))


# The other backend


def measured() -> dict[str, Any]:
    """Outputs and gradients to inputs and weights of some layers, for comparison."""
    found = {}
    for signed, shared, epsilon in ((False, False, 0.0), (True, True, 1e-3)):
        start = Classical(0.5, seed=7)
        layer = made(signed=signed, shared=shared, epsilon=epsilon, initializer=start)
        x = sample(signed=signed).astype(np.float32)
        x[2] *= 2.0**40
        weights = np.random.default_rng(6).normal(size=(7, 6)).astype(np.float32)
        _, to = value_and_gradient(
            lambda v, layer=layer, weights=weights: ops.sum(layer(v) * weights),
            [x],
            layer.trainable_variables,
        )
        values = [applied(layer, x), *to]
        found[f"{signed} {shared} {epsilon}"] = [v.tolist() for v in values]
    return found


def in_jax(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


jax_too = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None or keras.backend.backend() == "jax",
    reason="jax is not installed, or runs already",
)
MEASURE = "import json; from {} import measured; print(json.dumps(measured()))"


@jax_too
def test_the_backends_agree() -> None:
    here, there = measured(), json.loads(in_jax("-c", MEASURE.format(__name__)))
    assert here.keys() == there.keys()
    for case, values in here.items():
        for one, other in zip(values, there[case], strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-6, atol=1e-6, err_msg=case)


@jax_too
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_of_this_holds_on_jax() -> None:
    files = sorted(Path(__file__).parent.glob("test_normalized_difference*.py"))
    in_jax("-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, files))
