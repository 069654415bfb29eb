"""`bombus export`: convert, look into what was converted, compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from export.gate.cli import verify
from export.inspection.cli import diff, inspect
from export.localizer.cli import localizer
from export.options import (
    ALL_FORMATS,
    ALL_SCHEMES,
    Force,
    Formats,
    Imports,
    Labels,
    License,
    ManifestJson,
    MaxDrop,
    Name,
    Out,
    Rounds,
    Schemes,
    Source,
    Version,
)
from export.spectral.cli import spectral
from export.speed.cli import benchmark
from export.tuning.cli import tune

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Carry a Keras model to verified bundles."
)


for verb in (benchmark, diff, inspect, localizer, spectral, tune, verify):
    app.command()(verb)


@app.callback()
def group() -> None:
    """Carry a Keras model to verified, quantized bundles."""


@app.command()
def sweep(
    folder: Annotated[Path, typer.Argument(metavar="SWEEP", help="Folder of `train sweep`.")],
    data: Annotated[Path, typer.Option("--data", help="Folder with train/ and val/.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Report as JSON on standard output.")
    ] = False,
) -> None:
    """Export every trial of a sweep to full int8 TFLite, for `bombus train sweep-report` to score.

    Resumable. The gate's findings are recorded, and stop nothing.

    Example: bombus export sweep runs/study --data $BOMBUS_DATA/flowers16
    """
    from export.trials import export_trials, failed
    from models.errors import ConversionError

    done = export_trials(folder, data, (lambda line: None) if as_json else typer.echo)
    if as_json:
        typer.echo(json.dumps(done))
    if lost := failed(done):
        raise ConversionError(f"{len(lost)} of {len(done)} trials not exported: {', '.join(lost)}")


@app.command()
def convert(
    model: Source,
    validate: Annotated[
        Path,
        typer.Option(
            help="What every file is judged by: class folders of photos, or an .npz with an array "
            "for each input, and y if classes are known."
        ),
    ],
    out: Out,
    to: Formats = ALL_FORMATS,
    schemes: Schemes = ALL_SCHEMES,
    calibrate: Annotated[
        Path | None,
        typer.Option(help="What sets int8 ranges: as --validate, but none of the same samples."),
    ] = None,
    calibration_count: Annotated[
        int,
        typer.Option("--calibration-count", "--calibration-photos", min=1, help="At most so many."),
    ] = 256,
    validation_count: Annotated[
        int | None,
        typer.Option(
            "--validation-count", "--validation-photos", min=2, help="At most so many; default all."
        ),
    ] = None,
    unknown: Annotated[
        Path | None, typer.Option(help="Photos of other things, to be turned away.")
    ] = None,
    labels: Labels = None,
    states: Annotated[
        list[str] | None,
        typer.Option("--state", help="OUTPUT=INPUT of a step's memory: next_h=h."),
    ] = None,
    name: Name = None,
    version: Version = "0.1.0",
    license_id: License = "Apache-2.0",
    imports: Imports = None,
    max_drop: MaxDrop = 0.5,
    max_mb: Annotated[float | None, typer.Option(help="Size budget, exit 5.")] = None,
    max_ms: Annotated[float | None, typer.Option(help="Median latency budget, exit 5.")] = None,
    gate: Annotated[bool, typer.Option("--gate/--no-gate", help="Stop at a failed check.")] = True,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Write what passed; the exit code still tells.")
    ] = False,
    rounds: Rounds = 20,
    jobs: Annotated[int, typer.Option(min=1, help="Files converted at a time.")] = 2,
    onnxruntime: Annotated[
        str, typer.Option(help="Oldest ONNX Runtime that must read the files: tells opset and IR.")
    ] = "1.15",
    force: Force = False,
    as_json: ManifestJson = False,
) -> None:
    """Convert a Keras model to TFLite and ONNX, verify every file, write a bundle.

    Classifiers of photos take folders; models of anything else an .npz of arrays.

    Example: bombus export convert model.keras --calibrate train --validate val --out rose-bundle
    """
    from export.given import choose, choose_formats
    from export.kinds import Given, subject_of
    from export.pipeline import export
    from export.subject import Order
    from models.cli import print_artefacts
    from models.contract import to_json
    from models.files import refuse_existing
    from models.manifest import SCHEMES

    refuse_existing(out, force)
    order = Order(
        name=name or out.name,
        version=version,
        license=license_id,
        formats=choose_formats(to),
        schemes=choose("--schemes", schemes, SCHEMES),  # type: ignore[arg-type]
        max_drop=max_drop / 100,
        max_mb=max_mb,
        max_ms=max_ms,
        gate=gate,
        keep_going=keep_going,
        rounds=rounds,
        jobs=jobs,
        onnxruntime=onnxruntime,
    )
    given = Given(
        model=model,
        validate=validate,
        validation_count=validation_count,
        calibrate=calibrate,
        calibration_count=calibration_count,
        unknown=unknown,
        labels=labels,
        imports=tuple(imports or ()),
        states=tuple(states or ()),
    )
    say = (lambda line: None) if as_json else typer.echo
    bundle, made = export(subject_of(given, order, say), order, out, force=force, say=say)
    if as_json:
        typer.echo(json.dumps(json.loads(to_json(bundle.manifest))))
        return
    print_artefacts([m.artefact for m in made])
    typer.echo(
        f"PASSED: {len(made)} artefacts -> {out}"
        if all(m.judgement for m in made)
        else f"NOT GATED: {len(made)} artefacts -> {out}, some failed the checks"
    )


@app.command()
def plan(
    model: Source,
    to: Formats = ALL_FORMATS,
    schemes: Schemes = ALL_SCHEMES,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="NAME=SIZES of an input whose sizes are free: series=64,6."),
    ] = None,
    imports: Imports = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON on output.")] = False,
) -> None:
    """Say what `convert` would make of a model, with which tools, and what stands in the way.

    Nothing is converted and nothing written. Exit 3 when nothing can be made.

    Example: bombus export plan model.keras --schemes f32,wi8_ai8
    """
    from export.forecast import forecast as foretell
    from export.given import choose, choose_formats, read_sizes
    from export.load import load_safely, register
    from export.subject import Order, name_of
    from models.errors import ConversionError
    from models.manifest import SCHEMES

    register(imports or ())
    order = Order(
        name=name_of(model.stem),
        formats=choose_formats(to),
        schemes=choose("--schemes", schemes, SCHEMES),  # type: ignore[arg-type]
    )
    found = foretell(load_safely(model)[0], order, read_sizes(inputs or ()))
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        typer.echo("\n".join(found.lines()))
    if all(planned.blocked for planned in found.files):
        raise ConversionError(f"{model}: nothing of this can be made, see above")


@app.command()
def sign(
    bundle: Annotated[str, typer.Argument(help="A bundle: its folder, or a shipped one's name.")],
    key: Annotated[Path, typer.Option(help="Private key, PEM: P-256, P-384 or P-521.")],
    password: Annotated[
        str | None, typer.Option(envvar="BOMBUS_KEY_PASSWORD", help="Of an encrypted key.")
    ] = None,
    signature: Annotated[
        Path | None, typer.Option(help="File to write; default: BUNDLE.sig, beside the bundle.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a signature.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was signed, on output.")] = False,
) -> None:
    """Sign a bundle with a key, offline, as sigstore's model-signing does; check it first.

    Whoever has the public key can then tell that it is yours: bombus models verify --key, or
    model_signing verify key. A pair of keys is made by

    openssl ecparam -name prime256v1 -genkey -noout -out private.pem

    openssl ec -in private.pem -pubout -out public.pem

    Example: bombus export sign my-bundle --key private.pem
    """
    from models.bundle import find_bundle
    from models.check import check
    from models.files import refuse_existing
    from models.signature import beside
    from models.signature import sign as write_signature

    opened = find_bundle(bundle)
    signature = signature or beside(opened)
    refuse_existing(signature, force)
    absent = check(opened)
    write_signature(opened, key, signature, password=password)
    if as_json:
        files = [artefact.file for artefact in opened.manifest.artefacts]
        report = {"bundle": opened.manifest.name, "signature": str(signature)}
        typer.echo(json.dumps(report | {"files": files, "absent": absent}))
        return
    typer.echo(f"{opened.path}: signed -> {signature}")
    if absent:
        typer.echo(f"not here, signed by what the manifest says of them: {', '.join(absent)}")
