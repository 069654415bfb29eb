"""EfficientNet-Lite: the published sizes, its start weights, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from models.errors import InputError
from training.flowers.efficientnet_lite import BUILDERS
from training.flowers.network import build_network, set_fine_tuning
from training.flowers.recipe import Recipe

LITE0 = Recipe(backbone="EfficientNetLite0", image_size=64, weights="none")


@pytest.fixture(scope="module")
def lite0() -> keras.Model:
    return BUILDERS["EfficientNetLite0"](input_shape=(64, 64, 3))


@pytest.mark.parametrize(
    ("backbone", "parameters", "blocks"),
    [  # with a classifier of 1000: as the published PyTorch networks have
        ("EfficientNetLite0", 4_652_008, 16),
        ("EfficientNetLite1", 5_416_680, 21),
        ("EfficientNetLite2", 6_092_072, 21),
    ],
)
def test_published_sizes(backbone: str, parameters: int, blocks: int) -> None:
    model = BUILDERS[backbone](input_shape=(32, 32, 3))
    trained = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert trained + 1281 * 1000 == parameters
    filters = [x for x in model.layers if isinstance(x, keras.layers.DepthwiseConv2D)]
    assert len(filters) == blocks


@pytest.mark.parametrize(("size", "side"), [(32, 1), (64, 2), (224, 7), (260, 9)])
def test_maps_are_a_32nd_of_the_photo(size: int, side: int) -> None:
    model = BUILDERS["EfficientNetLite0"](input_shape=(size, size, 3))
    assert model.output_shape == (None, side, side, 1280)


def test_it_quantises_well(lite0: keras.Model) -> None:
    """Every activation is bounded, and there is no squeeze-and-excitation."""
    kinds = {type(layer).__name__ for layer in lite0.layers}
    assert kinds == {
        "InputLayer", "Conv2D", "DepthwiseConv2D", "BatchNormalization", "ReLU", "Add",
    }  # fmt: skip
    relus = [layer for layer in lite0.layers if isinstance(layer, keras.layers.ReLU)]
    assert {float(layer.max_value) for layer in relus} == {6.0}


def test_layers_are_named_as_in_keras_efficientnet(lite0: keras.Model) -> None:
    """So that `unfreeze_from` reads the same; without what Lite does not have."""
    theirs = keras.applications.EfficientNetB0(
        weights=None, include_top=False, input_shape=(64, 64, 3)
    )
    other = re.compile(r"_se_|_drop$|_pad$|^block1a_expand|^input|^rescaling|^normalization")
    expected = {layer.name for layer in theirs.layers if not other.search(layer.name)}
    assert {layer.name for layer in lite0.layers if layer.name[:5] != "input"} == expected


def test_weights_round_trip(lite0: keras.Model, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    drawn = {
        f"{layer.name}/{i}:w": rng.uniform(0.5, 1.5, w.shape).astype(np.float32)
        for layer in lite0.layers
        for i, w in enumerate(layer.weights)
    }
    path = tmp_path / "w.npz"
    np.savez(path, **drawn)
    network = build_network(replace(LITE0, weights=str(path)), 3)
    assert network.fresh_layers == ()
    loaded = [w for layer in network.backbone.layers for w in layer.get_weights()]
    assert all(np.array_equal(a, b) for a, b in zip(loaded, drawn.values(), strict=True))


def test_keras_has_nothing_to_download_for_it() -> None:
    with pytest.raises(InputError, match=r"EfficientNetLite0: .* give --weights PATH or none"):
        build_network(replace(LITE0, weights="imagenet"), 3)
    with pytest.raises(InputError, match="EfficientNetLite0 has no width"):
        build_network(replace(LITE0, width=0.5), 3)
    with pytest.raises(ValueError, match="no classifier"):
        BUILDERS["EfficientNetLite0"](include_top=True, input_shape=(32, 32, 3))


def test_fine_tuning_from_a_stage_on() -> None:
    network = build_network(LITE0, 3)
    set_fine_tuning(network, "block7a_expand_conv", True)
    trained = [layer.name for layer in network.backbone.layers if layer.trainable_variables]
    assert trained == [
        "block7a_expand_conv", "block7a_dwconv", "block7a_project_conv", "top_conv",
    ]  # fmt: skip
