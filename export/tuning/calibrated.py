"""A float graph with its ranges known, of which mixes of float and 8 bits are made in a moment.

Converters convert, calibrate and quantize in one go. A search quantizes the same graph dozens of
times, so here the first two are done once, by the same tools as `export.conversion.quantize` uses.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import onnx

from export.conversion.graphs import Operation, onnx_operations, tflite_operations
from export.conversion.quantize import Feeds, rows, tflite
from export.conversion.quantize_onnx import Feed, prepared, static
from export.conversion.served import Served, restored, saved_model, to_onnx
from models.errors import ConversionError, reason
from models.manifest import Format


class FloatGraph(Protocol):
    """A model in float, before its ranges are known."""

    @property
    def operations(self) -> list[Operation]:
        """In the order that they run."""
        ...

    @property
    def data(self) -> bytes:
        """The model as a file in float."""
        ...

    def calibrated(self, calibration: Feeds) -> Calibrated:
        """The same with the ranges that its tensors have on these inputs."""
        ...


class Calibrated(Protocol):
    """A model in float whose ranges are known."""

    def quantized(self, spared: Collection[str] = ()) -> bytes:
        """In 8 bits, but for the operations of these names.

        Raises:
            ConversionError: The converter cannot do it.
        """
        ...


class TfliteGraph:
    """A model as TFLite in float32."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.operations = tflite_operations(data)

    def calibrated(self, calibration: Feeds) -> Calibrated:
        """The same with its ranges."""
        from tensorflow.lite.python.optimize.calibrator import (
            Calibrator,
            add_intermediate_tensors,
        )

        # A list is fed by position, without TensorFlow's own interpreter: one input needs no name.
        alone = len(calibration) == 1
        feeds = (list(f.values()) if alone else f for f in rows(calibration))
        try:
            data = Calibrator(add_intermediate_tensors(self.data)).calibrate(lambda: feeds)
        except Exception as error:  # as many types as the converter has
            raise ConversionError(f"tflite: calibration failed ({reason(error)})") from error
        return _CalibratedTflite(data)


class _CalibratedTflite:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def quantized(self, spared: Collection[str] = ()) -> bytes:
        from tensorflow.lite.python.convert import mlir_quantize

        try:
            return bytes(mlir_quantize(self._data, denylisted_nodes=sorted(spared)))
        except Exception as error:
            raise ConversionError(f"tflite wi8_ai8: failed ({reason(error)})") from error


class OnnxGraph:
    """A model as ONNX in float32.

    Args:
        model: As tf2onnx made it.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.data = bytes(model.SerializeToString())
        self._prepared = prepared(model)
        self.operations = onnx_operations(self._prepared)

    def calibrated(self, calibration: Feeds) -> Calibrated:
        """The same with its ranges."""
        return _CalibratedOnnx(self._prepared, calibration)


class _CalibratedOnnx:
    def __init__(self, model: onnx.ModelProto, calibration: Feeds) -> None:
        self._model = model
        with tempfile.TemporaryDirectory(prefix="bombus-") as folder:
            path = Path(folder, "ranges.json")
            self._plain = self._static(rows(calibration), (), path)
            self._ranges = path.read_text(encoding="utf-8")

    def quantized(self, spared: Collection[str] = ()) -> bytes:
        if not spared:
            return self._plain
        with tempfile.TemporaryDirectory(prefix="bombus-") as folder:
            path = Path(folder, "ranges.json")
            path.write_text(self._ranges, encoding="utf-8")
            return self._static(iter(()), spared, path)

    def _static(self, feeds: Iterator[Feed], spared: Collection[str], ranges: Path) -> bytes:
        copy = onnx.ModelProto()
        copy.CopyFrom(self._model)  # the tools move its weights to files of their own
        try:
            return bytes(static(copy, feeds, sorted(spared), ranges).SerializeToString())
        except Exception as error:
            raise ConversionError(f"onnx wi8_ai8: failed ({reason(error)})") from error


def float_graphs(served: Served, formats: Sequence[Format]) -> dict[Format, FloatGraph]:
    """Convert a Keras model.

    Raises:
        ConversionError: A converter failed.
    """
    graphs = dict[Format, FloatGraph]()
    with saved_model(served) as folder:
        if "tflite" in formats:
            graphs["tflite"] = TfliteGraph(tflite(folder, "f32", None))
        if "onnx" in formats:
            inputs = [spec.name for spec in served.signature]
            graphs["onnx"] = OnnxGraph(to_onnx(restored(folder, inputs)))
    return {name: graphs[name] for name in formats}
