"""From a subject to judged artefacts: each is converted in a process of its own."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

from export.annotate import annotate
from export.assemble import artefact_of
from export.conversion.drafting import draft_base, draft_onnx, draft_tflite
from export.conversion.served import AnyRows, saved_model
from export.conversion.workshop import Call, run_apart
from export.gate.second_reader import read_again
from export.subject import Candidate, Judge, Made, Order, Subject
from models.contract import Contract
from models.errors import BombusError
from models.manifest import Format, Scheme
from models.progress import track
from models.runtime import Runner, open_runner
from models.schema import Dtype

Kind = tuple[Format, Scheme]
Say = Callable[[str], None]
_BASE = "the float graph for onnx"


def wanted(subject: Subject, order: Order) -> list[Kind]:
    """What is to be made, less what the subject refuses."""
    kinds = [(f, s) for f in order.formats for s in order.schemes]
    return [kind for kind in kinds if kind not in subject.refused]


def make(subject: Subject, order: Order, say: Say) -> tuple[list[Made], dict[str, BombusError]]:
    """Convert and judge all that an order asks for.

    Args:
        subject: The model.
        order: What to make of it.
        say: Receives one line of progress at a time.

    Returns:
        What could be converted, judged, in the order's order; why the others could not, by file.
    """
    kinds = {order.file(*kind): kind for kind in wanted(subject, order)}
    made, failed = dict[str, Made](), dict[str, BombusError]()
    for file, result in track(_drafts(subject, order, kinds), len(kinds), "convert and verify"):
        if isinstance(result, BombusError):
            failed[file] = result
            say(f"{file}: {result}")
            continue
        made[file] = judged(subject.contract, subject.judge, file, kinds[file], result)
        say(f"{file}: {told(made[file])}")
        for warning in made[file].judgement.warnings:
            say(f"warning: {file}: {warning}")
    return [made[file] for file in kinds if file in made], failed


def _drafts(
    subject: Subject, order: Order, kinds: Mapping[str, Kind]
) -> Iterator[tuple[str, bytes | BombusError]]:
    """Files as they get ready, not yet annotated, or why they don't."""
    served = subject.served
    inputs = [spec.name for spec in served.signature]
    base: Any = None
    with (
        saved_model(served) as folder,
        saved_model(AnyRows(served)) if subject.loops else nullcontext(folder) as basis,
    ):
        calls: dict[str, Call] = {
            file: partial(draft_tflite, folder, scheme, *_needs(subject, scheme))
            for file, (model_format, scheme) in kinds.items()
            if model_format == "tflite"
        }
        if len(calls) < len(kinds):  # first, since the others wait for it
            first = partial(draft_base, basis, inputs, subject.loops, order.onnxruntime)
            calls = {_BASE: first} | calls
        for name, result in run_apart(calls, order.jobs):
            if name == _BASE:
                base = result
            else:
                yield name, result
    others = {file: scheme for file, (_, scheme) in kinds.items() if file not in calls}
    if isinstance(base, BombusError):
        yield from ((file, base) for file in others)
        return
    calls = {
        file: partial(draft_onnx, base, scheme, *_needs(subject, scheme))
        for file, scheme in others.items()
    }
    yield from run_apart(calls, order.jobs)


def _needs(subject: Subject, scheme: Scheme) -> tuple[Any, Any]:
    """Calibration data and what to spare, which only full 8 bits take."""
    return (subject.calibration, subject.spare) if scheme == "wi8_ai8" else (None, None)


def judged(
    contract: Contract, judge: Judge, file: str, kind: Kind, draft: bytes, *, threads: int = 2
) -> Made:
    """A draft with its contract in it, and what its judge says."""
    model_format, scheme = kind
    data = annotate(draft, model_format, contract, importlib.metadata.version("bombus"))
    runner = open_runner(data, model_format, threads=threads, name=file)
    judgement = judge(Candidate(runner, scheme, len(data)))
    second = read_again(data, runner, contract, scheme) if model_format == "onnx" else None
    artefact = artefact_of(file, kind, data, _dtypes(runner), judgement, second_reading=second)
    return Made(artefact, data, judgement)


def told(made: Made) -> str:
    """An artefact's size, and who else reads it, in words."""
    second = made.artefact.second_reading
    return f"{made.artefact.bytes / 1e6:.3g} MB{f', {second}' if second else ''}"


def _dtypes(runner: Runner) -> dict[str, Dtype]:
    """What a file takes and gives, by name."""
    return {
        port.name: port.dtype.name  # type: ignore[misc]
        for port in (*runner.inputs, *runner.outputs)
    }
