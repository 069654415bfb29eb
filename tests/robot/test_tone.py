"""Synthetic wheels: shakes at known multiples of a turn, in noise, under a known speed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.engine import pack
from robot.lie import Array
from robot.localizer import Localizer
from robot.pose import Options
from robot.state import Covariance, State
from robot.tone import (
    AXES,
    Faint,
    Tone,
    WheelTone,
    carried,
    evidence,
    forward_speeds,
    log_likelihood,
    weigh,
)

CIRCUMFERENCE = 1.9
PERIOD = 0.01


def tone(weight: float = 0.5) -> Tone:
    """One that believes all lines alike."""
    some, none = ((weight,) * AXES,) * 4, ((0.0,) * AXES,) * 4
    weights = ((some, some), (none, none))
    return Tone(CIRCUMFERENCE, harmonics=(1, 2, 3, 4), weights=weights, trust=0.5)


def speeds(count: int, mean: float, seed: int = 0) -> Array:
    """A speed that wanders by 10 % within some seconds."""
    t = np.arange(count) * PERIOD
    phase = np.random.default_rng(seed).uniform(0, 2 * math.pi)
    return np.asarray(mean * (1 + 0.1 * np.sin(0.7 * t + phase)))


def shaken(speed: Array, strength: float = 1.0, seed: int = 0) -> Array:
    """[N, 6] white noise, and the first three harmonics of the wheels on three axes."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=(len(speed), AXES))
    turns = np.cumsum(speed) * PERIOD / CIRCUMFERENCE
    for harmonic, axis in ((1, 3), (2, 5), (3, 1)):
        samples[:, axis] += strength * np.sin(2 * math.pi * harmonic * turns + harmonic)
    return samples


@given(st.floats(6.0, 11.0), st.floats(-0.09, 0.09), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_the_right_constant_is_the_likeliest(mean: float, off: float, seed: int) -> None:
    true, heard = speeds(512, mean, seed), tone()
    believed = true - off * true.mean()
    found = evidence(heard, shaken(true, 4.0, seed), np.full(512, PERIOD), believed)
    best = heard.supposed[np.argmax(log_likelihood(heard, found, float(believed.mean())))]
    # In 5 s the third harmonic goes round 47 times or more, and a line is two rounds wide.
    assert best * believed.mean() == pytest.approx(off * true.mean(), abs=0.035 * mean)


@pytest.mark.parametrize(
    ("speed", "share"), [(10.0, 1.0), (5.0, 0.3069), (3.0, -0.2), (20.0, 1.6931)]
)
def test_weights_go_with_the_logarithm_of_the_speed(speed: float, share: float) -> None:
    some = tone().weights[0]
    heard, found = replace(tone(), weights=(some, some)), np.ones((49, 2, 4, AXES))
    all_of = log_likelihood(tone(), found, 10.0)
    assert log_likelihood(heard, found, speed) == pytest.approx(share * all_of, rel=1e-3)


def test_lines_beyond_the_sample_rate_say_nothing() -> None:
    fast = speeds(512, 30.0)  # 16 turns a second: the third harmonic is at 47 Hz, and more
    found = evidence(tone(), shaken(fast), np.full(512, PERIOD), fast)
    assert np.abs(found[:, :, 2:]).max() == 0
    assert np.abs(found[:, :, :2]).max() > 0


@given(
    st.floats(0.05, 2.0),
    st.floats(-0.5, 0.5),
    st.floats(0.05, 0.4),
)
@settings(max_examples=50)
def test_weigh_gives_the_posterior_of_a_normal_likelihood(
    sigma: float, at: float, width: float
) -> None:
    """Of a bell-shaped likelihood the measurement is that bell, whatever was known before."""
    offsets = np.linspace(-5, 5, 2001)
    said = weigh(Faint(offsets, -0.5 * np.square((offsets - at) / width)), sigma**2)
    if said is None:
        assert width > 2.9 * sigma or sigma < 2 * width  # it hardly adds to what was known
        return
    assert said.speed == pytest.approx(at, abs=0.02)
    assert said.variance == pytest.approx(width**2, rel=0.05)


def test_a_flat_likelihood_is_no_measurement() -> None:
    assert weigh(Faint(np.linspace(-1, 1, 49), np.zeros(49)), 0.25) is None


@given(
    st.floats(-0.5, 0.5),
    st.floats(0.1, 0.5),
    st.floats(0.0, 0.5),
    st.floats(0.8, 1.2),
)
@settings(max_examples=50)
def test_what_was_faint_is_carried_on(at: float, width: float, spread: float, grown: float) -> None:
    """A bell keeps its place in m/s, though the speed has changed, and becomes as much wider."""
    before, after = np.linspace(-3, 3, 601), np.linspace(-3, 3, 601) * grown
    faint = Faint(before, -0.5 * np.square((before - at) / width))
    found = carried(faint, after, spread)
    variance = width**2 + spread**2
    near = np.square(after - at) < 4 * variance
    expected = -0.5 * np.square(after - at) / variance
    assert np.ptp((found - expected)[near]) < 0.15  # a logarithm is known up to one number


def test_what_may_be_anywhere_by_now_says_nothing() -> None:
    offsets = np.linspace(-1, 1, 49)
    found = carried(Faint(offsets, -50 * np.square(offsets)), offsets, 1000.0)
    assert np.ptp(found) < 0.05


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_faint_windows_add_up(seed: int) -> None:
    """In much noise the best offset of one window is any; that of many together is the right one.

    The filter is so sure of its speed that nothing is told, and all is kept.
    """
    listening = WheelTone(tone(0.2))
    believed = pack(State.at_rest(velocity=np.array((9.4, 0.0, 0.0))))
    wrong = dict[str, list[float]](alone=[], together=[])
    for sample in shaken(np.full(3000, 9.0), 0.5, seed):
        if not listening.take(sample, PERIOD, believed):
            continue
        new = WheelTone(listening.tone)
        new.restore(listening.save() | {"tone_faint": np.empty((2, 0))})
        for name, one in (("alone", new), ("together", listening)):
            assert one.listen(1e-6, 0.01) is None
            offsets, likelihood = one.save()["tone_faint"]
            wrong[name].append(abs(offsets[np.argmax(likelihood)] + 0.4))
    assert np.mean(wrong["alone"]) > 0.3
    assert wrong["together"][-1] < 0.1


def test_after_a_jump_nothing_faint_is_left() -> None:
    heard = WheelTone(tone(0.01))
    believed = pack(State.at_rest(velocity=np.array((9.0, 0.0, 0.0))))
    for sample in shaken(np.full(700, 9.0), 0.3):
        if heard.take(sample, PERIOD, believed):
            assert heard.listen(0.01, 0.01) is None
    assert heard.save()["tone_faint"].size
    heard.forget()
    assert not heard.save()["tone_faint"].size


def test_silence_and_crawling_are_no_measurement() -> None:
    heard = WheelTone(tone())
    slow = pack(State.at_rest(velocity=np.array((1.0, 0.0, 0.0))))
    rng = np.random.default_rng(0)
    ready = [heard.take(rng.normal(size=AXES), PERIOD, slow) for _ in range(600)]
    assert ready[-1]
    assert not any(ready[:500])
    assert heard.listen(0.1, 0.01) is None


def test_forward_speed_is_along_the_body() -> None:
    turn = np.array(((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)))
    state = State.at_rest(turn, velocity=np.array((0.0, 7.0, 0.0)))
    assert forward_speeds(pack(state)[None])[0] == pytest.approx(7.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"circumference": 0.0},
        {"harmonics": (2, 1)},
        {"weights": (((0.0,) * 6,),)},
        {"points": 2},
    ],
)
def test_a_tone_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        replace(tone(), **wrong)  # type: ignore[arg-type]


