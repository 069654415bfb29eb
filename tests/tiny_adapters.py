"""A noise adapter of a few operations and its bundle, made without TensorFlow.

Its state is a running mean of the samples, m <- m / 2 + sample / 2, and what it says of them is

    slip = exp(m[0:2]), still = sigmoid(m[2]), process = exp(m[3:5]), spikes_0 = [m > 0]
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.bundle import Bundle, write_bundle
from models.contract import labels_sha256
from tests.tiny_bundles import parsed

FILE = "tiny_f32.onnx"
OUTPUTS = {"slip": 2, "still": 1, "process": 2, "spikes_0": 6}


def tiny_step(outputs: tuple[str, ...] = tuple(OUTPUTS), kind: int = TensorProto.FLOAT) -> bytes:
    """The step as ONNX; slip is infinite or not a number where the sample is huge."""
    parts = {"slip": (0, 2), "still": (2, 3), "process": (3, 5)}
    nodes = [
        helper.make_node("Add", ["mean", "sample"], ["sum"]),
        helper.make_node("Mul", ["sum", "half"], ["next_mean"]),
        helper.make_node("Greater", ["next_mean", "zero"], ["above"]),
        helper.make_node("Cast", ["above"], ["spikes_0"], to=kind),
    ]
    numbers = numpy_helper.from_array
    constants = [
        numbers(np.array(0.5, helper.tensor_dtype_to_np_dtype(kind)), "half"),
        numbers(np.array(0.0, helper.tensor_dtype_to_np_dtype(kind)), "zero"),
        numbers(np.array([1], np.int64), "axis"),
    ]
    for name, (first, last) in parts.items():
        constants += [
            numbers(np.array([first], np.int64), f"{name}_first"),
            numbers(np.array([last], np.int64), f"{name}_last"),
        ]
        ends = [f"{name}_first", f"{name}_last", "axis"]
        function = "Sigmoid" if name == "still" else "Exp"
        nodes += [
            helper.make_node("Slice", ["next_mean", *ends], [f"{name}_part"]),
            helper.make_node(function, [f"{name}_part"], [name]),
        ]
    shapes = {"next_mean": 6} | {name: OUTPUTS[name] for name in outputs}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(n, kind, [1, 6]) for n in ("mean", "sample")],
        [helper.make_tensor_value_info(n, kind, [1, w]) for n, w in shapes.items()],
        constants,
    )
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def tensor(name: str, width: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "shape": [1, width], "dtype": "float32", "meaning": name} | more


def adapter_values(
    file: str,
    data: bytes,
    states: Mapping[str, tuple[int, ...]],
    outputs: dict[str, int],
    rate: float = 100.0,
) -> dict[str, Any]:
    """A manifest of an adapter; the output that feeds a state is called `next_STATE`."""
    inputs = [tensor("sample", 6), *(tensor(n, 1, shape=list(s)) for n, s in states.items())]
    answers = [
        *(tensor(name, width) for name, width in outputs.items()),
        *(tensor(f"next_{n}", 1, shape=list(s), feeds=n) for n, s in states.items()),
    ]
    return {
        "schema": "bombus/bundle@1",
        "name": "tiny-adapter",
        "version": "0.1.0",
        "task": "imu-noise-adaptation",
        "license": "Apache-2.0",
        "created": "2026-01-02T03:04:05Z",
        "labels_sha256": labels_sha256(()),
        "inputs": inputs,
        "outputs": answers,
        "preprocess": {"kind": "imu", "rate_hz": rate},
        "artefacts": [
            {
                "file": file,
                "format": file.rpartition(".")[2],
                "scheme": "f32",
                "bytes": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                "dtypes": dict.fromkeys((t["name"] for t in (*inputs, *answers)), "float32"),
            }
        ],
        "source": {"keras_sha256": "0" * 64},
    }


def tiny_values(outputs: tuple[str, ...] = tuple(OUTPUTS), rate: float = 100.0) -> dict[str, Any]:
    data = tiny_step(outputs)
    return adapter_values(FILE, data, {"mean": (1, 6)}, {n: OUTPUTS[n] for n in outputs}, rate)


def write_tiny_adapter(
    path: Path, outputs: tuple[str, ...] = tuple(OUTPUTS), rate: float = 100.0
) -> Bundle:
    """The adapter as a bundle of one ONNX artefact."""
    return write_bundle(path, parsed(tiny_values(outputs, rate)), {FILE: tiny_step(outputs)})
