"""The results page of the study: accuracy against MACs, and who keeps how many channels."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.files import read_bytes, read_record, reading_back, write_text, writing_to
from models.photos import LabelledPhotos, scan_class_folders
from models.preprocess import load_photos
from models.progress import track
from training.cells import CELLS, read_cells
from training.compression.figure import draw_curves
from training.compression.fit import answers
from training.compression.page import NAMES, PICTURE, Results, Right, page, point, points
from training.compression.study import BASE, RECIPE, Cell
from training.layers.macs import macs

PAGE, SCORED = "compression.md", "test.npz"


def write_report(run: Path, data: Path, out: Path) -> dict[str, Any]:
    """Score a study's models on the test photos, those scored before not twice; write the page.

    Args:
        run: The run folder.
        data: Folder with `test/`, which nothing was chosen on.
        out: Folder of `compression.md` and its picture.

    Returns:
        Top-1 by method and fraction.

    Raises:
        InputError: There is no study, or no finished cell of it.
    """
    results = score_study(run, data)
    with writing_to(out / PICTURE) as path:
        draw_curves(
            {m: points(results, m, results.after) for m in results.methods},
            {m: points(results, m, results.before) for m in results.methods},
            point(results.base_macs, results.base),
            NAMES,
            path,
        )
    write_text(out / PAGE, "\n".join(page(results)) + "\n")
    return {
        m: {f"{f:g}": float(results.after[m, f].mean()) for f in results.fractions}
        for m in results.methods
    }


def score_study(run: Path, data: Path) -> Results:
    """Answers of all models on the test photos."""
    cells = read_cells(run, "compression-study", "method", "fraction", "seed")
    recipe = read_record(run / RECIPE, "labels", "study", remedy="choose another study")
    photos = scan_class_folders(data / "test", tuple(recipe["labels"]))
    pixels = load_photos(photos.paths, recipe["study"]["image_size"], "read test photos")
    after: dict[tuple[str, float], list[Right]] = {}
    before: dict[tuple[str, float], list[Right]] = {}
    for cell in track(cells, len(cells), "score"):
        key = cell["method"], cell["fraction"]
        name = Cell(*key, cell["seed"]).name
        after.setdefault(key, []).append(_right(run / CELLS / f"{name}.keras", photos, pixels))
        if cell["seed"] == 0:
            before[key] = [_right(run / CELLS / f"{name}.before.keras", photos, pixels)]
    base = keras.saving.load_model(run / BASE, compile=False)
    return Results(
        recipe | {"test": {"n": len(photos), "sha256": photos.sha256}},
        cells,
        base.name,
        _right(run / BASE, photos, pixels)[None],
        macs(base).total,
        {key: np.stack(rows) for key, rows in after.items()},
        {key: np.stack(rows) for key, rows in before.items()},
    )


def _right(model: Path, photos: LabelledPhotos, pixels: NDArray[np.uint8]) -> Right:
    """[N], kept beside the model with the hashes of what it was scored on."""
    path = model.with_name(f"{model.stem}.{SCORED}")
    key = hashlib.sha256(read_bytes(model) + photos.sha256.encode()).hexdigest()
    if path.exists():
        with reading_back(path), np.load(path, allow_pickle=False) as kept:
            if str(kept["key"]) == key:
                return np.asarray(kept["right"])
    logits = answers(keras.saving.load_model(model, compile=False), pixels)
    right = np.asarray(logits.argmax(axis=1) == photos.targets)
    with writing_to(path) as temporary, temporary.open("wb") as file:
        np.savez(file, key=key, right=right)
    return right
