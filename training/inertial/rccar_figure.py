"""The picture of the RC car's results page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from models.files import writing_to
from robot.lie import Array
from training.inertial.figures import COLOURS


def draw_ways(runs: Mapping[str, Mapping[str, Array]], path: Path) -> None:
    """Draw the ways of each run.

    Args:
        runs: By title, then by label, the truth first: [N, 2] east and north of the start, m.
        path: The PNG file to write.
    """
    figure = Figure(figsize=(10.0, 5.6), layout="constrained")
    panels = figure.subplots(2, -(-len(runs) // 2), squeeze=False).ravel()
    for axes, (title, ways) in zip(panels, runs.items(), strict=False):
        for k, (label, way) in enumerate(ways.items()):
            colour = COLOURS[k + (k > 0)]
            axes.plot(*way.T, color=colour, linewidth=0.9 if k else 2.5, label=label)
        axes.set_title(title, fontsize=9)
        axes.set_aspect("equal", adjustable="datalim")
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, fontsize=8)
    figure.supxlabel("m to the east of the start", fontsize=8)
    figure.supylabel("m to the north", fontsize=8)
    with writing_to(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
