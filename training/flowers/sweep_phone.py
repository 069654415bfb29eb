"""What a phone would get of a sweep's trial: its int8 file, scored as it is and on noisy photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle, open_bundle
from models.manifest import Artefact
from models.metrics import Scores, paired_drop, score
from models.progress import track
from models.runtime import open_runner, run_each
from training.robustness.corruptions import CORRUPTIONS, corrupt

PHONE = "phone"  # folder of a trial's bundle, which `bombus export sweep` writes
_NOISE = next(c for c in CORRUPTIONS if c.name == "noise")
NOISE = 10  # per cent of the range of values
_SEVERITY = 1 + _NOISE.levels.index(NOISE)


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


def score_phone(
    trial: Path, pixels: NDArray[np.uint8], targets: NDArray[np.int64], right: NDArray[np.bool_]
) -> Phone | None:
    """Score a trial's int8 file; None where it has none, or one of another model.

    Args:
        trial: Its folder.
        pixels: [N, S, S, 3] of the test photos.
        targets: [N] their classes.
        right: [N] whether the Keras model names them.

    Raises:
        IntegrityError: The bundle is damaged.
    """
    bundle = phone_of(trial)
    if bundle is None:
        return None
    artefact = int8_of(bundle)
    runner = open_runner(bundle.read(artefact), "tflite", threads=2, name=str(trial / PHONE))
    plain, noisy = (
        run_each(runner, track(seen, len(pixels), f"{trial.name}, on the phone"))["logits"]
        for seen in (pixels, (corrupt(photo, _NOISE, _SEVERITY) for photo in pixels))
    )
    temperature = artefact.calibration.temperature if artefact.calibration else 1.0
    return Phone(
        scores=score(plain, targets),
        calibrated=score(plain, targets, temperature).ece,
        drop=paired_drop(right, plain.argmax(axis=1) == targets),
        noisy=float((noisy.argmax(axis=1) == targets).mean()),
        bytes=artefact.bytes,
    )


def int8_of(bundle: Bundle) -> Artefact:
    """A trial's int8 file."""
    (artefact,) = (a for a in bundle.manifest.artefacts if a.format == "tflite")
    return artefact


def phone_of(trial: Path) -> Bundle | None:
    """The bundle of a trial's model; None where there is none, or one of another model."""
    if not (trial / PHONE).is_dir():
        return None
    bundle = open_bundle(trial / PHONE)
    return bundle if bundle.is_made_of(trial / "model.keras") else None
