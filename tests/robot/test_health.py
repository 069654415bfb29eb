"""Every fault a sample can have, injected; and no alarm without one."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.health import FAULTS, LIMITS, Health, Screen
from robot.lie import Array


def samples(count: int = 300, seed: int = 0) -> Array:
    """[N, 6] of a car: white noise about gravity."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(size=(count, 6)) * ([0.02] * 3 + [0.3] * 3) + [0, 0, 0, 0, 0, 9.8])


def screened(rows: Iterable[Array]) -> tuple[Array, list[Health]]:
    screen, used, found = Screen(), [], []
    for row in rows:
        values, health = screen.check(row)
        used.append(values)
        found.append(health)
    return np.array(used), found


def test_sound_samples_pass_untouched() -> None:
    rows = samples(3000)
    used, found = screened(rows)
    np.testing.assert_array_equal(used, rows)
    assert set(found) == {Health.OK}


@pytest.mark.parametrize("axis", range(6))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_held(axis: int, value: float) -> None:
    rows = samples()
    rows[100:120, axis] = value
    used, found = screened(rows)
    assert np.isfinite(used).all()
    np.testing.assert_array_equal(used[100:120, axis], rows[99, axis])
    assert all(h is Health.NOT_FINITE for h in found[100:120])
    assert found[99] is found[120] is Health.OK


@pytest.mark.parametrize("axis", range(6))
def test_a_saturated_axis_is_held(axis: int) -> None:
    rows = samples()
    end = LIMITS.gyro_range if axis < 3 else LIMITS.accel_range
    rows[100:120, axis] = -end
    used, found = screened(rows)
    assert all(h is Health.SATURATED for h in found[100:120])
    np.testing.assert_array_equal(used[100:120, axis], rows[99, axis])


@pytest.mark.parametrize("axis", range(6))
def test_a_stuck_axis_is_told(axis: int) -> None:
    rows = samples()
    rows[100:, axis] = rows[100, axis]
    _, found = screened(rows)
    assert {*found[:150]} == {Health.OK}
    assert all(h is Health.STUCK for h in found[150:])


def test_a_log_of_nothing_but_one_sample_is_not_stuck() -> None:
    """A simulation without noise is no fault; and of a frozen sensor nobody could tell."""
    _, found = screened([np.array((0, 0, 0, 0, 0, 9.8))] * 200)
    assert set(found) == {Health.OK}


@pytest.mark.parametrize("axis", range(6))
@pytest.mark.parametrize("length", [1, 3])
def test_spikes_are_held_out(axis: int, length: int) -> None:
    rows = samples()
    size = 5.0 if axis < 3 else 80.0
    rows[200 : 200 + length, axis] += size
    used, found = screened(rows)
    assert all(h is Health.SPIKE for h in found[200 : 200 + length])
    assert found[200 + length] is Health.OK
    np.testing.assert_array_equal(used[200 : 200 + length, axis], rows[199, axis])


def test_what_lasts_is_no_spike() -> None:
    rows = samples()
    rows[200:, 0] += 5.0
    used, found = screened(rows)
    assert [Health.SPIKE in h for h in found[200:205]] == [True] * 3 + [False] * 2
    np.testing.assert_array_equal(used[203:], rows[203:])


def test_a_rough_ride_is_no_spike() -> None:
    rows = samples()
    rows[:, 3:] += np.random.default_rng(1).normal(size=(300, 3)) * 8
    assert set(screened(rows)[1]) == {Health.OK}


def test_a_first_sample_of_nothing_is_replaced_by_gravity() -> None:
    used, found = screened([np.full(6, math.nan)])
    np.testing.assert_array_equal(used[0], (0, 0, 0, 0, 0, 9.8))
    assert found == [Health.NOT_FINITE]


@given(st.lists(st.tuples(*[st.floats()] * 6), max_size=20))
def test_whatever_comes_what_is_used_is_finite_and_in_range(rows: list[tuple[float, ...]]) -> None:
    used, _ = screened(np.array(row) for row in rows)
    for row in used:
        assert np.isfinite(row).all()
        assert np.abs(row[:3]).max() <= LIMITS.gyro_range
        assert np.abs(row[3:]).max() <= LIMITS.accel_range


def test_the_faults_are_those_of_samples() -> None:
    assert Health.SPIKE in FAULTS
    assert Health.ALIGNING not in FAULTS
