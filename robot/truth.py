"""Where the truth of a log comes from: the log itself, a trajectory file, another log, or fixes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.errors import InputError
from robot.fixes import read_fixes
from robot.log import Log, read_log
from robot.metrics import Trajectory
from robot.reference import Reference, with_truth
from robot.sinks import csv, read_trajectory
from robot.sinks.kitti import COLUMNS as KITTI_ROW
from robot.sinks.rows import read_lines
from robot.sinks.tum import COLUMNS as TUM_ROW
from robot.sinks.world import World
from robot.sources import Reading, open_source


def is_trajectory(where: str) -> bool:
    """Whether a file holds poses, not samples: by its suffix, or else by its first row."""
    path = Path(where)
    name = path.name.lower()
    if name.endswith((".tum", ".kitti", ".kitti.txt")):
        return True
    if not (name.endswith((".csv", ".txt")) and path.is_file()):
        return False
    _, first = read_lines(path)[0]
    if name.endswith(".csv"):
        return set(csv.QUATERNION) <= {field.strip() for field in first.split(",")}
    return len(first.split()) in {len(KITTI_ROW), len(TUM_ROW)}


def read_truth(where: str, reading: Reading, world: World) -> Trajectory:
    """True poses; rotations that nobody knows are NaN.

    Args:
        where: A trajectory, a log that carries its truth, or a table of position fixes.
        reading: How to read a log.
        world: What a trajectory or table is written in.

    Raises:
        InputError: There is no truth in it.
    """
    if is_trajectory(where):
        return read_trajectory(Path(where), world=world)
    if _is_fixes(where):
        places = [f for f in read_fixes(Path(where), world) if f.kind == "position"]
        if len(places) < 2 or any(len(f.values) < 3 for f in places):
            raise InputError(f"{where}: no truth; it is to have 2 or more fixes with x, y and z")
        places.sort(key=lambda fix: fix.time)
        return Trajectory(
            np.array([f.time for f in places]),
            np.array([f.values for f in places]),
            np.full((len(places), 3, 3), np.nan),
        )
    found = open_source(where, reading).truth()
    if found is None:
        raise InputError(f"{where}: carries no truth; give poses (.tum, .kitti, .csv) or fixes")
    return found


def _is_fixes(where: str) -> bool:
    path = Path(where)
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    _, header = read_lines(path)[0]
    return {"time", "x", "y", "z", "sigma"} <= {
        field.strip().lower() for field in header.split(",")
    }


def read_with_truth(where: str, reading: Reading, truth: str, world: World) -> Reference | Log:
    """A log with its truth, if it has one.

    Args:
        where: The log.
        reading: How to read it.
        truth: Where the truth is, as of `read_truth`; empty: in the log.
        world: What a truth beside it is written in.

    Raises:
        InputError: It is a stream, or there is no truth where it was said to be.
    """
    source = open_source(where, reading)
    if source.live:
        source.close()
        raise InputError(f"{where}: a stream; record it first, then give the file")
    log = read_log(source)
    if truth:
        return with_truth(log, read_truth(truth, reading, world))
    own = source.truth()
    return log if own is None else with_truth(log, own, source.truth_velocity())


def read_reference(where: str, reading: Reading, truth: str, world: World) -> Reference:
    """A log with its truth, as `read_with_truth`.

    Raises:
        InputError: There is no truth.
    """
    found = read_with_truth(where, reading, truth, world)
    if not isinstance(found, Reference):
        raise InputError(f"{where}: carries no truth; say where it is with --truth")
    return found
