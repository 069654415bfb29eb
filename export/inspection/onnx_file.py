"""Inside an ONNX file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from export.inspection.anatomy import Anatomy, Port, tally
from export.inspection.contract import parsed
from models.onnx_guard import has_external_data
from models.runtime import CONTRACT

# What onnx and ONNX Runtime define themselves; anything else is code from elsewhere.
_DOMAINS = {
    "",
    "ai.onnx",
    "ai.onnx.ml",
    "ai.onnx.training",
    "com.microsoft",
    "com.ms.internal.nhwc",
}


def anatomy(data: bytes) -> Anatomy:
    """Take an ONNX file apart.

    Raises:
        ValueError: No ONNX file, or damaged.
    """
    # The guard walks the bytes itself, so that a broken or hostile file is told before parsing.
    outside = has_external_data(data)
    try:
        model = onnx.load_from_string(data)
    except DecodeError as error:
        raise ValueError(f"not an ONNX file, or damaged ({error})") from error
    if not model.HasField("graph"):
        raise ValueError("not an ONNX file: there is no graph in it")
    nodes = [node for graph in _graphs(model) for node in graph]
    constants = [tensor for graph in [model.graph] for tensor in graph.initializer]
    given = {tensor.name for tensor in constants}
    dangers = []
    if outside:
        dangers.append("keeps weights in other files, or hides that it does")
    domains = {node.domain for node in nodes}
    strange = sorted(domains - _DOMAINS)
    dangers += [f"operations of {domain!r}, which need code from elsewhere" for domain in strange]
    texts = {entry.key: entry.value for entry in model.metadata_props}
    # Quantizers also import what no node uses.
    opsets = [
        f"{o.domain or 'opset'} {o.version}" for o in model.opset_import if o.domain in domains
    ]
    return Anatomy(
        format="onnx",
        made_by=f"{model.producer_name} {model.producer_version}".strip(),
        needs=", ".join([*opsets, f"IR {model.ir_version}"]),
        inputs=tuple(_port(value) for value in model.graph.input if value.name not in given),
        outputs=tuple(_port(value) for value in model.graph.output),
        ops=dict(Counter(node.op_type for node in nodes)),
        weights=tally(_size(tensor) for tensor in constants),
        contract=parsed(texts.get(CONTRACT)),
        dangers=tuple(dangers),
    )


def _graphs(model: onnx.ModelProto) -> Iterator[Any]:
    """The nodes of the graph, of the graphs inside its nodes, and of its functions."""
    waiting = [model.graph.node, *(function.node for function in model.functions)]
    while waiting:
        nodes = waiting.pop()
        yield nodes
        for node in nodes:
            for attribute in node.attribute:
                inner = [attribute.g] if attribute.HasField("g") else []
                waiting += [graph.node for graph in (*inner, *attribute.graphs)]


def _port(value: onnx.ValueInfoProto) -> Port:
    tensor = value.type.tensor_type
    shape = tuple(
        size.dim_value if size.HasField("dim_value") else size.dim_param or None
        for size in tensor.shape.dim
    )
    return Port(value.name, shape, _dtype(tensor.elem_type))


def _size(tensor: onnx.TensorProto) -> tuple[str, int, int]:
    return _dtype(tensor.data_type), math.prod(tensor.dims), tensor.ByteSize()


def _dtype(number: int) -> str:
    known = onnx.TensorProto.DataType.values()
    return onnx.TensorProto.DataType.Name(number).lower() if number in known else f"type {number}"
