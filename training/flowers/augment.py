"""Augmentation as Keras layers on 0..255 RGB, active in training only."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from training.flowers.recipe import Augmentation


def build_augmentation(options: Augmentation, image_size: int, seed: int) -> keras.Sequential:
    """The layers that change a batch [B, S, S, 3] float32 0..255 at random, same shape and range.

    They compute in float32 whatever the policy: bfloat16 has 8 bits of mantissa, too few for
    pixels. Borders are filled by reflection, which leaves no black corners to learn from.
    """
    layers, common = [keras.Input((image_size, image_size, 3))], {"dtype": "float32"}
    if options.flip:
        layers.append(keras.layers.RandomFlip("horizontal", seed=seed, **common))
    if options.rotation:
        layers.append(
            keras.layers.RandomRotation(
                options.rotation, fill_mode="reflect", seed=seed + 1, **common
            )
        )
    if options.zoom:
        layers.append(
            keras.layers.RandomZoom(
                (-options.zoom, 0.0), fill_mode="reflect", seed=seed + 2, **common
            )
        )
    if options.translation:
        layers.append(
            keras.layers.RandomTranslation(
                options.translation,
                options.translation,
                fill_mode="reflect",
                seed=seed + 3,
                **common,
            )
        )
    pixels = {"value_range": (0, 255), **common}
    if options.brightness:
        layers.append(keras.layers.RandomBrightness(options.brightness, seed=seed + 4, **pixels))
    if options.contrast:
        layers.append(keras.layers.RandomContrast(options.contrast, seed=seed + 5, **pixels))
    if options.gamma:
        layers.append(RandomGamma(options.gamma, seed=seed + 7, **common))
    if options.cast:
        layers.append(RandomCast(options.cast, seed=seed + 8, **common))
    if options.erasing:
        layers.append(
            keras.layers.RandomErasing(
                (options.erasing, options.erasing), fill_value=127.0, seed=seed + 6, **pixels
            )
        )
    if len(layers) == 1:
        layers.append(keras.layers.Identity(**common))  # a model needs a layer
    return keras.Sequential(layers, name="augmentation")


class _RandomColour(keras.layers.Layer):  # type: ignore[misc]
    """What changes colours of [B, H, W, 3] 0..255 by factors between 1 / (1 + most) and 1 + most.

    The factors are drawn log-uniformly, so that more is as likely as less.
    """

    def __init__(self, most: float, *, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.most = most
        self.seed_generator = keras.random.SeedGenerator(seed)

    def factors(self, photos: Any, channels: int) -> Any:
        """[B, 1, 1, channels]."""
        shape = (ops.shape(photos)[0], 1, 1, channels)
        reach = math.log1p(self.most)
        draws = keras.random.uniform(
            shape, -reach, reach, dtype="float32", seed=self.seed_generator
        )
        return ops.exp(draws)


class RandomGamma(_RandomColour):
    """Raises a photo to a random power; black and white stay."""

    def call(self, photos: Any, training: bool = False) -> Any:
        """The same shape and range."""
        return 255.0 * (photos / 255.0) ** self.factors(photos, 1) if training else photos


class RandomCast(_RandomColour):
    """Gives each channel a random gain, as light of another colour does."""

    def call(self, photos: Any, training: bool = False) -> Any:
        """The same shape and range."""
        return ops.clip(photos * self.factors(photos, 3), 0.0, 255.0) if training else photos
