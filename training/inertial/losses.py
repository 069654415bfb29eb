"""KITTI's relative errors as losses: `robot.metrics.relative_errors`, batched and differentiable.

    pairs = sub_sequences(true_positions, true_rotations, trusted)  # once, in numpy
    loss = squared(displacements(positions, rotations, pairs), pairs)

AI-IMU's loss (arXiv 1904.06064) is the sum of such squares, over the straight way between the two
poses (`straight`) where the metric takes the length of the path.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from keras import ops
from numpy.typing import NDArray

from robot.lie import Array
from robot.metrics import LENGTHS, START_EVERY
from training.inertial.lie import Tensor, apply, product, transpose


class Pairs(NamedTuple):
    """First and last poses of the sub-sequences of a batch of windows, K of each, and the truth.

    Attributes:
        starts: [B, K] rows of poses.
        ends: [B, K]
        metres: [B, K] what errors are divided by.
        weights: [B, K] 1, or 0 where a window has fewer than K.
        displacements: [B, K, 3] true ones, axes of the start, m.
        turns: [B, K, 3, 3] true rotations from the end's axes to the start's.
    """

    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    metres: Array
    weights: Array
    displacements: Array
    turns: Array


_NOTHING = 1e-12


def sub_sequences(
    positions: Array,
    rotations: Array,
    trusted: NDArray[np.bool_] | None = None,
    *,
    lengths: tuple[float, ...] = LENGTHS,
    straight: bool = False,
    size: int | None = None,
) -> Pairs:
    """The sub-sequences of true windows, found as the metric finds them.

    Args:
        positions: [B, N, 3] m, poses at 10 Hz.
        rotations: [B, N, 3, 3].
        trusted: [B, N] whether the truth is to be believed; a pair needs it from end to end.
        lengths: m.
        straight: Divide by the distance between the two poses, as AI-IMU does, not by the length.
        size: K, to be the same from batch to batch; None for as many as there are. Of more, the
            pairs kept are spread evenly.

    Returns:
        The pairs, padded to K, which is 1 at least.
    """
    if trusted is None:
        trusted = np.ones(positions.shape[:2], np.bool_)
    found = [_of_window(*window, lengths) for window in zip(positions, trusted, strict=True)]
    most = max(1, *(len(pairs) for pairs in found)) if size is None else size
    padded = np.zeros((len(found), most, 3))
    padded[..., 2] = 1.0
    weights = np.zeros((len(found), most))
    for row, weight, pairs in zip(padded, weights, found, strict=True):
        kept = pairs
        if len(pairs) > most:
            kept = pairs[np.linspace(0, len(pairs) - 1, most).round().astype(np.intp)]
        row[: len(kept)] = kept
        weight[: len(kept)] = 1.0
    starts, ends = padded[..., 0].astype(np.int32), padded[..., 1].astype(np.int32)
    window = np.arange(len(found))[:, None]
    back = np.swapaxes(rotations[window, starts], -1, -2)
    way = positions[window, ends] - positions[window, starts]
    moved = (back @ way[..., None])[..., 0]
    metres = padded[..., 2]
    if straight:
        metres = np.where(weights > 0, np.linalg.norm(moved, axis=-1), 1.0)
    return Pairs(starts, ends, metres, weights, moved, back @ rotations[window, ends])


def _of_window(positions: Array, trusted: NDArray[np.bool_], lengths: tuple[float, ...]) -> Array:
    """Start, end and length [n, 3] of each sub-sequence of one window."""
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    far, bad = np.append(0.0, np.cumsum(steps)), np.append(0, np.cumsum(~trusted))
    starts = np.arange(0, len(far), START_EVERY)
    found = []
    for length in lengths:
        ends = np.searchsorted(far, far[starts] + length, side="right")
        inside = ends < len(far)
        inside[inside] &= bad[ends[inside] + 1] == bad[starts[inside]]
        found.append(np.stack((starts, ends, np.full(len(starts), length)), 1)[inside])
    return np.concatenate(found)


def displacements(positions: Tensor, rotations: Tensor, pairs: Pairs) -> Tensor:
    """Errors [B, K, 3] of the displacements over the metres, axes of the start: m/m.

    Args:
        positions: [B, N, 3] estimated, m.
        rotations: [B, N, 3, 3].
        pairs: Of the true poses at the same times.
    """
    back = transpose(_at(rotations, pairs.starts))
    moved = apply(back, _at(positions, pairs.ends) - _at(positions, pairs.starts))
    return (moved - _like(pairs.displacements, moved)) / _like(pairs.metres[..., None], moved)


def turns(rotations: Tensor, pairs: Pairs) -> Tensor:
    """Errors [B, K, 3] of the relative rotations over the metres, as rotation vectors: rad/m.

    Args:
        rotations: [B, N, 3, 3] estimated.
        pairs: Of the true poses at the same times.
    """
    made = product(transpose(_at(rotations, pairs.starts)), _at(rotations, pairs.ends))
    off = product(transpose(_like(pairs.turns, made)), made)
    axis = ops.stack(
        (
            off[..., 2, 1] - off[..., 1, 2],
            off[..., 0, 2] - off[..., 2, 0],
            off[..., 1, 0] - off[..., 0, 1],
        ),
        -1,
    )
    cosine = ops.trace(off, axis1=-2, axis2=-1) - 1
    sine, there = _norm(axis)
    # At no angle at all the vector is half the axis.
    scale = ops.where(there, ops.arctan2(sine, cosine) / ops.where(there, sine, 1.0), 0.5)
    return axis * scale[..., None] / _like(pairs.metres[..., None], made)


def mean(errors: Tensor, pairs: Pairs) -> Tensor:
    """The mean of |error|: t_rel of `displacements`, r_rel of `turns`, exactly the metric's.

    Args:
        errors: [B, K, 3].
        pairs: What they are the errors of; without any, the mean is 0.
    """
    return _weighted(_norm(errors)[0], pairs)


def squared(errors: Tensor, pairs: Pairs) -> Tensor:
    """The mean of |error|^2; arguments as of `mean`."""
    return _weighted(ops.sum(errors * errors, -1), pairs)


def huber(errors: Tensor, pairs: Pairs, knee: float) -> Tensor:
    """The mean of |error|^2 below a knee, and of the tangent to it above; else as `mean`."""
    size, _ = _norm(errors)
    return _weighted(
        ops.where(size < knee, ops.sum(errors * errors, -1), knee * (2 * size - knee)), pairs
    )


def _weighted(values: Tensor, pairs: Pairs) -> Tensor:
    weights = _like(pairs.weights, values)
    return ops.sum(weights * values) / ops.maximum(ops.sum(weights), 1.0)


def _norm(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Lengths of vectors [..., 3], with a gradient of 0 at 0, and whether they are longer.

    What is no longer than rounding makes it counts as 0: which processor rounds is no matter.
    """
    square = ops.sum(vectors * vectors, -1)
    there = square > _NOTHING**2
    return ops.where(there, ops.sqrt(ops.where(there, square, 1.0)), 0.0), there


def _at(values: Tensor, rows: Tensor) -> Tensor:
    """The rows [B, K] of values [B, N, ...]."""
    rows = ops.reshape(rows, (*rows.shape, *[1] * (len(values.shape) - 2)))
    return ops.take_along_axis(values, rows, 1)


def _like(values: Tensor, other: Tensor) -> Tensor:
    return ops.cast(values, other.dtype)
