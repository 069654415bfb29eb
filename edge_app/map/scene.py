"""A satellite scene on disk: a GeoTIFF, its bands by name, read tile by tile as counts.

Bands are found by their names (`edge_app.map.bands`), whatever their order in the file.

A map needs no place on Earth, so a scene without a coordinate reference system, with a rotated
transform, or with corners where its system has no place is read like any other; `Scene.notes` says
what may surprise.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from edge_app.map.bands import find_bands
from models.errors import InputError, reason

TILE = 1024  # pixels a side of what is read at once
STRIP = 256  # rows of it where the file keeps whole rows together
BLOCK_LIMIT = 512 << 20  # bytes; of a larger block a part cannot be had in bounded memory
CACHE = 256 << 20  # bytes of blocks that GDAL keeps; by default it is a share of the machine's

Array = NDArray[Any]


@dataclass(frozen=True)
class Scaling:
    """How a scene's counts become a model's values: value = (count + offset) * scale."""

    scale: float
    offset: float

    def __post_init__(self) -> None:
        if not (self.scale > 0 and math.isfinite(self.scale) and math.isfinite(self.offset)):
            raise InputError(
                f"scale {self.scale:g}, offset {self.offset:g}: give a scale above 0 and a number"
            )


@dataclass(frozen=True)
class Scene:
    """An opened scene.

    Attributes:
        path: Of its file.
        dataset: Of rasterio.
        order: Where in the file each wanted band is, from 1.
        nodata: The count that stands for no measurement, of the file's dtype.
        scaling: What the file says of its counts; None where it says nothing.
        notes: What may surprise, a line each.
    """

    path: Path
    dataset: Any
    order: tuple[int, ...]
    nodata: np.generic | None
    scaling: Scaling | None
    notes: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.dataset.height, self.dataset.width

    def tiles(self, side: int = TILE) -> list[Window]:
        """Windows that cover the scene, row by row, of at most side x side pixels.

        They are aligned to blocks of 256, 512 and 1024. Of a file in strips a tile is flat and
        wide, so that few rows of strips at a time are enough for it and its neighbours.
        """
        height, width = self.shape
        strips = self.dataset.block_shapes[0][1] >= width
        rows, columns = (min(side, STRIP), side * max(1, side // STRIP)) if strips else (side, side)
        return [
            Window(x, y, min(columns, width - x), min(rows, height - y))
            for y in range(0, height, rows)
            for x in range(0, width, columns)
        ]

    def read(self, tile: Window) -> tuple[Array, NDArray[np.bool_]]:
        """The counts [n, h, w] of the wanted bands, and [h, w] which pixels hold no measurement.

        A pixel holds none where the file's mask says so, or one of its bands is `nodata`.

        Raises:
            InputError: The file is damaged there.
        """
        try:
            counts = self.dataset.read(self.order, window=tile)
            if _has_mask(self.dataset):
                empty = self.dataset.read_masks(1, window=tile) == 0
            else:
                empty = np.zeros(counts.shape[1:], np.bool_)
        except (RasterioError, OSError) as error:
            raise InputError(
                f"{self.path}: cannot be read at row {tile.row_off}, column {tile.col_off} "
                f"({_cause(error)}); truncated or damaged, get it again"
            ) from error
        if self.nodata is not None:
            for band in counts:
                empty |= band == self.nodata
        return counts, empty


@contextmanager
def open_scene(
    path: Path,
    wanted: Sequence[str],
    *,
    names: Sequence[str] = (),
    nodata: float | None = None,
    usual_nodata: float | None = None,
    threads: int = 1,
) -> Generator[Scene, None, None]:
    """Open a GeoTIFF that has certain bands, as a context manager.

    Args:
        path: The file.
        wanted: Names of the bands, in the order in which `Scene.read` gives them.
        names: The names of all its bands in the file's order; empty takes those in the file.
        nodata: The count that stands for no measurement; None takes the file's.
        usual_nodata: The one of a file that says nothing of it.
        threads: Threads that unpack its blocks.

    Raises:
        InputError: No GeoTIFF, empty, damaged, without one of the bands, of complex numbers, or in
            blocks too large to be read piece by piece.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; check the path")
    with rasterio.Env(GDAL_CACHEMAX=CACHE, GDAL_NUM_THREADS=str(threads)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                # Other drivers would follow what the file says to other files, or to a network.
                dataset = rasterio.open(path.resolve(), driver="GTiff")
        except (RasterioError, OSError) as error:
            raise InputError(
                f"{path}: no GeoTIFF ({_cause(error)}); give a whole .tif file with its bands"
            ) from error
        with dataset:
            _check_blocks(path, dataset)
            _check_mask(path, dataset)
            order = find_bands(str(path), wanted, dataset.descriptions, names)
            declared = (nodata, dataset.nodatavals[order[0] - 1], usual_nodata)
            yield Scene(
                path,
                dataset,
                order,
                _as_count(
                    next((d for d in declared if d is not None), None), np.dtype(dataset.dtypes[0])
                ),
                _scaling(path, dataset, order),
                _place_notes(path, dataset),
            )


def scaling_of(
    scene: Scene, trained: Scaling, scale: float | None = None, offset: float | None = None
) -> Scaling:
    """What to do to a scene's counts: as the caller says, else its file, else as in training.

    Raises:
        InputError: Not a scale above 0, or not a number.
    """
    known = scene.scaling or trained
    return Scaling(
        known.scale if scale is None else scale, known.offset if offset is None else offset
    )


def _cause(error: Exception) -> str:
    """What GDAL said; rasterio itself says no more than that reading failed."""
    return reason(error.__cause__ if isinstance(error.__cause__, Exception) else error)


def _check_blocks(path: Path, dataset: Any) -> None:
    dtype = np.dtype(dataset.dtypes[0])
    if dtype.kind not in "uif":
        raise InputError(f"{path}: its numbers are {dtype}; give counts or reflectances")
    rows, columns = dataset.block_shapes[0]
    together = dataset.count if dataset.interleaving == rasterio.enums.Interleaving.pixel else 1
    size = rows * columns * together * dtype.itemsize
    if size > BLOCK_LIMIT:
        raise InputError(
            f"{path}: its blocks of {rows} x {columns} pixels take {size >> 20} MB each, the limit "
            f"is {BLOCK_LIMIT >> 20} MB; write it in tiles (gdal_translate -co TILED=YES)"
        )


def _has_mask(dataset: Any) -> bool:
    """Whether there is a mask, or an opacity, of all bands: in the file, or in one beside it."""
    return MaskFlags.per_dataset in dataset.mask_flag_enums[0]


def _check_mask(path: Path, dataset: Any) -> None:
    beside = path.with_name(f"{path.name}.msk")
    if beside.exists() and not _has_mask(dataset):  # GDAL goes on without
        raise InputError(f"{beside}: no mask that can be read; get it again, or remove it")


def _as_count(nodata: float | None, dtype: np.dtype[Any]) -> Any:
    """A nodata value as a count can be equal to it; None where none can."""
    if nodata is None or math.isnan(nodata):  # what is not a number is never a measurement
        return None
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        if not (limits.min <= nodata <= limits.max and nodata == int(nodata)):
            return None
    with np.errstate(over="ignore"):
        return np.asarray(nodata, dtype)[()]


def _scaling(path: Path, dataset: Any, order: Sequence[int]) -> Scaling | None:
    """The file's own scale and offset; GDAL's are value = count * scale + offset."""
    pairs = {(dataset.scales[i - 1], dataset.offsets[i - 1]) for i in order}
    if len(pairs) > 1:
        raise InputError(
            f"{path}: its bands have {len(pairs)} different scales and offsets; write it with one"
        )
    (scale, offset) = pairs.pop()
    return None if (scale, offset) == (1.0, 0.0) else Scaling(scale, offset / scale)


def _place_notes(path: Path, dataset: Any) -> tuple[str, ...]:
    crs = dataset.crs
    if not crs:
        return (f"{path}: no coordinate reference system; its map has none either",)
    if not crs.is_geographic:
        return ()
    t, corners = (
        dataset.transform,
        [(i, j) for i in (0, dataset.width) for j in (0, dataset.height)],
    )
    xs = [t.c + t.a * i + t.b * j for i, j in corners]
    ys = [t.f + t.d * i + t.e * j for i, j in corners]
    if max(map(abs, xs)) > 360 or max(map(abs, ys)) > 90:
        return (
            f"{path}: its corners are not on Earth in {crs.to_string()} (x {min(xs):g} to "
            f"{max(xs):g}, y {min(ys):g} to {max(ys):g}); its map has the same wrong place",
        )
    return (f"{path}: in degrees ({crs.to_string()}), so shares of pixels are not shares of area",)
