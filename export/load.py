"""Stage 1: a `.keras` file from anywhere becomes a model, without running code it carries."""

from __future__ import annotations

import importlib
import json
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import keras

from export.inspection.keras_file import foreign_code, serialized, strangers
from models.errors import InputError, reason
from models.files import read_bytes
from models.schema import NAME

# TensorFlow calls its nodes by the layers, whose names Keras does not look at.
_NODE = r"[A-Za-z0-9.][A-Za-z0-9_.>-]*"


@dataclass(frozen=True)
class SourceModel:
    """A loaded Keras model.

    Attributes:
        model: In inference mode, with one input [B, S, S, 3] and one output [B, K].
        path: The file it came from.
        data: Its bytes.
        image_size: S.
        classes: K.
    """

    model: keras.Model
    path: Path
    data: bytes
    image_size: int
    classes: int


def load_keras(path: Path, imports: Sequence[str] = ()) -> SourceModel:
    """Load a `.keras` file in safe mode.

    Args:
        path: The file. Legacy `.h5` is refused: it cannot be loaded safely.
        imports: Modules to import first, which register custom layers.

    Raises:
        InputError: Not a `.keras` file, code in it such as a Lambda layer, a layer that nobody
            registered, or a model that is not an image classifier.
    """
    register(imports)
    model, data = load_safely(path)
    size, classes = _classifier_shape(path, model)
    return SourceModel(model, path, data, size, classes)


def register(imports: Sequence[str]) -> None:
    """Import modules, which register custom layers.

    Raises:
        InputError: One cannot be imported.
    """
    for module in imports:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise InputError(f"--import {module}: cannot be imported ({error})") from error


def load_safely(path: Path) -> tuple[keras.Model, bytes]:
    """Load any `.keras` file whose layers are registered, and give its bytes.

    Raises:
        InputError: As `load_keras`, but for the model's kind.
    """
    data = read_bytes(path)
    _check_layers(path, data)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged archive fails in many ways
        raise InputError(f"{path}: Keras cannot load it ({reason(error)})") from error
    for layer in model._flatten_layers():
        wanted = NAME if isinstance(layer, keras.layers.InputLayer) else _NODE
        if not re.fullmatch(wanted, layer.name):
            raise InputError(
                f"{path}: layer {layer.name!r}: no name for TensorFlow and a bundle; begin with a "
                "letter or digit, go on with these, '.', '_' or '-', and save the model again"
            )
    return model, data


def _check_layers(path: Path, data: bytes) -> None:
    """Look at the layers' names before Keras builds anything."""
    if path.suffix != ".keras" or not zipfile.is_zipfile(BytesIO(data)):
        raise InputError(f"{path}: not a .keras file (Keras 3 archive); save it by model.save()")
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            config = json.loads(archive.read("config.json"))
    except (KeyError, ValueError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: no readable config.json in it; save the model again") from error
    parts = list(serialized(config))
    for danger in foreign_code(parts):
        raise InputError(
            f"{path}: {danger}; write it as a registered layer class, save the model again and "
            "give --import its module"
        )
    registered = keras.saving.get_registered_object
    if unknown := [name for name in strangers(parts) if registered(name) is None]:
        raise InputError(
            f"{path}: unknown layer {', '.join(unknown)}; "
            "give --import the module that registers it"
        )


def _classifier_shape(path: Path, model: keras.Model) -> tuple[int, int]:
    inputs = [tuple(t.shape) for t in getattr(model, "inputs", None) or ()]
    outputs = [tuple(t.shape) for t in getattr(model, "outputs", None) or ()]
    image = len(inputs) == 1 and len(inputs[0]) == 4 and inputs[0][1] == inputs[0][2]
    if not image or inputs[0][3] != 3 or inputs[0][1] is None:
        raise InputError(f"{path}: inputs {inputs}; only one square RGB image is exported so far")
    if len(outputs) != 1 or len(outputs[0]) != 2 or outputs[0][1] is None:
        raise InputError(
            f"{path}: outputs {outputs}; only one vector of classes is exported so far"
        )
    return inputs[0][1], outputs[0][1]
