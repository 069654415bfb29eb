"""`bombus export sign`: what it prints, what it refuses, and that a refusal leaves nothing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from models.bundle import Bundle, write_bundle
from models.signature import beside
from tests.keys import write_pair, write_private
from tests.tiny_bundles import manifest_values, parsed, tiny_onnx, write_tiny

Bombus = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tiny(tmp_path: Path) -> Bundle:
    return write_tiny(tmp_path / "bundles" / "tiny")


def verified(bombus: Bombus, bundle: Bundle, public: Path) -> bool:
    return bombus("models", "verify", bundle.path, "--key", public)[0] == 0


def test_signs(bombus: Bombus, tiny: Bundle, tmp_path: Path) -> None:
    private, public = write_pair(tmp_path, "owner")
    code, out, err = bombus("export", "sign", tiny.path, "--key", private)
    assert (code, err) == (0, "")
    assert out == f"{tiny.path}: signed -> {beside(tiny)}\n"
    assert sorted(p.name for p in tiny.path.parent.iterdir()) == ["tiny", "tiny.sig"]
    assert verified(bombus, tiny, public)
    assert bombus("models", "list", "--dir", tiny.path.parent)[1].count("\n") == 1


def test_reports(bombus: Bombus, tiny: Bundle, tmp_path: Path) -> None:
    private, _ = write_pair(tmp_path, "owner")
    place = tmp_path / "model.sig"
    words = ("export", "sign", tiny.path, "--key", private, "--signature", place, "--json")
    code, out, err = bombus(*words)
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "bundle": "tiny",
        "signature": str(place),
        "files": ["tiny_f32.onnx"],
        "absent": [],
    }
    assert place.is_file()


def test_says_what_is_not_here(bombus: Bombus, tmp_path: Path) -> None:
    files = {"tiny_f32.onnx": tiny_onnx(), "tiny.keras": b"far away"}
    bundle = write_tiny(tmp_path / "tiny")
    values = manifest_values(files)
    values["artefacts"][0] = json.loads(bundle.manifest.artefacts[0].model_dump_json())
    (bundle.path / "CARD.md").unlink()  # it tells of another manifest
    (tmp_path / "tiny" / "manifest.json").write_text(json.dumps(values))
    private, public = write_pair(tmp_path, "owner")
    code, out, err = bombus("export", "sign", bundle.path, "--key", private)
    assert (code, err) == (0, "")
    assert out.splitlines()[1].endswith(": tiny.keras")
    assert verified(bombus, bundle, public)


def test_a_signature_is_replaced_by_force_only(
    bombus: Bombus, tiny: Bundle, tmp_path: Path
) -> None:
    first, second = (write_pair(tmp_path, name) for name in ("first", "second"))
    words = ("export", "sign", tiny.path, "--key")
    assert bombus(*words, first[0])[0] == 0
    code, out, err = bombus(*words, second[0])
    assert (code, out) == (2, "")
    assert "--force" in err
    assert verified(bombus, tiny, first[1])
    assert bombus(*words, second[0], "--force")[0] == 0
    assert verified(bombus, tiny, second[1])
    assert not verified(bombus, tiny, first[1])


def damage(folder: Path) -> None:
    (folder / "tiny_f32.onnx").write_bytes(b"x")


def add(folder: Path) -> None:
    (folder / "notes.txt").write_text("x")


def contradict(folder: Path) -> None:
    files = {"tiny_f32.onnx": tiny_onnx()}  # no contract in it
    write_bundle(folder, parsed(manifest_values(files)), files, force=True)


@pytest.mark.parametrize("spoil", [damage, add, contradict])
def test_what_does_not_verify_is_not_signed(
    bombus: Bombus, tiny: Bundle, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    private, _ = write_pair(tmp_path, "owner")
    spoil(tiny.path)
    code, out, err = bombus("export", "sign", tiny.path, "--key", private)
    assert (code, out) == (6, "")
    assert err.count("\n") == 1
    assert not beside(tiny).exists()


def test_an_export_that_replaces_a_bundle_leaves_its_signature_behind(
    bombus: Bombus, tiny: Bundle, tmp_path: Path
) -> None:
    private, public = write_pair(tmp_path, "owner")
    assert bombus("export", "sign", tiny.path, "--key", private)[0] == 0
    shutil.rmtree(tiny.path)
    write_tiny(tiny.path, heads=True)
    assert bombus("models", "verify", tiny.path)[0] == 0
    assert not verified(bombus, tiny, public)
    assert bombus("export", "sign", tiny.path, "--key", private, "--force")[0] == 0
    assert verified(bombus, tiny, public)


def test_an_encrypted_key_needs_its_password(
    bombus: Bombus, tiny: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = write_private(tmp_path / "k", ec.generate_private_key(ec.SECP256R1()), "rösti")
    words = ("export", "sign", tiny.path, "--key", key)
    for password, what in ((None, "Password was not given"), ("rosti", "Incorrect password")):
        if password:
            monkeypatch.setenv("BOMBUS_KEY_PASSWORD", password)
        code, out, err = bombus(*words)
        assert (code, out) == (2, "")
        assert what in err
        assert err.count("\n") == 1
        assert not beside(tiny).exists()
    assert bombus(*words, "--password", "rösti")[0] == 0
    monkeypatch.setenv("BOMBUS_KEY_PASSWORD", "rösti")
    assert bombus(*words, "--force")[0] == 0


def test_a_key_of_no_use_exits_2_in_a_line(bombus: Bombus, tiny: Bundle, tmp_path: Path) -> None:
    private, public = write_pair(tmp_path, "owner")
    curve = ec.generate_private_key(ec.SECP256K1())
    (tmp_path / "text").write_text("a key")
    keys = {
        tmp_path / "nowhere": "cannot be read",
        tmp_path: "cannot be read",
        tmp_path / "text": "P-256",
        public: "private key",
        write_private(tmp_path / "rsa", rsa.generate_private_key(65537, 2048)): "no elliptic",
        write_private(tmp_path / "ed", ed25519.Ed25519PrivateKey.generate()): "no elliptic",
        write_private(tmp_path / "k1", curve): "secp256k1",
    }
    for key, words in keys.items():
        code, out, err = bombus("export", "sign", tiny.path, "--key", key)
        assert (code, out) == (2, ""), key
        assert words in err, key
        assert err.count("\n") == 1, key
    assert not beside(tiny).exists()
    assert bombus("export", "sign", tiny.path, "--key", private)[0] == 0


@pytest.mark.parametrize("place", ["tiny/model.sig", "file/x.sig"])
def test_a_place_where_it_cannot_lie_exits_2(
    bombus: Bombus, tiny: Bundle, tmp_path: Path, place: str
) -> None:
    private, _ = write_pair(tmp_path, "owner")
    folder = tiny.path.parent
    (folder / "file").write_text("x")
    words = ("export", "sign", tiny.path, "--key", private, "--signature", folder / place)
    code, out, err = bombus(*words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    bundle = {"manifest.json", "CARD.md", "tiny_f32.onnx"}
    assert {p.name for p in folder.rglob("*")} == {"tiny", "file", *bundle}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
def test_the_help_tells_how_to_make_keys(bombus: Bombus, tiny: Bundle, tmp_path: Path) -> None:
    commands = re.findall(r"^ *(openssl .*?) *$", bombus("export", "sign", "--help")[1], re.M)
    assert len(commands) == 2
    for command in commands:
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    assert bombus("export", "sign", tiny.path, "--key", tmp_path / "private.pem")[0] == 0
    assert verified(bombus, tiny, tmp_path / "public.pem")


def test_without_the_library_exits_2_in_a_line(
    bombus: Bombus, tiny: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, _ = write_pair(tmp_path, "owner")
    monkeypatch.setitem(sys.modules, "model_signing", None)
    code, out, err = bombus("export", "sign", tiny.path, "--key", private)
    assert (code, out) == (2, "")
    assert "pip install 'bombus[sign]'" in err
    assert err.count("\n") == 1
