"""`bombus train compress`, `compression-study`, `compression-report`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")]


@app.command()
def compress(
    model: Annotated[Path, typer.Argument(help="A trained .keras classifier of photos.")],
    data: Annotated[Path, typer.Option("--data", help="Class folders, or train/ val/ of them.")],
    out: Annotated[Path, typer.Option(help="Folder of the narrower model.")],
    macs: Annotated[float, typer.Option(help="Most MACs, as a fraction of the model's.")],
    method: Annotated[
        str,
        typer.Option(help="convex (post-training), refit, width (learned widths) or uniform."),
    ] = "convex",
    photos: Annotated[
        int | None, typer.Option(help="To learn from in all, repeats counted; 0: no fine-tuning.")
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="TOML recipe; options override it.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides every random choice.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace a model.")] = False,
    as_json: Json = False,
) -> None:
    """Drop the channels of a trained classifier that a budget of MACs does not allow.

    Example: bombus train compress runs/mine/model.keras --data photos --macs 0.4 --out runs/less
    """
    from training.compression.compress import compress as run
    from training.compression.recipe import Compression, load
    from training.recipe import with_values

    how = load(recipe, Compression())
    if photos is not None:
        how = with_values(how, {"training": {"photos": photos}}, "options")
    facts = run(model, data, out, how, method=method, fraction=macs, seed=seed, force=force)
    said = (
        f"{100 * facts['share']:.1f} % of the MACs, {facts['parameters']} parameters, "
        f"val top-1 {100 * facts['val_full']:.2f} -> {100 * facts['val_after']:.2f} % "
        f"({100 * facts['val_before']:.2f} % before fine-tuning) -> {out}"
    )
    typer.echo(json.dumps(facts) if as_json else said)


@app.command()
def compression_study(
    model: Annotated[Path, typer.Argument(help="A trained .keras classifier of photos.")],
    data: Annotated[Path, typer.Option("--data", help="Folder with train/ and val/.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; resumes what is in it.")],
    recipe: Annotated[Path | None, typer.Option(help="TOML recipe of the study.")] = None,
    as_json: Json = False,
) -> None:
    """Narrow a model by every method to every budget, all with the same training.

    Example: bombus train compression-study flowers.keras --data DATA/flowers16 --out runs/narrow
    """
    from training.compression.recipe import Study, load
    from training.compression.study import run

    say = (lambda line: None) if as_json else typer.echo
    done = run(load(recipe, Study()), model, data, out, say)
    said = f"{done['run']} of {done['cells']} models made -> {out}"
    typer.echo(json.dumps(done) if as_json else said)


@app.command()
def compression_report(
    run: Annotated[Path, typer.Argument(help="Run folder of `train compression-study`.")],
    data: Annotated[Path, typer.Option("--data", help="Folder with test/.")],
    out: Annotated[Path, typer.Option(help="Folder of the page.")] = Path("docs/results"),
    as_json: Json = False,
) -> None:
    """Score a study's models on the test photos; write the results page.

    Example: bombus train compression-report runs/narrow --data DATA/flowers16
    """
    from training.compression.report import PAGE, write_report

    top1 = write_report(run, data, out)
    typer.echo(json.dumps(top1) if as_json else f"-> {out / PAGE}")
