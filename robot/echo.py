"""Speed from the echo of the axles: every bump is felt twice, a wheelbase apart.

What the front axle rolls over, the rear axle rolls over wheelbase / speed later. The body heaves,
pitches and surges under each of them in its own way, so that at a frequency f, with a delay of the
phase 2 pi f wheelbase / speed, the spectral matrix of these three is

    S = level (a a^H + b b^H + c (a b^H e^{i phase} + b a^H e^{-i phase}) + rest) + noise

with a and b the answers to the front and the rear axle, c = exp(-(blur phase)^2 / 2) for a delay
that is never quite the same, rest for what no axle does, and a level for how rough the road is.
From a window of samples, laid out along the way so that a changing speed does not blur it, follows
how likely each supposed speed is (Whittle's likelihood, summed over levels).

Where the wheels' tone (`robot.tone`) is faint, at low speeds and in noisy IMUs, the echo is loud: a
road shakes a car at 1 to 6 Hz far above the noise of a cheap IMU. Made for bombus. What a car
answers belongs to it, and is learned from drives of known speed (`training.inertial.echo`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot.hearing import Hint
from robot.lie import Array

Complex = NDArray[np.complex128]
Rows = tuple[tuple[float, float, float], ...]

# Heave, pitch, surge: of the sample's three rates and three forces, z forces, y rates, x forces.
AXES = (5, 1, 3)
UNITS = np.array((0.1, 0.01, 0.1))  # m/s^2, rad/s, m/s^2: near what a road does
LEVELS = np.exp(np.linspace(-3.0, 3.0, 7))  # of roughness, beside the ordinary
TOGETHER = 3  # neighbouring lines that share a level
_USABLE = 0.46  # of the sample rate, above which a line is not to be had
_NOISY = 0.78  # of the Nyquist rate, above which an IMU hears only itself
_LEAST = 1e-4  # of noise, in squared units, so that no matrix is singular


class Answers(NamedTuple):
    """Of a body to its axles at F frequencies, in `UNITS`."""

    front: Complex  # [F, 3]
    rear: Complex  # [F, 3]
    rest: Array  # [F, 3] variance of what no axle does

    def upto(self, lines: int) -> Answers:
        """Of the first lines only."""
        return Answers(self.front[:lines], self.rear[:lines], self.rest[:lines])


@dataclass(frozen=True)
class Echo:
    """What is known of a vehicle's axles.

    Attributes:
        wheelbase: m.
        knots: Frequencies at which the answers are given, rising, Hz; lines from the first to the
            last are used, and between knots everything is linear in the logarithm.
        front: [K, 3] real parts of the answers to the front axle, of heave, pitch, surge.
        front_imaginary: [K, 3] their imaginary parts.
        rear: [K, 3] as `front`, of the rear axle.
        rear_imaginary: [K, 3] as `front_imaginary`.
        rest: [K, 3] logarithms of the variances of what no axle does.
        chances: [7] logarithms of the probabilities of the levels.
        blur: Deviation of the delay, as a fraction of it.
        window: s that are listened to at a time.
        trust: Share of a window's log-likelihood that counts; no car is quite as said above, and
            windows overlap.
        slowest: Below this speed nothing is listened to, m/s.
        span: Largest difference of the speed supposed, as a fraction of it.
        points: How many differences are supposed.
    """

    wheelbase: float
    knots: tuple[float, ...] = ()
    front: Rows = ()
    front_imaginary: Rows = ()
    rear: Rows = ()
    rear_imaginary: Rows = ()
    rest: Rows = ()
    chances: tuple[float, ...] = (-math.log(len(LEVELS)),) * len(LEVELS)
    blur: float = 0.04
    window: float = 2.56
    trust: float = 0.3
    slowest: float = 3.0
    span: float = 0.12
    points: int = 49

    def __post_init__(self) -> None:
        """Refuse what cannot be listened for."""
        shape = (len(self.knots), len(AXES))
        for name in ("front", "front_imaginary", "rear", "rear_imaginary", "rest"):
            if self.knots and np.shape(getattr(self, name)) != shape:
                raise ValueError(f"{name} of shape {np.shape(getattr(self, name))}, not {shape}")
        if len(self.chances) != len(LEVELS):
            raise ValueError(f"{len(self.chances)} chances, not {len(LEVELS)}")
        if not (self.wheelbase > 0 and self.window > 0 and self.slowest > 0 and self.points > 2):
            raise ValueError("wheelbase, window and slowest must be positive, points above 2")
        if list(self.knots) != sorted(set(self.knots)) or min(self.knots, default=1.0) <= 0:
            raise ValueError(f"knots {self.knots}: must rise, from above 0 Hz on")

    @cached_property
    def supposed(self) -> Array:
        """The differences [E], as fractions of the mean speed."""
        return np.linspace(-self.span, self.span, self.points)

    @cached_property
    def lines(self) -> NDArray[np.int64]:
        """[F] which multiples of 1 / window are listened to."""
        first, last = self.knots[0] * self.window, self.knots[-1] * self.window
        return np.arange(math.ceil(first - 1e-6), math.floor(last + 1e-6) + 1)

    @cached_property
    def answers(self) -> Answers:
        """At the lines."""
        at, knots = np.log(self.lines / self.window), np.log(self.knots)

        def between(rows: Rows) -> Array:
            return np.stack([np.interp(at, knots, column) for column in np.array(rows).T], axis=1)

        front = between(self.front) + 1j * between(self.front_imaginary)
        rear = between(self.rear) + 1j * between(self.rear_imaginary)
        return Answers(front, rear, np.exp(between(self.rest)))


class Spectrum(NamedTuple):
    """What shook a body along its way, in `UNITS` per line."""

    amplitudes: Complex  # [F, 3]; fewer lines where the sample rate does not reach all
    noise: Array  # [3] variance of the IMU's own noise in each line
    speed: float  # mean, m/s


def spectrum(echo: Echo, samples: Array, dt: Array, speeds: Array) -> Spectrum:
    """Lay a window out along the way.

    Args:
        echo: What to listen for.
        samples: [W, 6] gyro and accelerometer, x forward, y left, z up.
        dt: [W] s, since the sample before.
        speeds: [W] forward speeds, m/s, all above 0.
    """
    rows = len(dt)
    ramp = np.linspace(-1.0, 1.0, rows)
    shakes = samples[:, AXES] / UNITS
    shakes -= shakes.mean(axis=0)
    shakes -= ramp[:, None] * (ramp @ shakes) / (ramp @ ramp)
    bell, steps = np.hanning(rows + 2)[1:-1], speeds * dt
    weights = bell * steps
    reached = int(np.searchsorted(echo.lines, _USABLE * echo.window / float(np.median(dt))))
    turn = -2j * math.pi * (np.cumsum(steps) - 0.5 * steps) / steps.sum()
    phases = np.exp(turn * echo.lines[:reached, None])
    amplitudes = phases @ (weights[:, None] * shakes) / math.sqrt(weights @ weights)
    highest = np.fft.rfft(bell[:, None] * shakes, axis=0)[int(_NOISY * rows / 2) :]
    noise = np.square(np.abs(highest)).mean(axis=0) / (bell @ bell)
    return Spectrum(amplitudes, noise + _LEAST, float(steps.sum() / dt.sum()))


def log_likelihood(echo: Echo, heard: Spectrum) -> Array:
    """Of each difference [E], up to one number."""
    z = heard.amplitudes
    a, b, rest = echo.answers.upto(len(z))
    delay = 2 * math.pi * echo.wheelbase / (heard.speed * (1.0 + echo.supposed))
    phase = delay[:, None] * echo.lines[: len(z)] / echo.window  # [E, F]
    kept = np.exp(-0.5 * np.square(echo.blur * phase))
    cosine, sine, lost = kept * np.cos(phase), kept * np.sin(phase), 1.0 - np.square(kept)
    # S is a diagonal matrix and level [a b] M [a b]^H, M = [[1, c e], [c e*, 1]]: its inverse and
    # determinant follow from the products of a, b and z under the diagonal's inverse.
    level = LEVELS[:, None, None]
    weight = 1.0 / (level * rest + heard.noise)  # [L, F, 3]
    aa, bb, zz = (_within(v, v, weight).real for v in (a, b, z))  # [L, 1, F]
    ab, az, bz = _within(a, b, weight), _within(a, z, weight), _within(b, z, weight)
    between, near, far = az.conj() * bz, np.square(np.abs(az)), np.square(np.abs(bz))
    twice = level**2 * lost  # [L, E, F]
    determinant = (
        1.0
        + level * (aa + bb + 2.0 * (ab.real * cosine + ab.imag * sine))
        + twice * (aa * bb - np.square(np.abs(ab)))
    )
    explained = level * (near + far + 2.0 * (between.real * cosine - between.imag * sine))
    explained += twice * (bb * near + aa * far - 2.0 * (az.conj() * ab * bz).real)
    own = np.log(weight).sum(axis=2)[:, None] - zz
    each = own - np.log(determinant) + explained / determinant
    sums = np.add.reduceat(each, np.arange(0, len(z), TOGETHER), axis=2)
    sums += np.array(echo.chances)[:, None, None]
    most = sums.max(axis=0)
    return np.asarray((most + np.log(np.exp(sums - most).sum(axis=0))).sum(axis=1))


def _within(one: Complex, other: Complex, weight: Array) -> Complex:
    """[L, 1, F] one^H weight other."""
    return np.asarray((one.conj() * other * weight).sum(axis=2))[:, None]


def listen(echo: Echo, samples: Array, dt: Array, speeds: Array) -> Hint:
    """What a window tells of the speed; arguments as of `spectrum`."""
    heard = spectrum(echo, samples, dt, speeds)
    return Hint(echo.supposed * heard.speed, echo.trust * log_likelihood(echo, heard))
