"""The certificate that the server signs itself: made once, kept private, renewed in time."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from edge_app import certificate
from edge_app.certificate import FILE, LIFETIME, cache_folder, load_context, self_signed
from models.errors import InputError

HOSTS = {"localhost", "127.0.0.1", "::1", "192.168.1.2"}


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_what_it_says(tmp_path: Path) -> None:
    path = self_signed(HOSTS, tmp_path)
    made = read(path)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(n.value) for n in names} == HOSTS
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert made.not_valid_after_utc - made.not_valid_before_utc == LIFETIME
    assert made.not_valid_before_utc < datetime.datetime.now(datetime.UTC)
    constraints = made.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not constraints.ca  # a phone that trusts it trusts this server only
    made.verify_directly_issued_by(made)
    load_context(path)


def test_it_is_private_and_alone(tmp_path: Path) -> None:
    path = self_signed(HOSTS, tmp_path / "cache" / "bombus")
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == [FILE]


def test_it_is_kept_while_it_serves(tmp_path: Path) -> None:
    first = self_signed(HOSTS, tmp_path).read_bytes()
    assert self_signed(HOSTS, tmp_path).read_bytes() == first
    assert self_signed({"localhost"}, tmp_path).read_bytes() == first
    assert self_signed({*HOSTS, "192.168.1.3"}, tmp_path).read_bytes() != first


def test_it_is_renewed_before_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as past:
        past.setattr(certificate, "LIFETIME", datetime.timedelta(days=6))
        first = self_signed(HOSTS, tmp_path).read_bytes()
    path = self_signed(HOSTS, tmp_path)
    assert path.read_bytes() != first
    assert read(path).not_valid_after_utc > datetime.datetime.now(datetime.UTC)


@pytest.mark.parametrize("damage", [b"", b"no certificate", b"\xff\x00"])
def test_a_damaged_one_is_replaced(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / FILE).write_bytes(damage)
    load_context(self_signed(HOSTS, tmp_path))


def test_it_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(InputError, match="cannot be written"):
        self_signed(HOSTS, tmp_path / "cache")


def test_where_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "bombus"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "bombus"


def split(path: Path, password: bytes = b"") -> tuple[Path, Path]:
    """The certificate and the key of a PEM file in files of their own."""
    data = path.read_bytes()
    key = serialization.load_pem_private_key(data, None)
    guard = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    apart = path.with_name("cert.pem"), path.with_name("key.pem")
    apart[0].write_bytes(read(path).public_bytes(serialization.Encoding.PEM))
    pkcs8 = serialization.PrivateFormat.PKCS8
    apart[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, guard))
    return apart


def test_a_given_certificate(tmp_path: Path) -> None:
    load_context(*split(self_signed(HOSTS, tmp_path)))


@pytest.mark.parametrize("wrong", ["no key", "other key", "encrypted", "text", "folder", "gone"])
def test_a_wrong_certificate(tmp_path: Path, wrong: str) -> None:
    password = b"rosebud" if wrong == "encrypted" else b""
    pem, key = split(self_signed(HOSTS, tmp_path), password)
    if wrong == "other key":
        key = self_signed(HOSTS, tmp_path / "other")
    elif wrong == "text":
        pem.write_text("Dear gardener,")
    elif wrong in ("folder", "gone"):
        pem.unlink()
        if wrong == "folder":
            pem.mkdir()
    with pytest.raises(InputError) as caught:
        load_context(pem, None if wrong == "no key" else key)
    assert str(pem) in str(caught.value)
    assert "\n" not in str(caught.value)
