"""Arrays on disk that work goes on from: whole or not at all, and only with what they were made."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError, reason
from models.files import writing_to

MARK = "mark"  # name of the array that says what the others were made with


def mark_of(*parts: object) -> str:
    """A hash of all that must be the same for work to go on: dataclasses and numbers, or bytes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def save(path: Path, mark: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays, atomically and durably, without pickle.

    Raises:
        InputError: The place cannot be written.
    """
    named: dict[str, Any] = {MARK: np.array(mark), **arrays}
    with writing_to(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **named)
        file.flush()
        os.fsync(file.fileno())


def load(path: Path, mark: str) -> dict[str, NDArray[Any]]:
    """Read what `save` wrote with the same mark.

    Raises:
        InputError: It is not there, no such file, or made with something else.
    """
    if not path.is_file():
        raise InputError(f"{path}: not there; give the file that an earlier run saved")
    try:
        with np.load(path, allow_pickle=False) as saved:
            arrays = {name: saved[name] for name in saved.files}
            found = str(arrays.pop(MARK))
    # A damaged archive meets zip, zlib, tokenizer and numpy, each with errors of its own.
    except Exception as error:
        raise InputError(f"{path}: not a saved state ({reason(error)}); remove it") from error
    if found != mark:
        raise InputError(
            f"{path}: saved with other options, noise or logs; say the same again, or remove it"
        )
    return arrays
