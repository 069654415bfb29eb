"""The recogniser: photo -> square -> outputs -> reading -> verdict, on whichever runtime.

A reading is one photo's calibrated answer; a verdict is what to tell a person of one reading or
of several, fused (`fuse`), such as photos of one plant or frames of a camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.choice import candidates
from models.contract import ImagePreprocess
from models.errors import InputError, IntegrityError
from models.files import read_bytes
from models.manifest import Artefact
from models.metrics import as_logits, softmax
from models.preprocess import decode, prepare
from models.rejection import Kind, known, verdict_kind
from models.runtime import open_runner

FAMILIARITY = "familiarity"  # the meaning of that output in the manifest


@dataclass(frozen=True)
class Guess:
    """A label and how sure the model is of it, 0 to 1."""

    label: str
    confidence: float


@dataclass(frozen=True)
class Reading:
    """One photo's calibrated answer.

    Attributes:
        probabilities: [K] of each class, were it one of them.
        known: Probability that it is one of them at all; 1 where the bundle cannot say.
    """

    probabilities: NDArray[np.float64]
    known: float


@dataclass(frozen=True)
class Verdict:
    """What to tell a person.

    Attributes:
        kind: `sure`, `unsure`, or `unknown`: none of the classes.
        known: As of `Reading`.
        guesses: The likeliest labels, the best first, whatever the kind.
    """

    kind: Kind
    known: float
    guesses: tuple[Guess, ...]

    def __str__(self) -> str:
        """A line, such as `iris 97.1 %, tulip 1.2 %` or `not sure: iris 48.0 %, …`."""
        if self.kind == "unknown":  # no figures: they would hold if it were one of them
            return f"none of these; nearest are {', '.join(g.label for g in self.guesses)}"
        guesses = ", ".join(f"{g.label} {100 * g.confidence:.1f} %" for g in self.guesses)
        return guesses if self.kind == "sure" else f"not sure: {guesses}"


def fuse(readings: Sequence[Reading]) -> Reading:
    """One reading of several photos of one thing: the mean of what they say."""
    probabilities = np.mean([r.probabilities for r in readings], axis=0)
    return Reading(probabilities, float(np.mean([r.known for r in readings])))


class Recogniser:
    """A bundle's classifier, loaded once, used for many photos.

    Attributes:
        artefact: The artefact in use.
        runtime: The runtime in use.
    """

    def __init__(
        self, bundle: Bundle, *, artefact: str = "", runtime: str = "", threads: int = 1
    ) -> None:
        """Load a classifier.

        Args:
            bundle: An image classifier's.
            artefact: A file name; by default the bundle's choice for the runtime.
            runtime: One of `models.runtime.RUNTIMES`; by default the artefact's first installed.
            threads: Threads that an inference may use.

        Raises:
            InputError: Not an image classifier, or no such artefact or runtime.
            IntegrityError: The artefact is not the one in the manifest, or not as described there.
        """
        manifest = bundle.manifest
        if manifest.task != "image-classification" or not isinstance(
            manifest.preprocess, ImagePreprocess
        ):
            raise InputError(
                f"{bundle.path}: its task is {manifest.task}, not image-classification"
            )
        self.artefact = bundle.artefact(artefact) if artefact else _choose(bundle, runtime)
        self._manifest, self._size = manifest, manifest.preprocess.size
        self._runner = open_runner(
            bundle.read(self.artefact),
            self.artefact.format,
            runtime=runtime,
            threads=threads,
            name=self.artefact.file,
        )
        tensors = (*manifest.inputs, *manifest.outputs)
        ports = (*self._runner.inputs, *self._runner.outputs)
        if {t.name: t.shape for t in tensors} != {p.name: p.single for p in ports}:
            raise IntegrityError(
                f"{bundle.path / self.artefact.file}: its inputs and outputs are not the "
                "manifest's; export the bundle again"
            )
        self.runtime = self._runner.runtime
        self._named = {t.meaning: t.name for t in manifest.outputs}

    def classify_file(self, path: Path, top: int = 3) -> Verdict:
        """The verdict on a photo file; `InputError` when it is no photo."""
        return self.classify(decode(read_bytes(path), str(path)), top)

    def classify(self, image: NDArray[np.uint8], top: int = 3) -> Verdict:
        """The verdict on an upright RGB image [H, W, 3] uint8."""
        return self.verdict(self.read(image), top)

    def read(self, image: NDArray[np.uint8]) -> Reading:
        """The calibrated answer to an upright RGB image [H, W, 3] uint8."""
        pixels = prepare(image, self._size)[None]
        outputs = self._runner.run({self._manifest.inputs[0].name: pixels})
        main, calibration = self._manifest.outputs[0], self.artefact.calibration
        logits = as_logits(outputs[main.name], main.meaning)
        temperature = calibration.temperature if calibration else 1.0
        rejection = calibration.rejection if calibration else None
        own = outputs[self._named[FAMILIARITY]][0] if FAMILIARITY in self._named else None
        return Reading(
            softmax(logits[0], temperature),
            1.0 if rejection is None else float(known(rejection, logits, own)[0]),
        )

    def verdict(self, reading: Reading, top: int = 3) -> Verdict:
        """What to tell a person of a reading, with so many labels."""
        p, calibration = reading.probabilities, self.artefact.calibration
        best = np.argsort(-p, kind="stable")[:top]
        guesses = tuple(Guess(self._manifest.labels[i], float(p[i])) for i in best)
        rejection = calibration.rejection if calibration else None
        return Verdict(
            verdict_kind(rejection, reading.known, float(p[best[0]])), reading.known, guesses
        )


def _choose(bundle: Bundle, runtime: str) -> Artefact:
    """The bundle's default, else quantized before float; of what is here and can be run."""
    runnable, default = candidates(bundle, runtime)
    # tflite-runtime of 2023 is many times slower on int8 than on float (docs/bundle-format.md).
    order = ["f32", "f16"] if runtime == "tflite-runtime" else ["wi8_ai8", "f32"]

    def rank(a: Artefact) -> tuple[bool, int]:
        scheme = order.index(a.scheme) if a.scheme in order else len(order)
        return (a.file != default or bool(runtime), scheme)

    return min(runnable, key=rank)
