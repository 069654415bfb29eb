"""A layer that learns how many channels are worth their cost, by noise in their features.

After Gomez and Backstrom, arXiv 2601.13704: a number of channels K has no gradient, but a feature
that is gradually replaced by noise has. Of N channels in the order of their worth, those before K
pass; those within a ramp after K are blended with noise of their own mean m and deviation s,

    y = m + cos(a) (x - m) + sin(a) s n,    n ~ N(0, 1),    a from 0 to pi/2 along the ramp,

which keeps mean and variance while the information goes; those after the ramp are m. The paper has
a ramp of one channel, features of zero mean and noise weights sqrt(1 - l), sqrt(l); here l =
sin(a)^2, whose gradient is finite at both ends. A cost of K in the loss then pulls K down, and the
task pulls it up wherever noise in the next channels hurts.
"""

from __future__ import annotations

from math import pi
from typing import Any

import keras
import numpy as np
from keras import ops

from models.errors import InputError

Tensor = Any  # of whichever backend


@keras.saving.register_keras_serializable(package="bombus")
class FeatureNoise(keras.layers.Layer):  # type: ignore[misc]
    """[..., N] to the same shape, as if only the first channels were there.

    In inference there is no noise: the first `width` channels pass, the others are their mean.

    Attributes:
        share: The one learned weight: which share of the channels passes, from 1/N to 1.
        mean: [N], running means, for inference.
    """

    def __init__(
        self,
        *,
        ramp: float = 0.1,
        momentum: float = 0.9,
        seed: int = 0,
        **options: Any,
    ) -> None:
        """Make the layer.

        Args:
            ramp: Share of the channels that is blended with noise, at least one channel.
            momentum: Of the running means.
            seed: Of the noise.
            options: Keras's.

        Raises:
            InputError: A ramp or momentum that is no share.
        """
        super().__init__(**options)
        if not 0 <= ramp <= 1 or not 0 <= momentum < 1:
            raise InputError(f"ramp {ramp}, momentum {momentum}: must be 0 to 1")
        self.ramp = ramp
        self.momentum = momentum
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the weights for N channels."""
        self.channels = int(shape[-1] or 0)
        self.places = (np.arange(self.channels) + 0.5) / self.channels
        self.share = self.add_weight(
            name="share",
            shape=(),
            initializer="ones",
            constraint=Between(1 / self.channels, 1.0),
        )
        self.mean = self.add_weight(
            name="mean", shape=(self.channels,), initializer="zeros", trainable=False
        )
        self.built = True

    @property
    def width(self) -> int:
        """Channels that pass in inference."""
        return int(np.sum(self.places < float(ops.convert_to_numpy(self.share))))

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The same shape: noise in training, none in inference."""
        places = ops.convert_to_tensor(self.places, self.compute_dtype)
        share = ops.cast(self.share, self.compute_dtype)
        if not training:
            return ops.where(places < share, inputs, ops.cast(self.mean, self.compute_dtype))
        axes = tuple(range(len(inputs.shape) - 1))
        mean = ops.stop_gradient(ops.mean(inputs, axis=axes))
        deviation = ops.stop_gradient(ops.std(inputs, axis=axes))
        self.mean.assign(
            self.momentum * self.mean + (1 - self.momentum) * ops.cast(mean, self.mean.dtype)
        )
        along = (places - share) / max(self.ramp, 1 / self.channels)
        angle = 0.5 * pi * ops.clip(along, 0.0, 1.0)
        noise = keras.random.normal(
            ops.shape(inputs), dtype=self.compute_dtype, seed=self.seed_generator
        )
        blended = ops.cos(angle) * (inputs - mean) + ops.sin(angle) * deviation * noise
        return mean + ops.where(along < 1.0, blended, 0.0)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """For Keras to save."""
        config: dict[str, Any] = super().get_config()
        return config | {
            "ramp": self.ramp,
            "momentum": self.momentum,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="bombus")
class Between(keras.constraints.Constraint):  # type: ignore[misc]
    """Keeps weights in a range."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __call__(self, weights: Tensor) -> Tensor:
        """The nearest in the range."""
        return ops.clip(weights, self.low, self.high)

    def get_config(self) -> dict[str, Any]:
        """For Keras to save."""
        return {"low": self.low, "high": self.high}
