"""Convex pruning: the optimum by its conditions, least squares beside numpy's, what is ranked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.compression.prune import errors, group_lasso, ranking, refit

few = settings(max_examples=10)
SEEDS = st.integers(0, 2**31 - 1)


def problem(seed: int, inputs: int = 7, outputs: int = 4) -> tuple[NDArray[Any], NDArray[Any]]:
    """Centred inputs [N, C], correlated, and a kernel [C, K]."""
    rng = np.random.default_rng(seed)
    mixing = np.eye(inputs) + 0.2 * rng.normal(size=(inputs, inputs))
    x = rng.normal(size=(60, inputs)) @ mixing
    return x - x.mean(axis=0), rng.normal(size=(inputs, outputs))


@few
@given(SEEDS, st.floats(0.02, 1.2))
def test_the_solution_meets_the_conditions_of_an_optimum(seed: int, share: float) -> None:
    x, kernel = problem(seed)
    covariance = x.T @ x / len(x)
    penalty = share * np.linalg.norm(covariance @ kernel, axis=1).max()
    found = group_lasso(covariance, kernel, penalty, np.zeros_like(kernel), iterations=1_500)
    slope = covariance @ (found - kernel)
    norms = np.linalg.norm(found, axis=1)
    for row, norm, slack in zip(found, norms, slope, strict=True):
        if norm > 0:
            np.testing.assert_allclose(slack, -penalty * row / norm, atol=1e-2 * penalty)
        else:
            assert np.linalg.norm(slack) <= penalty * (1 + 1e-6)
    assert np.any(norms > 0) == (share < 1)


def test_of_independent_inputs_each_row_shrinks_by_itself() -> None:
    kernel = np.array([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]])
    found = group_lasso(np.eye(3), kernel, 1.0, np.zeros_like(kernel))
    np.testing.assert_allclose(found, [[2.4, 3.2], [0.0, 0.0], [5.4, 7.2]], atol=1e-9)


@few
@given(SEEDS)
def test_errors_are_those_of_least_squares(seed: int) -> None:
    x, kernel = problem(seed)
    order = np.random.default_rng(seed).permutation(len(kernel))
    wanted = x @ kernel
    curve = errors(x.T @ x / len(x), kernel, order)
    for k in range(len(kernel) + 1):
        chosen = x[:, order[:k]]
        answers = chosen @ np.linalg.lstsq(chosen, wanted, rcond=None)[0]
        left = np.sum((wanted - answers) ** 2) / np.sum(wanted**2)
        assert curve[k] == pytest.approx(left, abs=1e-4)
    assert np.all(np.diff(curve) <= 1e-12)


@few
@given(SEEDS)
def test_refit_is_least_squares_on_what_stays(seed: int) -> None:
    x, kernel = problem(seed)
    kept = np.array([0, 2, 5])
    expected = np.linalg.lstsq(x[:, kept], x @ kernel, rcond=None)[0]
    np.testing.assert_allclose(
        x[:, kept] @ refit(x.T @ x / len(x), kernel, kept), x[:, kept] @ expected, atol=1e-3
    )


def test_what_another_input_says_already_ranks_last() -> None:
    """Alone it would come second; that the first says it too, only a joint fit knows."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 6))
    x[:, 1] = 0.5 * x[:, 0]
    kernel = 0.8 * np.eye(6)
    kernel[:2] = 2.0 * np.eye(6)[0]
    covariance = np.cov(x.T)
    order = ranking(covariance, kernel)
    assert (order[0], order[-1]) == (0, 1)
    assert errors(covariance, kernel, order)[5] < 1e-4


def test_fewer_photos_than_inputs_are_no_obstacle() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10, 30))
    kernel = rng.normal(size=(30, 3))
    covariance = np.cov(x.T)
    order = ranking(covariance, kernel)
    assert sorted(order.tolist()) == list(range(30))
    assert np.isfinite(refit(covariance, kernel, order[:20])).all()
    assert errors(covariance, kernel, order)[15] < 0.01  # ten photos span nine dimensions
