"""A whole log, with all that a replay shows: what the network said, and its spikes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robot.health import Health
from robot.lie import Array
from robot.localizer import Localizer
from robot.log import Row
from robot.metrics import Trajectory
from robot.noise import Advice, Memory, NoiseModel
from robot.pose import Pose
from robot.run import Tally, localize
from robot.track import Track


@runtime_checkable
class Shows(Protocol):
    """A noise model that shows what its network put out last, by name, [1, K] each."""

    shown: dict[str, NDArray[Any]]


class Overheard:
    """A noise model that keeps what another one said last."""

    def __init__(self, model: NoiseModel) -> None:
        """Listen to a model."""
        self._model = model
        self.advice: Advice | None = None

    @property
    def spikes(self) -> NDArray[np.bool_] | None:
        """Which neurons spiked in the last step, [K]; None if the model tells of none."""
        shown = self._model.shown if isinstance(self._model, Shows) else {}
        layers = [values[0] > 0 for name, values in shown.items() if name.startswith("spikes")]
        return np.concatenate(layers) if layers else None

    def start(self) -> Memory:
        """The model's."""
        return self._model.start()

    def step(self, memory: Memory, sample: Array, dt: float) -> tuple[Memory, Advice]:
        """The model's, kept."""
        memory, self.advice = self._model.step(memory, sample, dt)
        return memory, self.advice


@dataclass(frozen=True)
class Followed:
    """A log's way.

    Attributes:
        track: States, deviations and health.
        slip: [N, 2] variances that the noise model set, m^2/s^2; NaN before it was asked.
        spikes: [N, K] which of its neurons spiked; None if it has none.
        tally: What was counted.
    """

    track: Track
    slip: Array
    spikes: NDArray[np.bool_] | None
    tally: Tally


def follow(
    rows: Iterable[Row],
    localizer: Localizer,
    overheard: Overheard,
    *,
    on_pose: Callable[[Pose], None] = lambda pose: None,
) -> Followed:
    """Push a whole log, and keep what came out.

    Args:
        rows: Of a log in order.
        localizer: Whose model is `overheard`.
        overheard: What the network said.
        on_pose: Told of each pose as well.
    """
    times: list[float] = []
    packed: list[Array] = []
    deviations: list[Array] = []
    health: list[int] = []
    slip: list[tuple[float, float]] = []
    spikes: list[NDArray[np.bool_] | None] = []

    def take(pose: Pose) -> None:
        times.append(pose.time)
        packed.append(pose.packed)
        deviations.append(np.sqrt(pose.covariance.matrix.diagonal()))
        health.append(pose.health.value)
        advice = overheard.advice
        slip.append((np.nan, np.nan) if advice is None else advice.noise.slip)
        spikes.append(overheard.spikes)
        on_pose(pose)

    tally = localize(rows, localizer, take)
    states, flags = np.array(packed), np.array(health, np.int64)
    filled: NDArray[Any] = (flags & Health.FILLED.value) != 0
    way = Trajectory(np.array(times), states[:, 12:15], states[:, :9].reshape(-1, 3, 3))
    track = Track(way, states, np.array(deviations), flags, filled)
    return Followed(track, np.array(slip), _raster(spikes), tally)


def _raster(spikes: list[NDArray[np.bool_] | None]) -> NDArray[np.bool_] | None:
    """[N, K]; before its first step a network is silent."""
    silent = next((np.zeros_like(row) for row in spikes if row is not None), None)
    return None if silent is None else np.array([silent if row is None else row for row in spikes])
