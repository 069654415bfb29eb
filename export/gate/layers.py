"""What a localisation of errors works on: an artefact, its float counterpart, real samples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from export.gate.localise import Localisation, localise
from export.gate.tensors import TFLITE_MAGIC, Values, open_inside
from models.bundle import Bundle
from models.contract import Contract
from models.errors import BombusError, InputError, IntegrityError, first_fault, reason
from models.files import read_bytes
from models.manifest import Artefact
from models.photos import scan_photos
from models.preprocess import load_photos
from models.progress import track
from models.runtime import Runner, embedded_contract, open_runner
from training.spectral.readers import read_arrays

_REMADE = ("image-classification", "classification", "general")  # from the Keras model alone


@dataclass(frozen=True)
class Case:
    """Two files of one model and one format.

    Attributes:
        name: Of the artefact.
        data: Its bytes.
        against: What to call the reference.
        reference: Its bytes.
        states: Of a stream, the input that each output feeds.
    """

    name: str
    data: bytes
    against: str
    reference: bytes
    states: dict[str, str]


def case_of(bundle: Bundle, file: str, reference: Path | None) -> Case:
    """An artefact of a bundle, beside its f32 one, or else one made of the Keras model.

    Args:
        bundle: The bundle.
        file: The artefact.
        reference: Another file to compare with, if given.

    Raises:
        InputError: No such artefact, or nothing to compare it with.
        IntegrityError: A file is not the manifest's.
        ConversionError: The Keras model cannot be converted.
    """
    artefact = bundle.artefact(file)
    if artefact.format == "keras":
        raise InputError(f"{file}: a Keras file is what others are compared with; name another")
    data, states = bundle.read(artefact), _states(bundle.manifest)
    if reference is not None:
        return Case(file, data, str(reference), read_bytes(reference), states)
    single = next(
        (
            a
            for a in bundle.manifest.artefacts
            if (a.format, a.scheme) == (artefact.format, "f32") and bundle.has(a)
        ),
        None,
    )
    if single is not None:
        return Case(file, data, single.file, bundle.read(single), states)
    source = next((a for a in bundle.manifest.artefacts if a.format == "keras"), None)
    if source is None or not bundle.has(source) or bundle.manifest.task not in _REMADE:
        raise InputError(
            f"{file}: no f32 {artefact.format} file in the bundle to compare it with; "
            "give --reference"
        )
    made = _remade(bundle, source, artefact.format)
    return Case(file, data, f"f32 made of {source.file}", made, states)


def stray_case(file: Path, reference: Path) -> Case:
    """A file outside any bundle, such as one that the gate rejected.

    Raises:
        InputError: A file cannot be read.
        IntegrityError: The contract in it cannot be read.
    """
    data = read_bytes(file)
    model_format = "tflite" if data[4:8] == TFLITE_MAGIC else "onnx"
    text = embedded_contract(data, model_format, str(file))
    try:
        states = {} if text is None else _states(Contract.model_validate_json(text))
    except ValidationError as error:
        fault = first_fault(error, "contract")
        raise IntegrityError(f"{file}: its contract is not valid ({fault})") from error
    return Case(file.name, data, str(reference), read_bytes(reference), states)


def localise_stray(file: str, reference: str, samples: str, count: str) -> dict[str, Any]:
    """The same as `localise_case` for a child process, since nobody knows what is in the file.

    Args:
        file: As of `stray_case`.
        reference: As of `stray_case`.
        samples: Paths as JSON.
        count: A number.

    Returns:
        Of `Localisation.as_json`.
    """
    case = stray_case(Path(file), Path(reference))
    return localise_case(case, [Path(path) for path in json.loads(samples)], int(count)).as_json()


def localise_case(case: Case, samples: Sequence[Path], count: int) -> Localisation:
    """Compare the two files layer by layer.

    Args:
        case: The files.
        samples: Photos and folders of photos, or one `.npz` with an array for each input.
        count: Use at most so many, of photos folder by folder in turn, of arrays the first.

    Raises:
        InputError: The samples cannot be read or do not fit, or the files have nothing in common.
        IntegrityError: A file is damaged.
        GateError: The reference gives NaN or infinity.
    """
    reference = open_inside(case.reference, case.against)
    candidate = open_inside(case.data, case.name)
    runner = open_runner(case.reference, _format(case.reference), name=case.against)
    arrays = _arrays(runner, samples, count, set(case.states.values()))
    rows = len(next(iter(arrays.values())))
    feeds = track(_feeds(runner, arrays, case.states), rows, "compare layers")
    try:
        return localise(reference, candidate, feeds)
    except BombusError:
        raise
    except Exception as error:  # each runtime has its own types
        raise InputError(f"{case.name}: its layers cannot be compared ({reason(error)})") from error


def _format(data: bytes) -> str:
    return "tflite" if data[4:8] == TFLITE_MAGIC else "onnx"


def _states(contract: Contract) -> dict[str, str]:
    return {t.name: t.feeds for t in contract.outputs if t.feeds is not None}


def _arrays(
    runner: Runner, samples: Sequence[Path], count: int, states: set[str]
) -> dict[str, NDArray[Any]]:
    """[N, ...] per input that is no state."""
    wanted = [port for port in runner.inputs if port.name not in states]
    if any(path.suffix == ".npz" for path in samples):
        if len(samples) > 1:
            raise InputError("--samples: one .npz, or photos")
        found = read_arrays(samples[0])
        absent = [port.name for port in wanted if port.name not in found]
        if absent or not all(len(found[port.name]) for port in wanted):
            raise InputError(
                f"{samples[0]}: no samples of {', '.join(absent) or 'any input'}; "
                "give an array for each input, its first axis the samples"
            )
        return {port.name: found[port.name][:count] for port in wanted}
    (port, *others) = wanted
    if others or len(port.single) != 4 or port.single[3] != 3:
        taken = ", ".join(f"{p.name} {p.single}" for p in wanted)
        raise InputError(f"--samples: the model takes {taken}, no photo; give an .npz with these")
    paths = list(_photos(samples, count))
    return {port.name: load_photos(paths, port.single[1])}


def _photos(samples: Sequence[Path], count: int) -> Iterator[Path]:
    share = -(-count // len(samples))
    left = count
    for path in samples:
        found = scan_photos(path).stratified(share).paths if path.is_dir() else (path,)
        yield from found[:left]
        left -= len(found[:left])


def _feeds(
    runner: Runner, arrays: dict[str, NDArray[Any]], states: dict[str, str]
) -> Iterator[Values]:
    """A sample at a time; states are zero at first and then what the reference makes of them."""
    ports = {port.name: port for port in runner.inputs}
    now = {name: np.zeros(ports[name].single, ports[name].dtype) for name in states.values()}
    for row in range(len(next(iter(arrays.values())))):
        feeds = {name: values[row : row + 1] for name, values in arrays.items()} | now
        for name, value in feeds.items():
            if value.shape != ports[name].single:
                raise InputError(
                    f"--samples: input {name} takes {ports[name].single[1:]} a sample, "
                    f"not {value.shape[1:]}"
                )
        yield {name: value.astype(ports[name].dtype) for name, value in feeds.items()}
        if states:
            answers = runner.run(feeds)
            now = {state: answers[output] for output, state in states.items()}


def _remade(bundle: Bundle, source: Artefact, model_format: str) -> bytes:
    """The f32 file that the Keras model gives, less heads that were fitted to other photos."""
    from export.arrays import named
    from export.conversion.drafting import draft_base, draft_tflite
    from export.conversion.served import Named, saved_model
    from export.conversion.workshop import run_apart
    from export.image.heads import dissect, with_heads
    from export.load import load_safely

    bundle.read(source)  # proves that it is the manifest's
    model, _ = load_safely(bundle.path / source.file)
    contract, states = bundle.manifest, _states(bundle.manifest)
    if contract.task == "image-classification":
        headed = with_heads(model, contract.outputs[0].name, dissect(model), None)
        served = Named(headed, (contract.inputs[0].name,))
    else:
        given = [t for t in contract.inputs if t.name not in states.values()]
        served = named(model, {t.name: np.zeros(t.shape, t.dtype) for t in given}, states)
    with saved_model(served) as folder:
        call = (
            partial(draft_tflite, folder, "f32", None, None)
            if model_format == "tflite"
            else partial(draft_base, folder, [spec.name for spec in served.signature])
        )
        ((_, result),) = run_apart({f"{source.file} to {model_format}": call})
    if isinstance(result, BombusError):
        raise result
    return bytes(result)
