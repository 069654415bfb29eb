"""The indices that a trained run has learned, as a picture and a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from models.errors import InputError
from models.files import read_record, reading_back, write_text
from training.layers.normalized_difference import NormalizedDifference
from training.spectral import networks  # noqa: F401  (registers the layers)
from training.spectral.index_figure import draw_indices
from training.spectral.indices import Learned, evaluate, importance, ranked, read_layer
from training.spectral.train import CONTRACT, LEARNED, MODEL


def learned_indices(run: Path, platform: str | None = None) -> tuple[Learned, ...]:
    """What a run's normalized differences have become, from the most important on.

    Args:
        run: A folder of `bombus train spectral`.
        platform: The sensor, where its bands' names do not tell (`catalogue.symbols`).

    Raises:
        InputError: No run, or its network is not normalized differences under a linear head.
    """
    if not (run / MODEL).exists():
        raise InputError(f"{run}: no {MODEL}; train it with bombus train spectral")
    bands = _bands(run)
    model = keras.saving.load_model(run / MODEL, compile=False)
    layer = next((x for x in model.layers if isinstance(x, NormalizedDifference)), None)
    head = model.layers[-1]
    kernel = head.get_weights()[0] if isinstance(head, keras.layers.Dense) else None
    if layer is None or kernel is None or len(kernel) != len(layer.pairs):
        raise InputError(
            f"{run / MODEL}: not normalized differences under a linear head; "
            "its indices have no weight of their own, train --kind ndl"
        )
    with reading_back(run / LEARNED, "train it anew"), np.load(run / LEARNED) as rows:
        values = rows["X"]
    indices = read_layer(layer, bands)
    scores = importance(_behind_normalization(model, kernel), evaluate(indices, values, bands))
    return ranked(indices, scores, values, bands, platform)


def write_indices(run: Path, out: Path, platform: str | None = None) -> tuple[Learned, ...]:
    """Write `spectral-indices.md` and `.png`; the indices.

    Raises:
        InputError: As `learned_indices`; or the folder cannot be written.
    """
    learned = learned_indices(run, platform)
    draw_indices(learned, _bands(run), out / "spectral-indices.png")
    lines = [
        "# Learned spectral indices",
        "",
        *_INTRODUCTION,
        "",
        "![Learned indices](spectral-indices.png)",
        "",
        "| index | α/γ | importance | known as | ρ |",  # noqa: RUF001
        "|---|---|---|---|---|",
        *map(_row, learned),
        "",
        f"Made by `bombus train spectral-indices runs/{run.name}`.",
        "",
    ]
    write_text(out / "spectral-indices.md", "\n".join(lines))
    return learned


_INTRODUCTION = (
    "What the Normalized Difference Layer of a run has become: of each pair of bands",
    "ND(a, w b) = (a - w b) / (a + w b), ranked by the weight that the classifier gives it",
    "times its spread over the samples that it learned from. = is a known index of the same two",
    "bands that it differs from by 0.01 at most; ≈ the known index whose order of the samples is",
    "nearest to its own (rank correlation ρ of 0.95 or more), by the catalogue of spyndex.",  # noqa: RUF001
)


def _row(one: Learned) -> str:
    match = one.match
    known = (str(match), f"{match.correlation:.3f}") if match else ("-", "-")
    return (
        f"| {one.index.name} | {one.index.ratio:.3f} | {one.importance:.3f} | {' | '.join(known)} |"
    )


def _bands(run: Path) -> list[str]:
    contract = read_record(run / CONTRACT, "bands", remedy="train it anew")
    return [str(band) for band in contract["bands"]]


def _behind_normalization(model: keras.Model, kernel: Any) -> Any:
    """The head's weights as they act on the indices themselves."""
    norm = next((x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)), None)
    if norm is None:
        return kernel
    gamma, _, _, variance = norm.get_weights()
    return kernel * (gamma / np.sqrt(variance + norm.epsilon))[:, None]
