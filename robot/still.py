"""Whether the IMU stands still, by how little its signals sway: no model of the vehicle, no speed.

Samples are smoothed first. A vehicle that rolls sways slowly, and what an IMU adds is white: one
that is ten times as noisy is seen to stand still as well. Smooth driving can look as still as that
(on KITTI, 0.13 % of the time above 0.5 m/s is below the default limits), so a zero-velocity update
that this asks for must pass a gate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot import loops
from robot.filter import Gate, update
from robot.lie import Array
from robot.measurements import no_motion, no_rotation
from robot.state import SLIP_RATE, Covariance, State

Loop = Callable[[Array, Array, float, Array], Array]


@dataclass(frozen=True)
class StillLimits:
    """What still is, and how firmly it is held.

    Attributes:
        gyro: Largest deviation of a smoothed axis, rad/s.
        accel: The same, m/s^2.
        memory: Time constant of the running means and deviations, s.
        smoothing: Time constant of the smoothing, s.
        after: How long it must look still, s.
        every: Between zero-velocity and zero-rotation updates, s.
        speed: Deviation of the velocity at rest, `SLIP_RATE` times a second, m/s.
        rotation: The same of the angular rate beyond the gyro's own noise, rad/s.
        probability: Of the gate of the zero-velocity update.
    """

    gyro: float = 0.004
    accel: float = 0.04
    memory: float = 0.2
    smoothing: float = 0.1
    after: float = 0.5
    every: float = 0.1
    speed: float = 0.05
    rotation: float = 2e-3
    probability: float = 1e-3

    @property
    def row(self) -> Array:
        """For `loops.still`."""
        return np.array((self.gyro, self.accel, self.memory, self.smoothing))

    def fitted(self, samples: Array, period: float, margin: float = 1.5) -> StillLimits:
        """Limits that do for an IMU seen standing still, [N, 6]: wider ones if it sways."""
        sharp, smooth = period / (self.smoothing + period), samples.copy()
        for i in range(1, len(smooth)):
            smooth[i] = smooth[i - 1] + sharp * (smooth[i] - smooth[i - 1])
        sway = margin * smooth.std(axis=0)
        gyro, accel = float(sway[:3].max()), float(sway[3:].max())
        return replace(self, gyro=max(self.gyro, gyro), accel=max(self.accel, accel))


STILL_LIMITS = StillLimits()


class Stillness:
    """A stream's running means and variances of the six axes, and for how long they were still."""

    def __init__(self, loop: Loop = loops.still) -> None:
        """Make one; `loop` is `loops.still`, or that compiled."""
        self._loop = loop
        self.memory = np.array((*[0.0] * 18, -1.0))

    def take(self, sample: Array, dt: float, limits: Array) -> float:
        """Take in a sample [6] (gyro, accelerometer), dt s after the last; `StillLimits.row`.

        Returns:
            For how long it has been still, s.
        """
        self.memory = self._loop(self.memory, sample, dt, limits)
        return float(self.memory[18])

    @property
    def rate(self) -> Array:
        """Running mean [3] of the gyro, rad/s."""
        return self.memory[:3]


class Rest:
    """A stream's stillness, and when the filter is to be told of it.

    Attributes:
        limits: What still is.
        sure: Whether it stands still, and the filter did not disagree when it was last told.
    """

    def __init__(self, limits: StillLimits | None, loop: Loop = loops.still) -> None:
        """Make one; without limits it never rests."""
        self.limits, self._loop = limits or STILL_LIMITS, loop
        self._never, self._row = limits is None, self.limits.row
        self._stillness, self._since = Stillness(loop), math.inf
        self.sure = False

    def fit(self, samples: Array, period: float) -> None:
        """Take an IMU's word, [N, 6] at a period, s, that this is how it stands still."""
        self._limit(self.limits.fitted(samples, period))

    def forget(self) -> None:
        """Whether it was still just now."""
        self._stillness = Stillness(self._loop)

    def take(self, sample: Array, dt: float, likely: float | None) -> float:
        """Take in a sample [6], dt s after the last.

        Args:
            sample: Gyro and accelerometer.
            dt: s.
            likely: Probability that it stands still, of somebody who knows; None for nobody.

        Returns:
            For how long updates are to stand now, s; 0 for no updates.
        """
        if self._never:
            return 0.0
        since = self._stillness.take(sample, dt, self._row)
        still = since >= self.limits.after if likely is None else likely > 0.5
        self._since += dt
        self.sure = self.sure and still
        if not still or self._since < self.limits.every:
            return 0.0
        seconds = min(self._since, 2 * self.limits.every)
        self._since = 0.0
        return seconds

    def held(
        self, state: State, spread: Covariance, seconds: float, density: float
    ) -> tuple[State, Covariance]:
        """Zero-velocity update, and if its gate lets it pass, zero-rotation update.

        Args:
            state: Before.
            spread: Its covariance.
            seconds: For how long they stand.
            density: Of the gyro's noise, rad/s per sqrt(Hz).

        Returns:
            State and covariance after them.
        """
        gate, samples = Gate(self.limits.probability), SLIP_RATE * seconds
        speed = self.limits.speed**2 / samples
        state, spread, said = update(state, spread, no_motion(state, (speed,)), gate)
        if said.accepted:
            turn = density**2 / seconds + self.limits.rotation**2 / samples
            still = no_rotation(state, self._stillness.rate, (turn,))
            state, spread, _ = update(state, spread, still, gate)
        self.sure = said.accepted
        return state, spread

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it, to be saved."""
        numbers = (self._since, self.limits.gyro, self.limits.accel, self.sure)
        return {"rest": np.array(numbers), "still": self._stillness.memory.copy()}

    def restore(self, saved: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` saved."""
        self._since, gyro, accel, sure = saved["rest"].tolist()
        self.sure = bool(sure)
        self._limit(replace(self.limits, gyro=gyro, accel=accel))
        self._stillness.memory = np.array(saved["still"])

    def _limit(self, limits: StillLimits) -> None:
        self.limits, self._row = limits, limits.row
