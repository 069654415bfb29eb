"""How a vehicle shakes an IMU: the road through the wheels, a wheel out of balance, the engine.

It is sensed, and moves nothing: so fast a shaking comes to less than a millimetre. An IMU that
samples more slowly sees it aliased, as one without a filter does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robot.lie import Array

REFERENCE_SPEED = 10.0  # m/s
# Shares of the axes, as on real cars: it shakes up and down, and rocks about level axes.
FORCES = np.array((0.6, 0.9, 1.0))
RATES = np.array((0.7, 1.0, 0.2))


@dataclass(frozen=True)
class Vibration:
    """How strong, on the axis that has most of it.

    Attributes:
        road: Deviation at 10 m/s, m/s^2; it grows with the square root of speed (ISO 8608).
        band: Where the wheels hop, Hz.
        wheel: Amplitude at 10 m/s, m/s^2; it grows with the square of speed.
        radius: Of the wheels, m.
        engine: Amplitude, m/s^2, at rest too.
        idle: Of the engine's firing, Hz; it rises to twice that before a gear is changed.
        first_gear: Up to which speed the engine idles, m/s; each gear doubles the speed.
        turning: Rates that come with the forces, rad/s per m/s^2.
    """

    road: float = 0.0
    band: tuple[float, float] = (8.0, 20.0)
    wheel: float = 0.0
    radius: float = 0.3
    engine: float = 0.0
    idle: float = 26.0
    first_gear: float = 2.5
    turning: float = 0.01


def shake(
    times: Array, speeds: Array, vibration: Vibration, rng: np.random.Generator
) -> tuple[Array, Array]:
    """What is to be added to rates, rad/s, and forces, m/s^2, both [N, 3].

    Args:
        times: [N] s, evenly spaced but for some jitter.
        speeds: [N] m/s.
        vibration: How strong.
        rng: Draws noise and phases.
    """
    dt = np.diff(times, prepend=times[0])
    relative = speeds / REFERENCE_SPEED
    wheel_turns = np.cumsum(speeds * dt) / (2 * np.pi * vibration.radius)
    gear = np.log2(np.maximum(speeds / vibration.first_gear, 1.0)) % 1.0
    engine_turns = np.cumsum(vibration.idle * 2**gear * dt)

    def tone(turns: Array) -> Array:
        return np.asarray(np.sin(2 * np.pi * (turns[:, None] + rng.uniform(size=3))))

    def all_of_it() -> Array:
        road = vibration.road * np.sqrt(relative)[:, None] * _band_noise(times, vibration.band, rng)
        wheel = vibration.wheel * (relative**2)[:, None] * tone(wheel_turns)
        return np.asarray(road + wheel + vibration.engine * tone(engine_turns))

    return RATES * vibration.turning * all_of_it(), FORCES * all_of_it()


def _band_noise(times: Array, band: tuple[float, float], rng: np.random.Generator) -> Array:
    """Noise [N, 3] of deviation 1 that has no other frequencies, Hz, than those of a band."""
    count = len(times)
    period = (times[-1] - times[0]) / (count - 1)
    frequencies = np.fft.rfftfreq(count, period)
    inside = (frequencies >= band[0]) & (frequencies <= band[1])
    spectrum = np.fft.rfft(rng.normal(size=(count, 3)), axis=0) * inside[:, None]
    # Of the white noise's power, the band keeps its share of all the frequencies.
    share = max(np.count_nonzero(inside), 1) / len(frequencies)
    return np.asarray(np.fft.irfft(spectrum, n=count, axis=0) / np.sqrt(share))
