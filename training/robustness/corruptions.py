"""Corruptions of photos, each with severities, after Hendrycks and Dietterich (arXiv 1903.12261).

A corruption acts on the square that a network takes, RGB uint8 [S, S, 3]. What it draws at random
(a direction, a place, noise) follows from the seed and the photo alone, and is the same at every
severity, so that severities of one photo differ in nothing else.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.flowers.light import GREEN, TUNGSTEN, brightness, cast, gamma, relit

Photo = NDArray[np.uint8]  # [S, S, 3] RGB
Kernel = NDArray[np.float32]

REFERENCE_SIDE = 224  # lengths in pixels are those of a photo of this side, scaled to the photo's


@dataclass(frozen=True)
class Corruption:
    """A way in which photos get worse.

    Attributes:
        name: What it is called.
        unit: What its levels are.
        levels: The amount at severity 1, 2, ...
        apply: (photo, amount, random numbers) to the corrupted photo.
    """

    name: str
    unit: str
    levels: tuple[float, ...]
    apply: Callable[[Photo, float, np.random.Generator], Photo]


def corrupt(photo: Photo, corruption: Corruption, severity: int, seed: int = 0) -> Photo:
    """A photo at a severity of a corruption.

    Args:
        photo: RGB uint8 [S, S, 3].
        corruption: One of `CORRUPTIONS`.
        severity: From 1, or 0 for the photo as it is.
        seed: Decides, with the photo, what is drawn at random.

    Returns:
        The same shape and dtype; `photo` itself at severity 0.

    Raises:
        ValueError: There is no such severity.
    """
    if not 0 <= severity <= len(corruption.levels):
        raise ValueError(f"severity {severity} of {corruption.name}: 0 to {len(corruption.levels)}")
    if severity == 0:
        return photo
    rng = np.random.default_rng(
        (seed, zlib.crc32(corruption.name.encode()), zlib.crc32(photo.tobytes()))
    )
    return corruption.apply(photo, corruption.levels[severity - 1], rng)


def jpeg(photo: Photo, quality: float, rng: np.random.Generator) -> Photo:
    """Through a JPEG file of this quality, 1 to 100."""
    bgr = cv2.cvtColor(photo, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])
    return np.asarray(
        cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8
    )


def defocus(photo: Photo, radius: float, rng: np.random.Generator) -> Photo:
    """Each point a disc of this radius, as behind a lens that is out of focus."""
    radius *= len(photo) / REFERENCE_SIDE
    reach = math.ceil(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return _filtered(photo, np.clip(radius + 0.5 - np.hypot(x, y), 0, 1))


def motion(photo: Photo, length: float, rng: np.random.Generator) -> Photo:
    """Each point a line of this length in one direction, as when the camera moved."""
    length *= len(photo) / REFERENCE_SIDE
    angle, reach = rng.uniform(0, math.pi), math.ceil(length / 2) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    along = np.linspace(-length / 2, length / 2, 4 * reach + 1)
    x, y = reach + along * math.cos(angle), reach + along * math.sin(angle)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for dx in (0, 1):  # each point of the line falls on the four pixels around it
        for dy in (0, 1):
            np.add.at(kernel, (top + dy, left + dx), _near(y - top, dy) * _near(x - left, dx))
    return _filtered(photo, kernel)


def brightened(photo: Photo, gain: float, rng: np.random.Generator) -> Photo:
    """This many times as bright, or as dark."""
    return relit(photo, brightness(gain ** _sign(rng)))


def toned(photo: Photo, power: float, rng: np.random.Generator) -> Photo:
    """Another tone curve: shadows sunk by this power, or lifted by its inverse."""
    return relit(photo, gamma(power ** _sign(rng)))


def tinted(photo: Photo, strength: float, rng: np.random.Generator) -> Photo:
    """In warm, cool, green or magenta light; at strength 1, warm is a tungsten lamp."""
    gains = TUNGSTEN if rng.random() < 0.5 else GREEN
    return relit(photo, cast("", "", gains, strength * _sign(rng)))


def noisy(photo: Photo, deviation: float, rng: np.random.Generator) -> Photo:
    """With Gaussian noise of this standard deviation, in per cent of the range of values."""
    noise = rng.standard_normal(photo.shape, dtype=np.float32) * (2.55 * deviation)
    return np.asarray(np.rint(np.clip(photo + noise, 0, 255)), np.uint8)


def rotated(photo: Photo, degrees: float, rng: np.random.Generator) -> Photo:
    """Turned one way or the other about its centre; the corners are filled by reflection."""
    middle = (len(photo) - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), degrees * _sign(rng), 1.0)
    size = (len(photo), len(photo))
    return np.asarray(cv2.warpAffine(photo, turn, size, borderMode=cv2.BORDER_REFLECT_101))


def occluded(photo: Photo, percent: float, rng: np.random.Generator) -> Photo:
    """A square of the photo's mean colour over this share of it, anywhere."""
    side = round(len(photo) * math.sqrt(percent / 100))
    top, left = rng.integers(0, len(photo) - side, size=2, endpoint=True)
    covered = photo.copy()
    covered[top : top + side, left : left + side] = np.rint(photo.mean(axis=(0, 1)))
    return covered


