"""A whole log at once: clean it, push it, and keep what came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot.clock import clean
from robot.health import Health
from robot.lie import Array
from robot.localizer import Localizer
from robot.metrics import Trajectory
from robot.noise import NoiseModel
from robot.pose import OPTIONS, Options
from robot.state import Covariance, State


@dataclass(frozen=True)
class Track:
    """The estimates of a log, one per row of its cleaned clock.

    Attributes:
        trajectory: Times, positions, rotations.
        packed: [N, 33] all states, see `engine.unpack`.
        deviations: [N, 21] standard deviations of the right-invariant error.
        health: [N] values of `Health`.
        filled: [N] whether a row stands in a hole of the log.
    """

    trajectory: Trajectory
    packed: Array
    deviations: Array
    health: NDArray[np.int64]
    filled: NDArray[np.bool_]

    def had(self, flag: Health) -> int:
        """Rows with a flag."""
        return int(np.count_nonzero(self.health & flag.value))


def track(
    times: Array,
    gyro: Array,
    accel: Array,
    *,
    options: Options = OPTIONS,
    model: NoiseModel | None = None,
    start: tuple[State, Covariance] | None = None,
) -> Track:
    """Localize a log; arguments as of `Localizer`.

    Args:
        times: [N] s, in any order.
        gyro: [N, 3] rad/s.
        accel: [N, 3] m/s^2.
        options: How.
        model: What sets the noise.
        start: At the first sample of the cleaned log.

    Raises:
        ValueError: Fewer than two samples have a stamp of their own.
    """
    log = clean(times, np.hstack((gyro, accel)), options.clock)
    localizer = Localizer(options, model, start)
    count = len(log.times)
    packed, deviations = np.empty((count, 33)), np.empty((count, 21))
    health = np.empty(count, np.int64)
    rows: Any = zip(log.times.tolist(), log.values, strict=True)
    for i, (time, value) in enumerate(rows):
        pose = localizer.push(time, value[:3], value[3:])
        packed[i] = pose.packed
        deviations[i] = np.sqrt(pose.covariance.matrix.diagonal())
        health[i] = (pose.health | Health.FILLED if log.filled[i] else pose.health).value
    trajectory = Trajectory(log.times, packed[:, 12:15], packed[:, :9].reshape(-1, 3, 3))
    return Track(trajectory, packed, deviations, health, log.filled)
