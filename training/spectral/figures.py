"""The picture of the study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from models.files import writing_to

COLUMNS = 4
# Okabe and Ito's colours, told apart by all eyes and in print; the shapes repeat later.
COLOURS = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#d55e00", "#0072b2", "#cc79a7")
MARKERS = "osD^vP*X<>"


class Point(NamedTuple):
    """A kind on a task: drop under 10 % band noise in points, clean accuracy in %."""

    kind: str
    drop: float
    clean: float
    noisy: bool  # trained with noise


def draw_trade_off(
    panels: Mapping[str, Sequence[Point]], kinds: Mapping[str, str], path: Path
) -> None:
    """Draw clean accuracy against what noise costs, a panel a task: best is top left.

    Args:
        panels: By the title of a task.
        kinds: Titles by name, in the order of the legend.
        path: The PNG file to write.
    """
    rows = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(3.2 * COLUMNS, 2.7 * rows + 0.7), layout="constrained")
    grid = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
    look: dict[str, dict[str, Any]] = {
        name: {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)]}
        for k, name in enumerate(kinds)
    }
    for axes, (title, points) in zip(grid, panels.items(), strict=False):
        for p in points:
            face = "none" if p.noisy else look[p.kind]["color"]
            axes.plot(p.drop, p.clean, ls="", ms=6, mfc=face, **look[p.kind])
        axes.set_title(title, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    handles = [figure.axes[0].plot([], [], ls="", **look[n], label=kinds[n])[0] for n in kinds]
    figure.legend(handles=handles, loc="outside upper center", ncols=8, frameon=False, fontsize=8)
    figure.supxlabel("accuracy lost at 10 % band noise, points", fontsize=9)
    figure.supylabel("accuracy, %", fontsize=9)
    with writing_to(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")
