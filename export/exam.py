"""What the drafts of an export are judged by: photos, and the Keras model's answers to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from export.assemble import Plan
from export.familiarity import Answers, Familiarity, fit_familiarity
from export.heads import Anatomy, dissect, output_names, with_heads
from export.verify import Outputs, check_reference
from models.errors import InputError
from models.metrics import as_logits
from models.photos import LabelledPhotos
from models.preprocess import load_photos


@dataclass(frozen=True)
class Exam:
    """What drafts are judged by.

    Attributes:
        photos: [N, S, S, 3] uint8.
        reference: Per output, [N, ...] the Keras model's on them; the classes' first.
        familiarity: What was fitted to turn other things away, if anything.
    """

    photos: NDArray[np.uint8]
    reference: dict[str, Outputs]
    familiarity: Familiarity | None


def prepare(plan: Plan, say: Callable[[str], None]) -> tuple[keras.Model, Exam]:
    """The model to convert, with what an export adds to it, and what to judge its files by.

    Raises:
        InputError: `unknown` photos that nothing can be learned from, or for a model that cannot.
        GateError: The Keras model's own outputs prove nothing.
    """
    source, size = plan.source, plan.source.image_size
    anatomy = dissect(source.model)
    if anatomy is None or anatomy.maps is None:
        say("no class-activation map: the model does not end in global average pooling and Dense")
    photos = load_photos(plan.validation.paths, size)
    plain = np.asarray(source.model.predict(photos, batch_size=32, verbose=0), np.float32)
    check_reference(plain)
    output = "probabilities" if _is_distribution(plain) else "logits"
    familiarity = None
    if plan.unknown is not None:
        if anatomy is None:
            raise InputError("--unknown needs a model that ends in one Dense layer; leave it out")
        familiarity = _fit_familiarity(plan.unknown.halves()[0], plan, photos, output, anatomy)
    probe = None if familiarity is None else familiarity.probe
    model = with_heads(source.model, output, anatomy, probe)
    answers = model.predict(photos, batch_size=32, verbose=0)
    return model, Exam(photos, {name: answers[name] for name in output_names(model)}, familiarity)


def _fit_familiarity(
    unknown: LabelledPhotos, plan: Plan, photos: NDArray[np.uint8], output: str, anatomy: Anatomy
) -> Familiarity:
    if len(unknown) == 0:
        raise InputError(f"{unknown.root}: too few photos to learn what is unknown; add some")
    others = load_photos(unknown.paths, plan.source.image_size, "read unknown photos")
    model = plan.source.model
    reader = keras.Model(model.inputs, [anatomy.features, model.outputs[0]])

    def answers(pixels: NDArray[np.uint8]) -> Answers:
        features, outputs = reader.predict(pixels, batch_size=32, verbose=0)
        return Answers(features, as_logits(outputs, output))

    series = np.unique(unknown.units, return_inverse=True)[1]
    return fit_familiarity(answers(photos), answers(others), series, plan.unknown_name)


def _is_distribution(outputs: Outputs) -> bool:
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1, atol=1e-3))
