"""A short log that every format is to carry, and what it must come back as."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation  # type: ignore[import-untyped]

from robot.lie import Array
from robot.metrics import Trajectory
from robot.sources import Source, load


@dataclass(frozen=True)
class Log:
    """Samples, and the truth at their times."""

    times: Array
    gyro: Array
    accel: Array
    truth: Trajectory
    quaternions: Array  # x, y, z, w
    velocity: Array

    @property
    def nanoseconds(self) -> list[int]:
        return [round(time * 1e9) for time in self.times.tolist()]


def make_log(count: int = 50, start: float = 1000.0) -> Log:
    """Random numbers at 100 Hz: a format must not care what they are."""
    rng = np.random.default_rng(5)
    times = start + np.arange(count) / 100
    gyro, accel = rng.normal(size=(count, 3)), rng.normal(0, 5, size=(count, 3))
    rotations = Rotation.random(count, random_state=7)
    truth = Trajectory(times, rng.normal(0, 100, size=(count, 3)), rotations.as_matrix())
    return Log(times, gyro, accel, truth, rotations.as_quat(), rng.normal(size=(count, 3)))


def same_samples(source: Source, log: Log) -> None:
    """Check a source against the log: at once and one by one."""
    times, gyro, accel = load(source)
    np.testing.assert_allclose(times, log.times, rtol=0, atol=1e-6)
    np.testing.assert_allclose(gyro, log.gyro, rtol=1e-12)
    np.testing.assert_allclose(accel, log.accel, rtol=1e-12)
    if not source.live:
        one_by_one = np.array([(s.time, *s.gyro, *s.accel) for s in source])
        np.testing.assert_array_equal(one_by_one, np.column_stack((times, gyro, accel)))
        assert source.count == len(times)


def same_truth(source: Source, log: Log, *, velocity: bool = False) -> None:
    """Check a source's truth against the log's."""
    truth = source.truth()
    assert truth is not None
    np.testing.assert_allclose(truth.times, log.times, rtol=0, atol=1e-6)
    np.testing.assert_allclose(truth.positions, log.truth.positions, atol=1e-9)
    np.testing.assert_allclose(truth.rotations, log.truth.rotations, atol=1e-9)
    told = source.truth_velocity()
    if velocity:
        assert told is not None
        np.testing.assert_allclose(told, log.velocity, atol=1e-9)
    else:
        assert told is None
