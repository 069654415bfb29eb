"""Take constants that the training rows gave off a network's input, inside the network."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike


@keras.saving.register_keras_serializable(package="bombus")
class Scaling(keras.layers.Layer):  # type: ignore[misc]  # keras has no stubs
    """y = (x - offset) / scale, one offset and scale for each entry of the last axis.

    Unlike `keras.layers.Normalization`'s, the constants are ordinary weights that are not trained:
    they are saved with the others, and several networks' can be stacked.
    """

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the constants: nothing taken off, divided by one."""
        width = (shape[-1],)
        self.offset = self.add_weight(
            name="offset", shape=width, initializer="zeros", trainable=False
        )
        self.scale = self.add_weight(name="scale", shape=width, initializer="ones", trainable=False)
        self.built = True

    def fit(self, offset: ArrayLike, scale: ArrayLike) -> None:
        """Set the constants, each a number or [n]; a scale of 0 (a constant band) counts 1."""
        scales = np.broadcast_to(np.asarray(scale, np.float64), self.scale.shape)
        self.offset.assign(np.broadcast_to(np.asarray(offset, np.float64), self.offset.shape))
        self.scale.assign(np.where(scales == 0, 1.0, scales))

    def call(self, inputs: Any) -> Any:
        """Scale [..., n]."""
        return (inputs - ops.cast(self.offset, inputs.dtype)) / ops.cast(self.scale, inputs.dtype)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's."""
        return shape
