"""Read labelled spectra from the files that hold them."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError, reason
from training.spectral.samples import Indices, Samples, numbered

Arrays = dict[str, NDArray[Any]]


def read_arrays(path: Path) -> Arrays:
    """The arrays of an npz.

    Raises:
        InputError: It is missing, or no npz without pickles.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not an npz of plain arrays ({reason(error)})") from None


def read_npz(path: Path, *, label: str = "y", groups: str = "") -> Samples:
    """X [N, n], labels [N], bands [n], classes [K] and a group for each row.

    Raises:
        InputError: An array is missing or of the wrong shape.
    """
    arrays = read_arrays(path)
    for name in ("X", "bands", label, *([groups] if groups else [])):
        if name not in arrays:
            raise InputError(f"{path}: no array {name!r}; there are {', '.join(arrays)}")
    values, bands, targets = arrays["X"], arrays["bands"], arrays[label]
    if values.ndim != 2 or values.shape[1] != len(bands):
        raise InputError(
            f"{path}: X has the shape {values.shape}; it must be samples x {len(bands)} bands"
        )
    for name in (label, *([groups] if groups else [])):
        if arrays[name].shape != values.shape[:1]:
            raise InputError(f"{path}: {name} must have one entry for each of {len(values)} rows")
    if "classes" in arrays and np.issubdtype(targets.dtype, np.integer):
        classes = tuple(str(name) for name in arrays["classes"])
        if len(targets) and not 0 <= targets.min() <= targets.max() < len(classes):
            raise InputError(f"{path}: {label} must number the {len(classes)} classes from 0 on")
        numbers = targets.astype(np.int64)
    else:
        numbers, classes = numbered(targets)
    return Samples(
        path.stem,
        values.astype(np.float64),
        numbers,
        tuple(str(band) for band in bands),
        classes,
        numbered(arrays[groups])[0] if groups else None,
    )


def read_csv(
    path: Path, *, label: str = "label", bands: Sequence[str] = (), groups: str = ""
) -> Samples:
    """A column for each band, one of labels, and perhaps one of groups.

    Raises:
        InputError: A column is missing, is there twice, or holds something else than numbers.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise InputError(f"{path}: not a CSV table with a header ({reason(error)})") from None
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise InputError(f"{path}: column {repeated[0]!r} is there twice; name each once")
    for name in (label, *bands, *([groups] if groups else [])):
        if name not in header:
            raise InputError(f"{path}: no column {name!r}; there are {', '.join(header)}")
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise InputError(f"{path}: line {number} has {len(row)} fields, not {len(header)}")
    columns = dict(zip(header, zip(*rows, strict=True), strict=True)) if rows else {}
    chosen = bands or [
        n for n in header if n not in (label, groups) and all(map(_is_number, columns.get(n, ())))
    ]
    values = np.empty((len(rows), len(chosen)))
    for place, name in enumerate(chosen):
        for number, field in enumerate(columns.get(name, ())):
            if not _is_number(field):
                raise InputError(f"{path}: {name} of line {number + 2} is {field!r}, no number")
            values[number, place] = float(field)
    targets, classes = numbered(np.array(columns.get(label, ()), str))
    found = numbered(np.array(columns.get(groups, ()), str))[0] if groups else None
    return Samples(path.stem, values, targets, tuple(chosen), classes, found)


def read_scene(path: Path, labels: Path) -> Samples:
    """The labelled pixels of a GeoTIFF; pixels of its nodata value are left out.

    Args:
        path: The scene, with the bands' names as descriptions, else they are B1, B2, ...
        labels: A raster on the same grid; 0 or its nodata value is not labelled.

    Raises:
        InputError: A file cannot be read, or the grids differ.
    """
    import rasterio
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(path) as scene, rasterio.open(labels) as marks:
            for what, ours, theirs in (
                ("size", scene.shape, marks.shape),
                ("CRS", scene.crs, marks.crs),
                ("transform", scene.transform[:6], marks.transform[:6]),
            ):
                if ours != theirs:
                    raise InputError(
                        f"{labels}: {what} {theirs} is not the scene's {ours}; "
                        "bring it onto the scene's grid"
                    )
            pixels, numbers = scene.read(masked=True), marks.read(1, masked=True).filled(0)
            names = tuple(d or f"B{k}" for k, d in enumerate(scene.descriptions, 1))
    except RasterioError as error:
        raise InputError(f"{path}, {labels}: cannot be read ({reason(error)})") from None
    absent = np.ma.getmaskarray(pixels).any(axis=0)  # type: ignore[no-untyped-call]
    known = (numbers != 0) & ~absent
    targets, classes = numbered(numbers[known])
    return Samples(
        path.stem,
        pixels.data[:, known].T.astype(np.float64),
        targets,
        names,
        classes,
        _polygons(numbers)[known],
    )


def _polygons(numbers: NDArray[Any]) -> Indices:
    """[H, W] a number for each region of connected pixels with one label; 0 outside of them."""
    from rasterio.features import rasterize, shapes

    found = list(shapes(numbers.astype(np.int32), mask=numbers != 0))
    if not found:
        return np.zeros(numbers.shape, np.int64)
    regions = [(shape, place) for place, (shape, _) in enumerate(found, 1)]
    return np.asarray(rasterize(regions, out_shape=numbers.shape, dtype="int32"), np.int64)


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
