"""A JSON object as a pose: what our own MCAP files hold, Foxglove's `PoseInFrame`, or ROS's.

    {"time": 1.25, "world": "enu", "position": [x, y, z], "quaternion": [x, y, z, w]}
    {"timestamp": {..}, "frame_id": "enu", "pose": {"position": {..}, "orientation": {..}}}

A world or frame called `ned` is taken at its word; every other one is ENU, or at least z up.
"""

from __future__ import annotations

import json
from typing import Any

from robot.sources.columns import BadLine
from robot.sources.message import TIMES, first, seconds, vector
from robot.sources.messages import pose_row


def json_pose(text: bytes) -> tuple[float | None, list[float]]:
    """An object's time, s, and its pose as `messages.pose_row` has it.

    Raises:
        BadLine: It is no JSON, or no pose.
    """
    try:
        found = json.loads(text)
        time = first(found, TIMES)
        ned = "ned" in {first(found, [path]) for path in ("world", "frame_id", "header.frame_id")}
        body = found
        while "pose" in body:
            body = body["pose"]
        place = vector(body, ("position",))
        velocity = vector(found, ("velocity",)) if "velocity" in found else None
        row = pose_row(place, _quaternion(body), velocity, ned=ned)
    except (ValueError, RecursionError, LookupError, TypeError, OverflowError) as error:
        raise BadLine from error
    return (None if time is None else seconds(time, 1.0)), row


def _quaternion(body: Any) -> list[float]:
    """x, y, z, w."""
    told = body["quaternion"] if "quaternion" in body else body["orientation"]
    parts = [told[axis] for axis in "xyzw"] if isinstance(told, dict) else list(told)
    if len(parts) != 4:
        raise TypeError("no quaternion")
    return [float(part) for part in parts]
