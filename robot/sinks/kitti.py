"""KITTI's trajectory files: the upper 3 x 4 of each pose by rows, 12 numbers; times stand apart.

`drive.kitti` has its times in `drive.times.txt`, one a row, as KITTI's sequences have in theirs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.errors import InputError
from robot.metrics import Trajectory
from robot.pose import Pose
from robot.sinks.base import FileSink, Tee, Writer
from robot.sinks.rows import checked, decimals, parse, read_lines, text_writer
from robot.sinks.world import World, to_enu, to_rotation, to_world

COLUMNS = tuple(f"{name}{i}" for i in "123" for name in ("r1", "r2", "r3", "t"))


def times_beside(path: Path) -> Path:
    """Where the times of a file of poses are."""
    stem = path.name.removesuffix(".txt").removesuffix(".kitti")
    return path.with_name(f"{stem}.times.txt")


def sink(path: Path, world: World) -> Tee:
    """Writes such a file, and its times."""
    return Tee([FileSink(path, writer(world)), FileSink(times_beside(path), _times)])


def writer(world: World) -> Writer:
    """Writes the poses."""

    def line(pose: Pose) -> str:
        turn = to_rotation(pose.rotation, world)
        place = to_world(pose.position, world)
        return decimals(np.column_stack((turn, place)).ravel().tolist()) + "\n"

    return text_writer(line)


_times = text_writer(lambda pose: f"{pose.time:.9f}\n")


def read(path: Path, world: World = "enu", times: Path | None = None) -> Trajectory:
    """Read such a file.

    Args:
        path: The poses.
        world: What they are written in.
        times: Where the times are, if not beside.

    Raises:
        InputError: One cannot be read, or a row is wrong; says which.
    """
    lines = read_lines(path)
    rows = [row for row, _ in lines]
    values = parse(path, lines, COLUMNS).reshape(-1, 3, 4)
    beside = times or times_beside(path)
    if not beside.exists():
        raise InputError(
            f"{path}: KITTI's poses have no times, and {beside} is not there; put them in it, "
            "one a row"
        )
    stamps = parse(beside, read_lines(beside), ("time",))[:, 0]
    if len(stamps) != len(values):
        raise InputError(
            f"{beside}: {len(stamps)} times for the {len(values)} poses of {path}; give one a pose"
        )
    found = Trajectory(stamps, values[:, :, 3].copy(), values[:, :, :3].copy())
    return to_enu(checked(path, rows, found), world)
