"""The pictures of the robustness page: top-1 over severity, and a photo under every corruption."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from models.files import writing_to
from training.robustness.corruptions import CORRUPTIONS, Photo, corrupt
from training.robustness.results import Robustness

GAP = 12  # pixels between photos
_COLOURS = ("#000000", "#d55e00", "#0072b2", "#56b4e9")  # Okabe and Ito's


def draw_curves(arms: Sequence[Robustness], path: Path) -> None:
    """Top-1 over the severity of each corruption, a line an artefact, its 95 % interval shaded."""
    half = (len(CORRUPTIONS) + 1) // 2
    figure = Figure(figsize=(11, 5), layout="constrained")
    axes = figure.subplots(2, half, sharex=True, sharey=True)
    for axis in axes.flat[len(CORRUPTIONS) :]:
        axis.set_visible(False)
    for axis, c in zip(axes.flat, CORRUPTIONS, strict=False):
        severities = range(len(c.levels) + 1)
        for i, arm in enumerate(arms):
            found = [arm.top1(), *(arm.top1(c.name, s) for s in severities[1:])]
            top1, low, high = ([100 * value for value in side] for side in zip(*found, strict=True))
            colour = _COLOURS[i % len(_COLOURS)]
            axis.plot(severities, top1, color=colour, marker="o", ms=3, label=arm.artefact.file)
            axis.fill_between(severities, low, high, color=colour, alpha=0.15, lw=0)
        axis.set_title(f"{c.name} ({c.unit})", fontsize=9)
        names = ["none", *(f"{level:g}" for level in c.levels)]
        axis.set_xticks(severities, [str(s) for s in severities])
        for s, name in zip(severities, names, strict=True):
            note = axis.get_xaxis_transform()
            axis.text(s, 0.02, name, fontsize=7, color="grey", ha="center", transform=note)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("top-1, %")
    axes[1, 0].set_ylabel("top-1, %")
    figure.supxlabel("severity", fontsize=9)
    axes[0, 0].legend(frameon=False, fontsize=7, loc="lower left", bbox_to_anchor=(0, 0.08))
    with writing_to(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png", metadata={"Software": "bombus"})


def draw_sample(photo: Photo, seed: int, path: Path) -> None:
    """A photo under every corruption, a column each, a row a severity from none; a JPEG file."""
    severities = range(1 + min(len(c.levels) for c in CORRUPTIONS))
    edge = ((GAP, 0), (GAP, 0), (0, 0))
    rows = [
        np.hstack(
            [np.pad(corrupt(photo, c, s, seed), edge, constant_values=255) for c in CORRUPTIONS]
        )
        for s in severities
    ]
    step, middle = len(photo) + GAP, GAP + len(photo) / 2
    figure = Figure(figsize=(1.1 * len(CORRUPTIONS), 1.15 * len(severities)), layout="constrained")
    axis = figure.subplots()
    axis.imshow(np.vstack(rows), interpolation="antialiased")
    places = [middle + step * i for i in range(len(CORRUPTIONS))]
    axis.set_xticks(places, [c.name for c in CORRUPTIONS], fontsize=8)
    axis.set_yticks(places[: len(severities)], [str(s) for s in severities], fontsize=8)
    axis.set_ylabel("severity", fontsize=8)
    axis.tick_params(length=0, labeltop=True, labelbottom=False)
    axis.spines[:].set_visible(False)
    with writing_to(path) as temporary:
        figure.savefig(temporary, dpi=130, format="jpeg", pil_kwargs={"quality": 85})
