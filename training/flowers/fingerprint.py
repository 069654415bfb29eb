"""What decides a run, and what decides its features: hashes of it tell whether work is done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from training.flowers.distill import teacher_record, without_path
from training.flowers.recipe import Recipe, identity
from training.flowers.weights import weights_record


def decisions(recipe: Recipe) -> dict[str, Any]:
    """All that a recipe decides, with the content of the files that it names, for fingerprints.

    Raises:
        InputError: One of them cannot be read.
    """
    record = weights_record(recipe.weights) | teacher_record(recipe)
    return identity(without_path(recipe)) | record


# What builds the backbone; the seed too, since layers may start fresh.
_BACKBONE = ("backbone", "width", "image_size", "stem", "mixed_precision", "seed")


def features_key(recipe: Recipe, data_sha256: Mapping[str, str]) -> str:
    """Twelve digits that change with what decides the features of a recipe's frozen trunk.

    Args:
        recipe: Of it counts what builds the trunk.
        data_sha256: Of each split.
    """
    return _key(recipe, (*_BACKBONE, "pooling"), data_sha256)


def views_key(recipe: Recipe, data_sha256: Mapping[str, str]) -> str:
    """The same for the views of photos that `training.flowers.views` keeps, before any pooling."""
    parts = (*_BACKBONE, "unfreeze_from", "freeze_batch_norm", "augmentation")
    return _key(recipe, parts, data_sha256)


def _key(recipe: Recipe, parts: Sequence[str], data_sha256: Mapping[str, str]) -> str:
    every = asdict(recipe)
    values = {key: every[key] for key in parts} | weights_record(recipe.weights)
    text = json.dumps([values, dict(data_sha256)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
