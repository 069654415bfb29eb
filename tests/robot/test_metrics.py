"""Scores of trajectories on cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings

from robot.lie import Array, so3_exp
from robot.metrics import (
    Relative,
    Trajectory,
    absolute_errors,
    align,
    length_weighted,
    relative_errors,
    rotation_angles,
    rows_at_rate,
)
from tests.robot.simulated import vectors


def straight(metres: float = 1000.0, speed: float = 10.0, rate: float = 100.0) -> Trajectory:
    times = np.arange(round(metres / speed * rate) + 1) / rate
    positions = np.stack((speed * times, 0 * times, 0 * times), axis=1)
    return Trajectory(times, positions, np.tile(np.eye(3), (len(times), 1, 1)))


def curved() -> Trajectory:
    t = straight(600.0)
    turns = np.array([so3_exp(np.array((0, 0.001 * s, 0.02 * s))) for s in t.times])
    steps = (turns @ (0.1, 0, 0))[:-1]
    return Trajectory(t.times, np.concatenate((np.zeros((1, 3)), np.cumsum(steps, axis=0))), turns)


def scaled(t: Trajectory, factor: float) -> Trajectory:
    return Trajectory(t.times, factor * t.positions, t.rotations)


def test_the_truth_has_no_error() -> None:
    result = relative_errors(curved(), curved())
    assert result.translation == result.horizontal == 0.0
    assert result.rotation < 1e-15


def test_a_scale_error_is_that_share_of_the_length() -> None:
    # Poses every metre: the first beyond 100 m is at 101 m, and so on.
    result = relative_errors(straight(), scaled(straight(), 1.01))
    # Starts at 0, 10 .. 890 m for 100 m: the one at 900 m has no pose beyond.
    counts = [(1000 - length) // 10 for length in range(100, 900, 100)]
    assert result.segments == sum(counts)
    errors = [0.01 * (length + 1) / length for length in range(100, 900, 100)]
    expected = np.average(errors, weights=counts)
    assert result.translation == pytest.approx(expected)
    assert result.percent == pytest.approx(100 * expected)
    assert result.horizontal == pytest.approx(expected)
    assert result.metres == pytest.approx(1000.0)


def test_a_heading_that_drifts_is_told_per_metre() -> None:
    truth = straight()
    drift = np.array([so3_exp(np.array((0, 0, 1e-4 * x))) for x in truth.positions[:, 0]])
    result = relative_errors(truth, Trajectory(truth.times, truth.positions, drift), [100.0])
    assert result.rotation == pytest.approx(1e-4 * 101 / 100)
    assert result.degrees_per_100_m == pytest.approx(math.degrees(0.0101))


def test_height_counts_in_3d_only() -> None:
    truth = straight()
    high = truth.positions + np.stack((0 * truth.times,) * 2 + (0.1 * truth.times,), axis=1)
    result = relative_errors(truth, Trajectory(truth.times, high, truth.rotations), [200.0])
    assert result.horizontal == pytest.approx(0.0, abs=1e-12)
    assert result.translation == pytest.approx(0.01 * 201 / 200)


@given(vectors(), vectors(largest=1000.0))
@settings(max_examples=15)
def test_relative_errors_do_not_see_the_frame(x: Array, to: Array) -> None:
    truth, turn = curved().at(slice(0, None, 10)), so3_exp(x)
    off = scaled(truth, 1.02)
    moved = Trajectory(off.times, off.positions @ turn.T + to, turn @ off.rotations)
    a, b = relative_errors(truth, off, [100.0]), relative_errors(truth, moved, [100.0])
    assert a.translation == pytest.approx(b.translation, rel=1e-6)
    assert a.segments == b.segments > 0


def test_a_path_too_short_has_no_score() -> None:
    result = relative_errors(straight(50.0), straight(50.0))
    assert result.segments == 0
    assert math.isnan(result.translation)


def test_trajectories_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot compare 501 poses with 1001"):
        relative_errors(straight(100.0), straight(50.0))
    with pytest.raises(ValueError, match="cannot compare 1 poses with 1"):
        absolute_errors(straight().at(slice(1)), straight().at(slice(1)))


def test_poses_are_taken_on_the_clock_through_holes() -> None:
    times = np.concatenate((np.arange(0, 1, 0.01), np.arange(1.5, 2, 0.01)))
    rows = rows_at_rate(times)
    np.testing.assert_allclose(times[rows][:10], np.arange(10) / 10, atol=1e-9)
    assert times[rows][-1] == pytest.approx(1.9)
    assert len(rows) == len(set(rows.tolist()))
    np.testing.assert_array_equal(rows_at_rate(np.arange(21) / 10), np.arange(21))


@given(vectors(largest=math.pi))
def test_rotation_angles(x: Array) -> None:
    length = float(np.linalg.norm(x))
    angle = min(length % (2 * math.pi), -length % (2 * math.pi))
    assert rotation_angles(so3_exp(x)[None])[0] == pytest.approx(angle, abs=1e-7)


def test_sequences_count_by_their_length() -> None:
    a = Relative(0.01, 0.005, 1e-4, 10, 3000.0)
    b = Relative(0.02, 0.015, 3e-4, 90, 1000.0)
    both = length_weighted([a, b])
    assert both.translation == pytest.approx(0.0125)
    assert both.horizontal == pytest.approx(0.0075)
    assert both.rotation == pytest.approx(1.5e-4)
    assert (both.segments, both.metres) == (100, 4000.0)


@given(vectors(), vectors(largest=50.0))
def test_alignment_undoes_a_motion_and_a_scale(x: Array, to: Array) -> None:
    points = np.random.default_rng(0).normal(size=(30, 3)) * (10, 5, 1)
    moved = 1.5 * points @ so3_exp(x).T + to
    found = align(points, moved, scaled=True)
    assert found.scale == pytest.approx(1.5)
    np.testing.assert_allclose(found.apply(points), moved, atol=1e-9)
    assert align(points, moved).scale == 1.0


def test_alignment_never_mirrors() -> None:
    points = np.random.default_rng(0).normal(size=(30, 3))
    found = align(points, points * (1, 1, -1))
    assert np.linalg.det(found.rotation) == pytest.approx(1.0)


def test_absolute_errors_by_hand() -> None:
    truth = straight(100.0)
    bent = truth.positions.copy()
    bent[:, 1] += np.where(np.arange(len(bent)) % 2, 0.5, -0.5)
    result = absolute_errors(truth, Trajectory(truth.times, bent, truth.rotations))
    assert result.ate == pytest.approx(0.5, rel=1e-3)
    turned = Trajectory(truth.times, truth.positions[:, [1, 0, 2]], truth.rotations)
    result = absolute_errors(truth, turned)
    assert result.ate == pytest.approx(0.0, abs=1e-9)
    assert result.final == pytest.approx(100 * math.sqrt(2))
    assert result.final_fraction == pytest.approx(math.sqrt(2))
    up = Trajectory(
        truth.times, truth.positions + np.outer(truth.times, (0, 0, 1)), truth.rotations
    )
    result = absolute_errors(truth, up)
    assert (result.final, result.final_horizontal) == pytest.approx((10.0, 0.0))
