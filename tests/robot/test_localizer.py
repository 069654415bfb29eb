"""The localizer: from samples to poses, through starts, stand-stills, faults and restarts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.align import Prior
from robot.engine import numba_is_there
from robot.health import Health
from robot.lie import Array
from robot.localizer import Localizer
from robot.measurements import position
from robot.noise import Advice, ConstantNoise, Memory
from robot.pose import Options, Pose
from robot.state import Covariance, Noise, State
from tests.robot.simulated import Drive, drive

NUMPY = Options(engine="numpy", prior=Prior(mount_sigma=0.05, lever_sigma=0.5))
CHEAP = Noise(gyro=1e-3, accel=1e-2, slip=(0.01, 0.01))


def pushed(localizer: Localizer, made: Drive, rows: slice = slice(None)) -> list[Pose]:
    return [
        localizer.push(t, g, a)
        for t, g, a in zip(
            made.times[rows].tolist(), made.gyro[rows], made.accel[rows], strict=True
        )
    ]


def started(made: Drive, options: Options = NUMPY, noise: Noise = CHEAP) -> Localizer:
    return Localizer(options, ConstantNoise(noise), (made.truth[0], Covariance.of_deviations()))


def off(pose: Pose, truth: State) -> float:
    return float(np.linalg.norm(pose.position - truth.position))


@pytest.fixture(scope="module")
def made() -> Drive:
    """3 s at rest and 20 s on the road, of a cheap IMU with large biases."""
    return drive(20.0, 50.0, still=3.0).with_errors(
        CHEAP, gyro_bias=np.array((0.02, -0.015, 0.02)), accel_bias=0.1, seed=3
    )


def test_it_finds_its_way_from_a_standstill(made: Drive) -> None:
    truth = made.truth
    heading = math.atan2(*(truth[0].rotation @ truth[0].mount[:, 0])[1::-1])
    prior = replace(NUMPY.prior, heading=heading, position=tuple(truth[0].position.tolist()))
    localizer = Localizer(replace(NUMPY, prior=prior), ConstantNoise(CHEAP))
    assert not localizer.aligned
    poses = pushed(localizer, made)
    assert localizer.aligned
    flags = [p.health for p in poses]
    assert set(flags[:50]) == {Health.ALIGNING}
    assert set(flags[51:]) == {Health.OK}
    assert off(poses[149], truth[149]) < 0.05
    np.testing.assert_allclose(poses[149].state.gyro_bias, truth[0].gyro_bias, atol=2e-3)
    metres = made.trajectory.distances[-1]
    assert off(poses[-1], truth[-1]) < 0.08 * metres
    spread = poses[-1].covariance.world(poses[-1].state).deviations[6:8]
    assert 0.1 < np.linalg.norm(spread) < 0.2 * metres


def test_it_starts_on_the_move() -> None:
    whole = drive(40.0, 50.0).with_errors(CHEAP, gyro_bias=0.005, accel_bias=0.05)
    made = Drive(*(part[300:] for part in vars(whole).values()))
    first = made.truth[0]
    ahead = first.rotation @ first.mount[:, 0]
    prior = Prior(
        heading=math.atan2(ahead[1], ahead[0]),
        position=tuple(first.position.tolist()),
        speed=float(np.linalg.norm(first.velocity)),
        gyro_bias=0.005,
    )
    poses = pushed(Localizer(replace(NUMPY, prior=prior), ConstantNoise(CHEAP)), made)
    assert off(poses[-1], made.truth[-1]) < 0.15 * made.trajectory.distances[-1]


def test_standing_still_stops_the_drift() -> None:
    rest = drive(0.0, 50.0, still=20.0).with_errors(CHEAP, accel_bias=0.02)
    prior = replace(NUMPY.prior, position=tuple(rest.truth[0].position.tolist()))
    options = replace(NUMPY, prior=prior)  # limits for so much noise are learned at the start
    held = pushed(Localizer(options, ConstantNoise(CHEAP)), rest)[-1]
    loose = replace(options, still=None, slip=False)
    free = pushed(Localizer(loose, ConstantNoise(CHEAP)), rest)[-1]
    assert off(held, rest.truth[-1]) < 0.1
    assert off(free, rest.truth[-1]) > 1.0


def test_fixes_keep_it_in_place(made: Drive) -> None:
    localizer = started(made)
    for i, (t, g, a) in enumerate(zip(made.times.tolist(), made.gyro, made.accel, strict=True)):
        pose = localizer.push(t, g, a)
        if i % 50 == 49:
            said = localizer.fix(position(localizer.state, made.truth[i].position, (0.1,)), None)
            assert said.accepted
    assert off(pose, made.truth[-1]) < 2.0


def test_a_wild_fix_is_refused(made: Drive) -> None:
    localizer = started(made)
    pushed(localizer, made, slice(200))
    before = localizer.state.position.copy()
    said = localizer.fix(position(localizer.state, before + 1000.0, (1.0,)))
    assert not said.accepted
    np.testing.assert_array_equal(localizer.state.position, before)


class Shown(ConstantNoise):
    """A noise model that keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__(CHEAP)
        self.samples: list[Array] = []

    def step(self, memory: Memory, sample: Array, dt: float) -> tuple[Memory, Advice]:
        self.samples.append(sample)
        return super().step(memory, sample, dt)


