"""The gate of spectral classifiers: what passes, what fails, and that it can fail at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from export.conversion.graphs import Operation
from export.spectral.gate import GAINS, TOLERANCES, UNCHANGED, Exam, judge_spectral
from export.spectral.mixed import in_float
from export.subject import Candidate, Judgement
from models.manifest import Scheme
from models.runtime import Port, Runner, open_runner
from tests.tiny_spectral import LABELS, tiny_onnx

Answers = dict[str, NDArray[Any]]
Change = Callable[[Answers, NDArray[Any]], None]
VALUES = np.random.default_rng(0).uniform(0.02, 0.5, (400, 4)).astype(np.float32)
RUNNER = open_runner(tiny_onnx(), "onnx")
REFERENCE = RUNNER.run({"bands": VALUES})
TARGETS = REFERENCE["logits"].argmax(axis=1)
HELD_OUT = np.arange(100)


class Changed:
    """A runner whose answers are changed in place, as they may be: they are the caller's."""

    runtime = "none"
    inputs: tuple[Port, ...] = RUNNER.inputs
    outputs: tuple[Port, ...] = RUNNER.outputs

    def __init__(self, runner: Runner, change: Change) -> None:
        self.runner, self.change = runner, change

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Answers:
        answers = self.runner.run(feeds)
        self.change(answers, feeds["bands"])
        return answers

    def call(self, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        return self.runner.call(arrays)


def verdict(
    change: Change = lambda answers, values: None,
    scheme: Scheme = "f32",
    reference: Mapping[str, NDArray[Any]] = REFERENCE,
) -> Judgement:
    exam = Exam("made", VALUES, TARGETS, HELD_OUT, dict(reference))
    runner = Changed(RUNNER, change)
    candidate = Candidate(runner, scheme, 9000)
    return judge_spectral(candidate, exam=exam, weights=100, max_drop=0.005)


def test_an_equal_artefact_passes() -> None:
    assert len(np.unique(TARGETS)) == len(LABELS)
    for scheme in TOLERANCES:
        found = verdict(scheme=scheme)
        assert found.failures == ()
        assert found.parity.keys() == {"logits", "indices"}
        assert found.parity["logits"].n == 400
        assert found.invariance is not None
        assert found.invariance.n == 400
        assert found.invariance.unchanged == 1
        assert found.quality is not None
        assert found.quality.n == 100
        assert found.calibration is not None


def test_gains_are_even_and_no_one() -> None:
    assert (min(GAINS), max(GAINS)) == (0.5, 2.0)
    assert 1.0 not in GAINS
    np.testing.assert_allclose(np.multiply(GAINS, GAINS[::-1]), 1)


def nudged(name: str, by: float) -> Change:
    """A change of the first column."""

    def change(answers: Answers, values: NDArray[Any]) -> None:
        answers[name][:, 0] += by

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (nudged("logits", 1e-3), "max error"),
        (nudged("logits", np.nan), "NaN or infinity on 400 of 400 inputs"),
        (nudged("logits", 100.0), "samples decided otherwise than by Keras"),
        (nudged("indices", 1e-3), "indices: max error"),
        (nudged("indices", 2.0), "is beyond 1"),
        (nudged("indices", np.nan), "indices: NaN or infinity"),
        (nudged("indices", np.nan), "nan is beyond 1"),
    ],
)
def test_another_artefact_fails(change: Change, words: str) -> None:
    assert words in "; ".join(verdict(change).failures)


def test_8_bits_are_no_excuse_for_indices() -> None:
    assert verdict(nudged("logits", 5e-3), "wi8_ai8").failures == ()
    lines = verdict(nudged("indices", 1e-3), "wi8_ai8").failures
    assert [line.split()[:3] for line in lines] == [
        ["indices:", "max", "error"],
        ["indices:", "RMS", "error"],
    ]


@pytest.mark.parametrize(("flips", "passes"), [(0, True), (2, True), (3, False), (400, False)])
def test_light_may_turn_few_decisions(flips: int, passes: bool) -> None:
    def dazzled(answers: Answers, values: NDArray[Any]) -> None:
        if values[0, 0] > 1.5 * VALUES[0, 0]:
            answers["logits"][:flips] *= -1

    found = verdict(dazzled)
    assert found.invariance is not None
    assert found.invariance.unchanged == 1 - flips / 400
    assert found.invariance.tolerance == UNCHANGED
    lines = [line for line in found.failures if "keep their class under gains" in line]
    assert len(lines) == (not passes)
    assert found.failures == tuple(lines)


def test_decisions_must_be_equal_even_in_a_close_race() -> None:
    reference = {name: value.copy() for name, value in REFERENCE.items()}
    reference["logits"][0] = (1e-6, 0, -1)

    def decided_otherwise(answers: Answers, values: NDArray[Any]) -> None:
        answers["logits"][0] = (0, 1e-6, -1)

    (line,) = verdict(decided_otherwise, reference=reference).failures
    assert line == "1 of 400 samples decided otherwise than by Keras"


def test_without_indices() -> None:
    found = verdict(reference={"logits": REFERENCE["logits"]})
    assert found.failures == ()
    assert found.parity.keys() == {"logits"}


def test_what_stays_in_float() -> None:
    chain = [
        ("first", "FULLY_CONNECTED", "x", "p"),
        ("second", "FULLY_CONNECTED", "x", "q"),
        ("sum", "ADD", "pq", "s"),
        ("division", "DIV", "ps", "y"),
        ("hidden", "FULLY_CONNECTED", "y", "h"),
        ("halves", "MUL", "h", "z"),
    ]
    operations = [Operation(*row) for row in chain]
    assert set(in_float(operations)) == {"first", "second", "sum", "division", "halves"}
    later = [*operations, Operation("again", "Div", "zh", "w"), Operation("head", "Gemm", "w", "v")]
    assert set(in_float(later)) == {o.name for o in later} - {"head"}
    assert in_float(operations[:1]) == []
