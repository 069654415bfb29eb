"""The picture of the localizer's results page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from models.files import writing_to

# Okabe and Ito's colours, told apart by all eyes and in print.
COLOURS = ("#999999", "#56b4e9", "#0072b2", "#d55e00")


def draw_scores(bars: Mapping[str, Sequence[float]], sequences: Sequence[str], path: Path) -> None:
    """Draw t_rel by sequence.

    Args:
        bars: By the name of a method, t_rel of each sequence and then the weighted mean, %.
        sequences: Their names.
        path: The PNG file to write.
    """
    figure = Figure(figsize=(10.0, 3.8), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(sequences) + 1)
    width = 0.8 / len(bars)
    for k, (name, values) in enumerate(bars.items()):
        at = places + (k - 0.5 * (len(bars) - 1)) * width
        drawn = axes.bar(at, values, 0.9 * width, label=name, color=COLOURS[k % len(COLOURS)])
        axes.bar_label(drawn, [f"{v:.2f}" for v in values], fontsize=6.5, padding=1)
    axes.set_xticks(places, [*sequences, "all, by\nlength"])
    axes.set_xlabel("KITTI sequence, none of which was seen in training")
    axes.set_ylabel("t_rel, % of the way")
    axes.margins(y=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=len(bars), loc="upper center")
    with writing_to(path) as temporary:
        figure.savefig(temporary, dpi=150, format="png")
