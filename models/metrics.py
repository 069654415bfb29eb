"""Scores of a classifier from its logits, in numpy alone: every floor states them the same way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]

Z_95 = 1.959963984540054  # two-sided 95 % quantile of the standard normal


def softmax(logits: FloatArray, temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities of logits [..., K] divided by a temperature (Guo et al. 2017)."""
    scaled = np.asarray(logits, np.float64) / temperature
    scaled = scaled - scaled.max(axis=-1, keepdims=True)
    exponentials = np.exp(scaled)
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def sigmoid(z: FloatArray) -> NDArray[np.float64]:
    """The logistic function, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(np.asarray(z, np.float64) / 2)))


def as_logits(outputs: FloatArray, meaning: str) -> FloatArray:
    """Outputs of a classifier as logits: probabilities become their logarithm."""
    return outputs if meaning == "logits" else np.log(np.maximum(outputs, 1e-12))


def wilson_interval(successes: int, n: int) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927); (0, 1) when nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    p, z2 = successes / n, Z_95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # Rounding may leave the interval's end a hair inside the estimate at p = 0 and p = 1.
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def paired_drop(
    reference_right: NDArray[np.bool_], candidate_right: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Accuracy lost by the candidate on the same photos, with its 95 % interval.

    Args:
        reference_right: [N] whether the reference model was right on each photo.
        candidate_right: [N] the same for the candidate.

    Returns:
        (drop, low, high) as fractions; a positive drop is a loss. The interval is Agresti and
        Min's (2005) adjusted Wald interval for paired proportions, which stays sane at few flips.
    """
    n = len(reference_right)
    lost = int(np.sum(reference_right & ~candidate_right))
    won = int(np.sum(~reference_right & candidate_right))
    if n == 0:
        return 0.0, -1.0, 1.0
    total, b, c = n + 2, lost + 0.5, won + 0.5
    centre = (b - c) / total
    half = Z_95 * math.sqrt(max(0.0, b + c - (b - c) ** 2 / total)) / total
    return (lost - won) / n, max(-1.0, centre - half), min(1.0, centre + half)


def confusion_matrix(targets: IntArray, predictions: IntArray, classes: int) -> NDArray[np.int64]:
    """Counts [true class, predicted class]."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (np.asarray(targets), np.asarray(predictions)), 1)
    return matrix


def expected_calibration_error(
    probabilities: FloatArray, targets: IntArray, bins: int = 15
) -> float:
    """ECE over equal-width bins of the top probability (Naeini et al. 2015; Guo et al. 2017)."""
    confidence = probabilities.max(axis=-1)
    right = probabilities.argmax(axis=-1) == targets
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    error = 0.0
    for b in range(bins):
        inside = bin_of == b
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return float(error)


def fit_temperature(logits: FloatArray, targets: IntArray) -> float:
    """The temperature that minimises the negative log-likelihood of held-out labels.

    The loss is convex in 1/T; golden-section search over log T in [log 0.05, log 20].
    """
    rows = np.arange(len(targets))

    def loss(log_t: float) -> float:
        p = softmax(logits, math.exp(log_t))[rows, targets]
        return float(-np.log(np.maximum(p, 1e-300)).mean())

    low, high, ratio = math.log(0.05), math.log(20.0), (math.sqrt(5) - 1) / 2
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    loss_a, loss_b = loss(a), loss(b)
    while high - low > 1e-4:
        if loss_a < loss_b:
            high, b, loss_b = b, a, loss_a
            a = high - ratio * (high - low)
            loss_a = loss(a)
        else:
            low, a, loss_a = a, b, loss_b
            b = low + ratio * (high - low)
            loss_b = loss(b)
    return math.exp((low + high) / 2)


@dataclass(frozen=True)
class Scores:
    """What we always state of a classifier; fractions, not per cent."""

    n: int
    top1: float
    top1_low: float
    top1_high: float
    precision: float
    recall: float
    f1: float
    ece: float


def score(logits: FloatArray, targets: IntArray, temperature: float = 1.0) -> Scores:
    """Top-1 with its 95 % Wilson interval, macro precision / recall / F1, and 15-bin ECE.

    Args:
        logits: [N, K] raw outputs.
        targets: [N] class indices.
        temperature: Divides the logits before the ECE; 1 is uncalibrated.

    Returns:
        The scores. A class never predicted has precision 0; a class with no photo is left out of
        the macro means.

    Raises:
        ValueError: There is nothing to score.
    """
    if len(targets) == 0:
        raise ValueError("no outputs to score")
    predictions = np.asarray(logits).argmax(axis=-1)
    matrix = confusion_matrix(targets, predictions, np.asarray(logits).shape[-1])
    hits, actual, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    present = actual > 0
    precision = hits / np.maximum(predicted, 1)
    recall = hits / np.maximum(actual, 1)
    f1 = 2 * hits / np.maximum(actual + predicted, 1)
    low, high = wilson_interval(int(hits.sum()), len(predictions))
    return Scores(
        n=len(predictions),
        top1=float(hits.sum() / max(len(predictions), 1)),
        top1_low=low,
        top1_high=high,
        precision=float(precision[present].mean()),
        recall=float(recall[present].mean()),
        f1=float(f1[present].mean()),
        ece=expected_calibration_error(softmax(logits, temperature), targets),
    )
