"""A soup: averaged weights, statistics measured anew, and never worse on val than its best run."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from models.errors import InputError
from models.photos import scan_class_folders
from models.preprocess import load_photos
from tests.training.conftest import Trained
from training.flowers.recipe import Recipe
from training.flowers.soup import make_soup, measure_batch_norm
from training.flowers.train import train


@pytest.fixture(scope="module")
def two_runs(
    trained: Trained,
    drawn_flowers: Path,
    small_recipe: Recipe,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Path]:
    """Two runs from one start that saw their photos in other orders."""
    second = tmp_path_factory.mktemp("second") / "run"
    stage = replace(small_recipe.fine_tune, mixup=0.0)
    train(drawn_flowers, replace(small_recipe, fine_tune=stage), second, say=lambda line: None)
    return trained.out, second


def test_a_soup_is_a_run(two_runs: tuple[Path, Path], drawn_flowers: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    out = tmp_path / "soup"
    summary = make_soup(drawn_flowers, two_runs, out, say=lines.append)
    runs = [json.loads((run / "training.json").read_text()) for run in two_runs]
    assert summary == json.loads((out / "training.json").read_text())
    assert summary["val"]["top1"] >= max(run["val"]["top1"] for run in runs) - 1e-9
    assert 1 <= len(summary["soup"]) <= 2
    assert summary["labels"] == (out / "labels.txt").read_text().split()
    photos = scan_class_folders(drawn_flowers / "val", tuple(summary["labels"]))
    model = keras.saving.load_model(out / "model.keras", compile=False)
    answers = model.predict(load_photos(photos.paths, 64), verbose=0).argmax(axis=1)
    assert (answers == photos.targets).mean() == pytest.approx(summary["val"]["top1"])
    assert "model.keras" in lines[-1]


def test_a_soup_of_one_run_twice_is_that_run(
    two_runs: tuple[Path, Path], drawn_flowers: Path, tmp_path: Path
) -> None:
    make_soup(drawn_flowers, [two_runs[0]] * 2, tmp_path / "soup", say=lambda line: None)
    one, soup = (
        keras.saving.load_model(folder / "model.keras", compile=False)
        for folder in (two_runs[0], tmp_path / "soup")
    )
    for before, after in zip(one.trainable_variables, soup.trainable_variables, strict=True):
        np.testing.assert_allclose(before, after, atol=1e-6)


def test_statistics_are_those_of_the_photos() -> None:
    keras.utils.set_random_seed(0)
    norm = keras.layers.BatchNormalization(momentum=0.9)
    model = keras.Sequential([keras.Input((4, 4, 3)), norm])
    photos = np.random.default_rng(0).integers(0, 256, (128, 4, 4, 3)).astype(np.uint8)
    measure_batch_norm(model, photos)
    np.testing.assert_allclose(norm.moving_mean, photos.mean((0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(norm.moving_variance, photos.var((0, 1, 2)), rtol=0.05)
    assert norm.momentum == 0.9


@pytest.mark.parametrize("what", ["one run", "other labels", "other network", "no model", "no run"])
def test_runs_that_do_not_fit(
    what: str, two_runs: tuple[Path, Path], drawn_flowers: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(two_runs[1], other, ignore=shutil.ignore_patterns("cache", "checkpoint"))
    runs = [two_runs[0], other]
    match what:
        case "one run":
            runs.pop()
        case "other labels":
            summary = json.loads((other / "training.json").read_text())
            summary["labels"].reverse()
            (other / "training.json").write_text(json.dumps(summary))
        case "other network":
            network = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Flatten()])
            network.save(other / "model.keras")
        case "no model":
            (other / "model.keras").write_bytes(b"x")
        case "no run":
            shutil.rmtree(other)
    with pytest.raises(InputError) as caught:
        make_soup(drawn_flowers, runs, tmp_path / "soup", say=lambda line: None)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "soup").exists()
