"""`bombus export`: convert, look into what was converted, compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Carry a Keras model to verified bundles."
)


@app.callback()
def group() -> None:
    """Carry a Keras model to verified, quantized bundles."""


@app.command()
def convert(
    model: Annotated[Path, typer.Argument(help="A .keras image classifier.")],
    validate: Annotated[Path, typer.Option(help="Class folders of photos for the gate.")],
    out: Annotated[Path, typer.Option(help="The bundle's folder.")],
    to: Annotated[str, typer.Option(help="Formats: tflite,onnx.")] = "tflite,onnx",
    schemes: Annotated[
        str, typer.Option(help="Of f32, f16, wi8_afp32, wi8_ai8.")
    ] = "f32,f16,wi8_afp32,wi8_ai8",
    calibrate: Annotated[
        Path | None, typer.Option(help="Photos that set int8 ranges; not those of --validate.")
    ] = None,
    calibration_photos: Annotated[int, typer.Option(min=1, help="At most so many.")] = 256,
    validation_photos: Annotated[
        int | None, typer.Option(min=2, help="At most so many; default all.")
    ] = None,
    unknown: Annotated[
        Path | None, typer.Option(help="Photos of other things, to be turned away.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Class names, one a line; default: beside MODEL.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Bundle name; default: that of --out.")] = None,
    version: Annotated[str, typer.Option(help="Bundle version.")] = "0.1.0",
    license_id: Annotated[str, typer.Option("--license", help="SPDX identifier.")] = "Apache-2.0",
    imports: Annotated[
        list[str] | None, typer.Option("--import", help="Module that registers custom layers.")
    ] = None,
    max_drop: Annotated[float, typer.Option(help="Top-1 an artefact may lose, points.")] = 0.5,
    max_mb: Annotated[float | None, typer.Option(help="Size budget, exit 5.")] = None,
    max_ms: Annotated[float | None, typer.Option(help="Median latency budget, exit 5.")] = None,
    gate: Annotated[bool, typer.Option("--gate/--no-gate", help="Stop at a failed check.")] = True,
    rounds: Annotated[int, typer.Option(min=0, help="Benchmark rounds; 0: none.")] = 20,
    force: Annotated[bool, typer.Option("--force", help="Replace what is at --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The manifest on output.")] = False,
) -> None:
    """Convert a Keras classifier to TFLite and ONNX, verify every file, write a bundle.

    Example: bombus export convert model.keras --calibrate train --validate val --out rose-bundle
    """
    from export.assemble import Plan
    from export.load import load_keras
    from export.pipeline import export
    from export.plan import (
        choose,
        data_name,
        read_labels,
        read_training,
        scan_calibration,
        scan_validation,
    )
    from models.cli import print_artefacts
    from models.contract import to_json
    from models.files import refuse_existing
    from models.manifest import FORMATS, SCHEMES
    from models.photos import scan_photos

    refuse_existing(out, force)
    formats = choose("--to", to, tuple(f for f in FORMATS if f != "keras"))
    chosen = choose("--schemes", schemes, SCHEMES)
    source = load_keras(model, imports or ())
    names = read_labels(labels, model)
    validation = scan_validation(validate, names, validation_photos)
    say = (lambda line: None) if as_json else typer.echo
    plan = Plan(
        source=source,
        labels=validation.labels,
        name=name or out.name,
        version=version,
        license=license_id,
        formats=formats,
        schemes=chosen,  # type: ignore[arg-type]
        calibration=scan_calibration(calibrate, calibration_photos) if calibrate else None,
        validation=validation,
        data_name=data_name(validate),
        unknown=scan_photos(unknown) if unknown else None,
        unknown_name=data_name(unknown) if unknown else "",
        max_drop=max_drop / 100,
        max_mb=max_mb,
        max_ms=max_ms,
        gate=gate,
        rounds=rounds,
        training=read_training(model),
    )
    bundle, made = export(plan, out, force=force, say=say)
    if as_json:
        typer.echo(json.dumps(json.loads(to_json(bundle.manifest))))
        return
    print_artefacts([m.artefact for m in made])
    typer.echo(
        f"PASSED: {len(made)} artefacts -> {out}"
        if all(m.verdict for m in made)
        else f"NOT GATED: {len(made)} artefacts -> {out}, some failed the checks"
    )


@app.command()
def localizer(
    run: Annotated[Path, typer.Argument(help="A run folder of `bombus train localizer`.")],
    out: Annotated[Path, typer.Option(help="Bundle of the network's step, for `bombus robot`.")],
    graph: Annotated[
        Path | None,
        typer.Option(help="Bundle of the whole localizer in one graph; default: OUT-graph."),
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(
            help="A log with its truth to judge by, several if given again: what `bombus robot` "
            "reads. Default: a simulated drive."
        ),
    ] = None,
    version: Annotated[str, typer.Option(help="Bundle version.")] = "0.1.0",
    license_id: Annotated[str, typer.Option("--license", help="SPDX identifier.")] = "Apache-2.0",
    rounds: Annotated[int, typer.Option(min=0, help="Benchmark rounds; 0: none.")] = 20,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Both manifests on output.")] = False,
) -> None:
    """Convert a localizer's network, and the whole localizer, to TFLite and ONNX; verify; write.

    Each file localizes the logs and must go where the Keras network and the filter go in float64.

    Example: bombus export localizer runs/mine --log drive.npz --out models/localizer
    """
    from export.localizer import export_localizer
    from export.localizer_bundle import read_run
    from export.ways import made_up_drive, read_drive
    from models.cli import print_artefacts
    from models.contract import to_json
    from models.files import refuse_existing

    graph = graph or out.with_name(f"{out.name}-graph")
    for path in (out, graph):
        refuse_existing(path, force)
    bundles = export_localizer(
        read_run(run),
        out,
        graph,
        [read_drive(where) for where in log] if log else [made_up_drive()],
        version=version,
        license_id=license_id,
        rounds=rounds,
        force=force,
        say=(lambda line: None) if as_json else typer.echo,
    )
    if as_json:
        typer.echo(json.dumps([json.loads(to_json(bundle.manifest)) for bundle in bundles]))
        return
    for bundle in bundles:
        print_artefacts(bundle.manifest.artefacts)
        typer.echo(f"PASSED -> {bundle.path}")


@app.command()
def spectral(
    run: Annotated[Path, typer.Argument(help="A run folder of `bombus train spectral`.")],
    out: Annotated[Path, typer.Option(help="The bundle's folder.")],
    schemes: Annotated[str, typer.Option(help="Of f32, f16, wi8_ai8.")] = "f32,f16,wi8_ai8",
    version: Annotated[str, typer.Option(help="Bundle version.")] = "0.1.0",
    license_id: Annotated[str, typer.Option("--license", help="SPDX identifier.")] = "Apache-2.0",
    max_drop: Annotated[float, typer.Option(help="Top-1 an artefact may lose, points.")] = 0.5,
    rounds: Annotated[int, typer.Option(min=0, help="Benchmark rounds; 0: none.")] = 20,
    force: Annotated[bool, typer.Option("--force", help="Replace what is at --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The manifest on output.")] = False,
) -> None:
    """Convert a classifier of spectra to TFLite and ONNX, verify every file, write a bundle.

    The samples of the run are the judges: each file must decide as Keras does, and so when all
    bands are multiplied by 0.5 to 2. In 8 bits, the normalized differences stay in float.

    Example: bombus export spectral runs/mine --out models/spectral
    """
    from export.plan import choose
    from export.spectral import SCHEMES, export_spectral
    from export.spectral_bundle import read_run
    from models.cli import print_artefacts
    from models.contract import to_json
    from models.files import refuse_existing

    refuse_existing(out, force)
    chosen = choose("--schemes", schemes, SCHEMES)
    bundle = export_spectral(
        read_run(run),
        out,
        schemes=chosen,  # type: ignore[arg-type]
        max_drop=max_drop / 100,
        version=version,
        license_id=license_id,
        rounds=rounds,
        force=force,
        say=(lambda line: None) if as_json else typer.echo,
    )
    if as_json:
        typer.echo(json.dumps(json.loads(to_json(bundle.manifest))))
        return
    print_artefacts(bundle.manifest.artefacts)
    typer.echo(f"PASSED -> {bundle.path}")


@app.command()
def inspect(
    path: Annotated[str, typer.Argument(help="A .keras, .tflite or .onnx file, or a bundle.")],
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON on output.")] = False,
) -> None:
    """Look into a model file or a bundle without running it: what it takes, gives and holds.

    Safe on files from strangers: each is taken apart in a process of its own. Exit 6 when one is
    damaged, is not what its manifest says, or is not safe to load.

    Example: bombus export inspect flowers.tflite
    """
    from export.inspection.look import look_at, look_into
    from models.errors import IntegrityError

    found = [look_at(Path(path))] if Path(path).is_file() else look_into(path)
    if as_json:
        typer.echo(json.dumps([specimen.as_json() for specimen in found]))
    else:
        typer.echo("\n".join(line for specimen in found for line in specimen.lines()))
    unsafe = [str(specimen.path) for specimen in found if specimen.anatomy.dangers]
    if unsafe:
        raise IntegrityError(f"{', '.join(unsafe)}: not safe to load, see above; do not use it")


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A bundle: its folder, or a shipped one's name.")],
    after: Annotated[str, typer.Argument(help="Another.")],
    as_json: Annotated[bool, typer.Option("--json", help="The differences as JSON.")] = False,
) -> None:
    """Say what differs between two bundles: contract, graphs, quality, size, speed.

    Example: bombus export diff models/flowers my-bundle
    """
    from export.difference import differences
    from models.bundle import find_bundle

    found = differences(find_bundle(before), find_bundle(after))
    if as_json:
        typer.echo(json.dumps([change.as_json() for change in found]))
        return
    typer.echo("\n".join(map(str, found)) or f"{before} and {after} hold the same")
