"""Wheels and axles that we made: what a body's IMU hears of them, and what is known of them."""

from __future__ import annotations

import math

import numpy as np

from robot.echo import Echo
from robot.lie import Array
from robot.tone import AXES, Tone

CIRCUMFERENCE = 1.9
PERIOD = 0.01


def tone(weight: float = 0.5) -> Tone:
    """One that believes all lines alike."""
    some, none = ((weight,) * AXES,) * 4, ((0.0,) * AXES,) * 4
    weights = ((some, some), (none, none))
    return Tone(CIRCUMFERENCE, harmonics=(1, 2, 3, 4), weights=weights, trust=0.5)


def speeds(count: int, mean: float, seed: int = 0) -> Array:
    """A speed that wanders by 10 % within some seconds."""
    t = np.arange(count) * PERIOD
    phase = np.random.default_rng(seed).uniform(0, 2 * math.pi)
    return np.asarray(mean * (1 + 0.1 * np.sin(0.7 * t + phase)))


def shaken(speed: Array, strength: float = 1.0, seed: int = 0) -> Array:
    """[N, 6] white noise, and the first three harmonics of the wheels on three axes."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=(len(speed), AXES))
    turns = np.cumsum(speed) * PERIOD / CIRCUMFERENCE
    for harmonic, axis in ((1, 3), (2, 5), (3, 1)):
        samples[:, axis] += strength * np.sin(2 * math.pi * harmonic * turns + harmonic)
    return samples


WHEELBASE = 2.6
# Of heave, pitch and surge, in the units of `robot.echo`: both axles lift the body, and turn it
# against each other.
FRONT, REAR = (3.0, -2.0, 0.5), (3.0, 2.0, 0.2)


def echo() -> Echo:
    """One that knows how `rolled` answers."""
    front, rear, none, rest = ((row,) * 2 for row in (FRONT, REAR, (0.0,) * 3, (-2.0,) * 3))
    return Echo(WHEELBASE, (1.0, 15.0), front, none, rear, none, rest, trust=1.0)


def rolled(speed: Array, noise: float = 0.3, seed: int = 0) -> Array:
    """[N, 6] what a body's IMU feels of a rough road at [N] m/s, and white noise."""
    rng = np.random.default_rng(seed)
    way = np.cumsum(speed) * PERIOD
    waves, phases = rng.uniform(0.05, 2.0, 400), rng.uniform(0, 2 * math.pi, 400)

    def road(where: Array) -> Array:
        return np.asarray(np.cos(2 * math.pi * np.outer(where, waves) + phases).sum(axis=1) / 15)

    samples = noise * rng.normal(size=(len(speed), AXES))
    bumps = np.stack((road(way), road(way - WHEELBASE)), axis=1)
    for axis, answers in zip((5, 1, 3), zip(FRONT, REAR, strict=True), strict=True):
        samples[:, axis] += bumps @ answers
    return np.asarray(samples * np.repeat((0.01, 0.1), 3))
