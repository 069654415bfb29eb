"""The worlds that are written and read.

East-north-up with the IMU's axes x forward, y left, z up, as inside; or north-east-down with
x forward, y right, z down, as in aviation.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from robot.frames import FRD, NED
from robot.lie import Array
from robot.metrics import Trajectory

World = Literal["enu", "ned"]


def to_world(vector: Array, world: World) -> Array:
    """A vector [3] or vectors [N, 3] of the ENU world, in another; its own inverse."""
    return vector if world == "enu" else np.asarray(vector @ NED)


def to_body(vector: Array, world: World) -> Array:
    """A vector [3] in the IMU's axes, in those that belong to a world."""
    return vector if world == "enu" else np.asarray(vector @ FRD)


def to_rotation(rotation: Array, world: World) -> Array:
    """A rotation [..., 3, 3] from the IMU's axes to ENU, in another world; its own inverse."""
    return rotation if world == "enu" else np.asarray(NED @ rotation @ FRD)


def to_enu(trajectory: Trajectory, world: World) -> Trajectory:
    """A trajectory that was read in a world, as ours are."""
    return Trajectory(
        trajectory.times,
        to_world(trajectory.positions, world),
        to_rotation(trajectory.rotations, world),
    )


def quaternion(rotation: Array) -> tuple[float, float, float, float]:
    """The unit quaternion x, y, z, w of a rotation [3, 3], w not negative (Shepperd 1978)."""
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    trace = a + e + i
    largest = max(trace, a, e, i)
    if largest == trace:
        q = (h - f, c - g, d - b, 1 + trace)
    elif largest == a:
        q = (1 + a - e - i, b + d, c + g, h - f)
    elif largest == e:
        q = (b + d, 1 - a + e - i, f + h, c - g)
    else:
        q = (c + g, f + h, 1 - a - e + i, d - b)
    x, y, z, w = q
    scale = (x * x + y * y + z * z + w * w) ** -0.5
    scale = -scale if w < 0 else scale
    return x * scale, y * scale, z * scale, w * scale
