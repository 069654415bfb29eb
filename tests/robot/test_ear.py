"""What a localizer hears of its speed, from wheels and axles that we made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robot.ear import Ear, forward_speeds
from robot.engine import pack
from robot.hearing import Hint, carried
from robot.lie import Array
from robot.localizer import Localizer
from robot.pose import Options
from robot.state import Covariance, State
from robot.tone import AXES
from tests.robot.sounds import PERIOD, echo, rolled, shaken, tone


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_faint_windows_add_up(seed: int) -> None:
    """In much noise the best offset of one window is any; that of many together is the right one.

    The filter is so sure of its speed that nothing is told, and all is kept.
    """
    listening = Ear(tone(0.2), None)
    believed = pack(State.at_rest(velocity=np.array((9.4, 0.0, 0.0))))
    wrong = dict[str, list[float]](alone=[], together=[])
    for sample in shaken(np.full(3000, 9.0), 0.5, seed):
        if not listening.take(sample, PERIOD, believed):
            continue
        new = Ear(listening.tone, None)
        new.restore(listening.save() | {"ear_faint": np.empty((2, 0))})
        for name, one in (("alone", new), ("together", listening)):
            assert one.listen(1e-6, 0.01) is None
            offsets, likelihood = one.save()["ear_faint"]
            wrong[name].append(abs(offsets[np.argmax(likelihood)] + 0.4))
    assert np.mean(wrong["alone"]) > 0.3
    assert wrong["together"][-1] < 0.1


def test_after_a_jump_nothing_faint_is_left() -> None:
    heard = Ear(tone(0.01), None)
    believed = pack(State.at_rest(velocity=np.array((9.0, 0.0, 0.0))))
    for sample in shaken(np.full(700, 9.0), 0.3):
        if heard.take(sample, PERIOD, believed):
            assert heard.listen(0.01, 0.01) is None
    assert heard.save()["ear_faint"].size
    heard.forget()
    assert not heard.save()["ear_faint"].size


def test_silence_and_crawling_are_no_measurement() -> None:
    heard = Ear(tone(), None)
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


def last_speeds(options: Options, believed: float, samples: Array) -> tuple[float, float]:
    """Where a localizer ends that began with a wrong speed: with its ears, and without."""
    times = np.arange(len(samples)) * PERIOD
    deaf = replace(options, tone=None, echo=None)
    ways = [drive(Localizer(o, start=start(believed)), times, samples) for o in (options, deaf)]
    return ways[0][-1, 0], ways[1][-1, 0]


def test_the_localizer_finds_its_speed_by_ear() -> None:
    options = Options(still=None, engine="numpy", tone=tone())
    with_ears, without = last_speeds(options, 9.6, straight(3000, 9.0)[1])
    assert abs(with_ears - 9.0) < 0.15
    assert abs(without - 9.0) > 0.3


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


def test_the_localizer_finds_its_speed_by_its_axles() -> None:
    samples = rolled(np.full(3000, 8.0)) + np.array((0, 0, 0, 0, 0, 9.80655))
    options = Options(still=None, engine="numpy", echo=echo())
    with_ears, without = last_speeds(options, 8.5, samples)
    assert abs(with_ears - 8.0) < 0.1
    assert abs(without - 8.0) > 0.2


def test_what_wheels_and_axles_say_is_added() -> None:
    samples = rolled(np.full(600, 8.0))
    believed = pack(State.at_rest(velocity=np.array((8.2, 0.0, 0.0))))

    def hint(ear: Ear) -> Hint:
        """Of a filter so sure of its speed that nothing is told, and all is kept."""
        for sample in samples:
            if ear.take(sample, PERIOD, believed):
                assert ear.listen(1e-6, 0.01) is None
                return Hint(*ear.save()["ear_faint"])
        raise AssertionError

    # The axles are listened to as late as the wheels, to hear the same.
    both = hint(Ear(tone(), echo()))
    wheels, axles = hint(Ear(tone(), None)), hint(Ear(tone(), replace(echo(), trust=0.0)))
    np.testing.assert_allclose(axles.likelihood, carried(wheels, axles.offsets, 0.0))
    alone = hint(Ear(replace(tone(), trust=0.0), echo()))
    np.testing.assert_allclose(both.likelihood - axles.likelihood, alone.likelihood, atol=1e-9)
    assert np.ptp(axles.likelihood) > 1
    assert np.ptp(alone.likelihood) > 1


def test_below_what_the_wheels_need_the_axles_are_still_heard() -> None:
    """Each listens over a window of its own, and none below the speed that it needs."""
    ear = Ear(replace(tone(), slowest=9.0), echo())
    believed = pack(State.at_rest(velocity=np.array((8.0, 0.0, 0.0))))
    ready = [ear.take(sample, PERIOD, believed) for sample in rolled(np.full(600, 8.0))]
    assert ready[-1]
    assert ear.listen(0.25, 0.01) is not None
    assert Ear(None, echo()).take(np.zeros(AXES), 3.0, believed)
