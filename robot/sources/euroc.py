"""EuRoC and TUM-VI folders: `mav0/imu0/data.csv`, in nanoseconds, and the truth beside it.

The truth is `state_groundtruth_estimate0` (EuRoC) or `mocap0` (TUM-VI): position, quaternion
w x y z, and with EuRoC velocity, in a world whose z is up and whose x points somewhere. Both are
poses of the IMU, whose axes in these sets are not forward, left, up: say them.
(Burri et al., The EuRoC micro aerial vehicle datasets, IJRR 2016; Schubert et al., The TUM VI
benchmark, IROS 2018.)
"""

from __future__ import annotations

from array import array
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from robot.frames import quaternion_rotations
from robot.lie import Array
from robot.metrics import Trajectory
from robot.sources.base import Reading
from robot.sources.border import Border
from robot.sources.lines import lines_of
from robot.sources.recorded import Recorded, with_truth
from robot.sources.text import chunks, open_text

_TRUTHS = ("state_groundtruth_estimate0", "mocap0")
_COLUMNS = tuple("1234567")


def is_euroc(folder: Path) -> bool:
    """Whether a folder is of this layout, with or without its `mav0`."""
    return (_mav0(folder) / "imu0" / "data.csv").is_file()


def open_euroc(folder: Path, reading: Reading) -> Recorded:
    """Read a recording.

    Raises:
        InputError: It cannot be read, or is beyond repair.
    """
    fixed = replace(reading, time_unit="ns", columns=_COLUMNS, delimiter=",")
    log = open_text(_mav0(folder) / "imu0" / "data.csv", fixed)
    files = (_mav0(folder) / name / "data.csv" for name in _TRUTHS)
    file = next((file for file in files if file.is_file()), None)
    rows = np.empty((0, 11)) if file is None else _rows(file)
    if len(rows) == 0:
        return log
    turns = quaternion_rotations(rows[:, [5, 6, 7, 4]])
    truth = Trajectory(rows[:, 0] / 1e9, rows[:, 1:4], turns)
    known = not np.isnan(rows[:, 8:]).all()
    return with_truth(log, Border(reading).axes, truth, rows[:, 8:] if known else None)


def _mav0(folder: Path) -> Path:
    return folder / "mav0" if (folder / "mav0").is_dir() else folder


def _rows(file: Path) -> Array:
    """[N, 11] ns, position, quaternion, velocity (NaN if absent); bad rows are left out."""
    numbers = array("d")
    for line in lines_of(chunks(file)):
        with suppress(ValueError):
            fields = [float(field) for field in (line or b"").split(b",")[:11]]
            if len(fields) >= 8:
                numbers.extend((*fields, *[np.nan] * (11 - len(fields))))
    return np.frombuffer(numbers).reshape(-1, 11)
