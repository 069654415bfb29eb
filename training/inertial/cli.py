"""`bombus train localizer`, and the pages about its runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")]


@app.command()
def localizer(
    out: Annotated[Path, typer.Option(help="Folder of the run; resumes what is in it.")],
    data: Annotated[Path, typer.Option(help="Folder that holds kitti-imu.", envvar="BOMBUS_DATA")],
    recipe: Annotated[Path | None, typer.Option(help="TOML recipe; options override it.")] = None,
    kind: Annotated[str | None, typer.Option(help="snn, cnn, lstm or constant.")] = None,
    hold_out: Annotated[
        list[str] | None, typer.Option(help="A KITTI sequence never seen; give it several times.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Of the optimizer.")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides every random choice.")] = None,
    as_json: Json = False,
) -> None:
    """Train the network that tunes the localizer's filter, resumable at any point.

    Example: bombus train localizer --data DATA --seed 0 --out runs/localizer-0
    """
    from training.inertial.recipe import Recipe, load_recipe, with_options
    from training.inertial.train import train

    base = load_recipe(recipe) if recipe else Recipe()
    chosen = with_options(base, kind=kind, hold_out=hold_out, steps=steps, seed=seed)
    summary = train(chosen, data, out)
    loss = 100 * summary["history"][-1]
    said = f"t_rel of the last windows {loss:.2f} % -> {out}"
    typer.echo(json.dumps(summary) if as_json else said)


@app.command()
def localizer_rccar(
    data: Annotated[Path, typer.Option(help="Folder that holds rccar-imu.", envvar="BOMBUS_DATA")],
    out: Annotated[Path, typer.Option(help="Folder of the page.")] = Path("docs/results"),
    as_json: Json = False,
) -> None:
    """Score the localizer on each run of an RC car, learned from the others; write the page.

    Example: bombus train localizer-rccar --data DATA --out docs/results
    """
    from training.inertial.rccar_report import PAGE, medians, write_report

    middle = medians(write_report(data, out))
    if as_json:
        typer.echo(json.dumps(middle))
        return
    for name, percent in middle.items():
        typer.echo(f"{name}: median {percent:.2f} % of the path")
    typer.echo(f"-> {out / PAGE}")


@app.command()
def localizer_cheap(
    data: Annotated[Path, typer.Option(help="Folder that holds kitti-imu.", envvar="BOMBUS_DATA")],
    bundle: Annotated[
        str, typer.Option(help="A shipped bundle's name, or a folder.")
    ] = "localizer",
    seeds: Annotated[int, typer.Option(min=1, help="Draws of the IMU's errors.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder of the page.")] = Path("docs/results"),
    as_json: Json = False,
) -> None:
    """Score a localizer on KITTI's drives as cheap IMUs would have made them; write the page.

    Example: bombus train localizer-cheap --data DATA
    """
    from models.bundle import find_bundle
    from training.inertial.cheap import PAGE, write_report

    found = write_report(find_bundle(bundle), data, out, seeds)
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, percent in found.items():
        typer.echo(f"{name}: t_rel {percent:.2f} %")
    typer.echo(f"-> {out / PAGE}")


@app.command()
def localizer_report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of `train localizer`.")],
    data: Annotated[Path, typer.Option(help="Folder that holds kitti-imu.", envvar="BOMBUS_DATA")],
    out: Annotated[Path, typer.Option(help="Folder of the page.")] = Path("docs/results"),
    as_json: Json = False,
) -> None:
    """Score trained localizers on the drives that they never saw; write the results page.

    Example: bombus train localizer-report runs/localizer-* --data DATA
    """
    from training.inertial.report import write_report

    results = write_report(runs, data, out)
    typer.echo(json.dumps(results) if as_json else f"-> {out / 'localization.md'}")
