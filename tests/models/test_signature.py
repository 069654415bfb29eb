"""Signatures: only the owner of the key can make one, and only of this very bundle."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import model_signing
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from models.bundle import MANIFEST, MANIFEST_LIMIT, Bundle, open_bundle, write_bundle
from models.errors import InputError, IntegrityError
from models.manifest import CARD
from models.signature import beside, sign, verify
from tests.keys import write_pair, write_private, write_public
from tests.tiny_bundles import manifest_values, parsed, tiny_onnx, write_tiny

Bombus = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Signed:
    """A signed bundle and the keys it was signed with."""

    bundle: Bundle
    private: Path
    public: Path

    @property
    def signature(self) -> Path:
        return beside(self.bundle)

    def verify(self) -> None:
        verify(open_bundle(self.bundle.path), self.public, self.signature)


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    bundle = write_tiny(tmp_path / "tiny")
    private, public = write_pair(tmp_path, "owner")
    sign(bundle, private, beside(bundle))
    return Signed(bundle, private, public)


def two_files(path: Path) -> Bundle:
    files = {"tiny_f32.onnx": tiny_onnx(), "tiny_f16.onnx": tiny_onnx(size=16)}
    return write_bundle(path, parsed(manifest_values(files)), files)


def test_lies_beside_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = write_tiny(tmp_path / "rose-0.2")
    assert beside(bundle) == tmp_path / "rose-0.2.sig"
    monkeypatch.chdir(bundle.path)
    assert beside(open_bundle(Path())) == tmp_path / "rose-0.2.sig"
    (tmp_path / "latest").symlink_to(bundle.path)
    assert beside(open_bundle(tmp_path / "latest")) == tmp_path / "rose-0.2.sig"


def test_verifies(bombus: Bombus, signed: Signed) -> None:
    path = signed.bundle.path
    code, out, err = bombus("models", "verify", path, "--key", signed.public)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"{signed.signature}: ok, signed by {signed.public}",
        f"{path}: ok, 1 file matches the manifest",
    ]
    code, out, _ = bombus("models", "verify", path, "--key", signed.public, "--json")
    assert code == 0
    assert json.loads(out) == {
        "bundle": "tiny",
        "ok": True,
        "files": ["tiny_f32.onnx"],
        "absent": [],
        "signature": str(signed.signature),
    }


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_curves(tmp_path: Path, curve: ec.EllipticCurve) -> None:
    bundle = write_tiny(tmp_path / "tiny")
    private, public = write_pair(tmp_path, "owner", curve)
    sign(bundle, private, tmp_path / "a.sig")
    verify(bundle, public, tmp_path / "a.sig")


def test_the_folder_may_be_renamed_and_the_signature_elsewhere(
    bombus: Bombus, signed: Signed, tmp_path: Path
) -> None:
    moved = signed.bundle.path.replace(tmp_path / "renamed")
    place = signed.signature.replace(tmp_path / "elsewhere")
    words = ("models", "verify", moved, "--key", signed.public)
    assert bombus(*words)[0] == 6
    assert bombus(*words, "--signature", place)[0] == 0


def change_artefact(s: Signed) -> None:
    file = s.bundle.path / "tiny_f32.onnx"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def forge(s: Signed) -> None:
    """A bundle that is right in itself, but for its maker."""
    write_tiny(s.bundle.path.parent / "forged", heads=True)
    shutil.rmtree(s.bundle.path)
    (s.bundle.path.parent / "forged").rename(s.bundle.path)
    open_bundle(s.bundle.path).verify()


def forge_with_poison(s: Signed) -> None:
    files = {"tiny_f32.onnx": b"to harm a parser"}
    write_bundle(s.bundle.path, parsed(manifest_values(files)), files, force=True)


def relicense(s: Signed) -> None:
    text = (s.bundle.path / MANIFEST).read_text()
    (s.bundle.path / MANIFEST).write_text(text.replace("Apache-2.0", "MIT"))


def sign_by_another(s: Signed) -> None:
    sign(s.bundle, write_pair(s.private.parent, "thief")[0], s.signature)


def sign_by_another_in_the_name_of_the_owner(s: Signed) -> None:
    hint = json.loads(s.signature.read_text())["verificationMaterial"]
    sign_by_another(s)
    edit(s.signature, lambda values: values.update(verificationMaterial=hint))


def take_that_of_another_bundle(s: Signed) -> None:
    other = write_tiny(s.bundle.path.parent / "other", heads=True)
    sign(other, s.private, s.signature)


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def edit_payload(s: Signed) -> None:
    def change(values: dict[str, Any]) -> None:
        payload = base64.b64decode(values["dsseEnvelope"]["payload"])
        swapped = payload.replace(b'"tiny"', b'"tinY"')
        assert swapped != payload
        values["dsseEnvelope"]["payload"] = base64.b64encode(swapped).decode()

    edit(s.signature, change)


def sign_all_but_the_manifest(s: Signed) -> None:
    hashing = model_signing.hashing.Config().set_ignored_paths(paths=[MANIFEST])
    config = model_signing.signing.Config().set_hashing_config(hashing)
    config.use_elliptic_key_signer(private_key=s.private).sign(s.bundle.path, s.signature)


def sign_by_another_hash(s: Signed) -> None:
    hashing = model_signing.hashing.Config().use_file_serialization(hashing_algorithm="blake2")
    config = model_signing.signing.Config().set_hashing_config(hashing)
    config.use_elliptic_key_signer(private_key=s.private).sign(s.bundle.path, s.signature)


def make_folder(s: Signed) -> None:
    s.signature.unlink()
    s.signature.mkdir()


def write(data: bytes) -> Callable[[Signed], object]:
    return lambda s: s.signature.write_bytes(data)


OTHER = "it signs another manifest or other files"
# name -> (what is done, words of the refusal)
FRAUDS: dict[str, tuple[Callable[[Signed], object], str]] = {
    "changed artefact": (change_artefact, "the manifest says"),
    "added file": (lambda s: (s.bundle.path / "x").write_text("x"), "not named in the manifest"),
    "added link": (lambda s: (s.bundle.path / "x").symlink_to("/"), "not named in the manifest"),
    "changed manifest": (relicense, OTHER),
    "another bundle in its place": (forge, OTHER),
    "harmful model in its place": (forge_with_poison, OTHER),
    "another key": (sign_by_another, "signed by another key"),
    "another key, hidden": (sign_by_another_in_the_name_of_the_owner, "signed by another key"),
    "signature of another bundle": (take_that_of_another_bundle, OTHER),
    "changed payload": (edit_payload, "signed by another key"),
    "manifest left out": (sign_all_but_the_manifest, OTHER),
    "another hash": (sign_by_another_hash, OTHER),
    "no signature": (lambda s: s.signature.unlink(), "no signature there"),
    "a folder": (make_folder, "no signature there"),
    "too large": (lambda s: os.truncate(s.signature, MANIFEST_LIMIT + 1), "bytes"),
    "cut short": (lambda s: os.truncate(s.signature, 100), "not the signature"),
    "empty": (write(b""), "not the signature"),
    "not UTF-8": (write(b"\xff\xfe"), "not the signature"),
    "not a table": (write(b"[]"), "not in its format"),
    "nothing in it": (write(b"{}"), "not in its format"),
    "deep": (write(b"[" * 100_000), "not in its format"),
    "no signature in it": (
        lambda s: edit(s.signature, lambda v: v["dsseEnvelope"].update(signatures=[])),
        "not in its format",
    ),
}


@pytest.mark.parametrize("fraud", FRAUDS)
def test_fraud_exits_6_in_a_line(bombus: Bombus, signed: Signed, fraud: str) -> None:
    words = ("models", "verify", signed.bundle.path, "--key", signed.public)
    assert bombus(*words)[0] == 0
    change, what = FRAUDS[fraud]
    change(signed)
    code, out, err = bombus(*words)
    assert (code, out) == (6, "")
    assert what in err
    assert err.count("\n") == 1
    assert len(err) < 500


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> tuple[Signed, bytes]:
    """A signed bundle, not to be changed, and its signature, which may be."""
    folder = tmp_path_factory.mktemp("intact")
    bundle = write_tiny(folder / "tiny")
    private, public = write_pair(folder, "owner")
    sign(bundle, private, beside(bundle))
    return Signed(bundle, private, public), beside(bundle).read_bytes()


@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_damaged_signature_is_refused_or_says_the_same(
    intact: tuple[Signed, bytes], place: float, flip: int
) -> None:
    signed, data = intact
    damaged = bytearray(data)
    damaged[int(place * len(data))] ^= flip
    signed.signature.write_bytes(damaged)
    try:
        signed.verify()
    except IntegrityError:
        return
    assert said(bytes(damaged)) == said(data)


def said(signature: bytes) -> bytes:
    return base64.b64decode(json.loads(signature)["dsseEnvelope"]["payload"])


def test_a_signature_of_an_older_release_prints_nothing_of_its_own(
    bombus: Bombus, signed: Signed
) -> None:
    edit(signed.signature, lambda v: v["verificationMaterial"]["publicKey"].pop("hint"))
    code, out, err = bombus(
        "models", "verify", signed.bundle.path, "--key", signed.public, "--json"
    )
    assert (code, err) == (0, "")
    assert json.loads(out)["ok"]


@pytest.mark.parametrize("keep", ["tiny_f32.onnx", "tiny_f16.onnx"])
def test_a_device_may_keep_some_of_the_files(tmp_path: Path, bombus: Bombus, keep: str) -> None:
    bundle = two_files(tmp_path / "tiny")
    private, public = write_pair(tmp_path, "owner")
    sign(bundle, private, beside(bundle))
    (gone,) = {"tiny_f32.onnx", "tiny_f16.onnx"} - {keep}
    (bundle.path / gone).unlink()
    verify(open_bundle(bundle.path), public, beside(bundle))
    assert open_bundle(bundle.path).verify() == (gone,)
    (bundle.path / gone).write_bytes(b"another")
    code, _, err = bombus("models", "verify", bundle.path, "--key", public)
    assert code == 6
    assert gone in err


def test_the_card_is_signed_and_may_be_left_out(signed: Signed) -> None:
    (signed.bundle.path / CARD).unlink()
    signed.verify()
    values = json.loads((signed.bundle.path / MANIFEST).read_text())
    assert values["card"]["sha256"].encode() in said(signed.signature.read_bytes())


def test_what_is_signed_does_not_depend_on_what_is_here(tmp_path: Path) -> None:
    bundle = two_files(tmp_path / "tiny")
    private, public = write_pair(tmp_path, "owner")
    data = (bundle.path / "tiny_f16.onnx").read_bytes()
    sign(bundle, private, tmp_path / "whole")
    (bundle.path / "tiny_f16.onnx").unlink()
    sign(bundle, private, tmp_path / "part")
    assert said((tmp_path / "whole").read_bytes()) == said((tmp_path / "part").read_bytes())
    (bundle.path / "tiny_f16.onnx").write_bytes(data)
    done = program("verify", "key", bundle.path, "--signature", tmp_path / "part", public=public)
    assert done.returncode == 0, done.stderr


def program(*words: object, **keys: Path) -> subprocess.CompletedProcess[str]:
    """Run model-signing's own command line."""
    options = [word for name, key in keys.items() for word in (f"--{name}_key", key)]
    return subprocess.run(
        [sys.executable, "-m", "model_signing", *map(str, (*words, *options))],
        capture_output=True,
        text=True,
        check=False,
    )


