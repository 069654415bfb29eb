"""`bombus robot tune`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from models.errors import InputError
from models.files import refuse_existing, write_text
from models.progress import progress_bar
from robot.calibration.cbo import SETTINGS, Swarm
from robot.calibration.tune import PARAMETERS, Task, pool, search
from robot.metrics import Relative
from robot.noise_file import Sensor, dump_sensor
from robot.options import LocalizeOptions, ReadOptions
from robot.reference import Reference, StartFrom
from robot.state import Noise
from robot.truth import read_reference
from robot.verbs.spare import spare_logs


@dataclass(frozen=True)
class Tuned:
    """What came of it.

    Attributes:
        sensor: With the noise found.
        before: Errors of each log with the noise to start from, those only checked last.
        after: The same with the noise found.
        names: Of the logs.
        checked: How many of them, the last ones, were not tuned on.
        rounds: How many moves were made.
    """

    sensor: Sensor
    before: list[Relative]
    after: list[Relative]
    names: list[str]
    checked: int
    rounds: int

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        logs = [
            {"log": name, "tuned_on": i < len(self.names) - self.checked}
            | {"t_rel_percent_before": b.percent, "t_rel_percent_after": a.percent}
            for i, (name, b, a) in enumerate(zip(self.names, self.before, self.after, strict=True))
        ]
        return {"rounds": self.rounds, "noise": vars(self.sensor.noise), "logs": logs}


def tune_logs(
    sources: Sequence[str],
    read: ReadOptions,
    how: LocalizeOptions,
    out: Path,
    *,
    truth: str,
    start_from: StartFrom | None,
    check: Sequence[str],
    parameters: Sequence[str],
    rounds: int,
    particles: int,
    jobs: int,
    seed: int,
    force: bool,
) -> Tuned:
    """Fit the noise; the options are told by the command's help.

    Raises:
        InputError: An option, a file or a log is not what it should be.
    """
    spare_logs([out], [*sources, *check, truth or None])
    refuse_existing(out, force)
    if truth and len(sources) + len(check) > 1:
        raise InputError("--truth is of one log; give logs that carry their truth, or only one")
    sensor = how.sensor()

    def logs(wheres: Sequence[str]) -> tuple[Reference, ...]:
        found = [read_reference(w, read.reading(), truth, how.world) for w in wheres]
        return tuple(log.without(sensor) for log in found)

    fitted, unseen = logs(sources), logs(check)
    task = Task(fitted, start_from, tuple(parameters) or PARAMETERS, sensor.noise, how.options())
    checkpoint = out.with_name(f"{out.name}.search.npz")
    settings = replace(SETTINGS, particles=particles)
    with progress_bar() as bar:
        line = bar.add_task("tune", total=(rounds + 1) * particles, note="")

        def on_round(swarm: Swarm) -> None:
            told = f"cost {100 * swarm.least:.3f} %, spread {swarm.disagreement:.2f}"
            bar.update(line, completed=(swarm.rounds + 1) * particles, note=told)

        with pool(task, jobs, lambda: bar.advance(line)) as costs:
            swarm = search(
                task,
                costs,
                seed=seed,
                rounds=rounds,
                checkpoint=checkpoint,
                settings=settings,
                on_round=on_round,
            )
    noise = task.noise(swarm.best)
    before, after = (_errors(task, unseen, n) for n in (sensor.noise, noise))
    names = [log.name for log in (*fitted, *unseen)]
    tuned = Tuned(replace(sensor, noise=noise), before, after, names, len(unseen), swarm.rounds)
    remark = [f"bombus robot tune, {swarm.rounds} rounds, seed {seed}; t_rel before -> after:"]
    remark += [_line(n, b, a) for n, b, a in zip(names, before, after, strict=True)]
    write_text(out, dump_sensor(tuned.sensor, "\n".join(remark)))
    checkpoint.unlink(missing_ok=True)
    return tuned


def print_tuned(tuned: Tuned, out: Path) -> None:
    """A table of the errors, and where the noise is."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("log", "t_rel % before", "after", ""):
        table.add_column(column, justify="left" if column in ("log", "") else "right")
    fitted = len(tuned.names) - tuned.checked
    for i, (name, b, a) in enumerate(zip(tuned.names, tuned.before, tuned.after, strict=True)):
        role = "" if i < fitted else "not tuned on"
        table.add_row(name, f"{b.percent:.2f}", f"{a.percent:.2f}", role)
    Console(width=max(Console().width, 80)).print(table)
    print(f"-> {out}")


def _errors(task: Task, unseen: tuple[Reference, ...], noise: Noise) -> list[Relative]:
    both = replace(task, references=(*task.references, *unseen))
    return both.errors(noise)


def _line(name: str, before: Relative, after: Relative) -> str:
    return f"  {Path(name).name}: {before.percent:.3f} % -> {after.percent:.3f} %"
