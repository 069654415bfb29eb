"""`bombus robot`: find the way of a robot from its IMU."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

import typer

from robot.options import (
    Bundle,
    Force,
    Json,
    LocalizeOptions,
    Log,
    ReadOptions,
    Seed,
    StartFrom,
    StartOptions,
    Truth,
    expanded,
)

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Find a robot's way from its IMU."
)


@app.callback()
def group() -> None:
    """Find a robot's way from its IMU."""


@app.command()
@expanded
def run(
    source: Log,
    read: ReadOptions,
    localize: LocalizeOptions,
    start: StartOptions,
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            help="Where poses go, several if given again: FILE.tum .kitti .csv .jsonl .mcap, "
            "rerun:FILE.rrd, udp://HOST:PORT, or - for line-JSON on standard output (default).",
        ),
    ] = None,
    rate: Annotated[float | None, typer.Option(help="At most so many poses a second.")] = None,
    bundle: Bundle = "",
    fixes: Annotated[
        Path | None,
        typer.Option(
            help="CSV of fixes in the log's clock: time, then x,y,z or speed or heading (deg), "
            "and sigma."
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Save the localizer here (.npz), at the end and meanwhile.")
    ] = None,
    save_every: Annotated[float, typer.Option(min=0, help="How often, s.")] = 10.0,
    resume: Annotated[
        Path | None, typer.Option(help="Go on, bit for bit, from what --save wrote.")
    ] = None,
    force: Force = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The statistics at the end as JSON, on standard error.")
    ] = False,
) -> None:
    """Localize a stream or a log: a pose for every sample, until it ends or Ctrl-C.

    With --save and --resume of one file the same command begins and goes on. Poses that were
    written after the last save are then written again; a file of poses is not gone on with, so
    give each part a --to of its own.

    Example: bombus robot run drive.csv --gyro-unit deg/s --to way.tum --to way.csv
    """
    from robot.verbs.run import run_source

    tally = run_source(
        source,
        read.reading(),
        localize,
        start,
        bundle=bundle,
        to=to or ["-"],
        rate=rate,
        fixes=fixes,
        save=save,
        save_every=save_every,
        resume_from=resume,
        force=force,
        note=_note,
    )
    typer.echo(json.dumps(tally.as_json()) if as_json else str(tally), err=True)


