"""ROS messages of the test log, made by rosbags itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from rosbags.typesys import Stores, get_typestore

from robot.lie import Array
from tests.robot.sources.logs import Log

ROS1 = get_typestore(Stores.ROS1_NOETIC)
ROS2 = get_typestore(Stores.ROS2_HUMBLE)
IMU, ODOMETRY = "sensor_msgs/msg/Imu", "nav_msgs/msg/Odometry"
POSE, TRANSFORM = "geometry_msgs/msg/PoseStamped", "geometry_msgs/msg/TransformStamped"
COVARIED = "geometry_msgs/msg/PoseWithCovarianceStamped"


class Maker:
    """Makes messages of one generation of ROS."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def __call__(self, name: str, *parts: Any, **named: Any) -> Any:
        package, _, kind = name.partition("/")
        return self.store.types[f"{package}/msg/{kind}"](*parts, **named)

    def header(self, ns: int) -> Any:
        stamp = self("builtin_interfaces/Time", *divmod(ns, 10**9))
        first = (0,) if self.store is ROS1 else ()  # `seq` is gone in ROS 2
        return self("std_msgs/Header", *first, stamp, "imu")

    def vector(self, xyz: Array, name: str = "Vector3") -> Any:
        return self(f"geometry_msgs/{name}", *map(float, xyz))

    def quaternion(self, xyzw: Array) -> Any:
        return self("geometry_msgs/Quaternion", *map(float, xyzw))

    def imu(self, log: Log, i: int, ns: int, absent: tuple[bool, bool] = (False, False)) -> Any:
        """A sample; `absent` says that gyro or accelerometer is not measured."""
        spreads = [np.full(9, -1.0 if is_absent else 0.01) for is_absent in absent]
        turn = self.quaternion(np.array((0, 0, 0, 1)))
        parts = (self.vector(log.gyro[i]), spreads[0], self.vector(log.accel[i]), spreads[1])
        return self("sensor_msgs/Imu", self.header(ns), turn, np.full(9, -1.0), *parts)

    def pose(self, log: Log, i: int, ns: int, kind: str) -> Any:
        """The truth as any of the kinds of pose."""
        spread = np.zeros(36)
        turn = self.quaternion(log.quaternions[i])
        header = self.header(ns)
        if kind == TRANSFORM:
            there = self("geometry_msgs/Transform", self.vector(log.truth.positions[i]), turn)
            return self("geometry_msgs/TransformStamped", header, "imu", there)
        pose = self("geometry_msgs/Pose", self.vector(log.truth.positions[i], "Point"), turn)
        if kind == POSE:
            return self("geometry_msgs/PoseStamped", header, pose)
        covaried = self("geometry_msgs/PoseWithCovariance", pose, spread)
        if kind == COVARIED:
            return self("geometry_msgs/PoseWithCovarianceStamped", header, covaried)
        along = log.truth.rotations[i].T @ log.velocity[i]
        twist = self("geometry_msgs/Twist", self.vector(along), self.vector(np.zeros(3)))
        moving = self("geometry_msgs/TwistWithCovariance", twist, spread)
        return self("nav_msgs/Odometry", header, "imu", covaried, moving)
