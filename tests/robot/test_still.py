"""Standing still, told from the signals alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from robot.lie import Array
from robot.state import Covariance, State
from robot.still import STILL_LIMITS, Rest, StillLimits, Stillness
from tests.robot.simulated import drive
from training.inertial import kitti
from training.inertial.emulate import Emulation, emulate, preset

QUIET = np.array([0.002] * 3 + [0.02] * 3)
GRAVITY = np.array((0, 0, 0, 0, 0, 9.8))
AT_REST = np.array((0.01, -0.02, 0.015, 0, 0, 9.8))


def since(rows: Iterable[Array], dt: float = 0.01) -> list[float]:
    state, found = Stillness(), []
    for row in rows:
        found.append(state.take(row, dt, STILL_LIMITS.row))
    return found


def quiet(count: int, seed: int = 0) -> Array:
    noise = np.random.default_rng(seed).normal(size=(count, 6))
    return np.asarray(GRAVITY + QUIET * noise)


def test_a_resting_imu_is_still_after_a_while_and_then_on() -> None:
    found = since(quiet(500))
    assert found[0] == found[10] == 0.0
    assert found[-1] > 3.0
    assert found == sorted(found)


def test_a_departure_ends_it_within_a_tenth_of_a_second() -> None:
    rows = quiet(300)
    rows[200:, 3] += 0.5
    found = since(rows)
    assert found[199] > 1.0
    assert found[209] == 0.0


def test_a_body_that_sways_on_its_springs_is_not_still() -> None:
    rows = quiet(500)
    rows[:, 5] += 0.15 * np.sin(2 * np.pi * 1.5 * 0.01 * np.arange(500))
    assert max(since(rows)) == 0.0


def test_a_free_fall_is_not_stillness() -> None:
    assert max(since(quiet(500) - GRAVITY)) == 0.0


def test_white_noise_does_not_hide_stillness() -> None:
    """Of ten times what a good IMU has: 0.01 rad/s and 0.1 m/s^2 in a sample."""
    noise = np.random.default_rng(0).normal(size=(1000, 6)) * ([0.01] * 3 + [0.1] * 3)
    found = since(GRAVITY + noise)
    assert np.mean(np.array(found[100:]) > 0) > 0.98
    assert max(found) > 5.0


def test_limits_fit_a_sensor_that_sways() -> None:
    t = np.arange(0, 4, 0.01)[:, None]
    swaying = GRAVITY + np.sin(2 * t + np.arange(6)) * ([0.02] * 3 + [0.2] * 3)
    wide = STILL_LIMITS.fitted(swaying, 0.01)
    assert 0.015 < wide.gyro < 0.03
    assert 0.15 < wide.accel < 0.3
    assert wide.after == STILL_LIMITS.after
    assert STILL_LIMITS.fitted(quiet(200), 0.01) == STILL_LIMITS


def test_a_drive_begins_still_and_is_not_any_more() -> None:
    made = drive(5.0, 100.0, still=2.0)
    rows = np.hstack((made.gyro, made.accel)) + quiet(len(made.times)) - GRAVITY
    found = since(rows)
    assert found[190] > 0.5
    assert max(found[350:]) == 0.0


@pytest.mark.parametrize("grade", [None, "white"])
def test_a_real_car_at_the_lights_is_still_for_a_noisy_imu_too(
    grade: str | None, bombus_data: Path
) -> None:
    drive = kitti.read_sequence(bombus_data, "07")
    if grade is not None:
        drive = emulate(drive, Emulation(preset(grade)), 0).recording
    found = np.array(since(np.hstack((drive.gyro, drive.accel)))) > STILL_LIMITS.after
    resting, driving = drive.speeds < 0.03, drive.speeds > 0.5
    assert resting.sum() > 400
    assert (
        found[resting].mean() > 0.65
    )  # 0.71 and 0.70: of each stop, the first half second is none
    assert found[driving].mean() < 0.005


def rested(rest: Rest, seconds: float, state: State, spread: Covariance) -> tuple[State, Array]:
    """An estimate after a time at rest, and for how long the updates stood."""
    stood = []
    for _ in range(round(100 * seconds)):
        if due := rest.take(AT_REST, 0.01, None):
            stood.append(due)
            state, spread = rest.held(state, spread, due, 1e-3)
    return state, np.array(stood)


def test_rest_stops_the_drift_and_its_updates_stand_for_all_the_time() -> None:
    rest, state = Rest(StillLimits()), State.at_rest(velocity=np.array((0.2, 0.0, 0.0)))
    state, stood = rested(rest, 5.0, state, Covariance.of_deviations(gyro_bias=0.02))
    assert rest.sure
    assert np.linalg.norm(state.velocity) < 0.02
    np.testing.assert_allclose(state.gyro_bias, AT_REST[:3], atol=1e-3)
    assert 3.5 < stood.sum() < 5.0
    rest.forget()
    assert rest.take(AT_REST, 0.01, None) == 0.0
    assert not rest.sure


def test_what_only_looks_like_rest_is_refused() -> None:
    """A smooth ride: the gate knows better."""
    rest, state = Rest(StillLimits()), State.at_rest(velocity=np.array((10.0, 0.0, 0.0)))
    spread = Covariance.of_deviations(velocity=(0.1, 0.1, 0.1))
    after, stood = rested(rest, 2.0, state, spread)
    assert len(stood) > 0
    assert not rest.sure
    np.testing.assert_array_equal(after.velocity, state.velocity)


def test_somebody_who_knows_is_believed_and_without_limits_it_never_rests() -> None:
    rest = Rest(StillLimits(after=1e9))
    assert rest.take(AT_REST, 0.01, 0.9) > 0
    assert rest.take(AT_REST, 0.2, 0.1) == 0.0
    assert Rest(None).take(AT_REST, 0.01, 0.9) == 0.0


def test_a_saved_rest_goes_on() -> None:
    one, other = Rest(StillLimits()), Rest(StillLimits())
    one.fit(np.random.default_rng(0).normal(size=(50, 6)), 0.01)
    assert one.limits != STILL_LIMITS
    for _ in range(73):
        one.take(AT_REST, 0.01, None)
    other.restore(one.arrays())
    assert other.limits == one.limits
    assert [other.take(AT_REST, 0.01, None) for _ in range(30)] == [
        one.take(AT_REST, 0.01, None) for _ in range(30)
    ]
