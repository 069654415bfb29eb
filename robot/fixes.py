"""Fixes from elsewhere, as GNSS, wheels or a compass give them: a table beside the IMU's log.

    time,x,y,z,sigma        positions, m in the axes of the world; z may be left out
    time,speed,sigma        forward speed, m/s
    time,heading,sigma      deg: from east to north in an ENU world, from north to east in NED

`sigma` is the standard deviation in the unit of what it is of. A table may have several of these:
then each has its own, as `speed_sigma`. What is empty in a row was not measured then.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from models.errors import InputError
from robot.frames import NED
from robot.lie import Array
from robot.localizer import Localizer
from robot.measurements import Measurement, forward_speed, heading, position
from robot.sinks.rows import number
from robot.sinks.world import World
from robot.state import State

Kind = Literal["position", "speed", "heading"]
OLDEST = 1.0  # s
_COLUMNS: dict[Kind, tuple[str, ...]] = {
    "position": ("x", "y", "z"),
    "speed": ("speed",),
    "heading": ("heading",),
}


@dataclass(frozen=True)
class Fix:
    """One fix.

    Attributes:
        time: s, in the clock of the samples.
        kind: Of what.
        values: East, north and up in m (up may be missing); m/s; or rad from east to north.
        sigma: Standard deviation of each.
    """

    time: float
    kind: Kind
    values: tuple[float, ...]
    sigma: float

    def measurement(self, state: State, gyro: Array, age: float) -> Measurement:
        """What it says of a state that is `age` s younger, in which the body moved on."""
        variance = self.sigma**2
        if self.kind == "speed":
            return forward_speed(state, gyro, self.values[0], variance)
        if self.kind == "heading":
            return heading(state, self.values[0], variance)
        axes = range(len(self.values))
        moved = np.array(self.values) + age * state.velocity[: len(self.values)]
        return position(state, moved, (variance,), axes=axes)


class Fixes:
    """Fixes in the order of time, each applied to the first sample that is not before it."""

    def __init__(self, fixes: Iterable[Fix] = ()) -> None:
        """Make ready; nothing is applied yet."""
        self._waiting: Iterator[Fix] = iter(sorted(fixes, key=lambda fix: fix.time))
        self._next = next(self._waiting, None)
        self.used = self.refused = 0

    def apply(self, localizer: Localizer, time: float, gyro: Array) -> None:
        """Apply those up to a time, s, but not what is older than `OLDEST`.

        Args:
            localizer: Its estimate is of that time.
            time: Of the last sample pushed.
            gyro: [3] that it had, rad/s.
        """
        while self._next is not None and self._next.time <= time:
            fix, self._next = self._next, next(self._waiting, None)
            age = time - fix.time
            if not localizer.aligned or age > OLDEST:
                continue
            if localizer.fix(fix.measurement(localizer.state, gyro, age)).accepted:
                self.used += 1
            else:
                self.refused += 1


def read_fixes(path: Path, world: World = "enu") -> list[Fix]:
    """Read a table as above.

    Args:
        path: A CSV file with a header.
        world: Whose axes its positions and headings are in.

    Raises:
        InputError: It cannot be read, has none of the columns, or a row is wrong; says which.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file ({error}); give one with a header") from error
    header = [name.strip().lower() for name in rows[0]] if rows else []
    groups = _groups(path, header)
    found = []
    for row, cells in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise InputError(
                f"{path}: row {row}: {len(cells)} fields, but {len(header)} columns; mend the row"
            )
        named = dict(zip(header, cells, strict=True))
        time = number(path, row, named["time"])
        for kind, (columns, sigma) in groups.items():
            if all(named[name].strip() for name in columns):
                values = [number(path, row, named[name]) for name in columns]
                spread = number(path, row, named[sigma])
                if spread <= 0:
                    raise InputError(
                        f"{path}: row {row}: {sigma} {spread:g} must be above 0; mend the row"
                    )
                found.append(_inside(Fix(time, kind, tuple(values), spread), world))
    if not found:
        raise InputError(f"{path}: holds no fixes; give a file with one a row")
    return found


def _groups(path: Path, header: list[str]) -> dict[Kind, tuple[list[str], str]]:
    """For each kind that a header has, its columns and that of its deviation."""
    here = {
        kind: [name for name in names if name in header]
        for kind, names in _COLUMNS.items()
        if names[0] in header and (len(names) == 1 or names[1] in header)
    }
    if "time" not in header or not here:
        raise InputError(
            f"{path}: its first row names {', '.join(header[:8]) or 'nothing'}; it is to name time "
            "and x,y,z or speed or heading, and sigma"
        )
    found = {}
    for kind, names in here.items():
        own = f"{kind}_sigma"
        sigma = own if own in header or len(here) > 1 else "sigma"
        if sigma not in header:
            raise InputError(f"{path}: no column {sigma!r}; say how good the {kind} is")
        found[kind] = (names, sigma)
    return found


def _inside(fix: Fix, world: World) -> Fix:
    """In an ENU world and rad."""
    values: tuple[float, ...] = fix.values
    if fix.kind == "heading":
        angle, sigma = math.radians(values[0]), math.radians(fix.sigma)
        return Fix(fix.time, fix.kind, (math.pi / 2 - angle if world == "ned" else angle,), sigma)
    if fix.kind == "position" and world == "ned":
        axes = NED[: len(values), : len(values)]
        return Fix(fix.time, fix.kind, tuple((axes @ np.array(values)).tolist()), fix.sigma)
    return fix
