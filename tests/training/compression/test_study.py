"""The study and the commands on drawn flowers: every method, resumed, reported; one alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from models.photos import scan_class_folders
from models.preprocess import load_photos

Bombus = Callable[..., tuple[int, str, str]]
SIZE = 32
RECIPE = """\
image_size = {size}
start = 0
fractions = [0.5]
seeds = 1
[compression]
multiple = 2
calibration = 64
[compression.training]
photos = 320
batch = 16
learning_rate = 0.003
"""


@pytest.fixture(scope="module")
def classifier(drawn_flowers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained network with chains of layers to narrow."""
    photos = scan_class_folders(drawn_flowers / "train")
    x = load_photos(photos.paths, SIZE).astype(np.float32)
    keras.utils.set_random_seed(0)
    image = keras.Input((SIZE, SIZE, 3), name="image")
    y = layers.Rescaling(1 / 127.5, -1.0)(image)
    for i, width in enumerate((16, 24, 32)):
        if i:
            y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
            y = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.8)(y))
        y = layers.Conv2D(width, 1 if i else 3, strides=1 if i else 2, use_bias=False)(y)
        y = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.8)(y))
    y = layers.Dense(len(photos.labels))(layers.GlobalAveragePooling2D()(y))
    model = keras.Model(image, y)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss)
    model.fit(x, photos.targets, epochs=15, batch_size=16, verbose=0)
    path = tmp_path_factory.mktemp("narrow") / "model.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def finished(
    classifier: Path, drawn_flowers: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A recipe and the run folder of its finished study."""
    from bombus import run

    folder = tmp_path_factory.mktemp("study")
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(size=SIZE))
    arguments = ["--data", drawn_flowers, "--out", folder / "run", "--recipe", recipe]
    command = ["train", "compression-study", classifier, *arguments]
    assert run([str(word) for word in command]) == 0
    return recipe, folder / "run"


def cells(run: Path) -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in (run / "cells").glob("*.json")}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_method_meets_the_budget_and_learns(finished: tuple[Path, Path]) -> None:
    made = cells(finished[1])
    assert sorted(made) == [f"{m}-0.5-0" for m in ("convex", "refit", "uniform", "width")]
    for cell in made.values():
        assert 0.3 < cell["share"] <= 0.5
        assert cell["val_after"] > 0.5  # of four classes
        assert all(width % 2 == 0 for width in cell["widths"].values())
        assert {"commit", "packages", "cpu_seconds"} <= cell.keys()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_is_done_is_not_done_again_and_another_recipe_is_refused(
    finished: tuple[Path, Path], classifier: Path, drawn_flowers: Path, bombus: Bombus,
    tmp_path: Path,
) -> None:  # fmt: skip
    recipe, run = finished
    command = ("train", "compression-study", classifier, "--data", drawn_flowers, "--out", run)
    removed = run / "cells" / "uniform-0.5-0.json"
    before = json.loads(removed.read_text())
    removed.unlink()
    code, out, _ = bombus(*command, "--recipe", recipe, "--json")
    assert (code, json.loads(out)) == (0, {"cells": 4, "run": 1})
    again = json.loads(removed.read_text())
    assert {k: again[k] for k in ("widths", "val_before", "val_after")} == {
        k: before[k] for k in ("widths", "val_before", "val_after")
    }
    other = tmp_path / "other.toml"
    other.write_text(recipe.read_text().replace("[0.5]", "[0.6]"))
    code, _, err = bombus(*command, "--recipe", other)
    assert code == 2
    assert "another recipe or data" in err


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_report_has_every_figure(
    finished: tuple[Path, Path], drawn_flowers: Path, bombus: Bombus, tmp_path: Path
) -> None:
    _, run = finished
    report = ("train", "compression-report", run, "--data", drawn_flowers, "--out", tmp_path)
    code, out, _ = bombus(*report, "--json")
    assert code == 0
    top1 = json.loads(out)
    page = (tmp_path / "compression.md").read_text()
    assert (tmp_path / "compression.png").read_bytes().startswith(b"\x89PNG")
    photos = scan_class_folders(drawn_flowers / "test")
    pixels = load_photos(photos.paths, SIZE).astype(np.float32)
    for method in ("uniform", "width", "refit", "convex"):
        model = keras.models.load_model(run / "cells" / f"{method}-0.5-0.keras", compile=False)
        right = np.asarray(model(pixels)).argmax(axis=1) == photos.targets
        assert top1[method]["0.5"] == pytest.approx(right.mean())
        assert f"{100 * right.mean():.2f}" in page
    assert "learned widths lie above uniform width at" in page


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_one_model_alone(
    classifier: Path, drawn_flowers: Path, bombus: Bombus, tmp_path: Path
) -> None:
    command = ("train", "compress", classifier, "--data", drawn_flowers, "--macs", "0.6")
    code, out, _ = bombus(*command, "--photos", "0", "--out", tmp_path / "less", "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["method"] == "convex"
    assert facts["share"] <= 0.6
    assert facts["val_before"] == facts["val_after"]
    model = keras.models.load_model(tmp_path / "less" / "model.keras", compile=False)
    assert model.count_params() == facts["parameters"]
    assert (tmp_path / "less" / "labels.txt").read_text().count("\n") == 4
    code, _, err = bombus(*command, "--photos", "0", "--out", tmp_path / "less")
    assert (code, "--force" in err) == (2, True)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--macs", "1.5"), "between 0 and 1"),
        (("--macs", "0.5", "--method", "magic"), "one of uniform, width, refit, convex"),
        (("--macs", "0.5", "--method", "width", "--photos", "0"), "give more photos"),
    ],
)
def test_what_is_asked_wrongly_is_said(
    options: tuple[str, ...], what: str, bombus: Bombus, tmp_path: Path
) -> None:
    folders = ("--data", tmp_path, "--out", tmp_path / "x")
    code, _, err = bombus("train", "compress", tmp_path / "model.keras", *folders, *options)
    assert code == 2
    assert what in err
