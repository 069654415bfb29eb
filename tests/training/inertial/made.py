"""Drives that we made: a straight way at a wandering speed, with white noise."""

from __future__ import annotations

import numpy as np

from robot.lie import Array
from robot.metrics import Trajectory
from robot.recording import Recording


def wander(seed: int, seconds: float = 60.0) -> Array:
    """[N] 6 to 14 m/s, a sample every 10 ms."""
    rng = np.random.default_rng(seed)
    times = np.arange(0.0, seconds, 0.01)
    knots = np.arange(0, seconds + 5, 5)
    return np.interp(times, knots, rng.uniform(6, 14, len(knots)))


def straight(speeds: Array, shakes: Array) -> Recording:
    """A level way at [N] m/s, whose IMU feels gravity and [N, 6] shakes."""
    count = len(speeds)
    times = np.arange(count) * 0.01
    velocities = np.zeros((count, 3))
    velocities[:, 0] = speeds
    places = np.cumsum(velocities, axis=0) * 0.01
    truth = Trajectory(times, places, np.broadcast_to(np.eye(3), (count, 3, 3)))
    no = np.zeros(count, np.bool_)
    accel = np.array((0, 0, 9.8)) + shakes[:, 3:]
    return Recording("made", times, shakes[:, :3], accel, truth, velocities, no, ~no)
