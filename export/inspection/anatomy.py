"""What every kind of model file has in common, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Shape = tuple[int | str | None, ...]  # free sizes are None or have a name


@dataclass(frozen=True)
class Port:
    """An input or output; shape and dtype are None where the file does not tell."""

    name: str
    shape: Shape | None = None
    dtype: str | None = None

    def __str__(self) -> str:
        """As people write it."""
        if self.shape is None:
            return self.name
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name}: {self.dtype}[{sizes}]"


@dataclass(frozen=True)
class Weights:
    """The constants of one dtype: how many numbers, and the bytes they take."""

    dtype: str
    numbers: int
    bytes: int


@dataclass(frozen=True)
class Anatomy:
    """A model file.

    Attributes:
        format: `keras`, `tflite` or `onnx`.
        made_by: What wrote it, as far as it says.
        needs: What a reader must know, such as `opset 18, IR 9`.
        inputs: What it takes.
        outputs: What it gives.
        ops: How many of each operation (of a Keras file: layer).
        weights: Its constants by dtype, the largest first.
        contract: The embedded contract of a bundle, as it stands there; None without one.
        dangers: Why the file should not be loaded as it is; none for one that is safe.
    """

    format: str
    made_by: str
    needs: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    ops: Mapping[str, int]
    weights: tuple[Weights, ...]
    contract: Mapping[str, Any] | None
    dangers: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain data, from which `from_json` makes it again."""
        return asdict(self)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Anatomy:
        """Of `as_json`, also after a way through JSON."""
        made: dict[str, Any] = dict(values)
        for side in ("inputs", "outputs"):
            made[side] = tuple(
                Port(p["name"], None if p["shape"] is None else tuple(p["shape"]), p["dtype"])
                for p in values[side]
            )
        made["weights"] = tuple(Weights(**weights) for weights in values["weights"])
        made["dangers"] = tuple(values["dangers"])
        return Anatomy(**made)

    def lines(self) -> Iterator[str]:
        """For people."""
        makers = f"made by {self.made_by}" if self.made_by else "of unknown make"
        yield "; ".join(filter(None, (f"{self.format}, {makers}", self.needs)))
        for side, ports in (("in ", self.inputs), ("out", self.outputs)):
            yield from (f"{side} {port}" for port in ports)
        kinds = sorted(self.ops.items(), key=lambda item: (-item[1], item[0]))
        what = "layers" if self.format == "keras" else "operations"
        listed = ", ".join(f"{count} {name}" for name, count in kinds)
        yield f"{sum(self.ops.values())} {what}: {listed}" if listed else f"no {what} named"
        for w in self.weights:
            yield f"{w.numbers:,} constants of {w.dtype}, {w.bytes / 1e6:.2f} MB"
        yield from _contract_lines(self.contract)
        if self.dangers:
            yield from (f"NOT SAFE to load: {danger}" for danger in self.dangers)
        else:
            imported = "--import" in self.needs
            rest = "and what is imported for it" if imported else "no operation of unknown origin"
            yield f"safe to load: no code, no path to other files, {rest}"


def tally(constants: Iterable[tuple[str, int, int]]) -> tuple[Weights, ...]:
    """Constants (dtype, numbers, bytes) summed by dtype, the largest first."""
    sums: dict[str, list[int]] = {}
    for dtype, numbers, size in constants:
        entry = sums.setdefault(dtype, [0, 0])
        entry[0] += numbers
        entry[1] += size
    found = [Weights(dtype, numbers, size) for dtype, (numbers, size) in sums.items()]
    return tuple(sorted(found, key=lambda w: (-w.bytes, w.dtype)))


def _contract_lines(contract: Mapping[str, Any] | None) -> Iterator[str]:
    if contract is None:
        yield "no contract embedded: labels, range and preprocessing are not told"
        return
    name, version, task = (contract.get(key, "?") for key in ("name", "version", "task"))
    yield f"contract of {name} {version}, {task}"
    labels = contract.get("labels") or ()
    if labels:
        yield f"{len(labels)} labels: {', '.join(map(str, labels))}"
