"""Scores against scikit-learn, published values, and what they must do by definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import precision_recall_fscore_support

from models.metrics import (
    Z_95,
    as_logits,
    confusion_matrix,
    expected_calibration_error,
    fit_temperature,
    paired_drop,
    score,
    softmax,
    wilson_interval,
)

LOGITS = arrays(
    np.float64, st.tuples(st.integers(1, 6), st.integers(2, 5)), elements=st.floats(-50, 50)
)
TEMPERATURES = st.floats(0.05, 20)


@st.composite
def classified(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(logits, targets) of 1 to 40 photos in 2 to 6 classes."""
    n, classes = draw(st.integers(1, 40)), draw(st.integers(2, 6))
    targets = draw(arrays(np.int64, n, elements=st.integers(0, classes - 1)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    hint = draw(st.floats(0, 3)) * np.eye(classes)[targets]
    return rng.normal(size=(n, classes)) + hint, targets


@given(LOGITS, TEMPERATURES)
def test_softmax_is_a_distribution(logits: NDArray[np.float64], temperature: float) -> None:
    p = softmax(logits, temperature)
    assert p.shape == logits.shape
    assert p.dtype == np.float64
    assert (p >= 0).all()
    assert np.allclose(p.sum(axis=-1), 1)


@given(LOGITS, TEMPERATURES, st.floats(-1e3, 1e3))
def test_softmax_ignores_a_shift_and_keeps_the_order(
    logits: NDArray[np.float64], temperature: float, shift: float
) -> None:
    p = softmax(logits, temperature)
    assert np.allclose(p, softmax(logits + shift, temperature), atol=1e-9)
    order = np.argsort(logits, axis=-1)
    assert (np.diff(np.take_along_axis(p, order, axis=-1), axis=-1) >= 0).all()


@given(LOGITS, TEMPERATURES)
def test_probabilities_as_logits(logits: NDArray[np.float64], temperature: float) -> None:
    assert as_logits(logits, "logits") is logits
    p = softmax(logits)
    back = as_logits(p, "probabilities")
    assert back.shape == p.shape
    assert np.isfinite(back).all()
    assert np.allclose(softmax(back), p, atol=1e-9)
    if p.min() > 1e-9:  # then nothing was cut off, and only the offset is lost
        assert np.allclose(softmax(back, temperature), softmax(logits, temperature), atol=1e-9)


def test_a_probability_of_zero_has_a_logit() -> None:
    back = as_logits(np.array([[1.0, 0.0]], np.float32), "probabilities")
    assert back[0, 0] == 0
    assert -100 < back[0, 1] < -20


def test_softmax_by_hand() -> None:
    logits = np.log(np.array([[1.0, 2.0, 5.0]], np.float32))
    assert np.allclose(softmax(logits), [[0.125, 0.25, 0.625]])
    assert np.allclose(softmax(logits, 0.5), [[1 / 30, 4 / 30, 25 / 30]])
    assert np.allclose(softmax(logits, 1e6), 1 / 3, atol=1e-5)
    assert softmax(np.array([1e4, -1e4])).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [  # Newcombe 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_published(successes: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_solves_its_equation(counts: tuple[int, int]) -> None:
    k, n = counts
    low, high = wilson_interval(k, n)
    assert 0 <= low <= k / n <= high <= 1
    mirrored = wilson_interval(n - k, n)
    assert mirrored == pytest.approx((1 - high, 1 - low))
    for end in (low, high):  # (p - end)^2 = z^2 end (1 - end) / n
        assert (k / n - end) ** 2 == pytest.approx(Z_95**2 * end * (1 - end) / n, abs=1e-9)


def test_wilson_of_nothing() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def flips(n: int, lost: int, won: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    reference, candidate = np.ones(n, bool), np.ones(n, bool)
    candidate[:lost] = False
    reference[lost : lost + won] = False
    return reference, candidate


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_paired_drop_brackets_its_estimate(lost: int, won: int, same: int) -> None:
    n = max(1, lost + won + same)
    reference, candidate = flips(n, lost, won)
    drop, low, high = paired_drop(reference, candidate)
    assert drop == pytest.approx(reference.mean() - candidate.mean())
    assert -1 <= low <= drop <= high <= 1
    assert paired_drop(candidate, reference) == pytest.approx((-drop, -high, -low))


def test_paired_drop_by_hand() -> None:
    drop, low, high = paired_drop(*flips(100, 10, 4))
    half = 1.959964 * math.sqrt(10.5 + 4.5 - 6.0**2 / 102) / 102
    assert drop == pytest.approx(0.06)
    assert (low, high) == pytest.approx((6 / 102 - half, 6 / 102 + half), abs=1e-7)


def test_paired_drop_without_flips_is_no_certainty() -> None:
    drop, low, high = paired_drop(*flips(200, 0, 0))
    assert drop == 0
    assert -0.02 < low < 0 < high < 0.02
    assert low == -high
    assert paired_drop(*flips(0, 0, 0)) == (0.0, -1.0, 1.0)


def test_paired_drop_needs_the_same_photos_not_only_the_same_accuracy() -> None:
    few, many = paired_drop(*flips(100, 3, 3)), paired_drop(*flips(100, 30, 30))
    assert few[0] == many[0] == 0
    assert many[2] > 2 * few[2]


def test_paired_drop_covers_the_truth() -> None:
    rng, n, p_lost, p_won = np.random.default_rng(0), 200, 0.05, 0.02
    covered = 0
    for _ in range(1000):
        lost, won, _ = rng.multinomial(n, (p_lost, p_won, 1 - p_lost - p_won))
        _, low, high = paired_drop(*flips(n, lost, won))
        covered += low <= p_lost - p_won <= high
    assert 930 <= covered <= 985


@given(classified())
def test_scores_equal_scikit_learn(data: tuple[NDArray[np.float64], NDArray[np.int64]]) -> None:
    logits, targets = data
    predictions, classes = logits.argmax(axis=1), logits.shape[1]
    expected = sklearn_confusion(targets, predictions, labels=np.arange(classes))
    assert np.array_equal(confusion_matrix(targets, predictions, classes), expected)
    precision, recall, f1, _ = precision_recall_fscore_support(
        targets, predictions, labels=np.unique(targets), average="macro", zero_division=0
    )
    scores = score(logits, targets)
    assert (scores.precision, scores.recall, scores.f1) == pytest.approx((precision, recall, f1))
    assert scores.n == len(targets)
    assert scores.top1 == pytest.approx(np.mean(predictions == targets))
    hits = int(np.sum(predictions == targets))
    assert (scores.top1_low, scores.top1_high) == wilson_interval(hits, len(targets))


def test_a_class_without_photos_is_left_out() -> None:
    logits = np.array([[5.0, 0, 0], [5.0, 0, 0], [0, 5.0, 0]])
    scores = score(logits, np.array([0, 1, 1]))
    assert scores.precision == pytest.approx((1 / 2 + 1) / 2)
    assert scores.recall == pytest.approx((1 + 1 / 2) / 2)


def two_classes(*confidences: float) -> NDArray[np.float64]:
    return np.array([[c, 1 - c] for c in confidences])


def test_calibration_error_by_hand() -> None:
    p = two_classes(0.9, 0.9, 0.61, 0.63)  # two in [13/15, 14/15), two in [9/15, 10/15)
    targets = np.array([0, 1, 0, 0])
    expected = 0.5 * abs(0.5 - 0.9) + 0.5 * abs(1.0 - 0.62)
    assert expected_calibration_error(p, targets) == pytest.approx(expected)
    one_bin = abs(0.75 - (0.9 + 0.9 + 0.61 + 0.63) / 4)
    assert expected_calibration_error(p, targets, bins=1) == pytest.approx(one_bin)


def test_calibration_error_of_certainty() -> None:
    p = two_classes(1.0, 1.0)
    assert expected_calibration_error(p, np.array([0, 0])) == 0
    assert expected_calibration_error(p, np.array([1, 1])) == 1


@given(classified(), st.integers(1, 30))
def test_calibration_error_as_defined(
    data: tuple[NDArray[np.float64], NDArray[np.int64]], bins: int
) -> None:
    p, targets = softmax(data[0]), data[1]
    groups: dict[int, list[tuple[float, float]]] = {}
    for row, target in zip(p, targets, strict=True):
        bin_of = min(int(row.max() * bins), bins - 1)
        groups.setdefault(bin_of, []).append((float(row.max()), float(row.argmax() == target)))
    expected = sum(
        abs(sum(right for _, right in g) - sum(sure for sure, _ in g)) / len(p)
        for g in groups.values()
    )
    assert expected_calibration_error(p, targets, bins) == pytest.approx(expected, abs=1e-12)


def sampled(temperature: float, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits, and labels drawn as if these were too sure by a factor `temperature`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(20_000, 6))
    gumbel = rng.gumbel(size=logits.shape)
    return logits, (logits / temperature + gumbel).argmax(axis=1)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_temperature_is_recovered(temperature: float) -> None:
    logits, targets = sampled(temperature)
    fitted = fit_temperature(logits, targets)
    assert fitted == pytest.approx(temperature, rel=0.05)
    calibrated, raw = score(logits, targets, fitted), score(logits, targets)
    assert calibrated.ece < 0.015
    assert calibrated.ece <= raw.ece + 0.002
    assert calibrated.top1 == raw.top1


def test_temperature_scales_with_the_logits_and_is_a_minimum() -> None:
    logits, targets = sampled(1.7, seed=1)
    fitted = fit_temperature(logits, targets)
    assert fit_temperature(3 * logits, targets) == pytest.approx(3 * fitted, rel=1e-3)

    def loss(temperature: float) -> float:
        return float(-np.log(softmax(logits, temperature)[np.arange(len(targets)), targets]).mean())

    assert loss(fitted) < min(loss(fitted * 1.02), loss(fitted / 1.02))


def test_temperature_stays_in_its_limits() -> None:
    logits = np.eye(2)
    assert fit_temperature(logits, np.array([0, 1])) == pytest.approx(0.05, rel=1e-3)
    assert fit_temperature(logits, np.array([1, 0])) == pytest.approx(20, rel=1e-3)
