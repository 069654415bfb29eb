from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from models.errors import InputError
from robot.lie import so3_exp
from robot.profile import Deviations, Profile, plain, profile_of
from robot.state import SIZE
from robot.tone import AXES, Tone
from tests.robot.sounds import echo

HEARD = Tone(1.9, harmonics=(1, 2), weights=(((((0.5,) * AXES),) * 2,) * 2,) * 2)
PROFILE = Profile(
    deviations=Deviations(tilt=0.01, lever=0.2),
    mount=(0.0, -0.01, 0.002),
    lever=(0.1, 0.5, 0.7),
    accel_bias=(0.01, 0.0, -0.02),
    drift=0.005,
    tone=HEARD,
    echo=echo(),
)


def test_a_profile_survives_json() -> None:
    values = json.loads(json.dumps(plain(PROFILE)))
    assert profile_of(values, "there") == PROFILE
    assert profile_of({}, "there") == Profile()
    deaf = plain(replace(PROFILE, tone=None, echo=None))
    assert not {"tone", "echo"} & set(deaf)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"colour": 1}, "colour"),
        ({"lever": [1, 2]}, "lever"),
        ({"noise": {"gyro": "much"}}, "noise.gyro"),
        ({"tone": {"circumference": -1}}, "tone"),
        ({"echo": {"wheelbase": 2.7, "knots": [2, 1]}}, "echo"),
        ([], "profile"),
    ],
)
def test_what_is_no_profile_is_refused_in_a_line(values: object, said: str) -> None:
    with pytest.raises(InputError, match=f"^file: {said}") as caught:
        profile_of(values, "file")
    assert "\n" not in str(caught.value)


def test_the_start_is_what_the_profile_knows() -> None:
    rotation = np.asarray(so3_exp(np.array((0.0, 0.0, 1.0))))
    state, spread = PROFILE.start(rotation, np.array((3.0, 4.0, 0.0)))
    np.testing.assert_array_equal(state.rotation, rotation)
    np.testing.assert_array_equal(state.position, np.zeros(3))
    np.testing.assert_allclose(state.mount, so3_exp(np.array(PROFILE.mount)))
    np.testing.assert_array_equal(state.lever, PROFILE.lever)
    np.testing.assert_array_equal(state.accel_bias, PROFILE.accel_bias)
    deviations = np.sqrt(np.diag(spread.matrix))
    assert deviations.shape == (SIZE,)
    assert deviations[0] == pytest.approx(0.01)
    assert deviations[-1] == pytest.approx(0.2)
    assert deviations[2] == 0  # the heading and the place are the frame's own
