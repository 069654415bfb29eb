"""A bundle: a folder with `manifest.json` and the files it names, and nothing else.

Every file is checked for size and SHA-256 before any parser sees its bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.card import card
from models.contract import to_json
from models.errors import InputError, IntegrityError
from models.files import read_bytes, refuse_existing, writing_to
from models.manifest import CARD, Artefact, Card, Manifest, parse_manifest, rest_sha256

MANIFEST = "manifest.json"
MANIFEST_LIMIT = 4 << 20  # bytes; a larger one is no manifest
SHIPPED = Path(__file__).parent


@dataclass(frozen=True)
class Bundle:
    """An opened bundle: its folder and its manifest, which has been validated."""

    path: Path
    manifest: Manifest

    def read(self, artefact: Artefact | Card) -> bytes:
        """A file's bytes, once they are proven to be the manifest's.

        Raises:
            IntegrityError: Missing, a symbolic link, of another size, or of another hash.
        """
        path = self.path / artefact.file
        if path.is_symlink() or not path.is_file():
            raise IntegrityError(f"{path}: no such regular file; get the bundle again")
        size = path.stat().st_size
        if size != artefact.bytes:
            raise IntegrityError(
                f"{path}: {size} bytes, the manifest says {artefact.bytes}; get the bundle again"
            )
        data = read_bytes(path)
        digest = hashlib.sha256(data).hexdigest()
        if digest != artefact.sha256:
            raise IntegrityError(
                f"{path}: SHA-256 {digest[:12]}…, the manifest says {artefact.sha256[:12]}…; "
                "get the bundle again"
            )
        return data

    def is_made_of(self, model: Path) -> bool:
        """Whether it was exported from this `.keras` file; `InputError` when that is unreadable."""
        return self.manifest.source.keras_sha256 == hashlib.sha256(read_bytes(model)).hexdigest()

    def artefact(self, file: str) -> Artefact:
        """The artefact of this file name; `InputError` when there is none."""
        for artefact in self.manifest.artefacts:
            if artefact.file == file:
                return artefact
        files = ", ".join(a.file for a in self.manifest.artefacts)
        raise InputError(f"{self.path}: no artefact {file!r}; one of {files}")

    def has(self, artefact: Artefact | Card) -> bool:
        """Whether the file is here: a device keeps only the files that it uses."""
        path = self.path / artefact.file
        return path.exists() or path.is_symlink()

    def verify(self) -> tuple[str, ...]:
        """Check every file that is here, and that nothing else lies in the folder.

        Returns:
            The artefacts that are not here.

        Raises:
            IntegrityError: As `read`, for a file that the manifest does not name, or when no
                artefact is here.
        """
        here = [artefact for artefact in self.manifest.artefacts if self.has(artefact)]
        if not here:
            raise IntegrityError(f"{self.path}: a manifest without files; get the bundle again")
        for file in self.manifest.files:
            if self.has(file):
                self.read(file)
        self._check_card()
        known = {MANIFEST, *(file.file for file in self.manifest.files)}
        for path in sorted(self.path.iterdir()):
            if path.name not in known:
                raise IntegrityError(f"{path}: not named in the manifest; remove it")
        return tuple(a.file for a in self.manifest.artefacts if a not in here)

    def _check_card(self) -> None:
        """A card must not outlive what it was written from; by its hash, it is intact."""
        card, path = self.manifest.card, self.path / MANIFEST
        if card is None or not self.has(card):
            return
        if card.describes != rest_sha256(path.read_text(encoding="utf-8")):
            raise IntegrityError(
                f"{path}: changed since its card was written; write it anew by "
                "bombus models card --write --force, or get the bundle again"
            )


def open_bundle(path: Path) -> Bundle:
    """Open a bundle's folder; reads the manifest only.

    Raises:
        InputError: No such folder, or no manifest in it.
        IntegrityError: The manifest is not valid.
    """
    file = path / MANIFEST
    try:
        found = path.is_dir() and file.is_file()
    except OSError:  # a path too long, or in a forbidden folder
        found = False
    if not found:
        raise InputError(f"{path}: no bundle there (a folder with {MANIFEST}); check the path")
    if file.is_symlink() or file.stat().st_size > MANIFEST_LIMIT:
        raise IntegrityError(f"{file}: a link or over {MANIFEST_LIMIT} bytes; get the bundle again")
    try:
        text = read_bytes(file).decode("utf-8")
    except UnicodeDecodeError as error:
        raise IntegrityError(f"{file}: not UTF-8 text; get the bundle again") from error
    return Bundle(path, parse_manifest(text, str(file)))


def find_bundle(name: str) -> Bundle:
    """Open a bundle by the path of its folder, or by the name of one that bombus ships."""
    shipped = {file.parent.name: file.parent for file in SHIPPED.glob(f"*/{MANIFEST}")}
    # A folder of photos may well have the name of a bundle; a bundle has a manifest.
    if name in shipped and not Path(name, MANIFEST).is_file():
        return open_bundle(shipped[name])
    return open_bundle(Path(name))


def list_bundles(folder: Path = SHIPPED) -> list[Bundle]:
    """The bundles directly under a folder, by default those that bombus ships.

    Raises:
        InputError: No such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name a folder of bundles")
    return [open_bundle(path.parent) for path in sorted(folder.glob(f"*/{MANIFEST}"))]


def write_bundle(
    path: Path, manifest: Manifest, files: Mapping[str, bytes], *, force: bool = False
) -> Bundle:
    """Write a bundle in one step: a reader sees the old folder or the whole new one.

    Its model card is written from the manifest, and named in it.

    Args:
        path: The bundle's folder.
        manifest: Describes `files`, all of them and no other; a card that it names is made anew.
        files: Content by file name.
        force: Replace what is there.

    Raises:
        InputError: Something is there already, or the place cannot be written.
        IntegrityError: The manifest does not describe these files.
    """
    if files.keys() != {artefact.file for artefact in manifest.artefacts}:
        raise IntegrityError(f"{path}: the manifest does not name the same files; report this")
    refuse_existing(path, force)
    if path.is_dir() and any(path.iterdir()) and not (path / MANIFEST).exists():
        raise InputError(f"{path}: a folder with other things in it; --force replaces bundles only")
    text = card(manifest).encode()
    entry = Card(
        bytes=len(text),
        sha256=hashlib.sha256(text).hexdigest(),
        describes=rest_sha256(to_json(manifest)),
    )
    manifest = manifest.model_copy(update={"card": entry})
    with writing_to(path) as folder:
        folder.mkdir()
        for name, data in {**files, CARD: text}.items():
            (folder / name).write_bytes(data)
        (folder / MANIFEST).write_text(to_json(manifest), encoding="utf-8")
        open_bundle(folder).verify()
    return Bundle(path, manifest)
