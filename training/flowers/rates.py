"""The search for learning rates: for each optimizer the same few factors of its documented one.

The classifier alone comes first, on cached features of the frozen backbone, where a rate costs
seconds; then fine-tuning, which begins with the classifier of the best of these. Each rate gets
the same short training, decay included, and the best on val is taken.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from models.files import read_record, write_text
from models.progress import track
from training.flowers.checkpoint import best_epoch
from training.flowers.dataset import Splits, load_splits
from training.flowers.fingerprint import decisions
from training.flowers.optimizers import DEFAULT_RATES
from training.flowers.recipe import Recipe, Stage
from training.flowers.stages import STAGES, DivergedError, rehearse
from training.flowers.sweep_recipe import Search
from training.memory import forget

Tried = dict[str, Any]


@dataclass(frozen=True)
class SearchJob:
    """The search for one recipe's learning rates.

    Attributes:
        recipe: Whose.
        how: To search.
        data: Folder with `train/` and `val/`.
        cache: Folder of photos and features.
        file: Of the result.
    """

    recipe: Recipe
    how: Search
    data: Path
    cache: Path
    file: Path


def search_key(recipe: Recipe, how: Search, data_sha256: Mapping[str, str]) -> str:
    """A name that changes with what decides a search."""
    plain = replace(recipe, head=_plain(recipe.head), fine_tune=_plain(recipe.fine_tune))
    values = [decisions(plain), asdict(how), dict(data_sha256)]
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
    optimizers = "-".join(dict.fromkeys(getattr(recipe, name).optimizer for name in STAGES))
    return f"{recipe.backbone}-{recipe.pooling}-{recipe.image_size}-{optimizers}-{digest}"


def _plain(stage: Stage) -> Stage:
    """Without what a search sets by itself."""
    return replace(stage, learning_rate=1.0, epochs=min(stage.epochs, 1), patience=0)


def search(job: SearchJob) -> str:
    """Try all rates of both stages; write the file, and return a line that says what was chosen.

    A stage that the recipe skips is not searched: one of no epochs, and the classifier alone where
    the backbone has no start weights, and so no features.
    """
    splits, how = load_splits(job.data, job.recipe.seed), job.how
    recipe = replace(job.recipe, fine_tune=replace(job.recipe.fine_tune, epochs=0))
    found = dict[str, Any]()
    with tempfile.TemporaryDirectory(prefix="bombus-rates-") as scratch:
        begun = Path(scratch) / "begun"
        for name, factors, epochs in (
            ("head", how.factors, how.epochs),
            ("fine_tune", how.fine_tune_factors, how.fine_tune_epochs),
        ):
            stage: Stage = getattr(job.recipe, name)
            if stage.epochs == 0 or (name == "head" and recipe.weights == "none"):
                continue
            short = replace(stage, epochs=epochs, patience=0)
            tried, runs = list[Tried](), dict[float, Path]()
            for factor in track(factors, len(factors), f"rates of {stage.optimizer}, {name}"):
                rate = factor * DEFAULT_RATES[stage.optimizer]
                runs[rate] = Path(scratch) / f"{name}-{rate!r}"
                if begun.exists():
                    shutil.copytree(begun, runs[rate])
                one = _with(recipe, name, replace(short, learning_rate=rate))
                tried.append(_try(job, one, name, splits, runs[rate]))
            chosen = choose(tried, stage.optimizer)
            found[name] = {"optimizer": stage.optimizer, "tried": tried, "chosen": chosen}
            recipe = _with(recipe, name, replace(short, learning_rate=chosen))
            begun = runs.get(chosen, begun)  # none, where all diverged
    record = {"backbone": job.recipe.backbone, "pooling": job.recipe.pooling, "stages": found}
    write_text(job.file, json.dumps(record, indent=1))
    said = ", ".join(f"{name} {stage['chosen']:g}" for name, stage in found.items())
    return f"rates of {job.file.stem}: {said}"


def _with(recipe: Recipe, name: str, stage: Stage) -> Recipe:
    return replace(recipe, head=stage) if name == "head" else replace(recipe, fine_tune=stage)


def choose(tried: Sequence[Tried], optimizer: str) -> float:
    """The rate of the highest accuracy on val, then of the lowest loss; the documented, if none."""
    sound = [one for one in tried if one["val_loss"] is not None]
    if not sound:
        return DEFAULT_RATES[optimizer]
    return float(max(sound, key=lambda one: (one["val_accuracy"], -one["val_loss"]))["rate"])


def read_rates(file: Path) -> dict[str, float]:
    """The learning rates by stage that a search has written."""
    stages = read_record(file, "stages")["stages"]
    return {name: stage["chosen"] for name, stage in stages.items()}


def _try(job: SearchJob, recipe: Recipe, name: str, splits: Splits, out: Path) -> Tried:
    """What a stage comes to with a recipe; `out` holds what was done before it."""
    tried: Tried = {"rate": getattr(recipe, name).learning_rate}
    started = time.perf_counter()
    try:
        history = rehearse(splits, recipe, out, cache=job.cache)[name]
        best = history[best_epoch(history)]
        tried |= {key: best[key] for key in ("val_accuracy", "val_loss")}
    except DivergedError:
        tried |= {"val_accuracy": None, "val_loss": None}
    forget()
    return tried | {"seconds": round(time.perf_counter() - started, 2)}
