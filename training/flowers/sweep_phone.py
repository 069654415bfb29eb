"""What a phone would get of a sweep's trial: its int8 file, scored as it is and on noisy photos."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from models.bundle import Bundle, open_bundle
from models.metrics import Scores, paired_drop, score
from models.photos import LabelledPhotos
from models.preprocess import load_photo
from models.progress import track
from models.runtime import open_runner, run_each
from training.flowers.kept import Logits, kept_logits
from training.robustness.corruptions import CORRUPTIONS, Photo, corrupt

PHONE = "phone"  # folder of a trial's bundle, which `bombus export sweep` writes
_NOISE = next(c for c in CORRUPTIONS if c.name == "noise")
NOISE = 10  # per cent of the range of values


@dataclass(frozen=True)
class Phone:
    """A trial's int8 file.

    Attributes:
        scores: On the test photos.
        calibrated: ECE with the temperature in its bundle.
        drop: Top-1 that it loses to Keras on the same photos, with the 95 % interval, as fractions.
        noisy: Top-1 on the photos with noise of `NOISE` per cent.
        bytes: Its size.
    """

    scores: Scores
    calibrated: float
    drop: tuple[float, float, float]
    noisy: float
    bytes: int


def score_phone(trial: Path, photos: LabelledPhotos, keras: Logits) -> Phone | None:
    """Score a trial's int8 file, once; None where it has none, or one of another model.

    Args:
        trial: Its folder, in which the answers are kept.
        photos: Of the test.
        keras: The Keras model's logits [N, K] on them.

    Raises:
        IntegrityError: The bundle is damaged.
    """
    bundle = phone_of(trial)
    if bundle is None:
        return None
    (artefact,) = (a for a in bundle.manifest.artefacts if a.format == "tflite")
    plain, noisy = (
        _logits(trial, bundle.read(artefact), photos, severity)
        for severity in (0, 1 + _NOISE.levels.index(NOISE))
    )
    targets = photos.targets
    temperature = artefact.calibration.temperature if artefact.calibration else 1.0
    right = (logits.argmax(axis=1) == targets for logits in (keras, plain))
    return Phone(
        scores=score(plain, targets),
        calibrated=score(plain, targets, temperature).ece,
        drop=paired_drop(*right),
        noisy=float((noisy.argmax(axis=1) == targets).mean()),
        bytes=artefact.bytes,
    )


def phone_of(trial: Path) -> Bundle | None:
    """The bundle of a trial's model; None where there is none, or one of another model."""
    if not (trial / PHONE).is_dir():
        return None
    bundle = open_bundle(trial / PHONE)
    return bundle if bundle.is_made_of(trial / "model.keras") else None


def _logits(trial: Path, data: bytes, photos: LabelledPhotos, severity: int) -> Logits:
    """The file's answers [N, K] to photos with noise, kept with a hash of both."""

    def ask() -> Logits:
        runner = open_runner(data, "tflite", threads=2, name=str(trial / PHONE))
        shown = partial(_shown, size=runner.inputs[0].shape[1], severity=severity)
        paths = track(photos.paths, len(photos), f"{trial.name}, noise {severity}")
        return run_each(runner, map(shown, paths))["logits"]

    probe = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    noise = corrupt(probe, _NOISE, severity).tobytes()  # says what it does, whatever its code
    path = trial / f"{PHONE}-{photos.root.name}-{severity}.npz"
    return kept_logits(path, data + photos.sha256.encode() + noise, ask)


def _shown(path: Path, size: int, severity: int) -> Photo:
    return corrupt(load_photo(path, size), _NOISE, severity)
