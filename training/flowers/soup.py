"""Average the weights of runs that began alike (a model soup; Wortsman et al., arXiv 2203.05482).

Runs that fine-tune the same start lie in one basin, and the middle of it is often better than any
of them, at the size and speed of one. The best run by validation comes first; each further one
stays if the average with it is no worse (the paper's greedy soup).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.errors import InputError, reason
from models.files import refuse_existing, write_text, writing_to
from models.metrics import Scores, score
from models.photos import read_bytes, scan_class_folders
from models.preprocess import load_photos
from training.provenance import git_commit, package_versions

BATCH = 64
STATISTICS_PHOTOS = 2048  # that batch normalisation is measured on anew


@dataclass(frozen=True)
class Ingredient:
    """A finished run: its `training.json`, its model, and its weights."""

    folder: Path
    summary: dict[str, Any]
    model: keras.Model
    weights: list[NDArray[np.float32]]


def make_soup(
    data: Path, runs: Sequence[Path], out: Path, *, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Average runs and write the result as a run of its own.

    Args:
        data: The folder with `train/` and `val/` that the runs were trained on.
        runs: Folders of finished runs: the same network, labels and data.
        out: Receives `model.keras`, `labels.txt` and `training.json`.
        say: Receives one line of progress at a time.

    Returns:
        The content of `training.json`.

    Raises:
        InputError: Runs that do not fit together, or `out` exists.
    """
    refuse_existing(out, False)
    ingredients = [_read(folder) for folder in runs]
    _check_alike(ingredients)
    first = ingredients[0]
    labels, size = tuple(first.summary["labels"]), int(first.model.input.shape[1])
    val = scan_class_folders(data / "val", labels)
    val_x = load_photos(val.paths, size, "read val photos")
    some = scan_class_folders(data / "train", labels).stratified(STATISTICS_PHOTOS)
    some_x = load_photos(some.paths, size, "read train photos")
    model = first.model

    def scored(members: Sequence[Ingredient]) -> Scores:
        _pour(model, members, some_x)
        return score(model.predict(val_x, batch_size=BATCH, verbose=0), val.targets)

    alone = [(scored([i]), i) for i in ingredients]
    for scores, ingredient in alone:
        say(f"{ingredient.folder}: val top-1 {scores.top1:.4f}")
    alone.sort(key=lambda pair: -pair[0].top1)
    best, soup = alone[0][0], [alone[0][1]]
    for _, ingredient in alone[1:]:
        scores = scored([*soup, ingredient])
        say(f"with {ingredient.folder}: val top-1 {scores.top1:.4f}")
        if scores.top1 >= best.top1:
            best, soup = scores, [*soup, ingredient]
    _pour(model, soup, some_x)
    summary = soup[0].summary | {
        "versions": package_versions(),
        "git_commit": git_commit(),
        "val": asdict(best),
        "soup": [
            {key: i.summary[key] for key in ("recipe", "val", "git_commit", "seconds")}
            for i in soup
        ],
    }
    _write(out, model, summary, labels)
    say(
        f"val top-1 {best.top1:.4f} [{best.top1_low:.4f}, {best.top1_high:.4f}] "
        f"on {best.n} photos, {len(soup)} of {len(runs)} runs -> {out / 'model.keras'}"
    )
    return summary


def _read(folder: Path) -> Ingredient:
    try:
        summary = json.loads(read_bytes(folder / "training.json"))
    except ValueError as error:
        raise InputError(
            f"{folder}: training.json is not JSON ({error}); train it again"
        ) from error
    try:
        model = keras.saving.load_model(folder / "model.keras", compile=False, safe_mode=True)
    except Exception as error:  # a damaged archive fails in many ways
        raise InputError(f"{folder}: model.keras cannot be loaded ({reason(error)})") from error
    return Ingredient(folder, summary, model, model.get_weights())


def _check_alike(ingredients: Sequence[Ingredient]) -> None:
    if len(ingredients) < 2:
        raise InputError(f"{len(ingredients)} run; a soup needs at least 2")
    first = ingredients[0]
    for other in ingredients[1:]:
        for key in ("labels", "data_sha256"):
            if other.summary.get(key) != first.summary.get(key):
                raise InputError(f"{other.folder}: its {key} is not that of {first.folder}")
        if [w.shape for w in other.weights] != [w.shape for w in first.weights]:
            raise InputError(f"{other.folder}: another network than that of {first.folder}")


def _pour(model: keras.Model, members: Sequence[Ingredient], photos: NDArray[np.uint8]) -> None:
    """Set a model to the mean of the members' weights."""
    parts = zip(*(m.weights for m in members), strict=True)
    model.set_weights([np.mean(part, axis=0) for part in parts])
    if len(members) > 1:  # statistics of averaged weights are no averages of statistics
        measure_batch_norm(model, photos)


def measure_batch_norm(model: keras.Model, photos: NDArray[np.uint8]) -> None:
    """Set the statistics of every batch normalisation to the mean of those over the photos.

    Args:
        model: Changed in place.
        photos: [N, S, S, 3] uint8 like those that it was trained on.
    """
    layers = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    before = [(layer.momentum, layer.trainable) for layer in layers]
    for step, start in enumerate(range(0, len(photos), BATCH)):
        for layer in layers:
            layer.trainable, layer.momentum = True, step / (step + 1)  # a running mean
        model(np.asarray(photos[start : start + BATCH], np.float32), training=True)
    for layer, (momentum, trainable) in zip(layers, before, strict=True):
        layer.momentum, layer.trainable = momentum, trainable


def _write(out: Path, model: keras.Model, summary: dict[str, Any], labels: Sequence[str]) -> None:
    with writing_to(out / "model.keras") as temporary:
        model.save(temporary)
    write_text(out / "labels.txt", "".join(f"{label}\n" for label in labels))
    write_text(out / "training.json", json.dumps(summary, indent=1))
