"""Where a localizer's poses go, by a name on the command line, and reading trajectories back."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from models.errors import InputError
from models.files import refuse_existing
from robot.metrics import Trajectory
from robot.sinks import csv, jsonl, kitti, mcap, rerun, tum
from robot.sinks.base import FileSink, Sink, Tee
from robot.sinks.rows import read_lines
from robot.sinks.thin import Thinned
from robot.sinks.world import World

__all__ = ["Sink", "Tee", "World", "open_sink", "open_sinks", "read_trajectory"]

KNOWN = ".tum, .kitti, .csv, .jsonl, .mcap, rerun:FILE.rrd, - or udp://HOST:PORT"
_WRITERS = {
    ".tum": tum.writer,
    ".csv": csv.writer,
    ".jsonl": jsonl.writer,
    ".mcap": mcap.writer,
    ".rrd": rerun.writer,
}
_PACKAGES = {".mcap": ("mcap", "bombus[robot]"), ".rrd": ("rerun", "rerun-sdk")}


def open_sink(
    where: str, *, world: World = "enu", force: bool = False, rate: float | None = None
) -> Sink:
    """The sink of a name; nothing is written before it is entered.

    Args:
        where: A file, its format by the suffix; `-` for line-JSON on standard output; or
            `udp://HOST:PORT` for the same in datagrams.
        world: What to write in.
        force: Replace a file that is there.
        rate: At most so many poses a second; None for all.

    Raises:
        InputError: There is no such format, its package is missing, the file is there, or the
            rate is not positive.
    """
    return Thinned(_plain_sink(where, world, force), rate)


def open_sinks(
    wheres: Sequence[str], *, world: World = "enu", force: bool = False, rate: float | None = None
) -> Sink:
    """Several at once; arguments as of `open_sink`.

    Raises:
        InputError: As of `open_sink`, or two are the same.
    """
    twice = {where for where in wheres if wheres.count(where) > 1}
    if twice:
        raise InputError(f"{min(twice)}: given twice; name each output once")
    return Tee([open_sink(where, world=world, force=force, rate=rate) for where in wheres])


def _plain_sink(where: str, world: World, force: bool) -> Sink:
    if where == "-":
        return jsonl.StandardOutput(world)
    if where.startswith("udp://"):
        return jsonl.Datagrams(where, world)
    path = Path(where.removeprefix("rerun:"))
    name = path.name.lower()
    if name.endswith((".kitti", ".kitti.txt")):
        refuse_existing(path, force)
        refuse_existing(kitti.times_beside(path), force)
        return kitti.sink(path, world)
    suffix = ".rrd" if where.startswith("rerun:") else path.suffix.lower()
    if suffix not in _WRITERS:
        raise InputError(f"{where}: no format of ours; choose {KNOWN}")
    package, install = _PACKAGES.get(suffix, ("json", ""))
    if importlib.util.find_spec(package) is None:
        raise InputError(f"{where}: needs a package that is missing; pip install '{install}'")
    refuse_existing(path, force)
    return FileSink(path, _WRITERS[suffix](world))


def read_trajectory(path: Path, *, world: World = "enu", times: Path | None = None) -> Trajectory:
    """Read a trajectory: .tum, .kitti, .csv, or a .txt that is TUM's or KITTI's by its columns.

    Args:
        path: The file.
        world: What it is written in; a .csv tells.
        times: Times for KITTI's poses, if not beside them.

    Raises:
        InputError: It cannot be read, or a row is wrong; says which.
    """
    name = path.name.lower()
    if name.endswith(".csv"):
        return csv.read(path)
    if name.endswith((".kitti", ".kitti.txt")):
        return kitti.read(path, world, times)
    if name.endswith(".tum"):
        return tum.read(path, world)
    if name.endswith(".txt"):
        _, first = read_lines(path)[0]
        if len(first.split()) == len(kitti.COLUMNS):
            return kitti.read(path, world, times)
        return tum.read(path, world)
    raise InputError(f"{path}: no trajectory by its name; give a .tum, .kitti, .csv or .txt file")
