"""ROS messages as numbers, whether they come from a bag or an MCAP file.

`sensor_msgs/Imu`: a covariance that begins with -1 says that the driver does not measure this, and
its numbers are NaN. As the truth: `PoseStamped`, `PoseWithCovarianceStamped`, `TransformStamped`
and `Odometry`, whose velocity is along the child's axes.
"""

from __future__ import annotations

from math import nan
from typing import Any

from robot.sources.messages import pose_row

IMU = "sensor_msgs/msg/Imu"
POSES = {
    *("geometry_msgs/msg/PoseStamped", "geometry_msgs/msg/PoseWithCovarianceStamped"),
    *("geometry_msgs/msg/TransformStamped", "nav_msgs/msg/Odometry"),
}


def stamp(message: Any) -> float:
    """Of a message's header, s."""
    at = message.header.stamp
    return float(at.sec + at.nanosec / 1e9)


def imu_values(message: Any) -> list[float]:
    """Gyro x y z, accelerometer x y z."""
    values: list[float] = []
    for vector, covariance in (
        (message.angular_velocity, message.angular_velocity_covariance),
        (message.linear_acceleration, message.linear_acceleration_covariance),
    ):
        absent = covariance[0] == -1
        values += [nan] * 3 if absent else _xyz(vector)
    return values


def pose_values(message: Any) -> list[float]:
    """Position, rotation, velocity in the world or NaN, as of `messages.pose_row`."""
    if hasattr(message, "transform"):
        place, turn = message.transform.translation, message.transform.rotation
    else:
        pose = getattr(message.pose, "pose", message.pose)
        place, turn = pose.position, pose.orientation
    along = None
    if hasattr(message, "twist"):
        along = _xyz(message.twist.twist.linear)
    return pose_row(_xyz(place), [*_xyz(turn), turn.w], along=along)


def _xyz(vector: Any) -> list[float]:
    return [vector.x, vector.y, vector.z]
