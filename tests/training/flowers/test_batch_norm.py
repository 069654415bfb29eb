"""Unfolding batch normalisation: the same function, and layers that normalise again."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from training.flowers.batch_norm import is_folded, unfold_batch_norm
from training.flowers.network import Network, build_network
from training.flowers.recipe import Recipe

PHOTOS = np.random.default_rng(1).integers(0, 256, (40, 64, 64, 3), np.uint8)


def normalisations(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    return [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]


def before(layer: keras.layers.Layer) -> keras.layers.Layer:
    return layer.input._keras_history.operation


def random_network(seed: int) -> Network:
    """A MobileNet whose normalisations all scale and shift; signals neither die nor grow."""
    keras.utils.set_random_seed(seed)
    network = build_network(Recipe(width=0.25, image_size=64, weights="none"), 3)
    rng = np.random.default_rng(seed)
    for layer in normalisations(network.backbone):
        layer.momentum = 0.0
    network.backbone(network.scale(PHOTOS.astype(np.float32)), training=True)
    for layer in normalisations(network.backbone):
        channels = layer.gamma.shape
        layer.gamma.assign(rng.uniform(0.5, 2.0, channels))
        layer.beta.assign(rng.normal(0.3, 0.5, channels))
        layer.moving_variance.assign(layer.moving_variance * rng.uniform(0.5, 2.0, channels))
    return network


def fold(network: Network) -> None:
    """What a converter does: scale into the kernel, shift into beta."""
    for layer in normalisations(network.backbone):
        convolution = before(layer)
        scale = np.asarray(layer.gamma) / np.sqrt(np.asarray(layer.moving_variance) + layer.epsilon)
        kernel = np.asarray(convolution.kernel)
        convolution.kernel.assign(kernel * (scale[:, None] if kernel.shape[-1] == 1 else scale))
        layer.beta.assign(np.asarray(layer.beta) - scale * np.asarray(layer.moving_mean))
        layer.gamma.assign(np.ones_like(scale))
        layer.moving_mean.assign(np.zeros_like(scale))
        layer.moving_variance.assign(np.full_like(scale, 1 - layer.epsilon))


@pytest.mark.parametrize("seed", [0, 1])
def test_unfolding_keeps_the_function(seed: int) -> None:
    network = random_network(seed)
    photos = PHOTOS.astype(np.float32)
    original = np.asarray(network.trunk(photos, training=False))
    assert not is_folded(network.backbone)
    fold(network)
    assert is_folded(network.backbone)
    folded = np.asarray(network.trunk(photos, training=False))
    unfold_batch_norm(network.scale, network.backbone, PHOTOS)
    unfolded = np.asarray(network.trunk(photos, training=False))
    assert not is_folded(network.backbone)
    size = np.abs(original).max()
    assert size > 0.1
    assert np.abs(folded - original).max() < 1e-3 * size
    assert np.abs(unfolded - folded).max() < 1e-3 * size


def test_unfolded_layers_hold_the_statistics_of_their_input() -> None:
    network = random_network(2)
    fold(network)
    unfold_batch_norm(network.scale, network.backbone, PHOTOS)
    layers = normalisations(network.backbone)
    probe = keras.Model(network.backbone.input, [layer.input for layer in layers])
    for layer, z in zip(layers, probe(network.scale(PHOTOS.astype(np.float32))), strict=True):
        rows = np.asarray(z, np.float64).reshape(-1, z.shape[-1])
        alive = rows.std(0) > 1e-2
        assert alive.mean() > 0.5
        assert np.allclose(rows.mean(0)[alive], np.asarray(layer.moving_mean)[alive], atol=1e-2)
        assert np.allclose(rows.var(0)[alive], 1, atol=2e-2)
        assert np.allclose(layer.moving_variance, 1 - layer.epsilon)


def test_a_dead_channel_keeps_its_kernel() -> None:
    network = random_network(3)
    fold(network)
    convolution, norm = (network.backbone.get_layer(n) for n in ("conv_pw_1", "conv_pw_1_bn"))
    kernel = np.array(convolution.kernel)
    kernel[..., 0] = 1e-9
    convolution.kernel.assign(kernel)
    unfold_batch_norm(network.scale, network.backbone, PHOTOS)
    assert np.array_equal(np.asarray(convolution.kernel)[..., 0], kernel[..., 0])
    assert not np.array_equal(np.asarray(convolution.kernel)[..., 1], kernel[..., 1])
    assert float(norm.gamma[0]) == pytest.approx(1, rel=1e-5)
    assert np.isfinite(network.trunk(PHOTOS.astype(np.float32), training=False)).all()


def small(*, bias: bool = False, normalise: bool = True, join: bool = False) -> keras.Model:
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", use_bias=bias)(image)
    if normalise:
        x = keras.layers.BatchNormalization()(x)
    x = keras.layers.DepthwiseConv2D(3, use_bias=False)(x)
    if normalise:
        x = keras.layers.BatchNormalization(scale=False)(x)
    if join:
        x = keras.layers.BatchNormalization()(keras.layers.Concatenate()([x, x]))
    return keras.Model(image, x)


def test_what_counts_as_folded() -> None:
    assert is_folded(small())
    assert not is_folded(small(normalise=False))
    assert not is_folded(small(bias=True))
    assert not is_folded(small(join=True))


@pytest.mark.parametrize(
    ("name", "value"), [("moving_mean", 0.01), ("moving_variance", 1.05), ("gamma", 1.05)]
)
def test_one_value_of_one_channel_tells_it_is_not_folded(name: str, value: float) -> None:
    model = small()
    variable = getattr(normalisations(model)[0], name)
    values = np.array(variable)
    values[-1] = value
    variable.assign(values)
    assert not is_folded(model)


def test_the_shift_alone_does_not_matter() -> None:
    model = small()
    for layer in normalisations(model):
        layer.beta.assign(np.full(layer.beta.shape, 3.0))
    assert is_folded(model)
