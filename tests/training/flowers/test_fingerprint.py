"""Fingerprints: what decides features, and what decides a run beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training.flowers.fingerprint import decisions, features_key, views_key
from training.flowers.recipe import Recipe
from training.recipe import with_values

DATA = {"train": "a", "val": "b"}


def with_weights(path: Path, content: bytes) -> Recipe:
    path.write_bytes(content)
    return Recipe(weights=str(path))


@pytest.mark.parametrize(
    "changes",
    [{"head": {"optimizer": "sgd"}}, {"fine_tune": {"epochs": 3}}, {"dropout": 0.5}],
    ids=str,
)
def test_runs_that_learn_otherwise_share_features(changes: dict[str, Any]) -> None:
    changed = with_values(Recipe(), changes, "test")
    assert features_key(changed, DATA) == features_key(Recipe(), DATA)
    assert decisions(changed) != decisions(Recipe())


@pytest.mark.parametrize(
    "changes",
    [{"backbone": "VGG16"}, {"image_size": 96}, {"pooling": "flatten"}, {"seed": 1}],
    ids=str,
)
def test_another_trunk_has_other_features(changes: dict[str, Any]) -> None:
    changed = with_values(Recipe(), changes, "test")
    assert features_key(changed, DATA) != features_key(Recipe(), DATA)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"augmentation": {"noise": 0.1}}, False),
        ({"unfreeze_from": "conv_pad_6"}, False),
        ({"freeze_batch_norm": False}, False),
        ({"seed": 1}, False),
        ({"fine_tune": {"optimizer": "adam"}}, True),
        ({"views": 4}, True),
        ({"pooling": "flatten"}, True),
    ],
    ids=str,
)
def test_views_are_shared_where_the_frozen_half_and_the_photos_are(
    changes: dict[str, Any], same: bool
) -> None:
    before = with_values(Recipe(), {"views": 2, "unfreeze_from": "conv_pad_12"}, "test")
    after = with_values(before, changes, "test")
    assert (views_key(after, DATA) == views_key(before, DATA)) == same
    assert views_key(after, DATA | {"val": "c"}) != views_key(after, DATA)


def test_files_count_by_their_content(tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    recipes = [with_weights(tmp_path / name, b"1") for name in ("w.npz", "moved/w.npz")]
    assert decisions(recipes[0]) == decisions(recipes[1])
    assert features_key(recipes[0], DATA) == features_key(recipes[1], DATA)
    before = features_key(recipes[0], DATA)
    assert features_key(with_weights(tmp_path / "w.npz", b"2"), DATA) != before
    assert features_key(recipes[1], DATA | {"val": "c"}) != before
