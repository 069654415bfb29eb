"""Pages and bundles that stand in for the built app, made in milliseconds."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from models.bundle import Bundle, write_bundle
from tests.tiny_bundles import manifest_values, parsed

WASM = bytes(range(256)) * 64
SCRIPT = b"console.log('bombus');\n" * 20
BROTLI = b"not brotli, but nobody here unpacks it"


def write_pages(folder: Path) -> Path:
    """A folder like `edge_app/web/dist`, the runtime compressed only, as the wheel has it."""
    files = {
        "index.html": b"<!doctype html><title>bombus</title>" + b"<p>flowers</p>" * 20,
        "sw.js": SCRIPT,
        "manifest.webmanifest": b'{"name": "bombus"}',
        "assets/main-Ab12.js": SCRIPT,
        "assets/main-Ab12.js.gz": gzip.compress(SCRIPT),
        "assets/main-Ab12.js.br": BROTLI,
        "icons/icon-192.png": b"\x89PNG" + bytes(400),
        "rt/litert.wasm.gz": gzip.compress(WASM),
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def write_web_bundle(path: Path, name: str = "tiny", **default: str) -> Bundle:
    """A bundle with three model files that no runtime could read; the server need not."""
    files = {
        "tiny_f32.tflite": b"float" * 40,
        "tiny_wi8_ai8.tflite": b"int8" * 50,
        "tiny_f32.onnx": b"onnx" * 10,
    }
    values: dict[str, Any] = manifest_values(files) | {"name": name, "default": default}
    values["artefacts"][1]["scheme"] = "wi8_ai8"
    return write_bundle(path, parsed(values), files)
