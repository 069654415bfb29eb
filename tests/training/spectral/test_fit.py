from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from tests.training.spectral.spectra import spectra
from training.spectral.fit import Stack, augmented, batches, fit
from training.spectral.networks import build
from training.spectral.recipe import Training

SAMPLES = spectra(96)
ROWS = [np.arange(64), np.arange(32, 96)]
TRAINING = Training(epochs=3, batch=16)


def trained(seeds: list[int]) -> list[list[NDArray[np.float32]]]:
    """Weights of networks that learn at once, from the rows of their seed, under noise."""
    rows = [ROWS[seed] for seed in seeds]
    models = [
        build("ndl-bn", SAMPLES.values[own], 2, seed) for own, seed in zip(rows, seeds, strict=True)
    ]
    before = [model.get_weights() for model in models]
    stack = Stack(models)
    losses = fit(stack, SAMPLES, rows, TRAINING, augmentation="noise", seeds=seeds)
    assert losses.shape == (len(seeds),)
    assert np.isfinite(losses).all()
    for model, first in zip(models, before, strict=True):  # only restored ones change
        for own, old in zip(model.get_weights(), first, strict=True):
            np.testing.assert_array_equal(own, old)
    stack.restore()
    predicted = stack.predict(np.stack([SAMPLES.values] * len(seeds)))
    for model, classes in zip(models, predicted, strict=True):
        logits = model(SAMPLES.values.astype(np.float32)).numpy()[:, 0]
        np.testing.assert_array_equal(classes, logits > 0)
    return [model.get_weights() for model in models]


def test_networks_learn_together_what_they_learn_alone() -> None:
    together = trained([0, 1])
    for seed in (0, 1):
        (alone,) = trained([seed])
        for a, b in zip(together[seed], alone, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
    # They are not the same network: other rows, other weights, other noise.
    pairs = zip(*together, strict=True)
    assert max(float(np.abs(a - b).max()) for a, b in pairs) > 0.1


def test_batches_go_through_all_rows_of_each_network() -> None:
    rows = [np.arange(100), np.arange(50, 120)]
    order, epoch = batches(rows, Training(epochs=4, batch=20), [5, 6])
    assert epoch == 5  # of 85 rows on average
    assert order.shape == (20, 2, 20)
    streams = order.swapaxes(0, 1).reshape(2, -1)
    for own, stream in zip(rows, streams, strict=True):
        for k in range(0, 400 - len(own) + 1, len(own)):
            np.testing.assert_array_equal(np.sort(stream[k : k + len(own)]), own)
    assert not np.array_equal(streams[0, :100], streams[0, 100:200])


def test_few_rows_make_smaller_batches() -> None:
    order, epoch = batches([np.arange(10)], Training(epochs=2), [0])
    assert order.shape == (2, 1, 10)
    assert epoch == 1


def test_noise_in_training_is_each_networks_own() -> None:
    batch = tf.ones((2, 4000, 3))

    def factors(augmentation: str, seeds: list[int], step: int = 4) -> NDArray[np.float32]:
        changed = augmented(batch, TRAINING, augmentation, seeds, tf.constant(step))
        return np.asarray(changed)

    np.testing.assert_array_equal(factors("none", [0, 1]), batch)
    noise, gain = factors("noise", [0, 1]), factors("gain", [0, 1])
    assert noise.std(axis=(1, 2)) == pytest.approx(TRAINING.noise, rel=0.05)
    assert gain.std(axis=(1, 2)) == pytest.approx(TRAINING.gain, rel=0.05)
    np.testing.assert_array_equal(gain, gain[..., :1] * np.ones(3))  # one for all bands of a row
    assert np.abs(np.corrcoef(noise.transpose(0, 2, 1).reshape(6, -1)) - np.eye(6)).max() < 0.07
    np.testing.assert_array_equal(factors("noise", [7, 1])[1], noise[1])
    assert not np.allclose(factors("noise", [0, 1], step=5), noise)
