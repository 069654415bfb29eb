"""Small models with the chains of layers that narrow models are made of, at random weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

SIZE = 16


def mobile(classes: int = 3, seed: int = 0) -> keras.Model:
    """Convolution, then twice depthwise and 1x1, each with normalisation; nested as ours are."""
    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.Rescaling(1 / 127.5, -1.0, name="scale")(image)
    inner_in = keras.Input((SIZE, SIZE, 3))
    y = inner_in
    for i, (kind, width) in enumerate((("conv", 16), ("pw", 24), ("pw", 32))):
        if kind == "pw":
            y = layers.ZeroPadding2D(1, name=f"pad{i}")(y)
            y = layers.DepthwiseConv2D(3, use_bias=False, name=f"dw{i}")(y)
            y = layers.BatchNormalization(name=f"dw{i}_bn")(y)
            y = layers.ReLU(6.0, name=f"dw{i}_relu")(y)
        size = 3 if kind == "conv" else 1
        y = layers.Conv2D(width, size, padding="same", use_bias=False, name=f"{kind}{i}")(y)
        y = layers.BatchNormalization(name=f"{kind}{i}_bn")(y)
        y = layers.ReLU(6.0, name=f"{kind}{i}_relu")(y)
    features = layers.GlobalAveragePooling2D(name="pool")(keras.Model(inner_in, y)(x))
    head = keras.Sequential(
        [keras.Input((32,)), layers.Dropout(0.1), layers.Dense(classes, name="logits")]
    )
    return shaken(keras.Model(image, head(features), name="mobile"), seed)


def shaken(model: keras.Model, seed: int) -> keras.Model:
    """The model with random weights of a trained one's kind: no statistic is 0 or 1."""
    rng = np.random.default_rng(seed)

    def draw(weight: Any) -> Any:
        normal = rng.normal(size=weight.shape)
        if weight.name in {"gamma", "moving_variance"}:
            return np.exp(0.3 * normal)
        if weight.name == "kernel":
            fan = np.prod(weight.shape[:-1]) if weight.shape[-1] > 1 else 9
            return normal * np.sqrt(2 / fan)
        return 0.3 * normal

    for weight in model.weights:
        weight.assign(draw(weight))
    return model


def photos(count: int, seed: int = 0) -> Any:
    """[count, SIZE, SIZE, 3] uint8."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)
