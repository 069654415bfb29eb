"""Stage 4: the contract inside each file, so that a stray artefact is still usable.

ONNX: an entry of `metadata_props`. TFLite: associated files, a ZIP archive appended to the
flatbuffer as in the TFLite metadata convention; `unzip -p x.tflite bombus.json` shows it.
"""

from __future__ import annotations

import zipfile
from io import BytesIO

import onnx

from models.contract import Contract, to_json
from models.runtime import CONTRACT


def annotate(data: bytes, model_format: str, contract: Contract, version: str) -> bytes:
    """The same model with its contract embedded, in place of any it had.

    Args:
        data: The artefact.
        model_format: `tflite` or `onnx`.
        contract: What to embed.
        version: Of bombus, stamped as the producer's.
    """
    if model_format == "onnx":
        model = onnx.load_model_from_string(data)
        model.producer_name, model.producer_version = "bombus", version
        onnx.helper.set_model_props(
            model, {CONTRACT: to_json(contract), "labels.txt": _lines(contract)}
        )
        return bytes(model.SerializeToString(deterministic=True))
    buffer = BytesIO(_without_archive(data))
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, text in ((CONTRACT, to_json(contract)), ("labels.txt", _lines(contract))):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


def _without_archive(data: bytes) -> bytes:
    """A TFLite file less what was appended to it before."""
    if not zipfile.is_zipfile(BytesIO(data)):
        return data
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return data[: min(entry.header_offset for entry in archive.infolist())]


def _lines(contract: Contract) -> str:
    return "".join(f"{label}\n" for label in contract.labels)
