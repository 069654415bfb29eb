"""Fine-tuning on kept views: the halves are the network, views differ, a resumed run repeats."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from training.flowers.network import build_network, set_fine_tuning
from training.flowers.recipe import Augmentation, Recipe
from training.flowers.train import train
from training.flowers.views import halve, view

FIRST = "conv_pad_12"
PIXELS = np.random.default_rng(0).integers(0, 256, (12, 64, 64, 3), np.uint8)
SMALL = Recipe(width=0.25, image_size=64, weights="none", unfreeze_from=FIRST, views=2)


def test_the_halves_make_the_network() -> None:
    network = build_network(SMALL, 4)
    set_fine_tuning(network, FIRST, False)
    halves = halve(network, FIRST)
    photos = PIXELS.astype(np.float32)
    between = halves.frozen.predict(photos, verbose=0)
    assert between.shape == (12, 4, 4, 128)
    whole = network.model.predict(photos, verbose=0)
    assert np.allclose(halves.learning.predict(between, verbose=0), whole, atol=1e-5)
    assert not halves.frozen.trainable_variables
    kept = {id(v) for v in halves.learning.trainable_variables}
    assert kept == {id(v) for v in network.model.trainable_variables}


@pytest.mark.parametrize(
    ("backbone", "first"),
    [("DenseNet121", "conv5_block1_0_bn"), ("Xception", "block13_sepconv1_act")],
)
def test_blocks_with_a_way_around_them_are_cut_in_front(backbone: str, first: str) -> None:
    network = build_network(Recipe(backbone=backbone, image_size=96, weights="none"), 4)
    halves = halve(network, first)
    photos = np.zeros((1, 96, 96, 3), np.float32)
    whole = np.asarray(network.model(photos))
    assert np.allclose(halves.learning(halves.frozen(photos)), whole, atol=1e-5)


def test_where_several_tensors_cross_is_refused() -> None:
    recipe = Recipe(backbone="DenseNet121", image_size=64, weights="none")
    network = build_network(recipe, 4)
    with pytest.raises(InputError, match="2 cross in front of conv5_block2_1_relu"):
        halve(network, "conv5_block2_1_relu")


def test_each_view_is_another_and_comes_again(tmp_path: Path) -> None:
    network = build_network(SMALL, 4)
    frozen = halve(network, "conv_pad_2").frozen
    views = [view(frozen, SMALL, PIXELS, epoch, cache=tmp_path / "a", key="") for epoch in range(3)]
    assert np.array_equal(views[0], views[2])
    assert not np.array_equal(views[0], views[1])
    again = view(frozen, SMALL, PIXELS, 1, cache=tmp_path / "b", key="")
    assert np.array_equal(views[1], again)
    still = replace(SMALL, augmentation=Augmentation(False, 0, 0, 0, 0, 0, 0))
    plain = view(frozen, still, PIXELS, 0, cache=tmp_path / "c", key="")
    photos = PIXELS.astype(np.float32)
    assert np.allclose(plain, frozen.predict(photos, verbose=0), atol=2e-2)  # their order is kept


def test_it_learns_and_a_resumed_run_repeats(
    small_recipe: Recipe, drawn_flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.flowers.features.CHUNK", 64)
    tuning = replace(small_recipe.fine_tune, epochs=3)
    recipe = replace(small_recipe, unfreeze_from=FIRST, views=2, fine_tune=tuning)
    out = tmp_path / "run"
    whole = train(drawn_flowers, recipe, out, say=lambda line: None)
    history = whole["history"]["fine_tune"]
    assert history[-1]["loss"] < history[0]["loss"]
    assert whole["val"]["top1"] > 0.35  # measured: 0.5; chance: 0.25
    broken = tmp_path / "broken"

    class Killed(Exception):
        pass

    def stop_after_the_first_epoch(line: str) -> None:
        if line.startswith("fine_tune 1/3"):
            raise Killed

    with pytest.raises(Killed):
        train(drawn_flowers, recipe, broken, say=stop_after_the_first_epoch)
    (chunk,) = (out / "cache").glob("features-view-*-1/0000064.npy")
    shutil.copytree(chunk.parent, broken / "cache" / chunk.parent.name)
    (broken / "cache" / chunk.parent.name / chunk.name).unlink()  # killed in the midst of a view
    again = train(drawn_flowers, recipe, broken, say=lambda line: None)
    for first, second in zip(history, again["history"]["fine_tune"], strict=True):
        assert second["val_loss"] == first["val_loss"]
    assert again["val"] == whole["val"]


@pytest.mark.parametrize(
    "values",
    [{"unfreeze_from": ""}, {"views": 65}, {"distill": replace(SMALL.distill, teacher="t")}],
)
def test_what_has_no_views_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"recipe: (unfreeze_from|views|distill\.teacher)"):
        replace(SMALL, **values)  # type: ignore[arg-type]
