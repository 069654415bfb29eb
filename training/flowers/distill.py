"""Distillation: a small network learns from the labels and, beside them, from a larger one.

The features get two linear classifiers (Touvron et al., arXiv 2012.12877): one is trained on the
labels, the other on the teacher's softened probabilities (Hinton et al., arXiv 1503.02531). Their
mean answers. Both being linear, the mean is again one classifier, so what is shipped is no larger.

Photos without labels teach as well: of them only the teacher speaks.

The teacher sees each batch as the student does, augmented and blended: answers for other views,
kept from before, teach less (Beyer et al., arXiv 2106.05237). On a CPU, EfficientNet-Lite0's
answer costs about a sixth of MobileNet's training step.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from models.bundle import MANIFEST, open_bundle
from models.errors import InputError
from models.files import read_bytes, write_text, writing_to
from models.photos import LabelledPhotos, scan_photos
from training.flowers.dataset import UNLABELLED
from training.flowers.network import Network
from training.flowers.recipe import Distill, Recipe
from training.flowers.weights import load_model

Teacher = Callable[[Any], Any]


def without_path(recipe: Recipe) -> Recipe:
    """The recipe with names in place of paths of its teacher and unlabelled photos."""
    teacher, photos = Path(recipe.distill.teacher).name, Path(recipe.distill.unlabelled).name
    return replace(recipe, distill=replace(recipe.distill, teacher=teacher, unlabelled=photos))


def teacher_record(recipe: Recipe) -> dict[str, str]:
    """What to write down of the teacher and of unlabelled photos beside their names: hashes.

    Raises:
        InputError: There is no such file or folder.
    """
    record = dict[str, str]()
    if recipe.distill.teacher:
        data = read_bytes(Path(recipe.distill.teacher))
        record["teacher_sha256"] = hashlib.sha256(data).hexdigest()
    if recipe.distill.unlabelled:
        record["unlabelled_sha256"] = scan_photos(Path(recipe.distill.unlabelled)).sha256
    return record


def with_unlabelled(photos: LabelledPhotos, folder: str) -> LabelledPhotos:
    """The photos, and after them those of a folder, which only the teacher speaks of.

    Args:
        photos: With labels.
        folder: Of more, in folders or not; empty: none.

    Raises:
        InputError: There is no photo in it.
    """
    if not folder:
        return photos
    more = scan_photos(Path(folder).absolute())
    return LabelledPhotos(
        Path(os.path.commonpath([photos.root.absolute(), more.root])),
        (*(path.absolute() for path in photos.paths), *more.paths),
        np.append(photos.targets, np.full(len(more), UNLABELLED)),
        photos.labels,
    )


def load_teacher(path: Path, labels: tuple[str, ...]) -> Teacher:
    """A finished run's model, as a function of photos.

    Args:
        path: Its `model.keras`, or the Keras file of a bundle.
        labels: The student's.

    Returns:
        [B, S, S, 3] 0..255 of any size -> logits [B, K].

    Raises:
        InputError: No such model, or other labels.
    """
    model, known = read_run(path)
    if known != labels:
        raise InputError(
            f"{path}: knows other labels than the data ({', '.join(known)}); train it on this data"
        )
    size = model.input_shape[1:3]

    def ask(photos: Any) -> Any:
        own = tuple(photos.shape[1:3]) == size
        return model(photos if own else ops.image.resize(photos, size), training=False)

    return ask


def read_run(path: Path) -> tuple[keras.Model, tuple[str, ...]]:
    """A finished run's model and its labels.

    Args:
        path: Its `model.keras`, with `labels.txt` beside it, or the Keras file of a bundle.

    Raises:
        InputError: There is no such run, or Keras cannot load it.
        IntegrityError: The bundle's manifest is not valid.
    """
    if path.with_name(MANIFEST).is_file():
        return load_model(path), open_bundle(path.parent).manifest.labels
    labels = read_bytes(path.with_name("labels.txt")).decode("utf-8", "replace").splitlines()
    return load_model(path), tuple(labels)


def write_run(model: keras.Model, labels: Sequence[str], out: Path) -> None:
    """What `read_run` reads: `model.keras` and `labels.txt`."""
    with writing_to(out / "model.keras") as temporary:
        model.save(temporary)
    write_text(out / "labels.txt", "".join(f"{label}\n" for label in labels))


def build_student(network: Network, distill: Distill, labels: tuple[str, ...]) -> keras.Model:
    """What fine-tuning trains: the network, with a second classifier where there is a teacher.

    It shares its weights with the network; the second classifier starts as a copy of the first.

    Raises:
        InputError: As `load_teacher`.
    """
    if not distill.teacher:
        return network.model
    ask = load_teacher(Path(distill.teacher), labels)
    config = network.head.get_config() | {"name": "teacher_head"}
    second = keras.Sequential.from_config(config)
    second.set_weights(network.head.get_weights())
    photos = keras.Input(network.trunk.input_shape[1:], dtype="float32", name="image")
    features = network.trunk(photos)
    taught = Taught(ask, distill.temperature, distill.weight, dtype="float32", name="taught")
    logits = taught(photos, network.head(features), second(features))
    return keras.Model(photos, logits, name="student")


def merge_heads(network: Network, student: keras.Model) -> None:
    """Give the network the mean of the trained student's two classifiers."""
    second = student.get_layer("teacher_head").get_weights()
    mean = [(a + b) / 2 for a, b in zip(network.head.get_weights(), second, strict=True)]
    network.head.set_weights(mean)


class Taught(keras.layers.Layer):  # type: ignore[misc]
    """Answers with the mean of two classifiers; training has the first, while the second is taught.

    The loss is cross entropy with the teacher's probabilities, times the squared temperature,
    which keeps its gradients' size (Hinton et al.), times `weight`; that of the labels counts once.
    """

    def __init__(self, ask: Teacher, temperature: float, weight: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ask = ask  # a function: the teacher's weights are no part of the checkpoints
        self.temperature, self.weight = temperature, weight

    def call(self, photos: Any, labels: Any, teacher: Any, training: bool = False) -> Any:
        """Photos [B, S, S, 3] and both classifiers' logits [B, K] -> logits [B, K]."""
        if not training:
            return (labels + teacher) / 2
        wanted = ops.softmax(ops.stop_gradient(self.ask(photos)) / self.temperature)
        said = teacher / self.temperature
        losses = ops.categorical_crossentropy(wanted, said, from_logits=True)
        self.add_loss(self.weight * self.temperature**2 * ops.mean(losses))
        return labels
