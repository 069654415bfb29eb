"""`make bench`: a whole satellite scene to its map, and what classifying its pixels takes.

First `bombus app map` maps a generated Sentinel-2 scene in a process of its own, whose peak memory
is measured. Then each contender classifies the same tiles in turns, from counts to classes, so
that whatever else the machine does falls on all alike. Seconds are those of the processor, on as
many cores as one takes; quote the ratios.

- bombus: all that the map does but for reading and writing, on each runtime that the bundle has.
- numpy: normalized differences of all pairs of bands and a linear head, each band's share learned.
- scikit-learn: an `MLPClassifier` with as many hidden units as there are pairs of bands.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine
from rasterio.windows import Window
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.neural_network import MLPClassifier

from edge_app.map.model import PixelModel
from edge_app.map.scene import Scaling
from export.speed.benchmark import machine
from models.bundle import MANIFEST, SHIPPED, Bundle, find_bundle
from models.runtime import available_runtimes
from tests.tiny_spectral import write_tiny_spectral

BUNDLE = "spectral"
SIZE = 10_980  # pixels a side of a Sentinel-2 tile
BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
FIELD = 61  # pixels a side of what has one class
TILE, BLOCK = 1024, 512  # pixels a side
CLASSES = 4  # of the fields
EPSILON = np.float32(1e-6)
SCALING = Scaling(1e-4, 0.0)
CACHED, MANY = 2048, 65536  # pixels a call, what suits each best

MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""

Counts = NDArray[np.uint16]
Work = Callable[[Counts], object]  # classifies [n, N]


@dataclass(frozen=True)
class Mapped:
    """A scene mapped by the command.

    Attributes:
        pixels: Of the scene.
        file_mb: Size of its file, 10^6 bytes.
        wall_s: Wall seconds, from the start of the process to its end.
        cpu_s: Its CPU seconds.
        peak_mb: The most memory that it had, 10^6 bytes.
    """

    pixels: int
    file_mb: float
    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Timing:
    """One contender.

    Attributes:
        mpixel_s: 10^6 pixels a CPU second, the median of the tiles.
        tiles: How many were timed.
    """

    mpixel_s: float
    tiles: int


def main() -> None:
    """Command line: `python -m benchmarks.spectral [--size N] [--rounds N] [--bundle B] ...`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=SIZE, help="pixels a side of the scene")
    parser.add_argument("--rounds", type=int, default=6, help="tiles that each contender maps")
    parser.add_argument("--bundle", default=BUNDLE)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    console = Console(stderr=options.json, width=max(Console().width, 100))
    with TemporaryDirectory(prefix="bombus-") as folder:
        bundle = _find(options.bundle, Path(folder, "untrained"), console.print)
        maker = Fields(PixelModel(bundle).bands)
        scene = Path(folder, "scene.tif")
        maker.write(scene, options.size, quiet=options.json)
        mapped = map_scene(scene, bundle, options.size)
        works = contenders(bundle, maker)
    timings = in_turns(works, maker, options.rounds, quiet=options.json)
    if options.json:
        rows = {name: asdict(timing) for name, timing in timings.items()}
        print(json.dumps({"scene": asdict(mapped), "classifying": rows}))
        return
    console.print(
        f"{options.size} x {options.size} pixels x {len(maker.bands)} bands "
        f"({mapped.file_mb:.0f} MB) to a map: {mapped.peak_mb:.0f} MB at its peak, "
        f"{mapped.wall_s:.0f} s, {mapped.pixels / 1e6 / mapped.cpu_s:.1f} Mpixel/CPU s"
    )
    console.print(table(timings))
    console.print(f"{options.rounds} tiles of {TILE} x {TILE} pixels each, {machine()}")


