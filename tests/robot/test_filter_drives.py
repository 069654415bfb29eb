"""The filter on simulated drives: rates, frames, dead reckoning, fixes, consistency."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.filter import (
    World,
    propagate,
    update,
)
from robot.lie import Array, se23_adjoint, se23_exp, so3_exp
from robot.measurements import Measurement, heading, no_motion, no_rotation, no_slip, position
from robot.state import SIZE, Covariance, Noise, State, per_sample
from tests.robot.simulated import Drive, drive, vectors

SPREAD = Covariance.of_deviations(
    tilt=0.02, gyro_bias=0.01, accel_bias=0.1, mount=0.05, lever=0.5, heading=0.1
)


def run(
    made: Drive, state: State, spread: Covariance, noise: Noise, *, slip: bool = True
) -> tuple[State, Covariance]:
    for i in range(1, len(made.times)):
        dt = float(made.times[i] - made.times[i - 1])
        state, spread = propagate(state, spread, made.gyro[i], made.accel[i], dt, noise=noise)
        if slip:
            measured = no_slip(state, made.gyro[i], per_sample(noise.slip, dt))
            state, spread, _ = update(state, spread, measured)
    return state, spread


@cache
def after_ten_seconds(rate: float) -> tuple[State, Covariance]:
    made = drive(10.0, rate)
    return run(made, made.truth[0], SPREAD, Noise())


@pytest.mark.parametrize("rate", [50.0, 200.0])
def test_the_covariance_does_not_depend_on_the_sample_rate(rate: float) -> None:
    usual, other = after_ten_seconds(100.0)[1], after_ten_seconds(rate)[1]
    np.testing.assert_allclose(other.deviations, usual.deviations, rtol=0.02)
    # AI-IMU's own rule, noise times dt squared, is off by this factor.
    assert abs(math.sqrt(rate / 100) - 1) > 0.25


def test_one_long_step_spreads_noise_like_many_short_ones() -> None:
    state = State.at_rest(velocity=np.array((10.0, 0, 0)))
    force = np.array((0, 0, World().gravity))
    noise = Noise(gyro=0.01, accel=0.1, gyro_bias=0.0, accel_bias=0.0)
    spread = Covariance(np.zeros((SIZE, SIZE)))
    many = (state, spread)
    for _ in range(100):
        many = propagate(*many, np.zeros(3), force, 0.01, noise=noise)
    once = propagate(state, spread, np.zeros(3), force, 1.0, noise=noise)
    world = many[1].world(many[0]).deviations
    # Known integrals: of the accelerometer's noise; and of gravity on a tilt that walks.
    assert world[5] == pytest.approx(0.1, rel=1e-3)
    assert world[3] == pytest.approx(math.hypot(0.1, 0.01 * 9.80655 / math.sqrt(3)), rel=1e-3)
    np.testing.assert_allclose(once[1].world(once[0]).deviations[:6], world[:6], rtol=0.25)


@given(st.floats(-3, 3), vectors(largest=1000.0))
@settings(max_examples=5)
def test_it_is_all_the_same_where_the_origin_is_and_where_north_is(yaw: float, to: Array) -> None:
    made = drive(2.0, 50.0).with_errors(Noise(gyro=0.01, accel=0.1))
    turn = so3_exp(np.array((0, 0, yaw)))
    start = made.truth[0].moved(np.full(SIZE, 0.01))

    def seen(s: State) -> State:
        return replace(
            s,
            rotation=turn @ s.rotation,
            velocity=turn @ s.velocity,
            position=turn @ s.position + to,
        )

    frame = np.eye(5)
    frame[:3, :3], frame[:3, 4] = turn, to
    gauge = np.eye(SIZE)
    gauge[:9, :9] = se23_adjoint(frame)
    here, spread = run(made, start, SPREAD, Noise())
    there, other = run(made, seen(start), Covariance(gauge @ SPREAD.matrix @ gauge.T), Noise())
    assert np.abs(seen(here).error_of(there)).max() < 1e-8
    expected = gauge @ spread.matrix @ gauge.T
    np.testing.assert_allclose(other.matrix, expected, atol=1e-9 * np.abs(expected).max())


def test_the_filter_beats_dead_reckoning() -> None:
    noise = Noise(gyro=2e-3, accel=2e-2)
    made = drive(40.0, 50.0).with_errors(noise, gyro_bias=0.002, accel_bias=0.05)
    start = replace(made.truth[0], gyro_bias=np.zeros(3), accel_bias=np.zeros(3))
    noise = replace(noise, slip=(0.01, 0.01))
    dead, _ = run(made, start, SPREAD, noise, slip=False)
    held, _ = run(made, start, SPREAD, noise)

    def off(state: State) -> float:
        return float(np.linalg.norm(state.position - made.truth[-1].position))

    assert off(held) < 0.1 * made.trajectory.distances[-1]
    assert off(dead) > 5 * off(held)


def test_standing_still_finds_the_gyro_bias_and_stops_the_drift() -> None:
    bias = np.array((0.01, -0.02, 0.015))
    made = drive(0.0, 50.0, still=10.0).with_errors(Noise(), gyro_bias=bias, accel_bias=0.0)
    state, spread = replace(made.truth[0], gyro_bias=np.zeros(3)), SPREAD
    for i in range(1, len(made.times)):
        state, spread = propagate(state, spread, made.gyro[i], made.accel[i], 0.02)
        if i % 5 == 0:
            state, spread, _ = update(state, spread, no_motion(state, (1e-4,)))
            state, spread, _ = update(state, spread, no_rotation(state, made.gyro[i], (1e-4,)))
    np.testing.assert_allclose(state.gyro_bias, bias, atol=2e-3)
    assert np.linalg.norm(state.position - made.truth[0].position) < 0.1
    assert np.linalg.norm(state.velocity) < 0.05


def test_position_fixes_pull_the_position_and_heading_fixes_the_heading() -> None:
    made = drive(2.0, 50.0)
    wrong = made.truth[0].moved(np.array([0, 0, 0.3, *[0.0] * 3, 5, -4, 2, *[0.0] * 12]))
    state = wrong
    spread = Covariance.of_deviations(heading=0.5, position=(10, 10, 10)).about(state)
    for _ in range(3):
        state, spread, _ = update(state, spread, heading(state, heading_of(made.truth[0]), 1e-6))
        state, spread, said = update(
            state, spread, position(state, made.truth[0].position, (0.01,))
        )
        assert said.accepted
    off = np.linalg.norm(state.position - made.truth[0].position)
    assert off < 0.05
    assert np.linalg.norm(wrong.position - made.truth[0].position) > 5
    assert heading_of(state) == pytest.approx(heading_of(made.truth[0]), abs=1e-3)


def heading_of(state: State) -> float:
    ahead = state.rotation @ state.mount[:, 0]
    return math.atan2(ahead[1], ahead[0])


def test_consistency_over_sixty_simulated_runs() -> None:
    """NEES of all 21 errors and NIS of the slip, inside their 99.9 % bounds."""
    from scipy.special import chdtri  # type: ignore[import-untyped]

    rng = np.random.default_rng(0)
    # Small enough for the filter's first order to hold: with ten degrees of mount and heading it
    # believes itself some 10 % more than it should.
    start = Covariance.of_deviations(
        tilt=0.005, heading=0.02, velocity=(0.2,) * 3, gyro_bias=0.003, accel_bias=0.03, mount=0.01
    )
    runs, noise, dt = 60, Noise(gyro=5e-3, accel=5e-2, slip=(0.05, 0.05)), 0.05
    clean = drive(3.0, 1 / dt, lever=np.array((0.3, 0.0, 0.2)))
    nees, nis, count = 0.0, 0.0, 0
    root = np.linalg.cholesky(start.matrix + 1e-12 * np.eye(SIZE))
    variances = per_sample(noise.slip, dt)
    for seed in range(runs):
        made = clean.with_errors(noise, seed=seed)
        truth = made.truth[0]
        # The filter starts off the truth, as its covariance says.
        state, spread = truth.moved(root @ rng.normal(size=SIZE)), start
        for i in range(1, len(made.times)):
            state, spread = propagate(state, spread, made.gyro[i], made.accel[i], dt, noise=noise)
            measured = no_slip(state, clean.gyro[i], variances)
            slip = np.sqrt(variances) * rng.normal(size=2)
            measured = Measurement(measured.residual + slip, measured.jacobian, measured.noise)
            state, spread, said = update(state, spread, measured)
            nis, count = nis + said.nis, count + said.size
        walk = np.repeat((noise.gyro_bias, noise.accel_bias, noise.mount, noise.lever), 3)
        error = state.error_of(made.truth[-1])
        error[9:] += walk * math.sqrt(3.0) * rng.normal(size=12)
        nees += float(error @ np.linalg.solve(spread.matrix + 1e-12 * np.eye(SIZE), error))
    for total, size in ((nees, runs * SIZE), (nis, count)):
        low, high = chdtri(size, (0.9995, 0.0005))
        assert low < total < high


def test_exp_of_the_adjoint_moves_the_frame() -> None:
    """The gauge test above leans on this: T Exp(x) = Exp(Ad x) T."""
    frame, x = se23_exp(np.arange(9) / 5), np.arange(9)[::-1] / 7
    moved = se23_exp(se23_adjoint(frame) @ x) @ frame
    np.testing.assert_allclose(frame @ se23_exp(x), moved, atol=1e-12)
