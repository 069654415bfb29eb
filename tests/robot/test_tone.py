"""Synthetic wheels: shakes at known multiples of a turn, in noise, under a known speed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.tone import AXES, evidence, log_likelihood
from tests.robot.sounds import PERIOD, shaken, speeds, tone


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
