"""NumPy archives: `gyro` and `acc` (or `accel`) [N, 3], with `t` [N] or `imu_rate_hz`.

The truth, if there: `p_gt`, `v_gt` (m, m/s, ENU) and `rpy_gt` (rad, R = Rz Ry Rx) at the samples'
times; or `rtk_ned` [M, 3] (m, NED) at `rtk_rate_hz` from the first sample on, with no attitude. The
axes of a log with a NED truth are frd unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from models.errors import InputError, reason
from robot.frames import NED
from robot.lie import Array
from robot.metrics import Trajectory
from robot.rotations import of_angles
from robot.sources.base import Reading
from robot.sources.border import Border
from robot.sources.recorded import Recorded, recorded

_NAMES = ("t", "gyro", "acc", "accel", "p_gt", "v_gt", "rpy_gt", "rtk_ned")
_RATES = ("imu_rate_hz", "rtk_rate_hz")


def open_npz(path: Path, reading: Reading) -> Recorded:
    """Read a NumPy archive.

    Raises:
        InputError: It cannot be read, or lacks what it needs.
    """
    parts = _load(path)
    accel = "accel" if "accel" in parts else "acc"
    missing = [name for name in ("gyro", accel) if name not in parts]
    if missing:
        raise InputError(f"{path}: has no {missing[0]!r}; it needs gyro and acc, [N, 3] each")
    count = max(parts["gyro"].shape[:1], default=0)
    border = Border(reading, axes="frd" if "rtk_ned" in parts else "flu")
    times = _times(path, parts, reading, count, border)
    for name, width in (("gyro", 3), (accel, 3), ("p_gt", 3), ("v_gt", 3), ("rpy_gt", 3)):
        if name in parts and parts[name].shape != (count, width):
            raise InputError(f"{path}: {name} is {parts[name].shape}, not ({count}, {width})")
    truth = _truth(path, parts, times / border.time)
    numbers = np.column_stack((times, parts["gyro"], parts[accel]))
    return recorded(str(path), numbers, border, truth=truth, velocity=parts.get("v_gt"))


def _load(path: Path) -> dict[str, Array]:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            wanted = [name for name in (*_NAMES, *_RATES) if name in file.files]
            return {name: np.asarray(file[name], np.float64) for name in wanted}
    # A damaged archive meets zip, zlib, tokenizer and numpy, each with errors of its own.
    except Exception as error:
        raise InputError(f"{path}: cannot be read as .npz ({reason(error)})") from error


def _times(
    path: Path, parts: Mapping[str, Array], reading: Reading, count: int, border: Border
) -> Array:
    """[N] in the unit that the border expects."""
    if "t" in parts:
        if parts["t"].shape != (count,):
            raise InputError(f"{path}: t is {parts['t'].shape}, not ({count},)")
        return parts["t"]
    rate = reading.rate or _rate(path, parts, "imu_rate_hz")
    return np.arange(count) * (border.time / rate)


def _rate(path: Path, parts: Mapping[str, Array], name: str) -> float:
    value = parts.get(name)
    if value is None or value.size != 1 or not 0 < float(value.item()) < np.inf:
        raise InputError(f"{path}: has no stamps, and no {name} above 0; give a rate in Hz")
    return float(value.item())


def _truth(path: Path, parts: Mapping[str, Array], times: Array) -> Trajectory | None:
    if {"p_gt", "rpy_gt"} <= parts.keys():
        return Trajectory(times, parts["p_gt"], of_angles(parts["rpy_gt"]))
    fixes = parts.get("rtk_ned")
    if fixes is None:
        return None
    if fixes.ndim != 2 or fixes.shape[1] != 3:
        raise InputError(f"{path}: rtk_ned is {fixes.shape}, not (M, 3)")
    clock = times[0] + np.arange(len(fixes)) / _rate(path, parts, "rtk_rate_hz")
    return Trajectory(clock, fixes @ NED.T, np.full((len(fixes), 3, 3), np.nan))
