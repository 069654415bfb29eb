"""The text on changing light: who won by which rule, and every figure it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.markdown import percent
from models.metrics import wilson_interval
from models.photos import LabelledPhotos
from training.flowers.light import ALL, CHANGES, GREEN, TUNGSTEN, UNCHANGED, Gains, difference
from training.flowers.recipe import Recipe
from training.flowers.stem import EPSILON

PICTURE = "flowers-light.png"
KINDS = tuple(dict.fromkeys(change.kind for change in CHANGES))
STEM_NAMES = {"none": "RGB", "contrast": "contrasts", "contrast+rgb": "RGB + contrasts"}


@dataclass(frozen=True)
class Arm:
    """A finished run of the comparison."""

    folder: Path
    recipe: Recipe
    summary: dict[str, Any]  # its training.json
    right: NDArray[np.bool_]  # [1 + C, N]: photos as they are, then each of CHANGES
    coefficients: str = ""  # of its stem

    @property
    def name(self) -> str:
        """Stem and augmentation in words."""
        augmentation = self.recipe.augmentation
        coloured = augmentation.gamma or augmentation.cast
        return STEM_NAMES[self.recipe.stem] + (", colour augmentation" if coloured else "")

    @property
    def has_stem(self) -> bool:
        """Whether the layer stands before its backbone."""
        return self.recipe.stem != "none"

    def top1(self, kind: str = "") -> float:
        """Mean top-1 over the changes of a kind, or over all; UNCHANGED's is on photos as is."""
        rows = [i for i, c in enumerate(ALL) if c.kind == kind or (not kind and c != UNCHANGED)]
        return float(self.right[rows].mean())


@dataclass(frozen=True)
class Verdict:
    """A stem's arm against an arm without: differences with their 95 % intervals."""

    arm: Arm
    reference: Arm
    plain: tuple[float, float, float]  # on photos as they are
    changed: tuple[float, float, float]  # mean over all changes

    @property
    def wins(self) -> bool:
        """Better under changed light beyond chance, and not worse beyond chance without."""
        return self.changed[1] > 0 and self.plain[2] >= 0


def verdicts(arms: Sequence[Arm]) -> list[Verdict]:
    """Every arm with a stem against every arm without."""
    return [
        Verdict(
            arm,
            other,
            difference(arm.right[:1], other.right[:1]),
            difference(arm.right[1:], other.right[1:]),
        )
        for arm in arms
        if arm.has_stem
        for other in arms
        if not other.has_stem
    ]


def winners(found: Sequence[Verdict]) -> list[Arm]:
    """The arms that win against every arm without a stem."""
    arms = {id(v.arm): v.arm for v in found}
    return [arm for arm in arms.values() if all(v.wins for v in found if v.arm is arm)]


