"""How far a trajectory is from the truth, whatever the clocks of the two: a table for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robot.lie import Array
from robot.metrics import (
    LENGTHS,
    POSE_RATE,
    Absolute,
    Relative,
    Trajectory,
    absolute_errors,
    relative_errors,
)
from robot.reference import resampled

Window = tuple[float, float]
ALL: Window = (-math.inf, math.inf)


@dataclass(frozen=True)
class Score:
    """The errors of one trajectory.

    Attributes:
        relative: KITTI's, over all lengths.
        by_length: The same of each length, m, that fits into the way.
        absolute: Aligned, and at the end.
        poses: How many were compared.
        attitude: Whether the truth knows attitudes: if not, displacements are compared in the
            world's axes, and there is no error of rotation.
    """

    relative: Relative
    by_length: dict[float, Relative]
    absolute: Absolute
    poses: int
    attitude: bool

    def as_json(self) -> dict[str, Any]:
        """For `--json`; what could not be measured is null."""
        return {
            **self._row(self.relative),
            "metres": self.relative.metres,
            "poses": self.poses,
            "ate": self.absolute.ate,
            "final": self.absolute.final,
            "final_horizontal": self.absolute.final_horizontal,
            "final_percent": _number(100 * self.absolute.final_fraction),
            "lengths": {f"{length:g}": self._row(r) for length, r in self.by_length.items()},
        }

    def _row(self, r: Relative) -> dict[str, Any]:
        return {
            "t_rel_percent": _number(r.percent),
            "t_rel_horizontal_percent": _number(100 * r.horizontal),
            "r_rel_deg_per_100_m": _number(r.degrees_per_100_m) if self.attitude else None,
            "segments": r.segments,
        }


def score(
    truth: Trajectory,
    estimate: Trajectory,
    lengths: Sequence[float] = (),
    window: Window = ALL,
) -> Score:
    """The errors of an estimate.

    Args:
        truth: The true poses; rotations that nobody knows are NaN.
        estimate: The estimated ones, at other times, if need be.
        lengths: Of KITTI's sub-sequences, m; none: as long as suits the way.
        window: What is scored, from and to, s.

    Raises:
        ValueError: The two share less than two poses' time.
    """
    truth, estimate = paired(truth, estimate, window)
    attitude = bool(np.isfinite(truth.rotations).all())
    if not attitude:  # the same turn into the start's frame for both
        truth = Trajectory(truth.times, truth.positions, estimate.rotations)
    metres = float(truth.distances[-1])
    lengths = tuple(lengths) or suitable_lengths(metres)
    each = {length: relative_errors(truth, estimate, (length,)) for length in lengths}
    return Score(
        relative_errors(truth, estimate, lengths),
        {length: errors for length, errors in each.items() if errors.segments},
        absolute_errors(truth, estimate),
        len(truth.times),
        attitude,
    )


def suitable_lengths(metres: float) -> tuple[float, ...]:
    """KITTI's lengths, or a tenth or hundredth of them, lest the second exceed the whole way."""
    scale = next((s for s in (1.0, 0.1) if 2 * s * LENGTHS[0] <= metres), 0.01)
    return tuple(scale * length for length in LENGTHS if scale * length <= max(metres, LENGTHS[0]))


def paired(
    truth: Trajectory, estimate: Trajectory, window: Window = ALL
) -> tuple[Trajectory, Trajectory]:
    """Both at the same times, where both are: the estimate's, or those of a truth that is sparse.

    Raises:
        ValueError: There are fewer than two such times.
    """
    begin = max(truth.times[0], estimate.times[0], window[0])
    end = min(truth.times[-1], estimate.times[-1], window[1])
    inside = [_within(t.times, begin, end) for t in (truth, estimate)]
    sparse = float(np.median(np.diff(truth.times))) > 1.1 / POSE_RATE
    times = min(inside, key=len) if sparse else inside[1]
    if len(times) < 2:
        raise ValueError(
            f"the truth is of {_span(truth)} and the estimate of {_span(estimate)}: they share "
            f"{len(times)} poses that are scored, 2 are needed; give both in the same clock"
        )
    return resampled(truth, times), resampled(estimate, times)


def _within(times: Array, begin: float, end: float) -> Array:
    return times[(times >= begin) & (times <= end)]


def _span(trajectory: Trajectory) -> str:
    return f"{trajectory.times[0]:.9g} to {trajectory.times[-1]:.9g} s"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
