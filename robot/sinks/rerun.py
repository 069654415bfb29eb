"""Rerun recordings: the way in 3-D, and speed, biases and deviations as curves over time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from robot.frames import quaternion_rotations
from robot.pose import Pose
from robot.sinks.base import Write, Writer
from robot.sinks.record import Record, record
from robot.sinks.world import World

BATCH = 500  # poses; Rerun takes milliseconds a call, whether for one or for many


def writer(world: World) -> Writer:
    """Writes such a file; the package `rerun-sdk` is loaded only then."""

    @contextmanager
    def write(path: Path) -> Iterator[Write]:
        import rerun as rr

        log = rr.RecordingStream("bombus")
        log.save(path)
        axes = rr.ViewCoordinates
        up = axes.RIGHT_HAND_Z_UP if world == "enu" else axes.RIGHT_HAND_Z_DOWN
        log.log("world", up, static=True)
        batch: list[Record] = []
        joint: list[list[float]] = []  # where the last part of the way ends

        def send() -> None:
            _send(rr, log, batch, joint)
            joint[:] = [batch[-1].position]
            batch.clear()

        def put(pose: Pose) -> None:
            batch.append(record(pose, world))
            if len(batch) == BATCH:
                send()

        try:
            yield put
            if batch:
                send()
        finally:
            log.disconnect()

    return write


def _send(rr: Any, log: Any, batch: list[Record], joint: list[list[float]]) -> None:
    """Send some records at once, the way from the last place of those before on."""
    times = rr.TimeColumn("time", duration=[told.time for told in batch])
    places = [told.position for told in batch]
    turns = quaternion_rotations(np.array([told.quaternion for told in batch]))

    def curve(name: str, values: list[Any]) -> None:
        log.send_columns(name, [times], rr.Scalars.columns(scalars=np.array(values)))

    poses = rr.Transform3D.columns(translation=np.array(places), mat3x3=turns)
    log.send_columns("world/imu", [times], poses)
    way = rr.LineStrips3D([np.array(joint + places)])
    log.log(f"world/way/{batch[0].time:.3f}", way, static=True)
    curve("speed", [float(np.linalg.norm(told.velocity)) for told in batch])
    curve("gyro_bias", [told.gyro_bias for told in batch])
    curve("accel_bias", [told.accel_bias for told in batch])
    curve("deviation/position", [told.deviations.position for told in batch])
    curve("deviation/rotation", [told.deviations.rotation for told in batch])
    names = [" ".join(told.health) or "OK" for told in batch]
    log.send_columns("health", [times], rr.TextLog.columns(text=names))
