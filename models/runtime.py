"""One way to run an artefact, whichever runtime does it.

`open_runner` returns a `Runner`: named arrays in, named arrays out. Runtimes are imported when
they are asked for. `tflite-runtime` is supported as the legacy TFLite runtime; it must never be
loaded into a process that has TensorFlow (its interpreter then fails).
"""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError, IntegrityError, reason
from models.onnx_guard import has_external_data

Array = NDArray[Any]
RUNTIMES = {"litert": "tflite", "tflite-runtime": "tflite", "onnxruntime": "onnx"}
_MODULES = {
    "litert": "ai_edge_litert",
    "tflite-runtime": "tflite_runtime",
    "onnxruntime": "onnxruntime",
}
CONTRACT = "bombus.json"  # name of the embedded contract in both formats
CONTRACT_LIMIT = 4 << 20  # bytes


@dataclass(frozen=True)
class Port:
    """A named input or output as the file itself declares it.

    Attributes:
        name: Its name.
        shape: Sizes; -1 for a free axis. Of an input only the first, the rows, can be free.
        dtype: What the file takes or gives.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def single(self) -> tuple[int, ...]:
        """The shape with one row where their number is free, as a manifest states it."""
        return tuple(1 if size == -1 else size for size in self.shape)


class Runner(Protocol):
    """A loaded model."""

    runtime: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run once.

        Args:
            feeds: One array per input, of its shape; values are cast to the input's dtype, so a
                uint8 image serves float and integer artefacts alike. Inputs whose first axis is
                free take any number of rows, all of them the same.

        Returns:
            One array per output; the caller owns them.

        Raises:
            InputError: An input is missing, unknown, or of another shape; no rows, or more for
                one input than for another.
            IntegrityError: The model cannot be run after all: it is damaged.
        """
        ...

    def call(self, arrays: Sequence[Array]) -> list[Array]:
        """Run once within a stream, where every microsecond counts: as `run`, but nothing is cast.

        Args:
            arrays: One per input in the order of `inputs`, contiguous, of its shape and dtype.

        Returns:
            One per output in the order of `outputs`; the caller owns them.
        """
        ...


def available_runtimes(model_format: str) -> tuple[str, ...]:
    """Installed runtimes that read `tflite` or `onnx`, the preferred one first."""
    return tuple(
        name
        for name, its_format in RUNTIMES.items()
        if its_format == model_format and importlib.util.find_spec(_MODULES[name]) is not None
    )


def open_runner(
    data: bytes, model_format: str, *, runtime: str = "", threads: int = 1, name: str = "model"
) -> Runner:
    """Load a model.

    Args:
        data: The file's content, already checked (`Bundle.read`).
        model_format: `tflite` or `onnx`.
        runtime: One of `RUNTIMES`; empty takes the first that is installed.
        threads: Threads a run may use.
        name: What to call the model in errors.

    Raises:
        InputError: No such runtime, or it is not installed, or reads another format.
        IntegrityError: The runtime cannot read the model, or it keeps weights in other files.
    """
    candidates = available_runtimes(model_format)
    wanted = runtime or (candidates[0] if candidates else "")
    if wanted not in candidates:
        known = [_MODULES[r].replace("_", "-") for r, f in RUNTIMES.items() if f == model_format]
        if not known:
            raise InputError(f"{name}: no runtime reads {model_format}; choose tflite or onnx")
        raise InputError(
            f"{name}: no runtime {runtime or 'for ' + model_format!r} is installed that reads "
            f"{model_format}; pip install one of {', '.join(known)}"
        )
    kind = _OnnxRunner if wanted == "onnxruntime" else _TfliteRunner
    try:
        return kind(data, wanted, threads)
    except Exception as error:  # each runtime has its own types
        raise IntegrityError(f"{name}: {wanted} cannot load it ({reason(error)})") from error


def run_each(runner: Runner, rows: Iterable[Array]) -> dict[str, Array]:
    """Run a model of one input on rows, one at a time as a device does.

    Args:
        runner: Its batch is 1, or free.
        rows: Each of the input's shape without the batch.

    Returns:
        Per output, [N, ...].
    """
    feed = runner.inputs[0].name
    answers = [runner.run({feed: row[None]}) for row in rows]
    return {p.name: np.concatenate([answer[p.name] for answer in answers]) for p in runner.outputs}


def embedded_contract(data: bytes, model_format: str, name: str = "model") -> str | None:
    """The contract (JSON text) embedded in an artefact, or None.

    Raises:
        IntegrityError: The artefact, or the archive at its end, is damaged.
    """
    try:
        if model_format == "onnx":
            text = _onnx_session(data).get_modelmeta().custom_metadata_map.get(CONTRACT)
            return None if text is None else str(text)
        if not zipfile.is_zipfile(BytesIO(data)):
            return None
        with zipfile.ZipFile(BytesIO(data)) as archive:
            if CONTRACT not in archive.namelist():
                return None
            if archive.getinfo(CONTRACT).file_size > CONTRACT_LIMIT:
                raise ValueError(f"{CONTRACT} is over {CONTRACT_LIMIT} bytes")
            return archive.read(CONTRACT).decode("utf-8")
    except Exception as error:  # as above, and zipfile's
        raise IntegrityError(f"{name}: its contract cannot be read ({reason(error)})") from error


