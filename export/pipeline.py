"""The whole path: `.keras` file -> artefacts -> gate -> bundle. Nothing is written that failed."""

from __future__ import annotations

import hashlib
import importlib.metadata
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from export.annotate import annotate
from export.assemble import Made, Plan, assemble, contract_for
from export.benchmark import Timing, benchmark, machine
from export.convert import Endpoint, saved_model, to_onnx
from export.exam import Exam, prepare
from export.familiarity import fit_thresholds
from export.heads import FAMILIARITY
from export.quantize import onnx_model, tflite
from export.verify import judge, judge_head
from models.bundle import Bundle, write_bundle
from models.contract import Contract
from models.errors import BudgetError, GateError, InputError
from models.files import refuse_existing, writing_to
from models.manifest import Artefact, Format, Scheme
from models.metrics import as_logits
from models.preprocess import load_photos
from models.progress import track
from models.quality import Latency
from models.runtime import Runner, available_runtimes, open_runner, run_each
from models.schema import Dtype

Say = Callable[[str], None]


@dataclass(frozen=True)
class Draft:
    """A converted file that nobody has judged yet."""

    file: str
    format: Format
    scheme: Scheme
    data: bytes


def export(
    plan: Plan, out: Path, *, force: bool = False, say: Say = print
) -> tuple[Bundle, list[Made]]:
    """Make, judge and write a bundle.

    Args:
        plan: What to make.
        out: The bundle's folder.
        force: Replace what is there.
        say: Receives one line of progress at a time.

    Returns:
        The written bundle and what is in it.

    Raises:
        InputError: The plan cannot be carried out as given.
        ConversionError: A converter failed.
        GateError: An artefact does not match the Keras model. The failing files are kept beside
            `out`, in `<out>.rejected/`, with the suffix `.rejected`.
        BudgetError: An artefact is too large or too slow.
    """
    refuse_existing(out, force)
    _check(plan)
    model, exam = prepare(plan, say)
    contract = contract_for(plan, model)
    endpoint = Endpoint(model, plan.source.image_size)
    made = []
    drafts = _convert(plan, endpoint, contract)
    for draft in track(drafts, len(plan.formats) * len(plan.schemes), "convert and verify"):
        say(f"{draft.file}: {len(draft.data) / 1e6:.2f} MB")
        result = _judge(plan, draft, exam)
        for warning in result.verdict.warnings:
            say(f"warning: {draft.file}: {warning}")
        made.append(result)
    _refuse_failures(plan, made, out)
    made = _with_latency(plan, made)
    for line in slower_than_float([m.artefact for m in made]):
        say(f"warning: {line}")
    _refuse_over_budget(plan, made)
    manifest, files = assemble(plan, contract, made)
    return write_bundle(out, manifest, files, force=force), made


def _check(plan: Plan) -> None:
    """Everything that can be known to be wrong before the expensive work."""
    if len(plan.labels) != plan.source.classes:
        raise InputError(
            f"{len(plan.labels)} labels for a model with {plan.source.classes} outputs; "
            "give --labels the list it was trained with"
        )
    if len(set(plan.labels)) != len(plan.labels):
        raise InputError("labels: a name stands twice; give each class its own")
    if "wi8_ai8" in plan.schemes and plan.calibration is None:
        raise InputError("wi8_ai8 needs --calibrate DIR: photos like those the model will see")
    for model_format in plan.formats:
        if not available_runtimes(model_format):
            raise InputError(f"no runtime for {model_format} is installed, so it can't be verified")
    if plan.calibration is not None:
        shared = set(plan.calibration.digests) & set(plan.validation.digests)
        if shared:
            raise InputError(
                f"{len(shared)} photos are in both --calibrate and --validate; "
                "validate on photos that the quantizer has not seen"
            )


def _convert(plan: Plan, endpoint: Endpoint, contract: Contract) -> Iterator[Draft]:
    """Every format under every scheme, with the contract embedded."""
    calibration = None
    if plan.calibration is not None:
        calibration = load_photos(plan.calibration.paths, plan.source.image_size)
    version = importlib.metadata.version("bombus")

    def draft(model_format: Format, scheme: Scheme, data: bytes) -> Draft:
        annotated = annotate(data, model_format, contract, version)
        return Draft(f"{plan.name}_{scheme}.{model_format}", model_format, scheme, annotated)

    if "tflite" in plan.formats:
        with saved_model(endpoint) as folder:
            for scheme in plan.schemes:
                yield draft("tflite", scheme, tflite(folder, scheme, calibration))
    if "onnx" in plan.formats:
        model = to_onnx(endpoint)
        for scheme in plan.schemes:
            yield draft("onnx", scheme, onnx_model(model, scheme, calibration))


