"""TLS for the app's server: a given certificate, or one that it signs itself.

Phones give the camera to pages from https only. A self-signed certificate encrypts as well as any
other; what it lacks is a third party's word, so the phone warns once.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import InputError, reason
from models.files import writing_to

if TYPE_CHECKING:
    from cryptography import x509

FILE = "certificate.pem"  # the key and the certificate, readable by the user alone
LIFETIME = datetime.timedelta(days=397)  # browsers refuse much longer ones
RENEWAL = datetime.timedelta(days=7)  # before the end


def cache_folder() -> Path:
    """Where this user's certificate is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bombus"


def load_context(certificate: Path, key: Path | None = None) -> ssl.SSLContext:
    """A server's TLS context.

    Args:
        certificate: PEM: the certificate and its chain.
        key: PEM: the private key, not encrypted; by default it is in `certificate`, too.

    Raises:
        InputError: A file cannot be read or they do not belong together.
    """
    for path in filter(None, (certificate, key)):
        if not path.is_file():
            raise InputError(f"{path}: no such file; give PEM files")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An empty password, so that OpenSSL does not ask on the terminal for that of a key.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{certificate}: not a certificate with its unencrypted key in PEM "
            f"({reason(error)}); check --certificate and --key"
        ) from error
    return context


def self_signed(hosts: Iterable[str], folder: Path | None = None) -> Path:
    """The user's own certificate for these names and addresses; made anew when it has to be.

    Args:
        hosts: What browsers will have in their address line.
        folder: Where it is kept; by default the user's cache.

    Returns:
        A PEM file with key and certificate, of mode 0600.

    Raises:
        InputError: It cannot be written.
    """
    wanted = set(hosts)
    path = (folder or cache_folder()) / FILE
    if not _still_good(path, wanted):
        content = _make(wanted)
        with writing_to(path) as temporary:
            temporary.touch(mode=0o600)  # before there is anything to read in it
            temporary.write_bytes(content)
    return path


def _still_good(path: Path, wanted: set[str]) -> bool:
    """Whether the file loads, covers these hosts and will not end within days."""
    from cryptography import x509

    try:
        load_context(path)
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, InputError, x509.ExtensionNotFound):
        return False
    covered = {str(name.value) for name in names}
    now = datetime.datetime.now(datetime.UTC)
    return wanted <= covered and now < certificate.not_valid_after_utc - RENEWAL


def _make(hosts: set[str]) -> bytes:
    """A new key and a certificate signed with it, as one PEM text."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bombus on this machine")])
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # a phone's clock may lag
        .not_valid_after(now + LIFETIME - datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(map(_general_name, sorted(hosts))), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(usage, False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _general_name(host: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
