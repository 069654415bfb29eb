"""The start of a moving body, fitted to what came after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from robot.engine import make_step, numba_is_there, pack, unpack
from robot.filter import World
from robot.health import Health
from robot.lie import Array
from robot.localizer import Localizer
from robot.measurements import no_slip, position
from robot.noise import ConstantNoise
from robot.pose import Options, Pose
from robot.start import RESTART, SLIP, Restart, Start, misfit
from robot.state import GRAVITY, SIZE, Covariance, Noise, State
from tests.robot.simulated import Drive, drive

GYRO_BIAS, ACCEL_BIAS = np.array((0.05, -0.05, 0.05)), np.array((1.0, -1.0, 1.0))
SPREAD = Covariance.of_deviations(
    gyro_bias=0.05, accel_bias=1.0, mount=0.05, lever=0.5, velocity=(0.1, 0.1, 0.1)
)
NOISE = Noise(gyro=1e-4, accel=1e-3, slip=(0.005, 0.005))
QUICK = Restart(at=(1.0, 2.0, 4.0, 8.0, 16.0), turning=0.0)
NUMPY = Options(engine="numpy", still=None, restart=QUICK)


@pytest.fixture(scope="module")
def made() -> Drive:
    """20 s that begin in motion, of an IMU with large biases."""
    whole = drive(26.0, 50.0).with_errors(
        Noise(gyro=1e-4, accel=1e-3), gyro_bias=GYRO_BIAS, accel_bias=ACCEL_BIAS
    )
    return Drive(*(part[300:] for part in vars(whole).values()))


def ignorant(truth: State) -> State:
    """A true pose and speed, with nothing known of the IMU."""
    zero = np.zeros(3)
    return replace(truth, gyro_bias=zero, accel_bias=zero, mount=np.eye(3), lever=zero)


def blocks_of(made: Drive, count: int) -> Array:
    step = made.times[1] - made.times[0]
    rows = np.hstack((made.gyro, made.accel, np.full((len(made.times), 1), step)))
    return np.hstack((rows, np.full((len(rows), 2), 3.0)))[1 : count + 1]


def followed(made: Drive, options: Options) -> list[Pose]:
    localizer = Localizer(options, ConstantNoise(NOISE), (ignorant(made.truth[0]), SPREAD))
    rows = zip(made.times.tolist(), made.gyro, made.accel, strict=True)
    return [localizer.push(*row) for row in rows]


@pytest.fixture(scope="module")
def poses(made: Drive) -> list[Pose]:
    return followed(made, NUMPY)


def off(pose: Pose, truth: State) -> float:
    return float(np.linalg.norm(pose.position - truth.position))


def test_the_true_start_fits_and_the_misfit_is_that_of_the_filters_residuals(made: Drive) -> None:
    root = np.eye(SIZE)
    blocks = blocks_of(made, 200)
    cost, slope, _ = misfit(pack(made.truth[0]), blocks, root, GRAVITY, 0.0)
    state = ignorant(made.truth[0])
    wrong, steeper, _ = misfit(pack(state), blocks, root, GRAVITY, 0.01)
    assert cost < 1e-3 * wrong
    assert np.linalg.norm(slope) < 0.1 * np.linalg.norm(steeper)
    step = make_step("numpy", World(), None)
    x, total = pack(state), 0.0
    for row in blocks:
        x, _, _ = step(x, SPREAD.matrix, row[:6], row[6], NOISE, slip=False)
        residual = no_slip(unpack(x), row[:3], (1.0, 1.0), 0.01).residual
        total += float(residual @ (row[SLIP] * residual))
    assert wrong == pytest.approx(total, rel=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_slope_and_curve_are_those_of_the_misfit(seed: int) -> None:
    """Against differences; the curve is Gauss and Newton's, exact where the misfit is none."""
    made = drive(2.0, 50.0)
    root = np.ascontiguousarray(np.diag(SPREAD.deviations + 1e-3))
    blocks, direction = blocks_of(made, 60), np.random.default_rng(seed).normal(size=SIZE)

    def at(z: Array) -> tuple[float, Array, Array]:
        return misfit(pack(made.truth[0].moved(root @ z)), blocks, root, GRAVITY, 0.0)

    h = 1e-3
    ahead, behind = at(h * direction)[0], at(-h * direction)[0]
    curve = at(np.zeros(SIZE))[2]
    assert (ahead + behind) / 2 / h**2 == pytest.approx(direction @ curve @ direction, rel=0.03)
    # Along rotations the error is that of a moved state: exact only at the state itself.
    straight = direction.copy()
    straight[:9] = 0.0
    place = 0.3 * straight
    slope = at(place)[1]
    difference = (at(place + h * straight)[0] - at(place - h * straight)[0]) / 2 / h
    assert -2 * float(slope @ straight) == pytest.approx(difference, rel=0.05)


