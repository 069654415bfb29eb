"""A model of the zoo converted by `bombus export` and by plain converters, kept on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import plain
from benchmarks.zoo import specimen
from export.arrays import Samples, network
from export.conversion.workshop import run_apart
from export.making import make
from export.subject import Order, Subject
from models.errors import BombusError, InputError
from models.files import write_text
from models.manifest import Scheme
from training.provenance import git_commit

SCHEMES: tuple[Scheme, ...] = ("f32", "wi8_ai8")
SIDES = ("ours", "plain")

Kind = tuple[str, str]  # format and scheme


@dataclass(frozen=True)
class BothWays:
    """What became of one model.

    Attributes:
        folder: Of the files.
        missing: Why there is no file, by its name.
        ranges: Of the inputs, lowest and highest value.
    """

    folder: Path
    missing: Mapping[str, str]
    ranges: Mapping[str, tuple[float, float]]

    def file(self, side: str, kind: Kind) -> Path | str:
        """The file, or why there is none."""
        name = _name(side, kind)
        return self.missing.get(name, self.folder / name)


def kinds() -> Iterator[Kind]:
    """What every model is converted to."""
    return ((form, scheme) for form in ("tflite", "onnx") for scheme in SCHEMES)


def _name(side: str, kind: Kind) -> str:
    return f"{side}_{kind[1]}.{kind[0]}"


def both_ways(name: str, size: int, folder: Path) -> BothWays:
    """Convert a model of the zoo, unless its folder has the files already.

    Args:
        name: In the zoo.
        size: Pixels a side of photos.
        folder: Its own.

    Raises:
        InputError: They are of photos of another size.
    """
    file = folder / "record.json"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        missing, ranges = _convert(name, size, folder)
        made = {"size": size, "commit": git_commit(), "missing": missing, "ranges": ranges}
        write_text(file, json.dumps(made))
    record = json.loads(file.read_text("utf-8"))
    if record["size"] != size:
        raise InputError(
            f"{folder}: its files take photos of {record['size']} pixels, not {size}; "
            "choose another --files"
        )
    missing, ranges = record["missing"], record["ranges"]
    return BothWays(folder, missing, {key: (low, high) for key, (low, high) in ranges.items()})


def _convert(name: str, size: int, folder: Path) -> tuple[dict[str, str], dict[str, list[float]]]:
    """Ours and plain ones, both calibrated with the same; what is missing, and ranges of inputs."""
    found = specimen(name, size)
    keras = folder / "model.keras"
    found.model.save(keras)
    half = len(next(iter(found.feeds.values()))) // 2
    order = Order(name, schemes=SCHEMES, gate=False, rounds=0, jobs=1)
    subject = network(
        found.model,
        keras.read_bytes(),
        order,
        validation=Samples("zoo", {k: v[half:] for k, v in found.feeds.items()}),
        calibration=Samples("zoo", {k: v[:half] for k, v in found.feeds.items()}),
        states=found.states,
    )
    feeds = subject.calibration
    assert feeds is not None
    calls = {
        f"{form} {scheme}": partial(convert, keras, None if scheme == "f32" else feeds)
        for form, convert in (("tflite", plain.tflite), ("onnx", plain.onnx))
        for scheme in SCHEMES
    }
    missing = dict[str, str]()
    sides = {"plain": run_apart(calls), "ours": _ours(subject, order)}
    for side, results in sides.items():
        for kind, made in results:
            form, _, scheme = kind.partition(" ")
            file = _name(side, (form, scheme))
            if isinstance(made, bytes):
                (folder / file).write_bytes(made)  # the record, last, says that all are whole
            else:
                missing[file] = str(made)
    return missing, {key: [float(v.min()), float(v.max())] for key, v in feeds.items()}


def _ours(subject: Subject, order: Order) -> Iterator[tuple[str, bytes | BombusError | str]]:
    made, failed = make(subject, order, lambda line: None)
    for result in made:
        yield f"{result.artefact.format} {result.artefact.scheme}", result.data
    for form in order.formats:
        for scheme in order.schemes:
            refused = subject.refused.get((form, scheme))
            file = order.file(form, scheme)
            if refused or file in failed:
                yield f"{form} {scheme}", refused or failed[file]
