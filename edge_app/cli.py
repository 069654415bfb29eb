"""`bombus app`: recognise photos on this device."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from models.errors import InputError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Recognise photos on the device itself."
)


@app.callback()
def group() -> None:
    """Recognise photos on the device itself."""


@app.command()
def classify(
    photos: Annotated[
        list[Path], typer.Argument(help="Photos: JPEG, PNG, WebP, BMP; HEIC where OpenCV can.")
    ],
    bundle: Annotated[str, typer.Option(help="A shipped bundle's name or a folder.")] = "flowers",
    artefact: Annotated[str, typer.Option(help="File in the bundle; default: its choice.")] = "",
    runtime: Annotated[str, typer.Option(help="litert, tflite-runtime or onnxruntime.")] = "",
    top: Annotated[int, typer.Option(min=1, help="Guesses a photo.")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="Threads an inference may use.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list on output.")] = False,
) -> None:
    """Print what is on each photo, with confidence.

    A photo that cannot be read is reported on its own line; the others are still recognised, and
    the exit code is 2.

    Example: bombus app classify rose.jpg garden/*.webp
    """
    from models.bundle import find_bundle
    from models.classify import Recogniser, describe

    recogniser = Recogniser(
        find_bundle(bundle), artefact=artefact, runtime=runtime, threads=threads
    )
    results: list[dict[str, Any]] = []
    failed = 0
    for photo in photos:
        try:
            guesses = recogniser.classify_file(photo, top)
        except InputError as error:
            failed += 1
            results.append({"photo": str(photo), "error": str(error)})
            typer.echo(f"bombus: {error}", err=True)
            continue
        results.append({"photo": str(photo), "guesses": [asdict(g) for g in guesses]})
        if not as_json:
            typer.echo(f"{photo}: {describe(guesses)}")
    if as_json:
        typer.echo(json.dumps(results))
    if failed:
        raise typer.Exit(InputError.exit_code)
