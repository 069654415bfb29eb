"""The KITTI sequences of the odometry benchmark, read as DESIGN.md asks them to be scored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot.clock import clean
from robot.lie import Array, so3_exp
from robot.metrics import Relative, Trajectory, relative_errors
from robot.pose import Options
from robot.state import Covariance, State
from robot.track import Track, track

# Drive, and its first and last raw sample. 08's window begins inside a fault of the truth, so the
# filter begins with the drive and only the window is scored.
SEQUENCES = {
    "00": ("2011_10_03_drive_0027", 0, 45692),
    "01": ("2011_10_03_drive_0042", 0, 12180),
    "02": ("2011_10_03_drive_0034", 0, 47935),
    "04": ("2011_09_30_drive_0016", 0, 2950),
    "05": ("2011_09_30_drive_0018", 0, 28659),
    "06": ("2011_09_30_drive_0020", 0, 11347),
    "07": ("2011_09_30_drive_0027", 0, 11545),
    "08": ("2011_09_30_drive_0028", 11231, 53650),
    "09": ("2011_09_30_drive_0033", 0, 16589),
    "10": ("2011_09_30_drive_0034", 0, 12744),
}
SCORED = ("01", "04", "06", "07", "08", "09", "10")
# AI-IMU's constants, and nothing of ours: no stand-still, no gate.
PLAIN = Options(still=None, slip_gate=None)


@dataclass(frozen=True)
class Recording:
    """A cleaned drive: samples [N, 3], the truth at each, and which rows are scored."""

    times: Array
    gyro: Array
    accel: Array
    truth: Trajectory
    velocities: Array
    scored: slice


def read(folder: Path, sequence: str) -> Recording:
    drive, first, last = SEQUENCES[sequence]
    with np.load(folder / "kitti-imu" / f"{drive}.npz", allow_pickle=False) as file:
        stamps = file["t"][:last]
        # The turn from one sample to the next is small: angles may be interpolated once unwrapped.
        angles = np.unwrap(file["rpy_gt"][:last].astype(np.float64), axis=0)
        parts = (file["gyro"][:last], file["acc"][:last], file["p_gt"][:last], file["v_gt"][:last])
        log = clean(stamps, np.hstack((*parts, angles)))
        begin = stamps[first]
    gyro, accel, places, velocities, rpy = np.split(log.values, 5, axis=1)
    rotations = np.array([attitude(row) for row in rpy])
    start = int(np.searchsorted(log.times, begin))
    truth = Trajectory(log.times, places, rotations)
    return Recording(log.times, gyro, accel, truth, velocities, slice(start, None))


def attitude(rpy: Array) -> Array:
    roll, pitch, yaw = rpy
    turn, climb = so3_exp(np.array((0, 0, yaw))), so3_exp(np.array((0, pitch, 0)))
    return np.asarray(turn @ climb @ so3_exp(np.array((roll, 0, 0))))


def follow(recording: Recording, options: Options = PLAIN) -> tuple[Track, Relative]:
    """The localizer on a recording, from its true attitude and velocity, and its score."""
    state = State.at_rest(recording.truth.rotations[0], recording.velocities[0])
    start = (state, Covariance.of_deviations())
    result = track(recording.times, recording.gyro, recording.accel, options=options, start=start)
    rows = recording.scored
    return result, relative_errors(recording.truth.at(rows), result.trajectory.at(rows))


def beginning(recording: Recording, count: int) -> Recording:
    """Its first samples."""
    rows = slice(count)
    return Recording(
        recording.times[rows],
        recording.gyro[rows],
        recording.accel[rows],
        recording.truth.at(rows),
        recording.velocities[rows],
        recording.scored,
    )
