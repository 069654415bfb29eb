"""How much accuracy noise costs. It enters as it does in the field: before any scaling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.spectral.samples import Array, Indices

LEVELS = (0.05, 0.1, 0.2)  # standard deviations, relative
FACTORS = (0.5, 2.0)  # of a light that changed at once for all
DRAWS = 5
DARKEST = 0.01  # least common factor: in full darkness there is no spectrum to measure

Predict = Callable[[Array], Indices]  # classes [..., N] of values [..., N, n]


@dataclass(frozen=True)
class Robustness:
    """Accuracies and their drops in points, an array for the networks each.

    Attributes:
        clean: Accuracy, %.
        band: By level: the drop under noise of each band by itself.
        gain: By level: the drop under a random factor common to all bands of a row.
        factor: By factor: the drop when all rows are multiplied by it.
    """

    clean: Array
    band: dict[str, Array] = field(default_factory=dict)
    gain: dict[str, Array] = field(default_factory=dict)
    factor: dict[str, Array] = field(default_factory=dict)


def noisy_bands(values: Array, level: float, rng: np.random.Generator) -> Array:
    """Values x (1 + level n), n standard normal for each; nothing below 0, as light is.

    Args:
        values: [..., N, n].
        level: Relative deviation.
        rng: Gives n; rows of several networks [..., :, :] see different ones.
    """
    return np.asarray(values * np.maximum(1 + level * rng.standard_normal(values.shape), 0))


def noisy_gain(values: Array, level: float, rng: np.random.Generator) -> Array:
    """Values x (1 + level n) with one n for all bands of a row."""
    shape = (*values.shape[:-1], 1)
    return np.asarray(values * np.maximum(1 + level * rng.standard_normal(shape), DARKEST))


def measure(
    predict: Predict,
    values: Array,
    targets: Indices,
    *,
    weights: NDArray[np.float64] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    levels: Sequence[float] = LEVELS,
) -> Robustness:
    """Accuracy as measured, and what it loses.

    Args:
        predict: Networks, as one function.
        values: [..., N, n] rows to score, as measured.
        targets: [..., N].
        weights: [..., N] 1, or 0 for a row that only fills up; None: all count.
        draws: Of noise, over which a drop is averaged.
        seed: Decides the draws.
        levels: Of noise.

    Returns:
        Arrays of the shape [...].
    """
    counts = np.ones(targets.shape) if weights is None else weights

    def accuracy(changed: Array) -> Array:
        hit = (predict(changed) == targets) * counts
        return np.asarray(100 * hit.sum(axis=-1) / counts.sum(axis=-1))

    clean = accuracy(values)

    def drop(change: Callable[..., Array], level: float) -> Array:
        rngs = (np.random.default_rng((seed, draw)) for draw in range(draws))
        return np.asarray(
            np.mean([clean - accuracy(change(values, level, rng)) for rng in rngs], axis=0)
        )

    return Robustness(
        clean,
        {str(level): drop(noisy_bands, level) for level in levels},
        {str(level): drop(noisy_gain, level) for level in levels},
        {str(factor): clean - accuracy(values * factor) for factor in FACTORS},
    )
