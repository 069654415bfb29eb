"""ROS 1 bags, and ROS 2 bags as a folder or one `.db3` file, without ROS."""

from __future__ import annotations

from pathlib import Path

from models.errors import InputError, reason
from robot.sources import ros
from robot.sources.base import INSTALL, Reading
from robot.sources.messages import POSE_WIDTH, Topic, log_of
from robot.sources.recorded import Recorded


def is_bag(folder: Path) -> bool:
    """Whether a folder is a ROS 2 bag."""
    return (folder / "metadata.yaml").is_file()


def open_bag(path: Path, reading: Reading) -> Recorded:
    """Read a bag; what stands before a torn end is kept.

    Raises:
        InputError: It cannot be read, or has no samples.
    """
    try:
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise InputError(f"{path}: a bag needs the package rosbags; {INSTALL}") from error
    topics: dict[str, Topic] = {}
    poses = Topic(POSE_WIDTH)
    # Old ROS 2 bags do not say how their messages are laid out; these have not changed since.
    store = get_typestore(Stores.ROS2_HUMBLE)
    try:
        with AnyReader([path], default_typestore=store) as reader:
            wanted = []
            for connection in reader.connections:
                kind, topic = connection.msgtype, connection.topic
                if kind == ros.IMU and topic == (reading.topic or topic):
                    topics[topic] = Topic()
                    wanted.append(connection)
                elif topic == reading.truth_topic and kind in ros.POSES:
                    wanted.append(connection)
            for connection, arrival, raw in reader.messages(wanted) if wanted else ():
                is_imu = connection.topic in topics
                into = topics[connection.topic] if is_imu else poses
                try:
                    message = reader.deserialize(raw, connection.msgtype)
                    values = ros.imu_values(message) if is_imu else ros.pose_values(message)
                    into.add(ros.stamp(message), arrival / 1e9, values)
                except Exception:  # of this message's bytes: struct, numpy, the library's own
                    into.skip()
    # A strange or damaged bag meets YAML, SQLite, bz2, lz4, zstd and the library itself, each
    # with errors of its own.
    except Exception as error:
        if not any(map(len, topics.values())):
            raise InputError(
                f"{path}: cannot be read as a bag ({reason(error)}); try rosbag reindex, or "
                "ros2 bag reindex"
            ) from error
        for messages in topics.values():
            messages.skip()
    return log_of(str(path), topics, poses, reading)
