"""A training from a folder of photos to a model with its record, resumable at any point.

To resume is to run again: each step finds on disk what it has already done.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras

from models.errors import InputError
from models.files import read_record, remove_leftovers, write_text
from models.photos import scan_photos
from training.flowers.audit import Audit, audit, check_unlabelled, without_unreadable
from training.flowers.checkpoint import Checkpoint, best_epoch, require_key
from training.flowers.dataset import Splits, load_splits, scored
from training.flowers.distill import teacher_record, without_path, write_run
from training.flowers.fingerprint import decisions
from training.flowers.network import build_network, find_builder
from training.flowers.optimizers import check_optimizer
from training.flowers.recipe import Recipe, dump_recipe
from training.flowers.stages import STAGES, Run, Say, begin, learn
from training.flowers.weights import weights_record
from training.provenance import package_versions


def train(
    data: Path,
    recipe: Recipe,
    out: Path,
    *,
    allow_unreadable: bool = False,
    cache: Path | None = None,
    say: Say = print,
) -> dict[str, Any]:
    """Train a classifier, or go on with a training that was interrupted.

    Args:
        data: A folder as `training.flowers.dataset.load_splits` reads it.
        recipe: What to train and how.
        out: Receives `model.keras`, `labels.txt`, `training.json`, `audit.json`, `recipe.toml`,
            TensorBoard `logs/`, `checkpoint/` and `cache/`.
        allow_unreadable: Leave unreadable photos out (the audit names them) instead of stopping.
        cache: Folder of decoded photos and features that runs share, instead of the run's own.
        say: Receives one line of progress at a time.

    Returns:
        The content of `training.json`.

    Raises:
        InputError: Unusable data or recipe, or `out` holds another run.
        DivergedError: The loss is infinite or no number.
    """
    for stage in STAGES:
        check_optimizer(getattr(recipe, stage).optimizer)
    find_builder(recipe)
    splits = load_splits(data, recipe.seed)
    if recipe.distill.unlabelled:
        check_unlabelled(scan_photos(Path(recipe.distill.unlabelled)), splits)
    report = audit(splits, recipe.image_size)
    fingerprint = json.dumps([decisions(recipe), report.data_sha256], sort_keys=True)
    key = hashlib.sha256(fingerprint.encode()).hexdigest()
    checkpoint = Checkpoint(out / "checkpoint", key)  # refuses before anything is written
    write_text(out / "audit.json", json.dumps(report.as_json(), indent=1))
    for line in report.lines():
        say(line)
    splits = _without_unreadable(splits, report, out / "audit.json", allow_unreadable, say)
    if (done := _finished(out, key)) is not None:
        say(f"{out}: already trained; nothing to do")
        return done
    for folder in ("cache", "checkpoint"):
        remove_leftovers(out / folder)
    write_text(out / "recipe.toml", dump_recipe(recipe))
    run = begin(
        splits,
        recipe,
        out,
        cache=cache or out / "cache",
        checkpoint=checkpoint,
        data_sha256=report.data_sha256,
        say=say,
    )
    learn(run)
    return _finish(run, report, key)


def _finished(out: Path, key: str) -> dict[str, Any] | None:
    """What the run in `out` wrote when it ended; None where it has not, or its model is gone.

    Raises:
        InputError: It is another run.
    """
    record = out / "training.json"
    if not record.exists():
        return None
    summary = read_record(record, "key", remedy="choose another --out")
    require_key(out, summary["key"], key)
    return summary if (out / "model.keras").exists() else None


def _without_unreadable(
    splits: Splits, report: Audit, listed: Path, allowed: bool, say: Say
) -> Splits:
    if not report.unreadable:
        return splits
    count, (name, why) = len(report.unreadable), report.unreadable[0]
    if not allowed:
        raise InputError(
            f"{count} unreadable, first {name} ({why}); mend or remove what {listed} lists, "
            "or add --allow-unreadable"
        )
    say(f"going on without {count} unreadable, which {listed} lists")
    return without_unreadable(splits, report)


def _finish(run: Run, report: Audit, key: str) -> dict[str, Any]:
    """Score on val, save the model in float32, and write down what was done."""
    labels = run.splits.labels
    exact = build_network(
        replace(run.recipe, mixed_precision=False), len(labels), load_weights=False
    )
    exact.model.set_weights(run.network.model.get_weights())
    scores = scored(exact.model, run.pixels("val"), run.splits.val.targets)
    histories = {name: run.checkpoint.history(name) for name in STAGES}
    summary = {
        "key": key,
        "recipe": asdict(without_path(run.recipe)) | weights_record(run.recipe.weights),
        **teacher_record(run.recipe),
        "start": run.start,
        "labels": labels,
        "data_sha256": report.data_sha256,
        "versions": package_versions(),
        "git_commit": run.commit,
        "backend": keras.backend.backend(),
        "parameters": exact.model.count_params(),
        "fresh_layers": run.network.fresh_layers,
        "val": asdict(scores),
        "seconds": {s: round(sum(e["seconds"] for e in h), 1) for s, h in histories.items()},
        "best_epoch": {s: best_epoch(h) + 1 for s, h in histories.items() if h},
        "history": histories,
    }
    write_run(exact.model, labels, run.out)
    write_text(run.out / "training.json", json.dumps(summary, indent=1))
    run.say(
        f"val top-1 {scores.top1:.4f} [{scores.top1_low:.4f}, {scores.top1_high:.4f}] "
        f"on {scores.n} photos -> {run.out / 'model.keras'}"
    )
    return summary
