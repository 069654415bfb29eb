"""Test photos looked at again without their labels, and accuracy by what they show.

A file of such looks is CSV under a comment that says who looked, and how. It has a line for each
photo of the split: photo (its path there), label, first and second, the class that each look saw,
or `none` where the photo shows none of the classes or cannot be told. Every photo whose first look
contradicts its label has a second one; so have others, to tell what second looks are worth.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.files import read_bytes
from models.markdown import interval, percent, table_row
from models.metrics import score
from models.photos import LabelledPhotos

COLUMNS = ["photo", "label", "first", "second"]
NONE = -1  # of the classes
NOT_LOOKED = -2


@dataclass(frozen=True)
class Looks:
    """What was seen in N photos.

    Attributes:
        how: Who looked, and how.
        first: [N] class or `NONE`.
        second: [N] class, `NONE` or `NOT_LOOKED`.
    """

    how: str
    first: NDArray[np.int64]
    second: NDArray[np.int64]

    def shown(self, targets: NDArray[np.int64]) -> NDArray[np.int64]:
        """What the photos show, [N]: a class, or `NONE`.

        Label and looks vote: what two of the three say counts, and no two is `NONE`.

        Args:
            targets: [N] labels.
        """
        together = np.where(self.first == self.second, self.first, NONE)
        confirmed = (self.first == targets) | (self.second == targets)
        return np.where(confirmed, targets, together)


def read_looks(path: Path, photos: LabelledPhotos) -> Looks:
    """Read a file of looks.

    Raises:
        InputError: It cannot be read, or does not fit the photos.
    """
    lines = read_bytes(path).decode("utf-8", "replace").splitlines()
    how = " ".join(line[1:].strip() for line in lines if line.startswith("#"))
    table = csv.DictReader(line for line in lines if not line.startswith("#"))
    if table.fieldnames != COLUMNS:
        raise InputError(f"{path}: must have the columns {', '.join(COLUMNS)}")
    found = list(table)
    rows = {row["photo"]: row for row in found}
    if len(rows) < len(found):
        raise InputError(f"{path}: has a photo twice; leave one of each")
    names = [p.relative_to(photos.root).as_posix() for p in photos.paths]
    if unlike := sorted(rows.keys() ^ set(names)):
        where = f"none of the photos in {photos.root}" if unlike[0] in rows else "not in it"
        raise InputError(f"{path}: {unlike[0]} is {where}; it must have each photo of the split")
    classes = {label: number for number, label in enumerate(photos.labels)} | {"none": NONE}
    looks = [_looks(path, rows[name], classes) for name in names]
    for name, label, (first, second) in zip(names, photos.targets, looks, strict=True):
        if rows[name]["label"] != photos.labels[label]:
            raise InputError(f"{path}: {name} is not labelled {rows[name]['label']!r}")
        if first != label and second == NOT_LOOKED:
            raise InputError(f"{path}: {name}: not seen as labelled; it needs a second look")
    first, second = np.array(looks, np.int64).T
    return Looks(how, first, second)


def _looks(path: Path, row: Mapping[str, str], classes: Mapping[str, int]) -> tuple[int, int]:
    known = {**classes, "": NOT_LOOKED}
    if row["first"] not in classes or row["second"] not in known:
        raise InputError(
            f"{path}: {row['photo']}: first {row['first']!r} and second {row['second']!r} must be "
            "classes or none; second may be empty"
        )
    return classes[row["first"]], known[row["second"]]


def section(
    looks: Looks, targets: NDArray[np.int64], answers: Mapping[str, NDArray[np.float32]]
) -> Iterator[str]:
    """Lines of Markdown.

    Args:
        looks: What was seen.
        targets: [N] labels.
        answers: Logits [N, K] by file, the reference model's first.
    """
    shown = looks.shown(targets)
    told = shown != NONE
    name, logits = next(iter(answers.items()))
    wrong = logits.argmax(axis=1) != targets
    yield from ("## Labels looked at again", "", looks.how, "")
    yield (
        "Label and looks vote: what two of the three say counts; without two alike, a photo cannot "
        f"be told. {_looked_twice(looks, targets)}"
    )
    yield ""
    yield "| photos | n | as labelled | another class | none, or not to be told |"
    yield "|---|---|---|---|---|"
    for who, which in (
        (f"that `{name}` answers as labelled", ~wrong),
        ("that it does not", wrong),
        ("all", np.ones(len(targets), bool)),
    ):
        yield table_row(who, *_counts(shown[which], targets[which]))
    yield ""
    yield (
        "Corrected: by what the photos show, without those that show none of the classes or cannot "
        "be told."
    )
    yield ""
    yield "| artefact | top-1 % | corrected % | 95 % interval |"
    yield "|---|---|---|---|"
    for file, logits in answers.items():
        raw, mended = score(logits, targets), score(logits[told], shown[told])
        yield table_row(
            f"`{file}`",
            percent(raw.top1),
            percent(mended.top1),
            interval(mended.top1_low, mended.top1_high),
        )
    yield ""


def _looked_twice(looks: Looks, targets: NDArray[np.int64]) -> str:
    twice = looks.second != NOT_LOOKED
    doubted = twice & (looks.first != targets)
    controls = twice & (looks.first == targets)
    same = (looks.second == targets)[doubted], (looks.second == targets)[controls]
    return (
        f"The first look saw {doubted.sum()} of {len(targets)} photos otherwise than labelled; of "
        f"these the second saw {same[0].sum()} as labelled, and of {controls.sum()} others, mixed "
        f"with them by chance, {same[1].sum()}."
    )


def _counts(shown: NDArray[np.int64], labels: NDArray[np.int64]) -> Sequence[str]:
    same, none = int((shown == labels).sum()), int((shown == NONE).sum())
    return [str(n) for n in (len(shown), same, len(shown) - same - none, none)]
