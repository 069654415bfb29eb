"""One graph of plain layers, and which of its channels can go."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from models.errors import InputError
from tests.training.compression.chains import mobile, photos
from training.compression.graph import find_groups, flatten


def test_a_flat_copy_answers_alike_and_shares_nothing() -> None:
    model, x = mobile(), photos(2).astype(np.float32)
    flat = flatten(model)
    assert not any(isinstance(layer, keras.Model) for layer in flat.layers)
    before = np.asarray(model(x))
    np.testing.assert_array_equal(flat(x), before)
    for weight in flat.weights:
        weight.assign(weight + 1)
    np.testing.assert_array_equal(model(x), before)


def test_another_size_of_image() -> None:
    model = mobile()
    larger = flatten(model, 24)
    assert larger.input_shape == (None, 24, 24, 3)
    np.testing.assert_array_equal(
        larger.get_layer("pw2").kernel, flatten(model).get_layer("pw2").kernel
    )


def test_the_chains_of_a_mobile_network() -> None:
    groups = find_groups(flatten(mobile()))
    assert [(g.producer, g.consumer, g.channels) for g in groups] == [
        ("conv0", "pw1", 16),
        ("pw1", "pw2", 24),
        ("pw2", "logits", 32),
    ]
    assert groups[1].between == (
        "pw1_bn", "pw1_relu", "pad2", "dw2", "dw2_bn", "dw2_relu",
    )  # fmt: skip
    assert groups[2].between[-2:] == ("pool", "dropout") or len(groups[2].between) == 4


def test_channels_that_meet_others_stay() -> None:
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 1, name="branching")(image)
    y = layers.Conv2D(6, 3, padding="same", activation="relu", name="inner")(x)
    y = layers.Conv2D(4, 1, name="added")(y)
    z = layers.Flatten()(layers.Add()([x, y]))
    z = layers.Dense(5, activation="softmax", name="mixed")(z)
    model = keras.Model(image, layers.Dense(2, name="out")(z))
    assert [(g.producer, g.consumer) for g in find_groups(model)] == [("inner", "added")]


def test_names_that_stand_twice_are_told_apart() -> None:
    def inner() -> keras.Model:
        return keras.Sequential([keras.Input((4,)), layers.Dense(4, name="same")])

    first, second = inner(), inner()
    first.name, second.name = "one", "two"
    flat = flatten(keras.Sequential([keras.Input((4,)), first, second]))
    assert [layer.name for layer in flat.layers[1:]] == ["same", "same_"]
    x = np.ones((1, 4), np.float32)
    np.testing.assert_array_equal(flat(x), second(first(x)))


def test_what_is_no_graph_is_refused() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def call(self, x: object) -> object:
            return x

        def compute_output_shape(self, shape: object) -> object:
            return shape

    image = keras.Input((4,))
    with pytest.raises(InputError, match="no graph of layers"):
        flatten(keras.Model(image, Own(name="own")(image)))
