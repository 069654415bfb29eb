"""Without a network, and from one version of the app to the next."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import expect

from edge_app.site import Asset, Site
from models.bundle import Bundle
from tests.edge_app.web.conftest import Album, LastingPhone, NewPhone
from tests.edge_app.web.local import serving

ROOT = Path(__file__).parents[3]


def test_offline_with_the_server_killed_and_the_browser_restarted(
    lasting_phone: LastingPhone, bundle: Bundle, album: Album
) -> None:
    with command_serving(bundle.path) as (url, server), lasting_phone() as online:
        app = online.open(url).wait_ready(offline=True)
        assert app.recognise(album["first"]) == "sure"
        app.save()
        server.kill()
        server.wait()
    with lasting_phone() as offline:
        offline.expect_complaint("ERR_CONNECTION_REFUSED")
        app = offline.open(url).wait_ready(offline=True)
        assert app.recognise(album["second"]) == "sure"
        app.save()
        app.go("history")
        expect(app.finds).to_have_count(2)
        app.go("settings")
        app.page.get_by_label("Language").select_option("tr")
        expect(app.heading).to_have_text("Ayarlar")


@contextmanager
def command_serving(bundle: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`bombus app serve` in a process of its own."""
    command = [
        *(sys.executable, "-u", "-m", "bombus", "app", "serve"),
        *("--bundle", str(bundle), "--port", "0"),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found
        yield found[0], process
        process.send_signal(signal.SIGKILL)


def test_a_new_version_keeps_the_history(phone: NewPhone, site: Site, album: Album) -> None:
    with serving(site) as server:
        app = phone().open(server.url).wait_ready(offline=True)
        app.recognise(album["first"])
        app.save()
        assert app.page.evaluate("() => globalThis.newVersion") is None
        server.site = next_version(site)
        app.restart()
        expect(app.page.get_by_role("status").filter(has_text="A new version")).to_be_visible()
        app.tap("Reload")
        app.wait_ready(offline=True)
        assert app.page.evaluate("() => globalThis.newVersion") is True
        app.go("history")
        expect(app.finds).to_have_count(1)
        assert app.recognise(album["second"]) == "sure"
        # Of the old version nothing stays behind.
        old = set(site) - set(server.site)
        assert old
        assert not old & set(cached(app.page.evaluate(CACHED)))


CACHED = """
async () => {
  const caches_ = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
  const requests = await Promise.all(caches_.map((cache) => cache.keys()));
  return requests.flat().map(({ url }) => url);
}
"""


def cached(urls: list[str]) -> list[str]:
    """Paths in the site of addresses in a cache."""
    return [re.sub(r"^https?://[^/]+/|\?.*$", "", url) for url in urls]


def next_version(site: Site) -> Site:
    """The same app after another build: the main script has another content, so another name."""
    (script,) = [path for path in site if re.fullmatch(r"assets/index-[\w-]+\.js", path)]
    old = Path(script).name
    new = re.sub(r"-[\w-]+\.", "-NewHash0.", old)
    changed = {}
    for path, asset in site.items():
        data = asset.data
        if path == script:
            data += b";globalThis.newVersion=true;"
        if path in {script, "index.html", "sw.js"} or path.startswith("assets/"):
            data = data.replace(old.encode(), new.encode())
        if path == "sw.js":  # what has no hash in its name has a revision
            data = re.sub(rb'(url:"index.html",revision:")', rb"\g<1>0", data)
        where = path.replace(old, new)
        unpacked = replace(asset, path=where, data=data, packed={})
        changed[where] = unpacked if data != asset.data else asset
    return changed


def test_offline_from_the_second_visit_on(phone: NewPhone, url: str, album: Album) -> None:
    used = phone()
    app = used.open(url).wait_ready(offline=True)
    used.context.set_offline(True)
    used.expect_complaint("ERR_INTERNET_DISCONNECTED")
    app.restart().wait_ready(offline=True)
    assert app.recognise(album["first"]) == "sure"
    another_tab = used.open(url).wait_ready(offline=True)
    assert another_tab.recognise(album["stranger"]) == "unknown"


def test_a_damaged_model_is_not_used(phone: NewPhone, site: Site, album: Album) -> None:
    """Nor kept: once the server has the right one again, it works."""
    (model,) = [path for path in site if path.endswith(".tflite")]
    data = bytearray(site[model].data)
    data[len(data) // 2] ^= 1
    damaged = {**site, model: Asset(model, bytes(data), {})}
    with serving(damaged) as server:
        app = phone().open(server.url)
        expect(app.status).to_have_text("Not ready")
        app.choose(album["first"])
        expect(app.alert).to_contain_text("The flower model is damaged")
        server.site = site
        app.tap("Try again")
        assert app.wait_verdict() == "sure"


def test_a_model_of_another_length_or_gone(phone: NewPhone, site: Site, album: Album) -> None:
    (model,) = [path for path in site if path.endswith(".tflite")]
    short = {**site, model: Asset(model, site[model].data[:-1], {})}
    with serving(short) as server:
        app = phone().open(server.url)
        expect(app.status).to_have_text("Not ready")
        app.go("settings")
        expect(app.alert).to_contain_text("The flower model is damaged")
        server.site = {path: asset for path, asset in site.items() if path != model}
        app.phone.expect_complaint("404")
        app.tap("Try again")
        expect(app.alert).to_contain_text("The flower model is missing")
        server.site = site
        app.tap("Try again")
        app.wait_ready()
