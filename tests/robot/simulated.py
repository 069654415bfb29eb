"""Drives that we made: a body that does not slip, and an IMU on it, true to the digit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from robot.lie import Array, skew, so3_exp
from robot.metrics import Trajectory
from robot.rotations import of_angles
from robot.simulation.simulate import path_of_imu
from robot.state import Noise, State

MOUNT = so3_exp(np.array((0.02, -0.03, 0.05)))
LEVER = np.array((0.8, 0.1, 0.4))


@dataclass(frozen=True)
class Drive:
    """Samples [N, 3] of an IMU, each holding for the step that ends with it, and true states."""

    times: Array
    gyro: Array
    accel: Array
    truth: tuple[State, ...]

    @property
    def trajectory(self) -> Trajectory:
        return Trajectory(
            self.times,
            np.stack([s.position for s in self.truth]),
            np.stack([s.rotation for s in self.truth]),
        )

    def with_errors(
        self,
        noise: Noise | None = None,
        gyro_bias: Array | float = 0.0,
        accel_bias: Array | float = 0.0,
        seed: int = 0,
    ) -> Drive:
        """With white noise of the densities given, and biases, which the true states tell of."""
        rng = np.random.default_rng(seed)
        root = math.sqrt(self.times[1] - self.times[0])
        white = rng.normal(size=(2, *self.gyro.shape)) / root
        noise = noise or Noise(gyro=0.0, accel=0.0)
        bg, ba = np.broadcast_to(gyro_bias, 3), np.broadcast_to(accel_bias, 3)
        return Drive(
            self.times,
            self.gyro + bg + noise.gyro * white[0],
            self.accel + ba + noise.accel * white[1],
            tuple(replace(s, gyro_bias=bg, accel_bias=ba) for s in self.truth),
        )


def drive(
    seconds: float = 20.0,
    rate: float = 100.0,
    *,
    still: float = 0.0,
    speed: float = 8.0,
    mount: Array = MOUNT,
    lever: Array = LEVER,
) -> Drive:
    """A winding road with hills: at rest for `still` s, then up to speed and on.

    Rates and forces are those with which `filter.propagate_state` follows the truth exactly.
    """
    times = np.arange(round((still + seconds) * rate) + 1) / rate
    fine = 8  # the course is integrated on a finer clock
    clock = np.arange((len(times) - 1) * fine + 1) / (rate * fine)
    moving = np.maximum(clock - still, 0.0)
    pace = speed * (1 - np.exp(-(moving**2) / 8)) * (1 + 0.3 * np.sin(0.5 * moving))
    gain = pace / speed
    yaw = np.cumsum(gain * 0.4 * np.sin(0.35 * moving)) / (rate * fine)
    pitch = 0.05 * gain * np.sin(0.2 * moving)
    ahead = np.stack((np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)), 1)
    flow = pace[:, None] * ahead
    flow, yaw, pitch = flow[::fine], yaw[::fine], pitch[::fine]
    angles = np.stack((np.zeros_like(yaw), pitch, yaw), axis=1)
    attitudes = of_angles(angles) @ mount.T
    path = path_of_imu(times, attitudes, flow, lever)
    zero = np.zeros(3)
    truth = tuple(
        State(r, v, p, zero, zero, mount, lever)
        for r, v, p in zip(attitudes, path.velocities, path.positions, strict=True)
    )
    return Drive(times, path.gyro, path.accel, truth)


def vectors(size: int = 3, largest: float = 3.0) -> st.SearchStrategy[Array]:
    """Vectors [size] within +-largest; some are zero, some are tiny."""

    def make(seed: int, scale: float) -> Array:
        return np.random.default_rng(seed).uniform(-scale, scale, size) * largest

    scales = st.sampled_from((1.0, 1.0, 0.1, 1e-4, 1e-9, 0.0))
    return st.builds(make, st.integers(0, 2**32 - 1), scales)


def states(far: float = 100.0) -> st.SearchStrategy[State]:
    """States of any attitude, within `far` m of the origin, at up to 30 m/s."""

    def make(x: Array) -> State:
        rotation, mount = so3_exp(x[:3]), so3_exp(x[15:18])
        return State(
            rotation, 10 * x[3:6], far / 3 * x[6:9], 0.03 * x[9:12], 0.2 * x[12:15], mount, x[18:21]
        )

    return vectors(21).map(make)


def covariances() -> st.SearchStrategy[Array]:
    """Covariances [21, 21], some of them singular."""

    def make(seed: int, rank: int) -> Array:
        rng = np.random.default_rng(seed)
        root = rng.normal(size=(21, rank)) * 10.0 ** rng.uniform(-4, 0, size=(21, 1))
        return np.asarray(root @ root.T)

    return st.builds(make, st.integers(0, 2**32 - 1), st.integers(1, 21))


def wedge(x: Array) -> Array:
    """The matrix [5, 5] of the Lie algebra of SE_2(3) for a tangent vector [9]."""
    matrix = np.zeros((5, 5))
    matrix[:3, :3], matrix[:3, 3], matrix[:3, 4] = skew(x[:3]), x[3:6], x[6:]
    return matrix
