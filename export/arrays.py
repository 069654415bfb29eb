"""Any Keras model as a subject of export, judged on arrays: series, tables, steps."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from export.assemble import keras_artefact, utc_now
from export.audit import audit, not_finite
from export.conversion.obstacles import loops, obstacles, operations
from export.conversion.quantize import Feeds, fed
from export.conversion.served import Named
from export.gate.exam import Arrays, Exam, check_exam, judge_outputs, stream
from export.gate.labels import check_labels
from export.image.photos import is_distribution
from export.spectral.mixed import in_float
from export.subject import Candidate, Judgement, Order, Subject, Told
from models.contract import Contract, labels_sha256
from models.errors import ConversionError, InputError, reason
from models.schema import Dtype
from training.layers.normalized_contrast import NormalizedContrast
from training.layers.normalized_difference import NormalizedDifference
from training.spectral.readers import read_arrays

Say = Callable[[str], None]
TARGETS = "y"  # the array of true classes
_AXES = {
    2: ("batch", "value"),
    3: ("batch", "step", "channel"),
    4: ("batch", "row", "column", "channel"),
}


@dataclass(frozen=True)
class Samples:
    """What a model is judged by, or quantized with.

    Attributes:
        name: What to call them in the record.
        inputs: [N, ...] per input that is no state, as a caller has them: photos in uint8.
        targets: [N] true classes, where they are known.
    """

    name: str
    inputs: Feeds
    targets: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    @cached_property
    def digests(self) -> list[str]:
        """SHA-256 of each sample."""
        values = [np.ascontiguousarray(self.inputs[name]) for name in sorted(self.inputs)]
        rows = range(len(self))
        return [hashlib.sha256(b"".join(v[i].tobytes() for v in values)).hexdigest() for i in rows]

    def record(self) -> dict[str, Any]:
        """For the manifest."""
        digest = hashlib.sha256("".join(self.digests).encode()).hexdigest()
        return {"name": self.name, "n": len(self), "sha256": digest}

    def first(self, most: int | None) -> Samples:
        """At most so many, from the beginning."""
        cut = {name: values[:most] for name, values in self.inputs.items()}
        return Samples(self.name, cut, None if self.targets is None else self.targets[:most])


def read_samples(path: Path) -> Samples:
    """An `.npz` with an array for each input, and perhaps `y`.

    Raises:
        InputError: It is no such file, or its arrays differ in length.
    """
    return samples_of(read_arrays(path), "/".join(path.resolve().parts[-2:]))


def samples_of(arrays: Mapping[str, NDArray[Any]], name: str) -> Samples:
    """Arrays by input, and perhaps `y`.

    Raises:
        InputError: They differ in length, are empty, or are no real numbers.
    """
    inputs = {key: np.asarray(values) for key, values in arrays.items() if key != TARGETS}
    counts = {len(np.atleast_1d(values)) for values in arrays.values()}
    if not inputs or counts == {0} or len(counts) != 1:
        told = ", ".join(f"{key} {np.shape(values)}" for key, values in arrays.items())
        raise InputError(
            f"{name}: arrays {told or 'none'}; give one for each input, all of one length"
        )
    for key, values in inputs.items():
        if values.dtype.kind not in "biuf":
            raise InputError(f"{name}: {key} has dtype {values.dtype}; give real numbers")
    targets = arrays.get(TARGETS)
    if targets is not None and not np.issubdtype(targets.dtype, np.integer):
        raise InputError(f"{name}: y has dtype {targets.dtype}; it must number the classes from 0")
    return Samples(name, inputs, None if targets is None else targets.astype(np.int64))


def network(
    model: keras.Model,
    data: bytes,
    order: Order,
    *,
    validation: Samples,
    calibration: Samples | None = None,
    labels: Sequence[str] = (),
    states: Mapping[str, str] | None = None,
    training: Mapping[str, Any] | None = None,
    say: Say = print,
) -> Subject:
    """The subject.

    Args:
        model: Any; sizes that it leaves free are those of the samples.
        data: The bytes of its file.
        order: What will be made of it.
        validation: For the gate. Of a step, which has states, one sequence.
        calibration: What sets the ranges of activations; only wi8_ai8 needs it.
        labels: Class names, if its first output is a vector of classes.
        states: Of a step: the input that each output feeds.
        training: What is told of how it was trained.
        say: Receives a warning at a time.

    Raises:
        InputError: Samples, labels or states do not fit the model or each other.
        GateError: The Keras model's own outputs prove nothing.
    """
    for name, values in validation.inputs.items():
        if bad := not_finite(values):  # which a ReLU may hide, in some runtimes
            raise InputError(f"{validation.name}: {name}: {bad}")
    feeds = dict(states or {})
    served = named(model, validation.inputs, feeds)
    found = operations(served)
    starts = {
        spec.name: np.zeros(spec.shape, spec.dtype.as_numpy_dtype)
        for spec in served.signature
        if spec.name in feeds.values()
    }
    if calibration is not None:
        _check_inputs(served, calibration.inputs, starts)
    reference = _answers(served, validation.inputs, starts, feeds)
    main = _classes(reference, validation, labels)
    reference = {n: reference[n] for n in sorted(reference, key=lambda n: (n != main, n in feeds))}
    meaning = _meaning(reference[main]) if main else ""
    exam = Exam(
        name=validation.name,
        samples=validation.inputs,
        reference=reference,
        weights=model.count_params(),
        meaning=meaning,
        targets=validation.targets if meaning else None,
        feeds=feeds,
        max_drop=order.max_drop,
    )
    check_exam(exam)
    if exam.targets is not None:
        outputs = np.asarray(reference[main], np.float32)
        names = labels or [str(c) for c in range(outputs.shape[1])]
        for line in check_labels(outputs, exam.targets, names):
            say(f"warning: {line}")
    contract = _contract(order, served, exam, labels, starts)

    def judge(candidate: Candidate) -> Judgement:
        return judge_outputs(candidate, exam)[0]

    return Subject(
        served=served,
        contract=contract,
        judge=judge,
        keras=keras_artefact(order.name, data, _dtypes(contract)),
        keras_data=data,
        told=Told(
            training=training or {},
            calibration=_audited(calibration, validation, say) if calibration else {},
            validation=validation.record(),
        ),
        calibration=_calibration(served, calibration, starts, feeds) if calibration else None,
        spare=in_float if _has_indices(model) else None,
        refused=obstacles(found),
        loops=loops(found),
    )


def named(model: keras.Model, samples: Feeds, feeds: Mapping[str, str]) -> Named:
    """The model with its sizes fixed and everything named.

    Raises:
        InputError: The samples are not its inputs', or a state is none of its tensors.
    """
    known = {t.name: t for t in getattr(model, "inputs", None) or ()}
    wanted = list(known) or list(samples)
    given = {*samples, *feeds.values()}
    if given != set(wanted):
        raise InputError(
            f"the model takes {', '.join(wanted)}; samples and states are given for "
            f"{', '.join(sorted(given))}: name an array after each input, --state for a memory"
        )
    inputs = []
    for name in wanted:
        free = tuple(known[name].shape[1:]) if name in known else samples[name].shape[1:]
        sizes = samples[name].shape[1:] if name in samples else free
        fits = len(free) == len(sizes) and all(
            f in (None, s) for f, s in zip(free, sizes, strict=True)
        )
        if not fits or None in sizes:
            raise InputError(f"input {name} takes {free} a sample, not {sizes}")
        kind = known[name].dtype if name in known else fed(samples[name]).dtype.name
        inputs.append(keras.Input(sizes, name=name, dtype=kind))
    try:
        outputs = model(_packed(model, wanted, inputs), training=False)
    except Exception as error:  # Keras raises whatever it meets
        raise ConversionError(f"the model cannot be called on its inputs ({reason(error)})") from (
            error
        )
    own = getattr(model, "_outputs_struct", outputs)  # the layers that make them, not the model
    tensors = dict(zip(_names(own, wanted), keras.tree.flatten(outputs), strict=True))
    lost = sorted(set(feeds) - set(tensors))
    if lost:
        raise InputError(f"--state: no output {', '.join(lost)}; one of {', '.join(tensors)}")
    return Named(keras.Model(inputs, tensors))


def _packed(model: keras.Model, names: Sequence[str], inputs: Sequence[Any]) -> Any:
    """Inputs in the structure that the model takes them in."""
    structure = getattr(model, "_inputs_struct", None)
    if structure is not None:
        return keras.tree.pack_sequence_as(structure, list(inputs))
    return inputs[0] if len(inputs) == 1 else dict(zip(names, inputs, strict=True))


def _names(outputs: Any, taken: Sequence[str]) -> list[str]:
    """Of each output its key, or the layer that makes it; each name once."""
    found = list[str]()
    for path, tensor in keras.tree.flatten_with_path(outputs):
        keys = [key for key in path if isinstance(key, str)]
        plain = ".".join(keys) or tensor._keras_history.operation.name
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", plain).lstrip("._-")[:90] or "output"
        name, count = plain, 2
        while name in found or name in taken:
            name, count = f"{plain}_{count}", count + 1
        found.append(name)
    return found


def _check_inputs(served: Named, samples: Feeds, starts: Arrays) -> None:
    shapes = {s.name: tuple(s.shape)[1:] for s in served.signature if s.name not in starts}
    given = {name: values.shape[1:] for name, values in samples.items()}
    if given != shapes:
        raise InputError(f"--calibrate has {given}; the model takes {shapes} a sample")


def _answers(served: Named, samples: Feeds, starts: Arrays, feeds: Mapping[str, str]) -> Arrays:
    """What Keras answers, a sample at a time."""
    names = [spec.name for spec in served.signature]
    call = tf.function(served.serve, input_signature=served.signature)

    def run(given: Arrays) -> Mapping[str, Any]:
        answers: Mapping[str, Any] = call(*(tf.constant(fed(given[name])) for name in names))
        return answers

    return stream(run, samples, starts, feeds)


def _classes(reference: Arrays, samples: Samples, labels: Sequence[str]) -> str:
    """The output that is a vector of classes; empty where none are known.

    Raises:
        InputError: There is no such output, or the true classes are not among its.
    """
    targets = samples.targets
    if targets is None and not labels:
        return ""
    vectors = {n: v.shape[1] for n, v in reference.items() if v.ndim == 2 and v.shape[1] > 1}
    found = [name for name, width in vectors.items() if len(labels) in (0, width)]
    if not found:
        told = ", ".join(f"{name} {values.shape[1:]}" for name, values in reference.items())
        raise InputError(
            f"{len(labels) or 'some'} classes are named, but the outputs are {told}: classes need "
            "one of a number each; leave out --labels and y, or mend them"
        )
    if targets is not None and not 0 <= targets.min() <= targets.max() < vectors[found[0]]:
        raise InputError(f"{samples.name}: y must number the {vectors[found[0]]} classes from 0")
    return found[0]


def _meaning(outputs: NDArray[Any]) -> str:
    return "probabilities" if is_distribution(outputs) else "logits"


def _calibration(
    served: Named, calibration: Samples, starts: Arrays, feeds: Mapping[str, str]
) -> Feeds:
    """The samples, and for a step the states that Keras goes through on them."""
    if not feeds:
        return calibration.inputs
    names = [spec.name for spec in served.signature]
    call = tf.function(served.serve, input_signature=served.signature)
    passed: dict[str, list[NDArray[Any]]] = {name: [] for name in starts}

    def run(given: Arrays) -> Mapping[str, Any]:
        for name, values in passed.items():
            values.append(given[name])
        answers: Mapping[str, Any] = call(*(tf.constant(fed(given[name])) for name in names))
        return answers

    stream(run, calibration.inputs, starts, feeds)
    return {**calibration.inputs, **{n: np.concatenate(v) for n, v in passed.items()}}


def _has_indices(model: keras.Model) -> bool:
    kinds = (NormalizedDifference, NormalizedContrast)
    return any(isinstance(layer, kinds) for layer in model._flatten_layers())


def _audited(calibration: Samples, validation: Samples, say: Say) -> dict[str, Any]:
    """Look at what sets ranges; what is told of it."""
    found = audit(
        calibration.inputs,
        {n: (0, 255) if v.dtype == np.uint8 else None for n, v in calibration.inputs.items()},
        calibration.digests,
        {"--validate": validation.digests},
    )
    found.refuse()
    for line in found.warnings:
        say(f"warning: calibration data: {line}")
    return found.record | calibration.record()


def _contract(
    order: Order, served: Named, exam: Exam, labels: Sequence[str], starts: Arrays
) -> Contract:
    inputs, outputs = list[dict[str, Any]](), list[dict[str, Any]]()
    for spec in served.signature:
        photo = spec.name in exam.samples and exam.samples[spec.name].dtype == np.uint8
        inputs.append(
            {
                "name": spec.name,
                "shape": tuple(spec.shape),
                "dtype": "uint8" if photo else spec.dtype.name,
                "meaning": "state, at first zeros" if spec.name in starts else "input",
                "axes": _AXES.get(len(spec.shape), ()),
                "range": (0, 255) if photo else None,
            }
        )
    for place, (name, values) in enumerate(exam.reference.items()):
        said = exam.meaning if place == 0 and exam.meaning else "output"
        outputs.append(
            {
                "name": name,
                "shape": (1, *values.shape[1:]),
                "dtype": values.dtype.name,
                "meaning": "the state's next value" if name in exam.feeds else said,
                "axes": ("batch", "class") if said == exam.meaning else _AXES.get(values.ndim, ()),
                "feeds": exam.feeds.get(name),
            }
        )
    return Contract.model_validate(
        {
            "schema": "bombus/bundle@1",
            "name": order.name,
            "version": order.version,
            "task": "classification" if exam.meaning else "general",
            "license": order.license,
            "created": utc_now(),
            "labels": tuple(labels),
            "labels_sha256": labels_sha256(labels),
            "inputs": inputs,
            "outputs": outputs,
        }
    )


def _dtypes(contract: Contract) -> dict[str, Dtype]:
    """What the Keras model takes and gives: pixels, too, in float."""
    tensors = (*contract.inputs, *contract.outputs)
    return {t.name: "float32" if t.dtype == "uint8" else t.dtype for t in tensors}
