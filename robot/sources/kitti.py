"""KITTI raw drives: `oxts/data/*.txt` and `oxts/timestamps.txt`, at 100 Hz (`_extract`) or 10 Hz.

A packet is a file of 30 numbers: latitude, longitude, altitude; roll, pitch, yaw; velocities; then
the accelerations and rates along the body's own axes, which are those read here, and once more
levelled. Time is in seconds of the day on which the drive began.

The truth is as KITTI's development kit has it: a Mercator projection scaled at the first latitude,
less the first place; R = Rz(yaw) Ry(pitch) Rx(roll), yaw counter-clockwise from east.
(Geiger, Lenz, Stiller and Urtasun, Vision meets Robotics, IJRR 2013.)
"""

from __future__ import annotations

from datetime import datetime
from math import nan
from pathlib import Path

import numpy as np

from models.errors import InputError
from robot.lie import Array
from robot.metrics import Trajectory
from robot.rotations import of_angles
from robot.sources.base import Reading
from robot.sources.border import Border
from robot.sources.recorded import Recorded, recorded

EARTH_RADIUS = 6378137.0  # m
_FAR = 1e9  # a damaged packet may hold any number
_FIELDS = 23  # that are used, of 30
_PLACE, _ANGLES, _ACCEL, _GYRO = slice(0, 3), slice(3, 6), slice(11, 14), slice(17, 20)
_VELOCITY = (7, 6, 10)  # east, north, up


def is_kitti(folder: Path) -> bool:
    """Whether a folder is a drive, or a drive's `oxts`."""
    return (_oxts(folder) / "data").is_dir() and (_oxts(folder) / "timestamps.txt").is_file()


def open_kitti(folder: Path, reading: Reading) -> Recorded:
    """Read a drive.

    Args:
        folder: The drive, or its `oxts`.
        reading: How; its stamps and units are KITTI's own.

    Raises:
        InputError: It cannot be read, or is beyond repair.
    """
    oxts = _oxts(folder)
    try:
        stamps = (oxts / "timestamps.txt").read_text("utf-8", "replace").splitlines()
        # A number in the name is the line of the stamp, should packets be missing.
        files = sorted(f for f in (oxts / "data").glob("*.txt") if f.stem.isdecimal())
        packets = [_packet(file) for file in files]
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror or error})") from error
    times = seconds_of_day(stamps)
    rows = np.array([int(file.stem) for file in files], np.int64)
    own = np.where(rows < len(times), times[np.minimum(rows, len(times) - 1)], nan)
    table = np.array(packets).reshape(-1, _FIELDS)
    good = np.isfinite(table[:, 0]) & np.isfinite(own)
    first_bad = "" if good.all() else files[int(np.argmin(good))].name
    table, own = table[good], own[good]
    numbers = np.column_stack((own, table[:, _GYRO], table[:, _ACCEL]))
    truth = Trajectory(own, mercator(table[:, _PLACE]), of_angles(table[:, _ANGLES]))
    return recorded(
        str(folder),
        numbers,
        Border(reading),
        bad=int((~good).sum()),
        first_bad=first_bad,
        truth=truth,
        velocity=table[:, _VELOCITY],
    )


def mercator(places: Array) -> Array:
    """Positions [N, 3] in m east, north, up of the first, of latitude, longitude (deg), altitude.

    Source: KITTI's development kit, convertOxtsToPose.m.
    """
    latitude, longitude, altitude = np.where(np.abs(places) < _FAR, places, nan).T
    latitude = np.where(np.abs(latitude) < 90, latitude, nan)
    scale = np.cos(np.radians(latitude[:1])) * EARTH_RADIUS
    north = np.log(np.tan(np.radians(45 + latitude / 2)))
    flat = np.column_stack((scale * np.radians(longitude), scale * north, altitude))
    return np.asarray(flat - flat[:1])


def seconds_of_day(stamps: list[str]) -> Array:
    """Seconds since the midnight before the first stamp; NaN for what is no stamp.

    Args:
        stamps: As `2011-09-30 12:40:25.070360000`.
    """
    result = np.full(max(len(stamps), 1), nan)
    midnight: datetime | None = None
    for i, stamp in enumerate(stamps):
        whole, _, fraction = stamp.strip().partition(".")
        try:
            # Nanoseconds are more than `datetime` holds.
            at, rest = datetime.fromisoformat(whole), float(f"0.{fraction or 0}")
        except ValueError:
            continue
        midnight = midnight or datetime.combine(at.date(), datetime.min.time())
        result[i] = (at.replace(tzinfo=None) - midnight).total_seconds() + rest
    return result


def _oxts(folder: Path) -> Path:
    return folder / "oxts" if (folder / "oxts").is_dir() else folder


def _packet(file: Path) -> list[float]:
    """A packet's numbers, or NaN if it has too few or what is no number."""
    try:
        fields = [float(field) for field in file.read_bytes().split(maxsplit=_FIELDS)[:_FIELDS]]
    except ValueError:
        fields = []
    return fields if len(fields) == _FIELDS else [nan] * _FIELDS
