"""Leverage scores: what they are by definition, and what draws by them reach."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from export.tuning.drawing import best, draw_all, overall
from export.tuning.leverage import by_chance, by_leverage, leverage_scores

matrices = hnp.arrays(
    np.float64, st.tuples(st.integers(2, 30), st.integers(1, 12)), elements=st.floats(-5, 5)
)


@given(matrices)
def test_they_are_shares_that_add_up_to_the_rank(rows: NDArray[np.float64]) -> None:
    scores = leverage_scores(rows)
    assert (scores >= 0).all()
    assert (scores <= 1 + 1e-9).all()
    assert np.isclose(scores.sum(), np.linalg.matrix_rank(rows), atol=1e-6)


@given(st.integers(0, 1000))
def test_a_turn_of_the_features_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(20, 6))
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    assert np.allclose(leverage_scores(rows), leverage_scores(rows @ turn), atol=1e-9)
    assert np.allclose(leverage_scores(rows, 3), leverage_scores(rows @ turn, 3), atol=1e-7)


def test_they_are_the_diagonal_of_the_hat_matrix() -> None:
    rows = np.random.default_rng(0).normal(size=(15, 4))
    hat = rows @ np.linalg.pinv(rows)
    assert np.allclose(leverage_scores(rows), np.diag(hat), atol=1e-10)


def test_of_a_rank_they_are_those_of_the_best_approximation() -> None:
    rows = np.random.default_rng(1).normal(size=(15, 6))
    left, singular, right = np.linalg.svd(rows, full_matrices=False)
    nearest = (left[:, :2] * singular[:2]) @ right[:2]
    assert np.allclose(leverage_scores(rows, 2), leverage_scores(nearest), atol=1e-9)


def test_the_one_row_that_stands_apart_is_drawn() -> None:
    rows = np.random.default_rng(2).normal(size=(200, 8)) * 0.01
    rows[:, 0] += 1.0
    rows[137] = [0, 50, 0, 0, 0, 0, 0, 0]
    draws = [by_leverage(rows, 8, np.random.default_rng(seed)) for seed in range(20)]
    assert sum(137 in drawn for drawn in draws) >= 15
    chances = [by_chance(200, 8, np.random.default_rng(seed)) for seed in range(20)]
    assert sum(137 in drawn for drawn in chances) <= 5


@given(st.integers(1, 30), st.integers(0, 99))
def test_as_many_as_asked_are_drawn_and_none_twice(n: int, seed: int) -> None:
    rows = np.zeros((30, 4))  # even where no row has any leverage
    rows[:3] = np.random.default_rng(seed).normal(size=(3, 4))
    for drawn in (
        by_leverage(rows, n, np.random.default_rng(seed)),
        by_chance(30, n, np.random.default_rng(seed)),
    ):
        assert len(set(drawn.tolist())) == len(drawn) == n
        assert (np.diff(drawn) > 0).all()


def test_all_draws_are_measured_and_the_best_one_is_kept() -> None:
    rows = np.random.default_rng(3).normal(size=(40, 5))
    draws = draw_all(rows, 10, 3, 0, lambda drawn: {"onnx": float(drawn.sum()), "tflite": 1.0})
    assert [draw.way for draw in draws] == ["leverage", "chance"] * 3
    assert best(draws).rows.sum() == min(draw.rows.sum() for draw in draws)
    assert np.isclose(overall({"onnx": 4.0, "tflite": 9.0}), 6.0)
