"""Runs to look at: a short drive that we made, and a long one of no physics at all."""

from __future__ import annotations

from functools import cache

import numpy as np

from robot.health import Health
from robot.lie import Array
from robot.metrics import Trajectory
from robot.noise import ConstantNoise
from robot.pose import Options
from robot.replay.view import View, make_view
from robot.state import Covariance, Noise
from robot.track import Track, track
from tests.robot.simulated import drive


@cache
def driven() -> tuple[Track, Trajectory]:
    """Twenty seconds with biases, one bad sample and one hole; and its truth, elsewhere."""
    made = drive(20.0, 50.0).with_errors(
        Noise(gyro=1e-4, accel=1e-3), gyro_bias=2e-4, accel_bias=5e-3
    )
    gyro = made.gyro.copy()
    gyro[300, 1] = np.nan
    rows = [i for i in range(len(made.times)) if not 600 <= i < 605]
    start = (made.truth[0], Covariance.of_deviations())
    result = track(
        100 + made.times[rows],
        gyro[rows],
        made.accel[rows],
        options=Options(engine="numpy"),
        model=ConstantNoise(Noise(slip=(0.01, 0.01))),
        start=start,
    )
    truth = made.trajectory
    away = truth.positions + np.array((1000.0, -500.0, 20.0))
    return result, Trajectory(100 + truth.times, away, truth.rotations)


@cache
def seen(name: str = "A winding road") -> View:
    """All that can be seen of it."""
    run, truth = driven()
    count = len(run.trajectory.times)
    rng = np.random.default_rng(0)
    slip = np.exp(rng.normal(size=(count, 2)))
    return make_view(name, run, truth=truth, slip=slip, spikes=rng.random((count, 16)) < 0.1)


def long_run(count: int) -> tuple[Track, Array]:
    """A random way of many rows at 100 Hz, ill at one of them; and a random series beside it."""
    rng = np.random.default_rng(1)
    packed = rng.normal(size=(count, 33))
    packed[:, :9] = packed[:, 21:30] = np.eye(3).ravel()
    packed[:, 12:15] = np.cumsum(0.05 * rng.normal(size=(count, 3)), axis=0)
    way = Trajectory(
        np.arange(count) / 100, packed[:, 12:15], packed[:, :9].reshape(-1, 3, 3).copy()
    )
    health = np.zeros(count, np.int64)
    health[count // 3] = Health.SPIKE.value
    filled = np.zeros(count, np.bool_)
    return Track(way, packed, rng.random((count, 21)), health, filled), rng.random((count, 2))
