"""`robot.lie` on batches, differentiable, in Keras: as much of it as the filter needs."""

from __future__ import annotations

from typing import Any

from keras import ops

Tensor = Any  # of the backend that Keras runs on

_SERIES_BELOW = 0.01  # rad^2, as in `robot.lie.so3_exp`


def product(a: Tensor, b: Tensor) -> Tensor:
    """The product [..., n, m] of matrices [..., n, k] and [..., k, m].

    Written so that XLA makes one loop of it and what stands around it: on a CPU, for matrices as
    small as these, that takes half the time of its matrix multiplication.
    """
    return ops.sum(a[..., :, :, None] * b[..., None, :, :], -2)


def apply(matrix: Tensor, vector: Tensor) -> Tensor:
    """The vectors [..., n] that matrices [..., n, k] make of vectors [..., k]."""
    return ops.sum(matrix * vector[..., None, :], -1)


def transpose(matrix: Tensor) -> Tensor:
    """Rows for columns, [..., n, m] to [..., m, n]."""
    return ops.swapaxes(matrix, -1, -2)


def blocks(*rows: tuple[Tensor, ...]) -> Tensor:
    """The matrix [..., n, m] of rows of blocks."""
    return ops.concatenate([ops.concatenate(row, -1) for row in rows], -2)


def skew(x: Tensor) -> Tensor:
    """The cross-product matrices [..., 3, 3] of vectors [..., 3]."""
    a, b, c = x[..., 0], x[..., 1], x[..., 2]
    zero = ops.zeros_like(a)
    rows = ((zero, -c, b), (c, zero, -a), (-b, a, zero))
    return ops.stack([ops.stack(row, -1) for row in rows], -2)


def turn(x: Tensor) -> tuple[Tensor, Tensor]:
    """Exp(x) and the left Jacobian J(x), [..., 3, 3] each, of rotation vectors [..., 3], rad."""
    t2 = ops.sum(x * x, -1)[..., None, None]
    small = t2 < _SERIES_BELOW
    # Each formula gets what it can stand, lest the gradient of the one not taken be a NaN.
    near, far = ops.where(small, t2, 0.0), ops.where(small, 1.0, t2)
    t = ops.sqrt(far)
    half, sine = ops.sin(0.5 * t) / t, ops.sin(t) / t
    c1 = 1 - near / 6 * (1 - near / 20 * (1 - near / 42 * (1 - near / 72)))
    c2 = 0.5 * (1 - near / 12 * (1 - near / 30 * (1 - near / 56 * (1 - near / 90))))
    c3 = (1 - near / 20 * (1 - near / 42 * (1 - near / 72 * (1 - near / 110)))) / 6
    c1 = ops.where(small, c1, sine)
    c2 = ops.where(small, c2, 2 * half * half)
    c3 = ops.where(small, c3, (1 - sine) / far)
    unit, cross = ops.eye(3, dtype=x.dtype), skew(x)
    square = x[..., :, None] * x[..., None, :] - t2 * unit
    return unit + c1 * cross + c2 * square, unit + c2 * cross + c3 * square


def polish_rotation(rotation: Tensor) -> Tensor:
    """One Newton step of matrices [..., 3, 3] towards the nearest rotations."""
    return 1.5 * rotation - 0.5 * product(rotation, product(transpose(rotation), rotation))


def symmetric_inverse(matrix: Tensor) -> Tensor:
    """The inverses of symmetric matrices [..., n, n], n up to 3, by their cofactors."""
    if matrix.shape[-1] == 1:
        return 1 / matrix
    if matrix.shape[-1] == 2:
        a, b, c = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 1]
        cofactors = ops.stack((ops.stack((c, -b), -1), ops.stack((-b, a), -1)), -2)
        return cofactors / (a * c - b * b)[..., None, None]
    r0, r1, r2 = matrix[..., 0, :], matrix[..., 1, :], matrix[..., 2, :]
    cofactors = ops.stack((ops.cross(r1, r2), ops.cross(r2, r0), ops.cross(r0, r1)), -2)
    return cofactors / ops.sum(r0 * cofactors[..., 0, :], -1)[..., None, None]
