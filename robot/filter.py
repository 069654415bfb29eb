"""The right-invariant extended Kalman filter: propagation by an IMU, and updates by anything.

Pure functions on `State` and `Covariance` (their frames, units and error are told there). The
equations are AI-IMU's (arXiv 1904.06064), with what follows different:

- Noise is given as densities, and is spread over the step (half before it, half after), so that
  the covariance does not depend on the sample rate. AI-IMU adds `G Q G' dt^2`.
- A step uses the means of R, v and p at its ends, in the state and in the Jacobian: both are right
  to the second order of dt, and exactly indifferent to where the origin is and where north is.
- The lever turns with the IMU: see `robot.measurements`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from robot.lie import Array, polish_rotation, skew, so3_exp
from robot.measurements import Measurement
from robot.state import (
    ACCEL_BIAS,
    GRAVITY,
    GYRO_BIAS,
    KITTI_NOISE,
    POSITION,
    ROTATION,
    SIZE,
    VELOCITY,
    Covariance,
    Noise,
    State,
)

EARTH_RATE = 7.292115e-5  # rad/s


@dataclass(frozen=True)
class World:
    """What the world does to an IMU.

    Attributes:
        gravity: m/s^2, downwards.
        earth: The Earth's rotation in world axes, rad/s; zeros to leave it out, as a cheap gyro
            that cannot tell it from its bias may. Transport rate is left out always.
    """

    gravity: float = GRAVITY
    earth: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @staticmethod
    def turning(latitude: float, gravity: float = GRAVITY) -> World:
        """With the Earth's rotation at a latitude in rad; the world must be east-north-up then."""
        return World(
            gravity,
            (0.0, EARTH_RATE * math.cos(latitude), EARTH_RATE * math.sin(latitude)),
        )


WORLD = World()


@dataclass(frozen=True)
class Innovation:
    """What a measurement said.

    Attributes:
        nis: Normalized innovation squared: chi-square of `size` degrees of freedom if all is well.
        size: How many numbers were measured.
        accepted: Whether the state was changed by it.
        softened: Whether its noise was raised first, to bring `nis` down to the gate's limit.
    """

    nis: float
    size: int
    accepted: bool
    softened: bool = False


@dataclass(frozen=True)
class Gate:
    """When to disbelieve a measurement.

    Attributes:
        probability: Of a sound measurement to be disbelieved.
        soften: Believe it less (its covariance is raised until it just passes), not not at all. A
            filter that has lost its way finds back, and one outlier cannot throw it far.
    """

    probability: float = 1e-6
    soften: bool = False


GATE = Gate()


@lru_cache(maxsize=64)
def chi_square_limit(size: int, probability: float) -> float:
    """What a chi-square variable of `size` degrees of freedom exceeds with that probability."""

    def exceeded(x: float) -> float:
        tail = math.erfc(math.sqrt(x / 2)) if size % 2 else math.exp(-x / 2)
        term = 2 * math.sqrt(x / (2 * math.pi)) * math.exp(-x / 2) if size % 2 else tail * x / 2
        for k in range(3 if size % 2 else 4, size + 1, 2):
            tail, term = tail + term, term * x / k
        return tail

    low, high = 0.0, 1.0
    while exceeded(high) > probability:
        low, high = high, 2 * high
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if exceeded(middle) > probability else (low, middle)
    return high


def propagate_state(
    state: State, gyro: Array, accel: Array, dt: float, world: World = WORLD
) -> State:
    """The state dt seconds later, under angular rate and specific force that hold on the way.

    Args:
        state: Before.
        gyro: [3] as measured, IMU axes, rad/s.
        accel: [3] as measured, IMU axes, m/s^2 (+9.8 on the axis that points up at rest).
        dt: s, positive.
        world: Gravity and the Earth's rotation.
    """
    rotation = state.rotation @ so3_exp((gyro - state.gyro_bias) * dt)
    rate = np.array((0.0, 0.0, -world.gravity))
    if any(world.earth):
        earth = np.array(world.earth)
        rotation = so3_exp(-earth * dt) @ rotation
        rate -= 2 * np.cross(earth, state.velocity)
    rotation = polish_rotation(rotation)
    rate += 0.5 * ((state.rotation + rotation) @ (accel - state.accel_bias))
    velocity = state.velocity + rate * dt
    return State(
        rotation,
        velocity,
        state.position + (state.velocity + velocity) * (0.5 * dt),
        state.gyro_bias,
        state.accel_bias,
        state.mount,
        state.lever,
    )


