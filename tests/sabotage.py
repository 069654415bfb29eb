"""Model files broken on purpose, in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray

from export.conversion.graphs import onnx_operations, tflite_operations

Change = Callable[[NDArray[Any]], NDArray[Any]]
KERNELS = ("CONV_2D", "FULLY_CONNECTED", "Conv", "Gemm")
_DTYPES = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.INT8: np.int8,
}


def kernels(data: bytes, model_format: str) -> list[str]:
    """Names of the operations with a kernel, in the order that they run."""
    if model_format == "tflite":
        operations = tflite_operations(data)
    else:
        operations = onnx_operations(onnx.load_model_from_string(data))
    return [operation.name for operation in operations if operation.kind in KERNELS]


def with_kernel(data: bytes, model_format: str, operation: str, change: Change) -> bytes:
    """A file with the stored numbers of one operation's kernel changed, and no other's."""
    if model_format == "tflite":
        return _tflite_kernel(data, operation, change)
    model = onnx.load_model_from_string(data)
    (node,) = [node for node in model.graph.node if node.name == operation]
    makers = {name: node for node in model.graph.node for name in node.output}
    name = node.input[1]
    name = makers[name].input[0] if name in makers else name
    (tensor,) = [tensor for tensor in model.graph.initializer if tensor.name == name]
    values = onnx.numpy_helper.to_array(tensor)
    tensor.CopyFrom(onnx.numpy_helper.from_array(change(values).astype(values.dtype), name))
    return bytes(model.SerializeToString())


def _tflite_kernel(data: bytes, operation: str, change: Change) -> bytes:
    model = flatbuffer_utils.read_model_from_bytearray(data)
    graph = model.subgraphs[0]
    makers = {number: operator for operator in graph.operators for number in operator.outputs}
    (operator,) = [o for o in graph.operators if _name(graph, o.outputs[0]) == operation]
    number = operator.inputs[1]
    if number in makers:  # half precision is unpacked first
        operator = makers[number]
        number = operator.inputs[0]
    kernel = graph.tensors[number]
    copy = schema.TensorT()  # the kernel may serve two operations, or its buffer two tensors
    vars(copy).update(vars(kernel) | {"buffer": len(model.buffers), "name": b"broken"})
    values = np.frombuffer(bytes(model.buffers[kernel.buffer].data), _DTYPES[kernel.type])
    buffer = schema.BufferT()
    changed = change(values.reshape(kernel.shape)).astype(values.dtype)
    buffer.data = np.frombuffer(changed.tobytes(), np.uint8)
    model.buffers.append(buffer)
    graph.tensors.append(copy)
    operator.inputs = [len(graph.tensors) - 1 if n == number else n for n in operator.inputs]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def with_scale(data: bytes, model_format: str, operation: str, factor: float) -> bytes:
    """A wi8_ai8 file with the scales of one operation's kernel multiplied."""
    if model_format == "tflite":
        model = flatbuffer_utils.read_model_from_bytearray(data)
        graph = model.subgraphs[0]
        (operator,) = [o for o in graph.operators if _name(graph, o.outputs[0]) == operation]
        quantized = graph.tensors[operator.inputs[1]].quantization
        quantized.scale = [factor * scale for scale in quantized.scale]
        return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    proto = onnx.load_model_from_string(data)
    (node,) = [node for node in proto.graph.node if node.name == operation]
    makers = {name: node for node in proto.graph.node for name in node.output}
    name = makers[node.input[1]].input[1]
    (tensor,) = [tensor for tensor in proto.graph.initializer if tensor.name == name]
    values = onnx.numpy_helper.to_array(tensor)
    tensor.CopyFrom(onnx.numpy_helper.from_array(values * np.float32(factor), name))
    return bytes(proto.SerializeToString())


def _name(graph: Any, number: int) -> str:
    return str(graph.tensors[number].name.decode())


def with_input_scaled(data: bytes, factor: float) -> bytes:
    """An ONNX file that multiplies its input first."""
    model = onnx.load_model_from_string(data)
    (port,) = model.graph.input
    for node in model.graph.node:
        node.input[:] = ["scaled input" if name == port.name else name for name in node.input]
    model.graph.initializer.append(
        onnx.numpy_helper.from_array(np.array(factor, np.float32), "factor")
    )
    node = onnx.helper.make_node("Mul", [port.name, "factor"], ["scaled input"])
    model.graph.node.insert(0, node)
    return bytes(model.SerializeToString())


def with_constant(data: bytes, name: str, values: NDArray[Any]) -> bytes:
    """An ONNX file with other numbers in one of its constants."""
    model = onnx.load_model_from_string(data)
    (tensor,) = [tensor for tensor in model.graph.initializer if tensor.name == name]
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, name))
    return bytes(model.SerializeToString())
