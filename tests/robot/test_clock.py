"""Time: whole logs and streams, by one policy, whatever the stamps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.clock import CLOCK_POLICY, Clock, ClockPolicy, Step, Tick, clean
from robot.lie import Array


def log(times: list[float]) -> tuple[Array, Array]:
    """Stamps, and values that are a straight line of time."""
    t = np.array(times)
    return t, np.stack((2 * t + 1, -t), axis=1)


def ticks(times: list[float], policy: ClockPolicy = CLOCK_POLICY) -> list[Tick]:
    clock, result = Clock(policy, period=policy.period), []
    for time in times:
        clock, tick = clock.tick(time)
        result.append(tick)
    return result


def regular(count: int, start: float = 0.0, period: float = 0.01) -> list[float]:
    return [start + period * i for i in range(count)]


def test_a_sound_log_stays_as_it_is() -> None:
    times, values = log(regular(100))
    out = clean(times, values)
    np.testing.assert_array_equal(out.times, times)
    np.testing.assert_array_equal(out.values, values)
    assert not out.filled.any()
    assert len(out.jumps) == out.dropped == out.disordered == 0
    assert out.period == pytest.approx(0.01)


def test_a_log_is_sorted_and_loses_its_twins() -> None:
    times, values = log([0.0, 0.02, 0.01, 0.03, 0.03, 0.0304, 0.04, math.nan, 0.05])
    out = clean(times, values)
    np.testing.assert_allclose(out.times, [0, 0.01, 0.02, 0.03, 0.04, 0.05])
    np.testing.assert_allclose(out.values[:, 1], -out.times)
    assert out.dropped == 3
    assert out.disordered == 1


def test_many_stamps_close_together_keep_one_a_millisecond() -> None:
    times, values = log([0.0004 * i for i in range(100)])
    out = clean(times, values)
    assert np.diff(out.times).min() >= 0.001
    assert len(out.times) == 34


@pytest.mark.parametrize("gap", [0.02, 0.055, 1.62])
def test_holes_are_filled_on_a_straight_line(gap: float) -> None:
    times, values = log([*regular(50), *regular(50, 0.49 + gap)])
    out = clean(times, values)
    assert int(out.filled.sum()) == round(gap / 0.01) - 1
    assert np.diff(out.times).max() < 0.015
    np.testing.assert_allclose(out.values[:, 0], 2 * out.times + 1, atol=1e-12)
    assert set(times) <= set(out.times)


def test_a_jump_is_not_filled_but_told() -> None:
    times, values = log([*regular(50), *regular(50, 1000.0)])
    out = clean(times, values)
    assert not out.filled.any()
    assert out.jumps.tolist() == [50]


@pytest.mark.parametrize("gap", [1.92, 46_534.0])
def test_a_lone_first_sample_goes(gap: float) -> None:
    times, values = log([0.0, *regular(50, gap)])
    out = clean(times, values)
    assert out.times[0] == gap
    assert out.dropped == 1
    assert len(out.jumps) == 0


def test_a_log_of_one_stamp_is_refused() -> None:
    with pytest.raises(ValueError, match="1 samples of 3 have a stamp of their own: 2 are needed"):
        clean(*log([1.0, 1.0, math.nan]))


@given(st.lists(st.floats(0, 20), min_size=3, max_size=60))
def test_any_log_comes_out_in_order(times: list[float]) -> None:
    t, v = log(times)
    kept = np.unique(np.round(t, 3))
    if len(kept) < 4:
        return
    out = clean(t, v)
    assert (np.diff(out.times) > 0).all()
    np.testing.assert_allclose(out.values[:, 1], -out.times, atol=1e-9)
    np.testing.assert_array_equal(np.isin(out.times[~out.filled], t), True)


def test_a_stream_tells_its_steps_holes_and_jumps() -> None:
    stamps = [*regular(20), 0.19, 0.15, math.nan, 0.25, 0.26, 100.0, 100.01, 100.02]
    told = ticks(stamps)
    assert [t.step for t in told[:20]] == [Step.FIRST, *[Step.NEXT] * 19]
    assert [t.step for t in told[20:23]] == [Step.SAME, Step.LATE, Step.LATE]
    assert (told[23].step, told[23].parts) == (Step.HOLE, 6)
    assert told[23].dt == pytest.approx(0.06)
    assert [t.step for t in told[24:]] == [Step.NEXT, Step.LATE, Step.JUMP, Step.NEXT]
    assert told[26].dt == pytest.approx(99.75)


@pytest.mark.parametrize("wrong", [3.5, 1e18, math.inf, math.nan, -5.0])
def test_a_lone_stamp_gone_wrong_moves_no_clock(wrong: float) -> None:
    times = regular(60)
    told = ticks([*times[:30], wrong, *times[31:]])
    assert told[30].step is Step.LATE
    assert (told[31].step, told[31].parts) == (Step.HOLE, 2)
    assert {t.step for t in told[32:]} == {Step.NEXT}


def test_a_clock_set_back_is_taken_up_after_some_samples() -> None:
    told = ticks([*regular(20, 500.0), *regular(30, 3.0)])
    late = [t.step for t in told[20:]].index(Step.JUMP)
    assert late == CLOCK_POLICY.restart_after - 1
    assert {t.step for t in told[20 + late + 1 :]} == {Step.NEXT}


@pytest.mark.parametrize("period", [0.002, 0.01, 0.05, 0.2])
def test_a_stream_learns_its_rate(period: float) -> None:
    times = regular(50, 0.0, period)
    told = ticks([*times, times[-1] + 4 * period])
    assert all(t.step is Step.NEXT for t in told[1:-1])
    assert (told[-1].step, told[-1].parts) == (Step.HOLE, 4)


def test_the_first_steps_hole_is_filled_at_the_assumed_rate() -> None:
    assert ticks([0.0, 1.92])[-1].parts == 192
    assert [t.step for t in ticks([0.0, 46_534.0, 46_534.01])[1:]] == [Step.LATE, Step.JUMP]


@given(st.lists(st.floats(), max_size=40))
def test_no_stamp_moves_a_clock_in_a_way_that_cannot_be(times: list[float]) -> None:
    for tick in ticks(times):
        assert tick.dt >= 0
        assert 1 <= tick.parts <= 3001
        if tick.step in (Step.NEXT, Step.HOLE):
            assert CLOCK_POLICY.same_below <= tick.dt <= CLOCK_POLICY.fill_up_to


def test_a_saved_clock_goes_on() -> None:
    clock = Clock(period=0.01)
    for time in regular(45):
        clock, _ = clock.tick(time)
    again = Clock.of_arrays(clock.arrays(), CLOCK_POLICY)
    assert again == clock
