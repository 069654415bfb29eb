"""What the phone app consists of: every file by its URL path, ready to serve or to write out.

The pages come from `edge_app/web/dist`, which `make web` builds and the wheel carries; the models
from bundles, each checked against its manifest before it is offered. All of it is read once, so
that a build or an export in the meantime never mixes two versions.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from models.bundle import Bundle
from models.contract import to_json
from models.errors import InputError
from models.files import read_bytes, refuse_existing, writing_to
from models.manifest import Artefact, Manifest

PAGES = Path(__file__).parent / "web" / "dist"
INDEX = "models/index.json"  # the names of the bundles, the default first

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
PACKED = {".br": "br", ".gz": "gzip"}  # suffix of a compressed sibling -> HTTP's name for it
COMPRESSED_ALREADY = {".jpg", ".png", ".webp", ".woff2"}


@dataclass(frozen=True)
class Asset:
    """One file of the site.

    Attributes:
        path: Where it is in the URL, relative to the site's root.
        data: Its plain content.
        packed: Its content compressed, by HTTP content coding.
    """

    path: str
    data: bytes
    packed: Mapping[str, bytes]

    @cached_property
    def sha256(self) -> str:
        """Hash of the plain content."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def media_type(self) -> str:
        """What the browser is told that it is."""
        return MEDIA_TYPES.get(PurePosixPath(self.path).suffix, "application/octet-stream")

    def lasts(self, query: str) -> bool:
        """Whether this URL will give this content for ever, so that caches need not ask again.

        Vite names what is in `assets/` by its content; anything else may be asked for by its hash.
        """
        return self.path.startswith("assets/") or query == f"sha256={self.sha256}"


Site = Mapping[str, Asset]


def build_site(bundles: Sequence[Bundle], pages: Path | None = None) -> Site:
    """The pages and the models, by URL path.

    Raises:
        InputError: The pages are not built; two bundles of one name; or one without a model that
            a browser can run.
        IntegrityError: A model is not the one in its manifest.
    """
    assets = _read_pages(pages or PAGES) | _read_models(bundles)
    return {path: assets[path] for path in sorted(assets)}


def write_site(site: Site, out: Path, *, force: bool = False) -> None:
    """Write the site as a folder for any static host, in one step.

    Raises:
        InputError: Something is there already, or the place cannot be written.
    """
    refuse_existing(out, force)
    if out.is_dir() and any(out.iterdir()) and not (out / INDEX).is_file():
        raise InputError(f"{out}: a folder with other things in it; --force replaces sites only")
    with writing_to(out) as folder:
        for path, asset in site.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(asset.data)


def web_artefact(bundle: Bundle) -> Artefact:
    """The artefact that the app runs: the bundle's choice, else full int8, else any TFLite file.

    Raises:
        InputError: Not an image classifier, or no such file is here.
    """
    manifest = bundle.manifest
    if manifest.task != "image-classification":
        raise InputError(f"{bundle.path}: its task is {manifest.task}, not image-classification")
    here = [a for a in manifest.artefacts if a.format == "tflite" and bundle.has(a)]
    if not here:
        raise InputError(f"{bundle.path}: no .tflite file here for browsers; get the whole bundle")
    wanted = manifest.default.get("web")
    return min(here, key=lambda a: (a.file != wanted, a.scheme != "wi8_ai8"))


def _read_pages(folder: Path) -> dict[str, Asset]:
    """The built pages. A file may be there compressed only: so the wheel stays small."""
    if not (folder / "index.html").is_file():
        raise InputError(
            f"{folder}: the app's pages are not built; run `make web` in the repository, "
            "or install a released bombus"
        )
    plain: dict[str, bytes] = {}
    packed: dict[str, dict[str, bytes]] = {}
    for file in sorted(f for f in folder.rglob("*") if f.is_file()):
        path, data = file.relative_to(folder).as_posix(), read_bytes(file)
        if file.suffix in PACKED:
            packed.setdefault(path.removesuffix(file.suffix), {})[PACKED[file.suffix]] = data
        else:
            plain[path] = data
    for path, by_coding in packed.items():
        if path not in plain:
            plain[path] = _unpack(folder / path, by_coding)
    return {path: _asset(path, data, packed.get(path, {})) for path, data in plain.items()}


def _unpack(file: Path, by_coding: Mapping[str, bytes]) -> bytes:
    try:
        return gzip.decompress(by_coding["gzip"])
    except (KeyError, OSError, EOFError) as error:
        raise InputError(
            f"{file}.gz: missing or damaged; run `make web`, or install bombus again"
        ) from error


def _read_models(bundles: Sequence[Bundle]) -> dict[str, Asset]:
    assets = []
    names = [bundle.manifest.name for bundle in bundles]
    for bundle in bundles:
        name = bundle.manifest.name
        if names.count(name) > 1:
            raise InputError(f"{bundle.path}: a second bundle named {name}; give one of them")
        artefact = web_artefact(bundle)
        manifest = to_json(_offering(bundle.manifest, artefact)).encode()
        assets.append(_asset(f"models/{name}/manifest.json", manifest))
        assets.append(_asset(f"models/{name}/{artefact.file}", bundle.read(artefact)))
    assets.append(_asset(INDEX, json.dumps({"bundles": names}).encode()))
    return {asset.path: asset for asset in assets}


def _offering(manifest: Manifest, artefact: Artefact) -> Manifest:
    """The manifest with this artefact as the web's: the page cannot know which others are here."""
    return manifest.model_copy(update={"default": {**manifest.default, "web": artefact.file}})


def _asset(path: str, data: bytes, packed: Mapping[str, bytes] | None = None) -> Asset:
    """An asset that has a gzip form, unless it would not be smaller by a tenth."""
    codings = dict(packed or {})
    if "gzip" not in codings and PurePosixPath(path).suffix not in COMPRESSED_ALREADY:
        codings["gzip"] = gzip.compress(data, 6, mtime=0)
    smaller = {c: d for c, d in codings.items() if len(d) < 0.9 * len(data)}
    return Asset(path, data, smaller)
