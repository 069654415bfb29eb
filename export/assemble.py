"""The manifest of what an export made."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence

from export.subject import Judgement, Told
from models.contract import Contract, to_json
from models.manifest import Artefact, Format, Manifest, Scheme, Source
from models.quality import SecondReading
from models.schema import Dtype

# What to run where nothing is known to be faster: 8 bits, if they are not slower than float.
_PREFERRED = (("tflite", "wi8_ai8"), ("onnx", "wi8_ai8"), ("tflite", "f32"), ("onnx", "f32"))


def artefact_of(
    file: str,
    kind: tuple[Format, Scheme],
    data: bytes,
    dtypes: Mapping[str, Dtype],
    judgement: Judgement | None = None,
    *,
    second_reading: SecondReading | None = None,
) -> Artefact:
    """What a manifest tells of a file.

    Args:
        file: Its name.
        kind: Its format and scheme.
        data: Its content.
        dtypes: Of what it takes and gives, by name.
        judgement: None for the Keras model, which is the measure of all others.
        second_reading: Of an ONNX file.
    """
    found = judgement or Judgement({})
    return Artefact(
        file=file,
        format=kind[0],
        scheme=kind[1],
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        dtypes=dict(dtypes),
        parity=found.parity,
        ways=found.ways or None,
        invariance=found.invariance,
        quality=found.quality,
        calibration=found.calibration,
        second_reading=second_reading,
    )


def keras_artefact(
    name: str, data: bytes, dtypes: Mapping[str, Dtype], scheme: Scheme = "f32"
) -> Artefact:
    """The Keras model as it was trained, from which a bundle's other files are made."""
    return artefact_of(f"{name}.keras", ("keras", scheme), data, dtypes)


def manifest_of(
    contract: Contract, artefacts: Sequence[Artefact], *, keras_bytes: bytes, told: Told
) -> Manifest:
    """The whole manifest.

    Args:
        contract: What the artefacts share.
        artefacts: All of them, in the manifest's order.
        keras_bytes: Of the network as it was trained.
        told: Where it comes from.
    """
    source = Source(
        keras_sha256=hashlib.sha256(keras_bytes).hexdigest(),
        training=dict(told.training),
        calibration_data=dict(told.calibration),
        validation_data=dict(told.validation),
        unknown_data=dict(told.unknown),
        versions=tool_versions(),
        git_commit=str(told.training.get("git_commit") or told.training.get("commit", "")),
    )
    values = json.loads(to_json(contract)) | {
        "artefacts": tuple(artefacts),
        "default": _defaults(artefacts),
        "source": source,
    }
    return Manifest.model_validate(values)


def _defaults(artefacts: Sequence[Artefact]) -> dict[str, str]:
    """The file to run on each kind of machine."""
    floats = {a.format: a.latency for a in artefacts if a.scheme == "f32"}

    def rank(a: Artefact) -> int:
        if (a.format, a.scheme) not in _PREFERRED:
            return len(_PREFERRED)
        single = floats.get(a.format)
        if a.latency and single and a.latency.median_ms > single.median_ms:
            return len(_PREFERRED)
        return _PREFERRED.index((a.format, a.scheme))

    ranked = sorted((a for a in artefacts if a.format != "keras"), key=rank)
    tflites = [a for a in ranked if a.format == "tflite"]
    web = {"web": tflites[0].file} if tflites else {}
    return {"x86": ranked[0].file, "arm": ranked[0].file} | web


def tool_versions() -> dict[str, str]:
    """Versions of what an export is made with."""
    return {
        name: importlib.metadata.version(name)
        for name in ("bombus", "tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "numpy")
    }


def utc_now() -> str:
    """The time, as a manifest writes it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
