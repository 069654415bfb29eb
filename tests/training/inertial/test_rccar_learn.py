"""A car learned from runs that we made: what is found again, and the maths on its own."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robot.lie import Array, so3_exp
from robot.noise_file import Sensor
from robot.state import GYRO_BIAS, State
from training.inertial.rccar import Run
from training.inertial.rccar_learn import Car, Lesson, learn, lesson, locate, plain_way, shrunk

SPEED = 0.8
BIAS = np.array((0.012, -0.006, -0.004))


def made(seed: int, seconds: float = 30.0) -> Run:
    """A run that winds at 0.8 m/s from heading 0.5; a gyro with a bias near `BIAS`, and shakes."""
    rng = np.random.default_rng(seed)
    times = np.arange(0.0, seconds, 1 / 120)
    rate = 0.9 * np.sin(1.3 * times + rng.uniform(0, 6)) + 0.2 * np.sin(0.31 * times)
    yaw = 0.5 + np.concatenate((np.zeros(1), np.cumsum(rate[1:]) / 120))
    flow = SPEED * np.stack((np.cos(yaw), np.sin(yaw), np.zeros(len(times))), axis=1)
    steps = np.concatenate((np.array(((7.0, -3.0, 1.0),)), flow[1:] / 120))
    zero = np.zeros(len(times))
    gyro = np.stack((zero, zero, rate), axis=1) + BIAS + rng.normal(size=3) * 5e-4
    accel = np.stack((zero, SPEED * rate, zero + 9.80665), axis=1)
    return Run(
        f"run_{seed}",
        times,
        gyro + rng.normal(size=gyro.shape) * 5e-3,
        accel + rng.normal(size=accel.shape) * 0.3,
        times[::12],
        np.cumsum(steps, axis=0)[::12],
        *(0.0, 1.0, 0.5),
    )


@cache
def taught(seed: int) -> Lesson:
    return lesson(made(seed))


def test_a_run_with_places_shows_the_biases() -> None:
    found = taught(0)
    np.testing.assert_allclose(found.state.gyro_bias, BIAS, atol=2e-3)
    assert np.abs(found.state.lever).max() < 0.1
    assert found.state.mount[1, 2] == pytest.approx(0.0, abs=0.01)  # no roll
    assert found.begins == pytest.approx(SPEED, rel=0.05)
    assert found.speed == pytest.approx(SPEED, rel=0.02)


def test_a_car_finds_its_way_on_a_run_that_taught_it_nothing() -> None:
    car, run = learn([taught(seed) for seed in range(3)]), made(7)
    end = run.places_at(run.times[-1:])[0] - run.places[0]
    result = locate(car, run.times, run.gyro, run.accel, run.heading)
    assert np.linalg.norm(result.trajectory.positions[-1, :2] - end[:2]) < 0.05 * run.metres
    # Without what it was taught it is lost: the bias turns it by 7 degrees in 30 s.
    lost = replace(car, sensor=Sensor(car.sensor.noise), together=1e-12 * np.eye(3))
    straight = plain_way(lost, run.times, run.gyro, run.heading)[-1] - end[:2]
    assert np.linalg.norm(plain_way(car, run.times, run.gyro, run.heading)[-1] - end[:2]) < (
        np.linalg.norm(straight)
    )


def test_the_way_is_causal() -> None:
    car, run = learn([taught(seed) for seed in range(3)]), made(7)
    whole = locate(car, run.times, run.gyro, run.accel, run.heading)
    half = len(run.times) // 2
    part = locate(car, run.times[:half], run.gyro[:half], run.accel[:half], run.heading)
    np.testing.assert_array_equal(part.packed, whole.packed[:half])


def told(gyro_bias: Array, mount: Array, speed: float) -> Lesson:
    state = State.at_rest()
    mounted = np.asarray(so3_exp(mount))
    return Lesson(replace(state, gyro_bias=gyro_bias, mount=mounted), speed / 4, speed)


def test_a_car_is_the_median_of_its_lessons() -> None:
    wild = told(np.array((0.5, 0.5, 0.5)), np.zeros(3), 3.0)
    lessons = [
        told(np.array((0.01, 0.0, z)), np.array((0.0, 0.02, 0.01)), v)
        for z, v in ((-0.01, 0.7), (-0.02, 0.8))
    ]
    car = learn([*lessons, wild])
    assert car.sensor.gyro_bias == pytest.approx((0.01, 0.0, -0.01))
    assert car.profile.mount == pytest.approx((0.0, 0.02, 0.01))
    assert (car.speed, car.begins) == pytest.approx((0.8, 0.2))
    state, spread = car.start(np.array((0.0, 0.0, 9.8)), 1.0)
    np.testing.assert_array_equal(spread.matrix[GYRO_BIAS, GYRO_BIAS], car.together)
    np.testing.assert_array_equal(state.gyro_bias, np.zeros(3))
    ahead = state.rotation @ state.mount[:, 0]
    assert math.atan2(ahead[1], ahead[0]) == pytest.approx(1.0)
    np.testing.assert_allclose(state.velocity, 0.2 * np.array((math.cos(1), math.sin(1), 0)))


@given(arrays(np.float64, st.tuples(st.integers(2, 9), st.just(3)), elements=st.floats(-5, 5)))
def test_a_shrunk_covariance_is_one_of_the_same_size(apart: Array) -> None:
    found, sample = shrunk(apart), apart.T @ apart / len(apart)
    assert np.trace(found) == pytest.approx(np.trace(sample), abs=1e-12)
    lowest, highest = np.linalg.eigvalsh(found)[[0, -1]]
    before = np.linalg.eigvalsh(sample)
    assert before[0] - 1e-9 <= lowest <= highest <= before[-1] + 1e-9


def test_few_samples_are_shrunk_and_many_are_not() -> None:
    many = np.random.default_rng(0).normal(size=(20000, 3)) * (3.0, 1.0, 0.1)
    np.testing.assert_allclose(shrunk(many), many.T @ many / 20000, atol=0.01)
    one = np.array(((1.0, 0.0, 0.0),) * 2)
    assert 0 < shrunk(one)[1, 1] < shrunk(one)[0, 0]
    np.testing.assert_array_equal(shrunk(np.zeros((4, 3))), np.zeros((3, 3)))


@given(st.floats(-3, 3), st.floats(0.1, 2), st.floats(-0.05, 0.05))
def test_at_a_constant_speed_a_straight_way_is_straight(
    heading: float, speed: float, bias: float
) -> None:
    car = Car(Sensor(gyro_bias=(0, 0, bias)), learned().profile, np.eye(3), 0.1, speed)
    times = np.arange(0.0, 2.0, 0.1)
    way = plain_way(car, times, np.full((20, 3), bias), heading)
    expected = speed * times[-1] * np.array((math.cos(heading), math.sin(heading)))
    np.testing.assert_allclose(way[-1], expected, atol=1e-9)


@cache
def learned() -> Car:
    return learn([told(z * BIAS, np.zeros(3), 0.8) for z in (0.5, 1.0, 2.0)])
