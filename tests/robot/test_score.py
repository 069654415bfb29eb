"""Scores of trajectories whose clocks differ."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from robot.lie import Array, so3_exp
from robot.metrics import LENGTHS, Trajectory, relative_errors
from robot.score import paired, score, suitable_lengths


def circling(times: Array, scale: float = 1.0, radius: float = 100.0) -> Trajectory:
    """At 10 m/s on a circle, looking ahead; `scale` makes the way longer."""
    angle = 10.0 / radius * times
    places = scale * radius * np.stack((np.sin(angle), 1 - np.cos(angle), 0 * angle), axis=1)
    return Trajectory(times, places, np.array([so3_exp(np.array((0, 0, a))) for a in angle]))


def test_a_longer_way_is_that_much_longer() -> None:
    clock = np.arange(0, 120, 0.01)
    found = score(circling(clock), circling(clock, 1.02))
    assert tuple(found.by_length) == LENGTHS
    assert found.relative == relative_errors(circling(clock), circling(clock, 1.02))
    assert found.by_length[100.0].percent == pytest.approx(2 * 0.96, abs=0.1)
    assert found.relative.rotation < 1e-9
    assert found.attitude
    assert found.poses == len(clock)


def test_other_clocks_give_the_same() -> None:
    dense, odd = np.arange(0, 120, 0.01), np.arange(0.003, 119.9, 0.017)
    whole = score(circling(dense), circling(dense, 1.02))
    other = score(circling(odd), circling(dense, 1.02))
    assert other.relative.percent == pytest.approx(whole.relative.percent, abs=0.02)
    assert other.absolute.ate == pytest.approx(whole.absolute.ate, rel=0.01)


def test_a_sparse_truth_is_not_made_up_in_between() -> None:
    truth, estimate = paired(circling(np.arange(0, 60, 2.0)), circling(np.arange(1, 61, 0.01)))
    np.testing.assert_allclose(truth.times, np.arange(2, 60, 2.0))
    np.testing.assert_allclose(truth.positions, estimate.positions, atol=1e-3)


def test_places_alone_can_be_scored() -> None:
    clock = np.arange(0, 120, 0.02)
    truth = circling(clock)
    blind = Trajectory(clock, truth.positions, np.full((len(clock), 3, 3), np.nan))
    found = score(blind, circling(clock, 1.02))
    assert not found.attitude
    assert found.relative.percent == pytest.approx(
        score(truth, circling(clock, 1.02)).relative.percent, rel=1e-6
    )
    told = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert told["r_rel_deg_per_100_m"] is None
    assert told["t_rel_percent"] == found.relative.percent


def test_a_way_too_short_for_any_length_has_no_drift_but_an_end() -> None:
    clock = np.arange(0, 3, 0.02)
    found = score(circling(clock), circling(clock, 1.1), [1000.0])
    assert found.by_length == {}
    told = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert told["t_rel_percent"] is None
    assert told["final"] == pytest.approx(0.1 * math.dist(*circling(clock).positions[[0, -1]]))


def test_clocks_that_share_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"0 to 9\.9 s and the estimate of 50 to 59\.9 s"):
        score(circling(np.arange(0, 10, 0.1)), circling(np.arange(50, 60, 0.1)))


@pytest.mark.parametrize(
    ("metres", "first", "last"),
    [(3.0, 1, 8), (26.0, 10, 80), (199.0, 10, 80), (209.0, 100, 200), (5000.0, 100, 800)],
)
def test_lengths_suit_the_way(metres: float, first: float, last: float) -> None:
    lengths = suitable_lengths(metres)
    assert (lengths[0], lengths[-1]) == (first, last)
