"""Scenes of water, soil and crop, as GeoTIFFs."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine

from tests.tiny_spectral import BANDS

# [class, band] Sentinel-2 counts of the classes of the tiny classifier, in its order.
COUNTS = np.array([[900, 700, 500, 200], [1200, 1500, 1900, 2300], [400, 700, 500, 4000]])
PLACE = Affine(10, 0, 500_000, 0, -10, 5_000_000)


def land(height: int, width: int, seed: int = 0) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Counts [n, h, w] under uneven light, and which class [h, w] is where."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, len(COUNTS), (height, width))
    counts = COUNTS[classes] * rng.uniform(0.5, 2, (height, width, 1))
    return counts.transpose(2, 0, 1).astype(np.uint16), classes


def write_scene(
    path: Path, counts: NDArray[Any], names: tuple[str, ...] | None = BANDS, **profile: Any
) -> Path:
    """A GeoTIFF of counts [n, h, w]; profile as of `rasterio.open`."""
    options = {
        "driver": "GTiff",
        "count": counts.shape[0],
        "height": counts.shape[1],
        "width": counts.shape[2],
        "dtype": counts.dtype,
        "crs": "EPSG:32633",
        "transform": PLACE,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **options | profile) as file:
            if names:
                file.descriptions = names
            file.write(counts)
    return path
