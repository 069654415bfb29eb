"""What a replay shows, as plain series: the picture and the page draw the same ones.

Errors are the filter's own, right-invariant: Log of the true pose times the inverse of the
estimated one. Its position part is the error less what the turn error makes of the way from the
origin, which is what the filter's deviations speak of; the plain error stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robot.health import Health
from robot.lie import Array, se23, se23_log
from robot.metrics import Trajectory
from robot.replay.match import at_times, laid_on
from robot.replay.summary import Fact, summarize
from robot.track import Track

Role = Literal["estimate", "truth", "first", "second", "third"]

NOTE = (  # what one must know to read the bounds
    "Bounds, and errors beside them, are the filter's own (right-invariant): of position, less "
    "what the error of attitude makes of the way from the origin."
)
POINTS = 2400  # of each series: a page of a long drive stays small
BINS = 900  # of the raster
RASTER_BYTES = 300_000


@dataclass(frozen=True)
class Line:
    """A curve: values [M], NaN where there is none."""

    label: str
    values: Array
    role: Role


@dataclass(frozen=True)
class Band:
    """An area between two curves, [M] each; one without a label belongs to the line of its role."""

    label: str
    low: Array
    high: Array
    role: Role


@dataclass(frozen=True)
class Panel:
    """Curves over one axis.

    Attributes:
        title: What.
        unit: Of the values.
        lines: Above the bands.
        bands: Areas.
        over: The horizontal axis.
        log: Whether the vertical axis is logarithmic.
    """

    title: str
    unit: str
    lines: tuple[Line, ...]
    bands: tuple[Band, ...] = ()
    over: Literal["time", "distance"] = "time"
    log: bool = False


@dataclass(frozen=True)
class View:
    """All that a replay shows, M points each.

    Attributes:
        name: Of the run, for people.
        times: [M] s from the first sample on.
        distances: [M] m along the estimated way.
        way: [M, 3] estimated positions, m.
        true_way: The same of the truth, laid on the first, or None.
        headings: [M] rad from east, anticlockwise.
        panels: Curves.
        raster: [K, B] share of samples in which each neuron spiked, over B equal parts of the run.
        health: For each flag that was ever set, [M] whether it was before the next point.
        facts: The summary.
    """

    name: str
    times: Array
    distances: Array
    way: Array
    true_way: Array | None
    headings: Array
    panels: tuple[Panel, ...]
    raster: Array | None
    health: dict[str, NDArray[np.bool_]]
    facts: tuple[Fact, ...]


def make_view(
    name: str,
    track: Track,
    *,
    truth: Trajectory | None = None,
    slip: Array | None = None,
    spikes: NDArray[np.bool_] | None = None,
) -> View:
    """Gather what is to be seen of a run.

    Args:
        name: For people.
        track: The run, of 2 rows or more.
        truth: At any times of the same clock, from anywhere: it is moved to begin where the
            estimate does, but not turned. NaN where it is not known; of one pose, no truth.
        slip: [N, 2] variances of the lateral and vertical velocity as a network set them, m^2/s^2.
        spikes: [N, K] which neurons spiked.
    """
    count = len(track.trajectory.times)
    rows = np.unique(np.linspace(0, count - 1, min(count, POINTS)).round().astype(np.intp))
    known = None if truth is None or len(truth.times) < 2 else _known(track.trajectory, truth)
    way = track.trajectory.at(rows)
    true_way = None if known is None else known.at(rows)
    errors = np.full((len(rows), 9), np.nan) if true_way is None else invariant(way, true_way)
    return View(
        name,
        way.times - way.times[0],
        track.trajectory.distances[rows],
        way.positions,
        None if true_way is None else true_way.positions,
        np.arctan2(way.rotations[:, 1, 0], way.rotations[:, 0, 0]),
        (
            *_ways(way, true_way),
            *_bounds(track, rows, errors),
            Panel("Speed", "m/s", (Line("estimate", _speeds(track, rows), "estimate"),)),
            *(() if slip is None else (_slip(slip, rows),)),
            *_biases(track, rows),
        ),
        None if spikes is None else raster(spikes),
        _health(track, rows),
        summarize(track, known),
    )


def _known(way: Trajectory, truth: Trajectory) -> Trajectory | None:
    """The truth at the times of a way, and where it begins, if they have a time in common."""
    found = at_times(truth, way.times)
    return laid_on(found, way) if np.isfinite(found.positions).any() else None


def invariant(estimate: Trajectory, truth: Trajectory) -> Array:
    """Right-invariant errors [M, 9], rad and m; NaN where the truth is."""
    errors = np.full((len(estimate.times), 9), np.nan)
    turns = truth.rotations @ np.swapaxes(estimate.rotations, 1, 2)
    offs = truth.positions - (turns @ estimate.positions[:, :, None])[:, :, 0]
    known = np.isfinite(offs).all(axis=1)
    for row in np.flatnonzero(known):
        errors[row] = se23_log(se23(turns[row], np.zeros(3), offs[row]))
    return errors


def raster(spikes: NDArray[np.bool_]) -> Array:
    """The share of samples with a spike, [K, B], of [N, K]."""
    count, neurons = spikes.shape
    bins = max(1, min(count, BINS, RASTER_BYTES // neurons))
    edges = np.linspace(0, count, bins + 1).round().astype(np.intp)
    sums = np.add.reduceat(spikes.astype(np.float64), edges[:-1], axis=0)
    return np.asarray((sums / np.diff(edges)[:, None]).T)


def _ways(way: Trajectory, truth: Trajectory | None) -> list[Panel]:
    height = Line("estimate", way.positions[:, 2], "estimate")
    if truth is None:
        return [Panel("Height", "m", (height,))]
    off = way.positions - truth.positions
    level, whole = np.linalg.norm(off[:, :2], axis=1), np.linalg.norm(off, axis=1)
    lines = (Line("horizontal", level, "first"), Line("3-D", whole, "second"))
    return [
        Panel("Position error over distance", "m", lines, over="distance"),
        Panel("Height", "m", (height, Line("truth", truth.positions[:, 2], "truth"))),
    ]


def _speeds(track: Track, rows: NDArray[np.intp]) -> Array:
    return np.asarray(np.linalg.norm(track.packed[rows, 9:12], axis=1))


def _bounds(track: Track, rows: NDArray[np.intp], errors: Array) -> list[Panel]:
    """Errors within three standard deviations, or these alone."""
    sigma = 3 * track.deviations[rows]

    def panel(title: str, unit: str, column: int, scale: float) -> Panel:
        high = scale * sigma[:, column]
        error = scale * errors[:, column]
        known = bool(np.isfinite(error).any())
        lines = (Line("error", error, "first"),) if known else ()
        what = "error" if known else "uncertainty"
        return Panel(f"{title} {what}", unit, lines, (Band("±3 sigma", -high, high, "first"),))

    return [
        panel("Heading", "°", 2, float(np.degrees(1.0))),
        panel("East", "m", 6, 1.0),
        panel("North", "m", 7, 1.0),
        panel("Up", "m", 8, 1.0),
    ]


def _slip(slip: Array, rows: NDArray[np.intp]) -> Panel:
    """The deviations that a network set: the mean about each point, and least and largest."""
    sigma = np.sqrt(slip)
    counts = np.diff(np.append(rows, len(sigma)))[:, None]
    mean = np.add.reduceat(sigma, rows, axis=0) / counts
    low, high = np.minimum.reduceat(sigma, rows, axis=0), np.maximum.reduceat(sigma, rows, axis=0)
    names: tuple[tuple[str, Role], ...] = (("lateral", "first"), ("vertical", "second"))
    return Panel(
        "Slip expected (sigma)",
        "m/s",
        tuple(Line(name, mean[:, i], role) for i, (name, role) in enumerate(names)),
        tuple(Band("", low[:, i], high[:, i], role) for i, (name, role) in enumerate(names)),
        log=True,
    )


def _biases(track: Track, rows: NDArray[np.intp]) -> list[Panel]:
    roles: tuple[Role, ...] = ("first", "second", "third")

    def panel(title: str, unit: str, column: int, scale: float) -> Panel:
        values = scale * track.packed[rows, column : column + 3]
        lines = (
            Line(axis, values[:, i], role)
            for i, (axis, role) in enumerate(zip("xyz", roles, strict=True))
        )
        return Panel(title, unit, tuple(lines))

    return [
        panel("Gyro bias", "°/s", 15, float(np.degrees(1.0))),
        panel("Accelerometer bias", "m/s²", 18, 1.0),
    ]


def _health(track: Track, rows: NDArray[np.intp]) -> dict[str, NDArray[np.bool_]]:
    joined: NDArray[Any] = np.bitwise_or.reduceat(track.health, rows)
    return {str(flag.name): (joined & flag.value) != 0 for flag in Health if track.had(flag)}
