"""How well a trained localizer finds its way on drives that it never saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from robot.lie import Array
from robot.metrics import Relative, relative_errors
from robot.noise import Advice, ConstantNoise, Memory, NoiseModel
from robot.pose import Options
from robot.profile import Profile
from robot.recording import Recording
from robot.state import Covariance, Noise, State
from robot.track import Track, track
from training.inertial.networks import Network

_CHUNK = 2000  # samples that go through a network at a time


class Foretold:
    """A noise model that repeats, sample by sample, what a network said of a whole log."""

    def __init__(self, noise: Noise, slip: Array) -> None:
        """Take the variances [N, 2] of the slip, m^2/s^2; the rest is constant."""
        self._noise, self._slip = noise, slip.tolist()

    def start(self) -> Memory:
        """At the first sample."""
        return {"row": np.array(0)}

    def step(self, memory: Memory, sample: Array, dt: float) -> tuple[Memory, Advice]:
        """The next row."""
        del sample, dt
        row = int(memory["row"])
        lateral, vertical = self._slip[row]
        return {"row": np.array(row + 1)}, Advice(replace(self._noise, slip=(lateral, vertical)))


def outputs(network: Network, recording: Recording) -> dict[str, Array]:
    """What a network says of each sample of a recording, [N, ...] by name."""
    samples = np.hstack((recording.gyro, recording.accel)).astype(network.compute_dtype)
    count = len(samples)
    padded = np.concatenate((samples, np.repeat(samples[-1:], -count % _CHUNK, axis=0)))
    run = _compiled(network)
    state, parts = network.start(), []
    for chunk in padded.reshape(-1, 1, _CHUNK, 6):
        said, state = run(chunk, state)
        parts.append({name: np.asarray(value)[0] for name, value in said.items()})
    return {name: np.concatenate([p[name] for p in parts])[:count] for name in parts[0]}


def _compiled(network: Network) -> Callable[..., Any]:
    """The network on a chunk, as one graph."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(network.run, jit_compile=True, reduce_retracing=True)  # type: ignore[no-any-return]
    import jax

    return jax.jit(network.run)  # type: ignore[no-any-return,unused-ignore]


def follow(
    recording: Recording,
    profile: Profile,
    network: Network | None = None,
    options: Options | None = None,
) -> tuple[Track, Relative]:
    """Localize a recording from its true first attitude and velocity, and score it.

    Args:
        recording: With truth.
        profile: Of the vehicle.
        network: What adapts the slip; None leaves the profile's constants.
        options: None for the profile's.
    """
    truth = recording.truth
    start = profile.start(truth.rotations[0], recording.velocities[0])
    model: NoiseModel = ConstantNoise(profile.noise)
    if network is not None:
        model = Foretold(profile.noise, outputs(network, recording)["slip"])
    return localized(recording, options or profile.options(), model, start)


def localized(
    recording: Recording,
    options: Options,
    model: NoiseModel | None = None,
    start: tuple[State, Covariance] | None = None,
) -> tuple[Track, Relative]:
    """Localize a recording, and score it; `options`, `model` and `start` as of `Localizer`."""
    imu = recording.times, recording.gyro, recording.accel
    result = track(*imu, options=options, model=model, start=start)
    rows = recording.scored
    return result, relative_errors(recording.truth.at(rows), result.trajectory.at(rows))