def test_it_finds_large_biases_on_the_move(made: Drive, poses: list[Pose]) -> None:
    state, truth = poses[-1].state, made.truth[-1]
    np.testing.assert_allclose(state.gyro_bias, GYRO_BIAS, atol=5e-3)
    np.testing.assert_allclose(state.accel_bias, ACCEL_BIAS, atol=0.1)
    metres = made.trajectory.distances[-1]
    assert off(poses[-1], truth) < 0.03 * metres
    assert off(followed(made, replace(NUMPY, restart=None))[-1], truth) > 0.15 * metres


def test_it_says_when_the_pose_may_have_jumped(poses: list[Pose]) -> None:
    refitted = [i for i, pose in enumerate(poses) if Health.REFITTED in pose.health]
    assert refitted == [50, 100, 200, 400, 800]


def test_a_known_imu_starts_once(made: Drive) -> None:
    known = Covariance.of_deviations(gyro_bias=1e-4)
    assert Start.begun(RESTART, made.truth[0], known) is None
    assert Start.begun(Restart(at=()), made.truth[0], SPREAD) is None
    assert Start.begun(RESTART, made.truth[0], SPREAD) is not None


def test_at_rest_there_is_nothing_to_fit() -> None:
    rest = drive(0.0, 50.0, still=9.0).with_errors(gyro_bias=GYRO_BIAS, accel_bias=0.1)
    options = Options(engine="numpy", restart=QUICK)
    poses = followed(rest, options)
    assert not any(Health.REFITTED in pose.health for pose in poses)
    np.testing.assert_allclose(poses[-1].state.gyro_bias, GYRO_BIAS, atol=1e-3)


def test_after_a_fix_the_start_is_left_alone(made: Drive) -> None:
    localizer = Localizer(NUMPY, ConstantNoise(NOISE), (ignorant(made.truth[0]), SPREAD))
    found = Health.OK
    for i, row in enumerate(zip(made.times.tolist(), made.gyro, made.accel, strict=True)):
        found |= localizer.push(*row).health
        if i == 20:
            place = made.truth[i].position
            assert localizer.fix(position(localizer.state, place, (1.0,))).accepted
    assert Health.REFITTED not in found


def test_killed_during_its_start_it_goes_on_bit_for_bit(made: Drive, poses: list[Pose]) -> None:
    first = Localizer(NUMPY, ConstantNoise(NOISE), (ignorant(made.truth[0]), SPREAD))
    second = Localizer(NUMPY, ConstantNoise(NOISE))
    rows = list(zip(made.times.tolist(), made.gyro, made.accel, strict=True))
    for row in rows[:130]:
        first.push(*row)
    second.restore(first.save())
    for row, pose in zip(rows[130:420], poses[130:420], strict=True):
        again = second.push(*row)
        np.testing.assert_array_equal(again.packed, pose.packed)
        np.testing.assert_array_equal(again.covariance.matrix, pose.covariance.matrix)
        assert again.health == pose.health


@pytest.mark.skipif(not numba_is_there(), reason="needs numba")
def test_compiled_it_says_the_same(made: Drive) -> None:
    from robot.engine import compiled

    root = np.ascontiguousarray(np.diag(SPREAD.deviations))
    given: tuple[Any, ...] = (pack(made.truth[0]), blocks_of(made, 300), root, GRAVITY, 0.004)
    plain, fast = misfit(*given), compiled("numba", misfit)(*given)
    assert fast[0] == pytest.approx(plain[0], rel=1e-9)
    np.testing.assert_allclose(fast[1], plain[1], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(fast[2], plain[2], rtol=1e-9, atol=1e-9)
