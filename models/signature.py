"""Who made a bundle: its signature by an elliptic-curve key, as sigstore's model-signing writes it.

Offline: nothing is asked of a server. The signature covers the manifest and every file it names,
by their SHA-256. Of the files, that is what the manifest says of them: it is signed too, so files
that are not here are covered, and those that are here are for `models.check` to compare with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.bundle import MANIFEST, MANIFEST_LIMIT, Bundle
from models.errors import InputError, IntegrityError, reason
from models.files import writing_to

if TYPE_CHECKING:
    from model_signing import hashing

SUFFIX = ".sig"


def beside(bundle: Bundle) -> Path:
    """Where a bundle's signature lies: not in its folder, which holds what the manifest names."""
    folder = bundle.path.resolve()
    return folder.with_name(folder.name + SUFFIX)


def sign(
    bundle: Bundle, private_key: Path, signature: Path, *, password: str | None = None
) -> None:
    """Sign a bundle, once it has been checked.

    Args:
        bundle: What to sign.
        private_key: PEM; of the curve P-256, P-384 or P-521.
        signature: The file to write, atomically.
        password: Of the key, if it is encrypted.

    Raises:
        InputError: The key is of no use, the signature would lie in the bundle or cannot be
            written, or model-signing is not installed.
    """
    if signature.resolve().is_relative_to(bundle.path.resolve()):
        raise InputError(
            f"{signature}: in the bundle, which holds only what its manifest names; "
            f"write it to {beside(bundle)}"
        )
    _need_library()
    from model_signing import signing

    config = signing.Config().set_hashing_config(_described(bundle))
    with _reading("private", private_key):
        # 1.1.1 asks for a str, and hands it on to what takes bytes only.
        secret: Any = None if password is None else password.encode()
        config.use_elliptic_key_signer(private_key=private_key, password=secret)
    with writing_to(signature) as temporary:
        config.sign(bundle.path, temporary)


def verify(bundle: Bundle, public_key: Path, signature: Path) -> None:
    """Prove that the owner of a key signed this manifest and the files that it names.

    The files themselves are not read: `models.check.check` does it, and is to follow.

    Args:
        bundle: What is said to be signed.
        public_key: PEM.
        signature: Of model-signing's key mode, whichever program made it.

    Raises:
        InputError: The key is of no use, or model-signing is not installed.
        IntegrityError: No signature there, or not one of this bundle by this key.
    """
    _need_library()
    from model_signing import verifying

    config = verifying.Config().set_hashing_config(_described(bundle))
    with _reading("public", public_key):
        config.use_elliptic_key_verifier(public_key=public_key)
    if not signature.is_file():
        raise IntegrityError(f"{signature}: no signature there; get it, or say --signature FILE")
    if signature.stat().st_size > MANIFEST_LIMIT:
        raise IntegrityError(f"{signature}: over {MANIFEST_LIMIT} bytes; get the signature again")
    try:
        with redirect_stdout(StringIO()):  # where it would print a hint to the signer
            config.verify(bundle.path, signature)
    except OSError as error:
        raise InputError(f"{signature}: cannot be read ({reason(error)})") from error
    except Exception as error:  # the parsers of a stranger's file raise whatever they like
        raise IntegrityError(
            f"{signature}: not the signature of {bundle.path} by {public_key} ({_why(error)}); "
            "do not use the bundle, get it again"
        ) from error


def _need_library() -> None:
    """Few devices have it, so it is imported late."""
    try:
        import model_signing  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"signatures are read and written by model-signing, which does not load ({error}); "
            "run: pip install 'bombus[sign]'"
        ) from error


def _described(bundle: Bundle) -> hashing.Config:
    """For model-signing: the manifest and every file that it names, with their hashes."""
    from model_signing import hashing, manifest

    config = hashing.Config().set_ignored_paths(paths=(), ignore_git_paths=False)
    own = config.hash(bundle.path, files_to_hash=[bundle.path / MANIFEST])
    kind = manifest.SerializationType.from_args(own.serialization_type)
    (described,) = own.resource_descriptors()
    items = [kind.new_item(described.identifier, described.digest)]
    for file in bundle.manifest.files:
        digest = replace(described.digest, digest_value=bytes.fromhex(file.sha256))
        items.append(kind.new_item(file.file, digest))
    whole = manifest.Manifest(own.model_name, items, kind)

    class Described(hashing.Config):
        """Whatever a signature would leave out belongs to a bundle."""

        def hash(self, *_: object, **__: object) -> manifest.Manifest:
            return whole

    return Described()  # type: ignore[no-untyped-call]


@contextmanager
def _reading(which: str, key: Path) -> Iterator[None]:
    """Turn what goes wrong with a key into one line."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        yield
    except OSError as error:
        raise InputError(f"{key}: cannot be read ({error.strerror}); check the path") from error
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm) as error:
        # It asks keys of other kinds for their curve.
        why = "no elliptic curve" if isinstance(error, AttributeError) else reason(error)
        raise InputError(
            f"{key}: not a {which} key of P-256, P-384 or P-521 in PEM ({why}); "
            "`bombus export sign --help` says how to make a pair"
        ) from error


def _why(error: Exception) -> str:
    """What model-signing said, shorter."""
    from cryptography.exceptions import InvalidSignature

    if isinstance(error, InvalidSignature) or str(error).startswith("Key mismatch"):
        return "signed by another key"
    if not isinstance(error, ValueError):
        return f"not in its format: {type(error).__name__}"
    if str(error).startswith("Signature mismatch"):
        return "it signs another manifest or other files"
    return reason(error)
