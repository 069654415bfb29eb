"""What a model's channels do on photos: the moments that decide which of them to drop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from training.compression.graph import Group

_BATCH = 32

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """A group where it is consumed.

    Attributes:
        mean: [C] over photos and positions.
        covariance: [C, C].
        kernel: [C, K] the consumer's, each output divided by its deviation, so that errors in all
            count alike. Of a kernel beyond 1x1, every place counts as an output.
    """

    mean: Matrix
    covariance: Matrix
    kernel: Matrix

    @property
    def worth(self) -> Matrix:
        """[C] the root mean square change of the consumer's outputs if a channel is its mean."""
        return np.asarray(
            np.sqrt(np.maximum(np.diag(self.covariance), 0)) * np.linalg.norm(self.kernel, axis=1)
        )

    @property
    def order(self) -> NDArray[np.int64]:
        """[C] channels by falling worth."""
        return np.argsort(-self.worth, kind="stable")


def read(flat: keras.Model, groups: Sequence[Group], photos: NDArray[np.uint8]) -> list[Reading]:
    """Measure groups on photos [N, S, S, 3]."""
    consumers = [flat.get_layer(group.consumer) for group in groups]
    probe = keras.Model(flat.input, [layer.input for layer in consumers])
    sums = [np.zeros(group.channels) for group in groups]
    squares = [np.zeros((group.channels, group.channels)) for group in groups]
    counts = [0] * len(groups)
    shifts: list[NDArray[np.float32]] = []
    for start in range(0, len(photos), _BATCH):
        batch = np.asarray(photos[start : start + _BATCH], np.float32)
        for i, value in enumerate(keras.tree.flatten(probe(batch, training=False))):
            rows = np.asarray(value).reshape(-1, value.shape[-1])
            if start == 0:  # near the mean, so that single precision is enough for squares
                shifts.append(rows.mean(axis=0))
            rows = rows - shifts[i]
            counts[i] += len(rows)
            sums[i] += rows.sum(axis=0, dtype=np.float64)
            squares[i] += rows.T @ rows
    readings = []
    for i, layer in enumerate(consumers):
        mean = sums[i] / counts[i]
        covariance = squares[i] / counts[i] - np.outer(mean, mean)
        readings.append(Reading(shifts[i] + mean, covariance, _scaled_kernel(layer)))
    return readings


def _scaled_kernel(layer: Any) -> Matrix:
    """[C, K]: a batch normalisation behind it says how large its outputs are."""
    kernel = np.asarray(layer.kernel, np.float64)
    scale = np.ones(kernel.shape[-1])
    behind = layer._outbound_nodes[0].operation if layer._outbound_nodes else None
    if isinstance(behind, layers.BatchNormalization):
        scale = 1 / np.sqrt(np.asarray(behind.moving_variance, np.float64) + behind.epsilon)
    rows = np.moveaxis(kernel * scale, -2, 0)
    return rows.reshape(len(rows), -1)
