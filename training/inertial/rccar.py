"""Runs of a small RC car with cheap IMUs, and where RTK saw it, on one clock.

Files `rccar-imu/run_<b..m>_imu<1..2>.npz`: float32 `acc` and `gyro` [N, 3] at `imu_rate_hz`, x
forward, y right, z down, and `rtk_ned` [M, 3] in m at `rtk_rate_hz`, good to about 10 cm. Data: the
MoRPINet set (Etzion, Klein et al. 2024). There is no true attitude and no true velocity, and the
clocks of the two instruments are apart by up to 0.8 s, which `lag` finds out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot.lie import Array
from training.inertial import files

FOLDER = "rccar-imu"
KEYS = ("gyro", "acc", "imu_rate_hz", "rtk_ned", "rtk_rate_hz")
STRAIGHT = ("b", "c")  # their lag cannot be told
SNAKES = ("d", "e", "f", "g")  # 26 m
LONG = ("h", "i", "j", "k", "l", "m")  # 190 to 220 m

FLIP = np.array((1.0, -1.0, -1.0))  # front-right-down to front-left-up
LAGS = np.arange(-150, 151) * 0.01  # s
SURE_ABOVE = 0.97  # correlation; the winding runs show 0.99, the straight ones 0.4 to 0.8
HEADING_WITHIN = 1.0  # m of way that tell the heading at the start


@dataclass(frozen=True)
class Run:
    """A run: samples [N] of the IMU and places [M] of RTK, both in the IMU's clock.

    It begins and ends within what RTK saw. World ENU, IMU axes x forward, y left, z up.

    Attributes:
        name: Run and IMU.
        times: [N] s.
        gyro: [N, 3] rad/s.
        accel: [N, 3] m/s^2.
        place_times: [M] s.
        places: [M, 3] m.
        lag: What was added to RTK's clock, s; 0 where it cannot be told.
        correlation: Of the turn rates that both saw, at that lag; 0 if it was not looked for.
        heading: At the first sample, rad from east to north.
    """

    name: str
    times: Array
    gyro: Array
    accel: Array
    place_times: Array
    places: Array
    lag: float
    correlation: float
    heading: float

    @property
    def metres(self) -> float:
        """Length of the way."""
        return float(np.linalg.norm(np.diff(self.places, axis=0), axis=1).sum())

    def places_at(self, times: Array) -> Array:
        """Places [K, 3] at times [K], on straight lines between those that RTK saw."""
        axes = [np.interp(times, self.place_times, axis) for axis in self.places.T]
        return np.stack(axes, axis=1)


def runs(root: Path) -> tuple[str, ...]:
    """The runs in the data folder, `run_b_imu1` and on.

    Raises:
        InputError: There are none.
    """
    return files.names(root / FOLDER)


def read(root: Path, run: str, *, synchronize: bool = True) -> Run:
    """A run on one clock.

    Args:
        root: The data folder.
        run: As in `runs`.
        synchronize: Find the lag of the clocks, from the whole run. If not, RTK's clock is taken
            for the IMU's, and the heading is that of the first metre: no later place is looked at.

    Raises:
        InputError: It is not there, or cannot be read.
    """
    found = files.arrays(root / FOLDER / f"{run}.npz", KEYS)
    gyro, accel, rate, ned, place_rate = (x.astype(np.float64) for x in found)
    gyro, accel = gyro * FLIP, accel * FLIP
    places = np.stack((ned[:, 1], ned[:, 0], -ned[:, 2]), axis=1)
    times, place_times = np.arange(len(gyro)) / rate, np.arange(len(places)) / place_rate
    apart, correlation = 0.0, 0.0
    if synchronize:
        apart, correlation = lag(times, gyro[:, 2], place_times, places)
    if correlation < SURE_ABOVE:
        apart = 0.0
    place_times = place_times + apart
    seen = (place_times >= times[0]) & (place_times <= times[-1])
    place_times, places = place_times[seen], places[seen]
    rows = (times >= place_times[0]) & (times <= place_times[-1])
    times, gyro, accel = times[rows], gyro[rows], accel[rows]
    heading = _first_heading(times, gyro[:, 2], place_times, places)
    return Run(run, times, gyro, accel, place_times, places, apart, correlation, heading)


def lag(times: Array, gyro_z: Array, place_times: Array, places: Array) -> tuple[float, float]:
    """What to add to the clock of places to have that of the gyro, s, and how sure that is.

    Turns within a second, of the way and of the gyro, are correlated at each of `LAGS`.

    Args:
        times: [N] s.
        gyro_z: [N] turn rate to the left, rad/s.
        place_times: [M] s, evenly spaced.
        places: [M, 3] m.

    Returns:
        The lag, and the correlation at it.
    """
    flow = velocities(place_times, places)
    course = np.unwrap(np.arctan2(flow[:, 1], flow[:, 0]))
    margin = LAGS[-1] + 1.0
    inner = (place_times > times[0] + margin) & (place_times < times[-1] - margin)
    at = place_times[inner & (np.hypot(*flow.T) > 0.2)]
    turned = _change(at, place_times, course)
    angle = _angle(times, gyro_z)
    found = [np.corrcoef(turned, _change(at + x, times, angle))[0, 1] for x in LAGS]
    best = int(np.argmax(found))
    return float(LAGS[best]), float(found[best])


def velocities(times: Array, places: Array) -> Array:
    """East and north velocity [M, 2]: the slope of the line through seven places."""
    weights = np.arange(3, -4, -1) / 28.0
    step = (times[-1] - times[0]) / (len(times) - 1)
    padded = np.pad(places[:, :2], ((3, 3), (0, 0)), mode="reflect", reflect_type="odd")
    axes = [np.convolve(axis, weights, mode="valid") / step for axis in padded.T]
    return np.stack(axes, axis=1)


def _change(at: Array, times: Array, values: Array) -> Array:
    """By how much values change from half a second before to half a second after."""
    ends: Array = np.interp(at + 0.5, times, values) - np.interp(at - 0.5, times, values)
    return ends


def _angle(times: Array, rate: Array) -> Array:
    """The integral [N] of a rate [N], from 0."""
    steps = 0.5 * (rate[1:] + rate[:-1]) * np.diff(times)
    return np.concatenate((np.zeros(1), np.cumsum(steps)))


def _first_heading(times: Array, gyro_z: Array, place_times: Array, places: Array) -> float:
    """The heading at the first sample: the courses soon after, turned back by the gyro.

    The car hardly moves at the start, so that one course tells little.
    """
    flow = velocities(place_times, places)
    gone = np.cumsum(np.hypot(*flow.T)) * (place_times[1] - place_times[0])
    first = gone < HEADING_WITHIN
    turned = np.interp(place_times[first], times, _angle(times, gyro_z))
    back = (flow[first, 0] + 1j * flow[first, 1]) * np.exp(-1j * turned)
    return float(np.angle(back.sum()))
