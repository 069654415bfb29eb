"""The two stages of transfer learning, resumable after a kill at any point.

Stage `head` trains the linear classifier on cached features of the frozen backbone; stage
`fine_tune` trains backbone and classifier together on augmented photos. Every epoch is seeded by
(seed, stage, epoch), so a resumed run repeats what an unbroken one would have done.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from training.flowers.augment import build_augmentation, reseed
from training.flowers.batch_norm import is_folded, unfold_batch_norm
from training.flowers.checkpoint import Checkpoint, History, best_epoch
from training.flowers.dataset import Batches, Splits, decoded
from training.flowers.distill import build_student, merge_heads, with_unlabelled
from training.flowers.epoch_bar import EpochBar
from training.flowers.features import cached_features
from training.flowers.fingerprint import features_key, views_key
from training.flowers.network import Network, build_network, set_fine_tuning
from training.flowers.optimizers import build_optimizer
from training.flowers.recipe import Recipe, Stage
from training.flowers.views import halve, view
from training.flowers.weights import start_record
from training.provenance import git_commit

STAGES = ("head", "fine_tune")
Say = Callable[[str], None]


class DivergedError(InputError):
    """The loss became infinite or no number: the recipe's rate is too high for its model."""


@dataclass(frozen=True)
class Run:
    """What the stages share."""

    recipe: Recipe
    out: Path
    cache: Path  # of decoded photos and features
    features: str  # changes with the features of the whole backbone
    views: str  # changes with the views of the part that fine-tuning leaves frozen
    checkpoint: Checkpoint
    splits: Splits
    network: Network
    say: Say
    # As they are when the run begins: both may change while it lasts.
    commit: str
    start: dict[str, Any] | None

    def pixels(self, split: str) -> NDArray[np.uint8]:
        """All photos of a split, [N, S, S, 3]."""
        photos = dict(self.splits.items())[split]
        return decoded(photos, self.recipe.image_size, self.cache, split)


def begin(
    splits: Splits,
    recipe: Recipe,
    out: Path,
    *,
    cache: Path,
    checkpoint: Checkpoint,
    data_sha256: Mapping[str, str],
    say: Say,
) -> Run:
    """A run with a fresh network.

    Args:
        splits: Readable photos.
        recipe: What to train and how.
        out: Its folder.
        cache: Folder of decoded photos and features.
        checkpoint: What the run has done before.
        data_sha256: Of each split.
        say: Receives one line of progress at a time.

    Raises:
        InputError: The recipe names what is not there.
    """
    keras.utils.set_random_seed(recipe.seed)
    network = build_network(recipe, len(splits.labels))
    if network.fresh_layers:
        say(f"start fresh, not in {recipe.weights}: {', '.join(network.fresh_layers)}")
    return Run(
        recipe,
        out,
        cache,
        features_key(recipe, data_sha256),
        views_key(recipe, data_sha256),
        checkpoint,
        splits,
        network,
        say,
        git_commit(),
        start_record(recipe.weights),
    )


def learn(run: Run) -> None:
    """Both stages, from where the checkpoint is; leaves the best weights in the run's network.

    Raises:
        DivergedError: The loss is infinite or no number.
    """
    _train_head(run)
    _fine_tune(run)


def rehearse(splits: Splits, recipe: Recipe, out: Path, *, cache: Path) -> dict[str, History]:
    """Both stages, with no audit before and no model after them: to see what a setting does.

    Args:
        splits: Readable photos.
        recipe: What to try.
        out: Receives checkpoints and logs.
        cache: Folder of decoded photos and features that runs share.

    Returns:
        One record an epoch, by stage.

    Raises:
        InputError: Unusable data or recipe.
        DivergedError: The loss is infinite or no number.
    """
    hashes = {name: photos.sha256 for name, photos in splits.items()}
    checkpoint = Checkpoint(out / "checkpoint", "")
    run = begin(
        splits,
        recipe,
        out,
        cache=cache,
        checkpoint=checkpoint,
        data_sha256=hashes,
        say=lambda line: None,
    )
    learn(run)
    return {name: run.checkpoint.history(name) for name in STAGES}


def _train_head(run: Run) -> None:
    """Stage 1. A backbone without start weights has no features to offer, so it is skipped."""
    if run.recipe.weights == "none" or run.recipe.head.epochs == 0:
        run.say("head: skipped (no start weights)" if run.recipe.head.epochs else "head: skipped")
        return
    features = [
        cached_features(run.network.trunk, run.pixels(split), run.cache, f"{split}-{run.features}")
        for split in ("train", "val")
    ]
    _run_stage(run, "head", run.network.head, lambda epoch: features[0], features[1])


