"""Logs with a truth: in order, at other times, and what is told of their start."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from robot.align import PRIOR, Prior
from robot.lie import Array, so3_exp
from robot.metrics import Trajectory, rotation_angles
from robot.reference import Reference, resampled, with_truth
from tests.robot.logs import log, made, reference

UNKNOWN = np.full((3, 3), np.nan)


def turning(times: Array) -> Trajectory:
    """At 2 m/s east, turning at 0.3 rad/s about a leaning axis."""
    axis = 0.3 * np.array((0.1, 0.2, 1.0))
    places = np.outer(times, (2.0, 0.0, 0.0))
    return Trajectory(times, places, np.array([so3_exp(axis * t) for t in times]))


def without_attitude() -> Reference:
    known = reference()
    places = known.truth
    rotations = np.broadcast_to(UNKNOWN, places.rotations.shape)
    return replace(known, truth=Trajectory(places.times, places.positions, rotations))


@given(st.lists(st.floats(0.0, 10.0), min_size=1, max_size=20))
def test_a_steady_motion_is_met_between_its_poses(times: list[float]) -> None:
    at = np.array(times)
    found, expected = resampled(turning(np.linspace(0, 10, 11)), at), turning(at)
    np.testing.assert_allclose(found.positions, expected.positions, atol=1e-12)
    turn = np.swapaxes(found.rotations, 1, 2) @ expected.rotations
    assert rotation_angles(turn).max() < 1e-7


def test_beyond_its_ends_a_trajectory_is_held() -> None:
    way = turning(np.linspace(0, 10, 11))
    found = resampled(way, np.array((-5.0, 15.0)))
    np.testing.assert_array_equal(found.positions, way.positions[[0, -1]])


def test_a_truth_is_put_in_order() -> None:
    truth = made().recording.truth
    rows = np.random.default_rng(0).permutation(np.r_[: len(truth.times), 5, 9])
    mixed = with_truth(log(), truth.at(rows), made().recording.velocities[rows])
    np.testing.assert_array_equal(mixed.truth.times, truth.times)
    np.testing.assert_array_equal(mixed.truth.positions, truth.positions)
    assert mixed.velocity is not None
    np.testing.assert_array_equal(mixed.velocity, made().recording.velocities)


def test_a_truth_of_one_pose_is_refused() -> None:
    truth = made().recording.truth
    with pytest.raises(InputError, match="poses at 1 times; 2 are needed"):
        with_truth(log(), truth.at(np.array((3, 3))))


def test_the_truth_tells_all_of_the_start() -> None:
    known = reference()
    told = known.start("truth")
    assert isinstance(told, tuple)
    state, spread = told
    np.testing.assert_allclose(state.rotation, known.truth.rotations[0], atol=1e-12)
    np.testing.assert_allclose(state.position, known.truth.positions[0])
    assert known.velocity is not None
    np.testing.assert_allclose(state.velocity, known.velocity[0])
    # The place is known whatever the tilt.
    assert spread.world(state).deviations[6:9].max() < 1e-9


def test_a_velocity_that_is_not_told_is_that_of_the_places() -> None:
    way = turning(np.linspace(0, 30, 301))
    told = with_truth(log(), way).start("truth")
    assert isinstance(told, tuple)
    np.testing.assert_allclose(told[0].velocity, (2.0, 0.0, 0.0), atol=1e-9)


def test_the_heading_is_that_of_the_attitude_or_of_the_course() -> None:
    known = reference()
    ahead = known.truth.rotations[0][:, 0]
    told = known.start("heading")
    assert isinstance(told, Prior)
    assert told.heading == pytest.approx(math.atan2(ahead[1], ahead[0]))
    assert told.position == pytest.approx(tuple(known.truth.positions[0]))
    course = without_attitude().start("heading")
    assert isinstance(course, Prior)
    assert course.heading == pytest.approx(told.heading, abs=0.3)
    assert known.start("nothing") == PRIOR


def test_attitudes_that_nobody_knows_cannot_be_told() -> None:
    with pytest.raises(InputError, match="no attitudes"):
        without_attitude().start("truth")


def test_the_best_start_is_that_of_a_robot_unless_it_moves_already() -> None:
    assert reference().best_start == "heading"
    moving = with_truth(log(), turning(np.linspace(0, 30, 301)))
    assert moving.best_start == "truth"
    blind = replace(moving, truth=replace(moving.truth, rotations=np.full((301, 3, 3), np.nan)))
    assert blind.best_start == "heading"
