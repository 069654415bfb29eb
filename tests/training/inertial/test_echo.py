"""On drives that we made: a rough road under two axles, a known way apart."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest
from keras import ops

from robot.echo import Echo, Spectrum, log_likelihood
from robot.lie import Array
from robot.recording import Recording
from tests.robot.sounds import WHEELBASE, rolled
from tests.training.inertial.made import straight, wander
from training.inertial.echo import Answers, Windows, fit, unlearned, windows
from training.inertial.hearing import bells, surprise

FIRST = unlearned(2.75)


def recording(seed: int, noise: float = 0.3) -> Recording:
    speeds = wander(seed)
    return straight(speeds, rolled(speeds, noise, seed))


def heard(seed: int, noise: float = 0.3) -> Windows:
    return windows(recording(seed, noise), FIRST, np.random.default_rng(seed))


def likelihoods(echo: Echo, rows: Windows) -> Array:
    lines = rows.amplitudes[..., 0] + 1j * rows.amplitudes[..., 1]
    each = zip(lines, rows.noise, rows.speeds, strict=True)
    return np.array([log_likelihood(echo, Spectrum(*row)) for row in each])


@pytest.fixture(scope="module")
def learned() -> Echo:
    return fit(FIRST, [heard(0), heard(1), heard(2, 3.0)], epochs=100)


def test_what_was_learned_holds_on_a_drive_not_seen(learned: Echo) -> None:
    rows = heard(5)
    target = bells(learned.supposed, rows.truth)
    assert surprise(learned.trust * likelihoods(learned, rows), target) < 0.6 * math.log(49)
    # In noise that drowns the road, it knows that it knows nothing.
    deaf = heard(6, 300.0)
    target = bells(learned.supposed, deaf.truth)
    known = surprise(learned.trust * likelihoods(learned, deaf), target)
    assert known == pytest.approx(math.log(49), abs=0.1)


def test_the_wheelbase_is_found_from_a_rough_one(learned: Echo) -> None:
    assert learned.wheelbase == pytest.approx(WHEELBASE, rel=0.015)


def test_it_is_what_the_localizer_makes_of_it() -> None:
    """The layer and `robot.echo`, up to one number for each window."""
    rng, rows = np.random.default_rng(0), heard(0)
    power = np.square(rows.amplitudes).sum(axis=-1).mean(axis=0)
    layer = Answers(FIRST, power, 0, dtype="float64")
    for weight in layer.trainable_weights:
        weight.assign(weight + 0.2 * rng.normal(size=weight.shape))
    found = ops.convert_to_numpy(layer(rows[:3]))
    expected = likelihoods(layer.learned(), rows)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_fit_of_the_same_windows_is_the_same() -> None:
    rows = [heard(0)]
    assert asdict(fit(FIRST, rows, epochs=1)) == asdict(fit(FIRST, rows, epochs=1))


def test_too_slow_a_drive_teaches_nothing() -> None:
    speeds = 0.1 * wander(0)
    slow = windows(straight(speeds, rolled(speeds)), FIRST, np.random.default_rng(0))
    assert len(slow.truth) == 0
    with pytest.raises(ValueError, match="fast enough"):
        fit(FIRST, [slow])
