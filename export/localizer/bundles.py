"""From a training run to two bundles: the network's step, and the whole localizer as one graph.

Each artefact localizes whole drives and is held to the way that `robot.localizer` makes of them in
float64 with the Keras network. Compressed schemes are kept only where they hold it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from export.assemble import keras_artefact, manifest_of
from export.conversion.quantize import tflite
from export.conversion.served import saved_model, to_onnx
from export.localizer.adapter_step import adapter_step
from export.localizer.gate import judge_step, judge_whole
from export.localizer.run import Run, contract_of
from export.localizer.step import localizer_step
from export.localizer.stream import Stream
from export.localizer.ways import judge_by
from export.making import judged, told
from export.pipeline import rejected, with_latency
from export.subject import Judge, Judgement, Made, Told
from models.bundle import Bundle, write_bundle
from models.contract import Contract
from models.files import refuse_existing
from models.manifest import Format, Scheme
from models.progress import track
from robot.recording import Recording

KEPT_IF_GOOD: tuple[Scheme, ...] = ("f16", "wi8_afp32")

Draft = tuple[Format, Scheme, bytes]
Say = Callable[[str], None]


def export_localizer(
    run: Run,
    out: Path,
    graph: Path,
    drives: Sequence[Recording],
    *,
    version: str = "0.1.0",
    license_id: str = "Apache-2.0",
    rounds: int = 20,
    force: bool = False,
    say: Say = print,
) -> tuple[Bundle, Bundle]:
    """Make, judge and write both bundles, or neither.

    Args:
        run: What was trained.
        out: The folder of the step's bundle.
        graph: The folder of the graph's.
        drives: To judge by, with truth at their start.
        version: Of the bundles.
        license_id: SPDX identifier.
        rounds: Of the benchmark; 0 measures nothing.
        force: Replace what is there.
        say: Receives one line of progress at a time.

    Raises:
        InputError: Something is there already, or a place cannot be written.
        ConversionError: A converter failed.
        GateError: An artefact goes astray; it is kept beside the bundle, in `<out>.rejected/`.
    """
    for path in (out, graph):
        refuse_existing(path, force)
    if run.profile.tone or run.profile.echo:
        say(
            f"{graph}: a graph cannot hear, and this network was trained by ear; "
            "for one that is to serve in a graph, train with tone = false and wheelbase = 0"
        )
    single = run.network.in_float32()
    judges = [
        judge_by(drive, run.network, single, run.profile)
        for drive in track(drives, len(drives), "localize with Keras")
    ]
    step, whole = adapter_step(single), localizer_step(single, run.profile)
    names = {"version": version, "license_id": license_id}
    adapter = contract_of(run, step, name=out.name, task="imu-noise-adaptation", **names)
    localizer = contract_of(run, whole, name=graph.name, task="imu-localization", **names)
    steps = _all(adapter, _steps(step), lambda c: judge_step(c.runner, c.scheme, judges), out, say)
    drafts = _wholes(whole, localizer_step(run.network, run.profile))
    wholes = _all(localizer, drafts, lambda c: judge_whole(c.runner, c.scheme, judges), graph, say)
    timed = with_latency([*steps, *wholes], rounds)
    steps, wholes = timed[: len(steps)], timed[len(steps) :]
    named = [drive.name for drive in drives]
    dtype = run.network.compute_dtype
    artefact = keras_artefact(out.name, run.keras, {"sample": dtype, "slip": dtype}, "f64")
    keras = Made(artefact, run.keras, Judgement({}))
    first = _write(run, adapter, [*steps, keras], named, out, force=force)
    return first, _write(run, localizer, wholes, named, graph, force=force)


def _write(
    run: Run,
    contract: Contract,
    made: Sequence[Made],
    drives: Sequence[str],
    out: Path,
    *,
    force: bool,
) -> Bundle:
    manifest = manifest_of(
        contract,
        [m.artefact for m in made],
        keras_bytes=run.keras,
        told=Told(training=run.training, validation={"drives": list(drives)}),
    )
    files = {m.artefact.file: m.data for m in made}
    return write_bundle(out, manifest, files, force=force)


def _steps(step: Stream) -> Iterator[Draft]:
    with saved_model(step) as folder:
        for scheme in ("f32", *KEPT_IF_GOOD):
            yield "tflite", scheme, tflite(folder, scheme, None)
    yield "onnx", "f32", to_onnx(step).SerializeToString()


def _wholes(single: Stream, double: Stream) -> Iterator[Draft]:
    with saved_model(single) as folder:
        yield "tflite", "f32", tflite(folder, "f32", None)
    yield "onnx", "f64", to_onnx(double).SerializeToString()


def _all(
    contract: Contract,
    drafts: Iterator[Draft],
    judge: Judge,
    out: Path,
    say: Say,
) -> list[Made]:
    """Judge drafts; those that need not hold and don't are left out."""
    kept, failed, count = [], {}, 0
    for model_format, scheme, draft in drafts:
        count += 1
        file = f"{contract.name}_{scheme}.{model_format}"
        made = judged(contract, judge, file, (model_format, scheme), draft, threads=1)
        failures = made.judgement.failures
        worst = max((way.apart / way.metres for way in made.judgement.ways), default=math.inf)
        say(f"{file}: {told(made)}, {100 * worst:.2g} % of the way apart")
        if made.judgement:
            kept.append(made)
        elif scheme in KEPT_IF_GOOD:
            say(f"{file}: left out: {', '.join(failures)}")
        else:
            failed[file] = (made.data, failures)
    if failed:
        raise rejected(out, failed, count)
    return kept
