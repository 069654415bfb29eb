"""Axes and units at the border: inside there are only x forward, y left, z up, and SI.

A sensor's axes are told in one of two ways. As three letters for where its x, y and z point, of
f(orward), b(ack), l(eft), r(ight), u(p), d(own): `flu` is the inside's own, `frd` the usual one of
aircraft. Or as what the inside's x, y and z are in the sensor's: `x,-y,-z` is `frd` again, and
`-y,x,z` is `rfu`. Both must be right-handed, or turns would go the wrong way.

Worlds are ENU inside (x east, y north, z up), at the border also NED (x north, y east, z down).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from robot.lie import Array

# How much of the inside's unit one of these is; of time, how many of these make a second.
GYRO_UNITS = {"rad/s": 1.0, "deg/s": np.pi / 180, "mdeg/s": np.pi / 180e3}
ACCEL_UNITS = {"m/s^2": 1.0, "g": 9.80665, "mg": 9.80665e-3}
TIME_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}

# NED to ENU, and FRD to FLU; each is its own inverse.
NED = np.array(((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, -1.0)))
FRD = np.diag((1.0, -1.0, -1.0))

_POINTS = {"f": (0, 1), "b": (0, -1), "l": (1, 1), "r": (1, -1), "u": (2, 1), "d": (2, -1)}
_HELP = "give three letters as flu, frd or rfu, or a map as x,-y,-z"


@dataclass(frozen=True)
class Axes:
    """The turn from a sensor's axes to forward, left, up: each is one of the sensor's, or its back.

    It is no matrix product, in which a NaN of one axis would spoil all three.

    Attributes:
        index: Of the sensor's axis that points forward (or back), left (right), up (down).
        sign: -1 where it points back, right, down.
    """

    index: tuple[int, int, int]
    sign: tuple[int, int, int]

    def apply(self, vectors: Array) -> Array:
        """Of vectors [..., 3] in the sensor's axes."""
        return np.asarray(vectors[..., self.index] * np.array(self.sign, np.float64))

    @property
    def matrix(self) -> Array:
        """[3, 3], takes a vector in the sensor's axes to the inside's."""
        return self.apply(np.eye(3)).T

    def attitudes(self, rotations: Array) -> Array:
        """Rotations [..., 3, 3] from the sensor's axes to the world's, made from the inside's."""
        return self.apply(rotations)


def parse_axes(text: str) -> Axes:
    """The axes that a text tells, see above.

    Raises:
        InputError: It tells none, or left-handed ones.
    """
    told = text.strip().lower()
    pairs = _letters(told) if len(told) == 3 and told.isalpha() else _map(told)
    if sorted(i for i, _ in pairs) != [0, 1, 2]:
        raise InputError(f"axes {text!r}: not three axes, each used once; {_HELP}")
    (i, a), (j, b), (k, c) = pairs
    axes = Axes((i, j, k), (a, b, c))
    if np.linalg.det(axes.matrix) < 0:
        raise InputError(f"axes {text!r}: left-handed, turns would go the wrong way; {_HELP}")
    return axes


def _letters(told: str) -> list[tuple[int, int]]:
    if told[0] in "xyz" or not set(told) <= set(_POINTS):
        return []
    found = {_POINTS[letter][0]: (i, _POINTS[letter][1]) for i, letter in enumerate(told)}
    return [found[i] for i in range(3) if i in found]


def _map(told: str) -> list[tuple[int, int]]:
    parts = [part.strip() for part in told.split(",")]
    if len(parts) != 3 or not all(p.lstrip("+-") in ("x", "y", "z") and len(p) < 3 for p in parts):
        return []
    return [("xyz".index(p[-1]), -1 if p[0] == "-" else 1) for p in parts]


def per_unit(unit: str, units: dict[str, float], what: str) -> float:
    """A unit's number in one of the tables above.

    Raises:
        InputError: It is not in the table.
    """
    if unit not in units:
        raise InputError(f"unit {unit!r} of {what}: not known; give {', '.join(units)}")
    return units[unit]


def quaternion_rotations(quaternions: Array) -> Array:
    """Rotations [N, 3, 3] of quaternions [N, 4] as (x, y, z, w), of any length but 0.

    A quaternion that is none, of length 0 or not finite, gives NaN.
    """
    largest = np.abs(quaternions).max(axis=1)  # first by this, lest squares overflow
    sound = np.where((largest > 0) & (largest < np.inf), largest, np.nan)[:, None]
    scaled = quaternions / sound
    x, y, z, w = (scaled / np.linalg.norm(scaled, axis=1)[:, None]).T
    rows: list[NDArray[np.float64]] = [
        *(1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        *(2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        *(2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    ]
    return np.asarray(np.stack(rows, axis=1).reshape(-1, 3, 3))
