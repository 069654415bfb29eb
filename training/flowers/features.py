"""Features of frozen layers, computed once and kept on disk, resumable chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from models.files import reading_back, writing_to
from models.progress import track

CHUNK = 512  # photos; a kill loses at most this many


def cached_features(
    trunk: keras.Model,
    pixels: NDArray[np.uint8],
    folder: Path,
    name: str,
    *,
    order: NDArray[np.intp] | None = None,
    begin: Callable[[int], None] = lambda start: None,
) -> NDArray[np.float16]:
    """Features of all photos.

    Args:
        trunk: [B, S, S, 3] 0..255 -> [B, ...].
        pixels: [N, S, S, 3] uint8.
        folder: Cache folder.
        name: Must change with the photos, with the trunk's weights and with what follows.
        order: [N] the rows of `pixels` in the order in which they are shown; default: theirs.
        begin: Is told the place in that order of a chunk's first photo, before it is computed.

    Returns:
        [N, ...] float16, in the order of `pixels`: half the disk of float32, at a rounding (2^-11)
        far below what dropout does.
    """
    order = np.arange(len(pixels)) if order is None else order
    starts = range(0, len(pixels), CHUNK)
    features: NDArray[np.float16] | None = None
    for start in track(starts, len(starts), f"features {name.partition('-')[0]}"):
        path = folder / f"features-{name}" / f"{start:07d}.npy"
        if not path.exists():
            begin(start)
            batch = np.asarray(pixels[order[start : start + CHUNK]], np.float32)
            answers = np.asarray(trunk.predict(batch, batch_size=32, verbose=0), np.float16)
            with writing_to(path) as temporary:
                np.save(temporary, answers)
        with reading_back(path):
            chunk = np.load(path)
        if features is None:
            features = np.empty((len(pixels), *chunk.shape[1:]), np.float16)
        features[order[start : start + CHUNK]] = chunk
    assert features is not None  # there is always a photo
    return features
