"""What an IMU showed on a way that is known: of a data set or of the simulator."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot.lie import Array
from robot.metrics import Trajectory
from robot.state import State

_ROWS = ("times", "gyro", "accel", "velocities", "filled", "trusted")  # one entry a sample


@dataclass(frozen=True)
class Recording:
    """Samples and the truth at each, N of both: world ENU, IMU axes x forward, y left, z up.

    Attributes:
        name: For people.
        times: [N] s, strictly increasing.
        gyro: [N, 3] rad/s.
        accel: [N, 3] m/s^2, +9.8 on z at rest.
        truth: Places and attitudes of the IMU at the times.
        velocities: [N, 3] of the IMU in the world, m/s.
        filled: [N] whether a sample was made up to fill a hole of the log.
        trusted: [N] whether the truth is to be believed there.
        scored: Which rows are scored.
    """

    name: str
    times: Array
    gyro: Array
    accel: Array
    truth: Trajectory
    velocities: Array
    filled: NDArray[np.bool_]
    trusted: NDArray[np.bool_]
    scored: slice = field(default_factory=lambda: slice(None))

    @property
    def speeds(self) -> Array:
        """[N] m/s."""
        return np.asarray(np.linalg.norm(self.velocities, axis=1))

    def state(self, row: int = 0) -> State:
        """The true state at a row; biases, mount and lever, which few know, are none."""
        truth = self.truth
        return State.at_rest(truth.rotations[row], self.velocities[row], truth.positions[row])

    def scored_from(self, time: float) -> Recording:
        """The same, scored from a time on, s."""
        return replace(self, scored=slice(int(np.searchsorted(self.times, time)), None))

    def at(self, rows: slice) -> Recording:
        """The samples from one row to another, all of them to be scored."""
        several: dict[str, Any] = {name: getattr(self, name)[rows] for name in _ROWS}
        return Recording(self.name, truth=self.truth.at(rows), **several)

    def followed_by(self, other: Recording) -> Recording:
        """This one and then another, whose clock goes on; only what the other scores is scored."""
        parts = {name: (getattr(self, name), getattr(other, name)) for name in _ROWS}
        joined: dict[str, Any] = {name: np.concatenate(pair) for name, pair in parts.items()}
        truth = Trajectory(
            joined["times"],
            np.concatenate((self.truth.positions, other.truth.positions)),
            np.concatenate((self.truth.rotations, other.truth.rotations)),
        )
        first, last, _ = other.scored.indices(len(other.times))
        scored = slice(first + len(self.times), last + len(self.times))
        return Recording(other.name, truth=truth, scored=scored, **joined)

    def holes(self, longer: float = 0.5) -> NDArray[np.bool_]:
        """[N] whether a sample is of a filled hole that lasted longer than that, s."""
        edges = np.flatnonzero(np.diff(self.filled.astype(np.int8), prepend=0, append=0))
        inside = np.zeros(len(self.times), np.bool_)
        for begin, end in edges.reshape(-1, 2):
            after = self.times[min(end, len(self.times) - 1)]
            inside[begin:end] = after - self.times[max(begin - 1, 0)] > longer
        return inside
