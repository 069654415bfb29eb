"""What the app is shown: photos that we draw, and films of them for the fake camera."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.classify import Recogniser, Verdict
from tests.drawing import SPECIES, draw_flower

Image = NDArray[np.uint8]

FRAMES_A_SECOND = 30  # at which Chromium plays a film
FRAME = (640, 480)


def drawn_pool(side: int = 360) -> list[Image]:
    """Drawn flowers, and grounds without any."""
    flowers = [
        draw_flower(species, np.random.default_rng(seed), side)
        for species in SPECIES
        for seed in range(8)
    ]
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
    grey = np.full((side, side, 3), 128, np.uint8)
    bricks = np.full((side, side, 3), (150, 70, 50), np.uint8)
    bricks[::24] = bricks[:, ::60] = 200
    return [*flowers, noise, grey, bricks]


class Scenes:
    """Photos whose verdict the Python runtime is clear about."""

    def __init__(self, recogniser: Recogniser, pool: Iterable[Image]) -> None:
        judged = [(recogniser.classify(image), image) for image in pool]
        clear = [pair for pair in judged if pair[0].kind == "sure"]
        clear.sort(key=lambda pair: -pair[0].known * pair[0].guesses[0].confidence)
        best: dict[str, tuple[Verdict, Image]] = {}
        for verdict, image in clear:
            best.setdefault(verdict.guesses[0].label, (verdict, image))
        strange = [pair for pair in judged if pair[0].kind == "unknown"]
        assert len(best) >= 2, f"only {list(best)} recognised"
        assert strange, "nothing rejected"
        self.flowers = list(best.values())
        self.stranger = min(strange, key=lambda pair: pair[0].known)[1]


def write_jpeg(path: Path, image: Image, quality: int = 95) -> Path:
    path.write_bytes(_jpeg(image, quality))
    return path


def write_film(path: Path, scenes: Iterable[tuple[Image, float]]) -> Path:
    """A film of still scenes, each for so many seconds: one JPEG after the other."""
    with path.open("wb") as film:
        for image, seconds in scenes:
            film.write(_jpeg(_framed(image), 92) * round(seconds * FRAMES_A_SECOND))
    return path


def _framed(image: Image) -> Image:
    """The square image as high as a camera's frame, in its middle."""
    width, height = FRAME
    frame = np.full((height, width, 3), 90, np.uint8)
    left = (width - height) // 2
    frame[:, left : left + height] = cv2.resize(image, (height, height))
    return frame


def _jpeg(image: Image, quality: int) -> bytes:
    # Chromium's fake camera garbles any other sampling.
    how = [
        *(cv2.IMWRITE_JPEG_QUALITY, quality),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420),
    ]
    ok, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), how)
    assert ok
    return bytes(data)
