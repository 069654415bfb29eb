"""TUM's trajectory files: time, position and quaternion, `time tx ty tz qx qy qz qw` a row."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.errors import InputError
from robot.frames import quaternion_rotations
from robot.lie import Array
from robot.metrics import Trajectory
from robot.pose import Pose
from robot.sinks.base import Writer
from robot.sinks.rows import checked, decimals, parse, read_lines, text_writer
from robot.sinks.world import World, quaternion, to_enu, to_rotation, to_world

COLUMNS = ("time", "tx", "ty", "tz", "qx", "qy", "qz", "qw")


def writer(world: World) -> Writer:
    """Writes such a file."""

    def line(pose: Pose) -> str:
        place = to_world(pose.position, world).tolist()
        turn = quaternion(to_rotation(pose.rotation, world))
        return decimals((pose.time, *place, *turn)) + "\n"

    return text_writer(line, f"# {' '.join(COLUMNS)}\n")


def read(path: Path, world: World = "enu") -> Trajectory:
    """Read such a file.

    Args:
        path: The file.
        world: What it is written in.

    Raises:
        InputError: It cannot be read, or a row is wrong; says which.
    """
    lines = read_lines(path)
    rows = [row for row, _ in lines]
    values = parse(path, lines, COLUMNS)
    turns = unit_quaternions(path, rows, values[:, 4:])
    found = Trajectory(values[:, 0], values[:, 1:4], quaternion_rotations(turns))
    return to_enu(checked(path, rows, found), world)


def unit_quaternions(path: Path, rows: list[int], turns: Array) -> Array:
    """Quaternions [N, 4] that are of length 1, nearly.

    Raises:
        InputError: One is not; says in which row.
    """
    lengths = np.linalg.norm(turns, axis=1)
    wrong = np.flatnonzero(abs(lengths - 1) > 0.01)
    if len(wrong):
        i = int(wrong[0])
        raise InputError(
            f"{path}: row {rows[i]}: a quaternion of length {lengths[i]:.3g}, not 1 within 0.01; "
            "check the order of the columns"
        )
    return turns
