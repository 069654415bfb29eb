"""A classifier of photos as a subject of export: its heads, its contract, its judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from export.assemble import keras_artefact, utc_now
from export.audit import audit
from export.conversion.quantize import Feeds
from export.conversion.served import INPUT, Named
from export.gate.exam import Exam, check_exam, judge_outputs
from export.gate.judge import Outputs, check_reference
from export.gate.labels import check_labels
from export.image.familiarity import Answers, Familiarity, fit_familiarity, fit_thresholds
from export.image.heads import FAMILIARITY, MAP, Anatomy, dissect, output_names, with_heads
from export.load import SourceModel
from export.subject import Candidate, Judge, Judgement, Order, Subject, Told
from models.contract import Contract, ImagePreprocess, Tensor, labels_sha256
from models.errors import InputError
from models.metrics import as_logits
from models.photos import LabelledPhotos
from models.preprocess import load_photos

Say = Callable[[str], None]
_OUTPUTS: dict[str, dict[str, Any]] = {
    "logits": {"meaning": "logits", "axes": ("batch", "class")},
    "probabilities": {"meaning": "probabilities", "axes": ("batch", "class"), "range": (0, 1)},
    MAP: {"meaning": "class-activation-map", "axes": ("batch", "row", "column", "class")},
    FAMILIARITY: {"meaning": "familiarity", "axes": ("batch", "value")},
}


@dataclass(frozen=True)
class Photos:
    """What is at hand for a classifier of photos.

    Attributes:
        labels: Class names in the order of its outputs.
        validation: Labelled photos for the gate; none of them may be in `calibration`.
        name: What to call the validation photos in the record.
        calibration: Photos that set the ranges of activations; only wi8_ai8 needs them.
        unknown: Photos of other things than the classes, to teach the bundle to turn them away;
            half of them are used, the others are left to check it by.
        unknown_name: What to call those.
        labelled: Whether the folders of `validation` are its classes; if not, only parity is
            judged.
    """

    labels: tuple[str, ...]
    validation: LabelledPhotos
    name: str
    calibration: LabelledPhotos | None = None
    unknown: LabelledPhotos | None = None
    unknown_name: str = ""
    labelled: bool = True


def photo_classifier(
    source: SourceModel,
    photos: Photos,
    order: Order,
    *,
    training: Mapping[str, Any] | None = None,
    say: Say = print,
) -> Subject:
    """The subject.

    Args:
        source: The loaded model.
        photos: What is at hand for it.
        order: What will be made of it.
        training: What is told of how it was trained.
        say: Receives a line where something is left out.

    Raises:
        InputError: The photos or labels do not fit the model or each other.
        GateError: The Keras model's own outputs prove nothing.
    """
    _check(source, photos)
    size = source.image_size
    anatomy = dissect(source.model)
    if anatomy is None or anatomy.maps is None:
        say("no class-activation map: the model does not end in global average pooling and Dense")
    pixels = load_photos(photos.validation.paths, size)
    plain = np.asarray(source.model.predict(pixels, batch_size=32, verbose=0), np.float32)
    check_reference(plain)
    meaning = "probabilities" if is_distribution(plain) else "logits"
    familiarity = None
    if photos.unknown is not None:
        if anatomy is None:
            raise InputError("--unknown needs a model that ends in one Dense layer; leave it out")
        familiarity = _fit_familiarity(source, photos, pixels, meaning, anatomy)
    probe = None if familiarity is None else familiarity.probe
    model = with_heads(source.model, meaning, anatomy, probe)
    answers = model.predict(pixels, batch_size=32, verbose=0)
    exam = Exam(
        name=photos.name,
        samples={INPUT: pixels},
        reference={name: answers[name] for name in output_names(model)},
        weights=source.model.count_params(),
        meaning=meaning,
        targets=photos.validation.targets if photos.labelled else None,
        max_drop=order.max_drop,
    )
    check_exam(exam)
    if photos.labelled:
        for line in check_labels(plain, photos.validation.targets, photos.labels):
            say(f"warning: {line}")
    calibration, record = _calibration(photos, size, say)
    return Subject(
        served=Named(model, (INPUT,)),
        contract=_contract(order, photos.labels, model, size),
        judge=_judge(exam, familiarity),
        keras=keras_artefact(order.name, source.data, {INPUT: "float32", meaning: "float32"}),
        keras_data=source.data,
        told=Told(
            training=training or {},
            calibration=record,
            validation=_record(photos.validation) | {"name": photos.name},
            unknown=_record(photos.unknown) | {"name": photos.unknown_name}
            if photos.unknown
            else {},
        ),
        calibration=calibration,
    )


def _check(source: SourceModel, photos: Photos) -> None:
    """Everything that can be known to be wrong before the expensive work."""
    if len(photos.labels) != source.classes:
        raise InputError(
            f"{len(photos.labels)} labels for a model with {source.classes} outputs; "
            "give --labels the list it was trained with"
        )
    if len(set(photos.labels)) != len(photos.labels):
        raise InputError("labels: a name stands twice; give each class its own")


def _calibration(photos: Photos, size: int, say: Say) -> tuple[Feeds | None, dict[str, Any]]:
    """The photos that set ranges, looked at first, and what is told of them."""
    chosen = photos.calibration
    if chosen is None:
        return None, {}
    pixels = {INPUT: load_photos(chosen.paths, size)}
    known = set(chosen.labels) <= set(photos.labels)
    places = {name: place for place, name in enumerate(photos.labels)}
    found = audit(
        pixels,
        {INPUT: (0, 255)},
        chosen.digests,
        {"--validate": photos.validation.digests},
        targets=np.array([places[chosen.labels[t]] for t in chosen.targets]) if known else None,
        labels=photos.labels,
    )
    found.refuse()
    for line in found.warnings:
        say(f"warning: calibration data: {line}")
    return pixels, found.record | _record(chosen)


def is_distribution(outputs: Outputs) -> bool:
    """Whether rows [N, K] are probabilities."""
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1, atol=1e-3))


def _fit_familiarity(
    source: SourceModel,
    photos: Photos,
    pixels: NDArray[np.uint8],
    meaning: str,
    anatomy: Anatomy,
) -> Familiarity:
    assert photos.unknown is not None
    unknown = photos.unknown.halves()[0]
    if len(unknown) == 0:
        raise InputError(f"{unknown.root}: too few photos to learn what is unknown; add some")
    others = load_photos(unknown.paths, source.image_size, "read unknown photos")
    reader = keras.Model(source.model.inputs, [anatomy.features, source.model.outputs[0]])

    def answers(shown: NDArray[np.uint8]) -> Answers:
        features, outputs = reader.predict(shown, batch_size=32, verbose=0)
        return Answers(features, as_logits(outputs, meaning))

    series = np.unique(unknown.units, return_inverse=True)[1]
    return fit_familiarity(answers(pixels), answers(others), series, photos.unknown_name)


def _judge(exam: Exam, familiarity: Familiarity | None) -> Judge:
    """Compare all outputs; fit what turns other things away to each artefact's own answers."""

    def judge(candidate: Candidate) -> Judgement:
        found, answers = judge_outputs(candidate, exam)
        if found.calibration is None or familiarity is None:
            return found
        rejection = fit_thresholds(
            familiarity,
            as_logits(answers[exam.meaning], exam.meaning),
            answers[FAMILIARITY][:, 0],
            exam.reference[FAMILIARITY][:, 0],
        )
        calibration = found.calibration.model_copy(update={"rejection": rejection})
        return replace(found, calibration=calibration)

    return judge


def _contract(order: Order, labels: tuple[str, ...], model: keras.Model, size: int) -> Contract:
    photo = Tensor(
        name=INPUT,
        shape=(1, size, size, 3),
        dtype="uint8",
        meaning="photo",
        axes=("batch", "row", "column", "RGB"),
        range=(0, 255),
    )
    outputs = [
        Tensor(
            name=name, shape=(1, *model.output[name].shape[1:]), dtype="float32", **_OUTPUTS[name]
        )
        for name in output_names(model)
    ]
    return Contract.model_validate(
        {
            "schema": "bombus/bundle@1",
            "name": order.name,
            "version": order.version,
            "task": "image-classification",
            "license": order.license,
            "created": utc_now(),
            "labels": labels,
            "labels_sha256": labels_sha256(labels),
            "inputs": [photo],
            "outputs": outputs,
            "preprocess": ImagePreprocess(size=size),
        }
    )


def _record(photos: LabelledPhotos | None) -> dict[str, Any]:
    return {} if photos is None else {"n": len(photos), "sha256": photos.sha256}