def _fine_tune(run: Run) -> None:
    """Stage 2, on augmented photos."""
    recipe = run.recipe
    if recipe.fine_tune.epochs == 0:
        run.say("fine_tune: skipped")
        return
    learned = with_unlabelled(run.splits.train, recipe.distill.unlabelled)
    run = replace(run, splits=replace(run.splits, train=learned))
    train_x, val_x = run.pixels("train"), run.pixels("val")
    started = recipe.weights != "none"  # a fresh normalisation passes through too
    if started and not recipe.freeze_batch_norm and is_folded(run.network.backbone):
        run.say("fine_tune: the start weights have batch normalisation folded; unfolding it")
        some = np.linspace(0, len(train_x) - 1, min(256, len(train_x))).astype(int)
        unfold_batch_norm(run.network.scale, run.network.backbone, train_x[some])
    set_fine_tuning(run.network, recipe.unfreeze_from, recipe.batch_norm_frozen)
    if recipe.views:
        halves = halve(run.network, recipe.unfreeze_from)
        views = partial(view, halves.frozen, recipe, train_x, cache=run.cache, key=run.views)
        seen = cached_features(halves.frozen, val_x, run.cache, f"val-{run.views}")
        _run_stage(run, "fine_tune", halves.learning, views, seen)
        return
    student = build_student(run.network, recipe.distill, run.splits.labels)
    model = keras.Sequential(
        [
            keras.Input((recipe.image_size, recipe.image_size, 3)),
            build_augmentation(recipe.augmentation, recipe.image_size, recipe.seed),
            student,
        ],
        name="fine_tune",
    )
    _run_stage(run, "fine_tune", model, lambda epoch: train_x, val_x)
    if recipe.distill.teacher:
        merge_heads(run.network, student)


def _run_stage(
    run: Run,
    name: str,
    model: keras.Model,
    train_x: Callable[[int], NDArray[Any]],
    val_x: NDArray[Any],
) -> None:
    """The epochs of one stage, from where the checkpoint is; leaves the best weights in `model`.

    Each learns from its own `train_x`, by its number.
    """
    stage: Stage = getattr(run.recipe, name)
    train_y, val_y = run.splits.train.targets, run.splits.val.targets
    classes, number = len(run.splits.labels), STAGES.index(name)

    def batches(epoch: int) -> Batches:
        seed = (run.recipe.seed, number, epoch)
        return Batches(
            train_x(epoch),
            train_y,
            classes,
            stage.batch_size,
            order_seed=seed,
            mixup=stage.mixup,
            smoothing=stage.label_smoothing,
        )

    optimizer = build_optimizer(stage, math.ceil(len(train_y) / stage.batch_size))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    optimizer.build(model.trainable_variables)
    history = run.checkpoint.history(name)
    if history:
        run.say(f"{name}: {len(history)} of at most {stage.epochs} epochs are done")
    if history and len(history) < stage.epochs and not _exhausted(stage, history):
        latest = run.checkpoint.latest(name, history)  # gone once a later stage began
        run.checkpoint.restore(model, latest)
    val = Batches(val_x, val_y, classes, 64, smoothing=stage.label_smoothing)
    log = keras.callbacks.TensorBoard(run.out / "logs" / name, write_graph=False)
    for epoch in range(len(history), stage.epochs):
        if _exhausted(stage, history):
            run.say(f"{name}: stopped, no better for {stage.patience} epochs")
            break
        run.checkpoint.require_room(model)  # before an epoch is spent
        reseed(model, (run.recipe.seed, number, epoch))
        shown = batches(epoch)  # views, which trials share, are not this one's time
        started = time.perf_counter()
        fit = model.fit(
            shown,
            validation_data=val,
            initial_epoch=epoch,
            epochs=epoch + 1,
            shuffle=False,
            verbose=0,
            callbacks=[
                log,
                keras.callbacks.TerminateOnNaN(),
                EpochBar(f"{name} {epoch + 1}/{stage.epochs}"),
            ],
        )
        shown.release()
        record = {key: float(values[-1]) for key, values in fit.history.items()}
        if not math.isfinite(record["loss"] + record["val_loss"]):
            raise DivergedError(
                f"{name} {epoch + 1}/{stage.epochs}: diverged, the loss is {record['loss']} (val "
                f"{record['val_loss']}); lower learning_rate = {stage.learning_rate:g}"
            )
        record["seconds"] = round(time.perf_counter() - started, 2)
        history.append(record)
        run.checkpoint.save(name, history, model)
        run.say(
            f"{name} {epoch + 1}/{stage.epochs}: "
            f"train {record['accuracy']:.4f} (loss {record['loss']:.4f}), "
            f"val {record['val_accuracy']:.4f} (loss {record['val_loss']:.4f}), "
            f"{record['seconds']:.0f} s"
        )
    run.checkpoint.restore(model, run.checkpoint.best(name, history))


def _exhausted(stage: Stage, history: History) -> bool:
    """Whether patience is at its end."""
    if not (history and stage.patience):
        return False
    return len(history) - 1 - best_epoch(history) >= stage.patience
