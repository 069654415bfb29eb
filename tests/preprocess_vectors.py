"""Test vectors of the image contract: what Python, TypeScript and browsers must all make of them.

`python -m tests.preprocess_vectors` draws the photos in `tests/data/preprocess` and `vectors.json`:
per photo the file, its upright pixels as a PNG (so that no decoder's rounding matters), and the
SHA-256 of the prepared square, RGB row by row, at each size.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.preprocess import decode, prepare
from tests.drawing import draw_flower

FOLDER = Path(__file__).parent / "data" / "preprocess"
VECTORS = FOLDER / "vectors.json"
SIZES = (224, 96)
ORIENTATION = 0x0112  # the EXIF tag

# width, height: single pixels and lines, both sides of every size, odd and even crops
SHAPES = (
    (1, 1),
    (2, 3),
    (7, 1),
    (31, 33),
    (32, 32),
    (95, 97),
    (96, 96),
    (97, 640),
    (223, 225),
    (224, 224),
    (33, 1000),
    (1000, 34),
    (448, 449),
    (500, 333),
    (640, 480),
)

# What was done to the upright photo before it was stored, so that the orientation undoes it.
_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def pattern(width: int, height: int) -> NDArray[np.uint8]:
    """Harsh steps at every scale, which PNG still packs well; RGB [H, W, 3]."""
    y, x = np.mgrid[:height, :width]
    channels = (x ^ y, (x * x + y * y) // 64, 255 - (x & ~y))
    return np.asarray(np.stack(channels, -1) % 256, np.uint8)


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """The RGB pixels of a PNG of any size; `models.preprocess.decode` refuses tiny ones."""
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[:, :, ::-1], np.uint8)


def fingerprints(pixels: NDArray[np.uint8]) -> dict[str, str]:
    """SHA-256 of the prepared square at each size."""
    return {
        str(size): hashlib.sha256(prepare(pixels, size).tobytes()).hexdigest() for size in SIZES
    }


def main() -> None:
    """Write all files anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    entries = []
    for width, height in SHAPES:
        name = f"pattern_{width}x{height}.png"
        Image.fromarray(pattern(width, height)).save(FOLDER / name, optimize=True)
        entries.append((name, name))
    flower = Image.fromarray(draw_flower("daisy", np.random.default_rng(0), 120)[:90])
    for orientation in range(1, 9):
        stored = flower
        if orientation in _STORED:
            stored = flower.transpose(_STORED[orientation])
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        photo = FOLDER / f"exif_{orientation}.jpg"
        stored.save(photo, quality=92, exif=exif)
        decoded = photo.with_suffix(".png")
        Image.fromarray(decode(photo.read_bytes(), photo.name)).save(decoded, optimize=True)
        entries.append((photo.name, decoded.name))

    photos = []
    for file, upright in entries:
        pixels = read_pixels(FOLDER / upright)
        height, width = pixels.shape[:2]
        photos.append(
            {
                "file": file,
                "upright": upright,
                "width": width,
                "height": height,
                "sha256": fingerprints(pixels),
            }
        )
    VECTORS.write_text(json.dumps({"sizes": SIZES, "photos": photos}, indent=1) + "\n")


if __name__ == "__main__":
    main()