def _judge(plan: Plan, draft: Draft, exam: Exam) -> Made:
    runner = open_runner(draft.data, draft.format, threads=2, name=draft.file)
    answers = run_each(runner, exam.photos)
    main, *heads = exam.reference
    verdict = judge(
        reference=exam.reference[main],
        candidate=answers[main].astype(np.float32),
        targets=plan.validation.targets if plan.labelled else None,
        scheme=draft.scheme,
        size=len(draft.data),
        weights=plan.source.model.count_params(),
        meaning=main,
        data=plan.data_name,
        max_drop=plan.max_drop,
    )
    parity, failures = {main: verdict.parity}, list(verdict.failures)
    for head in heads:
        parity[head], why = judge_head(exam.reference[head], answers[head], draft.scheme)
        failures += [f"{head}: {line}" for line in why]
    calibration = verdict.calibration
    if calibration is not None and exam.familiarity is not None:
        rejection = fit_thresholds(
            exam.familiarity,
            as_logits(answers[main], main),
            answers[FAMILIARITY][:, 0],
            exam.reference[FAMILIARITY][:, 0],
        )
        calibration = calibration.model_copy(update={"rejection": rejection})
    artefact = Artefact(
        file=draft.file,
        format=draft.format,
        scheme=draft.scheme,
        bytes=len(draft.data),
        sha256=hashlib.sha256(draft.data).hexdigest(),
        dtypes=dtypes_of(runner),
        parity=parity,
        quality=verdict.quality,
        calibration=calibration,
    )
    return Made(artefact, draft.data, replace(verdict, failures=tuple(failures)))


def dtypes_of(runner: Runner) -> dict[str, Dtype]:
    """What a file takes and gives, by name."""
    return {
        port.name: port.dtype.name  # type: ignore[misc]
        for port in (*runner.inputs, *runner.outputs)
    }


def _refuse_failures(plan: Plan, made: Sequence[Made], out: Path) -> None:
    failed = [m for m in made if not m.verdict]
    if not failed or not plan.gate:
        return
    raise rejected(out, {m.artefact.file: (m.data, m.verdict.failures) for m in failed}, len(made))


def rejected(out: Path, failed: Mapping[str, tuple[bytes, Sequence[str]]], count: int) -> GateError:
    """Keep what failed beside the bundle that is not made, for people to look at; the error.

    Args:
        out: The bundle's folder.
        failed: Content and reasons by file name.
        count: How many artefacts were judged.
    """
    folder = out.with_name(f"{out.name}.rejected")
    for file, (data, _) in failed.items():
        with writing_to(folder / f"{file}.rejected") as temporary:
            temporary.write_bytes(data)
    reasons = "; ".join(f"{file}: {', '.join(why)}" for file, (_, why) in failed.items())
    return GateError(f"{len(failed)} of {count} artefacts rejected, kept in {folder}: {reasons}")


def _with_latency(plan: Plan, made: list[Made]) -> list[Made]:
    """The same with measured latencies, all artefacts in turns."""
    if plan.rounds == 0:
        return made
    latencies = measured({m.artefact.file: m.data for m in made}, plan.rounds)
    return [
        replace(m, artefact=m.artefact.model_copy(update={"latency": latencies[m.artefact.file]}))
        for m in made
    ]


def measured(files: Mapping[str, bytes], rounds: int) -> dict[str, Latency]:
    """Latencies of artefacts by file name, all in turns, on each one's preferred runtime."""
    with tempfile.TemporaryDirectory(prefix="bombus-") as folder:
        contenders = []
        for file, data in files.items():
            path = Path(folder, file)
            path.write_bytes(data)
            contenders.append(f"{available_runtimes(path.suffix[1:])[0]}:{path}")
        timings = benchmark(contenders, rounds)
    return {file: _latency(timing) for file, timing in zip(files, timings, strict=True)}


def _latency(timing: Timing) -> Latency:
    return Latency(
        runtime=timing.contender.partition(":")[0],
        machine=machine(),
        runs=timing.runs,
        min_ms=_rounded(timing.min_ms),
        median_ms=_rounded(timing.median_ms),
        p95_ms=_rounded(timing.p95_ms),
    )


def _rounded(ms: float) -> float:
    """Four figures: a step of a stream takes microseconds, a photo seconds."""
    return float(f"{ms:.4g}")


def slower_than_float(artefacts: Sequence[Artefact]) -> list[str]:
    """A line for every quantized artefact that is slower than its format's f32 one here."""
    floats = {a.format: a.latency for a in artefacts if a.scheme == "f32" and a.latency}
    return [
        f"{a.file} is slower than float here: median {a.latency.median_ms:.3g} ms against "
        f"{floats[a.format].median_ms:.3g} ms"
        for a in artefacts
        if a.scheme.startswith("wi8")
        and a.latency
        and a.format in floats
        and a.latency.median_ms > floats[a.format].median_ms
    ]


def _refuse_over_budget(plan: Plan, made: Sequence[Made]) -> None:
    for m in made:
        megabytes = m.artefact.bytes / 1e6
        if plan.max_mb is not None and megabytes > plan.max_mb:
            raise BudgetError(
                f"{m.artefact.file}: {megabytes:.2f} MB, the limit is {plan.max_mb} MB; "
                "choose a smaller scheme or width"
            )
        latency = m.artefact.latency
        if plan.max_ms is not None and latency and latency.median_ms > plan.max_ms:
            raise BudgetError(
                f"{m.artefact.file}: {latency.median_ms:.2f} ms (median), the limit is "
                f"{plan.max_ms} ms; choose a faster scheme or width"
            )