def test_model_signing_verifies_ours(signed: Signed) -> None:
    words = ("verify", "key", signed.bundle.path, "--signature", signed.signature)
    done = program(*words, public=signed.public)
    assert done.returncode == 0, done.stderr
    change_artefact(signed)
    done = program(*words, public=signed.public)
    assert done.returncode == 1
    assert "Hash mismatch for 'tiny_f32.onnx'" in done.stderr


def test_we_verify_that_of_model_signing(bombus: Bombus, signed: Signed) -> None:
    signed.signature.unlink()
    done = program(
        *("sign", "key", signed.bundle.path, "--signature", signed.signature),
        private=signed.private,
    )
    assert done.returncode == 0, done.stderr
    words = ("models", "verify", signed.bundle.path, "--key", signed.public)
    assert bombus(*words)[0] == 0
    relicense(signed)
    code, _, err = bombus(*words)
    assert code == 6
    assert OTHER in err


def keys_of_no_use(folder: Path) -> dict[str, tuple[Path, str]]:
    """name -> (key file, words of the refusal), none of them a public one to verify with."""
    curve = ec.generate_private_key(ec.SECP256K1())
    (folder / "text").write_text("a key")
    (folder / "empty").write_bytes(b"")
    ed, rsa_key = ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)
    return {
        "missing": (folder / "nowhere", "cannot be read"),
        "folder": (folder, "cannot be read"),
        "text": (folder / "text", "P-256"),
        "empty": (folder / "empty", "P-256"),
        "the private one": (write_private(folder / "private", curve), "public key"),
        "RSA": (write_public(folder / "rsa", rsa_key), "no elliptic curve"),
        "Ed25519": (write_public(folder / "ed", ed), "no elliptic curve"),
        "another curve": (write_public(folder / "k1", curve), "secp256k1"),
    }


