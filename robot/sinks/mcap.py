"""MCAP logs of JSON messages, which Foxglove shows: `/pose` for its 3-D view, `/state` with all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.errors import InputError
from robot.pose import Pose
from robot.sinks.base import Write, Writer
from robot.sinks.record import Record, record
from robot.sinks.world import World

LAST = (2**64 - 1) / 1e9  # s; MCAP counts nanoseconds from 0 in 64 bits


def _object(title: str, **properties: Any) -> dict[str, Any]:
    named = {"title": title} if title else {}
    return named | {"type": "object", "properties": properties, "required": [*properties]}


def _numbers(names: str) -> dict[str, Any]:
    return _object("", **{name: {"type": "number"} for name in names})


def _vector(length: int) -> dict[str, Any]:
    number = {"type": "number"}
    return {"type": "array", "items": number, "minItems": length, "maxItems": length}


# Foxglove knows its schemas by name: https://docs.foxglove.dev/docs/visualization/message-schemas
_WHOLE = {"type": "integer", "minimum": 0}
POSE = _object(
    "foxglove.PoseInFrame",
    timestamp=_object("", sec=_WHOLE, nsec=_WHOLE) | {"title": "time"},
    frame_id={"type": "string"},
    pose=_object("foxglove.Pose", position=_numbers("xyz"), orientation=_numbers("xyzw")),
)
_PARTS = ("rotation", "velocity", "position", "gyro_bias", "accel_bias")
STATE = _object(
    "bombus.State",
    time={"type": "number"},
    world={"enum": ["enu", "ned"]},
    position=_vector(3),
    quaternion=_vector(4),
    velocity=_vector(3),
    gyro_bias=_vector(3),
    accel_bias=_vector(3),
    deviations=_object("", **{part: _vector(3) for part in _PARTS}),
    health={"type": "array", "items": {"type": "string"}},
)


def pose_message(told: Record, nanoseconds: int) -> dict[str, Any]:
    """A `foxglove.PoseInFrame`, whose frame is the name of the world."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return {
        "timestamp": {"sec": seconds, "nsec": rest},
        "frame_id": told.world,
        "pose": {
            "position": dict(zip("xyz", told.position, strict=True)),
            "orientation": dict(zip("xyzw", told.quaternion, strict=True)),
        },
    }


def writer(world: World) -> Writer:
    """Writes such a file."""

    @contextmanager
    def write(path: Path) -> Iterator[Write]:
        import mcap.writer

        with path.open("wb") as file:
            log = mcap.writer.Writer(file)
            log.start(library="bombus")
            channels = [
                log.register_channel(
                    topic,
                    "json",
                    log.register_schema(schema["title"], "jsonschema", json.dumps(schema).encode()),
                )
                for topic, schema in (("/pose", POSE), ("/state", STATE))
            ]

            def put(pose: Pose) -> None:
                if not 0 <= pose.time < LAST:
                    raise InputError(
                        f"time {pose.time:g} s: MCAP holds 0 to {LAST:.0f} s only; write a .csv"
                    )
                told = record(pose, world)
                stamp = round(pose.time * 1e9)
                for channel, message in zip(
                    channels, (pose_message(told, stamp), told.as_dict()), strict=True
                ):
                    data = json.dumps(message, separators=(",", ":"), allow_nan=False).encode()
                    log.add_message(channel, stamp, data, stamp)

            yield put
            log.finish()  # type: ignore[no-untyped-call]

    return write
