"""What an export would make of a model, told beforehand; nothing is written."""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np

from export.arrays import named
from export.conversion.obstacles import obstacles, operations
from export.gate.judge import TOLERANCES
from export.image.heads import dissect
from export.subject import Order
from models.errors import InputError
from models.manifest import Format, Scheme
from training.layers.macs import Count, macs

_MAKERS: Mapping[Format, Sequence[str]] = {
    "tflite": ("tensorflow",),
    "onnx": ("tf2onnx", "onnxruntime"),
}
_BYTES: Mapping[Scheme, float] = {"f32": 4, "f16": 2, "wi8_afp32": 1, "wi8_ai8": 1}


@dataclass(frozen=True)
class Planned:
    """One file.

    Attributes:
        file: Its name.
        made_by: The tools that will convert it.
        megabytes: About its size: its weights, as the scheme stores them.
        needs: What must be given for it.
        gate: What it will have to hold.
        blocked: Why it cannot be made; empty when it can.
    """

    file: str
    made_by: str
    megabytes: float
    needs: str
    gate: str
    blocked: str


@dataclass(frozen=True)
class Forecast:
    """What an export would make.

    Attributes:
        inputs: Name, dtype and shape of each.
        outputs: Likewise.
        layers: How many of each kind, the models within counted out.
        operations: Of TensorFlow, how many of each.
        parameters: Weights.
        macs: Of one call.
        uncounted: Layers with weights whose MACs are not known.
        adds: Outputs that the export adds.
        files: What would be made.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    layers: dict[str, int]
    operations: dict[str, int]
    parameters: int
    macs: int
    uncounted: tuple[str, ...]
    adds: tuple[str, ...]
    files: tuple[Planned, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """For people."""
        yield from (f"in  {port}" for port in self.inputs)
        yield from (f"out {port}" for port in self.outputs)
        yield from (f"out {name}, added" for name in self.adds)
        yield f"{self.parameters:,} parameters, {self.macs / 1e6:,.2f} million MACs a call"
        if self.uncounted:
            yield f"MACs not counted of {', '.join(self.uncounted)}"
        yield f"layers: {_listed(self.layers)}"
        yield f"operations: {_listed(self.operations)}"
        for planned in self.files:
            if planned.blocked:
                yield f"{planned.file}: cannot be made: {planned.blocked}"
                continue
            needs = f"; needs {planned.needs}" if planned.needs else ""
            yield f"{planned.file}: about {planned.megabytes:.3g} MB, by {planned.made_by}{needs}"
            yield f"    gate: {planned.gate}"


def forecast(
    model: keras.Model, order: Order, sizes: Mapping[str, Sequence[int]] | None = None
) -> Forecast:
    """Foretell an export.

    Args:
        model: A loaded Keras model.
        order: What would be made of it.
        sizes: Of inputs that leave some free, by name, all but the batch.

    Raises:
        InputError: A size is free and not given.
    """
    shapes = {t.name: tuple(t.shape[1:]) for t in getattr(model, "inputs", None) or ()}
    shapes |= {name: tuple(size) for name, size in (sizes or {}).items()}
    free = [name for name, shape in shapes.items() if None in shape]
    if free or not shapes:
        told = ", ".join(free) or "its inputs"
        raise InputError(f"the model leaves sizes of {told} free; give --input NAME=SIZES of each")
    kinds = {t.name: t.dtype for t in getattr(model, "inputs", None) or ()}
    samples = {n: np.zeros((1, *shape), kinds.get(n, "float32")) for n, shape in shapes.items()}
    served = named(model, samples, {})
    counted: Count = macs(served.model)
    found = operations(served)
    blocked = obstacles(found)
    return Forecast(
        inputs=tuple(f"{s.name}: {s.dtype.name}{list(s.shape)}" for s in served.signature),
        outputs=tuple(
            f"{name}: {tensor.dtype}{[1, *tensor.shape[1:]]}"
            for name, tensor in served.model.output.items()
        ),
        layers=_kinds(model),
        operations=dict(found.most_common()),
        parameters=model.count_params(),
        macs=counted.total,
        uncounted=counted.uncounted,
        adds=_added(model, shapes),
        files=tuple(
            _planned(order, kind, model.count_params(), blocked.get(kind, ""))
            for kind in ((f, s) for f in order.formats for s in order.schemes)
        ),
    )


def _planned(order: Order, kind: tuple[Format, Scheme], parameters: int, blocked: str) -> Planned:
    model_format, scheme = kind
    tolerance = TOLERANCES[scheme]
    most = "" if tolerance.max_error is None else f"max error {tolerance.max_error:g}, "
    return Planned(
        file=order.file(*kind),
        made_by=" and ".join(f"{m} {importlib.metadata.version(m)}" for m in _MAKERS[model_format]),
        megabytes=parameters * _BYTES[scheme] / 1e6,
        needs="--calibrate" if scheme == "wi8_ai8" else "",
        gate=f"{most}RMS error {tolerance.rms_error:g} of the outputs' range; of classes: "
        f"agreement {tolerance.agreement:g}, top-1 drop {100 * order.max_drop:g} points",
        blocked=blocked,
    )


def _added(model: keras.Model, shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    """The heads of a classifier of photos (`export.image.heads`)."""
    (shape, *more) = shapes.values()
    if more or len(shape) != 3 or shape[2] != 3 or len(getattr(model, "outputs", ())) != 1:
        return ()
    anatomy = dissect(model)
    return ("activation_map",) if anatomy is not None and anatomy.maps is not None else ()


def _kinds(model: keras.Model) -> dict[str, int]:
    leaves = (x for x in model._flatten_layers() if not isinstance(x, keras.Model))
    return dict(Counter(type(layer).__name__ for layer in leaves).most_common())


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
