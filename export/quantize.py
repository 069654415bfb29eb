"""Stage 3: the schemes. A scheme is named by what it stores and computes (docs/bundle-format.md).

f32: as trained. f16: weights in half precision. wi8_afp32: weights in 8 bits, activations float.
wi8_ai8: weights and activations in 8 bits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import tensorflow as tf
from numpy.typing import NDArray

from export.convert import INPUT, SIGNATURE
from models.errors import ConversionError, reason
from models.manifest import Scheme

Photos = NDArray[np.uint8]  # [N, S, S, 3]
Feed = dict[str, NDArray[np.float32]]  # one array per input


def tflite(saved_model: Path, scheme: Scheme, calibration: Photos | None) -> bytes:
    """A SavedModel as TFLite.

    Args:
        saved_model: Folder with the signature `serve`.
        scheme: wi8_ai8 takes uint8 pixels and gives float32; the others are float32 throughout.
        calibration: [N, S, S, 3] uint8, for wi8_ai8 only.

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
        converter.representative_dataset = lambda: ([row] for row in _rows(calibration))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.float32
    try:
        return bytes(converter.convert())
    except Exception as error:  # the converter has many types of its own
        raise ConversionError(f"tflite {scheme}: conversion failed ({reason(error)})") from error


def onnx_model(model: onnx.ModelProto, scheme: Scheme, calibration: Photos | None) -> bytes:
    """A float ONNX model under a scheme; input and output stay float32 throughout.

    Raises:
        ConversionError: ONNX Runtime's tools cannot do it.
    """
    try:
        match scheme:
            case "f32":
                result = model
            case "f16":
                result = _half(model)
            case "wi8_afp32":
                result = _weights_only(model)
            case "wi8_ai8":
                result = static(model, ({INPUT: row} for row in _rows(calibration)))
        onnx.checker.check_model(result, full_check=True)
    except Exception as error:
        raise ConversionError(f"onnx {scheme}: conversion failed ({reason(error)})") from error
    return bytes(result.SerializeToString())


def _rows(photos: Photos | None) -> Iterator[NDArray[np.float32]]:
    """One photo at a time, float32 [1, S, S, 3] 0..255."""
    if photos is None or len(photos) == 0:
        raise ConversionError("wi8_ai8 needs calibration photos")
    for photo in photos:
        yield photo[None].astype(np.float32)


def _half(model: onnx.ModelProto) -> onnx.ModelProto:
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    half: onnx.ModelProto = convert_float_to_float16(copy, keep_io_types=True)
    OnnxModel.graph_topological_sort(half.graph)  # it puts the casts of the inputs last
    return half


def _weights_only(model: onnx.ModelProto) -> onnx.ModelProto:
    """Kernels as int8 with a scale per output channel, dequantized as the model loads or runs.

    ONNX Runtime's own dynamic quantization also quantizes activations on the fly, which makes
    convolutions several times slower than float; this stores a quarter and computes in float.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    kernels = {
        node.input[1]: 0 if node.op_type == "Conv" else 1
        for node in graph.node
        if node.op_type in ("Conv", "MatMul")
    }
    dequantize = []
    for tensor in list(graph.initializer):
        if tensor.name not in kernels or tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        axis = kernels[tensor.name]
        kernel = onnx.numpy_helper.to_array(tensor)
        others = tuple(i for i in range(kernel.ndim) if i != axis)
        scale = np.maximum(np.abs(kernel).max(axis=others), 1e-12) / 127
        shape = [-1 if i == axis else 1 for i in range(kernel.ndim)]
        codes = np.clip(np.round(kernel / scale.reshape(shape)), -127, 127).astype(np.int8)
        parts = {"codes": codes, "scale": scale.astype(np.float32)}
        names = {part: f"{tensor.name}_{part}" for part in parts}
        graph.initializer.remove(tensor)
        graph.initializer.extend(
            onnx.numpy_helper.from_array(value, names[part]) for part, value in parts.items()
        )
        dequantize.append(
            onnx.helper.make_node(
                "DequantizeLinear",
                [names["codes"], names["scale"]],
                [tensor.name],
                name=f"{tensor.name}_dequantize",
                axis=axis,
            )
        )
    nodes = [*dequantize, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return result


def static(
    model: onnx.ModelProto,
    feeds: Iterator[Feed],
    spared: Callable[[onnx.ModelProto], list[str]] = lambda prepared: [],
) -> onnx.ModelProto:
    """QDQ with unsigned activations and signed per-channel weights: fastest on x86.

    Args:
        model: In float.
        feeds: What sets the ranges of activations.
        spared: Names of nodes to leave in float, of the model as ONNX Runtime prepares it.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> Feed | None:
            return next(feeds, None)

    with tempfile.TemporaryDirectory(prefix="bombus-") as folder:
        prepared, quantized = Path(folder, "prepared.onnx"), Path(folder, "quantized.onnx")
        quant_pre_process(model, prepared)
        quantize_static(
            prepared,
            quantized,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=spared(onnx.load(prepared)),
        )
        return onnx.load(quantized)
