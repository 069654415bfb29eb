"""What is heard of the speed: how likely it is that so much is to be added to it.

The IMU of a vehicle hears its wheels (`robot.tone`) and its axles (`robot.echo`). Both say of many
numbers how likely each is to be what the filter's speed of the last seconds lacks. What is enough
for a correction is told as a speed with a variance; what is too little is kept, and joins the next,
as a Bayesian filter over these numbers (`robot.ear`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from models.metrics import softmax
from robot.lie import Array

_FLOOR = 1e-20  # of a likelihood, so that it has a logarithm


class Heard(NamedTuple):
    """A forward speed, or what is to be added to one, m/s, and its variance, m^2/s^2."""

    speed: float
    variance: float


class Hint(NamedTuple):
    """Log-likelihoods [E], up to one number, of so much to be added to the speed, m/s."""

    offsets: Array
    likelihood: Array


def carried(hint: Hint, offsets: Array, spread: float) -> Array:
    """Log-likelihoods [E] of other offsets, evenly spaced, a while later.

    Args:
        hint: Of a while ago, its offsets evenly spaced.
        offsets: [E] m/s.
        spread: Deviation of what the filter's speed went wrong by in between, m/s.
    """
    likelihood = np.exp(hint.likelihood - hint.likelihood.max())
    sigma = spread / float(hint.offsets[1] - hint.offsets[0])
    if sigma > 0.1:  # below, the bell is one point wide
        reach = min(math.ceil(3 * sigma), len(offsets))
        bell = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
        padded = np.pad(likelihood, reach, mode="edge")
        likelihood = np.convolve(padded, bell / bell.sum(), mode="valid")
    return np.interp(offsets, hint.offsets, np.log(likelihood + _FLOOR))


def weigh(heard: Hint, variance: float) -> Heard | None:
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
