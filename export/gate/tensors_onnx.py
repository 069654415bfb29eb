"""The tensors inside an ONNX file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import onnx
from numpy.typing import NDArray
from onnxruntime.quantization.quant_utils import DEQUANT_OUTPUT_SUFFIX

from export.conversion.graphs import Operation, onnx_operations
from export.gate.tensors import Computed, Reading, Values, computed_by, plain, unnumbered
from models.runtime import open_runner

_CARRIERS = ("QuantizeLinear", "DequantizeLinear", "Cast")  # they pass on what another computed
_GIVEN = "given "


class OnnxInside:
    """See `export.gate.tensors.Inside`. Of a tensor that is rounded, the rounded one is read."""

    def __init__(self, data: bytes) -> None:
        self._model = onnx.load_model_from_string(data)
        self._rounded: dict[str, str] = {}
        self.computed = tuple(self._computed(onnx_operations(self._model)))

    def _computed(self, operations: Sequence[Operation]) -> Iterator[Computed]:
        varying = {port.name for port in self._model.graph.input}
        varying -= {tensor.name for tensor in self._model.graph.initializer}
        known = set[str]()
        for name, maker in computed_by(operations, varying, _CARRIERS):
            known.add(name)
            exact = name.removesuffix("_1").removesuffix(DEQUANT_OUTPUT_SUFFIX)
            if exact in known:
                self._rounded[exact] = name
            keys = plain(name), (unnumbered(name), maker.kind)
            yield Computed(name, maker.name, maker.kind, keys)

    def whole(self, names: Sequence[str]) -> Reading:
        """What the tensors hold in a run."""
        return self._reading(self._showing(names), names)

    def apart(self, examples: Values) -> Reading:
        """What the operations make of what they are given."""
        model = self._showing(list(examples))
        given = {alias: _GIVEN + name for name in examples for alias in (name, self._read(name))}
        for node in model.graph.node:
            if node.op_type not in _CARRIERS:
                node.input[:] = [given.get(name, name) for name in node.input]
        used = {name for node in model.graph.node for name in node.input}
        model.graph.input.extend(
            onnx.helper.make_tensor_value_info(
                _GIVEN + name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in examples.items()
            if _GIVEN + name in used
        )
        return self._reading(model, list(examples))

    def _read(self, name: str) -> str:
        return self._rounded.get(name, name)

    def _showing(self, names: Sequence[str]) -> onnx.ModelProto:
        """A copy with these tensors as its outputs."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        del model.graph.output[:]
        # Their types are for the runtime to infer.
        model.graph.output.extend(onnx.ValueInfoProto(name=self._read(name)) for name in names)
        return model

    def _reading(self, model: onnx.ModelProto, names: Sequence[str]) -> Reading:
        runner = open_runner(model.SerializeToString(), "onnx")
        ports = {port.name for port in runner.inputs}

        def read(feeds: Values) -> dict[str, NDArray[Any]]:
            inputs = {**feeds, **{_GIVEN + name: array for name, array in feeds.items()}}
            answers = runner.run({name: inputs[name] for name in ports})
            return {name: answers[self._read(name)] for name in names}

        return read
