"""`bombus train flowers`, and what becomes of its runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer()

Data = Annotated[Path, typer.Option("--data", help="Class folders, or train/ val/ test/ of them.")]
Json = Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")]


@app.command()
def flowers(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of the run; resumes what is in it.")],
    recipe: Annotated[Path | None, typer.Option(help="TOML recipe; options override it.")] = None,
    backbone: Annotated[
        str | None, typer.Option(help="Any of keras.applications, or EfficientNetLite0 to 2.")
    ] = None,
    width: Annotated[float | None, typer.Option(help="Channel multiplier (MobileNets).")] = None,
    stem: Annotated[
        str | None, typer.Option(help="Before the backbone: none, contrast or contrast+rgb.")
    ] = None,
    pooling: Annotated[str | None, typer.Option(help="Head: gap or flatten.")] = None,
    weights: Annotated[str | None, typer.Option(help="imagenet, none, or a PATH.")] = None,
    teacher: Annotated[
        str | None, typer.Option(help="Learn from this run's model.keras, too.")
    ] = None,
    unlabelled: Annotated[
        str | None, typer.Option(help="Folder of more photos, which only the teacher speaks of.")
    ] = None,
    optimizer: Annotated[str | None, typer.Option(help="Optimizer of both stages.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak rate, fine-tuning.")] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Fine-tuning; rescales a rate that --learning-rate does not say."),
    ] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the input, pixels.")] = None,
    head_epochs: Annotated[int | None, typer.Option(help="Epochs of the frozen stage.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of fine-tuning.")] = None,
    label_smoothing: Annotated[float | None, typer.Option(help="Both stages.")] = None,
    gamma: Annotated[float | None, typer.Option(help="Augmentation: random powers.")] = None,
    cast: Annotated[float | None, typer.Option(help="Augmentation: random colour casts.")] = None,
    mixed_precision: Annotated[
        bool | None, typer.Option("--mixed-precision/--full-precision", help="bfloat16 or not.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Decides every random choice.")] = None,
    allow_unreadable: Annotated[
        bool, typer.Option(help="Train without the photos that cannot be read.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train an image classifier on folders of photos, resumable at any point.

    Example: bombus train flowers --data photos --backbone MobileNet --out runs/mine
    """
    from training.flowers.optimizers import rescaled_rate
    from training.flowers.recipe import Recipe, load_recipe
    from training.flowers.train import train
    from training.recipe import with_values

    base = load_recipe(recipe) if recipe else Recipe()
    before = base.fine_tune
    if batch_size is not None and learning_rate is None:
        learning_rate = rescaled_rate(
            optimizer or before.optimizer, before.learning_rate, before.batch_size, batch_size
        )
    values: dict[str, Any] = {
        "backbone": backbone,
        "width": width,
        "stem": stem,
        "pooling": pooling,
        "weights": weights,
        "image_size": image_size,
        "mixed_precision": mixed_precision,
        "seed": seed,
        "head": {
            "epochs": head_epochs,
            "optimizer": optimizer,
            "label_smoothing": label_smoothing,
        },
        "fine_tune": {
            "epochs": epochs,
            "optimizer": optimizer,
            "learning_rate": learning_rate,
            "batch_size": batch_size,
            "label_smoothing": label_smoothing,
        },
        "augmentation": {"gamma": gamma, "cast": cast},
        "distill": {"teacher": teacher, "unlabelled": unlabelled},
    }
    chosen = with_values(base, _given(values), "options")
    summary = train(data, chosen, out, allow_unreadable=allow_unreadable, say=_say(quiet=as_json))
    if as_json:
        typer.echo(json.dumps(summary))


