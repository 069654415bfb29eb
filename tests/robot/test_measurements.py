"""Measurements: every Jacobian by finite differences, every residual zero at the truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.align import specific_force
from robot.filter import propagate_state
from robot.lie import Array
from robot.measurements import (
    Measurement,
    body_velocity,
    forward_drift,
    forward_speed,
    heading,
    no_motion,
    no_rotation,
    no_slip,
    position,
    velocity,
)
from robot.state import GRAVITY, GYRO_BIAS, SIZE, VELOCITY, State
from tests.robot.simulated import drive, states

GYRO = np.array((0.3, -0.5, 1.1))
ANTENNA = np.array((0.5, -0.2, 1.3))
KINDS: dict[str, Callable[[State], Measurement]] = {
    "no_slip": lambda s: no_slip(s, GYRO, (1.0, 10.0)),
    "forward_speed": lambda s: forward_speed(s, GYRO, 3.0, 0.1),
    "no_motion": lambda s: no_motion(s, (0.1,)),
    "no_rotation": lambda s: no_rotation(s, GYRO, (0.1,)),
    "position": lambda s: position(s, np.ones(3), (1.0,), ANTENNA),
    "horizontal": lambda s: position(s, np.ones(2), (1.0, 2.0), axes=(0, 1)),
    "velocity": lambda s: velocity(s, np.ones(3), np.diag((1.0, 2.0, 3.0))),
    "heading": lambda s: heading(s, 0.5, 0.1),
    "specific_force": lambda s: specific_force(s, np.ones(3), 0.1, 9.8),
}


@pytest.mark.parametrize("kind", KINDS)
@given(state=states())
@settings(max_examples=15)
def test_jacobians_are_derivatives(kind: str, state: State) -> None:
    measure = KINDS[kind]
    measured, h = measure(state), 1e-6
    assert measured.jacobian.shape == (len(measured.residual), SIZE)
    np.testing.assert_array_equal(measured.noise, measured.noise.T)
    level = 1.0
    if kind == "heading":  # an angle that turns ever faster towards the zenith
        level = max(float(np.linalg.norm((state.rotation @ state.mount[:, 0])[:2])), 1e-3)
    for i in range(SIZE):
        error = np.zeros(SIZE)
        error[i] = h * level
        # The residual is measured less predicted, so its derivative is -H.
        change = measure(state.moved(-error)).residual - measure(state.moved(error)).residual
        if kind == "heading":
            change = np.array([math.remainder(c, 2 * math.pi) for c in change])
        np.testing.assert_allclose(
            measured.jacobian[:, i], change / (2 * h * level), atol=1e-5 / level**2, err_msg=str(i)
        )


@given(state=states())
@settings(max_examples=15)
def test_forward_drift_is_how_fast_the_forward_speed_goes_wrong(state: State) -> None:
    """Of a filter whose state errs a little: the velocity that a second adds, along the body."""
    forward, accel, h = state.rotation @ state.mount[:, 0], np.array((0.3, -0.2, 9.6)), 1e-6
    found = forward_drift(state, GRAVITY)
    for i in range(SIZE):
        error = np.zeros(SIZE)
        error[i] = h
        true, later = state.moved(error), propagate_state(state, state.gyro_bias, accel, 0.01)
        truly = propagate_state(true, state.gyro_bias, accel, 0.01)
        # By the invariant error, in which a turned world is no wrong speed.
        change = (later.error_of(truly) - state.error_of(true))[VELOCITY] / 0.01
        if GYRO_BIAS.start <= i < GYRO_BIAS.stop:
            continue  # it tilts first
        assert found[i] == pytest.approx(float(forward @ change) / h, abs=1e-3)


def test_the_true_state_of_a_drive_leaves_no_residual() -> None:
    made = drive(5.0, 50.0, still=1.0)
    for i in (60, 150, -1):
        truth, gyro = made.truth[i], made.gyro[i]
        body, _ = body_velocity(truth, gyro)
        assert body[0] > 0
        ahead = truth.rotation @ truth.mount[:, 0]
        angle = math.atan2(ahead[1], ahead[0])
        for measured in (
            no_slip(truth, gyro, (1.0, 1.0)),
            forward_speed(truth, gyro, float(body[0]), 1.0),
            position(truth, truth.position, (1.0,)),
            velocity(truth, truth.velocity, (1.0,)),
            heading(truth, angle + 4 * math.pi, 1.0),
        ):
            np.testing.assert_allclose(measured.residual, 0.0, atol=1e-12)
    at_rest = made.truth[10]
    np.testing.assert_allclose(no_motion(at_rest, (1.0,)).residual, 0.0, atol=1e-12)
    np.testing.assert_allclose(no_rotation(at_rest, made.gyro[10], (1.0,)).residual, 0, atol=1e-12)


def test_the_lever_has_the_sign_of_the_imus_place() -> None:
    """Turning left about the rear axle, an IMU ahead of it moves to the left, the axle does not."""
    ahead = np.array((2.0, 0.0, 0.0))
    state = replace(State.at_rest(velocity=np.array((0, 2.0, 0))), lever=ahead)
    body, _ = body_velocity(state, np.array((0.0, 0.0, 1.0)))
    np.testing.assert_allclose(body, 0.0, atol=1e-15)


@given(st.floats(-20, 20))
def test_headings_go_the_short_way_around(angle: float) -> None:
    residual = float(heading(State.at_rest(), angle, 1.0).residual[0])
    assert abs(residual) <= math.pi
    assert math.cos(residual) == pytest.approx(math.cos(angle))


def test_straight_up_there_is_no_heading_and_no_nan() -> None:
    up: Array = np.array(((0, 0, -1.0), (0, 1, 0), (1, 0, 0)))
    measured = heading(State.at_rest(up), 0.3, 1.0)
    assert np.isfinite(measured.jacobian).all()
    assert np.isfinite(measured.residual).all()
