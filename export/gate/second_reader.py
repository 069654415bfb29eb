"""What another reader than ONNX Runtime makes of an ONNX file: OpenCV's, which many robots have.

Two readers that were written apart and give the same answers show that a graph means what it says.
OpenCV knows fewer operations, so that it cannot read a file is no fault of the file.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from export.child import in_child
from models.contract import Contract
from models.errors import ConversionError, IntegrityError, reason
from models.manifest import Scheme
from models.quality import SecondReading
from models.runtime import Runner

NAME = f"OpenCV {cv2.__version__}"
ROWS = 8  # made-up inputs; of one alone, an answer near zero would make any difference look large
# Largest difference of two readers, as a fraction of the largest answer. OpenCV computes what is
# stored in half precision in single, and what is quantized partly so; ONNX Runtime rounds what it
# multiplies by a matrix that is stored in 8 bits.
ALIKE: dict[Scheme, float] = {
    "f64": 1e-4,
    "f32": 1e-4,
    "f16": 2e-2,
    "wi8_afp32": 5e-2,
    "wi8_ai8": 5e-2,
}


def read_again(data: bytes, runner: Runner, contract: Contract, scheme: Scheme) -> SecondReading:
    """Read a file anew, on made-up inputs.

    Args:
        data: The ONNX file.
        runner: ONNX Runtime's, of the same file.
        contract: Tells what its inputs are.
        scheme: How it stores and computes.
    """
    given = [made_up(contract, runner, row) for row in range(ROWS)]
    with tempfile.TemporaryDirectory(prefix="bombus-") as folder:
        model, inputs = Path(folder, "model.onnx"), Path(folder, "inputs.npz")
        model.write_bytes(data)
        np.savez(inputs, **{name: np.stack([row[name] for row in given]) for name in given[0]})
        names = [port.name for port in runner.outputs]
        try:  # apart, since what OpenCV does not know may end the process
            found = in_child(f"{__name__}:read", str(model), str(inputs), *names)
        except (ConversionError, IntegrityError):  # it says so, or it crashes or hangs
            return SecondReading(reader=NAME)
    answers = [runner.run(row) for row in given]
    ours = {name: np.stack([answer[name] for answer in answers]) for name in names}
    error = difference(ours, found)
    return SecondReading(
        reader=NAME,
        alike=error <= ALIKE[scheme],
        error=error if math.isfinite(error) else None,
        tolerance=ALIKE[scheme],
    )


def made_up(contract: Contract, runner: Runner, seed: int = 0) -> dict[str, NDArray[Any]]:
    """An array for each input: random within its range, about 0 without one; states begin at 0."""
    rng = np.random.default_rng(seed)
    states = {tensor.feeds for tensor in contract.outputs}
    limits = {tensor.name: tensor.range for tensor in contract.inputs}
    arrays = dict[str, NDArray[Any]]()
    for port in runner.inputs:
        shape, real = port.single, port.dtype.kind == "f"
        low, high = limits[port.name] or (0, 2)  # of ids, those that every vocabulary has
        if port.name in states:
            values: NDArray[Any] = np.zeros(shape)
        elif limits[port.name] is None and real:
            values = rng.normal(size=shape)
        else:
            values = rng.uniform(low, high, shape)
        arrays[port.name] = values.astype(port.dtype)
    return arrays


def read(model: str, inputs: str, *names: str) -> dict[str, Any]:
    """OpenCV's answers, in the process that is called.

    Args:
        model: Path of an ONNX file.
        inputs: Path of an `.npz` with the rows of each input.
        names: Of the outputs.

    Returns:
        By output, what it is for each row.

    Raises:
        ConversionError: OpenCV cannot read the file.
    """
    try:
        network = cv2.dnn.readNetFromONNX(model)
        found: dict[str, list[Any]] = {name: [] for name in names}
        with np.load(inputs) as arrays:
            for row in zip(*arrays.values(), strict=True):
                for name, values in zip(arrays, row, strict=True):
                    network.setInput(values, name)
                for name, values in zip(names, network.forward(names), strict=True):
                    found[name].append(values.tolist())
    except cv2.error as error:
        raise ConversionError(reason(error)) from error
    return found


def difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> float:
    """The largest difference of two readings, as a fraction of the largest answer of an output.

    Infinity where the second has NaN or another number of values.
    """
    worst = 0.0
    for name, values in ours.items():
        expected, found = (np.asarray(a, np.float64).ravel() for a in (values, theirs[name]))
        if expected.shape != found.shape:
            return math.inf
        if not expected.size:
            continue
        apart = float(np.abs(expected - found).max() / max(np.abs(expected).max(), 1e-30))
        worst = max(worst, math.inf if math.isnan(apart) else apart)
    return worst
