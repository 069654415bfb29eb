"""Test photos whose labels were looked at again, and accuracy by what the photos show.

A file of them is CSV under a comment that says who looked, and how: photo (its path in the split),
label, why (`disputed`: a model takes it for something else; `sample`: drawn by chance from the
others), seen (a class; empty: it shows none of them, or cannot be told).
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

COLUMNS = ["photo", "label", "why", "seen"]
REASONS = ("disputed", "sample")


@dataclass(frozen=True)
class Relabelled:
    """M photos of N.

    Attributes:
        how: Who looked, and how.
        rows: [M] their places among the N.
        sample: [M] whether they were drawn by chance.
        seen: [M] the class that was seen, or -1.
    """

    how: str
    rows: NDArray[np.intp]
    sample: NDArray[np.bool_]
    seen: NDArray[np.intp]


def read_relabelled(path: Path, photos: LabelledPhotos) -> Relabelled:
    """Read a file of them.

    Raises:
        InputError: It cannot be read, or does not fit the photos.
    """
    lines = read_bytes(path).decode("utf-8", "replace").splitlines()
    how = " ".join(line[1:].strip() for line in lines if line.startswith("#"))
    table = csv.DictReader(line for line in lines if not line.startswith("#"))
    if table.fieldnames != COLUMNS:
        raise InputError(f"{path}: must have the columns {', '.join(COLUMNS)}")
    names = [p.relative_to(photos.root).as_posix() for p in photos.paths]
    places = {name: place for place, name in enumerate(names)}
    classes = {label: number for number, label in enumerate(photos.labels)} | {"": -1}
    found = list(table)
    if len({row["photo"] for row in found}) < len(found):
        raise InputError(f"{path}: has a photo twice; leave one of each")
    for row in found:
        if row["photo"] not in places:
            raise InputError(f"{path}: {row['photo']} is none of the photos in {photos.root}")
        if classes.get(row["label"]) != photos.targets[places[row["photo"]]]:
            raise InputError(f"{path}: {row['photo']} is not labelled {row['label']!r}")
        if row["why"] not in REASONS or row["seen"] not in classes:
            raise InputError(
                f"{path}: {row['photo']}: why is {' or '.join(REASONS)}, seen a class or empty"
            )
    return Relabelled(
        how,
        np.array([places[row["photo"]] for row in found], np.intp),
        np.array([row["why"] == "sample" for row in found], bool),
        np.array([classes[row["seen"]] for row in found], np.intp),
    )


def corrected(
    relabelled: Relabelled, targets: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which of N photos can be told, [N], and what they show as far as it was looked at, [N]."""
    told, shown = np.ones(len(targets), bool), targets.copy()
    told[relabelled.rows] = relabelled.seen >= 0
    shown[relabelled.rows] = relabelled.seen
    return told, shown


def section(
    relabelled: Relabelled, targets: NDArray[np.int64], answers: Mapping[str, NDArray[np.float32]]
) -> Iterator[str]:
    """Lines of Markdown.

    Args:
        relabelled: What was seen.
        targets: [N] labels.
        answers: Logits [N, K] by file, the reference model's first.
    """
    yield from ("## Labels looked at again", "", relabelled.how, "")
    yield "| photos | n | as labelled | another class | none, or not to be told |"
    yield "|---|---|---|---|---|"
    labels = targets[relabelled.rows]
    for who, which in (
        ("disputed by a model", ~relabelled.sample),
        ("of the others, by chance", relabelled.sample),
    ):
        yield table_row(who, *_seen(relabelled.seen[which], labels[which]))
    name, logits = next(iter(answers.items()))
    wrong = (logits.argmax(axis=1) != targets)[relabelled.rows]
    yield table_row(f"errors of `{name}`", *_seen(relabelled.seen[wrong], labels[wrong]))
    yield ""
    told, shown = corrected(relabelled, targets)
    yield (
        "Corrected, below: photos that show none of the classes or cannot be told are left out "
        f"({int((~told).sum())}), others count by the class that was seen. Errors that "
        "were not looked at count as errors. Photos that all models agree on were looked at by "
        "sample only, so what is wrong with the others still counts for the models."
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


def _seen(seen: NDArray[np.intp], labels: NDArray[np.int64]) -> Sequence[str]:
    same, none = int((seen == labels).sum()), int((seen < 0).sum())
    return [str(n) for n in (len(seen), same, len(seen) - same - none, none)]
