"""What sets the filter's noise from sample to sample: constants here, a network elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot.lie import Array
from robot.state import KITTI_NOISE, Noise

Memory = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Advice:
    """What a noise model says of one sample.

    Attributes:
        noise: What to expect; its `slip` above all. The same object as before costs least.
        still: Probability that the IMU stands still; None leaves it to the detector.
    """

    noise: Noise
    still: float | None = None


class NoiseModel(Protocol):
    """A causal model of the noise, with its memory outside: a stream can be saved and resumed."""

    def start(self) -> Memory:
        """The memory before the first sample."""
        ...

    def step(self, memory: Memory, sample: Array, dt: float) -> tuple[Memory, Advice]:
        """Take in one sample.

        Args:
            memory: From `start`, or the last step. It is not written to.
            sample: [6] gyro, rad/s, and accelerometer, m/s^2, screened, never a NaN.
            dt: s since the last sample.

        Returns:
            The memory after it, and what it says of the step that ends with this sample.
        """
        ...


class ConstantNoise:
    """Always the same noise."""

    def __init__(self, noise: Noise = KITTI_NOISE) -> None:
        self._advice = Advice(noise)

    def start(self) -> Memory:
        """Nothing to remember."""
        return {}

    def step(self, memory: Memory, sample: Array, dt: float) -> tuple[Memory, Advice]:
        """The noise, whatever the sample."""
        return memory, self._advice


def saved_memory(memory: Memory) -> dict[str, NDArray[Any]]:
    """A memory's arrays under names of their own, to be saved beside others."""
    return {f"model_{name}": np.array(value) for name, value in memory.items()}


def restored_memory(saved: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """What `saved_memory` saved, among others."""
    return {
        name.removeprefix("model_"): np.array(value)
        for name, value in saved.items()
        if name.startswith("model_")
    }
