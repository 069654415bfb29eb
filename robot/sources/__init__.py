"""Where IMU samples come from: `open_source` gives them in the inside's axes and units."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.errors import InputError
from robot.lie import Array
from robot.sources.bag import is_bag, open_bag
from robot.sources.base import READING, Reading, Sample, Source
from robot.sources.euroc import is_euroc, open_euroc
from robot.sources.kitti import is_kitti, open_kitti
from robot.sources.live import Live
from robot.sources.mcap import open_mcap
from robot.sources.npz import open_npz
from robot.sources.recorded import Recorded
from robot.sources.serial_line import open_serial
from robot.sources.sockets import open_tcp, open_udp
from robot.sources.stdin import open_stdin
from robot.sources.text import open_text

__all__ = ["READING", "Reading", "Recorded", "Sample", "Source", "load", "open_source"]

_FILES: dict[str, Callable[[Path, Reading], Recorded]] = {
    **dict.fromkeys((".csv", ".tsv", ".txt", ".jsonl", ".ndjson"), open_text),
    **{".npz": open_npz, ".mcap": open_mcap, ".bag": open_bag, ".db3": open_bag},
}
_FOLDERS: tuple[tuple[Callable[[Path], bool], Callable[[Path, Reading], Recorded]], ...] = (
    (is_kitti, open_kitti),
    (is_euroc, open_euroc),
    (is_bag, open_bag),
)
_STREAMS: dict[str, Callable[[str, Reading], Live]] = {
    "udp": open_udp,
    "tcp": open_tcp,
    "serial": open_serial,
}


def open_source(where: str, reading: Reading = READING) -> Source:
    """A source of samples.

    Args:
        where: A file (.csv .tsv .txt .jsonl .npz .mcap .bag .db3); a folder (KITTI raw drive, EuRoC
            or TUM-VI, ROS 2 bag); `-` for standard input; `udp://HOST:PORT`, `tcp://HOST:PORT` or
            `serial:DEVICE?baud=115200`.
        reading: How its numbers are to be read.

    Raises:
        InputError: There is none, or its log is beyond repair.
    """
    if where == "-":
        return open_stdin(reading)
    scheme, colon, _ = where.partition(":")
    if colon and scheme in _STREAMS:
        return _STREAMS[scheme](where, reading)
    path = Path(where)
    if path.is_dir():
        for is_such, opened in _FOLDERS:
            if is_such(path):
                return opened(path, reading)
        raise InputError(
            f"{where}: no log in this folder; give a KITTI drive (with oxts), a EuRoC or TUM-VI "
            "folder (with mav0/imu0) or a ROS 2 bag (with metadata.yaml)"
        )
    if path.exists() and not path.is_file():
        raise InputError(f"{where}: a pipe or device; give it to standard input: - < {where}")
    if not path.is_file():
        raise InputError(
            f"{where}: not there; give a log, - for standard input, udp://HOST:PORT, "
            "tcp://HOST:PORT or serial:DEVICE"
        )
    if path.suffix.lower() not in _FILES:
        raise InputError(f"{where}: not known by its name; give one of {', '.join(_FILES)}")
    return _FILES[path.suffix.lower()](path, reading)


def load(source: Source) -> tuple[Array, Array, Array]:
    """All samples of a source at once; a stream is read to its end.

    Returns:
        Times [N], s; gyro [N, 3], rad/s; accelerometer [N, 3], m/s^2.
    """
    if isinstance(source, Recorded):
        return source.times, source.gyro, source.accel
    rows = np.array([(s.time, *s.gyro, *s.accel) for s in source]).reshape(-1, 7)
    return rows[:, 0], rows[:, 1:4], rows[:, 4:7]
