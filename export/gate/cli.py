"""`bombus export verify`: its options and its tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from export.gate.localise import Localisation
    from export.gate.recheck import Check, Finding, Limits
    from models.bundle import Bundle

WORST = 10  # layers in the table
STRAY_SECONDS = 600.0  # for a file that nobody vouches for
_Each = list[str] | None


def verify(
    bundle: Annotated[
        str,
        typer.Argument(
            help="A bundle: its folder, or a shipped one's name. With --samples and --reference "
            "also a model file outside any bundle."
        ),
    ],
    max_error: Annotated[
        _Each, typer.Option(help="SCHEME=X: largest error, of the outputs' range.")
    ] = None,
    rms_error: Annotated[
        _Each, typer.Option(help="SCHEME=X: RMS error, of the outputs' range.")
    ] = None,
    agreement: Annotated[
        _Each, typer.Option(help="SCHEME=X: least share of decided inputs with the same class.")
    ] = None,
    apart: Annotated[
        _Each, typer.Option(help="SCHEME=X: how far ways may part, of their length.")
    ] = None,
    max_drop: Annotated[
        float | None, typer.Option(min=0, help="Top-1 an artefact may lose, points.")
    ] = None,
    unchanged: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Least share of spectra with one class in any light."),
    ] = None,
    layers: Annotated[
        str, typer.Option(help="Look into this artefact, layer by layer, on --samples.")
    ] = "",
    samples: Annotated[
        list[Path] | None,
        typer.Option(help="Photos, folders of photos, or one .npz with an array an input."),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="Float file to compare layers with; default: the bundle's own."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Samples for --layers, at most.")] = 8,
    out: Annotated[Path | None, typer.Option(help="Folder for layers.png and layers.json.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is at --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The findings as JSON.")] = False,
) -> None:
    """Hold a bundle to other tolerances, or find the operation that an error comes from.

    Proves all files as `bombus models verify` does (exit 6), then judges each artefact by what was
    measured when it was made; nothing is run. A tolerance that is not given is the one it was made
    with. Exit 4 when one fails.

    With --layers, runs the artefact and its float counterpart instead, and compares the tensors
    that both have. ADDED is the error of an operation that is given the float model's inputs;
    GATHERED is all that went wrong up to there. Both are root mean squares, of the range.

    Example: bombus export verify flowers --rms-error wi8_ai8=0.01 --max-drop 0.2

    Example: bombus export verify my-bundle --layers my-bundle_wi8_ai8.tflite --samples photos
    """
    from export.gate.recheck import Limits, read_limits
    from models.bundle import find_bundle
    from models.errors import InputError

    given = {"--samples": samples, "--reference": reference, "--out": out}
    stray = not layers and reference is not None and Path(bundle).is_file()
    if layers or stray:
        if not samples:
            raise InputError("--layers needs --samples: photos, or an .npz of arrays")
        if any(
            o is not None for o in (max_error, rms_error, agreement, apart, max_drop, unchanged)
        ):
            raise InputError("--layers compares tensors; leave out the tolerances")
        _localise(bundle, layers, samples, reference, count, out, force=force, as_json=as_json)
        return
    needless = [name for name, value in given.items() if value]
    if needless:
        raise InputError(f"{', '.join(needless)}: only with --layers ARTEFACT")
    opened = find_bundle(bundle)
    schemes = [a.scheme for a in opened.manifest.artefacts if a.format != "keras"]
    limits = Limits(
        {
            "max-error": read_limits("max-error", max_error or (), schemes),
            "rms-error": read_limits("rms-error", rms_error or (), schemes),
            "agreement": read_limits("agreement", agreement or (), schemes),
            "apart": read_limits("apart", apart or (), schemes),
        },
        max_drop=None if max_drop is None else round(max_drop / 100, 12),  # 0.7 points are 0.007
        unchanged=unchanged,
    )
    _recheck(opened, limits, as_json=as_json)


def _recheck(bundle: Bundle, limits: Limits, *, as_json: bool) -> None:
    from export.gate.recheck import recheck, reservations
    from models.check import check
    from models.errors import GateError, InputError

    absent = check(bundle)
    artefacts = [
        a for a in bundle.manifest.artefacts if a.file not in absent and a.format != "keras"
    ]
    if not artefacts:
        raise InputError(f"{bundle.path}: no converted artefact is here; export the bundle again")
    findings = [recheck(artefact, limits) for artefact in artefacts]
    notes = reservations(artefacts, limits)
    failed = [finding for finding in findings if not finding]
    if as_json:
        report = {"bundle": bundle.manifest.name, "ok": not failed, "absent": absent}
        told = {"notes": notes, "artefacts": [finding.as_json() for finding in findings]}
        typer.echo(json.dumps(report | told))
    else:
        _show_findings(findings)
        for line in notes:
            typer.echo(f"note: {line}")
        if absent:
            typer.echo(f"not here: {', '.join(absent)}")
    if failed:
        reasons = "; ".join(f"{f.file}: {_reasons(f)}" for f in failed)
        raise GateError(f"{len(failed)} of {len(findings)} artefacts fail: {reasons}")
    if not as_json:
        typer.echo(f"{bundle.path}: all {len(findings)} artefacts pass")


def _reasons(finding: Finding) -> str:
    if not finding.checks:
        return "nothing was measured of it; export it again"
    said = [
        f"{check.of} {check.measure} {check.measured:.3g}, tolerance {check.tolerance:.3g}".strip()
        for check in finding.checks
        if not check and check.tolerance is not None
    ]
    return f"{', '.join(said)} (passes with {finding.options()})"


def _show_findings(findings: Sequence[Finding]) -> None:
    """A row an artefact; of each kind of figures the one that is nearest to failing."""
    from rich.console import Console
    from rich.table import Table

    from export.gate.recheck import MEASURES

    shown = [m for m in MEASURES if any(c.measure == m for f in findings for c in f.checks)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("artefact", *shown, ""):
        justify = "left" if column in ("artefact", "") else "right"
        table.add_column(column, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for finding in findings:
        cells = [_cell(finding.closest(measure)) for measure in shown]
        table.add_row(finding.file, *cells, "PASS" if finding else "FAIL")
    Console(width=max(Console().width, 140)).print(table)
    typer.echo("measured / tolerance; what was measured is the least tolerance that passes")


def _cell(check: Check | None) -> str:
    """The figure, and the tolerance if it has one; a drop in points, as its option."""
    if check is None:
        return ""
    unit = 100 if check.measure == "max-drop" else 1
    figure = f"{unit * check.measured:.3g}"
    return figure if check.tolerance is None else f"{figure} / {unit * check.tolerance:.3g}"


def _localise(
    where: str,
    file: str,
    samples: Sequence[Path],
    reference: Path | None,
    count: int,
    out: Path | None,
    *,
    force: bool,
    as_json: bool,
) -> None:
    from export.child import in_child
    from export.gate.layers import case_of, localise_case
    from export.gate.localise import Localisation
    from models.bundle import find_bundle
    from models.files import refuse_existing

    if out is not None:
        refuse_existing(out, force)
    if file:
        case = case_of(find_bundle(where), file, reference)
        names = {"artefact": case.name, "reference": case.against}
        found = localise_case(case, samples, count)
    else:
        names = {"artefact": Path(where).name, "reference": str(reference)}
        paths = json.dumps([str(path) for path in samples])
        words = (where, str(reference), paths, str(count))
        found = Localisation.from_json(
            in_child("export.gate.layers:localise_stray", *words, seconds=STRAY_SECONDS)
        )
    report = names | found.as_json()
    if out is not None:
        _write(found, names, report, out)
    if as_json:
        typer.echo(json.dumps(report))
        return
    _show_layers(found, names["reference"])
    if out is not None:
        typer.echo(f"-> {out}")


def _write(
    found: Localisation, names: Mapping[str, str], report: Mapping[str, object], out: Path
) -> None:
    from export.gate.localise_picture import draw_layers
    from models.files import writing_to

    with writing_to(out) as folder:
        folder.mkdir()
        (folder / "layers.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
        draw_layers(
            found, f"{names['artefact']} beside {names['reference']}", folder / "layers.png"
        )


def _show_layers(found: Localisation, against: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("#", "operation", "added", "gathered", "SQNR dB"):
        table.add_column(column, justify="left" if column == "operation" else "right")
    for layer in found.worst(WORST):
        place = f"{found.layers.index(layer) + 1}"
        errors = f"{layer.own:.1e}", f"{layer.error:.1e}", f"{layer.sqnr:.1f}"
        table.add_row(place, layer.title, *errors)
    Console(width=max(Console().width, 130)).print(table)
    typer.echo(
        f"{len(found.layers)} of {found.of} tensors of {against} found again, "
        f"{found.samples} samples"
    )
    jump, worst = found.jump, found.worst(1)[0]
    if jump is not None:
        typer.echo(f"the error jumps first at {jump.title}: it adds {jump.own:.2g}")
    else:
        typer.echo(f"no operation stands out; {worst.title} adds most, {worst.own:.2g}")
