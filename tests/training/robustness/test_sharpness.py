"""Sharpness: blur takes it away, and photos are brought down to a target, never up."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drawing import SPECIES, draw_flower
from training.robustness.sharpness import blurred_to, class_sharpness, sharpness

FLOWERS = [draw_flower(name, np.random.default_rng(3), 96) for name in SPECIES]


@pytest.mark.parametrize("photo", FLOWERS)
def test_blur_takes_sharpness_away(photo) -> None:
    measured = [
        sharpness(np.asarray(cv2.GaussianBlur(photo, (0, 0), s), np.uint8)) for s in (0.5, 1, 2, 4)
    ]
    assert (np.diff([sharpness(photo), *measured]) < 0).all()


def test_a_grey_wall_has_none_and_contrast_counts_squared() -> None:
    assert sharpness(np.full((32, 32, 3), 77, np.uint8)) == 0
    step = np.zeros((32, 32, 3), np.uint8)
    step[:, 16:] = 100
    assert sharpness(np.asarray(2 * step, np.uint8)) == pytest.approx(4 * sharpness(step))


@given(share=st.floats(0.02, 1.5), which=st.sampled_from(range(len(FLOWERS))))
def test_a_photo_comes_down_to_the_target_and_no_further(share: float, which: int) -> None:
    photo = FLOWERS[which]
    target = share * sharpness(photo)
    found = blurred_to(photo, target)
    assert found.dtype == np.uint8
    assert found.shape == photo.shape
    if share >= 1:
        assert np.array_equal(found, photo)
        return
    # Rounding to 8 bits adds a little detail of its own.
    assert 0.85 * target - 5 <= sharpness(found) <= 1.05 * target + 5


def test_the_median_of_each_class() -> None:
    values = np.array([1.0, 9.0, 2.0, 3.0, 50.0])
    found = class_sharpness(values, np.array([0, 0, 0, 2, 2]), 3)
    assert found.tolist()[::2] == [2.0, 26.5]
    assert np.isnan(found[1])