@app.command()
def ensemble(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders of `train flowers`, or their Keras files.")
    ],
    out: Annotated[Path, typer.Option(help="Receives a run.")],
    image_size: Annotated[
        int | None, typer.Option(help="Show all of them photos of this size; else the first's.")
    ] = None,
    mirrored: Annotated[
        bool, typer.Option("--mirrored", help="Each answers for the photo and its mirror image.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder with val/, to score it on.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: Json = False,
) -> None:
    """Join trained classifiers into one that answers with the mean of their logits.

    Example: bombus train ensemble runs/a runs/b --mirrored --out runs/both
    """
    from training.flowers.ensemble import ensemble as join

    model, scores = join(
        runs, out, image_size=image_size, mirrored=mirrored, data=data, force=force
    )
    report: dict[str, Any] = {"runs": list(map(str, runs)), "parameters": model.count_params()}
    if scores:
        report["val"] = asdict(scores)
    if as_json:
        typer.echo(json.dumps(report))
        return
    what = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    val = f", val top-1 {100 * scores.top1:.2f} %" if scores else ""
    typer.echo(f"{what}, {model.count_params():,} parameters{val} -> {out / 'model.keras'}")


@app.command()
def average(
    first: Annotated[Path, typer.Argument(help="A run folder of `train flowers`.")],
    second: Annotated[Path, typer.Argument(help="Of a run that was trained on from it.")],
    data: Annotated[Path, typer.Option("--data", help="Folder with val/.")],
    out: Annotated[Path, typer.Option(help="Receives a run.")],
    shares: Annotated[
        str, typer.Option(help="Of the second run's weights, to choose from on val.")
    ] = "0.25,0.5,0.75,1",
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: Json = False,
) -> None:
    """Give one network the mean weights of two runs, as much of each as is best on val.

    Example: bombus train average runs/a runs/b --data photos --out runs/mean
    """
    from models.errors import InputError
    from training.flowers.average import average as mean

    try:
        parts = tuple(float(share) for share in shares.split(","))
    except ValueError as error:
        raise InputError(f"--shares {shares!r}: numbers from 0 to 1, by commas") from error
    found = mean((first, second), parts, data, out, force=force)
    if as_json:
        typer.echo(json.dumps({share: scores.top1 for share, scores in found.items()}))
        return
    for share, scores in found.items():
        typer.echo(f"{share:g} of {second}: val top-1 {100 * scores.top1:.2f} %")
    typer.echo(f"-> {out / 'model.keras'}")


@app.command()
def audit(
    data: Data,
    image_size: Annotated[int, typer.Option(help="Side of the network's input, pixels.")] = 224,
    most: Annotated[int, typer.Option(help="Examples to print for each finding.")] = 5,
    as_json: Json = False,
) -> None:
    """Look at every photo: unreadable, wrong extension, duplicate, tiny, class balance.

    Example: bombus train audit --data photos
    """
    from training.flowers.audit import audit as run_audit
    from training.flowers.dataset import load_splits

    report = run_audit(load_splits(data, seed=0), image_size)
    typer.echo(json.dumps(report.as_json()) if as_json else "\n".join(report.lines(most)))


@app.command()
def report(
    data: Annotated[Path, typer.Option("--data", help="Folder with val/ and test/.")],
    unknown: Annotated[
        Path | None, typer.Option(help="Photos of other things, as given to the export.")
    ] = None,
    relabelled: Annotated[
        Path | None, typer.Option(help="CSV of looks at the test photos, without their labels.")
    ] = None,
    bundle: Annotated[str, typer.Option(help="A shipped bundle's name or a folder.")] = "flowers",
    out: Annotated[Path, typer.Option(help="Folder of the page.")] = Path("docs/results"),
    as_json: Json = False,
) -> None:
    """Score every artefact of a bundle on the test photos; write the results page.

    Of the unknown photos, only the half is scored that the export leaves out by itself.

    Example: bombus train report --data $BOMBUS_DATA/flowers16 --bundle flowers
    """
    from models.bundle import find_bundle
    from models.photos import scan_class_folders, scan_photos
    from training.flowers.relabelled import read_looks
    from training.flowers.report import write_report
    from training.provenance import shown_path

    opened = find_bundle(bundle)
    labels = opened.manifest.labels
    test = scan_class_folders(data / "test", labels)
    results = write_report(
        opened,
        test,
        scan_class_folders(data / "val", labels),
        out,
        unknown=scan_photos(unknown).halves()[1] if unknown else None,
        looks=read_looks(relabelled, test) if relabelled else None,
        command=f"bombus train report --data DATA/{data.name} "
        + (f"--unknown DATA/{unknown.name} " if unknown else "")
        + (f"--relabelled {shown_path(relabelled)} " if relabelled else "")
        + f"--bundle {shown_path(bundle)}",
    )
    if as_json:
        typer.echo(json.dumps({r.artefact.file: asdict(r.calibrated) for r in results}))
        return
    for r in results:
        typer.echo(f"{r.artefact.file}: top-1 {100 * r.raw.top1:.2f} %, ECE {r.calibrated.ece:.4f}")
    typer.echo(f"-> {out / opened.manifest.name}.md")


@app.command()
def flowers_light(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of `train flowers`.")],
    data: Annotated[Path, typer.Option("--data", help="Folder with test/.")],
    out: Annotated[Path, typer.Option(help="Folder of the page.")] = Path("docs/results"),
    as_json: Json = False,
) -> None:
    """Compare runs under changed brightness, gamma and colour of light; write the results page.

    Example: bombus train flowers-light runs/stem-* --data $BOMBUS_DATA/flowers16
    """
    from training.flowers.light_report import PAGE, write_report

    arms = write_report(runs, data, out)
    if as_json:
        top1 = {arm.folder.name: {"none": arm.top1("none"), "changed": arm.top1()} for arm in arms}
        typer.echo(json.dumps(top1))
        return
    for arm in arms:
        typer.echo(f"{arm.name}: {100 * arm.top1('none'):.2f} %, changed {100 * arm.top1():.2f} %")
    typer.echo(f"-> {out / PAGE}")


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Only the options that were given."""
    nested = {k: _given(v) if isinstance(v, dict) else v for k, v in values.items()}
    return {k: v for k, v in nested.items() if v is not None and v != {}}


def _say(*, quiet: bool) -> Any:
    return (lambda line: None) if quiet else typer.echo
