"""Simulated drives: the filter's own step follows them, and a vehicle could have driven them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InputError
from robot.filter import propagate_state
from robot.lie import Array
from robot.measurements import no_slip
from robot.simulation.imu_errors import PERFECT
from robot.simulation.road import RoadKind
from robot.simulation.simulate import KINDS, Kind, Simulation, simulate
from robot.simulation.vibration import Vibration, shake


def body_velocity(made: Simulation) -> Array:
    """Of the point that the lever starts from, in the body's axes, [N, 3]."""
    lever_turns = np.cross(made.gyro, made.lever)
    turned = np.swapaxes(made.recording.truth.rotations, 1, 2)
    sensor = (turned @ made.recording.velocities[:, :, None])[:, :, 0] - lever_turns
    return np.asarray(sensor @ made.mount)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=4)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_perfect_imu_leads_the_filters_step_along_the_true_path(kind: str, seed: int) -> None:
    made = simulate(kind, seconds=15.0, still=1.0, grade="perfect", seed=seed)
    recording, state = made.recording, made.state()
    steps = np.diff(recording.times)
    for gyro, accel, dt in zip(made.gyro[1:], made.accel[1:], steps, strict=True):
        state = propagate_state(state, gyro, accel, float(dt))
    truth = made.state(-1)
    assert np.linalg.norm(state.position - truth.position) < 1e-9
    assert np.linalg.norm(state.velocity - truth.velocity) < 1e-10
    np.testing.assert_allclose(state.rotation, truth.rotation, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_drive_is_one_that_a_vehicle_could_have_made(kind: str) -> None:
    made = simulate(kind, seconds=300.0, still=5.0, grade="perfect", seed=3)
    road, recording = KINDS[kind].road, made.recording
    speeds = recording.speeds
    assert speeds.max() < 1.1 * road.cruise[1]
    assert speeds.max() > road.cruise[0]
    moved = body_velocity(made)
    assert moved[:, 0].min() > -1e-3  # it never rolls backwards
    pace = np.gradient(moved[:, 0], recording.times)
    assert pace.max() < 1.3 * road.accel
    assert pace.min() > -1.3 * road.brake
    assert np.abs(made.gyro[:, 2] * speeds).max() < 1.6 * road.lateral
    assert np.abs(np.cumsum(made.gyro[:, 2])).max() / 100 > 0.3  # rad


def test_on_a_smooth_road_nothing_jumps() -> None:
    town = KINDS["urban"]
    smooth = replace(town.vehicle, roughness=0.0)
    made = simulate(Kind(town.road, smooth), seconds=300.0, still=5.0)
    assert np.abs(np.diff(made.accel, axis=0)).max() < 0.2
    assert np.abs(np.diff(made.gyro, axis=0)).max() < 0.01


def test_it_stands_still_first_as_long_as_asked() -> None:
    made = simulate("urban", seconds=30.0, still=8.0, grade="perfect", seed=1)
    resting = made.recording.times < 8.0
    assert made.recording.speeds[resting].max() < 1e-12
    assert np.abs(made.gyro[resting]).max() < 1e-9
    np.testing.assert_allclose(np.linalg.norm(made.accel[resting], axis=1), 9.80655, rtol=1e-9)
    assert made.recording.speeds[-1] > 1.0


def test_without_a_wait_it_moves_already() -> None:
    made = simulate("highway", seconds=5.0, still=0.0, seed=1)
    assert made.recording.speeds[0] > 20.0


def test_a_town_has_stops_and_a_highway_none() -> None:
    def at_rest(kind: str) -> float:
        return float((simulate(kind, seconds=400.0, still=0.0).recording.speeds < 1e-3).mean())

    assert at_rest("urban") > 0.05
    assert at_rest("highway") == 0.0


def test_slip_is_told_as_the_filter_would_see_it() -> None:
    made = simulate("country", seconds=120.0, seed=2)
    np.testing.assert_allclose(made.slip, body_velocity(made)[:, 1:], atol=1e-9)
    row = int(np.abs(made.slip[:, 0]).argmax())
    state = replace(made.state(row), gyro_bias=np.zeros(3))
    seen = no_slip(state, made.gyro[row], (1.0, 1.0))
    np.testing.assert_allclose(-seen.residual, made.slip[row], atol=1e-9)


def test_the_rear_slips_out_of_a_curve_and_the_body_leans_out_of_it() -> None:
    made = simulate("country", seconds=200.0, seed=4, grade="perfect")
    sideways = made.gyro[:, 2] * made.recording.speeds  # to the left
    curves = np.abs(sideways) > 1.0
    assert curves.sum() > 500
    assert np.corrcoef(sideways[curves], made.slip[curves, 0])[0, 1] < -0.8
    attitudes = made.recording.truth.rotations @ made.mount
    left_side_up = attitudes[:, 2, 1]
    assert np.corrcoef(sideways[curves], left_side_up[curves])[0, 1] > 0.8


def test_a_stiff_vehicle_on_a_smooth_road_does_not_slip() -> None:
    stiff = replace(KINDS["urban"].vehicle, slip=0.0, pitch=0.0, roughness=0.0)
    made = simulate(Kind(KINDS["urban"].road, stiff), seconds=60.0, seed=5)
    assert np.abs(made.slip).max() < 1e-12


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(sorted(KINDS)))
def test_a_seed_makes_one_drive_whatever_the_imu(seed: int, kind: str) -> None:
    one, same = (simulate(kind, seconds=5.0, still=1.0, seed=seed) for _ in range(2))
    cheap = simulate(kind, seconds=5.0, still=1.0, seed=seed, grade="cheap", vibrating=False)
    other = simulate(kind, seconds=5.0, still=1.0, seed=seed + 1)
    np.testing.assert_array_equal(one.recording.gyro, same.recording.gyro)
    np.testing.assert_array_equal(one.recording.accel, same.recording.accel)
    np.testing.assert_array_equal(one.recording.truth.positions, cheap.recording.truth.positions)
    assert not np.array_equal(one.recording.truth.positions, other.recording.truth.positions)
    assert np.isfinite(np.hstack((cheap.recording.gyro, cheap.recording.accel))).all()


