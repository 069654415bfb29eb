"""The gate: what passes, what fails, and that it can fail at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.gate.judge import TOLERANCES, check_reference, judge, judge_head
from models.errors import GateError
from models.manifest import SCHEMES, Scheme

RNG = np.random.default_rng(0)
TARGETS = RNG.integers(0, 5, 400)
REFERENCE = (RNG.normal(0, 1, (400, 5)) + 2 * np.eye(5)[TARGETS]).astype(np.float32)
WEIGHTS = 1000


def _judge(candidate: Any, scheme: Scheme = "f32", **changes: Any) -> Any:
    arguments = {
        "reference": REFERENCE,
        "candidate": np.asarray(candidate, np.float32),
        "targets": TARGETS,
        "scheme": scheme,
        "size": 5000,
        "weights": WEIGHTS,
        "meaning": "logits",
        "data": "made",
    }
    return judge(**arguments | changes)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_equal_artefact_passes(scheme: Scheme) -> None:
    verdict = _judge(REFERENCE, scheme)
    assert verdict
    assert verdict.parity.max_error == 0
    assert verdict.parity.agreement == 1
    assert verdict.quality.drop == 0


@given(scheme=st.sampled_from(SCHEMES), factor=st.floats(1.5, 1e3), seed=st.integers(0, 99))
def test_errors_above_the_tolerance_fail(scheme: Scheme, factor: float, seed: int) -> None:
    size = TOLERANCES[scheme].rms_error * factor * np.ptp(REFERENCE)
    noise = np.random.default_rng(seed).choice([-size, size], REFERENCE.shape)
    verdict = _judge(REFERENCE + noise, scheme)
    assert not verdict
    assert any("RMS error" in failure for failure in verdict.failures)


@given(scheme=st.sampled_from(SCHEMES), factor=st.floats(0, 0.9), seed=st.integers(0, 99))
def test_errors_are_judged_relative_to_the_range(scheme: Scheme, factor: float, seed: int) -> None:
    size = TOLERANCES[scheme].rms_error * factor * np.ptp(REFERENCE)
    noise = np.random.default_rng(seed).choice([-size, size], REFERENCE.shape)
    for scale in (1e-3, 1.0, 1e3):
        verdict = _judge(
            scale * (REFERENCE + noise),
            scheme,
            reference=(scale * REFERENCE).astype(np.float32),
            max_drop=1.0,
        )
        assert not any("RMS error" in failure for failure in verdict.failures)


def test_one_wrong_output_fails_f32() -> None:
    candidate = REFERENCE.copy()
    candidate[7, 3] += 1e-3 * np.ptp(REFERENCE)
    assert any("max error" in failure for failure in _judge(candidate).failures)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_fail(value: float) -> None:
    candidate = REFERENCE.copy()
    candidate[3, 2] = value
    assert any("NaN or infinity on 1 of 400" in f for f in _judge(candidate, "wi8_ai8").failures)


def test_swapped_classes_fail_every_scheme() -> None:
    for scheme in SCHEMES:
        failures = " ".join(_judge(REFERENCE[:, ::-1], scheme).failures)
        assert "agreement" in failures
        assert "top-1 drop" in failures


def test_a_near_tie_may_turn_and_a_decided_photo_may_not() -> None:
    close, clear = REFERENCE.copy(), REFERENCE.copy()
    close[:, :2] = REFERENCE.max() + 1 + np.array([0.01, 0.0])
    clear[:, :2] = REFERENCE.max() + 1 + np.array([5.0, 0.0])
    order = [1, 0, 2, 3, 4]
    for reference, agrees in ((close, True), (clear, False)):
        mixed = np.concatenate([reference[:200], REFERENCE[200:] * 2])
        candidate = np.concatenate([reference[:200][:, order], REFERENCE[200:] * 2])
        verdict = _judge(candidate, "wi8_ai8", reference=mixed, targets=None)
        assert verdict.parity.agreement == 0.5
        assert any("decided" in failure for failure in verdict.failures) != agrees


def test_a_clear_drop_fails_and_an_unclear_one_warns() -> None:
    many, few = REFERENCE.copy(), REFERENCE.copy()
    right = np.flatnonzero(REFERENCE.argmax(axis=1) == TARGETS)
    for rows, candidate in ((right[:16], many), (right[:3], few)):
        candidate[rows, TARGETS[rows]] = REFERENCE[rows].min(axis=1) - 0.01
    assert any("top-1 drop 4.00" in f for f in _judge(many, "wi8_ai8").failures)
    unclear = _judge(few, "wi8_ai8")
    assert not any("top-1 drop" in f for f in unclear.failures)
    assert any("too few to tell" in w for w in unclear.warnings)
    assert not _judge(few, "wi8_ai8", max_drop=0.01).warnings


def test_a_file_without_its_weights_fails() -> None:
    assert any("lost weights" in f for f in _judge(REFERENCE, size=90).failures)
    assert _judge(REFERENCE, "wi8_ai8", size=WEIGHTS)


def test_without_labels_only_parity_is_judged() -> None:
    verdict = _judge(REFERENCE, targets=None)
    assert verdict
    assert verdict.quality is None
    assert verdict.calibration is None


def test_temperature_is_fitted_to_the_artefact() -> None:
    sharp = _judge(REFERENCE * 3, reference=REFERENCE * 3)
    plain = _judge(REFERENCE)
    assert sharp.calibration.temperature == pytest.approx(
        3 * plain.calibration.temperature, rel=1e-2
    )


def test_probabilities_are_calibrated_as_their_logarithms() -> None:
    odds = np.exp(REFERENCE.astype(np.float64))
    p = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    plain, verdict = _judge(REFERENCE), _judge(p, reference=p, meaning="probabilities")
    assert verdict
    assert verdict.calibration.temperature == pytest.approx(plain.calibration.temperature, rel=1e-3)
    assert verdict.quality.ece == pytest.approx(plain.quality.ece, abs=1e-4)


HEAD = RNG.normal(3, 2, (40, 7, 7, 5)).astype(np.float32)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("reference", [HEAD, HEAD[:, 0, 0, :1]], ids=["map", "familiarity"])
def test_a_head_within_its_tolerance_passes(scheme: Scheme, reference: Any) -> None:
    parity, failures = judge_head(reference, reference, scheme)
    assert (parity.max_error, parity.rms_error, failures) == (0, 0, [])
    assert parity.n == 40
    assert parity.range == pytest.approx(np.ptp(reference))
    assert parity.agreement is None  # it has no classes to agree on
    size = TOLERANCES[scheme].rms_error * np.ptp(reference)
    for factor, passes in ((0.9, True), (1.1, False)):
        moved = (reference.astype(np.float64) + factor * size).astype(np.float32)
        parity, failures = judge_head(reference, moved, scheme)
        assert parity.rms_error == pytest.approx(factor * TOLERANCES[scheme].rms_error, rel=1e-2)
        assert any("RMS error" in failure for failure in failures) != passes


def test_one_wrong_place_fails_an_f32_head() -> None:
    moved = HEAD.copy()
    moved[7, 3, 2, 1] += 1e-3 * np.ptp(HEAD)
    assert ["max error" in failure for failure in judge_head(HEAD, moved, "f32")[1]] == [True]
    assert judge_head(HEAD, moved, "wi8_ai8")[1] == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_head_of_nan_or_infinity_fails(scheme: Scheme, value: float) -> None:
    broken = HEAD.copy()
    broken[0, 0, 0, 0] = value
    parity, failures = judge_head(HEAD, broken, scheme)
    assert failures == ["NaN or infinity"]
    assert np.isfinite(parity.max_error)


@pytest.mark.parametrize(
    "reference",
    [
        np.full((9, 3), np.nan),
        np.zeros((9, 3)),
        np.tile([0.0, 1.0, 0.0], (9, 1)),
        np.tile([0.0, 1.0, 0.0], (9, 1)) + np.arange(9)[:, None] * 1e-3,
    ],
)
def test_a_vacuous_reference_is_refused(reference: Any) -> None:
    with pytest.raises(GateError) as caught:
        check_reference(np.asarray(reference, np.float32))
    assert caught.value.exit_code == 4
