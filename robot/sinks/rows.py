"""Text files of one row of numbers a pose."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from models.errors import InputError
from robot.lie import Array
from robot.metrics import Trajectory
from robot.pose import Pose
from robot.sinks.base import Write, Writer


def text_writer(line: Callable[[Pose], str], header: str = "") -> Writer:
    """A writer of a text file: a header, then a line a pose; both bring their line ends."""

    @contextmanager
    def write(path: Path) -> Iterator[Write]:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(header)
            yield lambda pose: file.write(line(pose))

    return write


def decimals(numbers: Sequence[float], separator: str = " ") -> str:
    """Numbers to 9 decimals, never by powers of ten, which some readers do not know."""
    return separator.join([f"{x + 0.0:.9f}" for x in numbers])


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines that are neither empty nor a comment, each with its number from 1 on.

    Raises:
        InputError: The file cannot be read, or there is no such line.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); check the name and its permissions"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file; give a .tum, .kitti or .csv file") from error
    lines = ((row, line.strip()) for row, line in enumerate(text.splitlines(), 1))
    kept = [(row, line) for row, line in lines if line and not line.startswith("#")]
    if not kept:
        raise InputError(f"{path}: holds no poses; give a file with one a row")
    return kept


def parse(
    path: Path, lines: list[tuple[int, str]], names: Sequence[str], separator: str | None = None
) -> Array:
    """Rows of numbers as [N, len(names)].

    Raises:
        InputError: A row has another number of fields, or one that is no finite number.
    """
    values = np.empty((len(lines), len(names)))
    for i, (row, line) in enumerate(lines):
        fields = line.split(separator)
        if len(fields) != len(names):
            raise InputError(
                f"{path}: row {row}: {len(fields)} fields, not {len(names)}; "
                f"each row is to hold {' '.join(names)}"
            )
        values[i] = [number(path, row, field) for field in fields]
    return values


def number(path: Path, row: int, field: str) -> float:
    """A finite number.

    Raises:
        InputError: It is none.
    """
    try:
        value = float(field)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            f"{path}: row {row}: {field.strip()[:40]!r} is no finite number; mend or drop the row"
        )
    return value


def checked(path: Path, rows: Sequence[int], trajectory: Trajectory) -> Trajectory:
    """The trajectory, if its times increase and its rotations are some.

    Args:
        path: Where it was read.
        rows: [N] line of each pose.
        trajectory: What was read.

    Raises:
        InputError: They do not; says in which row.
    """
    times, rotations = trajectory.times, trajectory.rotations
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        i = int(back[0]) + 1
        raise InputError(
            f"{path}: row {rows[i]}: time {times[i]:.9g} s is not after {times[i - 1]:.9g} s in "
            "the row before; sort the rows and drop equal times"
        )
    off = abs(np.swapaxes(rotations, 1, 2) @ rotations - np.eye(3)).max(axis=(1, 2), initial=0.0)
    wrong = np.flatnonzero(~((off < 1e-3) & (np.linalg.det(rotations) > 0)))
    if len(wrong):
        i = int(wrong[0])
        raise InputError(
            f"{path}: row {rows[i]}: not a rotation (off by {off[i]:.2g}, 0.001 is allowed); "
            "check the order of the columns"
        )
    return trajectory
