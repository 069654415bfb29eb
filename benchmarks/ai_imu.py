"""AI-IMU's filter in plain numpy, as its authors wrote it down: what ours is measured against.

Brossard, Barrau and Bonnabel, AI-IMU Dead-Reckoning, arXiv 1904.06064: dense matrices of 21 states,
process noise times dt squared, the state at the step's start in every Jacobian, textbook formulas
for the groups. `tests/robot/test_ai_imu.py` holds it to the published filter's figures.
"""

from __future__ import annotations

import numpy as np

from robot.lie import Array
from robot.state import GRAVITY, SIZE, State

# Variances for KITTI: of a sample at 100 Hz; of the lateral and the vertical velocity.
PROCESS = np.repeat((2e-4, 1e-3, 1e-8, 1e-6, 1e-8, 1e-8), 3)
SLIP = (1.0, 10.0)
DOWN = np.array((0.0, 0.0, -GRAVITY))
EYE = np.eye(SIZE)
SMALL = 1e-8  # rad


class PlainFilter:
    """State and covariance, moved on in place by one sample after the other."""

    def __init__(self, state: State, covariance: Array) -> None:
        """Start from a state and a covariance [21, 21]."""
        self.rotation, self.velocity, self.position = state.rotation, state.velocity, state.position
        self.gyro_bias, self.accel_bias = state.gyro_bias, state.accel_bias
        self.mount, self.lever = state.mount, state.lever
        self.covariance = covariance
        self.steps = 0
        self._process = np.diag(PROCESS)
        self._slip = np.diag(SLIP)

    def propagate(self, sample: Array, dt: float) -> None:
        """Dead reckoning by a sample [6] (gyro, rad/s, and accelerometer, m/s^2) over dt s."""
        rotation, velocity, position = self.rotation, self.velocity, self.position
        f, g = np.zeros((SIZE, SIZE)), np.zeros((SIZE, 18))
        v_rotation, p_rotation = skew(velocity) @ rotation, skew(position) @ rotation
        f[3:6, :3] = skew(DOWN)
        f[6:9, 3:6] = np.eye(3)
        f[:3, 9:12], f[3:6, 9:12], f[6:9, 9:12] = -rotation, -v_rotation, -p_rotation
        f[3:6, 12:15] = -rotation
        g[:3, :3], g[3:6, :3], g[6:9, :3] = rotation, v_rotation, p_rotation
        g[3:6, 3:6] = rotation
        g[9:, 6:] = np.eye(12)
        f, g = f * dt, g * dt
        squared = f @ f
        phi = EYE + f + squared / 2 + (squared @ f) / 6
        self.covariance = phi @ (self.covariance + g @ self._process @ g.T) @ phi.T
        accel = rotation @ (sample[3:] - self.accel_bias) + DOWN
        self.position = position + velocity * dt + accel * (0.5 * dt * dt)
        self.velocity = velocity + accel * dt
        self.rotation = rotation @ exp((sample[:3] - self.gyro_bias) * dt)
        self.steps += 1
        if self.steps % 100 == 0:
            self.rotation = nearest_rotation(self.rotation)
        if self.steps % 1000 == 0:
            self.mount = nearest_rotation(self.mount)

    def update(self, sample: Array) -> None:
        """No lateral and no vertical velocity of the body, at the sample's rates."""
        p = self.covariance
        rate = sample[:3] - self.gyro_bias
        in_imu = self.rotation.T @ self.velocity
        in_body = self.mount.T @ in_imu + skew(self.lever) @ rate
        h = np.zeros((2, SIZE))
        h[:, 3:6] = (self.rotation @ self.mount).T[1:]
        h[:, 9:12] = -skew(self.lever)[1:]
        h[:, 15:18] = (self.mount.T @ skew(in_imu))[1:]
        h[:, 18:21] = -skew(rate)[1:]
        seen = h @ p @ h.T + self._slip
        gain = np.linalg.solve(seen, (p @ h.T).T).T
        kept = EYE - gain @ h
        joseph = kept @ p @ kept.T + gain @ self._slip @ gain.T
        self.covariance = (joseph + joseph.T) / 2
        error: Array = np.asarray(gain @ -in_body[1:])
        turn, jacobian = exp(error[:3]), left_jacobian(error[:3])
        self.rotation = turn @ self.rotation
        self.velocity = turn @ self.velocity + jacobian @ error[3:6]
        self.position = turn @ self.position + jacobian @ error[6:9]
        self.gyro_bias = self.gyro_bias + error[9:12]
        self.accel_bias = self.accel_bias + error[12:15]
        self.mount = exp(error[15:18]) @ self.mount
        self.lever = self.lever + error[18:21]


def skew(x: Array) -> Array:
    """The matrix [3, 3] of the cross product with x [3]."""
    return np.array([[0, -x[2], x[1]], [x[2], 0, -x[0]], [-x[1], x[0], 0]])


def exp(x: Array) -> Array:
    """The rotation [3, 3] by x [3], rad (Rodrigues)."""
    angle = np.linalg.norm(x)
    if angle < SMALL:
        return np.eye(3) + skew(x)
    axis = x / angle
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(c * np.eye(3) + (1 - c) * np.outer(axis, axis) + s * skew(axis))


def left_jacobian(x: Array) -> Array:
    """The left Jacobian [3, 3] of `exp`."""
    angle = np.linalg.norm(x)
    if angle < SMALL:
        return np.eye(3) + 0.5 * skew(x)
    axis = x / angle
    s = np.sin(angle) / angle
    c = (1 - np.cos(angle)) / angle
    return np.asarray(s * np.eye(3) + (1 - s) * np.outer(axis, axis) + c * skew(axis))


def nearest_rotation(matrix: Array) -> Array:
    """The nearest rotation, by SVD."""
    u, _, vt = np.linalg.svd(matrix)
    sign = np.array((1.0, 1.0, np.linalg.det(u) * np.linalg.det(vt)))
    return np.asarray((u * sign) @ vt)
