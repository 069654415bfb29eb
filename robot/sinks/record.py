"""All that is told of a pose, as plain numbers in the world that was asked for.

Numbers are given to 9 decimals: nanometres, nanoseconds, 1e-9 rad.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from robot.health import Health
from robot.lie import Array
from robot.pose import Pose
from robot.sinks.world import World, quaternion, to_body, to_rotation, to_world
from robot.state import ACCEL_BIAS, GYRO_BIAS, POSITION, ROTATION, VELOCITY

Numbers = list[float]


@dataclass(frozen=True)
class Deviations:
    """Standard deviations [3] each; rotation, velocity and position along the world's axes."""

    rotation: Numbers  # rad
    velocity: Numbers  # m/s
    position: Numbers  # m
    gyro_bias: Numbers  # rad/s
    accel_bias: Numbers  # m/s^2


@dataclass(frozen=True)
class Record:
    """A pose as it is written.

    Attributes:
        time: s, in the source's clock.
        world: `enu`, or `ned`, where the IMU's axes are x forward, y right, z down.
        position: [3] m.
        quaternion: [4] x, y, z, w, from the IMU's axes to the world's.
        velocity: [3] m/s.
        gyro_bias: [3] rad/s, IMU axes.
        accel_bias: [3] m/s^2, IMU axes.
        deviations: How sure all that is.
        health: Names of `Health`; empty where all is well.
    """

    time: float
    world: World
    position: Numbers
    quaternion: Numbers
    velocity: Numbers
    gyro_bias: Numbers
    accel_bias: Numbers
    deviations: Deviations
    health: list[str]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return vars(self) | {"deviations": vars(self.deviations)}


def record(pose: Pose, world: World = "enu") -> Record:
    """What is told of a pose."""
    state = pose.state
    spread = pose.covariance.world(state).deviations
    return Record(
        round(pose.time, 9),
        world,
        _plain(to_world(state.position, world)),
        [round(q, 9) for q in quaternion(to_rotation(state.rotation, world))],
        _plain(to_world(state.velocity, world)),
        _plain(to_body(state.gyro_bias, world)),
        _plain(to_body(state.accel_bias, world)),
        Deviations(
            *(
                _plain(abs(to_world(spread[part], world)))
                for part in (ROTATION, VELOCITY, POSITION)
            ),
            *(_plain(spread[part]) for part in (GYRO_BIAS, ACCEL_BIAS)),
        ),
        health_names(pose.health),
    )


def health_names(health: Health) -> list[str]:
    """The flags that are set."""
    return [str(flag.name) for flag in health]


def _plain(values: Array) -> Numbers:
    # + 0.0 makes a zero of -0.0
    return [round(x, 9) + 0.0 for x in np.asarray(values).tolist()]
