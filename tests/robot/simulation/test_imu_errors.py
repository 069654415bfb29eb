"""IMU errors: noise has the densities asked for, biases are what is told, and all is repeatable."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from robot.calibration.allan import allan_curve
from robot.lie import Array
from robot.simulation.imu_errors import PERFECT, Grade, Measured, Triad, measure
from robot.simulation.imu_grades import GRADES
from robot.state import GRAVITY

RATE = 100.0


def at_rest(grade: Grade, seconds: float = 600.0, rate: float = RATE, seed: int = 0) -> Measured:
    times = np.arange(round(seconds * rate)) / rate
    force = np.tile((0.0, 0.0, GRAVITY), (len(times), 1))
    return measure(times, np.zeros_like(force), force, grade, np.random.default_rng(seed))


def deviations_at(signals: Array, taus: list[float], rate: float = RATE) -> Array:
    """Allan deviations [T, 3]."""
    curve = allan_curve(signals, 1 / rate)
    return np.stack([np.interp(taus, curve.taus, column) for column in curve.deviations.T], axis=1)


def test_a_perfect_imu_adds_nothing() -> None:
    shown = at_rest(PERFECT, 1.0)
    assert not shown.gyro.any()
    assert not shown.gyro_bias.any()
    assert not shown.accel_bias.any()
    np.testing.assert_array_equal(shown.accel[:, 2], GRAVITY)


@pytest.mark.parametrize("rate", [25.0, 100.0, 400.0])
def test_white_noise_has_its_density_at_every_rate(rate: float) -> None:
    grade = Grade(gyro=Triad(noise=1e-3), accel=Triad(noise=2e-2))
    shown = at_rest(grade, 40_000 / rate, rate)
    # The deviation of the mean over T is density / sqrt(T): Allan's curve falls as 1 / sqrt(tau).
    for tau in (4 / rate, 64 / rate):
        gyro = deviations_at(shown.gyro, [tau], rate)
        accel = deviations_at(shown.accel, [tau], rate)
        np.testing.assert_allclose(gyro, 1e-3 / math.sqrt(tau), rtol=0.12)
        np.testing.assert_allclose(accel, 2e-2 / math.sqrt(tau), rtol=0.12)
    np.testing.assert_allclose(shown.gyro.std(axis=0), 1e-3 * math.sqrt(rate), rtol=0.02)


def test_a_random_walk_grows_with_the_root_of_time() -> None:
    ends = np.array(
        [
            at_rest(Grade(gyro=Triad(walk=1e-3)), 25.0, 20.0, seed).gyro_bias[-1]
            for seed in range(80)
        ]
    )
    assert ends.std() == pytest.approx(1e-3 * math.sqrt(25.0), rel=0.15)


def test_a_wandering_bias_keeps_its_deviation_and_forgets_at_its_pace() -> None:
    memory = 2.0
    shown = at_rest(Grade(gyro=Triad(instability=0.5, wander=memory)), 4000.0, 20.0)
    bias = shown.gyro_bias
    np.testing.assert_allclose(bias.std(axis=0), 0.5, rtol=0.1)
    later = round(memory * 20.0)
    remembered = (bias[later:] * bias[:-later]).mean(axis=0) / bias.var(axis=0)
    np.testing.assert_allclose(remembered, math.exp(-1), atol=0.08)
    step = np.diff(bias, axis=0).std(axis=0)  # no seam between the blocks of the sum
    assert np.abs(np.diff(bias, axis=0)).max() < 6 * step.max()


def test_fixed_and_drawn_biases_are_shown_and_told() -> None:
    grade = Grade(gyro=Triad(offset=(0.01, 0.02, -0.03)), accel=Triad(turn_on=0.3))
    runs = [at_rest(grade, 0.1, seed=seed) for seed in range(200)]
    np.testing.assert_allclose(runs[0].gyro, [(0.01, 0.02, -0.03)] * 10, atol=1e-15)
    for run in runs[:5]:
        np.testing.assert_allclose(run.accel - (0, 0, GRAVITY), run.accel_bias, atol=1e-12)
    assert np.std([run.accel_bias[0] for run in runs]) == pytest.approx(0.3, rel=0.1)


def test_warming_drifts_as_an_exponential() -> None:
    grade = Grade(gyro=Triad(drift=1e-3), warming=20.0, warm_up=50.0)
    bias = at_rest(grade, 500.0, 2.0).gyro_bias
    assert not bias[0].any()
    np.testing.assert_allclose(bias[100] / bias[-1], 1 - math.exp(-1), rtol=1e-3)
    assert np.abs(bias[-1]).max() < 20e-3 * 4


def test_scale_and_misalignment_act_on_what_is_true() -> None:
    grade = Grade(accel=Triad(scale=0.02, misalignment=0.01))
    shown = np.array([at_rest(grade, 0.02, seed=seed).accel[0] for seed in range(400)])
    off = shown / GRAVITY - (0, 0, 1)
    np.testing.assert_allclose(off.std(axis=0), (0.01, 0.01, 0.02), rtol=0.12)


def test_quantization_and_saturation() -> None:
    grade = Grade(accel=Triad(noise=0.05, step=0.25, limit=9.75))
    shown = at_rest(grade, 10.0).accel
    assert shown.max() == 9.75
    np.testing.assert_allclose(shown / 0.25, np.rint(shown / 0.25))
    assert len(np.unique(shown[:, 0])) > 3


@pytest.mark.parametrize("name", GRADES)
def test_the_same_seed_gives_the_same_and_another_another(name: str) -> None:
    one, same, other = (at_rest(GRADES[name], 2.0, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.gyro, same.gyro)
    np.testing.assert_array_equal(one.accel, same.accel)
    assert np.array_equal(one.accel, other.accel) == (name == "perfect")


def test_leaving_out_one_error_leaves_the_others_as_they_were() -> None:
    whole = GRADES["cheap"]
    quiet = replace(whole, gyro=replace(whole.gyro, noise=0.0, step=0.0))
    one, other = at_rest(whole, 5.0), at_rest(quiet, 5.0)
    np.testing.assert_array_equal(one.gyro_bias, other.gyro_bias)
    np.testing.assert_array_equal(one.accel, other.accel)


def test_grades_go_from_good_to_bad() -> None:
    order = [GRADES[name] for name in ("perfect", "tactical", "automotive", "consumer", "cheap")]
    for kind in ("gyro", "accel"):
        triads = [getattr(grade, kind) for grade in order]
        for error in ("turn_on", "noise", "instability", "walk", "scale", "misalignment", "drift"):
            values = [getattr(triad, error) for triad in triads]
            assert values == sorted(values)
            assert values[1] > 0
