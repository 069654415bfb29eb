"""Teach a classifier to say "that is none of mine", from photos of other things.

Two logistic models, both small enough to fit in closed steps. The first reads the network's
features and becomes an output of the exported graph (`export.image.heads.Probe`). The second reads
what every artefact gives (`models.rejection.evidence`), the first among it, and stands in the
manifest. The first has more weights than there are photos of other things, so the second, and the
thresholds, only ever see its answers to photos it was not fitted on (cross-fitting).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.image.heads import Probe
from models.metrics import sigmoid
from models.quality import Rejection, RejectionWeights
from models.rejection import evidence
from models.rejection import known as known_probability

Floats = NDArray[np.floating[Any]]

FOLDS = 5
PROBE_RIDGE = 10.0  # on features scaled to a mean length of 10; of 0.3 to 100, little changes
MODEL_RIDGE = 1.0
# Shares of true photos below the thresholds: 95 % get a sure verdict, 4 % are turned away.
UNSURE_SHARE = 0.05
REJECT_SHARE = 0.04


@dataclass(frozen=True)
class Answers:
    """What the Keras model gives on some photos: features [N, F] and logits [N, K]."""

    features: Floats
    logits: Floats


@dataclass(frozen=True)
class Familiarity:
    """The fitted models.

    Attributes:
        probe: For the graph, fitted on all photos.
        own: [N] its answers to the known photos, each by a probe fitted without it.
        weights: Of the logistic model for the manifest.
        data: Name of the photos of other things.
        others: How many they were.
    """

    probe: Probe
    own: NDArray[np.float64]
    weights: RejectionWeights
    data: str
    others: int


def fit_familiarity(
    known: Answers, others: Answers, series: NDArray[np.int64], data: str
) -> Familiarity:
    """Fit both models on what the Keras model gives.

    Args:
        known: On N photos of the classes that the network was not trained on.
        others: On M photos of other things.
        series: [M] number of each one's series (a species, say), which is left out together;
            fewer of them than folds are passed over.
        data: Name of the photos of other things.
    """
    n, m = len(known.features), len(others.features)
    scale = 10 / float(np.linalg.norm(known.features, axis=1).mean())
    x = np.concatenate([known.features, others.features]).astype(np.float64) * scale
    y = np.repeat([1.0, 0.0], [n, m])
    if len(np.unique(series)) < FOLDS:  # else a probe would be fitted without any other thing
        series = np.arange(m)
    fold = np.concatenate([np.arange(n), series]) % FOLDS
    held_out = np.empty(n + m)
    for k in range(FOLDS):
        out = fold == k
        kernel, bias = fit_logistic(x[~out], y[~out], PROBE_RIDGE)
        held_out[out] = x[out] @ kernel + bias
    kernel, bias = fit_logistic(x, y, PROBE_RIDGE)
    facts = evidence(np.concatenate([known.logits, others.logits]), held_out)
    weights, offset = fit_logistic(facts, y, MODEL_RIDGE)
    return Familiarity(
        Probe((kernel * scale).astype(np.float32), bias),
        held_out[:n],
        RejectionWeights(
            bias=round(offset, 5),
            log_top=round(float(weights[0]), 5),
            margin=round(float(weights[1]), 5),
            log_sum=round(float(weights[2]), 5),
            familiarity=round(float(weights[3]), 5),
        ),
        data,
        m,
    )


def fit_thresholds(
    fitted: Familiarity, logits: Floats, familiarity: Floats, reference: Floats
) -> Rejection:
    """The thresholds of one artefact, whose answers quantization has moved.

    Args:
        fitted: The models, from the Keras model.
        logits: [N, K] the artefact's, on the known photos.
        familiarity: [N] the artefact's.
        reference: [N] the Keras model's familiarity. It was fitted on these photos, so it is too
            sure of them; what it would say otherwise is in `fitted`, and the artefact is taken to
            differ from that as it does from this.
    """
    draft = Rejection(
        weights=fitted.weights, reject_below=0, sure_from=1, data=fitted.data, n=fitted.others
    )
    answers = known_probability(draft, logits, fitted.own + (familiarity - reference))
    reject_below, sure_from = np.quantile(answers, [REJECT_SHARE, UNSURE_SHARE])
    # Not rounded: sure answers crowd just below 1, and a threshold of 1 would turn all away.
    return draft.model_copy(
        update={"reject_below": float(reject_below), "sure_from": float(sure_from)}
    )


def fit_logistic(x: Floats, y: Floats, ridge: float) -> tuple[NDArray[np.float64], float]:
    """Logistic regression with a ridge on the weights, not on the bias, by Newton's method.

    Args:
        x: [N, F].
        y: [N] 0 or 1.
        ridge: Weight of half the squared length of the weights, in the sum of the log losses.

    Returns:
        Weights [F] and bias. The loss is strictly convex in the weights, so there is one answer.
    """
    design = np.concatenate([np.asarray(x, np.float64), np.ones((len(x), 1))], axis=1)
    penalty = np.full(design.shape[1], ridge)
    penalty[-1] = 1e-9  # keeps the system solvable where all photos are of one kind
    w = np.zeros(design.shape[1])

    def loss(at: NDArray[np.float64]) -> float:
        z = design @ at
        return float((np.logaddexp(0, z) - y * z).sum() + 0.5 * (penalty * at * at).sum())

    value = loss(w)
    for _ in range(100):
        p = sigmoid(design @ w)
        gradient = design.T @ (p - y) + penalty * w
        curvature = (design * (p * (1 - p))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while size > 1e-8 and loss(w - size * step) > value:  # Newton may overshoot far from it
            size /= 2
        w = w - size * step
        before, value = value, loss(w)
        if before - value <= 1e-10 * max(1.0, abs(value)):
            break
    return w[:-1], float(w[-1])
