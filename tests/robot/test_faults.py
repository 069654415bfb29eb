"""Every fault that an IMU and its clock can have, on KITTI's drives 07 and 10.

What comes of a fault is compared with the clean run: its flag is raised, no other alarm is, no pose
has a NaN, and the estimate goes astray by no more than a bound that is stated beside the fault.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gtsam
import numpy as np
import pytest
from numpy.typing import NDArray

from robot.health import Health
from robot.lie import Array
from robot.localizer import Localizer
from robot.pose import Options, Pose
from robot.recording import Recording
from robot.state import Covariance, State
from robot.track import track
from training.inertial.kitti import read_sequence

Row = list[float]  # time, gyro, accelerometer
Log = list[Row]
GYRO_Z, ACCEL_X, ACCEL_Z = 3, 4, 6
TWO_SECONDS, EVERY_TENTH = slice(200), slice(0, 200, 10)


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        spoil: Takes a log that begins where the fault does; returns it with the fault.
        flag: What the poses have to tell.
        astray: How far it may take the estimate from the clean run's: share of the way since.
        beside: What else may be told.
    """

    spoil: Callable[[Log], Log]
    flag: Health
    astray: float
    beside: Health = Health.OK


def put(columns: Iterable[int], value: float, rows: slice = slice(20)) -> Callable[[Log], Log]:
    """A value in place of what the sensor showed."""

    def spoil(log: Log) -> Log:
        for row in log[rows]:
            for column in columns:
                row[column] = value
        return log

    return spoil


def stick(column: int) -> Callable[[Log], Log]:
    """An axis shows what it showed last."""
    return lambda log: put([column], log[0][column], TWO_SECONDS)(log)


def shift(seconds: float) -> Callable[[Log], Log]:
    """The clock is set, and stays so."""
    return lambda log: [[time + seconds, *sample] for time, *sample in log]


def lose(count: int) -> Callable[[Log], Log]:
    return lambda log: log[count:]


def repeat(log: Log) -> Log:
    """Every sample comes twice."""
    return [row for row in log[TWO_SECONDS] for _ in range(2)] + log[200:]


def delay(log: Log) -> Log:
    """Every tenth sample comes after the three that follow it."""
    late = log.copy()
    for i in range(0, 200, 10):
        late.insert(i + 3, late.pop(i))
    return late


# A hole costs the turn that the car made in it, and so does a stuck axis.
FAULTS = {
    "no number": Fault(put([GYRO_Z], math.nan), Health.NOT_FINITE, 0.02),
    "no numbers at all": Fault(put(range(1, 7), math.nan), Health.NOT_FINITE, 0.03),
    "infinite": Fault(put([ACCEL_X], -math.inf), Health.NOT_FINITE, 0.01),
    "gyro at its end": Fault(put([GYRO_Z], -40.0), Health.SATURATED, 0.02),
    "accelerometer at its end": Fault(put([ACCEL_Z], 200.0), Health.SATURATED, 0.02),
    "gyro stuck": Fault(stick(GYRO_Z), Health.STUCK, 0.1, Health.SPIKE),
    "accelerometer stuck": Fault(stick(ACCEL_X), Health.STUCK, 0.08),
    "gyro spikes": Fault(put([GYRO_Z], 5.0, EVERY_TENTH), Health.SPIKE, 0.01),
    "accelerometer spikes": Fault(put([ACCEL_X], -90.0, EVERY_TENTH), Health.SPIKE, 0.01),
    "clock set forward": Fault(shift(100.0), Health.TIME_JUMP, 0.05, Health.LATE),
    "clock set back": Fault(shift(-100.0), Health.TIME_JUMP, 0.05, Health.LATE),
    "a second lost": Fault(lose(100), Health.FILLED, 0.15),
    "repeated": Fault(repeat, Health.REPEATED, 0.0),
    "late": Fault(delay, Health.LATE, 0.002, Health.FILLED),
}
each_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())


def rows_of(times: Array, gyro: Array, accel: Array) -> Log:
    return [list(map(float, row)) for row in np.column_stack((times, gyro, accel)).tolist()]


def push(localizer: Localizer, log: Log) -> list[Pose]:
    poses = [localizer.push(time, sample[:3], sample[3:]) for time, *sample in log]
    for pose in poses:
        assert np.isfinite(pose.packed).all()
        assert np.isfinite(pose.covariance.matrix).all()
    return poses


def told(poses: Iterable[Pose]) -> Health:
    return functools.reduce(operator.or_, (pose.health for pose in poses))


@dataclass(frozen=True)
class Clean:
    """A part of a drive without faults.

    Attributes:
        options: Of the localizer.
        saved: The localizer before it.
        log: Its samples.
        poses: What came of them.
        metres: How long it is.
    """

    options: Options
    saved: dict[str, NDArray[Any]]
    log: Log
    poses: list[Pose]
    metres: float

    @staticmethod
    def of(recording: Recording, begin: int, options: Options) -> Clean:
        """From a row of a recording on."""
        localizer = Localizer(options, None, (recording.state(), Covariance.of_deviations()))
        log = rows_of(recording.times, recording.gyro, recording.accel)
        push(localizer, log[:begin])
        saved = localizer.save()
        poses = push(localizer, log[begin:])
        assert told(poses) is Health.OK
        far = recording.truth.distances
        return Clean(options, saved, log[begin:], poses, float(far[-1] - far[begin]))

    def spoiled(self, spoil: Callable[[Log], Log]) -> list[Pose]:
        """What comes of it with a fault at its beginning."""
        localizer = Localizer(self.options)
        localizer.restore(self.saved)
        return push(localizer, spoil([row[:] for row in self.log]))

    def survives(self, fault: Fault) -> None:
        poses = self.spoiled(fault.spoil)
        assert fault.flag in told(poses)
        assert told(poses) & ~(fault.flag | fault.beside) is Health.OK
        assert poses[-1].health is Health.OK
        off = np.linalg.norm(poses[-1].position - self.poses[-1].position)
        assert off <= fault.astray * self.metres


