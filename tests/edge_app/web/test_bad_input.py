"""What goes wrong is said clearly, breaks nothing and loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from edge_app.serve import HEADERS
from edge_app.site import Site
from tests.edge_app.web.app import App
from tests.edge_app.web.conftest import Album, NewPhone
from tests.edge_app.web.local import serving

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(2000)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400"><rect/></svg>'


def hundred_megapixels() -> bytes:
    """Of one colour: the file is small."""
    ok, data = cv2.imencode(".jpg", np.full((10_000, 10_000), 128, np.uint8))
    assert ok
    return bytes(data)


def bomb() -> bytes:
    """A JPEG whose header claims four gigapixels."""
    data = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
    size = data.index(b"\xff\xc0") + 5
    return data[:size] + b"\xff" * 4 + data[size + 4 :]


def tiny() -> bytes:
    return bytes(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1])


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.jpg": (lambda: b"", "This file is empty"),
    "hundred_megapixels.jpg": (hundred_megapixels, "This photo is too large"),
    "bomb.jpg": (bomb, "This photo is too large"),
    "tiny.png": (tiny, "This photo is too small"),
    "photo.heic": (lambda: HEIC, "This browser can’t read HEIC photos"),
    "heic_in_truth.jpg": (lambda: HEIC, "This browser can’t read HEIC photos"),
    "drawing.svg": (lambda: SVG, "This file can’t be read as a photo"),
    "paper.jpg": (lambda: b"%PDF-1.7\n" + bytes(3000), "This file can’t be read as a photo"),
    "noise.png": (lambda: bytes(range(256)) * 20, "This file can’t be read as a photo"),
}


def test_files_that_are_no_photos(app: App, album: Album, tmp_path: Path) -> None:
    for name, (data, words) in BAD.items():
        (tmp_path / name).write_bytes(data())
        app.choose(tmp_path / name)
        expect(app.alert).to_contain_text(words)
        expect(app.heading).to_have_text("Identify a flower")
        app.tap("Close")
    # One bad file among good ones takes none of them along.
    app.choose(album["first"], tmp_path / "empty.jpg", album["first"])
    expect(app.alert).to_contain_text("This file is empty")
    app.wait_verdict()
    expect(app.card).to_contain_text("From 2 photos together")


def test_damaged_photos_are_said_to_be(app: App, album: Album, tmp_path: Path) -> None:
    """A photo cut short is read as far as it goes, or refused: never a crash."""
    whole = album["first"].read_bytes()
    app.choose(write(tmp_path / "cut.jpg", whole[:300]))
    expect(app.alert).to_contain_text("This file can’t be read as a photo")
    app.tap("Close")
    assert app.recognise(album["first"]) == "sure"


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_of_an_animation_the_first_frame(app: App, album: Album, tmp_path: Path) -> None:
    first, stranger = Image.open(album["first"]), Image.open(album["stranger"])
    with first, stranger:
        first.save(tmp_path / "film.gif", save_all=True, append_images=[stranger] * 3)
    app.recognise(album["first"])
    best = app.guesses()[0].name
    app.recognise(tmp_path / "film.gif")
    assert app.guesses()[0].name == best


def test_a_photo_of_48_megapixels(app: App, album: Album, tmp_path: Path) -> None:
    image = cv2.resize(cv2.imread(str(album["first"])), (8000, 6000))
    cv2.imwrite(str(tmp_path / "large.jpg"), image)
    assert app.recognise(tmp_path / "large.jpg") in {"sure", "unsure"}
    app.save()


@pytest.mark.parametrize(
    "blocking",
    [
        # As in some private windows, and where a person has blocked site data.
        "indexedDB.open = () => { throw new DOMException('blocked', 'SecurityError'); };",
        "Object.defineProperty(globalThis, 'indexedDB', { value: undefined });",
    ],
)
def test_storage_blocked(phone: NewPhone, url: str, album: Album, blocking: str) -> None:
    used = phone()
    used.context.add_init_script(blocking)
    app = used.open(url).wait_ready()
    assert app.recognise(album["first"]) == "sure"
    app.tap("Save to history")
    expect(app.alert).to_contain_text("The browser doesn’t let the app keep finds")
    expect(app.button("Save to history")).to_be_enabled()
    app.tap("Close")
    app.go("history")
    expect(app.alert).to_contain_text("The browser doesn’t let the app keep finds")


def test_storage_full(app: App, album: Album) -> None:
    """What could not be kept is still there, and is kept once there is room."""
    app.wait_ready(offline=True)
    app.recognise(album["first"])
    session = app.phone.context.new_cdp_session(app.page)
    origin = app.url.rstrip("/")
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": 1})
    app.tap("Save to history")
    expect(app.alert).to_contain_text("There is no space left")
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin})
    app.save()
    app.go("history")
    expect(app.finds).to_have_count(1)


def test_webassembly_taken_away(
    phone: NewPhone, site: Site, album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a policy; a phone's lockdown mode does the same."""
    policy = HEADERS["Content-Security-Policy"].replace(" 'wasm-unsafe-eval'", "")
    monkeypatch.setitem(HEADERS, "Content-Security-Policy", policy)
    with serving(site) as server:
        used = phone()
        used.expect_complaint("WebAssembly|wasm")
        app = used.open(server.url)
        expect(app.status).to_have_text("Not ready")
        app.choose(album["first"])
        expect(app.alert).to_contain_text("WebAssembly is blocked")
        app.go("history")
        expect(app.heading).to_have_text("History")


def test_a_storage_that_forgets_settings(phone: NewPhone, url: str) -> None:
    used = phone()
    used.context.add_init_script(
        "Object.defineProperty(globalThis, 'localStorage',"
        " { get() { throw new DOMException('blocked', 'SecurityError'); } });"
    )
    app = used.open(url).wait_ready()
    app.go("settings")
    app.page.get_by_role("radio", name="Dark").check()
    expect(app.page.locator("html")).to_have_attribute("data-theme", "dark")
