"""Windows of drives, heard as a filter hears them whose speed is off by an unknown constant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from models.metrics import softmax
from robot.lie import Array
from robot.recording import Recording

_WIDTH = 0.004  # of the target about the true constant, as a fraction of the speed
_ADRIFT = 0.02  # deviation of what the speed goes wrong by within half a window, m/s


class Believed(NamedTuple):
    """A window with the speeds that a filter believes in."""

    samples: Array  # [W, 6]
    dt: Array  # [W] s
    speeds: Array  # [W] m/s
    truth: float  # what is to be added to them, as a fraction of their mean


def believed(
    recording: Recording,
    rng: np.random.Generator,
    *,
    window: float,
    every: float,
    slowest: float,
    span: float,
) -> Iterator[Believed]:
    """The windows of a drive; none with made-up samples, doubtful truth or too low a speed.

    Args:
        recording: A drive with truth.
        rng: Draws the constants, within half of the span.
        window: s.
        every: From one to the next, s.
        slowest: m/s.
        span: As a fraction of the speed.
    """
    period = float(np.median(np.diff(recording.times)))
    rows, hop = round(window / period), round(every / period)
    samples = np.hstack((recording.gyro, recording.accel))
    dt = np.diff(recording.times, prepend=recording.times[0] - period)
    speeds = forward_speeds(recording)
    sound = recording.trusted & ~recording.holes()
    for begin in range(0, len(speeds) - rows, hop):
        at = slice(begin, begin + rows)
        true = speeds[at]
        if true.min() < slowest or not sound[at].all():
            continue
        off = rng.uniform(-0.5, 0.5) * span * true.mean()
        # As a filter has it: a constant off, and a little adrift over the window.
        wrong = true - off + rng.normal(0.0, _ADRIFT) * np.linspace(-1, 1, rows)
        yield Believed(samples[at], dt[at], wrong, float(off / wrong.mean()))


def forward_speeds(recording: Recording) -> Array:
    """[N] true velocity along the IMU's x axis, m/s."""
    rotations = recording.truth.rotations
    return np.asarray(np.einsum("nij,ni->nj", rotations, recording.velocities)[:, 0])


def bells(supposed: Array, truth: Array) -> Array:
    """The target [N, E]: not one constant, but a narrow bell about the true one [N]."""
    found = np.exp(-0.5 * np.square((supposed - truth[:, None]) / _WIDTH))
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def surprise(likelihood: Array, target: Array) -> float:
    """Mean cross-entropy of windows, nats; log(E) is that of knowing nothing.

    Args:
        likelihood: [N, E] logarithms, up to one number each.
        target: [N, E] of `bells`.
    """
    return float(-(target * np.log(softmax(likelihood) + 1e-12)).sum(axis=1).mean())
