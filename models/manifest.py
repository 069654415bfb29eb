"""`manifest.json`: everything a phone or a robot must know of a bundle, checked on the way in.

Described for people in docs/bundle-format.md.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from models.contract import Contract
from models.errors import IntegrityError
from models.quality import Calibration, GainInvariance, Latency, Parity, Quality, SecondReading, Way
from models.schema import Dtype, Name, Part, Sha256

CARD: Literal["CARD.md"] = "CARD.md"
FORMATS = ("keras", "tflite", "onnx")

Format = Literal["keras", "tflite", "onnx"]
Scheme = Literal["f64", "f32", "f16", "wi8_afp32", "wi8_ai8"]
SCHEMES: tuple[Scheme, ...] = ("f32", "f16", "wi8_afp32", "wi8_ai8")


class Artefact(Part):
    """One model file.

    Attributes:
        file: Its name in the bundle's folder; it carries the scheme.
        dtypes: Per input and output, what this file takes and gives. Values are the manifest's:
            a float32 image input takes the same 0..255 as a uint8 one. A Keras file, from which
            the others are made, need not have the outputs that the export adds.
        parity: Per output.
        ways: Of what localizes, per drive.
        invariance: Of what classifies spectra.
        second_reading: Of an ONNX file, OpenCV's.
    """

    file: Name
    format: Format
    scheme: Scheme
    bytes: Annotated[int, Field(ge=1, le=1 << 31)]
    sha256: Sha256
    dtypes: dict[Name, Dtype]
    parity: dict[Name, Parity] = Field(default_factory=dict)
    ways: tuple[Way, ...] | None = None
    invariance: GainInvariance | None = None
    quality: Quality | None = None
    calibration: Calibration | None = None
    latency: Latency | None = None
    second_reading: SecondReading | None = None


class Card(Part):
    """The model card, which is written from the rest of the manifest (`models.card`).

    Attributes:
        describes: `rest_sha256` of the manifest that it was written from.
    """

    file: Literal["CARD.md"] = CARD
    bytes: Annotated[int, Field(ge=1, le=1 << 20)]
    sha256: Sha256
    describes: Sha256


class Source(Part):
    """Where the bundle comes from; `data_license`: terms of what it learned from, in words."""

    keras_sha256: Sha256
    training: dict[str, Any] = Field(default_factory=dict)
    calibration_data: dict[str, Any] = Field(default_factory=dict)
    validation_data: dict[str, Any] = Field(default_factory=dict)
    unknown_data: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    git_commit: str = ""
    data_license: str | None = None


class Manifest(Contract):
    """The whole `manifest.json`."""

    artefacts: Annotated[tuple[Artefact, ...], Field(min_length=1)]
    default: dict[Literal["x86", "arm", "web"], Name] = Field(default_factory=dict)
    source: Source
    card: Card | None = None  # bundles made before there were cards have none

    @property
    def files(self) -> tuple[Artefact | Card, ...]:
        """All files that belong to the bundle beside the manifest."""
        return (*self.artefacts, *([self.card] if self.card else []))

    @model_validator(mode="after")
    def _files(self) -> Manifest:
        files = [artefact.file for artefact in self.artefacts]
        if len(set(files)) != len(files) or {"manifest.json", CARD} & set(files):
            raise ValueError("artefacts must have distinct file names")
        for target, file in self.default.items():
            if file not in files:
                raise ValueError(f"default for {target} names {file}, which is no artefact")
        tensors = {tensor.name for tensor in (*self.inputs, *self.outputs)}
        for artefact in self.artefacts:
            keras_only = artefact.format == "keras" and artefact.dtypes.keys() < tensors
            if artefact.dtypes.keys() != tensors and not keras_only:
                raise ValueError(f"{artefact.file}: dtypes must be given for {sorted(tensors)}")
        return self

    def contract(self) -> Contract:
        """The part that is embedded in each artefact."""
        return Contract.model_validate(
            {
                field.alias or name: getattr(self, name)
                for name, field in Contract.model_fields.items()
            }
        )


def rest_sha256(text: str) -> str:
    """Hash of a manifest's JSON text but for its card, however it is laid out."""
    values = {key: value for key, value in json.loads(text).items() if key != "card"}
    rest = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(rest.encode()).hexdigest()


def parse_manifest(text: str, name: str) -> Manifest:
    """Read a manifest.

    Raises:
        IntegrityError: Not JSON, or not a valid manifest; one line says where and why.
    """
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])[:100] or "manifest"
        reason = re.sub(r"^Value error, ", "", first["msg"])
        place = place if place.isprintable() else ascii(place)  # a key can be anything
        raise IntegrityError(f"{name}: {place}: {reason}; get the bundle again") from error
