"""Moments of channels, beside numpy's on all rows at once."""

from __future__ import annotations

import keras
import numpy as np

from tests.training.compression.chains import mobile, photos
from training.compression.graph import find_groups, flatten
from training.compression.moments import read


def test_moments_are_those_of_all_rows_at_once() -> None:
    flat, x = flatten(mobile()), photos(40)  # more than a batch
    groups = find_groups(flat)
    for group, reading in zip(groups, read(flat, groups, x), strict=True):
        seen = keras.Model(flat.input, flat.get_layer(group.consumer).input)
        rows = np.asarray(seen(x.astype(np.float32)), np.float64).reshape(-1, group.channels)
        np.testing.assert_allclose(reading.mean, rows.mean(axis=0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            reading.covariance, np.cov(rows.T, bias=True), rtol=1e-3, atol=1e-5
        )


def test_worth_is_the_change_of_normalised_answers() -> None:
    flat, x = flatten(mobile()), photos(40)
    group = find_groups(flat)[0]
    reading = read(flat, [group], x)[0]
    reader = flat.get_layer(group.consumer)
    scale = np.sqrt(np.asarray(flat.get_layer("pw1_bn").moving_variance) + 1e-3)
    seen = keras.Model(flat.input, reader.input)
    rows = np.asarray(seen(x.astype(np.float32)), np.float64)
    channel = int(reading.order[3])
    flattened = rows.copy()
    flattened[..., channel] = reading.mean[channel]
    change = (rows - flattened) @ np.asarray(reader.kernel, np.float64)[0, 0] / scale
    rms = np.sqrt((change**2).sum(axis=-1).mean())
    np.testing.assert_allclose(reading.worth[channel], rms, rtol=1e-3)
    assert np.all(np.diff(reading.worth[reading.order]) <= 0)
