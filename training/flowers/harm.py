"""What makes training photos worse: blur and noise, each on a part of every batch."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

PARTS = 4  # of a batch: one for each harm, one for none


class Harmed(keras.layers.Layer):  # type: ignore[misc]
    """Applies a layer to one photo in four of a batch; the others cost nothing.

    Batches are shuffled, so that which photos these are may be fixed: numbers `part`, `part` + 4...
    """

    def __init__(self, layer: keras.layers.Layer, part: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer, self.part = layer, part

    def build(self, shape: Any) -> None:
        """Nothing of its own."""
        self.layer.build(shape)
        super().build(shape)

    def call(self, photos: Any, training: bool = False) -> Any:
        """[B, H, W, 3] 0..255, the same shape and range."""
        if not training:
            return photos
        rows = ops.arange(ops.shape(photos)[0])[self.part :: PARTS]
        worse = self.layer(ops.take(photos, rows, axis=0), training=True)
        return ops.scatter_update(photos, rows[:, None], worse)


class Drawn(keras.layers.Layer):  # type: ignore[misc]
    """A change of photos, as much as chance decides.

    Args:
        most: How much at most; what that means, each change says.
        seed: Decides what is drawn.
    """

    def __init__(self, most: float, *, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.most = most
        self.seed_generator = keras.random.SeedGenerator(seed)


class RandomBlur(Drawn):
    """Blurs each photo by a line (a camera that moved) or a disc (one out of focus), evenly often.

    At most: the longest line as a fraction of the photo's side; a disc's radius is at most a third.
    """

    def call(self, photos: Any, training: bool = False) -> Any:
        """[B, S, S, 3] 0..255, the same shape and range; borders are continued by reflection."""
        if not training:
            return photos
        longest = self.most * photos.shape[1]
        reach = math.ceil(longest / 2)
        kernels = self._kernels(ops.shape(photos)[0], longest, reach)
        around = ((0, 0), (reach, reach), (reach, reach), (0, 0))
        padded = ops.pad(photos, around, mode="reflect")
        return ops.map(_filtered, (padded, kernels))

    def _kernels(self, count: Any, longest: float, reach: int) -> Any:
        """[B, K, K], K = 2 reach + 1, each of sum 1."""
        coin, angle, size = (
            keras.random.uniform((count, 1, 1), dtype="float32", seed=self.seed_generator)
            for _ in range(3)
        )
        steps = ops.arange(-reach, reach + 1, dtype="float32")
        x, y = steps[None, None, :], steps[None, :, None]
        cos, sin = ops.cos(math.pi * angle), ops.sin(math.pi * angle)
        line = _inside(longest / 2 * size - ops.abs(x * cos + y * sin)) * _inside(
            -ops.abs(y * cos - x * sin)
        )
        disc = _inside(longest / 3 * size - ops.sqrt(x**2 + y**2))
        kernels = ops.where(coin < 0.5, line, disc)
        return kernels / ops.sum(kernels, axis=(1, 2), keepdims=True)


def _inside(depth: Any) -> Any:
    """How much of a pixel lies inside an edge, by its centre's depth below it, in pixels."""
    return ops.clip(depth + 0.5, 0.0, 1.0)


def _filtered(photo_and_kernel: tuple[Any, Any]) -> Any:
    """Photo [H + 2 reach, W + 2 reach, 3] and kernel [K, K] -> [H, W, 3]."""
    photo, kernel = photo_and_kernel
    channels = ops.tile(kernel[:, :, None, None], (1, 1, photo.shape[-1], 1))
    return ops.depthwise_conv(photo[None], channels, padding="valid")[0]


class RandomNoise(Drawn):
    """Adds Gaussian noise, as much on each photo as chance decides.

    At most: the largest standard deviation as a fraction of the range of values.
    """

    def call(self, photos: Any, training: bool = False) -> Any:
        """[B, H, W, 3] 0..255, the same shape and range."""
        if not training:
            return photos
        shape = ops.shape(photos)
        drawn = {"dtype": "float32", "seed": self.seed_generator}
        deviation = keras.random.uniform((shape[0], 1, 1, 1), 0.0, 255 * self.most, **drawn)
        return ops.clip(photos + deviation * keras.random.normal(shape, **drawn), 0.0, 255.0)
