"""The recipes of spectral training: of one network, and of the study of all."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from models.errors import InputError
from training.recipe import Part, read_toml, with_values

AUGMENTATIONS = ("none", "noise", "gain")
SPLITS = ("grouped", "random")


@dataclass(frozen=True)
class Training:
    """How a network learns.

    Attributes:
        epochs: Passes over the training rows.
        batch: Rows a step.
        learning_rate: First, of Adam; it falls to 0 along a cosine.
        noise: Relative deviation of each band by itself, with the augmentation `noise`.
        gain: Relative deviation of the factor common to all bands, with `gain`.
    """

    epochs: int = 150
    batch: int = 128
    learning_rate: float = 1e-2
    noise: float = 0.1
    gain: float = 0.15

    def __post_init__(self) -> None:
        """Refuse values no training could use."""
        for key in ("epochs", "batch", "learning_rate"):
            if not 0 < getattr(self, key) < float("inf"):
                raise InputError(f"recipe: {key} = {getattr(self, key)!r} must be above 0")
        for key in ("noise", "gain"):
            if not 0 <= getattr(self, key) <= 1:
                raise InputError(f"recipe: {key} = {getattr(self, key)!r} must be 0 to 1")


@dataclass(frozen=True)
class Recipe:
    """One network on a user's samples.

    Attributes:
        kind: A name in `training.spectral.networks.KINDS`.
        augmentation: A name in `AUGMENTATIONS`.
        seed: The kept network's: decides its split, first weights and order of rows.
        seeds: How many to score, from that one on; five of them score every group once.
        compare: Other kinds to train and score beside it.
        training: How they learn.
    """

    kind: str = "ndl"
    augmentation: str = "none"
    seed: int = 0
    seeds: int = 5
    compare: tuple[str, ...] = ("ndl-fixed", "mlp-z")
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        """Refuse values no training could use."""
        _known("augmentation", (self.augmentation,), AUGMENTATIONS)
        if self.seeds < 1 or self.seed < 0:
            raise InputError(f"recipe: seed {self.seed}, seeds {self.seeds}: from 0, and 1 or more")


@dataclass(frozen=True)
class Study:
    """A grid of trainings; empty names: all there are.

    Attributes:
        tasks: Names in `training.spectral.tasks.TASKS`.
        kinds: Names in `training.spectral.networks.KINDS`.
        augmentations: Names in `AUGMENTATIONS`.
        splits: `grouped`, of tasks that have groups, and `random`.
        seeds: Of each cell, from 0 on.
        draws: Of noise, over which a drop is averaged.
        training: How all networks learn.
    """

    tasks: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    augmentations: tuple[str, ...] = AUGMENTATIONS
    splits: tuple[str, ...] = SPLITS
    seeds: int = 10
    draws: int = 5
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        """Refuse values no study could use."""
        _known("augmentations", self.augmentations, AUGMENTATIONS)
        _known("splits", self.splits, SPLITS)
        if min(self.seeds, self.draws) < 1:
            raise InputError("recipe: seeds and draws must be 1 or more")


def load(path: Path | None, default: Part) -> Part:
    """A recipe with the values of a TOML file; what that leaves out, or no file, is the default's.

    Raises:
        InputError: The file cannot be read, or has an unknown key or a wrong type.
    """
    return default if path is None else with_values(default, read_toml(path), str(path))


def _known(key: str, names: tuple[str, ...], all_names: tuple[str, ...]) -> None:
    for name in names:
        if name not in all_names:
            raise InputError(f"recipe: {key} holds {name!r}; it is one of {', '.join(all_names)}")