def _checked(inputs: tuple[Port, ...], feeds: Mapping[str, Array]) -> dict[str, Array]:
    """The feeds as contiguous arrays of each input's dtype."""
    if feeds.keys() != {port.name for port in inputs}:
        raise InputError(
            f"model inputs are {', '.join(p.name for p in inputs)}, not {', '.join(feeds)}"
        )
    rows = {p.name: len(np.atleast_1d(feeds[p.name])) for p in inputs if -1 in p.shape}
    if len(set(rows.values())) > 1 or 0 in rows.values():
        told = ", ".join(f"{count} of {name}" for name, count in rows.items())
        raise InputError(f"rows given: {told}; give every input the same number, 1 or more")
    for port in inputs:
        shape = tuple(rows[port.name] if size == -1 else size for size in port.shape)
        if np.shape(feeds[port.name]) != shape:
            raise InputError(
                f"input {port.name} has shape {np.shape(feeds[port.name])}, "
                f"the model takes {port.shape}"
            )
    return {p.name: np.ascontiguousarray(feeds[p.name], dtype=p.dtype) for p in inputs}


def _run(runner: Runner, arrays: Sequence[Array]) -> dict[str, Array]:
    """Answers by output; a runtime may find only now that a model makes no sense."""
    try:
        answers = runner.call(arrays)
    except Exception as error:  # each runtime has its own types
        raise IntegrityError(f"the model cannot be run ({reason(error)}); get it again") from error
    return dict(zip((port.name for port in runner.outputs), answers, strict=True))


def _check_free(inputs: tuple[Port, ...]) -> None:
    for port in inputs:
        if -1 in port.shape[1:] or min(port.shape, default=0) < -1:
            raise ValueError(f"input {port.name} {port.shape}: only its first axis may be free")


class _TfliteRunner:
    """LiteRT or tflite-runtime; both have the same interpreter."""

    def __init__(self, data: bytes, runtime: str, threads: int) -> None:
        if runtime == "litert":
            from ai_edge_litert.interpreter import Interpreter
        else:
            from tflite_runtime.interpreter import Interpreter
        self.runtime = runtime
        self._interpreter = Interpreter(model_content=data, num_threads=threads)
        self._interpreter.allocate_tensors()
        self.inputs, self._in = self._ports("inputs", self._interpreter.get_input_details())
        self.outputs, self._out = self._ports("outputs", self._interpreter.get_output_details())
        _check_free(self.inputs)
        self._free = next((i for i, p in enumerate(self.inputs) if -1 in p.shape), None)
        self._rows = 0  # there is room for, where their number is free; at first who knows

    def _ports(self, side: str, details: list[Any]) -> tuple[tuple[Port, ...], dict[str, int]]:
        """Signature names where there is a signature (the exporter's), else tensor names."""
        signatures = self._interpreter.get_signature_list()
        names = {d["index"]: d["name"] for d in details}
        if signatures:
            key = next(iter(signatures))
            runner = self._interpreter.get_signature_runner(key)
            named = getattr(runner, f"get_{side[:-1]}_details")()
            names |= {d["index"]: name for name, d in named.items()}
        ports = tuple(
            Port(names[d["index"]], tuple(map(int, d["shape_signature"])), np.dtype(d["dtype"]))
            for d in details
        )
        return ports, {names[d["index"]]: d["index"] for d in details}

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        return _run(self, list(_checked(self.inputs, feeds).values()))

    def call(self, arrays: Sequence[Array]) -> list[Array]:
        interpreter = self._interpreter
        if self._free is not None and len(arrays[self._free]) != self._rows:
            self._make_room(len(arrays[self._free]))
        for index, value in zip(self._in.values(), arrays, strict=True):
            interpreter.set_tensor(index, value)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in self._out.values()]

    def _make_room(self, rows: int) -> None:
        """Let the tensors hold another number of rows, which takes a while."""
        for port in self.inputs:
            if -1 in port.shape:
                self._interpreter.resize_tensor_input(self._in[port.name], (rows, *port.shape[1:]))
        self._interpreter.allocate_tensors()
        self._rows = rows


_ONNX_DTYPES = {
    "tensor(double)": "float64",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}


def _onnx_session(data: bytes, threads: int = 1) -> Any:
    import onnxruntime

    if has_external_data(data):
        raise ValueError("damaged, or keeps weights in other files; only one file is read")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


class _OnnxRunner:
    """ONNX Runtime on the CPU."""

    def __init__(self, data: bytes, runtime: str, threads: int) -> None:
        self.runtime = runtime
        self._session = _onnx_session(data, threads)
        self.inputs = tuple(map(self._port, self._session.get_inputs()))
        self.outputs = tuple(map(self._port, self._session.get_outputs()))
        _check_free(self.inputs)
        self._in = [port.name for port in self.inputs]
        self._out = [port.name for port in self.outputs]

    @staticmethod
    def _port(node: Any) -> Port:
        shape = tuple(s if isinstance(s, int) else -1 for s in node.shape)  # a name, or nothing
        return Port(node.name, shape, np.dtype(_ONNX_DTYPES[node.type]))

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        return _run(self, list(_checked(self.inputs, feeds).values()))

    def call(self, arrays: Sequence[Array]) -> list[Array]:
        return list(self._session.run(self._out, dict(zip(self._in, arrays, strict=True))))
