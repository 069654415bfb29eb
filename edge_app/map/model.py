"""A bundle's classifier of pixels: values in, classes, confidences and indices out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_app.map.pixels import Pixel, Tally, to_values
from edge_app.map.scene import Scaling
from models.bundle import Bundle
from models.choice import candidates
from models.contract import SpectralPreprocess
from models.errors import InputError, IntegrityError
from models.manifest import Artefact
from models.runtime import open_runner

TASK = "spectral-classification"
NODATA = 255  # class and confidence of a pixel without
ROWS = 2048  # pixels a call: what a model keeps between its operations then fits a core's cache

Array = NDArray[Any]


@dataclass(frozen=True)
class Layers:
    """What is wanted beside the classes.

    Attributes:
        confidence: Of each class.
        indices: Of the model.
    """

    confidence: bool = False
    indices: bool = False


@dataclass(frozen=True)
class Mapped:
    """What N pixels are.

    Attributes:
        classes: [N] uint8; `NODATA` where there is none.
        confidence: [N] uint8, the class's probability in percent; `NODATA` as above.
        indices: [P, N] float32; NaN where there is none.
        tally: Of the pixels.
    """

    classes: NDArray[np.uint8]
    confidence: NDArray[np.uint8] | None
    indices: NDArray[np.float32] | None
    tally: Tally


class PixelModel:
    """A spectral classifier, loaded once, used for many tiles.

    Attributes:
        name: The bundle's name and version.
        artefact: The artefact in use.
        runtime: The runtime in use.
        bands: What it reads, in order.
        unit: Of their values.
        trained: How the counts that it learned from became values.
        nodata: The count that stood for no measurement among them.
        labels: Of its classes.
        indices: Names of what it gives beside the classes; may be none.
    """

    def __init__(
        self, bundle: Bundle, *, artefact: str = "", runtime: str = "", threads: int = 1
    ) -> None:
        """Load a classifier.

        Args:
            bundle: A spectral classifier's.
            artefact: A file name; by default the bundle's choice for the runtime.
            runtime: One of `models.runtime.RUNTIMES`; by default the artefact's first installed.
            threads: Threads that an inference may use.

        Raises:
            InputError: Not a spectral classifier, or no such artefact or runtime.
            IntegrityError: The artefact is not the one in the manifest, or not as described there.
        """
        manifest = bundle.manifest
        if manifest.task != TASK or not isinstance(manifest.preprocess, SpectralPreprocess):
            raise InputError(f"{bundle.path}: its task is {manifest.task}, not {TASK}")
        if len(manifest.labels) > NODATA:
            raise InputError(
                f"{bundle.path}: {len(manifest.labels)} classes, a map holds {NODATA}; "
                "train it on fewer"
            )
        self.artefact = bundle.artefact(artefact) if artefact else _choose(bundle, runtime)
        self._runner = open_runner(
            bundle.read(self.artefact),
            self.artefact.format,
            runtime=runtime,
            threads=threads,
            name=self.artefact.file,
        )
        tensors = (*manifest.inputs, *manifest.outputs)
        ports = (*self._runner.inputs, *self._runner.outputs)
        if {t.name: (-1, *t.shape[1:]) for t in tensors} != {p.name: p.shape for p in ports}:
            raise IntegrityError(
                f"{bundle.path / self.artefact.file}: its inputs and outputs are not the "
                "manifest's with any number of rows; export the bundle again"
            )
        self.runtime = self._runner.runtime
        self.name = f"{manifest.name} {manifest.version}"
        bands, self.labels = manifest.inputs[0], manifest.labels
        self.bands, self.unit = bands.channels or (), bands.units
        self.indices = next((t.channels or () for t in manifest.outputs[1:]), ())
        self.trained = Scaling(manifest.preprocess.scale, manifest.preprocess.offset)
        self.nodata = manifest.preprocess.nodata
        calibration = self.artefact.calibration
        self._temperature = np.float32(calibration.temperature if calibration else 1)

    @property
    def nothing(self) -> Tally:
        """The tally of no pixels."""
        return Tally(np.zeros(len(Pixel), np.int64), np.zeros(len(self.labels), np.int64))

    def map(
        self,
        counts: Array,
        empty: NDArray[np.bool_],
        scaling: Scaling,
        layers: Layers = Layers(),
    ) -> Mapped:
        """Map pixels.

        Args:
            counts: [n, N] of the bands in order, of any real dtype.
            empty: [N] which hold no measurement.
            scaling: From counts to the model's values.
            layers: What is wanted.
        """
        size = counts.shape[1]
        pixels = np.empty(size, np.uint8)
        classes = np.full(size, NODATA, np.uint8)
        confidence = np.full(size, NODATA, np.uint8) if layers.confidence else None
        shape = len(self.indices), size
        indices = np.full(shape, np.nan, np.float32) if layers.indices else None
        bright = dark = 0
        for begin in range(0, size, ROWS):
            part = slice(begin, begin + ROWS)
            read = to_values(counts[:, part], empty[part], scaling)
            bright, dark = bright + read.bright, dark + read.dark
            pixels[part], good = read.pixels, read.pixels == Pixel.GOOD
            if not good.any():
                continue
            answers = self._runner.run({"bands": read.values.T})
            logits = answers["logits"]
            if not np.isfinite(logits).all():  # of values near the greatest there are
                good &= np.isfinite(logits).all(axis=1)
                pixels[part][~good & (read.pixels == Pixel.GOOD)] = Pixel.NOT_FINITE
            np.copyto(classes[part], logits.argmax(axis=1), casting="unsafe", where=good)
            if confidence is not None:
                confidence[part][good] = self._percent(logits[good])
            if indices is not None:
                np.copyto(indices[:, part], answers["indices"].T, where=good)
        tally = Tally(_counts(pixels, len(Pixel)), _counts(classes, len(self.labels)), bright, dark)
        return Mapped(classes, confidence, indices, tally)

    def _percent(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """The greatest of each row's probabilities, softmax(logits / temperature), in percent."""
        below = (logits - logits.max(axis=1, keepdims=True)) / self._temperature
        return np.asarray(np.rint(100 / np.exp(below).sum(axis=1)), np.float32)


def _counts(values: NDArray[np.uint8], kinds: int) -> NDArray[np.int64]:
    """How often each of 0 to kinds - 1 is there; of bytes quicker than numpy's own."""
    return np.array([np.count_nonzero(values == kind) for kind in range(kinds)], np.int64)


def _choose(bundle: Bundle, runtime: str) -> Artefact:
    """The bundle's default, else float32, of what is here and can be run."""
    runnable, default = candidates(bundle, runtime)
    return min(runnable, key=lambda a: (a.file != default or bool(runtime), a.scheme != "f32"))
