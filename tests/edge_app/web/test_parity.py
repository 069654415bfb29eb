"""The tensor that the browser feeds a model is the one that Python would, to ±1 level.

The app runs with a model that hands its input back (`tests.pixel_probe`): decoder, orientation,
crop, resize and worker are those that a person's photo goes through.
"""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_app.site import build_site
from models.preprocess import load_photo
from tests.drawing import draw_flower
from tests.edge_app.web.app import App
from tests.edge_app.web.conftest import NewPhone
from tests.edge_app.web.local import serving
from tests.pixel_probe import SIZES, write_probe
from tests.preprocess_vectors import FOLDER, ORIENTATION, pattern

# What the app's last answer says that the model was given, as bytes.
FED = """
() => {
  const levels = Uint8Array.from(wire.answers.at(-1).activationMap.data);
  let text = "";
  for (let i = 0; i < levels.length; i += 8192) {
    text += String.fromCharCode(...levels.subarray(i, i + 8192));
  }
  return btoa(text);
}
"""


def vectors() -> list[Path]:
    """The shared test vectors, but those too small for a photo."""
    photos = [*sorted(FOLDER.glob("exif_*.jpg")), *sorted(FOLDER.glob("pattern_*.png"))]
    return [photo for photo in photos if min(cv2.imread(str(photo)).shape[:2]) >= 32]


def large_photos(folder: Path) -> list[Path]:
    """As phones take them: several megapixels, turned, of several formats.

    Chromium leaves a WebP's orientation alone, which cameras do not write.
    """
    flower = Image.fromarray(draw_flower("daisy", np.random.default_rng(1), 1600))
    photos = []
    for name, size, orientation in (
        ("hd.jpg", (1280, 720), 1),
        ("twelve_megapixels.jpg", (4032, 3024), 6),
        ("odd.webp", (1023, 769), 1),
        ("grey.png", (900, 901), 3),
    ):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        image = flower.resize(size)
        if name.startswith("grey"):
            image = image.convert("L")
        options = {"lossless": True} if name == "odd.webp" else {"quality": 90}
        image.save(folder / name, exif=exif, **options)
        photos.append(folder / name)
    return photos


@pytest.mark.parametrize("size", SIZES)
def test_the_model_is_fed_as_by_python(phone: NewPhone, tmp_path: Path, size: int) -> None:
    probe = build_site([write_probe(tmp_path / "probe", size)])
    with serving(probe) as server:
        app = phone().open(server.url).wait_ready()
        for photo in [*vectors(), *(large_photos(tmp_path) if size == SIZES[0] else [])]:
            app.recognise(photo)
            fed, expected = fed_to_model(app, size), load_photo(photo, size)
            difference = np.abs(fed.astype(int) - expected)
            assert difference.max() <= 1, (photo.name, difference.max(), difference.mean())


def test_a_crop_is_fed_as_by_python(phone: NewPhone, tmp_path: Path) -> None:
    size = SIZES[0]
    image = pattern(640, 480)
    Image.fromarray(image).save(tmp_path / "pattern.png")
    with serving(build_site([write_probe(tmp_path / "probe", size)])) as server:
        app = phone().open(server.url).wait_ready()
        app.recognise(tmp_path / "pattern.png")
        asked = app.questions()
        app.page.get_by_label("Part of the photo to look at").press("+")
        app.wait_question(asked + 1)
        app.wait_verdict()
        # Zoomed by 1.2 about the middle.
        side, left, top = 400, 120, 40
        Image.fromarray(image[top : top + side, left : left + side]).save(tmp_path / "crop.png")
        difference = fed_to_model(app, size).astype(int) - load_photo(tmp_path / "crop.png", size)
        assert np.abs(difference).max() <= 1


def fed_to_model(app: App, size: int) -> NDArray[np.uint8]:
    data = base64.b64decode(app.page.evaluate(FED))
    return np.frombuffer(data, np.uint8).reshape(size, size, 3)
