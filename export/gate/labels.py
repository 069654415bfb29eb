"""Do the labels fit the model? Artefacts are compared with Keras's, which cannot tell.

A list of labels in another order than the model was trained with makes the Keras model as wrong as
its artefacts, so no parity shows it. Labelled data do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from export.gate.judge import Outputs
from models.errors import GateError
from models.metrics import confusion_matrix, wilson_interval


def check_labels(outputs: Outputs, targets: NDArray[np.int64], labels: Sequence[str]) -> list[str]:
    """Refuse a model that does worse than guessing, or takes classes for each other in a ring.

    A ring is what two swapped labels make, or more in another order: most of A are called B, and
    so on, and most of the last are called A. Models that confuse classes don't do that.

    Args:
        outputs: [N, K] the Keras model's logits or probabilities.
        targets: [N] true classes.
        labels: Names of the K classes.

    Returns:
        A warning, if the model does no better than guessing.

    Raises:
        GateError: The labels do not fit.
    """
    classes = outputs.shape[1]
    said = confusion_matrix(targets, outputs.argmax(axis=1), classes)
    ring = _ring(said)
    if ring:
        names = ", ".join(f"{labels[c]} as {labels[said[c].argmax()]}" for c in ring)
        raise GateError(
            f"the model takes {names}: the labels are in another order than it was trained with; "
            "give --labels that list"
        )
    right, total = int(np.trace(said)), len(targets)
    low, high = wilson_interval(right, total)
    told = f"the Keras model is right on {right} of {total} samples"
    if high < 1 / classes:
        raise GateError(
            f"{told}, which is worse than guessing among {classes} classes: the labels do not fit "
            "the model; give --labels the list it was trained with"
        )
    if low <= 1 / classes:
        return [
            f"{told}, no better than guessing: are labels, data and their range those it knows?"
        ]
    return []


def _ring(said: NDArray[np.int64]) -> list[int]:
    """Classes each of which is mostly taken for the next, the last for the first; none if none.

    Args:
        said: Counts [true class, predicted class].
    """
    taken_for = {
        c: int(row.argmax())
        for c, row in enumerate(said)
        if wilson_interval(int(row.max()), int(row.sum()))[0] > 0.5
    }
    for start in taken_for:
        ring = [start]
        while (following := taken_for.get(ring[-1])) is not None and following not in ring:
            ring.append(following)
        if following == start and len(ring) > 1:
            return ring
    return []
