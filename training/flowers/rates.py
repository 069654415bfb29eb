"""The search for learning rates: for each optimizer the same few factors of its documented one.

What is tried is the classifier alone, on cached features of the frozen backbone, where a rate
costs seconds; the best on val is taken. Fine-tuning gets a fixed share of it, the same for all
optimizers, rescaled to its batch. Muon leaves the classifier to AdamW and scales its own steps to
AdamW's, so the rate of one serves the other.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.files import write_text
from models.progress import track
from training.flowers.checkpoint import best_epoch
from training.flowers.dataset import Batches, Splits, decoded, load_splits
from training.flowers.features import cached_features
from training.flowers.fingerprint import features_key
from training.flowers.network import Network, build_network
from training.flowers.optimizers import DEFAULT_RATES, build_optimizer, rescaled_rate
from training.flowers.recipe import Recipe, Stage
from training.flowers.sweep_recipe import Search

Tried = dict[str, Any]


@dataclass(frozen=True)
class SearchJob:
    """The searches that share a backbone's features.

    Attributes:
        recipe: With this backbone and classifier.
        optimizers: To find rates for.
        how: To search.
        data: Folder with `train/` and `val/`.
        cache: Folder of photos and features.
        file: Of each optimizer's result.
    """

    recipe: Recipe
    optimizers: tuple[str, ...]
    how: Search
    data: Path
    cache: Path
    file: Mapping[str, Path]


def search_key(recipe: Recipe, how: Search, data_sha256: Mapping[str, str]) -> str:
    """A name that changes with what decides a search, but for the optimizer."""
    head = {k: v for k, v in asdict(recipe.head).items() if k not in _SEARCHED}
    values = [features_key(recipe, data_sha256), head, recipe.dropout, how.factors, how.epochs]
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
    return f"{recipe.backbone}-{recipe.pooling}-{recipe.image_size}-{digest}"


_SEARCHED = ("optimizer", "learning_rate", "epochs", "patience")


def search(job: SearchJob) -> None:
    """Try all rates for each optimizer; write a file for each.

    Raises:
        InputError: The backbone has no start weights, and so no features.
    """
    if job.recipe.weights == "none":
        raise InputError(
            f"sweep: {job.recipe.backbone} starts from no weights, so there are no features to "
            "search rates on; leave out [search] and say learning rates under [when.optimizer]"
        )
    splits = load_splits(job.data, job.recipe.seed)
    keras.utils.set_random_seed(job.recipe.seed)
    network = build_network(job.recipe, len(splits.labels))
    features = _features(job, network, splits)
    for optimizer in job.optimizers:
        rates = [factor * DEFAULT_RATES[optimizer] for factor in job.how.factors]
        what = f"rates of {optimizer}"
        tried = [
            _try(job, optimizer, rate, head=network.head, features=features, splits=splits)
            for rate in track(rates, len(rates), what)
        ]
        text = {"optimizer": optimizer, "tried": tried, "chosen": choose(tried, optimizer)}
        write_text(job.file[optimizer], json.dumps(text, indent=1))


def choose(tried: Sequence[Tried], optimizer: str) -> float:
    """The rate of the highest accuracy on val, then of the lowest loss; the documented, if none."""
    sound = [one for one in tried if one["val_loss"] is not None]
    if not sound:
        return DEFAULT_RATES[optimizer]
    return float(max(sound, key=lambda one: (one["val_accuracy"], -one["val_loss"]))["rate"])


def stage_rates(recipe: Recipe, how: Search, chosen: Mapping[str, float]) -> dict[str, float]:
    """Both stages' learning rates from those chosen for each optimizer."""
    head, tuned = recipe.head, recipe.fine_tune
    rate = rescaled_rate(
        tuned.optimizer, chosen[tuned.optimizer], head.batch_size, tuned.batch_size
    )
    return {"head": chosen[head.optimizer], "fine_tune": how.fine_tune * rate}


def _features(job: SearchJob, network: Network, splits: Splits) -> list[NDArray[np.float16]]:
    """Of train and val, those that the trials will find in the cache."""
    key = features_key(job.recipe, {name: photos.sha256 for name, photos in splits.items()})
    return [
        cached_features(
            network.trunk,
            decoded(photos, job.recipe.image_size, job.cache, name),
            job.cache,
            f"{name}-{key}",
        )
        for name, photos in splits.items()[:2]
    ]


def _try(
    job: SearchJob,
    optimizer: str,
    rate: float,
    *,
    head: keras.Model,
    features: Sequence[NDArray[np.float16]],
    splits: Splits,
) -> Tried:
    """What a classifier, started anew, comes to with this rate."""
    stage: Stage = replace(
        job.recipe.head, optimizer=optimizer, learning_rate=rate, epochs=job.how.epochs, patience=0
    )
    keras.utils.set_random_seed(job.recipe.seed)
    model = keras.Sequential.from_config(head.get_config())
    classes, order = len(splits.labels), (job.recipe.seed, 0)
    val = Batches(features[1], splits.val.targets, classes, 64)
    history: list[dict[str, float]] = []
    for epoch in range(stage.epochs):
        batches = Batches(
            features[0],
            splits.train.targets,
            classes,
            stage.batch_size,
            order_seed=(*order, epoch),
            mixup=stage.mixup,
        )
        if epoch == 0:
            loss = keras.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=stage.label_smoothing
            )
            built = build_optimizer(stage, len(batches))
            model.compile(built, loss, metrics=["accuracy"], jit_compile=False)
        fit = model.fit(batches, validation_data=val, shuffle=False, verbose=0)
        history.append({key: float(values[-1]) for key, values in fit.history.items()})
        if not math.isfinite(history[-1]["loss"] + history[-1]["val_loss"]):
            return {"rate": rate, "val_accuracy": None, "val_loss": None}
    best = history[best_epoch(history)]
    return {"rate": rate, "val_accuracy": best["val_accuracy"], "val_loss": best["val_loss"]}
