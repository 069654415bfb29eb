"""What the tests of training share: start weights, a small recipe, and one finished run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras  # before any test captures the error output, which TensorFlow writes notes to
import numpy as np
import pytest

from models.photos import scan_class_folders
from models.preprocess import load_photo
from training.flowers.network import build_network
from training.flowers.recipe import Augmentation, Recipe, Stage
from training.flowers.train import train


@dataclass(frozen=True)
class Trained:
    """A finished training."""

    out: Path
    recipe: Recipe
    summary: dict[str, Any]
    lines: list[str]


@pytest.fixture(scope="session")
def start_weights(drawn_flowers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `.npz` for MobileNet 0.25 at 64 pixels whose random features tell the drawn flowers apart.

    Depthwise kernels blur, and batch normalisation knows the photos, so that colour comes through.
    """
    keras.utils.set_random_seed(0)
    network = build_network(Recipe(width=0.25, image_size=64, weights="none"), 4)
    photos = scan_class_folders(drawn_flowers / "train")
    pixels = np.stack([load_photo(path, 64) for path in photos.paths]).astype(np.float32)
    layers = network.backbone.layers
    for layer in layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            layer.kernel.assign(np.full(layer.kernel.shape, 1 / 9))
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network.backbone(network.scale(pixels), training=True)
    path = tmp_path_factory.mktemp("weights") / "start.npz"
    arrays = {
        f"{layer.name}/{i}:{w.name}": w.numpy()
        for layer in layers
        for i, w in enumerate(layer.weights)
    }
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="session")
def small_recipe(start_weights: Path) -> Recipe:
    """Both stages on the drawn flowers, in seconds."""
    return Recipe(
        width=0.25,
        image_size=64,
        weights=str(start_weights),
        head=Stage(6, "adam", 0.01, batch_size=16),
        fine_tune=Stage(4, "adam", 0.001, schedule="cosine", warmup=0.1, batch_size=16, mixup=0.2),
        augmentation=Augmentation(erasing=0.5),
    )


@pytest.fixture(scope="session")
def trained(
    small_recipe: Recipe, drawn_flowers: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """One training from start to end, unbroken; read it, do not change it."""
    out, lines = tmp_path_factory.mktemp("runs") / "whole", list[str]()
    summary = train(drawn_flowers, small_recipe, out, say=lines.append)
    return Trained(out, small_recipe, summary, lines)
