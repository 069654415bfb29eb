"""Spikes are steps; their gradients are the surrogates', snntorch's where it has them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray

from tests.training.layers.precision import DOUBLE, within
from tests.training.layers.snntorch_vectors import SURROGATES as SNNTORCHS
from tests.training.layers.snntorch_vectors import VECTORS
from training.layers.gradients import value_and_gradient
from training.layers.surrogates import SURROGATES, spiking, step

Array = NDArray[np.float64]
X = np.linspace(-3, 3, 121)


def slopes(surrogate: str, x: Array) -> Array:
    spike = spiking(surrogate)
    return value_and_gradient(lambda t: ops.sum(spike(t)), [x], dtype=DOUBLE)[1][0]


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("dtype", ["float32", DOUBLE])
def test_spikes_are_exactly_0_and_1(surrogate: str, dtype: str) -> None:
    x = ops.convert_to_tensor(X, dtype)
    expected = (X > 0).astype(dtype)  # a membrane at its threshold does not fire
    assert X[60] == 0
    for function in (step, spiking(surrogate)):
        spikes = ops.convert_to_numpy(function(x))
        assert spikes.dtype == dtype
        np.testing.assert_array_equal(spikes, expected)


def test_a_step_has_no_gradient() -> None:
    to = value_and_gradient(lambda t: ops.sum(step(t) + 0.0 * t), [X], dtype=DOUBLE)[1][0]
    np.testing.assert_array_equal(to, 0.0)


@pytest.mark.parametrize("surrogate", SNNTORCHS)
def test_slopes_are_snntorchs(surrogate: str) -> None:
    vectors: dict[str, Any] = json.loads(VECTORS.read_text("utf-8"))
    expected = np.array(vectors["slopes"][surrogate])
    assert 0.0 in vectors["x"]
    got = slopes(surrogate, np.array(vectors["x"]))
    np.testing.assert_allclose(got, expected, rtol=within(1e-12), atol=within(1e-14))


def test_slopes_of_those_that_snntorch_lacks() -> None:
    np.testing.assert_allclose(slopes("tent", X), np.maximum(0, 1 - np.abs(X)), atol=within(1e-15))
    away = np.abs(np.abs(X) - 0.5) > 1e-9  # at the edge of the box either will do
    np.testing.assert_array_equal(slopes("boxcar", X[away]), np.abs(X[away]) < 0.5)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_a_slope_is_finite_however_far_away(surrogate: str) -> None:
    assert np.isfinite(slopes(surrogate, np.array([-1e6, -50.0, 50.0, 1e6]))).all()


def test_an_unknown_surrogate_is_told() -> None:
    with pytest.raises(ValueError, match="no surrogate 'heaviside'; one of atan, "):
        spiking("heaviside")