class Fields:
    """A generated land: square fields of a few classes, under uneven light, with noise.

    Attributes:
        bands: Their names.
        spectra: [class, band] mean counts.
    """

    def __init__(self, bands: Sequence[str]) -> None:
        self.bands = tuple(bands)
        self._rng = np.random.default_rng(1)
        self.spectra = self._rng.uniform(300, 4000, (CLASSES, len(bands)))

    def tile(self) -> Counts:
        """Another tile: counts [n, TILE, TILE]."""
        of = self._rng.integers(0, CLASSES, (TILE // FIELD + 1,) * 2)
        classes = of.repeat(FIELD, axis=0).repeat(FIELD, axis=1)[:TILE, :TILE]
        light = self._rng.uniform(0.6, 1.4) + np.linspace(-0.2, 0.2, TILE)
        noise = self._rng.normal(0, 12, (len(self.bands), TILE, TILE))
        counts: NDArray[np.float64] = (self.spectra[classes] * light[:, None, None]).transpose(
            2, 0, 1
        ) + noise
        return counts.astype(np.uint16, order="C")  # as a file gives them: band after band

    def labelled(self, pixels: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Reflectances [N, n] and their classes [N]."""
        classes = self._rng.integers(0, CLASSES, pixels)
        light = self._rng.uniform(0.4, 1.6, (pixels, 1))
        noise = self._rng.normal(0, 12, (pixels, len(self.bands)))
        values = (self.spectra[classes] * light + noise) * SCALING.scale
        return values.astype(np.float32), classes

    def write(self, path: Path, size: int, *, quiet: bool) -> None:
        """Write a scene of size x size pixels, of a few different tiles."""
        tiles = [self.tile() for _ in range(4)]
        places = [(y, x) for y in range(0, size, TILE) for x in range(0, size, TILE)]
        with rasterio.open(
            path,
            "w",
            **{"driver": "GTiff", "dtype": "uint16", "count": len(self.bands)},
            **{"height": size, "width": size, "crs": "EPSG:32633"},
            **{"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "interleave": "band"},
            **{"compress": "deflate", "predictor": 2, "zlevel": 1, "bigtiff": "if_safer"},
            transform=Affine(10, 0, 500_000, 0, -10, 5_000_000),
        ) as file:
            file.descriptions = self.bands
            for k, (y, x) in enumerate(track(places, "a scene", transient=True, disable=quiet)):
                height, width = min(TILE, size - y), min(TILE, size - x)
                counts = tiles[k % len(tiles)][:, :height, :width]
                file.write(counts, window=Window(x, y, width, height))


def map_scene(scene: Path, bundle: Bundle, size: int) -> Mapped:
    """Map a scene with the command, in a process of its own."""
    out = scene.with_name("map")
    command = ["-m", "bombus", "app", "map", scene, "--bundle", bundle.path, "--out", out, "--json"]
    started = time.perf_counter()
    # Between the two a small process: a child's peak begins at that of the process it came from.
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, sys.executable, *map(str, command)],
        check=True,
        stdout=subprocess.PIPE,
    )
    wall = time.perf_counter() - started
    cpu, peak = map(float, done.stdout.split()[-2:])
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    return Mapped(size * size, scene.stat().st_size / 1e6, wall, cpu, peak * unit / 1e6)


def contenders(bundle: Bundle, land: Fields) -> dict[str, Work]:
    """What is timed: each takes a tile's counts [n, N] to its classes."""
    works: dict[str, Work] = {}
    formats = {artefact.format for artefact in bundle.manifest.artefacts if bundle.has(artefact)}
    for runtime in (name for form in sorted(formats) for name in available_runtimes(form)):
        works[f"bombus, {runtime}"] = ours(PixelModel(bundle, runtime=runtime))
    works["numpy"] = in_parts(normalized_differences(len(land.bands)), CACHED)
    works["scikit-learn"] = in_parts(perceptron(land), MANY)
    return works


def ours(model: PixelModel) -> Work:
    """The map's own arithmetic, with its checks and its tallies."""
    empty = np.zeros(TILE * TILE, np.bool_)
    return lambda counts: model.map(counts, empty, SCALING)


def normalized_differences(bands: int) -> Callable[[NDArray[np.float32]], object]:
    """Classes of values [N, n] by all (a x_i - g x_j) / (a x_i + g x_j + e) and a linear head."""
    rng = np.random.default_rng(2)
    first, second = np.array(list(combinations(range(bands), 2))).T
    a, g = rng.uniform(0.5, 2, (2, len(first), 1)).astype(np.float32)
    head = rng.normal(size=(CLASSES, len(first))).astype(np.float32)

    def classify(values: NDArray[np.float32]) -> object:
        x = np.ascontiguousarray(values.T)
        one, other = a * x[first], g * x[second]
        return (head @ ((one - other) / (one + other + EPSILON))).argmax(axis=0)

    return classify


def perceptron(land: Fields) -> Callable[[NDArray[np.float32]], object]:
    """A trained multilayer perceptron's classes of values [N, n]."""
    n = len(land.bands)
    values, classes = land.labelled(4000)
    network = MLPClassifier(n * (n - 1) // 2, max_iter=1000, random_state=0)
    predict: Callable[[NDArray[np.float32]], object] = network.fit(values, classes).predict
    return predict


def in_parts(classify: Callable[[NDArray[np.float32]], object], pixels: int) -> Work:
    """A classifier of values [N, n], given a part of the counts at a time."""

    def work(counts: Counts) -> None:
        for begin in range(0, counts.shape[1], pixels):
            values = counts[:, begin : begin + pixels].T.astype(np.float32)
            classify((values + np.float32(SCALING.offset)) * np.float32(SCALING.scale))

    return work


def in_turns(
    works: dict[str, Work], land: Fields, rounds: int, *, quiet: bool
) -> dict[str, Timing]:
    """Let every contender classify each tile; the first is to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in track(range(rounds + 1), "in turns", transient=True, disable=quiet):
        counts = land.tile().reshape(len(land.bands), -1)
        for name, work in works.items():
            started = time.process_time()
            work(counts)
            taken[name].append(time.process_time() - started)
    return {
        name: Timing(TILE * TILE / 1e6 / statistics.median(seconds[1:]), rounds)
        for name, seconds in taken.items()
    }


def table(timings: dict[str, Timing]) -> Table:
    """Throughputs, and how many times as fast as numpy's."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "Mpixel/CPU s", "x numpy"):
        made.add_column(column, justify="right" if column else "left")
    for name, timing in timings.items():
        ratio = timing.mpixel_s / timings["numpy"].mpixel_s
        made.add_row(name, f"{timing.mpixel_s:.2f}", f"{ratio:.2f}")
    return made


def _find(name: str, untrained: Path, note: Callable[[str], None]) -> Bundle:
    """The bundle; where none is shipped, one of the same shape that has learned nothing."""
    if name != BUNDLE or (SHIPPED / BUNDLE / MANIFEST).is_file():
        return find_bundle(name)
    note("no spectral bundle is shipped: one that is not trained maps the scene")
    head = np.random.default_rng(0).normal(size=(len(BANDS) * (len(BANDS) - 1) // 2, CLASSES))
    labels = tuple(f"class {k}" for k in range(CLASSES))
    return write_tiny_spectral(untrained, head.astype(np.float32), BANDS, labels)


if __name__ == "__main__":
    main()