def test_a_key_of_no_use_exits_2_in_a_line(bombus: Bombus, signed: Signed) -> None:
    for what, (key, words) in keys_of_no_use(signed.private.parent).items():
        code, out, err = bombus("models", "verify", signed.bundle.path, "--key", key)
        assert (code, out) == (2, ""), what
        assert words in err, what
        assert str(key) in err, what
        assert err.count("\n") == 1, what


def test_a_signature_without_a_key_exits_2(bombus: Bombus, signed: Signed) -> None:
    words = ("models", "verify", signed.bundle.path, "--signature", signed.signature)
    code, out, err = bombus(*words)
    assert (code, out) == (2, "")
    assert "--key" in err


def test_a_signature_has_no_place_in_the_bundle(signed: Signed) -> None:
    with pytest.raises(InputError, match="holds only what its manifest names"):
        sign(signed.bundle, signed.private, signed.bundle.path / "model.sig")
    signed.verify()
    assert {p.name for p in signed.bundle.path.iterdir()} == {MANIFEST, CARD, "tiny_f32.onnx"}


def test_without_the_library_exits_2_in_a_line(
    bombus: Bombus, signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "model_signing", None)
    path = signed.bundle.path
    assert bombus("models", "verify", path)[0] == 0
    code, out, err = bombus("models", "verify", path, "--key", signed.public)
    assert (code, out) == (2, "")
    assert "pip install 'bombus[sign]'" in err
    assert err.count("\n") == 1
