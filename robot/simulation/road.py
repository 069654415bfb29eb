"""Random roads, and how fast a vehicle follows one: curvature, slope and speed along the way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from robot.lie import Array

Range = tuple[float, float]


@dataclass(frozen=True)
class RoadKind:
    """What kind of road, and how it is driven. Ranges are drawn from evenly.

    Attributes:
        cruise: Speed on a straight, m/s.
        accel: m/s^2.
        brake: m/s^2.
        lateral: Sideways in a curve, m/s^2.
        straight: Between curves, m.
        radius: Of a curve, m.
        turn: By how much a curve turns, rad.
        easing: Way on which a curve begins or ends, m.
        stop_every: Way between stops, on average, m; infinite for none.
        wait: How long a stop lasts, s.
        slope: Deviation of the road's slope, rad.
        slope_length: Way on which that changes, m.
        grid: How finely the road is described, m.
        smooth: How long a change of acceleration takes, s.
    """

    cruise: Range
    accel: float
    brake: float
    lateral: float
    straight: Range
    radius: Range
    turn: Range
    easing: float
    stop_every: float = math.inf
    wait: Range = (3.0, 15.0)
    slope: float = 0.015
    slope_length: float = 150.0
    grid: float = 1.0
    smooth: float = 1.0


@dataclass(frozen=True)
class Ride:
    """How a road was followed, at N times, evenly spaced.

    Attributes:
        times: [N] s.
        speed: [N] m/s.
        curvature: [N] 1/m, to the left.
        slope: [N] rad, upwards.
    """

    times: Array
    speed: Array
    curvature: Array
    slope: Array


def ride(
    kind: RoadKind, seconds: float, rate: float, still: float, rng: np.random.Generator
) -> Ride:
    """Follow a random road.

    Args:
        kind: Of road.
        seconds: How long after standing still.
        rate: Hz.
        still: How long to stand still first, s; at 0 the vehicle moves already.
        rng: Draws the road.
    """
    metres = seconds * kind.cruise[1] + 1.0
    curvature, limit = _curves(kind, metres, rng)
    slope = _slopes(kind, len(curvature), rng)
    stops = _stops(kind, len(curvature), rng)
    limit[list(stops)] = 0.0
    if still > 0:
        limit[0], stops[0] = 0.0, still
    way = kind.grid * np.arange(len(curvature))
    speed = _within(limit, kind)
    at, pace = _timed(way, speed, stops, kind.smooth)
    times = np.arange(round((still + seconds) * rate) + 1) / rate
    driven = _smoothed(np.interp(times, at, pace), round(kind.smooth * rate))
    gone = np.concatenate((np.zeros(1), np.cumsum(0.5 * (driven[1:] + driven[:-1])) / rate))
    return Ride(times, driven, np.interp(gone, way, curvature), np.interp(gone, way, slope))


def _curves(kind: RoadKind, metres: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Curvature, 1/m, and the speed it allows, m/s, at each step of the grid, for that far."""
    pieces: list[tuple[float, float, float]] = []  # length, curvature, speed
    length = 0.0
    while length < metres:
        speed = rng.uniform(*kind.cruise)
        ahead, radius = rng.uniform(*kind.straight), rng.uniform(*kind.radius)
        turn, side = rng.uniform(*kind.turn), rng.choice((-1.0, 1.0))
        pieces += [(ahead, 0.0, speed), (turn * radius, side / radius, speed)]
        length += ahead + turn * radius
    counts = [max(1, round(piece[0] / kind.grid)) for piece in pieces]
    curvature = np.repeat([piece[1] for piece in pieces], counts)
    limit = np.repeat([piece[2] for piece in pieces], counts)
    curvature = _smoothed(curvature, round(kind.easing / kind.grid))
    bend = np.maximum(np.abs(curvature), 1e-9)
    return curvature, np.minimum(limit, np.sqrt(kind.lateral / bend))


def _slopes(kind: RoadKind, count: int, rng: np.random.Generator) -> Array:
    """Slope, rad, at each step of the grid."""
    width = round(kind.slope_length / kind.grid)
    knots = kind.slope * rng.normal(size=count // width + 2)
    return _smoothed(np.interp(np.arange(count) / width, np.arange(len(knots)), knots), width)


def _stops(kind: RoadKind, count: int, rng: np.random.Generator) -> dict[int, float]:
    """Where on the grid to stop, and how long, s."""
    stops: dict[int, float] = {}
    at = 0.0
    while math.isfinite(kind.stop_every):
        at += rng.uniform(0.3, 1.7) * kind.stop_every / kind.grid
        if at >= count - 1:
            break
        stops[round(at)] = rng.uniform(*kind.wait)
    return stops


def _within(limit: Array, kind: RoadKind) -> Array:
    """The fastest speeds below the limit that acceleration and brakes allow, m/s."""
    squares = np.square(limit).tolist()
    gain, loss = 2 * kind.grid * kind.accel, 2 * kind.grid * kind.brake
    for i in range(1, len(squares)):
        squares[i] = min(squares[i], squares[i - 1] + gain)
    for i in range(len(squares) - 2, -1, -1):
        squares[i] = min(squares[i], squares[i + 1] + loss)
    return np.asarray(np.sqrt(squares))


def _timed(way: Array, speed: Array, stops: dict[int, float], smooth: float) -> tuple[Array, Array]:
    """When, s, the vehicle has which speed, m/s; it waits where it stops.

    Smoothing takes half of its width from a wait at both ends, which is added here.
    """
    steps = np.diff(way) / np.maximum(0.5 * (speed[1:] + speed[:-1]), 1e-9)
    waits = np.zeros(len(way))
    for row, wait in stops.items():
        waits[row] = wait + smooth
    arrive = np.concatenate((np.zeros(1), np.cumsum(steps + waits[:-1])))
    return np.stack((arrive, arrive + waits), axis=1).ravel(), np.repeat(speed, 2)


def _smoothed(values: Array, width: int) -> Array:
    """Values [N] averaged under Hann's window of that width, the first and last held beyond."""
    half = max(width // 2, 1)
    window = np.hanning(2 * half + 3)[1:-1]
    padded = np.pad(values, half, mode="edge")
    return np.asarray(np.convolve(padded, window / window.sum(), mode="valid"))
