"""The pages, driven as the Android package holds them."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from edge_app.android import build
from edge_app.site import MEDIA_TYPES, PAGES, build_site, write_site
from models.bundle import find_bundle
from models.classify import Recogniser
from tests.edge_app.test_android import require_tools

if TYPE_CHECKING:
    from playwright.sync_api import Route

HOST = "https://appassets.androidplatform.net"


@pytest.mark.slow
def test_its_pages_recognise_photos(bombus_data: Path, tmp_path: Path) -> None:
    """In Chromium, which has nothing but the package: as near to a WebView as a desktop gets."""
    from playwright.sync_api import expect, sync_playwright

    require_tools("chromium")
    if not (PAGES / "index.html").is_file():
        pytest.skip("the app's pages are not built: make web")
    bundle = find_bundle("flowers")
    write_site(build_site([bundle]), tmp_path / "site")
    build.build(tmp_path / "site", tmp_path / "bombus.apk")
    photos = sure_photos(Recogniser(bundle), bombus_data / "flowers16" / "test", 3)
    foreign: list[str] = []

    def answer(route: Route) -> None:
        """As `Pages.java` answers."""
        url = urlsplit(route.request.url)
        name = "assets/index.html" if url.path == "/" else f"assets{url.path}"
        if f"{url.scheme}://{url.netloc}" != HOST:
            foreign.append(route.request.url)
            route.fulfill(status=403)
        elif name not in package.namelist():
            route.fulfill(status=404, headers=build.SHELL_HEADERS)
        else:
            media = MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")
            headers = build.SHELL_HEADERS | {"Content-Type": media}
            route.fulfill(body=package.read(name), headers=headers)

    with zipfile.ZipFile(tmp_path / "bombus.apk") as package, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"],
        )
        context = browser.new_context(locale="en-US", viewport={"width": 412, "height": 839})
        context.route("**/*", answer)
        page = context.new_page()
        page.goto(f"{HOST}/")
        page.get_by_role("button", name="Skip", exact=True).click()
        for photo, label in photos.items():
            page.locator(".sources input[type=file]").first.set_input_files(photo)
            expect(page.get_by_test_id("spoken")).not_to_be_empty(timeout=60_000)
            best = page.locator(".verdict .guess a").first
            expect(best).to_have_attribute("href", f"#/species/{label}")
            page.goto(f"{HOST}/#/identify")
        assert page.evaluate("isSecureContext")
        assert not page.evaluate("crossOriginIsolated || 'SharedArrayBuffer' in self")
        assert page.evaluate("navigator.serviceWorker.controller") is None
        # How the shell gets at a download, under the policy in force.
        blob = "fetch(URL.createObjectURL(new Blob(['bee']))).then(r => r.blob())"
        assert page.evaluate(f"{blob}.then(b => b.text())") == "bee"
        browser.close()
    assert foreign == []


def sure_photos(recogniser: Recogniser, folder: Path, count: int) -> dict[Path, str]:
    """The first photo of some classes that Python names for sure: path -> label."""
    found: dict[Path, str] = {}
    for photos in sorted(folder.iterdir())[::4]:
        for photo in sorted(photos.iterdir())[:5]:
            verdict = recogniser.classify_file(photo, 1)
            if verdict.kind == "sure" and len(found) < count:
                found[photo] = verdict.guesses[0].label
                break
    assert len(found) == count
    return found
