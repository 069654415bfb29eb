"""Corrections of the Keras model before it is quantized: each stays on only if it helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from export.tuning.bias_correction import correct_biases
from export.tuning.drawing import Errors, overall
from export.tuning.equalisation import equalise

HELPS = 0.98  # of the error; what leaves more might be chance
Correct = Callable[[keras.Model, Any], int]
CORRECTIONS: dict[str, Correct] = {
    "cross-layer equalisation": lambda model, samples: equalise(model),
    "bias correction": correct_biases,
}


@dataclass(frozen=True)
class Correction:
    """What came of one.

    Attributes:
        name: In `CORRECTIONS`.
        places: Pairs of layers equalised, or biases corrected.
        before: Error of plain 8 bits without it.
        after: With it; the same where there was no place for it.
        kept: Whether it stays on.
    """

    name: str
    places: int
    before: Errors
    after: Errors
    kept: bool


def correct(
    model: keras.Model, samples: Any, before: Errors, errors: Callable[[], Errors]
) -> list[Correction]:
    """Try each upon those that stay on.

    Args:
        model: Keeps, in place, those that helped.
        samples: As `correct_biases` takes them.
        before: Error of plain 8 bits, by format.
        errors: Converts and measures the model as it is.
    """
    found = []
    for name, apply in CORRECTIONS.items():
        weights = model.get_weights()
        places = apply(model, samples)
        after = errors() if places else before
        kept = overall(after) < HELPS * overall(before)
        if not kept:
            model.set_weights(weights)
        found.append(Correction(name, places, before, after, kept))
        before = after if kept else before
    return found
