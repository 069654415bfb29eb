"""Features of a frozen trunk, computed once and kept on disk, resumable chunk by chunk."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from models.files import writing_to
from models.progress import track

CHUNK = 512  # photos; a kill loses at most this many


def cached_features(
    trunk: keras.Model, pixels: NDArray[np.uint8], folder: Path, name: str
) -> NDArray[np.float16]:
    """Features of all photos.

    Args:
        trunk: [B, S, S, 3] 0..255 -> [B, F].
        pixels: [N, S, S, 3] uint8.
        folder: Cache folder.
        name: Must change with the photos and with the trunk's weights.

    Returns:
        [N, F] float16: half the disk of float32, at a rounding (2^-11) far below what dropout does.
    """
    starts = range(0, len(pixels), CHUNK)
    chunks = []
    for start in track(starts, len(starts), f"features {name.partition('-')[0]}"):
        path = folder / f"features-{name}" / f"{start:07d}.npy"
        if not path.exists():
            batch = np.asarray(pixels[start : start + CHUNK], np.float32)
            features = np.asarray(trunk.predict(batch, batch_size=32, verbose=0), np.float16)
            with writing_to(path) as temporary:
                np.save(temporary, features)
        chunks.append(np.load(path))
    return np.concatenate(chunks)
