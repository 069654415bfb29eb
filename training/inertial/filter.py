"""The robot's filter on batches, differentiable, in Keras: the same numbers as `robot.engine`.

    result = run(samples, dt, x0, p0, slip)  # in a function that XLA compiles, in float64
    positions, rotations = poses(x0, result.states)

Row t of the states is that after sample t, dt after the sample before it: a log of N samples and a
state at its first one is a run of `samples[1:]` with the differences of its times, as the
localizer takes it. To propagate back over a part only, chain runs through `stop_gradient`.

Use float64: over more than some 2,000 steps, gradients in float32 are wrong while losses look
right. States are packed as by `robot.engine.pack`; frames, units and error are `robot.state`'s.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from keras import ops

from robot.filter import Gate, chi_square_limit
from robot.lie import Array
from robot.state import GRAVITY, KITTI_NOISE, SLIP_RATE, Noise
from robot.still import STILL_LIMITS
from training.inertial.lie import (
    Tensor,
    apply,
    blocks,
    polish_rotation,
    product,
    skew,
    symmetric_inverse,
    transpose,
    turn,
)
from training.layers.scan import scan

_LEAST_STILL = 1e-12  # what a weight of 0 is taken for, lest a variance be infinite


class Result(NamedTuple):
    """What a run gives.

    Attributes:
        states: [B, T, 33] after each sample.
        covariance: [B, 21, 21] after the last.
    """

    states: Tensor
    covariance: Tensor


def densities(noise: Noise = KITTI_NOISE) -> Array:
    """The six densities [6] of a noise, in its order: what `run` takes, and training may fit."""
    d = noise
    return np.array((d.gyro, d.accel, d.gyro_bias, d.accel_bias, d.mount, d.lever))


def run(
    samples: Tensor,
    dt: Tensor,
    x0: Tensor,
    p0: Tensor,
    slip: Tensor,
    *,
    noise: Tensor | None = None,
    rougher: Tensor | None = None,
    still: Tensor | None = None,
    speed: Tensor | None = None,
    drift: Tensor | None = None,
    gravity: float = GRAVITY,
    gate: Gate | None = None,
) -> Result:
    """Run the filter over logs; everything but the last two may be differentiated.

    Args:
        samples: [B, T, 6] gyro, rad/s, and accelerometer, m/s^2; B and T known beforehand.
        dt: s, a number or [B, T], positive.
        x0: [B, 33] states before the first samples; their type is that of the reckoning.
        p0: [B, 21, 21] their covariances.
        slip: [B, T, 2] or [2] variances of lateral and vertical velocity, m^2/s^2, positive.
        noise: [6] or [B, T, 6] densities, as `densities` gives them; None for KITTI's.
        rougher: [B, T, 2] factors on those of gyro and accelerometer.
        still: [B, T] weights, 0 to 1, of zero-velocity and zero-rotation updates at each sample.
        speed: [B, T, 2] forward speed, m/s, and its variance in one sample, m^2/s^2.
        drift: [] or [B, T] of the body in curves, see `robot.measurements.no_slip`, s^2/m.
        gravity: m/s^2.
        gate: Of the no-slip update; it must be one that softens.
    """
    x0, p0 = ops.convert_to_tensor(x0), ops.convert_to_tensor(p0)
    shape = tuple(samples.shape[:2])
    if gate is not None and not gate.soften:
        raise ValueError("a gate that refuses cannot be differentiated: take one that softens")

    def rows(values: Tensor, *more: int) -> Tensor:
        """One value for each step, time first."""
        values = ops.convert_to_tensor(values, x0.dtype)
        return ops.swapaxes(ops.broadcast_to(values, (*shape, *more)), 0, 1)

    spread = rows(densities() if noise is None else noise, 6)
    if rougher is not None:
        spread = spread * ops.pad(rows(rougher, 2), ((0, 0), (0, 0), (0, 4)), constant_values=1)
    given = {
        "variances": ops.square(spread),
        "slip": rows(slip, 2),
        "still": None if still is None else rows(still),
        "speed": None if speed is None else rows(speed, 2),
        "drift": None if drift is None else rows(drift),
    }
    named = {name: values for name, values in given.items() if values is not None}
    limit = math.inf if gate is None else chi_square_limit(2, gate.probability)

    def take(x: Tensor, p: Tensor, sample: Tensor, dt: Tensor, *row: Tensor) -> tuple[Tensor, ...]:
        at = dict(zip(named, row, strict=True))
        return step(x, p, sample, dt, **at, gravity=gravity, limit=limit)

    (states,), (_, covariance) = scan(take, (x0, p0), (rows(samples, 6), rows(dt), *named.values()))
    return Result(ops.swapaxes(states, 0, 1), covariance)


def poses(x0: Tensor, states: Tensor, every: int = 10) -> tuple[Tensor, Tensor]:
    """Positions [B, N, 3], m, and rotations [B, N, 3, 3]: the start's, and every so many-th after.

    Args:
        x0: [B, 33] before the first sample.
        states: [B, T, 33] from `run`.
        every: Samples; 10 of 100 Hz are the pose rate of the metrics.
    """
    kept = ops.concatenate((x0[:, None], states[:, every - 1 :: every]), 1)
    return kept[..., 12:15], ops.reshape(kept[..., :9], (*kept.shape[:2], 3, 3))


def step(
    x: Tensor,
    p: Tensor,
    sample: Tensor,
    dt: Tensor,
    *,
    variances: Tensor,
    slip: Tensor,
    still: Tensor | None = None,
    speed: Tensor | None = None,
    drift: Tensor | None = None,
    gravity: float = GRAVITY,
    limit: float = math.inf,
) -> tuple[Tensor, Tensor]:
    """Propagate, hold the body to no slip, and take in what else there is: one row of `run`.

    Args:
        x: [B, 33].
        p: [B, 21, 21].
        sample: [B, 6].
        dt: [B].
        variances: [B, 6] squares of the densities.
        slip: [B, 2].
        still: [B].
        speed: [B, 2].
        drift: [B].
        gravity: m/s^2.
        limit: What the no-slip update's normalized innovation squared is softened to.
    """
    gyro, each = sample[:, :3], 1 / (SLIP_RATE * dt[:, None])
    x, p = _propagated(x, p, sample, dt[:, None], variances, gravity=gravity)
    velocity, jacobian = _body_velocity(x, gyro)
    off = -velocity[:, 1:]
    if drift is not None:
        turning = ops.sum(x[:, 21:30][:, 2::3] * (gyro - x[:, 15:18]), -1)
        aside = drift * ops.square(velocity[:, 0]) * turning
        off = off - ops.stack((aside, ops.zeros_like(aside)), -1)
    x, p = _updated(x, p, off, jacobian[:, 1:], slip * each, limit=limit)
    if still is not None:
        weight = 1 / (still[:, None] + _LEAST_STILL)
        one = ops.ones_like(gyro)
        # In world axes, which is the same: the variance is alike on all of them.
        motion = STILL_LIMITS.speed**2 * each * weight
        x, p = _updated(x, p, -x[:, 9:12], _identity_at(x, 3), motion * one)
        rotation = (variances[:, :1] * SLIP_RATE + STILL_LIMITS.rotation**2) * each * weight
        x, p = _updated(x, p, gyro - x[:, 15:18], _identity_at(x, 9), rotation * one)
    if speed is not None:
        velocity, jacobian = _body_velocity(x, gyro)
        x, p = _updated(x, p, speed[:, :1] - velocity[:, :1], jacobian[:, :1], speed[:, 1:])
    return x, p


def _propagated(
    x: Tensor, p: Tensor, sample: Tensor, dt: Tensor, variances: Tensor, *, gravity: float
) -> tuple[Tensor, Tensor]:
    """`robot.filter.propagate` of dt [B, 1], without the Earth's rotation."""
    rotation, velocity, position = _matrix(x[:, :9]), x[:, 9:12], x[:, 12:15]
    exp, _ = turn((sample[:, :3] - x[:, 15:18]) * dt)
    after = polish_rotation(product(rotation, exp))
    middle = 0.5 * (rotation + after)
    down = ops.convert_to_tensor((0.0, 0.0, -gravity), x.dtype)
    faster = velocity + dt * (apply(middle, sample[:, 3:] - x[:, 18:21]) + down)
    v = 0.5 * (velocity + faster)
    farther = position + dt * v
    at = 0.5 * (position + farther)
    y = ops.concatenate((ops.reshape(after, (-1, 9)), faster, farther, x[:, 15:]), -1)

    # The transition [B, 9, 15], the rest of which is the identity.
    one = ops.broadcast_to(ops.eye(3, dtype=x.dtype), ops.shape(rotation))
    zero, wide = ops.zeros_like(one), dt[..., None]
    half, turned, fall = 0.5 * wide, -wide * middle, wide * skew(down)
    v_arm, p_arm = v + 0.5 * dt * down, at + 0.5 * dt * v + dt * dt / 6 * down
    phi = blocks(
        (one, zero, zero, turned, zero),
        (fall, one, zero, product(skew(v_arm), turned), turned),
        (half * fall, wide * one, one, product(skew(p_arm), turned), half * turned),
    )
    # What half a step's noise adds.
    lever = ops.concatenate((one, skew(v), skew(at)), 1)
    walks = ops.repeat(ops.pad(variances[:, 1:], ((0, 0), (1, 0))), 3, axis=-1)
    walks = ops.concatenate((walks[:, :6], ops.zeros_like(v), walks[:, 6:]), -1)
    added = ops.pad(
        variances[:, :1, None] * product(lever, transpose(lever)), ((0, 0), (0, 12), (0, 12))
    )
    added = half * (added + walks[:, None, :] * ops.eye(21, dtype=x.dtype))

    q = p + added
    rows = product(phi, q[:, :15])
    pose, side = product(rows[:, :, :15], transpose(phi)), rows[:, :, 9:]
    pose = 0.5 * (pose + transpose(pose))
    return y, blocks((pose, side), (transpose(side), q[:, 9:, 9:])) + added


