"""One narrower model from a given one, beside what was done to it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from models.errors import InputError
from models.files import read_bytes, refuse_existing, write_text, writing_to
from training.compression.fit import Photos, top1
from training.compression.graph import flatten
from training.compression.methods import NARROW, begin, tune
from training.compression.recipe import METHODS, Compression
from training.flowers.dataset import decoded, load_splits
from training.layers.macs import macs
from training.provenance import git_commit, package_versions

MODEL, RECORD = "model.keras", "compression.json"


def compress(
    model: Path,
    data: Path,
    out: Path,
    how: Compression,
    *,
    method: str,
    fraction: float,
    seed: int = 0,
    force: bool = False,
) -> dict[str, Any]:
    """Make a model narrower.

    Args:
        model: A trained `.keras` classifier of square photos 0..255, one output a class.
        data: A folder as `training.flowers.dataset.load_splits` reads it.
        out: Receives `model.keras`, `labels.txt`, `compression.json` and `cache/`.
        how: The recipe.
        method: A name in `METHODS`.
        fraction: Most MACs, of the model's.
        seed: Decides every random choice.
        force: Replace what is there.

    Returns:
        The content of `compression.json`.

    Raises:
        InputError: Unusable data, model, method or fraction, or `out` holds a model.
    """
    if method not in METHODS:
        raise InputError(f"--method {method!r}: one of {', '.join(METHODS)}")
    if not 0 < fraction < 1:
        raise InputError(f"--macs {fraction:g}: a fraction of the model's, between 0 and 1")
    if method == "width" and how.search * how.training.photos < 1:
        raise InputError(
            f"--photos {how.training.photos}: widths are learned in training; give more photos"
        )
    refuse_existing(out / MODEL, force)
    splits = load_splits(data, seed=0)
    flat = flatten(keras.saving.load_model(model, compile=False, safe_mode=True))
    size, classes = flat.input_shape[1], len(splits.labels)
    if flat.output_shape[-1] != classes:
        raise InputError(f"{model}: {flat.output_shape[-1]} outputs, {data} has {classes} classes")
    train, val = (
        Photos(decoded(photos, size, out / "cache", name), photos.targets, classes)
        for name, photos in splits.items()[:2]
    )
    keras.utils.set_random_seed(seed)
    start = begin(flat, train, how)
    narrowed = NARROW[method](start, fraction, how, seed)
    before = top1(narrowed.model, val)
    tune(narrowed, train, how, seed)
    facts = {
        "method": method,
        "fraction": fraction,
        "seed": seed,
        "recipe": asdict(how),
        "widths": narrowed.widths,
        "full_widths": {group.producer: group.channels for group in start.groups},
        "macs": macs(narrowed.model).total,
        "share": narrowed.macs / start.cost.full,
        "parameters": narrowed.model.count_params(),
        "val_full": top1(flat, val),
        "val_before": before,
        "val_after": top1(narrowed.model, val),
        "model_sha256": hashlib.sha256(read_bytes(model)).hexdigest(),
        "data_sha256": {name: photos.sha256 for name, photos in splits.items()},
        "git_commit": git_commit(),
        "versions": package_versions(),
    }
    with writing_to(out / MODEL) as temporary:
        narrowed.model.save(temporary)
    write_text(out / "labels.txt", "".join(f"{label}\n" for label in splits.labels))
    write_text(out / RECORD, json.dumps(facts, indent=1))
    return facts
