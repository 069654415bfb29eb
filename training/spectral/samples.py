"""Labelled spectra: rows of positive band values, with classes and the group of each row.

A group is what a split must not cut: a field, a tile, a polygon. Rows of the same group are near
copies of each other, and a random split puts them on both sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

LEAST = 10  # samples of a class
OTHERS = "*"  # in a definition of classes: all that no other one takes


@dataclass(frozen=True)
class Samples:
    """Rows to learn from.

    Attributes:
        name: What to call them.
        values: [N, n] non-negative, proportional to reflectance.
        targets: [N] classes by number.
        bands: Names of the n columns.
        classes: Names of the classes.
        groups: [N] the group of each row; None where rows are independent or nothing is known.
        unit: Of the values.
    """

    name: str
    values: Array
    targets: Indices
    bands: tuple[str, ...]
    classes: tuple[str, ...]
    groups: Indices | None = None
    unit: str = "reflectance"

    def __len__(self) -> int:
        """Rows."""
        return len(self.targets)

    def with_bands(self, bands: Sequence[str]) -> Samples:
        """Only some bands, in this order.

        Raises:
            InputError: One of them is missing.
        """
        for band in bands:
            if band not in self.bands:
                raise InputError(
                    f"{self.name}: no band {band!r}; there are {', '.join(self.bands)}"
                )
        columns = [self.bands.index(band) for band in bands]
        return replace(self, values=self.values[:, columns], bands=tuple(bands))

    def with_classes(self, definition: Mapping[str, Sequence[str]]) -> Samples:
        """New classes made of old ones; rows of classes that are not named are left out.

        Args:
            definition: New names, in order, each with the old classes it takes; `*` takes those
                that no other one takes.

        Raises:
            InputError: There is no such class, or one is taken twice.
        """
        named = [old for olds in definition.values() for old in olds if old != OTHERS]
        for old in named:
            if old not in self.classes:
                raise InputError(
                    f"{self.name}: no class {old!r}; there are {', '.join(self.classes)}"
                )
            if named.count(old) > 1:
                raise InputError(f"{self.name}: class {old!r} is taken twice; name it once")
        new = np.full(len(self.classes), -1)
        for number, olds in enumerate(definition.values()):
            taken = set(self.classes) - set(named) if OTHERS in olds else set(olds)
            new[[self.classes.index(old) for old in taken]] = number
        return replace(self, targets=new[self.targets], classes=tuple(definition)).rows(
            new[self.targets] >= 0
        )

    def rows(self, chosen: NDArray[np.bool_] | Indices) -> Samples:
        """Some of the rows."""
        groups = None if self.groups is None else self.groups[chosen]
        return replace(
            self, values=self.values[chosen], targets=self.targets[chosen], groups=groups
        )

    def measured(self, scale: float, offset: float) -> Samples:
        """Counts as what they stand for: (count + offset) * scale.

        With an offset left in, a change of light is no common factor any more. Sentinel-2's
        surface reflectance has a scale of 0.0001 and, from baseline 04.00 on, an offset of -1000.
        """
        return replace(self, values=(self.values + offset) * scale)

    def checked(self) -> Samples:
        """Themselves.

        Raises:
            InputError: No network could learn from them, in one line that says why.
        """
        if repeated := sorted({b for b in self.bands if self.bands.count(b) > 1}):
            raise InputError(f"{self.name}: band {repeated[0]!r} is there twice; name each once")
        if len(self.bands) < 2:
            raise InputError(f"{self.name}: {len(self.bands)} band; two are needed at least")
        if not len(self):
            raise InputError(f"{self.name}: no labelled sample")
        self._check_values()
        counts = np.bincount(self.targets, minlength=len(self.classes))
        if np.count_nonzero(counts) < 2:
            only = self.classes[int(counts.argmax())]
            raise InputError(f"{self.name}: every sample is {only!r}; two classes are needed")
        if counts.min() < LEAST:
            rarest = self.classes[int(counts.argmin())]
            raise InputError(
                f"{self.name}: {counts.min()} samples of {rarest!r}; {LEAST} are needed at least "
                "(--classes leaves a class out or joins several)"
            )
        return self

    def _check_values(self) -> None:
        finite = np.isfinite(self.values)
        if not finite.all():
            raise InputError(f"{self.name}: {self._first(~finite)} is not a number; leave it out")
        if (self.values < 0).any():
            raise InputError(
                f"{self.name}: {self._first(self.values < 0)} is negative; values must be "
                "reflectances or counts from 0 on (is --offset right?)"
            )
        empty = ~self.values.any(axis=1)
        if empty.any():
            raise InputError(
                f"{self.name}: row {int(empty.argmax())} is 0 in all bands, "
                "which is no measurement; leave it out"
            )

    def _first(self, fault: NDArray[np.bool_]) -> str:
        row, column = np.argwhere(fault)[0]
        return f"{self.bands[column]} of row {row} ({self.values[row, column]:g})"


def parse_classes(definitions: Sequence[str]) -> dict[str, list[str]]:
    """Definitions of classes for `Samples.with_classes`, each written NEW=OLD,OLD,...

    Raises:
        InputError: One is not written so, or a new class is defined twice.
    """
    found: dict[str, list[str]] = {}
    for text in definitions:
        new, equals, olds = text.partition("=")
        names = [old.strip() for old in olds.split(",")]
        if not equals or not new or not all(names):
            raise InputError(f"--classes {text}: write NEW=OLD,OLD,...")
        if new in found:
            raise InputError(
                f"--classes {text}: {new!r} is defined twice; name all its classes at once"
            )
        found[new] = names
    return found


def numbered(values: NDArray[np.generic]) -> tuple[Indices, tuple[str, ...]]:
    """Numbers for values of any kind, and their names, sorted."""
    names, numbers = np.unique(values, return_inverse=True)
    return numbers.astype(np.int64), tuple(str(name) for name in names)


def fingerprint(samples: Samples) -> str:
    """SHA-256 of what there is to learn from: values, classes, groups."""
    digest = hashlib.sha256()
    for part in (samples.values, samples.targets, samples.groups):
        digest.update(b"" if part is None else np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def load(
    path: Path,
    *,
    label: str = "",
    bands: Sequence[str] = (),
    groups: str = "",
    labels: Path | None = None,
    classes: Mapping[str, Sequence[str]] | None = None,
    scale: float = 1.0,
    offset: float = 0.0,
    unit: str = "reflectance",
) -> Samples:
    """Read labelled spectra and check them.

    Args:
        path: An `.npz` with X [N, n], y [N], bands [n] and classes; a `.csv` with a column of
            each band and one of labels; or a GeoTIFF.
        label: The array or column of the labels; empty: `y` of an npz, `label` of a csv.
        bands: Bands to use; empty: all of them (of a csv: all columns of numbers).
        groups: The array or column of the groups; empty: none. Of a scene they are its polygons:
            connected pixels of one label.
        labels: Of a GeoTIFF: the raster of its labels, on the same grid; 0 is not labelled.
        classes: New classes made of old ones, see `Samples.with_classes`.
        scale: Of the counts, see `Samples.measured`.
        offset: Of the counts, added first; a sensor's own offset is taken off by its negative.
        unit: Of the values that then are.

    Raises:
        InputError: The file cannot be read or used.
    """
    from training.spectral.readers import read_csv, read_npz, read_scene

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    suffix = path.suffix.lower()
    if suffix == ".npz":
        samples = read_npz(path, label=label or "y", groups=groups)
    elif suffix == ".csv":
        samples = read_csv(path, label=label or "label", bands=bands, groups=groups)
    elif suffix in (".tif", ".tiff"):
        if labels is None:
            raise InputError(f"{path}: a scene needs --labels, a raster of its classes")
        samples = read_scene(path, labels)
    else:
        raise InputError(f"{path}: unknown kind of file; give .npz, .csv or .tif")
    samples = samples.with_bands(bands) if bands else samples
    samples = samples.with_classes(classes) if classes else samples
    return replace(samples, unit=unit).measured(scale, offset).checked()
