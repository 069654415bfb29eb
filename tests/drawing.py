"""Flowers that we draw ourselves: a data set of a few kilobytes that a small network can learn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

# class -> (petals, petal colour, heart colour), RGB
SPECIES = {
    "cornflower": (9, (70, 90, 220), (40, 30, 90)),
    "daisy": (12, (240, 240, 235), (240, 200, 40)),
    "poppy": (4, (215, 40, 30), (30, 25, 25)),
    "sunflower": (16, (245, 190, 20), (90, 55, 20)),
}


def draw_flower(species: str, rng: np.random.Generator, size: int = 64) -> NDArray[np.uint8]:
    """One flower on a noisy green ground, RGB uint8 [size, size, 3]."""
    petals, colour, heart = SPECIES[species]
    ground = rng.normal((60, 110, 50), 18, (size, size, 3)).clip(0, 255).astype(np.uint8)
    image = cv2.GaussianBlur(ground, (3, 3), 0)
    centre = size / 2 + rng.uniform(-0.1, 0.1, 2) * size
    reach, turn = size * rng.uniform(0.2, 0.3), rng.uniform(0, 2 * np.pi)
    shade = rng.uniform(0.75, 1.1)
    paint = [float(min(255, c * shade)) for c in colour]
    for k in range(petals):
        angle = turn + 2 * np.pi * k / petals
        tip = centre + reach * 0.6 * np.array([np.cos(angle), np.sin(angle)])
        axes = (max(1, int(reach * 0.55)), max(1, int(reach * 1.6 / petals + 1)))
        where = (int(tip[0]), int(tip[1]))
        cv2.ellipse(image, where, axes, float(np.degrees(angle)), 0, 360, paint, -1)
    middle = (int(centre[0]), int(centre[1]))
    cv2.circle(image, middle, int(reach * 0.35), [float(c) for c in heart], -1)
    return np.asarray(image, np.uint8)


# Other things, each with shapes of its own and none with petals.
OTHERS = ("bricks", "bubbles", "cloth", "fence", "grid", "pipes", "sky", "stones", "tiles", "wires")


def draw_other(thing: str, rng: np.random.Generator, size: int = 64) -> NDArray[np.uint8]:
    """Something that is no flower, of one kind's shapes, RGB uint8 [size, size, 3]."""
    kind = OTHERS.index(thing)
    image = np.empty((size, size, 3), np.uint8)
    image[:] = rng.integers(40, 220, 3)
    step = 5 + 2 * (kind % 4) + int(rng.integers(0, 3))
    for i in range(0, 2 * size, step):
        paint = [float(c) for c in rng.integers(0, 256, 3)]
        if kind % 3 == 0:
            cv2.line(image, (i - (kind - 5) * 8, 0), (i, size), paint, 1 + kind % 4)
        elif kind % 3 == 1:
            cv2.line(image, (0, i), (size, i - kind * 6), paint, 2)
        else:
            x, y = (int(v) for v in rng.integers(0, size, 2))
            cv2.rectangle(image, (x, y), (x + step, y + kind + 4), paint, -1)
    return image


def draw_others(root: Path, each: int, seed: int = 1) -> Path:
    """`root/<thing>_NNN.png`, so many of each of `OTHERS`."""
    rng = np.random.default_rng(seed)
    for thing in OTHERS:
        for i in range(each):
            write_photo(root / f"{thing}_{i:03d}.png", draw_other(thing, rng))
    return root


def write_photo(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB image in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def draw_data_set(root: Path, counts: dict[str, int], seed: int = 0) -> Path:
    """`root/<split>/<species>/NNN.png`, so many photos a species in each split."""
    rng = np.random.default_rng(seed)
    for split, count in counts.items():
        for species in SPECIES:
            for i in range(count):
                write_photo(root / split / species / f"{i:03d}.png", draw_flower(species, rng))
    return root