@pytest.mark.parametrize("rate", [20.0, 120.0, 333.0])
def test_any_rate(rate: float) -> None:
    made = simulate("rc-car", seconds=4.0, still=1.0, rate=rate)
    np.testing.assert_allclose(np.diff(made.recording.times), 1 / rate)
    assert len(made.recording.times) == round(5.0 * rate) + 1


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"kind": "boat"}, "kind of drive boat: not one of urban"),
        ({"grade": "gold"}, "grade of IMU gold: not one of perfect"),
        ({"seconds": -1.0}, "-1.0 s at 100.0 Hz"),
        ({"still": -2.0}, "-2.0 s at rest"),
        ({"rate": 0.0}, "0.0 Hz"),
        ({"seconds": float("nan")}, "nan s"),
    ],
)
def test_a_wrong_wish_is_told_in_one_line(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(InputError) as caught:
        simulate(**wrong)  # type: ignore[arg-type]
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_vibration_grows_with_speed_and_leads_nowhere() -> None:
    times = np.arange(6000) / 100
    speeds = np.repeat((0.0, 10.0, 20.0), 2000)
    rough = Vibration(road=0.5, turning=0.02)
    rates, forces = shake(times, speeds, rough, np.random.default_rng(0))
    rest, slow, fast = (forces[i : i + 2000, 2].std() for i in (0, 2000, 4000))
    assert rest == 0.0
    assert slow == pytest.approx(0.5, rel=0.1)
    assert fast == pytest.approx(0.5 * 2**0.5, rel=0.1)
    drift = np.cumsum(forces - forces.mean(axis=0), axis=0) / 100
    assert np.abs(drift).max() < 0.1  # m/s
    assert rates[2000:4000, 1].std() == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize(
    ("vibration", "frequency"),
    [
        (Vibration(wheel=0.1, radius=0.3), 10.0 / (2 * np.pi * 0.3)),
        (Vibration(engine=0.1, idle=11.0, first_gear=10.0), 11.0),
        (Vibration(engine=0.1, idle=11.0, first_gear=10 / 1.5), 16.5),
    ],
    ids=["wheel", "idling engine", "engine"],
)
def test_tones_are_where_they_belong(vibration: Vibration, frequency: float) -> None:
    times = np.arange(4000) / 100
    _, forces = shake(times, np.full(4000, 10.0), vibration, np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(forces[:, 2]))
    assert np.fft.rfftfreq(4000, 0.01)[spectrum.argmax()] == pytest.approx(frequency, abs=0.03)
    assert forces[:, 2].max() == pytest.approx(0.1, rel=0.01)


def test_a_kind_of_ones_own() -> None:
    road = RoadKind((2.0, 3.0), 0.5, 0.5, 0.5, (5, 10), (5, 9), (1.0, 2.0), easing=2.0)
    made = simulate(Kind(road, KINDS["rc-car"].vehicle), seconds=40.0, grade=PERFECT)
    assert 1.0 < made.recording.speeds.max() < 3.2
