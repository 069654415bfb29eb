"""Features, convolution and LSTM against what they are by definition, and Keras's own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray

from tests.training.layers.precision import DOUBLE, within
from training.layers.causal import LSTM, CausalConv, Standardise, Traces
from training.layers.recurrence import Cell

RATE = 100.0


def rows(channels: int = 3, length: int = 50) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(1.0, 2.0, (2, length, channels))


def test_traces_are_weighted_means() -> None:
    """Bands telescope to the sample, and means and energies are those of an explicit sum."""
    x, constants = rows(), (0.05, 0.5)
    traces = Traces(constants, RATE, floor=1e-3, dtype=DOUBLE)
    features = np.asarray(traces(ops.convert_to_tensor(x, DOUBLE)))
    first, second, level, energy, slow = np.split(features, 5, axis=-1)
    np.testing.assert_allclose(first + second + level, x, atol=within(1e-12))
    for tau, mean, logarithm in ((0.05, x - first, energy), (0.5, level, slow)):
        for last in (0, 1, 20, 49):
            weights = np.exp(-np.arange(last, -1, -1) / (RATE * tau))[None, :, None]
            seen = x[:, : last + 1]
            expected = (weights * seen).sum(1) / weights.sum(1)
            np.testing.assert_allclose(mean[:, last], expected, atol=within(1e-10))
            squares = weights * (seen - mean[:, : last + 1]) ** 2
            expected = np.log(squares.sum(1) / weights.sum(1) + 1e-3)
            np.testing.assert_allclose(logarithm[:, last], expected, atol=10 * within(1e-10))


def test_an_offset_shows_in_the_level_alone() -> None:
    x = rows()
    traces = Traces((0.05, 0.5), RATE, dtype=DOUBLE)
    plain, moved = (np.asarray(traces(ops.convert_to_tensor(x + b, DOUBLE))) for b in (0.0, 5.0))
    differences = np.split(moved - plain, 5, axis=-1)
    for place, difference in enumerate(differences):
        expected = 5.0 if place == 2 else 0.0
        np.testing.assert_allclose(difference, expected, atol=100 * within(1e-10))
    bare = Traces((0.05, 0.5), RATE, level=False, dtype=DOUBLE)
    shown = np.asarray(bare(ops.convert_to_tensor(x, DOUBLE)))
    np.testing.assert_allclose(shown, np.delete(plain, [6, 7, 8], axis=-1), atol=within(1e-12))


@pytest.mark.parametrize("dilation", [1, 3])
def test_the_convolution_is_kerass_causal_one(dilation: int) -> None:
    x = ops.convert_to_tensor(rows(), DOUBLE)
    ours = CausalConv(7, 5, dilation, dtype=DOUBLE)
    outputs = ours(x)
    theirs = keras.layers.Conv1D(
        7, 5, dilation_rate=dilation, padding="causal", activation="relu", dtype=DOUBLE
    )
    theirs.build(x.shape)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(outputs, theirs(x), atol=10 * within(1e-12))


def test_the_lstm_is_kerass() -> None:
    x = ops.convert_to_tensor(rows(), DOUBLE)
    ours = LSTM(6, dtype=DOUBLE)
    outputs, last = ours.run(x) if ours.built else (ours(x), ours.run(x)[1])
    theirs = keras.layers.LSTM(6, return_sequences=True, return_state=True, dtype=DOUBLE)
    theirs.build(x.shape)
    theirs.set_weights(ours.get_weights())
    expected, output, cell = theirs(x)
    np.testing.assert_allclose(outputs, expected, atol=within(1e-12))
    np.testing.assert_allclose(last["output"], output, atol=within(1e-12))
    np.testing.assert_allclose(last["cell"], cell, atol=within(1e-12))


def test_standardise_makes_mean_0_and_deviation_1() -> None:
    layer = Standardise(dtype=DOUBLE)
    x = rows() * [1.0, 100.0, 0.0] + [0.0, 0.0, 5.0]
    layer.build(x.shape)
    layer.fit(x)
    y = np.asarray(layer(ops.convert_to_tensor(x, DOUBLE)))
    np.testing.assert_allclose(y.mean((0, 1)), 0.0, atol=within(1e-12))
    np.testing.assert_allclose(y.std((0, 1)), [1.0, 1.0, 0.0], atol=within(1e-12))
    assert layer.trainable_weights == []


@pytest.mark.parametrize(
    "layer",
    [
        Traces((0.05, 0.5), RATE, level=False, floor=1e-4, dtype=DOUBLE),
        CausalConv(7, 5, 3, seed=2, dtype=DOUBLE),
        LSTM(6, seed=2, dtype=DOUBLE),
        Standardise(dtype=DOUBLE),
    ],
)
def test_a_layer_is_remade_from_its_config(layer: Cell) -> None:
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
    x = ops.convert_to_tensor(rows(), DOUBLE)
    np.testing.assert_array_equal(layer(x), again(x))
    assert layer(x).shape == again.compute_output_shape(x.shape)
