"""The logistic fits beside scikit-learn's, and answers that have not seen what they judge."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from export.image.familiarity import (
    REJECT_SHARE,
    UNSURE_SHARE,
    Answers,
    Familiarity,
    fit_familiarity,
    fit_logistic,
    fit_thresholds,
)
from export.image.heads import Probe
from models.quality import Rejection, RejectionWeights
from models.rejection import known

Floats = NDArray[np.float64]


@st.composite
def problems(draw: st.DrawFn) -> tuple[Floats, Floats, float]:
    """(x, y, ridge): 4 to 60 rows of 1 to 6 numbers, both kinds among them, more or less apart."""
    n, f = draw(st.integers(4, 60)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    y = np.zeros(n)
    y[: draw(st.integers(1, n - 1))] = 1
    x = rng.normal(size=(n, f)) * draw(st.sampled_from([0.1, 1.0, 10.0]))
    x += draw(st.floats(0, 3)) * y[:, None] + draw(st.floats(-2, 2))
    return x, y, draw(st.sampled_from([0.1, 1.0, 10.0]))


def loss(x: Floats, y: Floats, ridge: float, w: Floats, bias: float) -> float:
    z = x @ w + bias
    return float((np.logaddexp(0, z) - y * z).sum() + 0.5 * ridge * w @ w)


@given(problems())
@settings(max_examples=40)
def test_logistic_equals_scikit_learn(problem: tuple[Floats, Floats, float]) -> None:
    x, y, ridge = problem
    w, bias = fit_logistic(x, y, ridge)
    other = LogisticRegression(C=1 / ridge, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    other.fit(x, y)
    assert np.allclose(w, other.coef_[0], rtol=1e-3, atol=1e-4)
    assert bias == pytest.approx(other.intercept_[0], rel=1e-3, abs=1e-3)
    assert loss(x, y, ridge, w, bias) <= loss(x, y, ridge, other.coef_[0], other.intercept_[0]) * (
        1 + 1e-8
    )


@given(problems())
@settings(max_examples=25)
def test_logistic_is_at_a_minimum(problem: tuple[Floats, Floats, float]) -> None:
    x, y, ridge = problem
    w, bias = fit_logistic(x, y, ridge)
    least = loss(x, y, ridge, w, bias)
    for step in (-1e-2, 1e-2):
        for direction in np.eye(len(w)):
            assert loss(x, y, ridge, w + step * direction, bias) >= least
        assert loss(x, y, ridge, w, bias + step) >= least


@pytest.mark.parametrize("features", [1, 5, 200])
@pytest.mark.parametrize("size", [1.0, 1e3])
def test_separable_data_has_a_finite_answer(features: int, size: float) -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([1.0, 0.0], 30)
    x = size * (rng.normal(size=(60, features)) * 0.1 + np.where(y == 1, 1, -1)[:, None])
    w, bias = fit_logistic(x, y, 1.0)
    assert np.isfinite(w).all()
    assert ((x @ w + bias > 0) == (y == 1)).all()
    assert np.linalg.norm(w) < 10


@pytest.mark.parametrize("kind", [0.0, 1.0])
def test_one_kind_alone_teaches_no_weights(kind: float) -> None:
    x = np.random.default_rng(0).normal(size=(20, 3))
    w, bias = fit_logistic(x, np.full(20, kind), 1.0)
    assert np.allclose(w, 0, atol=1e-3)
    assert np.isfinite(bias)
    assert (bias > 3) == (kind == 1)


def cluster_answers(
    rng: np.random.Generator, n: int, away: float = 0.0, size: float = 1.0
) -> Answers:
    """Features about one of four centres, or `away` from them all; the logits are their sums.

    `size` is that of the logits.
    """
    centres = 3 * np.eye(4, 12)
    features = rng.normal(0, 0.7, (n, 12))
    if away:
        features[:, 4:] += away
    else:
        features += centres[rng.integers(0, 4, n)]
    return Answers(features.astype(np.float32), features[:, :4] * size)


def read(fitted: Familiarity, answers: Answers) -> Floats:
    """The familiarity that the exported graph would give."""
    return np.asarray(answers.features @ fitted.probe.kernel + fitted.probe.bias, np.float64)


def verdicts(rejection: Rejection, fitted: Familiarity, answers: Answers) -> Floats:
    return known(rejection, answers.logits, read(fitted, answers))


@pytest.mark.parametrize("size", [0.3, 1.0, 5.0])
def test_other_things_are_turned_away(size: float) -> None:
    rng = np.random.default_rng(0)
    mine, others = cluster_answers(rng, 150, size=size), cluster_answers(rng, 100, 2.0, size)
    fitted = fit_familiarity(mine, others, np.arange(100) // 5, "others")
    assert (fitted.data, fitted.others, len(fitted.own)) == ("others", 100, 150)
    assert fitted.probe.kernel.dtype == np.float32
    plain = read(fitted, mine)
    rejection = fit_thresholds(fitted, mine.logits, plain, plain)
    assert (rejection.data, rejection.n, rejection.weights) == ("others", 100, fitted.weights)
    unseen, unseen_others = (
        cluster_answers(rng, 400, size=size),
        cluster_answers(rng, 400, 2.0, size),
    )
    low = rejection.reject_below
    assert (verdicts(rejection, fitted, unseen_others) < low).mean() > 0.98
    assert (verdicts(rejection, fitted, unseen) < low).mean() < 0.1
    assert (verdicts(rejection, fitted, unseen) >= rejection.sure_from).mean() > 0.88


def noise(n: int, m: int, features: int = 400, seed: int = 0) -> tuple[Answers, Answers]:
    """Two kinds between which there is no difference."""
    rng = np.random.default_rng(seed)
    kinds = (rng.normal(size=(k, features)).astype(np.float32) for k in (n, m))
    first, second = (Answers(x, x[:, :3].astype(np.float64)) for x in kinds)
    return first, second


def test_answers_come_from_probes_that_have_not_seen_the_photo() -> None:
    mine, others = noise(60, 60)
    fitted = fit_familiarity(mine, others, np.arange(60), "noise")
    assert read(fitted, mine).min() > read(fitted, others).max()  # learned by heart
    spread = fitted.own.std()
    assert abs(fitted.own.mean()) < 0.5 * spread
    assert read(fitted, mine).mean() > 3 * abs(fitted.own.mean())
    # What tells nothing of the unseen weighs little: it moves no answer far.
    assert abs(fitted.weights.familiarity) * spread < 1


def test_a_photo_moves_the_own_answers_of_other_folds_alone() -> None:
    mine, others = noise(50, 40, features=30)
    series = np.arange(40)
    before = fit_familiarity(mine, others, series, "noise").own
    changed = mine.features.copy()
    changed[7] = -changed[7]  # as long as before, so that the scale is the same
    after = fit_familiarity(Answers(changed, mine.logits), others, series, "noise").own
    moved = ~np.isclose(after, before, rtol=0, atol=1e-9)
    assert moved[7]
    assert moved.sum() == 41  # four folds of five, and itself


def fingerprints(series: NDArray[np.int64], seed: int = 0) -> tuple[Answers, Answers]:
    """Photos of a series look alike, but nothing is common to all other things."""
    rng = np.random.default_rng(seed)
    n, m, features = 80, len(series), 200
    marks = rng.normal(size=(series.max() + 1, features))
    mine = rng.normal(size=(n, features))
    others = marks[series] + 0.05 * rng.normal(size=(m, features))
    logits = rng.normal(size=(n + m, 3))
    return Answers(mine, logits[:n]), Answers(others, logits[n:])


def test_series_are_left_out_together() -> None:
    series = np.repeat(np.arange(10), 8)
    mine, others = fingerprints(series)
    honest = fit_familiarity(mine, others, series, "x")
    fooled = fit_familiarity(mine, others, np.arange(80), "x")
    # Told that all are strangers to each other, the probe is believed for what it has seen.
    assert abs(honest.weights.familiarity) < 0.5 * fooled.weights.familiarity


def test_the_names_of_series_do_not_matter() -> None:
    series = np.repeat(np.arange(10), 8)
    mine, others = fingerprints(series)
    a, b = (fit_familiarity(mine, others, s, "x") for s in (series, series + 5))
    assert np.allclose(a.own, b.own)
    assert a.weights == b.weights


@pytest.mark.parametrize("away", [1.0, 3.0])
@pytest.mark.parametrize("series", [1, 2, 4])
def test_few_series_do_not_turn_the_answer_round(series: int, away: float) -> None:
    """A folder of photos with one camera's names is one series."""
    rng = np.random.default_rng(1)
    mine, others = cluster_answers(rng, 100), cluster_answers(rng, 60, away)
    fitted = fit_familiarity(mine, others, np.arange(60) % series, "others")
    assert fitted.weights.familiarity >= 0
    plain = read(fitted, mine)
    rejection = fit_thresholds(fitted, mine.logits, plain, plain)
    unseen = cluster_answers(rng, 200, away)
    assert (verdicts(rejection, fitted, unseen) < rejection.reject_below).mean() > 0.6


