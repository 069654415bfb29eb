"""The plan of an export, and the manifest that comes of it."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from export.convert import INPUT
from export.heads import FAMILIARITY, MAP, output_names
from export.load import SourceModel
from export.verify import MAX_DROP, Verdict
from models.contract import Contract, ImagePreprocess, Tensor, labels_sha256, to_json
from models.manifest import Artefact, Manifest, Scheme, Source
from models.photos import LabelledPhotos

_OUTPUTS: dict[str, dict[str, Any]] = {
    "logits": {"meaning": "logits", "axes": ("batch", "class")},
    "probabilities": {"meaning": "probabilities", "axes": ("batch", "class"), "range": (0, 1)},
    MAP: {"meaning": "class-activation-map", "axes": ("batch", "row", "column", "class")},
    FAMILIARITY: {"meaning": "familiarity", "axes": ("batch", "value")},
}


@dataclass(frozen=True)
class Plan:
    """What to make.

    Attributes:
        source: The loaded model.
        labels: Class names in the order of its outputs.
        name: The bundle's name, which begins every file's.
        version: The bundle's version.
        license: SPDX identifier of the weights.
        formats: Of `tflite`, `onnx`.
        schemes: Of `models.manifest.SCHEMES`.
        calibration: Photos that set the ranges of activations; only wi8_ai8 needs them.
        validation: Labelled photos for the gate; none of them may be in `calibration`.
        unknown: Photos of other things than the classes, to teach the bundle to turn them away;
            half of them are used, the others are left to check it by.
        data_name: What to call the validation photos in the record.
        unknown_name: What to call the unknown ones.
        max_drop: Top-1 that an artefact may lose, as a fraction.
        max_mb: Largest artefact allowed, in 10^6 bytes; None for any.
        max_ms: Largest median latency allowed; None for any.
        labelled: Whether the folders of `validation` are its classes; if not, only parity is
            judged.
        gate: False records failures without stopping at them.
        rounds: Benchmark rounds; 0 measures nothing.
        training: What `training.json` beside the model says.
    """

    source: SourceModel
    labels: tuple[str, ...]
    name: str
    version: str
    license: str
    formats: tuple[str, ...]
    schemes: tuple[Scheme, ...]
    calibration: LabelledPhotos | None
    validation: LabelledPhotos
    data_name: str
    unknown: LabelledPhotos | None = None
    unknown_name: str = ""
    max_drop: float = MAX_DROP
    max_mb: float | None = None
    max_ms: float | None = None
    labelled: bool = True
    gate: bool = True
    rounds: int = 20
    training: dict[str, Any] | None = None


@dataclass(frozen=True)
class Made:
    """An artefact, its bytes, and what the gate says of it."""

    artefact: Artefact
    data: bytes
    verdict: Verdict


def contract_for(plan: Plan, model: keras.Model) -> Contract:
    """What all artefacts of the plan share.

    Args:
        plan: What to make.
        model: Of `export.heads.with_heads`.
    """
    size = plan.source.image_size
    return Contract.model_validate(
        {
            "schema": "bombus/bundle@1",
            "name": plan.name,
            "version": plan.version,
            "task": "image-classification",
            "license": plan.license,
            "created": utc_now(),
            "labels": plan.labels,
            "labels_sha256": labels_sha256(plan.labels),
            "inputs": [
                Tensor(
                    name=INPUT,
                    shape=(1, size, size, 3),
                    dtype="uint8",
                    meaning="photo",
                    axes=("batch", "row", "column", "RGB"),
                    range=(0, 255),
                )
            ],
            "outputs": [
                Tensor(
                    name=name,
                    shape=(1, *model.output[name].shape[1:]),
                    dtype="float32",
                    **_OUTPUTS[name],
                )
                for name in output_names(model)
            ],
            "preprocess": ImagePreprocess(size=size),
        }
    )


def assemble(
    plan: Plan, contract: Contract, made: Sequence[Made]
) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and all files, the source model included."""
    keras_bytes = plan.source.path.read_bytes()
    output = contract.outputs[0].name
    keras_artefact = Artefact(
        file=f"{plan.name}.keras",
        format="keras",
        scheme="f32",
        bytes=len(keras_bytes),
        sha256=plan.source.sha256,
        dtypes={INPUT: "float32", output: "float32"},
    )
    artefacts = [keras_artefact, *(m.artefact for m in made)]
    preferred = {("tflite", "wi8_ai8"): 0, ("onnx", "wi8_ai8"): 1, ("tflite", "f32"): 2}
    ranked = sorted(
        (m.artefact for m in made), key=lambda a: preferred.get((a.format, a.scheme), 3)
    )
    tflites = [a for a in ranked if a.format == "tflite"]
    default = {"x86": ranked[0].file, "arm": ranked[0].file}
    if tflites:
        default["web"] = tflites[0].file
    source = Source(
        keras_sha256=plan.source.sha256,
        training=plan.training or {},
        calibration_data=_record(plan.calibration),
        validation_data=_record(plan.validation) | {"name": plan.data_name},
        unknown_data=_record(plan.unknown) | {"name": plan.unknown_name} if plan.unknown else {},
        versions=tool_versions(),
    )
    values = json.loads(to_json(contract)) | {
        "artefacts": artefacts,
        "default": default,
        "source": source,
    }
    files = {keras_artefact.file: keras_bytes} | {m.artefact.file: m.data for m in made}
    return Manifest.model_validate(values), files


def manifest_of(
    contract: Contract,
    artefacts: Sequence[Artefact],
    *,
    keras_bytes: bytes,
    training: dict[str, Any],
    validation: dict[str, Any],
) -> Manifest:
    """The whole manifest of what a run of training made.

    Args:
        contract: What the artefacts share.
        artefacts: All of them; the first is every machine's default.
        keras_bytes: Of the network as it was trained.
        training: What is told of it.
        validation: What is told of the data that artefacts were judged by.
    """
    values = json.loads(to_json(contract)) | {
        "artefacts": tuple(artefacts),
        "default": dict.fromkeys(("x86", "arm", "web"), artefacts[0].file),
        "source": Source(
            keras_sha256=hashlib.sha256(keras_bytes).hexdigest(),
            training=training,
            validation_data=validation,
            versions=tool_versions(),
            git_commit=str(training.get("commit", "")),
        ),
    }
    return Manifest.model_validate(values)


def tool_versions() -> dict[str, str]:
    """Versions of what an export is made with."""
    return {
        name: importlib.metadata.version(name)
        for name in ("bombus", "tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "numpy")
    }


def utc_now() -> str:
    """The time, as a manifest writes it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _record(photos: LabelledPhotos | None) -> dict[str, Any]:
    return {} if photos is None else {"n": len(photos), "sha256": photos.sha256}
