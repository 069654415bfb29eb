"""Where the time of a model goes, operation by operation; in the benchmark's worker.

ONNX Runtime has a profiler. The Python packages of LiteRT and tflite-runtime have none, and none of
their interfaces tells how long a node took, least of all inside XNNPACK, which runs most of a graph
as one. So each operation is cut out as a model of its own, which the same runtime and XNNPACK run
on the very values that reach the operation in the whole model. What that leaves out, such as the
hand-over between operations, shows as the difference between the parts' sum and the whole.
"""

from __future__ import annotations

import copy
import importlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

Array = NDArray[Any]
WARM_UP, RUNS = 5, 50  # of a whole model
LEAST, SECONDS = 5, 0.02  # runs and time of an operation, at least
ALONE = "each operation alone, as a model of its own, since the runtime tells no times of its nodes"
PROFILER = "ONNX Runtime's profiler, means; it counts whole microseconds and costs time itself"
_MODULES = {
    "litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}
# They run other graphs of the model, which must stay in it.
_CALLS_GRAPHS = {
    getattr(schema.BuiltinOperator, name)
    for name in ("WHILE", "IF", "CALL", "CALL_ONCE", "STABLEHLO_WHILE", "STABLEHLO_COMPOSITE")
}
_KINDS = {code: kind for kind, code in vars(schema.BuiltinOperator).items()}


@dataclass(frozen=True)
class Cost:
    """What an operation takes: its name, its kind as the format calls it, milliseconds a run."""

    name: str
    kind: str
    ms: float


@dataclass(frozen=True)
class Profile:
    """Where a model's time goes.

    Attributes:
        how: What the figures mean.
        whole_ms: A run of the whole model, measured in the same way.
        operations: In the order that they run.
    """

    how: str
    whole_ms: float
    operations: tuple[Cost, ...]


def profile_of(runtime: str, data: bytes, feeds: Sequence[Array], threads: int) -> Profile:
    """Profile a model.

    Args:
        runtime: One of `models.runtime.RUNTIMES`.
        data: The model's file.
        feeds: One array an input, in the file's order.
        threads: That the runtime may use.
    """
    if runtime == "onnxruntime":
        return _onnx(data, feeds, threads)
    return _tflite(importlib.import_module(_MODULES[runtime]), data, feeds, threads)


def _onnx(data: bytes, feeds: Sequence[Array], threads: int) -> Profile:
    import onnxruntime

    with tempfile.TemporaryDirectory(prefix="bombus-") as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        given = dict(zip((port.name for port in session.get_inputs()), feeds, strict=True))
        for _ in range(WARM_UP + RUNS):
            session.run(None, given)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return read_events(events)


def read_events(events: Sequence[dict[str, Any]]) -> Profile:
    """What ONNX Runtime's profile says, without the first `WARM_UP` runs of each node."""
    runs: dict[tuple[str, str], list[float]] = {}
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            key = event["name"].removesuffix("_kernel_time"), event["args"]["op_name"]
        elif event["name"] == "model_run":
            key = "", ""
        else:
            continue
        runs.setdefault(key, []).append(event["dur"] / 1e3)
    whole = runs.pop(("", ""))
    # A node inside a loop runs more than once a run of the model.
    count = len(whole) - WARM_UP
    means = {
        key: sum(times[WARM_UP * len(times) // len(whole) :]) / count for key, times in runs.items()
    }
    costs = tuple(Cost(name, kind, ms) for (name, kind), ms in means.items())
    return Profile(PROFILER, sum(whole[WARM_UP:]) / count, costs)


def _tflite(package: Any, data: bytes, feeds: Sequence[Array], threads: int) -> Profile:
    values = _values(package, data, feeds)
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    call = _invoked(package, _part(model, [], model.subgraphs[0].inputs), feeds, threads)
    costs = []
    for name, kind, inputs, part in parts(model):
        ms = _invoked(package, part, [values(index) for index in inputs], threads)
        costs.append(Cost(name, kind, max(0.0, ms - call)))
    return Profile(ALONE, _invoked(package, data, feeds, threads) - call, tuple(costs))


def _values(package: Any, data: bytes, feeds: Sequence[Array]) -> Callable[[int], Array]:
    """The value of any tensor once the model has run."""
    interpreter = package.Interpreter(
        model_content=data,
        experimental_op_resolver_type=package.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    for port, value in zip(interpreter.get_input_details(), feeds, strict=True):
        interpreter.set_tensor(port["index"], value)
    interpreter.invoke()
    values: Callable[[int], Array] = interpreter.get_tensor
    return values


def _invoked(package: Any, data: bytes, feeds: Sequence[Array], threads: int) -> float:
    """Median milliseconds of a run."""
    interpreter = package.Interpreter(model_content=data, num_threads=threads)
    interpreter.allocate_tensors()
    for port, value in zip(interpreter.get_input_details(), feeds, strict=True):
        interpreter.set_tensor(port["index"], value)
    for _ in range(WARM_UP):
        interpreter.invoke()
    times: list[float] = []
    while len(times) < LEAST or (sum(times) < SECONDS and len(times) < 10 * RUNS):
        started = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - started)
    return 1e3 * median(times)


def parts(model: Any) -> Iterator[tuple[str, str, list[int], bytes]]:
    """Each operation of the main graph of a TFLite model (`ModelT`) as a model of its own.

    What depends on constants alone is computed once as a model is loaded; it goes with the
    operation that reads it.

    Yields:
        Its name, its kind, the numbers of the tensors that it reads, and the model.
    """
    graph = model.subgraphs[0]
    constant = {
        index
        for index, tensor in enumerate(graph.tensors)
        if model.buffers[tensor.buffer].data is not None or tensor.isVariable
    }
    makers: dict[int, Any] = {}  # of tensors that constants make
    for operator in graph.operators:
        read = [int(index) for index in operator.inputs if index >= 0]
        if constant.issuperset(read):
            constant.update(map(int, operator.outputs))
            makers.update(dict.fromkeys(map(int, operator.outputs), operator))
            continue
        inputs = [index for index in dict.fromkeys(read) if index not in constant]
        code = model.operatorCodes[operator.opcodeIndex].builtinCode
        name = graph.tensors[operator.outputs[0]].name.decode()
        part = _part(model, [*_needed(read, makers), operator], inputs, whole=code in _CALLS_GRAPHS)
        yield name, _KINDS[code], inputs, part


def _needed(tensors: Sequence[int], makers: dict[int, Any]) -> list[Any]:
    """The operations that make these tensors of constants, in the order that they run."""
    found: list[Any] = []
    for index in tensors:
        if index in makers:
            operator = makers[index]
            before = [int(i) for i in operator.inputs if i >= 0]
            found += [x for x in (*_needed(before, makers), operator) if x not in found]
    return found


def _part(model: Any, operators: list[Any], inputs: Sequence[int], *, whole: bool = False) -> bytes:
    """A model of these operations, or of none; its other graphs only where `whole`."""
    part, graph = copy.copy(model), copy.copy(model.subgraphs[0])
    graph.operators, graph.inputs = operators, inputs
    graph.outputs = operators[-1].outputs if operators else inputs
    part.subgraphs = [graph, *(model.subgraphs[1:] if whole else ())]
    part.signatureDefs = part.metadata = part.metadataBuffer = None
    if not whole:
        used = {graph.tensors[i].buffer for x in operators for i in x.inputs if i >= 0}
        part.buffers = [
            buffer if place in used else schema.BufferT()
            for place, buffer in enumerate(model.buffers)
        ]
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(part.Pack(builder), b"TFL3")
    return bytes(builder.Output())
