"""Give back batch normalisation to weights in which it was folded into the kernels.

Weights taken from a deployed model have it folded: the kernels carry the scale, and the layers
left behind pass everything through. Trained so, nothing rescales what a step breaks, and channels
whose kernels are small are changed too fast. Unfolding keeps the function and restores the layer.
"""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

_SMALLEST_DEVIATION = 1e-3  # of a channel; below, it is dead and keeps its kernel


def is_folded(backbone: keras.Model) -> bool:
    """True when every batch normalisation passes through what a plain convolution gives it."""
    layers = _normalisations(backbone)
    return bool(layers) and all(
        isinstance(_convolution(layer), keras.layers.Conv2D | keras.layers.DepthwiseConv2D)
        and not _convolution(layer).use_bias
        and np.allclose(layer.moving_mean, 0)
        and np.allclose(layer.moving_variance, 1, atol=2 * layer.epsilon)
        and (not layer.scale or np.allclose(layer.gamma, 1, atol=layer.epsilon))
        for layer in layers
    )


def unfold_batch_norm(scale: keras.Model, backbone: keras.Model, photos: NDArray[np.uint8]) -> None:
    """Set each batch normalisation to the statistics of its input; the function stays the same.

    With z = k*x the layer's input of mean m and deviation s over the photos, the kernel becomes
    k/s, and gamma(z - mean)/sqrt(variance + eps) + beta is kept by mean m/s, variance 1 - eps,
    and the gamma and beta that follow.

    Args:
        scale: [B, S, S, 3] 0..255 -> the backbone's input.
        backbone: Changed in place; `is_folded` holds.
        photos: [N, S, S, 3] uint8, a few hundred like those to be trained on.
    """
    layers = _normalisations(backbone)
    probe = keras.Model(backbone.input, [layer.input for layer in layers])
    sums = [np.zeros((3, layer.input.shape[-1])) for layer in layers]
    for start in range(0, len(photos), 16):
        batch = np.asarray(photos[start : start + 16], np.float32)
        for total, z in zip(sums, probe(scale(batch)), strict=True):
            values = np.asarray(z, np.float64).reshape(-1, z.shape[-1])
            total += [np.full(values.shape[1], len(values)), values.sum(0), (values**2).sum(0)]
    for layer, (count, first, second) in zip(layers, sums, strict=True):
        mean = first / count
        deviation = np.sqrt(np.maximum(second / count - mean**2, 0))
        _unfold(layer, mean, np.where(deviation < _SMALLEST_DEVIATION, 1.0, deviation))


def _unfold(layer: keras.Layer, mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> None:
    convolution = _convolution(layer)
    gamma = np.asarray(layer.gamma) / np.sqrt(np.asarray(layer.moving_variance) + layer.epsilon)
    beta = np.asarray(layer.beta) + gamma * (mean - np.asarray(layer.moving_mean))
    kernel = np.asarray(convolution.kernel)
    # A depthwise kernel is [h, w, channels, 1]; others end in the output channels.
    channels = deviation[:, None] if kernel.shape[-1] == 1 else deviation
    convolution.kernel.assign(kernel / channels)
    layer.gamma.assign(gamma * deviation)
    layer.beta.assign(beta)
    layer.moving_mean.assign(mean / deviation)
    layer.moving_variance.assign(np.full_like(mean, 1 - layer.epsilon))


def _convolution(layer: keras.Layer) -> keras.Layer:
    """What computes the layer's input."""
    return layer.input._keras_history.operation


def _normalisations(backbone: keras.Model) -> list[keras.Layer]:
    return [
        layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
