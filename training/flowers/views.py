"""Fine-tuning the last layers on what the frozen ones make of a few views of each photo.

On a computer without an accelerator most of an epoch goes to layers that do not learn, which see
every photo anew. Here they see so many augmented views of each photo once, and what they make of
them is kept; epochs take the views in turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from training.flowers.augment import build_augmentation, reseed
from training.flowers.features import cached_features
from training.flowers.network import Network
from training.flowers.recipe import Recipe


@dataclass(frozen=True)
class Halves:
    """A network at the layer that fine-tuning begins with.

    Attributes:
        frozen: [B, S, S, 3] 0..255 -> what the first layer that learns takes, [B, ...].
        learning: That -> logits [B, K]; shares its weights with the network.
    """

    frozen: keras.Model
    learning: keras.Model


def halve(network: Network, first: str) -> Halves:
    """Cut a network before a layer of its backbone.

    Args:
        network: Is left as it is.
        first: The layer, by name.

    Raises:
        InputError: More than one tensor crosses there, or the layer is the backbone's input.
    """
    layers = network.backbone.layers
    place = [layer.name for layer in layers].index(first)
    before = {id(t) for layer in layers[:place] for t in _made(layer)}
    read = [
        t for layer in layers[place:] for node in layer._inbound_nodes for t in node.input_tensors
    ]
    crossing = {id(t): t for t in read if id(t) in before}
    if len(crossing) != 1:
        raise InputError(
            f"views need one tensor to keep, but {len(crossing)} cross in front of {first}; "
            "unfreeze from the first layer of a block"
        )
    (cut,) = crossing.values()
    photos = keras.Input(network.scale.input_shape[1:], name="image")
    front = keras.Model(network.backbone.input, cut)
    kept = keras.Input(cut.shape[1:], name="kept")
    maps = keras.Model(cut, network.backbone.output)(kept)
    logits = network.head(network.model.get_layer("pool")(maps))
    return Halves(
        keras.Model(photos, front(network.scale(photos)), name="frozen"),
        keras.Model(kept, logits, name="learning"),
    )


def _made(layer: keras.layers.Layer) -> list[keras.KerasTensor]:
    return [t for node in layer._inbound_nodes for t in node.output_tensors]


class AsInTraining(keras.layers.Layer):  # type: ignore[misc]
    """Runs a layer as training would, wherever it stands."""

    def __init__(self, layer: keras.layers.Layer) -> None:
        super().__init__(dtype="float32")
        self.layer = layer

    def call(self, photos: Any) -> Any:
        """What the layer makes of them."""
        return self.layer(photos, training=True)


def view(
    frozen: keras.Model,
    recipe: Recipe,
    pixels: NDArray[np.uint8],
    epoch: int,
    *,
    cache: Path,
    key: str,
) -> NDArray[np.float16]:
    """What the frozen half makes of the view of each photo that an epoch learns from.

    Args:
        frozen: Of `Halves`.
        recipe: Of it count augmentation, views, image size and seed.
        pixels: [N, S, S, 3] uint8.
        epoch: From 0.
        cache: Folder.
        key: Must change with the photos, the frozen weights and what counts of the recipe.

    Returns:
        [N, ...] float16.
    """
    number, size = epoch % recipe.views, recipe.image_size
    photos = keras.Input((size, size, 3))
    augmented = AsInTraining(build_augmentation(recipe.augmentation, size, 0))(photos)
    model = keras.Model(photos, frozen(augmented))
    seed = (recipe.seed, number)
    return cached_features(
        model,
        pixels,
        cache,
        f"view-{key}-{number}",
        order=np.random.default_rng(seed).permutation(len(pixels)),  # harms go by the place
        begin=lambda start: reseed(model, (*seed, start)),
    )
