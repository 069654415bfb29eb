"""Drives that never were: a vehicle on a random road, and what an IMU on it shows.

Rates and forces are made from the path so that `robot.filter.propagate_state`, fed with what a
perfect IMU shows, follows the truth to rounding. World, axes and units are those of `robot.state`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from models.errors import InputError
from robot import rotations
from robot.lie import Array, so3_exp
from robot.metrics import Trajectory
from robot.recording import Recording
from robot.simulation.imu_errors import Grade, measure
from robot.simulation.imu_grades import GRADES
from robot.simulation.road import RoadKind, ride
from robot.simulation.vehicle import Vehicle, drive
from robot.simulation.vibration import Vibration, shake
from robot.state import GRAVITY, State

CAR = Vehicle(
    slip=0.006,
    roll=0.006,
    pitch=0.004,
    frequency=1.4,
    damping=0.35,
    hop=11.0,
    roughness=16e-6,
    length=2.7,
    width=1.5,
    lever=(0.9, 0.1, 0.5),
    spread=0.2,
    mount=0.02,
    vibration=Vibration(road=0.15, wheel=0.01, radius=0.31, engine=0.03, turning=0.02),
)
RC_CAR = Vehicle(
    slip=0.02,
    roll=0.01,
    pitch=0.01,
    frequency=4.0,
    damping=0.4,
    hop=20.0,
    roughness=4e-6,
    length=0.3,
    width=0.25,
    lever=(0.12, 0.0, 0.05),
    spread=0.02,
    mount=0.03,
    vibration=Vibration(road=4.0, band=(20.0, 60.0), radius=0.05, turning=0.17),
)


@dataclass(frozen=True)
class Kind:
    """A kind of drive: on what road, with which vehicle."""

    road: RoadKind
    vehicle: Vehicle


def _degrees(low: float, high: float) -> tuple[float, float]:
    return math.radians(low), math.radians(high)


URBAN = RoadKind(
    (7, 14), 1.6, 2.2, 2.5, (40, 200), (8, 30), _degrees(30, 100), easing=10, stop_every=250
)
COUNTRY = RoadKind(
    (14, 25), 1.4, 2.0, 2.8, (60, 400), (40, 250), _degrees(15, 80), easing=30, slope=0.03
)
HIGHWAY = RoadKind(
    (24, 35), 1.0, 1.5, 1.8, (300, 1500), (500, 2000), _degrees(5, 30), easing=120, slope=0.02
)
SNAKE = RoadKind(
    (0.6, 1.3), 0.8, 1.0, 1.2, (0.2, 3), (0.4, 1.5), _degrees(40, 180), easing=0.5,
    stop_every=60, slope=0.01, slope_length=5.0, grid=0.05, smooth=0.5,
)  # fmt: skip
KINDS = MappingProxyType(
    {
        "urban": Kind(URBAN, CAR),
        "country": Kind(COUNTRY, CAR),
        "highway": Kind(HIGHWAY, CAR),
        "rc-car": Kind(SNAKE, RC_CAR),
    }
)


@dataclass(frozen=True)
class Simulation:
    """A drive with all that is known of it.

    Attributes:
        recording: What the IMU shows, and the truth.
        gyro: [N, 3] what a perfect IMU would show, rad/s.
        accel: [N, 3] the same, m/s^2.
        gyro_bias: [N, 3] rad/s.
        accel_bias: [N, 3] m/s^2.
        mount: [3, 3] as of `State`.
        lever: [3] as of `State`, m.
        slip: [N, 2] true lateral and vertical velocity of the body, which a filter takes for 0,
            m/s.
    """

    recording: Recording
    gyro: Array
    accel: Array
    gyro_bias: Array
    accel_bias: Array
    mount: Array
    lever: Array
    slip: Array

    def state(self, row: int = 0) -> State:
        """All of the true state at a row."""
        truth = self.recording.truth
        return State(
            truth.rotations[row],
            self.recording.velocities[row],
            truth.positions[row],
            self.gyro_bias[row],
            self.accel_bias[row],
            self.mount,
            self.lever,
        )


@dataclass(frozen=True)
class Path:
    """An IMU's path at N times, and what it shows if perfect, each sample of the step it ends.

    Attributes:
        velocities: [N, 3] of the IMU in the world, m/s.
        positions: [N, 3] of the IMU in the world, m.
        gyro: [N, 3] rad/s.
        accel: [N, 3] m/s^2.
    """

    velocities: Array
    positions: Array
    gyro: Array
    accel: Array


def path_of_imu(times: Array, attitudes: Array, flow: Array, lever: Array) -> Path:
    """The path of an IMU on a body, such that `propagate_state` follows it exactly.

    That is the inverse of its step: the rate that turns one attitude into the next, the force that
    makes one velocity the next under the mean of both attitudes, and the velocities' trapezia for
    positions, from the lever's end over the origin.

    Args:
        times: [N] s.
        attitudes: [N, 3, 3] of the IMU.
        flow: [N, 3] velocity of the point of the body that the lever starts from, m/s.
        lever: [3] to the IMU, in its axes, m.
    """
    steps = np.diff(times)[:, None]
    turns = np.swapaxes(attitudes[:-1], 1, 2) @ attitudes[1:]
    gyro = _first_twice(rotations.log(turns) / steps)
    velocities = flow + (attitudes @ np.cross(gyro, lever)[:, :, None])[:, :, 0]
    change = np.diff(velocities, axis=0) / steps + np.array((0.0, 0.0, GRAVITY))
    mean = 0.5 * (attitudes[:-1] + attitudes[1:])
    accel = _first_twice(np.linalg.solve(mean, change[:, :, None])[:, :, 0])
    moves = 0.5 * steps * (velocities[:-1] + velocities[1:])
    start = (attitudes[0] @ lever)[None]
    positions = np.cumsum(np.concatenate((start, moves)), axis=0)
    return Path(velocities, positions, gyro, accel)


def _first_twice(values: Array) -> Array:
    return np.concatenate((values[:1], values))


SLOWEST = 10.0  # Hz; a vehicle moves in between
MOST = 10_000_000  # samples; some GB of memory


def simulate(
    kind: str | Kind = "urban",
    *,
    seconds: float = 120.0,
    rate: float = 100.0,
    still: float = 10.0,
    grade: str | Grade = "automotive",
    vibrating: bool = True,
    seed: int = 0,
) -> Simulation:
    """A random drive; the same arguments make the same drive, and road and errors are independent.

    Args:
        kind: Of `KINDS`, or one's own.
        seconds: How long it drives, s.
        rate: Of the IMU, Hz.
        still: How long it stands still first, s; at 0 it moves already.
        grade: Of the IMU, of `GRADES`, or one's own.
        vibrating: Whether the vehicle shakes the IMU.
        seed: Of all that is drawn.

    Raises:
        InputError: No such kind or grade, or a duration or rate that makes no drive.
    """
    name = kind if isinstance(kind, str) else "drive"
    kind = _named(kind, KINDS, "kind of drive") if isinstance(kind, str) else kind
    grade = _named(grade, GRADES, "grade of IMU") if isinstance(grade, str) else grade
    if not (seconds * rate >= 2 and still >= 0 and rate > 0 and math.isfinite(seconds * rate)):
        raise InputError(
            f"{seconds} s at {rate} Hz after {still} s at rest: give at least two samples and no "
            "time below 0"
        )
    if not (rate >= SLOWEST and (seconds + still) * rate <= MOST):
        raise InputError(
            f"{seconds} s at {rate} Hz after {still} s at rest: give {SLOWEST:g} Hz or "
            f"more, and at most {MOST:,} samples"
        )
    for_road, for_body, for_place, for_errors, for_shaking = np.random.default_rng(seed).spawn(5)
    way = ride(kind.road, seconds, rate, still, for_road)
    motion = drive(kind.vehicle, way, for_body)
    mount = so3_exp(kind.vehicle.mount * for_place.normal(size=3))
    place = np.array(kind.vehicle.lever) + kind.vehicle.spread * for_place.normal(size=3)
    lever = mount @ place
    attitudes = motion.rotations @ mount.T
    path = path_of_imu(way.times, attitudes, motion.flow, lever)
    gyro, accel = path.gyro, path.accel
    if vibrating:
        shaken = shake(way.times, way.speed, kind.vehicle.vibration, for_shaking)
        gyro, accel = gyro + shaken[0], accel + shaken[1]
    shown = measure(way.times, gyro, accel, grade, for_errors)
    body = np.swapaxes(motion.rotations, 1, 2) @ motion.flow[:, :, None]
    sound = np.ones(len(way.times), np.bool_)
    recording = Recording(
        f"{name} {seed}",
        way.times,
        shown.gyro,
        shown.accel,
        Trajectory(way.times, path.positions, attitudes),
        path.velocities,
        filled=~sound,
        trusted=sound,
    )
    return Simulation(
        recording,
        path.gyro,
        path.accel,
        shown.gyro_bias,
        shown.accel_bias,
        mount,
        lever,
        body[:, 1:, 0],
    )


T = TypeVar("T")


def _named(name: str, known: Mapping[str, T], what: str) -> T:
    """What goes by a name, or an `InputError` that lists the names."""
    if name not in known:
        raise InputError(f"{what} {name}: not one of {', '.join(known)}")
    return known[name]
