"""The files of a map: GeoTIFFs in tiles, where the scene is, written as the tiles come."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from edge_app.map.model import NODATA, Layers, Mapped, PixelModel
from edge_app.map.picture import SIDE, palette, picture, png
from edge_app.map.scene import Scene

CLASSES, CONFIDENCE, INDICES = "classes.tif", "confidence.tif", "indices.tif"
BLOCK = 256  # pixels a side
Write = Callable[[Mapped, Window], None]


@contextmanager
def create_files(
    classes: Path, scene: Scene, model: PixelModel, layers: Layers
) -> Generator[Write, None, None]:
    """Create a map's files, as a context manager that closes them.

    Args:
        classes: The file for the classes; the layers' come beside it.
        scene: Where the map is.
        model: Whose classes and indices they hold.
        layers: Which files beside the classes.

    Returns:
        What writes a tile: it takes the tile's pixels, row by row, and where it is.

    Raises:
        OSError: The place is full.
    """
    paths = []
    with ExitStack() as stack:

        def create(path: Path, names: tuple[str, ...], dtype: str, nodata: float) -> Any:
            paths.append(path)
            file = stack.enter_context(_create(path, scene, len(names), dtype, nodata))
            file.descriptions = names
            file.update_tags(
                TIFFTAG_SOFTWARE="bombus",
                BUNDLE=model.name,
                ARTEFACT=model.artefact.file,
            )
            return file

        main = create(classes, ("class",), "uint8", NODATA)
        colours = {k: (*colour, 255) for k, colour in enumerate(palette(len(model.labels)))}
        main.write_colormap(1, {**colours, NODATA: (0, 0, 0, 0)})
        main.update_tags(1, **{f"CLASS_{k}": label for k, label in enumerate(model.labels)})
        confidence = indices = None
        if layers.confidence:
            confidence = create(classes.with_name(CONFIDENCE), ("percent",), "uint8", NODATA)
        if layers.indices:
            indices = create(classes.with_name(INDICES), model.indices, "float32", np.nan)

        def write(mapped: Mapped, tile: Window) -> None:
            shape = tile.height, tile.width
            main.write(mapped.classes.reshape(shape), 1, window=tile)
            if confidence is not None and mapped.confidence is not None:
                confidence.write(mapped.confidence.reshape(shape), 1, window=tile)
            if indices is not None and mapped.indices is not None:
                indices.write(mapped.indices.reshape(-1, *shape), window=tile)

        yield write
    for path in paths:
        _check_whole(path)


def quicklook(classes: Path, lines: list[str]) -> bytes:
    """A small picture (PNG) of a map of classes, and these lines as its legend."""
    with _silently(), rasterio.open(classes) as file:
        step = max(1.0, max(file.shape) / SIDE)
        shape = tuple(max(1, round(length / step)) for length in file.shape)
        return png(picture(file.read(1, out_shape=shape), lines))


def _create(path: Path, scene: Scene, count: int, dtype: str, nodata: float) -> Any:
    height, width = scene.shape
    with _silently():
        return rasterio.open(
            path,
            "w",
            driver="GTiff",
            height=height,
            width=width,
            count=count,
            dtype=dtype,
            nodata=nodata,
            crs=scene.dataset.crs,
            transform=scene.dataset.transform,
            tiled=True,
            blockxsize=BLOCK,
            blockysize=BLOCK,
            interleave="band",  # a viewer that shows one index reads that one
            compress="deflate",
            zlevel=6 if dtype == "uint8" else 1,
            predictor=1 if dtype == "uint8" else 3,
            bigtiff="if_safer",
        )


def _check_whole(path: Path) -> None:
    """Raise `OSError` unless all blocks are there: closing a file on a full disk says nothing."""
    size = path.stat().st_size
    with _silently(), rasterio.open(path) as file:
        for band in file.indexes:
            for (row, column), _ in file.block_windows(band):
                offset, length = (
                    int(file.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=band) or 0)
                    for what in ("OFFSET", "SIZE")
                )
                if not 0 < offset < offset + length <= size:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def _silently() -> Generator[None, None, None]:
    """A map of a scene that has no place has none either; `Scene.notes` says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
