"""An ensemble: the models of several runs as one, which answers with the mean of their logits.

It teaches a small network (`training.flowers.distill`), or serves where there is room for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras

from models.errors import InputError
from models.files import refuse_existing
from training.flowers.distill import read_run, write_run


def ensemble(runs: Sequence[Path], out: Path, *, force: bool = False) -> keras.Model:
    """Join runs.

    Args:
        runs: Folders of finished runs, or their `model.keras` with `labels.txt` beside it; all
            know the same labels in the same order. Photos have the size of the first; the others
            see them resized.
        out: Folder that receives `model.keras` and `labels.txt`.
        force: Replace what is there.

    Returns:
        [B, S, S, 3] 0..255 -> logits [B, K].

    Raises:
        InputError: Fewer than two runs, one that did not end, or other labels.
    """
    refuse_existing(out, force)
    models, labels = read_runs(runs)
    model = joined(models)
    write_run(model, labels, out)
    return model


def read_runs(runs: Sequence[Path]) -> tuple[list[keras.Model], tuple[str, ...]]:
    """The models of runs that know the same labels, and these.

    Raises:
        InputError: As `ensemble`.
    """
    if len(runs) < 2:
        raise InputError(f"{len(runs)} run is no ensemble; name two or more")
    members = [read_run(path / "model.keras" if path.is_dir() else path) for path in runs]
    labels = members[0][1]
    for path, (_, known) in zip(runs, members, strict=True):
        if known != labels:
            raise InputError(
                f"{path}: knows other labels ({', '.join(known)}) than {runs[0]}; "
                "join runs of the same data"
            )
    return [model for model, _ in members], labels


def joined(models: Sequence[keras.Model]) -> keras.Model:
    """The mean of the logits of several classifiers; photos have the size of the first."""
    size = models[0].input_shape[1:3]
    photos = keras.Input((*size, 3), dtype="float32", name="image")
    answers = []
    for number, model in enumerate(models):
        # A model of its own: two of one backbone have the same name.
        member = keras.Model(model.input, model.output, name=f"member_{number}")
        wanted = model.input_shape[1:3]
        resize = keras.layers.Resizing(*wanted, name=f"resize_{number}")
        answers.append(member(photos if wanted == size else resize(photos)))
    return keras.Model(photos, keras.layers.Average(name="logits")(answers), name="ensemble")
