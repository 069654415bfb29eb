"""A classifier of two operations and its bundle, made in milliseconds without TensorFlow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.bundle import Bundle, write_bundle
from models.contract import Contract, labels_sha256, to_json
from models.manifest import Manifest
from models.runtime import CONTRACT

SIZE = 8
LABELS = ("ant", "bee", "moth")
# [channel, label]: the logits are the mean colour times these.
WEIGHTS = np.array([[0.04, -0.01, 0.0], [-0.02, 0.03, 0.01], [0.01, 0.0, 0.02]], np.float32)
# [channel]: the familiarity, where there is one, is the mean red less the mean blue, times this.
FAMILIAR = np.array([0.05, 0.0, -0.05], np.float32)
HEADS = {  # output: its shape and meaning
    "activation_map": ([1, SIZE, SIZE, len(LABELS)], "class-activation-map"),
    "familiarity": ([1, 1], "familiarity"),
}


def logits_of(image: NDArray[Any]) -> NDArray[np.float64]:
    """What the classifier answers to an image [S, S, 3], computed beside it."""
    mean = np.asarray(image, np.float64).mean(axis=(0, 1))
    return np.asarray(mean @ WEIGHTS.astype(np.float64))


def contract_values(output: str = "logits", heads: bool = False) -> dict[str, Any]:
    """The part of the manifest that is embedded in artefacts; heads are the outputs of `HEADS`."""
    image = {"name": "image", "shape": [1, SIZE, SIZE, 3], "dtype": "uint8", "meaning": "photo"}
    scores = {"name": output, "shape": [1, len(LABELS)], "dtype": "float32", "meaning": output}
    return {
        "schema": "bombus/bundle@1",
        "name": "tiny",
        "version": "0.1.0",
        "task": "image-classification",
        "license": "Apache-2.0",
        "created": "2026-01-02T03:04:05Z",
        "labels": list(LABELS),
        "labels_sha256": labels_sha256(LABELS),
        "inputs": [image | {"range": [0, 255], "axes": ["batch", "row", "column", "RGB"]}],
        "outputs": [scores, *(_head(name) for name in HEADS if heads)],
        "preprocess": {"size": SIZE},
    }


def _head(name: str) -> dict[str, Any]:
    shape, meaning = HEADS[name]
    return {"name": name, "shape": shape, "dtype": "float32", "meaning": meaning}


def tiny_onnx(
    contract: Contract | None = None,
    *,
    output: str = "logits",
    weights: NDArray[np.float32] = WEIGHTS,
    size: int = SIZE,
    heads: bool = False,
) -> bytes:
    """The classifier as ONNX; the output may be `probabilities`, and heads may come after it."""
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["logits"]),
    ]
    if output != "logits":
        nodes.append(helper.make_node("Softmax", ["logits"], [output]))
    outputs = {output: [1, weights.shape[1]]}
    if heads:
        nodes.append(helper.make_node("MatMul", ["image", "weights"], ["activation_map"]))
        nodes.append(helper.make_node("MatMul", ["mean", "familiar"], ["familiarity"]))
        outputs |= {name: shape for name, (shape, _) in HEADS.items()}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, size, size, 3])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        [
            numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(FAMILIAR[:, None], "familiar"),
        ],
    )
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    if contract is not None:
        helper.set_model_props(model, {CONTRACT: to_json(contract)})
    return bytes(model.SerializeToString())


def artefact_values(
    file: str, data: bytes, output: str = "logits", heads: bool = False
) -> dict[str, Any]:
    names = ("image", output, *(HEADS if heads else ()))
    return {
        "file": file,
        "format": file.rpartition(".")[2],
        "scheme": "f32",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "dtypes": dict.fromkeys(names, "float32"),
    }


def manifest_values(
    files: Mapping[str, bytes], output: str = "logits", heads: bool = False
) -> dict[str, Any]:
    """A valid manifest of these files, to be changed at will."""
    return contract_values(output, heads) | {
        "artefacts": [artefact_values(file, data, output, heads) for file, data in files.items()],
        "default": {},
        "source": {"keras_sha256": "0" * 64},
    }


def full_values() -> dict[str, Any]:
    """A valid manifest in which every optional part is there."""
    values = manifest_values({"tiny.onnx": b"model", "tiny.tflite": b"other"})
    values["default"] = {"x86": "tiny.onnx", "web": "tiny.tflite"}
    values["source"] |= {"training": {"seed": 1, "loss": 0.5}, "versions": {"keras": "3.0"}}
    values["outputs"][0] |= {"units": "nat", "feeds": "image", "range": [-9.5, 9.5]}
    values["artefacts"][0] |= {
        "parity": {
            "logits": {
                "n": 10,
                "range": 8.0,
                "max_error": 0.01,
                "rms_error": 0.001,
                "max_tolerance": None,
                "rms_tolerance": 0.02,
                "agreement": 1.0,
            }
        },
        "quality": {
            "data": "val",
            "n": 10,
            "top1": 0.9,
            "top1_interval": [0.6, 1.0],
            "precision": 0.9,
            "recall": 0.9,
            "f1": 0.9,
            "ece": 0.1,
            "drop": -0.1,
            "drop_interval": [-0.2, 0.1],
        },
        "calibration": {
            "temperature": 1.5,
            "rejection": {
                "weights": {
                    "bias": 1.0,
                    "log_top": 2.0,
                    "margin": 0.5,
                    "log_sum": 0.25,
                    "familiarity": 1.5,
                },
                "reject_below": 0.3,
                "sure_from": 0.6,
                "data": "others",
                "n": 20,
            },
            "data": "val",
            "n": 10,
        },
        "latency": {
            "runtime": "onnxruntime",
            "machine": "here",
            "runs": 20,
            "min_ms": 0.1,
            "median_ms": 0.2,
            "p95_ms": 0.3,
        },
    }
    return values


def parsed(values: Mapping[str, Any]) -> Manifest:
    return Manifest.model_validate_json(json.dumps(values))


def write_tiny(
    path: Path,
    output: str = "logits",
    *,
    heads: bool = False,
    calibration: Mapping[str, Any] | None = None,
    **options: Any,
) -> Bundle:
    """The classifier as a bundle: one ONNX artefact, its contract embedded."""
    contract = Contract.model_validate(contract_values(output, heads))
    files = {"tiny_f32.onnx": tiny_onnx(contract, output=output, heads=heads, **options)}
    values = manifest_values(files, output, heads)
    values["artefacts"][0]["calibration"] = calibration
    return write_bundle(path, parsed(values), files)
