"""What a sweep's trials are worth on the test photos: scored once, kept as numbers beside them.

A trial's record outlives its model, so that a study of many hours can be carried from machine to
machine, and its page drawn anew, without a gigabyte of weights.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.files import read_bytes, read_record, write_text
from models.metrics import Scores, fit_temperature, score
from models.photos import LabelledPhotos
from training.flowers.dataset import decoded
from training.flowers.sweep_phone import Phone, int8_of, phone_of, score_phone
from training.flowers.weights import load_model

SCORES = "scores"


@dataclass(frozen=True)
class Judges:
    """The photos that trials are scored by.

    Attributes:
        test: What the page states.
        val: Sets the temperature.
        cache: Folder of decoded photos.
    """

    test: LabelledPhotos
    val: LabelledPhotos
    cache: Path

    def pixels(self, split: str, size: int) -> NDArray[np.uint8]:
        """All photos of a split, [N, size, size, 3]."""
        photos: LabelledPhotos = getattr(self, split)
        return decoded(photos, size, self.cache, split)


@dataclass(frozen=True)
class Scored:
    """A trained trial on the test photos.

    Attributes:
        said: [N] the class that its Keras model gives each photo.
        scores: Of that model.
        calibrated: Its ECE with the temperature of the val photos.
        phone: Its int8 file's, where it was exported.
    """

    said: tuple[int, ...]
    scores: Scores
    calibrated: float
    phone: Phone | None = None


def scored(sweep: Path, trial: Path, size: int, judges: Judges) -> Scored:
    """A trial's scores: what its record says, or else what its model and its int8 file say now.

    Args:
        sweep: Its sweep's folder, which keeps the record.
        trial: Its folder; where it holds no model, the record counts as it is.
        size: Of the photos that it takes, in pixels.
        judges: Of the test and of val.

    Raises:
        InputError: There is neither a model nor a record made on these photos.
        IntegrityError: The int8 file's bundle is damaged.
    """
    file, model = sweep / SCORES / f"{trial.name}.json", trial / "model.keras"
    record = (
        read_record(file, "of", *(field.name for field in fields(Scored)))
        if file.exists()
        else {"of": {}}
    )
    of = {"photos": judges.test.sha256}
    if model.exists():
        phone = phone_of(trial)
        of["model"] = hashlib.sha256(read_bytes(model)).hexdigest()
        of["phone"] = int8_of(phone).sha256 if phone else ""
    if all(record["of"].get(part) == value for part, value in of.items()):
        return _read(record)
    if not model.exists():
        raise InputError(
            f"{trial}: has no model, and no scores on these photos in {file}; remove "
            f"cells/{file.name} and run bombus train sweep to train it anew"
        )
    answer = _score(trial, size, judges)
    write_text(file, json.dumps({"of": of, **asdict(answer)}))
    return answer


def _read(record: dict[str, Any]) -> Scored:
    phone = record["phone"]
    return Scored(
        tuple(record["said"]),
        Scores(**record["scores"]),
        record["calibrated"],
        phone and Phone(**phone | {"scores": Scores(**phone["scores"])}),
    )


def _score(trial: Path, size: int, judges: Judges) -> Scored:
    model = load_model(trial / "model.keras")
    photos = {split: judges.pixels(split, size) for split in ("test", "val")}
    test, val = (model.predict(x, batch_size=32, verbose=0) for x in photos.values())
    targets = judges.test.targets
    temperature = fit_temperature(val, judges.val.targets)
    said = test.argmax(axis=1)
    return Scored(
        tuple(said.tolist()),
        score(test, targets),
        score(test, targets, temperature).ece,
        score_phone(trial, photos["test"], targets, right=said == targets),
    )
