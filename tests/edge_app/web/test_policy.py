"""What the page may do, where it may be embedded, and how much a first visit weighs."""

from __future__ import annotations

import gzip
import re
from urllib.parse import urlsplit

from edge_app.site import Site
from tests.edge_app.web.app import App
from tests.edge_app.web.conftest import Album, NewPhone
from tests.edge_app.web.local import transferred

FIRST_USE = 8_000_000  # bytes over the network: pages, runtime, model
OWN_SCRIPT = 60_000  # bytes of gzipped JavaScript without LiteRT's runtime


def test_the_policy_is_in_force(app: App) -> None:
    app.phone.expect_complaint("Content Security Policy|Content-Security-Policy|CSP")
    broken = app.page.evaluate(
        """async () => {
          const broken = [];
          addEventListener("securitypolicyviolation", (event) => {
            broken.push(event.effectiveDirective);
          });
          const add = (name, about) =>
            document.body.append(Object.assign(document.createElement(name), about));
          add("script", { textContent: "globalThis.ran = 'inline script'" });
          add("script", { src: "data:text/javascript,globalThis.ran='foreign script'" });
          add("img", { src: "https://example.com/spy.png" });
          add("iframe", { src: "https://example.com/" });
          setTimeout("globalThis.ran = 'eval'", 0);
          await fetch("https://example.com/").catch(() => undefined);
          await new Promise((resolve) => setTimeout(resolve, 300));
          return [globalThis.ran ?? "nothing ran", ...new Set(broken)].sort();
        }"""
    )
    app.phone.requests.clear()  # asked for, but not sent
    assert set(broken) >= {
        "nothing ran",
        "connect-src",
        "frame-src",
        "img-src",
        "script-src",
        "script-src-elem",
    }


def test_nothing_was_asked_of_another_host(app: App, album: Album) -> None:
    """The watch that every test keeps sees workers and the service worker as well."""
    app.wait_ready(offline=True)
    app.recognise(album["first"])
    asked = {urlsplit(url).path for url in app.phone.requests}
    assert {"/sw.js", "/models/index.json"} <= asked
    assert any(path.startswith("/rt/") for path in asked)
    assert all(url.startswith((app.url, "blob:", "data:")) for url in app.phone.requests)


def test_installable(app: App) -> None:
    app.wait_ready(offline=True)
    session = app.phone.context.new_cdp_session(app.page)
    problems = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # A profile of Playwright's is an incognito one, which installs nothing.
    assert [one["errorId"] for one in problems if one["errorId"] != "in-incognito"] == []
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert '"display"' in manifest["data"]


def test_the_first_use_is_light(phone: NewPhone, url: str, site: Site, album: Album) -> None:
    """All that a first visit fetches, up to a verdict and to "ready offline"."""
    used = phone()
    app = used.open(url).wait_ready(offline=True)
    app.recognise(album["first"])
    weights = transferred(site, used.requests)
    assert all(weights.values()), weights
    assert sum(weights.values()) <= FIRST_USE, weights


def test_our_own_script_is_light(site: Site) -> None:
    """What one person runs: the page, the worker, and the words of one language."""
    scripts = {
        path: len(gzip.compress(asset.data, 9))
        for path, asset in site.items()
        if re.fullmatch(r"assets/.+\.js", path)
    }
    languages = [path for path in scripts if re.match(r"assets/(es|de|fr|tr|zh)-", path)]
    assert len(languages) == 5
    words = {path: scripts.pop(path) for path in languages}
    assert sum(scripts.values()) + max(words.values()) <= OWN_SCRIPT, scripts | words
