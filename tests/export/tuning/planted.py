"""A small network with a culprit: one channel of one layer is a thousand times the others.

8 bits for all channels together leave nothing of the others. What follows is no ReLU, so the
scale can't be moved on, and the layer has to stay in float.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

SIZE = 12
CULPRIT = "culprit"


def planted_model() -> keras.Model:
    """[B, SIZE, SIZE, 3] 0..1 -> logits [B, 4]."""
    layers = keras.layers
    keras.utils.set_random_seed(3)
    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(image)
    x = layers.Conv2D(8, 1, name=CULPRIT)(x)
    x = layers.Activation("tanh")(x)
    x = layers.Conv2D(8, 3, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, layers.Dense(4, name="logits")(x))
    kernel, bias = model.get_layer(CULPRIT).get_weights()
    kernel[..., 0] *= 1000
    model.get_layer(CULPRIT).set_weights([kernel, bias])
    answers = np.asarray(model(planted_data(64, 9)))
    kernel, bias = model.get_layer("logits").get_weights()  # each class its turn
    scale = 1 / answers.std(axis=0)
    model.get_layer("logits").set_weights([kernel * scale, (bias - answers.mean(axis=0)) * scale])
    return model


def planted_data(n: int, seed: int) -> NDArray[np.float32]:
    """[n, SIZE, SIZE, 3] patches, each of a colour and a contrast of its own."""
    rng = np.random.default_rng(seed)
    colour = rng.uniform(0, 1, (n, 1, 1, 3))
    grain = rng.uniform(0, 0.6, (n, 1, 1, 1)) * rng.normal(size=(n, SIZE, SIZE, 3))
    return np.clip(colour + grain, 0, 1).astype(np.float32)


def write_planted(folder: Path) -> Path:
    """`model.keras`, `calibrate.npz` and `validate.npz`, labelled by the model itself."""
    model = planted_model()
    model.save(folder / "model.keras")
    for seed, (name, n) in enumerate((("calibrate", 128), ("validate", 96))):
        image = planted_data(n, seed)
        classes = np.asarray(model(image)).argmax(axis=1)
        np.savez(folder / f"{name}.npz", image=image, y=classes)
    return folder
