"""How fast artefacts are here, on every runtime that reads them, and whether that suffices."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from export.inspection.look import look_at
from export.speed.benchmark import (
    NOTABLE,
    Contender,
    Failure,
    Ranges,
    Timing,
    attempts,
    cores,
    machine,
)
from models.bundle import Bundle, find_bundle
from models.choice import candidates
from models.contract import Contract
from models.errors import InputError, IntegrityError
from models.manifest import SCHEMES
from models.runtime import RUNTIMES

FLOATS = ("f32", "f16")  # what computes in float, the measure of all others first
_CALLED = {"wi8_ai8": "int8", "wi8_afp32": "int8 of the weights"}
_PACKAGES = ("ai-edge-litert", "tflite-runtime", "onnxruntime", "numpy")


@dataclass(frozen=True)
class Candidate:
    """An artefact to time.

    Attributes:
        path: The file.
        format: `tflite` or `onnx`.
        scheme: Of `models.manifest.SCHEMES`, or empty where its name does not tell.
        model: What it shares with the other artefacts of the same model.
        ranges: Of its inputs, as far as its contract tells.
        default: Whether its bundle prefers it on this machine; a file of no bundle is preferred.
    """

    path: Path
    format: str
    scheme: str
    model: str
    ranges: Ranges
    default: bool


@dataclass(frozen=True)
class Row:
    """An artefact on a runtime with so many threads: its timing, or why there is none.

    Attributes:
        ratio: Of its median to that of the f32 artefact of the same model and format, on the same
            runtime and threads; None without one.
    """

    artefact: Candidate
    runtime: str
    threads: int
    outcome: Timing | Failure
    ratio: float | None = None

    @property
    def timing(self) -> Timing | None:
        """None where it could not run."""
        return self.outcome if isinstance(self.outcome, Timing) else None

    @property
    def why(self) -> str:
        """Why it could not run; empty where it could."""
        return self.outcome.why if isinstance(self.outcome, Failure) else ""

    @property
    def mb(self) -> float:
        """Size of the file, 10^6 bytes."""
        return self.artefact.path.stat().st_size / 1e6

    @property
    def where(self) -> str:
        """Runtime and threads in words."""
        return f"{self.runtime}, {self.threads} thread{'s' if self.threads > 1 else ''}"

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        a, told = self.artefact, asdict(self.outcome)
        del told["contender"]
        return {
            "file": str(a.path),
            "format": a.format,
            "scheme": a.scheme,
            "default": a.default,
            "mb": self.mb,
            "runtime": self.runtime,
            "threads": self.threads,
            "ratio": self.ratio,
            **told,
        }


def find(names: Sequence[str]) -> list[Candidate]:
    """The artefacts of bundles (folders, or names of shipped ones), and single files.

    Raises:
        InputError: There is no such file or bundle, or no runtime can run it.
        IntegrityError: A file is damaged, unsafe, or not what its manifest says.
    """
    found = [candidate for name in names for candidate in _found(name)]
    if not found:
        raise InputError(f"{', '.join(names)}: no .tflite or .onnx file there; export one first")
    return found


def _found(name: str) -> Iterator[Candidate]:
    if Path(name).suffix in {".tflite", ".onnx", ".keras"} or Path(name).is_file():
        yield _single(Path(name))
    else:
        yield from _bundled(find_bundle(name))


def _single(path: Path) -> Candidate:
    anatomy = look_at(path).anatomy
    if anatomy.dangers:
        raise IntegrityError(f"{path}: {'; '.join(anatomy.dangers)}; do not run it")
    if anatomy.format not in RUNTIMES.values():
        raise InputError(f"{path}: a {anatomy.format} file; give a .tflite or .onnx file")
    scheme = next((s for s in SCHEMES if path.stem.endswith(f"_{s}")), "")
    model = str(path.with_name(path.stem.removesuffix(f"_{scheme}")))
    try:
        ranges = ranges_of(Contract.model_validate(anatomy.contract))
    except ValidationError:  # of nobody, or of another version
        ranges = {}
    return Candidate(path, anatomy.format, scheme, model, ranges, default=True)


def _bundled(bundle: Bundle) -> Iterator[Candidate]:
    bundle.verify()
    runnable, default = candidates(bundle, "")
    ranges = ranges_of(bundle.manifest.contract())
    for a in runnable:
        preferred = default in {None, a.file}
        path = bundle.path / a.file
        yield Candidate(path, a.format, a.scheme, str(bundle.path), ranges, preferred)


def ranges_of(contract: Contract) -> Ranges:
    """Least and greatest values of inputs, without states, which begin with zeros."""
    fed = {tensor.feeds for tensor in contract.outputs}
    return {t.name: t.range for t in contract.inputs if t.range and t.name not in fed}


def measure(
    artefacts: Sequence[Candidate],
    runtimes: Sequence[str],
    threads: Sequence[int],
    rounds: int,
    *,
    profile: bool = False,
) -> list[Row]:
    """Time artefacts on every runtime that reads them, all in turns.

    Args:
        artefacts: Of `find`.
        runtimes: Of `models.runtime.RUNTIMES`, all of them installed.
        threads: How many; each is a contender of its own.
        rounds: Of the benchmark.
        profile: Whether to say where the time goes.
    """
    rows = [
        (a, r, n) for a in artefacts for r in runtimes if RUNTIMES[r] == a.format for n in threads
    ]
    contenders = [Contender(r, str(a.path), n, a.ranges) for a, r, n in rows]
    outcomes = attempts(contenders, rounds, profile=profile)
    return beside_float([Row(*row, outcome) for row, outcome in zip(rows, outcomes, strict=True)])


def beside_float(rows: Sequence[Row]) -> list[Row]:
    """The same with their ratios."""
    return [
        Row(
            row.artefact,
            row.runtime,
            row.threads,
            row.outcome,
            _ratio(row, _float(row, rows, "f32")),
        )
        for row in rows
    ]


def slower_than_float(rows: Sequence[Row]) -> list[str]:
    """A line wherever 8 bits are slower than float."""
    lines = []
    for row in rows:
        called = _CALLED.get(row.artefact.scheme)
        other = next((found for s in FLOATS if (found := _float(row, rows, s))), None)
        if called is None or other is None or (_ratio(row, other) or 0) <= NOTABLE:
            continue
        mine, theirs = (r.timing.median_ms for r in (row, other) if r.timing)
        lines.append(
            f"{called} is slower than float here: {row.artefact.path.name} ({row.where}) takes "
            f"{mine:.3g} ms against {theirs:.3g} ms of {other.artefact.path.name}"
        )
    return lines


def _float(row: Row, rows: Sequence[Row], scheme: str) -> Row | None:
    """The row of the same model in float, all else alike."""
    alike = (row.artefact.model, row.artefact.format, row.runtime, row.threads)
    for other in rows:
        a = other.artefact
        if a.scheme == scheme and (a.model, a.format, other.runtime, other.threads) == alike:
            return other
    return None


def _ratio(row: Row, other: Row | None) -> float | None:
    if other is None or row.timing is None or other.timing is None:
        return None
    return row.timing.median_ms / other.timing.median_ms


def over_budget(
    rows: Sequence[Row], max_ms: float | None, max_mb: float | None, *, every: bool = False
) -> list[str]:
    """A line for each limit that an artefact exceeds.

    Args:
        rows: Of `measure`. Latency is judged at one thread, on the first runtime of an artefact.
        max_ms: Limit of the median; None for none.
        max_mb: Limit of the size; None for none.
        every: Judge every artefact, not only those that are preferred.
    """
    lines = []
    judged = dict[Path, Row]()
    for row in rows:
        if (row.threads == 1 or max_ms is None) and (every or row.artefact.default):
            judged.setdefault(row.artefact.path, row)
    for path, row in judged.items():
        if max_mb is not None and row.mb > max_mb:
            lines.append(
                f"{path.name}: {row.mb:.3g} MB, the limit is {max_mb:g} MB; "
                "choose a smaller scheme or width"
            )
        if max_ms is None:
            continue
        if row.timing is None:
            lines.append(
                f"{path.name}: did not run ({row.where}), the limit is {max_ms:g} ms; "
                "choose another runtime"
            )
        elif not row.timing.median_ms <= max_ms:
            lines.append(
                f"{path.name}: {row.timing.median_ms:.3g} ms (median, {row.where}), the limit is "
                f"{max_ms:g} ms; choose a faster scheme or width"
            )
    return lines


def surroundings() -> dict[str, Any]:
    """What the figures belong to: machine, cores, versions."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"machine": machine(), "cores": cores(), "versions": versions}
