"""wi8_ai8 with the indices in float: 8 bits only for the dense layers behind the last of them.

A division is as good as its denominator, and that of a dark pixel is less than a step of 8 bits: in
full int8 a normalized difference is off by up to a quarter, and the light shows in it; a logarithm
fares no better. Dense layers behind them lose next to nothing in 8 bits.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from export.convert import SIGNATURE
from export.quantize import static
from models.errors import ConversionError, reason

Rows = NDArray[np.float32]  # [N, n]
# What ends an index, as TFLite and ONNX name it: a difference's division, or a contrast's tanh.
ENDS = ("DIV", "Div", "TANH", "Tanh")
DENSE = ("FULLY_CONNECTED", "MatMul", "Gemm", "Relu")


class Operation(NamedTuple):
    """A node of a graph."""

    name: str
    kind: str
    inputs: Sequence[Any]
    outputs: Sequence[Any]


def in_float(operations: Sequence[Operation]) -> list[str]:
    """Names of the operations that stay in float, of all in the order that they run."""
    needed, found = set[Any](), list[str]()
    for operation in reversed(operations):
        ends = operation.kind in ENDS or bool(needed.intersection(operation.outputs))
        if ends:
            needed.update(operation.inputs)
        if ends or operation.kind not in DENSE:
            found.append(operation.name)
    return found


def tflite_mixed(saved_model: Path, single: bytes, rows: Rows) -> bytes:
    """A SavedModel of one input [N, n] as TFLite.

    Args:
        saved_model: Folder with the signature `serve`.
        single: The same as TFLite in float32, which tells its operations.
        rows: What sets the ranges of activations.

    Raises:
        ConversionError: The converter cannot do it.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(saved_model), signature_keys=[SIGNATURE]
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([row[None]] for row in rows)
    options = tf.lite.experimental.QuantizationDebugOptions(
        denylisted_nodes=in_float(_tflite_operations(single))
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it opens TensorFlow's own interpreter
            debugger = tf.lite.experimental.QuantizationDebugger(
                converter=converter,
                debug_dataset=converter.representative_dataset,
                debug_options=options,
            )
            return bytes(debugger.get_nondebug_quantized_model())
    except Exception as error:  # the converter has many types of its own
        raise ConversionError(f"tflite wi8_ai8: conversion failed ({reason(error)})") from error


def onnx_mixed(model: onnx.ModelProto, rows: Rows) -> bytes:
    """A float ONNX model of one input [N, n].

    Raises:
        ConversionError: ONNX Runtime's tools cannot do it.
    """
    (given,) = model.graph.input
    try:
        result = static(
            model,
            ({given.name: row[None]} for row in rows),
            lambda prepared: in_float(_onnx_operations(prepared)),
        )
        _keep_outputs(result.graph)
        onnx.checker.check_model(result, full_check=True)
    except Exception as error:
        raise ConversionError(
            f"onnx wi8_ai8: conversion failed ({reason(error)}); "
            "leave it out, by --schemes f32,f16: 8 bits save a small network nothing"
        ) from error
    return bytes(result.SerializeToString())


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


def _onnx_operations(model: onnx.ModelProto) -> list[Operation]:
    return [
        Operation(node.name, node.op_type, node.input, node.output) for node in model.graph.node
    ]


def _tflite_operations(data: bytes) -> list[Operation]:
    """TFLite's converter knows an operation by the name of what it gives."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    (graph,) = model.subgraphs
    kinds = {code: kind for kind, code in vars(schema.BuiltinOperator).items()}
    return [
        Operation(
            graph.tensors[operator.outputs[0]].name.decode(),
            kinds[model.operatorCodes[operator.opcodeIndex].builtinCode],
            operator.inputs,
            operator.outputs,
        )
        for operator in graph.operators
    ]
