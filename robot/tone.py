"""Speed from the tone of the wheels: an odometer that needs nothing but the IMU.

No wheel is quite round or quite balanced. Once a turn, and at whole multiples of that, it shakes
the body a little, on any axis. Along the way travelled these shakes are lines at 1 / circumference;
in time they are hidden, since the speed is never constant for long enough.

The filter knows how the speed changed over the last seconds far better than it knows the speed.
So its own speeds plus an unknown constant are supposed, for many constants: the right one turns
the shakes into sharp lines. How much power stands in each harmonic on each axis, beside what other
constants make of the same samples, is weighed by weights learned from drives of known speed
(`training.inertial.tone`), and the sum is the log-likelihood of that constant.

A conditional logit of order-tracked spectra, made for bombus; order tracking itself: Vold and
Leuridan 1993. Which harmonics sound, and where, belongs to a vehicle: the weights do too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from robot.hearing import Hint
from robot.lie import Array

Weights = tuple[tuple[tuple[tuple[float, ...], ...], ...], ...]

AXES = 6
_PACE = 10.0  # m/s, at which the first half of the weights holds
_FARTHEST = 1.2  # from it, by the logarithm: beyond 3 and 33 m/s the weights stay the same
_FLOOR = 1e-20  # of power, so that a silent axis has a logarithm
_USABLE = 0.46  # of the sample rate: beyond it a line is at or above Nyquist


@dataclass(frozen=True)
class Tone:
    """What is known of a vehicle's wheels.

    Attributes:
        circumference: Of the wheels as they roll, m.
        harmonics: Which multiples of a turn are listened to, in rising order.
        weights: [2, 2, H, 6]: those at 10 m/s, and what is added to them for each factor of e in
            speed; each of the log-power and of how far it stands out, by harmonic and axis. None
            before they are learned.
        window: s that are listened to at a time.
        trust: Share of a window's log-likelihood that counts; windows overlap, and are not white.
        slowest: Below this speed nothing is to be heard, m/s.
        span: Largest constant supposed, as a fraction of the speed.
        points: How many constants are supposed.
    """

    circumference: float
    harmonics: tuple[int, ...] = (1, 2, 3, 4, 6, 8)
    weights: Weights = ()
    window: float = 5.12
    trust: float = 0.25
    slowest: float = 2.5
    span: float = 0.12
    points: int = 49

    def __post_init__(self) -> None:
        """Refuse what cannot be listened for."""
        shape = (2, 2, len(self.harmonics), AXES)
        if self.weights and np.shape(self.weights) != shape:
            raise ValueError(f"weights of shape {np.shape(self.weights)}, not {shape}")
        if not (self.circumference > 0 and self.window > 0 and self.points > 2):
            raise ValueError("circumference and window must be positive, points above 2")
        if list(self.harmonics) != sorted(set(self.harmonics)) or self.harmonics[0] < 1:
            raise ValueError(f"harmonics {self.harmonics}: must rise, from 1 on")

    @cached_property
    def table(self) -> Array:
        """The weights as an array [2, 2, H, 6]."""
        return np.array(self.weights)

    @cached_property
    def supposed(self) -> Array:
        """The constants [E], as fractions of the mean speed."""
        return np.linspace(-self.span, self.span, self.points)


def evidence(tone: Tone, samples: Array, dt: Array, speeds: Array) -> Array:
    """What each supposed constant makes of a window's samples.

    Args:
        tone: What to listen for; its weights are not used.
        samples: [W, 6] gyro and accelerometer.
        dt: [W] s, since the sample before.
        speeds: [W] forward speeds, m/s, all right up to one constant.

    Returns:
        [E, 2, H, 6]: log-power relative to its median over the constants, and how far it stands
        out; 0 for harmonics that the sample rate does not reach.
    """
    shakes = np.diff(samples, axis=0, prepend=samples[:1])  # whitens what a road does
    shakes = (shakes - shakes.mean(axis=0)) * np.hanning(len(shakes))[:, None]
    turn = -2j * math.pi / tone.circumference
    per_constant = 2 * tone.span / (tone.points - 1) * float(speeds.mean())
    way, apart = np.cumsum(speeds * dt), np.cumsum(dt) * per_constant
    # Constants are evenly spaced: each row of phases is the last, turned by the same.
    phases = np.empty((tone.points, len(dt)), np.complex128)
    phases[0] = np.exp(turn * (way - 0.5 * (tone.points - 1) * apart))
    phases[1:] = np.exp(turn * apart)
    np.cumprod(phases, axis=0, out=phases)
    fastest = float(speeds.max()) / tone.circumference * float(np.median(dt))
    found = np.zeros((tone.points, 2, len(tone.harmonics), AXES))
    lines, order = np.ones_like(phases), 0
    for k, harmonic in enumerate(tone.harmonics):
        if harmonic * fastest > _USABLE:
            break
        for _ in range(harmonic - order):
            lines *= phases
        order = harmonic
        power = np.log(np.square(lines.real @ shakes) + np.square(lines.imag @ shakes) + _FLOOR)
        power -= np.median(power, axis=0)
        found[:, 0, k] = np.clip(power, -2.0, 6.0)
        found[:, 1, k] = np.clip(power - 1.5, 0.0, 5.0)
    return found


def haste(speed: Array) -> Array:
    """How the weights go with mean speeds, m/s: wheels that turn faster shake the body more."""
    return np.asarray(np.clip(np.log(speed / _PACE), -_FARTHEST, _FARTHEST))


def log_likelihood(tone: Tone, found: Array, speed: float) -> Array:
    """Of each constant [E], up to one number, from its evidence [E, 2, H, 6] at a speed, m/s."""
    table = tone.table[0] + haste(np.array(speed)) * tone.table[1]
    return np.asarray(np.tensordot(found, table, axes=3))


def listen(tone: Tone, samples: Array, dt: Array, speeds: Array) -> Hint:
    """What a window tells of the speed; arguments as of `evidence`."""
    speed = float(speeds.mean())
    likelihood = log_likelihood(tone, evidence(tone, samples, dt, speeds), speed)
    return Hint(tone.supposed * speed, tone.trust * likelihood)
