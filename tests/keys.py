"""Keys to sign with, made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

Coding = serialization.Encoding


def write_private(path: Path, key: Any, password: str = "") -> Path:
    """A private key as openssl writes it."""
    locked = serialization.BestAvailableEncryption(password.encode()) if password else None
    encryption = locked or serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(Coding.PEM, form, encryption))
    return path


def write_public(path: Path, key: Any) -> Path:
    """The public half of a private key."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    path.write_bytes(key.public_key().public_bytes(Coding.PEM, form))
    return path


def write_pair(folder: Path, name: str, curve: ec.EllipticCurve | None = None) -> tuple[Path, Path]:
    """(private, public) of a new key."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
    private = write_private(folder / f"{name}.pem", key)
    return private, write_public(folder / f"{name}.pub.pem", key)
