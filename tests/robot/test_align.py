"""Starts without truth: level, heading, biases, and covariances that say what is not known."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given

from robot.align import (
    PRIOR,
    QUIET_ACCEL,
    QUIET_GYRO,
    Prior,
    doubted,
    is_still,
    level,
    moving_start,
    static_start,
)
from robot.filter import World
from robot.lie import Array, so3_exp
from robot.state import ACCEL_BIAS, GRAVITY, GYRO_BIAS, ROTATION, Covariance, State
from tests.robot.simulated import drive, vectors
from training.inertial import kitti

UP = np.array((0.0, 0.0, GRAVITY))


def window(
    rotation: Array, gyro_bias: Array, accel_bias: Array, seed: int = 0
) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    gyro = gyro_bias + 0.002 * rng.normal(size=(200, 3))
    return gyro, rotation.T @ UP + accel_bias + 0.02 * rng.normal(size=(200, 3))


@given(vectors())
def test_level_lifts_up_to_the_zenith_and_keeps_the_heading(x: Array) -> None:
    up = so3_exp(x).T @ UP
    mount = so3_exp(np.array((0.1, 0.2, -0.3)))
    assume(np.linalg.norm(np.cross(mount[:, 0], up)) > 0.1)
    rotation = level(up, 0.7, mount)
    np.testing.assert_allclose(rotation @ up, UP, atol=1e-9)
    ahead = rotation @ mount[:, 0]
    assert math.atan2(ahead[1], ahead[0]) == pytest.approx(0.7)


def test_a_resting_imu_gives_its_tilt_and_gyro_bias() -> None:
    rotation = level(so3_exp(np.array((0.2, -0.1, 0.0))).T @ UP, 0.4, np.eye(3))
    bias = np.array((0.02, -0.01, 0.03))
    prior = Prior(heading=0.4, position=(5.0, 6.0, 7.0))
    state, spread = static_start(*window(rotation, bias, np.zeros(3)), prior)
    np.testing.assert_allclose(state.gyro_bias, bias, atol=6e-4)
    np.testing.assert_allclose(state.rotation, rotation, atol=6e-4)
    np.testing.assert_array_equal(state.position, (5, 6, 7))
    assert np.linalg.norm(state.velocity) < 1e-12
    assert spread.deviations[GYRO_BIAS].max() < 3e-4
    # The tilt is only as sure as the accelerometer's bias allows.
    np.testing.assert_allclose(spread.deviations[:2], PRIOR.accel_bias / GRAVITY, rtol=0.05)
    assert spread.world(state).deviations[6:9].max() < 1e-6


def test_static_start_is_consistent_over_many_sensors() -> None:
    rng = np.random.default_rng(0)
    total, runs = 0.0, 60
    for seed in range(runs):
        rotation = so3_exp(rng.normal(size=3) * 0.2)
        bg, ba = rng.normal(size=(2, 3)) * [[PRIOR.gyro_bias], [PRIOR.accel_bias]]
        state, spread = static_start(*window(rotation, bg, ba, seed))
        truth = replace(State.at_rest(rotation), gyro_bias=bg, accel_bias=ba)
        # Heading is the frame's own.
        ahead = rotation[:, 0]
        turn = so3_exp(np.array((0, 0, -math.atan2(ahead[1], ahead[0]))))
        error = state.error_of(replace(truth, rotation=turn @ rotation))
        parts = [0, 1, *range(*GYRO_BIAS.indices(21)), *range(*ACCEL_BIAS.indices(21))]
        total += float(
            error[parts] @ np.linalg.solve(spread.matrix[np.ix_(parts, parts)], error[parts])
        )
    assert 0.75 < total / runs / len(parts) < 1.3


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_vehicle_on_a_road_knows_a_tilt_from_a_bias(side: float) -> None:
    mount = np.array((0.01, -0.02, 0.3))
    body_level = so3_exp(mount).T  # the body lies level, and the IMU askew in it
    bias = side * np.array((0.4, -0.5, 0.3))
    shown = window(body_level, np.zeros(3), bias)
    known = Prior(mount=tuple(mount.tolist()), mount_sigma=1e-3, lever=(0.3, 0.2, 0.7), tilt=0.03)
    state, spread = static_start(*shown, known)
    off = State.at_rest(level(body_level.T @ UP, 0.0, so3_exp(mount))).error_of(state)
    assert np.abs(off[:2]).max() < 0.02
    np.testing.assert_allclose(state.accel_bias, bias, atol=0.2)
    np.testing.assert_array_equal(state.lever, known.lever)
    assert spread.deviations[:2].max() < known.tilt
    # Of a body that may lie anyhow, the accelerometer's word is taken for its tilt.
    anyhow, wide = static_start(*shown)
    np.testing.assert_allclose(anyhow.accel_bias[:2], 0.0, atol=0.05)
    assert wide.deviations[:2].min() > 0.04


def test_the_turning_earth_is_no_bias() -> None:
    world = World.turning(0.9)
    state, _ = static_start(np.tile(world.earth, (200, 1)), np.tile(UP, (200, 1)), world=world)
    np.testing.assert_allclose(state.gyro_bias, 0.0, atol=1e-12)


def test_a_moving_imu_gets_a_level_a_speed_and_wide_doubt() -> None:
    made = drive(10.0, 100.0)
    rows = slice(500, 600)
    state, spread = moving_start(made.gyro[rows], made.accel[rows], Prior(speed=9.0))
    up = made.truth[500].rotation.T @ (0, 0, 1)
    assert np.linalg.norm(state.rotation @ up - (0, 0, 1)) < 0.15
    np.testing.assert_allclose(np.linalg.norm(state.velocity), 9.0)
    np.testing.assert_allclose(spread.deviations[GYRO_BIAS], PRIOR.gyro_bias)
    unknown, wide = moving_start(made.gyro[rows], made.accel[rows])
    assert np.linalg.norm(unknown.velocity) < 1e-9
    ahead = unknown.rotation[:, 0]
    assert math.sqrt(ahead @ wide.matrix[3:6, 3:6] @ ahead) > 5.0
    assert spread.deviations[ROTATION][:2].min() > 0.01


@pytest.mark.parametrize("moving", [False, True])
def test_stillness_of_a_window(moving: bool) -> None:
    made = drive(10.0, 100.0, still=2.0).with_errors(gyro_bias=0.03, accel_bias=0.3)
    rows = slice(600, 700) if moving else slice(0, 150)
    assert is_still(made.gyro[rows], made.accel[rows]) is not moving


@pytest.mark.parametrize("loud", [0.0, 0.3, 0.6, 0.9])
def test_a_noisy_imu_at_rest_is_still(loud: float) -> None:
    """White noise sways by chance, too: as loud as is allowed, once in a hundred windows."""
    rng = np.random.default_rng(0)
    noise = loud * rng.normal(size=(1000, 2, 200, 3))
    windows = [(0.02 + QUIET_GYRO * g, (0.3, 0.5, 9.9) + QUIET_ACCEL * a) for g, a in noise]
    quiet = [
        is_still(gyro, accel)
        for gyro, accel in windows
        if gyro.std(axis=0).max() < QUIET_GYRO and accel.std(axis=0).max() < QUIET_ACCEL
    ]
    assert len(quiet) > 800
    assert quiet.count(False) <= (0.015 * len(quiet) if loud > 0.5 else 0)


def test_a_car_that_glides_along_is_not_still(bombus_data: Path) -> None:
    resting = driving = wrong = missed = 0
    for drive_name in kitti.drives(bombus_data):
        log = kitti.read(bombus_data, drive_name)
        speeds = log.speeds
        for begin in range(0, len(speeds) - 100, 100):
            rows = slice(begin, begin + 100)
            said = is_still(log.gyro[rows], log.accel[rows])
            if speeds[rows].max() < 0.03:
                resting, missed = resting + 1, missed + (not said)
            elif speeds[rows].min() > 1.0:
                driving, wrong = driving + 1, wrong + said
    assert resting > 100
    assert driving > 3000
    assert missed <= 0.02 * resting
    assert wrong <= 0.001 * driving


def test_a_steady_turn_is_not_still() -> None:
    gyro, accel = window(np.eye(3), np.array((0, 0, 0.5)), np.zeros(3))
    assert not is_still(gyro, accel)


def test_doubt_grows_with_time_and_ends_somewhere() -> None:
    state = State.at_rest(velocity=np.array((10.0, 0, 0)), position=np.array((100.0, 50.0, 0)))
    spread = Covariance.of_deviations().about(state)
    before = spread.world(state).deviations
    for seconds in (1.0, 10.0, 1e5, 1e5, 1e5):
        spread = doubted(state, spread, seconds)
        after = spread.world(state).deviations
        assert (after >= before - 1e-6).all()
        before = after
    assert before[2] <= math.pi + 1e-6
    assert before[6] <= 1e5 + 1e-3
    np.testing.assert_array_equal(spread.matrix, spread.matrix.T)
