"""Multiply-accumulates: published totals, and each kind of layer beside a count by hand."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from models.errors import InputError
from training.layers.macs import macs


@pytest.mark.parametrize(
    ("name", "millions"),
    [("MobileNet", 569), ("MobileNetV2", 301), ("ResNet50", 3858), ("DenseNet121", 2834)],
)
def test_totals_are_those_of_the_papers(name: str, millions: int) -> None:
    model = getattr(keras.applications, name)(weights=None, input_shape=(224, 224, 3))
    counted = macs(model)
    assert round(counted.total / 1e6) == millions
    assert counted.uncounted == ()
    assert counted.total == sum(counted.by_layer.values())


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (layers.Conv2D(4, 3), (8, 8, 2), 6 * 6 * 9 * 2 * 4),
        (layers.Conv2D(4, 3, strides=2, padding="same", groups=2), (8, 8, 2), 16 * 9 * 1 * 4),
        (layers.Conv1D(4, 5, padding="causal", dilation_rate=2), (10, 3), 10 * 5 * 3 * 4),
        (layers.Conv2DTranspose(4, 3, strides=2), (8, 8, 2), 64 * 9 * 2 * 4),
        (layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2), (8, 8, 3), 64 * 9 * 3 * 2),
        (layers.SeparableConv2D(5, 3, padding="same"), (8, 8, 3), 64 * (9 * 3 + 3 * 5)),
        (layers.Dense(7), (5,), 35),
        (layers.Dense(7), (6, 5), 6 * 35),
        (layers.EinsumDense("abc,cde->abde", (None, 2, 3)), (6, 5), 6 * 5 * 2 * 3),
        (layers.EinsumDense("...x,xy->...y", 3), (4, 6, 5), 4 * 6 * 5 * 3),
        (layers.SimpleRNN(4), (9, 3), 9 * 4 * (3 + 4)),
        (layers.GRU(4), (9, 3), 9 * 3 * 4 * (3 + 4)),
        (layers.LSTM(4, return_sequences=True), (9, 3), 9 * 4 * 4 * (3 + 4)),
        (layers.Bidirectional(layers.LSTM(4)), (9, 3), 2 * 9 * 4 * 4 * (3 + 4)),
        (layers.TimeDistributed(layers.Dense(7)), (9, 3), 9 * 21),
    ],
)
def test_each_kind_of_layer(layer: Any, shape: tuple[int, ...], expected: int) -> None:
    model = keras.Sequential([keras.Input(shape), layer])
    assert macs(model).by_layer == {layer.name: expected}


def test_attention_counts_projections_and_products() -> None:
    query, value = keras.Input((5, 6)), keras.Input((7, 8))
    out = layers.MultiHeadAttention(num_heads=2, key_dim=3, value_dim=4)(query, value)
    projected = 5 * 6 * 3 + 7 * 8 * 3 + 7 * 8 * 4 + 5 * 4 * 6
    assert macs(keras.Model([query, value], out)).total == 2 * (projected + 5 * 7 * (3 + 4))


def test_models_within_models_and_shared_layers() -> None:
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(4, name="in")], name="inner")
    left, right = keras.Input((3,)), keras.Input((3,))
    shared = layers.Dense(2, name="out")
    model = keras.Model([left, right], [shared(inner(left)), shared(inner(right))])
    assert macs(model).by_layer == {"inner/in": 2 * 12, "out": 2 * 8}


def test_layers_without_products_count_nothing_and_unknown_ones_are_named() -> None:
    class Own(layers.Layer):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.gain = self.add_weight(shape=(shape[-1],))

        def call(self, x: Any) -> Any:
            return x * self.gain

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    plain = [layers.BatchNormalization(), layers.ReLU(), layers.GlobalAveragePooling1D()]
    unknown = [Own(name="own"), layers.TimeDistributed(Own(), name="steps")]
    counted = macs(keras.Sequential([keras.Input((4, 3)), *unknown, *plain]))
    assert (counted.total, counted.uncounted) == (0, ("own", "steps"))


def test_a_model_that_is_no_graph_is_named() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="own")
            self.dense = layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    model = Own()
    model(np.zeros((1, 3), np.float32))
    assert macs(model).uncounted == ("own",)


def test_free_dimensions_are_asked_for() -> None:
    series = keras.Input((None, 3), name="series")
    model = keras.Model(series, layers.LSTM(4)(series))
    with pytest.raises(InputError, match=r"'series'.*\(None, 3\) are free"):
        macs(model)
    assert macs(model, {"series": (9, 3)}).total == 9 * 4 * 4 * 7
    with pytest.raises(InputError, match="does not fit"):
        macs(model, {"series": (9, 2)})
    with pytest.raises(InputError, match="does not fit"):
        macs(model, {"series": (9,)})
