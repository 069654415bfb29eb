"""The way in of a sample's numbers: units and axes, as a `Reading` tells them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from robot.frames import ACCEL_UNITS, GYRO_UNITS, TIME_UNITS, Axes, parse_axes, per_unit
from robot.lie import Array
from robot.sources.base import Reading, Sample

Units = tuple[str, str, str]  # of time, gyro, accelerometer
SI: Units = ("s", "rad/s", "m/s^2")


class Border:
    """Turns a log's numbers into the inside's."""

    def __init__(self, reading: Reading, axes: str = "flu", units: Units = SI) -> None:
        """Make one.

        Args:
            reading: What the user says of the log.
            axes: What its format says of the axes; the user's word goes above it.
            units: The same of time, gyro and accelerometer.

        Raises:
            InputError: Axes or a unit that nobody knows.
        """
        self.axes: Axes = parse_axes(reading.axes or axes)
        self.time = per_unit(reading.time_unit or units[0], TIME_UNITS, "time")
        self.gyro = per_unit(reading.gyro_unit or units[1], GYRO_UNITS, "the gyro")
        self.accel = per_unit(reading.accel_unit or units[2], ACCEL_UNITS, "the accelerometer")

    def arrays(self, times: Array, gyro: Array, accel: Array) -> tuple[Array, Array, Array]:
        """Of a log: times [N], gyro and accelerometer [N, 3]."""
        turn = self.axes.apply
        with np.errstate(over="ignore"):  # infinite is for the screen to deal with
            return times / self.time, turn(gyro) * self.gyro, turn(accel) * self.accel

    def sample(self, time: float, values: Sequence[float]) -> Sample:
        """Of one sample: its time in s already, and the three rates and three forces."""
        i, j, k = self.axes.index
        a, b, c = self.axes.sign
        g, f = self.gyro, self.accel
        gyro = (a * g * values[i], b * g * values[j], c * g * values[k])
        return Sample(
            time, gyro, (a * f * values[3 + i], b * f * values[3 + j], c * f * values[3 + k])
        )

    def seconds(self, time: float) -> float | None:
        """A stamp in s; None if it is no finite number."""
        return time / self.time if math.isfinite(time) else None
