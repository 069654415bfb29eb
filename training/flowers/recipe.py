"""The recipe: everything that decides what a training run learns, as frozen data and as TOML."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.errors import InputError
from training.recipe import read_toml, with_values

STEMS = ("none", "contrast", "contrast+rgb")


@dataclass(frozen=True)
class Augmentation:
    """Random changes of the training photos; 0 or false switches one off.

    Shrinking, blur and noise each befall another quarter of a batch, and the last quarter stays
    without: photos of use to learn from are kept, and many ways to be bad are not heaped on one.

    Attributes:
        flip: Mirror left and right.
        rotation: Largest turn either way, as a fraction of a full circle.
        zoom: Largest relative zoom into the photo (0.3: the view shrinks to 70 %).
        translation: Largest shift either way, as a fraction of the side.
        brightness: Largest change either way, as a fraction of the full range.
        contrast: Largest relative change either way.
        erasing: Probability of painting a random rectangle grey.
        gamma: Photos are raised to a power between 1 / (1 + gamma) and 1 + gamma.
        cast: Each channel gets a gain of its own between 1 / (1 + cast) and 1 + cast.
        shrink: Most of its side that a photo loses, amid its own mirror images; at most a half.
        blur: Longest motion, as a fraction of the side; a disc's radius is at most a third of it.
        noise: Largest standard deviation of Gaussian noise, as a fraction of the full range.
    """

    flip: bool = True
    rotation: float = 0.06
    zoom: float = 0.3
    translation: float = 0.08
    brightness: float = 0.12
    contrast: float = 0.2
    erasing: float = 0.0
    gamma: float = 0.0
    cast: float = 0.0
    shrink: float = 0.0
    blur: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True)
class Stage:
    """One stage of training.

    Attributes:
        epochs: Most passes over the training photos; 0 skips the stage.
        optimizer: A name in `training.flowers.optimizers.OPTIMIZERS`.
        learning_rate: Peak learning rate.
        schedule: `constant`, `linear` or `cosine` decay to 0 over all epochs.
        warmup: Fraction of all steps over which the rate rises from 0.
        batch_size: Photos a step.
        label_smoothing: Probability mass spread over all classes.
        mixup: Parameter of the Beta distribution that two photos and their labels are blended by
            (Zhang et al., arXiv 1710.09412); 0 blends none.
        patience: Epochs without a better validation accuracy (or an equal one at a lower loss)
            before stopping; 0 never stops.
    """

    epochs: int
    optimizer: str
    learning_rate: float
    schedule: str = "constant"
    warmup: float = 0.0
    batch_size: int = 32
    label_smoothing: float = 0.1
    mixup: float = 0.0
    patience: int = 0


@dataclass(frozen=True)
class Distill:
    """What else fine-tuning learns from (`training.flowers.distill`).

    Attributes:
        teacher: `model.keras` of a finished run, or a bundle's Keras file; empty: the labels alone.
        temperature: Both sides' logits are divided by it, so that small probabilities teach too.
        weight: The teacher's share of the loss, beside 1 for the labels.
        unlabelled: Folder of more photos, of anything, that only the teacher speaks of; empty:
            none. They count in the mean over a batch, with nothing to add to the labels' share.
    """

    teacher: str = ""
    temperature: float = 2.0
    weight: float = 1.0
    unlabelled: str = ""


@dataclass(frozen=True)
class Recipe:
    """How to train a classifier.

    Attributes:
        backbone: Any model of `keras.applications` by name, or EfficientNetLite0, 1 or 2.
        width: Channel multiplier (`alpha`) where the backbone has one; 1 is the full width.
        image_size: Side of the square input, in pixels.
        stem: What stands before the backbone, a name in `STEMS`.
        weights: `imagenet` (downloaded by Keras), `none`, or the path of a weights file.
        pooling: `gap` (global average pooling) or `flatten`, under the linear classifier.
        dropout: Share of features dropped in front of the classifier.
        mixed_precision: Compute in bfloat16, keep the weights in float32.
        unfreeze_from: Fine-tune this layer of the backbone and all after it; empty: all.
        freeze_batch_norm: Keep batch normalisation at the statistics it came with; without start
            weights it has none, and learns them.
        views: Fine-tune on what the frozen layers make of so many augmented views of each photo,
            computed once (`training.flowers.views`); 0: every epoch has views of its own.
        seed: Decides every random choice.
        head: Stage 1, the classifier alone on features of the frozen backbone.
        fine_tune: Stage 2, backbone and classifier together.
        augmentation: Stage 2's changes of the photos (stage 1 sees cached features).
        distill: Stage 2's teacher.
    """

    backbone: str = "MobileNet"
    width: float = 1.0
    image_size: int = 224
    stem: str = "none"
    weights: str = "imagenet"
    pooling: str = "gap"
    dropout: float = 0.2
    mixed_precision: bool = False
    unfreeze_from: str = ""
    freeze_batch_norm: bool = True
    views: int = 0
    seed: int = 0
    head: Stage = field(
        default_factory=lambda: Stage(
            epochs=20, optimizer="adam", learning_rate=1e-3, batch_size=64, patience=5
        )
    )
    fine_tune: Stage = field(
        default_factory=lambda: Stage(
            epochs=12, optimizer="sgd", learning_rate=0.01, schedule="linear", warmup=0.05
        )
    )
    augmentation: Augmentation = field(default_factory=Augmentation)
    distill: Distill = field(default_factory=Distill)

    def __post_init__(self) -> None:
        """Refuse values no training could use."""
        _require(self.pooling in ("gap", "flatten"), "pooling", self.pooling, "gap or flatten")
        _require(self.stem in STEMS, "stem", self.stem, " or ".join(STEMS))
        _require(32 <= self.image_size <= 1024, "image_size", self.image_size, "32 to 1024")
        _require(0 <= self.dropout < 1, "dropout", self.dropout, "0 to below 1")
        _require(0 < self.width <= 4, "width", self.width, "above 0, at most 4")
        _require(0 <= self.views <= 64, "views", self.views, "0 to 64")
        if self.views:
            frozen, teacher = self.unfreeze_from, self.distill.teacher
            _require(bool(frozen), "unfreeze_from", frozen, "a layer where views are kept")
            _require(not teacher, "distill.teacher", teacher, "empty where views are kept")
            # It stands in front of what is kept, and would never learn.
            _require(self.stem == "none", "stem", self.stem, "none where views are kept")
        _require(0 <= self.seed < 2**31, "seed", self.seed, "0 to 2147483647")
        for key, share in asdict(self.augmentation).items():
            _require(0 <= share <= 1, f"augmentation.{key}", share, "0 to 1")
        _require(self.augmentation.zoom < 1, "augmentation.zoom", self.augmentation.zoom, "below 1")
        shrink = self.augmentation.shrink
        _require(shrink <= 0.5, "augmentation.shrink", shrink, "at most 0.5")
        for key in ("temperature", "weight"):
            value = getattr(self.distill, key)
            _require(0 < value < math.inf, f"distill.{key}", value, "above 0 and finite")
        unlabelled = self.distill.unlabelled
        _require(
            not unlabelled or bool(self.distill.teacher),
            "distill.unlabelled",
            unlabelled,
            "empty without a teacher",
        )
        for name, stage in (("head", self.head), ("fine_tune", self.fine_tune)):
            _require(stage.epochs >= 0, f"{name}.epochs", stage.epochs, "0 or more")
            _require(stage.batch_size >= 1, f"{name}.batch_size", stage.batch_size, "1 or more")
            _require(stage.patience >= 0, f"{name}.patience", stage.patience, "0 or more")
            _require(
                0 < stage.learning_rate < math.inf,
                f"{name}.learning_rate",
                stage.learning_rate,
                "above 0 and finite",
            )
            _require(0 <= stage.warmup < 1, f"{name}.warmup", stage.warmup, "0 to below 1")
            _require(
                stage.schedule in ("constant", "linear", "cosine"),
                f"{name}.schedule",
                stage.schedule,
                "constant, linear or cosine",
            )
            _require(0 <= stage.mixup <= 1, f"{name}.mixup", stage.mixup, "0 to 1")
            _require(
                0 <= stage.label_smoothing < 1,
                f"{name}.label_smoothing",
                stage.label_smoothing,
                "0 to below 1",
            )

    @property
    def batch_norm_frozen(self) -> bool:
        """Whether fine-tuning leaves batch normalisation as it is."""
        return self.freeze_batch_norm and self.weights != "none"


def _require(holds: bool, key: str, value: object, limit: str) -> None:
    if not holds:
        raise InputError(f"recipe: {key} = {value!r} must be {limit}")


def identity(recipe: Recipe) -> dict[str, Any]:
    """All that a recipe decides, for the fingerprint of its run.

    Keys that recipes did not always have are left out at their default, so that the runs from
    before are still recognised.
    """
    values, default = asdict(recipe), asdict(Recipe())
    for part, before, keys in (
        (values, default, ("stem", "distill", "views")),
        (
            values["augmentation"],
            default["augmentation"],
            ("gamma", "cast", "shrink", "blur", "noise"),
        ),
        (values["distill"], default["distill"], ("unlabelled",)),
    ):
        for key in keys:
            if part[key] == before[key]:
                del part[key]
    return values


def load_recipe(path: Path) -> Recipe:
    """Read a TOML recipe; keys that it leaves out keep their default.

    Raises:
        InputError: The file cannot be read, is not TOML, or has an unknown key or a wrong type.
    """
    return with_values(Recipe(), read_toml(path), str(path))


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as TOML that `load_recipe` reads back to an equal recipe."""
    top, tables = [], []
    for key, value in asdict(recipe).items():
        if isinstance(value, dict):
            lines = [f"{k} = {_toml(v)}" for k, v in value.items()]
            tables.append("\n".join([f"[{key}]", *lines]))
        else:
            top.append(f"{key} = {_toml(value)}")
    return "\n\n".join(["\n".join(top), *tables]) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # A JSON string is a TOML one, but for the one control character that only TOML escapes.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