def _body_velocity(x: Tensor, gyro: Tensor) -> tuple[Tensor, Tensor]:
    """`robot.measurements.body_velocity`: [B, 3] and [B, 3, 21]."""
    back, onward = transpose(_matrix(x[:, 21:30])), transpose(_matrix(x[:, :9]))
    lever, rate = skew(x[:, 30:]), gyro - x[:, 15:18]
    velocity = apply(onward, x[:, 9:12]) + apply(lever, rate)
    turned, zero = product(back, onward), ops.zeros_like(back)
    by_bias, by_mount = -product(back, lever), product(back, skew(velocity))
    by_lever = -product(back, skew(rate))
    jacobian = blocks((zero, turned, zero, by_bias, zero, by_mount, by_lever))
    return apply(back, velocity), jacobian


def _updated(
    x: Tensor,
    p: Tensor,
    residual: Tensor,
    jacobian: Tensor,
    variances: Tensor,
    *,
    limit: float = math.inf,
) -> tuple[Tensor, Tensor]:
    """`robot.filter.update`, softened at a limit, by m numbers: [B, m], [B, m, 21], [B, m]."""
    noise = variances[..., None] * ops.eye(variances.shape[-1], dtype=x.dtype)
    seen_by = transpose(jacobian)
    ph = product(p, seen_by)
    spread = product(jacobian, ph) + noise
    inverse = symmetric_inverse(spread)
    if limit < math.inf:
        nis = ops.sum(residual * apply(inverse, residual), -1)
        factor = ops.maximum(nis / limit, 1.0)[:, None, None]
        noise, inverse = noise + (factor - 1) * spread, inverse / factor
    gain = product(ph, inverse)
    p = p - product(gain, transpose(ph))
    p = p + product(product(gain, noise) - product(p, seen_by), transpose(gain))
    return _moved(x, apply(gain, residual)), 0.5 * (p + transpose(p))


def _moved(x: Tensor, error: Tensor) -> Tensor:
    """`robot.state.State.moved`, by errors [B, 21]."""
    (exp, jacobian), (mount, _) = turn(error[:, :3]), turn(error[:, 15:18])
    mount = polish_rotation(product(mount, _matrix(x[:, 21:30])))
    parts = (
        ops.reshape(product(exp, _matrix(x[:, :9])), (-1, 9)),
        apply(exp, x[:, 9:12]) + apply(jacobian, error[:, 3:6]),
        apply(exp, x[:, 12:15]) + apply(jacobian, error[:, 6:9]),
        x[:, 15:21] + error[:, 9:15],
        ops.reshape(mount, (-1, 9)),
        x[:, 30:] + error[:, 18:],
    )
    return ops.concatenate(parts, -1)


def _matrix(rows: Tensor) -> Tensor:
    return ops.reshape(rows, (-1, 3, 3))


def _identity_at(x: Tensor, column: int) -> Tensor:
    """The Jacobian [B, 3, 21] of three numbers that are measured themselves."""
    one = ops.convert_to_tensor(np.eye(3, 21, column), x.dtype)
    return ops.broadcast_to(one, (x.shape[0], 3, 21))
