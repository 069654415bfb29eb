"""`make bench`: a sample's way through the localizer, beside plain numpy and GTSAM, in turns.

Each contender follows the same simulated drive in the same process, a few samples at a time, so
that whatever else the machine does falls on all alike; every sample is timed by itself. Quote the
ratios; the microseconds belong to the machine.

- numba, numpy: the two engines of `robot.engine`, and the whole `Localizer.push` on each.
- AI-IMU: its filter in plain numpy (`benchmarks.ai_imu`), as large as ours.
- GTSAM: `NavStateImuEKF`, of the nine states of attitude, place and velocity only.
- network: a step of the shipped bundle's, and a push with it, where there is one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import gtsam
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.ai_imu import PlainFilter
from export.speed.benchmark import machine
from models.bundle import MANIFEST, SHIPPED
from robot.engine import Engine, make_step, pack
from robot.filter import WORLD
from robot.lie import Array, skew
from robot.localizer import Localizer
from robot.noise import ConstantNoise, NoiseModel
from robot.noise_file import SENSOR
from robot.pose import SLIP_GATE, Options
from robot.simulation.simulate import Simulation, simulate
from robot.state import KITTI_NOISE, Covariance
from robot.verbs.model import choose

TURN = 100  # samples
RATE = 100.0  # Hz
BUNDLE = "localizer"
BASELINE = ("AI-IMU", "propagate and update")
Key = tuple[str, str]  # who, and what
Work = Callable[[int], object]  # takes a sample's row


@dataclass(frozen=True)
class Timing:
    """Microseconds a sample.

    Attributes:
        median: Of all samples.
        p99: 99th percentile.
        samples: How many were timed.
    """

    median: float
    p99: float
    samples: int


def main() -> None:
    """Command line: `python -m benchmarks.robot [--rounds N] [--json]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help=f"of {TURN} samples each")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seconds = (options.rounds + 1) * TURN / RATE  # the first turn is to warm up
    drive = simulate(seconds=seconds, rate=RATE, still=0.0, seed=1)
    console = Console(stderr=options.json)
    works = contenders(drive, console.print)
    timings = in_turns(works, len(drive.recording.times), quiet=options.json)
    ratios = {key: timings[BASELINE].median / t.median for key, t in timings.items()}
    if options.json:
        rows = [
            {"who": key[0], "what": key[1], **vars(t), "times_faster": ratios[key]}
            for key, t in timings.items()
        ]
        print(json.dumps(rows))
        return
    console.print(table(timings, ratios))
    count = next(iter(timings.values())).samples
    console.print(f"{count} samples each, {machine()}")


def contenders(drive: Simulation, note: Callable[[str], None]) -> dict[Key, Work]:
    """What is timed, ready at the drive's first sample."""
    log = drive.recording
    samples = np.hstack((log.gyro, log.accel))
    works: dict[Key, Work] = {}
    engines: tuple[Engine, ...] = ("numba", "numpy")
    for engine in engines:
        works[engine, "propagate"] = step(drive, samples, engine, slip=False)
        works[engine, "propagate and update"] = step(drive, samples, engine, slip=True)
        works[engine, "push"] = push(drive, engine, ConstantNoise())
    for name, filters in (("AI-IMU", plain), ("GTSAM", gtsams)):
        works[name, "propagate"] = filters(drive, samples, False)
        works[name, "propagate and update"] = filters(drive, samples, True)
    if not (SHIPPED / BUNDLE / MANIFEST).is_file():
        note("no bundle of a localizer is shipped: its network is not timed")
        return works
    chosen = choose(BUNDLE, SENSOR, given=False, note=note)
    works["network", "step"] = advice(chosen.model, samples)
    works["network", "push"] = push(drive, "numba", chosen.model)
    return works


def step(drive: Simulation, samples: Array, engine: Engine, *, slip: bool) -> Work:
    """Steps of an engine; without the no-slip update, its propagation."""
    advance = make_step(engine, WORLD, SLIP_GATE)
    x, p = pack(drive.state()), Covariance.of_deviations().matrix

    def work(row: int) -> None:
        nonlocal x, p
        x, p, _ = advance(x, p, samples[row], 1 / RATE, KITTI_NOISE, slip=slip)

    return work


def push(drive: Simulation, engine: Engine, model: NoiseModel) -> Work:
    """Whole pushes, of plain numbers as a driver gives them."""
    log = drive.recording
    rows = list(zip(log.times.tolist(), log.gyro.tolist(), log.accel.tolist(), strict=True))
    start = (drive.state(), Covariance.of_deviations())
    localizer = Localizer(Options(engine=engine), model, start)
    return lambda row: localizer.push(*rows[row])


def advice(model: NoiseModel, samples: Array) -> Work:
    """Steps of a noise model."""
    memory = model.start()

    def work(row: int) -> None:
        nonlocal memory
        memory, _ = model.step(memory, samples[row], 1 / RATE)

    return work


def plain(drive: Simulation, samples: Array, update: bool) -> Work:
    """AI-IMU's filter."""
    of = PlainFilter(drive.state(), Covariance.of_deviations().matrix)

    def work(row: int) -> None:
        of.propagate(samples[row], 1 / RATE)
        if update:
            of.update(samples[row])

    return work


def gtsams(drive: Simulation, samples: Array, update: bool) -> Work:
    """GTSAM's filter, with the no-slip update in its coordinates (attitude, place, velocity)."""
    how = gtsam.PreintegrationParams.MakeSharedU(WORLD.gravity)
    how.setGyroscopeCovariance(KITTI_NOISE.gyro**2 * np.eye(3))
    how.setAccelerometerCovariance(KITTI_NOISE.accel**2 * np.eye(3))
    how.setIntegrationCovariance(np.zeros((3, 3)))
    state = drive.state()
    start = gtsam.NavState(gtsam.Rot3(state.rotation), state.position, state.velocity)
    spread = Covariance.of_deviations().matrix[np.ix_(GTSAM_ORDER, GTSAM_ORDER)]
    of = gtsam.NavStateImuEKF(start, spread, how)
    nothing, noise = np.zeros(2), np.diag(KITTI_NOISE.slip)

    def work(row: int) -> None:
        sample = samples[row]
        of.predict(sample[:3], sample[3:], 1 / RATE)
        if update:
            velocity = of.state().bodyVelocity()
            jacobian = np.zeros((3, 9))
            jacobian[:, :3] = skew(velocity)
            jacobian[:, 6:] = np.eye(3)
            of.updateWithVector(velocity[1:], jacobian[1:], nothing, noise)

    return work


GTSAM_ORDER = [0, 1, 2, 6, 7, 8, 3, 4, 5]


def in_turns(works: dict[Key, Work], rows: int, *, quiet: bool) -> dict[Key, Timing]:
    """Take every contender down the drive; the first turn of each is not counted."""
    nanoseconds: dict[Key, list[int]] = {key: [] for key in works}
    clock = time.perf_counter_ns
    for begin in track(range(1, rows, TURN), "in turns", transient=True, disable=quiet):
        for key, work in works.items():
            taken = []
            for row in range(begin, min(begin + TURN, rows)):
                started = clock()
                work(row)
                taken.append(clock() - started)
            if begin > 1:
                nanoseconds[key] += taken
    return {key: summary(np.array(taken) / 1e3) for key, taken in nanoseconds.items()}


def summary(microseconds: Array) -> Timing:
    """Median and 99th percentile, of [N]."""
    median, p99 = np.percentile(microseconds, (50, 99)).tolist()
    return Timing(median, p99, len(microseconds))


def table(timings: dict[Key, Timing], ratios: dict[Key, float]) -> Table:
    """Microseconds, and how many times faster than AI-IMU's whole step."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "", "median us", "p99", "x AI-IMU's both"):
        made.add_column(column, justify="right" if column else "left")
    for key, timing in timings.items():
        made.add_row(*key, f"{timing.median:.1f}", f"{timing.p99:.1f}", f"{ratios[key]:.1f}")
    return made


if __name__ == "__main__":
    main()
