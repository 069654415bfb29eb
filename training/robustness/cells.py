"""What a bundle's artefacts answer to changed photos, kept cell by cell: artefact and change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.classify import Recogniser
from models.files import reading_back, writing_to
from models.photos import LabelledPhotos
from models.preprocess import load_photo
from models.progress import track
from training.robustness.corruptions import CORRUPTIONS, Photo, corrupt


@dataclass(frozen=True)
class Change:
    """What is done to every photo: a corruption at a severity, or another.

    Attributes:
        name: Of the corruption; distinct, with the severity.
        severity: 0 where it has none.
        settings: All else that decides what it does.
        apply: Photo to changed photo, the same for the same photo.
    """

    name: str
    severity: int
    settings: str
    apply: Callable[[Photo], Photo]


@dataclass(frozen=True)
class Answers:
    """What an artefact took photos for, as `bombus app classify` does.

    Attributes:
        top: [N] int16, the likeliest class.
        unknown: [N] whether the verdict was that it is none of the classes.
    """

    top: NDArray[np.int16]
    unknown: NDArray[np.bool_]


UNCHANGED = Change("none", 0, "", lambda photo: photo)


def changes(seed: int) -> list[Change]:
    """No change, then every corruption at every severity."""
    return [UNCHANGED] + [
        Change(
            c.name,
            severity,
            f"{c.levels[severity - 1]:g}, seed {seed}",
            partial(corrupt, corruption=c, severity=severity, seed=seed),
        )
        for c in CORRUPTIONS
        for severity in range(1, len(c.levels) + 1)
    ]


def answers(
    recognisers: Sequence[Recogniser],
    photos: LabelledPhotos,
    wanted: Sequence[Change],
    size: int,
    folder: Path,
) -> list[dict[tuple[str, int], Answers]]:
    """Every recogniser's answers to every change, those that the folder holds not asked again.

    Args:
        recognisers: R of them, that take squares of the same size.
        photos: N photos.
        wanted: C changes.
        size: Side of the squares, pixels.
        folder: Of finished cells, one file each: a run that was stopped goes on from them.

    Returns:
        R tables: answers by a change's name and severity.
    """
    found: list[dict[tuple[str, int], Answers]] = [{} for _ in recognisers]
    decoded: list[Photo] = []
    for change in track(wanted, len(wanted), f"photos of {photos.root.name}"):
        files = [folder / _file_name(r, photos, change, size) for r in recognisers]
        missing = [i for i, path in enumerate(files) if not path.exists()]
        if missing and not decoded:
            decoded = [load_photo(path, size) for path in photos.paths]
        if missing:
            fresh = _ask([recognisers[i] for i in missing], decoded, change)
            for i, answer in zip(missing, fresh, strict=True):
                with writing_to(files[i]) as temporary, temporary.open("wb") as file:
                    np.savez(file, top=answer.top, unknown=answer.unknown)
        for table, path in zip(found, files, strict=True):
            with reading_back(path), np.load(path, allow_pickle=False) as kept:
                table[change.name, change.severity] = Answers(kept["top"], kept["unknown"])
    return found


def _ask(
    recognisers: Sequence[Recogniser], photos: Sequence[Photo], change: Change
) -> list[Answers]:
    top = np.empty((len(recognisers), len(photos)), np.int16)
    unknown = np.empty(top.shape, bool)
    for n, photo in enumerate(photos):
        changed = change.apply(photo)
        for r, recogniser in enumerate(recognisers):
            reading = recogniser.read(changed)
            top[r, n] = reading.probabilities.argmax()
            unknown[r, n] = recogniser.verdict(reading, top=1).kind == "unknown"
    return [Answers(*pair) for pair in zip(top, unknown, strict=True)]


def _file_name(recogniser: Recogniser, photos: LabelledPhotos, change: Change, size: int) -> str:
    """Says all that the answers depend on; of the code of the change, what it makes of a probe."""
    probe = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    depends = (
        recogniser.artefact.sha256,
        str(recogniser.artefact.calibration),
        recogniser.runtime,
        photos.sha256,
        change.settings,
        hashlib.sha256(change.apply(probe).tobytes()).hexdigest(),
    )
    key = hashlib.sha256("\n".join(depends).encode()).hexdigest()
    label = f"{change.name}-{change.severity}".replace(" ", "-").lower()
    return f"{recogniser.artefact.file}-{label}-{key[:16]}.npz"
