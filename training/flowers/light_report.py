"""The page on changing light: runs that differ only in stem and colour augmentation, compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.files import read_bytes, read_record, reading_back, write_text, writing_to
from models.photos import LabelledPhotos, scan_class_folders
from models.preprocess import load_photos
from models.progress import track
from training.flowers.figures import draw_light
from training.flowers.light import ALL, predictions
from training.flowers.light_page import PICTURE, Arm, page
from training.flowers.recipe import Recipe
from training.flowers.stem import coefficients
from training.recipe import with_values

MODEL, PAGE, SCORED = "model.keras", "flowers-light.md", "light.npz"


def write_report(folders: Sequence[Path], data: Path, out: Path) -> list[Arm]:
    """Score runs under changed light, what is kept beside each not twice, and write the page.

    Args:
        folders: Finished runs of `bombus train flowers`.
        data: Folder with `test/`, which nothing was chosen on.
        out: Folder of `flowers-light.md` and its picture.

    Raises:
        InputError: A folder is no finished run, the runs differ in more than stem and colour
            augmentation, or there are none to compare.
    """
    opened = [_open(folder) for folder in folders]
    _require_comparable(opened)
    labels = tuple(opened[0][2]["labels"])
    photos = scan_class_folders(data / "test", labels)
    arms = [_arm(*run, photos) for run in opened]
    with writing_to(out / PICTURE) as path:
        draw_light({arm.name: 100 * arm.right.mean(axis=1) for arm in arms}, ALL, path)
    write_text(out / PAGE, page(arms, photos))
    return arms


def _open(folder: Path) -> tuple[Path, Recipe, dict[str, Any]]:
    path = folder / "training.json"
    if not path.exists():
        raise InputError(f"{folder}: no finished run; train it with bombus train flowers")
    summary = read_record(path, "recipe", "val", "parameters", "best_epoch", remedy="train it anew")
    values = {k: v for k, v in summary["recipe"].items() if k != "weights_sha256"}
    return folder, with_values(Recipe(), values, str(folder)), summary


def _require_comparable(opened: Sequence[tuple[Path, Recipe, dict[str, Any]]]) -> None:
    first_folder, first, first_summary = opened[0]
    for folder, recipe, summary in opened:
        ours, theirs = _shared(recipe), _shared(first)
        unlike = [key for key in ours if ours[key] != theirs[key]]
        for what in ("data_sha256", "weights_sha256"):
            if _record(summary, what) != _record(first_summary, what):
                unlike.append(what)
        if unlike:
            raise InputError(
                f"{folder}: differs from {first_folder} in {', '.join(unlike)}; runs to compare "
                "may differ only in stem, gamma and cast"
            )
    if len({recipe.stem == "none" for _, recipe, _ in opened}) < 2:
        raise InputError("nothing to compare; give runs with a stem and runs without one")


def _record(summary: dict[str, Any], what: str) -> Any:
    return (summary | summary["recipe"]).get(what)


def _shared(recipe: Recipe) -> dict[str, Any]:
    """What all runs must agree in."""
    values = {key: value for key, value in asdict(recipe).items() if key != "stem"}
    values["augmentation"] = values["augmentation"] | {"gamma": 0.0, "cast": 0.0}
    return values


def _arm(folder: Path, recipe: Recipe, summary: dict[str, Any], photos: LabelledPhotos) -> Arm:
    right = _scored(folder, recipe, photos) == photos.targets
    if recipe.stem == "none":
        return Arm(folder, recipe, summary, right)
    return Arm(folder, recipe, summary, right, coefficients(_load(folder)))


def _load(folder: Path) -> keras.Model:
    return keras.saving.load_model(folder / MODEL, compile=False, safe_mode=True)


def _scored(folder: Path, recipe: Recipe, photos: LabelledPhotos) -> NDArray[np.int16]:
    """Predictions [1 + C, N] of a run's model on the test photos, kept beside it."""
    path = folder / SCORED
    scored_of = json.dumps([asdict(change) for change in ALL]) + photos.sha256
    key = hashlib.sha256(read_bytes(folder / MODEL) + scored_of.encode()).hexdigest()
    if path.exists():
        with reading_back(path), np.load(path, allow_pickle=False) as kept:
            if str(kept["key"]) == key:
                return np.asarray(kept["predictions"])
    model = _load(folder)
    pixels = load_photos(photos.paths, recipe.image_size, "read test photos")
    changes = track(ALL, len(ALL), f"scoring {folder.name}")
    found = np.concatenate([predictions(model, pixels, [change]) for change in changes])
    with writing_to(path) as temporary, temporary.open("wb") as file:
        np.savez(file, key=key, predictions=found)
    return found
