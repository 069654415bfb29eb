"""`bombus export`: convert, look into what was converted, compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from export.gate.cli import verify
from export.speed.cli import benchmark
from export.tuning.cli import tune

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Carry a Keras model to verified bundles."
)


app.command()(benchmark)
app.command()(tune)
app.command()(verify)


@app.callback()
def group() -> None:
    """Carry a Keras model to verified, quantized bundles."""


@app.command()
def convert(
    model: Annotated[Path, typer.Argument(help="A .keras file.")],
    validate: Annotated[
        Path,
        typer.Option(
            help="What every file is judged by: class folders of photos, or an .npz with an array "
            "for each input, and y if classes are known."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The bundle's folder.")],
    to: Annotated[str, typer.Option(help="Formats: tflite,onnx.")] = "tflite,onnx",
    schemes: Annotated[
        str, typer.Option(help="Of f32, f16, wi8_afp32, wi8_ai8.")
    ] = "f32,f16,wi8_afp32,wi8_ai8",
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
    labels: Annotated[
        Path | None, typer.Option(help="Class names, one a line; default: beside MODEL.")
    ] = None,
    states: Annotated[
        list[str] | None,
        typer.Option("--state", help="OUTPUT=INPUT of a step's memory: next_h=h."),
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
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Write what passed; the exit code still tells.")
    ] = False,
    rounds: Annotated[int, typer.Option(min=0, help="Benchmark rounds; 0: none.")] = 20,
    jobs: Annotated[int, typer.Option(min=1, help="Files converted at a time.")] = 2,
    onnxruntime: Annotated[
        str, typer.Option(help="Oldest ONNX Runtime that must read the files: tells opset and IR.")
    ] = "1.15",
    force: Annotated[bool, typer.Option("--force", help="Replace what is at --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The manifest on output.")] = False,
) -> None:
    """Convert a Keras model to TFLite and ONNX, verify every file, write a bundle.

    Classifiers of photos take folders; models of anything else an .npz of arrays.

    Example: bombus export convert model.keras --calibrate train --validate val --out rose-bundle
    """
    from export.given import choose
    from export.kinds import Given, subject_of
    from export.pipeline import export
    from export.subject import Order
    from models.cli import print_artefacts
    from models.contract import to_json
    from models.files import refuse_existing
    from models.manifest import FORMATS, SCHEMES

    refuse_existing(out, force)
    order = Order(
        name=name or out.name,
        version=version,
        license=license_id,
        formats=choose("--to", to, tuple(f for f in FORMATS if f != "keras")),  # type: ignore[arg-type]
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
    model: Annotated[Path, typer.Argument(help="A .keras file.")],
    to: Annotated[str, typer.Option(help="Formats: tflite,onnx.")] = "tflite,onnx",
    schemes: Annotated[
        str, typer.Option(help="Of f32, f16, wi8_afp32, wi8_ai8.")
    ] = "f32,f16,wi8_afp32,wi8_ai8",
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="NAME=SIZES of an input whose sizes are free: series=64,6."),
    ] = None,
    imports: Annotated[
        list[str] | None, typer.Option("--import", help="Module that registers custom layers.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON on output.")] = False,
) -> None:
    """Say what `convert` would make of a model, with which tools, and what stands in the way.

    Nothing is converted and nothing written. Exit 3 when nothing can be made.

    Example: bombus export plan model.keras --schemes f32,wi8_ai8
    """
    from export.forecast import forecast as foretell
    from export.given import choose, read_sizes
    from export.load import load_safely, register
    from export.subject import Order
    from models.errors import ConversionError
    from models.manifest import FORMATS, SCHEMES

    register(imports or ())
    order = Order(
        name=model.stem,
        formats=choose("--to", to, tuple(f for f in FORMATS if f != "keras")),  # type: ignore[arg-type]
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
    from export.localizer.bundles import export_localizer
    from export.localizer.run import read_run
    from export.localizer.ways import made_up_drive, read_drive
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
    from export.given import choose
    from export.pipeline import export
    from export.spectral.run import read_run
    from export.spectral.subject import SCHEMES, spectral_classifier
    from export.subject import Order
    from models.cli import print_artefacts
    from models.contract import to_json
    from models.files import refuse_existing

    refuse_existing(out, force)
    order = Order(
        name=out.name,
        version=version,
        license=license_id,
        schemes=choose("--schemes", schemes, SCHEMES),  # type: ignore[arg-type]
        max_drop=max_drop / 100,
        rounds=rounds,
    )
    say = (lambda line: None) if as_json else typer.echo
    bundle, _ = export(spectral_classifier(read_run(run), order), order, out, force=force, say=say)
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
