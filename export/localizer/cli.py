"""`bombus export localizer`: its options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from export.options import Force, License, Rounds, Version


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
    version: Version = "0.1.0",
    license_id: License = "Apache-2.0",
    rounds: Rounds = 20,
    force: Force = False,
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
