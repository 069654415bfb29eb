"""A second opinion: GTSAM's groups, and its invariant filter on real and simulated samples.

`gtsam.Gal3ImuEKF` shares with `robot.filter` the problem of attitude, velocity and position under
known biases. Its conventions differ in four ways, which the tests below translate or bound:

- Its error is left-invariant, X = X^ Exp(e), ours right-invariant, X = Exp(e) X^. The adjoint of
  the estimate takes one to the other, and their covariances, without loss: both are log-linear.
- It holds specific force in the IMU's turning axes over a step and integrates in closed form; we
  turn it by the mean of R at both ends. The two part with the third power of dt in each step.
- It adds a step's whole noise after it, we add half before and half after: as much as a filter of
  its kind that starts with half a step's noise more and in the end has half a step's less.
- After an update it carries the covariance over to the new estimate by the adjoint, which in our
  coordinates is to leave it alone.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import gtsam
import numpy as np
import pytest

from robot.filter import WORLD, propagate, propagate_state, update
from robot.lie import (
    Array,
    se23,
    se23_adjoint,
    se23_exp,
    se23_inverse,
    se23_left_jacobian,
    se23_left_jacobian_inverse,
    se23_log,
    so3_exp,
    so3_log,
)
from robot.measurements import Measurement, position, velocity
from robot.state import POSITION, ROTATION, SIZE, VELOCITY, Covariance, Noise, State
from tests.robot.simulated import drive
from training.inertial.kitti import read_sequence

ANGLES = [
    *(0.0, 1e-300, 1e-160, 1e-15, 1e-8, 1e-4, 0.1, 1.0, 2.0, 3.0),
    *(math.pi - 1e-3, math.pi - 1e-7, math.pi - 1e-12),
]
AXES = [(1, 0, 0), (0, -1, 0), (0, 0, 1), (1, 1, 0), (1, -2, 3), (-0.3, 0.2, 1e-9)]
each_angle = pytest.mark.parametrize("angle", ANGLES)


def turns(angle: float) -> list[Array]:
    return [angle * np.array(axis) / np.linalg.norm(axis) for axis in AXES]


@each_angle
def test_rotations_are_gtsams(angle: float) -> None:
    for x in turns(angle):
        theirs = gtsam.Rot3.Expmap(x)
        np.testing.assert_allclose(so3_exp(x), theirs.matrix(), atol=2e-15)
        np.testing.assert_allclose(so3_log(theirs.matrix()), gtsam.Rot3.Logmap(theirs), atol=2e-15)


@each_angle
def test_extended_poses_are_gtsams(angle: float) -> None:
    # Its logarithm loses digits about here; that ours does not, the round trip shows.
    digits = 1e-6 if 1e-6 < math.pi - angle < 1e-2 else 1e-13
    for turn in turns(angle):
        x = np.concatenate((turn, (3.0, -2.0, 0.5), (-4.0, 7.0, 1.0)))
        pose, theirs = se23_exp(x), gtsam.ExtendedPose32.Expmap(x)
        np.testing.assert_allclose(pose, theirs.matrix(), atol=1e-14)
        np.testing.assert_allclose(se23_inverse(pose), theirs.inverse().matrix(), atol=2e-14)
        np.testing.assert_allclose(se23_adjoint(pose), theirs.AdjointMap(), atol=1e-14)
        logarithm = se23_log(pose)
        np.testing.assert_allclose(logarithm, x, atol=1e-13)
        np.testing.assert_allclose(logarithm, gtsam.ExtendedPose32.Logmap(theirs), atol=digits)
        # Theirs are the right Jacobians: J_right(x) = J_left(-x).
        exp = gtsam.ExtendedPose32.ExpmapDerivative(x)
        np.testing.assert_allclose(se23_left_jacobian(-x), exp, atol=1e-12)
        log = gtsam.ExtendedPose32.LogmapDerivative(theirs)
        np.testing.assert_allclose(se23_left_jacobian_inverse(-x), log, atol=digits)


# Biases, mount and lever are known, and stay as they are.
NOISE = Noise(gyro_bias=0.0, accel_bias=0.0, mount=0.0, lever=0.0)
DT = 0.01


class Samples(NamedTuple):
    """60 s at 100 Hz, and the true states at their ends."""

    gyro: Array
    accel: Array
    truth: list[State]


@pytest.fixture(scope="module", params=["simulated", "KITTI 07"])
def samples(request: pytest.FixtureRequest) -> Samples:
    if request.param == "simulated":
        made = drive(60.0, 1 / DT).with_errors(NOISE)
        return Samples(made.gyro, made.accel, list(made.truth))
    log = read_sequence(request.getfixturevalue("bombus_data"), "07").at(slice(6001))
    return Samples(log.gyro, log.accel, [log.state(row) for row in range(len(log.times))])


def matrix(state: State) -> Array:
    return se23(state.rotation, state.velocity, state.position)


class Theirs:
    """GTSAM's filter, its covariance seen in our coordinates [9, 9].

    The Galilean group holds time beside SE_2(3) as the tenth dimension; here it stands at 0, known.
    """

    def __init__(self, state: State, covariance: Array) -> None:
        how = gtsam.PreintegrationParams.MakeSharedU(WORLD.gravity)
        how.setGyroscopeCovariance(NOISE.gyro**2 * np.eye(3))
        how.setAccelerometerCovariance(NOISE.accel**2 * np.eye(3))
        how.setIntegrationCovariance(np.zeros((3, 3)))
        back = se23_adjoint(se23_inverse(matrix(state)))
        spread = np.zeros((10, 10))
        spread[:9, :9] = back @ covariance @ back.T
        start = gtsam.Gal3(gtsam.Rot3(state.rotation), state.position, state.velocity, 0.0)
        self.filter = gtsam.Gal3ImuEKF(start, spread, how, gtsam.Gal3ImuEKF.Mode.NO_TIME)
        assert isinstance(self.filter, gtsam.LeftLinearEKFGal3)

    @property
    def state(self) -> State:
        pose = self.filter.state().matrix()
        return State.at_rest(pose[:3, :3], pose[:3, 3], pose[:3, 4])

    @property
    def covariance(self) -> Array:
        there = se23_adjoint(self.filter.state().matrix())
        return np.asarray(there @ self.filter.covariance()[:9, :9] @ there.T)

    def update(self, measured: Measurement) -> None:
        """Correct it by a measurement of its own state."""
        jacobian = np.zeros((len(measured.residual), 10))
        there = se23_adjoint(self.filter.state().matrix())
        jacobian[:, :9] = measured.jacobian[:, :9] @ there
        nothing = np.zeros(len(measured.residual))
        self.filter.updateWithVector(nothing, jacobian, measured.residual, measured.noise)


def start(state: State) -> Covariance:
    spread = np.zeros((SIZE, SIZE))
    np.fill_diagonal(spread[:9, :9], [1e-4] * 3 + [0.1] * 3 + [1.0] * 3)
    return Covariance(spread).about(state)


def half_a_step(state: State) -> Array:
    """What half a step's noise is in our coordinates, [9, 9]."""
    own = np.diag([NOISE.gyro**2] * 3 + [NOISE.accel**2] * 3 + [0.0] * 3) * (0.5 * DT)
    there = se23_adjoint(matrix(state))
    return np.asarray(there @ own @ there.T)


