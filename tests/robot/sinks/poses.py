"""Poses to write: of a drive that we made, and of any state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from robot.engine import pack
from robot.health import Health
from robot.lie import Array, so3_exp
from robot.localizer import Localizer
from robot.pose import Options, Pose
from robot.sinks import open_sink
from robot.sinks.world import World
from robot.state import Covariance, State
from tests.robot.simulated import covariances, drive, states


@cache
def driven() -> tuple[Pose, ...]:
    """Two seconds at 50 Hz on a winding road, one pose of which is not well."""
    made = drive(2.0, 50.0)
    start = (made.truth[0], Covariance.of_deviations())
    localizer = Localizer(Options(engine="numpy"), None, start)
    rows = zip(made.times, made.gyro, made.accel, strict=True)
    poses = [localizer.push(*row) for row in rows]
    poses[7] = replace(poses[7], health=Health.SPIKE | Health.SLIPPING)
    return tuple(poses)


def known(time: float = 1.5) -> Pose:
    """Heading north by a quarter turn, 1 m east, 2 m north, 3 m up, at 4 m/s north."""
    turn = so3_exp(np.array((0, 0, np.pi / 2)))
    state = State.at_rest(turn, np.array((0, 4.0, 0)), np.array((1.0, 2, 3)))
    state = replace(state, gyro_bias=np.array((0.1, 0.2, 0.3)))
    spread = Covariance(np.diag(np.square(np.arange(1.0, 22)))).about(state)
    return Pose(time, pack(state), spread, Health.OK)


def any_pose() -> st.SearchStrategy[Pose]:
    """A pose of any state, any covariance, any time and any health."""

    def make(time: float, state: State, matrix: Array, health: int) -> Pose:
        return Pose(time, pack(state), Covariance(matrix), Health(health))

    return st.builds(
        make,
        st.floats(-1e9, 2e9),
        states(),
        covariances(),
        st.integers(0, 2 ** len(Health) - 1),
    )


def written(path: Path, poses: Sequence[Pose], world: World = "enu") -> Path:
    """A file of poses."""
    with open_sink(str(path), world=world, force=True) as sink:
        for pose in poses:
            sink.write(pose)
    return path
