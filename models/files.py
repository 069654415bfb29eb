"""Reading that says in one line what is wrong; writing so that no one ever meets half a file."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from models.errors import InputError, reason

REMEDY = "remove it, and run the command again"


def read_bytes(path: Path) -> bytes:
    """A file's content; `InputError` with one line when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def read_json(path: Path, remedy: str = REMEDY) -> Any:
    """What a JSON file holds.

    Raises:
        InputError: It cannot be read, or is not JSON; its line ends with the remedy.
    """
    try:
        return json.loads(read_bytes(path))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); {remedy}") from error


def read_record(path: Path, *keys: str, remedy: str = REMEDY) -> dict[str, Any]:
    """What a JSON file holds that bombus wrote down: an object that has these keys at least.

    Raises:
        InputError: As `read_json`; or it is no object, or lacks a key, as one does that an older
            version wrote.
    """
    values = read_json(path, remedy)
    if not isinstance(values, dict):
        raise InputError(f"{path}: holds a {type(values).__name__}, not a record; {remedy}")
    require_keys(values, keys, path, remedy)
    return values


def require_keys(
    values: Mapping[str, Any], keys: Iterable[str], path: Path, remedy: str = REMEDY
) -> None:
    """Raise `InputError` where a record, read from a path, lacks one of the keys."""
    if missing := [key for key in keys if key not in values]:
        raise InputError(f"{path}: does not say {', '.join(missing)}; {remedy}")


@contextmanager
def reading_back(path: Path, remedy: str = REMEDY) -> Iterator[None]:
    """Read what a command kept in a file, whatever library does it.

    Raises:
        InputError: Reading failed: the file is damaged, or is none of what was kept.
    """
    try:
        yield
    # Damage meets numpy, zip, zlib and HDF5, each with errors of its own.
    except Exception as error:
        raise InputError(f"{path}: damaged ({reason(error)}); {remedy}") from error


@contextmanager
def writing_to(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; move it there when all went well.

    Works for a file and for a folder. The temporary name keeps the suffix, since Keras decides
    by it. Whatever was at `path` stays until the last moment, and stays on any error.

    Raises:
        InputError: The place cannot be written (read-only, full, a folder in the way).
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        workshop = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        temporary = workshop
        yield workshop / path.name
        _replace(workshop / path.name, path)
    except OSError as error:
        told = error.strerror or str(error)
        raise InputError(
            f"{path}: cannot be written ({told}); free space or choose another place"
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left half-written in a folder: `writing_to`'s hidden ones."""
    for leftover in list(folder.rglob(".*")):
        shutil.rmtree(leftover, ignore_errors=True)


def _replace(new: Path, old: Path) -> None:
    if not new.is_dir() or not old.is_dir() or old.is_symlink():
        new.replace(old)  # refused by the system where one is a file and the other a folder
        return
    # A folder that is not empty cannot be replaced in one step: step aside, move in, tidy up.
    aside = new.parent / "replaced"
    try:
        old.replace(aside)
        new.replace(old)
    except BaseException:  # an interrupt, too, must not lose what was there
        with suppress(OSError):
            aside.replace(old)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically and durably."""
    with writing_to(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def refuse_existing(path: Path, force: bool) -> None:
    """Raise `InputError` when something is at `path` and the caller did not say `--force`."""
    if (path.exists() or path.is_symlink()) and not force:
        raise InputError(f"{path}: already there; choose another name or add --force")