@pytest.fixture(scope="module", params=["07", "10"])
def recording(request: pytest.FixtureRequest) -> Recording:
    return read_sequence(request.getfixturevalue("bombus_data"), str(request.param))


@pytest.fixture(scope="module")
def part(recording: Recording) -> Clean:
    """12 s, 60 m and more, half a minute into the drive."""
    return Clean.of(recording.at(slice(1500, 4200)), 1500, Options(engine="numpy"))


@pytest.fixture(scope="module")
def second_half(recording: Recording) -> Clean:
    """320 m of 07, 425 m of 10."""
    return Clean.of(recording, len(recording.times) // 2, Options())


@each_fault
def test_a_fault_is_told_and_survived(part: Clean, fault: Fault) -> None:
    part.survives(fault)


@pytest.mark.slow
@each_fault
def test_a_fault_is_told_and_survived_over_half_a_drive(second_half: Clean, fault: Fault) -> None:
    second_half.survives(fault)


def test_samples_that_are_dropped_change_nothing(part: Clean) -> None:
    twice = part.spoiled(repeat)[-1]
    np.testing.assert_array_equal(twice.packed, part.poses[-1].packed)
    np.testing.assert_array_equal(twice.covariance.matrix, part.poses[-1].covariance.matrix)


def test_five_seconds_lost_are_known_to_be_lost(part: Clean) -> None:
    """Too long a hole to fill: the way through it is lost, and the covariance says so."""
    alone, first = part.spoiled(lose(500))[:2]
    assert alone.health is Health.LATE
    assert Health.TIME_JUMP in first.health
    off = first.position - part.poses[501].position
    assert np.linalg.norm(off) > 10.0
    spread = first.covariance.world(first.state).matrix[6:9, 6:9]
    assert off @ np.linalg.solve(spread, off) < 16.3  # chi-square of 3, 99.9 %


@pytest.mark.slow
def test_all_faults_in_one_drive(recording: Recording) -> None:
    """One after the other, four seconds from one to the next."""
    log = rows_of(recording.times, recording.gyro, recording.accel)
    spoiled, rest = log[:1000], log[1000:]
    for fault in FAULTS.values():
        rest = fault.spoil(rest)
        spoiled, rest = spoiled + rest[:400], rest[400:]
    start = (recording.state(), Covariance.of_deviations())
    poses = push(Localizer(Options(), None, start), spoiled + rest)
    for name, fault in FAULTS.items():
        assert fault.flag in told(poses), name
    assert Health.DIVERGED not in told(poses)
    assert told(poses[-2000:]) is Health.OK


@pytest.fixture(scope="module")
def half_a_day() -> Log:
    """Twenty seconds of KITTI's 00 as GTSAM ships it, behind a clock that began at 0.

    Its first step is 46,534 s, the time of day; 1.9 s are missing after the next sample.
    """
    file = gtsam.findExampleDataFile("KittiEquivBiasedImu.txt")  # type: ignore[no-untyped-call]
    _, dt, *samples = np.loadtxt(file, skiprows=1, max_rows=2000).T
    times = np.concatenate((np.zeros(1), np.cumsum(dt)))
    values = np.array(samples).T
    values = np.concatenate((values[:1], values))
    return rows_of(times, values[:, 3:], values[:, :3])


@pytest.mark.parametrize("started", [False, True])
def test_a_stream_whose_first_step_is_half_a_day(half_a_day: Log, started: bool) -> None:
    assert half_a_day[1][0] == pytest.approx(46534.478, abs=1e-3)
    state = State.at_rest(velocity=np.array((8.2, 0.0, 0.0)))
    start = (state, Covariance.of_deviations()) if started else None
    poses = push(Localizer(Options(engine="numpy"), None, start), half_a_day)
    assert [i for i, pose in enumerate(poses) if Health.TIME_JUMP in pose.health] == [2]
    for pose in poses[::250]:
        values = np.linalg.eigvalsh(pose.covariance.matrix)
        assert values[0] > -1e-12 * values[-1]
        assert np.abs(pose.rotation.T @ pose.rotation - np.eye(3)).max() < 1e-9


def test_a_log_whose_first_step_is_half_a_day(half_a_day: Log, bombus_data: Path) -> None:
    """What stands alone before it is left out, and the drive is found as well as ever."""
    recording = read_sequence(bombus_data, "00")
    times, gyro, accel = np.split(np.array(half_a_day), (1, 4), axis=1)
    start = (recording.state(), Covariance.of_deviations())
    result = track(times[:, 0], gyro, accel, options=Options(engine="numpy"), start=start)
    assert result.had(Health.TIME_JUMP) == 0
    since = result.trajectory.times - half_a_day[1][0]
    assert since[0] == pytest.approx(recording.times[0], abs=1e-3)
    end = int(np.searchsorted(recording.times, since[-1]))
    truth = recording.truth
    off = result.trajectory.positions[-1] - truth.positions[end]
    assert np.linalg.norm(off) < 0.02 * truth.distances[end]
