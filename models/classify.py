"""The recogniser: photo -> square -> logits -> verdict, from a bundle, on whichever runtime."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.errors import InputError, IntegrityError
from models.manifest import Artefact
from models.metrics import softmax
from models.photos import read_bytes
from models.preprocess import decode, prepare
from models.runtime import RUNTIMES, available_runtimes, open_runner


@dataclass(frozen=True)
class Guess:
    """A label and how sure the model is of it, 0 to 1."""

    label: str
    confidence: float


def describe(guesses: Sequence[Guess]) -> str:
    """Guesses in a line for a person, such as `iris 97.1 %, tulip 1.2 %`."""
    return ", ".join(f"{g.label} {100 * g.confidence:.1f} %" for g in guesses)


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
        if manifest.task != "image-classification" or manifest.preprocess is None:
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
        if {t.name: t.shape for t in tensors} != {p.name: p.shape for p in ports}:
            raise IntegrityError(
                f"{bundle.path / self.artefact.file}: its inputs and outputs are not the "
                "manifest's; export the bundle again"
            )
        self.runtime = self._runner.runtime

    def classify_file(self, path: Path, top: int = 3) -> tuple[Guess, ...]:
        """The most likely labels of a photo file; `InputError` when it is no photo."""
        return self.classify(decode(read_bytes(path), str(path)), top)

    def classify(self, image: NDArray[np.uint8], top: int = 3) -> tuple[Guess, ...]:
        """The most likely labels of an upright RGB image [H, W, 3] uint8, the best first."""
        pixels = prepare(image, self._size)[None]
        name, output = self._manifest.inputs[0].name, self._manifest.outputs[0]
        values = self._runner.run({name: pixels})[output.name][0]
        logits = values if output.meaning == "logits" else np.log(np.maximum(values, 1e-12))
        calibration = self.artefact.calibration
        probabilities = softmax(logits, calibration.temperature if calibration else 1.0)
        best = np.argsort(-probabilities, kind="stable")[:top]
        return tuple(Guess(self._manifest.labels[i], float(probabilities[i])) for i in best)


def _choose(bundle: Bundle, runtime: str) -> Artefact:
    """The bundle's default, else quantized before float; of what is here and can be run."""
    if runtime and runtime not in RUNTIMES:
        raise InputError(f"runtime {runtime!r} is unknown; one of {', '.join(RUNTIMES)}")
    wanted = [RUNTIMES[runtime]] if runtime else list(RUNTIMES.values())
    runnable = [
        a
        for a in bundle.manifest.artefacts
        if a.format in wanted and bundle.has(a) and available_runtimes(a.format)
    ]
    if not runnable:
        raise InputError(
            f"{bundle.path}: no artefact here for {runtime or 'any runtime that is installed'}; "
            "get the whole bundle, or pip install ai-edge-litert or onnxruntime"
        )
    arm = platform.machine().lower().startswith(("arm", "aarch"))
    default = bundle.manifest.default.get("arm" if arm else "x86")
    # tflite-runtime of 2023 is many times slower on int8 than on float (docs/bundle-format.md).
    order = ["f32", "f16"] if runtime == "tflite-runtime" else ["wi8_ai8", "f32"]

    def rank(a: Artefact) -> tuple[bool, int]:
        scheme = order.index(a.scheme) if a.scheme in order else len(order)
        return (a.file != default or bool(runtime), scheme)

    return min(runnable, key=rank)
