"""Options that several verbs of `bombus export` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[Path, typer.Argument(help="A .keras file.")]
Out = Annotated[Path, typer.Option(help="The bundle's folder.")]
Formats = Annotated[str, typer.Option("--to", help="Formats: tflite,onnx.")]
Schemes = Annotated[str, typer.Option(help="Of f32, f16, wi8_afp32, wi8_ai8.")]
Labels = Annotated[
    Path | None, typer.Option(help="Class names, one a line; default: beside MODEL.")
]
Name = Annotated[str | None, typer.Option(help="Bundle name; default: that of --out.")]
Version = Annotated[str, typer.Option(help="Bundle version.")]
License = Annotated[str, typer.Option("--license", help="SPDX identifier.")]
Imports = Annotated[
    list[str] | None, typer.Option("--import", help="Module that registers custom layers.")
]
MaxDrop = Annotated[float, typer.Option(help="Top-1 an artefact may lose, points.")]
Rounds = Annotated[int, typer.Option(min=0, help="Benchmark rounds; 0: none.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
ManifestJson = Annotated[bool, typer.Option("--json", help="The manifest on output.")]

ALL_FORMATS = "tflite,onnx"
ALL_SCHEMES = "f32,f16,wi8_afp32,wi8_ai8"
