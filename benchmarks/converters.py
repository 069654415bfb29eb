"""`make bench`: what `bombus export` makes, beside TensorFlow's and tf2onnx's converters as such.

Every model of `benchmarks.zoo` is converted both ways, in float and in 8 bits, each file in a
process of its own; then all files of a model are timed in turns, on one thread. Sizes are those of
the graphs: ours also carry a contract (labels, tensors, ranges), which is told apart. A converter
that fails or crashes is a line that says so.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shlex
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import onnx
from rich.console import Console
from rich.table import Table

from benchmarks.both_ways import SIDES, BothWays, Kind, both_ways, kinds
from benchmarks.zoo import ZOO
from bombus import silence_native_code
from export.speed.benchmark import Contender, Failure, Timing, attempts, machine
from models.files import write_text
from models.markdown import table_row
from training.provenance import shown_path

RUNTIMES = {"tflite": "litert", "onnx": "onnxruntime"}
NOTE = 160  # characters of a reason
SIZE = 224
ALIKE = 1.05  # a ratio up to this is the same: two runs of one file differ by as much


@dataclass(frozen=True)
class Row:
    """One kind of file of one model, made both ways.

    Attributes:
        model: Its name in the zoo.
        format: `tflite` or `onnx`.
        scheme: Of `both_ways.SCHEMES`.
        ours_kb: Of our graph, 10^3 bytes; None where there is none.
        contract_kb: Of the contract in our file.
        plain_kb: Of the plain file; None where there is none.
        ours_ms: Median of ours.
        plain_ms: Median of the plain one.
        note: What is missing, and why.
    """

    model: str
    format: str
    scheme: str
    ours_kb: float | None
    contract_kb: float
    plain_kb: float | None
    ours_ms: float | None
    plain_ms: float | None
    note: str = ""

    @property
    def size(self) -> float | None:
        """Ours over plain."""
        return self.ours_kb / self.plain_kb if self.ours_kb and self.plain_kb else None

    @property
    def latency(self) -> float | None:
        """Ours over plain."""
        return self.ours_ms / self.plain_ms if self.ours_ms and self.plain_ms else None


def main() -> None:
    """Command line: `python -m benchmarks.converters [--models A,B] [--size N] ...`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default=",".join(ZOO), help="of the zoo, by commas")
    parser.add_argument("--size", type=int, default=SIZE, help="pixels a side of photos")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--files", type=Path, help="folder that keeps what is converted")
    parser.add_argument("--out", type=Path, help="a page of it, in Markdown")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    silence_native_code()
    console = Console(stderr=options.json, width=max(Console().width, 120))
    rows: list[Row] = []
    with nullcontext(options.files) if options.files else _passing() as folder:
        made = {n: _made(n, options.size, folder / n) for n in options.models.split(",")}
        for name, files in made.items():
            found = compare(name, files, options.rounds)
            rows += found
            console.print(table(found), *notes(found), sep="\n", highlight=False, markup=False)
    if options.out:
        command = shlex.join(["python", "-m", "benchmarks.converters", *_asked(options)])
        text = "\n".join(page(rows, _how(options.size), command)) + "\n"
        write_text(options.out, text)
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    for line in summary(rows):
        console.print(line, highlight=False)
    console.print(_how(options.size), highlight=False)


