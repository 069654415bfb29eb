"""`bombus models`: what it prints, and that it exits 6 when a file is not the manifest's."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from models.bundle import Bundle, write_bundle
from models.contract import Contract
from models.runtime import CONTRACT
from tests.tiny_bundles import (
    LABELS,
    contract_values,
    full_values,
    manifest_values,
    parsed,
    tiny_onnx,
    write_tiny,
)

Bombus = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tiny(tmp_path: Path) -> Bundle:
    return write_tiny(tmp_path / "bundles" / "tiny")


def manifest_of(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text())


def test_lists_a_folder(bombus: Bombus, tiny: Bundle) -> None:
    code, out, err = bombus("models", "list", "--dir", tiny.path.parent)
    assert (code, err) == (0, "")
    assert out == "tiny 0.1.0  image-classification  1 artefacts, 0.0 MB\n"
    code, out, _ = bombus("models", "list", "--dir", tiny.path.parent, "--json")
    assert code == 0
    assert json.loads(out) == [manifest_of(tiny.path)]


def test_lists_what_ships(bombus: Bombus) -> None:
    code, out, err = bombus("models", "list", "--json")
    assert (code, err) == (0, "")
    assert isinstance(json.loads(out), list)


def test_lists_nothing(bombus: Bombus, tmp_path: Path) -> None:
    assert bombus("models", "list", "--dir", tmp_path) == (0, f"no bundles in {tmp_path}\n", "")
    assert bombus("models", "list", "--dir", tmp_path, "--json") == (0, "[]\n", "")
    code, out, err = bombus("models", "list", "--dir", tmp_path / "missing")
    assert (code, out) == (2, "")
    assert "no such folder" in err


def test_a_broken_bundle_in_the_list_exits_6(bombus: Bombus, tiny: Bundle) -> None:
    (tiny.path / "manifest.json").write_text("{}")
    code, out, err = bombus("models", "list", "--dir", tiny.path.parent)
    assert (code, out) == (6, "")
    assert err.startswith(f"bombus: {tiny.path / 'manifest.json'}: ")


def test_shows_what_it_takes_and_gives(bombus: Bombus, tiny: Bundle) -> None:
    code, out, err = bombus("models", "show", tiny.path)
    assert (code, err) == (0, "")
    assert "image: uint8[1, 8, 8, 3] photo 0..255" in out
    assert "logits: float32[1, 3] logits" in out
    assert f"3 labels: {', '.join(LABELS)}" in out
    assert "tiny_f32.onnx" in out
    code, out, _ = bombus("models", "show", tiny.path, "--json")
    assert code == 0
    assert json.loads(out) == manifest_of(tiny.path)


def test_shows_every_number(bombus: Bombus, tmp_path: Path) -> None:
    files = {"tiny.onnx": b"model", "tiny.tflite": b"other"}
    path = write_bundle(tmp_path / "full", parsed(full_values()), files).path
    code, out, err = bombus("models", "show", path)
    assert (code, err) == (0, "")
    assert "default for x86: tiny.onnx" in out
    row = next(line for line in out.splitlines() if line.startswith("tiny.onnx"))
    assert " ".join(row.split()[1:]) == "0.00 1.0e-03 1.0000 90.00 60.0–100.0 -10.00 0.20"


def test_verifies(bombus: Bombus, tiny: Bundle) -> None:
    code, out, err = bombus("models", "verify", tiny.path)
    assert (code, out, err) == (0, f"{tiny.path}: ok, 1 file matches the manifest\n", "")
    code, out, _ = bombus("models", "verify", tiny.path, "--json")
    assert json.loads(out) == {
        "bundle": "tiny",
        "ok": True,
        "files": ["tiny_f32.onnx"],
        "absent": [],
    }


def consistent(tmp_path: Path, data: bytes) -> Path:
    """A bundle whose hashes are right, whatever its artefact is."""
    files = {"tiny.onnx": data}
    return write_bundle(tmp_path / "tiny", parsed(manifest_values(files)), files).path


def with_contract(text: str) -> bytes:
    model = onnx.load_model_from_string(tiny_onnx())
    onnx.helper.set_model_props(model, {CONTRACT: text})
    return bytes(model.SerializeToString())


OTHER = Contract.model_validate(contract_values() | {"license": "MIT"})


@pytest.mark.parametrize(
    "data",
    [
        tiny_onnx(),
        tiny_onnx(OTHER),
        with_contract("not JSON"),
        with_contract("[" * 100_000),
        with_contract(""),
        b"no model at all",
    ],
    ids=["no contract", "another", "not JSON", "deep", "empty", "garbage"],
)
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_an_embedded_contract_that_is_not_the_manifests_exits_6(
    bombus: Bombus, tmp_path: Path, data: bytes, as_json: list[str]
) -> None:
    code, out, err = bombus("models", "verify", consistent(tmp_path, data), *as_json)
    assert (code, out) == (6, "")
    assert "contract" in err
    assert err.count("\n") == 1


def test_an_artefact_that_no_runtime_here_reads_is_checked_by_its_hash(
    bombus: Bombus, tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert bombus("models", "verify", tiny.path)[0] == 0
    (tiny.path / "tiny_f32.onnx").write_bytes(b"x")
    assert bombus("models", "verify", tiny.path)[0] == 6


def test_an_exported_bundle_verifies(bombus: Bombus, tiny_bundle: Path, tmp_path: Path) -> None:
    code, out, err = bombus("models", "verify", tiny_bundle, "--json")
    assert (code, err) == (0, "")
    files = json.loads(out)["files"]
    assert {Path(file).suffix for file in files} == {".keras", ".tflite", ".onnx"}
    assert {path.name for path in tiny_bundle.iterdir()} == {
        *("manifest.json", "CARD.md"),
        *files,
    }
    for file in files:  # every one is looked at
        copy = tmp_path / file
        shutil.copytree(tiny_bundle, copy)
        data = bytearray((copy / file).read_bytes())
        data[len(data) // 2] ^= 1
        (copy / file).write_bytes(data)
        code, _, err = bombus("models", "verify", copy)
        assert code == 6
        assert file in err


@pytest.mark.parametrize("verb", ["show", "verify"])
@pytest.mark.parametrize("name", ["no-such-bundle", "__pycache__", "..", "x" * 300])
def test_no_such_bundle_exits_2(bombus: Bombus, verb: str, name: str) -> None:
    code, out, err = bombus("models", verb, name)
    assert (code, out) == (2, "")
    assert "no bundle there" in err
    assert err.count("\n") == 1
