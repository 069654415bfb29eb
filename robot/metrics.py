"""How far a trajectory is from the truth: KITTI's relative errors, aligned absolute error, the end.

Trajectories are sampled at the same times; positions [N, 3] in m, rotations [N, 3, 3] from the
sensor's axes to the world's. Everything is 3-D unless it says horizontal (no z).

The house's KITTI protocol (Geiger, Lenz and Urtasun, CVPR 2012, as AI-IMU scores itself): poses at
10 Hz, sub-sequences of 100, 200 .. 800 m with a start every second, each to the first pose beyond
its length; t_rel is the mean of |displacement error in the start's frame| over the length, r_rel
that of the angle between the two relative rotations over the length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot.lie import Array

LENGTHS = (100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0)  # m
POSE_RATE = 10.0  # Hz
START_EVERY = 10  # poses


@dataclass(frozen=True)
class Trajectory:
    """Poses at times: times [N] in s, positions [N, 3] in m, rotations [N, 3, 3]."""

    times: Array
    positions: Array
    rotations: Array

    def at(self, rows: NDArray[np.integer[Any]] | slice) -> Trajectory:
        """Some of the poses."""
        return Trajectory(self.times[rows], self.positions[rows], self.rotations[rows])

    @property
    def distances(self) -> Array:
        """Length of the path up to each pose, [N], m."""
        steps = np.linalg.norm(np.diff(self.positions, axis=0), axis=1)
        return np.concatenate((np.zeros(1), np.cumsum(steps)))


def rows_at_rate(times: Array, rate: float = POSE_RATE) -> NDArray[np.intp]:
    """The rows nearest to a clock of that rate (Hz) which starts at the first time, each once."""
    clock = times[0] + np.arange(math.floor((times[-1] - times[0]) * rate + 1e-6) + 1) / rate
    right = np.clip(np.searchsorted(times, clock), 1, len(times) - 1)
    nearer = np.where(clock - times[right - 1] <= times[right] - clock, right - 1, right)
    return np.asarray(np.unique(nearer))


@dataclass(frozen=True)
class Relative:
    """KITTI's errors of one sequence.

    Attributes:
        translation: t_rel, fraction of the length (0.01 is 1 %).
        horizontal: The same of the displacement without its part along the start's z.
        rotation: r_rel, rad/m.
        segments: How many sub-sequences there were.
        metres: Length of the true path.
    """

    translation: float
    horizontal: float
    rotation: float
    segments: int
    metres: float

    @property
    def percent(self) -> float:
        """t_rel in %."""
        return 100 * self.translation

    @property
    def degrees_per_100_m(self) -> float:
        """r_rel in deg/100 m."""
        return 100 * math.degrees(self.rotation)


def relative_errors(
    truth: Trajectory, estimate: Trajectory, lengths: Iterable[float] = LENGTHS
) -> Relative:
    """KITTI's relative errors, by the protocol above.

    Args:
        truth: The true poses, at any rate of `POSE_RATE` or more.
        estimate: The estimated ones at the same times.
        lengths: Of the sub-sequences, m.

    Returns:
        The errors; NaN with 0 segments if the path is shorter than every length.

    Raises:
        ValueError: The two do not have the same number of poses, or fewer than two.
    """
    _check(truth, estimate)
    rows = rows_at_rate(truth.times)
    truth, estimate = truth.at(rows), estimate.at(rows)
    far = truth.distances
    starts = np.arange(0, len(far), START_EVERY)
    errors = []
    for length in lengths:
        ends = np.searchsorted(far, far[starts] + length, side="right")
        inside = ends < len(far)
        errors.append(_segment_errors(truth, estimate, starts[inside], ends[inside]) / length)
    each = np.concatenate(errors, axis=1)
    count = each.shape[1]
    means = each.mean(axis=1).tolist() if count else [math.nan] * 3
    return Relative(means[0], means[1], means[2], count, float(far[-1]))


def _segment_errors(
    truth: Trajectory,
    estimate: Trajectory,
    starts: NDArray[np.integer[Any]],
    ends: NDArray[np.integer[Any]],
) -> Array:
    """Per segment [3, S]: displacement error in the start's frame, m; horizontal, m; angle, rad."""

    def motion(t: Trajectory) -> tuple[Array, Array]:
        back = np.swapaxes(t.rotations[starts], 1, 2)
        moved = back @ (t.positions[ends] - t.positions[starts])[:, :, None]
        return moved[:, :, 0], back @ t.rotations[ends]

    (d_true, r_true), (d_made, r_made) = motion(truth), motion(estimate)
    off = d_made - d_true
    turn = np.swapaxes(r_true, 1, 2) @ r_made
    return np.stack(
        (np.linalg.norm(off, axis=1), np.linalg.norm(off[:, :2], axis=1), rotation_angles(turn))
    )


