"""A scene on disk to its map on disk, tile by tile, in a memory that does not grow with it."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
from rasterio.windows import Window

from edge_app.map.files import CLASSES, CONFIDENCE, INDICES, create_files, quicklook
from edge_app.map.model import Layers, Mapped, PixelModel
from edge_app.map.pixels import REFLECTANCE, Pixel, Tally, check_plausible
from edge_app.map.scene import TILE, Scaling, Scene
from models.errors import InputError
from models.files import refuse_existing, writing_to
from models.progress import track

QUICKLOOK = "quicklook.png"
FILES = {CLASSES, CONFIDENCE, INDICES, QUICKLOOK}
LOOKS = 9  # places of a scene that are looked at before it is mapped
LOOK = 256  # pixels a side, at most, of each


@dataclass(frozen=True)
class Mapping:
    """What to do to each tile: the scene it comes from, the model, the scaling, what is wanted."""

    scene: Scene
    model: PixelModel
    scaling: Scaling
    layers: Layers

    def __call__(self, tile: Window) -> Mapped:
        """The tile's pixels, row by row."""
        counts, empty = self.scene.read(tile)
        flat = counts.reshape(len(counts), -1)
        return self.model.map(flat, empty.ravel(), self.scaling, self.layers)

    def check(self, tally: Tally) -> None:
        """Refuse a scaling that cannot be the scene's, as far as its unit says what is possible."""
        if self.model.unit == REFLECTANCE:
            check_plausible(tally, self.scaling, str(self.scene.path))


def map_scene(mapping: Mapping, out: Path, *, force: bool = False, side: int = TILE) -> Tally:
    """Map a scene into a folder, or its classes alone into a `.tif` file.

    Nothing is at `out` before all is written, and what was there stays on any error.

    Args:
        mapping: Of an opened scene.
        out: Where to write.
        force: Replace what is there.
        side: Of `Scene.tiles`.

    Returns:
        Of the scene's pixels.

    Raises:
        InputError: Something is there already, or the place cannot be written; layers are wanted
            in a single file, or indices of a model without; the scene is damaged, holds no
            measurement, or cannot have this scaling.
    """
    _check_place(out, mapping, force=force)
    tiles = mapping.scene.tiles(side)
    _look(mapping, tiles)
    tally = mapping.model.nothing
    with writing_to(out) as place:
        classes = place
        if not is_file(out):
            place.mkdir()
            classes = place / CLASSES
        with create_files(classes, mapping.scene, mapping.model, mapping.layers) as write:
            for tile in track(tiles, len(tiles), "map"):
                mapped = mapping(tile)
                write(mapped, tile)
                tally += mapped.tally
        if not tally.pixels[Pixel.GOOD]:
            raise InputError(
                f"{mapping.scene.path}: none of its {tally.pixels.sum()} pixels has a class "
                f"({', '.join(reasons(tally))}); give another scene, or its true --nodata"
            )
        mapping.check(tally)
        if not is_file(out):
            lines = [*shares(mapping.model.labels, tally), "no class"]
            (place / QUICKLOOK).write_bytes(quicklook(classes, lines))
    return tally


def is_file(out: Path) -> bool:
    """Whether a map goes into a single file."""
    return out.suffix.lower() in {".tif", ".tiff"}


def shares(labels: tuple[str, ...], tally: Tally) -> list[str]:
    """A line a class, such as `forest 41.2 %`: its share of the pixels that have one."""
    good = max(1, int(tally.pixels[Pixel.GOOD]))
    counts = zip(labels, tally.classes.tolist(), strict=True)
    return [f"{label} {100 * count / good:.1f} %" for label, count in counts]


def reasons(tally: Tally) -> list[str]:
    """Why pixels have no class, such as `12 negative`; empty where all have one."""
    return [f"{count} {reason}" for reason, count in tally.reasons.items()]


def _check_place(out: Path, mapping: Mapping, *, force: bool) -> None:
    layers, model = mapping.layers, mapping.model
    if is_file(out) and (layers.indices or layers.confidence):
        raise InputError(f"{out}: one file has room for the classes only; give a folder")
    if layers.indices and not model.indices:
        raise InputError(f"{model.artefact.file}: gives no indices; leave out --indices")
    refuse_existing(out, force)
    if out.exists() and out.is_dir() == is_file(out):
        kind = "folder" if out.is_dir() else "file"
        raise InputError(f"{out}: is a {kind}; a map goes into a folder, or into a .tif file")
    if out.exists() and out.samefile(mapping.scene.path):
        raise InputError(f"{out}: is the scene itself; give another name")
    if out.is_dir() and any(path.name not in FILES for path in out.iterdir()):
        raise InputError(f"{out}: a folder with other things in it; --force replaces maps only")


def _look(mapping: Mapping, tiles: list[Window]) -> None:
    """Try some places, the first and the last among them: a mistake is told before the work."""
    chosen = sorted({round(i) for i in np.linspace(0, len(tiles) - 1, LOOKS)})
    looks = (_middle(tiles[i]) for i in chosen)
    mapping.check(reduce(operator.add, (mapping(look).tally for look in looks)))


def _middle(tile: Window) -> Window:
    height, width = min(LOOK, tile.height), min(LOOK, tile.width)
    y, x = tile.row_off + (tile.height - height) // 2, tile.col_off + (tile.width - width) // 2
    return Window(x, y, width, height)
