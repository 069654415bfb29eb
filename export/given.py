"""What the command line gives, read and checked: labels, photos, formats, schemes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.errors import InputError
from models.files import read_bytes, read_record
from models.manifest import FORMATS, Format
from models.photos import LabelledPhotos, scan_class_folders, scan_photos

MOST_NUMBERS = 2**28  # 1 GB of float32

# Of `training.json`, what a bundle carries; the history stays with the run.
_TRAINING_KEYS = (
    "recipe",
    "average",
    "ensemble",
    "data_sha256",
    "versions",
    "git_commit",
    "backend",
    "fresh_layers",
    "val",
    "seconds",
    "best_epoch",
)


def choose(option: str, text: str, known: Sequence[str]) -> tuple[str, ...]:
    """The comma-separated words of an option, in the order of `known`."""
    words = {word.strip() for word in text.split(",") if word.strip()}
    unknown = sorted(words - set(known))
    if unknown or not words:
        raise InputError(f"{option} {text!r}: {', '.join(known)} are known, separated by commas")
    return tuple(word for word in known if word in words)


def choose_formats(text: str) -> tuple[Format, ...]:
    """What `--to` names: formats that a Keras model is carried to."""
    return choose("--to", text, tuple(f for f in FORMATS if f != "keras"))  # type: ignore[return-value]


def read_sizes(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Of inputs, NAME=SIZES each, such as `series=64,6`."""
    found = {}
    for text in texts:
        name, _, sizes = text.partition("=")
        if not name or not all(size.isdecimal() and int(size) for size in sizes.split(",")):
            raise InputError(f"--input {text}: say NAME=SIZES, all but the batch: series=64,6")
        found[name] = tuple(map(int, sizes.split(",")))
        if math.prod(found[name]) > MOST_NUMBERS:
            raise InputError(f"--input {text}: at most {MOST_NUMBERS:,} numbers a sample")
    return found


def read_labels(file: Path | None, model: Path) -> tuple[str, ...] | None:
    """The class names: from a file given, else from `labels.txt` beside the model, else None."""
    path = file or model.with_name("labels.txt")
    if file is None and not path.exists():
        return None
    try:
        lines = read_bytes(path).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: labels must be UTF-8 text, one a line") from error
    labels = tuple(line.strip() for line in lines if line.strip())
    if not labels:
        raise InputError(f"{path}: no labels in it; write one a line")
    return labels


def read_training(model: Path) -> dict[str, Any]:
    """What `training.json` beside the model says of how it was made; empty without one."""
    path = model.with_name("training.json")
    if not path.exists():
        return {}
    values = read_record(path, remedy="mend or remove it")
    return {key: values[key] for key in _TRAINING_KEYS if key in values}


def scan_validation(
    folder: Path, labels: tuple[str, ...] | None, most: int | None
) -> LabelledPhotos:
    """Labelled photos for the gate, all or so many, classes in turn."""
    photos = scan_class_folders(folder, labels)
    return photos if most is None else photos.stratified(most)


def scan_calibration(folder: Path, most: int) -> LabelledPhotos:
    """Photos for the ranges of activations, so many, folders in turn."""
    return scan_photos(folder).stratified(most)


def data_name(folder: Path) -> str:
    """A folder's last two names, such as `flowers16/val`: enough to know, no path of a machine."""
    return "/".join(folder.resolve().parts[-2:])
