"""`bombus export benchmark`: its options and its tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from export.speed.rows import Row

TOP = 10  # operations of a profile
WIDTH = 60  # characters of an operation's name; its end tells more than its beginning


def benchmark(
    paths: Annotated[
        list[str], typer.Argument(help="Bundles (folders or shipped names), .tflite, .onnx files.")
    ],
    runtimes: Annotated[
        str, typer.Option(help="Of litert, tflite-runtime, onnxruntime; default: all installed.")
    ] = "",
    threads: Annotated[str, typer.Option(help="Numbers of threads, each timed apart.")] = "1,2",
    rounds: Annotated[int, typer.Option(min=1, help="Turns of five calls.")] = 20,
    profile: Annotated[
        bool, typer.Option("--profile", help="Say where the time goes, by operation.")
    ] = False,
    max_ms: Annotated[
        float | None, typer.Option(help="Median latency budget at one thread, exit 5.")
    ] = None,
    max_mb: Annotated[float | None, typer.Option(help="Size budget, exit 5.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Budgets for all files, not only a bundle's default.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Time model files on every runtime that reads them, in turns, each in its own process.

    The ratio is that of the medians to the f32 file of the same model, format, runtime and threads:
    quote it, the milliseconds belong to the machine. A file that a runtime cannot run is a line
    that says why. Exit 3 when nothing ran, 5 when a budget is exceeded.

    Example: bombus export benchmark flowers --max-ms 20 --max-mb 4
    """
    from export.given import choose
    from export.speed.rows import find, measure, over_budget, slower_than_float, surroundings
    from models.errors import BudgetError, ConversionError, InputError
    from models.runtime import RUNTIMES

    chosen = choose_runtimes(choose("--runtimes", runtimes, tuple(RUNTIMES)) if runtimes else ())
    counts, notes = choose_threads(threads)
    if max_ms is not None and 1 not in counts:
        raise InputError(f"--max-ms is judged at one thread; add 1 to --threads {threads}")
    rows = measure(find(paths), chosen, counts, rounds, profile=profile)
    failed = {f"{r.artefact.path.name} on {r.runtime}: {r.why}": r for r in rows if not r.timing}
    if not any(row.timing for row in rows):
        raise ConversionError("; ".join(failed) or f"none of {', '.join(chosen)} reads these files")
    warnings = slower_than_float(rows)
    if as_json:
        report = {"rounds": rounds, "notes": notes, "warnings": warnings}
        typer.echo(json.dumps(surroundings() | report | {"rows": [r.as_json() for r in rows]}))
    else:
        _show(rows, [*notes, *failed], warnings)
    exceeded = over_budget(rows, max_ms, max_mb, every=every)
    for line in exceeded[:-1]:
        typer.echo(f"bombus: {line}", err=True)
    if exceeded:
        raise BudgetError(exceeded[-1])


def choose_runtimes(wanted: Sequence[str]) -> tuple[str, ...]:
    """Runtimes that are installed, the preferred ones first.

    Args:
        wanted: Of `models.runtime.RUNTIMES`; none for all that are installed.

    Raises:
        InputError: One that is wanted is not installed, or none is.
    """
    from models.errors import InputError
    from models.runtime import RUNTIMES, available_runtimes

    installed = tuple(r for f in dict.fromkeys(RUNTIMES.values()) for r in available_runtimes(f))
    absent = [runtime for runtime in wanted if runtime not in installed]
    if absent or not installed:
        raise InputError(
            f"--runtimes {', '.join(absent)}: not installed here; pip install ai-edge-litert, "
            "tflite-runtime or onnxruntime"
        )
    return tuple(wanted) or installed


def choose_threads(text: str) -> tuple[tuple[int, ...], list[str]]:
    """Numbers of threads that this machine has cores for, and a line about those it has not.

    Raises:
        InputError: They are no numbers, or there are cores for none of them.
    """
    from export.speed.benchmark import cores
    from models.errors import InputError

    try:
        wanted = sorted({int(word) for word in text.split(",")})
    except ValueError as error:
        raise InputError(f"--threads {text!r}: whole numbers, separated by commas") from error
    here = cores()
    too_many = [str(n) for n in wanted if n > here]
    told = f"{here} core{'s' if here > 1 else ''} here"
    kept = tuple(n for n in wanted if n <= here)
    if not kept or wanted[0] < 1:
        raise InputError(f"--threads {text!r}: {told}; give numbers from 1 to {here}")
    return kept, [f"{told}: not timed with {', '.join(too_many)} threads"] if too_many else []


def _show(rows: Sequence[Row], notes: Sequence[str], warnings: Sequence[str]) -> None:
    from rich.console import Console

    from export.speed.rows import surroundings

    timed = [row for row in rows if row.timing]
    console = Console(width=max(Console().width, 110), soft_wrap=True)
    console.print(_table(timed))
    machine = surroundings()
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    console.print(f"{machine['machine']}, {machine['cores']} cores; {versions}", highlight=False)
    for line in notes:
        console.print(line, highlight=False, markup=False)
    for line in warnings:
        console.print(f"warning: {line}", highlight=False, markup=False)
    for row in timed:
        if row.timing and row.timing.profile:
            console.print(f"\n{row.artefact.path.name} ({row.where})", highlight=False)
            console.print(*_profile(row.timing.profile), sep="\n", highlight=False)


def _table(rows: Sequence[Row]) -> Table:
    """A row a timing."""
    table = _columns(
        *("artefact", "runtime", "threads", "min ms", "median", "p95", "x f32", "load ms"),
        *("peak MB", "file MB"),
    )
    for row in rows:
        t = row.timing
        assert t is not None
        table.add_row(
            row.artefact.path.name,
            row.runtime,
            str(row.threads),
            *(f"{ms:.3g}" for ms in (t.min_ms, t.median_ms, t.p95_ms)),
            "" if row.ratio is None else f"{row.ratio:.2f}",
            f"{t.load_ms:.0f}",
            f"{t.peak_mb:.0f}",
            f"{row.mb:.3g}",
        )
    return table


def _profile(profile: Mapping[str, Any]) -> tuple[str, Table, Table]:
    """What the figures mean; the sums by kind of operation; the operations that take most."""
    costs, whole = profile["operations"], profile["whole_ms"]
    total = sum(cost["ms"] for cost in costs) or 1.0
    kinds, counts = Counter[str](), Counter(cost["kind"] for cost in costs)
    for cost in costs:
        kinds[cost["kind"]] += cost["ms"]
    sums = _columns("kind", "operations", "ms", "%")
    for kind, ms in kinds.most_common():
        sums.add_row(kind, str(counts[kind]), f"{ms:.3g}", f"{100 * ms / total:.1f}")
    most = _columns("operation", "kind", "ms", "%")
    for cost in sorted(costs, key=lambda cost: -cost["ms"])[:TOP]:
        share = 100 * cost["ms"] / total
        name = cost["name"] if len(cost["name"]) <= WIDTH else f"…{cost['name'][1 - WIDTH :]}"
        most.add_row(name, cost["kind"], f"{cost['ms']:.3g}", f"{share:.1f}")
    head = f"{profile['how']}: {total:.3g} ms in {len(costs)} operations, the whole {whole:.3g} ms"
    return head, sums, most


def _columns(*names: str) -> Table:
    """An empty table, its numbers to the right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        words = name in {"artefact", "runtime", "operation", "kind"}
        table.add_column(name, justify="left" if words else "right", overflow="fold")
    return table
