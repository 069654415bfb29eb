from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from keras import ops

from robot.pose import Options
from robot.profile import Profile
from robot.state import KITTI_NOISE
from tests.training.inertial.test_windows import recording
from training.inertial.evaluate import Foretold, follow, outputs
from training.inertial.networks import CONFIGS, Network


def test_foretold_rows_come_in_turn_and_resume() -> None:
    slip = np.array(((1.0, 2.0), (3.0, 4.0), (5.0, 6.0)))
    model = Foretold(KITTI_NOISE, slip)
    memory, told = model.start(), []
    for _ in range(3):
        memory, advice = model.step(memory, np.zeros(6), 0.01)
        told.append(advice.noise.slip)
        assert advice.noise.gyro == KITTI_NOISE.gyro
    assert told == [(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)]


def test_outputs_of_a_log_are_those_of_one_run() -> None:
    """Chunks, of which the log is no multiple, carry the state on."""
    network = Network(replace(CONFIGS["snn"], hidden=(8, 8)), dtype="float64")
    rng = np.random.default_rng(0)
    network.set_weights([w + 0.3 * rng.normal(size=w.shape) for w in network.get_weights()])
    r = recording(23.0)
    samples = np.hstack((r.gyro, r.accel))[None]
    whole, _ = network.run(ops.convert_to_tensor(samples))
    said = outputs(network, r)
    assert len(said["slip"]) == len(r.times)
    np.testing.assert_allclose(said["slip"], ops.convert_to_numpy(whole["slip"])[0], rtol=1e-9)
    assert said["slip"].std(axis=0).min() > 0


def test_a_network_that_says_the_constants_is_the_constants() -> None:
    r = recording(20.0)
    network = Network(replace(CONFIGS["constant"], base=KITTI_NOISE.slip), dtype="float64")
    options = Profile().options(Options(still=None, engine="numpy"))
    (ours, error), (theirs, _) = (follow(r, Profile(), n, options) for n in (network, None))
    np.testing.assert_allclose(ours.packed, theirs.packed, atol=1e-9)
    assert error.metres == pytest.approx(r.truth.distances[-1], rel=0.01)
