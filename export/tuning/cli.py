"""`bombus export tune`: its options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def tune(
    model: Annotated[Path, typer.Argument(help="A .keras file.")],
    calibrate: Annotated[
        Path,
        typer.Option(
            help="What ranges are set and mixes chosen by: photos, or an .npz with an array for "
            "each input."
        ),
    ],
    validate: Annotated[
        Path,
        typer.Option(help="What the final files are judged by, and nothing else: as --calibrate."),
    ],
    out: Annotated[Path, typer.Option(help="The bundle's folder.")],
    to: Annotated[str, typer.Option(help="Formats: tflite,onnx.")] = "tflite,onnx",
    max_drop: Annotated[float, typer.Option(help="Top-1 a file may lose, points.")] = 0.5,
    max_ms: Annotated[
        float | None,
        typer.Option(help="Median latency budget, exit 5; default: no slower than in float here."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder of the report; default: OUT-tuning.")
    ] = None,
    calibration_count: Annotated[
        int, typer.Option(min=32, help="At most so many of --calibrate; half set ranges.")
    ] = 512,
    validation_count: Annotated[
        int | None, typer.Option(min=2, help="At most so many of --validate; default all.")
    ] = None,
    draw: Annotated[int, typer.Option(min=1, help="Inputs that set the ranges.")] = 64,
    draws: Annotated[
        int, typer.Option(min=1, help="Times they are drawn, by leverage and by chance.")
    ] = 5,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of five calls to time a mix.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Decides every random choice.")] = 0,
    labels: Annotated[
        Path | None, typer.Option(help="Class names, one a line; default: beside MODEL.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Bundle name; default: that of --out.")] = None,
    version: Annotated[str, typer.Option(help="Bundle version.")] = "0.1.0",
    license_id: Annotated[str, typer.Option("--license", help="SPDX identifier.")] = "Apache-2.0",
    imports: Annotated[
        list[str] | None, typer.Option("--import", help="Module that registers custom layers.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All figures on output.")] = False,
) -> None:
    """Find what to leave in float so that 8 bits are accurate and fast; write it as a bundle.

    Measures what each group of operations costs in error and in time, and keeps in float the few
    that matter, until the gate passes within the latency budget. Plain 8 bits are chosen where
    they do. Exit 4 when no mix passes, 5 when none that passes is fast enough; the report tells.

    Example: bombus export tune model.keras --calibrate train --validate val --out rose-bundle
    """
    from export.given import choose
    from export.kinds import Given, subject_of
    from export.subject import Order
    from export.tuning.report import as_json as figures
    from export.tuning.report import page
    from export.tuning.run import tune as run
    from export.tuning.settings import Settings
    from models.files import refuse_existing
    from models.manifest import FORMATS

    report = report or out.with_name(f"{out.name}-tuning")
    for path in (out, report):
        refuse_existing(path, force)
    order = Order(
        name=name or out.name,
        version=version,
        license=license_id,
        formats=choose("--to", to, tuple(f for f in FORMATS if f != "keras")),  # type: ignore[arg-type]
        schemes=("wi8_ai8",),
        max_drop=max_drop / 100,
        max_ms=max_ms,
    )
    given = Given(
        model=model,
        validate=validate,
        validation_count=validation_count,
        calibrate=calibrate,
        calibration_count=calibration_count,
        labels=labels,
        imports=tuple(imports or ()),
    )
    say = (lambda line: None) if as_json else typer.echo
    settings = Settings(draw, draws, rounds, seed)
    subject = subject_of(given, order, say)
    bundle, outcome = run(subject, order, settings, out, report, force=force, say=say)
    if as_json:
        typer.echo(json.dumps(figures(outcome)))
        return
    typer.echo(page(outcome))
    typer.echo(f"PASSED -> {bundle.path}, report -> {report}")