def straight(count: int, speed: float) -> tuple[Array, Array]:
    """Times and samples of a straight way at one speed, with the shakes of wheels."""
    samples = 0.2 * shaken(np.full(count, speed), strength=2.0)
    samples[:, :3] *= 0.01
    samples[:, 5] += 9.80655
    return np.arange(count) * PERIOD, samples


def drive(localizer: Localizer, times: Array, samples: Array) -> Array:
    poses = [localizer.push(t, s[:3], s[3:]) for t, s in zip(times, samples, strict=True)]
    return np.array([pose.velocity for pose in poses])


def start(speed: float) -> tuple[State, Covariance]:
    spread = Covariance.of_deviations(velocity=(0.6, 0.1, 0.1), accel_bias=0.05)
    return State.at_rest(velocity=np.array((speed, 0.0, 0.0))), spread


def test_the_localizer_finds_its_speed_by_ear() -> None:
    times, samples = straight(3000, 9.0)
    options = Options(still=None, engine="numpy", tone=tone())
    with_ears, without = (
        drive(Localizer(o, start=start(9.6)), times, samples)
        for o in (options, replace(options, tone=None))
    )
    assert abs(with_ears[-1, 0] - 9.0) < 0.15
    assert abs(without[-1, 0] - 9.0) > 0.3


def test_what_was_heard_is_told() -> None:
    times, samples = straight(1500, 9.0)
    localizer = Localizer(Options(still=None, engine="numpy", tone=tone()), start=start(9.3))
    heard = []
    for t, s in zip(times, samples, strict=True):
        localizer.push(t, s[:3], s[3:])
        if localizer.heard is not None:
            heard.append(localizer.heard)
    assert 5 <= len(heard) <= 10  # every second, once the window is full
    assert all(abs(h.speed - 9.0) < 0.3 and h.variance > 0 for h in heard)


def test_a_restored_stream_goes_on_bit_for_bit() -> None:
    times, samples = straight(1500, 9.0)
    options = Options(still=None, engine="numpy", tone=tone())
    whole = drive(Localizer(options, start=start(9.3)), times, samples)
    first, second = Localizer(options, start=start(9.3)), Localizer(options, start=start(9.3))
    drive(first, times[:777], samples[:777])
    second.restore(first.save())
    assert np.array_equal(drive(second, times[777:], samples[777:]), whole[777:])
