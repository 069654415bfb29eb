"""KITTI's raw drives, their samples put in order and their faults marked.

Files `kitti-imu/<drive>.npz`: `t` in s, and float32 [N, 3] `gyro`, `acc`, `p_gt`, `v_gt` and
`rpy_gt`, at 100 Hz, x forward, y left, z up, world ENU, of the drive as recorded. Data: Geiger,
Lenz, Stiller and Urtasun, Vision meets Robotics, IJRR 2013; CC BY-NC-SA 3.0.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.errors import InputError
from robot.clock import Cleaned, clean
from robot.lie import Array
from robot.metrics import Trajectory
from robot.recording import Recording
from robot.rotations import of_angles
from training.inertial import files

FOLDER = "kitti-imu"
COLUMNS = ("gyro", "acc", "p_gt", "v_gt", "rpy_gt")


class Sequence(NamedTuple):
    """A sequence of the odometry benchmark: its drive, and its first and last raw sample."""

    drive: str
    first: int
    last: int


# 03 was never published raw. 08 begins inside a fault of the truth, so that a filter has to begin
# with the drive, and only the window is scored.
SEQUENCES = {
    "00": Sequence("2011_10_03_drive_0027", 0, 45692),
    "01": Sequence("2011_10_03_drive_0042", 0, 12180),
    "02": Sequence("2011_10_03_drive_0034", 0, 47935),
    "04": Sequence("2011_09_30_drive_0016", 0, 2950),
    "05": Sequence("2011_09_30_drive_0018", 0, 28659),
    "06": Sequence("2011_09_30_drive_0020", 0, 11347),
    "07": Sequence("2011_09_30_drive_0027", 0, 11545),
    "08": Sequence("2011_09_30_drive_0028", 11231, 53650),
    "09": Sequence("2011_09_30_drive_0033", 0, 16589),
    "10": Sequence("2011_09_30_drive_0034", 0, 12744),
}
SCORED = ("01", "04", "06", "07", "08", "09", "10")
HOLED = ("00", "02", "05")
# What the protocol weighs each sequence by, km.
KILOMETRES = {"01": 2.6, "04": 0.4, "06": 1.2, "07": 0.7, "08": 3.2, "09": 1.7, "10": 0.9}

# Where the truth is wrong, s of the drive's clock, with a margin: the car climbs and slips at more
# than 1 m/s, and places are not the integral of velocities; of 0093 that is all.
BAD_TRUTH = {"2011_09_30_drive_0028": (60.0, 140.0), "2011_09_26_drive_0093": (0.0, math.inf)}
ALMOST_STATIC = ("2011_09_28_drive_0002", "2011_09_28_drive_0039")


def drives(root: Path) -> tuple[str, ...]:
    """All drives in the data folder, benchmark sequences and almost static ones included.

    Raises:
        InputError: There are none.
    """
    return files.names(root / FOLDER)


def read(root: Path, drive: str) -> Recording:
    """A whole drive; `trusted` is false where the truth is known to be wrong.

    Args:
        root: The data folder.
        drive: As in `drives`.

    Raises:
        InputError: It is not there, or cannot be read.
    """
    return _recording(drive, drive, *_raw(root, drive))


def read_sequence(root: Path, sequence: str) -> Recording:
    """A sequence of the odometry benchmark, from the start of its drive; its window is `scored`.

    Args:
        root: The data folder.
        sequence: As in `SEQUENCES`.

    Raises:
        InputError: There is no such sequence, its drive is not there, or cannot be read.
    """
    if sequence not in SEQUENCES:
        raise InputError(f"sequence {sequence}: not one of {', '.join(SEQUENCES)}")
    drive, first, last = SEQUENCES[sequence]
    stamps, values = _raw(root, drive)
    whole = _recording(sequence, drive, stamps[:last], values[:last])
    return whole.scored_from(float(stamps[first]))


def _raw(root: Path, drive: str) -> tuple[Array, Array]:
    """Stamps [N] and columns [N, 15] as recorded, angles unwrapped: they may be interpolated."""
    stamps, *columns = files.arrays(root / FOLDER / f"{drive}.npz", ("t", *COLUMNS))
    columns[-1] = np.unwrap(columns[-1].astype(np.float64), axis=0)
    return stamps, np.hstack(columns)


def _recording(name: str, drive: str, stamps: Array, values: Array) -> Recording:
    log: Cleaned = clean(stamps, values)
    gyro, accel, places, velocities, rpy = np.split(log.values, len(COLUMNS), axis=1)
    begin, end = BAD_TRUTH.get(drive, (0.0, -1.0))
    trusted = (log.times < begin) | (log.times > end)
    truth = Trajectory(log.times, places, of_angles(rpy))
    return Recording(name, log.times, gyro, accel, truth, velocities, log.filled, trusted)