@app.command()
@expanded
def replay(
    source: Log,
    read: ReadOptions,
    localize: LocalizeOptions,
    start: StartOptions,
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    truth: Truth = "",
    start_from: StartFrom = None,
    bundle: Bundle = "",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Localize a log and draw it: replay.png, replay.html, and the way as way.tum and way.csv.

    Example: bombus robot replay drive.csv --truth gnss.csv --out replay
    """
    from robot.verbs.replay import replay_log

    told = replay_log(
        *(source, read, localize, start, out),
        truth=truth,
        start_from=start_from,
        bundle=bundle,
        force=force,
        note=_note,
    )
    typer.echo(json.dumps(told) if as_json else f"{out}: {', '.join(told['files'])}")


@app.command()
@expanded
def evaluate(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A log, or a trajectory: .tum, .kitti, .csv.")
    ],
    read: ReadOptions,
    localize: LocalizeOptions,
    start: StartOptions,
    truth: Truth = "",
    start_from: StartFrom = None,
    bundle: Bundle = "",
    lengths: Annotated[
        str, typer.Option(help="m, with commas. Default: KITTI's 100..800, or a tenth of them.")
    ] = "",
    begin: Annotated[
        float, typer.Option(help="Score from this time on, s.", show_default=False)
    ] = -math.inf,
    end: Annotated[
        float, typer.Option(help="Score up to this time, s.", show_default=False)
    ] = math.inf,
    as_json: Json = False,
) -> None:
    """Score a log's localization, or a trajectory, against the truth: KITTI's errors, ATE, the end.

    Example: bombus robot evaluate way.tum --truth truth.tum
    """
    from robot.verbs.evaluate import evaluate_source, print_score

    found = evaluate_source(
        *(source, read, localize, start),
        truth=truth,
        start_from=start_from,
        bundle=bundle,
        lengths=lengths,
        window=(begin, end),
        note=_note,
    )
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        print_score(found)


@app.command()
@expanded
def calibrate(
    source: Log,
    read: ReadOptions,
    out: Annotated[
        Path | None, typer.Option(help="Write a noise file (.toml) for run --noise.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Write the Allan plot (.png).")] = None,
    level: Annotated[
        bool, typer.Option("--level", help="The sensor lay level: tells the accelerometer's bias.")
    ] = False,
    margin: Annotated[
        float, typer.Option(min=1, help="Noise on the move, as a multiple of that at rest.")
    ] = 10.0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Tell biases and noise from a log at rest, the longer the better: minutes for the noise.

    Example: bombus robot calibrate bench.csv --out noise.toml --plot allan.png
    """
    from robot.verbs.calibrate import calibrate_log, print_calibration, warnings

    found = calibrate_log(
        *(source, read.reading()),
        out=out,
        plot=plot,
        level=level,
        margin=margin,
        force=force,
        note=_note,
    )
    for line in warnings(found):
        _note(f"{source}: {line}")
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        print_calibration(found, level=level)


@app.command()
@expanded
def tune(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Logs with a truth.")],
    read: ReadOptions,
    localize: LocalizeOptions,
    out: Annotated[Path, typer.Option(help="The noise file (.toml) to write.")],
    truth: Truth = "",
    start_from: StartFrom = None,
    check: Annotated[
        list[str] | None,
        typer.Option("--check", help="A log with a truth to score, but not to tune on."),
    ] = None,
    parameters: Annotated[
        str, typer.Option(help="What to fit, with commas. Default: all of the noise file.")
    ] = "",
    rounds: Annotated[int, typer.Option(min=1, help="At most so many moves.")] = 40,
    particles: Annotated[int, typer.Option(min=4, help="Trials a move.")] = 24,
    jobs: Annotated[int, typer.Option(min=1, help="Processes to work with.")] = 1,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Fit the constant noise to logs with a truth; interrupted, the same command goes on.

    What fits these logs may not fit others: see --check.

    Example: bombus robot tune drive1.npz --check drive2.npz --out noise.toml
    """
    from robot.verbs.tune import print_tuned, tune_logs

    tuned = tune_logs(
        *(sources, read, localize, out),
        truth=truth,
        start_from=start_from,
        check=check or [],
        parameters=[name.strip() for name in parameters.split(",") if name.strip()],
        rounds=rounds,
        particles=particles,
        jobs=jobs,
        seed=seed,
        force=force,
    )
    if as_json:
        typer.echo(json.dumps(tuned.as_json()))
    else:
        print_tuned(tuned, out)


@app.command()
def simulate(
    out: Annotated[
        Path, typer.Option(help="The log to write: .csv, or .npz with the truth in it.")
    ],
    kind: Annotated[str, typer.Option(help="urban, country, highway or rc-car.")] = "urban",
    grade: Annotated[
        str, typer.Option(help="Of the IMU: perfect, tactical, automotive, consumer or cheap.")
    ] = "automotive",
    seconds: Annotated[float, typer.Option(help="How long it drives.")] = 120.0,
    still: Annotated[float, typer.Option(help="How long it stands first, s.")] = 10.0,
    rate: Annotated[float, typer.Option(help="Of the IMU, Hz.")] = 100.0,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Make up a drive: an IMU's log and its truth.

    Example: bombus robot simulate --out drive.csv --grade cheap --seconds 60
    """
    from robot.verbs.simulate import simulate_log

    told = simulate_log(
        *(out, kind),
        grade=grade,
        seconds=seconds,
        still=still,
        rate=rate,
        seed=seed,
        force=force,
    )
    made = f"{told['samples']:,} samples, {told['metres']:,.0f} m"
    typer.echo(json.dumps(told) if as_json else f"{' and '.join(told['files'])}: {made}")


def _note(line: str) -> None:
    """Say something aside."""
    typer.echo(line, err=True)
