"""From a run of `bombus train spectral` to a bundle whose artefacts are true to it in any light."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.annotate import annotate
from export.assemble import manifest_of
from export.convert import saved_model, to_onnx
from export.mixed import onnx_mixed, tflite_mixed
from export.pipeline import dtypes_of, measured, rejected, slower_than_float
from export.quantize import tflite
from export.spectral_bundle import Run, contract_of, keras_artefact
from export.spectral_gate import Exam, judge_spectral
from export.spectral_graph import LOGITS, SpectralGraph, spectral_graph
from export.verify import MAX_DROP, check_reference
from models.bundle import Bundle, write_bundle
from models.contract import Contract
from models.files import refuse_existing
from models.manifest import Artefact, Format, Scheme
from models.runtime import open_runner

SCHEMES: tuple[Scheme, ...] = ("f32", "f16", "wi8_ai8")
CALIBRATION = 512  # of the rows it learned from, as many set the ranges of 8 bits at most

Draft = tuple[Format, Scheme, bytes]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Made:
    """An artefact, its bytes, and what speaks against it."""

    artefact: Artefact
    data: bytes
    failures: tuple[str, ...]


def export_spectral(
    run: Run,
    out: Path,
    *,
    schemes: Sequence[Scheme] = SCHEMES,
    max_drop: float = MAX_DROP,
    version: str = "0.1.0",
    license_id: str = "Apache-2.0",
    rounds: int = 20,
    force: bool = False,
    say: Say = print,
) -> Bundle:
    """Make, judge and write a bundle.

    Args:
        run: What was trained.
        out: The bundle's folder.
        schemes: Of `SCHEMES`. ONNX has no f16: ONNX Runtime would compute in half precision.
        max_drop: Top-1 that an artefact may lose, as a fraction.
        version: Of the bundle.
        license_id: SPDX identifier.
        rounds: Of the benchmark; 0 measures nothing.
        force: Replace what is there.
        say: Receives one line of progress at a time.

    Raises:
        InputError: Something is there already, or the run is of another kind.
        ConversionError: A converter failed.
        GateError: An artefact is not what Keras is, or heeds the light; it is kept beside the
            bundle, in `<out>.rejected/`.
    """
    refuse_existing(out, force)
    graph = spectral_graph(run.model, run.sensed.bands, len(run.sensed.classes))
    contract = contract_of(run, graph, name=out.name, version=version, license_id=license_id)
    exam = _exam(run, graph)
    step = -(-len(run.learned.values) // CALIBRATION)
    drafts = _drafts(graph, schemes, run.learned.values[::step])
    weights = run.model.count_params()
    made = [
        _judged(draft, contract, exam, weights=weights, max_drop=max_drop, say=say)
        for draft in drafts
    ]
    failed = {m.artefact.file: (m.data, m.failures) for m in made if m.failures}
    if failed:
        raise rejected(out, failed, len(made))
    files = {m.artefact.file: m.data for m in made}
    artefacts = [m.artefact for m in made]
    if rounds:
        latencies = measured(files, rounds)
        artefacts = [a.model_copy(update={"latency": latencies[a.file]}) for a in artefacts]
    for line in slower_than_float(artefacts):
        say(f"warning: {line}")
    keras = keras_artefact(run, contract)
    manifest = manifest_of(
        contract,
        [*artefacts, keras],
        keras_bytes=run.keras,
        training=run.training,
        validation={"name": exam.name, "n": len(exam.values), "held_out": len(exam.held_out)},
    )
    return write_bundle(out, manifest, files | {keras.file: run.keras}, force=force)


def _exam(run: Run, graph: SpectralGraph) -> Exam:
    """All rows, those that it never saw first.

    Raises:
        GateError: Keras's own answers prove nothing.
    """
    values, targets = (
        np.concatenate((getattr(run.test, part), getattr(run.learned, part)))
        for part in ("values", "targets")
    )
    answers = graph.model.predict(values, batch_size=4096, verbose=0)
    reference = {name: np.asarray(answer, np.float32) for name, answer in answers.items()}
    check_reference(reference[LOGITS])
    name = str(run.training.get("data", "samples"))
    return Exam(name, values, targets, np.arange(len(run.test.values)), reference)


def _drafts(
    graph: SpectralGraph, schemes: Sequence[Scheme], rows: NDArray[np.float32]
) -> Iterator[Draft]:
    with saved_model(graph) as folder:
        single = tflite(folder, "f32", None)
        for scheme in schemes:
            if scheme == "wi8_ai8":
                yield "tflite", scheme, tflite_mixed(folder, single, rows)
            else:
                yield "tflite", scheme, single if scheme == "f32" else tflite(folder, scheme, None)
    model = to_onnx(graph)
    for scheme in schemes:
        if scheme == "f32":
            yield "onnx", scheme, model.SerializeToString()
        if scheme == "wi8_ai8":
            yield "onnx", scheme, onnx_mixed(model, rows)


def _judged(
    draft: Draft, contract: Contract, exam: Exam, *, weights: int, max_drop: float, say: Say
) -> Made:
    model_format, scheme, plain = draft
    data = annotate(plain, model_format, contract, importlib.metadata.version("bombus"))
    file = f"{contract.name}_{scheme}.{model_format}"
    runner = open_runner(data, model_format, name=file)
    verdict = judge_spectral(
        runner, exam, scheme, size=len(data), weights=weights, max_drop=max_drop
    )
    kept = verdict.invariance.unchanged
    say(f"{file}: {len(data) / 1e3:.1f} kB, {100 * kept:.2f} % keep their class under every gain")
    for line in verdict.warnings:
        say(f"warning: {file}: {line}")
    artefact = Artefact(
        file=file,
        format=model_format,
        scheme=scheme,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        dtypes=dtypes_of(runner),
        parity=verdict.parity,
        invariance=verdict.invariance,
        quality=verdict.quality,
        calibration=verdict.calibration,
    )
    return Made(artefact, data, verdict.failures)
