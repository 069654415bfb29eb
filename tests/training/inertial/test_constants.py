from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from robot.echo import Echo
from robot.engine import pack
from robot.lie import so3_exp
from robot.profile import Deviations, Profile
from robot.tone import Tone
from training.inertial.constants import Constants
from training.inertial.filter import densities

FIRST = Profile(
    deviations=Deviations(tilt=0.01, velocity=0.2),
    mount=(0.01, -0.02, 0.03),
    lever=(0.1, 0.5, 0.7),
    accel_bias=(0.01, 0.0, -0.02),
    drift=0.004,
    tone=Tone(1.9),
    echo=Echo(2.7),
)


def constants() -> Constants:
    return Constants(FIRST, dtype="float64")


def test_untrained_they_are_the_first_profile() -> None:
    found = constants().profile()
    assert found.tone == FIRST.tone
    assert found.echo == FIRST.echo
    for name in ("mount", "lever", "accel_bias", "drift"):
        assert getattr(found, name) == pytest.approx(getattr(FIRST, name))
    assert found.noise.slip == pytest.approx(FIRST.noise.slip)
    assert densities(found.noise) == pytest.approx(densities(FIRST.noise))
    assert vars(found.deviations) == pytest.approx(vars(FIRST.deviations))


def test_the_start_is_the_profiles() -> None:
    rotation = np.asarray(so3_exp(np.array((0.1, -0.2, 1.0))))
    velocity = np.array((3.0, 4.0, 0.1))
    state, spread = FIRST.start(rotation, velocity)
    given = np.concatenate((rotation.ravel(), velocity, np.zeros(3)))
    x0, p0 = constants().start(ops.convert_to_tensor(np.stack((given, given))))
    np.testing.assert_allclose(ops.convert_to_numpy(x0)[1], pack(state), atol=1e-14)
    np.testing.assert_allclose(ops.convert_to_numpy(p0)[1], spread.matrix, atol=1e-16)


def test_what_is_learned_is_in_the_profile_and_in_the_start() -> None:
    layer = constants()
    rng = np.random.default_rng(0)
    layer.set_weights([0.1 * rng.normal(size=w.shape) for w in layer.get_weights()])
    learned = layer.profile()
    assert learned != FIRST
    again = Constants(learned, dtype="float64")
    given = ops.convert_to_tensor(
        np.concatenate((np.eye(3).ravel(), np.ones(3), np.zeros(3)))[None]
    )
    for ours, others in zip(layer.start(given), again.start(given), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(ours), ops.convert_to_numpy(others))
    for ours, others in zip(layer.noise(), again.noise(), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(ours), ops.convert_to_numpy(others))
    assert float(layer.drift()) == pytest.approx(learned.drift)


def test_deviations_and_noise_stay_positive() -> None:
    layer = constants()
    layer.set_weights([np.full(w.shape, -3.0) for w in layer.get_weights()])
    learned = layer.profile()
    assert min(vars(learned.deviations).values()) > 0
    assert min(*densities(learned.noise), *learned.noise.slip) > 0
