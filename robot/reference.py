"""A log with its truth: what is scored and tuned on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.errors import InputError
from robot.align import PRIOR, Prior
from robot.lie import Array
from robot.log import Log
from robot.metrics import Trajectory
from robot.profile import Profile
from robot.rotations import exp, log
from robot.state import Covariance, State

StartFrom = Literal["truth", "heading", "nothing"]
MOVING = 0.5  # m/s
AI_IMU = Covariance.of_deviations()
COURSE = 1.0  # m of the way that tell the heading of a truth without attitudes


@dataclass(frozen=True)
class Reference(Log):
    """A log with its truth.

    Attributes:
        truth: M poses in the clock of the log, in order; rotations that nobody knows are NaN.
        velocity: [M, 3] m/s of the truth, if known.
    """

    truth: Trajectory
    velocity: Array | None = None

    @property
    def has_attitude(self) -> bool:
        """Whether the truth knows how the IMU lay."""
        return bool(np.isfinite(self.truth.rotations).all())

    @property
    def best_start(self) -> StartFrom:
        """What to tell if nobody says: of a start at rest, what a robot could know as well."""
        moving = float(np.linalg.norm(self._velocity_at(self.clock[:1]))) > MOVING
        return "truth" if moving and self.has_attitude else "heading"

    def start(
        self, source: StartFrom, profile: Profile | None = None
    ) -> tuple[State, Covariance] | Prior:
        """What the localizer is told before the first sample.

        Args:
            source: `truth` gives attitude, velocity and place, as KITTI's results are made;
                `heading` the heading and the place; `nothing` nothing.
            profile: Of the vehicle, which tells how sure a start from truth is; AI-IMU's if None.

        Raises:
            InputError: The truth does not know that.
        """
        if source == "nothing":
            return PRIOR
        if source == "truth" and not self.has_attitude:
            raise InputError(
                f"{self.name}: its truth has no attitudes; start from heading or nothing"
            )
        begin = self.clock[:1]
        first = resampled(self.truth, begin)
        place, rotation = first.positions[0], first.rotations[0]
        if source == "truth":
            state, spread = State.at_rest(rotation, self._velocity_at(begin), place), AI_IMU
            if profile is not None:
                state, spread = profile.start(rotation, state.velocity, place)
            # The spread is that of a start at the origin: only the place makes it another.
            return state, spread.about(State.at_rest(position=place))
        x, y, z = place.tolist()
        ahead = rotation[:, 0] if self.has_attitude else self._course()
        return Prior(heading=math.atan2(ahead[1], ahead[0]), position=(x, y, z))

    def _velocity_at(self, begin: Array) -> Array:
        times, velocity = self.truth.times, self.velocity
        if velocity is None:
            velocity = np.gradient(self.truth.positions, times, axis=0)
        return np.concatenate([np.interp(begin, times, v) for v in velocity.T])

    def _course(self) -> Array:
        """The way [3] that the truth takes at first."""
        away = self.truth.positions - self.truth.positions[0]
        far = np.linalg.norm(away[:, :2], axis=1) >= COURSE
        return np.asarray(away[int(np.argmax(far))] if far.any() else away[-1])


def with_truth(log: Log, truth: Trajectory, velocity: Array | None = None) -> Reference:
    """A log with its truth put in order.

    Args:
        log: The samples.
        truth: M poses in any order.
        velocity: [M, 3] of the truth.

    Raises:
        InputError: The truth has fewer than two stamps of its own.
    """
    stamps, rows = np.unique(truth.times, return_index=True)
    if len(stamps) < 2:
        raise InputError(f"{log.name}: its truth has poses at {len(stamps)} times; 2 are needed")
    known = None if velocity is None else velocity[rows]
    return Reference(log.name, log.times, log.gyro, log.accel, truth.at(rows), known)


def resampled(trajectory: Trajectory, times: Array) -> Trajectory:
    """Poses at other times: straight on in place, the shortest turn in attitude; held at the ends.

    Args:
        trajectory: N poses, times increasing.
        times: [M] s.
    """
    own = trajectory.times
    if np.array_equal(own, times):
        return trajectory
    right = np.clip(np.searchsorted(own, times), 1, len(own) - 1)
    span = own[right] - own[right - 1]
    share = np.clip((times - own[right - 1]) / span, 0.0, 1.0)
    a, b = trajectory.positions[right - 1], trajectory.positions[right]
    before, after = trajectory.rotations[right - 1], trajectory.rotations[right]
    turns = log(np.swapaxes(before, 1, 2) @ after)
    rotations = before @ exp(share[:, None] * turns)
    return Trajectory(times, a + share[:, None] * (b - a), rotations)
