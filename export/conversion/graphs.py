"""What a converted graph consists of, in the order that it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import onnx
from ai_edge_litert import schema_py_generated as schema


class Operation(NamedTuple):
    """A node of a graph.

    Attributes:
        name: Of the node; in TFLite, that of the first tensor it gives, by which the converter
            knows it.
        kind: As the format names it, such as `CONV_2D` or `Conv`.
        inputs: What it reads: tensors by number in TFLite, by name in ONNX.
        outputs: What it gives, likewise.
    """

    name: str
    kind: str
    inputs: Sequence[Any]
    outputs: Sequence[Any]


def tflite_operations(data: bytes) -> list[Operation]:
    """The operations of a TFLite model's main graph."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
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


def onnx_operations(model: onnx.ModelProto) -> list[Operation]:
    """The operations of an ONNX model's main graph."""
    return [
        Operation(node.name, node.op_type, node.input, node.output) for node in model.graph.node
    ]
