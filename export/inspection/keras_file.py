"""Inside a `.keras` file, without building a layer of it."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

import h5py

from export.inspection.anatomy import Anatomy, Port, tally

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MOST = 4 << 30  # bytes unpacked: more is a bomb
_BROKEN = (zipfile.BadZipFile, zlib.error, UnicodeDecodeError, RecursionError, json.JSONDecodeError)


def anatomy(data: bytes) -> Anatomy:
    """Take a `.keras` file apart.

    Raises:
        ValueError: No `.keras` file, or damaged.
    """
    try:
        names, config, metadata, weights = _unpacked(data)
    except (KeyError, EOFError, NotImplementedError, RuntimeError, *_BROKEN) as error:
        raise ValueError(f"not a .keras file, or damaged ({error})") from error
    if not isinstance(config, dict) or not isinstance(metadata, dict):
        raise ValueError("not a .keras file: its configuration is no object")
    parts = list(serialized(config))
    constants, links = _constants(weights)
    foreign = strangers(parts)
    return Anatomy(
        format="keras",
        made_by=f"Keras {metadata.get('keras_version', 'of unknown version')}",
        needs=f"needs --import of what registers {', '.join(foreign)}" if foreign else "",
        inputs=tuple(_ports(config, "input_layers")),
        outputs=tuple(_ports(config, "output_layers")),
        ops=dict(Counter(str(layer["class_name"]) for layer in _layers(config, parts))),
        weights=tally(constants),
        contract=None,
        dangers=(*_odd_files(names), *foreign_code(parts), *links),
    )


def _unpacked(data: bytes) -> tuple[list[str], Any, Any, bytes]:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > MOST:
            raise ValueError(f"unpacks to over {MOST >> 30} GB: a zip bomb")
        names = [entry.filename for entry in entries]
        metadata = json.loads(archive.read(METADATA)) if METADATA in names else {}
        return names, json.loads(archive.read(CONFIG)), metadata, archive.read(WEIGHTS)


def serialized(config: Any) -> Iterator[dict[str, Any]]:
    """Every serialized Keras object in a configuration."""
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "class_name" in part and "config" in part:
                yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _odd_files(names: list[str]) -> Iterator[str]:
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            yield f"the path {name!r} leaves the archive"
        elif path.suffix in (".pkl", ".pickle", ".py", ".so"):
            yield f"it carries code, {name!r}"


def foreign_code(parts: list[dict[str, Any]]) -> Iterator[str]:
    """What runs code of the file's or of a stranger's choosing when the model is built."""
    names = {str(part["class_name"]) for part in parts}
    if names & {"Lambda", "__lambda__"}:
        yield "a Lambda layer, which is code in a file"
    for part in parts:
        if part.get("module") is not None and not (_keras_own(part) or _registered(part)):
            yield f"{part['module']}.{part['class_name']}, which is neither Keras's nor registered"


def _layers(config: dict[str, Any], parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The layers that models list, or the model itself where none is listed."""
    lists = [part["config"].get("layers") for part in parts if isinstance(part["config"], dict)]
    listed = [layer for layers in lists if isinstance(layers, list) for layer in layers]
    layers = [layer for layer in listed if isinstance(layer, dict) and "class_name" in layer]
    return layers or [part for part in parts if part is config]


def strangers(parts: list[dict[str, Any]]) -> list[str]:
    """The registered names of classes that are not Keras's own."""
    named = (part for part in parts if part.get("registered_name"))
    return sorted({str(part["registered_name"]) for part in named if not _keras_own(part)})


def _keras_own(part: dict[str, Any]) -> bool:
    # Keras's own classes go by their plain name and load by module; functions by name alone.
    module = str(part.get("module"))
    function = (module, part["class_name"]) == ("builtins", "function")
    return not _registered(part) and (function or module.partition(".")[0] == "keras")


def _registered(part: dict[str, Any]) -> bool:
    return ">" in str(part.get("registered_name"))


def _ports(config: dict[str, Any], side: str) -> Iterator[Port]:
    """The named layers at one end of a functional model."""
    inner = config.get("config")
    inner = inner if isinstance(inner, dict) else {}
    shapes = {
        part["config"].get("name"): part["config"]
        for part in inner.get("layers") or ()
        if isinstance(part, dict) and isinstance(part.get("config"), dict)
    }
    for name in _layer_names(inner.get(side)):
        about = shapes.get(name, {})
        shape, dtype = about.get("batch_shape"), about.get("dtype")
        known = isinstance(shape, list) and isinstance(dtype, str)
        yield Port(name, tuple(shape), dtype) if known else Port(name)


def _layer_names(ends: Any) -> Iterator[str]:
    """The names in `[name, 0, 0]`, or in lists and dictionaries of such."""
    if isinstance(ends, list) and len(ends) == 3 and isinstance(ends[0], str):
        yield ends[0]
    elif isinstance(ends, list | dict):
        for end in ends.values() if isinstance(ends, dict) else ends:
            yield from _layer_names(end)


def _constants(weights: bytes) -> tuple[list[tuple[str, int, int]], list[str]]:
    """Dtype, numbers and bytes of each variable, and what points out of the file."""
    found: list[tuple[str, int, int]] = []
    dangers: list[str] = []

    def walk(group: h5py.Group, depth: int) -> None:
        if depth > 100:
            raise ValueError("the weights are nested too deeply")
        for name in group:
            if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                dangers.append(f"the weight {name!r} lies in another file")
                continue
            item = group[name]
            if isinstance(item, h5py.Group):
                walk(item, depth + 1)
            elif isinstance(item, h5py.Dataset):
                if item.external:
                    dangers.append(f"the weight {name!r} lies in another file")
                found.append((str(item.dtype), int(item.size or 0), int(item.nbytes)))

    try:
        with h5py.File(BytesIO(weights), "r") as file:
            walk(file, 0)
    except (OSError, RuntimeError, KeyError, TypeError) as error:
        raise ValueError(f"its weights are damaged ({error})") from error
    return found, dangers
