"""diffGrad against its equations in numpy, and through a training and a file."""

from __future__ import annotations

import keras
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.flowers.diffgrad import DiffGrad

RATE, DECAY_1, DECAY_2, EPSILON = 0.05, 0.9, 0.999, 1e-8


def moved(weight: NDArray[np.float32], gradients: NDArray[np.float32]) -> NDArray[np.float64]:
    """Arithmetic of arXiv 1909.11015 in float64: weights after each of [T, N] gradients."""
    theta, mean, square = weight.astype(np.float64), np.zeros(weight.shape), np.zeros(weight.shape)
    last, path = np.zeros(weight.shape), []
    for t, g in enumerate(gradients.astype(np.float64), start=1):
        mean = DECAY_1 * mean + (1 - DECAY_1) * g
        square = DECAY_2 * square + (1 - DECAY_2) * g**2
        friction = 1 / (1 + np.exp(-np.abs(last - g)))
        unbiased, spread = mean / (1 - DECAY_1**t), np.sqrt(square / (1 - DECAY_2**t))
        theta = theta - RATE * friction * unbiased / (spread + EPSILON)
        last = g
        path.append(theta)
    return np.array(path)


def steps(
    optimizer: keras.optimizers.Optimizer,
    weight: NDArray[np.float32],
    gradients: NDArray[np.float32],
) -> NDArray[np.float32]:
    variable, path = keras.Variable(weight), []
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        path.append(np.array(variable))
    return np.array(path)


@given(st.integers(0, 2**31), st.sampled_from([1e-3, 1.0, 30.0]))
@settings(max_examples=25)
def test_it_moves_weights_by_its_equations(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=5).astype(np.float32)
    gradients = (size * rng.normal(size=(12, 5))).astype(np.float32)
    np.testing.assert_allclose(
        steps(DiffGrad(RATE), weight, gradients), moved(weight, gradients), rtol=1e-4, atol=1e-5
    )


def test_a_gradient_that_stays_halves_adams_step() -> None:
    weight, gradients = np.ones(3, np.float32), np.full((6, 3), 0.5, np.float32)
    ours = np.diff(steps(DiffGrad(RATE), weight, gradients), axis=0)
    adam = np.diff(steps(keras.optimizers.Adam(RATE), weight, gradients), axis=0)
    np.testing.assert_allclose(ours, adam / 2, rtol=1e-3)


def test_it_survives_serialisation() -> None:
    optimizer = DiffGrad(0.02, beta_1=0.8, epsilon=1e-6, weight_decay=0.1)
    config = keras.saving.serialize_keras_object(optimizer)
    assert config["registered_name"] == "bombus>DiffGrad"
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == optimizer.get_config()
