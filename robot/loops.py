"""Loops over the six axes of a sample, for numba to compile where it is (`engine.compiled`)."""

from __future__ import annotations

import math

import numpy as np

from robot.lie import Array

# What `screen` finds, as bits.
NOT_FINITE, SATURATED, STUCK, SPIKE = 1, 2, 4, 8
# Rows of its memory.
RAW, GOOD, MEAN, SAME, HELD = 0, 1, 2, 3, 4

_RATE = 0.02  # of the running mean, per sample
_MEAN_TO_SIGMA = 1.2533141373155003  # sqrt(pi / 2): of the absolute value of a normal variable


def screen(memory: Array, sample: Array, limits: Array) -> tuple[Array, Array, int]:
    """`health.Screen.check`.

    Args:
        memory: [5, 6] last raw value, last good one, running mean of |steps| (infinite before the
            first), how many times in a row the raw value came, how many samples were held.
        sample: [6].
        limits: [7] range of gyro and accelerometer, their smallest spikes, samples that make an
            axis stuck, z-score of a spike, samples that a spike may last.

    Returns:
        The memory after it, the values to use, and what was wrong; new arrays.
    """
    after, used, faults = memory.copy(), np.empty(6), 0
    most_same, least_same = 0.0, math.inf
    for i in range(6):
        end, floor = (limits[0], limits[2]) if i < 3 else (limits[1], limits[3])
        x, good, usual = sample[i], memory[GOOD, i], memory[MEAN, i]
        same = memory[SAME, i] + 1 if x == memory[RAW, i] else 0.0
        most_same, least_same = max(most_same, same), min(least_same, same)
        after[RAW, i], after[SAME, i] = x, same
        used[i] = good
        if not -end < x < end:
            faults |= SATURATED if math.isfinite(x) else NOT_FINITE
            continue
        step = abs(x - good)
        if (
            step > floor
            and step > limits[5] * _MEAN_TO_SIGMA * usual
            and memory[HELD, i] < limits[6]
        ):
            after[HELD, i] += 1
            faults |= SPIKE
            continue
        after[HELD, i], after[GOOD, i], used[i] = 0.0, x, x
        if usual == math.inf:
            # Coarse at first, lest a rough ride look like spikes; it comes down by itself.
            after[MEAN, i] = floor
        else:
            step = min(step, max(4 * usual, 0.1 * floor))
            after[MEAN, i] = usual + _RATE * (step - usual)
    if most_same >= limits[4] and least_same < limits[4] // 5:
        faults |= STUCK
    return after, used, faults


def still(memory: Array, sample: Array, dt: float, limits: Array) -> Array:
    """`still.Stillness.after`.

    Args:
        memory: [19] running means [6], running variances [6], smoothed samples [6], for how long
            it was still, s (negative before the first sample).
        sample: [6].
        dt: s.
        limits: [4] largest deviation of gyro and accelerometer, time constants of means and
            variances, and of smoothing, s.

    Returns:
        The memory after it.
    """
    after = np.empty(19)
    first = memory[18] < 0
    rate, sharp = dt / (limits[2] + dt), dt / (limits[3] + dt)
    quiet = True
    for i in range(6):
        most = limits[0] if i < 3 else limits[1]
        if first:  # beyond the limit: stillness is to be seen, not presumed
            after[i], after[6 + i], after[12 + i] = sample[i], 4 * most * most, sample[i]
        else:
            after[12 + i] = memory[12 + i] + sharp * (sample[i] - memory[12 + i])
            off = after[12 + i] - memory[i]
            after[i] = memory[i] + rate * off
            after[6 + i] = (1 - rate) * (memory[6 + i] + rate * off * off)
        quiet = quiet and after[6 + i] < most * most
    force = math.sqrt(after[3] ** 2 + after[4] ** 2 + after[5] ** 2)
    after[18] = memory[18] + dt if quiet and abs(force - 9.8) < 1.5 else 0.0
    return after
