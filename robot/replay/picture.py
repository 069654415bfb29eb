"""The picture of a replay: a PNG by matplotlib, without a display and without global state."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import InputError
from models.files import writing_to
from robot.lie import Array
from robot.replay.view import NOTE, Panel, View

# Okabe and Ito's colours, told apart by the colour-blind; each has a dash of its own as well.
COLOURS = {
    "estimate": "#0072b2",
    "truth": "#3c4043",
    "first": "#0072b2",
    "second": "#d55e00",
    "third": "#009e73",
}
DASHES = {
    "estimate": "-",
    "truth": (0, (4, 2)),
    "first": "-",
    "second": (0, (5, 1.5)),
    "third": ":",
}
INK, SOFT, GRID, ALARM = "#202124", "#5f6368", "#e3e5e8", "#b3261e"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": "#b8bcc2",
    "axes.linewidth": 0.8,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.2,
    "text.parse_math": False,  # a name may hold a dollar
}


def draw_picture(view: View, path: Path) -> None:
    """Write the picture of a replay.

    Raises:
        InputError: matplotlib is missing, or the place cannot be written.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise InputError(
            "a picture needs matplotlib, which is missing; pip install 'bombus[robot]'"
        ) from error

    with rc_context(STYLE):
        figure = Figure(figsize=(17, 11.5), dpi=110, facecolor="white")
        FigureCanvasAgg(figure)
        _draw(figure, view)
        with writing_to(path) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": "bombus"})


def _draw(figure: Any, view: View) -> None:
    """Facts above; the way at the left, curves at the right, health below."""
    _facts(figure, view)
    height = figure.get_figheight()  # inches, as the ribbon's are
    ribbon = (0.5 + 0.17 * max(1, len(view.health))) / height
    sides = {"left": 0.05, "right": 0.985}
    columns = figure.add_gridspec(
        1, 2, **sides, top=0.855, bottom=ribbon + 0.085, width_ratios=(1, 1.5), wspace=0.11
    )
    far = [panel for panel in view.panels if panel.over == "distance"]
    timed = [panel for panel in view.panels if panel.over == "time"]
    left = columns[0].subgridspec(1 + len(far), 1, height_ratios=[3.2] + [1] * len(far), hspace=0.2)
    _way(figure.add_subplot(left[0]), view)
    for cell, panel in enumerate(far, 1):
        axis = figure.add_subplot(left[cell])
        _curves(axis, panel, view.distances)
        axis.set_xlabel("distance, m")

    rows = (len(timed) + (view.raster is not None) + 1) // 2
    right = columns[1].subgridspec(rows, 2, hspace=0.62, wspace=0.2)
    axes = [figure.add_subplot(right[i % rows, i // rows]) for i in range(len(timed))]
    for axis, panel in zip(axes, timed, strict=True):
        _curves(axis, panel, view.times)
    if view.raster is not None:
        axes.append(figure.add_subplot(right[rows - 1, 1]))
        _raster(axes[-1], view.raster, view.times[-1])
    for last in (axes[rows - 1], axes[-1]):
        last.set_xlabel("time, s")
    foot = figure.add_gridspec(1, 1, **sides, top=ribbon, bottom=0.5 / height)
    _health(figure.add_subplot(foot[0]), view)


def _facts(figure: Any, view: View) -> None:
    figure.text(0.03, 0.968, view.name, fontsize=17, weight="bold", va="center")
    for i, fact in enumerate(view.facts):
        x = 0.03 + 0.955 * i / max(6, len(view.facts))
        figure.text(x, 0.928, fact.value, fontsize=13, weight="bold", color=COLOURS["estimate"])
        figure.text(x, 0.917, fact.what, color=INK, va="top")
        short = textwrap.shorten(fact.meaning, 44, placeholder=" ...")
        figure.text(x, 0.904, short, fontsize=7.5, color=SOFT, va="top")
    figure.text(0.985, 0.012, NOTE, fontsize=7.5, color=SOFT, ha="right")


def _way(axis: Any, view: View) -> None:
    """The way from above."""
    axis.set_title("The way from above")
    x, y, _ = view.way.T
    axis.plot(x, y, color=COLOURS["estimate"], lw=1.8, label="estimate")
    if view.true_way is not None:  # above, since dashes hide less
        true_x, true_y, _ = view.true_way.T
        axis.plot(true_x, true_y, color=COLOURS["truth"], ls=DASHES["truth"], lw=1.3, label="truth")
    axis.plot(x[0], y[0], "o", ms=8, mfc="white", mec=INK, mew=1.6, label="start", zorder=5)
    axis.plot(x[-1], y[-1], "s", ms=7, color=INK, label="end", zorder=5)
    axis.set_aspect("equal", adjustable="datalim")
    axis.margins(0.06)
    axis.set_xlabel("east, m")
    axis.set_ylabel("north, m")
    _legend(axis)


def _curves(axis: Any, panel: Panel, x: Array) -> None:
    axis.set_title(f"{panel.title}, {panel.unit}")
    for band in panel.bands:
        colour = COLOURS[band.role]
        axis.fill_between(x, band.low, band.high, color=colour, alpha=0.18, lw=0, label=band.label)
    for line in panel.lines:
        dash = DASHES[line.role]
        axis.plot(x, line.values, color=COLOURS[line.role], ls=dash, label=line.label)
    if panel.log and any((line.values > 0).any() for line in panel.lines):
        from matplotlib.ticker import LogLocator, NullFormatter

        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=6))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_xlim(x[0], x[-1])
    if len(panel.lines) + len(panel.bands) > 1:
        _legend(axis)


def _legend(axis: Any) -> None:
    """A legend in the line of the title, where it hides nothing."""
    axis.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 0.985),
        ncols=4,
        borderaxespad=0,
        columnspacing=1.2,
        handlelength=1.8,
    )


def _raster(axis: Any, raster: Array, seconds: float) -> None:
    axis.set_title(f"Spikes, neuron by neuron; {100 * raster.mean():.1f} % a step")
    axis.imshow(
        raster,
        aspect="auto",
        cmap="Greys",
        vmin=0,
        vmax=max(float(np.quantile(raster, 0.99)), 1e-9),
        extent=(0, seconds, len(raster), 0),
        interpolation="antialiased",
    )
    axis.grid(visible=False)


def _health(axis: Any, view: View) -> None:
    """A line for each flag that was ever set."""
    names = list(view.health)
    if not names:
        axis.set_axis_off()
        axis.set_title("Health: nothing was wrong")
        return
    axis.set_title("Health")
    steps = np.append(np.diff(view.times), 0.0)  # a flag stands for all up to the next point
    for row, name in enumerate(names):
        spans = [
            (t, dt) for t, dt, on in zip(view.times, steps, view.health[name], strict=True) if on
        ]
        axis.broken_barh(spans, (row - 0.38, 0.76), color=ALARM, lw=0.8, edgecolor=ALARM)
    axis.set_yticks(range(len(names)), [name.lower().replace("_", " ") for name in names])
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_xlim(view.times[0], view.times[-1])
    axis.set_xlabel("time, s")
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", length=0)
