"""Which inputs set the ranges: several draws by leverage, as many by chance, all measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.tuning.leverage import by_chance, by_leverage
from models.metrics import FloatArray
from models.progress import track

Errors = Mapping[str, float]  # of plain 8 bits, by format
WAYS = ("leverage", "chance")


@dataclass(frozen=True)
class Draw:
    """Some rows, and how plain 8 bits fare with the ranges that they set.

    Attributes:
        way: `leverage` or `chance`.
        rows: Their numbers in the half that ranges are set by.
        errors: On the selection data, by format.
    """

    way: str
    rows: NDArray[np.int64]
    errors: Errors


def draw_all(
    features: FloatArray,
    size: int,
    times: int,
    seed: int,
    errors: Callable[[NDArray[np.int64]], Errors],
) -> list[Draw]:
    """Draw and measure, either way in turn.

    Args:
        features: [N, F] of what may be drawn.
        size: Rows a draw.
        times: Draws each way.
        seed: Decides them.
        errors: Measures rows.
    """
    rng = np.random.default_rng(seed)
    size = min(size, len(features))
    found = []
    for _ in track(range(times), times, "draw inputs"):
        for way in WAYS:
            rows = (
                by_leverage(features, size, rng)
                if way == "leverage"
                else by_chance(len(features), size, rng)
            )
            found.append(Draw(way, rows, errors(rows)))
    return found


def best(draws: Sequence[Draw]) -> Draw:
    """The one with the least error, formats taken alike."""
    return min(draws, key=lambda draw: overall(draw.errors))


def overall(errors: Errors) -> float:
    """The geometric mean over formats."""
    values = [max(value, 1e-12) for value in errors.values()]
    return math.exp(sum(map(math.log, values)) / len(values))
