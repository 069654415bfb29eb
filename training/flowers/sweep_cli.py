"""`bombus train sweep` and `sweep-report`."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext, redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")]


class EngineName(StrEnum):
    """Where trials run."""

    here = "here"
    ray = "ray"


@app.command()
def sweep(
    recipe: Annotated[
        Path, typer.Argument(help="TOML with a table grid, as training/flowers/sweeps has.")
    ],
    data: Annotated[Path, typer.Option("--data", help="Folder with train/ and val/.")],
    out: Annotated[Path, typer.Option(help="Folder of the sweep; resumes what is in it.")],
    weights: Annotated[
        list[str] | None,
        typer.Option(
            help="BACKBONE=PATH of start weights, instead of the recipe's. Several times."
        ),
    ] = None,
    engine: Annotated[
        EngineName, typer.Option(help="One after another in this process, or on Ray.")
    ] = EngineName.here,
    address: Annotated[str, typer.Option(help="Of a Ray cluster; default: this machine.")] = "",
    cpus: Annotated[float, typer.Option(min=0, help="That a trial takes, on Ray.")] = 1,
    gpus: Annotated[float, typer.Option(min=0, help="That a trial takes, on Ray.")] = 0,
    as_json: Json = False,
) -> None:
    """Train a classifier for every combination of a grid, resumable at any point.

    On a cluster, every node has this package, and the data and the sweep's folder at the same path.

    Example: bombus train sweep study.toml --data photos --out runs/study
    """
    from functools import partial

    from models.errors import InputError
    from training.engines import run_here, run_on_ray
    from training.flowers.sweep import run
    from training.flowers.sweep_recipe import load_sweep

    given = dict(pair.partition("=")[::2] for pair in weights or ())
    if not all(given.values()):
        raise InputError(f"--weights {' '.join(weights or ())}: say BACKBONE=PATH")
    if address and engine is EngineName.here:
        raise InputError(f"--address {address}: only --engine ray has one; add it")
    on_ray = partial(run_on_ray, address=address, cpus=cpus, gpus=gpus)
    # Ray and Keras tell of lost nodes and losses on the output, which is JSON's alone.
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        done = run(
            load_sweep(recipe, given),
            data,
            out,
            engine=run_here if engine is EngineName.here else on_ray,
            say=(lambda line: None) if as_json else typer.echo,
        )
    said = f"{done['run']} of {done['trials']} trials run, {done['diverged']} diverged -> {out}"
    typer.echo(json.dumps(done) if as_json else said)


@app.command()
def sweep_report(
    sweep: Annotated[Path, typer.Argument(help="Folder of `train sweep`.")],
    data: Annotated[Path, typer.Option("--data", help="Folder with test/ and val/.")],
    out: Annotated[Path, typer.Option(help="The page.")] = Path("docs/results/flower-study.md"),
    as_json: Json = False,
) -> None:
    """Score a sweep's trials on the test photos, once; write the results page.

    The folder of the page's name is its record: give `train sweep` a copy as --out to go on.

    Example: bombus train sweep-report runs/study --data $BOMBUS_DATA/flowers16
    """
    from training.flowers.sweep_report import write_report

    top1 = write_report(sweep, data, out)
    typer.echo(json.dumps(top1) if as_json else f"-> {out}")
