"""KITTI at AI-IMU's constants: the baseline of every other figure, and injected faults."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from robot.engine import numba_is_there
from robot.health import Health
from robot.localizer import Localizer
from robot.metrics import Relative, length_weighted
from robot.pose import Options
from robot.recording import Recording
from robot.track import track
from tests.robot.kitti import follow
from training.inertial.kitti import SCORED, read_sequence

# t_rel in %: 3-D and, of the seven, horizontal; measured with another filter (papers.md, imu.md).
BASELINE = {
    **{"01": (2.11, 1.92), "04": (1.21, 0.56), "06": (1.66, 1.40), "07": (1.31, 0.81)},
    **{"08": (1.46, 1.12), "09": (1.47, 0.96), "10": (1.73, 1.49)},
    **{"00": (4.49, 4.23), "02": (3.53, 3.28), "05": (3.84, 3.48)},
}
SEGMENTS = {"01": 764, "04": 50, "06": 583, "07": 330, "08": 2932, "09": 998, "10": 486}
R_REL = {"01": 0.12, "04": 0.07, "06": 0.19, "07": 0.30, "08": 0.26, "09": 0.22, "10": 0.24}
FAST = Options(still=None, slip_gate=None, engine="numba" if numba_is_there() else "numpy")


@pytest.fixture(scope="module")
def shortest(bombus_data: Path) -> Recording:
    return read_sequence(bombus_data, "04")


def test_the_baseline_of_the_shortest_sequence(shortest: Recording) -> None:
    result, score = follow(shortest, Options(still=None, slip_gate=None, engine="numpy"))
    assert score.percent == pytest.approx(1.21, abs=0.02)
    assert 100 * score.horizontal == pytest.approx(0.56, abs=0.02)
    assert score.degrees_per_100_m == pytest.approx(0.07, abs=0.01)
    assert score.segments == 50
    assert {Health(h) for h in result.health.tolist()} == {Health.OK}


@cache
def baseline(data: Path, sequence: str) -> Relative:
    return follow(read_sequence(data, sequence), FAST)[1]


@pytest.mark.slow
@pytest.mark.parametrize("sequence", SCORED)
def test_the_baseline_of_every_sequence(bombus_data: Path, sequence: str) -> None:
    score = baseline(bombus_data, sequence)
    level, flat = BASELINE[sequence]
    assert score.percent == pytest.approx(level, abs=0.06)
    assert 100 * score.horizontal == pytest.approx(flat, abs=0.08)
    assert score.degrees_per_100_m == pytest.approx(R_REL[sequence], abs=0.01)
    assert score.segments == SEGMENTS[sequence]


@pytest.mark.slow
def test_the_length_weighted_baseline(bombus_data: Path) -> None:
    score = length_weighted(baseline(bombus_data, s) for s in SCORED)
    assert score.percent == pytest.approx(1.65, abs=0.03)
    assert 100 * score.horizontal == pytest.approx(1.31, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("sequence", ["00", "02", "05"])
def test_sequences_with_holes(bombus_data: Path, sequence: str) -> None:
    level, _ = BASELINE[sequence]
    assert baseline(bombus_data, sequence).percent == pytest.approx(level, abs=0.5)


# What is wrong: which of the six axes, the value put there, for how many samples.
FAULTS = {
    Health.NOT_FINITE: (1, math.nan, 20),
    Health.SATURATED: (4, 1e6, 20),
    Health.SPIKE: (1, 9.0, 2),
    Health.STUCK: (1, 0.01, 200),
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.name))
def test_a_fault_on_a_real_drive_is_told_and_survived(shortest: Recording, fault: Health) -> None:
    axis, value, count = FAULTS[fault]
    samples = np.hstack((shortest.gyro, shortest.accel))
    samples[1000 : 1000 + count, axis] = value
    spoiled = replace(shortest, gyro=samples[:, :3], accel=samples[:, 3:])
    result, score = follow(spoiled.at(slice(1500)), Options(engine="numpy"))
    assert np.isfinite(result.packed).all()
    assert result.had(fault) > 0
    assert result.had(Health.DIVERGED) == 0
    assert score.percent < 5.0


def test_a_first_step_of_half_a_day_on_a_real_drive(shortest: Recording) -> None:
    times = shortest.times[:300].copy()
    times[0] -= 46_534
    samples = (times, shortest.gyro[:300], shortest.accel[:300])
    options = Options(engine="numpy", align=0.5)
    result = track(*samples, options=options)
    assert len(result.packed) == 299  # a lone first sample goes
    assert result.had(Health.TIME_JUMP) == 0
    localizer = Localizer(options)  # a stream cannot know
    poses = [localizer.push(*sample) for sample in zip(*samples, strict=True)]
    assert [Health.TIME_JUMP in pose.health for pose in poses[:4]] == [False, False, True, False]
    result = track(*(part[2:] for part in samples), options=options)
    np.testing.assert_allclose(poses[-1].velocity, result.packed[-1, 9:12], atol=1e-6)
