"""An ensemble: several runs as one classifier, which answers with the mean of their logits.

It teaches a small network (`training.flowers.distill`), or serves where there is room for it. A
member's logits are linear in its features, so the mean of all of them is one linear classifier of
the features side by side: the ensemble ends as any run does, in pooled maps and a dense layer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from models.bundle import MANIFEST, open_bundle
from models.errors import InputError
from models.files import read_bytes, read_record, refuse_existing, write_text
from models.metrics import Scores
from models.photos import scan_class_folders
from models.preprocess import load_photos
from training.flowers.dataset import scored
from training.flowers.distill import read_run, write_run
from training.provenance import git_commit, package_versions


def ensemble(
    runs: Sequence[Path],
    out: Path,
    *,
    image_size: int | None = None,
    mirrored: bool = False,
    data: Path | None = None,
    force: bool = False,
) -> tuple[keras.Model, Scores | None]:
    """Join runs.

    Args:
        runs: Folders of finished runs, or their `model.keras` with `labels.txt` beside it; all
            know the same labels in the same order. Photos have the size of the first; the others
            see them resized.
        out: Receives `model.keras`, `labels.txt` and `training.json`.
        image_size: Show all of them photos of this size instead, in pixels.
        mirrored: Each answers for a photo and for its mirror image.
        data: Folder with `val/` to score it on.
        force: Replace what is there.

    Returns:
        [B, S, S, 3] 0..255 -> logits [B, K], and its scores on val, if there is one.

    Raises:
        InputError: Nothing to join, a run that did not end, one of another make, or other labels.
    """
    refuse_existing(out, force)
    if len(runs) < 2 and not mirrored and image_size is None:
        raise InputError(f"{len(runs)} run is no ensemble; name two or more, or add --mirrored")
    models, labels = read_runs(runs)
    if image_size is not None:
        models = [_at_size(model, image_size) for model in models]
    model = joined(models, mirrored=mirrored)
    record, scores = _record(runs, model, mirrored), None
    if data is not None:
        val = scan_class_folders(data / "val", labels)
        scores = scored(model, load_photos(val.paths, model.input_shape[1]), val.targets)
        record["val"] = asdict(scores)
    write_run(model, labels, out)
    write_text(out / "training.json", json.dumps(record, indent=1))
    return model, scores


def read_runs(runs: Sequence[Path]) -> tuple[list[keras.Model], tuple[str, ...]]:
    """The models of runs that know the same labels, and these.

    Raises:
        InputError: One that did not end, or other labels.
    """
    members = [read_run(_model_file(path)) for path in runs]
    labels = members[0][1]
    for path, (_, known) in zip(runs, members, strict=True):
        if known != labels:
            raise InputError(
                f"{path}: knows other labels ({', '.join(known)}) than {runs[0]}; "
                "join runs of the same data"
            )
    return [model for model, _ in members], labels


def joined(models: Sequence[keras.Model], *, mirrored: bool = False) -> keras.Model:
    """The mean of the logits of several classifiers; photos have the size of the first.

    Args:
        models: As `training.flowers.network` builds them.
        mirrored: Each answers for a photo and for its mirror image.

    Raises:
        InputError: A model does not end in the layers `pool` and `head`.
    """
    size = models[0].input_shape[1:3]
    photos = keras.Input((*size, 3), dtype="float32", name="image")
    members = [_Member.of(model, f"member_{number}") for number, model in enumerate(models)]
    seen = [_look(member, photos, mirrored) for member in members]
    if all(member.averages for member in members) and len({maps.shape[1:3] for maps in seen}) == 1:
        features = keras.layers.GlobalAveragePooling2D(name="pool")(_beside(seen))
    else:
        pooled = [
            type(m.pool)(name=f"pool_{m.maps.name}")(x) for m, x in zip(members, seen, strict=True)
        ]
        features = _beside(pooled)
    head = keras.layers.Dense(members[0].bias.size, dtype="float32", name="head")
    model = keras.Model(photos, head(features), name="ensemble")
    kernel = np.concatenate([member.kernel for member in members]) / len(members)
    head.set_weights([kernel, np.mean([member.bias for member in members], axis=0)])
    return model


def origin(model: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """What a run is made of: the hash of its model, its recipe and commit as far as told."""
    facts: dict[str, Any] = {"sha256": hashlib.sha256(read_bytes(model)).hexdigest()}
    return facts | {key: told[key] for key in ("recipe", "git_commit") if key in told}


def _model_file(run: Path) -> Path:
    return run / "model.keras" if run.is_dir() else run


def _training(model: Path) -> dict[str, Any]:
    """`training.json` beside a model, or what its bundle says of it; empty without either."""
    if model.with_name(MANIFEST).is_file():
        return open_bundle(model.parent).manifest.source.training
    path = model.with_name("training.json")
    return read_record(path, remedy="mend or remove it") if path.exists() else {}


def _record(runs: Sequence[Path], model: keras.Model, mirrored: bool) -> dict[str, Any]:
    """`training.json` of an ensemble; the data's hashes where all runs had the same."""
    files = [_model_file(run) for run in runs]
    members = [_training(file) for file in files]
    data = [told.get("data_sha256") for told in members]
    return {
        "ensemble": {
            "image_size": model.input_shape[1],
            "mirrored": mirrored,
            "of": [origin(file, told) for file, told in zip(files, members, strict=True)],
        },
        **({"data_sha256": data[0]} if data[0] and data.count(data[0]) == len(data) else {}),
        "versions": package_versions(),
        "git_commit": git_commit(),
    }


