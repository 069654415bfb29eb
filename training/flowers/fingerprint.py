"""What decides a run, and what decides its features: hashes of it tell whether work is done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
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


def features_key(recipe: Recipe, data_sha256: Mapping[str, str]) -> str:
    """Twelve digits that change with what decides the features of a recipe's frozen trunk.

    Args:
        recipe: Of it counts what builds the trunk; the seed too, since layers may start fresh.
        data_sha256: Of each split.
    """
    parts = ("backbone", "width", "image_size", "stem", "pooling", "mixed_precision", "seed")
    values = {key: getattr(recipe, key) for key in parts} | weights_record(recipe.weights)
    text = json.dumps([values, dict(data_sha256)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
