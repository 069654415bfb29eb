"""State, error and covariance: the retraction, and what a covariance means at a place."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from robot.lie import Array, so3_exp
from robot.state import GYRO_BIAS, POSITION, SLIP_RATE, Covariance, Noise, State, per_sample
from tests.robot.simulated import states, vectors


@given(states(), vectors(21, 1.7))
def test_the_error_is_what_moves_the_estimate_to_the_truth(state: State, error: Array) -> None:
    np.testing.assert_allclose(state.error_of(state.moved(error)), error, atol=1e-10)


@given(states(), states())
def test_any_state_can_be_moved_to_any_other(state: State, truth: State) -> None:
    moved = state.moved(state.error_of(truth))
    for name, value in vars(truth).items():
        np.testing.assert_allclose(getattr(moved, name), value, atol=1e-9, err_msg=name)


@given(states(), vectors(21, 1.0))
def test_world_covariance_is_that_of_plain_differences(state: State, direction: Array) -> None:
    small = 1e-5 * direction
    moved = state.moved(small)
    seen = Covariance(np.outer(small, small)).world(state).matrix
    off = np.concatenate((small[:3], moved.velocity - state.velocity))
    off = np.concatenate((off, moved.position - state.position, small[9:]))
    np.testing.assert_allclose(seen, np.outer(off, off), atol=3e-10)


@given(states())
def test_about_undoes_world(state: State) -> None:
    plain = Covariance.of_deviations(position=(1.0, 2.0, 3.0), heading=0.1)
    np.testing.assert_allclose(plain.about(state).world(state).matrix, plain.matrix, atol=1e-9)


def test_deviations_are_those_given() -> None:
    spread = Covariance.of_deviations(gyro_bias=0.02, position=(1, 2, 3))
    np.testing.assert_allclose(spread.deviations[GYRO_BIAS], 0.02)
    np.testing.assert_allclose(spread.deviations[POSITION], (1, 2, 3))
    # AI-IMU's variances for KITTI.
    np.testing.assert_allclose(
        np.diag(Covariance.of_deviations().matrix),
        [1e-6] * 2 + [0] + [0.1] * 2 + [0] * 4 + [1e-8] * 3 + [1e-3] * 3 + [1e-5] * 3 + [1e-2] * 3,
    )


def test_noise_densities_are_ai_imus_variances_at_100_hz() -> None:
    noise, dt = Noise(), 0.01
    assert noise.gyro**2 * dt == pytest.approx(2e-4 * dt**2)
    assert noise.accel**2 * dt == pytest.approx(1e-3 * dt**2)
    assert noise.gyro_bias**2 * dt == pytest.approx(1e-8 * dt**2)
    assert noise.accel_bias**2 * dt == pytest.approx(1e-6 * dt**2)
    np.testing.assert_allclose(per_sample(noise.slip, 1 / SLIP_RATE), (1.0, 10.0))
    np.testing.assert_allclose(per_sample(noise.slip, 2 / SLIP_RATE), (0.5, 5.0))
    assert noise.rougher(3.0).gyro == pytest.approx(3 * noise.gyro)
    assert noise.rougher(3.0).slip == noise.slip


def test_at_rest_has_no_biases() -> None:
    state = State.at_rest(so3_exp(np.array((0, 0, 1.0))), np.ones(3))
    assert math.isclose(float(np.linalg.norm(state.velocity)), math.sqrt(3))
    assert not state.position.any()
    assert not state.gyro_bias.any()
    np.testing.assert_array_equal(state.mount, np.eye(3))
