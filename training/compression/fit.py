"""Training for a fixed number of photos: what every way to a smaller model gets alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from models.metrics import score
from training.compression.recipe import Training
from training.flowers.augment import build_augmentation
from training.flowers.dataset import Batches
from training.flowers.optimizers import build_optimizer
from training.flowers.recipe import Augmentation, Stage

_AUGMENTATION = Augmentation(rotation=0, zoom=0.2, translation=0, brightness=0, contrast=0)


@dataclass(frozen=True)
class Photos:
    """Decoded photos and their classes.

    Attributes:
        pixels: [N, S, S, 3] RGB.
        targets: [N] class indices.
        classes: How many there are.
    """

    pixels: NDArray[np.uint8]
    targets: NDArray[np.int64]
    classes: int

    def some(self, count: int) -> NDArray[np.uint8]:
        """About so many pixels, spread evenly over the classes that the photos are sorted by."""
        rows = np.linspace(0, len(self.targets) - 1, min(count, len(self.targets))).astype(int)
        return np.asarray(self.pixels[rows])


def fit(
    model: keras.Model, photos: Photos, training: Training, count: int, seed: tuple[int, ...]
) -> None:
    """Train a model on augmented photos, in place, at a rate that falls to 0 along a cosine.

    Args:
        model: [B, S, S, 3] 0..255 -> logits [B, K]; all its weights are trained.
        photos: To learn from.
        training: Batch, rate and loss.
        count: Photos to learn from; beyond the number there are, they come again.
        seed: Decides order and augmentation.
    """
    steps = max(1, count // training.batch)
    stage = Stage(1, "adam", training.learning_rate, "cosine", warmup=0.05)
    loss = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=training.label_smoothing
    )
    model.compile(build_optimizer(stage, steps), loss, jit_compile=False)
    done = 0
    while done < steps:
        batches = Augmented(photos, training.batch, (*seed, done))
        run = min(steps - done, len(batches))
        model.fit(batches, steps_per_epoch=run, shuffle=False, verbose=0)
        done += run


class Augmented(Batches):
    """Batches of augmented photos."""

    def __init__(self, photos: Photos, batch: int, seed: tuple[int, ...]) -> None:
        super().__init__(photos.pixels, photos.targets, photos.classes, batch, order_seed=seed)
        first = int(np.random.SeedSequence(seed).generate_state(1)[0])
        self.augmentation = build_augmentation(_AUGMENTATION, photos.pixels.shape[1], first)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        x, y = super().__getitem__(index)
        return self.augmentation(x, training=True), y


def renormalise(model: keras.Model, pixels: NDArray[np.uint8]) -> None:
    """Set each batch normalisation to the statistics of photos [N, S, S, 3], layers in one pass."""
    normalisations = [m for m in model.layers if isinstance(m, layers.BatchNormalization)]
    momenta = [layer.momentum for layer in normalisations]
    for layer in normalisations:
        layer.momentum = 0.0
    model(np.asarray(pixels, np.float32), training=True)
    for layer, momentum in zip(normalisations, momenta, strict=True):
        layer.momentum = momentum


def answers(model: keras.Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Logits [N, K]."""
    return np.asarray(model.predict(pixels, batch_size=64, verbose=0), np.float32)


def top1(model: keras.Model, photos: Photos) -> float:
    """Share of photos that the model recognises."""
    return score(answers(model, photos.pixels), photos.targets).top1
