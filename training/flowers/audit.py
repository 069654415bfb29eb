"""A look at every photo before training: nothing is dropped without being named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import InputError
from models.files import read_bytes
from models.image_header import read_header
from models.photos import LabelledPhotos
from models.preprocess import decode
from models.progress import track
from training.flowers.dataset import Splits

_EXTENSIONS = {
    "jpeg": {".jpg", ".jpeg", ".jpe", ".jfif"},
    "png": {".png"},
    "webp": {".webp"},
    "bmp": {".bmp", ".dib"},
    "tiff": {".tif", ".tiff"},
}
SMALL_SHARE = 0.5  # of the network's input side: smaller photos are mostly interpolation
IMBALANCE = 3.0  # largest over smallest class from which a user should know


@dataclass(frozen=True)
class Audit:
    """What an audit found; paths are relative to the data folder.

    Attributes:
        data_sha256: Hash over names and contents of every split.
        counts: Photos by split and class.
        unreadable: (file, why) that no decoder opens.
        mislabelled_extension: (file, what it really is).
        duplicates: Groups of files with the same bytes, within and across splits.
        tiny: (file, width, height) below half the network's input side.
    """

    data_sha256: dict[str, str]
    counts: dict[str, dict[str, int]]
    unreadable: tuple[tuple[str, str], ...]
    mislabelled_extension: tuple[tuple[str, str], ...]
    duplicates: tuple[tuple[str, ...], ...]
    tiny: tuple[tuple[str, int, int], ...]

    @property
    def leaks(self) -> tuple[tuple[str, ...], ...]:
        """Duplicate groups that stand in more than one split."""
        splits = self.counts.keys()
        return tuple(g for g in self.duplicates if len({f.split("/")[0] for f in g} & splits) > 1)

    @property
    def imbalance(self) -> float:
        """Largest over smallest class of the training split."""
        counts = self.counts["train"].values()
        return max(counts) / min(counts)

    def as_json(self) -> dict[str, Any]:
        """Everything found, ready for `json.dumps`."""
        return {**asdict(self), "leaks": self.leaks, "imbalance": self.imbalance}

    def lines(self, most: int = 5) -> list[str]:
        """The report for a person, at most so many examples a finding."""
        total = {s: sum(c.values()) for s, c in self.counts.items()}
        classes = len(self.counts["train"])
        smallest = min(self.counts["train"].items(), key=lambda item: item[1])
        largest = max(self.counts["train"].items(), key=lambda item: item[1])
        lines = [
            f"{sum(total.values())} photos, {classes} classes: "
            + ", ".join(f"{s} {n}" for s, n in total.items()),
            f"train classes from {smallest[1]} ({smallest[0]}) to {largest[1]} ({largest[0]})"
            + (": unbalanced" if self.imbalance >= IMBALANCE else ""),
        ]
        findings = {
            "unreadable": [f"{f}: {why}" for f, why in self.unreadable],
            "wrong extension": [f"{f} is {kind}" for f, kind in self.mislabelled_extension],
            "duplicates": [" = ".join(group) for group in self.duplicates],
            "same photo in two splits": [" = ".join(group) for group in self.leaks],
            "tiny": [f"{f} {w}x{h}" for f, w, h in self.tiny],
        }
        for name, found in findings.items():
            lines.append(f"{name}: {len(found)}")
            lines += [f"  {line}" for line in found[:most]]
            if len(found) > most:
                lines.append(f"  … and {len(found) - most} more")
        return lines


def audit(splits: Splits, image_size: int) -> Audit:
    """Open every photo of every split and report what is wrong with it."""
    unreadable: list[tuple[str, str]] = []
    mislabelled: list[tuple[str, str]] = []
    tiny: list[tuple[str, int, int]] = []
    by_content: dict[str, list[str]] = defaultdict(list)
    for split, photos in splits.items():
        for path, digest, finding in _inspected(photos, f"audit {split}"):
            name = relative_name(split, photos, path)
            by_content[digest].append(name)
            if finding.error:
                unreadable.append((name, finding.error))
                continue
            if path.suffix.lower() not in _EXTENSIONS.get(finding.kind, {path.suffix.lower()}):
                mislabelled.append((name, finding.kind))
            if min(finding.width, finding.height) < SMALL_SHARE * image_size:
                tiny.append((name, finding.width, finding.height))
    return Audit(
        data_sha256={split: photos.sha256 for split, photos in splits.items()},
        counts={
            split: {
                label: int((photos.targets == c).sum()) for c, label in enumerate(photos.labels)
            }
            for split, photos in splits.items()
        },
        unreadable=tuple(unreadable),
        mislabelled_extension=tuple(mislabelled),
        duplicates=tuple(tuple(g) for g in by_content.values() if len(g) > 1),
        tiny=tuple(tiny),
    )


def check_unlabelled(photos: LabelledPhotos, splits: Splits) -> None:
    """Look at photos that only a teacher speaks of.

    Args:
        photos: Those.
        splits: With labels.

    Raises:
        InputError: One cannot be read, or is a photo of val or test, too, which must not be learned
            from.
    """
    judges = {
        digest: relative_name(split, judging, path)
        for split, judging in splits.items()
        if split != "train"
        for path, digest in zip(judging.paths, judging.digests, strict=True)
    }
    for path, digest, finding in _inspected(photos, "audit unlabelled"):
        if finding.error:
            raise InputError(f"{path}: {finding.error}; mend it or take it out of the folder")
        if digest in judges:
            raise InputError(
                f"{path}: the same photo as {judges[digest]}, which judges; take it out of the "
                "folder"
            )


def relative_name(split: str, photos: LabelledPhotos, path: Path) -> str:
    """`split/class/file`, the same for both layouts of a data folder."""
    return f"{split}/{path.relative_to(photos.root).as_posix()}"


def without_unreadable(splits: Splits, report: Audit) -> Splits:
    """The splits less the photos that the audit names as unreadable.

    Raises:
        InputError: Nothing is left of val, or of a class to learn.
    """
    bad = {name for name, _ in report.unreadable}

    def keep(split: str, photos: LabelledPhotos) -> LabelledPhotos:
        rows = [
            i
            for i, path in enumerate(photos.paths)
            if relative_name(split, photos, path) not in bad
        ]
        return photos.take(np.array(rows, np.int64))

    kept = {split: keep(split, photos) for split, photos in splits.items()}
    for c, label in enumerate(splits.labels):
        if not (kept["train"].targets == c).any():
            raise InputError(f"train/{label}: no readable photo; mend some or remove the class")
    if not len(kept["val"]):
        raise InputError("val: no readable photo; a model is chosen on val")
    return Splits(kept["train"], kept["val"], kept.get("test"))


@dataclass(frozen=True)
class _Finding:
    error: str = ""
    kind: str = ""
    width: int = 0
    height: int = 0


def _inspected(photos: LabelledPhotos, doing: str) -> Iterator[tuple[Path, str, _Finding]]:
    """Each photo with its digest and what was found of it."""
    with ThreadPoolExecutor() as pool:
        findings = track(pool.map(_inspect, photos.paths), len(photos), doing)
        yield from zip(photos.paths, photos.digests, findings, strict=True)


def _inspect(path: Path) -> _Finding:
    try:
        data = read_bytes(path)
        image = decode(data, path.name)
    except InputError as error:
        return _Finding(error=str(error).removeprefix(f"{path.name}: "))
    header = read_header(data)
    height, width = image.shape[:2]
    return _Finding(kind=header.format if header else "", width=width, height=height)
