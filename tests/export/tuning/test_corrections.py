"""Equalisation keeps the function and evens channels out; bias correction takes shifts away."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from export.tuning.bias_correction import correct_biases, rounded
from export.tuning.correcting import correct
from export.tuning.equalisation import Pair, equalise, pairs, ranges
from export.tuning.linear import folded, functionals

L = keras.layers


def _separable(nested: bool = False) -> keras.Model:
    """Depthwise-separable convolutions with unequal channels, perhaps a model inside a model."""
    keras.utils.set_random_seed(0)
    image = keras.Input((12, 12, 3))
    x = L.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    x = L.ReLU()(L.BatchNormalization()(x))
    x = L.ZeroPadding2D(1)(x)
    x = L.DepthwiseConv2D(3, use_bias=False)(x)
    x = L.Activation("relu")(L.BatchNormalization()(x))
    x = L.Conv2D(6, 1, activation="relu")(x)
    x = L.Dropout(0.2)(L.GlobalAveragePooling2D()(x))
    body = keras.Model(image, x)
    outer = keras.Input((12, 12, 3))
    model = keras.Model(outer, L.Dense(4)(body(outer))) if nested else _headed(body)
    rng = np.random.default_rng(0)
    for layer in model._flatten_layers():
        if isinstance(layer, L.BatchNormalization):
            n = layer.gamma.shape[0]
            layer.gamma.assign(10.0 ** rng.uniform(-1, 1, n))
            layer.beta.assign(rng.normal(size=n))
            layer.moving_mean.assign(rng.normal(size=n))
            layer.moving_variance.assign(10.0 ** rng.uniform(-1, 1, n))
    return model


def _headed(body: keras.Model) -> keras.Model:
    return keras.Model(body.inputs[0], L.Dense(4)(body.outputs[0]))


def _photos(n: int = 24) -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(0, 1, (n, 12, 12, 3)).astype(np.float32)


def _all_pairs(model: keras.Model) -> list[Pair]:
    graphs = zip(functionals(model), list(folded(model)), strict=True)
    return [pair for graph, layers in graphs for pair in pairs(graph, layers)]


@pytest.mark.parametrize("nested", [False, True])
def test_an_equalised_model_computes_the_same(nested: bool) -> None:
    model, photos = _separable(nested), _photos()
    before = np.asarray(model(photos, training=False))
    places = equalise(model)
    after = np.asarray(model(photos, training=False))
    assert places == (2 if nested else 3)  # the last pair has a border of models between it
    assert np.ptp(before, axis=0).min() > 1e-3
    assert np.abs(after - before).max() < 1e-5 * np.ptp(before)


def test_equalised_channels_have_the_same_range_on_either_side() -> None:
    model = _separable()
    (first, *_) = before = [ranges(pair) for pair in _all_pairs(model)]
    assert np.abs(np.log(first[0] / first[1])).max() > 1
    equalise(model)
    after = [ranges(pair) for pair in _all_pairs(model)]
    for one, other in after:
        assert np.allclose(one, other, rtol=1e-2)
    spread = [np.log(one).std() for one, _ in (before[0], after[0])]
    assert spread[1] < spread[0]


def test_what_bounds_its_output_is_not_equalised() -> None:
    image = keras.Input((8, 8, 3))
    x = L.Conv2D(4, 3)(image)
    x = L.Conv2D(4, 3)(L.ReLU(max_value=6)(x))
    x = L.Conv2D(4, 3)(L.Activation("sigmoid")(x))
    y = L.ReLU()(x)  # read twice
    model = keras.Model(image, [L.Conv2D(2, 1)(y), y])
    weights = model.get_weights()
    assert equalise(model) == 0
    for before, after in zip(weights, model.get_weights(), strict=True):
        assert np.array_equal(before, after)


@pytest.mark.parametrize("nested", [False, True])
def test_folding_computes_the_same(nested: bool) -> None:
    model, photos = _separable(nested), _photos()
    before = np.asarray(model(photos, training=False))
    found = [linear for layers in folded(model) for linear in layers]
    assert len(found) == 4
    assert [linear.norm is not None for linear in found].count(True) == 2
    assert np.abs(np.asarray(model(photos, training=False)) - before).max() < 1e-4


def _with_rounded_kernels(model: keras.Model, photos: NDArray[np.float32]) -> NDArray[np.float32]:
    """What it answers with kernels in 8 bits, its own put back after."""
    weights = model.get_weights()
    for layers in list(folded(model)):
        for linear in layers:
            linear.kernel = rounded(linear)
    answers = np.asarray(model(photos, training=False))
    model.set_weights(weights)
    return answers


@pytest.mark.parametrize("nested", [False, True])
def test_bias_correction_takes_the_mean_shift_away(nested: bool) -> None:
    model, photos = _separable(nested), _photos(64)
    for layers in list(folded(model)):  # one large weight a channel makes the others' steps coarse
        for linear in layers:
            kernel = linear.kernel
            kernel.reshape(-1, kernel.shape[-1])[0] *= 30
            linear.kernel = kernel
    reference = np.asarray(model(photos, training=False))
    before = _with_rounded_kernels(model, photos).mean(axis=0) - reference.mean(axis=0)
    assert correct_biases(model, photos) == 4
    after = _with_rounded_kernels(model, photos).mean(axis=0) - reference.mean(axis=0)
    assert np.linalg.norm(after) < 0.5 * np.linalg.norm(before)


def test_of_one_linear_layer_the_shift_is_gone() -> None:
    image = keras.Input((6, 6, 3))
    model = keras.Model(image, L.Conv2D(5, 3, padding="same", strides=2)(image))
    photos = _photos(32)[:, :6, :6]
    reference = np.asarray(model(photos))
    shift = (_with_rounded_kernels(model, photos) - reference).mean(axis=(0, 1, 2))
    correct_biases(model, photos)
    left = (_with_rounded_kernels(model, photos) - reference).mean(axis=(0, 1, 2))
    assert np.abs(shift).max() > 1e-5
    assert np.abs(left).max() < 1e-2 * np.abs(shift).max()


@pytest.mark.parametrize(("error", "kept"), [(lambda step: 0.5, True), (lambda step: 0.99, False)])
def test_a_correction_stays_only_if_it_helps(error: Callable[[int], float], kept: bool) -> None:
    model = _separable()
    weights = model.get_weights()
    made = iter(range(1, 9))
    found = correct(model, _photos(), {"onnx": 1.0}, lambda: {"onnx": error(next(made))})
    assert [c.kept for c in found] == [kept, False]  # the second is no better than the first
    changed = [not np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True)]
    assert any(changed) == kept
