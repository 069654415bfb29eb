"""All that can be known of a bundle without running it: its files, and what stands in them."""

from __future__ import annotations

import json

from models.bundle import Bundle
from models.contract import to_json
from models.errors import IntegrityError
from models.manifest import Artefact
from models.runtime import RUNTIMES, available_runtimes, embedded_contract


def check(bundle: Bundle) -> tuple[str, ...]:
    """Check every file that is here against the manifest, and the contract embedded in it.

    Returns:
        The artefacts that are not here: a device keeps only the files that it uses.

    Raises:
        IntegrityError: As `Bundle.verify`, or a file's embedded contract is not the manifest's.
    """
    absent = bundle.verify()
    for artefact in bundle.manifest.artefacts:
        if artefact.file not in absent:
            _check_embedded(bundle, artefact)
    return absent


def _check_embedded(bundle: Bundle, artefact: Artefact) -> None:
    """The contract inside an artefact must be the manifest's, where a runtime can tell."""
    if artefact.format not in RUNTIMES.values() or not available_runtimes(artefact.format):
        return
    path = bundle.path / artefact.file
    text = embedded_contract(bundle.read(artefact), artefact.format, str(path))
    try:
        embedded = None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        embedded = None
    if embedded != json.loads(to_json(bundle.manifest.contract())):
        raise IntegrityError(
            f"{path}: its embedded contract is not the manifest's; export the bundle again"
        )
