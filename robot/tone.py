"""Speed from the tone of the wheels: an odometer that needs nothing but the IMU.

No wheel is quite round or quite balanced. Once a turn, and at whole multiples of that, it shakes
the body a little, on any axis. Along the way travelled these shakes are lines at 1 / circumference;
in time they are hidden, since the speed is never constant for long enough.

The filter knows how the speed changed over the last seconds far better than it knows the speed.
So its own speeds plus an unknown constant are supposed, for many constants: the right one turns
the shakes into sharp lines. How much power stands in each harmonic on each axis, beside what other
constants make of the same samples, is weighed by weights learned from drives of known speed
(`training.inertial.tone`), and the sum is the log-likelihood of that constant.

One window may tell little, in a noisy IMU or on a smooth road. What was too faint to correct the
speed by is kept and joins what the next windows tell, as a Bayesian filter over the constants.

A conditional logit of order-tracked spectra, made for bombus; order tracking itself: Vold and
Leuridan 1993. Which harmonics sound, and where, belongs to a vehicle: the weights do too.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.metrics import softmax
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
        every: s from one time to the next.
        trust: Share of a window's log-likelihood that counts; windows overlap, and are not white.
        slowest: Below this speed nothing is to be heard, m/s.
        span: Largest constant supposed, as a fraction of the speed.
        points: How many constants are supposed.
    """

    circumference: float
    harmonics: tuple[int, ...] = (1, 2, 3, 4, 6, 8)
    weights: Weights = ()
    window: float = 5.12
    every: float = 1.0
    trust: float = 0.25
    slowest: float = 2.5
    span: float = 0.12
    points: int = 49

    def __post_init__(self) -> None:
        """Refuse what cannot be listened for."""
        shape = (2, 2, len(self.harmonics), AXES)
        if self.weights and np.shape(self.weights) != shape:
            raise ValueError(f"weights of shape {np.shape(self.weights)}, not {shape}")
        if not (self.circumference > 0 and self.window > 0 and self.every > 0 and self.points > 2):
            raise ValueError("circumference, window and every must be positive, points above 2")
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


class Heard(NamedTuple):
    """A forward speed, or what is to be added to one, m/s, and its variance, m^2/s^2."""

    speed: float
    variance: float


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


class Faint(NamedTuple):
    """What was heard, but not yet told: log-likelihoods [E] of so much to add to the speed, m/s."""

    offsets: Array
    likelihood: Array


def carried(faint: Faint, offsets: Array, spread: float) -> Array:
    """Log-likelihoods [E] of other offsets, evenly spaced, a while later.

    Args:
        faint: Of a while ago, its offsets evenly spaced.
        offsets: [E] m/s.
        spread: Deviation of what the filter's speed went wrong by in between, m/s.
    """
    likelihood = np.exp(faint.likelihood - faint.likelihood.max())
    sigma = spread / float(faint.offsets[1] - faint.offsets[0])
    if sigma > 0.1:  # below, the bell is one point wide
        reach = min(math.ceil(3 * sigma), len(offsets))
        bell = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
        padded = np.pad(likelihood, reach, mode="edge")
        likelihood = np.convolve(padded, bell / bell.sum(), mode="valid")
    return np.interp(offsets, faint.offsets, np.log(likelihood + _FLOOR))


def weigh(heard: Faint, variance: float) -> Heard | None:
    """What is to be added to the speed, such that it and what was known make the posterior.

    Args:
        heard: Of each offset.
        variance: Of the filter's forward speed, m^2/s^2.

    Returns:
        None if it tells next to nothing.
    """
    offsets = heard.offsets
    known = -0.5 * np.square(offsets) / variance
    before, after = softmax(known), softmax(known + heard.likelihood)
    had, mean = float(before @ np.square(offsets)), float(after @ offsets)
    has = float(after @ np.square(offsets - mean))
    if has >= 0.9 * had:
        return None
    noise = 1.0 / (1.0 / has - 1.0 / had)
    return Heard(mean * (noise + had) / had, noise)


class WheelTone:
    """A stream's last seconds, and what is heard in them."""

    def __init__(self, tone: Tone) -> None:
        """Make one that has heard nothing yet."""
        self.tone = tone
        self._rows: deque[tuple[Array, float, Array, float]] = deque()
        self._seconds = 0.0
        self._since = 0.0
        self._added = 0.0  # to the speed, by all that was heard up to now
        self._faint: Faint | None = None

    def take(self, sample: Array, dt: float, x: Array) -> bool:
        """Take in a sample [6] and the packed state [33] after it; whether it is time to listen."""
        self._rows.append((sample, dt, x, self._added))
        self._seconds += dt
        self._since += dt
        full = self._seconds >= self.tone.window
        if full:
            self._seconds -= self._rows.popleft()[1]
        return full and self._since >= self.tone.every

    def listen(self, variance: float, drift: float) -> Heard | None:
        """What is to be added to the forward speed.

        Args:
            variance: Of the filter's forward speed, m^2/s^2.
            drift: Deviation of its rate, m/s^2: so fast may the speed go wrong.
        """
        elapsed, self._since = self._since, 0.0
        samples, dt, states, added = (np.array(part) for part in zip(*self._rows, strict=True))
        speeds = forward_speeds(states) + (self._added - added)
        before, self._faint = self._faint, None
        if speeds.min() < self.tone.slowest:
            return None
        speed = float(speeds.mean())
        found = evidence(self.tone, samples, dt, speeds)
        likelihood = self.tone.trust * log_likelihood(self.tone, found, speed)
        offsets = self.tone.supposed * speed
        if before is not None:
            likelihood += carried(before, offsets, drift * elapsed)
        faint = Faint(offsets, likelihood)
        heard = weigh(faint, variance)
        if heard is None:
            self._faint = faint
        return heard

    def heeded(self, more: float) -> None:
        """Tell by how much the filter's speed was changed, m/s: earlier speeds were wrong by it."""
        self._added += more

    def forget(self) -> None:
        """Begin anew, after a jump in time."""
        self._rows.clear()
        self._seconds = 0.0
        self._faint = None

    def save(self) -> dict[str, NDArray[Any]]:
        """The memory, as arrays."""
        rows = [np.concatenate((s, (dt,), x, (added,))) for s, dt, x, added in self._rows]
        return {
            "tone_rows": np.array(rows).reshape(-1, AXES + 35),
            "tone": np.array((self._seconds, self._since, self._added)),
            "tone_faint": np.array(self._faint or ((), ())),
        }

    def restore(self, saved: dict[str, NDArray[Any]]) -> None:
        """Go on from what was saved."""
        self._rows.clear()
        for row in saved["tone_rows"]:
            self._rows.append((row[:6].copy(), float(row[6]), row[7:40].copy(), float(row[40])))
        self._seconds, self._since, self._added = saved["tone"].tolist()
        faint = Faint(*saved["tone_faint"].copy())
        self._faint = faint if len(faint.offsets) else None


def forward_speeds(states: Array) -> Array:
    """[N] along the body's x axis, m/s, of packed states [N, 33]; the lever's share is left out."""
    rotations, mounts = states[:, :9].reshape(-1, 3, 3), states[:, 21:30].reshape(-1, 3, 3)
    return np.asarray(np.einsum("nij,ni,njk->nk", rotations, states[:, 9:12], mounts)[:, 0])
