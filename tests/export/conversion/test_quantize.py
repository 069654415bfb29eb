"""What each scheme stores, read from the files themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter

from export.annotate import annotate
from models.bundle import open_bundle
from models.runtime import open_runner


def _kernels(path: Path) -> set[str]:
    """Types of the convolution kernels in a TFLite file (four axes, not activations)."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    activations = {i for op in interpreter._get_ops_details() for i in op["outputs"]}
    return {
        np.dtype(t["dtype"]).name
        for t in interpreter.get_tensor_details()
        if len(t["shape"]) == 4 and t["shape"][1] in (3, 5) and t["index"] not in activations
    }


@pytest.mark.parametrize(
    ("scheme", "types"),
    [("f32", {"float32"}), ("f16", {"float16"}), ("wi8_ai8", {"int8"})],
)
def test_tflite_kernels(tiny_bundle: Path, scheme: str, types: set[str]) -> None:
    assert _kernels(tiny_bundle / f"tiny_{scheme}.tflite") == types


@pytest.mark.parametrize(
    ("scheme", "present", "absent"),
    [
        ("f32", set(), {"DequantizeLinear", "QuantizeLinear"}),
        ("f16", {"Cast"}, {"DequantizeLinear", "QuantizeLinear"}),
        ("wi8_afp32", {"DequantizeLinear"}, {"QuantizeLinear"}),
        ("wi8_ai8", {"DequantizeLinear", "QuantizeLinear"}, set()),
    ],
)
def test_onnx_operators(
    tiny_bundle: Path, scheme: str, present: set[str], absent: set[str]
) -> None:
    model = onnx.load(tiny_bundle / f"tiny_{scheme}.onnx")
    operators = {node.op_type for node in model.graph.node}
    assert operators >= present
    assert not operators & absent


def test_eight_bit_onnx_kernels_have_a_scale_per_output_channel(tiny_bundle: Path) -> None:
    for scheme in ("wi8_afp32", "wi8_ai8"):  # three layers, and the activation map
        graph = onnx.load(tiny_bundle / f"tiny_{scheme}.onnx").graph
        tensors = {t.name: t for t in graph.initializer}
        kernels = [t for t in tensors.values() if len(t.dims) == 4]
        assert [t.data_type for t in kernels] == [onnx.TensorProto.INT8] * 4
        scales = {
            node.input[0]: tensors[node.input[1]]
            for node in graph.node
            if node.op_type == "DequantizeLinear" and node.input[1] in tensors
        }
        for kernel in kernels:
            assert list(scales[kernel.name].dims) == [kernel.dims[0]]


def test_quantized_files_are_smaller(tiny_bundle: Path) -> None:
    sizes = {(a.format, a.scheme): a.bytes for a in open_bundle(tiny_bundle).manifest.artefacts}
    for model_format in ("tflite", "onnx"):
        assert sizes[model_format, "f16"] < sizes[model_format, "f32"]
        assert sizes[model_format, "wi8_afp32"] < sizes[model_format, "f32"]


def test_annotating_keeps_the_function_and_is_repeatable(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    photo = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.uint8)
    contract = bundle.manifest.contract()
    for file in ("tiny_f32.tflite", "tiny_f32.onnx"):
        artefact = bundle.artefact(file)
        data = bundle.read(artefact)
        again = annotate(data, artefact.format, contract, "9.9.9")
        assert again == annotate(again, artefact.format, contract, "9.9.9")
        first, second = (open_runner(d, artefact.format) for d in (data, again))
        feeds = {"image": photo}
        assert np.array_equal(first.run(feeds)["logits"], second.run(feeds)["logits"])
