"""What an IMU adds to the truth: biases, noise, drift, wrong scales and axes, steps and limits.

White noise and walks are densities, free of the sample rate: a white noise of density s has the
deviation s / sqrt(dt) in a sample that stands for dt. The bias that wanders is a first-order
Gauss-Markov process, as in IEEE Std 952.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from robot.lie import Array


@dataclass(frozen=True)
class Triad:
    """The errors of three axes, in u: rad/s of a gyro, m/s^2 of an accelerometer; 0 for none.

    What is drawn is drawn once for each axis and run, Gaussian, of the deviation given.

    Attributes:
        offset: Bias of x, y and z, the same in every run, u.
        turn_on: Bias, drawn, u.
        noise: White noise, u per sqrt(Hz).
        instability: Deviation of the bias about its mean as it wanders, u.
        wander: How long that bias remembers itself, s.
        walk: Random walk of the bias, u per sqrt(s).
        scale: Scale factor less 1, drawn.
        misalignment: Of each axis towards each of the two others, drawn, rad.
        drift: Bias per kelvin of warming, drawn, u/K.
        step: Of quantization, u.
        limit: Beyond it the sensor saturates, u.
    """

    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn_on: float = 0.0
    noise: float = 0.0
    instability: float = 0.0
    wander: float = 300.0
    walk: float = 0.0
    scale: float = 0.0
    misalignment: float = 0.0
    drift: float = 0.0
    step: float = 0.0
    limit: float = math.inf


@dataclass(frozen=True)
class Grade:
    """An IMU's errors.

    Attributes:
        gyro: Of the gyro.
        accel: Of the accelerometer.
        warming: How much warmer it gets in the end, K.
        warm_up: Time constant of that, s.
    """

    gyro: Triad = field(default_factory=Triad)
    accel: Triad = field(default_factory=Triad)
    warming: float = 0.0
    warm_up: float = 300.0


PERFECT = Grade()


@dataclass(frozen=True)
class Measured:
    """What an IMU shows, and the biases in it, all [N, 3], rad/s and m/s^2."""

    gyro: Array
    accel: Array
    gyro_bias: Array
    accel_bias: Array


def measure(
    times: Array, gyro: Array, accel: Array, grade: Grade, rng: np.random.Generator
) -> Measured:
    """What an IMU of a grade shows of true rates and forces.

    The gyro's draws and the accelerometer's are independent of each other, and of which errors
    are there: with the same seed a noise keeps its shape when another is left out.

    Args:
        times: [N] s, evenly spaced but for some jitter.
        gyro: [N, 3] true rates, rad/s.
        accel: [N, 3] true specific forces, m/s^2.
        grade: Of the IMU.
        rng: Draws all that is drawn.
    """
    warmth = grade.warming * (1 - np.exp((times[0] - times) / grade.warm_up))
    draws = rng.spawn(2)
    shown_gyro, gyro_bias = _measure(times, gyro, grade.gyro, warmth, draws[0])
    shown_accel, accel_bias = _measure(times, accel, grade.accel, warmth, draws[1])
    return Measured(shown_gyro, shown_accel, gyro_bias, accel_bias)


def _measure(
    times: Array, true: Array, triad: Triad, warmth: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """What a triad shows [N, 3], and its bias [N, 3]."""
    skewed = triad.misalignment * rng.normal(size=(3, 3))
    np.fill_diagonal(skewed, 1 + triad.scale * rng.normal(size=3))
    turn_on, drift = triad.turn_on * rng.normal(size=3), triad.drift * rng.normal(size=3)
    white, wander, walk = rng.normal(size=(3, *true.shape))
    steps = np.diff(times, prepend=times[0])[:, None]
    period = float(np.median(steps))
    bias = np.array(triad.offset) + turn_on + warmth[:, None] * drift
    bias = bias + triad.instability * _gauss_markov(times, triad.wander, wander)
    bias += triad.walk * np.cumsum(np.sqrt(steps) * walk, axis=0)
    shown = true @ skewed.T + bias + triad.noise / math.sqrt(period) * white
    if triad.step > 0:
        shown = np.rint(shown / triad.step) * triad.step
    return np.clip(shown, -triad.limit, triad.limit), bias


def _gauss_markov(times: Array, memory: float, white: Array) -> Array:
    """A stationary process [N, 3] of deviation 1 that forgets itself in `memory` s.

    x' = a x + sqrt(1 - a^2) white with a = exp(-dt / memory), summed in closed form, in blocks of
    a few memories, beyond which the sum would lose its digits.
    """
    fade = np.exp(-np.diff(times) / memory)[:, None]
    kicks = np.concatenate((white[:1], np.sqrt(1 - fade**2) * white[1:]))
    age = (times - times[0]) / memory
    process = np.empty_like(white)
    last, begin = np.zeros(3), 0
    while begin < len(age):
        end = int(np.searchsorted(age, age[begin] + 10.0, side="right"))
        grown = np.exp(age[begin:end] - age[max(begin - 1, 0)])[:, None]
        process[begin:end] = (last + np.cumsum(grown * kicks[begin:end], axis=0)) / grown
        last, begin = process[end - 1], end
    return process
