from __future__ import annotations

from math import erfc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.spectral.noise import DARKEST, measure, noisy_bands, noisy_gain
from training.spectral.samples import Array, Indices

RNG = np.random.default_rng(3)
VALUES = np.stack([RNG.uniform(0.2, 0.4, 4000), RNG.uniform(0.2, 0.4, 4000)], axis=-1)
TARGETS = (VALUES[:, 0] > VALUES[:, 1]).astype(np.int64)


def by_ratio(values: Array) -> Indices:
    return np.asarray(values[..., 0] > values[..., 1], np.int64)


def by_size(values: Array) -> Indices:
    return np.asarray(values[..., 0] > 0.3, np.int64)


@given(st.sampled_from([0.05, 0.1, 0.2, 3.0]), st.integers(0, 99))
def test_noise_is_relative_and_never_negative(level: float, seed: int) -> None:
    values = np.full((2000, 3), 50.0)
    bands = noisy_bands(values, level, np.random.default_rng(seed)) / values
    gain = noisy_gain(values, level, np.random.default_rng(seed)) / values
    assert bands.min() >= 0
    assert gain.min() >= DARKEST
    np.testing.assert_allclose(gain, gain[:, :1] * np.ones(3))
    if level < 1:
        assert bands.std() == pytest.approx(level, rel=0.1)
        assert gain[:, 0].std() == pytest.approx(level, rel=0.1)
        assert abs(np.corrcoef(bands.T)[0, 1]) < 0.1


def test_a_ratio_stands_any_light_and_a_threshold_does_not() -> None:
    found = measure(by_ratio, VALUES, TARGETS)
    assert found.clean == 100
    assert all(drop == 0 for drop in (*found.gain.values(), *found.factor.values()))
    assert 0 < found.band["0.05"] < found.band["0.1"] < found.band["0.2"]
    bright = measure(by_size, VALUES, by_size(VALUES))
    assert bright.factor["0.5"] == pytest.approx(50, abs=3)  # all below the threshold
    assert bright.factor["2.0"] == pytest.approx(50, abs=3)
    assert bright.gain["0.1"] > 1


def test_the_drop_is_what_theory_says() -> None:
    """Two values of the ratio r swap with probability Phi(-|ln r| / (s sqrt 2)), to first order."""
    s = 0.05
    distance = np.abs(np.log(VALUES[:, 0] / VALUES[:, 1])) / (s * np.sqrt(2))
    swapped = np.array([0.5 * erfc(d / np.sqrt(2)) for d in distance])
    found = measure(by_ratio, VALUES, TARGETS, draws=20)
    assert found.band["0.05"] == pytest.approx(100 * swapped.mean(), rel=0.05)


def test_rows_of_weight_0_only_fill_up() -> None:
    wrong = np.concatenate([TARGETS[:100], 1 - TARGETS[:50]])
    values = np.concatenate([VALUES[:100], VALUES[:50]])
    weights = np.concatenate([np.ones(100), np.zeros(50)])
    found = measure(by_ratio, np.stack([values] * 2), np.stack([wrong] * 2), weights=weights)
    np.testing.assert_array_equal(found.clean, [100, 100])
    assert measure(by_ratio, values, wrong).clean == pytest.approx(100 * 100 / 150)


def test_a_seed_decides_the_draws() -> None:
    first, again, other = (
        measure(by_ratio, VALUES, TARGETS, draws=1, seed=seed).band["0.1"] for seed in (0, 0, 1)
    )
    assert first == again != other