def test_a_network_is_shown_no_biases_that_the_start_left_open(made: Drive) -> None:
    rest = slice(80, 140)
    alone, told = Shown(), Shown()
    pushed(Localizer(NUMPY, alone), made, slice(150))
    pushed(Localizer(NUMPY, told, (made.truth[0], Covariance.of_deviations())), made, slice(150))
    np.testing.assert_allclose(np.array(told.samples)[rest, :3], made.gyro[rest])
    shown = np.array(alone.samples)[rest, :3].mean(axis=0)
    assert np.abs(made.gyro[rest].mean(axis=0)).min() > 0.01
    assert np.abs(shown).max() < 2e-3


@pytest.mark.parametrize("alone", [False, True])
def test_killed_and_restarted_it_goes_on_bit_for_bit(made: Drive, alone: bool) -> None:
    def begun() -> Localizer:
        return Localizer(NUMPY, ConstantNoise(CHEAP)) if alone else started(made)

    whole = begun()
    before = pushed(whole, made, slice(600))
    first = begun()
    pushed(first, made, slice(400))
    saved = first.save()
    second = Localizer(NUMPY, ConstantNoise(CHEAP))
    second.restore({name: value.copy() for name, value in saved.items()})
    for a, b in zip(before[400:], pushed(second, made, slice(400, 600)), strict=True):
        np.testing.assert_array_equal(a.packed, b.packed)
        np.testing.assert_array_equal(a.covariance.matrix, b.covariance.matrix)
        assert a.health == b.health


def test_before_the_start_there_is_nothing_to_save() -> None:
    with pytest.raises(ValueError, match="nothing to save before the start"):
        Localizer(NUMPY).save()


def test_a_sample_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="3 rates and 3 forces, not 5 numbers"):
        Localizer(NUMPY).push(0.0, [0, 0], [0, 0, 9.8])


def test_holes_jumps_and_stale_samples_are_told(made: Drive) -> None:
    localizer = started(made)
    pushed(localizer, made, slice(300))
    assert pushed(localizer, made, slice(299, 300))[0].health is Health.REPEATED
    late = pushed(localizer, made, slice(200, 201))[0]
    assert late.health is Health.LATE
    assert late.time == made.times[299]
    assert Health.FILLED in pushed(localizer, made, slice(310, 311))[0].health
    before = localizer.state
    assert localizer.push(1e6, made.gyro[311], made.accel[311]).health is Health.LATE
    jumped = localizer.push(1e6 + 0.02, made.gyro[311], made.accel[311])
    assert jumped.health is Health.TIME_JUMP
    np.testing.assert_array_equal(jumped.position, before.position)
    assert jumped.covariance.world(jumped.state).deviations[6] > 1e4
    assert localizer.push(1e6 + 0.04, made.gyro[312], made.accel[312]).health is Health.OK


def test_a_lone_stamp_gone_wrong_costs_little(made: Drive) -> None:
    localizer = started(made)
    for i, time in enumerate(made.times):
        pose = localizer.push(time + 5.0 * (i == 600), made.gyro[i], made.accel[i])
        assert Health.TIME_JUMP not in pose.health
    whole = pushed(started(made), made)[-1]
    assert off(pose, made.truth[-1]) < off(whole, made.truth[-1]) + 0.5


