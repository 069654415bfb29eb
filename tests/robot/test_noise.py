"""The noise model's contract, by the one there is."""

from __future__ import annotations

import numpy as np

from robot.noise import ConstantNoise, NoiseModel, restored_memory, saved_memory
from robot.state import Noise


def test_constant_noise_is_one_object() -> None:
    noise = Noise(gyro=0.5)
    model: NoiseModel = ConstantNoise(noise)
    memory, first = model.step(model.start(), np.zeros(6), 0.01)
    _, second = model.step(memory, np.ones(6), 0.02)
    assert first.noise is second.noise is noise
    assert first.still is None


def test_a_memory_is_saved_among_others() -> None:
    memory = {"v": np.arange(3.0), "spikes": np.ones((2, 2), np.float32)}
    saved = saved_memory(memory) | {"x": np.zeros(3)}
    again = restored_memory(saved)
    assert again.keys() == memory.keys()
    for name, value in memory.items():
        np.testing.assert_array_equal(again[name], value)
        assert again[name].dtype == value.dtype
