"""Standing still, told from the signals alone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from robot.lie import Array
from robot.still import STILL_LIMITS, Stillness
from tests.robot.simulated import drive

QUIET = np.array([0.002] * 3 + [0.02] * 3)
GRAVITY = np.array((0, 0, 0, 0, 0, 9.8))


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


def test_vibration_is_not_stillness() -> None:
    rows = quiet(500)
    rows[:, 5] += np.random.default_rng(1).normal(size=500) * 0.3
    assert max(since(rows)) == 0.0


def test_a_free_fall_is_not_stillness() -> None:
    assert max(since(quiet(500) - GRAVITY)) == 0.0


def test_limits_fit_a_noisy_sensor() -> None:
    rows = np.random.default_rng(0).normal(size=(200, 6)) * ([0.02] * 3 + [0.2] * 3)
    wide = STILL_LIMITS.fitted(rows[:, :3], rows[:, 3:])
    assert 0.025 < wide.gyro < 0.035
    assert 0.25 < wide.accel < 0.35
    assert wide.after == STILL_LIMITS.after
    fine = quiet(200)
    assert STILL_LIMITS.fitted(fine[:, :3], fine[:, 3:]) == STILL_LIMITS


def test_a_drive_begins_still_and_is_not_any_more() -> None:
    made = drive(5.0, 100.0, still=2.0)
    rows = np.hstack((made.gyro, made.accel)) + quiet(len(made.times)) - GRAVITY
    found = since(rows)
    assert found[190] > 0.5
    assert max(found[350:]) == 0.0