def off(a: State, b: State) -> Array:
    """Largest differences [3] of rotation (rad), velocity (m/s) and position (m)."""
    error = np.abs(a.error_of(b))
    return np.array([error[part].max() for part in (ROTATION, VELOCITY, POSITION)])


def test_dead_reckoning_parts_with_the_square_of_the_step(samples: Samples) -> None:
    differences = []
    for parts in (1, 4):
        ours = samples.truth[0]
        theirs = Theirs(ours, np.zeros((9, 9)))
        for gyro, accel in zip(samples.gyro[1:3001], samples.accel[1:3001], strict=True):
            for _ in range(parts):
                ours = propagate_state(ours, gyro, accel, DT / parts)
                theirs.filter.predict(gyro, accel, DT / parts)
        differences.append(off(ours, theirs.state))
    whole, quarter = differences
    assert (whole < (1e-12, 2e-5, 5e-4)).all()
    # Theirs is exact for such samples: all of the difference is ours, and of the second order.
    np.testing.assert_allclose(whole[1:] / quarter[1:], 16.0, rtol=0.01)


def test_covariances_are_the_same_through_the_adjoint(samples: Samples) -> None:
    ours, spread = samples.truth[0], start(samples.truth[0])
    theirs = Theirs(ours, spread.matrix[:9, :9] + half_a_step(ours))
    for gyro, accel in zip(samples.gyro[1:], samples.accel[1:], strict=True):
        ours, spread = propagate(ours, spread, gyro, accel, DT, noise=NOISE)
        theirs.filter.predict(gyro, accel, DT)
    found = theirs.covariance - half_a_step(theirs.state)
    sigma = spread.deviations
    assert sigma[8] > 10.0  # m, from 1: there is something to compare
    expected = correlations(spread.matrix, sigma)
    np.testing.assert_allclose(correlations(found, sigma), expected, atol=1e-6)


