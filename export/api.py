"""The stages of an export, for programs: what `bombus export` does, with the same checks.

    from export import convert, plan, sign, verify

    print(*plan("model.keras").lines(), sep="; ")
    bundle = convert("model.keras", "rose", calibrate="train", validate="val")
    assert all(verify(bundle))
    sign(bundle, "private.pem")

A model may also be one in memory, and data arrays by input name:

    bundle = convert(model, "pump", calibrate={"series": x}, validate={"series": v, "y": targets})

Errors are those of `models.errors`, each with the exit code that the command has.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray

from export.arrays import Samples, samples_of
from export.difference import Change, differences
from export.forecast import Forecast, forecast
from export.gate.recheck import Finding, Limits, recheck
from export.inspection.look import Specimen, look_at, look_into
from export.kinds import Given, subject_of
from export.load import load_safely, register
from export.pipeline import export
from export.speed.rows import Row, find, measure
from export.subject import Order, name_of
from export.tuning.outcome import Outcome
from export.tuning.run import tune as search
from export.tuning.settings import INPUTS, Settings
from models.bundle import Bundle, find_bundle
from models.check import check
from models.files import refuse_existing
from models.runtime import RUNTIMES, available_runtimes
from models.signature import beside
from models.signature import sign as write_signature

Model = Any  # a path, or a keras.Model
Data = str | Path | Mapping[str, NDArray[Any]]
_AS_MADE = Limits()
_AS_USUAL = Settings()


def convert(
    model: Model,
    out: str | Path,
    *,
    validate: Data,
    calibrate: Data | None = None,
    labels: Sequence[str] = (),
    states: Mapping[str, str] | None = None,
    imports: Sequence[str] = (),
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
    **wishes: Any,
) -> Bundle:
    """Convert a Keras model to TFLite and ONNX, verify every file, write a bundle.

    Args:
        model: A `.keras` file, or a model.
        out: The bundle's folder.
        validate: What every file is judged by: a folder of class folders of photos, an `.npz`, or
            arrays [N, ...] by input name, with `y` [N] if the true classes are known.
        calibrate: What sets the ranges of 8 bits; none of the same samples.
        labels: Class names; by default of `labels.txt` beside a file, or of the class folders.
        states: Of a step with a memory: the input that each output feeds.
        imports: Modules that register custom layers.
        force: Replace what is at `out`.
        say: Receives one line of progress at a time.
        wishes: Fields of `export.subject.Order`, such as `schemes=("f32", "wi8_ai8")`.

    Raises:
        InputError: Something does not fit together.
        ConversionError: A converter failed.
        GateError: An artefact is not what the Keras model is.
        BudgetError: One is too large or too slow.
    """
    place = Path(out)
    order = Order(**({"name": place.name} | wishes))
    with _file(model) as path:
        given = Given(
            model=path,
            validate=_data(validate, "validate"),
            calibrate=None if calibrate is None else _data(calibrate, "calibrate"),
            labels=tuple(labels) or None,
            states=tuple(f"{output}={state}" for output, state in (states or {}).items()),
            imports=tuple(imports),
        )
        bundle, _ = export(subject_of(given, order, say), order, place, force=force, say=say)
    return bundle


def tune(
    model: Model,
    out: str | Path,
    *,
    calibrate: Data,
    validate: Data,
    report: str | Path | None = None,
    settings: Settings = _AS_USUAL,
    labels: Sequence[str] = (),
    imports: Sequence[str] = (),
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
    **wishes: Any,
) -> tuple[Bundle, Outcome]:
    """Find what to leave in float so that 8 bits are accurate and fast; write it as a bundle.

    Args:
        model: A `.keras` file, or a model.
        out: The bundle's folder.
        calibrate: What ranges are set and mixes chosen by, as of `convert`; the first 512 of it.
        validate: What the final files are judged by, and nothing else.
        report: Folder of the report; by default `<out>-tuning`.
        settings: Draws, rounds, seed.
        labels: As of `convert`.
        imports: Modules that register custom layers.
        force: Replace what is there.
        say: Receives one line of progress at a time.
        wishes: Fields of `export.subject.Order`, such as `max_ms=5.0`.

    Raises:
        InputError: Something does not fit together.
        ConversionError: A converter failed.
        GateError: No mix passes.
        BudgetError: None that passes is fast enough.
    """
    place = Path(out)
    order = Order(**({"name": place.name, "schemes": ("wi8_ai8",)} | wishes))
    page = Path(report) if report else place.with_name(f"{place.name}-tuning")
    with _file(model) as path:
        given = Given(
            model=path,
            validate=_data(validate, "validate"),
            calibrate=_data(calibrate, "calibrate"),
            calibration_count=INPUTS,
            labels=tuple(labels) or None,
            imports=tuple(imports),
        )
        subject = subject_of(given, order, say)
        return search(subject, order, settings, place, page, force=force, say=say)


def sign(
    bundle: Bundle | str | Path,
    key: str | Path,
    signature: str | Path | None = None,
    *,
    password: str | None = None,
    force: bool = False,
) -> Path:
    """Check a bundle and sign it, offline.

    Args:
        bundle: What to sign.
        key: Private key, PEM.
        signature: The file to write; by default `<bundle>.sig`, beside the bundle.
        password: Of an encrypted key.
        force: Replace a signature.

    Returns:
        The signature's path.

    Raises:
        InputError: The key or the place is of no use.
        IntegrityError: A file is not what the manifest says.
    """
    opened = _opened(bundle)
    path = Path(signature) if signature else beside(opened)
    refuse_existing(path, force)
    check(opened)
    write_signature(opened, Path(key), path, password=password)
    return path


def plan(
    model: Model,
    *,
    sizes: Mapping[str, Sequence[int]] | None = None,
    imports: Sequence[str] = (),
    **wishes: Any,
) -> Forecast:
    """Say what `convert` would make of a model, and what stands in the way.

    Args:
        model: A `.keras` file, or a model.
        sizes: Of inputs that leave some free, all but the batch.
        imports: Modules that register custom layers.
        wishes: Fields of `export.subject.Order`.
    """
    if isinstance(model, keras.Model):
        return forecast(model, Order(**({"name": "model"} | wishes)), sizes)
    register(imports)
    path = Path(model)
    return forecast(load_safely(path)[0], Order(**({"name": name_of(path.stem)} | wishes)), sizes)


def verify(bundle: Bundle | str | Path, limits: Limits = _AS_MADE) -> list[Finding]:
    """Hold a bundle to other tolerances without running it; each finding is truthy if it passes.

    Raises:
        IntegrityError: A file is not what the manifest says.
    """
    opened = _opened(bundle)
    opened.verify()
    artefacts = (a for a in opened.manifest.artefacts if a.format != "keras")
    return [recheck(artefact, limits) for artefact in artefacts]


def benchmark(
    *paths: str | Path, threads: Sequence[int] = (1,), rounds: int = 20, profile: bool = False
) -> list[Row]:
    """Time bundles and files on every installed runtime that reads them, in turns.

    Args:
        paths: Bundles, by folder or shipped name, `.tflite` or `.onnx` files.
        threads: How many; each is timed apart.
        rounds: Turns of five calls.
        profile: Whether to say where the time goes.
    """
    formats = dict.fromkeys(RUNTIMES.values())
    runtimes = [runtime for f in formats for runtime in available_runtimes(f)]
    return measure(find([str(p) for p in paths]), runtimes, threads, rounds, profile=profile)


def inspect(path: str | Path) -> list[Specimen]:
    """Look into a model file, or every file of a bundle, without running it."""
    return [look_at(Path(path))] if Path(path).is_file() else look_into(str(path))


def diff(before: str | Path, after: str | Path) -> list[Change]:
    """What differs between two bundles."""
    return differences(find_bundle(str(before)), find_bundle(str(after)))


@contextmanager
def _file(model: Model) -> Iterator[Path]:
    """The model as a file."""
    if not isinstance(model, keras.Model):
        yield Path(model)
        return
    with tempfile.TemporaryDirectory(prefix="bombus-") as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        yield path


def _opened(bundle: Bundle | str | Path) -> Bundle:
    return bundle if isinstance(bundle, Bundle) else find_bundle(str(bundle))


def _data(data: Data, name: str) -> Path | Samples:
    return samples_of(data, name) if isinstance(data, Mapping) else Path(data)
