"""The filter that AI-IMU published: what `make bench` times is it, and ours goes its way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.ai_imu import PlainFilter
from robot.lie import Array
from robot.metrics import Trajectory, relative_errors
from robot.pose import Options
from robot.state import Covariance
from tests.robot.kitti import follow
from training.inertial.kitti import read_sequence


def test_the_plain_filter_scores_as_published_and_ours_goes_its_way(bombus_data: Path) -> None:
    recording = read_sequence(bombus_data, "04")
    samples = np.hstack((recording.gyro, recording.accel))
    start = recording.state()
    plain = PlainFilter(start, Covariance.of_deviations().matrix)
    places: list[Array] = [start.position]
    rotations: list[Array] = [start.rotation]
    for sample, dt in zip(samples[1:], np.diff(recording.times).tolist(), strict=True):
        plain.propagate(sample, dt)
        plain.update(sample)
        places.append(plain.position)
        rotations.append(plain.rotation)
    found = Trajectory(recording.times, np.array(places), np.array(rotations))
    assert relative_errors(recording.truth, found).percent == pytest.approx(1.21, abs=0.02)
    ours, _ = follow(recording, Options(still=None, slip_gate=None, engine="numpy"))
    apart = ours.trajectory.positions - (found.positions - found.positions[0])
    assert np.linalg.norm(apart, axis=1).max() < 0.02
    np.testing.assert_allclose(np.sqrt(np.diag(plain.covariance)), ours.deviations[-1], rtol=1e-3)
