"""What the tests have done in other processes; it imports little, to start soon."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np

from export.inspection.look import anatomy_of
from models.errors import InputError, IntegrityError
from models.runtime import open_runner


def crash(path: str) -> None:
    """End as native code ends."""
    os.abort()


def hang(path: str) -> None:
    """Never end."""
    while True:
        pass


def devour(path: str) -> None:
    """Ask for 8 TB."""
    np.ones(1 << 40)


def repacked(data: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """A zip archive with changed entries."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return packed.getvalue()


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut short, bits flipped, stretches overwritten or doubled."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        place, size = int(rng.integers(len(changed))), int(rng.integers(1, 16))
        kind = rng.integers(5)
        if kind == 0:
            changed[place] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            changed[place : place + size] = rng.bytes(size)
        elif kind == 2:
            changed[place : place + size] = b"\xff" * size
        elif kind == 3:
            changed[place:place] = changed[place : place + 64]
        else:
            del changed[max(place, 8) :]
    return bytes(changed)


def mutated_inside(data: bytes, rng: np.random.Generator) -> bytes:
    """An archive with sound checksums around one mutated entry."""

    def change(entries: dict[str, bytes]) -> None:
        name = sorted(entries)[int(rng.integers(len(entries)))]
        entries[name] = mutated(entries[name], rng)

    return repacked(data, change)


def survive(kind: str, path: str, count: str) -> int:
    """Read so many mutations of a file; how many could be read.

    Whatever else than an error for people is raised ends the process.
    """
    data, rng, read = Path(path).read_bytes(), np.random.default_rng(0), 0
    for number in range(int(count)):
        mutate = mutated_inside if kind == "keras" and number % 2 else mutated
        try:
            anatomy_of(mutate(data, rng), f"m.{kind}")
            read += 1
        except (InputError, IntegrityError):
            continue
    return read


def survive_loading(kind: str, path: str, first: str, count: str) -> int:
    """The same with what loads files, and runs them where they can be.

    The number of the mutation that is being tried stands in a file beside.
    """
    data, loaded = Path(path).read_bytes(), 0
    for number in range(int(first), int(count)):
        Path(path).with_suffix(".at").write_text(str(number))
        rng = np.random.default_rng(number)
        mutate = mutated_inside if kind == "keras" and number % 8 else mutated
        try:
            _load(kind, mutate(data, rng), Path(path).with_name(f"mutated.{kind}"))
            loaded += 1
        except (InputError, IntegrityError):
            continue
    return loaded


def _load(kind: str, data: bytes, path: Path) -> None:
    if kind == "keras":
        from export.load import load_safely

        path.write_bytes(data)
        load_safely(path)
        return
    runner = open_runner(data, kind)
    runner.run({port.name: np.zeros(port.single, port.dtype) for port in runner.inputs})
