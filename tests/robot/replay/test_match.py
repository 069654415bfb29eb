"""A trajectory at other times."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from robot.lie import Array, so3_exp
from robot.metrics import Trajectory
from robot.replay.match import at_times, laid_on
from tests.robot.simulated import vectors


def turning(times: Array, rate: Array, speed: Array) -> Trajectory:
    return Trajectory(times, times[:, None] * speed, np.array([so3_exp(t * rate) for t in times]))


@given(vectors(3, 1.0), vectors(3, 5.0), st.integers(0, 99))
def test_a_steady_motion_is_followed_between_its_poses(
    rate: Array, speed: Array, seed: int
) -> None:
    step = 0.1
    known = turning(np.arange(21) * step, rate, speed)
    times = np.sort(np.random.default_rng(seed).uniform(0, 2, 50))
    found, exact = at_times(known, times), turning(times, rate, speed)
    np.testing.assert_allclose(found.positions, exact.positions, atol=1e-9)
    limit = float(np.linalg.norm(rate * step)) ** 3 / 60
    np.testing.assert_allclose(found.rotations, exact.rotations, atol=limit + 1e-12)
    turns = np.swapaxes(found.rotations, 1, 2) @ found.rotations
    np.testing.assert_allclose(turns, np.broadcast_to(np.eye(3), turns.shape), atol=1e-9)


def test_the_same_times_change_nothing() -> None:
    known = turning(np.arange(5.0), np.ones(3), np.ones(3))
    assert at_times(known, np.arange(5.0)) is known


def test_nothing_is_known_outside_nor_in_a_hole() -> None:
    one = np.array((0.0, 0.1, 0.2, 5.0, 5.1))
    known = turning(one, np.ones(3), np.ones(3))
    found = at_times(known, np.array((-0.01, 0.0, 0.15, 0.2, 0.21, 4.9, 5.05, 5.1, 5.11)))
    expected = [False, True, True, True, False, False, True, True, False]
    assert np.isfinite(found.positions).all(axis=1).tolist() == expected
    assert np.isfinite(found.rotations).all(axis=(1, 2)).tolist() == expected


def test_places_may_be_known_without_rotations() -> None:
    known = turning(np.arange(3.0) / 10, np.ones(3), np.ones(3))
    blind = Trajectory(known.times, known.positions, np.full((3, 3, 3), np.nan))
    found = at_times(blind, np.array((0.05, 0.15)))
    np.testing.assert_allclose(found.positions[:, 0], [0.05, 0.15])
    assert np.isnan(found.rotations).all()


def test_laid_on_at_the_first_place_that_both_know() -> None:
    estimate = turning(np.arange(4.0), np.zeros(3), np.ones(3))
    places = estimate.positions + np.array((5.0, 6.0, 7.0))
    places[0] = np.nan
    truth = laid_on(Trajectory(estimate.times, places, estimate.rotations), estimate)
    np.testing.assert_allclose(truth.positions[1:], estimate.positions[1:])
    assert np.isnan(truth.positions[0]).all()
