"""The picture of what a Normalized Difference Layer has learned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from models.files import writing_to
from training.spectral.indices import Learned

# Okabe and Ito's colours, told apart by all eyes and in print.
EQUAL, NEAR, NEW = "#0072b2", "#56b4e9", "#999999"
SHOWN = 20  # bars


def draw_indices(learned: Sequence[Learned], bands: Sequence[str], path: Path) -> None:
    """Draw the most important indices as bars, and all pairs of bands as a matrix.

    Args:
        learned: From the most important on.
        bands: In the order of the sensor.
        path: The PNG file to write.
    """
    rows = min(len(learned), SHOWN)
    figure = Figure(figsize=(12.0, max(4.6, 1.4 + 0.25 * rows)), layout="constrained")
    bars, matrix = figure.subplots(1, 2, width_ratios=(1.0, 1.0))
    _draw_bars(bars, learned[:SHOWN])
    _draw_matrix(matrix, learned, bands)
    with writing_to(path) as temporary:
        figure.savefig(temporary, dpi=150, format="png")


def _draw_bars(axes: Axes, learned: Sequence[Learned]) -> None:
    kinds = {EQUAL: "a known index", NEAR: "near a known index", NEW: "near none"}
    colours = [NEW if one.match is None else EQUAL if one.match.equal else NEAR for one in learned]
    for colour, kind in kinds.items():
        places = [k for k, found in enumerate(colours) if found == colour]
        if not places:
            continue
        drawn = axes.barh(
            places, [learned[k].importance for k in places], 0.75, color=colour, label=kind
        )
        axes.bar_label(drawn, [_note(learned[k]) for k in places], fontsize=7, padding=3)
    axes.set_yticks(range(len(learned)), [one.index.name for one in learned], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.55, y=0.02)
    axes.set_xlabel("importance")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower left", bbox_to_anchor=(0.0, 1.0))


def _note(one: Learned) -> str:
    ratio = f"α/γ {one.index.ratio:.2f}"  # noqa: RUF001
    if one.match is None:
        return ratio
    rank = "" if one.match.equal else f", ρ {one.match.correlation:.2f}"  # noqa: RUF001
    return f"{ratio} {one.match.short}{rank}"


def _draw_matrix(axes: Axes, learned: Sequence[Learned], bands: Sequence[str]) -> None:
    """Above the diagonal importance, below it which of the two bands has the larger weight."""
    place = {band: k for k, band in enumerate(bands)}
    scores, tilts = (np.full((len(bands), len(bands)), np.nan) for _ in range(2))
    for one in learned:
        first, second = place[one.index.first], place[one.index.second]
        low, high = min(first, second), max(first, second)
        scores[low, high] = one.importance
        tilts[high, low] = np.log2(one.index.ratio) * (1 if first < second else -1)
    most = max(float(np.nanmax(np.abs(tilts))), 0.1)
    norm = TwoSlopeNorm(0.0, -most, most)
    shown = axes.imshow(scores, cmap="Blues", vmin=0.0)
    tilted = axes.imshow(tilts, cmap="PuOr", norm=norm)
    axes.set_xticks(range(len(bands)), bands, rotation=45, fontsize=8)
    axes.set_yticks(range(len(bands)), bands, fontsize=8)
    axes.spines[:].set_visible(False)
    figure = axes.figure
    figure.colorbar(tilted, ax=axes, shrink=0.8).set_label(
        "below: log2 of the column's weight / the row's", fontsize=8
    )
    figure.colorbar(shown, ax=axes, shrink=0.8).set_label("above: importance", fontsize=8)
