"""Whether a photo shows one of the classes at all: a logistic model on what the network says.

A classifier must choose among its classes, whatever it is shown. Four numbers give a stranger
away: how sure the best class is, how far it leads, how much the classes together respond, and the
network's own `familiarity` output, where an export added one (`export.image.familiarity`). The
weights stand in the manifest, with each artefact, next to its temperature.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.metrics import sigmoid
from models.quality import Rejection

FloatArray = NDArray[np.floating[Any]]
Kind = Literal["sure", "unsure", "unknown"]

UNSURE_BELOW = 0.5  # calibrated confidence, for a bundle that has no rejection


def evidence(logits: FloatArray, familiarity: FloatArray | None = None) -> NDArray[np.float64]:
    """What the logistic model reads.

    Args:
        logits: [N, K], K at least 2, as the artefact gives them (no temperature).
        familiarity: [N]; None counts as 0.

    Returns:
        [N, 4]: log of the best softmax probability; lead of the best logit over the second; log
        of the sum of all exp(logits); familiarity.
    """
    ordered = np.sort(np.asarray(logits, np.float64), axis=1)
    best, second = ordered[:, -1], ordered[:, -2]
    log_sum = best + np.log(np.exp(ordered - best[:, None]).sum(axis=1))
    own = np.zeros(len(best)) if familiarity is None else np.asarray(familiarity, np.float64)
    return np.stack([best - log_sum, best - second, log_sum, own], axis=1)


def known(
    rejection: Rejection, logits: FloatArray, familiarity: FloatArray | None = None
) -> NDArray[np.float64]:
    """Probability [N] that each photo shows one of the classes; arguments as of `evidence`."""
    w = rejection.weights
    z = w.bias + evidence(logits, familiarity) @ [w.log_top, w.margin, w.log_sum, w.familiarity]
    return sigmoid(z)


def verdict_kind(rejection: Rejection | None, known_probability: float, confidence: float) -> Kind:
    """`unknown`: none of the classes; `unsure`: perhaps; `sure`.

    Args:
        rejection: Of the artefact; without one, low confidence is all there is to go by.
        known_probability: From `known`.
        confidence: Calibrated probability of the best class.
    """
    if rejection is None:
        return "unsure" if confidence < UNSURE_BELOW else "sure"
    if known_probability < rejection.reject_below:
        return "unknown"
    return "unsure" if known_probability < rejection.sure_from else "sure"