def test_the_fit_is_repeatable() -> None:
    mine, others = noise(40, 30, features=20)
    a, b = (fit_familiarity(mine, others, np.arange(30) // 3, "noise") for _ in range(2))
    assert np.array_equal(a.probe.kernel, b.probe.kernel)
    assert np.array_equal(a.own, b.own)
    assert (a.probe.bias, a.weights, a.data, a.others) == (
        b.probe.bias,
        b.weights,
        b.data,
        b.others,
    )


@pytest.mark.parametrize("n", [40, 400])
@pytest.mark.parametrize("bias", [0.0, 8.0, 16.0])
@pytest.mark.parametrize("drift", [0.0, 0.5])
def test_shares_hold_on_the_artefacts_own_answers(n: int, bias: float, drift: float) -> None:
    """Whatever quantization did to them, and however near 1 the answers are."""
    rng = np.random.default_rng(3)
    weights = RejectionWeights(bias=bias, log_top=0.2, margin=0.5, log_sum=0.1, familiarity=1.0)
    own, logits = rng.normal(1, 0.7, n), rng.normal(0, 2, (n, 5))
    fitted = Familiarity(Probe(np.zeros(3, np.float32), 0.0), own, weights, "others", 9)
    reference = own + 2  # too sure of what it was fitted on
    familiarity = reference + drift * rng.normal(size=n)
    rejection = fit_thresholds(fitted, logits, familiarity, reference)
    answers = known(rejection, logits, own + (familiarity - reference))
    assert np.mean(answers < rejection.reject_below) == pytest.approx(REJECT_SHARE, abs=1.5 / n)
    assert np.mean(answers < rejection.sure_from) == pytest.approx(UNSURE_SHARE, abs=1.5 / n)


def test_what_quantization_adds_moves_the_thresholds_as_it_moves_the_answers() -> None:
    rng = np.random.default_rng(3)
    weights = RejectionWeights(bias=0, log_top=0, margin=0.5, log_sum=0, familiarity=1.0)
    own, logits, reference = rng.normal(size=90), rng.normal(size=(90, 4)), rng.normal(size=90)
    fitted = Familiarity(Probe(np.zeros(3, np.float32), 0.0), own, weights, "others", 9)
    moved = fit_thresholds(fitted, logits, reference + 0.75, reference)
    told = fit_thresholds(dataclasses.replace(fitted, own=own + 0.75), logits, reference, reference)
    assert moved == told
    assert moved.reject_below > fit_thresholds(fitted, logits, reference, reference).reject_below
