"""Fit the filter's constant noise to logs whose truth is known, without gradients.

Densities and slip are searched as logarithms of their ratios to the start, by consensus
(`robot.calibration.cbo`). The cost is KITTI's t_rel; where it does not tell, a slight pull goes
back to the start. What fits one log may not fit the next: look at one that was not tuned on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import InputError
from robot.calibration.cbo import SETTINGS, Costs, Settings, Swarm, first_swarm, move
from robot.lie import Array
from robot.metrics import Relative, Trajectory, length_weighted, relative_errors
from robot.noise import ConstantNoise
from robot.pose import OPTIONS, Options
from robot.reference import Reference, StartFrom, resampled
from robot.score import suitable_lengths
from robot.snapshot import load, mark_of, save
from robot.state import KITTI_NOISE, Noise
from robot.track import track

SLIPS = ("slip_lateral", "slip_vertical")
PARAMETERS = (*(f.name for f in fields(Noise) if f.name != "slip"), *SLIPS)
PULL = 1e-3  # of the cost, for a deviation of e from the start in every parameter
AGREED = 0.02  # disagreement below which nothing more is to be gained


@dataclass(frozen=True)
class Task:
    """What is tuned.

    Attributes:
        references: The logs.
        start: What the localizer is told of each; None: `Reference.best_start`.
        names: Of `PARAMETERS`, those that are free.
        base: The noise to start from.
        options: How the localizer works.
    """

    references: tuple[Reference, ...]
    start: StartFrom | None
    names: tuple[str, ...] = PARAMETERS
    base: Noise = KITTI_NOISE
    options: Options = OPTIONS

    def __post_init__(self) -> None:
        """Refuse names that are none."""
        for name in self.names:
            if name not in PARAMETERS:
                raise InputError(f"parameter {name!r}: not one of {', '.join(PARAMETERS)}")
        if not self.names:
            raise InputError(f"no parameter to tune; choose from {', '.join(PARAMETERS)}")

    def noise(self, place: Array) -> Noise:
        """The noise at a place [D] of the search."""
        factor = dict.fromkeys(PARAMETERS, 1.0) | dict(
            zip(self.names, np.exp(place).tolist(), strict=True)
        )
        lateral, vertical = (s * factor[n] for s, n in zip(self.base.slip, SLIPS, strict=True))
        plain = {n: getattr(self.base, n) * factor[n] for n in PARAMETERS if n not in SLIPS}
        return replace(self.base, **plain, slip=(lateral, vertical))

    def errors(self, noise: Noise) -> list[Relative]:
        """KITTI's errors of each log."""
        return [follow_error(r, self.start, self.options, noise) for r in self.references]

    def cost(self, place: Array) -> float:
        """t_rel, weighted by length, and the pull."""
        t_rel = length_weighted(self.errors(self.noise(place))).translation
        return t_rel * (1 + PULL * float(np.square(place).mean()))


def follow_error(
    reference: Reference, start: StartFrom | None, options: Options, noise: Noise
) -> Relative:
    """KITTI's errors of the localizer with constant noise on a log."""
    told = reference.start(start or reference.best_start)
    known, options = (
        (told, options) if isinstance(told, tuple) else (None, replace(options, prior=told))
    )
    result = track(
        *(reference.times, reference.gyro, reference.accel),
        options=options,
        model=ConstantNoise(noise),
        start=known,
    )
    estimate = result.trajectory
    truth = resampled(reference.truth, estimate.times)
    if not reference.has_attitude:
        truth = Trajectory(truth.times, truth.positions, estimate.rotations)
    return relative_errors(truth, estimate, suitable_lengths(float(truth.distances[-1])))


def search(
    task: Task,
    costs: Costs,
    *,
    seed: int,
    rounds: int,
    checkpoint: Path,
    settings: Settings = SETTINGS,
    on_round: Callable[[Swarm], None] = lambda swarm: None,
) -> Swarm:
    """Search until the swarm agrees or the rounds are over, from the checkpoint if there is one.

    Args:
        task: What is tuned.
        costs: Of many places; see `pool`.
        seed: Of every random number.
        rounds: At most so many moves.
        checkpoint: Written after each; another search's is refused.
        settings: Of the swarm.
        on_round: Told of each swarm.

    Raises:
        InputError: The checkpoint is another search's, or the start itself has no finite cost.
    """
    origin = np.zeros(len(task.names))
    mark = _mark(task, seed, settings)
    if checkpoint.exists():
        swarm = Swarm.of_arrays(load(checkpoint, mark))
    else:
        swarm = first_swarm(costs, origin, seed, settings)
        if not math.isfinite(swarm.costs[0]):
            raise InputError(
                f"{task.references[0].name}: no error can be measured; the way is too short, or "
                "the filter lost it: try another --start or --noise"
            )
        save(checkpoint, mark, swarm.arrays())
    on_round(swarm)
    while swarm.rounds < rounds and swarm.disagreement > AGREED:
        swarm = move(swarm, costs, origin, settings)
        save(checkpoint, mark, swarm.arrays())
        on_round(swarm)
    return swarm


@contextmanager
def pool(task: Task, jobs: int, on_cost: Callable[[], None] = lambda: None) -> Iterator[Costs]:
    """The costs of many places, by so many processes.

    Args:
        task: What is tuned.
        jobs: 1 works in this process.
        on_cost: Told of each cost that is found.
    """

    def gather(found: Any) -> Array:
        costs = []
        for cost in found:
            costs.append(cost)
            on_cost()
        return np.array(costs)

    if jobs == 1:
        yield lambda places: gather(map(task.cost, places))
        return
    # Not forked: threads of others, as those of a progress bar, would be cut off in the middle.
    context = get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _remember, (task,)) as processes:
        yield lambda places: gather(processes.map(_cost, places))


_task: Task  # of a process that only works for `pool`


def _remember(task: Task) -> None:
    global _task  # noqa: PLW0603  what a worker is to know arrives once, not with each place
    _task = task


def _cost(place: Array) -> float:
    return _task.cost(place)


def _mark(task: Task, seed: int, settings: Settings) -> str:
    """What decides a search."""
    options = replace(task.options, engine="auto")
    logs = [
        np.ascontiguousarray(part).tobytes()
        for r in task.references
        for part in (r.times, r.gyro, r.accel, r.truth.times, r.truth.positions)
    ]
    return mark_of(task.start, task.names, task.base, options, seed, settings, *logs)
