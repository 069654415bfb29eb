"""What the filter knows: the state, its covariance, and the noise it is told to expect.

Frames: the world is local east-north-up (z up); the IMU's own axes are x forward, y left, z up;
the body is the vehicle, whose x axis is the way it rolls. Units are SI, angles in rad. Nothing
here changes once it is made: functions return new objects and never write into arrays given.

The error of the 21 states is right-invariant (Barrau and Bonnabel 2017; the layout is that of
AI-IMU, Brossard, Barrau and Bonnabel, arXiv 1904.06064):

    true (R, v, p) = Exp(e[0:9]) (R, v, p)   on SE_2(3)
    true mount     = Exp(e[15:18]) mount     on SO(3)
    true x         = x + e                   for the rest
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robot.lie import Array, polish_rotation, se23, se23_exp, se23_log, skew, so3_exp, so3_log

SIZE = 21
ROTATION = slice(0, 3)
VELOCITY = slice(3, 6)
POSITION = slice(6, 9)
GYRO_BIAS = slice(9, 12)
ACCEL_BIAS = slice(12, 15)
MOUNT = slice(15, 18)
LEVER = slice(18, 21)

GRAVITY = 9.80655  # m/s^2, AI-IMU's value for KITTI (standard gravity is 9.80665)


def _zero() -> Array:
    return np.zeros(3)


@dataclass(frozen=True)
class State:
    """One estimate.

    Attributes:
        rotation: R [3, 3], from the IMU's axes to the world's.
        velocity: v [3], of the IMU in the world, m/s.
        position: p [3], of the IMU in the world, m.
        gyro_bias: [3], what the gyro shows at no rotation, IMU axes, rad/s.
        accel_bias: [3], what the accelerometer shows too much, IMU axes, m/s^2.
        mount: [3, 3], from the body's axes to the IMU's.
        lever: [3], the IMU's place as seen from the point of the body that does not slip (of a
            car, the middle of its rear axle), IMU axes, m.
    """

    rotation: Array
    velocity: Array
    position: Array
    gyro_bias: Array
    accel_bias: Array
    mount: Array
    lever: Array

    @staticmethod
    def at_rest(
        rotation: Array | None = None,
        velocity: Array | None = None,
        position: Array | None = None,
    ) -> State:
        """A state with no biases, no lever and the body's axes along the IMU's; 1 and 0 if None."""
        return State(
            np.eye(3) if rotation is None else rotation,
            _zero() if velocity is None else velocity,
            _zero() if position is None else position,
            _zero(),
            _zero(),
            np.eye(3),
            _zero(),
        )

    def moved(self, error: Array) -> State:
        """The state whose error, seen from this one, is `error` [21] (the retraction)."""
        step = se23_exp(error[:9])
        turn = step[:3, :3]
        return State(
            turn @ self.rotation,
            turn @ self.velocity + step[:3, 3],
            turn @ self.position + step[:3, 4],
            self.gyro_bias + error[9:12],
            self.accel_bias + error[12:15],
            polish_rotation(so3_exp(error[15:18]) @ self.mount),
            self.lever + error[18:21],
        )

    def error_of(self, truth: State) -> Array:
        """The error [21] of this estimate: `self.moved(self.error_of(truth))` is the truth."""
        turn = truth.rotation @ self.rotation.T
        off = se23(
            turn,
            truth.velocity - turn @ self.velocity,
            truth.position - turn @ self.position,
        )
        return np.concatenate(
            (
                se23_log(off),
                truth.gyro_bias - self.gyro_bias,
                truth.accel_bias - self.accel_bias,
                so3_log(truth.mount @ self.mount.T),
                truth.lever - self.lever,
            )
        )


@dataclass(frozen=True)
class Covariance:
    """The covariance [21, 21] of the right-invariant error, symmetric and positive."""

    matrix: Array

    @staticmethod
    def of_deviations(
        *,
        tilt: float = 1e-3,
        heading: float = 0.0,
        velocity: tuple[float, float, float] = (math.sqrt(0.1), math.sqrt(0.1), 0.0),
        position: tuple[float, float, float] = (0.0, 0.0, 0.0),
        gyro_bias: float = 1e-4,
        accel_bias: float = math.sqrt(1e-3),
        mount: float = math.sqrt(1e-5),
        lever: float = 0.1,
    ) -> Covariance:
        """A diagonal one, of standard deviations; the defaults are AI-IMU's for KITTI.

        It is that of a state at the world's origin and at rest. For another, the uncertainty of
        its attitude turns v and p as well: see `about`.

        Args:
            tilt: Of roll and pitch, rad.
            heading: rad.
            velocity: World axes, m/s.
            position: World axes, m.
            gyro_bias: rad/s.
            accel_bias: m/s^2.
            mount: rad.
            lever: m.
        """
        deviations = (
            *(tilt, tilt, heading, *velocity, *position),
            *[gyro_bias] * 3 + [accel_bias] * 3 + [mount] * 3 + [lever] * 3,
        )
        return Covariance(np.diag(np.square(np.asarray(deviations, np.float64))))

    def about(self, state: State) -> Covariance:
        """The same spread of attitude, v and p apart, as a covariance of the invariant error.

        Takes `self` for the covariance of (rotation in world axes, v, p, ...) and returns that of
        the error the filter works with, where dv = v' - Exp(r) v: the inverse of `world`.
        """
        return self._sheared(state, -1.0)

    def world(self, state: State) -> Covariance:
        """The covariance of (rotation in world axes, v' - v, p' - p, ...) at a state."""
        return self._sheared(state, 1.0)

    def _sheared(self, state: State, sign: float) -> Covariance:
        shear = np.eye(SIZE)
        shear[VELOCITY, ROTATION] = -sign * skew(state.velocity)
        shear[POSITION, ROTATION] = -sign * skew(state.position)
        sheared = shear @ self.matrix @ shear.T
        return Covariance(0.5 * (sheared + sheared.T))

    @property
    def deviations(self) -> Array:
        """Standard deviations [21]."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self.matrix), 0.0)))


