"""Which rows to train on and which to score, by seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from training.spectral.samples import Indices, Samples

FOLDS = 5
SHARE = 0.7  # of each class, for training


@dataclass(frozen=True)
class Split:
    """Rows by number, sorted."""

    train: Indices
    test: Indices


def split(samples: Samples, seed: int, *, grouped: bool) -> Split:
    """A split of its own for each seed.

    Args:
        samples: What to split.
        seed: Decides the draw; of a grouped split, also which fold is scored, so that as many
            seeds as folds score every row once.
        grouped: Keep groups whole.

    Raises:
        InputError: There are too few groups.
    """
    if grouped:
        folds = assign_folds(samples, seed // FOLDS)
        scored = folds == seed % FOLDS
    else:
        scored = _random(samples.targets, seed)
    found = Split(np.flatnonzero(~scored), np.flatnonzero(scored))
    missing = set(range(len(samples.classes))) - set(samples.targets[found.train].tolist())
    if missing:
        name = samples.classes[min(missing)]
        raise InputError(
            f"{samples.name}: no sample of {name!r} is left to train on, its groups are too few; "
            "give finer groups, or none for a random split"
        )
    return found


def _random(targets: Indices, seed: int) -> NDArray[np.bool_]:
    """[N] rows to score: of each class the same share, at random."""
    rng = np.random.default_rng(seed)
    scored = np.zeros(len(targets), np.bool_)
    for number in np.unique(targets):
        rows = rng.permutation(np.flatnonzero(targets == number))
        scored[rows[round(SHARE * len(rows)) :]] = True
    return scored


def assign_folds(samples: Samples, seed: int) -> Indices:
    """[N] the fold of each row: groups stay whole, and each fold gets its share of each class.

    Groups are taken in random order, the most lopsided first, each to the fold that then has the
    most even shares (as scikit-learn's StratifiedGroupKFold does).

    Raises:
        InputError: There are fewer groups than folds, or none.
    """
    if samples.groups is None:
        raise InputError(f"{samples.name}: no groups to split by; name them, or split at random")
    groups, members = np.unique(samples.groups, return_inverse=True)
    if len(groups) < FOLDS:
        raise InputError(
            f"{samples.name}: {len(groups)} groups; a grouped split needs {FOLDS} at least"
        )
    counts = np.zeros((len(groups), len(samples.classes)))
    np.add.at(counts, (members, samples.targets), 1)
    totals = counts.sum(axis=0)
    order = np.random.default_rng(seed).permutation(len(groups))
    order = order[np.argsort(-counts[order].std(axis=1), kind="stable")]
    held = np.zeros((FOLDS, len(totals)))
    chosen = np.zeros(len(groups), np.int64)
    for group in order:
        # [fold, fold, class]: the shares that all folds have if the group goes to the first.
        shares = (held + np.eye(FOLDS)[:, :, None] * counts[group]) / totals
        uneven = shares.std(axis=1).mean(axis=1)
        best = np.flatnonzero(np.isclose(uneven, uneven.min(), rtol=0, atol=1e-12))
        chosen[group] = best[held[best].sum(axis=1).argmin()]
        held[chosen[group]] += counts[group]
    return np.asarray(chosen[members])
