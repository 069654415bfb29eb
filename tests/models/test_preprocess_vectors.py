"""The test vectors that the phone app is held to as well, in edge_app/web/test/core."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from models.preprocess import MIN_SIDE, decode
from tests.preprocess_vectors import FOLDER, SIZES, VECTORS, fingerprints, read_pixels

PHOTOS: list[dict[str, Any]] = json.loads(VECTORS.read_text())["photos"]
each_photo = pytest.mark.parametrize("photo", PHOTOS, ids=lambda photo: str(photo["file"]))


@each_photo
def test_prepared_pixels_are_those_of_the_vectors(photo: dict[str, Any]) -> None:
    pixels = read_pixels(FOLDER / photo["upright"])
    assert pixels.shape == (photo["height"], photo["width"], 3)
    assert fingerprints(pixels) == photo["sha256"]


@each_photo
def test_photos_decode_to_the_upright_pixels(photo: dict[str, Any]) -> None:
    if min(photo["width"], photo["height"]) < MIN_SIDE:
        pytest.skip("too small to be taken for a photo")
    file = FOLDER / photo["file"]
    pixels = decode(file.read_bytes(), file.name).astype(int)
    # JPEG decoders may differ by a level; an orientation gone wrong differs by far more.
    assert np.abs(pixels - read_pixels(FOLDER / photo["upright"])).max() <= 1


def test_the_vectors_cover_all_orientations_and_both_directions_of_scaling() -> None:
    assert {f"exif_{n}.jpg" for n in range(1, 9)} <= {photo["file"] for photo in PHOTOS}
    sides = [min(photo["width"], photo["height"]) for photo in PHOTOS]
    assert min(sides) == 1
    assert max(sides) > max(SIZES)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 600_000
