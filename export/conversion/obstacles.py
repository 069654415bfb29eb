"""What is known to stand in the way of a scheme before anything is converted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import tensorflow as tf

from export.conversion.served import Served
from models.manifest import Format, Scheme

LOOPS = {"While", "StatelessWhile"}
_SILENT = {"Const", "Identity", "NoOp", "Placeholder", "ReadVariableOp"}
_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}


def operations(served: Served) -> Counter[str]:
    """TensorFlow operations of what is served, loops' bodies included, how many of each."""
    function = tf.function(served.serve, input_signature=served.signature)
    graph = function.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    return Counter(node.op for node in nodes if node.op not in _SILENT | _CALLS)


def obstacles(ops: Counter[str]) -> dict[tuple[Format, Scheme], str]:
    """Formats and schemes that cannot be made of a model of such operations, and why."""
    return dict(_obstacles(ops))


def loops(ops: Counter[str]) -> bool:
    """Whether there are any among the operations."""
    return bool(LOOPS & ops.keys())


def _obstacles(ops: Counter[str]) -> Iterator[tuple[tuple[Format, Scheme], str]]:
    if loops(ops):
        yield (
            ("tflite", "wi8_ai8"),
            "TFLite's converter crashes on loops in full 8 bits; unroll the recurrent layers",
        )
