"""A table for spreadsheets and data frames: everything that is told of a pose, with a header.

The names of the columns tell the world: `east,north,up` or `north,east,down`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.errors import InputError
from robot.frames import quaternion_rotations
from robot.metrics import Trajectory
from robot.pose import Pose
from robot.sinks.base import Writer
from robot.sinks.record import record
from robot.sinks.rows import checked, decimals, number, read_lines, text_writer
from robot.sinks.tum import unit_quaternions
from robot.sinks.world import World, to_enu

AXES: dict[World, tuple[str, ...]] = {
    "enu": ("east", "north", "up"),
    "ned": ("north", "east", "down"),
}
QUATERNION = ("qx", "qy", "qz", "qw")


def columns(world: World) -> list[str]:
    """The header; `sd_` is a standard deviation, `r_` a rotation about an axis of the world."""
    axes = AXES[world]
    biases = [f"{sensor}_bias_{i}" for sensor in ("gyro", "accel") for i in "xyz"]
    return [
        "time",
        *axes,
        *QUATERNION,
        *(f"v_{a}" for a in axes),
        *biases,
        *(f"sd_{part}{a}" for part in ("r_", "v_", "") for a in axes),
        *(f"sd_{b}" for b in biases),
        "health",
    ]


def writer(world: World) -> Writer:
    """Writes such a file."""

    def line(pose: Pose) -> str:
        told = record(pose, world)
        numbers = [told.time, *told.position, *told.quaternion, *told.velocity]
        numbers += told.gyro_bias + told.accel_bias
        for part in vars(told.deviations).values():
            numbers += part
        return f"{decimals(numbers, ',')},{'|'.join(told.health) or 'OK'}\n"

    return text_writer(line, ",".join(columns(world)) + "\n")


def read(path: Path) -> Trajectory:
    """Read the poses of such a file, or of any that has these columns among others.

    Raises:
        InputError: It cannot be read, a column is missing, or a row is wrong; says which.
    """
    (_, header), *lines = read_lines(path)
    names = [name.strip() for name in header.split(",")]
    world: World = "ned" if "down" in names else "enu"
    wanted = ("time", *AXES[world], *QUATERNION)
    missing = [name for name in wanted if name not in names]
    if missing:
        raise InputError(
            f"{path}: no column {missing[0]!r}; its first row is to name {', '.join(wanted)}"
        )
    if not lines:
        raise InputError(f"{path}: holds no poses below its header; give a file with some")
    places = [names.index(name) for name in wanted]
    values = np.empty((len(lines), len(wanted)))
    for i, (row, line) in enumerate(lines):
        fields = line.split(",")
        if len(fields) != len(names):
            raise InputError(
                f"{path}: row {row}: {len(fields)} fields, but {len(names)} columns; mend the row"
            )
        values[i] = [number(path, row, fields[place]) for place in places]
    rows = [row for row, _ in lines]
    turns = unit_quaternions(path, rows, values[:, 4:])
    found = Trajectory(values[:, 0], values[:, 1:4], quaternion_rotations(turns))
    return to_enu(checked(path, rows, found), world)
