"""Many rotations at once: what `robot.lie` does for one, for whole drives; arrays [N, ...]."""

from __future__ import annotations

import numpy as np

from robot.lie import Array


def of_angles(rpy: Array) -> Array:
    """Rz(yaw) Ry(pitch) Rx(roll), [N, 3, 3], of roll, pitch and yaw [N, 3] in rad."""
    (a, b, c), (d, e, f) = np.cos(rpy.T), np.sin(rpy.T)
    rows = (
        (b * c, d * e * c - a * f, a * e * c + d * f),
        (b * f, d * e * f + a * c, a * e * f - d * c),
        (-e, d * b, a * b),
    )
    return np.ascontiguousarray(np.moveaxis(np.array(rows), 2, 0))


def exp(x: Array) -> Array:
    """The rotations [N, 3, 3] about x [N, 3] by its length in rad."""
    t = np.linalg.norm(x, axis=1)
    # sin t / t and (1 - cos t) / t^2 through sinc, which is 1 at 0
    s, u = np.sinc(t / np.pi), 0.5 * np.sinc(0.5 * t / np.pi) ** 2
    rotations: Array = u[:, None, None] * (x[:, :, None] * x[:, None, :])
    rotations += np.cos(t)[:, None, None] * np.eye(3)
    a, b, c = (s[:, None] * x).T
    for row, column, part in ((2, 1, a), (0, 2, b), (1, 0, c)):
        rotations[:, row, column] += part
        rotations[:, column, row] -= part
    return rotations


def log(rotations: Array) -> Array:
    """The x [N, 3] with exp(x) = rotations [N, 3, 3], for turns well below half a turn."""
    r = rotations
    sine = 0.5 * np.stack(
        (r[:, 2, 1] - r[:, 1, 2], r[:, 0, 2] - r[:, 2, 0], r[:, 1, 0] - r[:, 0, 1]), axis=1
    )
    length = np.linalg.norm(sine, axis=1)
    angle = np.arctan2(length, 0.5 * (np.trace(r, axis1=1, axis2=2) - 1))
    scale = np.divide(angle, length, out=np.ones_like(angle), where=length > 1e-150)
    return np.asarray(scale[:, None] * sine)