def transition(before: State, after: State, dt: float, world: World = WORLD) -> Array:
    """Phi [9, 15]: how the errors of R, v, p after a step depend on the first 15 before it.

    The rest of the 21 x 21 matrix is the identity. It is the exponential of F dt, which ends with
    its third power, at the middle of the step:

        F[v, rot] = g^       F[p, v] = 1           F[rot, bg] = -R
        F[v, bg] = -v^ R     F[p, bg] = -p^ R      F[v, ba] = -R

    and, with the Earth's rotation w, to the first order: F[rot, rot] = -w^, F[v, v] = -2 w^,
    F[v, rot] += v^ w^, F[p, rot] = -p^ w^.
    """
    turn = (before.rotation + after.rotation) * (-0.5 * dt)
    g, half = world.gravity * dt, 0.5 * dt
    v = 0.5 * (before.velocity + after.velocity)
    p = 0.5 * (before.position + after.position) + half * v
    v[2] -= 0.5 * g
    p[2] -= g * dt / 6
    phi = np.eye(9, 15)
    phi[3, 1], phi[4, 0] = g, -g
    phi[6, 1], phi[7, 0] = g * half, -g * half
    phi[6, 3] = phi[7, 4] = phi[8, 5] = dt
    phi[ROTATION, GYRO_BIAS] = phi[VELOCITY, ACCEL_BIAS] = turn
    phi[VELOCITY, GYRO_BIAS] = skew(v) @ turn
    phi[POSITION, GYRO_BIAS] = skew(p) @ turn
    phi[POSITION, ACCEL_BIAS] = half * turn
    if any(world.earth):
        earth = skew(np.array(world.earth)) * dt
        phi[ROTATION, ROTATION] -= earth
        phi[VELOCITY, VELOCITY] -= 2 * earth
        phi[VELOCITY, ROTATION] += skew(v) @ earth
        phi[POSITION, ROTATION] -= skew(p) @ earth
    return phi


def process_noise(before: State, after: State, dt: float, noise: Noise) -> tuple[Array, Array]:
    """What half a step's noise adds: to the covariance [9, 9] of R, v, p, to the variances [12].

    With G = [1; v^; p^] R of the gyro and [0; 1; 0] R of the accelerometer; R drops out, since
    the noise is alike on all axes.
    """
    gyro, accel = 0.5 * dt * noise.gyro**2, 0.5 * dt * noise.accel**2
    lever = np.zeros((9, 3))
    lever[0, 0] = lever[1, 1] = lever[2, 2] = 1.0
    lever[VELOCITY] = skew(0.5 * (before.velocity + after.velocity))
    lever[POSITION] = skew(0.5 * (before.position + after.position))
    pose = gyro * (lever @ lever.T)
    pose[3, 3] += accel
    pose[4, 4] += accel
    pose[5, 5] += accel
    walks = (noise.gyro_bias, noise.accel_bias, noise.mount, noise.lever)
    return pose, np.repeat(np.square(walks) * (0.5 * dt), 3)


def propagate(
    state: State,
    covariance: Covariance,
    gyro: Array,
    accel: Array,
    dt: float,
    *,
    noise: Noise = KITTI_NOISE,
    world: World = WORLD,
) -> tuple[State, Covariance]:
    """`propagate_state`, with the covariance: Phi (P + Q/2) Phi' + Q/2."""
    after = propagate_state(state, gyro, accel, dt, world)
    phi = transition(state, after, dt, world)
    half, walks = process_noise(state, after, dt, noise)
    p = covariance.matrix.copy()
    p[:9, :9] += half
    diagonal = p.ravel()[9 * SIZE + 9 :: SIZE + 1]
    diagonal += walks
    rows = phi @ p[:15]
    pose = rows[:, :15] @ phi.T + half
    p[:9, 9:] = rows[:, 9:]
    p[9:, :9] = rows[:, 9:].T
    p[:9, :9] = 0.5 * (pose + pose.T)
    diagonal += walks
    return after, Covariance(p)


def update(
    state: State, covariance: Covariance, measurement: Measurement, gate: Gate | None = None
) -> tuple[State, Covariance, Innovation]:
    """Correct an estimate by a measurement, in Joseph's form (Bucy and Joseph 1968).

    Args:
        state: Before.
        covariance: Before.
        measurement: What was measured, less what the state predicts.
        gate: When to disbelieve it; None to believe it always.

    Returns:
        State and covariance after it (the same objects if it was not accepted), and what it said.
        A measurement that is not finite is never accepted.
    """
    p, h, r = covariance.matrix, measurement.jacobian, measurement.residual
    size = len(r)
    ph = p @ h.T
    seen = h @ ph
    noise = measurement.noise
    nis = float(r @ np.linalg.solve(seen + noise, r))
    softened = False
    if not math.isfinite(nis):
        return state, covariance, Innovation(math.inf, size, accepted=False)
    if gate is not None and nis > (limit := chi_square_limit(size, gate.probability)):
        if not gate.soften:
            return state, covariance, Innovation(nis, size, accepted=False)
        noise = noise + seen * (nis / limit - 1) + noise * (nis / limit - 1)
        softened = True
    gain = np.linalg.solve(seen + noise, ph.T).T
    # (1 - K H) P, then that times (1 - K H)', then K N K': each a product with few columns.
    p = p - gain @ ph.T
    p = p - (p @ h.T) @ gain.T + gain @ noise @ gain.T
    moved = state.moved(gain @ r)
    return moved, Covariance(0.5 * (p + p.T)), Innovation(nis, size, True, softened)
