"""`bombus export spectral`: its options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from export.options import Force, License, ManifestJson, MaxDrop, Out, Rounds, Version


def spectral(
    run: Annotated[Path, typer.Argument(help="A run folder of `bombus train spectral`.")],
    out: Out,
    schemes: Annotated[str, typer.Option(help="Of f32, f16, wi8_ai8.")] = "f32,f16,wi8_ai8",
    version: Version = "0.1.0",
    license_id: License = "Apache-2.0",
    max_drop: MaxDrop = 0.5,
    rounds: Rounds = 20,
    force: Force = False,
    as_json: ManifestJson = False,
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
    bundle, _ = export(
        spectral_classifier(read_run(run), order, say), order, out, force=force, say=say
    )
    if as_json:
        typer.echo(json.dumps(json.loads(to_json(bundle.manifest))))
        return
    print_artefacts(bundle.manifest.artefacts)
    typer.echo(f"PASSED -> {bundle.path}")
