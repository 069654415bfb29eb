"""Stage 3: the schemes. A scheme is named by what it stores and computes (docs/bundle-format.md).

f32: as trained. f16: weights in half precision. wi8_afp32: weights in 8 bits, activations float.
wi8_ai8: weights and activations in 8 bits.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tensorflow as tf
from numpy.typing import NDArray

from export.conversion.quantize_onnx import Feed, onnx_scheme
from export.conversion.served import SIGNATURE
from models.errors import ConversionError, reason
from models.manifest import Scheme

Feeds = Mapping[str, NDArray[Any]]  # [N, ...] per input, as the caller has them: photos in uint8


def tflite(
    saved_model: Path, scheme: Scheme, calibration: Feeds | None, spared: Sequence[str] = ()
) -> bytes:
    """A SavedModel as TFLite.

    Args:
        saved_model: Folder with the signature `serve`.
        scheme: All take and give what the signature does; but in wi8_ai8, with nothing spared,
            inputs that the caller has in uint8 are taken as such.
        calibration: What sets the ranges of activations, for wi8_ai8 only.
        spared: Operations that wi8_ai8 leaves in float, by name (`export.conversion.graphs`).

    Raises:
        ConversionError: The converter cannot do it.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(saved_model), signature_keys=[SIGNATURE]
    )
    if scheme != "f32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "f16":
        converter.target_spec.supported_types = [tf.float16]
    if scheme == "wi8_ai8":
        given = _given(calibration)
        # A dictionary makes the converter open TensorFlow's own interpreter; one input needs none.
        converter.representative_dataset = lambda: (
            list(feed.values()) if len(given) == 1 else feed for feed in rows(given)
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of that interpreter's end, years away
            if scheme == "wi8_ai8" and spared:
                return _partly(converter, spared)
            if scheme == "wi8_ai8":
                converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
                if calibration and all(v.dtype == np.uint8 for v in calibration.values()):
                    converter.inference_input_type = tf.uint8
            return bytes(converter.convert())
    except Exception as error:  # the converter has many types of its own
        raise ConversionError(f"tflite {scheme}: conversion failed ({reason(error)})") from error


def onnx_model(
    model: onnx.ModelProto,
    scheme: Scheme,
    calibration: Feeds | None,
    spared: Sequence[str] = (),
) -> bytes:
    """A float ONNX model under a scheme; inputs and outputs keep their types throughout.

    Args:
        model: As `export.conversion.served.to_onnx` makes it.
        scheme: How to store and compute.
        calibration: What sets the ranges of activations, for wi8_ai8 only.
        spared: Nodes of `prepared(model)`, by name, that wi8_ai8 leaves in float.

    Raises:
        ConversionError: ONNX Runtime's tools cannot do it.
    """
    feeds = rows(_given(calibration)) if scheme == "wi8_ai8" else ()
    return onnx_scheme(model, scheme, feeds, spared)


def _partly(converter: Any, spared: Sequence[str]) -> bytes:
    """8 bits but for some operations; TensorFlow has this in what it calls a debugger."""
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter,
        debug_dataset=converter.representative_dataset,
        debug_options=tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=list(spared)),
    )
    return bytes(debugger.get_nondebug_quantized_model())


def _given(calibration: Feeds | None) -> Feeds:
    if not calibration or not len(next(iter(calibration.values()))):
        raise ConversionError("wi8_ai8 needs calibration data")
    return calibration


def rows(feeds: Feeds) -> Iterator[Feed]:
    """One row at a time, as a float graph takes it."""
    for row in range(len(next(iter(feeds.values())))):
        yield {name: fed(values[row : row + 1]) for name, values in feeds.items()}


def fed(values: NDArray[Any]) -> NDArray[Any]:
    """What the caller has, as a float graph takes it: pixels in float32, ids as they are."""
    real = values.dtype == np.uint8 or np.issubdtype(values.dtype, np.floating)
    return values.astype(np.float32) if real else values
