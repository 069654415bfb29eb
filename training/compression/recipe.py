"""How to compress, as frozen data and as TOML."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from models.errors import InputError
from training.recipe import Part, read_toml, with_values

METHODS = ("uniform", "width", "refit", "convex")


@dataclass(frozen=True)
class Training:
    """How a narrower model learns.

    Attributes:
        photos: How many a model learns from in all, the search for widths included.
        batch: Photos a step.
        learning_rate: Of Adam, at its peak.
        label_smoothing: Probability mass spread over all classes.
    """

    photos: int = 10_240
    batch: int = 32
    learning_rate: float = 3e-4
    label_smoothing: float = 0.1

    def __post_init__(self) -> None:
        """Refuse values no training could use."""
        for key in ("batch", "learning_rate"):
            if not 0 < getattr(self, key) < float("inf"):
                raise InputError(f"recipe: {key} = {getattr(self, key)!r} must be above 0")
        if self.photos < 0:
            raise InputError(f"recipe: photos = {self.photos} must be 0 or more")
        if not 0 <= self.label_smoothing < 1:
            raise InputError(f"recipe: label_smoothing = {self.label_smoothing} must be 0 to 1")


@dataclass(frozen=True)
class Compression:
    """What all methods share, and width learning's own.

    Attributes:
        multiple: Widths are multiples of it: kernels work on so many channels at once.
        calibration: Photos that channels are measured on.
        search: Share of the photos that width learning gives for its measurement.
        ramp: Share of a layer's channels that is blended with noise at a time.
        training: How the models learn.
    """

    multiple: int = 8
    calibration: int = 512
    search: float = 0.1
    ramp: float = 0.1
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        """Refuse values no compression could use."""
        if min(self.multiple, self.calibration) < 1:
            raise InputError("recipe: multiple and calibration must be 1 or more")
        if not 0 < self.search < 1 or not 0 <= self.ramp <= 1:
            raise InputError("recipe: search and ramp must be shares between 0 and 1")


@dataclass(frozen=True)
class Study:
    """Which models to make.

    Attributes:
        image_size: Side of the photos.
        start: Photos that the model learns from at this size, before anything is dropped.
        fractions: Of the MACs.
        methods: Names in `METHODS`.
        seeds: Of each method and fraction, from 0 on.
        seeded: With more seeds than one only the fractions up to this.
        compression: How.
    """

    image_size: int = 96
    start: int = 10_240
    fractions: tuple[float, ...] = (0.25, 0.4, 0.6)
    methods: tuple[str, ...] = METHODS
    seeds: int = 2
    seeded: float = 0.4
    compression: Compression = field(
        default_factory=lambda: Compression(training=Training(photos=3_200, batch=16))
    )

    def __post_init__(self) -> None:
        """Refuse values no study could use."""
        for method in self.methods:
            if method not in METHODS:
                raise InputError(f"recipe: method {method!r}; it is one of {', '.join(METHODS)}")
        for fraction in self.fractions:
            if not 0 < fraction < 1:
                raise InputError(f"recipe: fraction {fraction!r} must be between 0 and 1")
        if self.seeds < 1 or self.start < 0 or self.image_size < 32:
            raise InputError("recipe: seeds 1 or more, start 0 or more, image_size 32 or more")


def load(path: Path | None, default: Part) -> Part:
    """A recipe with the values of a TOML file; what that leaves out, or no file, is the default's.

    Raises:
        InputError: The file cannot be read, or has an unknown key or a wrong type.
    """
    return default if path is None else with_values(default, read_toml(path), str(path))
