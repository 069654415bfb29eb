"""Train one network on a user's samples.

A run folder gets `model.keras`, `contract.json` (what a device must know of its inputs and
outputs), `metrics.json` (its scores, over several splits), `test.npz` and `learned.npz` (the rows
that the saved network never saw, and those that it learned from, as it takes them) and
`recipe.json` with what made it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from models.files import write_text, writing_to
from training.provenance import git_commit, package_versions
from training.spectral.networks import count_parameters
from training.spectral.recipe import Recipe
from training.spectral.samples import Samples, fingerprint
from training.spectral.trial import Trial, try_kind

MODEL, CONTRACT, METRICS = "model.keras", "contract.json", "metrics.json"
TEST, LEARNED, RECIPE = "test.npz", "learned.npz", "recipe.json"


def train(
    samples: Samples,
    recipe: Recipe,
    out: Path,
    *,
    scale: float = 1.0,
    offset: float = 0.0,
) -> dict[str, Any]:
    """Train on several splits, score each, and keep the first network.

    Args:
        samples: With groups, or rows that are independent; in the unit that `scale` and `offset`
            made of the counts.
        recipe: What to do.
        out: The run folder.
        scale: That was applied to the counts, for the contract.
        offset: Likewise.

    Returns:
        What `metrics.json` holds.

    Raises:
        InputError: The samples cannot be split so, or the folder cannot be written.
    """
    grouped = samples.groups is not None
    seeds = range(recipe.seed, recipe.seed + recipe.seeds)
    trials = {
        kind: try_kind(
            kind,
            samples,
            recipe.training,
            augmentation=recipe.augmentation,
            grouped=grouped,
            seeds=seeds,
        )
        for kind in dict.fromkeys((recipe.kind, *recipe.compare))
    }
    trial = trials[recipe.kind]
    learned, tested = trial.splits[0].train, trial.splits[0].test
    metrics = {
        "split": "grouped" if grouped else "random",
        "seeds": list(seeds),
        "trained_on": len(learned),
        "tested_on": len(tested),
        "kinds": {kind: _summary(found) for kind, found in trials.items()},
    }
    contract = {
        "bands": samples.bands,
        "classes": samples.classes,
        "unit": samples.unit,
        "scale": scale,
        "offset": offset,
        "maximum": float(samples.values[learned].max()),
    }
    made = {
        "recipe": asdict(recipe),
        "data": samples.name,
        "data_sha256": fingerprint(samples),
        "packages": package_versions(),
        "commit": git_commit(),
    }
    for name, rows in ((TEST, tested), (LEARNED, learned)):
        with writing_to(out / name) as temporary:
            np.savez_compressed(temporary, X=samples.values[rows], y=samples.targets[rows])
    for name, facts in ((CONTRACT, contract), (METRICS, metrics), (RECIPE, made)):
        write_text(out / name, json.dumps(facts, indent=1))
    with writing_to(out / MODEL) as temporary:  # last: with it, the run is whole
        trial.models[0].save(temporary)
    return metrics


def _summary(trial: Trial) -> dict[str, Any]:
    """Of each figure the mean and the deviation over the seeds, and the first seed's: the kept."""
    scores = trial.scores
    figures = {"clean": scores["clean"]} | {
        f"{what} {level}": drops
        for what in ("band", "gain", "factor")
        for level, drops in scores[what].items()
    }
    return {
        "parameters": count_parameters(trial.models[0]),
        "diverged": scores["diverged"],
        **{name: _spread(values) for name, values in figures.items()},
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "first": values[0],
        "mean": float(np.mean(values)),
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
    }
