from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from robot.recording import Recording
from tests.training.inertial.made import straight, wander
from training.inertial.hearing import Believed, believed, bells, surprise


def heard(recording: Recording) -> list[Believed]:
    rng = np.random.default_rng(0)
    return list(believed(recording, rng, window=4.0, every=1.0, slowest=2.5, span=0.12))


def test_speeds_are_wrong_by_what_is_said() -> None:
    true = wander(0)
    rows = heard(straight(true, np.zeros((len(true), 6))))
    assert len(rows) == 56
    for k, row in enumerate(rows):
        assert row.samples.shape == (400, 6)
        whole = true[100 * k : 100 * k + 400]
        assert row.speeds + row.truth * row.speeds.mean() == pytest.approx(whole, abs=0.1)
        assert abs(row.truth) < 0.07
    assert np.std([row.truth for row in rows]) > 0.02


def test_doubtful_and_slow_stretches_are_not_listened_to() -> None:
    true = wander(0)
    drive = straight(true, np.zeros((len(true), 6)))
    assert len(heard(replace(drive, trusted=drive.times >= 30))) == 26
    assert heard(replace(drive, velocities=0.1 * drive.velocities)) == []


def test_who_knows_nothing_is_surprised_by_the_logarithm_of_the_choices() -> None:
    supposed, truth = np.linspace(-0.12, 0.12, 49), np.array((0.0, 0.03))
    target = bells(supposed, truth)
    assert target.sum(axis=1) == pytest.approx(1)
    assert supposed[target.argmax(axis=1)] == pytest.approx(truth)
    assert surprise(np.zeros((2, 49)), target) == pytest.approx(math.log(49))
    assert surprise(np.log(target + 1e-9), target) < 2
