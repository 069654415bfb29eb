"""Train one kind of network with several seeds, each on a split of its own, and score them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.spectral.fit import Stack, fit
from training.spectral.networks import build
from training.spectral.noise import DRAWS, measure
from training.spectral.recipe import Training
from training.spectral.samples import Indices, Samples
from training.spectral.splits import Split, split


@dataclass(frozen=True)
class Trial:
    """What came of it, a network, split and score for each seed.

    Attributes:
        models: Trained.
        splits: Which rows each learned from, and which it was scored on.
        scores: By name, lists over the seeds: accuracies in %, drops in points (see
            `training.spectral.noise.Robustness`), last losses; and `diverged`, the places of seeds
            whose loss is no number.
    """

    models: Sequence[keras.Model]
    splits: Sequence[Split]
    scores: dict[str, Any]


def try_kind(
    kind: str,
    samples: Samples,
    training: Training,
    *,
    augmentation: str,
    grouped: bool,
    seeds: Sequence[int],
    draws: int = DRAWS,
) -> Trial:
    """Train and score.

    Args:
        kind: A name in `training.spectral.networks.KINDS`.
        samples: To learn from and to score on.
        training: How to learn.
        augmentation: `none`, `noise` or `gain`.
        grouped: Keep groups whole when splitting.
        seeds: Each decides a split, first weights and the order of rows.
        draws: Of noise, over which a drop is averaged.

    Raises:
        InputError: There is no such kind, or no such split.
    """
    splits = [split(samples, seed, grouped=grouped) for seed in seeds]
    models = [
        build(kind, samples.values[s.train], len(samples.classes), seed)
        for seed, s in zip(seeds, splits, strict=True)
    ]
    stack = Stack(models)
    learned = [s.train for s in splits]
    losses = fit(stack, samples, learned, training, augmentation=augmentation, seeds=seeds)
    rows, weights = padded(splits)
    found = measure(
        stack.predict,
        samples.values[rows],
        samples.targets[rows],
        weights=weights,
        draws=draws,
    )
    stack.restore()
    scores = {
        **_plain(asdict(found)),
        "loss": [float(loss) if np.isfinite(loss) else None for loss in losses],
        "diverged": np.flatnonzero(~np.isfinite(losses)).tolist(),
    }
    return Trial(models, splits, scores)


def padded(splits: Sequence[Split]) -> tuple[Indices, NDArray[np.float64]]:
    """Rows to score [S, T], filled up by rows of the weight 0, and the weights."""
    longest = max(len(s.test) for s in splits)
    rows = np.stack([np.resize(s.test, longest) for s in splits])
    lengths = np.array([[len(s.test)] for s in splits])
    return rows, (np.arange(longest) < lengths).astype(np.float64)


def _plain(values: Any) -> Any:
    """Arrays as lists, for JSON; four decimals of a point are finer than one sample."""
    if isinstance(values, dict):
        return {key: _plain(value) for key, value in values.items()}
    return np.round(values, 4).tolist()
