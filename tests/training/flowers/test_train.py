"""A training from photos to model: what it learns, writes down, skips and refuses."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.errors import InputError
from models.metrics import score
from models.photos import scan_class_folders
from models.preprocess import load_photo
from tests.drawing import SPECIES
from tests.training.conftest import Trained
from training.flowers.recipe import Augmentation, Recipe, load_recipe
from training.flowers.train import train
from training.provenance import package_versions

ROOT = Path(__file__).parents[3]


def head_only(recipe: Recipe, **head: Any) -> Recipe:
    return replace(
        recipe, head=replace(recipe.head, **head), fine_tune=replace(recipe.fine_tune, epochs=0)
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def texts(value: Any) -> list[str]:
    """Every string in a JSON value, keys included."""
    if isinstance(value, dict):
        return [t for item in value.items() for part in item for t in texts(part)]
    if isinstance(value, list | tuple):
        return [t for part in value for t in texts(part)]
    return [value] if isinstance(value, str) else []


def test_it_learns_the_drawn_flowers(trained: Trained) -> None:
    scores = trained.summary["val"]
    assert scores["n"] == 40
    assert scores["top1"] > 0.5  # measured: 0.8; chance: 0.25
    history = trained.summary["history"]
    for stage in ("head", "fine_tune"):
        assert history[stage][-1]["loss"] < history[stage][0]["loss"]
        assert len(history[stage]) == getattr(trained.recipe, stage).epochs
    best = max(e["val_accuracy"] for e in history["fine_tune"])
    assert scores["top1"] == pytest.approx(best)


def test_the_saved_model_is_the_one_that_was_scored(trained: Trained, drawn_flowers: Path) -> None:
    labels = (trained.out / "labels.txt").read_text().splitlines()
    photos = scan_class_folders(drawn_flowers / "val", tuple(labels))
    pixels = np.stack([load_photo(path, 64) for path in photos.paths])
    model = keras.models.load_model(trained.out / "model.keras")
    assert model.input_shape == (None, 64, 64, 3)
    assert model.count_params() == trained.summary["parameters"]
    logits = np.asarray(model(pixels.astype(np.float32), training=False))
    assert asdict(score(logits, photos.targets)) == pytest.approx(trained.summary["val"], abs=1e-4)


def test_what_is_written_down(trained: Trained, drawn_flowers: Path, start_weights: Path) -> None:
    written = json.loads((trained.out / "training.json").read_text())
    assert written == json.loads(json.dumps(trained.summary))
    audit = json.loads((trained.out / "audit.json").read_text())
    recipe = written["recipe"]
    assert recipe.pop("weights_sha256")
    assert recipe == asdict(replace(trained.recipe, weights=start_weights.name))
    assert written["labels"] == sorted(SPECIES)
    assert written["data_sha256"] == audit["data_sha256"]
    for split in ("train", "val", "test"):
        expected = scan_class_folders(drawn_flowers / split).sha256
        assert written["data_sha256"][split] == expected
    assert written["versions"] == package_versions()
    assert {"python", "keras", "tensorflow", "numpy"} <= written["versions"].keys()
    assert written["backend"] == keras.backend.backend()
    commit = written["git_commit"].removesuffix("+dirty")
    assert len(commit) == (40 if (ROOT / ".git").exists() else 0)
    assert written["fresh_layers"] == []
    assert written["best_epoch"].keys() == written["history"].keys() == {"head", "fine_tune"}
    assert load_recipe(trained.out / "recipe.toml") == trained.recipe


def test_no_path_of_this_machine_is_written_down(
    trained: Trained, start_weights: Path, drawn_flowers: Path
) -> None:
    text = (trained.out / "training.json").read_text()
    for path in (start_weights.parent, drawn_flowers, trained.out, ROOT, Path.home()):
        assert f"{path}/" not in text
        assert f'{path}"' not in text
    assert [t for t in texts(json.loads(text)) if Path(t).is_absolute()] == []


@pytest.mark.parametrize("stage", ["head", "fine_tune"])
@pytest.mark.parametrize("split", ["train", "validation"])
def test_tensorboard_can_follow(stage: str, split: str, trained: Trained) -> None:
    logs = list((trained.out / "logs" / stage / split).glob("events.out.tfevents.*"))
    assert b"epoch_accuracy" in b"".join(path.read_bytes() for path in logs)


def test_a_finished_run_is_not_trained_again(trained: Trained, drawn_flowers: Path) -> None:
    before, lines = contents(trained.out), list[str]()
    again = train(drawn_flowers, trained.recipe, trained.out, say=lines.append)
    assert again == json.loads(json.dumps(trained.summary))
    assert lines[-1].endswith("already trained; nothing to do")
    assert contents(trained.out) == before


def test_another_recipe_or_data_is_refused(
    trained: Trained, drawn_flowers: Path, tmp_path: Path
) -> None:
    before = contents(trained.out)
    data = shutil.copytree(drawn_flowers, tmp_path / "data")
    (data / "val" / "daisy" / "000.png").unlink()
    other = replace(trained.recipe, dropout=0.3)
    for folder, recipe in ((drawn_flowers, other), (data, trained.recipe)):
        with pytest.raises(InputError, match="another recipe or data; choose another --out"):
            train(folder, recipe, trained.out, say=lambda line: None)
        assert contents(trained.out) == before


def test_early_stopping_keeps_the_best_epoch(
    small_recipe: Recipe, drawn_flowers: Path, tmp_path: Path
) -> None:
    lines: list[str] = []
    recipe = head_only(small_recipe, epochs=80, learning_rate=0.03, patience=2)
    summary = train(drawn_flowers, recipe, tmp_path / "run", say=lines.append)
    history, best = summary["history"]["head"], summary["best_epoch"]["head"]
    assert len(history) == best + 2 < 80
    assert "head: stopped, no better for 2 epochs" in lines
    assert "fine_tune: skipped" in lines
    assert summary["val"]["top1"] == pytest.approx(history[best - 1]["val_accuracy"])
    assert all(e["val_accuracy"] <= history[best - 1]["val_accuracy"] for e in history)


def test_labels_are_smoothed_as_the_recipe_says(
    small_recipe: Recipe, drawn_flowers: Path, trained: Trained, tmp_path: Path
) -> None:
    """No network falls below the entropy of a smoothed label; less smoothed, this one does."""
    right, wrong = 0.5 + 0.5 / 4, 0.5 / 4
    entropy = -right * math.log(right) - 3 * wrong * math.log(wrong)
    recipe = head_only(small_recipe, label_smoothing=0.5)
    summary = train(drawn_flowers, recipe, tmp_path / "run", say=lambda line: None)
    history = summary["history"]["head"]
    assert min(e[k] for e in history for k in ("loss", "val_loss")) > entropy - 1e-4
    assert trained.summary["history"]["head"][-1]["loss"] < entropy - 0.1


def test_from_nothing_in_mixed_precision(drawn_flowers: Path, tmp_path: Path) -> None:
    """No features to train a head on, nothing folded to unfold, no augmentation at all, and no
    statistics to be kept."""
    lines: list[str] = []
    recipe = Recipe(
        width=0.25,
        image_size=64,
        weights="none",
        mixed_precision=True,
        augmentation=Augmentation(False, 0, 0, 0, 0, 0, 0),
    )
    recipe = replace(recipe, fine_tune=replace(recipe.fine_tune, epochs=1))
    summary = train(drawn_flowers, recipe, tmp_path / "run", say=lines.append)
    assert "head: skipped (no start weights)" in lines
    assert not any("unfolding" in line for line in lines)
    assert summary["history"].keys() == {"head", "fine_tune"}
    assert summary["history"]["head"] == []
    model = keras.models.load_model(tmp_path / "run" / "model.keras")
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    first = next(x for x in model.layers if isinstance(x, keras.Model)).get_layer("conv1_bn")
    assert not np.allclose(first.moving_mean, 0), "its statistics are learned, since it had none"
    assert math.isfinite(summary["history"]["fine_tune"][0]["val_loss"])


def test_folded_start_weights_are_unfolded(
    start_weights: Path, small_recipe: Recipe, drawn_flowers: Path, tmp_path: Path
) -> None:
    """And a layer that the weights lack starts fresh, which is told."""
    with np.load(start_weights) as archive:
        arrays = {key: archive[key] for key in archive.files if not key.startswith("conv_pw_13/")}
    neutral = {"gamma": 1, "beta": 0, "moving_mean": 0, "moving_variance": 1}
    for key, array in arrays.items():
        name = key.rpartition(":")[2]
        if name in neutral:
            arrays[key] = np.full_like(array, neutral[name])
    folded = tmp_path / "folded.npz"
    np.savez(folded, **arrays)
    recipe = replace(
        small_recipe,
        weights=str(folded),
        freeze_batch_norm=False,
        unfreeze_from="conv_pw_12",
        head=replace(small_recipe.head, epochs=0),
        fine_tune=replace(small_recipe.fine_tune, epochs=1),
    )
    lines: list[str] = []
    summary = train(drawn_flowers, recipe, tmp_path / "run", say=lines.append)
    assert "start fresh, not in " + f"{folded}: conv_pw_13, conv_pw_13_bn" in lines
    assert summary["fresh_layers"] == ("conv_pw_13", "conv_pw_13_bn")
    assert any("unfolding" in line for line in lines)
    model = keras.models.load_model(tmp_path / "run" / "model.keras")
    first = next(x for x in model.layers if isinstance(x, keras.Model)).get_layer("conv1_bn")
    assert np.allclose(first.moving_variance, 1 - first.epsilon)  # unfolded, and not trained
    assert not np.allclose(first.gamma, 1, atol=0.01)


@pytest.mark.parametrize(
    "kept", ["cache/train-*.npy", "cache/features-train-*/*.npy", "checkpoint/*.weights.h5"]
)
def test_what_was_kept_and_is_damaged_is_named(
    kept: str, trained: Trained, drawn_flowers: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(trained.out, tmp_path / "run")
    (out / "training.json").unlink()
    file = min(out.glob(kept))
    file.write_bytes(file.read_bytes()[:1000])
    if "features" in kept:  # only looked at while the head is not done
        shutil.rmtree(out / "checkpoint")
    with pytest.raises(InputError, match=rf"^{file}: damaged \(.+\); remove \S+, and \D+$"):
        train(drawn_flowers, trained.recipe, out, say=lambda line: None)


def test_unreadable_photos_stop_it_unless_allowed(
    small_recipe: Recipe, drawn_flowers: Path, tmp_path: Path
) -> None:
    data, out = shutil.copytree(drawn_flowers, tmp_path / "data"), tmp_path / "run"
    for name in ("train/daisy/note.jpg", "val/poppy/note.jpg"):
        (data / name).write_text("roses are red")
    recipe = head_only(small_recipe, epochs=1)
    with pytest.raises(InputError, match=r"2 unreadable, first train/daisy/note\.jpg"):
        train(data, recipe, out, say=lambda line: None)
    assert [path.name for path in out.iterdir()] == ["audit.json"]
    lines: list[str] = []
    summary = train(data, recipe, out, allow_unreadable=True, say=lines.append)
    assert f"going on without 2 unreadable, which {out / 'audit.json'} lists" in lines
    assert summary["val"]["n"] == 40
    listed = json.loads((out / "audit.json").read_text())["unreadable"]
    assert [name for name, _ in listed] == ["train/daisy/note.jpg", "val/poppy/note.jpg"]
