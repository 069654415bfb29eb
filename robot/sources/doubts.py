"""What in a log's numbers makes one doubt that its time, units and axes were said right.

Nothing is put right by itself: a guess that is wrong now and then would be worse than a hint.
"""

from __future__ import annotations

import math

import numpy as np

from robot.frames import ACCEL_UNITS
from robot.lie import Array

_G = ACCEL_UNITS["g"]
_RANGE = math.radians(2000)  # rad/s, the widest of usual gyros
_FAR_BACK = 1.0  # s; less is a late message
_TO_THE_SIDE = 0.8  # of gravity's length: some 53 deg of tilt


def doubts(times: Array, gyro: Array, accel: Array) -> list[str]:
    """Hints for people, none if all looks well.

    Args:
        times: [N] s, as recorded.
        gyro: [N, 3] rad/s, as it was read.
        accel: [N, 3] m/s^2, mostly of a body that does not fall.
    """
    gyro = gyro[np.isfinite(gyro).all(axis=1)]
    accel = accel[np.isfinite(accel).all(axis=1)]
    if len(gyro) == 0 or len(accel) == 0:
        return []
    found = _of_time(times)
    force = float(np.median(np.linalg.norm(accel, axis=1)))
    if not 0.7 * _G < force < 1.5 * _G:
        unit = next((u for u, size in ACCEL_UNITS.items() if 0.7 < force * size / _G < 1.5), None)
        remedy = f"is it in {unit}?" if unit else "is the unit right, is gravity left out?"
        found.append(f"the accelerometer shows {force:.3g} m/s^2, not 9.8: {remedy}")
    if np.percentile(np.abs(gyro), 90) > _RANGE:
        found.append("the gyro is beyond 2000 deg/s for long: is it in deg/s?")
    up = np.median(accel, axis=0) / force if force > 0 else np.zeros(3)
    axis = int(np.argmax(np.abs(up)))
    told = ("x points", "y points", "z points")[axis]
    if abs(up[axis]) > _TO_THE_SIDE and (axis != 2 or up[axis] < 0):
        found.append(f"{told} {'up' if up[axis] > 0 else 'down'}, not z up: are the axes right?")
    return found


def _of_time(times: Array) -> list[str]:
    """Samples are put in order; of several recordings in one file that makes a single wrong one."""
    back = -np.diff(times)
    far = back[back > _FAR_BACK]
    if len(far) == 0:
        return []
    return [
        f"its time runs back {len(far):,} times, by up to {far.max():.3g} s, and its samples are "
        "put in order: is it one recording, and is that the column of its time?"
    ]
