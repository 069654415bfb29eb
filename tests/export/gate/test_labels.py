"""Labels that do not fit the model are told from a model that is poor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from export.gate.labels import check_labels
from models.errors import GateError

NAMES = ("ant", "bee", "crab", "dove", "emu")


def _answers(targets: NDArray[np.int64], accuracy: float, seed: int) -> NDArray[np.float32]:
    """Of a model that is right on such a share, and errs anywhere."""
    rng = np.random.default_rng(seed)
    right = rng.random(len(targets)) < accuracy
    said = np.where(right, targets, rng.integers(0, len(NAMES), len(targets)))
    return np.asarray(np.eye(len(NAMES))[said], np.float32)


@given(st.permutations(range(5)), st.integers(0, 99))
def test_labels_in_another_order_are_refused(order: list[int], seed: int) -> None:
    targets = np.arange(200) % 5
    outputs = _answers(targets, 0.9, seed)
    assert check_labels(outputs, targets, NAMES) == []
    if order == sorted(order):
        return
    with pytest.raises(GateError, match="another order") as caught:
        check_labels(outputs, np.array(order)[targets], NAMES)
    assert caught.value.exit_code == 4


def test_two_swapped_labels_are_named() -> None:
    targets = np.arange(100) % 5
    swapped = np.array([0, 3, 2, 1, 4])[targets]
    with pytest.raises(GateError, match="bee as dove, dove as bee"):
        check_labels(_answers(targets, 1.0, 0), swapped, NAMES)


@given(st.floats(0.45, 1), st.integers(0, 99))
def test_a_poor_model_is_not_refused(accuracy: float, seed: int) -> None:
    targets = np.arange(200) % 5
    assert check_labels(_answers(targets, accuracy, seed), targets, NAMES) == []


def test_one_class_that_is_taken_for_another_is_no_ring() -> None:
    targets = np.arange(200) % 5
    outputs = np.eye(5, dtype=np.float32)[np.where(targets == 1, 3, targets)]
    assert check_labels(outputs, targets, NAMES) == []


def test_guessing_is_warned_of_and_worse_is_refused() -> None:
    targets = np.arange(200) % 5
    (warning,) = check_labels(_answers(targets, 0.0, 0), targets, NAMES)
    assert "no better than guessing" in warning
    spread = (targets + 1 + np.arange(200) // 5 % 4) % 5  # never right, but in no order
    with pytest.raises(GateError, match="worse than guessing"):
        check_labels(np.eye(5, dtype=np.float32)[spread], targets, NAMES)


def test_few_samples_prove_nothing() -> None:
    outputs = np.eye(5, dtype=np.float32)[[1, 0]]
    assert len(check_labels(outputs, np.array([0, 1]), NAMES)) == 1
