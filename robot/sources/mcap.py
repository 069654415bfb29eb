"""MCAP files: ROS 2 and ROS 1 messages, and JSON ones in the forms of `message`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from models.errors import InputError, reason
from robot.frames import TIME_UNITS
from robot.sources import ros
from robot.sources.base import INSTALL, Reading
from robot.sources.message import json_numbers
from robot.sources.messages import POSE_WIDTH, Topic, log_of
from robot.sources.pose_message import json_pose
from robot.sources.recorded import Recorded

if TYPE_CHECKING:
    from mcap.records import Channel, Message, Schema

    Entry = tuple[Schema | None, Channel, Message]

Decoder = Callable[[bytes], tuple[float | None, list[float]]]

_LARGEST = 1 << 28  # bytes of a record: a damaged length must not ask for all memory
_TRIALS = 20  # bad messages, and no good one, after which a topic is known to hold no samples


def open_mcap(path: Path, reading: Reading) -> Recorded:
    """Read an MCAP file; what stands before a torn end is kept.

    Raises:
        InputError: It cannot be read, or has no samples.
    """
    gathering = Gathering(reading)
    try:
        with path.open("rb") as file:
            for schema, channel, message in _entries(file, gathering.wants):
                gathering.take(schema, channel, message)
    except ImportError as error:
        package = (error.name or "mcap").partition(".")[0]
        raise InputError(f"{path}: needs the package {package}; {INSTALL}") from error
    # A damaged file meets struct, lz4, zstd, Unicode and the library itself, each with errors of
    # its own.
    except Exception as error:
        if not any(map(len, gathering.topics.values())):
            raise InputError(
                f"{path}: cannot be read as MCAP ({reason(error)}); try mcap recover"
            ) from error
        for topic in gathering.topics.values():
            topic.skip()
    return log_of(str(path), gathering.topics, gathering.poses, reading)


class Gathering:
    """Messages by topic: the samples of each that may hold some, and the poses of the truth."""

    def __init__(self, reading: Reading) -> None:
        """Begin with none.

        Args:
            reading: Which topics, and how.
        """
        self.topics: dict[str, Topic] = {}
        self.poses = Topic(POSE_WIDTH)
        self._reading = reading
        self._decoders: dict[int, Decoder] = {}

    def wants(self, schema: Schema | None, channel: Channel) -> bool:
        """Whether a channel may hold samples, or holds the truth."""
        if channel.message_encoding not in {"json", "cdr", "ros1"}:
            return False
        if channel.topic == self._reading.truth_topic:
            return channel.message_encoding == "json" or _kind(schema) in ros.POSES
        is_imu = channel.message_encoding == "json" or _kind(schema) == ros.IMU
        return is_imu and self._reading.topic in {"", channel.topic}

    def take(self, schema: Schema | None, channel: Channel, message: Message) -> None:
        """Take in a message."""
        if not self.wants(schema, channel):
            return
        is_pose = channel.topic == self._reading.truth_topic
        into = self.poses if is_pose else self.topics.setdefault(channel.topic, Topic())
        if into.bad >= _TRIALS and not len(into):
            return
        decoder = self._decoders.get(channel.id)
        if decoder is None:
            decoder = self._decoders[channel.id] = self._decoder(is_pose, schema, channel)
        try:
            stamp, values = decoder(message.data)
            into.add(stamp, message.log_time / 1e9, values)
        except Exception:  # of this message's bytes: JSON, struct, numpy, rosbags' own
            into.skip()

    def _decoder(self, is_pose: bool, schema: Schema | None, channel: Channel) -> Decoder:
        """What makes a header's time, s, and numbers of a channel's bytes."""
        if channel.message_encoding == "json":
            return json_pose if is_pose else self._json
        kind, values_of = _kind(schema), ros.pose_values if is_pose else ros.imu_values
        read = _ros_reader(channel.message_encoding)

        def decode(data: bytes) -> tuple[float | None, list[float]]:
            message = read(data, kind)
            return ros.stamp(message), values_of(message)

        return decode

    def _json(self, data: bytes) -> tuple[float | None, list[float]]:
        per_second = TIME_UNITS[self._reading.time_unit or "s"]
        time, values = json_numbers(data, self._reading, per_second)
        return None if time is None else time / per_second, values


def _kind(schema: Schema | None) -> str:
    """A schema's name as ROS 2 spells it."""
    parts = schema.name.split("/") if schema else []
    return "/".join((parts[0], "msg", parts[1])) if len(parts) == 2 else "/".join(parts)


@cache
def _ros_reader(encoding: str) -> Callable[[bytes, str], Any]:
    from rosbags.typesys import Stores, get_typestore

    if encoding == "ros1":
        return get_typestore(Stores.ROS1_NOETIC).deserialize_ros1
    return get_typestore(Stores.ROS2_HUMBLE).deserialize_cdr


def _entries(file: IO[bytes], wants: Callable[[Schema | None, Channel], bool]) -> Iterator[Entry]:
    """The messages in the order of the file; by its index if it has a sound one."""
    from mcap.reader import NonSeekingReader, SeekingReader

    try:
        reader = SeekingReader(file, record_size_limit=_LARGEST)
        summary = reader.get_summary()
    except Exception:  # a log whose writer was cut off has no index, or a torn one
        summary = None
    if summary is not None and summary.chunk_indexes:
        schemas, channels = summary.schemas, summary.channels.values()
        topics = [c.topic for c in channels if wants(schemas.get(c.schema_id), c)]
        if topics:
            yield from reader.iter_messages(topics=topics, log_time_order=False)
        return
    file.seek(0)
    yield from NonSeekingReader(file, record_size_limit=_LARGEST).iter_messages(
        log_time_order=False
    )
