"""The study: every method at every budget from one trained model, resumable cell by cell.

A run folder holds `base.keras`, the model that all start from, and for each finished cell a JSON
file beside its models, before and after fine-tuning.
"""

from __future__ import annotations

import gc
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from models.errors import InputError
from models.files import read_bytes, read_json, write_text, writing_to
from models.photos import LabelledPhotos
from training.cells import CELLS
from training.compression.fit import Photos, fit, top1
from training.compression.graph import flatten
from training.compression.methods import NARROW, begin, tune
from training.compression.recipe import Study, Training
from training.flowers.dataset import decoded, load_splits
from training.layers.macs import macs
from training.provenance import git_commit, package_versions

BASE, RECIPE = "base.keras", "recipe.json"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Cell:
    """One model of the study."""

    method: str
    fraction: float
    seed: int

    @property
    def name(self) -> str:
        """Of its files, without suffix."""
        return f"{self.method}-{self.fraction:g}-{self.seed}"


def grid(study: Study) -> Iterator[Cell]:
    """The cells in the order of their worth: one seed of all first, method by method."""
    for seed in range(study.seeds):
        for method in study.methods:
            for fraction in sorted(study.fractions):
                if seed == 0 or fraction <= study.seeded:
                    yield Cell(method, fraction, seed)


def run(study: Study, model: Path, data: Path, out: Path, say: Say = print) -> dict[str, int]:
    """Make the models that are not there yet.

    Args:
        study: Which, and how.
        model: A trained `.keras` classifier of photos 0..255.
        data: Folder with `train/` and `val/`.
        out: The run folder.
        say: Receives a line for each model.

    Returns:
        How many cells there are, and how many were made now.

    Raises:
        InputError: Unusable data or model, or the folder holds another study.
    """
    splits = load_splits(data, seed=0)
    _claim(out, study, model, splits.items())
    train, val = (
        Photos(
            np.asarray(decoded(photos, study.image_size, out / "cache", name)),
            photos.targets,
            len(photos.labels),
        )
        for name, photos in splits.items()[:2]
    )
    how = study.compression
    if not (out / BASE).exists():
        flat = flatten(
            keras.saving.load_model(model, compile=False, safe_mode=True), study.image_size
        )
        if study.start:
            fit(flat, train, Training(batch=32), study.start, (0, 0))
        _save(flat, out / BASE)
        say(f"base: val top-1 {top1(flat, val):.4f}")
    cells = list(grid(study))
    missing = [cell for cell in cells if not (out / CELLS / f"{cell.name}.json").exists()]
    if missing:
        start = begin(keras.saving.load_model(out / BASE, compile=False), train, how)
    for cell in missing:
        keras.utils.set_random_seed(cell.seed)
        begun = time.process_time()
        narrowed = NARROW[cell.method](start, cell.fraction, how, cell.seed)
        facts: dict[str, Any] = {
            **asdict(cell),
            "widths": narrowed.widths,
            "macs": macs(narrowed.model).total,
            "share": narrowed.macs / start.cost.full,
            "parameters": narrowed.model.count_params(),
            "val_before": top1(narrowed.model, val),
        }
        _save(narrowed.model, out / CELLS / f"{cell.name}.before.keras")
        tune(narrowed, train, how, cell.seed)
        facts |= {
            "val_after": top1(narrowed.model, val),
            "cpu_seconds": round(time.process_time() - begun, 1),
            "commit": git_commit(),
            "packages": package_versions(),
        }
        _save(narrowed.model, out / CELLS / f"{cell.name}.keras")
        write_text(out / CELLS / f"{cell.name}.json", json.dumps(facts, indent=1))
        say(
            f"{cell.name}: {facts['share']:.3f} of the MACs, val top-1 "
            f"{facts['val_before']:.4f} -> {facts['val_after']:.4f}, {facts['cpu_seconds']:.0f} s"
        )
        del narrowed
        gc.collect()  # a compiled loop is large, and held in cycles
    return {"cells": len(cells), "run": len(missing)}


def _claim(out: Path, study: Study, model: Path, splits: list[tuple[str, LabelledPhotos]]) -> None:
    """Write down what this folder's study is, or check that it is this one."""
    recipe = {
        "study": asdict(study),
        "model_sha256": hashlib.sha256(read_bytes(model)).hexdigest(),
        "data_sha256": {name: photos.sha256 for name, photos in splits},
        "labels": list(splits[0][1].labels),
    }
    text = json.dumps(recipe, indent=1)
    path = out / RECIPE
    if path.exists() and read_json(path, "choose another --out") != json.loads(text):
        raise InputError(f"{out}: holds a study by another recipe or data; choose another --out")
    write_text(path, text)


def _save(model: keras.Model, path: Path) -> None:
    with writing_to(path) as temporary:
        model.save(temporary)
