"""From counts to values: which pixels hold a measurement, and whether the values can be true.

A pixel has no class, and is counted by its reason, when the scene says so, or when it is zero in
every band, not a finite number in one of them, or negative in one of them: a reflectance below
zero is the work of an offset or of a correction, and contrasts of bands mean nothing there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_app.map.scene import Scaling
from models.errors import InputError

REFLECTANCE = "reflectance"
BRIGHT = 2.0  # no land, cloud or snow reflects more
DARK = 0.002  # nor less in every band: the deepest water reflects more in the blue

Array = NDArray[Any]


class Pixel(IntEnum):
    """Why a pixel has no class, if it has none; the first reason counts."""

    GOOD = 0
    NODATA = 1
    ZERO = 2
    NOT_FINITE = 3
    NEGATIVE = 4


@dataclass(frozen=True)
class Tally:
    """How many pixels there are of each sort.

    Attributes:
        pixels: [5] int64, by `Pixel`.
        classes: [K] int64, the good ones by class.
        bright: Those with a band above `BRIGHT`.
        dark: Those with every band below `DARK`, of the good ones.
    """

    pixels: NDArray[np.int64]
    classes: NDArray[np.int64]
    bright: int = 0
    dark: int = 0

    @property
    def reasons(self) -> dict[str, int]:
        """How many have no class for which reason; of the reasons that there are."""
        named = {p.name.lower().replace("_", " "): int(self.pixels[p]) for p in Pixel if p}
        return {name: count for name, count in named.items() if count}

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(
            self.pixels + other.pixels,
            self.classes + other.classes,
            self.bright + other.bright,
            self.dark + other.dark,
        )


@dataclass(frozen=True)
class Values:
    """N pixels as a model reads them.

    Attributes:
        values: [n, N] float32; 0 in every band of a pixel that is not good.
        pixels: [N] uint8, of `Pixel`.
        bright: As of `Tally`.
        dark: As of `Tally`.
    """

    values: NDArray[np.float32]
    pixels: NDArray[np.uint8]
    bright: int
    dark: int


def to_values(counts: Array, empty: NDArray[np.bool_], scaling: Scaling) -> Values:
    """Values of counts.

    Args:
        counts: [n, N] of any real dtype.
        empty: [N] which hold no measurement.
        scaling: From counts to values.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # of what is not finite
        values = counts.astype(np.float32, order="C")
        values += np.float32(scaling.offset)
        values *= np.float32(scaling.scale)
        low, high = values.min(axis=0), values.max(axis=0)
        black = np.float32(scaling.offset) * np.float32(scaling.scale)
        finite = np.isfinite(low) & np.isfinite(high)  # either is NaN where a band is
    good = finite & (low >= 0) & (high > 0) & ~empty
    pixels = np.zeros(len(good), np.uint8)
    if not good.all():
        zero = (low == black) & (high == black)
        reasons = [good, empty, zero, ~finite, low < 0]
        order = [Pixel.GOOD, Pixel.NODATA, Pixel.ZERO, Pixel.NOT_FINITE, Pixel.NEGATIVE]
        pixels = np.select(reasons, order, Pixel.ZERO).astype(np.uint8)
        values[:, ~good] = 0
    return Values(
        values,
        pixels,
        int(np.count_nonzero(good & (high > BRIGHT))),
        int(np.count_nonzero(good & (high < DARK))),
    )


def check_plausible(tally: Tally, scaling: Scaling, name: str) -> None:
    """Refuse a scaling that most pixels speak against.

    Args:
        tally: Of pixels, as reflectance.
        scaling: The one in use.
        name: What to call the scene in errors.

    Raises:
        InputError: Most of the pixels that hold a measurement are negative, or brighter or darker
            than anything on Earth.
    """
    good, negative = (int(tally.pixels[p]) for p in (Pixel.GOOD, Pixel.NEGATIVE))
    faults = {
        "are negative": (negative, "the --offset of its counts, 0 for Sentinel-2 before 2022"),
        f"are above {BRIGHT:g}": (tally.bright, "the --scale of its counts, for Sentinel-2 0.0001"),
        f"are below {DARK:g} in every band": (
            tally.dark,
            "the --scale of its counts, for a scene of reflectances --scale 1 --offset 0",
        ),
    }
    for fault, (count, remedy) in faults.items():
        if count > 0.5 * (good + negative):
            raise InputError(
                f"{name}: {100 * count / (good + negative):.0f} % of its pixels {fault} as "
                f"reflectance with scale {scaling.scale:g} and offset {scaling.offset:g}; "
                f"say {remedy}"
            )
