"""Log-likelihoods of what is to be added to a speed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.hearing import Hint, carried, weigh


@given(
    st.floats(0.05, 2.0),
    st.floats(-0.5, 0.5),
    st.floats(0.05, 0.4),
)
@settings(max_examples=50)
def test_weigh_gives_the_posterior_of_a_normal_likelihood(
    sigma: float, at: float, width: float
) -> None:
    """Of a bell-shaped likelihood the measurement is that bell, whatever was known before."""
    offsets = np.linspace(-5, 5, 2001)
    said = weigh(Hint(offsets, -0.5 * np.square((offsets - at) / width)), sigma**2)
    if said is None:
        assert width > 2.9 * sigma or sigma < 2 * width  # it hardly adds to what was known
        return
    assert said.speed == pytest.approx(at, abs=0.02)
    assert said.variance == pytest.approx(width**2, rel=0.05)


def test_a_flat_likelihood_is_no_measurement() -> None:
    assert weigh(Hint(np.linspace(-1, 1, 49), np.zeros(49)), 0.25) is None


@given(
    st.floats(-0.5, 0.5),
    st.floats(0.1, 0.5),
    st.floats(0.0, 0.5),
    st.floats(0.8, 1.2),
)
@settings(max_examples=50)
def test_what_was_faint_is_carried_on(at: float, width: float, spread: float, grown: float) -> None:
    """A bell keeps its place in m/s, though the speed has changed, and becomes as much wider."""
    before, after = np.linspace(-3, 3, 601), np.linspace(-3, 3, 601) * grown
    hint = Hint(before, -0.5 * np.square((before - at) / width))
    found = carried(hint, after, spread)
    variance = width**2 + spread**2
    near = np.square(after - at) < 4 * variance
    expected = -0.5 * np.square(after - at) / variance
    assert np.ptp((found - expected)[near]) < 0.15  # a logarithm is known up to one number


def test_what_may_be_anywhere_by_now_says_nothing() -> None:
    offsets = np.linspace(-1, 1, 49)
    found = carried(Hint(offsets, -50 * np.square(offsets)), offsets, 1000.0)
    assert np.ptp(found) < 0.05
