"""Augmentation: photos stay photos, each change can be switched off, the seed decides."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from training.flowers.augment import build_augmentation
from training.flowers.network import dtype_policy
from training.flowers.recipe import Augmentation

Photos = NDArray[np.float32]
SIZE = 24
OFF = Augmentation(False, 0, 0, 0, 0, 0, 0)
STRONG = Augmentation(True, 0.5, 0.6, 0.4, 0.5, 0.8, 1.0, 1.0, 1.0, 0.5, 0.3, 0.2)


def photos(count: int = 16) -> Photos:
    """Smooth ones with black and white in them, so that borders and clipping matter."""
    y, x = np.mgrid[:SIZE, :SIZE] / (SIZE - 1)
    ramps = np.stack([x, y, (x + y) / 2], -1) * 255
    turned = [np.rot90(ramps, k) for k in range(4)]
    return np.asarray([turned[i % 4] for i in range(count)], np.float32)


def augmented(options: Augmentation, batch: Photos, seed: int = 0, training: bool = True) -> Photos:
    return np.asarray(build_augmentation(options, SIZE, seed)(batch, training=training))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_photos_stay_photos(policy: str) -> None:
    with dtype_policy(policy):
        out = augmented(STRONG, photos())
    assert out.shape == (16, SIZE, SIZE, 3)
    assert out.dtype == np.float32
    assert 0 <= out.min() < 30
    assert 225 < out.max() <= 255
    assert all(np.abs(a - b).max() > 20 for a, b in zip(out, photos(), strict=True))


def test_nothing_changes_at_inference() -> None:
    assert np.array_equal(augmented(STRONG, photos(), training=False), photos())


def test_nothing_changes_with_everything_off() -> None:
    assert np.array_equal(augmented(OFF, photos()), photos())


@pytest.mark.parametrize("name", [f.name for f in fields(Augmentation)])
def test_each_change_can_be_switched_on_alone(name: str) -> None:
    value: Any = True if name == "flip" else 0.5
    out = augmented(replace(OFF, **{name: value}), photos(32))
    changed = np.abs(out - photos(32)).max(axis=(1, 2, 3)) > 2
    assert 4 <= changed.sum() <= 32


@pytest.mark.parametrize(("name", "first"), [("shrink", 0), ("blur", 1), ("noise", 2)])
def test_harms_befall_other_photos_of_a_batch(name: str, first: int) -> None:
    batch = photos(30)  # no multiple of four, as an epoch's last batch
    change: dict[str, Any] = {name: 0.5}
    out = augmented(replace(OFF, **change), batch)
    same = [np.array_equal(a, b) for a, b in zip(out, batch, strict=True)]
    assert sum(same[first::4]) <= 2  # a blur may be too little to be seen
    assert all(same[place] for place in range(30) if place % 4 != first)


def test_shrunk_photos_stand_amid_their_mirror_images() -> None:
    ramp = np.tile(np.linspace(0, 255, SIZE, dtype=np.float32)[:, None], (32, SIZE, 1, 3))
    rows = augmented(replace(OFF, shrink=0.5), ramp)[::4, SIZE // 2, :, 0]
    steepest = np.diff(rows).max(axis=1) / np.diff(ramp[0, 0, :, 0]).max()
    assert ((steepest > 1) & (steepest < 2.01)).all()
    assert (np.diff(rows)[:, 0] < 0).any()  # a mirror image begins at the left
    assert len(np.unique(steepest.round(3))) == 8


def test_blur_keeps_the_light_and_spreads_a_point_over_a_line_or_a_disc() -> None:
    points = np.zeros((200, SIZE, SIZE, 3), np.float32)
    points[:, SIZE // 2, SIZE // 2] = 255
    out = augmented(replace(OFF, blur=0.5), points)[1::4, :, :, 0] / 255
    assert np.allclose(out.sum(axis=(1, 2)), 1, atol=1e-5)
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    moments = np.stack([(out * m).sum(axis=(1, 2)) for m in (x * x, x * y, y * y)], -1)
    small, large = np.linalg.eigvalsh(moments[:, [0, 1, 1, 2]].reshape(-1, 2, 2)).T
    lines = (small < 0.3) & (large > 1)
    discs = (small > 1) & (large < small * 1.1)
    assert lines.sum() > 10
    assert discs.sum() > 8
    assert large[lines].max() <= SIZE**2 / 4 / 12 * 1.1  # half the side: variance of a line
    assert large[discs].max() <= (SIZE / 6) ** 2 / 4 * 1.2


def test_noise_is_drawn_for_every_pixel_and_its_amount_for_every_photo() -> None:
    grey = np.full((256, SIZE, SIZE, 3), 127, np.float32)
    noise = augmented(replace(OFF, noise=0.2), grey)[2::4] - 127
    amounts = noise.std(axis=(1, 2, 3)) / 255
    assert amounts.min() < 0.03
    assert 0.15 < amounts.max() <= 0.21
    assert np.abs(noise.mean(axis=(1, 2, 3))).max() < 6
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02


def test_a_flip_mirrors_left_and_right_only() -> None:
    batch = photos(32)
    out = augmented(replace(OFF, flip=True), batch)
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(out, batch, strict=True)]
    kept = [np.array_equal(a, b) for a, b in zip(out, batch, strict=True)]
    assert all(m or k for m, k in zip(mirrored, kept, strict=True))
    assert 4 <= sum(mirrored) <= 28


def test_zoom_goes_into_the_photo_never_out() -> None:
    out = augmented(replace(OFF, zoom=0.5), photos(32))
    contrast = np.ptp(out, axis=(1, 2, 3))
    assert (contrast <= 255).all()
    assert contrast.min() < 220
    # Zooming out would show the ramp and its reflection: more than one slope along a row.
    slopes = np.diff(out[0, SIZE // 2, :, :], axis=0)
    assert ((slopes >= -1e-3).all(axis=0) | (slopes <= 1e-3).all(axis=0)).all()


@pytest.mark.parametrize(("probability", "low", "high"), [(1.0, 64, 64), (0.5, 18, 46)])
def test_erasing_paints_grey_with_its_probability(probability: float, low: int, high: int) -> None:
    black = np.zeros((64, SIZE, SIZE, 3), np.float32)
    out = augmented(replace(OFF, erasing=probability), black)
    erased = (out == 127).any(axis=(1, 2, 3))
    assert low <= erased.sum() <= high
    assert np.isin(out, [0, 127]).all()


def test_gamma_raises_each_photo_to_one_power() -> None:
    batch = np.tile(np.linspace(8, 247, SIZE)[:, None], (64, SIZE, 1, 3)).astype(np.float32)
    out = augmented(replace(OFF, gamma=1.0), batch)
    powers = np.log(out / 255) / np.log(batch / 255)
    each = powers.mean(axis=(1, 2, 3))
    assert np.allclose(powers, each[:, None, None, None], rtol=1e-3)
    assert 0.5 <= each.min() < 0.7
    assert 1.4 < each.max() <= 2
    assert 16 <= (each < 1).sum() <= 48


def test_a_cast_gives_each_channel_of_each_photo_a_gain() -> None:
    batch = np.full((64, SIZE, SIZE, 3), 100, np.float32)
    gains = augmented(replace(OFF, cast=0.6), batch) / 100
    each = gains.mean(axis=(1, 2))
    assert np.allclose(gains, each[:, None, None], rtol=1e-5)
    assert 1 / 1.6 - 1e-4 <= each.min() < 0.7
    assert 1.4 < each.max() <= 1.6 + 1e-4
    assert len(np.unique(each.round(4))) > 150  # 192 draws, not one for all channels


def test_the_seed_decides() -> None:
    first = augmented(STRONG, photos(), seed=3)
    assert np.array_equal(first, augmented(STRONG, photos(), seed=3))
    assert not np.array_equal(first, augmented(STRONG, photos(), seed=4))


def test_two_steps_differ() -> None:
    layers = build_augmentation(STRONG, SIZE, 0)
    first, second = (np.asarray(layers(photos(), training=True)) for _ in range(2))
    assert not np.array_equal(first, second)
