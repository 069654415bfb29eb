"""ONNX graphs as people and every reader like them: short names, sorted nodes, a stated age."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

import onnx
from onnx import numpy_helper

from models.errors import InputError

# The newest opset and IR that each ONNX Runtime reads (its compatibility table), as far as
# tf2onnx writes them; 13 is the first with a scale per channel.
AGES: Mapping[str, tuple[int, int]] = {
    "1.7": (13, 7),
    "1.8": (14, 7),
    "1.10": (15, 8),
    "1.12": (17, 8),
    "1.14": (18, 8),
    "1.15": (18, 9),
}
NEWEST = "1.15"
ROWS = "N"  # name of a free first axis
# What TensorFlow and we put around a model to serve it.
_WRAPPERS = re.compile(r"(?:Stateful)?PartitionedCall/|functional(?:_\d+)*/")


def age(runtime: str) -> tuple[int, int]:
    """Opset and IR for the oldest ONNX Runtime that must read a file, such as `1.12`.

    Raises:
        InputError: It is no version, or older than any that can be served.
    """
    wanted = _version(runtime)
    known = [a for v, a in AGES.items() if wanted and _version(v) <= wanted]
    if not known:
        oldest = next(iter(AGES))
        raise InputError(f"--onnxruntime {runtime}: give a version from {oldest} on")
    return known[-1]


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")[:2])) if re.fullmatch(r"\d+(\.\d+)+", text) else ()


def tidy(model: onnx.ModelProto) -> None:
    """Shorten the names, which tell of TensorFlow's wrappers, and name the free first axis."""
    kept = {v.name for v in (*model.graph.input, *model.graph.output)}
    short = dict[str, str]()
    for name in _names(model.graph):
        plain = _WRAPPERS.sub("", name)
        short[name] = name if name in kept or not plain or plain in kept else plain
    if len(set(short.values())) == len(short):
        _rename(model.graph, lambda name: short.get(name, name))
    for value in (*model.graph.input, *model.graph.output):
        for axis in value.type.tensor_type.shape.dim[:1]:
            if not axis.HasField("dim_value"):
                axis.dim_param = ROWS


def one_row(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with the free first axis fixed at 1."""
    for value in (*model.graph.input, *model.graph.output):
        for axis in value.type.tensor_type.shape.dim[:1]:
            axis.dim_value = 1
    del model.graph.value_info[:]  # of any number of rows; readers infer it
    return model


def share_constants(graph: onnx.GraphProto) -> None:
    """Keep one of the constants that are the same; a zero point per channel is a row of zeros."""
    first, kept = dict[tuple[Any, ...], str](), dict[str, str]()
    for tensor in graph.initializer:
        if tensor.data_type == onnx.TensorProto.STRING:
            kept[tensor.name] = tensor.name
            continue
        value = numpy_helper.to_array(tensor)
        same = (tensor.data_type, value.shape, value.tobytes())
        kept[tensor.name] = first.setdefault(same, tensor.name)
    for node in graph.node:
        _read_instead(node, kept)
    of_outputs = {output.name for output in graph.output}
    left = [t for t in graph.initializer if kept[t.name] == t.name or t.name in of_outputs]
    del graph.initializer[:]
    graph.initializer.extend(left)


def _read_instead(node: onnx.NodeProto, others: Mapping[str, str]) -> None:
    """Let a node and the graphs in it read other tensors, but for names that these make anew."""
    node.input[:] = [others.get(name, name) for name in node.input]
    for inner in _inner(node):
        made = {v.name for v in (*inner.input, *inner.initializer)}
        made.update(name for n in inner.node for name in n.output)
        outside = {name: other for name, other in others.items() if name not in made}
        for n in inner.node:
            _read_instead(n, outside)


def _names(graph: onnx.GraphProto) -> Iterator[str]:
    """Of every tensor."""
    yield from (v.name for v in (*graph.input, *graph.initializer))
    for node in graph.node:
        yield from node.output
        for inner in _inner(node):
            yield from _names(inner)


def _rename(graph: onnx.GraphProto, new: Callable[[str], str]) -> None:
    values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for value in values:
        value.name = new(value.name)
    for node in graph.node:
        node.name = _WRAPPERS.sub("", node.name)
        for side in (node.input, node.output):
            side[:] = [new(name) for name in side]
        for inner in _inner(node):
            _rename(inner, new)


def _inner(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs in a node: bodies of loops, branches."""
    return (a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH)


def sort_nodes(graph: onnx.GraphProto) -> None:
    """Put every node behind those that it reads.

    ONNX Runtime's tools forget that the body of a loop reads tensors from outside it.
    """
    makers = {name: place for place, node in enumerate(graph.node) for name in node.output}
    needs = {
        place: {makers[name] for name in _read(node) if name in makers}
        for place, node in enumerate(graph.node)
    }
    order = list(TopologicalSorter(needs).static_order())
    nodes = [graph.node[place] for place in order]
    del graph.node[:]
    graph.node.extend(nodes)


def _read(node: onnx.NodeProto) -> set[str]:
    """Tensors that a node or the graphs in it read."""
    inner = (name for graph in _inner(node) for n in graph.node for name in _read(n))
    outputs = (v.name for graph in _inner(node) for v in graph.output)
    return {*node.input, *inner, *outputs}
