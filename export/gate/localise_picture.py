"""The picture of a localisation: what each operation adds to the error, and what has gathered."""

from __future__ import annotations

import math
from pathlib import Path

from export.gate.localise import Localisation
from models.errors import InputError
from robot.replay.picture import ALARM, COLOURS, INK, SOFT, STYLE

_LEAST = 1e-9  # of the range; what is exact is drawn here


def draw_layers(found: Localisation, title: str, path: Path) -> None:
    """Write the picture as PNG.

    Raises:
        InputError: matplotlib is missing.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(
            "a picture needs matplotlib, which is missing; pip install 'bombus[robot]'"
        ) from error

    places = range(1, len(found.layers) + 1)
    finite = [e for layer in found.layers for e in (layer.error, layer.own) if math.isfinite(e)]
    top = max([*finite, _LEAST]) * 10  # where NaN and infinity are drawn

    def drawn(error: float) -> float:
        return max(error, _LEAST) if math.isfinite(error) else top

    with rc_context(STYLE):
        figure = Figure(figsize=(10, 4.2), dpi=110, facecolor="white", layout="constrained")
        FigureCanvasAgg(figure)
        axis = figure.subplots()
        own = [drawn(layer.own) for layer in found.layers]
        axis.bar(places, own, bottom=_LEAST / 10, color=COLOURS["first"], label="added here")
        gathered = [drawn(layer.error) for layer in found.layers]
        axis.step(places, gathered, where="mid", color=COLOURS["second"], label="gathered so far")
        jump = found.jump
        if jump is not None:
            place = found.layers.index(jump)
            axis.bar(place + 1, own[place], bottom=_LEAST / 10, color=ALARM, label="first to jump")
            axis.annotate(
                jump.title,
                (place + 1, own[place]),
                xytext=(0, 6),
                textcoords="offset points",
                ha="left" if place < len(own) / 2 else "right",
                color=INK,
            )
        axis.set_axisbelow(True)
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.set_ylim(max(min(own), _LEAST) / 3, top)
        axis.set_xlabel("operations in the order that they run", color=SOFT)
        axis.set_ylabel("RMS error, of the reference's range")
        axis.set_title(title)
        axis.legend(loc="upper left", ncols=3)
        figure.savefig(path, format="png", metadata={"Software": "bombus"})
