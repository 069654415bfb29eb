"""A log that is read as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from models.errors import InputError
from robot.frames import Axes
from robot.lie import Array
from robot.metrics import Trajectory
from robot.sources.base import Sample
from robot.sources.border import Border

_BLOCK = 65_536  # samples made into Python's numbers at a time
_SLOWEST, _FASTEST = 1.0, 1e-5  # s from one sample to the next, beyond which the unit is wrong


@dataclass(frozen=True)
class Recorded:
    """A log as recorded, but for its axes and units.

    Attributes:
        name: For people.
        times: [N] s, every one finite.
        gyro: [N, 3] rad/s.
        accel: [N, 3] m/s^2.
        poses: The truth, if the log carries it: in order, no time twice.
        velocity: [M, 3] m/s of the truth, if known.
        bad: Rows that are not here.
    """

    name: str
    times: Array
    gyro: Array
    accel: Array
    poses: Trajectory | None = None
    velocity: Array | None = None
    bad: int = 0
    live: bool = False

    @property
    def count(self) -> int:
        """Samples."""
        return len(self.times)

    def __iter__(self) -> Iterator[Sample]:
        for begin in range(0, self.count, _BLOCK):
            rows = slice(begin, begin + _BLOCK)
            parts = (self.times[rows], self.gyro[rows], self.accel[rows])
            for time, gyro, accel in zip(*(part.tolist() for part in parts), strict=True):
                yield Sample(time, tuple(gyro), tuple(accel))

    def truth(self) -> Trajectory | None:
        """The poses that the log carries, as the truth; a rotation it does not know is NaN."""
        return self.poses

    def truth_velocity(self) -> Array | None:
        """[M, 3] m/s in the world, at the truth's times, if the log knows it."""
        return self.velocity

    def close(self) -> None:
        """Nothing is held open."""


def recorded(
    name: str,
    numbers: Array,
    border: Border,
    *,
    bad: int = 0,
    first_bad: str = "",
    truth: Trajectory | None = None,
    velocity: Array | None = None,
) -> Recorded:
    """A log of its numbers, or a refusal if it is beyond repair.

    Args:
        name: For people.
        numbers: [N, 7] time, gyro, accelerometer as the log has them.
        border: What they mean.
        bad: Rows that gave no numbers; those whose stamp is no number are added.
        first_bad: The first of them, for people.
        truth: Poses in ENU, of the log's axes, in s.
        velocity: [M, 3] of the truth, m/s.

    Raises:
        InputError: Fewer than two samples at different times, more bad rows than good ones, or
            stamps whose unit cannot be right.
    """
    sound = np.isfinite(numbers[:, 0])
    if not sound.all() and not first_bad:
        first_bad = f"sample {int(np.argmin(sound)) + 1} (no time)"
    numbers, bad = numbers[sound], bad + int((~sound).sum())
    if bad > len(numbers):
        raise InputError(
            f"{name}: {bad} bad rows and {len(numbers)} good ones, the first bad one is "
            f"{first_bad}; check its columns and delimiter"
        )
    times, gyro, accel = border.arrays(numbers[:, 0], numbers[:, 1:4], numbers[:, 4:7])
    _check_times(name, times)
    for part, what in ((gyro, "gyro"), (accel, "accelerometer")):
        if np.isnan(part).all():
            raise InputError(f"{name}: has no {what}, and a pose needs both; choose another log")
    log = Recorded(name, times, gyro, accel, bad=bad)
    return log if truth is None else with_truth(log, border.axes, truth, velocity)


def with_truth(log: Recorded, axes: Axes, truth: Trajectory, velocity: Array | None) -> Recorded:
    """A log with poses in an ENU world, in any order, from its own axes.

    Args:
        log: Without them.
        axes: Its own.
        truth: The poses; those without a time or place are left out, as is the second of a time.
        velocity: [M, 3] m/s, or None.
    """
    sound = np.isfinite(truth.times) & np.isfinite(truth.positions).all(axis=1)
    _, first = np.unique(truth.times[sound], return_index=True)
    rows = np.flatnonzero(sound)[first]
    if len(rows) == 0:
        return log
    kept = truth.at(rows)
    poses = Trajectory(kept.times, kept.positions, axes.attitudes(kept.rotations))
    return replace(log, poses=poses, velocity=None if velocity is None else velocity[rows])


def _check_times(name: str, times: Array) -> None:
    with np.errstate(over="ignore"):
        steps = np.diff(np.unique(times))
    if len(steps) == 0:
        raise InputError(
            f"{name}: {len(times)} samples, at one time at most; 2 at different times are needed"
        )
    step = float(np.median(steps))
    if not _FASTEST <= step <= _SLOWEST:
        raise InputError(
            f"{name}: samples are {step:.3g} s apart, beyond {_FASTEST:g} to {_SLOWEST:g}; say "
            "what its time is in (time unit s, ms, us or ns), and which column holds it"
        )
