"""A recorded log of IMU samples, and its samples in order, one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np

from models.errors import InputError
from robot.clock import CLOCK_POLICY, ClockPolicy, clean
from robot.lie import Array
from robot.noise_file import SENSOR, Sensor
from robot.sources import Source, load
from robot.sources.doubts import doubts


class Row(NamedTuple):
    """A sample on its way: s, [3] rad/s, [3] m/s^2, and whether it was made up to fill a hole."""

    time: float
    gyro: Array
    accel: Array
    filled: bool = False


AnyLog = TypeVar("AnyLog", bound="Log")


@dataclass(frozen=True)
class Log:
    """A log as recorded.

    Attributes:
        name: For people.
        times: [N] s, in any order.
        gyro: [N, 3] rad/s.
        accel: [N, 3] m/s^2.
    """

    name: str
    times: Array
    gyro: Array
    accel: Array

    @property
    def clock(self) -> Array:
        """Times of the log once it is cleaned, s."""
        return clean(self.times, self.times[:, None]).times

    def doubts(self) -> list[str]:
        """Hints that it was not read as it was meant, a line each."""
        return [f"{self.name}: {hint}" for hint in doubts(self.times, self.gyro, self.accel)]

    def without(self: AnyLog, sensor: Sensor) -> AnyLog:
        """The same less the biases of its sensor."""
        gyro, accel = self.gyro - sensor.gyro_bias, self.accel - sensor.accel_bias
        return replace(self, gyro=gyro, accel=accel)

    def rows(
        self, policy: ClockPolicy = CLOCK_POLICY, later: float = -math.inf
    ) -> tuple[Iterator[Row], int]:
        """The samples in order that are later than a time, s, and how many there are.

        Raises:
            InputError: There are none.
        """
        log = clean(self.times, np.hstack((self.gyro, self.accel)), policy)
        first = int(np.searchsorted(log.times, later, side="right"))
        if first == len(log.times):
            raise InputError(
                f"{self.name}: ends at {log.times[-1]:.9g} s, but the saved state is of "
                f"{later:.9g} s; give what was recorded after that"
            )
        parts = zip(log.times.tolist(), log.values, log.filled.tolist(), strict=True)
        rows = (Row(t, v[:3], v[3:], filled) for t, v, filled in islice(parts, first, None))
        return rows, len(log.times) - first


def read_log(source: Source) -> Log:
    """All of a source."""
    return Log(source.name, *load(source))


def rows_of_stream(source: Source, sensor: Sensor = SENSOR) -> Iterator[Row]:
    """The samples of a stream as they come, less the biases of its sensor."""
    gyro_bias, accel_bias = np.array(sensor.gyro_bias), np.array(sensor.accel_bias)
    return (Row(t, np.array(g) - gyro_bias, np.array(a) - accel_bias) for t, g, a in source)