def page(arms: Sequence[Arm], photos: LabelledPhotos) -> str:
    """The page as Markdown, of runs that differ only in stem and colour augmentation."""
    recipe, n = arms[0].recipe, len(photos)
    coloured = next((a.recipe.augmentation for a in arms if a.recipe.augmentation.cast), None)
    runs = " ".join(f"runs/{arm.folder.name}" for arm in arms)
    found = verdicts(arms)
    lines = [
        "# Flowers under changing light",
        "",
        f"Made by `bombus train flowers-light {runs} --data DATA/{photos.root.parent.name}`; "
        "do not edit.",
        "",
        "Does a normalized difference layer before the backbone, which turns red, green and blue "
        "into contrasts (x_i - x_j) / (x_i + x_j) that no common gain changes, make a flower "
        "classifier hold under changing light?",
        "",
        f"**{_conclusion(found)}**",
        "",
        f"![Top-1 under each change]({PICTURE})",
        "",
        "Dotted: on photos as they are.",
        "",
        f"Mean top-1 on {n} test photos (SHA-256 `{photos.sha256[:16]}…`), in per cent. One "
        f"photo more or less is {100 / n:.2f} points; the 95 % interval of one figure on photos "
        f"as they are is about ±{_half_width(arms[0], n):.1f}.",
        "",
        *_summary(arms),
        "",
        "## Differences",
        "",
        "In points of top-1, on the same photos, with the 95 % interval over photos. A stem wins "
        "if, against every run without one, it is better under changed light by an interval above "
        "0, and on photos as they are its interval does not lie below 0.",
        "",
        *_differences(found),
        "",
        "## Every level",
        "",
        *_levels(arms),
        "",
        "Contrasts are immune to gains below 1. Gains above 1 clip, powers stretch or squeeze all "
        "contrasts, casts shift them.",
        "",
        "Brightness: one gain on the encoded values. Gamma: the encoded values of 0..1 to this "
        "power. Colour temperature and tint: gains of red, green and blue; warm is tungsten light "
        f"on a camera set to daylight ({_gains(TUNGSTEN)}), cool the inverse, half their square "
        f"roots; green is {_gains(GREEN)}, magenta the inverse. All are clipped and rounded to 8 "
        "bits, after scaling to the network's input.",
        "",
        "## What was trained",
        "",
        f"{recipe.backbone}, width {recipe.width:g}, {recipe.image_size} px, ImageNet weights, one "
        f"linear head ({recipe.head.epochs} epochs on frozen features), then all layers together "
        f"({recipe.fine_tune.epochs} epochs, {recipe.fine_tune.optimizer}, peak rate "
        f"{recipe.fine_tune.learning_rate:g}); of both stages the epoch that is best on val. Same "
        f"photos, seed ({recipe.seed}), order and optimizer in all runs, which differ only in "
        "stem and colour augmentation. The first layers are trained too, because a stem shows "
        "them what ImageNet did not. One run each: the intervals are over photos, not over "
        "seeds. These are small runs at a low resolution, made to be compared; the shipped model "
        "sees more pixels, was trained longer and is better.",
        "",
        *_runs(arms),
        "",
        "- contrasts: the three contrasts of red, green and blue, with learned coefficients that "
        f"start at 1, in place of the photo. An epsilon of {EPSILON:g} grey levels in the "
        "denominator keeps the rounding noise of dark pixels out, and makes contrasts of dark "
        "pixels fade: there, the invariance to gain is not exact.",
        "- RGB + contrasts: a 1 x 1 mixture of photo and contrasts to three channels, which starts "
        "as the photo.",
        *(
            [
                f"- colour augmentation: random powers between {1 / (1 + coloured.gamma):.2f} and "
                f"{1 + coloured.gamma:g}, random gains of each channel between "
                f"{1 / (1 + coloured.cast):.2f} and {1 + coloured.cast:g}, chosen beforehand to "
                "span about what the test changes. All runs have random brightness and contrast "
                f"(± {recipe.augmentation.brightness:g}, ± {recipe.augmentation.contrast:g}), as "
                "the shipped model had.",
            ]
            if coloured
            else []
        ),
    ]
    return "\n".join(lines) + "\n"


def _conclusion(found: Sequence[Verdict]) -> str:
    won = winners(found)
    if won:
        names = " and ".join(arm.name for arm in won)
        return (
            f"Yes: {names} won against every run without a stem. It belongs in the shipped model."
        )
    best = max(found, key=lambda v: v.arm.top1()).arm
    other = max((v.reference for v in found), key=lambda arm: arm.top1())
    return (
        "No stem won, so the shipped model has none. Under changed light the best with a stem "
        f"({best.name}) had {percent(best.top1())} %, the best without ({other.name}) "
        f"{percent(other.top1())} %."
    )


def _summary(arms: Sequence[Arm]) -> list[str]:
    head = ["before the backbone", "as they are", *KINDS, "mean of all changes", "worst"]
    rows = [
        [
            arm.name,
            percent(arm.top1(UNCHANGED.kind)),
            *(percent(arm.top1(kind)) for kind in KINDS),
            f"**{percent(arm.top1())}**",
            percent(float(arm.right.mean(axis=1).min())),
        ]
        for arm in arms
    ]
    return _table(head, rows)


def _differences(found: Sequence[Verdict]) -> list[str]:
    rows = [
        [
            v.arm.name,
            v.reference.name,
            _points(v.plain),
            _points(v.changed),
            "yes" if v.wins else "no",
        ]
        for v in found
    ]
    return _table(["run", "against", "as they are", "mean of all changes", "wins"], rows)


def _levels(arms: Sequence[Arm]) -> list[str]:
    rows = [
        [change.kind, change.level, *(percent(float(arm.right[i].mean())) for arm in arms)]
        for i, change in enumerate(ALL)
    ]
    return _table(["change", "level", *(arm.name for arm in arms)], rows)


def _runs(arms: Sequence[Arm]) -> list[str]:
    rows = [
        [
            arm.name,
            f"`{arm.folder.name}`",
            f"{arm.summary['parameters']:,}",
            percent(arm.summary["val"]["top1"]),
            f"{arm.summary['best_epoch']['fine_tune']} of {arm.recipe.fine_tune.epochs}",
            arm.coefficients,
        ]
        for arm in arms
    ]
    head = ["before the backbone", "run", "parameters", "val top-1", "best epoch", "alpha, gamma"]
    return _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def _gains(gains: Gains) -> str:
    return ", ".join(f"{gain:g}" for gain in gains)


def _half_width(arm: Arm, n: int) -> float:
    low, high = wilson_interval(int(arm.right[0].sum()), n)
    return 50 * (high - low)


def _points(interval: tuple[float, float, float]) -> str:
    centre, low, high = (100 * value for value in interval)
    return f"{centre:+.2f} ({low:+.2f} to {high:+.2f})"
