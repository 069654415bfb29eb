"""Class folders: one folder of photos per label, the layout every tool and data set shares."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.files import read_bytes

FEW_SERIES = 20  # fewer cannot be dealt out evenly


@dataclass(frozen=True)
class LabelledPhotos:
    """Photos with their class.

    Attributes:
        root: The folder whose sub-folders are the classes.
        paths: N files, sorted by class, then name.
        targets: [N] int64 indices into `labels`.
        labels: The class names, sorted.
    """

    root: Path
    paths: tuple[Path, ...]
    targets: NDArray[np.int64]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, indices: NDArray[np.int64]) -> LabelledPhotos:
        """The photos at these positions, with the same labels."""
        chosen = tuple(self.paths[i] for i in indices)
        return LabelledPhotos(self.root, chosen, self.targets[indices], self.labels)

    def stratified(self, n: int, seed: int = 0) -> LabelledPhotos:
        """At most `n` photos, classes in turn, chosen by the seed; in class order."""
        rng = np.random.default_rng(seed)
        rank = np.empty(len(self), np.int64)
        for c in range(len(self.labels)):
            members = np.flatnonzero(self.targets == c)
            rank[rng.permutation(members)] = np.arange(len(members))
        chosen = np.lexsort((self.targets, rank))[:n]
        return self.take(np.sort(chosen))

    @cached_property
    def series(self) -> tuple[str, ...]:
        """What photos of one thing share: the name of each less the number at its end."""
        names = (path.relative_to(self.root).with_suffix("").as_posix() for path in self.paths)
        return tuple(re.sub(r"[ _-]*\d+$", "", name) or name for name in names)

    @cached_property
    def units(self) -> tuple[str, ...]:
        """What must not be torn apart: the series, or single photos where they are all in a few.

        Names that a camera gives (IMG_0001) say nothing of what is on the photo.
        """
        if len(set(self.series)) >= FEW_SERIES:
            return self.series
        return tuple(path.relative_to(self.root).as_posix() for path in self.paths)

    def halves(self) -> tuple[LabelledPhotos, LabelledPhotos]:
        """About half the photos to fit on, and the others to check on; no unit is in both.

        The name of its unit decides, so that photos added later move no other, as long as series
        stay the units.
        """
        odd = [hashlib.sha256(os.fsencode(name)).digest()[0] % 2 == 1 for name in self.units]
        first, second = np.flatnonzero(np.logical_not(odd)), np.flatnonzero(odd)
        return self.take(first), self.take(second)

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """The SHA-256 of each file."""
        return tuple(hashlib.sha256(read_bytes(path)).hexdigest() for path in self.paths)

    @cached_property
    def sha256(self) -> str:
        """One hash of the whole set: relative names and contents, in order."""
        total = hashlib.sha256()
        for path, digest in zip(self.paths, self.digests, strict=True):
            name = os.fsencode(path.relative_to(self.root).as_posix())  # UTF-8 or not
            total.update(name + f"\0{digest}\n".encode())
        return total.hexdigest()


def scan_class_folders(root: Path, labels: tuple[str, ...] | None = None) -> LabelledPhotos:
    """List a folder of class folders. Every file that is not hidden counts as a photo.

    Args:
        root: Folder with one sub-folder per class; photos may lie in sub-folders of these.
        labels: The labels a model knows; the folders must then be among them, and the targets
            index into these. By default the folder names, sorted.

    Raises:
        InputError: The folder is missing, holds fewer than two classes, an empty class, or a
            class that is not among `labels`.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; name a folder of class folders")
    folders = sorted(f for f in root.iterdir() if f.is_dir() and not f.name.startswith("."))
    if not folders:
        raise InputError(f"{root}: no class folders in it; make one folder of photos per class")
    if labels is None:
        if len(folders) < 2:
            raise InputError(f"{root}: 1 class ({folders[0].name}); a classifier needs at least 2")
        labels = tuple(f.name for f in folders)
    unknown = [f.name for f in folders if f.name not in labels]
    if unknown:
        raise InputError(
            f"{root}: folder {unknown[0]!r} is none of the {len(labels)} known labels; "
            "rename or remove it"
        )
    return _collect(root, folders, labels)


def scan_photos(root: Path) -> LabelledPhotos:
    """List all photos under a folder, in class folders or not; the labels are folder names.

    Raises:
        InputError: The folder is missing or has no file.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; name a folder of photos")
    paths = _visible_files(root)
    if not paths:
        raise InputError(f"{root}: an empty folder; add photos")
    folders = sorted({path.parent for path in paths})
    targets = [folders.index(path.parent) for path in paths]
    labels = tuple(folder.relative_to(root).as_posix() for folder in folders)
    return LabelledPhotos(root, tuple(paths), np.array(targets, np.int64), labels)


def _collect(root: Path, folders: list[Path], labels: tuple[str, ...]) -> LabelledPhotos:
    paths: list[Path] = []
    targets: list[int] = []
    for folder in folders:
        files = _visible_files(folder)
        if not files:
            raise InputError(f"{folder}: an empty class; add photos or remove the folder")
        paths += files
        targets += [labels.index(folder.name)] * len(files)
    return LabelledPhotos(root, tuple(paths), np.array(targets, np.int64), labels)


def _visible_files(folder: Path) -> list[Path]:
    """Every file under a folder, sorted, but hidden ones and those in hidden folders."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    ]
