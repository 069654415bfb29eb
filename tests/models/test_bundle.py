"""Bundles: what was written is what is read, and everything else is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from models import bundle as bundle_module
from models.bundle import (
    MANIFEST,
    MANIFEST_LIMIT,
    Bundle,
    find_bundle,
    list_bundles,
    open_bundle,
    write_bundle,
)
from models.card import card
from models.contract import to_json
from models.errors import InputError, IntegrityError
from models.manifest import CARD, Manifest
from tests.tiny_bundles import manifest_values, parsed, write_tiny

Bombus = Callable[..., tuple[int, str, str]]
FILES = {"tiny_f32.onnx": b"a model", "tiny_f16.onnx": b"another"}  # of one length


def manifest() -> Manifest:
    return parsed(manifest_values(FILES))


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def written(tmp_path: Path) -> Bundle:
    return write_bundle(tmp_path / "tiny", manifest(), FILES)


def test_round_trip(written: Bundle) -> None:
    opened = open_bundle(written.path)
    assert opened == written
    assert {a.file: opened.read(a) for a in opened.manifest.artefacts} == FILES
    opened.verify()
    assert written.manifest.model_copy(update={"card": None}) == manifest()
    assert content(written.path.parent) == {
        "tiny/manifest.json": to_json(written.manifest).encode(),
        "tiny/CARD.md": card(manifest()).encode(),
        **{f"tiny/{file}": data for file, data in FILES.items()},
    }


def test_artefacts_have_names(written: Bundle) -> None:
    assert written.artefact("tiny_f16.onnx") is written.manifest.artefacts[1]
    with pytest.raises(InputError, match=r"no artefact 'x'; one of tiny_f32.onnx, tiny_f16.onnx"):
        written.artefact("x")


def flip(folder: Path) -> None:
    data = bytearray((folder / "tiny_f32.onnx").read_bytes())
    data[3] ^= 1
    (folder / "tiny_f32.onnx").write_bytes(data)


def truncate(folder: Path) -> None:
    os.truncate(folder / "tiny_f32.onnx", 3)


def swap(folder: Path) -> None:
    for file, other in zip(FILES, reversed(FILES), strict=True):
        (folder / file).write_bytes(FILES[other])


def link(folder: Path, name: str = "tiny_f32.onnx") -> None:
    moved = folder.parent / "elsewhere"
    (folder / name).replace(moved)
    (folder / name).symlink_to(moved)


def link_manifest(folder: Path) -> None:
    link(folder, MANIFEST)


def make_folder(folder: Path) -> None:
    (folder / "tiny_f32.onnx").unlink()
    (folder / "tiny_f32.onnx").mkdir()


def edit(old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / MANIFEST).read_text()
        assert old in text
        (folder / MANIFEST).write_text(text.replace(old, new))

    return change


# name -> (what is done to the folder, words of the refusal)
DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "another content": (flip, "SHA-256"),
    "cut short": (truncate, "3 bytes, the manifest says 7"),
    "longer": (lambda f: (f / "tiny_f32.onnx").write_bytes(b"a model."), "8 bytes"),
    "empty": (lambda f: (f / "tiny_f32.onnx").write_bytes(b""), "0 bytes"),
    "swapped": (swap, "SHA-256"),
    "symbolic link": (link, "no such regular file"),
    "folder for a file": (make_folder, "no such regular file"),
    "another card": (lambda f: (f / CARD).write_text("# No model is better"), "the manifest says"),
    "a manifest newer than its card": (edit("Apache-2.0", "MIT"), "changed since its card"),
    "card is a link": (lambda f: link(f, CARD), "no such regular file"),
    "extra file": (lambda f: (f / "virus.exe").write_bytes(b"x"), "not named in the manifest"),
    "extra folder": (lambda f: (f / "more").mkdir(), "not named in the manifest"),
    "hidden file": (lambda f: (f / ".x").write_bytes(b"x"), "not named in the manifest"),
    "path to a card": (edit('"CARD.md"', '"../CARD.md"'), "card.file"),
    "path up": (edit("tiny_f32.onnx", "../tiny_f32.onnx"), "artefacts.0.file"),
    "path down": (edit("tiny_f32.onnx", "a/tiny_f32.onnx"), "artefacts.0.file"),
    "absolute path": (edit("tiny_f32.onnx", "/etc/passwd"), "artefacts.0.file"),
    "another hash": (edit('"sha256": "', '"sha256": "0'), "sha256"),
    "unknown key": (edit('"license"', '"licence"'), "licen"),
    "wrong schema": (edit("bombus/bundle@1", "bombus/bundle@9"), "schema"),
    "labels of another length": (edit('"moth"', '"moth", "wasp"'), "labels"),
    "other labels": (edit('"moth"', '"mole"'), "labels"),
    "not JSON": (lambda f: (f / MANIFEST).write_text("{"), "Invalid JSON"),
    "empty manifest": (lambda f: (f / MANIFEST).write_text(""), "Invalid JSON"),
    "not UTF-8": (lambda f: (f / MANIFEST).write_bytes(b"\xff\xfe{}"), "not UTF-8"),
    "huge manifest": (lambda f: os.truncate(f / MANIFEST, MANIFEST_LIMIT + 1), "a link or over"),
    "manifest is a link": (link_manifest, "a link or over"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_exits_6_in_a_line(written: Bundle, bombus: Bombus, damage: str) -> None:
    change, words = DAMAGES[damage]
    change(written.path)
    with pytest.raises(IntegrityError, match=words):
        open_bundle(written.path).verify()
    code, out, err = bombus("models", "verify", written.path)
    assert (code, out) == (6, "")
    assert words in err
    assert err.count("\n") == 1


def test_intact_exits_0(tmp_path: Path, bombus: Bombus) -> None:
    path = write_tiny(tmp_path / "tiny").path
    assert bombus("models", "verify", path) == (0, f"{path}: ok, 1 file matches the manifest\n", "")


def test_a_folder_reached_by_a_link_is_fine(written: Bundle, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(written.path)
    open_bundle(tmp_path / "link").verify()


def test_a_bundle_of_before_there_were_cards_is_whole(written: Bundle) -> None:
    """So is one whose card a device did not keep; a card that no manifest names is a stranger."""
    (written.path / CARD).unlink()
    assert open_bundle(written.path).verify() == ()
    (written.path / MANIFEST).write_text(to_json(manifest()))
    assert open_bundle(written.path).verify() == ()
    (written.path / CARD).write_text(card(manifest()))
    with pytest.raises(IntegrityError, match=r"CARD\.md: not named in the manifest"):
        open_bundle(written.path).verify()


@pytest.mark.parametrize("name", ["missing", "file", "empty", "x" * 300])
def test_no_bundle_there_exits_2(tmp_path: Path, bombus: Bombus, name: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    code, out, err = bombus("models", "verify", tmp_path / name)
    assert (code, out) == (2, "")
    assert "no bundle there" in err
    assert err.count("\n") == 1


def test_existing_needs_force_and_is_replaced_whole(written: Bundle) -> None:
    before = content(written.path)
    files = {"tiny_f32.onnx": b"newer"}
    newer = parsed(manifest_values(files))
    with pytest.raises(InputError, match="--force"):
        write_bundle(written.path, newer, files)
    assert content(written.path) == before
    again = write_bundle(written.path, newer, files, force=True)
    assert content(written.path) == {
        **files,
        CARD: card(newer).encode(),
        MANIFEST: to_json(again.manifest).encode(),
    }
    assert open_bundle(written.path) == again
    assert [path.name for path in written.path.parent.iterdir()] == ["tiny"]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"tiny_f32.onnx": b"a model"},
        {**FILES, "more.onnx": b"more"},
        {**FILES, "../more.onnx": b"more"},
        {**FILES, "tiny_f32.onnx": b"a m0del"},
        {**FILES, "tiny_f32.onnx": b"short"},
    ],
)
@pytest.mark.parametrize("existing", [False, True])
def test_what_the_manifest_does_not_describe_is_not_written(
    tmp_path: Path, files: dict[str, bytes], existing: bool
) -> None:
    path = tmp_path / "tiny"
    if existing:
        write_bundle(path, manifest(), FILES)
    before = content(tmp_path)
    with pytest.raises(IntegrityError):
        write_bundle(path, manifest(), files, force=True)
    assert content(tmp_path) == before
    assert path.exists() == existing


def test_a_failure_while_writing_leaves_the_old_bundle(
    written: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(written.path.parent)

    def full(self: Path, text: str, **_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match="No space left"):
        write_bundle(written.path, manifest(), FILES, force=True)
    assert content(written.path.parent) == before


def test_lists_bundles_of_a_folder(tmp_path: Path) -> None:
    assert list_bundles(tmp_path) == []
    for name in ("b", "a"):
        write_bundle(tmp_path / name, manifest(), FILES)
    (tmp_path / "other").mkdir()
    assert [b.path.name for b in list_bundles(tmp_path)] == ["a", "b"]
    with pytest.raises(InputError, match="no such folder"):
        list_bundles(tmp_path / "missing")


def test_shipped_bundles_are_intact() -> None:
    for bundle in list_bundles():
        bundle.verify()
        assert bundle.manifest.name == bundle.path.name


def test_finds_by_name_and_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped, here = tmp_path / "shipped", tmp_path / "here"
    write_bundle(shipped / "tiny", manifest(), FILES)
    here.mkdir()
    monkeypatch.setattr(bundle_module, "SHIPPED", shipped)
    monkeypatch.chdir(here)
    assert find_bundle("tiny").path == shipped / "tiny"
    assert find_bundle(str(shipped / "tiny")).path == shipped / "tiny"
    (here / "tiny").mkdir()  # photos, say
    assert find_bundle("tiny").path == shipped / "tiny"
    shutil.copytree(shipped / "tiny", here / "tiny", dirs_exist_ok=True)
    assert find_bundle("tiny").path == Path("tiny")
    for name in ("rose", "", "..", "x" * 5000):
        with pytest.raises(InputError, match="no bundle there"):
            find_bundle(name)


def test_a_device_keeps_only_what_it_uses(written: Bundle) -> None:
    assert written.verify() == ()
    (written.path / "tiny_f16.onnx").unlink()
    assert written.verify() == ("tiny_f16.onnx",)
    assert not written.has(written.artefact("tiny_f16.onnx"))
    with pytest.raises(IntegrityError, match="no such regular file"):
        written.read(written.artefact("tiny_f16.onnx"))
    (written.path / "tiny_f32.onnx").unlink()
    with pytest.raises(IntegrityError, match="a manifest without files"):
        written.verify()


def test_force_replaces_bundles_only(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(InputError, match="replaces bundles only"):
        write_bundle(tmp_path / "thesis", manifest(), FILES, force=True)
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"
