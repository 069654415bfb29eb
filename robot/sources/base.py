"""What a source of IMU samples is, how its numbers are to be read, and a log read as a whole.

All that leaves a source is in the inside's axes (x forward, y left, z up) and units (rad/s, m/s^2,
s in the source's own clock, rotations to an ENU world). It is otherwise as recorded: order, twins
and holes are the business of `robot.clock`, and numbers that are none (NaN, infinite) inside a
sample that of `robot.health`. A stamp, however, is always a finite number: a row without one is
bad.

What is bad, a row or line of which no sample can be made, is counted in `bad` and skipped. A log is
beyond repair, and refused with the first bad row's number, if it has more bad rows than good ones,
or fewer than two samples at different times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from models.errors import InputError
from robot.lie import Array
from robot.metrics import Trajectory

INSTALL = "install it with: pip install 'bombus[robot]'"


class Sample(NamedTuple):
    """What an IMU measured at a time: s, rad/s, m/s^2."""

    time: float
    gyro: tuple[float, float, float]
    accel: tuple[float, float, float]


class Source(Protocol):
    """Where samples come from."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def count(self) -> int | None:
        """Samples, if known beforehand."""

    @property
    def live(self) -> bool:
        """Whether it is a stream, whose samples come as they are made."""

    @property
    def bad(self) -> int:
        """Rows or lines so far of which no sample could be made."""

    def __iter__(self) -> Iterator[Sample]: ...

    def truth(self) -> Trajectory | None:
        """The poses that the log carries, as the truth; a rotation it does not know is NaN."""

    def truth_velocity(self) -> Array | None:
        """[N, 3] m/s in the world, at the truth's times, if the log knows it."""

    def close(self) -> None:
        """Let go of what it reads from; a second time does nothing."""


@dataclass(frozen=True)
class Reading:
    """How to read a source's numbers.

    Attributes:
        axes: Where the sensor's axes point, see `robot.frames`; None: as the format says, else flu.
        gyro_unit: One of `GYRO_UNITS`; None: as the log's header says, else rad/s.
        accel_unit: One of `ACCEL_UNITS`; None: as the log's header says, else m/s^2.
        time_unit: One of `TIME_UNITS`; None: as the format or header says, else s.
        columns: Where time, gyro x y z, accel x y z stand, in that order: a table's columns by name
            or number from 1, a JSON object's fields by dotted path (`imu.gyro.0`). Time as "-" is
            absent, and so may be left out. Empty: found by their usual names.
        rate: Hz, of a log whose rows bear no time.
        delimiter: Of a table; None: found out.
        topic: Of a bag or MCAP file; empty: the only one with IMU samples.
        truth_topic: Of poses to take for the truth; empty: none.
    """

    axes: str | None = None
    gyro_unit: str | None = None
    accel_unit: str | None = None
    time_unit: str | None = None
    columns: Sequence[str] = ()
    rate: float | None = None
    delimiter: str | None = None
    topic: str = ""
    truth_topic: str = ""

    def __post_init__(self) -> None:
        if self.columns and len(self.columns) not in {6, 7}:
            raise InputError(
                f"columns: {len(self.columns)} given; name 7, of time, gyro x y z, accel x y z, or "
                "6 without time"
            )
        if self.rate is not None and not 0 < self.rate < np.inf:
            raise InputError(f"rate: {self.rate} Hz; give one above 0")

    @property
    def time_column(self) -> str | None:
        """Where time stands; None if it is not said or absent."""
        return self.columns[0] if len(self.columns) == 7 and self.columns[0] != "-" else None


READING = Reading()
