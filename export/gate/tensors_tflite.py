"""The tensors inside a TFLite file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray

from export.conversion.graphs import Operation, tflite_operations
from export.gate.tensors import Computed, Reading, Values, computed_by, plain, unnumbered
from models.runtime import Runner, open_runner

_FLOATS = (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16)
_CARRIERS = ("QUANTIZE", "DEQUANTIZE", "CAST")  # they pass on what another has computed


class TfliteInside:
    """See `export.gate.tensors.Inside`; only the main graph is looked into."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        model = flatbuffer_utils.read_model_from_bytearray(data)
        self._tensors = model.subgraphs[0].tensors
        self._numbers: dict[str, int] = {}
        self.computed = tuple(self._computed(model.subgraphs[0], tflite_operations(data)))

    def _computed(self, graph: Any, operations: Sequence[Operation]) -> list[Computed]:
        found = list[Computed]()
        for number, maker in computed_by(operations, set(graph.inputs), _CARRIERS):
            tensor = self._tensors[number]
            if tensor.type in _FLOATS or _scales(tensor) is not None:
                name = tensor.name.decode()
                self._numbers[name] = number
                # Of tensors of one origin, the converter numbers all but the first.
                keys = plain(name).rstrip("0123456789"), (unnumbered(name), maker.kind)
                shape = tuple(tensor.shape)
                found.append(
                    Computed(name, maker.name, maker.kind, ((keys[0], shape), (keys[1], shape)))
                )
        return found

    def whole(self, names: Sequence[str]) -> Reading:
        """What the tensors hold in a run."""
        runner = self._opened(names, cut=False)
        return lambda feeds: self._read(runner.run(feeds))

    def apart(self, examples: Values) -> Reading:
        """What the operations make of what they are given."""
        runner = self._opened(list(examples), cut=True)
        ports = {port.name for port in runner.inputs}

        def read(feeds: Values) -> dict[str, NDArray[Any]]:
            given = {}
            for name in examples:
                number = self._numbers[name]
                if _port(number, given=True) in ports:
                    given[_port(number, given=True)] = _encoded(feeds[name], self._tensors[number])
            inputs = {name: array for name, array in feeds.items() if name in ports}
            return self._read(runner.run(inputs | given))

        return read

    def _read(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        numbers = {_port(number): name for name, number in self._numbers.items()}
        return {
            numbers[port]: _decoded(array, self._tensors[self._numbers[numbers[port]]])
            for port, array in arrays.items()
        }

    def _opened(self, names: Sequence[str], *, cut: bool) -> Runner:
        """The model with these tensors as its outputs, and as inputs too if it is cut there."""
        model = flatbuffer_utils.read_model_from_bytearray(self._data)
        graph = model.subgraphs[0]
        for signature in model.signatureDefs or ():
            for port in signature.inputs:
                graph.tensors[port.tensorIndex].name = port.name
        model.signatureDefs = []
        graph.outputs = [self._numbers[name] for name in names]
        if cut:
            read = {number for operator in graph.operators for number in operator.inputs}
            stand_in = {}
            for number in read.intersection(graph.outputs):
                stand_in[number] = len(graph.tensors)
                graph.tensors.append(_copied(graph.tensors[number], _port(number, given=True)))
                graph.inputs.append(stand_in[number])
            for operator in graph.operators:
                operator.inputs = [stand_in.get(number, number) for number in operator.inputs]
        for number in graph.outputs:
            graph.tensors[number].name = _port(number)
        return open_runner(bytes(flatbuffer_utils.convert_object_to_bytearray(model)), "tflite")


def _port(number: int, *, given: bool = False) -> str:
    return f"{'given' if given else 'tensor'} {number}"


def _copied(tensor: Any, name: str) -> Any:
    copy = schema.TensorT()
    vars(copy).update(vars(tensor) | {"name": name, "buffer": 0})
    return copy


def _scales(tensor: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Scale and zero point of a quantized tensor, along its last axes; None where there is none."""
    told = tensor.quantization
    if told is None or told.scale is None or len(told.scale) == 0:
        return None
    shape = [1] * len(tensor.shape)
    if len(told.scale) > 1:
        shape[told.quantizedDimension] = len(told.scale)
    return (
        np.asarray(told.scale, np.float64).reshape(shape),
        np.asarray(told.zeroPoint, np.float64).reshape(shape),
    )


def _decoded(array: NDArray[Any], tensor: Any) -> NDArray[Any]:
    scales = _scales(tensor)
    if scales is None or array.dtype.kind == "f":
        return array
    real: NDArray[np.float64] = (array - scales[1]) * scales[0]
    return real


def _encoded(array: NDArray[Any], tensor: Any) -> NDArray[Any]:
    scales = _scales(tensor)
    if scales is None or tensor.type in _FLOATS:
        return array
    dtype = np.dtype(flatbuffer_utils.type_to_name(tensor.type).lower())
    limits = np.iinfo(dtype)
    codes: NDArray[Any] = np.clip(np.round(array / scales[0]) + scales[1], limits.min, limits.max)
    return codes.astype(dtype)