def shrunk(photo: Photo, percent: float, rng: np.random.Generator) -> Photo:
    """The photo at this share of its side, anywhere in its own mirror images out of focus."""
    full = len(photo)
    side = round(full * percent / 100)
    top, left = (int(n) for n in rng.integers(0, full - side, size=2, endpoint=True))
    small = cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA)
    borders = (top, full - side - top, left, full - side - left)
    scene = cv2.copyMakeBorder(small, *borders, cv2.BORDER_REFLECT_101).astype(np.float32)
    sharp = cv2.copyMakeBorder(np.ones((side, side), np.float32), *borders, cv2.BORDER_CONSTANT)
    # The mirror images carry on where the photo ends, so focus may fade across its edge.
    sharp = cv2.GaussianBlur(sharp, (0, 0), full / 56, borderType=cv2.BORDER_REPLICATE)[..., None]
    coarse = cv2.resize(scene, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), full / 32, borderType=cv2.BORDER_REFLECT_101)
    blurred = cv2.resize(coarse, (full, full), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.rint(sharp * scene + (1 - sharp) * blurred), np.uint8)


def _sign(rng: np.random.Generator) -> int:
    return 1 if rng.random() < 0.5 else -1


def _near(offset: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """The share that the lower (0) or upper (1) of two pixels gets of a point between them."""
    return offset if side else 1 - offset


def _filtered(photo: Photo, kernel: NDArray[np.float64]) -> Photo:
    kernel = kernel / kernel.sum()
    return np.asarray(cv2.filter2D(photo, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.uint8)


# Chosen before any model was scored: 1 is what ordinary photos have, 3 what a person still reads.
# The flower study states accuracy at 10 % noise.
CORRUPTIONS: tuple[Corruption, ...] = (
    Corruption("JPEG", "quality", (50, 25, 10), jpeg),
    Corruption("defocus blur", "radius, px", (2, 4, 6), defocus),
    Corruption("motion blur", "length, px", (7, 13, 21), motion),
    Corruption("brightness", "gain or inverse", (1.3, 1.7, 2.2), brightened),
    Corruption("gamma", "power or inverse", (1.4, 2.0, 2.8), toned),
    Corruption("colour cast", "strength", (0.5, 1.0, 1.5), tinted),
    Corruption("noise", "std. dev., %", (5, 10, 20), noisy),
    Corruption("rotation", "degrees", (15, 30, 45), rotated),
    Corruption("occlusion", "% of the area", (10, 25, 40), occluded),
    Corruption("small flower", "% of the side", (75, 50, 33), shrunk),
)
