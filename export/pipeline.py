"""The whole path: subject -> artefacts -> gate -> bundle. Nothing is written that failed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from export.assemble import manifest_of
from export.making import Say, make, wanted
from export.speed.benchmark import NOTABLE, Timing, benchmark, machine
from export.subject import Made, Order, Subject
from models.bundle import Bundle, write_bundle
from models.errors import BombusError, BudgetError, ConversionError, GateError, InputError
from models.files import refuse_existing, writing_to
from models.manifest import Artefact
from models.quality import Latency
from models.runtime import available_runtimes


def export(
    subject: Subject, order: Order, out: Path, *, force: bool = False, say: Say = print
) -> tuple[Bundle, list[Made]]:
    """Make, judge and write a bundle.

    Args:
        subject: The model.
        order: What to make of it.
        out: The bundle's folder.
        force: Replace what is there.
        say: Receives one line of progress at a time.

    Returns:
        The written bundle and what is in it.

    Raises:
        InputError: The order cannot be carried out as given.
        ConversionError: A converter failed.
        GateError: An artefact does not match the Keras model. The failing files are kept beside
            `out`, in `<out>.rejected/`, with the suffix `.rejected`.
        BudgetError: An artefact is too large or too slow.

        With `order.keep_going`, conversion and gate errors come after what passed is written.
    """
    refuse_existing(out, force)
    _check(subject, order)
    for (model_format, scheme), why in subject.refused.items():
        if model_format in order.formats and scheme in order.schemes:
            say(f"{order.file(model_format, scheme)}: not made: {why}")
    made, failed = make(subject, order, say)
    passed = [m for m in made if m.judgement or not order.gate]
    problem = _problem(order, made, failed, out)
    if problem is not None and not (order.keep_going and passed):
        raise problem
    passed = with_latency(passed, order.rounds)
    for line in slower_than_float([m.artefact for m in passed]):
        say(f"warning: {line}")
    _refuse_over_budget(order, passed)
    manifest = manifest_of(
        subject.contract,
        [subject.keras, *(m.artefact for m in passed)],
        keras_bytes=subject.keras_data,
        told=subject.told,
    )
    files = {subject.keras.file: subject.keras_data} | {m.artefact.file: m.data for m in passed}
    bundle = write_bundle(out, manifest, files, force=force)
    if problem is not None:
        say(f"{len(passed)} artefacts that passed -> {out}")
        raise problem
    return bundle, passed


def _check(subject: Subject, order: Order) -> None:
    """Everything that can be known to be wrong before the expensive work."""
    kinds = wanted(subject, order)
    if not kinds:
        raise ConversionError(f"nothing can be made: {'; '.join(subject.refused.values())}")
    if any(scheme == "wi8_ai8" for _, scheme in kinds) and not subject.calibration:
        raise InputError("wi8_ai8 needs --calibrate: data like those the model will see")
    for model_format in order.formats:
        if not available_runtimes(model_format):
            raise InputError(f"no runtime for {model_format} is installed, so it can't be verified")


def _problem(
    order: Order, made: Sequence[Made], failed: Mapping[str, BombusError], out: Path
) -> BombusError | None:
    """What did not pass, as one error; what failed the gate is kept aside."""
    unfit = {m.artefact.file: (m.data, m.judgement.failures) for m in made if not m.judgement}
    unmade = "; ".join(f"{file}: {error}" for file, error in failed.items())
    if unfit and order.gate:
        error = rejected(out, unfit, len(made))
        return GateError(f"{error}; {unmade}") if unmade else error
    if failed:
        left_out = "leave them out by --to or --schemes, or add --keep-going"
        return ConversionError(f"{len(failed)} not converted: {unmade}; {left_out}")
    return None


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
    reasons = "; ".join(f"{file}: {_brief(why)}" for file, (_, why) in failed.items())
    return GateError(f"{len(failed)} of {count} artefacts rejected, kept in {folder}: {reasons}")


def _brief(reasons: Sequence[str], most: int = 3) -> str:
    more = [f"and {len(reasons) - most} more"] if len(reasons) > most else []
    return ", ".join([*reasons[:most], *more])


def with_latency(made: Sequence[Made], rounds: int) -> list[Made]:
    """The same with measured latencies, all artefacts in turns; as they are for 0 rounds."""
    if rounds == 0:
        return list(made)
    latencies = measured({m.artefact.file: m.data for m in made}, rounds)
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
        and a.latency.median_ms > NOTABLE * floats[a.format].median_ms
    ]


def _refuse_over_budget(order: Order, made: Sequence[Made]) -> None:
    for m in made:
        megabytes = m.artefact.bytes / 1e6
        if order.max_mb is not None and megabytes > order.max_mb:
            raise BudgetError(
                f"{m.artefact.file}: {megabytes:.2f} MB, the limit is {order.max_mb} MB; "
                "choose a smaller scheme or width"
            )
        latency = m.artefact.latency
        if order.max_ms is not None and latency and latency.median_ms > order.max_ms:
            raise BudgetError(
                f"{m.artefact.file}: {latency.median_ms:.2f} ms (median), the limit is "
                f"{order.max_ms} ms; choose a faster scheme or width"
            )
