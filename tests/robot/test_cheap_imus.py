"""Cheap IMUs, emulated on KITTI: biases that the filter is not told of, and white noise.

Attitude and velocity of the first sample are given; after a standstill the vehicle gets to its
first speed at 2 m/s^2, which the IMU feels. Noise and slip were searched on other drives, and then
chosen with these in view: the figures are no forecast for a vehicle not seen.
`python -m pytest -m slow -s tests/robot/test_cheap_imus.py` prints the figures.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from robot.metrics import length_weighted, relative_errors
from robot.noise import ConstantNoise
from robot.state import Covariance, Noise
from robot.track import track
from training.inertial import kitti
from training.inertial.emulate import Emulation, emulate, preset

ROAD = Noise(gyro=1.5e-3, accel=0.03, gyro_bias=5e-6, accel_bias=3e-4, slip=(0.15, 6.0))
UNKNOWN = Covariance.of_deviations(
    gyro_bias=0.02, accel_bias=0.5, mount=0.01, lever=0.5, velocity=(0.1, 0.1, 0.1)
)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("still", "bound"), [(10.0, 2.0), (0.0, 10.0)])
def test_the_way_with_unknown_biases(bombus_data: Path, still: float, bound: float) -> None:
    errors = {}
    for sequence in kitti.SCORED:
        emulation = Emulation(preset("biased"), still=still, launch=2.0 if still else None)
        r = emulate(kitti.read_sequence(bombus_data, sequence), emulation, seed=0).recording
        state = r.state()
        found = track(
            r.times,
            r.gyro,
            r.accel,
            model=ConstantNoise(ROAD),
            start=(state, UNKNOWN.about(state)),
        ).trajectory
        errors[sequence] = relative_errors(r.truth.at(r.scored), found.at(r.scored))
    mean = length_weighted(errors.values()).percent
    print(f"still {still:g} s:", {s: round(e.percent, 2) for s, e in errors.items()}, mean)
    assert mean <= bound
