"""A first state without any truth: standing still, or already moving.

Of the first second or so the accelerometer's mean tells which way is up. Standing still, the gyro's
mean is its bias, and the speed is nothing. Moving, both stay to be found out: the state starts with
wide covariances, and the filter learns the biases from the body's not slipping. Heading and place
cannot be known from an IMU: they are given, or 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from robot.filter import WORLD, World, update
from robot.lie import Array, Vector, skew, so3_exp
from robot.measurements import Measurement, no_rotation
from robot.state import ACCEL_BIAS, ROTATION, SIZE, Covariance, State

# Of an IMU at rest: largest deviations of its axes, rad/s and m/s^2, ...
QUIET_GYRO, QUIET_ACCEL = 0.02, 0.12
_DRIFT, _SWAY = 0.01, 0.02  # ... between the halves of a window, and of the fifths' mean forces
_ANYHOW = 0.3  # rad; deviation of a tilt that the accelerometer has told


@dataclass(frozen=True)
class Prior:
    """What is known before the first sample; standard deviations but for the first five.

    Attributes:
        heading: Of the body's x axis, counter-clockwise from east, rad.
        position: [3] of the IMU, m.
        speed: Forward speed if moving, m/s; None: not known.
        mount: Rotation vector from the body's axes to the IMU's, rad.
        lever: The IMU's place, see `robot.state.State`, m.
        tilt: Of the body's roll and pitch about level, as a vehicle's are on its roads, rad; None:
            it may lie anyhow. At rest it is all that tells a tilt from the accelerometer's bias.
        heading_sigma: rad; 0 makes the first heading the frame's own.
        position_sigma: m; 0 makes the first place the frame's own.
        speed_sigma: Of a given speed, m/s.
        unknown_speed: Of a speed that was not given, m/s.
        side_speed: Of the lateral and vertical velocity when moving, m/s.
        gyro_bias: rad/s; 0.02 suits cheap sensors.
        accel_bias: m/s^2.
        mount_sigma: rad.
        lever_sigma: m.
        acceleration: Of a moving body's mean over the window, m/s^2, that of a turn left out if
            its speed is known.
    """

    heading: float = 0.0
    position: Vector = (0.0, 0.0, 0.0)
    speed: float | None = None
    mount: Vector = (0.0, 0.0, 0.0)
    lever: Vector = (0.0, 0.0, 0.0)
    tilt: float | None = None
    heading_sigma: float = 0.0
    position_sigma: float = 0.0
    speed_sigma: float = 0.5
    unknown_speed: float = 10.0
    side_speed: float = 0.3
    gyro_bias: float = 0.02
    accel_bias: float = 0.5
    mount_sigma: float = 0.03
    lever_sigma: float = 0.5
    acceleration: float = 1.0


PRIOR = Prior()


def is_still(gyro: Array, accel: Array) -> bool:
    """Whether an IMU stood still over a window, [N, 3] each, rad/s and m/s^2.

    Cheap IMUs are noisy, so that much is allowed: the window is long, and no estimate is put at
    risk. A smoothly driving car is as quiet as that (on KITTI in 4 % of the seconds), but it sways,
    and the mean forces of the window's fifths then differ by more than white noise lets them.
    """
    quiet = gyro.std(axis=0).max() < QUIET_GYRO and accel.std(axis=0).max() < QUIET_ACCEL
    # A steady turn or a steady climb is quiet too.
    half, fifth = len(gyro) // 2, len(accel) // 5
    drift = np.abs(gyro[:half].mean(axis=0) - gyro[half:].mean(axis=0)).max() if half else 0.0
    means = accel[: 5 * fifth].reshape(5, fifth, 3).mean(axis=1) if fifth else accel
    sway = means.var(axis=0) - 2 * accel.var(axis=0) / max(fifth, 1)
    return bool(
        quiet
        and drift < _DRIFT
        and sway.max() < _SWAY**2
        and np.linalg.norm(gyro.mean(axis=0)) < 0.2
        and abs(np.linalg.norm(accel.mean(axis=0)) - 9.8) < 1.5
    )


def level(up: Array, heading: float, mount: Array) -> Array:
    """The rotation [3, 3] that lifts `up` [3] (IMU axes) to the world's z and has that heading.

    Args:
        up: Specific force at rest, of any length.
        heading: Of the body's x axis, rad.
        mount: [3, 3] from the body's axes to the IMU's.
    """
    x, y, z = up.tolist()
    if math.hypot(x, y, z) < 1e-3:  # in free fall there is no level: keep the IMU's own
        x, y, z = 0.0, 0.0, 1.0
    roll, pitch = math.atan2(y, z), math.atan2(-x, math.hypot(y, z))
    tilted = so3_exp(np.array((0.0, pitch, 0.0))) @ so3_exp(np.array((roll, 0.0, 0.0)))
    ahead = tilted @ mount[:, 0]
    turn = heading - math.atan2(ahead[1], ahead[0])
    return np.asarray(so3_exp(np.array((0.0, 0.0, turn))) @ tilted)


def specific_force(state: State, accel: Array, variance: float, gravity: float) -> Measurement:
    """What an accelerometer shows while its velocity is constant: R' (0, 0, g) + bias.

    Args:
        state: The estimate.
        accel: [3] mean, m/s^2.
        variance: Of each axis, m^2/s^4.
        gravity: m/s^2.
    """
    weight = np.array((0.0, 0.0, gravity))
    jacobian = np.zeros((3, SIZE))
    jacobian[:, ROTATION] = state.rotation.T @ skew(weight)
    jacobian[:, ACCEL_BIAS] = np.eye(3)
    predicted = state.rotation.T @ weight + state.accel_bias
    return Measurement(accel - predicted, jacobian, variance * np.eye(3))


def static_start(
    gyro: Array, accel: Array, prior: Prior = PRIOR, world: World = WORLD
) -> tuple[State, Covariance]:
    """The state of an IMU that stood still over a window.

    Roll, pitch and the accelerometer's bias cannot be told apart at rest, but by what is known of
    either: the covariance says so.

    Args:
        gyro: [N, 3] rad/s.
        accel: [N, 3] m/s^2.
        prior: What is known.
        world: Gravity, and the Earth's rotation, which the gyro shows too.
    """
    state, spread = _start(accel, prior, 0.0, (1e-3, 1e-3))
    n = len(gyro)
    # A floor: the first level is off by about this much, of which the square is left out.
    off = prior.accel_bias / world.gravity if prior.tilt is None else prior.tilt
    floor = (world.gravity * off**2) ** 2
    force = max(float(accel.var(axis=0).mean()) / n, floor)
    state, spread, _ = update(
        state, spread, specific_force(state, accel.mean(axis=0), force, world.gravity)
    )
    shown = gyro.mean(axis=0) - state.rotation.T @ np.array(world.earth)
    rate = max(float(gyro.var(axis=0).mean()) / n, 1e-10)
    state, spread, _ = update(state, spread, no_rotation(state, shown, (rate,)))
    return state, spread


def moving_start(
    gyro: Array, accel: Array, prior: Prior = PRIOR, world: World = WORLD
) -> tuple[State, Covariance]:
    """The state of an IMU at the beginning of a window in which it moved.

    Args:
        gyro: [N, 3] rad/s; not used for a bias, since the body may turn. With a known speed it
            tells the centripetal force.
        accel: [N, 3] m/s^2.
        prior: What is known.
        world: Gravity.
    """
    speed = prior.speed or 0.0
    forward = prior.unknown_speed if prior.speed is None else prior.speed_sigma
    held = accel - np.cross(gyro, (speed, 0.0, 0.0))
    state, spread = _start(held, prior, speed, (forward, prior.side_speed))
    force = prior.acceleration**2 + float(accel.var(axis=0).mean()) / len(accel)
    state, spread, _ = update(
        state, spread, specific_force(state, held.mean(axis=0), force, world.gravity)
    )
    return state, spread


def doubted(state: State, spread: Covariance, seconds: float) -> Covariance:
    """The covariance of a state after a time of which nothing is known.

    Where the IMU is, how it lies and how fast it moves may have changed as for a vehicle in that
    time, and the biases as a cheap sensor's; never by more than a vehicle can.

    Args:
        state: Before it, and after it for want of better.
        spread: Its covariance before.
        seconds: How long.
    """
    before = spread.world(state).matrix
    seconds = min(seconds, 1e6)
    speed = max(1.0, float(np.linalg.norm(state.velocity)))
    root = math.sqrt(seconds)
    more = Covariance.of_deviations(
        tilt=0.1,
        heading=0.3 * seconds,
        velocity=(2 * speed,) * 3,
        position=(speed * seconds,) * 3,
        gyro_bias=1e-3 * root,
        accel_bias=1e-2 * root,
        mount=0.0,
        lever=0.0,
    ).matrix
    most = Covariance.of_deviations(
        tilt=0.3,
        heading=math.pi,
        velocity=(30.0,) * 3,
        position=(1e5,) * 3,
        gyro_bias=0.03,
        accel_bias=0.3,
        mount=0.0,
        lever=0.0,
    ).matrix
    room = np.maximum(np.diag(most) - np.diag(before), 0.0)
    return Covariance(before + np.diag(np.minimum(np.diag(more), room))).about(state)


def _start(
    accel: Array, prior: Prior, speed: float, speed_sigmas: tuple[float, float]
) -> tuple[State, Covariance]:
    """A levelled state before its first update; deviations of the speed forward and aside."""
    mount = np.asarray(so3_exp(np.array(prior.mount)))
    up = accel.mean(axis=0) if prior.tilt is None else mount[:, 2]
    rotation = level(up, prior.heading, mount)
    ahead = rotation @ mount[:, 0]
    state = replace(
        State.at_rest(rotation, speed * ahead, np.array(prior.position)),
        mount=mount,
        lever=np.array(prior.lever),
    )
    forward, aside = speed_sigmas
    spread = Covariance.of_deviations(
        tilt=_ANYHOW if prior.tilt is None else prior.tilt,
        heading=prior.heading_sigma,
        position=(prior.position_sigma,) * 3,
        gyro_bias=prior.gyro_bias,
        accel_bias=prior.accel_bias,
        mount=prior.mount_sigma,
        lever=prior.lever_sigma,
    ).matrix
    spread[3:6, 3:6] = aside**2 * np.eye(3) + (forward**2 - aside**2) * np.outer(ahead, ahead)
    # The velocity is known in the body's axes and turns with them, and a place that is not the
    # origin does not: in the invariant error only the place is coupled to the attitude.
    shear = np.eye(SIZE)
    shear[6:9, ROTATION] = skew(state.position)
    return state, Covariance(shear @ spread @ shear.T)
