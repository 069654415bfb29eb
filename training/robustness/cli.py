"""`bombus train robustness`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def robustness(
    bundle: Annotated[str, typer.Argument(help="A shipped bundle's name, or a bundle's folder.")],
    data: Annotated[Path, typer.Option("--data", help="Folder with val/ and test/.")],
    out: Annotated[Path, typer.Option(help="The page, FILE.md; two pictures come beside it.")],
    split: Annotated[str, typer.Option(help="val or test: which photos.")] = "val",
    photos: Annotated[
        int | None, typer.Option(min=2, help="Corrupt at most so many, classes in turn.")
    ] = None,
    artefact: Annotated[
        list[str] | None,
        typer.Option(help="File in the bundle; may be repeated. Default: float and 8 bits."),
    ] = None,
    run: Annotated[Path, typer.Option(help="Folder of the answers; resumes what is in it.")] = Path(
        "runs/robustness"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Decides every random choice.")] = 0,
    sample: Annotated[Path | None, typer.Option(help="Photo to show the corruptions on.")] = None,
    suspect: Annotated[
        str, typer.Option(help="Class that may be told by the sharpness of its photos.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a page.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Report as JSON on standard output.")
    ] = False,
) -> None:
    """Score a classifier on corrupted photos and on photos of equal sharpness; write the page.

    Example: bombus train robustness flowers --data $BOMBUS_DATA/flowers16 --out robustness.md
    """
    from models.bundle import find_bundle
    from models.errors import InputError
    from models.files import refuse_existing
    from models.photos import scan_class_folders
    from training.provenance import shown_path
    from training.robustness.report import pictures_of, write_report

    if out.suffix != ".md":
        raise InputError(f"--out {out}: the page's name ends in .md")
    for path in (out, *pictures_of(out)):
        refuse_existing(path, force)
    opened = find_bundle(bundle)
    options = {"--photos": photos, "--seed": seed or None, "--suspect": suspect or None}
    words = ["bombus", "train", "robustness", shown_path(bundle), "--data", f"DATA/{data.name}"]
    words += ["--split", split]
    words += [str(w) for pair in options.items() if pair[1] is not None for w in pair]
    words += [w for name in artefact or () for w in ("--artefact", name)]
    found = write_report(
        opened,
        scan_class_folders(data / split, opened.manifest.labels),
        out,
        most=photos,
        artefacts=artefact or (),
        run=run,
        seed=seed,
        sample=sample,
        suspect=suspect,
        command=shlex.join([*words, "--out", shown_path(out)]),
    )
    if as_json:
        told = {
            "corrupted": [arm.as_json() for arm in found.corrupted],
            "equal_sharpness": found.equal.as_json(),
        }
        typer.echo(json.dumps(told))
        return
    for arm in found.corrupted:
        typer.echo(
            f"{arm.artefact.file}: top-1 {100 * arm.top1()[0]:.2f} %, corrupted "
            f"{100 * arm.mean:.2f} %, {100 * arm.distance[0]:.2f} points less"
        )
    equal = found.equal
    before, after = (100 * equal.top1(side) for side in (equal.before, equal.after))
    typer.echo(f"{equal.artefact.file}: top-1 {before:.2f} %, at equal sharpness {after:.2f} %")
    typer.echo(f"-> {out}")
