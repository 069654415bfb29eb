"""The network: plain 0..255 RGB in, logits out, a backbone of `keras.applications` between."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from models.errors import InputError
from training.flowers import efficientnet_lite
from training.flowers.recipe import Recipe
from training.flowers.stem import build_stem
from training.flowers.weights import load_backbone_weights

# The pixel scaling that each backbone's module was trained with: tf: x / 127.5 - 1;
# torch: (x / 255 - mean) / std; caffe: BGR minus mean; inside: 0..255 as it is; lite: its own.
_SCALING = {
    "convnext": "inside",
    "densenet": "torch",
    "efficientnet": "inside",
    "efficientnet_lite": "lite",
    "efficientnet_v2": "inside",
    "inception_resnet_v2": "tf",
    "inception_v3": "tf",
    "mobilenet": "tf",
    "mobilenet_v2": "tf",
    "mobilenet_v3": "inside",
    "nasnet": "tf",
    "resnet": "caffe",
    "resnet_v2": "tf",
    "vgg16": "caffe",
    "vgg19": "caffe",
    "xception": "tf",
}


@dataclass(frozen=True)
class Network:
    """A classifier and its parts, which share their weights.

    Attributes:
        model: [B, S, S, 3] float 0..255 -> logits [B, K] float32.
        trunk: The same input -> pooled features [B, F].
        head: Features [B, F] -> logits [B, K].
        backbone: The model inside that `find_builder`'s function made.
        scale: The same input -> the backbone's input.
        fresh_layers: Backbone layers for which the start weights had nothing.
    """

    model: keras.Model
    trunk: keras.Model
    head: keras.Model
    backbone: keras.Model
    scale: keras.Model
    fresh_layers: tuple[str, ...]


def backbone_names() -> tuple[str, ...]:
    """Every backbone that `keras.applications` has, and ours beside them."""
    return tuple(_builders())


def _builders() -> dict[str, Callable[..., Any]]:
    theirs = {
        name: value
        for name, value in vars(keras.applications).items()
        if inspect.isfunction(value) and _module_of(value) in _SCALING
    }
    return theirs | efficientnet_lite.BUILDERS


def find_builder(recipe: Recipe) -> Callable[..., Any]:
    """The function that builds the recipe's backbone, called as those of `keras.applications`.

    Raises:
        InputError: Unknown backbone, or a width where it has none.
    """
    builders = _builders()
    if recipe.backbone not in builders:
        raise InputError(f"backbone {recipe.backbone!r} is unknown; one of {', '.join(builders)}")
    builder = builders[recipe.backbone]
    if recipe.width != 1.0 and not _has_width(builder):
        raise InputError(f"{recipe.backbone} has no width; leave width at 1, not {recipe.width}")
    return builder


def build_network(recipe: Recipe, classes: int, *, load_weights: bool = True) -> Network:
    """Build the recipe's network.

    Args:
        recipe: Backbone, width, image size, stem, pooling, dropout, precision and start weights.
        classes: Number of logits K.
        load_weights: False leaves the fresh initialisation, for a caller that sets its own.

    Raises:
        InputError: Unknown backbone, a width or size it cannot have, or unusable weights.
    """
    builder = find_builder(recipe)
    size = recipe.image_size
    options: dict[str, Any] = {"include_top": False, "input_shape": (size, size, 3)}
    if _has_width(builder):
        options["alpha"] = recipe.width
    from_keras = load_weights and recipe.weights == "imagenet"
    from_file = load_weights and recipe.weights not in ("imagenet", "none")
    with dtype_policy("mixed_bfloat16" if recipe.mixed_precision else "float32"):
        try:
            backbone = builder(weights="imagenet" if from_keras else None, **options)
        except ValueError as error:
            raise InputError(f"{recipe.backbone}: {str(error).splitlines()[0]}") from error
        except Exception as error:
            if not from_keras:
                raise
            raise InputError(
                f"{recipe.backbone}: ImageNet weights could not be downloaded; "
                "give --weights PATH or --weights none"
            ) from error
        fresh = load_backbone_weights(backbone, Path(recipe.weights)) if from_file else ()
        image = keras.Input((size, size, 3), dtype="float32", name="image")
        module = _module_of(builder)
        scaled = build_stem(recipe.stem, image, lambda x, name: _scale(x, module, name))
        maps = backbone(scaled)
        pool = (
            keras.layers.GlobalAveragePooling2D(name="pool")
            if recipe.pooling == "gap"
            else keras.layers.Flatten(name="pool")
        )
        features = pool(maps)
        head = keras.Sequential(
            [
                keras.Input((features.shape[-1],)),
                keras.layers.Dropout(recipe.dropout, seed=recipe.seed, dtype="float32"),
                keras.layers.Dense(classes, dtype="float32", name="logits"),
            ],
            name="head",
        )
        model = keras.Model(image, head(features), name=recipe.backbone.lower())
        trunk = keras.Model(image, features, name="trunk")
        scale = keras.Model(image, scaled, name="scaling")
    return Network(model, trunk, head, backbone, scale, fresh)


def set_fine_tuning(network: Network, unfreeze_from: str, freeze_batch_norm: bool) -> None:
    """Choose the backbone layers that fine-tuning changes.

    Args:
        network: Changed in place.
        unfreeze_from: First layer to train; empty for all.
        freeze_batch_norm: Also freeze every batch normalisation, so that it normalises by the
            statistics it came with: small batches would spoil them.

    Raises:
        InputError: The backbone has no such layer.
    """
    names = [layer.name for layer in network.backbone.layers]
    if unfreeze_from and unfreeze_from not in names:
        raise InputError(
            f"unfreeze_from = {unfreeze_from!r}: no such layer in {network.backbone.name}, "
            f"which goes from {names[1]} to {names[-1]}"
        )
    first = names.index(unfreeze_from) if unfreeze_from else 0
    network.backbone.trainable = True
    for position, layer in enumerate(network.backbone.layers):
        normalises = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = position >= first and not (normalises and freeze_batch_norm)


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Build layers under a policy; `keras.applications` takes it only from the global setting."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _has_width(builder: Any) -> bool:
    return "alpha" in inspect.signature(builder).parameters


def _module_of(builder: Any) -> str:
    return str(inspect.unwrap(builder).__module__).rpartition(".")[2]


def _scale(image: Any, module: str, name: str = "scale") -> Any:
    """Scaling to the network's range, inside the model, so that its input is plain RGB."""
    layers, scaling = keras.layers, _SCALING[module]
    if scaling == "tf":
        return layers.Rescaling(1 / 127.5, -1.0, dtype="float32", name=name)(image)
    if scaling == "lite":
        return layers.Rescaling(1 / 128, -127 / 128, dtype="float32", name=name)(image)
    if scaling == "torch":
        return layers.Normalization(
            mean=[0.485 * 255, 0.456 * 255, 0.406 * 255],
            variance=[(0.229 * 255) ** 2, (0.224 * 255) ** 2, (0.225 * 255) ** 2],
            dtype="float32",
            name=name,
        )(image)
    if scaling == "caffe":
        bgr = keras.ops.flip(image, axis=-1)
        return layers.Rescaling(1.0, [-103.939, -116.779, -123.68], dtype="float32", name=name)(bgr)
    return image
