"""Width learning: noise goes in, what it costs is measured, and budgets go where it hurts."""

from __future__ import annotations

import numpy as np

from tests.training.compression.chains import mobile, photos
from training.compression.budget import Cost
from training.compression.graph import find_groups, flatten
from training.compression.slim import plain_cut, slim
from training.compression.width import (
    SHARES,
    noise_losses,
    shares_worth_their_cost,
    with_noise,
)


def test_all_channels_have_no_noise() -> None:
    flat, x = flatten(mobile()), photos(3).astype(np.float32)
    groups = find_groups(flat)
    noisy, noises = with_noise(flat, groups, ramp=0.1, seed=0)
    assert [noise.channels for noise in noises] == [group.channels for group in groups]
    np.testing.assert_array_equal(noisy(x), flat(x))


def test_in_inference_the_noisy_network_is_the_narrow_one() -> None:
    flat, x = flatten(mobile()), photos(8).astype(np.float32)
    groups = find_groups(flat)
    noisy, noises = with_noise(flat, groups, ramp=0.2, seed=0)
    for noise, share in zip(noises, (0.5, 0.75, 0.25), strict=True):
        noise.share.assign(share)
    noisy(x, training=True)
    for layer in noisy.layers:  # the pass has moved its normalisation
        if layer.name in {each.name for each in flat.layers}:
            layer.set_weights(flat.get_layer(layer.name).get_weights())
    cuts = [
        plain_cut(flat, group, np.arange(noise.width), np.asarray(noise.mean))
        for group, noise in zip(groups, noises, strict=True)
    ]
    narrow = slim(flat, cuts)
    assert narrow.get_layer("pw1").filters == 18
    np.testing.assert_allclose(narrow(x), noisy(x), rtol=1e-4, atol=1e-4)


def test_noise_costs_where_channels_are_read() -> None:
    flat = flatten(mobile())
    reader = flat.get_layer("pw2")
    kernel = np.array(reader.kernel)
    kernel[:, :, 6:] = 0  # of 24 channels only the first six are read
    reader.kernel.assign(kernel)
    noisy, noises = with_noise(flat, find_groups(flat), ramp=0.0, seed=0)
    x = photos(48).astype(np.float32)
    losses = noise_losses(noisy, noises, [x[:24], x[24:]])
    assert losses.shape == (3, len(SHARES))
    np.testing.assert_allclose(losses[:, 0], 0.0)
    np.testing.assert_allclose(losses[1, :5], 0.0, atol=1e-6)  # down to 0.3: seven
    assert losses[1, 5] > 0.01
    assert np.all(losses[[0, 2], 1:] > 1e-4)


def test_the_budget_goes_where_noise_hurts() -> None:
    flat = flatten(mobile())
    cost = Cost(flat, find_groups(flat))
    hurts = 1 / SHARES - 1
    losses = 1.0 + np.array([0.01 * hurts, hurts, 0.01 * hurts])
    shares = shares_worth_their_cost(losses, cost, 0.5)
    assert cost.total(shares) <= 0.5 * cost.full
    assert shares[1] > max(shares[0], shares[2])
    alike = shares_worth_their_cost(np.ones_like(losses), cost, 0.5)
    assert alike[1] < shares[1]
