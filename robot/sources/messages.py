"""Messages of a bag or an MCAP file, gathered by topic, and the log they make.

A message bears two times: that of its header, of the sensor's clock, and that of its arrival in the
log. The header's counts, unless no message of the topic has one above 0.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import nan

import numpy as np

from models.errors import InputError
from robot.frames import FRD, NED, quaternion_rotations
from robot.lie import Array
from robot.metrics import Trajectory
from robot.sources.base import Reading
from robot.sources.border import Border
from robot.sources.recorded import Recorded, recorded

POSE_WIDTH = 15  # position, rotation row by row, velocity


@dataclass
class Topic:
    """What came of a topic.

    Attributes:
        width: Numbers of a message, without its times.
        numbers: Two times and these, of each message.
        bad: Messages that gave none.
        first_bad: The first of them, for people.
    """

    width: int = 6
    numbers: array[float] = field(default_factory=lambda: array("d"))
    bad: int = 0
    first_bad: str = ""

    def add(self, stamp: float | None, arrival: float, values: Sequence[float]) -> None:
        """Take in a message: the header's time or None, that of arrival, s; what it says."""
        self.numbers.extend((stamp or nan, arrival, *values))

    def skip(self) -> None:
        """Count a bad message."""
        self.bad += 1
        if not self.first_bad:
            self.first_bad = f"message {len(self) + self.bad}"

    def __len__(self) -> int:
        return len(self.numbers) // (self.width + 2)

    def table(self) -> Array:
        """[N, 1 + width] time, s, and what was said."""
        rows = np.frombuffer(self.numbers).reshape(-1, self.width + 2)
        column = 1 if np.isnan(rows[:, 0]).all() else 0
        return np.column_stack((rows[:, column], rows[:, 2:]))


def log_of(
    name: str, topics: Mapping[str, Topic], poses: Topic | None, reading: Reading
) -> Recorded:
    """The log of the topic that was asked for, or of the only one.

    Args:
        name: For people.
        topics: Those that may hold IMU samples.
        poses: The truth, in ENU.
        reading: How; stamps are in s already.

    Raises:
        InputError: There is no such topic, or more than one; or its log is beyond repair.
    """
    found = [topic for topic, messages in topics.items() if len(messages)]
    if reading.topic:
        chosen = reading.topic
        if chosen not in topics:
            raise InputError(
                f"{name}: no IMU topic {chosen!r}; it has {', '.join(found) or 'none'}"
            )
    elif len(found) != 1:
        raise InputError(
            f"{name}: IMU samples in {len(found)} topics"
            + (f" ({', '.join(sorted(found))}); choose one (topic)" if found else ", 1 is needed")
        )
    else:
        chosen = found[0]
    messages = topics[chosen]
    if reading.truth_topic and not poses:
        raise InputError(f"{name}: no poses in topic {reading.truth_topic!r}; choose another")
    truth, velocity = _truth(poses) if poses else (None, None)
    return recorded(
        f"{name} {chosen}",
        messages.table(),
        Border(replace(reading, time_unit=None)),
        bad=messages.bad,
        first_bad=messages.first_bad,
        truth=truth,
        velocity=velocity,
    )


def pose_row(
    place: Sequence[float],
    quaternion: Sequence[float],
    velocity: Sequence[float] | None = None,
    *,
    along: Sequence[float] | None = None,
    ned: bool = False,
) -> list[float]:
    """A pose in ENU as a row of numbers.

    Args:
        place: [3] m.
        quaternion: x, y, z, w, from the body's axes.
        velocity: [3] m/s in the world, if known.
        along: The same in the body's axes.
        ned: Whether all that is in NED, and the body's axes are x forward, y right, z down.
    """
    rotation = quaternion_rotations(np.array([quaternion], np.float64))[0]
    vectors = np.full((2, 3), nan)
    vectors[0] = place
    if velocity is not None or along is not None:
        vectors[1] = rotation @ along if velocity is None else velocity
    if ned:
        vectors, rotation = vectors @ NED, NED @ rotation @ FRD
    return [*vectors[0].tolist(), *rotation.ravel().tolist(), *vectors[1].tolist()]


def _truth(poses: Topic) -> tuple[Trajectory, Array | None]:
    rows = poses.table()
    velocity = rows[:, 13:16]
    truth = Trajectory(rows[:, 0], rows[:, 1:4], rows[:, 4:13].reshape(-1, 3, 3))
    return truth, None if np.isnan(velocity).all() else velocity
