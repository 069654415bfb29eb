"""What a car's runs with known places teach of the car and its IMU, for its runs without.

The filter that ships does the learning: it follows each run with RTK's places as fixes, and what it
holds at the end of its biases, mount and lever is that run's lesson. A car is what its lessons have
in common (their medians) and how far they are apart (the deviations that the next run begins with).

A cheap gyro's biases move with the temperature, on all axes together. Roll and pitch rates show
theirs while the car drives; that of the yaw rate nothing shows. So the biases' covariance from run
to run is kept whole: it lets the two that show tell of the third.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from robot.align import level
from robot.lie import Array, so3_exp, so3_log
from robot.localizer import Localizer
from robot.measurements import position
from robot.noise import ConstantNoise
from robot.noise_file import Sensor
from robot.pose import OPTIONS, Options
from robot.profile import Deviations, Profile
from robot.state import GYRO_BIAS, MOUNT, ROTATION, Covariance, Noise, State
from robot.track import Track, track
from training.inertial.rccar import Run, velocities

# Guessed before any run was scored: of the shakes of a small car, not of its IMU.
NOISE = Noise(
    gyro=1e-3,
    accel=0.05,
    gyro_bias=1e-6,
    accel_bias=1e-3,
    mount=1e-6,
    lever=1e-6,
    slip=(0.05, 0.2),
)
# What is known of a run's first state before anything is learned.
FIRST = Deviations(tilt=0.1, velocity=0.2, gyro_bias=0.02, accel_bias=0.5, mount=0.1, lever=0.1)
HEADING, FIRST_HEADING = ROTATION.stop - 1, 0.05  # its deviation, rad
PLACE_SIGMA = 0.03  # of RTK's places from one to the next, m
LEVELLED = 0.03  # deviation of roll and pitch as the first second's forces show them, rad
FIRST_SECOND = 1.0  # s
# Fitting the start again is for biases of which nothing is known.
CAR_OPTIONS = replace(OPTIONS, restart=None)


class Lesson(NamedTuple):
    """What one run taught.

    Attributes:
        state: Of the filter at its end: biases, mount and lever.
        begins: Speed in the first second, m/s.
        speed: Mean speed of the rest, m/s.
    """

    state: State
    begins: float
    speed: float


@dataclass(frozen=True)
class Car:
    """A car and its IMU.

    Attributes:
        sensor: Its noise and biases.
        profile: Mount, lever and deviations, about the sensor's biases.
        together: [3, 3] covariance of the gyro's bias from run to run, rad^2/s^2.
        begins: Speed at the beginning of a run, m/s.
        speed: Mean speed after that, m/s. The filter does not use it.
        options: How its localizer works.
    """

    sensor: Sensor
    profile: Profile
    together: Array
    begins: float
    speed: float
    options: Options = CAR_OPTIONS

    def start(self, accel: Array, heading: float) -> tuple[State, Covariance]:
        """The first state and its covariance, at the world's origin.

        Args:
            accel: [3] mean of the first second, less the sensor's bias, m/s^2.
            heading: Of the car, rad from east to north.
        """
        mount = np.asarray(so3_exp(np.array(self.profile.mount)))
        ahead = np.array((math.cos(heading), math.sin(heading), 0.0))
        state, spread = self.profile.start(level(accel, heading, mount), self.begins * ahead)
        matrix = spread.matrix.copy()
        matrix[GYRO_BIAS, GYRO_BIAS] = self.together
        return state, Covariance(matrix)


def lesson(run: Run, noise: Noise = NOISE) -> Lesson:
    """What a run teaches whose places are known, with the clocks put right.

    A roll of the mount cannot be told from a way without slip: it stays 0.

    Args:
        run: Of `rccar.read`.
        noise: What to expect.
    """
    flow = np.hypot(*velocities(run.place_times, run.places).T)
    late = run.place_times > run.place_times[0] + FIRST_SECOND
    begins, speed = float(flow[~late].mean()), float(flow[late].mean())
    first = Profile(noise=noise, deviations=FIRST)
    ahead = np.array((math.cos(run.heading), math.sin(run.heading), 0.0))
    rotation = level(run.accel.mean(axis=0), run.heading, np.eye(3))
    state, spread = first.start(rotation, begins * ahead)
    matrix = spread.matrix.copy()
    matrix[MOUNT.start, MOUNT.start] = 0.0
    matrix[HEADING, HEADING] = FIRST_HEADING**2
    localizer = Localizer(CAR_OPTIONS, ConstantNoise(noise), (state, Covariance(matrix)))
    places, variances = run.places - run.places[0], (PLACE_SIGMA**2,) * 3
    after = np.searchsorted(run.times, run.place_times - 1e-9)  # the first sample not before it
    next_place = 0
    for row, time in enumerate(run.times.tolist()):
        localizer.push(time, run.gyro[row], run.accel[row])
        while next_place < len(after) and after[next_place] == row:
            # No gate: RTK may jump and stay there.
            localizer.fix(position(localizer.state, places[next_place], variances), gate=None)
            next_place += 1
    return Lesson(localizer.state, begins, speed)


def learn(lessons: Sequence[Lesson], noise: Noise = NOISE) -> Car:
    """A car, from two lessons or more."""
    states = [taught.state for taught in lessons]
    gyro_bias, gyro_apart = _common([s.gyro_bias for s in states])
    accel_bias, accel_apart = _common([s.accel_bias for s in states])
    mount, mount_apart = _common([np.asarray(so3_log(s.mount)) for s in states])
    lever, lever_apart = _common([s.lever for s in states])
    begins, begin_apart = _common([np.array((taught.begins,)) for taught in lessons])
    together = shrunk(gyro_apart)
    deviations = Deviations(
        tilt=LEVELLED,
        velocity=_size(begin_apart),
        gyro_bias=math.sqrt(np.trace(together) / 3),
        accel_bias=_size(accel_apart),
        mount=_size(mount_apart[:, 1:]),
        lever=_size(lever_apart),
    )
    return Car(
        sensor=Sensor(noise, _vector(gyro_bias), _vector(accel_bias)),
        profile=Profile(noise, deviations, mount=_vector(mount), lever=_vector(lever)),
        together=together,
        begins=float(begins[0]),
        speed=float(np.median([taught.speed for taught in lessons])),
    )


def shrunk(apart: Array) -> Array:
    """A covariance [K, K] of few samples [N, K], drawn to a multiple of the identity.

    By how much: the oracle approximating shrinkage of Chen, Wiesel, Eldar and Hero, IEEE
    Transactions on Signal Processing 58(10), 2010.

    Args:
        apart: What each is off from their centre.
    """
    count, size = apart.shape
    sample = apart.T @ apart / count
    mean, squares = float(np.trace(sample)) / size, float(np.square(sample).sum())
    whole = (size * mean) ** 2
    unlike = (count + 1 - 2 / size) * (squares - whole / size)
    share = (1 - 2 / size) * squares + whole
    weight = 1.0 if share >= unlike else share / unlike
    return np.asarray((1 - weight) * sample + weight * mean * np.eye(size))


def locate(car: Car, times: Array, gyro: Array, accel: Array, heading: float) -> Track:
    """Where the car goes from the origin, by its IMU and its first heading alone, causally.

    Args:
        car: As other runs taught it.
        times: [N] s.
        gyro: [N, 3] rad/s.
        accel: [N, 3] m/s^2.
        heading: At the first sample, rad from east to north.
    """
    gyro, accel = gyro - car.sensor.gyro_bias, accel - car.sensor.accel_bias
    first = accel[times < times[0] + FIRST_SECOND].mean(axis=0)
    return track(
        times,
        gyro,
        accel,
        options=car.profile.options(car.options),
        model=ConstantNoise(car.profile.noise),
        start=car.start(first, heading),
    )


def plain_way(car: Car, times: Array, gyro: Array, heading: float) -> Array:
    """Places [N, 2] from the origin at a constant speed, by the yaw rate alone; as of `locate`."""
    steps = np.diff(times, prepend=times[0])
    yaw = heading + np.cumsum((gyro[:, 2] - car.sensor.gyro_bias[2]) * steps)
    flow = car.speed * np.stack((np.cos(yaw), np.sin(yaw)), axis=1)
    return np.asarray(np.cumsum(flow * steps[:, None], axis=0))


def _common(values: Sequence[Array]) -> tuple[Array, Array]:
    """The median [K] of values [N][K], and what each is off from it, [N, K]."""
    rows = np.array(values)
    middle = np.median(rows, axis=0)
    return middle, rows - middle


def _size(apart: Array) -> float:
    return float(np.sqrt(np.square(apart).mean()))


def _vector(values: Array) -> tuple[float, float, float]:
    x, y, z = values.tolist()
    return x, y, z
