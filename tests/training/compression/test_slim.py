"""Surgery: what is constant can go, exactly; what is permuted stays the same function."""

from __future__ import annotations

import keras
import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from keras import layers

from tests.training.compression.chains import mobile, photos, shaken
from training.compression.budget import Cost
from training.compression.graph import find_groups, flatten
from training.compression.moments import read
from training.compression.slim import plain_cut, slim
from training.layers.macs import macs

few = settings(max_examples=3, phases=[Phase.explicit, Phase.reuse, Phase.generate])


@few
@given(st.integers(0, 2**31 - 1), st.tuples(*[st.floats(0.1, 1.0)] * 3))
def test_channels_that_are_constant_can_go(seed: int, shares: tuple[float, ...]) -> None:
    """Made so by a kernel of zeros: normalisation and ReLU turn that into some constant."""
    rng = np.random.default_rng(seed)
    flat, x = flatten(mobile(seed=seed)), photos(4, seed)
    groups = find_groups(flat)
    kept = [
        np.sort(rng.permutation(g.channels)[: max(1, int(s * g.channels))])
        for g, s in zip(groups, shares, strict=True)
    ]
    for group, indices in zip(groups, kept, strict=True):
        gone = np.setdiff1d(np.arange(group.channels), indices)
        for name in (group.producer, *group.between):
            layer = flat.get_layer(name)
            if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
                kernel = np.array(layer.kernel)
                kernel[
                    (..., gone) if name == group.producer else (slice(None), slice(None), gone)
                ] = 0
                layer.kernel.assign(kernel)
    means = [reading.mean for reading in read(flat, groups, x)]
    cuts = [plain_cut(flat, *parts) for parts in zip(groups, kept, means, strict=True)]
    narrow = slim(flat, cuts)
    np.testing.assert_allclose(
        narrow(x.astype(np.float32)), flat(x.astype(np.float32)), rtol=1e-4, atol=1e-4
    )
    assert narrow.count_params() < flat.count_params() or all(s == 1 for s in shares)


def test_the_cost_is_that_of_the_narrow_model() -> None:
    flat = flatten(mobile())
    groups = find_groups(flat)
    widths = np.array([8, 10, 12])
    cuts = [
        plain_cut(flat, group, np.arange(width), np.zeros(group.channels))
        for group, width in zip(groups, widths, strict=True)
    ]
    assert macs(slim(flat, cuts)).total == round(Cost(flat, groups).of(widths))


def test_another_order_of_channels_is_the_same_function() -> None:
    flat, x = flatten(mobile()), photos(3).astype(np.float32)
    cuts = [
        plain_cut(flat, g, np.random.default_rng(1).permutation(g.channels), np.zeros(g.channels))
        for g in find_groups(flat)
    ]
    np.testing.assert_allclose(slim(flat, cuts)(x), flat(x), rtol=1e-4, atol=1e-5)


def test_without_normalisation_the_constant_goes_into_a_bias() -> None:
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu", name="first"),
            layers.Dense(5, activation="relu", use_bias=False, name="second"),
            layers.Dense(2, name="third"),
        ]
    )
    flat = flatten(shaken(model, 0))
    kernel = np.array(flat.get_layer("first").kernel)
    kernel[:, 3:] = 0
    flat.get_layer("first").kernel.assign(kernel)
    flat.get_layer("first").bias.assign(np.abs(flat.get_layer("first").bias))
    constant = np.asarray(flat.get_layer("first").bias)
    group = find_groups(flat)[0]
    narrow = slim(flat, [plain_cut(flat, group, np.arange(3), constant)])
    x = np.random.default_rng(2).normal(size=(9, 6)).astype(np.float32)
    np.testing.assert_allclose(narrow(x), flat(x), rtol=1e-5, atol=1e-5)
    assert narrow.get_layer("first").units == 3
    assert narrow.get_layer("second").use_bias
