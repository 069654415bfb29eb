"""A spectral classifier of a few operations and its bundle, made without TensorFlow as ONNX."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.bundle import Bundle, write_bundle
from models.contract import labels_sha256
from tests.tiny_bundles import artefact_values, parsed

Names = tuple[str, ...]
BANDS = ("B2", "B3", "B4", "B8")
LABELS = ("water", "soil", "crop")
# [index, class]: water is darkest in the red, soil brighter there than in the blue, crop brightest
# in the infrared.
HEAD = np.array(
    [[0, 0.1, 0], [8, -8, 0], [0.1, 0, 0], [0, 0, 0.1], [0.1, 0, 0], [0, 0, -3]], np.float32
)
EPSILON = 1e-6


def names_of(bands: Names) -> Names:
    """Of the normalized differences of all pairs of bands."""
    return tuple(f"ND({a},{b})" for a, b in combinations(bands, 2))


def indices_of(values: NDArray[Any]) -> NDArray[np.float64]:
    """Normalized differences of values [N, n], computed beside the classifier."""
    columns = np.asarray(values, np.float64).T
    return np.stack([(a - b) / (a + b + EPSILON) for a, b in combinations(columns, 2)], axis=1)


def tiny_onnx(
    head: NDArray[np.float32] = HEAD,
    bands: Names = BANDS,
    *,
    rows: str | int = "N",
    indices: bool = True,
) -> bytes:
    """The classifier as ONNX, for any number of rows; it may keep its indices to itself."""
    first, second = (np.zeros((len(bands), len(head)), np.float32) for _ in "ij")
    for pair, (i, j) in enumerate(combinations(range(len(bands)), 2)):
        first[i, pair] = second[j, pair] = 1
    nodes = [
        helper.make_node("MatMul", ["bands", "difference"], ["numerator"]),
        helper.make_node("MatMul", ["bands", "sum"], ["positive"]),
        helper.make_node("Add", ["positive", "epsilon"], ["denominator"]),
        helper.make_node("Div", ["numerator", "denominator"], ["indices"]),
        helper.make_node("MatMul", ["indices", "head"], ["logits"]),
    ]
    shapes = {"bands": len(bands), "logits": head.shape[1], "indices": len(head)}
    ports = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, width])
        for name, width in shapes.items()
    }
    constants = {
        "difference": first - second,
        "sum": first + second,
        "epsilon": np.array(EPSILON, np.float32),
        "head": head,
    }
    graph = helper.make_graph(
        nodes,
        "tiny",
        [ports["bands"]],
        [ports["logits"], *([ports["indices"]] if indices else [])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def tiny_tflite() -> bytes:
    """The same classifier as TFLite."""
    import tensorflow as tf

    first, second = (
        list(column) for column in zip(*combinations(range(len(BANDS)), 2), strict=True)
    )

    class Tiny(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((None, len(BANDS)), name="bands")])
        def __call__(self, bands: Any) -> dict[str, Any]:
            a, b = tf.gather(bands, first, axis=1), tf.gather(bands, second, axis=1)
            indices = (a - b) / (a + b + EPSILON)
            return {"logits": indices @ tf.constant(HEAD), "indices": indices}

    model = Tiny()
    function = model.__call__.get_concrete_function()
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([function], model).convert())


def contract_values(
    bands: Names = BANDS,
    labels: Names = LABELS,
    *,
    indices: bool = True,
    scale: float = 1e-4,
    offset: float = 0.0,
) -> dict[str, Any]:
    """The part of the manifest that every artefact shares."""

    def vector(name: str, width: int, channels: Names = ()) -> dict[str, Any]:
        tensor = {"name": name, "shape": [1, width], "dtype": "float32", "meaning": name}
        return tensor | ({"channels": list(channels)} if channels else {})

    names = names_of(bands)
    return {
        "schema": "bombus/bundle@1",
        "name": "tiny-spectral",
        "version": "0.1.0",
        "task": "spectral-classification",
        "license": "Apache-2.0",
        "created": "2026-01-02T03:04:05Z",
        "labels": list(labels),
        "labels_sha256": labels_sha256(labels),
        "inputs": [vector("bands", len(bands), bands) | {"units": "reflectance"}],
        "outputs": [
            vector("logits", len(labels)),
            *([vector("indices", len(names), names) | {"range": [-1, 1]}] if indices else []),
        ],
        "preprocess": {"kind": "spectral", "scale": scale, "offset": offset},
    }


def write_tiny_spectral(
    path: Path,
    head: NDArray[np.float32] = HEAD,
    bands: Names = BANDS,
    labels: Names = LABELS,
    *,
    rows: str | int = "N",
    indices: bool = True,
    temperature: float = 0.0,
    tflite: bool = False,
    **preprocess: float,
) -> Bundle:
    """The classifier as a bundle of one artefact; calibrated, if a temperature is given."""
    data = tiny_tflite() if tflite else tiny_onnx(head, bands, rows=rows, indices=indices)
    file = f"tiny_f32.{'tflite' if tflite else 'onnx'}"
    names = ("bands", "logits", *(("indices",) if indices else ()))
    artefact = artefact_values(file, data) | {"dtypes": dict.fromkeys(names, "float32")}
    if temperature:
        artefact["calibration"] = {"temperature": temperature, "data": "val", "n": 10}
    values = contract_values(bands, labels, indices=indices, **preprocess) | {
        "artefacts": [artefact],
        "source": {"keras_sha256": "0" * 64},
    }
    return write_bundle(path, parsed(values), {file: data})
