"""Where in a model the error comes from: its tensors beside those of the float model.

Each tensor has two errors. The whole one holds everything that went wrong up to there. Its own is
what the operation before it adds: it is given the float model's inputs, rounds them if it works on
rounded ones, computes, and rounds what it gives.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.gate.tensors import Inside, Values, matched, plain
from models.errors import GateError, InputError

JUMP = 4.0  # times the error that an operation of this file usually adds; up to 3.4 in sound ones
FLOOR = 2e-3  # of the range: what 8 bits of a kernel may lose
CEILING = 3e-2  # of the range: as much as a whole model may lose in 8 bits


@dataclass(frozen=True)
class Layer:
    """A tensor that both models have; errors are root mean squares over the reference's range.

    Attributes:
        name: Of the tensor, in the artefact.
        operation: What computes it there.
        kind: Of the operation.
        error: The whole error; infinite where there is NaN or infinity.
        own: What the operation adds of it.
        sqnr: Power of the reference over that of the whole error, dB.
    """

    name: str
    operation: str
    kind: str
    error: float
    own: float
    sqnr: float

    @property
    def title(self) -> str:
        """For people: kind and name, of a fused operation the first of its names."""
        return f"{self.kind} {plain(self.operation).partition(';')[0]}"


@dataclass(frozen=True)
class Localisation:
    """What was found; layers are in the order that they run.

    Attributes:
        layers: The tensors compared.
        of: How many the reference has.
        samples: Inputs run.
    """

    layers: tuple[Layer, ...]
    of: int
    samples: int

    @property
    def jump(self) -> Layer | None:
        """The first layer whose own error stands out, if any."""
        return first_jump(self.layers)

    def worst(self, count: int) -> list[Layer]:
        """The layers with the largest errors of their own."""
        return sorted(self.layers, key=lambda layer: layer.own, reverse=True)[:count]

    def as_json(self) -> dict[str, Any]:
        """Plain data; what is infinite is null."""
        jump = self.jump
        return {
            "samples": self.samples,
            "matched": len(self.layers),
            "of": self.of,
            "jump": None if jump is None else jump.operation,
            "layers": [_finite(asdict(layer)) for layer in self.layers],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Localisation:
        """From what `as_json` gave."""
        layers = (Layer(**_infinite(layer)) for layer in values["layers"])
        return cls(tuple(layers), values["of"], values["samples"])


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


def _infinite(values: dict[str, Any]) -> dict[str, Any]:
    sqnr = -math.inf if values["error"] is None else math.inf
    instead = {"error": math.inf, "own": math.inf, "sqnr": sqnr}
    return {name: instead[name] if value is None else value for name, value in values.items()}


def first_jump(layers: Sequence[Layer]) -> Layer | None:
    """The first of the layers whose own error stands out.

    It is above `JUMP` times what is usual: the median of the other layers' own errors, of those
    that have any. Below `FLOOR` none stands out, above `CEILING` each does.
    """
    for layer in layers:
        others = [other.own for other in layers if other is not layer and other.own > 0]
        usual = float(np.median(others)) if others else 0.0
        if not layer.own <= min(max(JUMP * usual, FLOOR), CEILING):
            return layer
    return None


@dataclass
class Tally:
    """Sums over samples of one tensor's values and errors."""

    count: int = 0
    power: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    errors: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))

    def add(self, reference: NDArray[Any], *candidates: NDArray[Any]) -> None:
        """Count a sample: the reference's values, those in the whole model, those made apart."""
        exact = reference.astype(np.float64)
        self.count += exact.size
        self.power += float(np.sum(exact**2))
        self.low, self.high = min(self.low, exact.min()), max(self.high, exact.max())
        with np.errstate(invalid="ignore", over="ignore"):
            found = [np.sum((c.astype(np.float64) - exact) ** 2) for c in candidates]
        self.errors += np.nan_to_num(found, nan=np.inf)

    def relative(self) -> tuple[float, float]:
        """The whole error and its own, as fractions of the reference's range."""
        whole, own = np.sqrt(self.errors / self.count) / ((self.high - self.low) or 1.0)
        return float(whole), float(own)

    def sqnr(self) -> float:
        """Of the whole error, dB."""
        if self.errors[0] == 0:
            return math.inf
        ratio = self.power / self.errors[0]
        return 10 * math.log10(ratio) if ratio > 0 else -math.inf


def localise(reference: Inside, candidate: Inside, samples: Iterable[Values]) -> Localisation:
    """Compare the tensors of an artefact with those of the float model.

    Args:
        reference: The model in float.
        candidate: The artefact, of the same format.
        samples: For each, arrays by input name, with their first axis, as the manifest has them.

    Raises:
        InputError: No samples, or no tensor of the same name and shape.
        GateError: The reference itself gives NaN or infinity.
    """
    pairs = matched(reference.computed, candidate.computed)
    if not pairs:
        raise _nothing_to_compare(0, 0)
    read_reference = reference.whole([there.name for there, _ in pairs])
    read_whole = candidate.whole([here.name for _, here in pairs])
    read_apart, tallies, count = None, dict[str, Tally](), 0
    for feeds in samples:
        exact, found = read_reference(feeds), read_whole(feeds)
        if read_apart is None:
            pairs = [(t, h) for t, h in pairs if _comparable(exact[t.name], found[h.name])]
            read_apart = candidate.apart({here.name: found[here.name] for _, here in pairs})
            tallies = {here.name: Tally() for _, here in pairs}
        made = read_apart({**{here.name: exact[there.name] for there, here in pairs}, **feeds})
        for there, here in pairs:
            values = exact[there.name]
            if not np.isfinite(values).all():
                raise GateError(f"the reference gives NaN or infinity at {there.name}; retrain it")
            tallies[here.name].add(values, found[here.name], made[here.name])
        count += 1
    if not tallies:
        raise _nothing_to_compare(len(pairs), count)
    layers = tuple(
        Layer(h.name, h.operation, h.kind, *tallies[h.name].relative(), tallies[h.name].sqnr())
        for _, h in pairs
    )
    return Localisation(layers, len(reference.computed), count)


def _comparable(first: NDArray[Any], second: NDArray[Any]) -> bool:
    return first.shape == second.shape and first.dtype.kind == second.dtype.kind == "f"


def _nothing_to_compare(tensors: int, samples: int) -> InputError:
    return InputError(
        f"{tensors} tensors to compare on {samples} samples; give samples, and as the reference "
        "the same model in the same format"
    )
