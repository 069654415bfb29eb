"""`bombus export inspect` and `bombus export diff`: their options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


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
