"""`make bench`: what one training step of the localizer asks of the filter, forward and backward.

AI-IMU's batch, nine windows of a minute, through the differentiable filter: as XLA compiles it, and
beside it the same operations run one by one from TensorFlow's graph, over a part of the windows and
scaled up. CPU seconds are those of the whole process, on as many cores as it takes; wall seconds
are true of an idle machine only. Quote the ratios.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bombus import silence_native_code
from export.speed.benchmark import machine

RATE = 100.0  # Hz
PART = 100  # steps of what is too slow to run whole
FORWARD, BOTH, BASELINE = "forward", "forward and backward", "the same, not compiled"


@dataclass(frozen=True)
class Timing:
    """Seconds a training step, medians.

    Attributes:
        first_s: CPU seconds that the first call took beyond a usual one: to trace and compile.
        cpu_s: CPU seconds.
        wall_s: Wall seconds.
        rounds: Calls measured.
    """

    first_s: float
    cpu_s: float
    wall_s: float
    rounds: int


def main() -> None:
    """Command line: `python -m benchmarks.inertial [--windows N] [--steps N] [--rounds N] ...`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=9)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    silence_native_code()
    works = contenders(options.windows, options.steps)
    before = peak_mb()
    timings = in_turns(works, options.rounds)
    grown = peak_mb() - before
    if options.json:
        print(json.dumps({name: asdict(t) for name, t in timings.items()} | {"peak_mb": grown}))
        return
    console = Console(width=max(Console().width, 100))
    console.print(_table(timings))
    console.print(
        f"{options.windows} windows of {options.steps} samples, float64, {grown:.0f} MB more at "
        f"its peak, {machine()}"
    )


def contenders(windows: int, steps: int) -> dict[str, tuple[Callable[[], object], float]]:
    """What to time, and by how much its time is to be scaled."""
    import tensorflow as tf

    from robot.engine import pack
    from robot.state import Covariance, State
    from training.inertial.filter import run

    rng = np.random.default_rng(0)
    rest = np.array((0.0, 0.0, 0.05, 0.0, 0.5, 9.8))  # a bend at 10 m/s
    noise = rng.normal(size=(windows, steps, 6)) * np.repeat((1e-3, 1e-2), 3)
    start = State.at_rest(velocity=np.array((10.0, 0.0, 0.0)))
    samples, x0 = tf.constant(rest + noise), tf.constant(np.tile(pack(start), (windows, 1)))
    p0 = tf.constant(np.tile(Covariance.of_deviations().matrix, (windows, 1, 1)))
    slip = tf.constant(np.array((1.0, 10.0)) * 10 ** rng.normal(size=(windows, steps, 2)))

    def loss(states: Any) -> Any:
        return tf.reduce_mean(tf.square(states[..., 12:15]))

    def forward() -> Any:
        return loss(run(samples, 1 / RATE, x0, p0, slip).states)

    def both(steps: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(slip)
            states = run(samples[:, :steps], 1 / RATE, x0, p0, slip[:, :steps]).states
            value = loss(states)
        return tape.gradient(value, slip)

    some = min(steps, PART)
    compiled_forward = tf.function(forward, jit_compile=True)
    compiled = tf.function(lambda: both(steps), jit_compile=True)
    graph = tf.function(lambda: both(some))
    return {
        FORWARD: (lambda: compiled_forward().numpy(), 1.0),
        BOTH: (lambda: compiled().numpy(), 1.0),
        BASELINE: (lambda: graph().numpy(), steps / some),
    }


def in_turns(
    works: dict[str, tuple[Callable[[], object], float]], rounds: int
) -> dict[str, Timing]:
    """Call each in turn, round after round, so that what else the machine does falls on all."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(1 + rounds):
        for name, (work, scale) in works.items():
            cpu, wall = time.process_time(), time.perf_counter()
            work()
            spent = time.process_time() - cpu, time.perf_counter() - wall
            taken[name].append((scale * spent[0], scale * spent[1]))
    timings = {}
    for name, ((first, _), *rest) in taken.items():
        cpu, wall = (statistics.median(column) for column in zip(*rest, strict=True))
        extra = (first - cpu) / works[name][1]
        timings[name] = Timing(max(0.0, extra), cpu, wall, len(rest))
    return timings


def peak_mb() -> float:
    """The most memory (10^6 bytes) that this process had so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _table(timings: dict[str, Timing]) -> Table:
    """Seconds, and how many times as fast as what is not compiled."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "CPU s", "wall s", "first CPU s", "x not compiled"):
        table.add_column(column, justify="right" if column else "left")
    for name, t in timings.items():
        ratio = "" if name == FORWARD else f"{timings[BASELINE].cpu_s / t.cpu_s:.1f}"
        table.add_row(name, f"{t.cpu_s:.2f}", f"{t.wall_s:.2f}", f"{t.first_s:.1f}", ratio)
    return table


if __name__ == "__main__":
    main()
