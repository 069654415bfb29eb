"""Which kind of subject a `.keras` file is, by what it is to be judged with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.arrays import Samples, network, read_samples
from export.given import data_name, read_labels, read_training, scan_calibration, scan_validation
from export.image.photos import Photos, photo_classifier
from export.load import load_keras, load_safely, register
from export.making import Say
from export.subject import Order, Subject
from models.errors import InputError
from models.photos import scan_photos


@dataclass(frozen=True)
class Given:
    """What a command line gives of a model.

    Attributes:
        model: The `.keras` file.
        validate: Class folders of photos, an `.npz` of arrays, or samples in memory.
        validation_count: At most so many of them; None for all.
        calibrate: Likewise; None for nothing.
        calibration_count: At most so many of them.
        unknown: Photos of other things; None for none.
        labels: Class names, or a file of them; None for that beside the model, if there is one.
        imports: Modules that register custom layers.
        states: OUTPUT=INPUT of a step's memory.
    """

    model: Path
    validate: Path | Samples
    validation_count: int | None = None
    calibrate: Path | Samples | None = None
    calibration_count: int = 256
    unknown: Path | None = None
    labels: Path | tuple[str, ...] | None = None
    imports: tuple[str, ...] = ()
    states: tuple[str, ...] = ()


def subject_of(given: Given, order: Order, say: Say) -> Subject:
    """Read what was given.

    Args:
        given: By whoever ordered it.
        order: What will be made of it.
        say: Receives a line where something is left out.

    Raises:
        InputError: Something cannot be read, or does not fit the model.
        GateError: The Keras model's own outputs prove nothing.
    """
    validate, calibrate = given.validate, given.calibrate
    if isinstance(validate, Samples) or validate.suffix == ".npz":
        return _of_arrays(given, order, say)
    if isinstance(calibrate, Samples) or given.states:
        raise InputError("a model judged by photos has no states, and photos to calibrate with")
    source = load_keras(given.model, given.imports)
    validation = scan_validation(validate, _labels(given), given.validation_count)
    photos = Photos(
        labels=validation.labels,
        validation=validation,
        name=data_name(validate),
        calibration=scan_calibration(calibrate, given.calibration_count) if calibrate else None,
        unknown=scan_photos(given.unknown) if given.unknown else None,
        unknown_name=data_name(given.unknown) if given.unknown else "",
    )
    return photo_classifier(source, photos, order, training=read_training(given.model), say=say)


def _of_arrays(given: Given, order: Order, say: Say) -> Subject:
    if given.unknown is not None:
        raise InputError("--unknown is for classifiers of photos; leave it out")
    register(given.imports)
    model, data = load_safely(given.model)
    calibration = None if given.calibrate is None else _samples(given.calibrate)
    return network(
        model,
        data,
        order,
        validation=_samples(given.validate).first(given.validation_count),
        calibration=calibration and calibration.first(given.calibration_count),
        labels=_labels(given) or (),
        states=_states(given.states),
        training=read_training(given.model),
        say=say,
    )


def _samples(data: Path | Samples) -> Samples:
    return data if isinstance(data, Samples) else read_samples(data)


def _labels(given: Given) -> tuple[str, ...] | None:
    labels = given.labels
    return labels if isinstance(labels, tuple) else read_labels(labels, given.model)


def _states(texts: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for output, equals, state in pairs:
        if not (output and equals and state):
            raise InputError(f"--state {output}{equals}{state}: say OUTPUT=INPUT, as in next_h=h")
    return {output: state for output, _, state in pairs}
