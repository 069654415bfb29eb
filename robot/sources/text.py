"""Tables (CSV, TSV, white space) and line-JSON in a file."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from math import nan
from pathlib import Path

import numpy as np

from models.errors import InputError
from robot.lie import Array
from robot.sources.base import Reading
from robot.sources.columns import BadLine
from robot.sources.lines import lines_of
from robot.sources.parser import LineParser
from robot.sources.recorded import Recorded, recorded

_CHUNK = 1 << 20  # bytes


def open_text(path: Path, reading: Reading) -> Recorded:
    """Read a table or line-JSON.

    Raises:
        InputError: It cannot be read, or is beyond repair.
    """
    parser = LineParser(reading, str(path), strict=True)
    numbers, timed = array("d"), array("b")
    bad, first_bad = 0, ""
    for row, line in enumerate(lines_of(chunks(path)), start=1):
        try:
            found = parser.parse(line)
        except BadLine:
            bad += 1
            first_bad = first_bad or f"row {row}"
            continue
        if found is None:
            continue
        time, values = found
        timed.append(time is not None)
        numbers.append(nan if time is None else time)
        numbers.extend(values)
    if not numbers:
        raise parser.complaint or InputError(
            f"{path}: holds no samples; none of {bad} rows has 6 columns or more, or is an object "
            "with gyro and accel"
        )
    table = np.frombuffer(numbers).reshape(-1, 7)
    if not any(timed):
        table = _stamped(path, table, reading, parser.border.time)
    return recorded(str(path), table, parser.border, bad=bad, first_bad=first_bad)


def _stamped(path: Path, table: Array, reading: Reading, per_second: float) -> Array:
    """A table whose rows bear no time, by their rate."""
    if reading.rate is None:
        raise InputError(
            f"{path}: no column is named like a time; name all of them (--columns), or give the "
            "rate of its rows in Hz (--sample-rate)"
        )
    times = np.arange(len(table)) * (per_second / reading.rate)
    return np.column_stack((times, table[:, 1:]))


def chunks(path: Path) -> Iterator[bytes]:
    """A file's bytes, some at a time.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