def rotation_angles(rotations: Array) -> Array:
    """Angles [N] of rotations [N, 3, 3], rad, exact for small ones too."""
    r = rotations
    sine = np.stack(
        (r[:, 2, 1] - r[:, 1, 2], r[:, 0, 2] - r[:, 2, 0], r[:, 1, 0] - r[:, 0, 1]), axis=1
    )
    cosine = np.trace(r, axis1=1, axis2=2) - 1
    return np.asarray(np.arctan2(np.linalg.norm(sine, axis=1), cosine))


def length_weighted(results: Iterable[Relative]) -> Relative:
    """The mean over sequences, each weighted by the length of its path."""
    listed = list(results)
    weights = np.array([r.metres for r in listed])
    rows = np.array([[r.translation, r.horizontal, r.rotation] for r in listed])
    t, h, r = (weights @ rows / weights.sum()).tolist()
    return Relative(t, h, r, sum(x.segments for x in listed), float(weights.sum()))


@dataclass(frozen=True)
class Alignment:
    """The similarity y = scale * rotation @ x + translation."""

    rotation: Array
    translation: Array
    scale: float

    def apply(self, points: Array) -> Array:
        """Of points [N, 3]."""
        return np.asarray(self.scale * points @ self.rotation.T + self.translation)


def align(source: Array, target: Array, *, scaled: bool = False) -> Alignment:
    """The similarity that takes points [N, 3] closest to others in least squares (Umeyama 1991).

    Args:
        source: What is moved, [N, 3].
        target: Where to, [N, 3].
        scaled: Fit a scale too; else it is 1.
    """
    a, b = source.mean(axis=0), target.mean(axis=0)
    x, y = source - a, target - b
    u, d, vt = np.linalg.svd(y.T @ x / len(x))
    signs = np.ones(3)
    if np.linalg.det(u) * np.linalg.det(vt) < 0:
        signs[2] = -1
    rotation = (u * signs) @ vt
    spread = float(np.square(x).sum() / len(x))
    scale = float(d @ signs) / spread if scaled and spread > 0 else 1.0
    return Alignment(rotation, b - scale * rotation @ a, scale)


@dataclass(frozen=True)
class Absolute:
    """Errors of position over a whole run.

    Attributes:
        ate: Root mean square of the distances after the best rigid alignment (Sturm 2012), m.
        final: Distance at the end, the start of both laid on each other without turning, m.
        final_horizontal: The same without z, m.
        final_fraction: `final_horizontal` over the length of the true path.
        metres: Length of the true path.
    """

    ate: float
    final: float
    final_horizontal: float
    final_fraction: float
    metres: float


def absolute_errors(truth: Trajectory, estimate: Trajectory, *, scaled: bool = False) -> Absolute:
    """Aligned absolute error and the error at the end.

    Args:
        truth: The true poses.
        estimate: The estimated ones at the same times.
        scaled: Let the alignment scale too.

    Raises:
        ValueError: As of `relative_errors`.
    """
    _check(truth, estimate)
    aligned = align(estimate.positions, truth.positions, scaled=scaled).apply(estimate.positions)
    ate = math.sqrt(float(np.square(aligned - truth.positions).sum(axis=1).mean()))
    ends = [t.positions[-1] - t.positions[0] for t in (truth, estimate)]
    off = ends[1] - ends[0]
    metres = float(truth.distances[-1])
    level = float(np.linalg.norm(off[:2]))
    return Absolute(
        ate, float(np.linalg.norm(off)), level, level / metres if metres > 0 else math.nan, metres
    )


def _check(truth: Trajectory, estimate: Trajectory) -> None:
    """Raise ValueError for trajectories that cannot be compared."""
    if len(truth.times) != len(estimate.times) or len(truth.times) < 2:
        raise ValueError(
            f"cannot compare {len(estimate.times)} poses with {len(truth.times)}: give the same "
            "number, 2 or more, at the same times"
        )
