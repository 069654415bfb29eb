"""A model file or a bundle, as a person would like to see it."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from export.child import in_child
from export.inspection.anatomy import Anatomy
from models.bundle import find_bundle
from models.errors import InputError, IntegrityError
from models.files import read_bytes


@dataclass(frozen=True)
class Specimen:
    """A file and what is in it."""

    path: Path
    bytes: int
    sha256: str
    anatomy: Anatomy

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.path}: {self.bytes / 1e6:.2f} MB, SHA-256 {self.sha256}"
        yield from (f"  {line}" for line in self.anatomy.lines())

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "file": str(self.path),
            "bytes": self.bytes,
            "sha256": self.sha256,
            **self.anatomy.as_json(),
        }


def look_at(path: Path) -> Specimen:
    """Take a file apart in a process of its own, whatever may be in it.

    Raises:
        InputError: It cannot be read, or is no `.keras`, TFLite or ONNX file.
        IntegrityError: It is damaged, or its reader crashed or hung.
    """
    data = read_bytes(path)
    values = in_child("export.inspection.look:dissect", str(path.resolve()), name=str(path))
    digest = hashlib.sha256(data).hexdigest()
    if digest != values["sha256"]:
        raise IntegrityError(f"{path}: changed while it was read; look again")
    return Specimen(path, len(data), digest, Anatomy.from_json(values["anatomy"]))


def look_into(name: str) -> list[Specimen]:
    """Every file that is here of a bundle, once all are proven to be the manifest's.

    Args:
        name: The bundle's folder, or the name of one that bombus ships.

    Raises:
        InputError: There is no such bundle.
        IntegrityError: A file is not what the manifest says, or cannot be taken apart.
    """
    bundle = find_bundle(name)
    absent = bundle.verify()
    files = [a.file for a in bundle.manifest.artefacts if a.file not in absent]
    return [look_at(bundle.path / file) for file in files]


def dissect(path: str) -> dict[str, Any]:
    """The child's work: a file's anatomy and the hash of what was looked at."""
    data = read_bytes(Path(path))
    found = anatomy_of(data, Path(path).name)
    return {"sha256": hashlib.sha256(data).hexdigest(), "anatomy": found.as_json()}


def anatomy_of(data: bytes, name: str) -> Anatomy:
    """A file's anatomy, told by what is in it; its suffix decides only where that tells nothing.

    Raises:
        InputError: It is none of the three.
        IntegrityError: It is one of them, but damaged.
    """
    taken_apart = _reader(data, Path(name).suffix)
    if taken_apart is None:
        raise InputError(f"{name}: no model; a .keras, .tflite or .onnx file is looked at")
    try:
        return taken_apart(data)
    except (ValueError, MemoryError, OverflowError) as error:
        raise IntegrityError(f"{name}: {error}; get the file again") from error


def _reader(data: bytes, suffix: str) -> Callable[[bytes], Anatomy] | None:
    # Imported late: each brings its library.
    if data[4:8] == b"TFL3" or suffix == ".tflite":
        from export.inspection import tflite_file

        return tflite_file.anatomy
    if suffix == ".onnx":
        from export.inspection import onnx_file

        return onnx_file.anatomy
    if suffix == ".keras" or zipfile.is_zipfile(BytesIO(data)):
        from export.inspection import keras_file

        return keras_file.anatomy
    return None
