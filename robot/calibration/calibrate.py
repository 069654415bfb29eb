"""What a sensor shows at rest: where its log is still, its biases, and its noise.

At rest the gyro's mean is its bias. The accelerometer's is gravity and bias together: only along
gravity do they come apart, unless the sensor is known to lie level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.errors import InputError
from robot.calibration.allan import Coefficients, Curve, allan_curve, coefficients
from robot.clock import clean
from robot.filter import WORLD
from robot.lie import Array, Vector
from robot.noise_file import Sensor
from robot.state import KITTI_NOISE
from robot.still import STILL_LIMITS

BLOCK = 0.2  # s over which samples are averaged before they are judged: noise is no motion
BLOCKS = 10  # in a window that is judged
SHORTEST = 10.0  # s at rest
LONG = 60.0  # s at rest, for the noise to be told from the bias
BATCHES = 20  # whose means tell the standard error
MARGIN = 10.0
AXES = ("x", "y", "z")


@dataclass(frozen=True)
class Calibration:
    """What a log at rest shows, gyro first: [3] each, IMU axes.

    Attributes:
        begin: When it begins to be at rest, s.
        end: When it ends to, s.
        whole: Length of the log, s.
        rate: Hz.
        filled: Samples that were made up in holes.
        gyro: Mean, rad/s.
        gyro_error: Standard error of that.
        accel: Mean, m/s^2.
        accel_error: Standard error of that.
        curve: Allan deviations [M, 6].
        noise: Of each of the six axes.
    """

    begin: float
    end: float
    whole: float
    rate: float
    filled: int
    gyro: Array
    gyro_error: Array
    accel: Array
    accel_error: Array
    curve: Curve
    noise: tuple[Coefficients, ...]

    @property
    def still(self) -> float:
        """Time at rest, s."""
        return self.end - self.begin

    @property
    def excess(self) -> float:
        """How much more than gravity the accelerometer shows, m/s^2."""
        return float(np.linalg.norm(self.accel)) - WORLD.gravity

    @property
    def tilt(self) -> tuple[float, float]:
        """Roll and pitch, rad, if the accelerometer has no bias."""
        x, y, z = self.accel.tolist()
        return math.atan2(y, z), math.atan2(-x, math.hypot(y, z))

    def sensor(self, *, level: bool, margin: float = MARGIN) -> Sensor:
        """What to tell the filter.

        Args:
            level: The sensor lay level, so that the accelerometer's bias is known on all axes.
            margin: How many times the noise at rest to expect on the move, where vibration and
                scale errors come on top. Where the log shows none, the default stays.
        """
        white = {name: self._largest(first, "white") for name, first in (("gyro", 0), ("accel", 3))}
        walk = {
            f"{name}_bias": self._largest(first, "walk")
            for name, first in (("gyro", 0), ("accel", 3))
        }
        found: dict[str, Any] = {
            name: margin * value for name, value in (white | walk).items() if value is not None
        }
        bias = self.accel - (0.0, 0.0, WORLD.gravity) if level else np.zeros(3)
        return Sensor(replace(KITTI_NOISE, **found), _vector(self.gyro), _vector(bias))

    def missing(self) -> list[str]:
        """The noises that no axis of the log shows."""
        defaults = ("gyro", "accel", "gyro_bias", "accel_bias")
        kinds = ((0, "white"), (3, "white"), (0, "walk"), (3, "walk"))
        told = zip(defaults, kinds, strict=True)
        return [name for name, (first, kind) in told if self._largest(first, kind) is None]

    def _largest(self, first: int, kind: str) -> float | None:
        """Of three axes, of those that show it."""
        values = [getattr(c, kind) for c in self.noise[first : first + 3]]
        return max((v for v in values if v is not None), default=None)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        roll, pitch = (math.degrees(a) for a in self.tilt)
        names = [f"{sensor}_{axis}" for sensor in ("gyro", "accel") for axis in AXES]
        return {
            "still_from": self.begin,
            "still_to": self.end,
            "seconds": self.whole,
            "rate": self.rate,
            "filled": self.filled,
            "gyro_mean": self.gyro.tolist(),
            "gyro_error": self.gyro_error.tolist(),
            "accel_mean": self.accel.tolist(),
            "accel_error": self.accel_error.tolist(),
            "accel_excess": self.excess,
            "roll_deg": roll,
            "pitch_deg": pitch,
            "allan": {name: vars(c) for name, c in zip(names, self.noise, strict=True)},
        }


def calibrate(times: Array, gyro: Array, accel: Array) -> Calibration:
    """Find the longest rest of a log and look at it.

    Args:
        times: [N] s, in any order.
        gyro: [N, 3] rad/s.
        accel: [N, 3] m/s^2.

    Raises:
        InputError: The log is nowhere at rest for `SHORTEST` s.
    """
    log = clean(times, np.hstack((gyro, accel)))
    if not np.isfinite(log.values).all():
        raise InputError("the log has numbers that are not finite; a calibration needs all of them")
    begin, end = longest_rest(log.values, log.period, log.jumps.tolist())
    seconds = (end - begin) * log.period
    if seconds < SHORTEST:
        raise InputError(
            f"the log is at rest for {seconds:.1f} s at most, {SHORTEST:g} s are needed; record "
            "some minutes without touching the sensor"
        )
    rest = log.values[begin:end]
    mean = rest.mean(axis=0)
    cut = len(rest) - len(rest) % BATCHES
    batches = rest[:cut].reshape(BATCHES, -1, 6).mean(axis=1)
    error = batches.std(axis=0, ddof=1) / math.sqrt(BATCHES)
    curve = allan_curve(rest, log.period)
    return Calibration(
        float(log.times[begin]),
        float(log.times[end - 1]),
        float(log.times[-1] - log.times[0]),
        1 / log.period,
        int(log.filled[begin:end].sum()),
        *(mean[:3], error[:3], mean[3:], error[3:]),
        curve,
        tuple(coefficients(curve, i) for i in range(6)),
    )


def longest_rest(values: Array, period: float, jumps: Sequence[int] = ()) -> tuple[int, int]:
    """The first row and the row after the last of the longest time at rest.

    Blocks are averaged, so that a noisy sensor may be still as well, and windows of them judged by
    the limits that the filter's stand-still detection has.

    Args:
        values: [N, 6] gyro, rad/s, and accelerometer, m/s^2.
        period: s.
        jumps: Rows before which there is a jump in time: no rest goes across it.
    """
    block = max(1, round(BLOCK / period))
    window = block * BLOCKS
    count = len(values) // window
    blocks = values[: count * window].reshape(count, BLOCKS, block, 6).mean(axis=2)
    spread, mean = blocks.std(axis=1), blocks.mean(axis=1)
    still = (spread[:, :3] < STILL_LIMITS.gyro).all(axis=1)
    still &= (spread[:, 3:] < STILL_LIMITS.accel).all(axis=1)
    still &= np.linalg.norm(mean[:, :3], axis=1) < 0.2
    still &= abs(np.linalg.norm(mean[:, 3:], axis=1) - WORLD.gravity) < 1.5
    # A turn that goes on looks still, but not beside the window before.
    turned = abs(np.diff(mean, axis=0, prepend=mean[:1]))
    parted = (turned[:, :3] > STILL_LIMITS.gyro).any(axis=1)
    parted |= (turned[:, 3:] > STILL_LIMITS.accel).any(axis=1)
    parted[[j // window for j in jumps if j < count * window]] = True
    best, first = (0, 0), 0
    for i in range(count):
        if not still[i]:
            first = i + 1
        elif parted[i]:
            first = i
        if i + 1 - first > best[1] - best[0]:
            best = (first, i + 1)
    return best[0] * window, best[1] * window


def _vector(values: Array) -> Vector:
    x, y, z = values.tolist()
    return x, y, z
