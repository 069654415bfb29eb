"""Known or not: the numbers that tell, and where the thresholds lie."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from models.quality import Rejection, RejectionWeights
from models.rejection import UNSURE_BELOW, evidence, known, verdict_kind

Floats = NDArray[np.float64]
LOGITS = arrays(
    np.float64, st.tuples(st.integers(1, 5), st.integers(2, 6)), elements=st.floats(-30, 30)
)
WEIGHTS = st.floats(-5, 5)


def rejection(reject_below: float = 0.3, sure_from: float = 0.6, **weights: float) -> Rejection:
    """What weighs nothing is not named."""
    nothing = dict.fromkeys(RejectionWeights.model_fields, 0.0)
    return Rejection(
        weights=RejectionWeights(**nothing | weights),
        reject_below=reject_below,
        sure_from=sure_from,
        data="others",
        n=20,
    )


def by_the_formula(row: list[float], familiarity: float) -> list[float]:
    total = math.fsum(math.exp(v) for v in row)
    best, second = sorted(row)[:-3:-1]
    return [math.log(math.exp(best) / total), best - second, math.log(total), familiarity]


@given(LOGITS, st.integers(0, 99))
def test_evidence_is_what_it_says(logits: Floats, seed: int) -> None:
    familiarity = np.random.default_rng(seed).normal(size=len(logits))
    got = evidence(logits, familiarity)
    assert got.dtype == np.float64
    expected = [by_the_formula(*pair) for pair in zip(logits.tolist(), familiarity, strict=True)]
    assert np.allclose(got, expected, atol=1e-9)


@given(LOGITS)
def test_no_familiarity_counts_as_zero(logits: Floats) -> None:
    assert np.array_equal(evidence(logits), evidence(logits, np.zeros(len(logits))))


@given(LOGITS, st.floats(-1e3, 1e3))
def test_a_common_offset_only_moves_the_sum(logits: Floats, offset: float) -> None:
    before, after = evidence(logits), evidence(logits + offset)
    assert np.allclose(after - before, [0, 0, offset, 0], atol=1e-9)


@given(LOGITS, st.randoms(use_true_random=False))
def test_the_order_of_classes_does_not_matter(logits: Floats, random: Any) -> None:
    order = random.sample(range(logits.shape[1]), logits.shape[1])
    assert np.allclose(evidence(logits[:, order]), evidence(logits), atol=1e-12)


@pytest.mark.parametrize("size", [1e3, 1e6, 3e38])
def test_large_logits_do_not_overflow(size: float) -> None:
    logits = np.array([[size, -size, 0], [size, size, size], [-size, -size, -size]], np.float32)
    facts = evidence(logits)
    assert np.isfinite(facts).all()
    assert facts[:, 1] == pytest.approx([size, 0, 0])
    if size < 1e9:  # beyond, doubles have no room for a third beside them
        assert facts[:, 0] == pytest.approx([0, math.log(1 / 3), math.log(1 / 3)])
    for weight in (-5.0, 5.0):
        p = known(rejection(margin=weight, log_sum=weight, bias=weight), logits)
        assert ((p >= 0) & (p <= 1)).all()


@given(LOGITS, st.tuples(WEIGHTS, WEIGHTS, WEIGHTS, WEIGHTS, WEIGHTS), st.integers(0, 99))
def test_known_is_the_logistic_function_of_the_evidence(
    logits: Floats, weights: tuple[float, ...], seed: int
) -> None:
    names = ("bias", "log_top", "margin", "log_sum", "familiarity")
    familiarity = np.random.default_rng(seed).normal(size=len(logits))
    got = known(rejection(**dict(zip(names, weights, strict=True))), logits, familiarity)
    for p, facts in zip(got, evidence(logits, familiarity), strict=True):
        z = weights[0] + math.fsum(w * f for w, f in zip(weights[1:], facts, strict=True))
        expected = 1 / (1 + math.exp(-z)) if z > 0 else math.exp(z) / (1 + math.exp(z))
        assert p == pytest.approx(expected, abs=1e-9)


@given(LOGITS, st.floats(0.1, 5), st.floats(-9, 9), st.floats(0, 9))
def test_the_more_familiar_the_better_known(
    logits: Floats, weight: float, familiarity: float, more: float
) -> None:
    model = rejection(familiarity=weight, margin=0.1, log_sum=-0.1)
    low, high = (
        known(model, logits, np.full(len(logits), f)) for f in (familiarity, familiarity + more)
    )
    assert (high >= low).all()
    # Row by row, but for the rounding of one that is multiplied together with others.
    np.testing.assert_allclose(known(model, logits[:1]), known(model, logits)[:1], rtol=1e-12)


BELOW_30, BELOW_60 = (math.nextafter(edge, 0) for edge in (0.3, 0.6))


@pytest.mark.parametrize(
    ("probability", "kind"),
    [
        (0, "unknown"),
        (BELOW_30, "unknown"),
        (0.3, "unsure"),
        (BELOW_60, "unsure"),
        (0.6, "sure"),
        (1, "sure"),
    ],
)
@pytest.mark.parametrize("confidence", [0.1, 0.9])
def test_kinds_by_the_thresholds(probability: float, kind: str, confidence: float) -> None:
    assert verdict_kind(rejection(), probability, confidence) == kind


@given(st.floats(0, 1), st.floats(0, 1))
def test_equal_thresholds_leave_nothing_unsure(threshold: float, probability: float) -> None:
    model = rejection(reject_below=threshold, sure_from=threshold)
    expected = "sure" if probability >= threshold else "unknown"
    assert verdict_kind(model, probability, 0.5) == expected


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_without_rejection_confidence_decides(probability: float) -> None:
    assert verdict_kind(None, probability, UNSURE_BELOW) == "sure"
    assert verdict_kind(None, probability, math.nextafter(UNSURE_BELOW, 0)) == "unsure"
    assert verdict_kind(None, probability, 0.01) == "unsure"