def _made(model: str, size: int, folder: Path) -> BothWays:
    """`both_ways` in a process of its own: thirteen models in one would fill 24 GiB."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, silence_native_code) as process:
        return process.submit(both_ways, model, size, folder).result()


def _asked(options: argparse.Namespace) -> Iterator[str]:
    """What decides the rows and was not left at its default, and the page."""
    if options.models != ",".join(ZOO):
        yield from ("--models", options.models)
    if options.size != SIZE:
        yield from ("--size", str(options.size))
    yield from ("--out", shown_path(options.out))


def _how(size: int) -> str:
    return f"one thread, batch 1, photos of {size} pixels, {machine()}"


@contextmanager
def _passing() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bombus-bench-") as folder:
        yield Path(folder)


def compare(model: str, made: BothWays, rounds: int) -> list[Row]:
    """Time the files of one model in turns."""
    files = {
        (side, kind): path
        for side in SIDES
        for kind in kinds()
        if isinstance(path := made.file(side, kind), Path)
    }
    contenders = [
        Contender(RUNTIMES[kind[0]], str(path), 1, dict(made.ranges))
        for (_, kind), path in files.items()
    ]
    outcomes = dict(zip(files, attempts(contenders, rounds), strict=True))
    return [
        _row(
            model,
            kind,
            [made.file(side, kind) for side in SIDES],
            [outcomes.get((side, kind)) for side in SIDES],
        )
        for kind in kinds()
    ]


def _row(
    model: str,
    kind: Kind,
    made: Sequence[Path | str],
    outcomes: Sequence[Timing | Failure | None],
) -> Row:
    notes = []
    for side, path, outcome in zip(SIDES, made, outcomes, strict=True):
        if isinstance(path, str):
            notes.append(f"{side}: {_end(path)}")
        elif isinstance(outcome, Failure):
            notes.append(f"{side}: {_end(outcome.why)}")
    ours, theirs = (None if isinstance(path, str) else path.read_bytes() for path in made)
    graph = None if ours is None else graph_bytes(ours, kind[0])
    mine, their = (o.median_ms if isinstance(o, Timing) else None for o in outcomes)
    return Row(
        model,
        *kind,
        ours_kb=None if graph is None else graph / 1e3,
        contract_kb=0.0 if ours is None or graph is None else (len(ours) - graph) / 1e3,
        plain_kb=None if theirs is None else graph_bytes(theirs, kind[0]) / 1e3,
        ours_ms=mine,
        plain_ms=their,
        note="; ".join(notes),
    )


def graph_bytes(data: bytes, model_format: str) -> int:
    """Size of a file without what is only there to be read: metadata, labels."""
    if model_format == "onnx":
        model = onnx.load_model_from_string(data)
        del model.metadata_props[:]
        return int(model.ByteSize())
    if not zipfile.is_zipfile(BytesIO(data)):
        return len(data)
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return min(entry.header_offset for entry in archive.infolist())


def table(rows: Sequence[Row]) -> Table:
    """A row a file; ratios are ours over plain."""
    found = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("ours kB", "+ contract", "plain kB", "size", "ours ms", "plain ms", "latency")
    for column in ("model", "format", "scheme", *columns):
        found.add_column(column, justify="right" if column in columns else "left")
    for row in rows:
        ours_kb, *others = _values(row)
        contract = _shown(row.contract_kb, ".1f")
        found.add_row(row.model, row.format, row.scheme, ours_kb, contract, *others)
    return found


def notes(rows: Sequence[Row]) -> Iterator[str]:
    """What is missing, and why."""
    return (f"{row.model} {row.format} {row.scheme}: {row.note}" for row in rows if row.note)


def _end(said: str) -> str:
    """In a line; of what a compiler says, the end."""
    said = " ".join(said.split())
    return said if len(said) <= NOTE else f"…{said[1 - NOTE :]}"


def page(rows: Sequence[Row], how: str, command: str) -> Iterator[str]:
    """Lines of Markdown."""
    yield "# What `bombus export` makes, beside plain converters"
    yield ""
    yield (
        f"Made by `{command}`; do not edit. "
        "Plain: TensorFlow's and tf2onnx's converters and ONNX Runtime's `quantize_static`, as "
        "their manuals show them, every option at its default (`benchmarks/plain.py`). The models "
        "have random weights that fit their data (`benchmarks/zoo.py`)."
    )
    yield ""
    yield from (f"- {line}" for line in summary(rows))
    yield ""
    yield (
        f"Same: a ratio of up to {ALIKE}, as two runs of one file often differ so. Sizes are "
        "those of the graphs; ours also carry a contract of 1 to 4 kB (labels, tensors, ranges). "
        "The normalized differences (ndl) stay in float in our 8 bits, since a division in 8 bits "
        f"is wrong, and floats take more bytes. Median times of files that took turns: {how}."
    )
    yield ""
    columns = ("ours kB", "plain kB", "size", "ours ms", "plain ms", "latency")
    yield table_row("model", "format", "scheme", *columns)
    yield f"|---|---|---|{'--:|' * len(columns)}"
    for row in rows:
        yield table_row(row.model, row.format, row.scheme, *_values(row))
    missing = [f"- {line}" for line in notes(rows)]
    if missing:
        yield from ("", "Missing:", "", *missing)


def _values(row: Row) -> tuple[str, ...]:
    """Both sides' kB and their ratio, both sides' ms and theirs."""
    return (
        _shown(row.ours_kb, ",.1f"),
        _shown(row.plain_kb, ",.1f"),
        _shown(row.size, ".3f"),
        _shown(row.ours_ms, ".3g"),
        _shown(row.plain_ms, ".3g"),
        _shown(row.latency, ".2f"),
    )


def _shown(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """How many files are as good as the plain ones, and which are not."""
    for what in ("size", "latency"):
        ratios: dict[str, Any] = {
            f"{r.model} {r.format} {r.scheme} ({getattr(r, what):.2f})": getattr(r, what)
            for r in rows
            if getattr(r, what) is not None
        }
        worse = [name for name, ratio in ratios.items() if ratio > ALIKE]
        yield f"{what}: same or better in {len(ratios) - len(worse)} of {len(ratios)}" + (
            f"; worse in {', '.join(worse)}" if worse else ""
        )
    without = [f"{r.model} {r.format} {r.scheme}" for r in rows if r.note]
    if without:
        yield f"not compared: {len(without)} of {len(rows)}, {', '.join(without)}"


if __name__ == "__main__":
    main()
