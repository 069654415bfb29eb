"""A model on its way to a bundle: what is served, what is said of it, and who judges its files."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from export.conversion.drafting import Spare
from export.conversion.quantize import Feeds
from export.conversion.served import Served
from export.conversion.tidy import NEWEST, age
from export.gate.judge import MAX_DROP
from models.contract import VERSION, Contract
from models.errors import InputError
from models.manifest import SCHEMES, Artefact, Format, Scheme
from models.quality import Calibration, GainInvariance, Parity, Quality, Way
from models.runtime import Runner
from models.schema import NAME


def name_of(stem: str) -> str:
    """A file's name as a bundle's, or `model` where it could be none."""
    return stem if re.fullmatch(NAME, stem) else "model"


@dataclass(frozen=True)
class Order:
    """What to make of a model, whatever it is.

    Attributes:
        name: The bundle's name, which begins every file's.
        version: The bundle's version.
        license: SPDX identifier of the weights.
        formats: Of `tflite`, `onnx`.
        schemes: Of `models.manifest.SCHEMES`.
        max_drop: Top-1 that an artefact may lose, as a fraction.
        max_mb: Largest artefact allowed, in 10^6 bytes; None for any.
        max_ms: Largest median latency allowed; None for any.
        gate: False records failures without stopping at them.
        keep_going: Write a bundle of what passed, where something did not.
        rounds: Benchmark rounds; 0 measures nothing.
        jobs: How many files are converted at a time.
        onnxruntime: The oldest version of it that must read ONNX files: tells opset and IR.
    """

    name: str
    version: str = "0.1.0"
    license: str = "Apache-2.0"
    formats: tuple[Format, ...] = ("tflite", "onnx")
    schemes: tuple[Scheme, ...] = SCHEMES
    max_drop: float = MAX_DROP
    max_mb: float | None = None
    max_ms: float | None = None
    gate: bool = True
    keep_going: bool = False
    rounds: int = 20
    jobs: int = 2
    onnxruntime: str = NEWEST

    def __post_init__(self) -> None:
        """Refuse, before any work, what no bundle could be called and no budget could be."""
        if not re.fullmatch(NAME, self.name):
            raise InputError(
                f"name {self.name!r}: give letters, digits, '.', '_' and '-', at most 100 (--name)"
            )
        if not re.fullmatch(VERSION, self.version):
            raise InputError(f"version {self.version!r}: give one such as 1.2.0 (--version)")
        for what, most in (("max_mb", self.max_mb), ("max_ms", self.max_ms)):
            if most is not None and not 0 < most < math.inf:
                option = "--" + what.replace("_", "-")
                raise InputError(f"{option} {most}: give a number above 0")
        if not 0 <= self.max_drop <= 1:
            raise InputError(f"--max-drop {100 * self.max_drop:g}: give points from 0 to 100")
        if self.max_ms is not None and self.rounds == 0:
            raise InputError(f"--max-ms {self.max_ms}: nothing is measured with --rounds 0")
        age(self.onnxruntime)

    def file(self, model_format: Format, scheme: Scheme) -> str:
        """The name of an artefact."""
        return f"{self.name}_{scheme}.{model_format}"


class Candidate(NamedTuple):
    """An artefact before its judge: loaded, how it was made, and its size in bytes."""

    runner: Runner
    scheme: Scheme
    size: int


@dataclass(frozen=True)
class Judgement:
    """What was found of an artefact; truthy when nothing speaks against it.

    Attributes:
        parity: Per output.
        quality: On labelled data.
        calibration: Of its answers.
        invariance: Of what classifies spectra.
        ways: Of what localizes.
        failures: What speaks against it.
        warnings: What might.
    """

    parity: dict[str, Parity]
    quality: Quality | None = None
    calibration: Calibration | None = None
    invariance: GainInvariance | None = None
    ways: tuple[Way, ...] = ()
    failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.failures


Judge = Callable[[Candidate], Judgement]


@dataclass(frozen=True)
class Told:
    """What a manifest tells of where a model comes from."""

    training: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    validation: Mapping[str, Any] = field(default_factory=dict)
    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """A model and all that its export needs.

    Attributes:
        served: What every artefact computes.
        contract: What every artefact shares.
        judge: Of every artefact.
        keras: What the `.keras` file is called in the bundle, and takes and gives.
        keras_data: Its bytes.
        told: For the manifest.
        calibration: What sets the ranges of activations; only wi8_ai8 needs it.
        spare: What wi8_ai8 leaves in float, if anything.
        refused: Format and scheme of what is not made, and why.
        loops: Whether it has any, as recurrent layers do.
    """

    served: Served
    contract: Contract
    judge: Judge
    keras: Artefact
    keras_data: bytes
    told: Told = Told()
    calibration: Feeds | None = None
    spare: Spare | None = None
    refused: Mapping[tuple[Format, Scheme], str] = field(default_factory=dict)
    loops: bool = False


@dataclass(frozen=True)
class Made:
    """An artefact, its bytes, and what its judge says."""

    artefact: Artefact
    data: bytes
    judgement: Judgement
