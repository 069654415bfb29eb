"""The pictures of the results page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.manifest import Artefact
from models.metrics import Scores
from training.flowers.light import UNCHANGED, Change


def draw_confusion(matrix: NDArray[np.int64], labels: Sequence[str], path: Path) -> None:
    """Counts [true, predicted], darker where more of a class went there."""
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)

    def draw(axis: Any) -> None:
        names = [label.replace("_", " ") for label in labels]
        axis.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1)
        axis.set_xticks(range(len(names)), names, rotation=60, ha="right")
        axis.set_yticks(range(len(names)), names)
        axis.set_xlabel("taken for")
        axis.set_ylabel("photo of")
        for i, j in zip(*np.nonzero(matrix), strict=True):
            colour = "white" if share[i, j] > 0.3 else "black"
            axis.text(j, i, matrix[i, j], ha="center", va="center", fontsize=7, color=colour)

    _figure(8, 7.4, path, draw)


def draw_artefacts(results: Sequence[tuple[Artefact, Scores]], path: Path) -> None:
    """Accuracy over latency, the area of a disc its size."""
    timed = [(a, a.latency, scores) for a, scores in results if a.latency]

    def draw(axis: Any) -> None:
        colours = {"tflite": "#d98c00", "onnx": "#3b6fb5"}
        for rank, (a, latency, scores) in enumerate(sorted(timed, key=lambda t: t[1].median_ms)):
            x, y, mb = latency.median_ms, 100 * scores.top1, a.bytes / 1e6
            axis.scatter(x, y, s=mb * 40, color=colours[a.format], alpha=0.6, lw=0)
            above = rank % 2 == 0  # in turns, so that neighbours do not cover each other
            axis.annotate(
                f"{a.format} {a.scheme}\n{mb:.1f} MB",
                (x, y),
                color=colours[a.format],
                fontsize=8,
                xytext=(0, 26 if above else -26),
                textcoords="offset points",
                arrowprops={"arrowstyle": "-", "color": colours[a.format], "lw": 0.8},
                ha="center",
                va="bottom" if above else "top",
            )
        reference = results[0][1]
        axis.axhspan(100 * reference.top1_low, 100 * reference.top1_high, color="grey", alpha=0.15)
        axis.axhline(100 * reference.top1, color="grey", lw=1, ls="--")
        note = " Keras float, with its 95 % interval"
        axis.text(0, 100 * reference.top1_low, note, va="bottom", fontsize=8, color="grey")
        axis.set_xlim(0, 1.3 * max(latency.median_ms for _, latency, _ in timed))
        axis.set_xlabel("median ms a photo, one thread")
        axis.set_ylabel("top-1 on the test photos, %")

    _figure(7, 4.2, path, draw)


def draw_light(top1: dict[str, NDArray[np.float64]], changes: Sequence[Change], path: Path) -> None:
    """Top-1 in per cent, [C] by name of the classifier, over the levels of each kind of change."""
    kinds = list(dict.fromkeys(change.kind for change in changes if change != UNCHANGED))
    before = next(i for i, change in enumerate(changes) if change == UNCHANGED)

    def draw(axes: Any) -> None:
        for axis, kind in zip(axes, kinds, strict=True):
            rows = [i for i, change in enumerate(changes) if change.kind == kind]
            for colour, (name, values) in zip(_COLOURS, top1.items(), strict=False):
                dash = "--" if name.endswith("augmentation") else "-"
                axis.axhline(values[before], color=colour, lw=0.7, ls=":")
                axis.plot(values[rows], color=colour, ls=dash, marker="o", ms=4, label=name)
            names = [changes[i].level for i in rows]
            axis.set_xticks(range(len(rows)), names, rotation=40, ha="right")
            axis.margins(x=0.3 / len(rows))
            axis.set_title(kind, fontsize=10)
        axes[0].set_ylabel("top-1 on the test photos, %")
        axes[0].legend(fontsize=8)

    levels = [sum(change.kind == kind for change in changes) for kind in kinds]
    _figure(11, 4.6, path, draw, panels=levels)


_COLOURS = ("#333333", "#3b6fb5", "#d98c00", "#3f8f4f", "#b5443b", "#7a4fa3")


def _figure(
    width: float, height: float, path: Path, draw: Callable[..., None], panels: Sequence[int] = (1,)
) -> None:
    """Draw on an axis, or on several this wide with one scale; a PNG, without display or state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.subplots(1, len(panels), sharey=True, width_ratios=panels))
    figure.savefig(path, dpi=110, metadata={"Software": "bombus"})
