"""Colours for classes, and a small picture of a map with its legend."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 1000  # pixels of the picture's longer side, its legend aside
MARGIN, LINE = 16, 28  # pixels, of the legend
PAPER, INK, EMPTY = (255, 255, 255), (30, 30, 30), (214, 214, 214)
FONT, SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.55
# Okabe and Ito (2008): told apart with any colour vision.
FIRST = (
    (0, 158, 115),
    (230, 159, 0),
    (86, 180, 233),
    (213, 94, 0),
    (240, 228, 66),
    (0, 114, 178),
    (204, 121, 167),
)
GOLDEN = 0.6180339887498949  # of a turn: hues that are far from all before

Colour = tuple[int, int, int]


def palette(classes: int) -> list[Colour]:
    """A colour (RGB) for each class, all different."""
    more = (
        colorsys.hsv_to_rgb(k * GOLDEN % 1, 0.5 + 0.1 * (k % 5), 0.9 - 0.15 * (k % 4))
        for k in range(classes - len(FIRST))
    )
    rest = [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in more]
    return [*FIRST[:classes], *rest]


def picture(classes: NDArray[np.uint8], lines: Sequence[str]) -> NDArray[np.uint8]:
    """A map and its legend.

    Args:
        classes: [h, w] of the map, or of a part of its pixels.
        lines: One a class, for the legend; a last one more for what has none.

    Returns:
        [H, W, 3] uint8 RGB.
    """
    colours = np.full((256, 3), EMPTY, np.uint8)
    colours[: len(lines) - 1] = palette(len(lines) - 1)
    scale = SIDE / max(classes.shape)
    size = tuple(max(1, round(scale * length)) for length in reversed(classes.shape))
    drawn = cv2.resize(colours[classes], size, interpolation=cv2.INTER_NEAREST)
    # The font has no other letters.
    texts = [line.encode("ascii", "replace").decode() for line in lines]
    widest = max(cv2.getTextSize(text, FONT, SIZE, 1)[0][0] for text in texts)
    height = max(drawn.shape[0], LINE * len(lines)) + 2 * MARGIN
    legend = drawn.shape[1] + 2 * MARGIN
    sheet = np.full((height, legend + LINE + widest + MARGIN, 3), PAPER, np.uint8)
    sheet[MARGIN : MARGIN + drawn.shape[0], MARGIN : MARGIN + drawn.shape[1]] = drawn
    swatches = [*colours[: len(lines) - 1].tolist(), EMPTY]
    for row, (text, colour) in enumerate(zip(texts, swatches, strict=True)):
        top = MARGIN + LINE * row
        cv2.rectangle(sheet, (legend, top + 4), (legend + 18, top + 22), colour, cv2.FILLED)
        cv2.putText(sheet, text, (legend + LINE, top + 18), FONT, SIZE, INK, 1, cv2.LINE_AA)
    return sheet


def png(image: NDArray[np.uint8]) -> bytes:
    """An RGB image as a PNG file's content."""
    return bytes(cv2.imencode(".png", image[..., ::-1])[1])