@dataclass(frozen=True)
class Noise:
    """How much is to be expected of each noise, all as densities: no rate is hidden in them.

    A white noise whose density is s has the variance s^2 / dt in a sample that stands for dt, and
    s^2 T in its integral over T. The defaults are AI-IMU's for KITTI, whose per-sample variances
    at 100 Hz are Q and N: s^2 = 0.01 Q (its `Q dt^2` per step), and `slip` is N itself.

    Attributes:
        gyro: Angular random walk, rad/s per sqrt(Hz).
        accel: Velocity random walk, m/s^2 per sqrt(Hz).
        gyro_bias: Random walk of the gyro's bias, rad/s per sqrt(s).
        accel_bias: Random walk of the accelerometer's bias, m/s^2 per sqrt(s).
        mount: Random walk of the mount, rad per sqrt(s).
        lever: Random walk of the lever, m per sqrt(s).
        slip: Variances of the lateral and the vertical velocity of the body about zero, taken
            `SLIP_RATE` times a second, m^2/s^2.
    """

    gyro: float = math.sqrt(2e-6)
    accel: float = math.sqrt(1e-5)
    gyro_bias: float = 1e-5
    accel_bias: float = 1e-4
    mount: float = 1e-5
    lever: float = 1e-5
    slip: tuple[float, float] = (1.0, 10.0)

    def rougher(self, factor: float) -> Noise:
        """The same with gyro and accelerometer noisier by a factor, for samples of little worth."""
        return replace(self, gyro=self.gyro * factor, accel=self.accel * factor)


KITTI_NOISE = Noise()
SLIP_RATE = 100.0  # Hz


def per_sample(variances: NDArray[np.float64] | tuple[float, ...], dt: float) -> Array:
    """Variances that hold `SLIP_RATE` times a second, for a sample that stands for dt seconds."""
    return np.asarray(variances, np.float64) * (1.0 / (SLIP_RATE * dt))