def correlations(covariance: Array, deviations: Array) -> Array:
    """A covariance of the first nine errors as shares [9, 9] of their deviations."""
    return np.asarray(covariance[:9, :9] / np.outer(deviations[:9], deviations[:9]))


def test_an_update_is_the_same_to_rounding() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        root = 0.1 * rng.normal(size=(9, 9))
        before = State.at_rest().moved(np.concatenate((rng.normal(size=9), np.zeros(12))))
        spread = np.zeros((SIZE, SIZE))
        spread[:9, :9] = root @ root.T
        for measured in (
            position(before, before.position + rng.normal(size=3), (0.1, 0.2, 0.3)),
            velocity(before, before.velocity + rng.normal(size=3), (0.1, 0.2, 0.3)),
        ):
            theirs = Theirs(before, spread[:9, :9])
            theirs.update(measured)
            ours, after, _ = update(before, Covariance(spread), measured)
            np.testing.assert_allclose(off(ours, theirs.state), 0.0, atol=1e-13)
            np.testing.assert_allclose(theirs.covariance, after.matrix[:9, :9], atol=1e-14)


def test_the_filters_stay_together_over_a_minute_of_fixes(samples: Samples) -> None:
    """Position and velocity in turn, one a second; each filter measures its own estimate."""

    def fix(state: State, row: int) -> Measurement:
        if row % 200:
            return position(state, samples.truth[row].position, (1.0,))
        return velocity(state, samples.truth[row].velocity, (0.01,))

    ours, spread = samples.truth[0], start(samples.truth[0])
    theirs = Theirs(ours, spread.matrix[:9, :9] + half_a_step(ours))
    for row in range(1, len(samples.gyro)):
        gyro, accel = samples.gyro[row], samples.accel[row]
        ours, spread = propagate(ours, spread, gyro, accel, DT, noise=NOISE)
        theirs.filter.predict(gyro, accel, DT)
        if row % 100 == 0:
            ours, spread, _ = update(ours, spread, fix(ours, row))
            theirs.update(fix(theirs.state, row))
    assert np.linalg.norm(ours.position - samples.truth[-1].position) < 1.0
    assert (off(ours, theirs.state) < (2e-7, 1e-5, 2e-4)).all()
    # At a fix, theirs has half a step's noise more than ours.
    found = correlations(theirs.covariance - half_a_step(theirs.state), spread.deviations)
    np.testing.assert_allclose(found, correlations(spread.matrix, spread.deviations), atol=1e-4)
