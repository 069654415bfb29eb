"""Calibration: biases and noise of a log at rest, and no word on one that moves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.errors import InputError
from robot.calibration.calibrate import Calibration, calibrate, longest_rest
from robot.filter import WORLD
from robot.lie import Array
from robot.noise_file import Sensor
from robot.simulation.simulate import simulate
from robot.state import KITTI_NOISE

RATE = 100.0
GYRO_BIAS = np.array((0.02, -0.01, 0.005))
ACCEL_BIAS = np.array((0.1, -0.2, 0.15))
UP = np.array((0.0, 0.0, WORLD.gravity))


def at_rest(
    seconds: float = 120.0, gyro: float = 1e-3, accel: float = 1e-2, seed: int = 0
) -> tuple[Array, Array, Array]:
    """A log at rest with white noise of densities, per sqrt(Hz)."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    white = rng.normal(size=(2, count, 3)) * math.sqrt(RATE)
    return (
        np.arange(count) / RATE,
        GYRO_BIAS + gyro * white[0],
        UP + ACCEL_BIAS + accel * white[1],
    )


def test_biases_are_found_within_their_errors() -> None:
    found = calibrate(*at_rest())
    assert found.rate == pytest.approx(RATE)
    assert found.still > 115
    off = abs(found.gyro - GYRO_BIAS) / found.gyro_error
    assert off.max() < 4
    # Of white noise, the error of the mean is density / sqrt(time).
    np.testing.assert_allclose(found.gyro_error, 1e-3 / math.sqrt(found.still), rtol=0.5)
    np.testing.assert_allclose(found.accel_error, 1e-2 / math.sqrt(found.still), rtol=0.5)
    assert abs(found.accel - UP - ACCEL_BIAS).max() < 4 * found.accel_error.max()
    assert found.excess == pytest.approx(np.linalg.norm(UP + ACCEL_BIAS) - WORLD.gravity, abs=5e-3)


def test_noise_is_found_on_each_axis() -> None:
    found = calibrate(*at_rest())
    for told, density in zip(found.noise, [1e-3] * 3 + [1e-2] * 3, strict=True):
        assert told.white == pytest.approx(density, rel=0.1)
    assert found.missing() == ["gyro_bias", "accel_bias"]


def test_the_sensor_is_noisier_on_the_move() -> None:
    found = calibrate(*at_rest())
    sensor = found.sensor(level=False, margin=5.0)
    assert sensor.noise.gyro == pytest.approx(5e-3, rel=0.1)
    assert sensor.noise.accel == pytest.approx(5e-2, rel=0.1)
    assert sensor.noise.gyro_bias == KITTI_NOISE.gyro_bias
    assert sensor.noise.slip == KITTI_NOISE.slip
    np.testing.assert_allclose(sensor.gyro_bias, GYRO_BIAS, atol=1e-3)
    assert sensor.accel_bias == Sensor().accel_bias
    level = found.sensor(level=True)
    np.testing.assert_allclose(level.accel_bias, ACCEL_BIAS, atol=1e-2)


def test_a_tilt_is_told() -> None:
    t, gyro, _ = at_rest(20.0)
    roll, pitch = 0.1, -0.2
    up = WORLD.gravity * np.array(
        (-math.sin(pitch), math.cos(pitch) * math.sin(roll), math.cos(pitch) * math.cos(roll))
    )
    found = calibrate(t, gyro, np.tile(up, (len(t), 1)))
    np.testing.assert_allclose(found.tilt, (roll, pitch), atol=1e-9)


def test_only_the_rest_of_a_log_is_used() -> None:
    log = simulate("urban", seconds=20, still=30, grade="automotive", seed=1).recording
    found: Calibration = calibrate(log.times, log.gyro, log.accel)
    assert found.begin == 0.0
    assert 26 < found.end <= 31
    assert found.whole == pytest.approx(50, abs=0.1)


def test_order_does_not_matter() -> None:
    log = at_rest(20.0)
    rows = np.random.default_rng(0).permutation(len(log[0]))
    mixed = calibrate(*(part[rows] for part in log))
    np.testing.assert_array_equal(mixed.gyro, calibrate(*log).gyro)


def test_a_log_that_moves_is_refused() -> None:
    log = simulate("urban", seconds=30, still=0, grade="consumer", seed=2).recording
    with pytest.raises(InputError, match="10 s are needed"):
        calibrate(log.times, log.gyro, log.accel)


def test_a_steady_turn_is_no_rest_with_what_came_before() -> None:
    _, gyro, accel = at_rest(40.0)
    gyro[2400:] += (0.0, 0.0, 0.1)
    values = np.hstack((gyro, accel))
    assert longest_rest(values, 1 / RATE) == (0, 2400)
    assert longest_rest(values, 1 / RATE, [1000]) == (2400, 4000)


def test_a_log_too_short_for_a_window_has_no_rest() -> None:
    with pytest.raises(InputError, match=r"at rest for 0\.0 s"):
        calibrate(*at_rest(1.0))


def test_numbers_that_are_none_are_refused() -> None:
    t, gyro, accel = at_rest(20.0)
    gyro[7, 1] = np.nan
    with pytest.raises(InputError, match="not finite"):
        calibrate(t, gyro, accel)
