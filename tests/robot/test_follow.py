"""Logs followed with all that a replay shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from robot.follow import Overheard, follow
from robot.lie import Array
from robot.localizer import Localizer
from robot.noise import Advice, ConstantNoise, Memory
from robot.pose import Options, Pose
from robot.state import Noise
from robot.track import track
from tests.robot.logs import log

NUMPY = Options(engine="numpy")


class Nervous:
    """Three neurons in two layers, of which one more spikes with each step, over and over."""

    def __init__(self) -> None:
        self.shown: dict[str, NDArray[Any]] = {}
        self._steps = 0

    def start(self) -> Memory:
        return {}

    def step(self, memory: Memory, sample: Array, dt: float) -> tuple[Memory, Advice]:
        on = self._steps % 4
        row = (np.arange(3) < on).astype(np.float32)
        self.shown = {"slip": np.ones((1, 2)), "spikes_0": row[None, :2], "spikes_1": row[None, 2:]}
        self._steps += 1
        return memory, Advice(Noise(slip=(1.0 + on, 2.0)))


def test_it_is_the_track_of_the_log() -> None:
    known = log()
    overheard = Overheard(ConstantNoise())
    poses: list[Pose] = []
    rows, count = known.rows()
    done = follow(rows, Localizer(NUMPY, overheard), overheard, on_pose=poses.append)
    expected = track(known.times, known.gyro, known.accel, options=NUMPY)
    np.testing.assert_array_equal(done.track.packed, expected.packed)
    np.testing.assert_array_equal(done.track.deviations, expected.deviations)
    np.testing.assert_array_equal(done.track.health, expected.health)
    np.testing.assert_array_equal(done.track.trajectory.rotations, expected.trajectory.rotations)
    assert len(poses) == done.tally.samples == count
    assert done.spikes is None
    np.testing.assert_array_equal(np.unique(done.slip[-100:], axis=0), [[1.0, 10.0]])


def test_what_the_network_says_is_kept_sample_by_sample() -> None:
    overheard = Overheard(Nervous())
    done = follow(list(log().rows()[0])[:80], Localizer(NUMPY, overheard), overheard)
    assert done.spikes is not None
    # Before the start is made nothing is asked; then all that waited, of which the last is kept.
    aligning = int(np.isnan(done.slip).any(axis=1).sum())
    assert 0 < aligning < 80
    assert not done.spikes[:aligning].any()
    on = np.arange(aligning, 80) % 4
    np.testing.assert_array_equal(done.spikes[aligning:], np.arange(3) < on[:, None])
    np.testing.assert_array_equal(done.slip[aligning:, 0], 1.0 + on)


@pytest.mark.parametrize("model", [ConstantNoise(), Nervous()])
def test_listening_changes_nothing(model: Any) -> None:
    overheard = Overheard(model)
    assert overheard.start() == {}
    memory, advice = overheard.step({}, np.zeros(6), 0.01)
    assert memory == {}
    assert advice is overheard.advice
