"""The picture of the study: accuracy against MACs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from models.files import writing_to

# Okabe and Ito's colours, told apart by all eyes and in print.
_STYLES = {
    "uniform": ("#000000", "o"),
    "width": ("#d55e00", "s"),
    "refit": ("#56b4e9", "v"),
    "convex": ("#0072b2", "^"),
}


class Point(NamedTuple):
    """A method at a budget: millions of MACs, top-1 and its 95 % interval in per cent."""

    millions: float
    top1: float
    low: float
    high: float


def draw_curves(
    curves: Mapping[str, Sequence[Point]],
    untrained: Mapping[str, Sequence[Point]],
    full: Point,
    names: Mapping[str, str],
    path: Path,
) -> None:
    """Draw accuracy against MACs.

    Args:
        curves: By method, after fine-tuning.
        untrained: By method, before it.
        full: The model that all start from.
        names: Of the methods.
        path: The PNG file to write.
    """
    figure = Figure(figsize=(9.0, 4.4), layout="constrained")
    after, before = figure.subplots(1, 2)
    for axes, lines, title in (
        (after, curves, "after fine-tuning"),
        (before, untrained, "without any training"),
    ):
        for method, points in lines.items():
            colour, marker = _STYLES[method]
            x, y = [p.millions for p in points], [p.top1 for p in points]
            errors = [[p.top1 - p.low for p in points], [p.high - p.top1 for p in points]]
            axes.errorbar(
                x, y, errors, color=colour, marker=marker, ms=5, lw=1.2, label=names[method]
            )
        axes.axhline(full.top1, color="grey", lw=0.8, ls="--")
        note = f"all channels, {full.millions:.0f} million"
        axes.text(
            0.02,
            full.top1,
            note,
            va="bottom",
            color="grey",
            fontsize=8,
            transform=axes.get_yaxis_transform(),
        )
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("millions of MACs a photo")
        axes.spines[["top", "right"]].set_visible(False)
    after.set_ylabel("top-1 on the test photos, %")
    after.legend(frameon=False, fontsize=8, loc="lower right")
    with writing_to(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png", metadata={"Software": "bombus"})
