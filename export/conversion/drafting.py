"""Stages 2 and 3, as they run in processes of their own: a SavedModel becomes one artefact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import onnx

from export.conversion.graphs import Operation, onnx_operations, tflite_operations
from export.conversion.quantize import Feeds, onnx_model, tflite
from export.conversion.quantize_onnx import prepared
from export.conversion.served import restored, to_onnx
from export.conversion.tidy import one_row
from models.manifest import Scheme

# Which operations wi8_ai8 leaves in float, by name, of all in the order that they run.
Spare = Callable[[Sequence[Operation]], list[str]]


def draft_tflite(
    folder: Path, scheme: Scheme, calibration: Feeds | None, spare: Spare | None
) -> bytes:
    """One TFLite file.

    Args:
        folder: Of the SavedModel.
        scheme: How to store and compute.
        calibration: What sets the ranges of activations, for wi8_ai8 only.
        spare: What wi8_ai8 leaves in float, if anything.

    Raises:
        ConversionError: The converter cannot do it.
    """
    if scheme != "wi8_ai8" or spare is None:
        return tflite(folder, scheme, calibration)
    spared = spare(tflite_operations(tflite(folder, "f32", None)))
    return tflite(folder, scheme, calibration, spared)


def draft_base(folder: Path, inputs: Sequence[str], single: bool, runtime: str) -> bytes:
    """The float ONNX graph of a SavedModel, of which the schemes are made.

    Args:
        folder: Of the SavedModel.
        inputs: Their names in order.
        single: Fix the number of rows, which the SavedModel leaves free, at 1.
        runtime: The oldest ONNX Runtime that must read it.

    Raises:
        ConversionError: tf2onnx cannot convert it.
    """
    model = to_onnx(restored(folder, inputs), runtime)
    return bytes((one_row(model) if single else model).SerializeToString())


def draft_onnx(
    base: bytes, scheme: Scheme, calibration: Feeds | None, spare: Spare | None
) -> bytes:
    """One ONNX file of what `draft_base` made; arguments as of `draft_tflite`."""
    model = onnx.load_model_from_string(base)
    if scheme != "wi8_ai8" or spare is None:
        return onnx_model(model, scheme, calibration)
    return onnx_model(model, scheme, calibration, spare(onnx_operations(prepared(model))))
