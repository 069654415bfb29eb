"""The results page of a sweep: the one place where its trials meet the test photos."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from models.errors import InputError
from models.files import write_text, writing_to
from models.metrics import confusion_matrix, fit_temperature, score
from models.photos import LabelledPhotos, read_bytes, scan_class_folders
from models.preprocess import load_photos
from models.progress import track
from training.cells import read_cells
from training.flowers.figures import draw_confusion
from training.flowers.kept import Logits, kept_logits
from training.flowers.sweep import RATES, SWEEP, TRIALS
from training.flowers.sweep_page import Ended, page
from training.flowers.sweep_phone import score_phone
from training.provenance import shown_path


@dataclass(frozen=True)
class _Photos:
    """What trials are scored on, and what their temperature is fitted on."""

    test: LabelledPhotos
    val: LabelledPhotos


def write_report(sweep: Path, data: Path, out: Path) -> dict[str, float | None]:
    """Score a sweep's trials on the test photos, none of them twice, and write the page.

    Args:
        sweep: Its folder.
        data: Folder with `test/`, which nothing was chosen on, and `val/`.
        out: The page, ending in `.md`; the picture stands beside it.

    Returns:
        Top-1 on the test photos by trial; None where it diverged.

    Raises:
        InputError: There is no sweep, none of its trials was trained, or data is missing.
    """
    if out.suffix != ".md":
        raise InputError(f"--out {out}: the page's name ends in .md")
    cells = {cell["name"]: cell for cell in read_cells(sweep, "sweep")}
    facts = json.loads(read_bytes(sweep / SWEEP))
    labels = tuple(facts["labels"])
    photos = _Photos(
        scan_class_folders(data / "test", labels), scan_class_folders(data / "val", labels)
    )
    names = [name for name in facts["trials"] if name in cells]
    if not any(cells[name]["status"] == "trained" for name in names):
        raise InputError(f"{sweep}: no trial was trained; run bombus train sweep on")
    ended = [_ended(sweep, cells[name], photos) for name in track(names, len(names), "score")]
    best = max((one for one in ended if one.scores), key=lambda one: one.val)
    assert best.logits is not None
    matrix = confusion_matrix(photos.test.targets, best.logits.argmax(axis=1), len(labels))
    picture = out.with_name(f"{out.stem}-confusion.png")
    with writing_to(picture) as path:
        draw_confusion(matrix, labels, path)
    command = f"bombus train sweep-report SWEEP --data DATA/{data.name} --out {shown_path(out)}"
    lines = page(facts, ended, photos.test, _rates(sweep), picture=picture.name, command=command)
    write_text(out, "\n".join(lines) + "\n")
    return {one.cell["name"]: one.scores.top1 if one.scores else None for one in ended}


def _ended(sweep: Path, cell: dict[str, Any], photos: _Photos) -> Ended:
    """A trial with its scores, where it has any."""
    if cell["status"] != "trained":
        return Ended(cell)
    folder = sweep / TRIALS / cell["name"]
    size = cell["how"]["recipe"]["image_size"]
    test, val = (_logits(folder, size, split) for split in (photos.test, photos.val))
    temperature = fit_temperature(val, photos.val.targets)
    targets = photos.test.targets
    calibrated = score(test, targets, temperature)
    phone = score_phone(folder, photos.test, test)
    return Ended(cell, test, score(test, targets), calibrated.ece, phone)


def _logits(folder: Path, size: int, photos: LabelledPhotos) -> Logits:
    """A trial's answers [N, K], kept beside its model with a hash of both it and the photos."""

    def ask() -> Logits:
        model = keras.saving.load_model(folder / "model.keras", compile=False, safe_mode=True)
        pixels = load_photos(photos.paths, size, f"read {photos.root.name} photos")
        return np.asarray(model.predict(pixels, batch_size=32, verbose=0), np.float32)

    depends = read_bytes(folder / "model.keras") + photos.sha256.encode()
    return kept_logits(folder / f"{photos.root.name}.npz", depends, ask)


def _rates(sweep: Path) -> Sequence[dict[str, Any]]:
    """What each search tried and chose."""
    files = sorted((sweep / RATES).glob("*.json"))
    return [json.loads(file.read_text("utf-8")) for file in files]
