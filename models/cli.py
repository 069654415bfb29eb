"""`bombus models`: list, show and verify bundles, and their model cards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.bundle import SHIPPED, find_bundle, list_bundles, write_bundle
from models.card import card
from models.check import check
from models.contract import to_json
from models.errors import InputError
from models.manifest import CARD, Artefact
from models.quality import Parity
from models.signature import beside
from models.signature import verify as verify_signature

app = typer.Typer(no_args_is_help=True, add_completion=False, help="List, show and verify bundles.")

Which = Annotated[str, typer.Argument(help="A shipped bundle's name, or a bundle's folder.")]
Json = Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")]


@app.command("list")
def list_command(
    folder: Annotated[Path, typer.Option("--dir", help="Folder of bundles.")] = SHIPPED,
    as_json: Json = False,
) -> None:
    """List the bundles that came with bombus, or those in a folder.

    Example: bombus models list
    """
    bundles = list_bundles(folder)
    if as_json:
        typer.echo(json.dumps([json.loads(to_json(b.manifest)) for b in bundles]))
        return
    if not bundles:
        typer.echo(f"no bundles in {folder}")
    for b in bundles:
        m = b.manifest
        files = len(m.artefacts)
        megabytes = sum(a.bytes for a in m.artefacts) / 1e6
        typer.echo(f"{m.name} {m.version}  {m.task}  {files} artefacts, {megabytes:.1f} MB")


@app.command()
def show(bundle: Which = "flowers", as_json: Json = False) -> None:
    """Show a bundle: what it does, what it takes and gives, its artefacts.

    Example: bombus models show flowers
    """
    opened = find_bundle(bundle)
    m = opened.manifest
    if as_json:
        typer.echo(to_json(m))
        return
    typer.echo(f"{m.name} {m.version}  {m.task}  {m.license}  made {m.created}")
    for side, tensors in (("in ", m.inputs), ("out", m.outputs)):
        for t in tensors:
            limits = f" {t.range[0]:g}..{t.range[1]:g}" if t.range else ""
            typer.echo(f"{side} {t.name}: {t.dtype}{list(t.shape)} {t.meaning}{limits}")
    if m.labels:
        typer.echo(f"{len(m.labels)} labels: {', '.join(m.labels)}")
    for target, file in m.default.items():
        typer.echo(f"default for {target}: {file}")
    print_artefacts(m.artefacts)


@app.command()
def verify(
    bundle: Which = "flowers",
    key: Annotated[
        Path | None, typer.Option(help="Public key, PEM: the bundle must be signed by its owner.")
    ] = None,
    signature: Annotated[
        Path | None, typer.Option(help="The signature; default: BUNDLE.sig, beside the bundle.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check every file of a bundle against its manifest; exit 6 when one is not right.

    With --key, the manifest itself must be signed (`bombus export sign`, or model-signing).

    Example: bombus models verify flowers --key public.pem
    """
    opened = find_bundle(bundle)
    if signature is not None and key is None:
        raise InputError("--signature needs --key, the public key to check it with")
    signed = {}
    if key is not None:  # first: who made it, before any parser of models
        signature = signature or beside(opened)
        verify_signature(opened, key, signature)
        signed = {"signature": str(signature)}
    absent = check(opened)
    here = [a for a in opened.manifest.artefacts if a.file not in absent]
    if as_json:
        report = {"bundle": opened.manifest.name, "files": [a.file for a in here], "absent": absent}
        typer.echo(json.dumps(report | signed | {"ok": True}))
        return
    if key is not None:
        typer.echo(f"{signature}: ok, signed by {key}")
    files = "1 file matches" if len(here) == 1 else f"{len(here)} files match"
    typer.echo(f"{opened.path}: ok, {files} the manifest")
    if absent:
        typer.echo(f"not here: {', '.join(absent)}")


@app.command("card")
def card_command(
    bundle: Which = "flowers",
    write: Annotated[
        bool, typer.Option("--write", help="Write it into the bundle, and name it in the manifest.")
    ] = False,
    data_license: Annotated[
        str | None,
        typer.Option(help="With --write: terms of the data that it learned from, in words."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a card.")] = False,
    as_json: Json = False,
) -> None:
    """Print a bundle's model card: data, metrics, limits, intended use, licence.

    Exports write it as CARD.md; --write adds it to a bundle that was made before and is here as a
    whole. If it was signed, sign it again.

    Example: bombus models card flowers
    """
    opened = find_bundle(bundle)
    manifest = opened.manifest
    if data_license is not None and not write:
        raise InputError("--data-license needs --write: a card says what is in the manifest")
    if write:
        if manifest.card is not None and not force:
            raise InputError(f"{opened.path}: has a card already; --force replaces it")
        if data_license is not None:
            source = manifest.source.model_copy(update={"data_license": data_license})
            manifest = manifest.model_copy(update={"source": source})
        files = {a.file: opened.read(a) for a in manifest.artefacts}
        write_bundle(opened.path, manifest, files, force=True)
    text = card(manifest)
    if as_json:
        typer.echo(json.dumps({"bundle": manifest.name, "card": text, "written": write}))
    else:
        typer.echo(f"-> {opened.path / CARD}" if write else text, nl=write)


def _milliseconds(value: float) -> str:
    """Two digits at least."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def print_artefacts(artefacts: Sequence[Artefact]) -> None:
    """A table: size, parity, quality and latency, a row an artefact."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    localizes = any(a.ways for a in artefacts)
    judged = ("apart %",) if localizes else ("agree", "top-1 %", "95 %", "drop")
    for column in ("artefact", "MB", "RMS err", *judged, "ms"):
        table.add_column(column, justify="left" if column == "artefact" else "right")
    for a in artefacts:
        p, speed = next(iter(a.parity.values()), None), a.latency
        table.add_row(
            a.file,
            f"{a.bytes / 1e6:.2f}",
            f"{p.rms_error:.1e}" if p else "",
            *((_apart(a),) if localizes else _scores(a, p)),
            _milliseconds(speed.median_ms) if speed else "",
        )
    Console(width=max(Console().width, 100)).print(table)  # a name cut short helps nobody


def _apart(a: Artefact) -> str:
    """The most that a way parts from the reference's, of its length."""
    return f"{100 * max(way.apart / way.metres for way in a.ways):.1e}" if a.ways else ""


def _scores(a: Artefact, p: Parity | None) -> tuple[str, ...]:
    """Of a classifier: agreement, top-1, its interval, and what it lost."""
    q = a.quality
    return (
        f"{p.agreement:.4f}" if p and p.agreement is not None else "",
        f"{100 * q.top1:.2f}" if q else "",
        f"{100 * q.top1_interval[0]:.1f}–{100 * q.top1_interval[1]:.1f}" if q else "",
        f"{100 * q.drop:+.2f}" if q else "",
    )
