"""Augmentation as Keras layers on 0..255 RGB, active in training only."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from training.flowers.harm import Drawn, Harmed, RandomBlur, RandomNoise
from training.flowers.recipe import Augmentation

_Common = dict[str, Any]  # what every layer is given


def build_augmentation(options: Augmentation, image_size: int, seed: int) -> keras.Sequential:
    """The layers that change a batch [B, S, S, 3] float32 0..255 at random, same shape and range.

    They compute in float32 whatever the policy: bfloat16 has 8 bits of mantissa, too few for
    pixels. Borders are filled by reflection, which leaves no black corners to learn from.
    """
    common = {"dtype": "float32"}
    layers = [
        *_views(options, seed, common),
        *_lights(options, seed, common),
        *_losses(options, seed, common),
    ]
    if not layers:
        layers.append(keras.layers.Identity(**common))  # a model needs a layer
    photos = keras.Input((image_size, image_size, 3))
    return keras.Sequential([photos, *layers], name="augmentation")


def reseed(model: keras.Model, seed: tuple[int, ...]) -> None:
    """Set every random layer's generator: what is drawn next follows from the seed alone."""
    generators = [v for v in model.variables if v.path.endswith("seed_generator_state")]
    words = np.random.SeedSequence(seed).generate_state(2 * len(generators)) >> 1
    for variable, state in zip(generators, words.reshape(-1, 2), strict=True):
        variable.assign(state)


def _views(options: Augmentation, seed: int, common: _Common) -> Iterator[keras.layers.Layer]:
    """Where the camera stands."""
    mirrored = common | {"fill_mode": "reflect"}
    if options.flip:
        yield keras.layers.RandomFlip("horizontal", seed=seed, **common)
    if options.rotation:
        yield keras.layers.RandomRotation(options.rotation, seed=seed + 1, **mirrored)
    if options.zoom:
        yield keras.layers.RandomZoom((-options.zoom, 0.0), seed=seed + 2, **mirrored)
    if options.translation:
        most = options.translation
        yield keras.layers.RandomTranslation(most, most, seed=seed + 3, **mirrored)
    if options.shrink:
        out = (0.0, 1 / (1 - options.shrink) - 1)
        yield Harmed(keras.layers.RandomZoom(out, seed=seed + 9, **mirrored), 0, **common)
    if options.blur:
        yield Harmed(RandomBlur(options.blur, seed=seed + 10, **common), 1, **common)


def _lights(options: Augmentation, seed: int, common: _Common) -> Iterator[keras.layers.Layer]:
    """What light it sees."""
    pixels = common | {"value_range": (0, 255)}
    if options.brightness:
        yield keras.layers.RandomBrightness(options.brightness, seed=seed + 4, **pixels)
    if options.contrast:
        yield keras.layers.RandomContrast(options.contrast, seed=seed + 5, **pixels)
    if options.gamma:
        yield RandomGamma(options.gamma, seed=seed + 7, **common)
    if options.cast:
        yield RandomCast(options.cast, seed=seed + 8, **common)


def _losses(options: Augmentation, seed: int, common: _Common) -> Iterator[keras.layers.Layer]:
    """What the photo lacks."""
    if options.noise:
        yield Harmed(RandomNoise(options.noise, seed=seed + 11, **common), 2, **common)
    if options.erasing:
        often = (options.erasing, options.erasing)
        pixels = common | {"value_range": (0, 255)}
        yield keras.layers.RandomErasing(often, fill_value=127.0, seed=seed + 6, **pixels)


class _RandomColour(Drawn):
    """What changes colours of [B, H, W, 3] 0..255 by factors between 1 / (1 + most) and 1 + most.

    The factors are drawn log-uniformly, so that more is as likely as less.
    """

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
