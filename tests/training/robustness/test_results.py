"""What answers come to: means, distances, and who loses more by blur than chance allows."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tiny_bundles import manifest_values, parsed
from training.robustness.cells import Answers
from training.robustness.corruptions import CORRUPTIONS
from training.robustness.results import EqualSharpness, Robustness

ARTEFACT = parsed(manifest_values({"tiny.onnx": b"model"})).artefacts[0]
N = 300
TARGETS = np.repeat([0, 1, 2], N // 3)


def answers(*wrong: range) -> Answers:
    """Right but for the photos at these positions, which are taken for the next class."""
    top = TARGETS.astype(np.int16)
    for positions in wrong:
        top[list(positions)] = (top[list(positions)] + 1) % 3
    return Answers(top, np.zeros(N, bool))


def equal(before: Answers, after: Answers) -> EqualSharpness:
    medians = np.array([10.0, 5.0, 20.0])
    return EqualSharpness(ARTEFACT, ("a", "b", "c"), TARGETS, medians, 0.5, before, after)


def test_means_and_distance() -> None:
    cells = {(c.name, s): answers(range(30 * s)) for c in CORRUPTIONS for s in (1, 2, 3)}
    arm = Robustness(ARTEFACT, TARGETS, {("none", 0): answers(range(15)), **cells})
    assert arm.top1()[0] == pytest.approx(0.95)
    assert [arm.at(s) for s in (1, 2, 3)] == pytest.approx([0.9, 0.8, 0.7])
    assert arm.accuracy("JPEG") == pytest.approx(0.8)
    assert arm.mean == pytest.approx(0.8)
    centre, low, high = arm.distance
    assert centre == pytest.approx(0.15)
    assert low < centre < high
    assert arm.as_json()["distance"]["points"] == pytest.approx(15)


def test_recall_and_precision_are_of_each_class() -> None:
    found = equal(answers(), answers(range(20)))
    assert found.present == [2, 0, 1]
    assert found.target == 5
    assert found.recall(found.after) == pytest.approx([0.8, 1, 1])
    assert found.precision(found.after) == pytest.approx([1, 100 / 120, 1])
    assert found.top1(found.after) == pytest.approx(280 / 300)


def test_who_leans_on_sharpness_is_found_and_nobody_else() -> None:
    found = equal(answers(), answers(range(20)))
    centre, low, _ = found.excess(0)
    assert centre == pytest.approx(0.2)
    assert low > 0
    for label in (1, 2):
        assert found.excess(label)[2] < 0


@pytest.mark.parametrize("few", [0, 1, 2])
def test_a_class_that_lost_nothing_is_no_evidence(few: int) -> None:
    """No answer changed in a class: the interval must not shrink to a point."""
    found = equal(answers(range(few)), answers(range(100, 100 + few)))
    for label in range(3):
        _, low, high = found.excess(label)
        assert low < 0 < high
