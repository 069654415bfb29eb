"""What is known of a vehicle and its IMU before a drive, learned from other drives of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from models.errors import InputError, first_fault
from robot.echo import Echo
from robot.lie import Array, Vector, so3_exp
from robot.pose import OPTIONS, Options
from robot.state import KITTI_NOISE, Covariance, Noise, State
from robot.tone import Tone


@dataclass(frozen=True)
class Deviations:
    """How far off the first state is expected to be: standard deviations, near AI-IMU's for KITTI.

    Attributes:
        tilt: Of roll and pitch, rad.
        velocity: East and north, m/s; upwards it is `CLIMB` of that.
        gyro_bias: rad/s.
        accel_bias: m/s^2.
        mount: rad.
        lever: m.
        road: Of roll and pitch about level where the attitude is not given, rad.
    """

    tilt: float = 1e-3
    velocity: float = 0.3
    gyro_bias: float = 1e-4
    accel_bias: float = 0.03
    mount: float = 3e-3
    lever: float = 0.1
    road: float = 0.03


CLIMB = 0.3


@dataclass(frozen=True)
class Profile:
    """One vehicle with one IMU.

    Attributes:
        noise: What to expect while driving, and of a network that says nothing.
        deviations: What to expect of the first state, where attitude and velocity are given.
        mount: Rotation vector from the body's axes to the IMU's, rad.
        lever: The IMU's place, see `robot.state.State`, m.
        accel_bias: What the accelerometer shows too much, m/s^2.
        drift: Of the body in curves, see `measurements.no_slip`, s^2/m.
        tone: Of its wheels; None where they are not to be heard.
        echo: Of its axles; None where it has not two, or they are not to be heard.
    """

    noise: Noise = KITTI_NOISE
    deviations: Deviations = field(default_factory=Deviations)
    mount: Vector = (0.0, 0.0, 0.0)
    lever: Vector = (0.0, 0.0, 0.0)
    accel_bias: Vector = (0.0, 0.0, 0.0)
    drift: float = 0.0
    tone: Tone | None = None
    echo: Echo | None = None

    def options(self, options: Options = OPTIONS) -> Options:
        """How a localizer works, with what belongs to the vehicle."""
        d = self.deviations
        prior = replace(
            options.prior,
            mount=self.mount,
            lever=self.lever,
            tilt=d.road,
            mount_sigma=d.mount,
            lever_sigma=d.lever,
        )
        return replace(options, prior=prior, drift=self.drift, tone=self.tone, echo=self.echo)

    def start(
        self, rotation: Array, velocity: Array, position: Array | None = None
    ) -> tuple[State, Covariance]:
        """The first state and its covariance, of a known attitude and velocity.

        Args:
            rotation: [3, 3] from the IMU's axes to the world's.
            velocity: [3] of the IMU in the world, m/s.
            position: [3] in the world, m; the origin if None.
        """
        state = State(
            rotation,
            velocity,
            np.zeros(3) if position is None else position,
            np.zeros(3),
            np.array(self.accel_bias),
            np.asarray(so3_exp(np.array(self.mount))),
            np.array(self.lever),
        )
        d = self.deviations
        spread = Covariance.of_deviations(
            tilt=d.tilt,
            velocity=(d.velocity, d.velocity, CLIMB * d.velocity),
            gyro_bias=d.gyro_bias,
            accel_bias=d.accel_bias,
            mount=d.mount,
            lever=d.lever,
        )
        return state, spread


@cache
def _border() -> TypeAdapter[Profile]:
    return TypeAdapter(Profile)


def profile_of(values: Any, where: str) -> Profile:
    """A profile from plain numbers, as `plain` makes them and as files have them.

    Args:
        values: Tables by name; what is left out keeps its default.
        where: What to call it in an error.

    Raises:
        InputError: A name is unknown, or a value impossible.
    """
    try:
        return _border().validate_python(values, extra="forbid")
    except ValidationError as error:
        raise InputError(f"{where}: {first_fault(error, 'profile')}") from None


def plain(profile: Profile) -> dict[str, Any]:
    """A profile as plain numbers, lists and tables, for JSON and TOML."""
    values: dict[str, Any] = _border().dump_python(profile, mode="json", exclude_none=True)
    return values
