"""Which columns of a table hold what, and a row's numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.errors import InputError
from robot.frames import ACCEL_UNITS, GYRO_UNITS, TIME_UNITS
from robot.sources.base import Reading
from robot.sources.border import SI, Units

Numbers = tuple[float | None, list[float]]  # a line's time, if it bears one, and its six values

_DELIMITERS = (";", "\t", ",")  # else any white space
_SPOKEN = {"tab": "\t", "\\t": "\t", "space": None, " ": None}
_MISSING = {"", "null", "none", "na", "n/a"}
_TIME = r"(?:(?:.*_)?(?:time|timestamp|stamp|seconds|secs|sec|elapsed)|t)(?:_(?:s|ms|us|ns))?"
_GYRO = r"(?:.*_)?(?:gyro|gyroscope|gyr|g|w|omega|angular_velocity|w_rs_s)_?{}"
_ACCEL = r"(?:.*_)?(?:accel|accelerometer|acceleration|acc|a|linear_acceleration|a_rs_s)_?{}"
_BRACKET = re.compile(r"[\[(]([^\])]*)[\])]")
_SPELLINGS = {
    **{"rad s^-1": "rad/s", "deg s^-1": "deg/s", "dps": "deg/s", "°/s": "deg/s"},
    **{"m s^-2": "m/s^2", "m/s2": "m/s^2", "m/s²": "m/s^2", "µs": "us"},
}
_SAY = "say where time, gyro x y z and accel x y z stand (columns, by name or number from 1)"


class BadLine(ValueError):
    """A line, row or message of which no sample can be made."""


@dataclass(frozen=True)
class Layout:
    """Where a row's numbers stand.

    Attributes:
        time: Column of the time, from 0; None if there is none.
        values: Of gyro x y z and accelerometer x y z.
        fields: How many columns there are.
        delimiter: Between them; None is any white space.
        header: Whether the row that told all this was a header.
        units: Of time, gyro and accelerometer as that header says, else SI.
    """

    time: int | None
    values: tuple[int, ...]
    fields: int
    delimiter: str | None
    header: bool
    units: Units

    def numbers(self, row: str) -> Numbers:
        """A row's numbers as they stand there.

        Raises:
            BadLine: It is no row of this table. A missing value is NaN; a missing time is bad.
        """
        parts = row.split(self.delimiter)
        last = max(*self.values, self.time or 0)
        if len(parts) <= last or any(part.strip() for part in parts[self.fields :]):
            raise BadLine
        try:
            values = [self._number(parts[i]) for i in self.values]
            time = None if self.time is None else float(self._plain(parts[self.time]))
        except ValueError as error:
            raise BadLine from error
        return time, values

    def _number(self, field: str) -> float:
        try:
            return float(field)
        except ValueError:
            plain = self._plain(field)
            return math.nan if plain.lower() in _MISSING else float(plain)

    def _plain(self, field: str) -> str:
        """Without quotes, and with a decimal point where a comma stands for it."""
        plain = field.strip(" \"'")
        return plain if self.delimiter == "," else plain.replace(",", ".")


def find_layout(row: str, reading: Reading, name: str) -> Layout:
    """The layout of a table whose first row this is.

    Raises:
        BadLine: It has too few columns for a table's.
        InputError: Columns that were asked for, or are needed, are not there.
    """
    delimiter = _delimiter(row, reading.delimiter)
    # What begins a comment may begin a header as well: `#timestamp [ns],...`
    titles = row.lstrip("#% ").split(delimiter)
    if len(titles) < 6:
        raise BadLine
    header = not all(_is_number(title) for title in titles)
    names = [_bare(title) for title in titles]
    time: int | None
    if reading.columns:
        time_column = reading.time_column
        time = None if time_column is None else _asked(time_column, names, header, name)
        values = [_asked(column, names, header, name) for column in reading.columns[-6:]]
    elif header:
        time = min(_matching(_TIME, names), key=lambda i: len(names[i]), default=None)
        values = [_named(what, axis, names, name) for what in (_GYRO, _ACCEL) for axis in "xyz"]
    elif len(names) in {6, 7}:
        time, values = (0 if len(names) == 7 else None), list(range(len(names) - 6, len(names)))
    else:
        raise InputError(f"{name}: {len(names)} columns and no header; {_SAY}")
    units = (
        SI[0] if time is None else _time_unit(titles[time], names[time], reading.time_unit, name),
        _unit(titles[values[0]], GYRO_UNITS, SI[1], reading.gyro_unit, name),
        _unit(titles[values[3]], ACCEL_UNITS, SI[2], reading.accel_unit, name),
    )
    return Layout(time, tuple(values), len(titles), delimiter, header, units)


def _delimiter(row: str, said: str | None) -> str | None:
    """The one that was said, or the first that cuts the row into enough fields."""
    if said is not None:
        return _SPOKEN.get(said, said or None)
    return next((d for d in _DELIMITERS if len(row.split(d)) >= 6), None)


def _is_number(title: str) -> bool:
    plain = title.strip(" \"'").replace(",", ".").lower()
    try:
        float(plain)
    except ValueError:
        return plain in _MISSING
    return True


def _bare(title: str) -> str:
    """A title as names are compared: lower case, without units, words joined by underscores."""
    return re.sub(r"[^a-z0-9]+", "_", _BRACKET.sub("", title).lower()).strip("_")


def _asked(column: str, names: Sequence[str], header: bool, name: str) -> int:
    """The column, from 0, that was asked for by name, or by number from 1."""
    at = names.index(_bare(column)) + 1 if _bare(column) in names else None
    if at is None and column.strip().isdecimal():
        at = int(column)
    if at is None or not 1 <= at <= len(names):
        those = f": {_some(names)}" if header else ", and no header"
        raise InputError(f"{name}: no column {column!r}; it has {len(names)}{those}")
    return at - 1


def _matching(pattern: str, names: Sequence[str]) -> list[int]:
    return [i for i, name in enumerate(names) if re.fullmatch(pattern, name)]


def _named(what: str, axis: str, names: Sequence[str], name: str) -> int:
    """The column whose name is a usual one; of several, the one of the shortest name."""
    found = sorted(_matching(what.format(axis), names), key=lambda i: len(names[i]))
    kind = "gyro" if what is _GYRO else "accel"
    if not found:
        raise InputError(f"{name}: no column like {kind}_{axis} among {_some(names)}; {_SAY}")
    if len(found) > 1 and len(names[found[0]]) == len(names[found[1]]):
        both = " and ".join(names[i] for i in found[:2])
        raise InputError(f"{name}: {both} may both be {kind}_{axis}; {_SAY}")
    return found[0]


def _time_unit(title: str, bare: str, said: str | None, name: str) -> str:
    """The unit in a title's brackets or at the end of its name, as in `time_ms`."""
    last = bare.rpartition("_")[2]
    si = last if said is None and last in TIME_UNITS else SI[0]
    return _unit(title, TIME_UNITS, si, said, name)


def _unit(title: str, units: Mapping[str, float], si: str, said: str | None, name: str) -> str:
    """The unit in a title's brackets, unless another was said."""
    bracket = _BRACKET.search(title)
    if said is not None or bracket is None or bracket[1].strip().lower() in {"", "x", "y", "z"}:
        return si
    told = bracket[1].strip().lower()
    unit = _SPELLINGS.get(told, told)
    if unit not in units:
        raise InputError(
            f"{name}: unit {told!r} of column {title.strip()!r} is not known; say one of "
            f"{', '.join(units)}"
        )
    return unit


def _some(names: Sequence[str]) -> str:
    return ", ".join(name[:40] for name in names[:12]) + (" .." if len(names) > 12 else "")
