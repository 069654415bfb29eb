"""Whole logs: cleaned, pushed, and what came out of them."""

from __future__ import annotations

import numpy as np
import pytest

from robot.engine import unpack
from robot.health import Health
from robot.localizer import Localizer
from robot.metrics import relative_errors
from robot.noise import ConstantNoise
from robot.pose import Options
from robot.state import Covariance, Noise
from robot.track import track
from tests.robot.simulated import drive

NUMPY = Options(engine="numpy")


def test_a_log_is_what_its_samples_pushed_are() -> None:
    made = drive(5.0, 50.0)
    start = (made.truth[0], Covariance.of_deviations())
    result = track(made.times, made.gyro, made.accel, options=NUMPY, start=start)
    localizer = Localizer(NUMPY, None, start)
    for t, g, a in zip(made.times, made.gyro, made.accel, strict=True):
        pose = localizer.push(t, g, a)
    np.testing.assert_array_equal(result.packed[-1], pose.packed)
    np.testing.assert_array_equal(unpack(result.packed[-1]).position, pose.position)
    np.testing.assert_array_equal(result.trajectory.positions[-1], pose.position)
    np.testing.assert_allclose(result.deviations[-1], pose.covariance.deviations)
    assert result.had(Health.FILLED) == 0
    score = relative_errors(made.trajectory, result.trajectory, [10.0])
    assert score.translation < 1e-3


def test_a_log_out_of_order_and_with_holes_gives_the_same_way() -> None:
    made = drive(10.0, 50.0)
    start = (made.truth[0], Covariance.of_deviations())
    model = ConstantNoise(Noise(slip=(0.01, 0.01)))
    rng = np.random.default_rng(0)
    rows = rng.permutation([i for i in range(len(made.times)) if i == 0 or not 200 <= i < 210])
    whole = track(made.times, made.gyro, made.accel, options=NUMPY, start=start, model=model)
    result = track(
        made.times[rows], made.gyro[rows], made.accel[rows], options=NUMPY, start=start, model=model
    )
    np.testing.assert_allclose(result.trajectory.times, whole.trajectory.times, atol=1e-9)
    assert result.had(Health.FILLED) == int(result.filled.sum()) == 10
    off = result.trajectory.positions - whole.trajectory.positions
    assert np.linalg.norm(off, axis=1).max() < 1.0


def test_a_log_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="2 are needed"):
        track(np.zeros(1), np.zeros((1, 3)), np.zeros((1, 3)))