@dataclass(frozen=True)
class _Member:
    """A classifier, apart.

    Attributes:
        maps: [B, s, s, 3] 0..255 -> [B, h, w, F].
        pool: Its layer that makes features of them.
        kernel: Of its dense layer.
        bias: Of it.
    """

    maps: keras.Model
    pool: keras.layers.Layer
    kernel: Any
    bias: Any

    @property
    def averages(self) -> bool:
        """Whether features are means of maps, so that it does not matter where something is."""
        return isinstance(self.pool, keras.layers.GlobalAveragePooling2D)

    @classmethod
    def of(cls, model: keras.Model, name: str) -> _Member:
        try:
            pool, head = model.get_layer("pool"), model.get_layer("head")
        except ValueError as error:
            raise InputError(
                f"{model.name}: has no layers 'pool' and 'head'; "
                "join runs of `bombus train flowers`"
            ) from error
        # A model of its own: two of one backbone have the same name.
        return cls(keras.Model(model.inputs[0], pool.input, name=name), pool, *head.get_weights())


def _look(member: _Member, photos: Any, mirrored: bool) -> Any:
    """The member's maps of photos of any size; of both views their mean."""
    wanted = member.maps.input_shape[1:3]
    if wanted != photos.shape[1:3]:
        photos = keras.layers.Resizing(*wanted, name=f"resize_{member.maps.name}")(photos)
    maps = member.maps(photos)
    if not mirrored:
        return maps
    other = member.maps(photos[:, :, ::-1])
    if member.averages:
        other = other[:, :, ::-1]  # back, so that a place of the maps is one of the photo
    return keras.layers.Average(name=f"mean_{member.maps.name}")([maps, other])


def _beside(tensors: Sequence[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else keras.layers.Concatenate()(tensors)


def _at_size(model: keras.Model, size: int) -> keras.Model:
    """The classifier for photos of another size: its weights have none."""
    inputs = model.input_shape, (None, size, size, 3)
    try:
        other = type(model).from_config(_exchanged(model.get_config(), *inputs))
        other.set_weights(model.get_weights())
    except ValueError as error:
        raise InputError(
            f"{model.name}: cannot see photos of {size} px: {str(error).splitlines()[0]}; "
            "leave out --image-size"
        ) from error
    return other


def _exchanged(config: Any, old: tuple[Any, ...], new: tuple[Any, ...]) -> Any:
    """A model's configuration with other inputs, those of models inside it, too."""
    if isinstance(config, dict):
        return {
            key: new
            if key == "batch_shape" and tuple(value) == old
            else _exchanged(value, old, new)
            for key, value in config.items()
        }
    if isinstance(config, list | tuple):
        return type(config)(_exchanged(value, old, new) for value in config)
    return config
