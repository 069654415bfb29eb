"""The pictures of the results page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.manifest import Artefact
from models.metrics import Scores


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


def _figure(width: float, height: float, path: Path, draw: Callable[..., None]) -> None:
    """Draw on one axis and save a PNG, without a display or global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.subplots())
    figure.savefig(path, dpi=110, metadata={"Software": "bombus"})
