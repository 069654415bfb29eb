"""Cheaper IMUs emulated on a simulated drive: errors as asked for, and rest that joins on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.errors import InputError
from robot.filter import propagate_state
from robot.recording import Recording
from robot.simulation.imu_errors import PERFECT
from robot.simulation.simulate import simulate
from robot.simulation.vibration import Vibration
from robot.state import GRAVITY
from training.inertial.emulate import PRESETS, Emulation, emulate, preset, stand_still_first


@pytest.fixture(scope="module")
def moving() -> Recording:
    """A perfect recording that begins at speed."""
    made = simulate("country", seconds=30.0, still=0.0, grade="perfect", vibrating=False, seed=1)
    return made.recording


@pytest.mark.parametrize(
    ("name", "bias", "white"),
    [("biased", (0.02, 0.5), (1e-3, 1e-2)), ("white", (0, 0), (1e-2, 0.1))],
)
def test_the_presets_are_what_the_localizer_is_held_to(
    moving: Recording, name: str, bias: tuple[float, float], white: tuple[float, float]
) -> None:
    made = emulate(moving, Emulation(preset(name)), 0)
    off = (made.recording.gyro - moving.gyro, made.recording.accel - moving.accel)
    for added, told, mean, deviation in zip(
        off, (made.gyro_bias, made.accel_bias), bias, white, strict=True
    ):
        np.testing.assert_allclose(told, mean)
        np.testing.assert_allclose(added.mean(axis=0), mean, atol=5 * deviation / np.sqrt(3000))
        np.testing.assert_allclose(added.std(axis=0), deviation, rtol=0.06)
        assert abs(np.corrcoef(added[1:, 0], added[:-1, 0])[0, 1]) < 0.07
    np.testing.assert_array_equal(made.recording.truth.positions, moving.truth.positions)


def test_an_unknown_preset_is_told() -> None:
    with pytest.raises(InputError, match="emulation gold: not one of biased, white, perfect"):
        preset("gold")


@pytest.mark.parametrize("name", PRESETS)
def test_a_seed_spoils_the_same_way(moving: Recording, name: str) -> None:
    emulation = Emulation(preset(name), Vibration(road=0.3), mount=0.02, still=1.0)
    one, same, other = (emulate(moving, emulation, seed).recording for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.gyro, same.gyro)
    np.testing.assert_array_equal(one.accel, same.accel)
    assert not np.array_equal(one.gyro, other.gyro)


def test_rest_has_the_first_attitude_and_the_same_errors(moving: Recording) -> None:
    made = emulate(moving, Emulation(preset("biased"), still=10.0), 0)
    recording, resting = made.recording, 1000
    assert len(recording.times) == len(moving.times) + resting
    assert recording.times[0] == pytest.approx(-10.0)
    np.testing.assert_allclose(np.diff(recording.times), 0.01)
    assert not recording.velocities[:resting].any()
    up = GRAVITY * moving.truth.rotations[0][2]
    rest = (recording.gyro[:resting], recording.accel[:resting] - up)
    for shown, mean, deviation in zip(rest, (0.02, 0.5), (1e-3, 1e-2), strict=True):
        np.testing.assert_allclose(shown.mean(axis=0), mean, atol=5 * deviation / np.sqrt(1000))
        np.testing.assert_allclose(shown.std(axis=0), deviation, rtol=0.1)
    np.testing.assert_array_equal(
        recording.truth.positions[:resting], moving.truth.positions[:1].repeat(resting, axis=0)
    )
    assert recording.scored == slice(resting, resting + len(moving.times))


def test_a_launch_leads_from_rest_into_the_recording(moving: Recording) -> None:
    whole = stand_still_first(moving, 2.0, launch=2.5)
    front = len(whole.times) - len(moving.times)
    speed = moving.speeds[0]
    assert front == 200 + np.ceil(speed / 2.5 * 100)
    assert not whole.velocities[:200].any()
    state = whole.state()
    for row in range(1, front):
        state = propagate_state(state, whole.gyro[row], whole.accel[row], 0.01)
        np.testing.assert_allclose(state.velocity, whole.velocities[row], atol=1e-9)
        np.testing.assert_allclose(state.position, whole.truth.positions[row], atol=1e-9)
    np.testing.assert_allclose(state.velocity, moving.velocities[0], atol=1e-9)
    step = moving.truth.positions[0] - whole.truth.positions[front - 1]
    np.testing.assert_allclose(step, 0.01 * moving.velocities[0], atol=1e-9)


def test_no_rest_leaves_a_recording_as_it_is(moving: Recording) -> None:
    assert stand_still_first(moving, 0.0) is moving


def test_what_was_not_scored_stays_so(moving: Recording) -> None:
    late = moving.scored_from(float(moving.times[700]))
    whole = stand_still_first(late, 1.0)
    np.testing.assert_array_equal(whole.times[whole.scored], late.times[late.scored])


def test_a_turned_mount_turns_samples_and_truth_alike(moving: Recording) -> None:
    made = emulate(moving, Emulation(PERFECT, mount=0.1), 2).recording
    assert np.abs(made.accel - moving.accel).max() > 0.1
    state, true = replace(made.state(), position=np.zeros(3)), moving.truth.positions
    for row in range(1, 500):
        dt = float(made.times[row] - made.times[row - 1])
        state = propagate_state(state, made.gyro[row], made.accel[row], dt)
    np.testing.assert_allclose(state.position, true[499] - true[0], atol=1e-9)


def test_vibration_comes_with_speed(moving: Recording) -> None:
    emulation = Emulation(PERFECT, Vibration(road=0.4), still=5.0)
    made = emulate(moving, emulation, 0).recording
    still = stand_still_first(moving, 5.0)
    added = made.accel - still.accel
    assert not added[:500].any()
    assert added[600:, 2].std() > 0.4
