"""Corruptions: nothing at severity 0, the same by the same seed, more at a higher severity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drawing import SPECIES, draw_flower
from training.robustness.corruptions import (
    CORRUPTIONS,
    Corruption,
    Photo,
    brightened,
    corrupt,
    defocus,
    motion,
    noisy,
    occluded,
    rotated,
    shrunk,
    tinted,
    toned,
)

FLOWERS = [draw_flower(name, np.random.default_rng(7), 96) for name in SPECIES]
RANDOM = np.random.default_rng(0)


def scene(seed: int, side: int = 96) -> Photo:
    """Noise with the spectrum of natural scenes, amplitude 1 / frequency, and no symmetry."""
    rng = np.random.default_rng(seed)
    rows, columns = np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij")
    spectrum = 1 / np.maximum(np.hypot(rows, columns), 1 / side)
    waves = rng.normal(size=(*spectrum.shape, 3)) + 1j * rng.normal(size=(*spectrum.shape, 3))
    found = np.fft.irfft2(spectrum[..., None] * waves, s=(side, side), axes=(0, 1))
    return np.asarray(np.clip(120 + 45 * found / found.std(), 0, 255), np.uint8)


every = pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda c: c.name)


def error(photo: Photo, other: Photo) -> float:
    """Root mean square, in grey levels."""
    return float(np.sqrt(np.mean((photo.astype(float) - other) ** 2)))


@every
@given(
    side=st.integers(8, 64),
    pixels=st.integers(0, 2**32 - 1),
    severity=st.integers(0, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_photo_keeps_its_form_and_is_corrupted_the_same_way_twice(
    corruption: Corruption, side: int, pixels: int, severity: int, seed: int
) -> None:
    photo = np.random.default_rng(pixels).integers(0, 256, (side, side, 3), np.uint8)
    before = photo.copy()
    found = corrupt(photo, corruption, severity, seed)
    assert found.dtype == np.uint8
    assert found.shape == photo.shape
    assert found.flags.c_contiguous
    assert np.array_equal(found, corrupt(photo.copy(), corruption, severity, seed))
    assert np.array_equal(photo, before)
    if severity == 0:
        assert np.array_equal(found, photo)


@pytest.mark.parametrize(
    "corruption", [c for c in CORRUPTIONS if c.name != "small flower"], ids=lambda c: c.name
)
def test_the_error_grows_with_severity(corruption: Corruption) -> None:
    scenes = [scene(seed) for seed in range(24)]
    mean = [
        np.mean([error(photo, corrupt(photo, corruption, severity)) for photo in scenes])
        for severity in range(len(corruption.levels) + 1)
    ]
    assert mean[0] == 0
    assert (np.diff(mean) > 0).all(), mean


@every
def test_there_is_no_severity_beyond_the_levels(corruption: Corruption) -> None:
    for severity in (-1, len(corruption.levels) + 1):
        with pytest.raises(ValueError, match=f"severity {severity} of {corruption.name}: 0 to 3"):
            corrupt(FLOWERS[0], corruption, severity)


@pytest.mark.parametrize(
    ("apply", "neutral"),
    [
        (defocus, 0),
        (motion, 0),
        (brightened, 1),
        (toned, 1),
        (tinted, 0),
        (noisy, 0),
        (rotated, 0),
        (occluded, 0),
        (shrunk, 100),
    ],
)
def test_a_neutral_amount_changes_nothing(apply, neutral) -> None:
    for photo in FLOWERS:
        assert np.array_equal(apply(photo, neutral, np.random.default_rng(1)), photo)


@pytest.mark.parametrize("name", ["motion blur", "brightness", "noise", "rotation", "occlusion"])
def test_what_is_drawn_differs_by_seed_and_by_photo(name: str) -> None:
    (corruption,) = (c for c in CORRUPTIONS if c.name == name)
    found = {corrupt(FLOWERS[0], corruption, 2, seed).tobytes() for seed in range(12)}
    assert len(found) > 1
    # Two photos that differ in a pixel's least bit are not given the same noise or place.
    other = FLOWERS[0].copy()
    other[0, 0, 0] ^= 1
    draws = [
        {error(p, corrupt(p, corruption, 2, seed)) for seed in range(6)}
        for p in (FLOWERS[0], other)
    ]
    assert draws[0] != draws[1]


def test_directions_are_those_of_the_milder_photo() -> None:
    """A photo that is darkened at severity 1 is darkened more at 3, never brightened."""
    (brightness,) = (c for c in CORRUPTIONS if c.name == "brightness")
    signs = set()
    for seed in range(10):
        shifts = [
            float(corrupt(FLOWERS[1], brightness, s, seed).mean() - FLOWERS[1].mean())
            for s in (1, 2, 3)
        ]
        assert len(set(np.sign(shifts))) == 1
        signs.add(np.sign(shifts[0]))
    assert signs == {-1.0, 1.0}


def test_a_point_becomes_a_disc_or_a_line_of_the_same_light() -> None:
    point = np.zeros((65, 65, 3), np.uint8)
    point[32, 32] = 255
    scale = 65 / 224
    disc = defocus(point, 8 / scale, RANDOM)[..., 0].astype(float)
    y, x = np.nonzero(disc)
    assert np.hypot(y - 32, x - 32).max() == pytest.approx(8, abs=0.6)
    line = motion(point, 24 / scale, np.random.default_rng(3))[..., 0].astype(float)
    y, x = np.nonzero(line)
    assert np.hypot(np.ptp(y), np.ptp(x)) == pytest.approx(24, abs=3)
    for blurred in (disc, line):  # rounding to 8 bits apart
        assert blurred.sum() == pytest.approx(255, rel=0.25)


def test_noise_has_the_deviation_that_it_says() -> None:
    grey = np.full((128, 128, 3), 128, np.uint8)
    found = noisy(grey, 10, np.random.default_rng(0)).astype(float)
    assert found.std() == pytest.approx(25.5, rel=0.02)
    assert found.mean() == pytest.approx(128, abs=0.5)
    assert "10" in {f"{level:g}" for c in CORRUPTIONS if c.name == "noise" for level in c.levels}


def test_occlusion_covers_its_share_with_the_mean_colour() -> None:
    photo = np.random.default_rng(0).integers(0, 100, (100, 100, 3), np.uint8)
    photo[..., 2] = 250
    found = occluded(photo, 25, np.random.default_rng(5))
    covered = (found == np.rint(photo.mean(axis=(0, 1)))).all(axis=2)
    assert covered.sum() == pytest.approx(2500, abs=5)
    assert np.array_equal(found[~covered], photo[~covered])


def test_a_small_flower_stands_in_no_black_frame() -> None:
    photo = np.full((96, 96, 3), (10, 120, 200), np.uint8)
    assert np.abs(shrunk(photo, 40, RANDOM).astype(int) - photo).max() <= 1


def test_a_small_flower_is_as_small_as_its_severity_says() -> None:
    """Of pixels that moved, the error says little: they are as wrong wherever they are."""
    photo = np.full((224, 224, 3), (10, 120, 200), np.uint8)
    photo[80:144, 80:144] = 255
    (corruption,) = (c for c in CORRUPTIONS if c.name == "small flower")
    for severity, percent in enumerate((100, *corruption.levels)):
        for seed in range(4):
            white = (corrupt(photo, corruption, severity, seed) > 200).all(axis=2)
            assert white.sum() == pytest.approx((64 * percent / 100) ** 2, rel=0.15)


def test_all_have_as_many_levels_so_that_none_outweighs_another() -> None:
    assert {len(c.levels) for c in CORRUPTIONS} == {3}
    assert len({c.name for c in CORRUPTIONS}) == len(CORRUPTIONS)
    assert corrupt(FLOWERS[0], replace(CORRUPTIONS[0], levels=(90,)), 1).shape == (96, 96, 3)
