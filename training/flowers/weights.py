"""Start weights of a backbone: ImageNet's from a file or from Keras, or a model of one's own."""

from __future__ import annotations

import hashlib
import re
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.errors import InputError, reason
from models.files import read_bytes, read_record

_BY_KERAS = re.compile(r"(conv2d|separable_conv2d|depthwise_conv2d|batch_normalization)(?:_(\d+))?")


def load_backbone_weights(backbone: keras.Model, path: Path) -> tuple[str, ...]:
    """Load a weights file into a backbone.

    Args:
        backbone: Built model; layers are matched by name, those that Keras numbered by rank.
        path: `.npz` with keys `<layer>/<index>:<variable>` in the order of `layer.weights`
            (`...|int8` goes with a float `...|scale` per output channel), `.weights.h5`, or the
            `model.keras` of a finished run with the same backbone, to train it further.

    Returns:
        The layers with weights that the file does not have: they start fresh, and so does the
        batch normalisation behind each, whose statistics are those of other weights.

    Raises:
        InputError: Unreadable file, another architecture's file, or a shape that does not fit.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such weights file; give a path, 'imagenet' or 'none'")
    if path.suffix == ".npz":
        return _load_npz(backbone, path)
    if path.name.endswith(".weights.h5"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # all that Keras says of some layers left fresh
                backbone.load_weights(path)
        except (ValueError, OSError, KeyError, UserWarning) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{path}: does not fit {backbone.name}: {reason}") from error
        return ()
    if path.suffix == ".keras":
        _copy_from_run(backbone, path)
        return ()
    raise InputError(f"{path}: weights must be a .npz, a .weights.h5 or a .keras file")


def weights_record(weights: str) -> dict[str, str]:
    """What to write down of the start weights: a file's name and hash, never its path."""
    if weights in ("imagenet", "none"):
        return {"weights": weights}
    digest = hashlib.sha256(read_bytes(Path(weights))).hexdigest()
    return {"weights": Path(weights).name, "weights_sha256": digest}


def start_record(weights: str) -> dict[str, Any] | None:
    """How the start weights came to be, where they are a run of ours: its record, in short.

    Args:
        weights: As in a recipe; a run's `model.keras` has its `training.json` beside it.

    Returns:
        The run's recipe, its minutes, its top-1 on val, and the same of what it began with
        itself; None for any other weights.

    Raises:
        InputError: A damaged record.
    """
    record = Path(weights).with_name("training.json")
    if Path(weights).suffix != ".keras" or not record.is_file():
        return None
    run = read_record(record, "recipe", "seconds", "val", "start", remedy="train it anew")
    return {
        "recipe": run["recipe"],
        "minutes": round(sum(run["seconds"].values()) / 60, 1),
        "val": run["val"]["top1"],
        "start": run["start"],
    }


def load_model(path: Path) -> keras.Model:
    """A `.keras` file, in safe mode, for inference.

    Raises:
        InputError: Keras cannot load it.
    """
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged archive fails in many ways
        raise InputError(f"{path}: Keras cannot load it ({reason(error)})") from error


def _copy_from_run(backbone: keras.Model, path: Path) -> None:
    model = load_model(path)
    parts = {layer.name: layer for layer in model.layers}
    if backbone.name not in parts:
        raise InputError(
            f"{path}: no {backbone.name} in it, but {', '.join(parts)}; "
            "give a run of the same backbone and size"
        )
    try:
        backbone.set_weights(parts[backbone.name].get_weights())
    except ValueError as error:
        raise InputError(
            f"{path}: does not fit {backbone.name}: {str(error).splitlines()[0]}"
        ) from error


def _load_npz(backbone: keras.Model, path: Path) -> tuple[str, ...]:
    try:
        weights = read_npz_weights(path)
    except Exception as error:  # there is no list of what numpy and zipfile raise on damage
        raise InputError(f"{path}: not a weights archive ({error})") from error
    layers = _named_alike(backbone)
    foreign = [name for name in weights if name not in layers]
    if foreign:
        raise InputError(
            f"{path}: layer {foreign[0]!r} is not in {backbone.name}; "
            "these are another backbone's weights"
        )
    fresh = _left_fresh(layers, weights)
    for name, arrays in weights.items():
        if name in fresh:
            continue
        expected = [tuple(w.shape) for w in layers[name].weights]
        found = [a.shape for a in arrays]
        if expected != found:
            raise InputError(
                f"{path}: layer {name!r} has shapes {found}, {backbone.name} needs {expected}"
            )
        layers[name].set_weights(arrays)
    return fresh


def _left_fresh(layers: dict[str, Any], weights: Iterable[str]) -> tuple[str, ...]:
    """The names of those without weights, and of the batch normalisations behind them."""
    fresh = set(layers) - set(weights)
    behind = {
        node.operation
        for name in fresh
        for node in layers[name]._outbound_nodes
        if isinstance(node.operation, keras.layers.BatchNormalization)
    }
    return tuple(name for name, layer in layers.items() if name in fresh or layer in behind)


def _named_alike(backbone: keras.Model) -> dict[str, Any]:
    """The layers with weights, by the names that they have in a process's first such backbone.

    Keras numbers unnamed layers through all models of a process: the second Xception begins with
    `conv2d_4`, where every weights file says `conv2d`.
    """
    layers = {layer.name: layer for layer in backbone.layers}
    numbered = defaultdict(list)
    for name in layers:
        if found := _BY_KERAS.fullmatch(name):
            numbered[found[1]].append(int(found[2] or 0))
    renamed = {
        f"{kind}_{number}" if number else kind: f"{kind}_{place}" if place else kind
        for kind, numbers in numbered.items()
        for place, number in enumerate(sorted(numbers))
    }
    return {renamed.get(name, name): layer for name, layer in layers.items() if layer.weights}


def read_npz_weights(path: Path) -> dict[str, list[NDArray[np.float32]]]:
    """Read {layer: arrays in the order of `layer.weights`} as float32 from a packed archive."""
    layers: dict[str, dict[int, NDArray[np.float32]]] = defaultdict(dict)
    if not zipfile.is_zipfile(path):
        raise zipfile.BadZipFile("no zip file")
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        for key in archive.files:
            name, _, kind = key.partition("|")
            if kind == "scale":
                continue
            value = np.asarray(archive[key], np.float32)
            if kind == "int8":
                value = value * archive[f"{name}|scale"]
            layer, _, variable = name.partition("/")
            layers[layer][int(variable.partition(":")[0])] = value
    return {layer: [parts[i] for i in sorted(parts)] for layer, parts in layers.items()}
