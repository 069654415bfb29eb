"""The results page of a sweep: the one place where its trials meet the test photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.errors import InputError
from models.files import read_record, require_keys, write_text, writing_to
from models.metrics import confusion_matrix
from models.photos import LabelledPhotos, scan_class_folders
from models.progress import track
from training.cells import CELLS, read_cells
from training.flowers.figures import draw_confusion
from training.flowers.sweep import RATES, SWEEP, TRIALS
from training.flowers.sweep_page import Ended, best_of_columns, page
from training.flowers.sweep_scores import SCORES, Judges, scored
from training.provenance import shown_path

_TRAINED = ("val", "seconds", "parameters", "fresh_layers")  # what a trained trial's cell tells
RECORD = (CELLS, RATES, SCORES)  # folders of a sweep: its findings


def write_report(sweep: Path, data: Path, out: Path) -> dict[str, float | None]:
    """Score a sweep's trials on the test photos, none of them twice, and write the page.

    Args:
        sweep: Its folder.
        data: Folder with `test/`, which nothing was chosen on, and `val/`.
        out: The page, ending in `.md`. Beside it stand the pictures and, in a folder of its name,
            the sweep's record: all that the page is made of, and where a sweep can go on.

    Returns:
        Top-1 on the test photos by trial; None where it diverged.

    Raises:
        InputError: There is no sweep, none of its trials was trained, or data is missing.
    """
    if out.suffix != ".md":
        raise InputError(f"--out {out}: the page's name ends in .md")
    cells = {
        cell["name"]: cell for cell in read_cells(sweep, "sweep", "name", "axes", "status", "how")
    }
    facts = read_record(
        sweep / SWEEP, "labels", "trials", "grid", remedy="run bombus train sweep again"
    )
    labels = tuple(facts["labels"])
    test, val = (scan_class_folders(data / split, labels) for split in ("test", "val"))
    judges = Judges(test, val, sweep / "cache")
    names = [name for name in facts["trials"] if name in cells]
    for name in names:
        _require_photos_of(cells[name], test=test, val=val)
    if not any(cells[name]["status"] == "trained" for name in names):
        raise InputError(f"{sweep}: no trial was trained; run bombus train sweep on")
    ended = [_ended(sweep, cells[name], judges) for name in track(names, len(names), "score")]
    pictures = {}
    for column, best in best_of_columns(facts["grid"], ended).items():
        pictures[best.cell["name"]] = picture = f"{out.stem}-{column}.png"
        matrix = confusion_matrix(test.targets, best.said, len(labels))
        with writing_to(out.with_name(picture)) as path:
            draw_confusion(matrix, labels, path)
    command = f"bombus train sweep-report SWEEP --data DATA/{data.name} --out {shown_path(out)}"
    lines = page(facts, ended, test, _rates(sweep), pictures=pictures, command=command)
    write_text(out, "\n".join(lines) + "\n")
    _keep_record(sweep, out.with_suffix(""))
    return {one.cell["name"]: one.scored.scores.top1 if one.scored else None for one in ended}


def _require_photos_of(cell: dict[str, Any], **given: LabelledPhotos) -> None:
    """Raise `InputError` where a trial was not trained beside these photos."""
    for split, photos in given.items():
        if cell["how"]["data_sha256"].get(split, photos.sha256) != photos.sha256:
            raise InputError(
                f"{photos.root}: not the {split} photos that trial {cell['name']} was made beside; "
                "give the folder that the sweep was run on"
            )


def _ended(sweep: Path, cell: dict[str, Any], judges: Judges) -> Ended:
    """A trial with its scores, where it has any."""
    if cell["status"] != "trained":
        return Ended(cell)
    require_keys(cell, _TRAINED, sweep / CELLS / f"{cell['name']}.json")
    size = cell["how"]["recipe"]["image_size"]
    return Ended(cell, scored(sweep, sweep / TRIALS / cell["name"], size, judges))


def _keep_record(sweep: Path, folder: Path) -> None:
    """Copy what a sweep has found, without photos and models."""
    for file in [sweep / SWEEP, *(f for part in RECORD for f in (sweep / part).glob("*.json"))]:
        write_text(folder / file.relative_to(sweep), file.read_text(encoding="utf-8"))


def _rates(sweep: Path) -> Sequence[dict[str, Any]]:
    """What each search tried and chose."""
    files = sorted((sweep / RATES).glob("*.json"))
    return [read_record(file, "backbone", "pooling", "stages") for file in files]
