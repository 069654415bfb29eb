"""`bombus train spectral`, `spectral-indices`, `spectral-study`, `spectral-report`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")]


@app.command()
def spectral(
    data: Annotated[Path, typer.Option("--data", help="Samples: .npz, .csv, or a GeoTIFF.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    recipe: Annotated[Path | None, typer.Option(help="TOML recipe; options override it.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of network, such as ndl or mlp-z.")] = None,
    augmentation: Annotated[str | None, typer.Option(help="none, noise or gain.")] = None,
    label: Annotated[str, typer.Option(help="Array or column of the labels.")] = "",
    labels: Annotated[Path | None, typer.Option(help="Of a GeoTIFF: raster of labels.")] = None,
    bands: Annotated[str, typer.Option(help="Bands to use: B2,B3,...; else all.")] = "",
    groups: Annotated[str, typer.Option(help="Array or column that a split keeps whole.")] = "",
    classes: Annotated[
        list[str] | None, typer.Option(help="NEW=OLD,OLD,...; * is all others. Several times.")
    ] = None,
    scale: Annotated[float, typer.Option(help="Reflectance is (count + offset) * scale.")] = 1.0,
    offset: Annotated[float, typer.Option(help="Sentinel-2 from baseline 04.00: -1000.")] = 0.0,
    unit: Annotated[str, typer.Option(help="Of what that gives.")] = "reflectance",
    seed: Annotated[int | None, typer.Option(help="Decides every random choice.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a run.")] = False,
    as_json: Json = False,
) -> None:
    """Train a spectral classifier on labelled samples; score it under noise beside baselines.

    Example: bombus train spectral --data fields.csv --groups field --out runs/fields
    """
    from models.files import refuse_existing
    from training.recipe import with_values
    from training.spectral.recipe import Recipe, load
    from training.spectral.samples import load as load_samples
    from training.spectral.samples import parse_classes
    from training.spectral.train import MODEL, train

    refuse_existing(out / MODEL, force)
    values = {"kind": kind, "augmentation": augmentation, "seed": seed}
    given = {key: value for key, value in values.items() if value is not None}
    chosen = with_values(load(recipe, Recipe()), given, "options")
    samples = load_samples(
        data,
        label=label,
        bands=[band for band in bands.split(",") if band],
        groups=groups,
        labels=labels,
        classes=parse_classes(classes or ()),
        scale=scale,
        offset=offset,
        unit=unit,
    )
    metrics = train(samples, chosen, out, scale=scale, offset=offset)
    if as_json:
        typer.echo(json.dumps(metrics))
        return
    for name, found in metrics["kinds"].items():
        clean, noise = found["clean"], found["band 0.1"]
        typer.echo(
            f"{name}: {clean['mean']:.2f} ± {clean['std']:.2f} %, "
            f"{found['parameters']} parameters, "
            f"{noise['mean']:.2f} points lost at 10 % band noise"
        )
    typer.echo(f"{len(metrics['seeds'])} {metrics['split']} splits -> {out / MODEL}")


@app.command()
def spectral_study(
    out: Annotated[Path, typer.Option(help="Folder of the run; resumes what is in it.")],
    data: Annotated[Path, typer.Option(help="Folder that holds spectral.", envvar="BOMBUS_DATA")],
    recipe: Annotated[Path | None, typer.Option(help="TOML recipe of the study.")] = None,
    as_json: Json = False,
) -> None:
    """Train every kind of spectral network on every task, with ten seeds each.

    Example: bombus train spectral-study --data DATA --out runs/spectral
    """
    from training.spectral.recipe import Study, load
    from training.spectral.study import run

    done = run(load(recipe, Study()), data, out)
    said = f"{done['run']} of {done['cells']} cells run -> {out}"
    typer.echo(json.dumps(done) if as_json else said)


@app.command()
def spectral_report(
    run: Annotated[Path, typer.Argument(help="Run folder of `train spectral-study`.")],
    out: Annotated[Path, typer.Option(help="Folder of the pages.")] = Path("docs/results"),
    as_json: Json = False,
) -> None:
    """Write the results pages of a study.

    Example: bombus train spectral-report runs/spectral
    """
    from training.spectral.report import PAGE, write_report

    reached = write_report(run, out)
    typer.echo(json.dumps(reached) if as_json else f"-> {out / PAGE}")


@app.command()
def spectral_indices(
    run: Annotated[Path, typer.Argument(help="Run folder of `train spectral`.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the page; default: RUN.")] = None,
    platform: Annotated[
        str | None, typer.Option(help="The sensor, such as sentinel2a, landsat8; default: guess.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="How many to print.")] = 10,
    as_json: Json = False,
) -> None:
    """Read a trained network back as spectral indices: ranked, named, beside the known ones.

    Example: bombus train spectral-indices runs/land-cover
    """
    from dataclasses import asdict

    from training.spectral.read_back import write_indices

    learned = write_indices(run, out or run, platform)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in learned]))
        return
    for one in learned[:most]:
        typer.echo(f"{one.importance:.3f}  {one.index.name}  {one.match or ''}".rstrip())
    typer.echo(f"{len(learned)} indices -> {(out or run) / 'spectral-indices.md'}")
