"""The Allan deviation, beside its definition and noise of known density."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.calibration.allan import Coefficients, Curve, allan_curve, coefficients
from robot.lie import Array

PERIOD = 0.01


def white(density: float, count: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(count, 1)) * (density / math.sqrt(PERIOD))


def walk(density: float, count: int, seed: int = 1) -> Array:
    steps = np.random.default_rng(seed).normal(size=(count, 1)) * (density * math.sqrt(PERIOD))
    return np.cumsum(steps, axis=0)


def test_it_is_half_the_mean_square_of_neighbouring_means() -> None:
    signal = np.random.default_rng(3).normal(size=(60, 2))
    curve = allan_curve(signal, PERIOD)
    np.testing.assert_allclose(curve.taus, [0.01, 0.02, 0.04])
    for m, found in zip((1, 2, 4), curve.deviations, strict=True):
        means = np.array([signal[i : i + m].mean(axis=0) for i in range(60 - m + 1)])
        pairs = means[m:] - means[:-m]
        np.testing.assert_allclose(found, np.sqrt(0.5 * np.square(pairs).mean(axis=0)))


@pytest.mark.parametrize("density", [1e-4, 0.02])
def test_white_noise_tells_its_density(density: float) -> None:
    found = coefficients(allan_curve(white(density, 60_000), PERIOD), 0)
    assert found.white == pytest.approx(density, rel=0.03)
    assert (found.instability, found.walk) == (None, None)


def test_a_random_walk_tells_its_density() -> None:
    found = coefficients(allan_curve(walk(1e-3, 60_000), PERIOD), 0)
    assert (found.white, found.instability) == (None, None)
    assert found.walk == pytest.approx(1e-3, rel=0.15)


def test_both_are_told_apart() -> None:
    count = 400_000
    signal = 0.3 + white(1e-3, count) + walk(5e-4, count)
    found = coefficients(allan_curve(signal, PERIOD), 0)
    assert found.white == pytest.approx(1e-3, rel=0.03)
    assert found.walk == pytest.approx(5e-4, rel=0.2)


def test_a_curve_of_all_three_is_read_back() -> None:
    taus = 0.01 * 2.0 ** np.arange(30)
    made = Coefficients(white=1e-3, instability=2e-4, walk=1e-6)
    curve = Curve(taus, made.deviation(taus)[:, None], 10 * taus[-1])
    found = coefficients(curve, 0)
    assert found.white == pytest.approx(1e-3, rel=0.02)
    assert found.instability == pytest.approx(2e-4, rel=0.05)
    assert found.walk == pytest.approx(1e-6, rel=0.02)


def test_a_vibration_is_no_walk_of_the_bias() -> None:
    t = np.arange(100_000) * PERIOD
    shaken = white(1e-4, len(t)) + 0.05 * np.sin(2 * math.pi * 1.7 * t)[:, None]
    assert coefficients(allan_curve(shaken, PERIOD), 0).walk is None


@given(st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_it_scales_with_the_signal_and_does_not_see_its_mean(scale: float, mean: float) -> None:
    signal = white(1.0, 500)
    once, more = (allan_curve(s, PERIOD) for s in (signal, scale * (signal + mean)))
    np.testing.assert_allclose(more.deviations, scale * once.deviations, rtol=1e-6)


def test_a_signal_that_never_changes_shows_nothing() -> None:
    found = coefficients(allan_curve(np.full((1000, 1), 9.8), PERIOD), 0)
    assert found == Coefficients(None, None, None)
    assert str(found) == "no clear slope"


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="9 samples are too few"):
        allan_curve(np.zeros((9, 1)), PERIOD)
