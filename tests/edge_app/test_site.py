"""What is served: the pages, the one model of each bundle, and nothing that was not checked."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_app.site import MEDIA_TYPES, PAGES, build_site, web_artefact, write_site
from models.bundle import find_bundle
from models.errors import InputError, IntegrityError
from models.manifest import parse_manifest
from tests.edge_app.sites import BROTLI, SCRIPT, WASM, write_pages, write_web_bundle
from tests.tiny_bundles import write_tiny

Bombus = Callable[..., tuple[int, str, str]]


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    return write_pages(tmp_path / "dist")


def test_the_table(pages: Path, tmp_path: Path) -> None:
    site = build_site([write_web_bundle(tmp_path / "b")], pages)
    assert list(site) == [
        "assets/main-Ab12.js",
        "icons/icon-192.png",
        "index.html",
        "manifest.webmanifest",
        "models/index.json",
        "models/tiny/manifest.json",
        "models/tiny/tiny_wi8_ai8.tflite",
        "rt/litert.wasm",
        "sw.js",
    ]
    assert all(asset.path == path for path, asset in site.items())
    assert json.loads(site["models/index.json"].data) == {"bundles": ["tiny"]}
    assert site["models/tiny/tiny_wi8_ai8.tflite"].data == b"int8" * 50
    assert site["rt/litert.wasm"].media_type == "application/wasm"
    assert site["models/tiny/tiny_wi8_ai8.tflite"].media_type == "application/octet-stream"


def test_compressed_forms(pages: Path, tmp_path: Path) -> None:
    site = build_site([write_web_bundle(tmp_path / "b")], pages)
    wasm, script = site["rt/litert.wasm"], site["assets/main-Ab12.js"]
    assert wasm.data == WASM  # unpacked, since the plain file is not there
    assert wasm.packed.keys() == {"gzip"}
    assert script.packed["br"] == BROTLI
    assert site["icons/icon-192.png"].packed == {}  # a picture is compressed as it is
    assert site["manifest.webmanifest"].packed == {}  # too small to gain
    for asset in site.values():
        if "gzip" in asset.packed:
            assert gzip.decompress(asset.packed["gzip"]) == asset.data
    assert "gzip" in site["index.html"].packed  # made here, since the build left none
    assert script.data == SCRIPT


def test_what_lasts(pages: Path, tmp_path: Path) -> None:
    site = build_site([write_web_bundle(tmp_path / "b")], pages)
    model = site["models/tiny/tiny_wi8_ai8.tflite"]
    digest = hashlib.sha256(b"int8" * 50).hexdigest()
    assert model.sha256 == digest
    assert model.lasts(f"sha256={digest}")
    assert not model.lasts("")
    assert not model.lasts(f"sha256={'0' * 64}")  # another version was meant
    assert site["assets/main-Ab12.js"].lasts("")
    for path in ("index.html", "sw.js", "models/index.json", "models/tiny/manifest.json"):
        assert not site[path].lasts("")


@pytest.mark.parametrize(
    ("default", "gone", "chosen"),
    [
        ({}, (), "tiny_wi8_ai8.tflite"),
        ({"web": "tiny_f32.tflite"}, (), "tiny_f32.tflite"),
        ({"web": "tiny_f32.tflite"}, ("tiny_f32.tflite",), "tiny_wi8_ai8.tflite"),
        ({"web": "tiny_f32.onnx"}, (), "tiny_wi8_ai8.tflite"),
        ({"x86": "tiny_f32.tflite"}, (), "tiny_wi8_ai8.tflite"),
        ({}, ("tiny_wi8_ai8.tflite",), "tiny_f32.tflite"),
    ],
)
def test_one_model_a_bundle_and_its_manifest_says_which(
    pages: Path, tmp_path: Path, default: dict[str, str], gone: tuple[str, ...], chosen: str
) -> None:
    bundle = write_web_bundle(tmp_path / "b", **default)
    for file in gone:
        (bundle.path / file).unlink()
    assert web_artefact(bundle).file == chosen
    site = build_site([bundle], pages)
    assert [p for p in site if p.endswith((".tflite", ".onnx"))] == [f"models/tiny/{chosen}"]
    manifest = parse_manifest(site["models/tiny/manifest.json"].data.decode(), "served")
    assert manifest.default["web"] == chosen
    assert manifest.artefacts == bundle.manifest.artefacts


def test_several_bundles_keep_their_order(pages: Path, tmp_path: Path) -> None:
    bundles = [write_web_bundle(tmp_path / name, name) for name in ("zinnia", "aster")]
    site = build_site(bundles, pages)
    assert json.loads(site["models/index.json"].data) == {"bundles": ["zinnia", "aster"]}
    with pytest.raises(InputError, match="a second bundle named zinnia"):
        build_site([bundles[0], bundles[0]], pages)


def test_a_model_is_checked_before_it_is_offered(pages: Path, tmp_path: Path) -> None:
    bundle = write_web_bundle(tmp_path / "b")
    (bundle.path / "tiny_wi8_ai8.tflite").write_bytes(b"INT8" * 50)
    with pytest.raises(IntegrityError, match="SHA-256"):
        build_site([bundle], pages)


def test_a_bundle_without_a_model_for_browsers(pages: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.tflite file"):
        build_site([write_tiny(tmp_path / "b")], pages)


def test_pages_that_are_not_built(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="make web"):
        build_site([write_web_bundle(tmp_path / "b")], tmp_path / "dist")


@pytest.mark.parametrize("damage", ["truncate", "only brotli"])
def test_pages_that_are_damaged(pages: Path, tmp_path: Path, damage: str) -> None:
    packed = pages / "rt" / "litert.wasm.gz"
    if damage == "truncate":
        packed.write_bytes(packed.read_bytes()[:-20])
    else:
        packed.rename(packed.with_suffix(".br"))
    with pytest.raises(InputError, match=r"litert\.wasm\.gz: missing or damaged"):
        build_site([write_web_bundle(tmp_path / "b")], pages)


def test_a_folder_for_any_host(pages: Path, tmp_path: Path) -> None:
    site = build_site([write_web_bundle(tmp_path / "b")], pages)
    out = tmp_path / "public"
    write_site(site, out)
    written = {p.relative_to(out).as_posix(): p for p in out.rglob("*") if p.is_file()}
    assert {path: file.read_bytes() for path, file in written.items()} == {
        path: asset.data for path, asset in site.items()
    }
    with pytest.raises(InputError, match="--force"):
        write_site(site, out)
    (out / "old.html").touch()
    write_site(site, out, force=True)
    assert not (out / "old.html").exists()


def test_force_replaces_sites_only(pages: Path, tmp_path: Path) -> None:
    site = build_site([write_web_bundle(tmp_path / "b")], pages)
    home = tmp_path / "home"
    home.mkdir()
    (home / "letter.txt").touch()
    with pytest.raises(InputError, match="other things in it"):
        write_site(site, home, force=True)
    assert (home / "letter.txt").exists()


def test_the_command(
    bombus: Bombus, pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_app.site.PAGES", pages)
    bundle, out = write_web_bundle(tmp_path / "b").path, tmp_path / "public"
    code, said, err = bombus("app", "site", "--bundle", bundle, "--out", out, "--json")
    assert (code, err) == (0, "")
    report = json.loads(said)
    assert report["out"] == str(out)
    assert report["bytes"] == sum((out / file).stat().st_size for file in report["files"])
    code, said, err = bombus("app", "site", "--bundle", bundle, "--out", out)
    assert (code, said) == (2, "")
    assert "--force" in err
    code, said, err = bombus("app", "site", "--bundle", bundle, "--out", out, "--force")
    assert (code, said, err) == (0, f"{out}: 9 files, 0.0 MB\n", "")
    assert bombus("app", "site", "--bundle", "/nowhere", "--out", out)[0] == 2


def test_the_real_pages_with_the_shipped_model() -> None:
    if not (PAGES / "index.html").is_file() and os.environ.get("BOMBUS_REQUIRE_BROWSER") != "1":
        pytest.skip("the app's pages are not built: run `make web`")
    site = build_site([find_bundle("flowers")])
    for path in ("index.html", "sw.js", "manifest.webmanifest", "models/flowers/manifest.json"):
        assert path in site
    assert {Path(path).suffix for path in site} <= MEDIA_TYPES.keys() | {".tflite"}
    for variant in ("compat", "threaded"):
        wasm = site[f"rt/litert_wasm_{variant}_internal.wasm"]
        assert wasm.data.startswith(b"\0asm")
        assert wasm.packed.keys() == {"br", "gzip"}
