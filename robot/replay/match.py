"""A trajectory at other times than its own."""

from __future__ import annotations

import numpy as np

from robot.lie import Array
from robot.metrics import Trajectory

HOLE = 1.0  # s: over a longer one nothing is known


def at_times(trajectory: Trajectory, times: Array) -> Trajectory:
    """The poses at times [N], between the known ones; NaN in holes, before and after.

    Rotations are taken along the chord and put right, which differs from the arc by less than a
    sixtieth of the cube of the angle from one known pose to the next: nothing at a log's rates.

    Args:
        trajectory: Poses at 2 times or more; a rotation that is not known is NaN.
        times: s, in the same clock.
    """
    known = trajectory.times
    if len(known) == len(times) and np.array_equal(known, times):
        return trajectory
    right = np.clip(np.searchsorted(known, times), 1, len(known) - 1)
    left = right - 1
    gap = known[right] - known[left]
    share = (times - known[left]) / gap
    share[(share < -1e-9) | (share > 1 + 1e-9) | (gap > HOLE)] = np.nan
    p, r = trajectory.positions, trajectory.rotations
    places = p[left] + share[:, None] * (p[right] - p[left])
    turns = r[left] + share[:, None, None] * (r[right] - r[left])
    for _ in range(5):  # Newton's steps to the nearest rotation, as `lie.polish_rotation`
        turns = 1.5 * turns - 0.5 * turns @ (np.swapaxes(turns, 1, 2) @ turns)
    return Trajectory(times, places, turns)


def laid_on(truth: Trajectory, estimate: Trajectory) -> Trajectory:
    """The truth moved, but not turned, so that both begin in one place; at the same times."""
    both = np.flatnonzero(np.isfinite(truth.positions).all(axis=1))
    if not len(both):
        return truth
    off = estimate.positions[both[0]] - truth.positions[both[0]]
    return Trajectory(truth.times, truth.positions + off, truth.rotations)