def test_a_filled_hole_costs_little(made: Drive) -> None:
    rows = [i for i in range(len(made.times)) if not 500 <= i < 520]
    localizer = started(made)
    for i in rows:
        pose = localizer.push(made.times[i], made.gyro[i], made.accel[i])
    whole = pushed(started(made), made)[-1]
    assert off(pose, made.truth[-1]) < off(whole, made.truth[-1]) + 5.0


def test_an_impossible_estimate_is_put_right(made: Drive) -> None:
    localizer = started(made, replace(NUMPY, slip=False))
    rng = np.random.default_rng(0)
    found = Health.OK
    for i in range(3000):
        pose = localizer.push(i / 100, rng.normal(size=3), [100.0, rng.normal(), 9.8])
        found |= pose.health
        assert np.linalg.norm(pose.velocity) < NUMPY.limits.speed
    assert Health.DIVERGED in found
    assert np.isfinite(pose.packed).all()


ANY = st.floats()
SENSOR = st.one_of(ANY, st.floats(-20, 20))


@given(st.lists(st.tuples(st.one_of(ANY, st.floats(0, 3)), *[SENSOR] * 6), max_size=30))
@settings(max_examples=25)
def test_whatever_is_pushed_no_pose_has_a_nan(rows: list[tuple[float, ...]]) -> None:
    for start in (None, (State.at_rest(), Covariance.of_deviations())):
        localizer = Localizer(replace(NUMPY, align=0.1), None, start)
        kept = False
        for time, *sample in rows:
            pose = localizer.push(time, sample[:3], sample[3:])
            kept = kept or math.isfinite(time)
            assert math.isfinite(pose.time) or not kept
            assert np.isfinite(pose.packed).all()
            matrix = pose.covariance.matrix
            assert np.isfinite(matrix).all()
            np.testing.assert_array_equal(matrix, matrix.T)
            rotation = pose.rotation
            assert np.abs(rotation.T @ rotation - np.eye(3)).max() < 1e-9


class Counting:
    """A model with a memory, which says that it stands still after ten samples."""

    def start(self) -> Memory:
        return {"count": np.zeros(1)}

    def step(self, memory: Memory, sample: Array, dt: float) -> tuple[Memory, Advice]:
        assert len(sample) == 6
        count = memory["count"] + 1.0
        return {"count": count}, Advice(CHEAP, 1.0 if count[0] > 10 else 0.0)


def test_a_model_sees_every_sample_and_its_word_counts(made: Drive) -> None:
    start = (State.at_rest(velocity=np.array((0.3, 0, 0))), Covariance.of_deviations())
    localizer = Localizer(NUMPY, Counting(), start)
    force = [0.0, 0.0, 9.80655]
    for i in range(200):
        pose = localizer.push(i / 100, [0.0] * 3, force)
    assert localizer.save()["model_count"][0] == 200
    assert np.linalg.norm(pose.velocity) < 0.05
    localizer.push(2.10, [0.0] * 3, force)  # a hole is filled for the model too
    assert localizer.save()["model_count"][0] == 211


@pytest.mark.slow
def test_many_samples_in_flat_memory() -> None:
    import tracemalloc

    made = drive(10.0, 100.0, still=1.0)
    localizer = Localizer(Options())
    rows = list(zip(made.gyro.tolist(), made.accel.tolist(), strict=True))
    used = 0
    tracemalloc.start()
    for i in range(300_000 if numba_is_there() else 50_000):
        gyro, accel = rows[i % len(rows)]
        pose = localizer.push(i / 100, gyro, accel)
        if i == 20_000:
            used = tracemalloc.get_traced_memory()[0]
    assert tracemalloc.get_traced_memory()[0] < used + 100_000
    tracemalloc.stop()
    matrix = pose.covariance.matrix
    np.testing.assert_array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix)[0] > -1e-12 * np.trace(matrix)
    assert np.abs(pose.rotation.T @ pose.rotation - np.eye(3)).max() < 1e-9
