"""What of a classifier of spectra stays in float in wi8_ai8: its indices.

A division is as good as its denominator, and that of a dark pixel is less than a step of 8 bits: in
full int8 a normalized difference is off by up to a quarter, and the light shows in it; a logarithm
fares no better. Dense layers behind them lose next to nothing in 8 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from export.conversion.graphs import Operation

# What ends an index, as TFLite and ONNX name it: a difference's division, or a contrast's tanh.
ENDS = ("DIV", "Div", "TANH", "Tanh")
DENSE = ("FULLY_CONNECTED", "MatMul", "Gemm", "Relu")


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
