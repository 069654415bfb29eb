from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InputError
from tests.training.spectral.spectra import spectra
from training.spectral.samples import Samples
from training.spectral.splits import FOLDS, assign_folds, split


@st.composite
def fields(draw: st.DrawFn) -> Samples:
    """Rows of fields with one crop each, of any sizes; both crops on more than one fold."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=12, max_size=40))
    groups = np.repeat(np.arange(len(sizes)), sizes)
    return replace(spectra(len(groups)), targets=groups % 2, groups=groups)


@given(fields(), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_groups_stay_whole_and_every_row_is_scored_once(samples: Samples, shuffle: int) -> None:
    scored = np.zeros(len(samples), int)
    for fold in range(FOLDS):
        found = split(samples, shuffle * FOLDS + fold, grouped=True)
        np.testing.assert_array_equal(
            np.sort(np.concatenate([found.train, found.test])), np.arange(len(samples))
        )
        assert samples.groups is not None
        assert not set(samples.groups[found.train]) & set(samples.groups[found.test])
        scored[found.test] += 1
    assert (scored == 1).all()


def test_folds_share_the_classes() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(100), rng.integers(1, 30, 100))
    samples = replace(
        spectra(len(groups)), targets=(groups % 5 == 0).astype(np.int64), groups=groups
    )
    for seed in range(FOLDS):
        test = split(samples, seed, grouped=True).test
        for number in (0, 1):
            share = (samples.targets[test] == number).sum() / (samples.targets == number).sum()
            assert share == pytest.approx(1 / FOLDS, abs=0.05)


def test_seeds_beyond_the_folds_shuffle_anew() -> None:
    samples = spectra(300, groups=60)
    first, again, other = (split(samples, seed, grouped=True).test for seed in (1, 1, 1 + FOLDS))
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


def test_too_few_groups() -> None:
    with pytest.raises(InputError, match="4 groups; a grouped split needs 5"):
        split(spectra(groups=4), 0, grouped=True)
    with pytest.raises(InputError, match="no groups to split by"):
        split(spectra(), 0, grouped=True)
    samples = replace(spectra(100, groups=10), targets=(np.arange(100) < 10).astype(np.int64))
    assert samples.groups is not None
    fold = int(assign_folds(samples, 0)[0])  # of the only group of the second class
    with pytest.raises(InputError, match="no sample of 'b' is left to train on"):
        split(samples, fold, grouped=True)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_a_random_split_takes_the_same_share_of_each_class(seed: int) -> None:
    samples = spectra(200, classes=3)
    found = split(samples, seed, grouped=False)
    assert not set(found.train) & set(found.test)
    for number in range(3):
        rows = (samples.targets == number).sum()
        assert (samples.targets[found.train] == number).sum() == round(0.7 * rows)
        assert (samples.targets[found.test] == number).sum() == rows - round(0.7 * rows)
