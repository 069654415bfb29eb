"""The network: every backbone's own scaling inside, heads, precision, what fine-tuning changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.errors import InputError
from training.flowers import efficientnet_lite
from training.flowers.network import (
    _SCALING,
    _scale,
    backbone_names,
    build_network,
    dtype_policy,
    find_builder,
    set_fine_tuning,
)
from training.flowers.recipe import Recipe
from training.flowers.stem import EPSILON

SMALL = Recipe(width=0.25, image_size=64, weights="none")
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def policy_stays() -> Iterator[None]:
    """No test may change the policy that other models are built under."""
    before = keras.config.dtype_policy()
    yield
    assert keras.config.dtype_policy() == before


def refusal(recipe: Recipe) -> str:
    with pytest.raises(InputError) as caught:
        build_network(recipe, 3)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("module", sorted(_SCALING))
def test_scaling_is_that_of_the_backbones_module(module: str) -> None:
    home: Any = getattr(keras.applications, module, efficientnet_lite)
    preprocess = home.preprocess_input
    image = keras.Input((32, 32, 3))
    scaled = keras.Model(image, _scale(image, module))(PIXELS)
    assert np.allclose(scaled, preprocess(PIXELS.copy()), atol=1e-4)


@pytest.mark.parametrize(
    ("backbone", "low", "high"),
    [("MobileNet", -1, 1), ("VGG16", -124, 152), ("MobileNetV3Small", 0, 255)],
)
def test_the_backbone_is_fed_what_it_was_trained_with(
    backbone: str, low: float, high: float
) -> None:
    network = build_network(Recipe(backbone=backbone, image_size=32, weights="none"), 3)
    scaled = np.asarray(network.scale(PIXELS))
    assert low <= scaled.min() < low + 0.05 * (high - low)
    assert high - 0.05 * (high - low) < scaled.max() <= high
    features = network.trunk(PIXELS, training=False)
    maps = network.backbone(scaled, training=False)
    assert np.allclose(features, np.asarray(maps).mean(axis=(1, 2)), atol=1e-5)
    assert np.allclose(
        network.model(PIXELS, training=False), network.head(features, training=False), atol=1e-5
    )


def test_every_backbone_is_offered() -> None:
    offered = backbone_names()
    theirs = {name for name in dir(keras.applications) if name[0].isupper()}
    assert set(offered) == theirs | efficientnet_lite.BUILDERS.keys()
    assert len(set(offered)) == len(offered)
    for name in offered:
        assert callable(find_builder(Recipe(backbone=name)))


@pytest.mark.parametrize(("pooling", "features"), [("gap", 256), ("flatten", 2 * 2 * 256)])
def test_heads(pooling: str, features: int) -> None:
    network = build_network(replace(SMALL, pooling=pooling), 5)
    assert network.trunk.output_shape == (None, features)
    assert network.model.output_shape == (None, 5)
    assert network.head.count_params() == (features + 1) * 5
    assert network.model.count_params() == network.backbone.count_params() + (features + 1) * 5


def test_width_multiplies_channels() -> None:
    narrow, wide = (build_network(replace(SMALL, width=w), 2) for w in (0.25, 0.5))
    assert narrow.trunk.output_shape[-1] * 2 == wide.trunk.output_shape[-1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backbone": "VGG16"}, "VGG16 has no width; leave width at 1, not 0.25"),
        ({"backbone": "MobileNett"}, "backbone 'MobileNett' is unknown; one of "),
        ({"backbone": "resnet"}, "backbone 'resnet' is unknown"),
        (
            {"backbone": "InceptionV3", "width": 1.0},
            "InceptionV3: Input size must be at least 75x75",
        ),
        ({"weights": "imagenet", "width": 0.3, "image_size": 224}, "MobileNet: "),
        ({"weights": "/nowhere/w.npz"}, "/nowhere/w.npz: no such weights file"),
    ],
)
def test_what_no_network_can_be_built_of(changes: dict[str, Any], words: str) -> None:
    assert words in refusal(replace(SMALL, **changes))


def test_imagenet_weights_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(name: str, origin: str, **_: object) -> None:
        raise Exception(f"URL fetch failure on {origin}: None -- Temporary failure")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", offline)
    message = refusal(replace(SMALL, weights="imagenet", image_size=224))
    assert message.startswith("MobileNet: ImageNet weights could not be downloaded")
    assert "--weights PATH" in message


def test_an_unforeseen_error_is_not_taken_for_a_failed_download(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("keras.src.applications.mobilenet._conv_block", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        build_network(SMALL, 3)


def test_mixed_precision_keeps_weights_and_logits_in_float32() -> None:
    network = build_network(replace(SMALL, mixed_precision=True), 3)
    assert {v.dtype for v in network.model.trainable_variables} == {"float32"}
    convolutions = [x for x in network.backbone.layers if isinstance(x, keras.layers.Conv2D)]
    assert {layer.compute_dtype for layer in convolutions} == {"bfloat16"}
    photos = np.repeat(np.repeat(PIXELS, 2, 1), 2, 2)
    assert network.scale(photos).dtype == "float32"
    logits = network.model(photos, training=False)
    assert logits.dtype == "float32"
    exact = build_network(SMALL, 3)
    exact.model.set_weights(network.model.get_weights())
    expected = np.asarray(exact.model(photos, training=False))
    assert np.allclose(logits, expected, atol=0.05 * np.abs(expected).max() + 1e-3)


@pytest.mark.parametrize("backbone", ["MobileNet", "VGG16"])
def test_a_joined_stem_starts_as_the_plain_network(backbone: str) -> None:
    plain = Recipe(backbone=backbone, image_size=32, weights="none")
    first, joined = (build_network(replace(plain, stem=s), 3) for s in ("none", "contrast+rgb"))
    joined.backbone.set_weights(first.backbone.get_weights())
    joined.head.set_weights(first.head.get_weights())
    assert np.array_equal(joined.model(PIXELS, training=False), first.model(PIXELS, training=False))
    assert joined.model.count_params() == first.model.count_params() + 6 + 18


def test_a_contrast_stem_feeds_the_backbone_what_no_gain_changes() -> None:
    network = build_network(replace(SMALL, image_size=32, stem="contrast"), 3)
    r, g, b = (np.moveaxis(PIXELS, -1, 0)).astype(np.float64)
    expected = [(x - y) / (x + y + EPSILON) for x, y in ((r, g), (r, b), (g, b))]
    contrasts = np.asarray(network.scale(PIXELS))
    assert np.allclose(contrasts, np.stack(expected, -1), atol=1e-5)
    assert np.abs(contrasts).max() <= 1
    darker = np.asarray(network.scale(0.5 * PIXELS))
    sums = np.stack([r + g, r + b, g + b], -1)
    assert (np.abs(darker - contrasts) <= EPSILON / (sums + EPSILON) + 1e-5).all()


@pytest.mark.parametrize(("stem", "mixed_precision"), [("contrast", False), ("contrast+rgb", True)])
def test_a_stem_is_trained_in_float32_and_saved(
    stem: str, mixed_precision: bool, tmp_path: Path
) -> None:
    recipe = replace(SMALL, stem=stem, image_size=32, mixed_precision=mixed_precision)
    network = build_network(recipe, 3)
    set_fine_tuning(network, "conv_pw_13", True)
    names = {v.path.split("/")[0] for v in network.model.trainable_variables}
    assert ("contrasts" in names, "mix" in names) == (True, stem == "contrast+rgb")
    fed = network.model.get_layer("contrasts")
    assert (fed.compute_dtype, network.scale(PIXELS).dtype) == ("float32", "float32")
    fed.set_weights([w + 0.3 * i for i, w in enumerate(fed.get_weights())])
    network.model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert np.array_equal(again(PIXELS, training=False), network.model(PIXELS, training=False))


def test_a_policy_holds_inside_and_ends_with_an_error() -> None:
    before = keras.config.dtype_policy()
    with dtype_policy("mixed_bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy() == before
    with pytest.raises(KeyError), dtype_policy("mixed_bfloat16"):
        raise KeyError
    assert keras.config.dtype_policy() == before
    refusal(replace(SMALL, mixed_precision=True, weights="/nowhere/w.npz"))
    assert keras.config.dtype_policy() == before


@pytest.mark.parametrize("freeze_batch_norm", [False, True])
@pytest.mark.parametrize("first", ["", "conv_pad_4", "conv_pw_13"])
def test_fine_tuning_changes_the_chosen_layers(first: str, freeze_batch_norm: bool) -> None:
    network = build_network(SMALL, 3)
    set_fine_tuning(network, "conv_pw_13_relu", True)  # a choice before does not last
    set_fine_tuning(network, first, freeze_batch_norm)
    names = [layer.name for layer in network.backbone.layers]
    start = names.index(first) if first else 0
    for position, layer in enumerate(network.backbone.layers):
        frozen = freeze_batch_norm and isinstance(layer, keras.layers.BatchNormalization)
        assert bool(layer.trainable_weights) == (
            bool(layer.weights) and position >= start and not frozen
        )
    assert len(network.head.trainable_weights) == 2
    assert set(map(id, network.head.trainable_weights)) <= set(
        map(id, network.model.trainable_weights)
    )


def test_frozen_batch_norm_keeps_its_statistics_in_training() -> None:
    network = build_network(SMALL, 3)
    norm = network.backbone.get_layer("conv1_bn")
    photos = np.repeat(np.repeat(PIXELS, 2, 1), 2, 2)
    for freeze, same in ((True, True), (False, False)):
        set_fine_tuning(network, "", freeze)
        before = np.array(norm.moving_mean)
        network.model(photos, training=True)
        assert np.array_equal(before, norm.moving_mean) == same


def test_an_unknown_layer_is_named_with_those_there_are() -> None:
    network = build_network(SMALL, 3)
    with pytest.raises(InputError) as caught:
        set_fine_tuning(network, "conv_99", True)
    message = str(caught.value)
    assert "unfreeze_from = 'conv_99': no such layer" in message
    assert "goes from conv1 to conv_pw_13_relu" in message
    assert "\n" not in message
