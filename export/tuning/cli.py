"""`bombus export tune`: its options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from export.options import (
    ALL_FORMATS,
    Force,
    Formats,
    Imports,
    Labels,
    License,
    MaxDrop,
    Name,
    Out,
    Source,
    Version,
)
from export.tuning.settings import INPUTS


def tune(
    model: Source,
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
    out: Out,
    to: Formats = ALL_FORMATS,
    max_drop: MaxDrop = 0.5,
    max_ms: Annotated[
        float | None,
        typer.Option(help="Median latency budget, exit 5; default: no slower than in float here."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder of the report; default: OUT-tuning.")
    ] = None,
    calibration_count: Annotated[
        int, typer.Option(min=32, help="At most so many of --calibrate; half set ranges.")
    ] = INPUTS,
    validation_count: Annotated[
        int | None, typer.Option(min=2, help="At most so many of --validate; default all.")
    ] = None,
    draw: Annotated[int, typer.Option(min=1, help="Inputs that set the ranges.")] = 64,
    draws: Annotated[
        int, typer.Option(min=1, help="Times they are drawn, by leverage and by chance.")
    ] = 5,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of five calls to time a mix.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Decides every random choice.")] = 0,
    labels: Labels = None,
    name: Name = None,
    version: Version = "0.1.0",
    license_id: License = "Apache-2.0",
    imports: Imports = None,
    force: Force = False,
    as_json: Annotated[bool, typer.Option("--json", help="All figures on output.")] = False,
) -> None:
    """Find what to leave in float so that 8 bits are accurate and fast; write it as a bundle.

    Measures what each group of operations costs in error and in time, and keeps in float the few
    that matter, until the gate passes within the latency budget. Plain 8 bits are chosen where
    they do. Exit 4 when no mix passes, 5 when none that passes is fast enough; the report tells.

    Example: bombus export tune model.keras --calibrate train --validate val --out rose-bundle
    """
    from export.given import choose_formats
    from export.kinds import Given, subject_of
    from export.subject import Order
    from export.tuning.report import as_json as figures
    from export.tuning.report import page
    from export.tuning.run import tune as run
    from export.tuning.settings import Settings
    from models.files import refuse_existing

    report = report or out.with_name(f"{out.name}-tuning")
    for path in (out, report):
        refuse_existing(path, force)
    order = Order(
        name=name or out.name,
        version=version,
        license=license_id,
        formats=choose_formats(to),
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
