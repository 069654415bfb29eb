"""The finished cells of a study: a folder with one JSON file each, so that a study can go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.errors import InputError
from models.files import read_record

CELLS = "cells"


def is_done(file: Path, how: dict[str, Any]) -> bool:
    """Is the cell there, and was it made in this way?

    Args:
        file: Of the cell; its `how` says the way.
        how: As JSON gives it back.

    Raises:
        InputError: It was made in another way.
    """
    if not file.exists():
        return False
    if read_record(file, "how")["how"] != how:
        raise InputError(f"{file}: made by another recipe or from other data; choose another --out")
    return True


def read_cells(out: Path, command: str, *keys: str) -> list[dict[str, Any]]:
    """The finished cells of a run folder, by name; each has these keys.

    Raises:
        InputError: There is none, which the command makes; or one is damaged.
    """
    files = sorted((out / CELLS).glob("*.json"))
    if not files:
        raise InputError(f"{out}: no study; run bombus train {command}")
    return [read_record(file, *keys) for file in files]
