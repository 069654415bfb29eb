"""Simulated drives as files that every other command reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.errors import InputError
from models.files import refuse_existing, writing_to
from robot.engine import pack
from robot.health import Health
from robot.lie import Array
from robot.pose import Pose
from robot.simulation.simulate import Simulation
from robot.sinks import open_sink
from robot.state import Covariance

HEADER = (
    "time [s],gyro_x [rad/s],gyro_y [rad/s],gyro_z [rad/s],"
    "accel_x [m/s^2],accel_y [m/s^2],accel_z [m/s^2]"
)
_EXACT = Covariance(np.zeros((21, 21)))


def write_log(made: Simulation, path: Path, *, force: bool = False) -> list[Path]:
    """Write the samples and the truth.

    Args:
        made: What.
        path: An `.npz` takes both; beside a `.csv` stands the truth as `.truth.tum`.
        force: Replace what is there.

    Returns:
        The files.

    Raises:
        InputError: Another suffix, something is there already, or the place cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in (".npz", ".csv"):
        raise InputError(f"{path}: a simulated log is written as .csv or .npz; choose one")
    refuse_existing(path, force)
    log = made.recording
    if suffix == ".npz":
        arrays = {
            "t": log.times,
            "gyro": log.gyro,
            "acc": log.accel,
            "p_gt": log.truth.positions,
            "v_gt": log.velocities,
            "rpy_gt": _angles(log.truth.rotations),
        }
        with writing_to(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
        return [path]
    beside = path.with_suffix(".truth.tum")
    with open_sink(str(beside), force=force) as sink:
        for row, time in enumerate(log.times.tolist()):
            sink.write(Pose(time, pack(made.state(row)), _EXACT, Health.OK))
    rows = np.column_stack((log.times, log.gyro, log.accel))
    with writing_to(path) as temporary:
        np.savetxt(temporary, rows, fmt="%.9g", delimiter=",", header=HEADER, comments="")
    return [path, beside]


def _angles(rotations: Array) -> Array:
    """Roll, pitch and yaw [N, 3], rad, of R = Rz(yaw) Ry(pitch) Rx(roll)."""
    r = rotations
    roll = np.arctan2(r[:, 2, 1], r[:, 2, 2])
    pitch = np.arctan2(-r[:, 2, 0], np.hypot(r[:, 2, 1], r[:, 2, 2]))
    return np.stack((roll, pitch, np.arctan2(r[:, 1, 0], r[:, 0, 0])), axis=1)
