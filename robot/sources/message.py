"""A JSON object as a sample: `{"time": 1.25, "gyro": [0, 0, 0.1], "accel": [0, 0, 9.8]}`.

Time is also taken from `t`, `timestamp`, `stamp` or `header.stamp`, as a number or as
`{"sec": .., "nanosec": ..}`; gyro and accelerometer from the other names below, as lists or as
`{"x": .., "y": .., "z": ..}`: ROS messages in JSON are read as they are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from robot.sources.base import Reading
from robot.sources.columns import BadLine, Numbers

TIMES = ("time", "t", "timestamp", "stamp", "header.stamp")
_GYROS = ("gyro", "angular_velocity", "gyroscope", "gyr")
_ACCELS = ("accel", "acc", "linear_acceleration", "accelerometer")


def json_numbers(text: bytes | str, reading: Reading, per_second: float = 1.0) -> Numbers:
    """An object's numbers as they stand there; null is a missing one, NaN.

    Args:
        text: The object.
        reading: Its `columns` are dotted paths.
        per_second: How many of the reading's time units make a second, for a time told as
            seconds and nanoseconds.

    Raises:
        BadLine: It is no JSON, or no sample.
    """
    try:
        found = json.loads(text)
        if reading.columns:
            path = reading.time_column
            time = None if path is None else _at(found, path)
            values = [_number(_at(found, path)) for path in reading.columns[-6:]]
        else:
            time = first(found, TIMES)
            values = [*vector(found, _GYROS), *vector(found, _ACCELS)]
        return (None if time is None else seconds(time, per_second)), values
    except (ValueError, RecursionError, LookupError, TypeError, OverflowError) as error:
        raise BadLine from error


def _at(found: Any, path: str) -> Any:
    """What stands at a dotted path; LookupError or TypeError if nothing does."""
    for key in path.split("."):
        found = found[int(key)] if isinstance(found, list) and key.isdecimal() else found[key]
    return found


def first(found: Any, paths: Sequence[str]) -> Any:
    """What stands at the first of some paths where anything does, else None."""
    for path in paths:
        with suppress(LookupError, TypeError):
            return _at(found, path)
    return None


def vector(found: Any, names: Sequence[str]) -> list[float]:
    """A vector, as a list or as x, y and z; NaN if its covariance begins with -1, as ROS has it."""
    name = next((name for name in names if name in found), names[0])
    told, spread = found[name], found.get(f"{name}_covariance")
    if isinstance(spread, list) and spread and spread[0] == -1:
        return [math.nan] * 3
    parts = [told[axis] for axis in "xyz"] if isinstance(told, dict) else told
    if not isinstance(parts, list) or len(parts) != 3:
        raise TypeError(f"{name} is no vector")
    return [_number(part) for part in parts]


def _number(value: Any) -> float:
    """A number; null is one that is missing."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def seconds(value: Any, per_second: float) -> float:
    """A time as a number in its own unit, or as seconds and nanoseconds made into that unit."""
    if not isinstance(value, dict):
        return _number(value)
    part = value["nanosec"] if "nanosec" in value else value["nsec"]
    return (_number(value["sec"]) + _number(part) / 1e9) * per_second
