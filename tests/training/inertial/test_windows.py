from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robot.metrics import Trajectory
from robot.profile import Profile
from robot.recording import Recording
from robot.tone import AXES, Tone
from tests.robot import simulated
from training.inertial.windows import Drive, draw, listen


def recording(seconds: float = 20.0, bad: slice = slice(0, 0)) -> Recording:
    made = simulated.drive(seconds)
    count = len(made.times)
    trusted = np.ones(count, np.bool_)
    trusted[bad] = False
    return Recording(
        "made",
        made.times,
        made.gyro,
        made.accel,
        made.trajectory,
        np.stack([s.velocity for s in made.truth]),
        np.zeros(count, np.bool_),
        trusted,
    )


def quiet(r: Recording) -> Drive:
    return Drive.of(r, listen(r, Profile()))


def test_a_window_is_a_stretch_of_the_drive_from_its_own_origin() -> None:
    r = recording()
    batch = draw([quiet(r)], 3, 500, np.random.default_rng(0))
    assert batch.samples.shape == (3, 500, 6)
    assert batch.positions.shape == (3, 51, 3)
    for k in range(3):
        first = int(np.flatnonzero((r.gyro == batch.samples[k, 0, :3]).all(axis=1))[0]) - 1
        rows = slice(first, first + 501)
        np.testing.assert_array_equal(batch.dt[k], np.diff(r.times[rows]))
        truth: Trajectory = r.truth.at(rows)
        np.testing.assert_allclose(
            batch.positions[k], truth.positions[::10] - truth.positions[0], atol=1e-12
        )
        np.testing.assert_array_equal(batch.rotations[k], truth.rotations[::10])
        np.testing.assert_array_equal(batch.starts[k, :9], truth.rotations[0].ravel())
        np.testing.assert_array_equal(batch.starts[k, 9:12], r.velocities[first])


def test_the_same_seed_draws_the_same() -> None:
    drives = [quiet(recording())]
    one, two = (draw(drives, 2, 300, np.random.default_rng(7)) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_bad_samples_mark_the_pose_that_follows() -> None:
    r = recording(bad=slice(700, 705))
    drive = quiet(r)
    assert drive.bad.sum() == 5
    seen = False
    for seed in range(20):
        batch = draw([drive], 1, 500, np.random.default_rng(seed))
        first = int(np.flatnonzero((r.gyro == batch.samples[0, 0, :3]).all(axis=1))[0])
        inside = [(row - first) // 10 + 1 for row in range(700, 705) if first <= row < first + 500]
        assert list(np.flatnonzero(~batch.sound[0])) == sorted(set(inside))
        seen = seen or bool(inside)
    assert seen


def test_drives_too_short_are_passed_over() -> None:
    short, long = quiet(recording(3.0)), quiet(recording(20.0))
    batch = draw([short, long], 8, 500, np.random.default_rng(0))
    assert len(batch.samples) == 8
    with pytest.raises(ValueError, match="501 samples"):
        draw([short], 1, 500, np.random.default_rng(0))


def test_without_a_tone_no_speed_is_heard() -> None:
    assert quiet(recording(3.0)).speeds[:, 1].min() >= 1e12


def test_with_a_tone_speeds_are_those_that_the_localizer_hears() -> None:
    r = recording(15.0)
    count = len(r.times)
    rng = np.random.default_rng(0)
    shakes = np.sin(2 * np.pi * np.cumsum(r.speeds) * 0.01 / 1.9)
    loud = replace(r, accel=r.accel + shakes[:, None] + 0.1 * rng.normal(size=(count, 3)))
    weights = (((((0.5,) * AXES),),) * 2,) * 2
    tone = Tone(1.9, harmonics=(1,), weights=weights, trust=1.0)
    heard = listen(loud, Profile(tone=tone))
    rows = np.flatnonzero(heard[:, 1] < 1e12)
    assert len(rows) > 3
    np.testing.assert_allclose(heard[rows, 0], r.speeds[rows], rtol=0.15)
