"""ROS 1 and ROS 2 bags, written by rosbags."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags import rosbag1, rosbag2

from models.errors import InputError
from robot.sources import Reading, load, open_source
from tests.robot.sources.logs import Log, make_log, same_samples, same_truth
from tests.robot.sources.ros_messages import (
    COVARIED,
    IMU,
    ODOMETRY,
    POSE,
    ROS1,
    ROS2,
    TRANSFORM,
    Maker,
)

Message = tuple[str, str, int, Any]  # topic, type, ns of arrival, message
LATE = 3_000_000  # ns from a stamp to the arrival


@pytest.fixture(scope="module")
def log() -> Log:
    return make_log()


def write_ros1(folder: Path, messages: list[Message]) -> str:
    with rosbag1.Writer(folder / "log.bag") as writer:
        topics = {
            topic: writer.add_connection(topic, kind, typestore=ROS1)
            for topic, kind in sorted({m[:2] for m in messages})
        }
        for topic, kind, ns, message in messages:
            writer.write(topics[topic], ns, ROS1.serialize_ros1(message, kind))
    return str(folder / "log.bag")


def write_ros2(folder: Path, messages: list[Message], plugin: Any) -> str:
    with rosbag2.Writer(folder / "log", version=9, storage_plugin=plugin) as writer:
        topics = {
            topic: writer.add_connection(topic, kind, typestore=ROS2)
            for topic, kind in sorted({m[:2] for m in messages})
        }
        for topic, kind, ns, message in messages:
            writer.write(topics[topic], ns, ROS2.serialize_cdr(message, kind))
    return str(folder / "log")


def sqlite(folder: Path, messages: list[Message]) -> str:
    return write_ros2(folder, messages, rosbag2.StoragePlugin.SQLITE3)


def only_file(folder: Path, messages: list[Message]) -> str:
    return str(next(Path(sqlite(folder, messages)).glob("*.db3")))


def with_mcap(folder: Path, messages: list[Message]) -> str:
    return write_ros2(folder, messages, rosbag2.StoragePlugin.MCAP)


def only_mcap(folder: Path, messages: list[Message]) -> str:
    return str(next(Path(with_mcap(folder, messages)).glob("*.mcap")))


KINDS = pytest.mark.parametrize(
    ("write", "store"),
    [
        (write_ros1, ROS1),
        (sqlite, ROS2),
        (only_file, ROS2),
        (with_mcap, ROS2),
        (only_mcap, ROS2),
    ],
    ids=["ros1", "ros2-sqlite", "ros2-db3-alone", "ros2-mcap", "ros2-mcap-alone"],
)
Write = Callable[[Path, list[Message]], str]


def imu(make: Maker, log: Log, topic: str = "/imu", **named: Any) -> list[Message]:
    stamps = enumerate(log.nanoseconds)
    return [(topic, IMU, ns + LATE, make.imu(log, i, ns, **named)) for i, ns in stamps]


@KINDS
def test_samples_of_the_only_topic(tmp_path: Path, log: Log, write: Write, store: Any) -> None:
    same_samples(open_source(write(tmp_path, imu(Maker(store), log))), log)


@KINDS
@pytest.mark.parametrize("kind", [POSE, COVARIED, TRANSFORM, ODOMETRY])
def test_a_topic_of_poses_is_the_truth(
    tmp_path: Path, log: Log, write: Write, store: Any, kind: str
) -> None:
    make = Maker(store)
    messages = imu(make, log)
    for i, ns in enumerate(log.nanoseconds):
        messages.append(("/truth", kind, ns + 2 * LATE, make.pose(log, i, ns, kind)))
    where = write(tmp_path, sorted(messages, key=lambda m: m[2]))
    assert open_source(where).truth() is None
    same_truth(open_source(where, Reading(truth_topic="/truth")), log, velocity=kind == ODOMETRY)
    with pytest.raises(InputError, match="no poses in topic '/nowhere'"):
        open_source(where, Reading(truth_topic="/nowhere"))


@KINDS
def test_of_two_topics_one_is_chosen(tmp_path: Path, log: Log, write: Write, store: Any) -> None:
    make, other = Maker(store), make_log(60, start=500.0)
    where = write(tmp_path, imu(make, log, "/front") + imu(make, other, "/rear"))
    same_samples(open_source(where, Reading(topic="/front")), log)
    same_samples(open_source(where, Reading(topic="/rear")), other)
    with pytest.raises(InputError, match=r"2 topics \(/front, /rear\); choose one"):
        open_source(where)
    with pytest.raises(InputError, match="no IMU topic '/nowhere'"):
        open_source(where, Reading(topic="/nowhere"))


@KINDS
def test_what_the_driver_does_not_measure_is_missing(
    tmp_path: Path, log: Log, write: Write, store: Any
) -> None:
    make = Maker(store)
    messages = imu(make, log)
    for i in (3, 4):
        ns = log.nanoseconds[i]
        messages[i] = ("/imu", IMU, ns, make.imu(log, i, ns, absent=(True, False)))
    _, gyro, accel = load(open_source(write(tmp_path, messages)))
    assert np.isnan(gyro).all(axis=1).sum() == 2
    assert not np.isnan(accel).any()


def test_a_topic_of_no_accelerometer_is_refused(tmp_path: Path, log: Log) -> None:
    messages = imu(Maker(ROS2), log, absent=(False, True))
    with pytest.raises(InputError, match="no accelerometer"):
        open_source(sqlite(tmp_path, messages))


@KINDS
def test_without_stamps_the_arrival_counts(
    tmp_path: Path, log: Log, write: Write, store: Any
) -> None:
    make = Maker(store)
    messages = [("/imu", IMU, ns, make.imu(log, i, 0)) for i, ns in enumerate(log.nanoseconds)]
    same_samples(open_source(write(tmp_path, messages)), log)


def test_a_bag_of_something_else(tmp_path: Path, log: Log) -> None:
    make = Maker(ROS1)
    where = write_ros1(tmp_path, [("/truth", POSE, 1, make.pose(log, 0, 1, POSE))])
    with pytest.raises(InputError, match="IMU samples in 0 topics, 1 is needed"):
        open_source(where)


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("write", [write_ros1, only_file])
def test_a_torn_bag_is_refused_or_read_as_far_as_it_goes(
    tmp_path: Path, log: Log, write: Write, part: float
) -> None:
    path = Path(write(tmp_path, imu(Maker(ROS1 if write is write_ros1 else ROS2), log)))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    count = 0
    with suppress(InputError):
        count = len(load(open_source(str(path)))[0])
    assert count < 50
    assert part > 0.5 or count == 0
