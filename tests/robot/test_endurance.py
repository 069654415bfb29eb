"""A day and more without a pause: memory stays flat, the covariance sound, the rotation one.

The samples are pushed in a process of their own, for its memory to be looked at from the start.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot.align import Prior
from robot.engine import numba_is_there
from robot.health import Health
from robot.lie import Array
from robot.localizer import Localizer
from robot.noise import ConstantNoise
from robot.pose import Options
from robot.state import GRAVITY, Noise

ROOT = Path(__file__).parents[2]
RATE, LAP, REST = 100, 12_000, 1_000  # Hz, samples
NOISE = Noise(gyro=2e-3, accel=3e-2, slip=(0.05, 0.05))
AT_REST = 0.05  # of that noise: most of it is the road's
GYRO_BIAS, ACCEL_BIAS = np.array((0.01, -0.02, 0.015)), np.array((0.1, -0.05, 0.08))


def lap() -> tuple[Array, Array]:
    """Samples [LAP, 6] of a rest and a winding drive that ends with a stop, and its speeds, m/s."""
    time = np.arange(LAP - REST) / RATE
    speed = np.minimum(10.0, 2 * np.minimum(time, time[-1] - time))
    turn = 0.05 * speed * np.sin(2 * math.pi * time / 25)
    rows = np.zeros((LAP, 6))
    rows[:, 5] = GRAVITY
    rows[REST:, 2] = turn
    rows[REST:, 3] = np.gradient(speed, 1 / RATE)
    rows[REST:, 4] = speed * turn
    return rows, np.concatenate((np.zeros(REST), speed))


def peak_memory() -> float:
    """The most that this process ever held, MB."""
    import resource

    unit = 1e6 if sys.platform == "darwin" else 1e3  # bytes, kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main(count: int) -> None:
    """Push so many samples; print what was seen on the way, as JSON."""
    rows, speeds = lap()
    rng = np.random.default_rng(0)
    rough = np.where(speeds > 0, 1.0, AT_REST) * math.sqrt(RATE)
    deviations = np.outer(rough, np.repeat((NOISE.gyro, NOISE.accel), 3))
    biases = np.concatenate((GYRO_BIAS, ACCEL_BIAS))
    prior = Prior(heading_sigma=0.1, position_sigma=0.1)  # no variance is to be nothing
    localizer = Localizer(Options(prior=prior), ConstantNoise(NOISE))
    told, lopsided, least, skewed, first_peak = Health.OK, 0.0, math.inf, 0.0, 0.0
    for begin in range(0, count, LAP):
        noisy = rows + biases + deviations * rng.normal(size=rows.shape)
        for i, row in enumerate(noisy[: count - begin].tolist(), start=begin):
            pose = localizer.push(i / RATE, row[:3], row[3:])
            if i % 100:
                continue
            assert np.isfinite(pose.covariance.matrix).all()
            told |= pose.health
            matrix, turn = pose.covariance.matrix, pose.rotation
            lopsided = max(lopsided, float(np.abs(matrix - matrix.T).max()))
            skewed = max(skewed, float(np.abs(turn.T @ turn - np.eye(3)).max()))
            if i % 1000 == 0:
                scale = 1 / np.sqrt(np.diag(matrix))
                least = min(least, float(np.linalg.eigvalsh(scale[:, None] * matrix * scale)[0]))
        first_peak = first_peak or peak_memory()
    state = pose.state
    speed = float((state.rotation.T @ state.velocity)[0])
    report: dict[str, Any] = {
        "told": told.value,
        "lopsided": lopsided,
        "least_eigenvalue": least,
        "skewed": skewed,
        "grown_mb": peak_memory() - first_peak,
        "speed_error": abs(speed - speeds[(count - 1) % LAP]),
        "gyro_bias_error": float(np.abs(state.gyro_bias - GYRO_BIAS).max()),
    }
    print(json.dumps(report))


def check(count: int) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.robot.test_endurance", str(count)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert Health(report["told"]) in Health.ALIGNING
    assert report["grown_mb"] < 4.0
    assert report["lopsided"] == 0.0
    assert report["least_eigenvalue"] > 0.0
    assert report["skewed"] < 1e-9
    # It has not gone numb, either.
    assert report["speed_error"] < 1.0
    assert report["gyro_bias_error"] < 2e-3


def test_half_an_hour() -> None:
    check(200_000 if numba_is_there() else 30_000)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not numba_is_there(), reason="ten million samples take numba")
def test_a_day() -> None:
    check(10_000_000)


if __name__ == "__main__":
    main(int(sys.argv[1]))
