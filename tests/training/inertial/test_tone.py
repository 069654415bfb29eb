"""On drives that we made: a simulated car with a tone of our own on top."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from robot.recording import Recording
from robot.tone import Tone
from tests.training.inertial.made import straight, wander
from training.inertial.hearing import bells, forward_speeds, surprise
from training.inertial.tone import Windows, circumference, fit, likelihoods, windows

TRUE = 1.87
TONE = Tone(TRUE, harmonics=(1, 2), window=4.0)


def wheels(recording: Recording, strength: float) -> Recording:
    """With the first two harmonics of its wheels on two axes."""
    steps = forward_speeds(recording) * np.diff(recording.times, prepend=recording.times[0])
    turns = 2 * math.pi * np.cumsum(steps) / TRUE
    accel = recording.accel.copy()
    accel[:, 0] += strength * np.sin(turns)
    accel[:, 2] += strength * np.sin(2 * turns + 1)
    return replace(recording, accel=accel)


def recording(seed: int, strength: float = 0.3, seconds: float = 60.0) -> Recording:
    """A straight way at a wandering speed, with white noise."""
    speeds = wander(seed, seconds)
    noise = np.random.default_rng(seed).normal(size=(len(speeds), 6))
    return wheels(straight(speeds, noise * np.repeat((0.01, 0.3), 3)), strength)


def test_the_wheels_are_measured() -> None:
    found = circumference([recording(0), recording(1)], replace(TONE, points=33), 1.5, 2.5)
    assert found == pytest.approx(TRUE, rel=0.006)


def test_what_was_learned_holds_on_a_drive_not_seen() -> None:
    rng = np.random.default_rng(0)
    learned = fit(TONE, [windows(recording(seed), TONE, rng) for seed in (0, 1)])

    def surprised(heard: Windows) -> float:
        return surprise(likelihoods(learned, heard), bells(TONE.supposed, heard.truth))

    assert surprised(windows(recording(2), TONE, rng)) < 0.6 * math.log(TONE.points)
    # Of a car without a tone nothing is learned that would help.
    deaf = windows(recording(3, strength=0.0), TONE, rng)
    assert surprised(deaf) > 0.9 * math.log(TONE.points)
    # The axes that sound weigh most.
    table = np.abs(learned.table[0]).sum(axis=0)
    assert table[0, 3] == table[0].max()
    assert table[1, 5] == table[1].max()


def test_a_fit_of_the_same_data_is_the_same() -> None:
    heard = windows(recording(0), TONE, np.random.default_rng(0))
    assert fit(TONE, [heard]) == fit(TONE, [heard])


def test_doubtful_and_slow_stretches_are_not_listened_to() -> None:
    drive = recording(0)
    doubtful = replace(drive, trusted=drive.times > 30)
    rng = np.random.default_rng(0)
    all_of, half = (len(windows(d, TONE, rng).truth) for d in (drive, doubtful))
    assert 0 < half < 0.6 * all_of
    slow = replace(drive, velocities=0.1 * drive.velocities)
    nothing = windows(slow, TONE, rng)
    assert len(nothing.truth) == 0
    with pytest.raises(ValueError, match="fast enough"):
        fit(TONE, [nothing])


def test_windows_are_of_the_shape_that_they_tell() -> None:
    heard: Windows = windows(recording(0, seconds=20), TONE, np.random.default_rng(0))
    assert heard.found.shape == (len(heard.truth), TONE.points, 2, 2, 6)
    assert np.abs(heard.truth).max() <= 0.6 * TONE.span
