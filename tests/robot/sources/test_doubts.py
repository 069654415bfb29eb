"""Hints that units or axes were said wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot.lie import Array
from robot.sources import Reading, load, open_source
from robot.sources.doubts import doubts

TIMES = np.arange(500) / 100


def drive(count: int = 500) -> tuple[Array, Array]:
    rng = np.random.default_rng(1)
    return rng.normal(0, 0.3, (count, 3)), rng.normal((0, 0, 9.8), 1.0, (count, 3))


def test_a_sound_drive_raises_none_even_with_holes_in_it() -> None:
    gyro, accel = drive()
    gyro[3], accel[7] = np.nan, np.inf
    assert doubts(TIMES, gyro, accel) == []
    assert doubts(TIMES[:0], gyro[:0], accel[:0]) == []


@pytest.mark.parametrize(("scale", "unit"), [(9.80665, "in g"), (9.80665e-3, "in mg")])
def test_an_accelerometer_in_another_unit(scale: float, unit: str) -> None:
    gyro, accel = drive()
    (hint,) = doubts(TIMES, gyro, accel / scale)
    assert unit in hint


def test_an_accelerometer_without_gravity() -> None:
    gyro, accel = drive()
    (hint,) = doubts(TIMES, gyro, accel - (0, 0, 9.8))
    assert "gravity" in hint


def test_a_gyro_in_degrees() -> None:
    gyro, accel = drive()
    assert doubts(TIMES, 100 * np.degrees(gyro) / 60, accel) == [
        "the gyro is beyond 2000 deg/s for long: is it in deg/s?"
    ]


@pytest.mark.parametrize(
    ("turn", "said"),
    [((1, -1, -1), "z points down"), ((2, 0, 1), "x points up"), ((0, 2, 1), "y points up")],
)
def test_axes_that_lie_otherwise(turn: tuple[int, ...], said: str) -> None:
    gyro, accel = drive()
    turned = accel * turn if -1 in turn else accel[:, turn]
    (hint,) = doubts(TIMES, gyro, turned)
    assert hint.startswith(said)


def test_the_real_sets_raise_none_unless_read_wrongly(bombus_data: Path) -> None:
    for where in ("kitti-imu/2011_09_30_drive_0027.npz", "rccar-imu/run_h_imu1.npz"):
        assert doubts(*load(open_source(str(bombus_data / where)))) == []
    car = open_source(str(bombus_data / "rccar-imu/run_h_imu1.npz"), Reading(axes="flu"))
    assert doubts(*load(car)) == ["z points down, not z up: are the axes right?"]


def test_a_time_that_runs_far_back() -> None:
    gyro, accel = drive()
    restarted = np.concatenate((TIMES[:300], TIMES[:200]))
    (hint,) = doubts(restarted, gyro, accel)
    assert "runs back 1 times, by up to 2.99 s" in hint
    late = TIMES.copy()
    late[7] -= 0.5
    assert doubts(late, gyro, accel) == []
