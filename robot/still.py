"""Whether the IMU stands still, by how little its signals vary: no model of the vehicle, no speed.

Smooth driving can look as still as standing (on KITTI, 0.5 % of the half seconds above 0.5 m/s are
below the default limits, at up to 10 m/s), so a zero-velocity update that this asks for must pass
a gate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from robot import loops
from robot.lie import Array

Loop = Callable[[Array, Array, float, Array], Array]


@dataclass(frozen=True)
class StillLimits:
    """What still is, and how firmly it is held.

    Attributes:
        gyro: Largest deviation of an axis, rad/s.
        accel: The same, m/s^2.
        memory: Time constant of the running means and deviations, s.
        after: How long it must look still, s.
        every: Between zero-velocity and zero-rotation updates, s.
        speed: Deviation of the velocity at rest, `SLIP_RATE` times a second, m/s.
        rotation: The same of the angular rate beyond the gyro's own noise, rad/s.
        probability: Of the gate of the zero-velocity update.
    """

    gyro: float = 0.01
    accel: float = 0.06
    memory: float = 0.2
    after: float = 0.5
    every: float = 0.1
    speed: float = 0.05
    rotation: float = 2e-3
    probability: float = 1e-3

    @property
    def row(self) -> Array:
        """For `loops.still`."""
        return np.array((self.gyro, self.accel, self.memory))

    def fitted(self, gyro: Array, accel: Array, margin: float = 1.5) -> StillLimits:
        """Limits that do for an IMU seen standing still, [N, 3] each: wider ones if it is noisy."""
        return StillLimits(
            max(self.gyro, margin * float(gyro.std(axis=0).max())),
            max(self.accel, margin * float(accel.std(axis=0).max())),
            *(self.memory, self.after, self.every, self.speed, self.rotation, self.probability),
        )


STILL_LIMITS = StillLimits()


class Stillness:
    """A stream's running means and variances of the six axes, and for how long they were still."""

    def __init__(self, loop: Loop = loops.still) -> None:
        """Make one; `loop` is `loops.still`, or that compiled."""
        self._loop = loop
        self.memory = np.array((*[0.0] * 12, -1.0))

    def take(self, sample: Array, dt: float, limits: Array) -> float:
        """Take in a sample [6] (gyro, accelerometer), dt s after the last; `StillLimits.row`.

        Returns:
            For how long it has been still, s.
        """
        self.memory = self._loop(self.memory, sample, dt, limits)
        return float(self.memory[12])

    @property
    def rate(self) -> Array:
        """Running mean [3] of the gyro, rad/s."""
        return self.memory[:3]
