"""Recordings as a cheaper IMU would have made them: errors added, standing still put in front."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from models.errors import InputError
from robot.lie import Array, so3_exp
from robot.metrics import Trajectory
from robot.recording import Recording
from robot.simulation.imu_errors import Grade, Triad, measure
from robot.simulation.imu_grades import GRADES
from robot.simulation.vibration import Vibration, shake
from robot.state import GRAVITY

_ROOT = math.sqrt(100.0)  # deviation in a sample at 100 Hz over density


def _biased_and_noisy(bias: tuple[float, float], white: tuple[float, float]) -> Grade:
    """Biases alike on all axes, and white noise by its deviation in a sample at 100 Hz.

    Args:
        bias: Of gyro, rad/s, and accelerometer, m/s^2.
        white: The same of the noise.
    """
    gyro, accel = (
        Triad(offset=(b, b, b), noise=w / _ROOT) for b, w in zip(bias, white, strict=True)
    )
    return Grade(gyro, accel)


# The first two are the ones that the localizer is held to: see docs/results/localization.md.
PRESETS: Mapping[str, Grade] = MappingProxyType(
    {
        "biased": _biased_and_noisy((0.02, 0.5), (1e-3, 1e-2)),
        "white": _biased_and_noisy((0.0, 0.0), (1e-2, 1e-1)),
        **GRADES,
    }
)


@dataclass(frozen=True)
class Emulation:
    """What to do to a recording.

    Attributes:
        grade: The errors of the IMU, on top of those of the one that recorded.
        vibration: What shakes it more than the recorded one.
        mount: Deviation of its axes from those of the recorded one, rad.
        still: How long it stands still first, s.
        launch: How it gets from there to the recording's first speed: at this acceleration, m/s^2,
            straight ahead and with the first attitude. None: at once, and no IMU feels it.
    """

    grade: Grade
    vibration: Vibration | None = None
    mount: float = 0.0
    still: float = 0.0
    launch: float | None = None


@dataclass(frozen=True)
class Emulated:
    """A recording with errors, and the biases [N, 3] that are in it, rad/s and m/s^2."""

    recording: Recording
    gyro_bias: Array
    accel_bias: Array


def preset(name: str) -> Grade:
    """A grade of `PRESETS`.

    Raises:
        InputError: There is none of that name.
    """
    if name not in PRESETS:
        raise InputError(f"emulation {name}: not one of {', '.join(PRESETS)}")
    return PRESETS[name]


def emulate(recording: Recording, emulation: Emulation, seed: int) -> Emulated:
    """A recording as a cheaper IMU would have made it; the same seed spoils it the same way.

    Args:
        recording: What was recorded; its errors stay.
        emulation: What to do to it.
        seed: Of all that is drawn.
    """
    for_errors, for_shaking, for_mount = np.random.default_rng(seed).spawn(3)
    made = stand_still_first(recording, emulation.still, emulation.launch)
    gyro, accel = made.gyro, made.accel
    if emulation.vibration is not None:
        shaken = shake(made.times, made.speeds, emulation.vibration, for_shaking)
        gyro, accel = gyro + shaken[0], accel + shaken[1]
    turn = so3_exp(emulation.mount * for_mount.normal(size=3))
    truth = replace(made.truth, rotations=made.truth.rotations @ turn)
    shown = measure(made.times, gyro @ turn, accel @ turn, emulation.grade, for_errors)
    made = replace(made, gyro=shown.gyro, accel=shown.accel, truth=truth)
    return Emulated(made, shown.gyro_bias, shown.accel_bias)


def stand_still_first(recording: Recording, still: float, launch: float | None = None) -> Recording:
    """A recording after a time at rest, at its first true attitude, as a perfect IMU sees it.

    What is put in front is not scored, and is never felt by the recorded IMU's own errors.

    Args:
        recording: What follows; times go on, so that they may begin below 0.
        still: How long, s; at 0 nothing is put in front.
        launch: As of `Emulation`.
    """
    period = float(np.median(np.diff(recording.times)))
    resting = round(still / period)
    if resting == 0:
        return recording
    attitude, velocity = recording.truth.rotations[0], recording.velocities[0]
    speed = float(np.linalg.norm(velocity))
    rolling = 0 if launch is None else math.ceil(speed / launch / period)
    rows = resting + rolling
    # 0 at rest, then up in even steps to 1 at the last row before the recording.
    share = np.maximum(np.arange(1, rows + 1) - resting, 0) / max(rolling, 1)
    velocities = share[:, None] * velocity
    forces = np.tile((0.0, 0.0, GRAVITY), (rows, 1))
    forces[1:] += np.diff(velocities, axis=0) / period  # a sample is of the step that it ends
    after = np.concatenate((velocities[1:], recording.velocities[:1])) if rolling else velocities
    ways = 0.5 * period * (velocities + after)
    places = recording.truth.positions[0] - np.cumsum(ways[::-1], axis=0)[::-1]
    times = recording.times[0] + period * np.arange(-rows, 0)
    front = Recording(
        recording.name,
        times,
        np.zeros((rows, 3)),
        forces @ attitude,
        Trajectory(times, places, np.broadcast_to(attitude, (rows, 3, 3))),
        velocities,
        filled=np.zeros(rows, np.bool_),
        trusted=np.ones(rows, np.bool_),
    )
    return front.followed_by(recording)
