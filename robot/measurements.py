"""What can be measured of a state: residual, Jacobian and covariance, ready for `filter.update`.

The residual is what was measured less what the state predicts; the Jacobian is that of the
prediction by the right-invariant error of `robot.state`. The hats below are skew matrices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robot.lie import Array, skew
from robot.state import (
    ACCEL_BIAS,
    GYRO_BIAS,
    LEVER,
    MOUNT,
    POSITION,
    ROTATION,
    SIZE,
    VELOCITY,
    State,
)


@dataclass(frozen=True)
class Measurement:
    """A measurement of m numbers: residual [m], Jacobian [m, 21], covariance [m, m]."""

    residual: Array
    jacobian: Array
    noise: Array


def _noise(variances: Sequence[float] | Array, size: int) -> Array:
    """A covariance of variances [m]; of a full covariance, itself."""
    given = np.asarray(variances, np.float64)
    return given if given.ndim == 2 else np.diag(np.broadcast_to(given, (size,)))


def body_velocity(state: State, gyro: Array) -> tuple[Array, Array]:
    """Velocity of the body's unslipping point in its own axes [3], m/s, and its Jacobian [3, 21].

        v_body = mount' (R' v + lever x (gyro - bias))
        H[v] = (R mount)'   H[bg] = -mount' lever^   H[lever] = -mount' w^
        H[mount] = mount' (R' v + lever x w)^         with w = gyro - bias

    AI-IMU writes mount' R' v + lever x w, which is the same while the mount is small: there the
    lever stays in the body's axes and the rate in the IMU's.

    Args:
        state: The estimate.
        gyro: [3] as measured, IMU axes, rad/s.
    """
    back, lever = state.mount.T, skew(state.lever)
    rate = gyro - state.gyro_bias
    velocity = state.rotation.T @ state.velocity + lever @ rate
    jacobian = np.zeros((3, SIZE))
    jacobian[:, VELOCITY] = back @ state.rotation.T
    jacobian[:, GYRO_BIAS] = -back @ lever
    jacobian[:, MOUNT] = back @ skew(velocity)
    jacobian[:, LEVER] = -back @ skew(rate)
    return back @ velocity, jacobian


def no_slip(
    state: State, gyro: Array, variances: Sequence[float] | Array, drift: float = 0.0
) -> Measurement:
    """The body moves neither sideways, but for its drift in curves, nor up.

    Tyres take up a lateral force at an angle to their way, in proportion to it while it is small
    (Pacejka, Tire and Vehicle Dynamics): at forward speed v and yaw rate w, the force is m v w,
    the angle drift v w, and the body moves outwards at drift v^2 w. How that depends on the state
    is left out of the Jacobian, since the coefficient is rough.

    Args:
        state: The estimate.
        gyro: [3] as measured, IMU axes, rad/s.
        variances: Lateral and vertical, m^2/s^2.
        drift: That coefficient, s^2/m; 0 for none.
    """
    velocity, jacobian = body_velocity(state, gyro)
    residual = -velocity[1:]
    if drift:
        turn = float(state.mount[:, 2] @ (gyro - state.gyro_bias))
        residual[0] -= drift * velocity[0] ** 2 * turn
    return Measurement(residual, jacobian[1:], _noise(variances, 2))


def forward_speed(state: State, gyro: Array, speed: float, variance: float) -> Measurement:
    """The body rolls forward at a speed, m/s, as wheels show it; variance in m^2/s^2."""
    velocity, jacobian = body_velocity(state, gyro)
    return Measurement(speed - velocity[:1], jacobian[:1], np.array(((variance,),)))


def forward_drift(state: State, gravity: float) -> Array:
    """[21] Jacobian of how fast the forward speed goes wrong, m/s^2: by tilt and by bias.

    The world's v' errs by g^ xi[R] - R xi[ba] (`robot.filter`); g is downwards, m/s^2.
    """
    forward = state.rotation @ state.mount[:, 0]
    jacobian = np.zeros(SIZE)
    jacobian[ROTATION] = forward @ skew(np.array((0.0, 0.0, -gravity)))
    jacobian[ACCEL_BIAS] = -forward @ state.rotation
    return jacobian


def no_motion(state: State, variances: Sequence[float] | Array) -> Measurement:
    """The IMU does not move (zero-velocity update): R' v = 0, variances in IMU axes, m^2/s^2."""
    jacobian = np.zeros((3, SIZE))
    jacobian[:, VELOCITY] = state.rotation.T
    return Measurement(-state.rotation.T @ state.velocity, jacobian, _noise(variances, 3))


def no_rotation(state: State, gyro: Array, variances: Sequence[float] | Array) -> Measurement:
    """The IMU does not turn (zero-rotation update): what the gyro shows is bias; rad^2/s^2."""
    jacobian = np.zeros((3, SIZE))
    jacobian[:, GYRO_BIAS] = np.eye(3)
    return Measurement(gyro - state.gyro_bias, jacobian, _noise(variances, 3))


def position(
    state: State,
    place: Array,
    variances: Sequence[float] | Array,
    antenna: Array | None = None,
    axes: Sequence[int] = (0, 1, 2),
) -> Measurement:
    """A position fix, p + R antenna.

    Args:
        state: The estimate.
        place: [m] where the antenna is, the world's `axes`, m.
        variances: [m] or [m, m], m^2.
        antenna: [3] its place seen from the IMU, IMU axes, m; None for none.
        axes: Which of east, north, up were measured.
    """
    here = state.position if antenna is None else state.position + state.rotation @ antenna
    jacobian = np.zeros((3, SIZE))
    jacobian[:, ROTATION] = -skew(here)
    jacobian[:, POSITION] = np.eye(3)
    rows = list(axes)
    return Measurement(place - here[rows], jacobian[rows], _noise(variances, len(rows)))


def velocity(
    state: State,
    measured: Array,
    variances: Sequence[float] | Array,
    axes: Sequence[int] = (0, 1, 2),
) -> Measurement:
    """A velocity fix in the world's `axes`, as GNSS gives it: [m] m/s, [m] or [m, m] m^2/s^2."""
    jacobian = np.zeros((3, SIZE))
    jacobian[:, ROTATION] = -skew(state.velocity)
    jacobian[:, VELOCITY] = np.eye(3)
    rows = list(axes)
    return Measurement(
        measured - state.velocity[rows], jacobian[rows], _noise(variances, len(rows))
    )


def heading(state: State, angle: float, variance: float) -> Measurement:
    """Where the body's x axis points, counter-clockwise from east, rad; variance in rad^2.

    With f = R mount x: angle = atan2(f_y, f_x), d f = -f^ e_rot - R (mount x)^ e_mount. The
    residual is taken around the circle the short way.
    """
    ahead = state.mount[:, 0]
    f = state.rotation @ ahead
    x, y = float(f[0]), float(f[1])
    level = max(x * x + y * y, 1e-12)  # straight up or down there is no heading
    across = np.array((-y, x, 0.0)) / level
    jacobian = np.zeros((1, SIZE))
    jacobian[0, ROTATION] = -across @ skew(f)
    jacobian[0, MOUNT] = -across @ state.rotation @ skew(ahead)
    residual = math.remainder(angle - math.atan2(y, x), 2 * math.pi)
    return Measurement(np.array((residual,)), jacobian, np.array(((variance,),)))
