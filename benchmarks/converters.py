"""`make bench`: what `bombus export` makes, beside TensorFlow's and tf2onnx's converters as such.

Every model of `benchmarks.zoo` is converted both ways, in float and in 8 bits, each file in a
process of its own; then all files of a model are timed in turns, on one thread. Sizes are those of
the graphs: ours also carry a contract (labels, tensors, ranges), which is told apart. A converter
that fails or crashes is a line that says so.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import onnx
from rich.console import Console
from rich.table import Table

from benchmarks import plain
from benchmarks.zoo import ZOO, Feeds, specimen
from bombus import silence_native_code
from export.arrays import Samples, network
from export.conversion.workshop import run_apart
from export.making import make
from export.speed.benchmark import Contender, Failure, Timing, attempts, machine
from export.subject import Order, Subject
from models.errors import BombusError
from models.manifest import Scheme

SCHEMES: tuple[Scheme, ...] = ("f32", "wi8_ai8")
RUNTIMES = {"tflite": "litert", "onnx": "onnxruntime"}
NOTE = 160  # characters
ALIKE = 1.05  # a ratio up to this is the same: two runs of one file differ by as much

Kind = tuple[str, str]  # format and scheme
Files = Mapping[Kind, bytes | str]  # or why there is none


@dataclass(frozen=True)
class Row:
    """One kind of file of one model, made both ways.

    Attributes:
        model: Its name in the zoo.
        format: `tflite` or `onnx`.
        scheme: Of `SCHEMES`.
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
    parser.add_argument("--size", type=int, default=224, help="pixels a side of photos")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    silence_native_code()
    console = Console(stderr=options.json, width=max(Console().width, 120))
    rows: list[Row] = []
    for name in options.models.split(","):
        found = compare(name, options.size, options.rounds)
        rows += found
        console.print(table(found), *notes(found), sep="\n", highlight=False, markup=False)
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    for line in summary(rows):
        console.print(line, highlight=False)
    console.print(f"one thread, batch 1, photos of {options.size} pixels, {machine()}")


def compare(name: str, size: int, rounds: int) -> list[Row]:
    """Convert one model both ways, and time the files in turns."""
    with tempfile.TemporaryDirectory(prefix="bombus-bench-") as folder:
        ours, theirs, feeds = _converted(name, size, Path(folder))
        ranges = {k: (float(v.min()), float(v.max())) for k, v in feeds.items()}
        files: dict[tuple[str, Kind], Path] = {}
        for side, made in (("ours", ours), ("plain", theirs)):
            for (model_format, scheme), data in made.items():
                if isinstance(data, bytes):
                    path = Path(folder, f"{side}_{scheme}.{model_format}")
                    path.write_bytes(data)
                    files[side, (model_format, scheme)] = path
        contenders = [Contender(RUNTIMES[p.suffix[1:]], str(p), 1, ranges) for p in files.values()]
        outcomes = dict(zip(files, attempts(contenders, rounds), strict=True))
    return [
        _row(name, kind, made, [outcomes.get((side, kind)) for side in ("ours", "plain")])
        for kind, made in ((kind, (ours[kind], theirs[kind])) for kind in ours)
    ]


def _converted(name: str, size: int, folder: Path) -> tuple[Files, Files, Feeds]:
    """Ours, plain ones, and what both were calibrated with."""
    found = specimen(name, size)
    keras = folder / "model.keras"
    found.model.save(keras)
    half = len(next(iter(found.feeds.values()))) // 2
    order = Order(name, schemes=SCHEMES, gate=False, rounds=0, jobs=1)
    subject = network(
        found.model,
        keras.read_bytes(),
        order,
        validation=Samples("zoo", {k: v[half:] for k, v in found.feeds.items()}),
        calibration=Samples("zoo", {k: v[:half] for k, v in found.feeds.items()}),
        states=found.states,
    )
    feeds = subject.calibration
    assert feeds is not None
    calls = {
        f"{model_format} {scheme}": partial(convert, keras, None if scheme == "f32" else feeds)
        for model_format, convert in (("tflite", plain.tflite), ("onnx", plain.onnx))
        for scheme in SCHEMES
    }
    theirs = {
        _kind(kind): str(made) if isinstance(made, BombusError) else made
        for kind, made in run_apart(calls)
    }
    ours = dict(_ours(subject, order))
    return {kind: ours[kind] for kind in theirs}, theirs, feeds


def _kind(text: str) -> Kind:
    model_format, _, scheme = text.partition(" ")
    return model_format, scheme


def _ours(subject: Subject, order: Order) -> Iterator[tuple[Kind, bytes | str]]:
    made, failed = make(subject, order, lambda line: None)
    for result in made:
        yield (result.artefact.format, result.artefact.scheme), result.data
    for model_format in order.formats:
        for scheme in order.schemes:
            file = order.file(model_format, scheme)
            refused = subject.refused.get((model_format, scheme))
            if refused or file in failed:
                yield (model_format, scheme), refused or str(failed[file])


def _row(
    model: str,
    kind: Kind,
    made: Sequence[bytes | str],
    outcomes: Sequence[Timing | Failure | None],
) -> Row:
    ours, theirs = made
    notes = []
    for side, data, outcome in zip(("ours", "plain"), made, outcomes, strict=True):
        if isinstance(data, str):
            notes.append(f"{side}: {data}")
        elif isinstance(outcome, Failure):
            notes.append(f"{side}: {outcome.why}")
    graph = None if isinstance(ours, str) else graph_bytes(ours, kind[0])
    mine, their = (o.median_ms if isinstance(o, Timing) else None for o in outcomes)
    return Row(
        model,
        *kind,
        ours_kb=None if graph is None else graph / 1e3,
        contract_kb=0.0 if graph is None else (len(ours) - graph) / 1e3,
        plain_kb=None if isinstance(theirs, str) else graph_bytes(theirs, kind[0]) / 1e3,
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
        found.add_row(
            row.model,
            row.format,
            row.scheme,
            _shown(row.ours_kb, ",.1f"),
            _shown(row.contract_kb, ".1f"),
            _shown(row.plain_kb, ",.1f"),
            _shown(row.size, ".3f"),
            _shown(row.ours_ms, ".3g"),
            _shown(row.plain_ms, ".3g"),
            _shown(row.latency, ".2f"),
        )
    return found


def notes(rows: Sequence[Row]) -> Iterator[str]:
    """What is missing, and why; of what a compiler says, the end."""
    for row in rows:
        if row.note:
            said = row.note if len(row.note) <= NOTE else f"…{row.note[1 - NOTE :]}"
            yield f"{row.model} {row.format} {row.scheme}: {said}"


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


if __name__ == "__main__":
    main()
