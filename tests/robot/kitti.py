"""The KITTI sequences of the odometry benchmark, run as DESIGN.md asks them to be scored."""

from __future__ import annotations

from robot.metrics import Relative, relative_errors
from robot.pose import Options
from robot.recording import Recording
from robot.state import Covariance, State
from robot.track import Track, track

# AI-IMU's constants, and nothing of ours: no stand-still, no gate.
PLAIN = Options(still=None, slip_gate=None)


def follow(recording: Recording, options: Options = PLAIN) -> tuple[Track, Relative]:
    """The localizer on a recording, from its true attitude and velocity, and its score."""
    state = State.at_rest(recording.truth.rotations[0], recording.velocities[0])
    start = (state, Covariance.of_deviations())
    result = track(recording.times, recording.gyro, recording.accel, options=options, start=start)
    rows = recording.scored
    return result, relative_errors(recording.truth.at(rows), result.trajectory.at(rows))
