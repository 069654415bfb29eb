"""Photos under another light, and what a classifier takes them for.

A change of light acts on each channel of each pixel by itself, so it is a curve of 256 values per
channel, on photos as they are decoded and scaled to the network's input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.metrics import Z_95

Photos = NDArray[np.uint8]  # [N, S, S, 3] RGB
Gains = tuple[float, float, float]

# Tungsten light (CIE illuminant A) on a camera set to daylight (D65): A's white in linear sRGB,
# over its green, is (2.23, 1, 0.28); to the power 1 / 2.2 that is the gain on encoded values.
TUNGSTEN: Gains = (1.44, 1.0, 0.56)
# Under leaves or old fluorescent tubes, a magnitude chosen by eye; its inverse is magenta.
GREEN: Gains = (0.8, 1.0, 0.8)


@dataclass(frozen=True)
class Change:
    """A change of light: encoded values v of 0..1 become gain * v ** power, clipped to 0..1.

    Attributes:
        kind: What changes.
        level: How much, in words.
        gains: Of red, green and blue.
        power: Of all three.
    """

    kind: str
    level: str
    gains: Gains = (1.0, 1.0, 1.0)
    power: float = 1.0

    def curve(self) -> NDArray[np.uint8]:
        """What each value of each channel becomes, [256, 3], rounded to nearest."""
        values = (np.arange(256) / 255)[:, None] ** self.power * np.asarray(self.gains)
        return np.asarray(np.rint(255 * np.clip(values, 0, 1)), np.uint8)


def relit(photos: Photos, change: Change) -> Photos:
    """Photos [..., 3] under the changed light, the same shape."""
    return np.asarray(change.curve()[photos, np.arange(3)])


def brightness(gain: float) -> Change:
    """More or less exposure: one gain on all encoded values."""
    return Change("brightness", f"x{gain:g}", (gain, gain, gain))


def gamma(power: float) -> Change:
    """Another tone curve: below 1 lifts the shadows, above 1 sinks them."""
    return Change("gamma", f"{power:g}", power=power)


def cast(kind: str, level: str, gains: Gains, strength: float) -> Change:
    """Light of another colour, its gains to the power of a strength; a negative one inverts it."""
    red, green, blue = (gain**strength for gain in gains)
    return Change(kind, level, (red, green, blue))


UNCHANGED = Change("none", "as they are")
CHANGES: tuple[Change, ...] = (
    *(brightness(gain) for gain in (0.4, 0.6, 0.8, 1.3, 1.6)),
    *(gamma(power) for power in (0.5, 0.7, 1.4, 2.0)),
    cast("colour temperature", "cool", TUNGSTEN, -1.0),
    cast("colour temperature", "half cool", TUNGSTEN, -0.5),
    cast("colour temperature", "half warm", TUNGSTEN, 0.5),
    cast("colour temperature", "warm", TUNGSTEN, 1.0),
    cast("tint", "green", GREEN, 1.0),
    cast("tint", "magenta", GREEN, -1.0),
)

ALL = (UNCHANGED, *CHANGES)


def predictions(model: Any, photos: Photos, changes: Sequence[Change]) -> NDArray[np.int16]:
    """The class that a Keras model takes each photo for under each change, [C, N]."""
    rows = [
        np.argmax(model.predict(relit(photos, change), batch_size=64, verbose=0), axis=1)
        for change in changes
    ]
    return np.asarray(rows, np.int16)


def difference(
    right: NDArray[np.bool_], reference: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """How much more often one classifier is right than another on the same photos.

    Args:
        right: [C, N] whether it was right on each photo under each of C changes.
        reference: [C, N] the same of the other.

    Returns:
        (difference of mean top-1, low, high) as fractions. The 95 % interval is the normal one of
        the photos' own mean differences: one photo's C answers are not C independent ones.
    """
    apart = right.mean(axis=0) - reference.mean(axis=0)
    centre = float(apart.mean())
    half = Z_95 * float(apart.std(ddof=1)) / len(apart) ** 0.5
    return centre, centre - half, centre + half
