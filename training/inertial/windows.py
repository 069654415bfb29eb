"""Windows of drives, in batches: what the training goes through, with the truth at 10 Hz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot.lie import Array
from robot.localizer import Localizer
from robot.noise import ConstantNoise
from robot.pose import Options
from robot.profile import Profile
from robot.recording import Recording

POSE_EVERY = 10  # samples: poses at 10 Hz, of samples at 100 Hz
_UNHEARD = 1e12  # m^2/s^2, the variance of a speed that was not measured


@dataclass(frozen=True)
class Drive:
    """A drive to learn from.

    Attributes:
        recording: Its samples and truth.
        speeds: [N, 2] forward speed as heard, m/s, and its variance, m^2/s^2.
        bad: [N] samples that no scored stretch may go over: filled holes, doubtful truth.
    """

    recording: Recording
    speeds: Array
    bad: NDArray[np.bool_]

    @staticmethod
    def of(recording: Recording, speeds: Array) -> Drive:
        """Mark what is not to be scored."""
        return Drive(recording, speeds, recording.holes() | ~recording.trusted)


class Batch(NamedTuple):
    """B windows of T samples after the first, and N = T / 10 + 1 true poses of each."""

    samples: Array  # [B, T, 6]
    dt: Array  # [B, T]
    starts: Array  # [B, 15] rotation by rows, velocity, position (the origin)
    speeds: Array  # [B, T, 2]
    positions: Array  # [B, N, 3]
    rotations: Array  # [B, N, 3, 3]
    sound: NDArray[np.bool_]  # [B, N] poses up to which, from the last one, no sample is bad


def listen(recording: Recording, profile: Profile) -> Array:
    """The speeds of a `Drive`, [N, 2], as the localizer hears them in wheels and axles."""
    count = len(recording.times)
    speeds: Array = np.stack((np.zeros(count), np.full(count, _UNHEARD)), axis=1)
    if profile.tone is not None or profile.echo is not None:
        options = profile.options(Options(still=None, slip_gate=None))
        start = profile.start(recording.truth.rotations[0], recording.velocities[0])
        localizer = Localizer(options, ConstantNoise(profile.noise), start)
        rows = zip(recording.times.tolist(), recording.gyro, recording.accel, strict=True)
        for i, row in enumerate(rows):
            localizer.push(*row)
            if localizer.heard is not None:
                speeds[i] = localizer.heard
    return speeds


def draw(drives: Sequence[Drive], count: int, length: int, rng: np.random.Generator) -> Batch:
    """Some windows at random, all equally likely.

    Args:
        drives: Those shorter than a window are passed over.
        count: B.
        length: T, a multiple of 10.
        rng: Draws.
    """
    room = np.array([max(0, len(d.recording.times) - length) for d in drives], np.float64)
    if not room.any():
        raise ValueError(f"no drive has {length + 1} samples")
    rows = []
    for k in rng.choice(len(drives), count, p=room / room.sum()):
        begin = int(rng.integers(int(room[k])))
        rows.append(_window(drives[k], begin, length))
    return Batch(*(np.stack(part) for part in zip(*rows, strict=True)))


def _window(drive: Drive, begin: int, length: int) -> tuple[Array, ...]:
    r = drive.recording
    all_of, after = slice(begin, begin + length + 1), slice(begin + 1, begin + length + 1)
    samples = np.hstack((r.gyro[after], r.accel[after])).astype(np.float64)
    places, turns = r.truth.positions[all_of], r.truth.rotations[all_of]
    start = np.concatenate((turns[0].ravel(), r.velocities[begin], np.zeros(3)))
    fine = ~drive.bad[after].reshape(-1, POSE_EVERY).any(axis=1)
    return (
        samples,
        np.diff(r.times[all_of]),
        start,
        drive.speeds[after],
        places[::POSE_EVERY] - places[0],
        turns[::POSE_EVERY],
        np.concatenate(((True,), fine)),
    )
