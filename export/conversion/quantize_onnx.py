"""The schemes as ONNX: what ONNX Runtime's tools make of a float graph, or what we make of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from export.conversion.tidy import share_constants, sort_nodes
from models.errors import ConversionError, reason
from models.manifest import Scheme

_KERNELS = ("Conv", "Gemm", "MatMul")  # whose second input is a kernel

Feed = dict[str, NDArray[np.generic]]  # one array per input, of one row


def onnx_scheme(
    model: onnx.ModelProto, scheme: Scheme, feeds: Iterable[Feed], spared: Sequence[str] = ()
) -> bytes:
    """A float ONNX model under a scheme; inputs and outputs keep their types throughout.

    Args:
        model: In float32, or in float64 for the scheme of that name.
        scheme: How to store and compute.
        feeds: What sets the ranges of activations, for wi8_ai8 only.
        spared: Nodes of `prepared(model)`, by name, that wi8_ai8 leaves in float.

    Raises:
        ConversionError: ONNX Runtime's tools cannot do it.
    """
    try:
        match scheme:
            case "f16":
                result = _half(model)
            case "wi8_afp32":
                result = _weights_only(model)
            case "wi8_ai8":
                result = static(prepared(model), feeds, spared)
            case _:
                result = model
        sort_nodes(result.graph)
        onnx.checker.check_model(result, full_check=True)
    except Exception as error:
        raise ConversionError(f"onnx {scheme}: conversion failed ({reason(error)})") from error
    return bytes(result.SerializeToString())


def prepared(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph as it is quantized: shapes inferred, batch normalisation folded, nodes fused."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(prefix="bombus-") as folder:
        given, path = Path(folder, "given.onnx"), Path(folder, "prepared.onnx")
        onnx.save(model, given)
        # Its symbolic inference gives up on attention, and leaves a file where it was called.
        quant_pre_process(given, path, skip_symbolic_shape=True)
        return onnx.load(path)


def _half(model: onnx.ModelProto) -> onnx.ModelProto:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    half: onnx.ModelProto = convert_float_to_float16(copy, keep_io_types=True)
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
        node.input[1]: _outputs_axis(node) for node in graph.node if node.op_type in _KERNELS
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
    if not dequantize:
        raise ValueError("no kernel of a convolution or matrix product in it; choose f32")
    nodes = [*dequantize, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return result


def _outputs_axis(node: onnx.NodeProto) -> int:
    """The axis of a kernel that runs over what it gives."""
    turned = any(a.name == "transB" and a.i for a in node.attribute)
    return 0 if node.op_type == "Conv" or turned else 1


def static(
    model: onnx.ModelProto,
    feeds: Iterable[Feed],
    spared: Sequence[str],
    ranges: Path | None = None,
) -> onnx.ModelProto:
    """QDQ with unsigned activations and signed per-channel weights: fastest on x86.

    Args:
        model: Of `prepared`; its weights are taken from it.
        feeds: What sets the ranges of activations.
        spared: Names of nodes to leave in float.
        ranges: A file that keeps them: written where it is not, else read in place of `feeds`.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.feeds = iter(feeds)

        def get_next(self) -> Feed | None:
            return next(self.feeds, None)

    with tempfile.TemporaryDirectory(prefix="bombus-") as folder:
        path = Path(folder, "quantized.onnx")
        quantize_static(
            model,
            path,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            calibration_cache_path=ranges,
            nodes_to_exclude=list(spared),
        )
        result: onnx.ModelProto = onnx.load(path)
    if not any(node.op_type == "QuantizeLinear" for node in result.graph.node):
        raise ValueError("nothing in it can be computed in 8 bits; choose f32")
    if spared:
        _keep_outputs(result.graph)
    share_constants(result.graph)
    return result


def _keep_outputs(graph: onnx.GraphProto) -> None:
    """Give outputs as they were computed; ONNX Runtime's tools round what is also used in 8 bits.

    They put quantizer and dequantizer before such an output, even if what computes it is in float.
    """
    makers = {name: node for node in graph.node for name in node.output}
    names = dict[str, str]()
    for output in graph.output:
        rounded = makers[output.name]
        if rounded.op_type == "DequantizeLinear":
            exact = makers[rounded.input[0]].input[0]
            names |= {output.name: f"{output.name}_rounded", exact: output.name}
    for node in graph.node:
        for side in (node.input, node.output):
            side[:] = [names.get(name, name) for name in side]
    needed, kept = {output.name for output in graph.output}, list[onnx.NodeProto]()
    for node in reversed(graph.node):  # what only rounded an output is of no use any more
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))
