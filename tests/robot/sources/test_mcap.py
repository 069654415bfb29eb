"""MCAP files, written by the mcap package."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcap.writer import CompressionType, Writer

from models.errors import InputError
from robot.engine import pack
from robot.health import Health
from robot.lie import Array
from robot.pose import Pose
from robot.sinks import open_sink
from robot.sources import Reading, load, open_source
from robot.state import Covariance, State
from tests.robot.sources.logs import Log, make_log, same_samples, same_truth
from tests.robot.sources.ros_messages import IMU, ODOMETRY, ROS1, Maker

Message = tuple[str, int, bytes]  # topic, ns of arrival, bytes


@pytest.fixture(scope="module")
def log() -> Log:
    return make_log()


def write(
    folder: Path,
    messages: list[Message],
    encoding: str = "json",
    schemas: dict[str, str] | None = None,
    **options: Any,
) -> str:
    path = folder / "log.mcap"
    with path.open("wb") as file:
        writer = Writer(file, **options)
        writer.start()
        channels: dict[str, int] = {}
        for topic, ns, data in messages:
            if topic not in channels:
                name = (schemas or {}).get(topic, "any")
                schema = writer.register_schema(name, "jsonschema", b"{}")
                channels[topic] = writer.register_channel(topic, encoding, schema)
            writer.add_message(channels[topic], ns, data, ns)
        writer.finish()  # type: ignore[no-untyped-call]
    return str(path)


def own(t: float, gyro: list[float], accel: list[float]) -> dict[str, Any]:
    return {"time": t, "gyro": gyro, "accel": accel}


def generic(t: float, gyro: list[float], accel: list[float]) -> dict[str, Any]:
    return {
        "header": {"stamp": {"sec": int(t), "nsec": round(t % 1 * 1e9)}},
        "angular_velocity": dict(zip("xyz", gyro, strict=True)),
        "linear_acceleration": dict(zip("xyz", accel, strict=True)),
    }


def messages(log: Log, topic: str = "/imu", shape: Callable[..., Any] = own) -> list[Message]:
    table = zip(log.times.tolist(), log.gyro.tolist(), log.accel.tolist(), strict=True)
    texts = (json.dumps(shape(*row)).encode() for row in table)
    return [(topic, ns + 5, text) for ns, text in zip(log.nanoseconds, texts, strict=True)]


@pytest.mark.parametrize("shape", [own, generic])
@pytest.mark.parametrize(
    "options",
    [
        {"compression": CompressionType.NONE},
        {"compression": CompressionType.LZ4},
        {"compression": CompressionType.ZSTD, "chunk_size": 500},
        {"use_chunking": False},
    ],
)
def test_json_messages(
    tmp_path: Path, log: Log, shape: Callable[..., Any], options: dict[str, Any]
) -> None:
    same_samples(open_source(write(tmp_path, messages(log, shape=shape), **options)), log)


def test_other_topics_do_not_disturb(tmp_path: Path, log: Log) -> None:
    noise = [("/log", ns, b'{"msg": "hello"}') for ns in log.nanoseconds]
    noise += [("/bytes", ns, b"\xff\x00") for ns in log.nanoseconds]
    source = open_source(write(tmp_path, messages(log) + noise))
    same_samples(source, log)
    assert source.bad == 0


def test_of_two_topics_one_is_chosen(tmp_path: Path, log: Log) -> None:
    other = make_log(60, start=500.0)
    where = write(tmp_path, messages(log, "/front") + messages(other, "/rear"))
    same_samples(open_source(where, Reading(topic="/rear")), other)
    with pytest.raises(InputError, match=r"\(/front, /rear\); choose one"):
        open_source(where)
    with pytest.raises(InputError, match="no IMU topic '/nowhere'"):
        open_source(where, Reading(topic="/nowhere"))


def test_bad_messages_are_counted(tmp_path: Path, log: Log) -> None:
    mixed = messages(log)
    mixed[5:5] = [("/imu", 5, b"{"), ("/imu", 5, b'{"time": 1}'), ("/imu", 6, b"\xff")]
    source = open_source(write(tmp_path, mixed))
    same_samples(source, log)
    assert source.bad == 3


def test_a_file_whose_writer_was_cut_off_is_read_as_far_as_it_goes(
    tmp_path: Path, log: Log
) -> None:
    path = Path(write(tmp_path, messages(log), chunk_size=500))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    source = open_source(str(path))
    count = len(load(source)[0])
    assert 5 < count < 45
    np.testing.assert_array_equal(load(source)[1], log.gyro[:count])
    assert source.bad == 1


def test_ros_1_messages(tmp_path: Path, log: Log) -> None:
    make = Maker(ROS1)
    sent: list[Message] = []
    for i, ns in enumerate(log.nanoseconds):
        sent.append(("/imu", ns, bytes(ROS1.serialize_ros1(make.imu(log, i, ns), IMU))))
        truth = make.pose(log, i, ns, ODOMETRY)
        sent.append(("/odom", ns, bytes(ROS1.serialize_ros1(truth, ODOMETRY))))
    schemas = {"/imu": "sensor_msgs/Imu", "/odom": "nav_msgs/Odometry"}
    where = write(tmp_path, sent, "ros1", schemas)
    source = open_source(where, Reading(truth_topic="/odom"))
    same_samples(source, log)
    same_truth(source, log, velocity=True)


def poses(log: Log) -> list[Pose]:
    spread = Covariance.of_deviations()
    rows = zip(
        log.times.tolist(), log.truth.rotations, log.velocity, log.truth.positions, strict=True
    )
    return [Pose(t, pack(State.at_rest(r, v, p)), spread, Health.OK) for t, r, v, p in rows]


@pytest.mark.parametrize("world", ["enu", "ned"])
@pytest.mark.parametrize("topic", ["/pose", "/state"])
def test_what_our_sink_wrote_can_be_the_truth(
    tmp_path: Path, log: Log, world: Any, topic: str
) -> None:
    with open_sink(str(tmp_path / "poses.mcap"), world=world) as sink:
        for pose in poses(log):
            sink.write(pose)
    own_poses = read_messages(tmp_path / "poses.mcap", topic)
    where = write(tmp_path, messages(log) + own_poses)
    source = open_source(where, Reading(topic="/imu", truth_topic=topic))
    same_samples(source, log)
    truth = source.truth()
    assert truth is not None
    close(truth.positions, log.truth.positions)
    close(truth.rotations, log.truth.rotations)
    velocity = source.truth_velocity()
    if topic == "/pose":
        assert velocity is None
    else:
        assert velocity is not None
        close(velocity, log.velocity)


def close(found: Array, wanted: Array) -> None:
    np.testing.assert_allclose(found, wanted, atol=5e-9)  # the sink's 9 decimals


def read_messages(path: Path, topic: str) -> list[Message]:
    from mcap.reader import make_reader

    with path.open("rb") as file:
        found = make_reader(file).iter_messages(topics=topic)
        return [(topic, message.log_time, message.data) for _, _, message in found]


def test_what_is_no_mcap_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.mcap").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="cannot be read as MCAP"):
        open_source(str(tmp_path / "log.mcap"))
    with pytest.raises(InputError, match="0 topics"):
        open_source(write(tmp_path, []))
