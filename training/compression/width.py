"""Width learning: what noise in a network's features says of the channels that a budget buys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from models.progress import track
from training.compression.budget import Cost, Shares
from training.compression.graph import Group, rebuild, renew
from training.layers.feature_noise import FeatureNoise
from training.layers.gradients import compiled

SHARES = np.array([1.0, 0.8, 0.6, 0.45, 0.3, 0.15])
_LEAST = 1e-4  # of a loss and a correlation: where nothing is lost, what saves most goes first

Array = NDArray[np.float64]


def with_noise(
    flat: keras.Model, groups: Sequence[Group], *, ramp: float, seed: int
) -> tuple[keras.Model, list[FeatureNoise]]:
    """A copy of a model with `FeatureNoise` on each group where it is consumed, and no dropout.

    Args:
        flat: A model whose channels are in the order of their worth.
        groups: Which channels.
        ramp: Of the layers.
        seed: Of the noise; each layer has its own.

    Returns:
        The model, and its noise layers in the order of the groups.
    """
    noises = {
        group.consumer: FeatureNoise(ramp=ramp, seed=seed + i, name=f"noise_{group.consumer}")
        for i, group in enumerate(groups)
    }

    def make(layer: Any) -> list[Any]:
        if isinstance(layer, layers.Dropout):
            return []
        return [noises[layer.name], renew(layer)] if layer.name in noises else [renew(layer)]

    noisy, pairs = rebuild(flat, make)
    for old, new in pairs:
        if new:
            new[-1].set_weights(old.get_weights())
    return noisy, [noises[group.consumer] for group in groups]


def noise_losses(
    noisy: keras.Model, noises: Sequence[FeatureNoise], batches: Sequence[Any]
) -> Array:
    """What is lost of a network's answers when one group at a time has a share of its channels.

    Of answers whose squared correlation with those of all channels is r, -log r is lost. Along a
    chain of independent noises correlations multiply, so that losses add up; a cross-entropy does
    not: it saturates, and of two layers would rather ruin one than hurt both.

    Args:
        noisy: From `with_noise`; its kernels stay.
        noises: Its noise layers.
        batches: Photos [B, S, S, 3] float, the same for every share.

    Returns:
        [G, len(SHARES)], at `SHARES` of each group's channels.
    """
    forward = compiled(lambda x: noisy(x, training=True))

    def answers() -> Array:
        logits = [np.asarray(ops.convert_to_numpy(forward(x)), np.float64) for x in batches]
        return np.asarray(np.concatenate([each - each.mean(axis=0) for each in logits]).ravel())

    clean = answers()
    losses = np.zeros((len(noises), len(SHARES)))
    for row, noise in zip(losses, track(noises, len(noises), "noise"), strict=True):
        for i, share in enumerate(SHARES[1:], start=1):
            noise.share.assign(share)
            row[i] = -2 * np.log(max(np.corrcoef(clean, answers())[0, 1], _LEAST))
        noise.share.assign(1.0)
    return losses


def shares_worth_their_cost(losses: Array, cost: Cost, fraction: float) -> Shares:
    """The shares that a budget should go to.

    From all channels on, the group gives way that loses least for the MACs it saves,
    a twentieth of its channels at a time, until the rest is within the budget.

    Args:
        losses: From `noise_losses`.
        cost: Of the shares.
        fraction: Of the MACs with all channels.
    """
    grid = np.linspace(1.0, 0.1, 19)
    rising = np.maximum.accumulate(losses, axis=1)  # fewer channels say no more
    curves = np.array([np.interp(grid, SHARES[::-1], row[::-1]) for row in rising])
    places = np.zeros(len(curves), int)
    while cost.total(grid[places]) > fraction * cost.full and np.any(places < len(grid) - 1):
        prices = np.full(len(curves), np.inf)
        for g in np.flatnonzero(places < len(grid) - 1):
            fewer = places.copy()
            fewer[g] += 1
            saved = cost.total(grid[places]) - cost.total(grid[fewer])
            prices[g] = (curves[g, fewer[g]] - curves[g, places[g]] + _LEAST) / saved
        places[prices.argmin()] += 1
    return np.asarray(grid[places])
