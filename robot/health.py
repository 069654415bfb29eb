"""What is wrong with a sample or an estimate, and what is used in its place: never a NaN.

Each axis is screened by itself, one sample after the other, with a few numbers of memory:

- not finite: the axis's last good value is held.
- saturated: at the end of the sensor's range; the last good value is held, since a shock's mean is
  nearer to it than to the end.
- stuck: the very same number many times in a row, while another axis changes; used as it is.
- spike: a step from the last good value that is large for this axis, by a robust z-score: the step
  over the running mean of |steps|, in which none counts for more than four times that mean. The
  last good value is held, for a few samples at most: what lasts longer is no spike.

A sample so flagged should be trusted less: see `Limits.rougher`.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from enum import Flag, auto

import numpy as np

from robot import loops
from robot.lie import Array

Loop = Callable[[Array, Array, Array], tuple[Array, Array, int]]


class Health(Flag):
    """What was wrong; `OK` is nothing."""

    OK = 0
    ALIGNING = auto()  # no start yet: the pose is a first guess
    NOT_FINITE = auto()  # of a sample
    SATURATED = auto()
    STUCK = auto()
    SPIKE = auto()
    REPEATED = auto()  # a sample with the last one's stamp, dropped
    LATE = auto()  # a sample dropped: older than the last, far ahead and alone, or of no time
    FILLED = auto()  # a hole in time before this sample was filled
    TIME_JUMP = auto()  # too long a hole to fill, or a clock set back
    SLIPPING = auto()  # the gate disbelieved that the body does not slip
    DIVERGED = auto()  # the estimate was impossible and was put right, or is likely to be wrong
    REFITTED = auto()  # the start was fitted anew: the pose may have jumped to a better one


FAULTS = Health.NOT_FINITE | Health.SATURATED | Health.STUCK | Health.SPIKE


@dataclass(frozen=True)
class Limits:
    """What is still sound.

    Attributes:
        gyro_range: Where the gyro saturates, rad/s; the default is 2000 deg/s.
        accel_range: Where the accelerometer saturates, m/s^2; the default is 16 g.
        stuck_after: Samples of one value.
        spike_score: Robust z-score.
        gyro_spike: No smaller step is a spike, rad/s.
        accel_spike: The same, m/s^2.
        spike_hold: Samples in a row that may be taken for a spike.
        speed: No estimate is faster, m/s.
        rougher: How many times noisier a flagged sample is taken to be.
    """

    gyro_range: float = math.radians(2000)
    accel_range: float = 16 * 9.80665
    stuck_after: int = 50
    spike_score: float = 15.0
    gyro_spike: float = 0.2
    accel_spike: float = 5.0
    spike_hold: int = 3
    speed: float = 150.0
    rougher: float = 10.0

    @property
    def row(self) -> Array:
        """For `loops.screen`."""
        numbers = (self.gyro_range, self.accel_range, self.gyro_spike, self.accel_spike)
        return np.array((*numbers, self.stuck_after, self.spike_score, self.spike_hold))


LIMITS = Limits()
_BITS = {
    loops.NOT_FINITE: Health.NOT_FINITE,
    loops.SATURATED: Health.SATURATED,
    loops.STUCK: Health.STUCK,
    loops.SPIKE: Health.SPIKE,
}
_HEALTH_OF = tuple(
    functools.reduce(operator.or_, (h for bit, h in _BITS.items() if bits & bit), Health.OK)
    for bits in range(16)
)


class Screen:
    """A stream's screen, which remembers a few numbers of each axis."""

    def __init__(self, limits: Limits = LIMITS, loop: Loop = loops.screen) -> None:
        """Make a screen.

        Args:
            limits: What is sound.
            loop: `loops.screen`, or that compiled.
        """
        self._limits, self._loop = limits.row, loop
        memory = np.zeros((5, 6))
        memory[loops.RAW], memory[loops.MEAN] = math.nan, math.inf
        memory[loops.GOOD, 5] = 9.8  # gravity stands in for a first sample that is none
        self.memory = memory

    def check(self, sample: Array) -> tuple[Array, Health]:
        """Screen a sample [6] of gyro, rad/s, and accelerometer, m/s^2.

        Returns:
            The values to use, and what was wrong.
        """
        self.memory, used, bits = self._loop(self.memory, sample, self._limits)
        return used, _HEALTH_OF[bits]
