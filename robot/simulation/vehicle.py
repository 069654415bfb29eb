"""How a vehicle's body moves on a road: it slips in curves, leans, nods and heaves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from robot import rotations
from robot.lie import Array
from robot.simulation.road import Ride
from robot.simulation.vibration import Vibration

ISO_WAVENUMBER = 0.1  # 1/m, at which ISO 8608 states roughness
WHEEL_DAMPING = 0.3
FORGOTTEN = 14.0  # time constants after which an impulse is: 1e-6 of it is left


@dataclass(frozen=True)
class Vehicle:
    """A vehicle, as seen from the middle of its rear axle.

    Attributes:
        slip: Angle by which the rear axle slips outwards, rad per m/s^2 of lateral acceleration:
            the mass on it over its cornering stiffness.
        roll: How it leans out of a curve, rad per m/s^2.
        pitch: How it nods when it brakes, rad per m/s^2.
        frequency: Of the body on its springs, Hz.
        damping: Of that, 1 is critical.
        hop: Frequency of the wheels on their tyres, Hz; little of what is faster gets through.
        roughness: Of the road, m^3 at 0.1 1/m (ISO 8608: 16e-6 is a good road, 64e-6 a fair one).
        length: Between the axles, m.
        width: Between the wheels of an axle, m.
        lever: Where the IMU is, body axes, m.
        spread: Deviation of that from run to run, m.
        mount: Deviation of the IMU's axes from the body's, rad.
        vibration: What shakes the IMU.
    """

    slip: float
    roll: float
    pitch: float
    frequency: float
    damping: float
    hop: float
    roughness: float
    length: float
    width: float
    lever: tuple[float, float, float]
    spread: float
    mount: float
    vibration: Vibration


@dataclass(frozen=True)
class Motion:
    """How the body moved, at N times.

    Attributes:
        rotations: [N, 3, 3] from the body's axes to the world's.
        flow: [N, 3] velocity of the middle of the rear axle in the world, m/s.
    """

    rotations: Array
    flow: Array


def drive(vehicle: Vehicle, ride: Ride, rng: np.random.Generator) -> Motion:
    """Take a vehicle over a road; it starts at heading 0, that is eastwards.

    Args:
        vehicle: Which.
        ride: Speed, curvature and slope.
        rng: Draws the unevenness of the road.
    """
    dt = float(ride.times[1] - ride.times[0])
    speed, slope = ride.speed, ride.slope
    turn = speed * ride.curvature
    course = np.concatenate((np.zeros(1), np.cumsum(0.5 * (turn[1:] + turn[:-1]) * dt)))

    def settle(forced: Array, *, shaken: bool = False) -> Array:
        return _sprung(forced, dt, vehicle.frequency, vehicle.damping, shaken=shaken)

    sideways = settle(speed * turn)
    forwards = settle(np.gradient(speed, dt))
    # The wheels' vertical velocity is white, with a power in proportion to speed; it is taken to
    # be independent at the two ends and the two sides, which is so for the short waves.
    power = vehicle.roughness * speed / (2 * dt)
    road = 2 * math.pi * ISO_WAVENUMBER * np.sqrt(power) * rng.normal(size=(3, len(speed)))
    bumps = [_sprung(each, dt, vehicle.hop, WHEEL_DAMPING, shaken=False) for each in road]
    sway = 1 / (2 * math.pi * vehicle.frequency)
    heave = settle(bumps[0], shaken=True)
    roll = vehicle.roll * sideways + settle(bumps[1]) * sway / vehicle.width
    pitch = -slope - vehicle.pitch * forwards + settle(bumps[2]) * sway / vehicle.length
    yaw = course + vehicle.slip * sideways
    level = speed * np.cos(slope)
    climb = speed * np.sin(slope) + heave
    flow = np.stack((level * np.cos(course), level * np.sin(course), climb), axis=1)
    return Motion(rotations.of_angles(np.stack((roll, pitch, yaw), axis=1)), flow)


def _sprung(forced: Array, dt: float, frequency: float, damping: float, *, shaken: bool) -> Array:
    """What a mass on a damped spring makes of a force [N], or, `shaken`, of its base's motion.

    By its impulse response, which is causal: what rests, rests exactly until the first push.
    """
    w = 2 * math.pi * frequency
    ring = w * math.sqrt(1 - damping**2)
    age = dt * np.arange(math.ceil(FORGOTTEN / (damping * w * dt)))
    response = np.exp(-damping * w * age) * np.sin(ring * age) / ring
    if shaken:  # w^2 h + 2 damping w h'
        slope = np.exp(-damping * w * age) * np.cos(ring * age) - damping * w * response
        response = w**2 * response + 2 * damping * w * slope
    response /= response.sum()
    held = np.concatenate((np.full(len(age) - 1, forced[0]), forced))
    return np.asarray(np.convolve(held, response, mode="valid"))
