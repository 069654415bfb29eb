"""Network and whole localizer as TFLite in single precision, beside the robot's own filter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.conversion.quantize import tflite
from export.conversion.served import saved_model
from export.localizer.adapter_step import adapter_step
from export.localizer.step import LEVELLED, localizer_step
from export.localizer.stream import Stream, run_stream
from export.localizer.ways import localize
from models.runtime import Runner, open_runner
from robot.align import level
from robot.lie import Array, skew
from robot.localizer import Localizer
from robot.pose import Options
from tests.export.runs import PROFILE, drive, network
from training.inertial.evaluate import Foretold

DRIVE = drive()
SAMPLES = np.hstack((DRIVE.gyro, DRIVE.accel))
DT = np.diff(DRIVE.times, prepend=DRIVE.times[0])[:, None]
START = {"rotation": DRIVE.truth.rotations[0], "velocity": DRIVE.velocities[0]}
POSE = ("next_position", "next_rotation", "next_velocity", "next_covariance", "slip")


def runner_of(stream: Stream) -> Runner:
    with saved_model(stream) as folder:
        runner = open_runner(tflite(folder, "f32", None), "tflite")
    names = {t.name: t.shape for t in (*stream.inputs, *stream.outputs)}
    assert {p.name: p.shape for p in (*runner.inputs, *runner.outputs)} == names
    return runner


@pytest.fixture(scope="module")
def single() -> Any:
    return network().in_float32()


@pytest.fixture(scope="module")
def adapter(single: Any) -> Runner:
    return runner_of(adapter_step(single))


@pytest.fixture(scope="module")
def whole(single: Any) -> Runner:
    return runner_of(localizer_step(single, PROFILE))


def go(whole: Runner, start: dict[str, Array], wanted: tuple[str, ...] = POSE) -> dict[str, Array]:
    return run_stream(whole, {"sample": SAMPLES, "dt": DT}, start, wanted)


@pytest.fixture(scope="module")
def way(whole: Runner) -> dict[str, Array]:
    return go(whole, START)


def one(whole: Runner, sample: Array, dt: float = 0.0, **start: Array) -> dict[str, Array]:
    """The answers to one sample, given states or zeros."""
    feeds = {p.name: np.zeros(p.shape, p.dtype) for p in whole.inputs}
    for name, value in {"sample": sample, "dt": np.array([dt]), **start}.items():
        feeds[name][0] = value
    return {name: value[0] for name, value in whole.run(feeds).items()}


def test_the_step_says_what_the_network_says(adapter: Runner, single: Any) -> None:
    state, count = single.start(), 100
    said = run_stream(adapter, {"sample": SAMPLES[:count]}, {}, ("slip", "spikes_0", "spikes_1"))
    for row in range(count):
        outputs, state = single.step(SAMPLES[row : row + 1].astype(np.float32), state)
        np.testing.assert_allclose(said["slip"][row], outputs["slip"][0], rtol=1e-4)
        assert np.array_equal(said["spikes_0"][row], outputs["spikes_0"][0])
    assert np.ptp(np.log10(said["slip"])) > 0.1
    assert said["spikes_0"].any()
    assert said["spikes_1"].any()


def test_both_say_the_same(adapter: Runner, way: dict[str, Array]) -> None:
    slip = run_stream(adapter, {"sample": SAMPLES}, {}, ("slip",))["slip"]
    np.testing.assert_allclose(way["slip"], slip, rtol=1e-4)
    assert np.ptp(np.log10(slip)) > 1


def test_it_goes_where_the_localizer_goes(way: dict[str, Array]) -> None:
    expected = localize(DRIVE, PROFILE, way["slip"])
    metres = expected.distances[-1]
    assert metres > 100
    assert np.abs(way["next_position"] - expected.positions).max() < 1e-5 * metres
    assert np.abs(way["next_rotation"] - expected.rotations).max() < 1e-5


def test_its_covariance_is_the_localizers_seen_from_the_imu(way: dict[str, Array]) -> None:
    options = Options(still=None, slip_gate=None, drift=PROFILE.drift, engine="numpy")
    start = PROFILE.start(START["rotation"], START["velocity"])
    localizer = Localizer(options, Foretold(PROFILE.noise, way["slip"]), start)
    count = 300
    for time, gyro, accel in zip(DRIVE.times[:count], DRIVE.gyro, DRIVE.accel, strict=False):
        pose = localizer.push(time, gyro, accel)
    shear = np.eye(21)
    shear[6:9, :3] = -skew(pose.position)
    expected = shear @ pose.covariance.matrix @ shear.T
    scale = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
    scale[2] = scale[:, 2] = 1e-6  # of the heading, which is known at first
    assert np.abs((way["next_covariance"][count - 1] - expected) / scale).max() < 1e-3


def test_its_covariance_stays_one(way: dict[str, Array]) -> None:
    for p in way["next_covariance"][:: len(DT) // 10]:
        deviations = np.sqrt(p.diagonal()) + 1e-9
        alike = p / np.outer(deviations, deviations)
        assert np.abs(alike - alike.T).max() < 1e-6
        assert np.linalg.eigvalsh(alike).min() > -1e-5


def test_how_far_away_the_origin_is_does_not_matter(whole: Runner, way: dict[str, Array]) -> None:
    place = np.array((3e5, -2e5, 4e3), np.float32)  # where numbers are 3 cm apart
    far = go(whole, START | {"position": place}, (*POSE, "next_position_rest"))
    for name in set(POSE) - {"next_position"}:
        assert np.array_equal(far[name], way[name])
    exact = far["next_position"] - far["next_position_rest"] - place
    assert np.abs(exact - way["next_position"]).max() < 1e-3


def test_the_first_call_gives_the_start_back(whole: Runner) -> None:
    extra = {"position": np.arange(3.0), "gyro_bias": np.array((0.01, 0.02, 0.03))}
    state, spread = PROFILE.start(START["rotation"], START["velocity"])
    first = one(whole, SAMPLES[0], 0.0, **START, **extra)
    for name in ("rotation", "velocity", "accel_bias", "mount", "lever"):
        np.testing.assert_allclose(first[f"next_{name}"], getattr(state, name), atol=1e-6)
    np.testing.assert_allclose(first["next_covariance"], spread.matrix, rtol=1e-6)
    for name, value in extra.items():
        np.testing.assert_allclose(first[f"next_{name}"], value, rtol=1e-6)
    other = one(whole, SAMPLES[0], -7.0, **START, **extra)
    assert all(np.array_equal(first[name], other[name]) for name in first)


@given(roll=st.floats(-3, 3), pitch=st.floats(-1.4, 1.4), force=st.floats(9.0, 11.0))
@settings(max_examples=30)
def test_an_attitude_not_given_is_levelled(
    whole: Runner, roll: float, pitch: float, force: float
) -> None:
    up = np.array((-np.sin(pitch), np.cos(pitch) * np.sin(roll), np.cos(pitch) * np.cos(roll)))
    first = one(whole, np.concatenate((np.zeros(3), force * up)))
    expected = level(up, 0.0, np.eye(3))
    np.testing.assert_allclose(first["next_rotation"], expected, atol=2e-5)
    _, spread = PROFILE.start(expected, np.zeros(3))
    more = np.diag(first["next_covariance"] - spread.matrix)
    np.testing.assert_allclose(more[:2], LEVELLED**2, rtol=1e-3)
    np.testing.assert_allclose(more[2:], 0, atol=1e-7)


def test_two_samples_of_one_time_do_no_harm(whole: Runner) -> None:
    first = one(whole, SAMPLES[0], **START)
    states = {name[5:]: value for name, value in first.items() if name.startswith("next_")}
    again = one(whole, SAMPLES[1], 0.0, **states)
    assert all(np.isfinite(value).all() for value in again.values())
    np.testing.assert_allclose(again["next_velocity"], states["velocity"], atol=1e-3)
