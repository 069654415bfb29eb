"""Learn a vehicle's wheel tone from drives whose speed is known: `robot.tone` uses it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from models.metrics import softmax
from robot.ear import EVERY
from robot.lie import Array
from robot.recording import Recording
from robot.tone import AXES, Tone, Weights, evidence, haste
from training.inertial.hearing import believed, bells, forward_speeds


class Windows(NamedTuple):
    """What was heard in N windows, the speed believed in, m/s, and what was true of it."""

    found: Array  # [N, E, 2, H, 6]
    speeds: Array  # [N]
    truth: Array  # [N], as fractions of the speeds


def windows(recording: Recording, tone: Tone, rng: np.random.Generator) -> Windows:
    """Listen to a drive as a filter would whose speed is off by an unknown constant.

    Args:
        recording: A drive with truth.
        tone: What to listen for.
        rng: Draws the constants, within half of the tone's span.
    """
    found, means, truth = [], [], []
    limits = {"window": tone.window, "slowest": tone.slowest, "span": tone.span}
    for rows in believed(recording, rng, every=EVERY, **limits):
        found.append(evidence(tone, rows.samples, rows.dt, rows.speeds))
        means.append(rows.speeds.mean())
        truth.append(rows.truth)
    shape = (-1, tone.points, 2, len(tone.harmonics), AXES)
    evidences: Array = np.array(found, np.float32).reshape(shape)  # type: ignore[assignment]
    return Windows(evidences, np.array(means), np.array(truth))


def fit(tone: Tone, heard: Iterable[Windows], *, decay: float = 1e-3, rounds: int = 30) -> Tone:
    """The tone with the weights that make the truth likeliest (a conditional logit, by Newton).

    The target is no single constant but a narrow bell about the true one. The loss is convex.

    Args:
        tone: Without weights.
        heard: The windows of each drive.
        decay: L2 penalty on the weights, per window.
        rounds: Newton steps at most.

    Raises:
        ValueError: There is no window at all.
    """
    listed = [w for w in heard if len(w.truth)]
    if not listed:
        raise ValueError("no drive has a window fast enough to hear the wheels in")
    found = np.concatenate([_features(w) for w in listed])
    target = bells(tone.supposed, np.concatenate([w.truth for w in listed]))
    x = found.reshape(len(found), tone.points, -1)
    weights = np.zeros(x.shape[2])
    loss, p = _loss(x, target, weights, decay)
    for _ in range(rounds):
        gradient = np.einsum("nek,ne->k", x, p - target) / len(x) + decay * weights
        mean = np.einsum("nek,ne->nk", x, p)
        rows = (x * np.sqrt(p)[..., None]).reshape(-1, len(weights))
        curvature = (rows.T @ rows - mean.T @ mean) / len(x) + decay * np.eye(len(weights))
        step, before = np.linalg.solve(curvature, gradient), loss
        for shorter in 0.5 ** np.arange(10):  # a whole step may go too far
            loss, p = _loss(x, target, weights - shorter * step, decay)
            if loss <= before:
                weights -= shorter * step
                break
        if before - loss < 1e-9:
            break
    table = weights.reshape(found.shape[2:])
    return replace(tone, weights=_tuples(table))


def _features(heard: Windows) -> Array:
    """[N, E, 2, 2, H, 6] float64: the evidence, and it by how fast the wheels turned."""
    found = heard.found.astype(np.float64)
    faster = haste(heard.speeds)[:, None, None, None, None]
    return np.stack((found, found * faster), axis=2)


def _loss(x: Array, target: Array, weights: Array, decay: float) -> tuple[float, Array]:
    """The cross-entropy and its penalty; the probabilities [N, E]."""
    p = softmax(x @ weights)
    surprised = -(target * np.log(p + 1e-300)).sum(axis=1).mean()
    return float(surprised + 0.5 * decay * weights @ weights), p


def _tuples(table: Array) -> Weights:
    return tuple(
        tuple(tuple(tuple(map(float, row)) for row in part) for part in half) for half in table
    )


def likelihoods(tone: Tone, heard: Windows) -> Array:
    """[N, E] logarithms, before `trust`, of a drive's windows."""
    return np.asarray(np.tensordot(_features(heard), tone.table, axes=4))


def circumference(
    recordings: Iterable[Recording], tone: Tone, low: float = 1.5, high: float = 2.5
) -> float:
    """The circumference in m, between two bounds, at which a vehicle's drives sound loudest.

    Power along the true way, in each harmonic relative to its neighbourhood, over all windows and
    axes. Twice a circumference sounds like half of its harmonics: the bounds should not span both.
    """
    tried = np.geomspace(low, high, 8 * tone.points)
    total = np.zeros(len(tried))
    for recording in recordings:
        for way, shakes in _ways(recording, tone):
            for harmonic in tone.harmonics[:3]:
                lines = np.exp(-2j * np.pi * harmonic * np.outer(1 / tried, way))
                power = np.log(np.square(np.abs(lines @ shakes)) + 1e-20)
                total += np.clip(power - np.median(power, axis=0), -2, 8).sum(axis=1)
    return float(tried[np.argmax(total)])


def _ways(recording: Recording, tone: Tone) -> Iterator[tuple[Array, Array]]:
    period = float(np.median(np.diff(recording.times)))
    rows = 2 * round(tone.window / period)
    changes = np.diff(np.hstack((recording.gyro, recording.accel)), axis=0)
    speeds = forward_speeds(recording)[1:]
    steps = speeds * np.diff(recording.times)
    for begin in range(0, len(steps) - rows, rows):
        at = slice(begin, begin + rows)
        if speeds[at].min() >= tone.slowest:
            yield np.cumsum(steps[at]), changes[at] * np.hanning(rows)[:, None]
