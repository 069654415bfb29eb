"""The localizer knows how wrong it is: NEES and NIS over 60 simulated runs, through its own door.

`test_filter_drives` looks at the filter's no-slip update; here whole localizers are pushed samples
with white noise, and are given position and velocity fixes. If their covariance is honest, the
normalized estimation errors squared, of all 21 errors and of each kind, and the normalized
innovations squared of the fixes are chi-square variables, and so are their sums over the runs
(Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking and Navigation, 2001,
section 5.4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from robot.lie import Array
from robot.localizer import Localizer
from robot.measurements import position, velocity
from robot.noise import ConstantNoise
from robot.pose import Options
from robot.state import (
    ACCEL_BIAS,
    GYRO_BIAS,
    POSITION,
    ROTATION,
    SIZE,
    VELOCITY,
    Covariance,
    Noise,
)
from tests.robot.simulated import drive

OPTIONS = Options(engine="numpy", still=None, slip=False)
NOISE = Noise(gyro=5e-3, accel=5e-2, gyro_bias=0.0, accel_bias=0.0, mount=0.0, lever=0.0)
START = Covariance.of_deviations(
    tilt=0.01,
    heading=0.03,
    velocity=(0.3,) * 3,
    position=(1.0,) * 3,
    gyro_bias=5e-3,
    accel_bias=5e-2,
)
RATE, SECONDS, FIX_EVERY, LOOK_EVERY = 20, 15, 20, 60  # Hz, s, samples, samples
PLACE, SPEED = 0.5, 0.2  # standard deviations of the fixes, m and m/s
KINDS = {
    "all": slice(0, SIZE),
    "rotation": ROTATION,
    "velocity": VELOCITY,
    "position": POSITION,
    "gyro bias": GYRO_BIAS,
    "accelerometer bias": ACCEL_BIAS,
}


@dataclass(frozen=True)
class Seen:
    """What some runs came to.

    Attributes:
        errors: [looks, kinds] mean NEES, over the number of errors: 1 on average.
        innovations: [2] mean NIS of position and velocity fixes, over their size: 1 on average.
        runs: How many there were.
        fixes: Of each kind, in all of them.
    """

    errors: Array
    innovations: Array
    runs: int
    fixes: int


def drive_often(runs: int, believed: Noise) -> Seen:
    """Localizers on the same drive, each with its own noise, which they take for `believed`."""
    rng = np.random.default_rng(0)
    clean = drive(SECONDS, RATE, lever=np.array((0.3, 0.0, 0.2)))
    looks = range(LOOK_EVERY, len(clean.times), LOOK_EVERY)
    errors, nis, fixes = np.zeros((len(looks), len(KINDS))), np.zeros(2), 0
    for seed in range(runs):
        made = clean.with_errors(NOISE, seed=seed)
        state = made.truth[0].moved(-START.deviations * rng.normal(size=SIZE))
        localizer = Localizer(OPTIONS, ConstantNoise(believed), (state, START))
        for i, (time, truth) in enumerate(zip(made.times.tolist(), made.truth, strict=True)):
            localizer.push(time, made.gyro[i], made.accel[i])
            if i == 0 or i % FIX_EVERY:
                continue
            place = truth.position + PLACE * rng.normal(size=3)
            speed = truth.velocity + SPEED * rng.normal(size=3)
            first = localizer.fix(position(localizer.state, place, (PLACE**2,)), None)
            second = localizer.fix(velocity(localizer.state, speed, (SPEED**2,)), None)
            nis += first.nis / first.size, second.nis / second.size
            fixes += 1
            if i in looks:
                saved = localizer.save()
                error, matrix = localizer.state.error_of(truth), saved["p"]
                for k, part in enumerate(KINDS.values()):
                    e, p = error[part], matrix[part, part]
                    errors[looks.index(i), k] += e @ np.linalg.solve(p, e) / len(e)
    return Seen(errors / runs, nis / fixes, runs, fixes)


def bounds(count: int) -> tuple[float, float]:
    """Where the mean of so many squares of normal variables is in 99.9 of 100 cases."""
    from scipy.special import chdtri  # type: ignore[import-untyped]

    low, high = chdtri(count, (0.9995, 0.0005)) / count
    return float(low), float(high)


@pytest.fixture(scope="module")
def seen() -> Seen:
    return drive_often(60, NOISE)


@pytest.mark.parametrize("kind", KINDS)
def test_errors_are_as_large_as_said(seen: Seen, kind: str) -> None:
    size = KINDS[kind].stop - KINDS[kind].start
    low, high = bounds(seen.runs * size)
    means = seen.errors[:, list(KINDS).index(kind)]
    assert len(means) == 5
    assert (means > low).all()
    assert (means < high).all()


def test_innovations_are_as_large_as_said(seen: Seen) -> None:
    low, high = bounds(3 * seen.fixes)
    assert (seen.innovations > low).all()
    assert (seen.innovations < high).all()


def test_a_localizer_that_believes_its_sensors_too_much_is_found_out() -> None:
    vain = drive_often(15, replace(NOISE, gyro=NOISE.gyro / 3, accel=NOISE.accel / 3))
    assert vain.errors[-1, 0] > bounds(vain.runs * SIZE)[1]
